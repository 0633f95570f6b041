"""Functions of numbers that compiled classes may call, with Python's own answers: errors where Python raises, the same bits elsewhere."""

# Numba's decorators are untyped.
# mypy: disable-error-code="untyped-decorator, no-untyped-call"

from __future__ import annotations

import ctypes
import ctypes.util
import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import overload

_LARGEST = 9.2e18
_libm_pow = ctypes.CDLL(ctypes.util.find_library("m")).pow
_libm_pow.argtypes, _libm_pow.restype = (ctypes.c_double, ctypes.c_double), ctypes.c_double
# Called by address: written as pow() the compiler would replace it by products and roots with other last bits.


def _jit(function: Callable[..., Any]) -> Callable[..., Any]:
    compiled: Callable[..., Any] = numba.njit(nogil=True, error_model="python")(function)
    return compiled


@_jit
def whole(x):  # type: ignore[no-untyped-def]
    """``int(x)``."""
    if not (-_LARGEST < x < _LARGEST):
        raise ValueError("cannot convert NaN, an infinity or a number beyond 64 bits to an integer")
    return int(x)


@_jit
def floor(x):  # type: ignore[no-untyped-def]
    """``math.floor(x)``."""
    whole(x)
    return math.floor(x)


@_jit
def ceil(x):  # type: ignore[no-untyped-def]
    """``math.ceil(x)``."""
    whole(x)
    return math.ceil(x)


@_jit
def nearest_whole(x):  # type: ignore[no-untyped-def]
    """``round(x)``: halves to even."""
    whole(x)
    return round(x)


@_jit
def square_root(x):  # type: ignore[no-untyped-def]
    """``math.sqrt(x)``."""
    if x < 0:
        raise ValueError("math domain error: the root of a negative number")
    return math.sqrt(x)


@_jit
def logarithm(x):  # type: ignore[no-untyped-def]
    """``math.log(x)``."""
    if x <= 0:
        raise ValueError("math domain error: the logarithm of a number that is not positive")
    return math.log(x)


@_jit
def exponential(x):  # type: ignore[no-untyped-def]
    """``math.exp(x)``."""
    y = math.exp(x)
    if math.isinf(y) and not math.isinf(x):
        raise ValueError("math range error: exp of too large a number")
    return y


def power(a, b):  # type: ignore[no-untyped-def]
    """``a ** b``."""
    return a**b


@overload(power)
def _power(a, b):  # type: ignore[no-untyped-def]
    if isinstance(a, types.Integer | types.Boolean) and isinstance(b, types.Integer | types.Boolean):
        return _power_of_integers
    return _power_of_floats


def _power_of_integers(a, b):  # type: ignore[no-untyped-def]
    if b < 0:
        raise ValueError("a whole number to a negative power: write float(...) ** ...")
    if not _libm_pow(abs(a * 1.0), b * 1.0) < _LARGEST:
        raise ValueError("the power is beyond 64 bits: write float(...) ** ...")
    result = 1
    for _ in range(b):
        result *= int(a)
        if result == 0 or result == 1:
            break
    if int(a) == -1:
        result = 1 - 2 * (int(b) % 2)
    return result


def _power_of_floats(a, b):  # type: ignore[no-untyped-def]
    x, y = a * 1.0, b * 1.0
    if x == 0.0 and y < 0.0:
        raise ZeroDivisionError("0.0 cannot be raised to a negative power")
    result = _libm_pow(x, y)
    if math.isfinite(x) and math.isfinite(y):
        if math.isnan(result):
            raise ValueError("a negative number to a broken power")
        if math.isinf(result):
            raise ValueError("the power is too large")
    return result


@_jit
def raised(a, b):  # type: ignore[no-untyped-def]
    """``a ** b``."""
    return power(a, b)


@_jit
def magnitude(x):  # type: ignore[no-untyped-def]
    """``math.fabs(x)``."""
    return abs(x * 1.0)


@_jit
def real(x):  # type: ignore[no-untyped-def]
    """``float(x)``, also of True and False."""
    return x * 1.0


CALLABLE: dict[Any, Callable[..., Any]] = {
    abs: abs, min: min, max: max, float: real, bool: bool,
    int: whole, round: nearest_whole, math.floor: floor, math.ceil: ceil, math.trunc: whole, math.sqrt: square_root,
    math.log: logarithm, math.exp: exponential, math.fabs: magnitude, math.isnan: math.isnan, math.isinf: math.isinf,
    math.isfinite: math.isfinite, math.copysign: math.copysign, np.isnan: np.isnan, np.isfinite: np.isfinite,
    np.isinf: np.isinf, np.sqrt: np.sqrt, np.abs: abs, np.floor: np.floor, np.ceil: np.ceil,
}  # fmt: skip
"""Function of Python, math or numpy -> what is compiled in its place."""

ARGUMENTS = {abs: (1, 1), min: (2, 9), max: (2, 9), math.copysign: (2, 2)}
"""Fewest and most arguments; (1, 1) for the others."""
