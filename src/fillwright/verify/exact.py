"""Exact arithmetic of the verifier: half to even, never a float. Small on purpose and independent of the engine's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def half_even(number: int, divisor: int) -> int:
    """number / divisor to the nearest whole number, ties to even; divisor > 0."""
    quotient, rest = divmod(number, divisor)
    if 2 * rest > divisor or (2 * rest == divisor and quotient % 2 == 1):
        quotient += 1
    return quotient


def shares(total: int, quantities: Iterable[int]) -> list[int]:
    """A whole number split by quantity, in order; each share is rounded of what is left, the last one takes the rest."""
    parts = list(quantities)
    left, out = sum(parts), []
    for part in parts:
        share = total if part == left else half_even(total * part, left)
        out.append(share)
        total, left = total - share, left - part
    return out


def product(a: Array, b: Array, multiplier: int, divisor: int) -> Array:
    """a x b x multiplier / divisor, each half to even: int64 where it fits, else Python integers."""
    if not len(a):
        return np.zeros(0, np.int64)
    bound = _largest(a) * _largest(b) * abs(multiplier)
    if bound < 2**62 and divisor < 2**61:
        quotient, rest = np.divmod(a * b * multiplier, divisor)
        return np.asarray(quotient + ((2 * rest > divisor) | ((2 * rest == divisor) & (quotient % 2 == 1))))
    exact = [half_even(int(x) * int(y) * multiplier, divisor) for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    try:
        return np.array(exact, np.int64)
    except OverflowError:
        return np.array(exact, object)


def _largest(values: Array) -> int:
    return max(abs(int(values.min())), abs(int(values.max())))
