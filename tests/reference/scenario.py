"""What the reference engine is given and what it hands back: plain data, nothing computed.

All numbers are whole: prices in price units, quantities in lots, money in money units, rates in 10^-9, times in ns UTC.
:func:`as_python` prints a scenario as Python that builds it again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import Field, dataclass, field, fields, is_dataclass
from enum import IntEnum
from fractions import Fraction

from fillwright.model.codes import (
    AccountType,
    BarPath,
    Bracket,
    DataKind,
    Deduplicate,
    FillWhen,
    LimitAction,
    Lots,
    MarkBy,
    OffTick,
    OrderFlag,
    OrderType,
    Reversal,
    ShortCash,
    Side,
    SizeMode,
    TimeInForce,
    TradingState,
    TrailUnit,
    Trigger,
)
from fillwright.model.instrument import Currency, Instrument

RATE = 10**9
FX = 10**12


@dataclass(frozen=True)
class Bar:
    """One bar of an execution feed; known at ``close_time``. Of a quote bar the prices are the bid's. A quote is a quote bar of no
    length, a print a bar of no length whose volume is its size."""

    open_time: int
    close_time: int
    open: int
    high: int
    low: int
    close: int
    volume: int | None = None
    day_last: bool = False
    kind: DataKind = DataKind.BARS
    ask: tuple[int, int, int, int] = ()  # type: ignore[assignment]  # open, high, low, close of the ask
    bid_size: int | None = None
    ask_size: int | None = None

    @property
    def is_quoted(self) -> bool:
        """Whether it has a bid and an ask."""
        return bool(self.ask)

    @property
    def is_moment(self) -> bool:
        """Whether it is a quote or a print."""
        return self.kind in (DataKind.QUOTES, DataKind.PRINTS)

    def of_side(self, side: int) -> tuple[int, int, int, int]:
        """Open, high, low, close that a side meets: buys the ask, sells the bid."""
        return self.ask if self.ask and side > 0 else (self.open, self.high, self.low, self.close)


@dataclass(frozen=True)
class Order:
    """buy or sell. ``size`` is lots, money units or 10^-9 of equity, by ``size_mode`` (UNITS, VALUE, WEIGHT)."""

    instrument: int
    side: Side
    size_mode: SizeMode
    size: int
    type: OrderType = OrderType.MARKET
    tif: TimeInForce = TimeInForce.GTC
    limit: int = 0
    stop: int = 0
    expire_at: int = 0
    lot: int = -1  # the lot that it names, -1 = none; only where lots are SPECIFIC
    rule: int = -1  # the rule that it came from, -1 = none
    flags: OrderFlag = OrderFlag.NONE  # POST_ONLY, REDUCE_ONLY
    trail: int = 0  # distance of a trailing stop; its limit is then a distance from the stop, its stop 0 or given
    trail_unit: TrailUnit = TrailUnit.NONE
    take_profit: int = 0  # exits of an entry; 0 = none
    stop_loss: int = 0
    oco: int = -1  # one cancels the other: the order that it is linked with; a number that no order has, as in `after`, is none
    after: int = -1  # the order whose fill releases it
    per: int = 0  # of VOLATILITY: the price move that loses the size
    display: int = 0  # shown part of an iceberg, 0 = all


@dataclass(frozen=True)
class Target:
    """A position to reach: TARGET_UNITS, TARGET_VALUE or TARGET_WEIGHT, signed."""

    instrument: int
    size_mode: SizeMode
    size: int
    rule: int = -1


@dataclass(frozen=True)
class Switch:
    """Change of the trading state."""

    state: TradingState


@dataclass(frozen=True)
class TargetBatch:
    """Several targets in one call: (instrument, size_mode, size), each instrument once."""

    targets: tuple[tuple[int, SizeMode, int], ...]


@dataclass(frozen=True)
class Close:
    """Target 0."""

    instrument: int


@dataclass(frozen=True)
class Cancel:
    """Cancel one order; a number that no order has, or that of an engine order, is ignored."""

    order_id: int


@dataclass(frozen=True)
class Replace:
    """New total quantity, limit and stop of an order, 0 = unchanged; ignored like :class:`Cancel`."""

    order_id: int
    quantity: int = 0
    limit: int = 0
    stop: int = 0
    trail: int = 0  # new distance of a trailing stop
    trail_unit: TrailUnit = TrailUnit.NONE


@dataclass(frozen=True)
class CancelAll:
    """One cancel for each live order of the instrument (None: of all) and side (0: both), engine orders excepted, by order number."""

    instrument: int | None = None
    side: int = 0


@dataclass(frozen=True)
class Legs:
    """Market orders that fill together or not at all: (instrument, side, lots), each instrument once."""

    legs: tuple[tuple[int, Side, int], ...]
    tif: TimeInForce = TimeInForce.GTC


Command = Order | Target | TargetBatch | Close | Cancel | Replace | CancelAll | Switch | Legs


@dataclass(frozen=True)
class Faults:
    """What the broker does wrong: chances, and (start, end) of outages."""

    reject: int = 0
    reject_cancel: int = 0
    reject_replace: int = 0
    late_ack: int = 0
    late_by: int = 60 * 10**9
    lost_ack: int = 0
    duplicate: int = 0
    reorder: int = 0
    bust: int = 0
    correct: int = 0
    bust_after: int = 3600 * 10**9
    correct_by: int = 1  # ticks
    outage: int = 0
    outage_length: int = 3600 * 10**9
    outages: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Settings:
    """Every setting of the kernel. Fees are money units of the quote currency of the instrument that they are charged for."""

    seed: int = 0
    latency_ns: int = 0
    account_type: AccountType = AccountType.MARGIN
    currencies: tuple[Currency, ...] = (Currency("USD"),)  # [0] is the account's
    initial_cash: dict[int, int] = field(default_factory=lambda: {0: 100_000_000_000})  # by index of the currency
    fx: tuple[tuple[int, bool] | None, ...] = (None,)  # per currency: (instrument index of the pair, inverse)
    im: int = RATE
    mm: int = RATE // 2
    lots: Lots = Lots.FIFO
    fill_when: FillWhen = FillWhen.NEXT_EVENT
    path: BarPath = BarPath.DIRECTION
    participation: int | None = None
    limit_through: tuple[int, ...] = ()  # price units per instrument; () = 0 everywhere
    clamp_to_range: bool = False
    slippage_rate: int = 0
    slippage_ticks: int = 0
    per_order: int = 0
    per_unit: int = 0
    rate_taker: int = 0
    rate_maker: int = 0
    fee_min: int | None = None
    fee_max: int | None = None
    reversal: Reversal = Reversal.TWO_ORDERS
    on_short_cash: ShortCash = ShortCash.AUTO
    off_tick: OffTick = OffTick.REJECT
    flat_day_end: bool = False
    flat_run_end: bool = False
    max_open_positions: int | None = None
    max_position_fraction: int | None = None
    max_position_quantity: int | None = None
    max_order_quantity: int | None = None
    deduplicate: Deduplicate = Deduplicate.NONE
    bracket: Bracket = Bracket.PRO_RATA
    refuse_scale_in: bool = False
    max_orders: int | None = None
    max_orders_interval: int = 0
    max_live_orders: int | None = None
    price_collar: int | None = None
    max_drawdown: int | None = None
    on_drawdown: LimitAction = LimitAction.REFUSE
    max_daily_loss: int | None = None
    on_daily_loss: LimitAction = LimitAction.REDUCE_ONLY
    size_at_fill: bool = False
    default_limit: bool = False
    max_order_value: int | None = None
    max_gross_exposure: int | None = None
    max_net_exposure: int | None = None
    warmup_instants: int = 0
    trigger: Trigger = Trigger.AUTO
    mark_by: MarkBy = MarkBy.AUTO
    max_age: int | None = None
    equity_every: int = 0  # 0 = every instant
    faults: Faults | None = None  # None = the order manager knows everything at once
    ask_after: int = 30 * 10**9


@dataclass
class Scenario:
    """One run. ``flow[T]`` are the commands given in the callback at instant T, in order."""

    instruments: list[Instrument]
    bars: list[list[Bar]]
    settings: Settings
    flow: dict[int, list[Command]]

    @property
    def instants(self) -> list[int]:
        """Every moment at which a bar closes, as often as one feed has quotes or prints of that time."""
        often = [Counter(bar.close_time for bar in feed) for feed in self.bars]
        return sorted(t for t in set().union(*often) for _ in range(max(times[t] for times in often)))


@dataclass
class Journal:
    """What a run leaves behind. The rows of tables have the canonical columns of ``model.columns``, all ints."""

    orders: list[dict[str, int]] = field(default_factory=list)
    order_events: list[dict[str, int]] = field(default_factory=list)
    reports: list[dict[str, int]] = field(default_factory=list)
    fills: list[dict[str, int]] = field(default_factory=list)
    postings: list[dict[str, int]] = field(default_factory=list)
    lot_closes: list[dict[str, int]] = field(default_factory=list)
    switches: list[dict[str, int]] = field(default_factory=list)
    equity: list[tuple[int, int]] = field(default_factory=list)
    positions: dict[int, int] = field(default_factory=dict)  # instrument -> lots, signed
    cash: dict[int, int] = field(default_factory=dict)  # currency index -> money units
    counters: dict[str, int] = field(default_factory=dict)  # intents, no_change


def as_python(value: object, depth: int = 0) -> str:
    """Python text that builds the value again; a scenario gets one line per bar and command."""
    pad = "    " * (depth + 1)
    end = "    " * depth
    if isinstance(value, IntEnum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, OrderFlag):
        return f"OrderFlag({int(value)})"
    if isinstance(value, Fraction):
        return f"Fraction({value.numerator}, {value.denominator})"
    if isinstance(value, Scenario):
        parts = [f"{pad}{item.name}={as_python(getattr(value, item.name), depth + 1)},\n" for item in fields(value)]
        return f"Scenario(\n{''.join(parts)}{end})"
    if is_dataclass(value):
        named = [(item, getattr(value, item.name)) for item in fields(value)]
        return f"{type(value).__name__}({', '.join(f'{item.name}={as_python(v)}' for item, v in named if not _default(item, v))})"
    if isinstance(value, dict) and depth:
        return "{\n" + "".join(f"{pad}{k}: {as_python(v, depth + 1)},\n" for k, v in value.items()) + end + "}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {as_python(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[\n" + "".join(f"{pad}{as_python(v, depth + 1)},\n" for v in value) + end + "]"
    if isinstance(value, tuple):
        inside = ", ".join(as_python(v) for v in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return repr(value)


def _default(item: Field[object], value: object) -> bool:
    return type(item.default) is type(value) and item.default == value
