"""Indicators: against exact fractions and pandas, the same by every route, and never dependent on later rows."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fillwright import indicators
from fillwright.errors import UsageError
from fillwright.indicators import INDICATORS, Indicator, crossed_above, crossed_below

Floats = npt.NDArray[np.float64]
PARAMETERS = {"macd": [(3, 7), (1, 2)]}
CASES = [(name, params) for name in INDICATORS for params in PARAMETERS.get(name, [(1,), (2,), (5,), (14,)])]
cents = st.lists(st.integers(1, 10_000), min_size=0, max_size=60)


def walk(n: int, seed: int = 1) -> Floats:
    rng = np.random.default_rng(seed)
    return np.round(100 + np.cumsum(rng.normal(size=n) * 0.3), 2)


def bars(n: int, seed: int = 1) -> dict[str, Floats]:
    close = walk(n, seed)
    rng = np.random.default_rng(seed + 100)
    high = np.round(close + rng.uniform(0, 1, n), 2)
    low = np.round(close - rng.uniform(0, 1, n), 2)
    return {"values": close, "close": close, "high": high, "low": low}


def inputs(indicator: Indicator, columns: dict[str, Floats]) -> list[Floats]:
    return [columns[name] for name in indicator.inputs]


def same(a: Floats, b: Floats) -> bool:
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("name, params", CASES)
def test_prefix_is_prefix_bit_for_bit(name: str, params: tuple[int, ...]) -> None:
    indicator, columns = INDICATORS[name], bars(300)
    whole = indicator(*inputs(indicator, columns), *params)
    units = {key: np.rint(values * 100).astype(np.int64) for key, values in columns.items()}
    exact = indicator.compute(units, 100, *params)
    for n in (0, 1, 2, 5, 14, 15, 16, 63, 64, 65, 128, 299):
        part = indicator(*[values[:n] for values in inputs(indicator, columns)], *params)
        assert same(part, whole[:n]), n
        assert same(indicator.compute({key: values[:n] for key, values in units.items()}, 100, *params), exact[:n]), n


@pytest.mark.parametrize("name, params", CASES)
def test_prefix_of_floats_that_are_no_decimals(name: str, params: tuple[int, ...]) -> None:
    indicator = INDICATORS[name]
    columns = {key: values * np.pi for key, values in bars(200).items()}
    whole = indicator(*inputs(indicator, columns), *params)
    for n in (0, 1, 16, 50, 127, 199):
        assert same(indicator(*[values[:n] for values in inputs(indicator, columns)], *params), whole[:n]), n


@pytest.mark.parametrize("name, params", CASES)
def test_prefix_where_decimals_end_in_the_middle(name: str, params: tuple[int, ...]) -> None:
    indicator, columns = INDICATORS[name], bars(120)
    for values in columns.values():
        values[60:] *= np.pi
        values[90] = 1e15
    whole = indicator(*inputs(indicator, columns), *params)
    for n in (0, 1, 30, 59, 60, 61, 62, 89, 90, 91, 119):
        assert same(indicator(*[values[:n] for values in inputs(indicator, columns)], *params), whole[:n]), n


@pytest.mark.parametrize("name, params", CASES)
def test_floats_and_price_units_of_any_scale_agree_bit_for_bit(name: str, params: tuple[int, ...]) -> None:
    indicator, columns = INDICATORS[name], bars(150)
    expected = indicator(*inputs(indicator, columns), *params)
    for scale in (100, 10**6, 10**9):
        units = {key: np.rint(values * 100).astype(np.int64) * (scale // 100) for key, values in columns.items()}
        assert same(indicator.compute(units, scale, *params), expected), scale
        assert same(indicator.exact(*[units[name] for name in indicator.inputs], scale, *params), expected)


@pytest.mark.parametrize("name, params", CASES)
def test_lookback_is_the_first_value(name: str, params: tuple[int, ...]) -> None:
    indicator = INDICATORS[name]
    values = indicator(*inputs(indicator, bars(40)), *params)
    assert np.flatnonzero(~np.isnan(values))[0] == indicator.lookback(*params) - 1
    assert not np.isnan(values[indicator.lookback(*params) - 1 :]).any()
    assert values.dtype == np.float64 and len(values) == 40


@given(cents, st.integers(1, 12))
def test_sma_is_the_correctly_rounded_mean(values: list[int], window: int) -> None:
    result = indicators.sma.exact(np.array(values, np.int64), 100, window)
    for row in range(len(values)):
        if row < window - 1:
            assert np.isnan(result[row])
        else:
            assert result[row] == float(Fraction(sum(values[row - window + 1 : row + 1]), 100 * window))


@given(cents, st.integers(1, 12))
def test_wma_is_the_correctly_rounded_weighted_mean(values: list[int], window: int) -> None:
    result = indicators.wma.exact(np.array(values, np.int64), 100, window)
    for row in range(window - 1, len(values)):
        total = sum((k + 1) * values[row - window + 1 + k] for k in range(window))
        assert result[row] == float(Fraction(total, 100 * window * (window + 1) // 2))


@given(cents, st.integers(1, 12))
def test_extremes_are_values_of_the_window(values: list[int], window: int) -> None:
    array = np.array(values, np.int64)
    high, low = indicators.highest.exact(array, 100, window), indicators.lowest.exact(array, 100, window)
    for row in range(window - 1, len(values)):
        part = values[row - window + 1 : row + 1]
        assert high[row] == max(part) / 100 and low[row] == min(part) / 100


@pytest.mark.parametrize("window", [1, 2, 10, 50])
def test_against_pandas(window: int) -> None:
    close = walk(2_000)
    series = pd.Series(close)
    rolling = series.rolling(window)
    tight = {"rtol": 1e-12, "atol": 1e-9, "equal_nan": True}
    np.testing.assert_allclose(indicators.sma(close, window), rolling.mean(), **tight)
    windows = np.lib.stride_tricks.sliding_window_view(close, window)
    np.testing.assert_allclose(indicators.std(close, window)[window - 1 :], windows.std(axis=1), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(indicators.highest(close, window), rolling.max(), **tight)
    np.testing.assert_allclose(indicators.lowest(close, window), rolling.min(), **tight)
    np.testing.assert_allclose(indicators.roc(close, window), series.pct_change(window), **tight)
    seeded = series.copy()
    seeded.iloc[: window - 1] = np.nan
    seeded.iloc[window - 1] = series.iloc[:window].mean()
    ema = seeded.iloc[window - 1 :].ewm(span=window, adjust=False).mean()
    np.testing.assert_allclose(indicators.ema(close, window)[window - 1 :], ema, rtol=1e-12)


def test_ema_rsi_atr_against_their_definitions() -> None:
    columns, window = bars(500), 14
    close, high, low = columns["close"], columns["high"], columns["low"]

    def wilder(values: list[float]) -> list[float]:
        out = [sum(values[:window]) / window]
        for value in values[window:]:
            out.append(out[-1] + (value - out[-1]) / window)
        return out

    change = np.diff(close)
    gain, loss = wilder(np.maximum(change, 0).tolist()), wilder(np.maximum(-change, 0).tolist())
    rsi = [100 * g / (g + x) for g, x in zip(gain, loss)]
    np.testing.assert_allclose(indicators.rsi(close)[window:], rsi, rtol=1e-10)
    ranges = [max(high[i] - low[i], abs(high[i] - close[i - 1]), abs(low[i] - close[i - 1])) for i in range(1, len(close))]
    np.testing.assert_allclose(indicators.atr(high, low, close)[window:], wilder(ranges), rtol=1e-10)
    macd = indicators.ema(close, 12) - indicators.ema(close, 26)
    np.testing.assert_array_equal(indicators.macd(close), macd)


def test_a_series_that_stands_still_has_no_noise() -> None:
    close = np.concatenate((walk(200), np.full(2_000, 101.37)))
    for window in (5, 20, 50):
        assert (indicators.ema(close, window)[-100:] == 101.37).all()
        assert (indicators.sma(close, window)[-100:] == 101.37).all()
        assert (indicators.std(close, window)[-100:] == 0).all()
    assert (indicators.rsi(np.full(30, 5.0))[14:] == 50).all()
    assert (indicators.rsi(np.arange(1.0, 60.0))[14:] == 100).all()
    assert (indicators.atr(np.full(30, 5.0), np.full(30, 4.0), np.full(30, 4.5))[14:] == 1).all()


def test_numbers_too_large_for_whole_sums_are_summed_as_floats() -> None:
    units = np.full(20, 2**52, np.int64)
    np.testing.assert_allclose(indicators.sma.exact(units, 1, 10)[9:], float(2**52))
    huge = np.full(3_000, 2**52, np.int64)
    np.testing.assert_allclose(indicators.wma.exact(huge, 1, 2_900)[2_899:], float(2**52), rtol=1e-12)
    np.testing.assert_allclose(indicators.std.exact(huge, 1, 2_900)[2_899:], 0.0, atol=1e-3)


def test_nan_in_the_input() -> None:
    close = walk(60)
    close[:5] = np.nan
    for name in ("sma", "wma", "ema", "highest", "lowest", "std"):
        values = INDICATORS[name](close, 4)
        assert np.isnan(values[:8]).all() and not np.isnan(values[8:]).any(), name
        np.testing.assert_allclose(values[5:], INDICATORS[name](close[5:], 4), equal_nan=True)
    close[30] = np.nan
    assert np.isnan(indicators.sma(close, 4)[30:34]).all() and not np.isnan(indicators.sma(close, 4)[34:]).any()
    assert np.isnan(indicators.ema(close, 4)[30:]).all() and not np.isnan(indicators.ema(close, 4)[8:30]).any()
    assert np.isnan(indicators.ema(np.full(9, np.nan), 3)).all()


@pytest.mark.filterwarnings("error")
def test_infinities_are_quiet() -> None:
    close = walk(60)
    close[20], close[40] = np.inf, 1e308
    for name in ("sma", "wma", "ema", "rsi", "highest", "std", "roc"):
        assert not np.isnan(INDICATORS[name](close, 4)[5:20]).any(), name


def test_crossings() -> None:
    a = np.array([1.0, 2.0, 3.0, 2.0, 1.0, np.nan, 3.0, 1.0])
    b = np.array([2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    assert crossed_above(a, b).tolist() == [False, False, True, False, False, False, False, False]
    assert crossed_below(a, b).tolist() == [False, False, False, False, True, False, False, True]
    assert crossed_above(a, 2.0).tolist() == crossed_above(a, b).tolist()
    assert crossed_below(np.array([5.0]), 2.0).tolist() == [False]
    with pytest.raises(UsageError, match="needs a series"):
        crossed_above(1.0, 2.0)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=40))
def test_a_crossing_up_is_a_crossing_down_of_the_mirror(steps: list[int]) -> None:
    a = np.cumsum(np.array(steps, np.float64))
    np.testing.assert_array_equal(crossed_above(a, 0.0), crossed_below(-a, 0.0))
    assert not (crossed_above(a, 0.0) & crossed_below(a, 0.0)).any()


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: indicators.sma(walk(9)), "needs window"),
        (lambda: indicators.sma(walk(9), 0), "at least 1, got 0"),
        (lambda: indicators.sma(walk(9), 2.5), "whole number"),
        (lambda: indicators.sma(walk(9), True), "whole number"),
        (lambda: indicators.sma(walk(9), 3, 4), "takes 1 parameters, got 2"),
        (lambda: indicators.atr(walk(9), walk(8), walk(9)), "one length"),
        (lambda: indicators.atr(walk(9)), "needs high, low, close"),
        (lambda: indicators.sma(np.array(["a", "b"]), 1), "must hold numbers"),
        (lambda: indicators.sma.compute({"close": np.arange(3)}, 1, 1), "needs values"),
        (lambda: indicators.sma.compute({"values": walk(9)}, 1, 1), "whole units"),
    ],
)
def test_wrong_calls_say_what_to_write(call: object, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        call()  # type: ignore[operator]


def test_every_indicator_says_what_it_is() -> None:
    for name, indicator in INDICATORS.items():
        assert getattr(indicators, name) is indicator and indicator.meaning.endswith(".")
        assert indicator.usage.startswith(name + "(")
