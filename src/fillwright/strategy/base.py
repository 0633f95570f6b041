"""The class that users write strategies with."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from fillwright.errors import UsageError
from fillwright.kernel import advance
from fillwright.model.codes import Action, TradingState
from fillwright.model.order_terms import Terms
from fillwright.order_manager import Number, OpenLot, Order, OrderManager, Tif
from fillwright.strategy.params import Param, StateField, checked, declared, fresh
from fillwright.strategy.views import History, Position, Series, to_datetime

if TYPE_CHECKING:
    from fillwright.strategy.desk import Desk

CALLBACKS = (
    "on_start", "on_bar", "on_bars", "on_quote", "on_print", "on_order", "on_fill",
    "on_trade_opened", "on_trade_changed", "on_trade_closed", "on_session_open", "on_session_close", "on_stop",
)  # fmt: skip


class Unavailable:
    """Stands where something will be or was; whatever is asked of it is a UsageError."""

    def __init__(self, message: str, remedy: str) -> None:
        self._error = message, remedy

    def __getattr__(self, name: str) -> Any:
        message, remedy = self._error
        raise UsageError(message, remedy=remedy)


BEFORE_THE_RUN = Unavailable(
    "orders, positions and money are not there before the first bar", "use them in on_bar, not in on_start"
)
AFTER_THE_RUN = Unavailable(
    "no order is possible after the last bar", "orders: {flat_at: [run_end]} closes all positions at the end"
)


class Strategy:
    """Base of all strategies. Declare parameters with ``fw.param`` and what you change with ``fw.state``; write the callbacks you
    need: ``on_start(self)``, ``on_bar(self, bar)`` or ``on_bars(self, bars)``, ``on_quote(self, quote)``, ``on_print(self, trade)`` (a
    trade of the market), ``on_order(self, order, event)``, ``on_fill(self, fill)``,
    ``on_trade_opened/changed/closed(self, trade)``, ``on_session_open/close(self, symbol)``, ``on_stop(self)``. Only those that are
    written cost anything.

    A strategy is a value: every run works on a fresh copy made from its parameters.
    """

    _params: ClassVar[dict[str, Param]] = {}
    _states: ClassVar[dict[str, StateField]] = {}
    _desk: Desk
    _orders: OrderManager = cast("OrderManager", BEFORE_THE_RUN)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._params, cls._states = declared(cls)
        if hasattr(cls, "on_bar") and hasattr(cls, "on_bars"):
            raise UsageError(
                f"{cls.__name__} has both on_bar and on_bars", remedy="keep on_bar (per instrument) or on_bars (once per instant)"
            )
        for name in vars(cls):
            if name.startswith("on_") and name not in CALLBACKS:
                near = difflib.get_close_matches(name, CALLBACKS, 1)
                hint = f"did you mean {near[0]}?" if near else f"callbacks: {', '.join(CALLBACKS)}"
                raise UsageError(f"{cls.__name__}.{name} would never be called: there is no such callback", remedy=hint)

    def __init__(self, **params: Any) -> None:
        self._values = checked(type(self), self._params, params)
        for name, value in (self._values | fresh(self._states)).items():
            setattr(self, name, value)

    @property
    def params(self) -> dict[str, Any]:
        """The parameters by name."""
        return dict(self._values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"

    # -- data ------------------------------------------------------------------------------------------------------------

    def indicator(self, function: Any, *arguments: Any, symbol: str | None = None, timeframe: str | None = None) -> Series:
        """Declare an indicator, in ``on_start``: any function of whole arrays, ``self.indicator(talib.RSI, "close", 14)``.

        An array computed beforehand, one value per bar, is taken as it is; it cannot be checked for look-ahead, and the report says so.
        Text arguments name columns (open, high, low, close, volume) or are themselves Series; the others are passed on. It is
        computed once per run on the execution feed of every instrument, or on one ``symbol`` or ``timeframe``.
        """
        return self._desk.indicator(function, arguments, symbol, timeframe)

    def bars(self, symbol: str, timeframe: str | None = None) -> History:
        """History of an instrument up to now: ``self.bars("SPY").close[-20:]``; without timeframe that of its execution feed."""
        return self._desk.history(symbol, timeframe)

    def quotes(self, symbol: str) -> History:
        """Quotes of an instrument up to now: ``self.quotes("EURUSD").bid[-20:]``, ``.ask``, ``.close`` (their middle), ``.time``."""
        return self._desk.history(symbol, None, "quotes")

    def prints(self, symbol: str) -> History:
        """Trades of the market in an instrument up to now: ``self.prints("ES").price[-20:]``, ``.size``, ``.time``."""
        return self._desk.history(symbol, None, "prints")

    @property
    def symbols(self) -> tuple[str, ...]:
        """All instruments of the market."""
        return self._desk.symbols

    # -- account ---------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The instant, UTC."""
        return to_datetime(self.now_ns)

    @property
    def now_ns(self) -> int:
        """The instant, ns UTC."""
        return int(self._desk.state.scalars["now"])

    @property
    def cash(self) -> float:
        """Funds free for new orders: what is reserved or used as margin is not in it."""
        return float(int(advance.free_funds(self._desk.state.address)) / self._desk.money_scale)

    @property
    def cash_total(self) -> float:
        """Cash balance in account currency."""
        return float(int(self._desk.state.currencies[0]["cash"]) / self._desk.money_scale)

    @property
    def equity(self) -> float:
        """Cash and positions at their marks, in account currency."""
        return float(int(advance.equity_of(self._desk.state.address)) / self._desk.money_scale)

    def position(self, symbol: str, position_id: int | None = None) -> Position:
        """The position in an instrument: a view with ``open``, ``add``, ``reduce``, ``close`` and ``reverse``.

        Accounts net: an instrument has one position, and a ``position_id`` is a UsageError.
        """
        if position_id is not None:
            raise UsageError(
                f"there is no position {position_id} in {symbol}: accounts net, and an instrument has one position",
                remedy=f"self.position({symbol!r})",
            )
        return self._desk.position(symbol)

    def lots(self, symbol: str) -> list[OpenLot]:
        """The open lots of an instrument, oldest first: ``self.sell("SPY", 50, lot=self.lots("SPY")[-1].id)``."""
        return self._orders.lots(symbol)

    # -- orders ----------------------------------------------------------------------------------------------------------

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
        """Buy: see :meth:`OrderManager.buy`."""
        terms = Terms(
            limit, stop, tif, expire, tag, rule_id, lot, post_only, touch, trail, trail_limit, take_profit, stop_loss, display, after,
            per,
        )  # fmt: skip
        return self._orders._order(
            1, Action.REDUCE if reduce_only else Action.ANY, symbol, (quantity, value, weight, risk), terms
        )

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
        """Sell: see :meth:`OrderManager.sell`."""
        terms = Terms(
            limit, stop, tif, expire, tag, rule_id, lot, post_only, touch, trail, trail_limit, take_profit, stop_loss, display, after,
            per,
        )  # fmt: skip
        return self._orders._order(
            -1, Action.REDUCE if reduce_only else Action.ANY, symbol, (quantity, value, weight, risk), terms
        )

    def open(
        self, symbol: str, quantity: Number | None = None, *, value: Number | None = None, weight: Number | None = None,
        limit: Number | None = None, tag: str | None = None, rule_id: str | None = None,
    ) -> Order:  # fmt: skip
        """Open a position, long or (negative) short, where there is none: see :meth:`OrderManager.open`."""
        return self._orders.open(symbol, quantity, value=value, weight=weight, limit=limit, tag=tag, rule_id=rule_id)

    def add(
        self, symbol: str, quantity: Number | None = None, *, value: Number | None = None, weight: Number | None = None,
        limit: Number | None = None, tag: str | None = None, rule_id: str | None = None,
    ) -> Order:  # fmt: skip
        """Make the position larger on the side it has: see :meth:`OrderManager.add`."""
        return self._orders.add(symbol, quantity, value=value, weight=weight, limit=limit, tag=tag, rule_id=rule_id)

    def reduce(
        self, symbol: str, quantity: Number, *, limit: Number | None = None, stop: Number | None = None, tag: str | None = None,
        rule_id: str | None = None,
    ) -> Order:  # fmt: skip
        """Make the position smaller, to zero at most: see :meth:`OrderManager.reduce`."""
        return self._orders.reduce(symbol, quantity, limit=limit, stop=stop, tag=tag, rule_id=rule_id)

    def reverse(
        self, symbol: str, quantity: Number | None = None, *, tag: str | None = None, rule_id: str | None = None
    ) -> Order:
        """Bring the position to the other side: see :meth:`OrderManager.reverse`."""
        return self._orders.reverse(symbol, quantity, tag=tag, rule_id=rule_id)

    def target(self, symbol: str, quantity: Number, *, tag: str | None = None, rule_id: str | None = None) -> Order | None:
        """Bring the position to a quantity: see :meth:`OrderManager.target`."""
        return self._orders.target(symbol, quantity, tag=tag, rule_id=rule_id)

    def target_value(self, symbol: str, value: Number, *, tag: str | None = None, rule_id: str | None = None) -> Order | None:
        """Bring the position to a value in account money."""
        return self._orders.target_value(symbol, value, tag=tag, rule_id=rule_id)

    def target_weight(self, symbol: str, weight: Number, *, tag: str | None = None, rule_id: str | None = None) -> Order | None:
        """Bring the position to a fraction of equity."""
        return self._orders.target_weight(symbol, weight, tag=tag, rule_id=rule_id)

    def target_weights(self, weights: Mapping[str, Number]) -> None:
        """Bring many positions to fractions of equity as one batch."""
        self._orders.target_weights(weights)

    def targets(self, quantities: Mapping[str, Number]) -> None:
        """Bring many positions to quantities as one batch."""
        self._orders.targets(quantities)

    def target_default(self, symbol: str, direction: int, *, tag: str | None = None, rule_id: str | None = None) -> Order | None:
        """Bring the position to the size of the configuration's ``sizing``, long (1) or short (-1)."""
        return self._orders.target_default(symbol, direction, tag=tag, rule_id=rule_id)

    def close(self, symbol: str, *, tag: str | None = None, rule_id: str | None = None) -> Order | None:
        """Bring the position to zero."""
        return self._orders.close(symbol, tag=tag, rule_id=rule_id)

    def close_all(self) -> None:
        """Bring every position to zero."""
        self._orders.close_all()

    def oco(self, *orders: Order) -> bool:
        """One cancels the other: see :meth:`OrderManager.oco`."""
        return self._orders.oco(*orders)

    def legs(
        self, quantities: Mapping[str, Number], *, tif: Tif | None = None, tag: str | None = None, rule_id: str | None = None
    ) -> list[Order]:
        """Orders of several instruments that fill together or not at all: see :meth:`OrderManager.legs`."""
        return self._orders.legs(quantities, tif=tif, tag=tag, rule_id=rule_id)

    def cancel_all(self, symbol: str | None = None, *, side: Literal["buy", "sell"] | None = None, tag: str | None = None) -> int:
        """Ask for the cancel of every live order (of a symbol, of a side, with a tag)."""
        return self._orders.cancel_all(symbol, side=side, tag=tag)

    @property
    def trading_state(self) -> TradingState:
        """What the run may do now."""
        return self._orders.trading_state

    def set_trading_state(self, state: Literal["active", "reduce_only", "halted"]) -> None:
        """Allow everything, exits only, or no orders at all: see :meth:`OrderManager.set_trading_state`."""
        self._orders.set_trading_state(state)

    def orders(self, symbol: str | None = None) -> list[Order]:
        """The live orders (of a symbol), oldest first."""
        return self._orders.orders(symbol)

    def checkpoint(self) -> None:
        """Ask for a checkpoint; it is written to ``run.checkpoint.file`` after this instant. Without such a file the
        result has a warning that none was taken."""
        self._desk.checkpoint()

    # -- time ------------------------------------------------------------------------------------------------------------

    def at(self, time: str, function: Callable[[], object], *, timezone: str | None = None) -> None:
        """Call ``function()`` every day at a time of day (``"15:45"``), exchange-local unless a zone is given; in ``on_start``."""
        self._desk.at(time, function, timezone)

    def every(self, interval: str, function: Callable[[], object]) -> None:
        """Call ``function()`` at every multiple of an interval (``"5min"``) of UTC time; in ``on_start``."""
        self._desk.every(interval, function)
