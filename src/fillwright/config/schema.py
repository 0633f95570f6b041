"""The one schema of a run: version 1.

Every section is frozen and refuses unknown keys. Rates are fractions, money and quantities exact decimals, durations whole
nanoseconds; see `rates` for how they may be written. :meth:`Config.canonical` is the effective configuration as plain JSON
values, the same however it was written.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from decimal import Decimal, localcontext
from functools import cache
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from fillwright.config import problems, rates
from fillwright.config.faults import Faults
from fillwright.config.fields import (
    AsList,
    CostRate,
    CurrencyCode,
    Duration,
    FilePath,
    Flag,
    Frozen,
    FrozenDict,
    Leverage,
    MaybeCurrency,
    Number,
    Params,
    Positive,
    PriceDistance,
    Seed,
    Session,
    Share,
    Shown,
    Symbol,
    Text,
    TextKeys,
    When,
    Whole,
    YearlyRate,
    Zone,
    marks,
)
from fillwright.config.policies import Limits, NoSizing, Orders, Sizing
from fillwright.config.section import Section
from fillwright.config.section import leaf as _leaf
from fillwright.model.instrument import MAX_PRICE_DECIMALS, MONEY_DECIMALS

FRACTIONAL_DECIMALS = 8
"""Decimals of the quantity of an instrument that is ``fractional``."""


def _warmup(value: object) -> object:
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise ValueError("must be auto or a whole number of bars >= 0")


def _at_most_nine(value: int) -> int:
    if value > MAX_PRICE_DECIMALS:
        raise ValueError(f"must be at most {MAX_PRICE_DECIMALS}")
    return value


def _every(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if isinstance(value, str) and (length := rates.duration(value)) > 0:
        return rates.duration_text(length)
    raise ValueError("must be a duration such as 30d, or a whole number of instants > 0")


Decimals = Annotated[Whole, AfterValidator(_at_most_nine), Shown("whole number 0..9")]
Warmup = Annotated[
    int | str, BeforeValidator(_warmup), WithJsonSchema({"type": ["integer", "string"]}), Shown("auto or whole number >= 0")
]
Every = Annotated[
    int | str, BeforeValidator(_every), WithJsonSchema({"type": ["integer", "string"]}), Shown("duration or whole number > 0")
]
Repair = Literal["sort", "drop_duplicates", "clip_high_low", "drop_bad_rows"]


class Checkpoint(Section):
    """Where a run can be taken up again."""

    file: FilePath | None = _leaf(
        "File that the latest checkpoint is written to, relative to the working directory. null = no checkpoints.", None
    )
    every: Every | None = _leaf(
        "How often one is taken: after so much data time (30d), or so many instants. null = when the strategy asks for it.", None
    )
    at: When | None = _leaf("Last bar before one more checkpoint; a date without a time includes that whole day.", None)

    @model_validator(mode="after")
    def _check(self) -> Self:
        asked = next((name for name in ("every", "at") if getattr(self, name) is not None), None)
        if asked and self.file is None:
            raise problems.Wrong(((asked,), "needs the key 'file' beside it: where the checkpoint is written to"))
        return self


class Run(Section):
    """The run itself."""

    name: Text = _leaf("Name of the run, shown in reports.", "run")
    seed: Seed = _leaf("Seed of everything that is random.", 0)
    out: FilePath | None = _leaf("Folder that the result is written to, relative to the working directory. null = none.", None)
    warmup: Warmup = _leaf(
        "Bars before the first callback; auto = the largest look-back that the strategy declares.", "auto", unit="bars"
    )
    isolation: Literal["warn", "strict"] = _leaf(
        "What to do when something outside the run was changed by it: report it, or fail the run. strict also compares the memory of the "
        "run with its journal as it goes.",
        "warn",
    )
    equity_every: Duration | None = _leaf(
        "Store equity once in each such interval, at its last instant. null = 1min with quotes or prints, else every instant.",
        None,
        unit="duration",
    )
    checkpoint: Checkpoint = _leaf("Checkpoints, from which `fillwright resume` and `fork` go on.", factory=Checkpoint)


class Columns(Section):
    """Names of columns in the file; null = the usual names, whatever their case."""

    open: Text | None = _leaf("Column of the opening price.", None)
    high: Text | None = _leaf("Column of the highest price.", None)
    low: Text | None = _leaf("Column of the lowest price.", None)
    close: Text | None = _leaf("Column of the closing price.", None)
    volume: Text | None = _leaf("Column of the volume.", None)
    bid: Text | None = _leaf("Column of the bid, of quotes.", None)
    ask: Text | None = _leaf("Column of the ask, of quotes.", None)
    bid_open: Text | None = _leaf("Column of the first bid, of quote bars.", None)
    bid_high: Text | None = _leaf("Column of the highest bid.", None)
    bid_low: Text | None = _leaf("Column of the lowest bid.", None)
    bid_close: Text | None = _leaf("Column of the last bid.", None)
    ask_open: Text | None = _leaf("Column of the first ask, of quote bars.", None)
    ask_high: Text | None = _leaf("Column of the highest ask.", None)
    ask_low: Text | None = _leaf("Column of the lowest ask.", None)
    ask_close: Text | None = _leaf("Column of the last ask.", None)
    bid_size: Text | None = _leaf("Column of the size at the bid.", None)
    ask_size: Text | None = _leaf("Column of the size at the ask.", None)
    price: Text | None = _leaf("Column of the price, of prints.", None)
    size: Text | None = _leaf("Column of the size, of prints.", None)


class Source(Section):
    """One file of market data."""

    symbol: Symbol = _leaf("Instrument that the file is about.")
    path: FilePath = _leaf("File (CSV, Parquet or Arrow), relative to data.folder.")
    kind: Literal["bars", "quote_bars", "quotes", "prints"] = _leaf(
        "What the rows are: bars of trades, bars of bid and ask, best bid and ask, or trades of the market.", "bars"
    )
    timeframe: Annotated[str, BeforeValidator(lambda value: _timeframe(value)), Shown("duration")] | None = _leaf(
        "Length of a bar: 1min, 5min, 1h, 1d. null = the usual distance of the rows.", None
    )
    timezone: Zone | None = _leaf("Zone of time stamps that carry none. null = such stamps are an error; dates need none.", None)
    stamp: Literal["open", "close"] | None = _leaf(
        "Which end of the bar its time stamp is. null = open for bars within a day.", None
    )
    timestamp_column: Text | None = _leaf("Column of the time stamps. null = the usual names.", None)
    timestamp_format: Text | None = _leaf("strptime format of the time stamps. null = ISO 8601.", None)
    symbol_column: Text | None = _leaf(
        "Column that names the instrument of each row; rows of other instruments are left out.", None
    )
    columns: Columns = _leaf("Names of the price columns.", factory=Columns)
    execution: Flag | None = _leaf("Whether orders trade on these bars. null = on the finest of the instrument.", None)


class Data(Section):
    """Where the market data come from."""

    folder: FilePath = _leaf(
        "Folder of the files, relative to the configuration file; package:NAME/folder is one inside an installed package.", "."
    )
    start: When | None = _leaf("First bar to use. null = the first there is.", None)
    end: When | None = _leaf("Last bar to use; a date without a time includes that whole day. null = the last there is.", None)
    sources: tuple[Source, ...] = _leaf("The files.", ())
    repair: Annotated[tuple[Repair, ...], AsList] = _leaf(
        "Repairs that are allowed on bad rows; each is counted and reported.", ()
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.start and self.end and len(self.start) == len(self.end) and self.end < self.start:
            raise problems.Wrong((("end",), f"{self.end} is before start {self.start}"))
        execution: set[str] = set()
        for number, source in enumerate(self.sources):
            if source.execution and source.symbol in execution:
                message = f"a second source of {source.symbol} with execution: true; orders trade on one"
                raise problems.Wrong((("sources", number, "execution"), message))
            if source.execution:
                execution.add(source.symbol)
        return self


class Instrument(Section):
    """Properties of one instrument."""

    quote: CurrencyCode = _leaf("Currency of its price.", "USD")
    base: MaybeCurrency = _leaf("Currency that it is a price of, when it is a currency pair.", "")
    tick: Positive | None = _leaf("Smallest step of an order price. null = none.", None, unit="quote currency")
    price_decimals: Decimals | None = _leaf("Decimals that prices are counted in. null = what the data need.", None)
    quantity_decimals: Decimals = _leaf("Decimals that quantities are counted in; 0 = whole units only.", 0)
    fractional: Flag = _leaf(f"Short for {FRACTIONAL_DECIMALS} quantity decimals.", False)
    multiplier: Positive = _leaf("Value of one point of price for one unit.", Decimal(1), unit="quote currency")
    timezone: Zone | None = _leaf("Zone of its exchange, by which days end. null = hours.timezone.", None)
    session: Session | None = _leaf("Trading day in that zone. null = hours.session.", None)

    @model_validator(mode="after")
    def _check(self) -> Self:
        found: list[tuple[problems.Path, str]] = []
        if self.fractional and self.quantity_decimals not in (0, FRACTIONAL_DECIMALS):
            message = (
                f"is {self.quantity_decimals}, but fractional means {FRACTIONAL_DECIMALS} quantity decimals; give one of them"
            )
            found.append((("quantity_decimals",), message))
        if self.tick is not None and self.price_decimals is not None and rates.decimals_of(self.tick) > self.price_decimals:
            found.append((("tick",), f"{rates.plain(self.tick)} needs more than the {self.price_decimals} price decimals"))
        if self.base and self.base == self.quote:
            found.append((("base",), f"{self.base} is the quote currency too"))
        if found:
            raise problems.Wrong(*found)
        return self

    @property
    def lot_decimals(self) -> int:
        """Decimals of a lot: ``quantity_decimals``, or 8 when fractional."""
        return FRACTIONAL_DECIMALS if self.fractional else self.quantity_decimals


class Hours(Section):
    """When instruments trade that say nothing themselves."""

    session: Session = _leaf("Trading day in the instrument's zone; 00:00-24:00 = around the clock.", "00:00-24:00")
    timezone: Zone | None = _leaf("Zone of the exchange. null = that of the data source, else UTC.", None)


def _deposit(fields: dict[str, Any]) -> dict[str, Decimal]:
    return {fields.get("currency", "USD"): Decimal(100_000)}


class Account(Section):
    """The account that trades."""

    currency: CurrencyCode = _leaf("Currency that equity is counted in.", "USD")
    initial_cash: Annotated[
        Mapping[CurrencyCode, Number],
        Frozen,
        WithJsonSchema({"type": ["number", "string", "object"], "additionalProperties": {"type": ["number", "string"]}}),
        Shown("number >= 0, or mapping of currency to number"),
    ] = _leaf("Cash at the start, in the account's currency or by currency.", factory=_deposit, unit="money")
    type: Literal["margin", "cash"] = _leaf(
        "cash: no short positions and nothing borrowed. margin: both, up to leverage.", "margin"
    )
    leverage: Leverage = _leaf("Largest exposure as a multiple of equity; initial margin = 1 / leverage.", Decimal(1))
    maintenance_margin: Share | None = _leaf(
        "Margin below which positions are liquidated, as a fraction of exposure. null = half of the initial margin.",
        None,
        unit="fraction",
    )
    lots: Literal["fifo", "lifo", "average", "highest_cost", "lowest_cost", "specific"] = _leaf(
        "Which lots a closing fill takes: first in, last in, all at average cost, those of the highest or lowest unit cost, or "
        "the one that the order names (else first in).",
        "fifo",
    )
    mark: Literal["auto", "last", "mid", "exit_side"] = _leaf(
        "Which price of an instrument with quotes its position is valued at: the middle (auto, mid), or the side that would close it. "
        "Bars and prints: their last price (auto, last).",
        "auto",
    )
    money_decimals: Decimals = _leaf("Decimals that money is counted in.", MONEY_DECIMALS)

    @model_validator(mode="before")
    @classmethod
    def _one_currency(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and "initial_cash" in data:
            cash, currency = data["initial_cash"], data.get("currency", "USD")
            if not isinstance(cash, Mapping) and isinstance(currency, str):
                return {**data, "initial_cash": {currency: cash}}
        return data

    @model_validator(mode="after")
    def _check(self) -> Self:
        found: list[tuple[problems.Path, str]] = []
        if self.type == "cash" and self.leverage != 1:
            message = f"is {rates.plain(self.leverage)}, but a cash account borrows nothing; use type: margin or leverage: 1"
            found.append((("leverage",), message))
        if not any(self.initial_cash.values()):
            found.append((("initial_cash",), "is 0: there is nothing to trade with"))
        for currency, cash in self.initial_cash.items():
            if rates.decimals_of(cash) > self.money_decimals:
                found.append(
                    (("initial_cash", currency), f"has more than the {self.money_decimals} decimals of account.money_decimals")
                )
            if cash * 10**self.money_decimals >= 2**62:
                found.append((("initial_cash", currency), f"is too large to be counted in {self.money_decimals} decimals"))
        if self.maintenance_margin is not None and self.maintenance_margin * self.leverage > 1:
            message = f"{rates.plain(self.maintenance_margin)} is above the initial margin, 1 / {rates.plain(self.leverage)}"
            found.append((("maintenance_margin",), message))
        if found:
            raise problems.Wrong(*found)
        return self

    @property
    def maintenance(self) -> Decimal:
        """Maintenance margin as a fraction of exposure (9 decimals): as given, else half of 1 / leverage."""
        if self.maintenance_margin is not None:
            return self.maintenance_margin
        with localcontext(rates.EXACT):
            return (Decimal(1) / (2 * self.leverage)).quantize(Decimal("1e-9"))


class Execution(Section):
    """How the simulated broker fills orders."""

    fill: Literal["next_event", "same_close_lookahead"] = _leaf(
        "First market event that a new order may meet: the next one, or (looking ahead) the close of the bar just shown.",
        "next_event",
    )
    path: Literal[
        "direction", "nearest", "open_high_low_close", "open_low_high_close", "worst", "best", "probabilistic", "close_only"
    ] = _leaf("In which order a bar is taken to have visited its high and low.", "direction")
    participation: Share | None = _leaf(
        "Largest part of a bar's volume that orders may take. null = no cap.", Decimal("0.1"), unit="fraction of volume"
    )
    latency: Duration = _leaf("Time from the decision to the broker.", 0, unit="duration")
    limit_through: PriceDistance = _leaf(
        "How far the market must trade beyond a limit price before a resting order fills: a price, or ticks of the instrument as text "
        '("1 tick"); 0 = touch.',
        Decimal(0),
        unit="quote currency, or ticks",
    )
    clamp_to_range: Flag = _leaf("Keep fill prices, with slippage, within the low and high of their bar.", False)
    trigger: Literal["auto", "last", "bid_ask", "mid"] = _leaf(
        "Which price of an instrument with quotes triggers stops and the like: that of the side the order trades on (auto, bid_ask), "
        "or the middle. Bars and prints: their own price (auto, last).",
        "auto",
    )
    max_age: Duration | None = _leaf(
        "Oldest quote that an arriving order may trade with; where it is older the order waits for the next. null = any.",
        None,
        unit="duration",
    )
    faults: Faults = _leaf("What the simulated broker does wrong.", factory=Faults)


_PER_ORDER = "quote currency per order"
_LEAST, _MOST = "Least fee of an order.", "Largest fee of an order."


def _fee_bounds(fee: RateCommission | UnitCommission | OrderCommission) -> Any:
    if fee.minimum is not None and fee.maximum is not None and fee.maximum < fee.minimum:
        raise problems.Wrong((("maximum",), f"{rates.plain(fee.maximum)} is below minimum {rates.plain(fee.minimum)}"))
    return fee


class NoCommission(Section):
    """No commission."""

    model: Literal["none"] = _leaf("No commission.", "none")


class RateCommission(Section):
    """Commission by traded value."""

    model: Literal["rate"] = _leaf("By traded value.")
    rate: CostRate = _leaf("Part of the traded value.", unit="fraction")
    maker_rate: CostRate | None = _leaf("The same for fills that gave liquidity. null = rate.", None, unit="fraction")
    minimum: Number | None = _leaf(_LEAST, None, unit=_PER_ORDER)
    maximum: Number | None = _leaf(_MOST, None, unit=_PER_ORDER)
    _check = model_validator(mode="after")(_fee_bounds)


class UnitCommission(Section):
    """Commission by quantity."""

    model: Literal["per_unit"] = _leaf("By quantity.")
    amount: Number = _leaf("Money for each unit traded.", unit="quote currency per unit")
    minimum: Number | None = _leaf(_LEAST, None, unit=_PER_ORDER)
    maximum: Number | None = _leaf(_MOST, None, unit=_PER_ORDER)
    _check = model_validator(mode="after")(_fee_bounds)


class OrderCommission(Section):
    """Commission by order."""

    model: Literal["per_order"] = _leaf("By order.")
    amount: Number = _leaf("Money for each order, charged with its first fill.", unit="quote currency per order")
    minimum: Number | None = _leaf(_LEAST, None, unit=_PER_ORDER)
    maximum: Number | None = _leaf(_MOST, None, unit=_PER_ORDER)
    _check = model_validator(mode="after")(_fee_bounds)


class NoSlippage(Section):
    """No slippage."""

    model: Literal["none"] = _leaf("No slippage.", "none")


class RateSlippage(Section):
    """Slippage by price."""

    model: Literal["rate"] = _leaf("By price.")
    rate: CostRate = _leaf("How much worse the price is, as a part of it.", unit="fraction")


class TickSlippage(Section):
    """Slippage by ticks."""

    model: Literal["ticks"] = _leaf("By ticks of the instrument.")
    ticks: Whole = _leaf("How much worse the price is.", unit="ticks")


Commission = Annotated[NoCommission | RateCommission | UnitCommission | OrderCommission, Field(discriminator="model")]
Slippage = Annotated[NoSlippage | RateSlippage | TickSlippage, Field(discriminator="model")]


class Costs(Section):
    """What trading costs."""

    commission: Commission = _leaf("Commission.", factory=NoCommission)
    slippage: Slippage = _leaf("Slippage of orders that take liquidity.", factory=NoSlippage)


class Strategy(Section):
    """What decides."""

    name: Text = _leaf("Name of a built-in strategy, or file.py:ClassName relative to the configuration file.")
    params: Params = _leaf("Its parameters.", factory=FrozenDict)


class Report(Section):
    """What is shown; changes no result."""

    formats: Annotated[tuple[Literal["html"], ...], AsList] = _leaf("Reports written into the result folder.", ())
    trades: Literal["lot", "fill_to_fill", "flat_to_flat"] = _leaf("How closed lots are grouped into trades.", "flat_to_flat")
    benchmark: Symbol | None = _leaf("Instrument of the data to compare with. null = none.", None)
    risk_free_rate: YearlyRate = _leaf("Return without risk, for ratios.", Decimal(0), unit="fraction per year")
    title: Text | None = _leaf("Title of the report. null = run.name.", None)


class Config(Section):
    """A whole configuration. Equal configurations compare and hash equal, however they were written."""

    version: Literal[1] = _leaf("Version of this schema.", 1)
    run: Run = _leaf("The run itself.", factory=Run)
    data: Data = _leaf("Market data.", factory=Data)
    instruments: Annotated[Mapping[Symbol, Instrument], TextKeys, Frozen] = _leaf(
        "Properties of instruments, by symbol.", factory=FrozenDict
    )
    hours: Hours = _leaf("Trading hours of all instruments.", factory=Hours)
    account: Account = _leaf("The account.", factory=Account)
    execution: Execution = _leaf("The simulated broker.", factory=Execution)
    costs: Costs = _leaf("Costs.", factory=Costs)
    orders: Orders = _leaf("Rules for orders.", factory=Orders)
    limits: Limits = _leaf("Limits.", factory=Limits)
    sizing: Sizing = _leaf("Size of orders that give none.", factory=NoSizing)
    strategy: Strategy | None = _leaf("The strategy. null = given in Python.", None)
    report: Report = _leaf("Reports.", factory=Report)

    @model_validator(mode="after")
    def _check(self) -> Self:
        symbols = {source.symbol for source in self.data.sources}
        named: list[tuple[problems.Path, str]] = [(("instruments", symbol), symbol) for symbol in self.instruments]
        if self.report.benchmark is not None:
            named.append((("report", "benchmark"), self.report.benchmark))
        found = [
            (path, f"{symbol} has no source in data.sources{problems.near(symbol, symbols)}")
            for path, symbol in named
            if symbols and symbol not in symbols
        ]
        if found:
            raise problems.Wrong(*found)
        return self

    @model_validator(mode="before")
    @classmethod
    def _empty_sections(cls, data: Any) -> Any:
        """A section whose keys are all commented out reads as null: it has its defaults."""
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, Mapping) else data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Config:
        """A configuration from nested plain values; ConfigError with everything that is wrong, warnings for what looks odd."""
        config, notes = validated(data)
        for note in notes:
            warnings.warn(note.text(), stacklevel=2)
        return config

    def canonical(self) -> dict[str, Any]:
        """All settings, defaults included, as sorted plain JSON values; ``from_dict`` gives an equal configuration back."""
        with localcontext(rates.EXACT):
            result: dict[str, Any] = plain_values(self)
        return result

    def fingerprint_view(self) -> dict[str, Any]:
        """``canonical()`` without what changes no result: run.out, run.name, run.checkpoint, report."""
        view = self.canonical()
        del view["report"], view["run"]["out"], view["run"]["name"], view["run"]["checkpoint"]
        return view

    def instrument(self, symbol: str) -> Instrument:
        """Settings of an instrument with ``hours`` filled in where it gives none itself."""
        given = self.instruments.get(symbol) or Instrument()
        hours = {"session": given.session or self.hours.session, "timezone": given.timezone or self.hours.timezone}
        return given.model_copy(update=hours)

    def __hash__(self) -> int:
        return hash(json.dumps(self.canonical(), sort_keys=True))


@cache
def _fields(section: type[BaseModel]) -> tuple[tuple[str, bool], ...]:
    """Names of a section's keys, sorted, and whether each is a duration."""
    return tuple(
        (name, Shown("duration") in (*field.metadata, *marks(field.annotation)))
        for name, field in sorted(section.model_fields.items())
    )


def plain_values(value: Any, *, given_only: bool = False, number: Callable[[Decimal], Any] = rates.plain) -> Any:
    """Plain JSON values of a section: decimals and durations as text, keys sorted.

    With ``given_only`` without what was left to its default; ``number`` says what a decimal becomes.
    """
    if value is None or type(value) in (str, int, bool):
        return value
    if isinstance(value, BaseModel):
        fields = _fields(type(value))
        if given_only:  # the tag of a union says which form it is, so it is never left out
            names = value.model_fields_set | {"model", "method"}
            fields = tuple(field for field in fields if field[0] in names)
        result = {}
        for name, is_duration in fields:
            leaf = getattr(value, name)
            as_text = is_duration and isinstance(leaf, int)
            result[name] = rates.duration_text(leaf) if as_text else plain_values(leaf, given_only=given_only, number=number)
        return result
    if isinstance(value, Mapping):
        return {name: plain_values(value[name], given_only=given_only, number=number) for name in sorted(value)}
    if isinstance(value, tuple):
        return [plain_values(item, given_only=given_only, number=number) for item in value]
    return number(value) if isinstance(value, Decimal) else value


def validated(data: Mapping[str, Any], place: problems.Place = problems.nowhere) -> tuple[Config, tuple[problems.Problem, ...]]:
    """The configuration of nested plain values and what looks odd in it; ConfigError with all that is wrong.

    ``place`` tells where a key path stands (``file:line:column``), as far as that is known.
    """
    try:
        with localcontext(rates.EXACT):
            config = Config.model_validate(data)
    except ValidationError as error:
        raise problems.as_error(problems.explain(error, Config, data, place)) from None
    return config, tuple(problems.suspicious(Config, data, place))


def _timeframe(value: object) -> str | None:
    if value is None:
        return None
    length = rates.duration(value)
    if length < rates.DURATION_UNITS["s"]:
        raise ValueError("must be a bar length of at least 1s, for example 1min or 1d")
    return rates.duration_text(length)
