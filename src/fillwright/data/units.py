"""From decimal numbers to whole price units and lots, exactly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fillwright.data.market import Ints
from fillwright.errors import DataError
from fillwright.model.instrument import MAX_EXACT_INTEGER, MAX_PRICE_DECIMALS

Floats = npt.NDArray[np.float64]
_BLOCK = 1 << 16

USUAL_DECIMALS = 6
"""Decimals of prices where neither a tick nor the instrument says otherwise; more where the data need them."""


def find_decimals(columns: Sequence[Floats], least: int = USUAL_DECIMALS) -> int:
    """Smallest p >= ``least`` at which every price is exact by its shortest decimal; 9 when none is."""
    for decimals in range(least, MAX_PRICE_DECIMALS):
        if all(is_exact(column, decimals) for column in columns):
            return decimals
    return MAX_PRICE_DECIMALS


def is_exact(values: Floats, decimals: int) -> bool:
    """True when each value is the float nearest to a whole number of 10^-decimals."""
    scale = float(10**decimals)
    for start in range(0, len(values), _BLOCK):
        part = values[start : start + _BLOCK]
        if not (np.rint(part * scale) / scale == part).all():
            return False
    return True


def widened(values: Floats, narrow: type[np.float32] | type[np.float16]) -> Floats:
    """float64 numbers that came from a narrower type, each replaced by the shortest decimal of at most 9 places it stands for."""
    out = values.copy()
    left = np.flatnonzero(np.isfinite(values))
    for decimals in range(MAX_PRICE_DECIMALS + 1):
        scale = float(10**decimals)
        short = np.rint(values[left] * scale) / scale
        same = short.astype(narrow) == values[left].astype(narrow)
        out[left[same]] = short[same]
        left = left[~same]
    return out


def largest_error(values: Floats, decimals: int) -> float:
    """Largest distance of a value to its nearest whole number of 10^-decimals."""
    scale = float(10**decimals)
    return float(np.abs(np.rint(values * scale) / scale - values).max(initial=0.0))


def to_units(values: Floats, decimals: int, what: str) -> Ints:
    """int64 whole numbers of 10^-decimals, rounded half to even. DataError above 2^53, where float64 has no single units."""
    scaled = np.rint(values * float(10**decimals))
    largest = float(scaled.max(initial=0.0))
    if largest > MAX_EXACT_INTEGER:
        raise DataError(
            f"{what} {largest / 10**decimals:g} does not fit at {decimals} decimals",
            remedy=f"give the instrument fewer decimals: {what} x 10^decimals must stay below 2^53",
        )
    return scaled.astype(np.int64)
