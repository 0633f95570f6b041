"""Figures against hand-worked formulas, the textbook values of two public series, and the cases where nothing is defined."""

from __future__ import annotations

import csv
import gzip
import math
import statistics
from datetime import UTC, datetime
from fractions import Fraction
from importlib import util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fillwright.analytics.definitions import DEFINITIONS, markdown
from fillwright.analytics.drawdown import Underwater
from fillwright.analytics.frequency import infer
from fillwright.analytics.metrics import Metric, MetricInputs, metrics, worst_drawdown
from fillwright.errors import UsageError
from fillwright.model.columns import TRADES

DAY = 86_400_000_000_000
SCALE = 1_000_000
MONDAY = 1_704_110_400_000_000_000  # 2024-01-01 12:00 UTC


def weekdays(count: int) -> np.ndarray:
    """Instants at noon UTC of `count` weekdays from Monday, 2024-01-01."""
    days = np.arange(count)
    return MONDAY + (days // 5 * 7 + days % 5) * DAY


def daily(values: list[float], *, start: float = 100.0, **more: object) -> MetricInputs:
    """A run with one mark a weekday."""
    instants = weekdays(len(values))
    return MetricInputs(
        instants=instants,
        equity=np.array([round(value * SCALE) for value in values], np.int64),
        scale=SCALE,
        day_close_index=np.arange(len(values)),
        start_time=int(instants[0]) - DAY if len(values) else MONDAY,
        start_equity=round(start * SCALE),
        **more,  # type: ignore[arg-type]
    )


def trades(profits: list[float], *, entry: float = 50.0, quantity: int = 2, open_ones: int = 0) -> np.ndarray:
    table = np.zeros(len(profits) + open_ones, TRADES.dtype)
    for row, profit in zip(table, profits, strict=False):
        row["net_pnl"] = round(profit * SCALE)
    table["entry_price"], table["quantity"] = round(entry * 100), quantity
    table["entry_time"], table["exit_time"] = MONDAY, MONDAY + 3 * DAY
    table["status"] = 2
    table["status"][len(profits) :] = 1
    return table


def value(found: dict[str, Metric], name: str) -> float:
    result = found[name].value
    assert result is not None, found[name].reason
    return result


def test_every_figure_says_what_it_is() -> None:
    found = metrics(daily([101.0, 99.0, 103.0], benchmark=np.array([1.0, 1.1, 1.2, 1.1])))
    assert list(found) == list(DEFINITIONS)
    for name, metric in found.items():
        assert metric.name == name
        assert metric.definition and metric.frequency and metric.annualisation
        assert (metric.value is None) == bool(metric.reason)


def test_growth_and_ratios_by_hand() -> None:
    values = [102.0, 101.0, 104.0, 103.0, 107.0, 106.0]
    found = metrics(daily(values, periods_per_year=252, risk_free_rate=0.02))
    closes = [100.0, *values]
    returns = [after / before - 1 for before, after in zip(closes, closes[1:], strict=False)]
    free = 1.02 ** (1 / 252) - 1
    excess = [r - free for r in returns]
    assert value(found, "total_return") == pytest.approx(0.06)
    assert value(found, "volatility") == pytest.approx(statistics.stdev(returns) * math.sqrt(252))
    assert value(found, "sharpe") == pytest.approx(statistics.mean(excess) / statistics.stdev(excess) * math.sqrt(252))
    downside = math.sqrt(sum(min(r, 0) ** 2 for r in excess) / len(excess))
    assert value(found, "sortino") == pytest.approx(statistics.mean(excess) / downside * math.sqrt(252))
    above, below = sum(max(r, 0) for r in excess), -sum(min(r, 0) for r in excess)
    assert value(found, "omega") == pytest.approx(above / below)
    assert value(found, "max_drawdown") == pytest.approx(min(101 / 102, 103 / 104, 106 / 107) - 1)
    assert value(found, "max_drawdown_amount") == pytest.approx(1.0)
    assert value(found, "average_drawdown") == pytest.approx(statistics.mean([101 / 102, 103 / 104, 106 / 107]) - 1)
    assert "N = 252, configured" in found["sharpe"].annualisation


def test_session_closes_are_the_returns_and_every_mark_the_drawdown() -> None:
    instants = MONDAY + np.arange(6) * (DAY // 2)
    equity = np.array([100, 104, 80, 105, 103, 106]) * SCALE
    inputs = MetricInputs(instants, equity, SCALE, np.array([1, 3, 5]), MONDAY - 1, 100 * SCALE, periods_per_year=252)
    found = metrics(inputs)
    returns = [0.04, 105 / 104 - 1, 106 / 105 - 1]
    assert value(found, "volatility") == pytest.approx(statistics.stdev(returns) * math.sqrt(252))
    assert value(found, "max_drawdown") == pytest.approx(80 / 104 - 1)
    assert value(found, "max_drawdown_duration") == pytest.approx(1.0)
    worst = worst_drawdown(inputs)
    assert worst is not None
    assert (worst.peak_at, worst.trough_at, worst.recovered_at) == (instants[1], instants[2], instants[3])


def test_a_loss_on_the_first_day_counts() -> None:
    inputs = daily([90.0, 91.0])
    assert value(metrics(inputs), "max_drawdown") == pytest.approx(-0.10)
    worst = worst_drawdown(inputs)
    assert worst is not None and worst.peak_at == inputs.start_time and worst.recovered_at is None


def test_sp500_matches_the_textbook() -> None:
    spec = util.find_spec("arch")
    if spec is None or spec.origin is None:
        pytest.skip("the package arch, whose sp500 series is the input, is not installed")
    path = Path(spec.origin).parent / "data" / "sp500" / "sp500.csv.gz"
    with gzip.open(path, "rt") as stream:
        rows = list(csv.DictReader(stream))
    when = [datetime.strptime(row["Date"], "%m/%d/%Y").replace(tzinfo=UTC) for row in rows]
    instants = np.array([int(time.timestamp()) * 10**9 for time in when])
    prices = np.array([int(Fraction(row["Adj Close"]) * 10**6) for row in rows])
    inputs = MetricInputs(
        instants[1:], prices[1:], 10**6, np.arange(len(prices) - 1), int(instants[0]), int(prices[0]),
    )  # fmt: skip
    found = metrics(inputs)
    expected = {
        # The growth is over the 7301 days from the first price; a span from the first return's day would give 0.036347.
        "sharpe": 0.282739, "sortino": 0.398614, "max_drawdown": -0.567754, "annual_return": 0.036396, "cagr": 0.036342,
        "var_95": -0.018643, "cvar_95": -0.028609, "volatility": 0.190982, "calmar": 0.064104, "omega": 1.054489,
    }  # fmt: skip
    assert {name: round(value(found, name), 6) for name in expected} == expected
    assert inputs.frequency.periods == 252
    assert "252" in found["sharpe"].annualisation and "observed" in found["sharpe"].annualisation


def goog(shared: Path) -> tuple[MetricInputs, list[dict[str, str]]]:
    """The run of case bpy-001, rebuilt from its trades and closes; equity marked at each close."""
    with open(shared / "data/backtesting_py/GOOG.csv", newline="") as stream:
        bars = list(csv.reader(stream))[1:]
    with open(shared / "expected/bpy-001-trades.csv", newline="") as stream:
        done = list(csv.DictReader(stream))
    closes = [Fraction(bar[4]) for bar in bars]
    equity = [Fraction(10_000)] * len(bars)
    table = np.zeros(len(done), TRADES.dtype)
    times = np.array([int(datetime.fromisoformat(bar[0] + "T00:00:00+00:00").timestamp()) for bar in bars]) * 10**9
    for number, trade in enumerate(done):
        size, first, last = int(trade["size"]), int(trade["entry_bar"]), int(trade["exit_bar"])
        price, out = Fraction(trade["entry_price"]), Fraction(trade["exit_price"])
        for bar in range(first, len(bars)):
            equity[bar] += size * ((closes[bar] if bar < last else out) - price)
        table[number]["net_pnl"] = size * (out - price) * SCALE
        table[number]["quantity"], table[number]["entry_price"] = abs(size), price * 10**6
        table[number]["entry_time"], table[number]["exit_time"] = times[first], times[last]
    table["status"] = 2
    money = np.array([int(value * SCALE) for value in equity])
    inside = {bar for trade in done for bar in range(int(trade["entry_bar"]), int(trade["exit_bar"]) + 1)}
    inputs = MetricInputs(
        times, money, SCALE, np.arange(len(bars)), int(times[0]), 10_000 * SCALE, trades=table, ratios=((1, 1),),
        marks_in_position=len(inside), periods_per_year=252,
    )  # fmt: skip
    return inputs, done


def test_goog_case_matches_the_published_figures(shared: Path) -> None:
    inputs, _ = goog(shared)
    found = metrics(inputs)
    percent = {
        "total_return": 414.2298999999996,
        "max_drawdown": -47.98012705007589,
        "average_drawdown": -5.925851581948801,
        "win_rate": 46.96969696969697,
        "best_trade": 53.59595229490424,
        "worst_trade": -18.39887353835481,
        "average_trade": 3.2748078066748834,
        "kelly": 15.18705127029717,
        "exposure": 96.74115456238361,
    }
    assert {name: 100 * value(found, name) for name in percent} == pytest.approx(percent, rel=1e-8)
    assert value(found, "trades") == 66
    assert value(found, "sqn") == pytest.approx(1.0766187356697705, rel=1e-8)
    assert value(found, "max_drawdown_duration") == 584
    assert math.ceil(value(found, "average_trade_duration")) == 46
    assert value(found, "cagr") == pytest.approx(0.2116, abs=1e-4)
    # The source has one return less: ours are measured from the starting equity, where the first bar earns 0.
    assert (1 + value(found, "annual_return")) ** (2148 / 2147) == pytest.approx(1.21191099249053224, rel=1e-8)


def test_trade_figures_by_hand() -> None:
    inputs = daily([100.0], trades=trades([30.0, -10.0, 0.0, 20.0], open_ones=1), ratios=((10_000, 1),))
    found = metrics(inputs)
    expected = {
        "trades": 4, "open_trades": 1, "win_rate": 0.5, "profit_factor": 5.0, "expectancy": 10.0, "average_win": 25.0,
        "average_loss": -10.0, "best_trade": 0.3, "worst_trade": -0.1, "average_trade": 0.1, "average_trade_duration": 3.0,
        "kelly": 0.5 - 0.5 * 10 / 25, "sqn": 2 * 10 / statistics.stdev([30, -10, 0, 20]),
    }  # fmt: skip
    assert {name: value(found, name) for name in expected} == pytest.approx(expected)


def test_trades_in_another_currency_are_converted() -> None:
    inputs = daily([100.0], trades=trades([30.0, -10.0]), trade_rates=np.array([2e-6, 1e-6]), ratios=((10_000, 1),))
    assert value(metrics(inputs), "expectancy") == pytest.approx(25.0)
    assert value(metrics(inputs), "best_trade") == pytest.approx(0.3)


def test_activity_and_costs() -> None:
    inputs = daily([100.0] * 100, marks_in_position=25, traded_value=500.0, fees=3.0, slippage=1.5)
    found = metrics(inputs)
    assert value(found, "exposure") == 0.25
    assert value(found, "turnover") == pytest.approx(5 / inputs.years)
    assert (value(found, "fees"), value(found, "slippage"), value(found, "traded_value")) == (3.0, 1.5, 500.0)


def test_deposits_are_no_return() -> None:
    plain = metrics(daily([110.0, 99.0, 108.9]))
    flows = np.array([0, 100, 0], np.int64) * SCALE
    paid = metrics(daily([110.0, 199.0, 218.9], flows=flows))
    for name in ("total_return", "max_drawdown"):
        assert value(paid, name) == pytest.approx(value(plain, name))
    assert value(paid, "volatility") == pytest.approx(value(plain, "volatility"))
    assert value(paid, "max_drawdown_amount") == pytest.approx(11.0)


def test_benchmark_by_hand() -> None:
    own, other = [0.02, -0.01, 0.03, 0.0], [0.01, -0.02, 0.01, 0.01]
    values = list(np.cumprod(1 + np.array(own)) * 100)
    inputs = daily(values, benchmark=np.cumprod([1.0, *(1 + np.array(other))]), periods_per_year=252)
    found = metrics(inputs)
    beta = statistics.covariance(own, other) / statistics.variance(other)
    active = [a - b for a, b in zip(own, other, strict=True)]
    assert value(found, "beta") == pytest.approx(beta, rel=1e-6)
    assert value(found, "alpha") == pytest.approx((statistics.mean(own) - beta * statistics.mean(other)) * 252, rel=1e-6)
    ratio = statistics.mean(active) / statistics.stdev(active) * math.sqrt(252)
    assert value(found, "information_ratio") == pytest.approx(ratio, rel=1e-6)
    assert value(found, "benchmark_return") == pytest.approx(np.prod(1 + np.array(other)) - 1)


UNDEFINED = {
    "nothing stored": (daily([]), ["total_return", "sharpe", "max_drawdown", "exposure"], "no"),
    "one day": (daily([101.0]), ["sharpe", "volatility", "skew"], "needs 2"),
    "constant": (daily([100.0] * 50), ["sharpe", "sortino", "omega", "calmar", "skew", "kurtosis"], ""),
    "constant growth": (daily([100 * 1.01**n for n in range(1, 60)]), ["sharpe", "skew"], "do not vary"),
    "no loss": (daily([101.0, 103.0, 104.0] * 1), ["sortino", "omega"], "below"),
    "ruin": (daily([50.0, -5.0, 20.0]), ["sharpe", "annual_return", "var_95"], "not above 0 at the session close of 2024-01-02"),
    "ruin at the end": (daily([50.0, -5.0]), ["cagr"], "not above 0"),
    "short": (daily([101.0, 99.0, 102.0]), ["cagr", "annual_return", "calmar"], "not brought to a year"),
    "no trades": (daily([101.0], trades=trades([])), ["win_rate", "sqn", "kelly", "best_trade"], "no closed trade"),
    "only wins": (daily([101.0], trades=trades([1.0, 2.0])), ["profit_factor", "average_loss", "kelly"], "no trade lost"),
    "only losses": (daily([101.0], trades=trades([-1.0])), ["average_win", "kelly"], "no trade won"),
    "one trade": (daily([101.0], trades=trades([-1.0])), ["sqn"], "2 trades"),
    "flat benchmark": (daily([101.0, 102.0, 99.0], benchmark=np.ones(4)), ["alpha", "beta"], "does not vary"),
    "broken benchmark": (daily([101.0], benchmark=np.array([1.0, 0.0])), ["alpha", "beta", "benchmark_return"], "above 0"),
    "no capital": (daily([0.0, 1.0], start=0.0), ["total_return", "max_drawdown", "sharpe"], "not above 0"),
}


@pytest.mark.parametrize("case", UNDEFINED)
def test_what_is_not_defined_is_none_with_a_reason(case: str) -> None:
    inputs, names, words = UNDEFINED[case]
    found = metrics(inputs)
    for name in names:
        assert found[name].value is None, name
        assert words in found[name].reason


def test_total_return_after_ruin_is_still_known() -> None:
    found = metrics(daily([50.0, -5.0]))
    assert value(found, "total_return") == pytest.approx(-1.05)
    assert value(found, "max_drawdown") == pytest.approx(-1.05)


def test_no_drawdown_is_zero() -> None:
    found = metrics(daily([101.0, 102.0]))
    assert [value(found, name) for name in ("max_drawdown", "average_drawdown", "max_drawdown_duration")] == [0, 0, 0]


@given(st.lists(st.integers(-5, 200), min_size=0, max_size=40), st.integers(0, 150))
def test_no_figure_is_infinite_or_nan(values: list[int], start: int) -> None:
    found = metrics(daily([float(v) for v in values], start=float(start), trades=trades([float(v) for v in values])))
    for metric in found.values():
        assert metric.value is None or math.isfinite(metric.value)
        assert (metric.value is None) == bool(metric.reason)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=60), st.integers(1, 60))
def test_drawdown_equals_the_definition(values: list[int], start: int) -> None:
    under = Underwater(0, start, np.arange(1, len(values) + 1), np.array(values, np.int64))
    high, when, depth, longest, falls, below = start, 0, 0.0, 0, 0, False
    for time, now in enumerate(values, 1):
        if now >= high:
            longest, below = (max(longest, time - when) if below else longest), False
            high, when = now, time
        else:
            falls, below = falls + (not below), True
        depth = min(depth, now / high - 1)
    longest = max(longest, len(values) - when) if below else longest
    assert under.count == falls
    assert float(under.depth.min()) == pytest.approx(depth)
    worst = under.worst()
    assert (worst is None) == (falls == 0)
    if worst is not None:
        assert int(under.durations.max()) == longest
        assert worst.depth == pytest.approx(depth)
        assert worst.peak_at < worst.trough_at < (worst.recovered_at or len(values) + 1)


@pytest.mark.parametrize(
    ("closes", "periods"),
    [
        (weekdays(1000), 260),
        (weekdays(1000)[np.arange(1000) % 32 != 5], 252),
        (MONDAY + np.arange(900) * DAY, 365),
        (weekdays(10), 252),
        (weekdays(200), 252),
        (MONDAY + np.arange(10) * DAY, 365),
        (MONDAY + np.arange(200) * 7 * DAY, 52),
        (MONDAY + np.arange(60) * (30.4375 * DAY), 12),
    ],
    ids=["weekdays", "exchange", "crypto", "two weeks", "40 weeks", "ten days", "weekly", "monthly"],
)
def test_returns_a_year_come_from_the_data(closes: np.ndarray, periods: float) -> None:
    found = infer(closes.astype(np.int64))
    assert found.periods == periods
    assert f"N = {periods:g}" in found.source


def test_unusual_frequencies_are_observed_and_said() -> None:
    found = infer(MONDAY + np.arange(400) * 3 * DAY)
    assert found.periods == pytest.approx(121.8) and "as observed" in found.source
    assert infer(MONDAY + np.arange(5)[:1] * DAY).periods is None


def test_wrong_inputs_are_named() -> None:
    with pytest.raises(UsageError, match="equally many"):
        MetricInputs(weekdays(2), np.ones(3, np.int64), 1, np.array([0]), 0, 1)
    with pytest.raises(UsageError, match="session closes"):
        MetricInputs(weekdays(2), np.ones(2, np.int64), 1, np.array([2]), 0, 1)
    with pytest.raises(UsageError, match="periods per year"):
        daily([1.0], periods_per_year=0)
    with pytest.raises(UsageError, match="benchmark needs 2 values"):
        daily([1.0], benchmark=np.ones(3))


def test_documentation_is_generated() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
    assert page.read_text(encoding="utf-8") == markdown()
