"""Numbers with units: exact, and refused with a sentence where they say nothing clear."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fillwright.config import rates


@pytest.mark.parametrize(
    ("written", "fraction"),
    [
        ("0.1%", "0.001"), ("10bp", "0.001"), ("5 bps", "0.0005"), ("5BP", "0.0005"), (0.001, "0.001"), ("1e-3", "0.001"),
        (0, "0"), ("100 %", "1"), (Decimal("0.25"), "0.25"), (np.float64(0.1), "0.1"), (np.int64(1), "1"), ("-2%", "-0.02"),
    ],
)  # fmt: skip
def test_a_rate_is_the_fraction_that_was_written(written: object, fraction: str) -> None:
    assert rates.rate(written) == Decimal(fraction)


@pytest.mark.parametrize(
    "bad", ["", "x", "%", "0.1 %%", "0.1pct", True, None, [], float("nan"), float("inf"), "nan%", "1e40", 10**16]
)
def test_what_is_not_a_rate_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        rates.rate(bad)


@pytest.mark.parametrize("bad", [0.1 + 0.2, "0.0000000001", "0.00000001%", "1e-99999"])
def test_more_than_nine_decimals_are_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="decimals"):
        rates.rate(bad)


@given(st.decimals(min_value=0, max_value=1, places=9))
def test_the_three_ways_to_write_a_rate_agree(value: Decimal) -> None:
    in_percent, in_basis_points = rates.plain(value.scaleb(2)), rates.plain(value.scaleb(4))
    assert rates.rate(rates.plain(value)) == rates.rate(f"{in_percent}%") == rates.rate(f"{in_basis_points}bp") == value


@given(st.floats(min_value=-1e9, max_value=1e9, allow_nan=False).map(lambda x: round(x, 9)))
def test_a_float_counts_as_its_shortest_decimal(value: float) -> None:
    assert float(rates.number(value)) == value
    assert rates.number(value) == Decimal(repr(value))


@pytest.mark.parametrize(
    ("written", "nanoseconds"),
    [
        ("5ms", 5_000_000),
        ("250us", 250_000),
        ("1s", 10**9),
        ("1min", 60 * 10**9),
        ("1.5h", 5400 * 10**9),
        ("1d", 86_400 * 10**9),
        (0, 0),
    ],
)
def test_durations(written: object, nanoseconds: int) -> None:
    assert rates.duration(written) == nanoseconds


@pytest.mark.parametrize("bad", [5, "5", "5 minutes", "-1s", "1.5ns", "1S", True, None, "999999999d", ""])
def test_a_duration_needs_its_unit(bad: object) -> None:
    with pytest.raises(ValueError, match=r"unit|whole number|longer"):
        rates.duration(bad)


@given(st.integers(min_value=0, max_value=2**62 - 1))
def test_duration_text_reads_back(nanoseconds: int) -> None:
    assert rates.duration(rates.duration_text(nanoseconds)) == nanoseconds


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("09:30-16:00", (34_200, 57_600)),
        ("00:00-24:00", (0, 86_400)),
        ("17:00 - 17:00", (61_200, 61_200)),
        ("22:00-05:30", (79_200, 19_800)),
    ],
)
def test_sessions(written: str, seconds: tuple[int, int]) -> None:
    assert rates.session_seconds(written) == seconds


@pytest.mark.parametrize("bad", ["9:30-16:00", "09:30", "09:60-16:00", "24:00-05:00", "10:00-00:00", "10:00-24:01", "", 5])
def test_what_is_not_a_session_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="must"):
        rates.session(bad)


def test_dates_and_zones() -> None:
    assert rates.when("2024-01-31") == "2024-01-31"
    assert rates.is_date(rates.when("2024-01-31"))
    assert rates.when("2024-01-31 09:30") == "2024-01-31T09:30:00"
    assert not rates.is_date(rates.when("2024-01-31 09:30"))
    assert rates.when("2024-01-31T09:30:00+02:00") == "2024-01-31T09:30:00+02:00"
    with pytest.raises(ValueError, match="must be a date"):
        rates.when("31.01.2024")
    assert rates.timezone("America/New_York") == "America/New_York"
    with pytest.raises(ValueError, match="did you mean America/New_York"):
        rates.timezone("America/NewYork")
    for bad in ("America", "../etc/passwd", "", 5, "\0"):
        with pytest.raises(ValueError, match=r"time zone"):
            rates.timezone(bad)
