"""Thinned lines keep ends, highs and lows, and never more points than asked for."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fillwright.analytics.html import differences, line
from fillwright.analytics.thin import thin


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=400), st.integers(8, 60))
def test_ends_and_extremes_stay(values: list[int], limit: int) -> None:
    series = np.array(values, np.int64)
    kept = thin(series, limit)
    assert len(kept) <= max(limit, 8)
    assert kept[0] == 0 and kept[-1] == len(values) - 1
    assert np.all(np.diff(kept) > 0)
    assert series[kept].min() == series.min() and series[kept].max() == series.max()


def test_a_short_line_is_kept_whole() -> None:
    assert thin(np.arange(10), 10).tolist() == list(range(10))


@given(st.lists(st.integers(-(10**15), 10**15), max_size=50))
def test_differences_add_up_again(values: list[int]) -> None:
    assert np.cumsum(differences(np.array(values, np.int64)), dtype=np.int64).tolist() == values


def test_needless_decimals_are_left_out_unless_something_beside_needs_them() -> None:
    instants = np.array([0, 60, 120], np.int64) * 10**9
    values = np.array([1_500_000, 2_250_000, 3_000_000], np.int64)
    plain = line(instants, values, 6, 100)
    assert plain == {"decimals": 2, "v": [150, 75, 75], "tick": 1.0, "t": [0, 60, 60]}
    assert line(instants, values, 6, 100, also=np.array([1_234_000]))["decimals"] == 3
    assert line(instants + 5_000_000, values, 6, 100)["tick"] == 0.001
