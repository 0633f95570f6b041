"""Counter-based random numbers: the same key gives the same number, whatever else happens.

The mixing function is SplitMix64's (Steele, Lea and Flood 2014).
"""

from __future__ import annotations

import numpy as np

from fillwright.kernel._jit import JIT_OFF, jit

_U = np.uint64
_GOLDEN = _U(0x9E3779B97F4A7C15)
_A = _U(0xBF58476D1CE4E5B9)
_B = _U(0x94D049BB133111EB)


@jit
def _mix(x):  # type: ignore[no-untyped-def]
    z = x + _GOLDEN
    z = (z ^ (z >> _U(30))) * _A
    z = (z ^ (z >> _U(27))) * _B
    return z ^ (z >> _U(31))


@jit
def _uniform(seed, a, b, c):  # type: ignore[no-untyped-def]
    h = _mix(_U(seed))
    h = _mix(h ^ _U(a))
    h = _mix(h ^ _U(b))
    h = _mix(h ^ _U(c))
    return np.float64(h >> _U(11)) * (1.0 / 9007199254740992.0)


def _uniform_python(seed: int, a: int, b: int, c: int) -> float:
    with np.errstate(over="ignore"):
        return float(_uniform(*(int(word) & (2**64 - 1) for word in (seed, a, b, c))))


uniform = _uniform_python if JIT_OFF else _uniform
"""``uniform(seed, a, b, c)`` in [0, 1) from four integers."""
