"""The order manager: calls become tickets, and the kernel's rules act on them.

It holds rules and conversions, and stores nothing: the state of every order is the kernel's. A wrong call is a UsageError that says
what to write; a refused order comes back as an :class:`Order` with status and reason.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

import numpy as np

from fillwright.config.policies import FixedSizing, NoSizing, ValueSizing
from fillwright.config.rates import rate
from fillwright.config.schema import Config
from fillwright.errors import UsageError
from fillwright.kernel import exits, guard, intake, leg_intake
from fillwright.kernel.state import TICKET, State
from fillwright.model.codes import Action, DataKind, OrderFlag, OrderType, SizeMode, TimeInForce, TradingState
from fillwright.model.instrument import RATE_SCALE, Instrument
from fillwright.model.lifecycle import TERMINAL
from fillwright.model.order_terms import Terms, check_exits, distance, flags_of, is_plain, order_type, size_mode
from fillwright.order_manager.told import Told
from fillwright.order_manager.units import (
    Number,
    Tif,
    expiry,
    positive,
    split,
    tif_code,
    to_lots,
    to_order_price,
    to_rate,
    to_units,
)
from fillwright.order_manager.views import OpenLot, Order

_PACK = struct.Struct(f"={len(TICKET)}q").pack_into
_TERMINAL = frozenset(int(status) for status in TERMINAL)
_MARKET, _LIMIT, _STOP, _STOP_LIMIT = (
    int(kind) for kind in (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT)
)
_UNITS, _TARGET_UNITS, _CLOSE = int(SizeMode.UNITS), int(SizeMode.TARGET_UNITS), int(SizeMode.CLOSE)
_WAITS = (int(TimeInForce.DAY), int(TimeInForce.GTC), int(TimeInForce.IOC))
"""Times in force of legs."""
_AUCTIONS = (int(TimeInForce.OPG), int(TimeInForce.CLS))
_PLAIN = (0,) * (len(TICKET) - TICKET.index("t_lot"))
"""The last fields of a ticket, of an order without rarer terms."""
_SIZES = ("quantity", "value", "weight", "risk")
Size = tuple[Number | None, Number | None, Number | None, Number | str | None]
"""Quantity, value, weight and risk of a call, of which one is given."""
_NO_SIZE: Size = (None, None, None, None)
_ANY, _OPEN, _ADD, _REDUCE, _REVERSE = (int(action) for action in Action)


class OrderManager:
    """Turns calls into tickets for one run.

    Options come from the configuration: sections ``orders``, ``limits``, ``sizing`` (see ``docs/configuration.md``); the rules they
    choose among are ``docs/execution_rules.md``. All methods that place orders return at once with the order as our own checks left
    it: DENIED with a reason, or PENDING_NEW on its way to the broker.
    """

    def __init__(self, state: State, instruments: tuple[Instrument, ...], config: Config) -> None:
        self.state = state
        self.instruments = instruments
        self.money_decimals = config.account.money_decimals
        self.tags: list[str] = []
        self.rules: list[str] = []
        self._sizing = config.sizing
        self._tif = int(TimeInForce[config.orders.time_in_force])
        self._names_lots = config.account.lots == "specific"
        self._index = {instrument.symbol: k for k, instrument in enumerate(instruments)}
        self._lot_scale = [instrument.quantity_scale for instrument in instruments]
        self._price_scale = [instrument.price_scale for instrument in instruments]
        self._keeps_between = [instrument.tick > 0 and config.orders.off_tick != "nearest" for instrument in instruments]
        memory: Any = state._scalars.view(np.uint8)
        self._buffer = memoryview(memory)
        self._address = state.address
        self.told = Told(state) if state.scalars["faults"] else None
        """What is known of orders where reports may be late or lost; None where all is known at once."""
        self._codes: tuple[dict[str, int], dict[str, int]] = ({}, {})

    def buy(
        self, symbol: str, quantity: Number | None = None, *, value: Number | None = None, weight: Number | None = None,
        risk: Number | str | None = None, per: Number | None = None, limit: Number | None = None, stop: Number | None = None,
        tif: Tif | None = None,
        expire: datetime | int | None = None,
        tag: str | None = None, rule_id: str | None = None, lot: int | None = None,
        reduce_only: bool = False, post_only: bool = False, touch: Number | None = None, trail: Number | str | None = None,
        trail_limit: Number | None = None, take_profit: Number | None = None, stop_loss: Number | None = None,
        display: Number | None = None, after: Order | None = None,
    ) -> Order:  # fmt: skip
        """Buy ``quantity`` units, or for ``value`` of account money, or for ``weight`` of equity, or so many that the way to ``stop_loss``,
        or a move of the price by ``per``, loses ``risk`` (a fraction, ``"0.5%"``) of equity: exactly one of them, or none where the
        configuration has a ``sizing``. ``self.buy("SPY", risk="1%", per=self.atr[-1])`` sizes by volatility: one average true range
        against the position costs 1 % of equity; a ``stop_loss`` is then an exit and does not matter for the size.

        With ``limit``, ``stop`` or both it is a limit, stop or stop-limit order, else a market order. ``expire`` (a datetime with zone, or
        int ns UTC) goes with ``tif="GTD"``. ``lot`` is the number of the lot (see :meth:`lots`) that it closes first, where the account
        books lots ``specific``. With ``reduce_only`` it never takes the position past zero: it is made smaller (SHRUNK_TO_POSITION) or
        ends (NO_POSITION, NOTHING_TO_REDUCE).

        ``touch`` triggers on the other side than ``stop``: a buy when the price falls to it. ``trail`` makes a trailing stop: a price
        distance, ``"1.5%"`` or ``"20 ticks"``; with ``trail_limit``, a distance from the stop, a trailing stop-limit; ``stop`` is
        then where it begins. ``tif="OPG"`` and ``"CLS"`` trade at the open or close of a session only. A ``post_only`` limit that
        would take when it first meets the market is refused (WOULD_TAKE).

        ``take_profit`` and ``stop_loss`` are prices of a limit and a stop that close what this order opens: held until its first fill,
        as large as what is filled, each making room for the other's fills. They are ``order.take_profit`` and ``order.stop_loss``;
        ``orders.bracket`` says when they begin to work.

        ``after`` is an order: this one is held until that one has filled as a whole, and ends with it (PARENT_ENDED) if it ends
        otherwise. ``display`` is the part of a limit order that is shown: what rests fills in such parts, each behind other orders.
        """
        terms = Terms(
            limit, stop, tif, expire, tag, rule_id, lot, post_only, touch, trail, trail_limit, take_profit, stop_loss, display, after,
            per,
        )  # fmt: skip
        return self._order(1, _REDUCE if reduce_only else _ANY, symbol, (quantity, value, weight, risk), terms)

    def sell(
        self, symbol: str, quantity: Number | None = None, *, value: Number | None = None, weight: Number | None = None,
        risk: Number | str | None = None, per: Number | None = None, limit: Number | None = None, stop: Number | None = None,
        tif: Tif | None = None,
        expire: datetime | int | None = None,
        tag: str | None = None, rule_id: str | None = None, lot: int | None = None,
        reduce_only: bool = False, post_only: bool = False, touch: Number | None = None, trail: Number | str | None = None,
        trail_limit: Number | None = None, take_profit: Number | None = None, stop_loss: Number | None = None,
        display: Number | None = None, after: Order | None = None,
    ) -> Order:  # fmt: skip
        """Sell; the arguments are those of :meth:`buy`. Selling more than there is goes short (margin accounts only)."""
        terms = Terms(
            limit, stop, tif, expire, tag, rule_id, lot, post_only, touch, trail, trail_limit, take_profit, stop_loss, display, after,
            per,
        )  # fmt: skip
        return self._order(-1, _REDUCE if reduce_only else _ANY, symbol, (quantity, value, weight, risk), terms)

    def open(
        self, symbol: str, quantity: Number | None = None, *, value: Number | None = None, weight: Number | None = None,
        limit: Number | None = None, tag: str | None = None, rule_id: str | None = None,
    ) -> Order:  # fmt: skip
        """Open a position: the :meth:`buy`, or for a negative size the :meth:`sell`, of its size.

        DENIED with POSITION_EXISTS where there is one. In all position operations live market orders count as filled, as they do
        in targets, and resting limit and stop orders do not.
        """
        sides = [split(size) for size in (quantity, value, weight)]
        (one, _), (two, _), (three, _) = sides
        side = min(side for _, side in sides)
        return self._order(side, _OPEN, symbol, (one, two, three, None), Terms(limit, tag=tag, rule_id=rule_id))

    def add(
        self, symbol: str, quantity: Number | None = None, *, value: Number | None = None, weight: Number | None = None,
        limit: Number | None = None, tag: str | None = None, rule_id: str | None = None,
    ) -> Order:  # fmt: skip
        """Make the position larger on the side it has: a buy where it is long, a sell where it is short; sizes are positive.

        DENIED with NO_POSITION where there is none.
        """
        return self._order(0, _ADD, symbol, (quantity, value, weight, None), Terms(limit, tag=tag, rule_id=rule_id))

    def reduce(
        self, symbol: str, quantity: Number, *, limit: Number | None = None, stop: Number | None = None, tag: str | None = None,
        rule_id: str | None = None,
    ) -> Order:  # fmt: skip
        """Make the position smaller, to zero at most: the ``reduce_only`` sell of a long position, buy of a short one.

        A larger quantity is cut to what there is (event SHRINK, SHRUNK_TO_POSITION), at the decision and again when it trades; DENIED
        with NO_POSITION where there is none, CANCELED with NOTHING_TO_REDUCE where it has gone in the meantime.
        """
        return self._order(0, _REDUCE, symbol, (quantity, None, None, None), Terms(limit, stop, tag=tag, rule_id=rule_id))

    def reverse(
        self, symbol: str, quantity: Number | None = None, *, tag: str | None = None, rule_id: str | None = None
    ) -> Order:
        """Bring the position to the other side: as large as it is, or to ``quantity`` (positive); the target that means that.

        Returns the closing order where ``orders.reversal`` makes two. DENIED with NO_POSITION where there is none.
        """
        i = self._instrument(symbol)
        lots = 0 if quantity is None else positive(to_lots(quantity, self._lot_scale[i]), "quantity", quantity)
        return Order(self, self._submit_target(i, _REVERSE, (_TARGET_UNITS, lots), tag, rule_id))

    def target(self, symbol: str, quantity: Number, *, tag: str | None = None, rule_id: str | None = None) -> Order | None:
        """Bring the position to ``quantity`` units (negative = short) with market orders. None if it is there already."""
        i = self._instrument(symbol)
        return self._target(i, _TARGET_UNITS, to_lots(quantity, self._lot_scale[i]), tag, rule_id)

    def target_value(self, symbol: str, value: Number, *, tag: str | None = None, rule_id: str | None = None) -> Order | None:
        """Bring the position to a value in account money."""
        money = to_units(value, 10**self.money_decimals)
        return self._target(self._instrument(symbol), int(SizeMode.TARGET_VALUE), money, tag, rule_id)

    def target_weight(self, symbol: str, weight: Number, *, tag: str | None = None, rule_id: str | None = None) -> Order | None:
        """Bring the position to a fraction of equity."""
        return self._target(self._instrument(symbol), int(SizeMode.TARGET_WEIGHT), to_rate(weight), tag, rule_id)

    def target_weights(self, weights: Mapping[str, Number]) -> None:
        """Bring many positions to fractions of equity as one batch: sells go before buys. Symbols not named are left alone."""
        self._batch(weights, SizeMode.TARGET_WEIGHT, [to_rate(weight) for weight in weights.values()])

    def targets(self, quantities: Mapping[str, Number]) -> None:
        """Bring many positions to quantities as one batch: sells go before buys."""
        lots = [to_lots(q, self._lot_scale[self._instrument(symbol)]) for symbol, q in quantities.items()]
        self._batch(quantities, SizeMode.TARGET_UNITS, lots)

    def close(self, symbol: str, *, tag: str | None = None, rule_id: str | None = None) -> Order | None:
        """Bring the position to zero. None if it is flat."""
        return self._target(self._instrument(symbol), _CLOSE, 0, tag, rule_id)

    def close_all(self) -> None:
        """Bring every open position to zero as one batch."""
        open_now = [k for k in range(len(self.instruments)) if self.state.instruments[k]["position"] != 0]
        self._send_batch(open_now, SizeMode.CLOSE, [0] * len(open_now))

    def cancel(self, order: Order) -> bool:
        """Ask for the cancel of an order. False if it is done or being cancelled already."""
        return self._call(lambda: int(intake.cancel(self._address, order.id))) == 1

    def cancel_all(self, symbol: str | None = None, *, side: Literal["buy", "sell"] | None = None, tag: str | None = None) -> int:
        """Ask for the cancel of every live order (of a symbol, of a side, with a tag). Returns how many were asked for."""
        if side not in (None, "buy", "sell"):
            raise UsageError(f"no side {side!r}", remedy='side="buy" or side="sell"')
        orders = self.state.table("orders")
        status = orders["status"] if self.told is None else self.told.statuses
        live = ~np.isin(status, TERMINAL)
        if symbol is not None:
            live &= orders["symbol"] == self._instrument(symbol)
        if side is not None:
            live &= orders["side"] == (1 if side == "buy" else -1)
        if tag is not None:
            live &= orders["tag"] == self._codes[0].get(tag, -2)
        return sum(self.cancel(Order(self, int(number))) for number in np.flatnonzero(live))

    def oco(self, *orders: Order) -> bool:
        """One cancels the other: the first of these orders that is filled cancels the others, a partial fill makes them smaller.

        They are of one instrument and no exits of an entry, else a UsageError; orders of earlier callbacks may be among them, and one that
        is in such a group already takes the others into it. One that is over, or was refused, is left out: then the answer is False.
        """
        numbers = [order.id for order in orders if not order.is_done]
        for one, other in zip(numbers, numbers[1:]):
            if int(exits.link(self._address, one, other)) < 0:
                raise UsageError(
                    f"orders {one} and {other} cannot cancel each other",
                    remedy="give self.oco two or more orders of one instrument, not exits of an entry, each of one group at most",
                )
        return len(numbers) == len(orders)

    def legs(
        self, quantities: Mapping[str, Number], *, tif: Tif | None = None, tag: str | None = None, rule_id: str | None = None
    ) -> list[Order]:
        """Market orders of two or more instruments that fill together, each in full, or not at all: buys of positive quantities, sells
        of negative ones. Returns them in that order.

        They fill at the first instant at which every instrument has a bar, or quotes stand, and offers the whole quantity. ``tif`` (DAY,
        GTC, IOC) says how long they wait; IOC: for one such instant. If one is refused or ends, all do: it says why, the others
        LEG_ENDED. They cannot be replaced. The instruments' data are of one kind: bars, quote bars or quotes.
        """
        life = self._tif if tif is None else tif_code(tif)
        rows = [self._leg(symbol, quantity) for symbol, quantity in quantities.items()]
        if len(rows) < 2:
            raise UsageError(f"legs of {len(rows)} instruments", remedy="name two or more, or use self.buy and self.sell")
        if life not in _WAITS:
            raise UsageError(f"legs cannot have tif={TimeInForce(life).name!r}", remedy='tif="DAY", "GTC" or "IOC"')
        kinds = sorted({DataKind(int(self.state.instruments[row[0]]["kind"])) for row in rows})
        if len(kinds) > 1 or kinds[0] == DataKind.PRINTS:
            raise UsageError(
                f"legs on {' and '.join(kind.name.lower().replace('_', ' ') for kind in kinds)}",
                remedy="give instruments whose orders trade on one kind of data: bars, quote bars or quotes",
            )
        rule = -1 if rule_id is None else self._code(1, rule_id)
        note = -1 if tag is None else self._code(0, tag)
        _PACK(self._buffer, 0, 0, 0, 0, 0, _MARKET, life, 0, 0, 0, rule, note, 0, 0, *_PLAIN)
        cells = np.array(rows, np.int64)
        first = leg_intake.submit_legs(self._address, cells.ctypes.data, len(rows))
        while first == intake.NO_ROOM:
            self.state.scalars["room"] = max(int(self.state.scalars["room"]), 3 * len(rows))
            self.state.grow()
            first = leg_intake.submit_legs(self._address, cells.ctypes.data, len(rows))
        return [Order(self, int(first) + k) for k in range(len(rows))]

    def _leg(self, symbol: str, quantity: Number) -> tuple[int, int, int]:
        """(instrument, side, lots) of one leg."""
        i = self._instrument(symbol)
        lots = to_lots(quantity, self._lot_scale[i])
        if not (quantity > 0 or quantity < 0):
            raise UsageError(f"a leg of {quantity} {symbol}", remedy="positive quantities buy, negative ones sell")
        return i, 1 if quantity > 0 else -1, abs(lots)

    def replace(
        self, order: Order, *, quantity: Number | None = None, limit: Number | None = None, stop: Number | None = None,
        trail: Number | str | None = None,
    ) -> bool:  # fmt: skip
        """Ask for a new total quantity, limit, stop or distance of a trail of an order. False if it is done or the request was refused.

        With a new distance the stop begins anew, that far from the last price.
        """
        i = order._field("symbol")
        if order.flags & OrderFlag.LEG:
            raise UsageError(f"order {order.id} is a leg and cannot be replaced", remedy="cancel it, and give all legs anew")
        lots = 0 if quantity is None else positive(to_lots(quantity, self._lot_scale[i]), "quantity", quantity)
        prices = [self._price(i, price, name) for price, name in ((limit, "limit"), (stop, "stop"))]
        away = (0, 0) if trail is None else distance(trail, self._price_scale[i])
        return self._call(lambda: int(intake.replace(self._address, order.id, lots, *prices, *away))) == 1

    def orders(self, symbol: str | None = None) -> list[Order]:
        """The live orders (of a symbol), oldest first."""
        table = self.state.table("orders")
        status = table["status"] if self.told is None else self.told.statuses
        wanted = -1 if symbol is None else self._instrument(symbol)
        return [
            Order(self, k)
            for k in range(len(table))
            if int(status[k]) not in _TERMINAL and wanted in (-1, int(table[k]["symbol"]))
        ]

    @property
    def trading_state(self) -> TradingState:
        """What the run may do now: the strictest of what the strategy asks for and what limits on losses have brought."""
        return TradingState(int(self.state.scalars["trading_state"]))

    def set_trading_state(self, state: Literal["active", "reduce_only", "halted"]) -> None:
        """From now on: ``active`` everything; ``reduce_only`` what closes, and of an order that crosses zero the part that does;
        ``halted`` no orders and no replaces, only cancels. Orders that are live stay as they are. What a limit on losses has brought
        is not lifted by it."""
        try:
            asked = int(TradingState[state.upper()])
        except (KeyError, AttributeError):
            raise UsageError(f"no trading state {state!r}", remedy="active, reduce_only or halted") from None
        self._call(lambda: int(guard.switch(self._address, asked)))

    def lots(self, symbol: str) -> list[OpenLot]:
        """The open lots of an instrument, oldest first."""
        i = self._instrument(symbol)
        instrument, lots, fills = self.instruments[i], self.state.tables["lots"], self.state.tables["fills"]
        mul, div = instrument.money_ratio(self.money_decimals)
        found, k = [], int(self.state.books[i]["head"])
        while k >= 0:
            lot = lots[k]
            size, cost = int(lot["remaining"]), int(lot["cost"])
            price = abs(cost) * div / (size * mul) / instrument.price_scale
            time = int(fills[int(lot["open_fill"])]["time"])
            signed = int(lot["side"]) * size / instrument.quantity_scale
            found.append(OpenLot(k, symbol, signed, cost / 10**self.money_decimals, price, time))
            k = int(lot["next"])
        return found

    # -- inside ----------------------------------------------------------------------------------------------------------

    def _order(self, side: int, action: int, symbol: str, size: Size, terms: Terms) -> Order:
        """One call of buy, sell or a position operation; side 0 follows from the position."""
        i = self._instrument(symbol)
        quantity = size[0]
        if quantity is not None and size[1:] == _NO_SIZE[1:]:
            mode, lots = _UNITS, to_lots(quantity, self._lot_scale[i])
            if lots <= 0 and not quantity > 0:
                raise UsageError(f"a quantity must be positive, got {quantity}", remedy="sell with self.sell(...)")
        else:
            mode, lots = self._size(i, size)
            if mode == SizeMode.RISK:
                mode = size_mode(SizeMode.RISK, terms.per, terms.stop_loss)
        limit, stop, tif, expire, tag, rule_id = terms[:6]
        kind = (_STOP_LIMIT if stop is not None else _LIMIT) if limit is not None else (_STOP if stop is not None else _MARKET)
        limit_units = 0 if limit is None else self._price(i, limit, "limit")
        stop_units = 0 if stop is None else self._price(i, stop, "stop")
        life = self._tif if tif is None else tif_code(tif)
        until = 0 if expire is None and life != TimeInForce.GTD else expiry(expire, life)
        more = _PLAIN
        if life in _AUCTIONS or not is_plain(terms):
            if mode != SizeMode.VOLATILITY:
                size_mode(SizeMode(mode), terms.per, terms.stop_loss)
            kind, limit_units, stop_units, more = self._rare(i, side, terms, life, (limit_units, stop_units))
        rule = -1 if rule_id is None else self._code(1, rule_id)
        note = -1 if tag is None else self._code(0, tag)
        ticket = (i, side, mode, lots, kind, life, limit_units, stop_units, until, rule, note, 0, action, *more)
        return Order(self, self._submit(ticket))

    def _rare(self, i: int, side: int, terms: Terms, life: int, prices: tuple[int, int]) -> tuple[int, int, int, tuple[int, ...]]:
        """(type, limit, stop, the last fields of the ticket) of an order with rarer terms."""
        kind = int(order_type(terms, life))
        limit, stop = prices
        take, loss = self._price(i, terms.take_profit, "take_profit"), self._price(i, terms.stop_loss, "stop_loss")
        check_exits(side, take, loss)
        trail = (0, 0)
        if terms.touch is not None:
            stop = self._price(i, terms.touch, "touch")
        if terms.trail is not None:
            trail = distance(terms.trail, self._price_scale[i])
            far = terms.trail_limit
            limit = 0 if far is None else positive(to_units(far, self._price_scale[i]), "trail_limit", far)
        lot = 0 if terms.lot is None else self._lot(terms.lot)
        shown = 0
        if terms.display is not None:
            shown = positive(to_lots(terms.display, self._lot_scale[i]), "display", terms.display)
        after = 0 if terms.after is None else self._known(terms.after) + 1
        per = 0 if terms.per is None else positive(to_units(terms.per, self._price_scale[i]), "per", terms.per)
        return kind, limit, stop, (lot, int(flags_of(terms)), *trail, take, loss, shown, after, per)

    def _known(self, order: Order) -> int:
        """Number of an order of this run."""
        number = order.id
        if number >= len(self.state.table("orders")):
            raise UsageError(
                f"there is no order {number} in this run", remedy="give an order that self.buy or self.sell returned"
            )
        return number

    def _size(self, i: int, sizes: Size) -> tuple[int, int]:
        """(size mode, whole size) of an order whose size is no plain quantity."""
        _, value, weight, risk = sizes
        given = [name for name, size in zip(_SIZES, sizes, strict=True) if size is not None]
        if len(given) > 1:
            raise UsageError(f"an order has one size, got {' and '.join(given)}", remedy="keep one of them")
        if not given:
            sizing = self._sizing
            if isinstance(sizing, NoSizing):
                raise UsageError(
                    "the order has no size",
                    remedy="give quantity, value=, weight= or risk=, or set the sizing section of the configuration",
                )
            if isinstance(sizing, FixedSizing):
                return _UNITS, to_lots(sizing.quantity, self._lot_scale[i])
            if isinstance(sizing, ValueSizing):
                return int(SizeMode.VALUE), to_units(sizing.value, 10**self.money_decimals)
            return int(SizeMode.WEIGHT), to_rate(sizing.weight)
        if risk is not None:
            return int(SizeMode.RISK), _risk(risk)
        size = value if value is not None else weight
        assert size is not None
        amount = to_units(size, 10**self.money_decimals if value is not None else RATE_SCALE)
        if not size > 0:
            raise UsageError(f"{given[0]} must be positive, got {size}", remedy="sell with self.sell(...)")
        return int(SizeMode.VALUE if value is not None else SizeMode.WEIGHT), amount

    def target_default(self, symbol: str, direction: int, *, tag: str | None = None, rule_id: str | None = None) -> Order | None:
        """Bring the position to the configured size, long (1) or short (-1)."""
        i = self._instrument(symbol)
        mode, size = self._size(i, _NO_SIZE)
        mode = {1: _TARGET_UNITS, 2: int(SizeMode.TARGET_VALUE), 3: int(SizeMode.TARGET_WEIGHT)}[mode]
        return self._target(i, mode, direction * size, tag, rule_id)

    def _target(self, i: int, mode: int, size: int, tag: str | None, rule_id: str | None) -> Order | None:
        number = self._submit_target(i, _ANY, (mode, size), tag, rule_id)
        return None if number == intake.NO_CHANGE else Order(self, number)

    def _submit_target(self, i: int, action: int, size: tuple[int, int], tag: str | None, rule_id: str | None) -> int:
        rule = -1 if rule_id is None else self._code(1, rule_id)
        note = -1 if tag is None else self._code(0, tag)
        return self._submit((i, 0, *size, _MARKET, self._tif, 0, 0, 0, rule, note, 0, action, *_PLAIN))

    def _submit(self, ticket: tuple[int, ...]) -> int:
        """Hand a ticket, fields in order of TICKET, to the kernel. Returns the order's number or NO_CHANGE."""
        try:
            _PACK(self._buffer, 0, *ticket)
        except struct.error:
            raise UsageError("the size or a price of the order is too large to be counted", remedy="give a smaller one") from None
        number = int(intake.submit(self._address))
        if number == intake.NO_ROOM:
            self.state.grow()
            return self._submit(ticket)
        return number

    def _batch(self, names: Iterable[str], mode: SizeMode, sizes: list[int]) -> None:
        self._send_batch([self._instrument(symbol) for symbol in names], mode, sizes)

    def _send_batch(self, instruments: list[int], mode: SizeMode, sizes: list[int]) -> None:
        count = len(sizes)
        if not count:
            return
        cells = np.empty((count, 4), np.int64)
        cells[:, 0] = instruments
        cells[:, 1] = mode
        cells[:, 2] = sizes
        _PACK(self._buffer, 0, 0, 0, 0, 0, _MARKET, self._tif, 0, 0, 0, -1, -1, 0, 0, *_PLAIN)
        while self._call(lambda: int(intake.submit_targets(self._address, cells.ctypes.data, count))) == intake.NO_ROOM:
            self.state.scalars["room"] = max(int(self.state.scalars["room"]), 3 * count)

    def _call(self, command: Callable[[], int]) -> int:
        """Call the kernel; enlarge the tables and call again where there was no room."""
        result = command()
        if result == intake.NO_ROOM:
            self.state.grow()
            result = command()
        return result

    def _code(self, which: int, text: str) -> int:
        """Index of a name in tags (0) or rules (1), given on first use."""
        known = self._codes[which]
        code = known.get(text)
        if code is None:
            code = known[text] = len(known)
            (self.tags if which == 0 else self.rules).append(text)
        return code

    def _lot(self, lot: int) -> int:
        """A named lot as a ticket has it: 1 + its number."""
        if not self._names_lots:
            raise UsageError(
                "an order names a lot, but the account does not book lots so",
                remedy='set account.lots: specific (lots="specific"), or leave lot= out',
            )
        if not isinstance(lot, int) or lot < 0:
            raise UsageError(f"lot={lot!r} is no number of a lot", remedy="take it from self.lots(symbol)[k].id")
        return lot + 1

    def know(self, tags: Iterable[str], rules: Iterable[str]) -> None:
        """Begin with names that records refer to already."""
        for which, names in enumerate((tags, rules)):
            for name in names:
                self._code(which, name)

    def _instrument(self, symbol: str) -> int:
        try:
            return self._index[symbol]
        except KeyError:
            from_known = ", ".join(list(self._index)[:8])
            raise UsageError(f"no symbol {symbol!r} in the market", remedy=f"symbols: {from_known}") from None

    def _price(self, i: int, price: Number | None, name: str) -> int:
        """A price as a ticket has it (see ``kernel.models.whole_price``), 0 where there is none."""
        if price is None:
            return 0
        units = (to_order_price if self._keeps_between[i] else to_units)(price, self._price_scale[i])
        return units if units < 0 < price else positive(units, name, price)


def _risk(risk: Number | str) -> int:
    """10^-9 of equity of a fraction, ``"0.5%"`` or ``"50bp"``."""
    try:
        fraction = to_rate(rate(risk)) if isinstance(risk, str) else to_rate(risk)
    except ValueError as error:
        raise UsageError(f"risk={risk!r} {error}", remedy='a part of equity: 0.005 or "0.5%"') from None
    if not 0 < fraction < RATE_SCALE:
        raise UsageError(f"risk={risk!r} is no part of equity", remedy='a part of equity: 0.005 or "0.5%"')
    return fraction
