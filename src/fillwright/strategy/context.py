"""What a compiled strategy sees: :class:`Context`, the source of all names and signatures."""

from __future__ import annotations

import inspect


class Context:
    """What ``on_bar(ctx, p, s)`` is given as ``ctx``. All numbers are floats in ordinary units unless said otherwise.

    In ``on_bars`` (once per instant) there is no bar and no instrument: ``ctx.at(k)`` is the context of instrument k.
    """

    open: float
    high: float
    low: float
    close: float
    volume: float
    """Of the bar just closed (behind ``at(k)``: of the latest bar, NaN before the first); volume is NaN where there is none."""
    bid: float
    ask: float
    bid_size: float
    ask_size: float
    """Of the quote just come, or at the close of the quote bar, whose prices above are the middle; NaN where there are none."""
    row: int
    """Number of the bar in its feed, from 0; -1 behind ``at(k)`` before the first bar."""
    feed: int
    """Number of the bar's feed in the market."""
    timeframe_ns: int
    """Length of the bar in ns."""
    instrument: int
    """Number of the instrument in the market."""
    position: float
    """Position in the instrument, in units, negative when short."""
    average_price: float
    """Average price of its open lots, NaN when flat."""
    position_value: float
    """Its value at the mark, in quote currency; negative when short."""
    unrealised: float
    """Value minus cost, in quote currency, before fees."""
    bars_held: int
    """Bars since its oldest open lot, 0 when flat."""
    time_ns: int
    """When the bar closed, ns UTC; 0 before the first."""
    now: int
    """The instant, ns UTC."""
    cash: float
    """Funds free for new orders: what is reserved or used as margin is not in it."""
    cash_total: float
    """Cash balance in account currency."""
    equity: float
    """Cash and positions at their marks, in account currency."""
    symbol_count: int
    """Instruments of the market."""
    bar_count: int
    """In ``on_bars``: bars of this instant."""

    def value(self, handle: int, back: int = 0) -> float:
        """An indicator now, or ``back`` bars ago; NaN where there is none. ``handle`` is ``p.<name of the indicator>``."""
        raise NotImplementedError

    def item(self, handle: int, index: int) -> float:
        """An indicator by its subscript: -1 now, -2 one bar ago, 0 the first. IndexError where there is none."""
        raise NotImplementedError

    def past(self, column: int, index: int) -> float:
        """A bar of the feed by its subscript, -1 the latest: column 0 open, 1 high, 2 low, 3 close, 4 volume. IndexError where none."""
        raise NotImplementedError

    def crossed_above(self, a: int, b: int | float) -> bool:
        """Whether indicator a was at or below b (an indicator, or a float level) one bar ago and is above now. NaN: False."""
        raise NotImplementedError

    def crossed_below(self, a: int, b: int | float) -> bool:
        """Whether indicator a was at or above b one bar ago and is below now. NaN: False."""
        raise NotImplementedError

    def buy(
        self, quantity: float, limit: float | None = None, stop: float | None = None, tif: str | None = None, expire: int | None = None,
        tag: str | None = None, rule_id: str | None = None, reduce_only: bool | None = None, post_only: bool | None = None,
        touch: float | None = None, trail: float | None = None, trail_unit: int | None = None, trail_limit: float | None = None,
        take_profit: float | None = None, stop_loss: float | None = None, display: float | None = None, after: int | None = None,
    ) -> int:  # fmt: skip
        """Buy units: a market, limit, stop or stop-limit order. Returns the order's number. ``tif``, ``tag`` and ``rule_id`` are
        literal text; ``expire`` (ns UTC) goes with ``tif="GTD"``; with ``reduce_only`` it never takes the position past zero.

        The other terms are those of ``self.buy``; ``after`` is the number of an order; ``trail`` is a distance of price, with
        ``trail_unit=2`` of ticks, with ``trail_unit=3`` a fraction of the price.
        """
        raise NotImplementedError

    def sell(
        self, quantity: float, limit: float | None = None, stop: float | None = None, tif: str | None = None, expire: int | None = None,
        tag: str | None = None, rule_id: str | None = None, reduce_only: bool | None = None, post_only: bool | None = None,
        touch: float | None = None, trail: float | None = None, trail_unit: int | None = None, trail_limit: float | None = None,
        take_profit: float | None = None, stop_loss: float | None = None, display: float | None = None, after: int | None = None,
    ) -> int:  # fmt: skip
        """Sell units."""
        raise NotImplementedError

    def buy_value(
        self, value: float, limit: float | None = None, stop: float | None = None, tif: str | None = None, expire: int | None = None,
        tag: str | None = None, rule_id: str | None = None, reduce_only: bool | None = None, post_only: bool | None = None,
        touch: float | None = None, trail: float | None = None, trail_unit: int | None = None, trail_limit: float | None = None,
        take_profit: float | None = None, stop_loss: float | None = None, display: float | None = None, after: int | None = None,
    ) -> int:  # fmt: skip
        """Buy for an amount of account money."""
        raise NotImplementedError

    def sell_value(
        self, value: float, limit: float | None = None, stop: float | None = None, tif: str | None = None, expire: int | None = None,
        tag: str | None = None, rule_id: str | None = None, reduce_only: bool | None = None, post_only: bool | None = None,
        touch: float | None = None, trail: float | None = None, trail_unit: int | None = None, trail_limit: float | None = None,
        take_profit: float | None = None, stop_loss: float | None = None, display: float | None = None, after: int | None = None,
    ) -> int:  # fmt: skip
        """Sell for an amount of account money."""
        raise NotImplementedError

    def buy_weight(
        self, weight: float, limit: float | None = None, stop: float | None = None, tif: str | None = None, expire: int | None = None,
        tag: str | None = None, rule_id: str | None = None, reduce_only: bool | None = None, post_only: bool | None = None,
        touch: float | None = None, trail: float | None = None, trail_unit: int | None = None, trail_limit: float | None = None,
        take_profit: float | None = None, stop_loss: float | None = None, display: float | None = None, after: int | None = None,
    ) -> int:  # fmt: skip
        """Buy for a fraction of equity."""
        raise NotImplementedError

    def sell_weight(
        self, weight: float, limit: float | None = None, stop: float | None = None, tif: str | None = None, expire: int | None = None,
        tag: str | None = None, rule_id: str | None = None, reduce_only: bool | None = None, post_only: bool | None = None,
        touch: float | None = None, trail: float | None = None, trail_unit: int | None = None, trail_limit: float | None = None,
        take_profit: float | None = None, stop_loss: float | None = None, display: float | None = None, after: int | None = None,
    ) -> int:  # fmt: skip
        """Sell for a fraction of equity."""
        raise NotImplementedError

    def buy_risk(
        self, risk: float, limit: float | None = None, stop: float | None = None, tif: str | None = None, expire: int | None = None,
        tag: str | None = None, rule_id: str | None = None, reduce_only: bool | None = None, post_only: bool | None = None,
        touch: float | None = None, trail: float | None = None, trail_unit: int | None = None, trail_limit: float | None = None,
        take_profit: float | None = None, stop_loss: float | None = None, display: float | None = None, after: int | None = None,
        per: float | None = None,
    ) -> int:  # fmt: skip
        """Buy so many that the way to ``stop_loss``, or a move of the price by ``per``, loses a fraction of equity."""
        raise NotImplementedError

    def sell_risk(
        self, risk: float, limit: float | None = None, stop: float | None = None, tif: str | None = None, expire: int | None = None,
        tag: str | None = None, rule_id: str | None = None, reduce_only: bool | None = None, post_only: bool | None = None,
        touch: float | None = None, trail: float | None = None, trail_unit: int | None = None, trail_limit: float | None = None,
        take_profit: float | None = None, stop_loss: float | None = None, display: float | None = None, after: int | None = None,
        per: float | None = None,
    ) -> int:  # fmt: skip
        """Sell so many that the way to ``stop_loss``, or a move of the price by ``per``, loses a fraction of equity."""
        raise NotImplementedError

    def target(self, quantity: float, tag: str | None = None, rule_id: str | None = None) -> int:
        """Bring the position to a quantity (negative = short). Returns the (first) order's number, -1 where nothing changes."""
        raise NotImplementedError

    def target_value(self, value: float, tag: str | None = None, rule_id: str | None = None) -> int:
        """Bring the position to a value in account money."""
        raise NotImplementedError

    def target_weight(self, weight: float, tag: str | None = None, rule_id: str | None = None) -> int:
        """Bring the position to a fraction of equity."""
        raise NotImplementedError

    def close_position(self, tag: str | None = None, rule_id: str | None = None) -> int:
        """Bring the position to zero."""
        raise NotImplementedError

    def close_all(self) -> int:
        """Bring every open position to zero as one batch. Returns 0."""
        raise NotImplementedError

    def cancel(self, order: int) -> int:
        """Ask for the cancel of an order by its number. 1 = asked, 0 = it is done or being cancelled, or no order."""
        raise NotImplementedError

    def cancel_all(self, side: int | None = None, tag: str | None = None) -> int:
        """Ask for the cancel of all live orders of the instrument (in ``on_bars``: of all), of a side (1, -1), with a tag.

        Returns how many were asked for.
        """
        raise NotImplementedError

    def cancel_everything(self, side: int | None = None, tag: str | None = None) -> int:
        """Ask for the cancel of all live orders of all instruments, of a side (1, -1), with a tag. Returns how many were asked for."""
        raise NotImplementedError

    def oco(self, one: int, other: int) -> int:
        """One of two orders, by their numbers, cancels the other. 1 = done, 0 = one of them is over or was refused.

        ValueError for what never can be linked: orders of two instruments, exits of an entry, members of two groups.
        """
        raise NotImplementedError

    def replace(
        self, order: int, quantity: float | None = None, limit: float | None = None, stop: float | None = None,
        trail: float | None = None, trail_unit: int | None = None,
    ) -> int:  # fmt: skip
        """Ask for a new total quantity, limit, stop or distance of an order. 1 = asked, 0 = it is done or the request was refused."""
        raise NotImplementedError

    def order_number(self, order: int, what: int) -> float:
        """Of an order by its number: 0 quantity, 1 filled, 2 leaves, 3 average price (NaN before the first fill)."""
        raise NotImplementedError

    def order_code(self, order: int, what: int) -> int:
        """Of an order by its number, as in ``fw.OrderStatus`` and so on: 0 side, 1 type, 2 status, 3 reason, 4 done (1 or 0)."""
        raise NotImplementedError

    def symbol(self, name: str) -> int:
        """Number of the instrument of that name, a literal text: ``ctx.at(ctx.symbol("SPY"))``."""
        raise NotImplementedError

    def at(self, instrument: int) -> Context:
        """The same for another instrument, by its number: its latest bar, position and orders."""
        raise NotImplementedError

    def on_feed(self, feed: int) -> Context:
        """The same for another feed, by its number: its latest bar."""
        raise NotImplementedError

    def bar_of(self, k: int) -> int:
        """In ``on_bars``: instrument of the k-th bar of this instant (k below ``bar_count``), -1 where its feed only informs."""
        raise NotImplementedError


ONLY_ON_BARS = frozenset(("bar_count", "bar_of"))
WITHOUT_BAR = ONLY_ON_BARS | frozenset((
    "now", "cash", "cash_total", "equity", "symbol_count", "symbol", "cancel", "cancel_all", "cancel_everything", "close_all",
    "replace", "oco", "order_number", "order_code", "at", "on_feed",
))  # fmt: skip
"""What there is in ``on_bars`` too."""

TEXTS = ("tif", "tag", "rule_id")
"""Keywords that take literal text."""

METHODS = {name: item for name, item in vars(Context).items() if inspect.isfunction(item)}
ATTRIBUTES = tuple(Context.__annotations__)
NAMES = (*ATTRIBUTES, *METHODS)
"""Everything that may stand behind ``ctx.``"""
