"""Lower settings to what the simulated broker counts in: the one place where configuration becomes kernel parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from fillwright.config.faults import Faults
from fillwright.config.rates import EXACT
from fillwright.config.schema import Config
from fillwright.errors import ConfigError
from fillwright.model import codes
from fillwright.model.instrument import RATE_SCALE, Currency, Instrument

NO_LIMIT = -1


@dataclass(frozen=True, slots=True)
class InstrumentTerms:
    """What trading one instrument costs and is limited to. Rates in 10^-9, money in units of its quote currency, lots, price units."""

    slip_rate: int = 0
    slip_ticks: int = 0
    fee_order: int = 0
    fee_unit: int = 0
    fee_taker: int = 0
    fee_maker: int = 0
    fee_min: int = 0
    fee_max: int = NO_LIMIT
    through: int = 0
    max_position: int = NO_LIMIT
    max_order: int = NO_LIMIT


@dataclass(frozen=True, slots=True)
class FaultTerms:
    """What goes wrong: chances in 10^-9, ns, and outages as (start, end) in words, which are on the clock of the first instrument."""

    reject: int = 0
    reject_cancel: int = 0
    reject_replace: int = 0
    late_ack: int = 0
    late_by: int = 60_000_000_000
    lost_ack: int = 0
    duplicate: int = 0
    reorder: int = 0
    bust: int = 0
    correct: int = 0
    bust_after: int = 3_600_000_000_000
    correct_by: int = 1
    outage: int = 0
    outage_length: int = 3_600_000_000_000
    outages: tuple[tuple[str, str], ...] = ()

    @property
    def any(self) -> bool:
        """Whether anything can go wrong."""
        chances = (
            self.reject,
            self.reject_cancel,
            self.reject_replace,
            self.late_ack,
            self.lost_ack,
            self.duplicate,
            self.reorder,
            self.bust,
            self.correct,
        )
        return any((*chances, self.outage, self.outages))


@dataclass(frozen=True, slots=True)
class Terms:
    """All parameters of a run as whole numbers and codes; -1 is no limit. ``currencies[0]`` is the account's."""

    currencies: tuple[Currency, ...]
    initial_cash: tuple[int, ...]
    instruments: tuple[InstrumentTerms, ...]
    seed: int = 0
    latency_ns: int = 0
    account_type: codes.AccountType = codes.AccountType.MARGIN
    lots: codes.Lots = codes.Lots.FIFO
    fill_when: codes.FillWhen = codes.FillWhen.NEXT_EVENT
    path: codes.BarPath = codes.BarPath.DIRECTION
    participation: int = NO_LIMIT
    clamp_to_range: bool = False
    reversal: codes.Reversal = codes.Reversal.TWO_ORDERS
    on_short_cash: codes.ShortCash = codes.ShortCash.AUTO
    off_tick: codes.OffTick = codes.OffTick.REJECT
    deduplicate: codes.Deduplicate = codes.Deduplicate.NONE
    bracket: codes.Bracket = codes.Bracket.PRO_RATA
    flat_day_end: bool = False
    flat_run_end: bool = False
    initial_margin: int = RATE_SCALE
    maintenance_margin: int = RATE_SCALE // 2
    max_open_positions: int = NO_LIMIT
    max_position_fraction: int = NO_LIMIT
    refuse_scale_in: bool = False
    max_orders: int = NO_LIMIT
    max_orders_interval: int = 0
    max_live_orders: int = NO_LIMIT
    price_collar: int = NO_LIMIT
    max_drawdown: int = NO_LIMIT
    on_drawdown: codes.LimitAction = codes.LimitAction.REFUSE
    max_daily_loss: int = NO_LIMIT
    on_daily_loss: codes.LimitAction = codes.LimitAction.REDUCE_ONLY
    size_at_fill: codes.OrderFlag = codes.OrderFlag.NONE
    default_limit: bool = False
    max_order_value: int = NO_LIMIT
    max_gross_exposure: int = NO_LIMIT
    max_net_exposure: int = NO_LIMIT
    trigger: codes.Trigger = codes.Trigger.AUTO
    mark_by: codes.MarkBy = codes.MarkBy.AUTO
    max_age: int = NO_LIMIT
    equity_every: int = 0
    faults: FaultTerms = FaultTerms()
    ask_after: int = 30_000_000_000

    @property
    def guarded(self) -> bool:
        """Whether losses have to be watched at every instant."""
        return self.max_daily_loss != NO_LIMIT or (self.max_drawdown != NO_LIMIT and self.on_drawdown != codes.LimitAction.REFUSE)

    @property
    def policies(self) -> bool:
        """Whether any of the settings is there that orders without them need not be checked for."""
        limits = [self.max_open_positions, self.max_position_fraction, self.max_orders, self.max_live_orders, self.price_collar,
                  self.max_drawdown, self.max_order_value, self.max_gross_exposure, self.max_net_exposure]  # fmt: skip
        for instrument in self.instruments:
            limits += [instrument.max_order, instrument.max_position]
        return self.refuse_scale_in or any(limit != NO_LIMIT for limit in limits)


def whole(value: Decimal, scale: int, what: str) -> int:
    """value x scale as a whole number; ConfigError where that is not exact."""
    scaled = value * scale
    if scaled != scaled.to_integral_value():
        raise ConfigError(
            f"{value} has more decimals than can be counted", where=what, remedy=f"the smallest step is {Decimal(1) / scale}"
        )
    return int(scaled)


def currencies_of(config: Config, instruments: Sequence[Instrument]) -> tuple[Currency, ...]:
    """Every currency of the account, the account's own first, then quote currencies in order of instruments, then deposits."""
    codes_in_order = [config.account.currency, *(i.quote for i in instruments), *config.account.initial_cash]
    return tuple(Currency(code, config.account.money_decimals) for code in dict.fromkeys(codes_in_order))


def lower(config: Config, instruments: Sequence[Instrument]) -> Terms:
    """The parameters that a configuration means for these instruments. ConfigError where a number cannot be counted."""
    with localcontext(EXACT):
        return _lower(config, instruments)


def _lower(config: Config, instruments: Sequence[Instrument]) -> Terms:
    account, execution, orders, limits = config.account, config.execution, config.orders, config.limits
    currencies = currencies_of(config, instruments)
    scale = 10**account.money_decimals
    cash = tuple(
        whole(Decimal(account.initial_cash.get(currency.code, 0)), scale, f"account.initial_cash.{currency.code}")
        for currency in currencies
    )
    margin = (RATE_SCALE / Decimal(account.leverage)).to_integral_value(ROUND_HALF_EVEN)
    return Terms(
        currencies=currencies,
        initial_cash=cash,
        instruments=_terms_of(config, instruments),
        seed=config.run.seed,
        latency_ns=int(execution.latency),
        account_type=codes.AccountType[account.type.upper()],
        lots=codes.Lots[account.lots.upper()],
        fill_when=codes.FillWhen[execution.fill.upper()],
        path=codes.BarPath[execution.path.upper()],
        participation=_rate(execution.participation, "execution.participation"),
        clamp_to_range=execution.clamp_to_range,
        reversal=codes.Reversal[orders.reversal.upper()],
        on_short_cash=codes.ShortCash[orders.on_short_cash.upper()],
        off_tick=codes.OffTick[orders.off_tick.upper()],
        deduplicate=codes.Deduplicate[orders.deduplicate.upper()],
        bracket=codes.Bracket[orders.bracket.upper()],
        flat_day_end="day_end" in orders.flat_at,
        flat_run_end="run_end" in orders.flat_at,
        initial_margin=int(margin),
        maintenance_margin=_rate(account.maintenance, "account.maintenance_margin"),
        max_open_positions=_count(limits.max_open_positions),
        max_position_fraction=_rate(limits.max_position_fraction, "limits.max_position_fraction"),
        refuse_scale_in=orders.scale_in == "refuse",
        max_orders=_count(limits.max_orders),
        max_orders_interval=int(limits.max_orders_interval),
        max_live_orders=_count(limits.max_live_orders),
        price_collar=_rate(limits.price_collar, "limits.price_collar"),
        max_drawdown=_rate(limits.max_drawdown, "limits.max_drawdown"),
        on_drawdown=codes.LimitAction[limits.on_drawdown.upper()],
        max_daily_loss=_rate(limits.max_daily_loss, "limits.max_daily_loss"),
        on_daily_loss=codes.LimitAction[limits.on_daily_loss.upper()],
        size_at_fill=codes.OrderFlag.SIZED_AT_FILL if config.sizing.price == "fill" else codes.OrderFlag.NONE,
        default_limit=orders.default_type == "limit",
        max_order_value=NO_LIMIT
        if limits.max_order_value is None
        else whole(limits.max_order_value, scale, "limits.max_order_value"),
        max_gross_exposure=_rate(limits.max_gross_exposure, "limits.max_gross_exposure"),
        max_net_exposure=_rate(limits.max_net_exposure, "limits.max_net_exposure"),
        trigger=codes.Trigger[execution.trigger.upper()],
        mark_by=codes.MarkBy[account.mark.upper()],
        max_age=_count(execution.max_age),
        equity_every=0 if config.run.equity_every is None else int(config.run.equity_every),
        faults=_faults(execution.faults),
        ask_after=int(orders.status_request_after),
    )


def _faults(faults: Faults) -> FaultTerms:
    def chance(name: str) -> int:
        return whole(getattr(faults, name), RATE_SCALE, f"execution.faults.{name}")

    return FaultTerms(
        reject=chance("reject"),
        reject_cancel=chance("reject_cancel"),
        reject_replace=chance("reject_replace"),
        late_ack=chance("late_ack"),
        late_by=int(faults.late_by),
        lost_ack=chance("lost_ack"),
        duplicate=chance("duplicate_report"),
        reorder=chance("reorder_reports"),
        bust=chance("bust"),
        correct=chance("correct"),
        bust_after=int(faults.bust_after),
        correct_by=faults.correct_by,
        outage=chance("outage"),
        outage_length=int(faults.outage_length),
        outages=tuple((outage.start, outage.end) for outage in faults.outages),
    )


def _rate(value: Decimal | None, what: str) -> int:
    return NO_LIMIT if value is None else whole(value, RATE_SCALE, what)


def _count(value: int | None) -> int:
    return NO_LIMIT if value is None else value


def _lots(value: Decimal | None, instrument: Instrument, what: str) -> int:
    return NO_LIMIT if value is None else whole(value, instrument.quantity_scale, f"{what} ({instrument.symbol})")


def _terms_of(config: Config, instruments: Sequence[Instrument]) -> tuple[InstrumentTerms, ...]:
    """Terms of each instrument; made once for all that count prices and quantities in the same units."""
    made: dict[tuple[int, int, int], InstrumentTerms] = {}
    terms = []
    for instrument in instruments:
        units = (instrument.price_decimals, instrument.quantity_decimals, instrument.tick)
        if units not in made:
            made[units] = _instrument_terms(config, instrument)
        terms.append(made[units])
    return tuple(terms)


def _instrument_terms(config: Config, instrument: Instrument) -> InstrumentTerms:
    commission, slippage = config.costs.commission, config.costs.slippage
    money = 10**config.account.money_decimals
    where = "costs.commission"
    fees: dict[str, int] = {}
    if commission.model == "rate":
        fees["fee_taker"] = _rate(commission.rate, f"{where}.rate")
        maker = commission.rate if commission.maker_rate is None else commission.maker_rate
        fees["fee_maker"] = _rate(maker, f"{where}.maker_rate")
    elif commission.model == "per_unit":
        fees["fee_unit"] = whole(commission.amount, money, f"{where}.amount")
    elif commission.model == "per_order":
        fees["fee_order"] = whole(commission.amount, money, f"{where}.amount")
    if commission.model != "none":
        if commission.minimum is not None:
            fees["fee_min"] = whole(commission.minimum, money, f"{where}.minimum")
        if commission.maximum is not None:
            fees["fee_max"] = whole(commission.maximum, money, f"{where}.maximum")
    if slippage.model == "ticks" and slippage.ticks:
        _tick_of(instrument, "slippage in ticks", "costs.slippage")
    return InstrumentTerms(
        **fees,
        slip_rate=_rate(slippage.rate, "costs.slippage.rate") if slippage.model == "rate" else 0,
        slip_ticks=slippage.ticks if slippage.model == "ticks" else 0,
        through=_through(config.execution.limit_through, instrument),
        max_position=_lots(config.limits.max_position_quantity, instrument, "limits.max_position_quantity"),
        max_order=_lots(config.limits.max_order_quantity, instrument, "limits.max_order_quantity"),
    )


def _through(distance: Decimal | str, instrument: Instrument) -> int:
    """Price units of ``execution.limit_through``."""
    if isinstance(distance, Decimal):
        return whole(distance, instrument.price_scale, f"execution.limit_through ({instrument.symbol})")
    return int(distance.split()[0]) * _tick_of(instrument, f"{distance} through a limit", "execution.limit_through")


def _tick_of(instrument: Instrument, what: str, where: str) -> int:
    if not instrument.tick:
        raise ConfigError(
            f"{what}, but {instrument.symbol} has no tick",
            where=where,
            remedy=f"set instruments.{instrument.symbol}.tick, or state it as a price or rate",
        )
    return instrument.tick
