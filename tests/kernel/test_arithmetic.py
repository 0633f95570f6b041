"""The kernel's exact arithmetic, exponential and random numbers against Python's own integers and decimals."""

from __future__ import annotations

import decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fillwright.kernel import rng
from fillwright.kernel.fixed import compare_products, exp_negative, muldiv
from fillwright.kernel.models import on_tick
from reference import matching as reference

pytestmark = [pytest.mark.kernel, pytest.mark.nojit]

LEAST, MOST = -(2**63), 2**63 - 1
words = st.integers(LEAST, MOST)
small = st.integers(-(10**6), 10**6)
divisors = st.integers(1, MOST)


def exact(a: int, b: int, c: int) -> int:
    """a x b / c, half to even."""
    return round(Fraction(a * b, c))


@given(words | small, words | small, divisors | st.integers(1, 10**6))
@example(LEAST, 1, 1)
@example(LEAST, LEAST, MOST)
@example(MOST, MOST, MOST)
@example(LEAST, -1, 1)
@example(3, 1, 2)
@example(5, 1, 2)
@example(-5, 1, 2)
@example(2**62, 3, 2)
@example(2**53 + 1, 2**53 + 1, 2**53 + 1)
def test_muldiv_is_exact_or_an_overflow(a: int, b: int, c: int) -> None:
    """Any two words and a positive divisor: the nearest whole number, or OverflowError where that needs more than 64 bits."""
    expected = exact(a, b, c)
    if abs(expected) > MOST:
        with pytest.raises(OverflowError, match="does not fit 64 bits"):
            muldiv(a, b, c)
    else:
        assert muldiv(a, b, c) == expected


@given(st.integers(-(2**40), 2**40), st.integers(-(2**40), 2**40), st.integers(2**18, 2**40))
def test_muldiv_where_the_product_is_wide_and_the_quotient_is_not(a: int, b: int, c: int) -> None:
    assert muldiv(a, b, c) == exact(a, b, c)


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6))
def test_halves_go_to_the_even_neighbour(whole: int, divisor: int) -> None:
    """(2 whole + 1) / 2 lies exactly between two whole numbers, however it is written."""
    assert muldiv(2 * whole + 1, divisor, 2 * divisor) == whole + (whole & 1)


@given(st.integers(-MOST, MOST), divisors)
def test_muldiv_gives_back_what_was_multiplied(a: int, b: int) -> None:
    assert muldiv(a, b, b) == a


def true_exp(x: float) -> decimal.Decimal:
    """exp with fifty digits."""
    with decimal.localcontext(prec=50):
        return decimal.Decimal(x).exp()


@given(st.floats(-700.0, 0.0))
@example(0.0)
@example(-0.0)
@example(-1e-300)
@example(-0.34657359027997264)
@example(-700.0)
def test_exp_of_what_is_not_positive(x: float) -> None:
    expected = true_exp(x)
    assert abs(decimal.Decimal(float(exp_negative(x))) / expected - 1) < decimal.Decimal("1e-15")


def test_exp_far_below_zero_is_zero() -> None:
    assert exp_negative(-701.0) == 0.0
    assert exp_negative(-1e300) == 0.0


# From the authors' own program, seed 1234567.
SPLITMIX64 = (6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821)
GOLDEN = 0x9E3779B97F4A7C15


def test_the_mixing_function_is_splitmix64() -> None:
    with np.errstate(over="ignore"):
        found = [int(rng._mix(np.uint64((1234567 + k * GOLDEN) % 2**64))) for k in range(5)]
    assert tuple(found) == SPLITMIX64


@given(words, words, words, words)
def test_uniform_is_that_of_the_rules(seed: int, a: int, b: int, c: int) -> None:
    seed &= 2**63 - 1
    found = rng.uniform(seed, a, b, c)
    assert 0 <= found < 1
    assert found == reference.uniform(seed, a, b, c)


def test_uniform_numbers_are_uniform_and_do_not_follow_their_keys() -> None:
    """Chi-square over 64 boxes (63 degrees of freedom: 5 standard deviations are 119) for keys that count up, and their lags."""
    n = 8_000
    for draws in (
        [rng.uniform(7, 1, 0, c) for c in range(n)],
        [rng.uniform(7, 1, b, 1_577_836_800 * 10**9) for b in range(n)],
        [rng.uniform(seed, 1, 0, 0) for seed in range(n)],
        [rng.uniform(7, 1, 0, 1_577_836_800 * 10**9 + k * 60 * 10**9) for k in range(n)],
    ):
        values = np.array(draws)
        counts = np.bincount((values * 64).astype(int), minlength=64)
        assert ((counts - n / 64) ** 2 / (n / 64)).sum() < 119
        assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 5 / np.sqrt(n)


@given(st.integers(1, 10**12), st.integers(1, 10**6))
def test_prices_go_to_the_tick_and_no_further(price: int, tick: int) -> None:
    down, up = on_tick(price, tick, False), on_tick(price, tick, True)
    assert down % tick == up % tick == 0
    assert up - price < tick
    assert price - down < tick or down == tick
    assert down >= tick
    assert (up == price) == (price % tick == 0)


@given(*[st.integers(0, 2**63 - 1) | st.integers(0, 2**32) for _ in range(4)], st.integers(1, 2**20))
def test_products_are_compared_exactly(a: int, b: int, c: int, d: int, k: int) -> None:
    for one, two in (((a, b), (c, d)), ((a, b), (b, a)), ((a // k * k, b), (a // k, min(b * k, 2**63 - 1)))):
        first, second = one[0] * one[1], two[0] * two[1]
        assert compare_products(*one, *two) == (first > second) - (first < second)


def test_products_one_apart_are_told_apart() -> None:
    n = 2**62 + 12345
    assert compare_products(n, n, n - 1, n + 1) == 1
    assert compare_products(n - 1, n + 1, n, n) == -1
    assert compare_products(n, 6, 6, n) == 0
