"""The figures of a run, from stored equity and trades. numpy only; definitions stand in ``analytics.definitions``.

Inside this module a figure is a float, or a text: the reason why it is not defined.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from fillwright.analytics.definitions import DEFINITIONS, SCALING, Definition, Unit
from fillwright.analytics.drawdown import Drawdown, Underwater
from fillwright.analytics.frequency import DAY_NS, YEAR_DAYS, Frequency, day, infer
from fillwright.errors import UsageError
from fillwright.model.codes import TradeStatus

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Outcome = float | str

MIN_GROWTH_DAYS = 28
"""Growth over less time than this is not brought to a year."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of a run.

    ``value`` is None where it is not defined, with the ``reason``; fractions are plain (0.1 = 10 %), money is in whole
    currency, durations in days. ``annualisation`` names the factor and where it comes from.
    """

    name: str
    value: float | None
    unit: Unit
    definition: str
    frequency: str
    annualisation: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Returns:
    """Session-close returns, or the reason why there are none."""

    values: Floats
    reason: str = ""
    resolution: float = 0.0


@dataclass(frozen=True)
class MetricInputs:
    """What figures are computed from.

    instants           int64[m] ns UTC, strictly increasing: when equity was stored
    equity             int64[m] money units of the account's currency
    scale              money units per 1 of that currency
    day_close_index    int64[d] strictly increasing: index of the last stored instant of each trading day
    start_time         ns UTC, not after the first instant; ``start_equity`` money units: what the run began with
    flows              int64[m] money units paid in (+) or out (-) up to each instant since the one before; None = none
    trades             record array of ``columns.TRADES``; ``ratios`` per instrument (mul, div) of ``money_ratio``
    trade_rates        float64[trades] account currency per money unit of the row's quote currency; None = 1 / scale
    marks_in_position  stored instants at which any position was open
    traded_value, fees, slippage    in account currency
    benchmark          float64[d + 1] value of a benchmark at the start and at each session close
    """

    instants: Ints
    equity: Ints
    scale: int
    day_close_index: Ints
    start_time: int
    start_equity: int
    currency: str = "USD"
    flows: Ints | None = None
    trades: npt.NDArray[np.void] | None = None
    ratios: tuple[tuple[int, int], ...] = ()
    trade_rates: Floats | None = None
    marks_in_position: int | None = None
    traded_value: float | None = None
    fees: float | None = None
    slippage: float | None = None
    periods_per_year: float | None = None
    risk_free_rate: float = 0.0
    benchmark: Floats | None = field(default=None)

    def __post_init__(self) -> None:
        marks = len(self.instants)
        if len(self.equity) != marks:
            raise UsageError(f"{marks} instants and {len(self.equity)} values of equity: they must be equally many")
        index = self.day_close_index
        if len(index) and (int(index[0]) < 0 or int(index[-1]) >= marks or np.any(np.diff(index) <= 0)):
            raise UsageError(f"session closes must be increasing numbers of marks, 0 to {marks - 1}")
        if self.flows is not None and len(self.flows) != marks:
            raise UsageError(f"{marks} instants and {len(self.flows)} flows: they must be equally many")
        if self.benchmark is not None and len(self.benchmark) != len(index) + 1:
            raise UsageError(f"a benchmark needs {len(index) + 1} values (start and session closes), got {len(self.benchmark)}")
        if self.trade_rates is not None and (self.trades is None or len(self.trade_rates) != len(self.trades)):
            raise UsageError("trade_rates needs one rate per trade")
        if self.periods_per_year is not None and not self.periods_per_year > 0:
            raise UsageError(f"periods per year must be positive, got {self.periods_per_year}")

    @cached_property
    def frequency(self) -> Frequency:
        """Returns a year, and in words where the number comes from."""
        return infer(self.instants[self.day_close_index], self.periods_per_year)

    @cached_property
    def value(self) -> Ints | Floats:
        """[m] equity in money units; with flows, what the starting equity would have become without them."""
        if self.flows is None or not np.any(self.flows):
            return self.equity
        before = np.concatenate(([self.start_equity], self.equity[:-1]))
        with np.errstate(divide="ignore", invalid="ignore"):
            growth = (self.equity - self.flows) / before
        return np.cumprod(growth, dtype=np.float64) * self.start_equity

    @cached_property
    def years(self) -> float:
        """Calendar years from the start to the last mark."""
        return (int(self.instants[-1]) - self.start_time) / (YEAR_DAYS * DAY_NS) if len(self.instants) else 0.0

    @cached_property
    def returns(self) -> Returns:
        """Session-close returns, float64[d]; ``resolution`` is what the rounding of money alone can make of one."""
        closes = np.concatenate(([self.start_equity], self.value[self.day_close_index])).astype(np.float64)
        if len(closes) < 2:
            return Returns(np.empty(0), "no trading day was completed")
        ruined = np.flatnonzero(~(closes > 0))
        if len(ruined) and ruined[0] == 0:
            return Returns(np.empty(0), "the starting equity is not above 0")
        if len(ruined):
            when = int(self.instants[self.day_close_index[ruined[0] - 1]]) - 1
            return Returns(np.empty(0), f"equity was not above 0 at the session close of {day(when)}")
        # Half a unit in each of two closes; floats add their own rounding.
        return Returns(np.diff(closes) / closes[:-1], "", 2.0 / float(np.min(closes)) + 1e-14)

    @cached_property
    def underwater(self) -> Underwater | str:
        """Drawdown at every mark, or the reason why it is not defined."""
        if not len(self.instants):
            return "no equity was stored"
        if self.start_equity <= 0:
            return "the starting equity is not above 0"
        return Underwater(self.start_time, self.start_equity, self.instants, self.value)


def metrics(inputs: MetricInputs) -> dict[str, Metric]:
    """Every figure of ``analytics.definitions``, in that order; those of a benchmark only where one is given."""
    outcomes = _growth(inputs) | _ratios(inputs) | _losses(inputs) | _activity(inputs) | _trades(inputs)
    if inputs.benchmark is not None:
        outcomes |= _against(inputs, inputs.benchmark)
    return {name: _metric(item, outcomes[name], inputs) for name, item in DEFINITIONS.items() if name in outcomes}


def worst_drawdown(inputs: MetricInputs) -> Drawdown | None:
    """The deepest fall of equity with its dates; None if there is none or it is not defined."""
    return None if isinstance(inputs.underwater, str) else inputs.underwater.worst()


def _metric(item: Definition, outcome: Outcome, inputs: MetricInputs) -> Metric:
    scaling = SCALING[item.scaling]
    if item.scaling in ("square root", "linear", "geometric"):
        scaling = f"{scaling}; {inputs.frequency.source}"
    value, reason = (None, outcome) if isinstance(outcome, str) else (float(outcome), "")
    if value is not None and not np.isfinite(value):
        value, reason = None, "the result is too large for a number"
    return Metric(item.name, value, item.unit, item.text, item.basis, scaling, reason)


def _growth(inputs: MetricInputs) -> dict[str, Outcome]:
    if not len(inputs.instants) or inputs.start_equity <= 0:
        missing = "no equity was stored" if inputs.start_equity > 0 else "the starting equity is not above 0"
        return dict.fromkeys(("total_return", "cagr", "annual_return", "volatility"), missing)
    growth = float(inputs.value[-1]) / inputs.start_equity
    return {
        "total_return": growth - 1,
        "cagr": _cagr(growth, inputs.years),
        "annual_return": _annual_return(inputs),
        "volatility": _volatility(inputs),
    }


def _too_short(years: float) -> str:
    days = years * YEAR_DAYS
    if days >= MIN_GROWTH_DAYS:
        return ""
    return f"not brought to a year: {days:.1f} days, fewer than {MIN_GROWTH_DAYS}"


def _cagr(growth: float, years: float) -> Outcome:
    if growth <= 0:
        return "the last equity is not above 0"
    return _too_short(years) or _power(growth, 1 / years)


def _annual_return(inputs: MetricInputs) -> Outcome:
    reason = _needs(inputs, 1) or _too_short(inputs.years)
    if reason:
        return reason
    growth = float(inputs.value[inputs.day_close_index[-1]]) / inputs.start_equity
    return _power(growth, _periods(inputs) / len(inputs.returns.values))


def _power(growth: float, exponent: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.power(growth, exponent)) - 1


def _needs(inputs: MetricInputs, count: int) -> str:
    """The reason why ``count`` session-close returns and their number a year are not there, empty if they are."""
    returns = inputs.returns
    if returns.reason:
        return returns.reason
    if len(returns.values) < count:
        return f"needs {count} session-close returns, the run has {len(returns.values)}"
    return "" if inputs.frequency.periods else f"returns a year are not known: {inputs.frequency.source}"


def _periods(inputs: MetricInputs) -> float:
    assert inputs.frequency.periods is not None
    return inputs.frequency.periods


def _volatility(inputs: MetricInputs) -> Outcome:
    return _needs(inputs, 2) or float(np.std(inputs.returns.values, ddof=1)) * _periods(inputs) ** 0.5


def _excess(inputs: MetricInputs) -> Floats:
    rate: float = (1 + inputs.risk_free_rate) ** (1 / _periods(inputs)) - 1
    return inputs.returns.values - rate


def _ratios(inputs: MetricInputs) -> dict[str, Outcome]:
    reason = _needs(inputs, 2)
    if reason:
        return dict.fromkeys(("sharpe", "sortino", "calmar", "omega"), reason)
    excess, root = _excess(inputs), _periods(inputs) ** 0.5
    mean, deviation = float(np.mean(excess)), float(np.std(excess, ddof=1))
    below = np.minimum(excess, 0.0)
    downside = float(np.sqrt(np.mean(below**2)))
    flat = inputs.returns.resolution
    no_loss = "no return was below the risk-free rate"
    return {
        "sharpe": mean / deviation * root if deviation > flat else "the returns do not vary",
        "sortino": mean / downside * root if downside > flat else no_loss,
        "calmar": _calmar(inputs),
        "omega": float(np.sum(np.maximum(excess, 0.0))) / -float(np.sum(below)) if downside > flat else no_loss,
    }


def _calmar(inputs: MetricInputs) -> Outcome:
    annual, under = _annual_return(inputs), inputs.underwater
    if isinstance(annual, str):
        return annual
    if isinstance(under, str):
        return under
    return annual / -float(np.min(under.depths)) if under.count else "equity never fell below an earlier high"


def _losses(inputs: MetricInputs) -> dict[str, Outcome]:
    under = inputs.underwater
    names = ("max_drawdown", "max_drawdown_amount", "max_drawdown_duration", "average_drawdown")
    outcomes: dict[str, Outcome]
    if isinstance(under, str):
        outcomes = dict.fromkeys(names, under)
    elif not under.count:
        outcomes = dict.fromkeys(names, 0.0)
    else:
        outcomes = {
            "max_drawdown": float(np.min(under.depths)),
            "max_drawdown_amount": _deepest(inputs, under) / inputs.scale,
            "max_drawdown_duration": float(np.max(under.durations)) / DAY_NS,
            "average_drawdown": float(np.mean(under.depths)),
        }
    return outcomes | _distribution(inputs)


def _deepest(inputs: MetricInputs, under: Underwater) -> float:
    """Largest distance below the high in money units; with flows, of equity without them, in the account's money."""
    if inputs.value is inputs.equity or inputs.flows is None:
        return -float(np.min(under.distance))
    without = inputs.equity - np.cumsum(inputs.flows)
    return -float(np.min(Underwater(inputs.start_time, inputs.start_equity, inputs.instants, without).distance))


def _distribution(inputs: MetricInputs) -> dict[str, Outcome]:
    names = ("var_95", "cvar_95", "skew", "kurtosis")
    returns = inputs.returns
    if returns.reason:
        return dict.fromkeys(names, returns.reason)
    if len(returns.values) < 2:
        return dict.fromkeys(names, f"needs 2 session-close returns, the run has {len(returns.values)}")
    quantile = float(np.quantile(returns.values, 0.05))
    centred = returns.values - np.mean(returns.values)
    second = float(np.mean(centred**2))
    flat = "the returns do not vary" if second**0.5 <= returns.resolution else ""
    return {
        "var_95": quantile,
        "cvar_95": float(np.mean(returns.values[returns.values <= quantile])),
        "skew": flat or float(np.mean(centred**3)) / second**1.5,
        "kurtosis": flat or float(np.mean(centred**4)) / second**2 - 3,
    }


def _activity(inputs: MetricInputs) -> dict[str, Outcome]:
    marks, inside = len(inputs.instants), inputs.marks_in_position
    not_given = "not recorded"
    outcomes: dict[str, Outcome] = {
        name: not_given if value is None else value
        for name, value in (("traded_value", inputs.traded_value), ("fees", inputs.fees), ("slippage", inputs.slippage))
    }
    if marks == 0 or inside is None:
        outcomes["exposure"] = "no equity was stored" if marks == 0 else not_given
    else:
        outcomes["exposure"] = inside / marks
    outcomes["turnover"] = _turnover(inputs)
    return outcomes


def _turnover(inputs: MetricInputs) -> Outcome:
    if inputs.traded_value is None:
        return "not recorded"
    if _too_short(inputs.years):
        return _too_short(inputs.years)
    mean = float(np.mean(inputs.equity)) / inputs.scale
    return inputs.traded_value / mean / inputs.years if mean > 0 else "mean equity is not above 0"


def _trades(inputs: MetricInputs) -> dict[str, Outcome]:
    if inputs.trades is None:
        return dict.fromkeys(_TRADE_NAMES, "trades were not given")
    closed = inputs.trades["status"] == TradeStatus.CLOSED
    table = inputs.trades[closed]
    rates = np.full(len(closed), 1 / inputs.scale) if inputs.trade_rates is None else inputs.trade_rates
    counts: dict[str, Outcome] = {"trades": float(len(table)), "open_trades": float(len(closed) - len(table))}
    if not len(table):
        return dict.fromkeys(_TRADE_NAMES, "there is no closed trade") | counts
    profit = table["net_pnl"] * rates[closed]
    held = (table["exit_time"] - table["entry_time"]) / DAY_NS
    return counts | _outcomes(profit) | _per_entry(inputs, table) | {"average_trade_duration": float(np.mean(held))}


def _outcomes(profit: Floats) -> dict[str, Outcome]:
    """Figures of the net profits of closed trades, at least one."""
    won, lost = profit[profit > 0], profit[profit < 0]
    rate, count = len(won) / len(profit), len(profit)
    win, loss = (float(np.sum(part)) / len(part) if len(part) else 0.0 for part in (won, lost))
    deviation = float(np.std(profit, ddof=1)) if count > 1 and np.any(profit != profit[0]) else 0.0
    no_win, no_loss = "no trade won", "no trade lost"
    return {
        "win_rate": rate,
        "profit_factor": float(np.sum(won)) / -float(np.sum(lost)) if len(lost) else no_loss,
        "expectancy": float(np.mean(profit)),
        "average_win": win if len(won) else no_win,
        "average_loss": loss if len(lost) else no_loss,
        "sqn": count**0.5 * float(np.mean(profit)) / deviation if deviation else "needs 2 trades with different results",
        "kelly": no_win if not len(won) else no_loss if not len(lost) else rate - (1 - rate) * -loss / win,
    }


def _per_entry(inputs: MetricInputs, table: npt.NDArray[np.void]) -> dict[str, Outcome]:
    """Net profit against the value at entry, both in the quote currency."""
    ratio = np.array([mul / div for mul, div in inputs.ratios], np.float64)
    names = ("average_trade", "best_trade", "worst_trade")
    if not len(ratio):
        return dict.fromkeys(names, "values at entry are not known")
    value = np.abs(table["entry_price"].astype(np.float64) * table["quantity"] * ratio[table["symbol"]])
    if not np.all(value > 0):
        return dict.fromkeys(names, "a trade was entered at a value of 0")
    returns = table["net_pnl"] / value
    return dict(zip(names, (float(f(returns)) for f in (np.mean, np.max, np.min)), strict=True))


def _against(inputs: MetricInputs, benchmark: Floats) -> dict[str, Outcome]:
    names = ("benchmark_return", "alpha", "beta", "information_ratio")
    if not np.all(np.isfinite(benchmark)) or not np.all(benchmark > 0):
        return dict.fromkeys(names, "the benchmark has values that are not above 0")
    outcomes: dict[str, Outcome] = {names[0]: float(benchmark[-1] / benchmark[0]) - 1}
    reason = _needs(inputs, 2)
    if reason:
        return outcomes | dict.fromkeys(names[1:], reason)
    periods, own = _periods(inputs), _excess(inputs)
    other = np.diff(benchmark) / benchmark[:-1] - (inputs.returns.values - own)
    variance = float(np.var(other, ddof=1))
    active = own - other
    deviation = float(np.std(active, ddof=1))
    if variance**0.5 <= 1e-14:
        outcomes |= dict.fromkeys(("alpha", "beta"), "the benchmark does not vary")
    else:
        beta = float(np.mean((own - np.mean(own)) * (other - np.mean(other)))) * len(own) / (len(own) - 1) / variance
        outcomes |= {"alpha": (float(np.mean(own)) - beta * float(np.mean(other))) * periods, "beta": beta}
    varies = deviation > inputs.returns.resolution
    ratio = float(np.mean(active)) / deviation * periods**0.5 if varies else "returns do not differ from the benchmark's"
    return outcomes | {"information_ratio": ratio}


_TRADE_NAMES = tuple(item for item, definition in DEFINITIONS.items() if definition.basis in ("closed trades", "all trades"))
