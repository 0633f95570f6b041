"""A small, slow ledger in plain Python that makes consistent run records for tests; it shares no code with the engine."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from fillwright.config.schema import Config
from fillwright.data.fx import FxSource
from fillwright.data.market import Feed, Market, build_market
from fillwright.journal import RECORDED, Names, RunRecord
from fillwright.model.codes import Account, ExitReason, Lots, OrderEvent, OrderStatus, Reason, RunState, Side, Stage
from fillwright.model.columns import TABLES
from fillwright.model.instrument import Currency, Instrument
from fillwright.model.lifecycle import TRANSITIONS

BOOKINGS = tuple(method.name.lower() for method in Lots)
MINUTE = 60_000_000_000
START = 1_577_975_400_000_000_000  # 2020-01-02T14:30Z
DONE = (OrderStatus.DENIED, OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED)


def half_even(number: int, divisor: int) -> int:
    """Nearest whole number of number / divisor, ties to even."""
    return round(Fraction(number, divisor))


def make_market(instruments: list[Instrument], bars: int, seed: int = 1, start_price: float = 100.0) -> Market:
    """One-minute bars of each instrument on one grid, a seeded random walk."""
    rng = np.random.default_rng(seed)
    feeds = []
    for i, instrument in enumerate(instruments):
        scale = instrument.price_scale
        close = np.maximum(start_price * 0.2, start_price + np.cumsum(rng.normal(0, 0.3, bars)))
        close = np.round(close * scale).astype(np.int64)
        open_ = np.concatenate((close[:1], close[:-1])) + rng.integers(-3, 4, bars)
        noise = rng.integers(0, max(2, scale // 10), (2, bars))
        high, low = np.maximum(open_, close) + noise[0], np.minimum(open_, close) - noise[1]
        opens = START + np.arange(bars, dtype=np.int64) * MINUTE
        last = np.zeros(bars, np.uint8)
        last[390::391] = 1
        last[-1] = 1
        volume = rng.integers(1000, 5000, bars)
        feeds.append(Feed(instrument.symbol, i, MINUTE, True, opens, opens + MINUTE, open_, high, low, close, volume, last))
    return build_market(instruments, feeds)


@dataclass
class Lot:
    lot_id: int
    side: int
    open_fill: int
    instant: int
    quantity: int
    remaining: int
    cost: int
    fee: int


@dataclass
class Order:
    row: dict[str, int]
    status: OrderStatus = OrderStatus.INITIALIZED
    flags: int = 0
    cum: int = 0


@dataclass
class Tiny:
    """The ledger. Call :meth:`order`, :meth:`event`, :meth:`fill` in order of time, :meth:`mark` at every instant."""

    market: Market
    currencies: list[Currency] = field(default_factory=lambda: [Currency("USD")])
    fx: list[FxSource | None] = field(default_factory=lambda: [None])
    config: Config = field(default_factory=Config)
    strategies: int = 1

    def __post_init__(self) -> None:
        self.rows: dict[str, list[dict[str, int]]] = {table.name: [] for table in TABLES}
        self.orders: list[Order] = []
        self.lots: list[Lot] = []
        self.open_lots: dict[tuple[int, int], list[Lot]] = {}
        self.cash = [0] * len(self.currencies)
        self.position: dict[tuple[int, int], int] = {}
        self.equity: list[int] = []
        self.entry = 0
        self.no_change = 0
        codes_of = {currency.code: i for i, currency in enumerate(self.currencies)}
        self.quote = [codes_of[instrument.quote] for instrument in self.market.instruments]
        first = int(self.market.instants[0])
        self.deposit = int(self.config.account.initial_cash["USD"] * 10 ** self.currencies[0].decimals)
        self._post(first, Account.CASH, -1, -1, 0, self.deposit, 0, -1)
        self._post(first, Account.TRANSFERS, -1, -1, 0, -self.deposit, 0, -1)
        self.entry += 1

    def _post(self, instant: int, account: int, strategy: int, symbol: int, currency: int, money: int, lots: int, fill: int):
        rows = self.rows["postings"]
        if account == Account.CASH:
            self.cash[currency] += money
        rows.append(
            {"seq": len(rows), "entry": self.entry, "instant": instant, "account": int(account), "strategy": strategy,
             "symbol": symbol, "currency": currency, "money": money, "quantity": lots, "fill_id": fill}
        )  # fmt: skip

    def money(self, symbol: int, price: int, lots: int) -> int:
        """Value of lots at a price, money units of the quote currency."""
        instrument = self.market.instruments[symbol]
        decimals = self.currencies[self.quote[symbol]].decimals
        value = Fraction(price, instrument.price_scale) * Fraction(lots, instrument.quantity_scale) * instrument.multiplier
        return round(value * 10**decimals)

    def order(self, instant: int, strategy: int, symbol: int, side: int, quantity: int, **more: int) -> int:
        """A new order, not yet submitted."""
        number = len(self.orders)
        row = {column.name: 0 for column in TABLES[0].columns}
        row |= {"order_id": number, "intent_id": number, "strategy": strategy, "symbol": symbol, "side": side,
                "type": 1, "tif": 1, "size_mode": 1, "size": quantity, "parent_id": -1, "oco_id": -1, "list_id": -1,
                "position_id": -1, "rule_id": -1, "tag": -1, "decided_at": instant, "sent_at": instant, "arrived_at": instant,
                "quantity": quantity, "exit_reason": int(ExitReason.SIGNAL), "queue_ahead": -1, "next": -1, "prev": -1,
                "child": -1, "lot_id": self._name_a_lot(number, strategy, symbol, side)}  # fmt: skip
        feed = self.market.execution_feed(symbol)
        seen = int(np.searchsorted(feed.close_time, instant, "right")) - 1
        row["decision_price"] = int(feed.close[seen])
        self.orders.append(Order(row | more))
        return number

    def event(self, instant: int, order: int, event: OrderEvent, fill: int = -1, reason: int = 0, time: int = 0) -> None:
        """Something happens to an order."""
        it, rows = self.orders[order], self.rows["order_events"]
        before = it.status
        it.status = TRANSITIONS[before, event]
        late = event in (OrderEvent.FILL_PART, OrderEvent.FILL_ALL) and before in DONE
        bit = {OrderEvent.CANCEL_REQUEST: 1, OrderEvent.REPLACE_REQUEST: 2, OrderEvent.TRIGGER: 8}.get(event, 0)
        clear = {OrderEvent.CANCEL: 1, OrderEvent.CANCEL_REJECT: 1, OrderEvent.REPLACE: 2, OrderEvent.REPLACE_REJECT: 2,
                 OrderEvent.RELEASE: 4}.get(event, 0)  # fmt: skip
        it.flags = (it.flags | bit) & ~clear
        if it.status in DONE and not late:
            it.flags &= ~3
            it.row["done_at"] = time or instant
        leaves = 0 if it.status in DONE else it.row["quantity"] - it.cum
        it.row["reason"] = int(reason) or it.row["reason"]
        rows.append(
            {"seq": len(rows), "instant": instant, "time": time or instant, "order_id": order, "event": int(event),
             "status_before": int(before), "status": int(it.status), "flags": it.flags, "quantity": it.row["quantity"],
             "limit_price": it.row["limit_price"], "stop_price": it.row["stop_price"], "cum_quantity": it.cum,
             "leaves_quantity": leaves, "fill_id": fill, "reason": int(reason), "required": 0, "available": 0, "late": int(late),
             "reported_at": time or instant}
        )  # fmt: skip

    def fill(self, instant: int, order: int, quantity: int, stage: Stage, slip: int, fee: int, at: int | None = None) -> int:
        """Fill part of an order against the bar that closes at the instant."""
        it = self.orders[order]
        symbol, side, strategy = it.row["symbol"], it.row["side"], it.row["strategy"]
        feed = self.market.execution_feed(symbol)
        bar = int(np.searchsorted(feed.close_time, instant))
        reference = at
        if reference is None:
            reference = int({Stage.OPEN: feed.open, Stage.FIRST: feed.high, Stage.SECOND: feed.low}.get(stage, feed.close)[bar])
        time = int(feed.open_time[bar] if stage is Stage.OPEN else feed.close_time[bar])
        number = len(self.rows["fills"])
        steps = {"spread": side, "slippage": side * slip, "impact": 0, "limit": 0, "tick": -side if slip else 0}
        price = reference + sum(steps.values())
        notional = self.money(symbol, price, quantity)
        self.named = it.row["lot_id"]
        closing = self._close_lots(number, instant, strategy, symbol, side, quantity, notional, fee)
        before = self.position.get((strategy, symbol), 0)
        self.position[strategy, symbol] = before + side * quantity
        why = ExitReason.NONE if not closing[0] else ExitReason.SIGNAL if closing[0] == quantity else ExitReason.REVERSAL
        it.cum += quantity
        self.rows["fills"].append(
            {"fill_id": number, "order_id": order, "strategy": strategy, "symbol": symbol, "side": side, "instant": instant,
             "time": time, "stage": int(stage), "path": 1, "ambiguous": 0, "event_time": int(feed.open_time[bar]),
             "quantity": quantity, "reference_price": reference, **steps, "price": price, "liquidity": 1, "available": -1,
             "notional": notional, "fee": fee, "closing_quantity": closing[0], "lot_id": closing[1],
             "position": before + side * quantity, "exit_reason": int(why),
             "exec_ref_id": -1, "queue_ahead": -1, "reported_at": time}
        )  # fmt: skip
        it.row["cum_notional"] += notional
        it.row["fee"] += fee
        currency = self.quote[symbol]
        self._post(instant, Account.CASH, strategy, -1, currency, -side * notional, 0, number)
        self._post(instant, Account.TRADING, strategy, symbol, currency, side * notional, -side * quantity, number)
        self._post(instant, Account.POSITION, strategy, symbol, currency, 0, side * quantity, number)
        if fee:
            self._post(instant, Account.CASH, strategy, -1, currency, -fee, 0, number)
            self._post(instant, Account.FEES, strategy, symbol, currency, fee, 0, number)
        self.entry += 1
        event = OrderEvent.FILL_ALL if it.cum == it.row["quantity"] else OrderEvent.FILL_PART
        self.event(instant, order, event, fill=number, time=time)
        return number

    def _close_lots(
        self, fill: int, instant: int, strategy: int, symbol: int, side: int, quantity: int, notional: int, fee: int
    ) -> tuple[int, int]:
        """Match the fill with open lots; (closed quantity, lot that the rest opened or added to)."""
        lots = self.open_lots.setdefault((strategy, symbol), [])
        money, left, fee_left, closed = -side * notional, quantity, fee, 0
        method = self.config.account.lots
        while left and lots and lots[0].side == -side:
            lot = self._lot_to_close(method, lots)
            part = min(left, lot.remaining)
            cost = lot.cost if part == lot.remaining else half_even(lot.cost * part, lot.remaining)
            fee_in = lot.fee if part == lot.remaining else half_even(lot.fee * part, lot.remaining)
            proceeds = money if part == left else half_even(money * part, left)
            fee_out = fee_left if part == left else half_even(fee_left * part, left)
            rows = self.rows["lot_closes"]
            rows.append(
                {"seq": len(rows), "instant": instant, "lot_id": lot.lot_id, "open_fill": lot.open_fill, "fill_id": fill,
                 "strategy": strategy, "symbol": symbol, "side": lot.side, "quantity": part, "cost": cost, "proceeds": proceeds,
                 "realised": proceeds - cost, "fee_in": fee_in, "fee_out": fee_out}
            )  # fmt: skip
            lot.cost, lot.fee, lot.remaining = lot.cost - cost, lot.fee - fee_in, lot.remaining - part
            money, fee_left, left, closed = money - proceeds, fee_left - fee_out, left - part, closed + part
            if not lot.remaining:
                lots.remove(lot)
        if not left:
            return closed, -1
        if method == "average" and lots:
            lot = lots[0]
            lot.quantity, lot.remaining = lot.quantity + left, lot.remaining + left
            lot.cost, lot.fee = lot.cost - money, lot.fee + fee_left
        else:
            lot = Lot(len(self.lots), side, fill, instant, left, left, -money, fee_left)
            self.lots.append(lot)
            lots.append(lot)
            self.rows["lots"].append({"lot_id": lot.lot_id, "strategy": strategy, "symbol": symbol})
        return closed, lot.lot_id

    def _name_a_lot(self, order: int, strategy: int, symbol: int, side: int) -> int:
        """Under specific booking an order names some open lot on the other side."""
        lots = self.open_lots.get((strategy, symbol), [])
        if self.config.account.lots != "specific" or not lots or lots[0].side == side:
            return -1
        return lots[order % len(lots)].lot_id

    def _lot_to_close(self, method: str, lots: list[Lot]) -> Lot:
        """Of the open lots, oldest first."""
        if method in ("highest_cost", "lowest_cost"):
            sign = 1 if method == "lowest_cost" else -1
            return min(lots, key=lambda lot: sign * Fraction(lot.cost, lot.remaining))
        return next((lot for lot in lots if lot.lot_id == self.named), lots[-1 if method == "lifo" else 0])

    def rate(self, currency: int, instant: int) -> int:
        """Account currency per unit in 10^-12."""
        source = self.fx[currency]
        if source is None:
            return 10**12
        price = self.last(source.instrument, instant)
        scale = self.market.instruments[source.instrument].price_scale
        return half_even(10**12 * scale, price) if source.inverse else half_even(10**12 * price, scale)

    def last(self, symbol: int, instant: int) -> int:
        """The mark at an instant."""
        feed = self.market.execution_feed(symbol)
        return int(feed.close[int(np.searchsorted(feed.close_time, instant, "right")) - 1])

    def mark(self, instant: int) -> None:
        """Store the equity of the instant."""
        balance = list(self.cash)
        for (_, symbol), lots in self.position.items():
            if lots:
                balance[self.quote[symbol]] += self.money(symbol, self.last(symbol, instant), lots)
        total = 0
        for c, amount in enumerate(balance):
            if amount:
                scale = Fraction(10**12) * Fraction(10) ** (self.currencies[c].decimals - self.currencies[0].decimals)
                total += round(amount * self.rate(c, instant) / scale)
        self.equity.append(total)

    def record(self, state: RunState = RunState.RECONCILED, error: str | None = None) -> RunRecord:
        """Everything so far as a run record."""
        for order in self.orders:
            order.row["status"], order.row["flags"], order.row["cum_quantity"] = int(order.status), order.flags, order.cum
            order.row["leaves_quantity"] = 0 if order.status in DONE else order.row["quantity"] - order.cum
        self.rows["orders"] = [order.row for order in self.orders]
        for row, lot in zip(self.rows["lots"], self.lots, strict=True):
            row |= {"side": lot.side, "open_fill": lot.open_fill, "instant": lot.instant, "quantity": lot.quantity,
                    "remaining": lot.remaining, "cost": lot.cost, "fee_in": lot.fee, "next": -1, "prev": -1}  # fmt: skip
        states = (0, 1, 2, 0)
        self.rows["switches"] = [
            {"seq": k, "instant": int(self.market.instants[k]), "before": states[k], "state": states[k + 1], "asked": states[k + 1],
             "reason": 0, "action": 0, "required": 0, "available": 0}
            for k in range(3)
        ]  # fmt: skip
        tables = {}
        for table in (table for table in TABLES if table.name in RECORDED):
            rows = [tuple(row[column.name] for column in table.columns) for row in self.rows[table.name]]
            tables[table.name] = np.array(rows, table.dtype)
        return RunRecord(
            tables=tables, market=self.market, instants=self.market.instants[: len(self.equity)],
            equity=np.array(self.equity, np.int64),
            names=Names(tuple(f"s{i}" for i in range(self.strategies)), tuple(i.symbol for i in self.market.instruments),
                        ("note", "protect"), ("rule-a", "rule-b"), tuple(c.code for c in self.currencies)),
            currencies=tuple(self.currencies), fx=tuple(self.fx), config=self.config,
            counters={"intents": len(self.orders) + self.no_change, "no_change": self.no_change, "bars": len(self.equity)},
            state=state, error=error, error_at=int(self.market.instants[len(self.equity) - 1]) if error else 0,
            info={"seed": 7, "fillwright": "0.1.0", "input_fingerprint": "aa", "journal_fingerprint": "bb",
                  "run_seconds": 0.5},
        )  # fmt: skip


CASH = {"plain": 100_000, "crypto": 1_000_000, "future": 100_000_000, "fx": 100_000}


def setting(kind: str, bars: int = 60, lots: str = "fifo", trades: str = "flat_to_flat", strategies: int = 2) -> Tiny:
    """A ledger for one of the markets that tests use: plain, crypto (rounding), future (multiplier), fx (currencies)."""
    account = {"lots": lots, "initial_cash": CASH[kind]}
    config = Config.model_validate({"version": 1, "account": account, "report": {"trades": trades}})
    if kind == "plain":
        market = make_market([Instrument("AAA", price_decimals=2), Instrument("BBB", price_decimals=4)], bars)
        return Tiny(market, config=config, strategies=strategies)
    if kind == "crypto":
        market = make_market([Instrument("BTC", price_decimals=6, quantity_decimals=8)], bars, start_price=60_000.0)
        return Tiny(market, config=config, strategies=strategies)
    if kind == "future":
        market = make_market([Instrument("ES", price_decimals=2, multiplier=Fraction(50)),
                              Instrument("ZB", price_decimals=7, multiplier=Fraction(1000, 3))], bars)  # fmt: skip
        return Tiny(market, config=config, strategies=strategies)
    assert kind == "fx"
    instruments = [
        Instrument("SAP", quote="EUR", price_decimals=2), Instrument("SONY", quote="JPY", price_decimals=3),
        Instrument("EURUSD", price_decimals=5, base="EUR"), Instrument("USDJPY", quote="JPY", price_decimals=3, base="USD"),
    ]  # fmt: skip
    return Tiny(
        make_market(instruments, bars), [Currency("USD"), Currency("EUR"), Currency("JPY", 4)],
        [None, FxSource(2, False), FxSource(3, True)], config, strategies=strategies,
    )  # fmt: skip


def scenario(kind: str = "plain", seed: int = 0, bars: int = 60, rate: float = 0.5, **more: str) -> RunRecord:
    """A run of random orders, fills, refusals and cancels."""
    tiny = setting(kind, bars, **more)
    rng = random.Random(seed)
    working: list[int] = []
    for instant in tiny.market.instants.tolist():
        for order in list(working):
            _live(tiny, rng, instant, order)
            if tiny.orders[order].status in DONE:
                working.remove(order)
        tiny.mark(instant)
        if rng.random() < rate:
            working += _decide(tiny, rng, instant)
    for order in working:
        tiny.event(int(tiny.market.instants[-1]), order, OrderEvent.EXPIRE, reason=Reason.END_OF_DATA)
    return tiny.record()


def _live(tiny: Tiny, rng: random.Random, instant: int, order: int) -> None:
    it = tiny.orders[order]
    left = it.row["quantity"] - it.cum
    choice = rng.random()
    if choice < 0.08:
        tiny.event(instant, order, OrderEvent.CANCEL_REQUEST)
        tiny.event(instant, order, OrderEvent.CANCEL, reason=Reason.CANCELED_BY_USER)
    elif choice < 0.12:
        tiny.event(instant, order, OrderEvent.CANCEL_REQUEST)
        tiny.event(instant, order, OrderEvent.CANCEL_REJECT, reason=Reason.ORDER_IS_DONE)
    elif choice < 0.16:
        tiny.event(instant, order, OrderEvent.REPLACE_REQUEST)
        it.row["quantity"] += 5
        tiny.event(instant, order, OrderEvent.REPLACE)
    elif choice < 0.22:
        return
    else:
        part = left if rng.random() < 0.6 else rng.randint(1, left)
        stage = rng.choice((Stage.OPEN, Stage.OPEN, Stage.FIRST, Stage.SECOND, Stage.CLOSE, Stage.FLAT_AT))
        fee = rng.choice((0, 1_000_000, rng.randint(1, 3_333_333)))
        tiny.fill(instant, order, part, stage, rng.randint(0, 3), fee)


def _decide(tiny: Tiny, rng: random.Random, instant: int) -> list[int]:
    symbol = rng.randrange(len(tiny.market.instruments))
    strategy = rng.randrange(tiny.strategies)
    q = tiny.market.instruments[symbol].quantity_scale
    held = tiny.position.get((strategy, symbol), 0)
    size = abs(held) if held and rng.random() < 0.4 else rng.randint(1, 90) if q == 1 else rng.randint(1, 3 * q)
    side = int(rng.choice((Side.BUY, Side.SELL))) if not held or rng.random() < 0.4 else (-1 if held > 0 else 1)
    if rng.random() < 0.1:
        tiny.no_change += 1
    order = tiny.order(instant, strategy, symbol, side, size, tag=rng.choice((-1, 0, 1)), rule_id=rng.choice((-1, 0, 1)))
    tiny.orders[order].flags = rng.choice((0, 64, 128))
    choice = rng.random()
    if choice < 0.05:
        tiny.event(instant, order, OrderEvent.DENY, reason=Reason.INSUFFICIENT_CASH)
        return []
    tiny.event(instant, order, OrderEvent.SUBMIT)
    if choice < 0.1:
        tiny.event(instant, order, OrderEvent.REJECT, reason=Reason.MAX_OPEN_POSITIONS)
        return []
    tiny.event(instant, order, OrderEvent.ACCEPT)
    if choice < 0.2:
        tiny.event(instant, order, OrderEvent.TRIGGER)
    return [order]


def changed(record: RunRecord, table: str, column: str, row: int, by: int = 1) -> RunRecord:
    """The record with one number changed."""
    rows = record.tables[table].copy()
    rows[column][row] += by
    return type(record)(**{**vars(record), "tables": {**record.tables, table: rows}})
