"""Exact integer arithmetic: a product divided, rounded half to even, with 128 bits in between."""

from __future__ import annotations

import numpy as np

from fillwright.kernel._jit import JIT_OFF, jit

_U = np.uint64
_LOW = _U(0xFFFFFFFF)
_32 = _U(32)
_ONE = _U(1)
_ZERO = _U(0)
_TOP = _U(1 << 63)
_SAFE_PRODUCT = 9.2e18
"""Products whose float64 value is below this fit an int64; the float is off by less than one part in 2^52."""


@jit
def _divide_128(high, low, divisor):  # type: ignore[no-untyped-def]
    """(quotient, remainder) of high·2^64 + low by divisor, for high < divisor: Knuth's algorithm D in base 2^32."""
    shift = _ZERO
    while divisor & _TOP == _ZERO:
        divisor = divisor << _ONE
        shift = shift + _ONE
    if shift > _ZERO:
        high = (high << shift) | (low >> (_U(64) - shift))
        low = low << shift
    d1 = divisor >> _32
    d0 = divisor & _LOW
    quotient = _ZERO
    remainder = high
    for part in range(2):
        digit = (low >> _32) if part == 0 else (low & _LOW)
        q = remainder // d1
        rest = remainder - q * d1
        while q > _LOW or q * d0 > ((rest << _32) | digit):
            q = q - _ONE
            rest = rest + d1
            if rest > _LOW:
                break
        remainder = ((remainder << _32) | digit) - q * divisor
        quotient = (quotient << _32) | q
    return quotient, remainder >> shift


@jit
def _multiply_128(x, y):  # type: ignore[no-untyped-def]
    """(high, low) of x·y for uint64: four 32-bit products."""
    x1 = x >> _32
    x0 = x & _LOW
    y1 = y >> _32
    y0 = y & _LOW
    low = x0 * y0
    middle = x1 * y0 + (low >> _32)
    middle_low = (middle & _LOW) + x0 * y1
    high = x1 * y1 + (middle >> _32) + (middle_low >> _32)
    return high, (middle_low << _32) | (low & _LOW)


@jit
def _muldiv_wide(a, b, c):  # type: ignore[no-untyped-def]
    negative = (a < 0) != (b < 0)
    x = _U(-a) if a < 0 else _U(a)
    y = _U(-b) if b < 0 else _U(b)
    d = _U(c)
    high, low = _multiply_128(x, y)
    if high >= d:
        raise OverflowError("an amount does not fit 64 bits")
    quotient, remainder = _divide_128(high, low, d)
    rest = d - remainder
    if remainder > rest or (remainder == rest and quotient & _ONE == _ONE):
        quotient = quotient + _ONE
    if quotient >= _TOP:
        raise OverflowError("an amount does not fit 64 bits")
    result = np.int64(quotient)
    return -result if negative else result


@jit
def _muldiv(a, b, c):  # type: ignore[no-untyped-def]
    if abs(float(a) * float(b)) < _SAFE_PRODUCT:
        product = a * b
        if c == 1:
            return product
        quotient = product // c
        remainder = product - quotient * c
        rest = c - remainder
        if remainder > rest or (remainder == rest and quotient & 1 == 1):
            quotient += 1
        return quotient
    return _muldiv_wide(a, b, c)


def _muldiv_python(a: int, b: int, c: int) -> int:
    quotient, remainder = divmod(int(a) * int(b), int(c))
    if 2 * remainder > c or (2 * remainder == c and quotient & 1):
        quotient += 1
    if abs(quotient) >= 1 << 63:
        raise OverflowError("an amount does not fit 64 bits")
    return quotient


muldiv = _muldiv_python if JIT_OFF else _muldiv
"""``muldiv(a, b, c)`` = a·b/c rounded half to even, c > 0; OverflowError if it does not fit an int64."""


@jit
def _compare_products(a, b, c, d):  # type: ignore[no-untyped-def]
    if float(a) * float(b) < _SAFE_PRODUCT and float(c) * float(d) < _SAFE_PRODUCT:
        first = a * b
        second = c * d
        return int(first > second) - int(first < second)
    high_1, low_1 = _multiply_128(_U(a), _U(b))
    high_2, low_2 = _multiply_128(_U(c), _U(d))
    if high_1 != high_2:
        return 1 if high_1 > high_2 else -1
    return int(low_1 > low_2) - int(low_1 < low_2)


def _compare_products_python(a: int, b: int, c: int, d: int) -> int:
    first, second = int(a) * int(b), int(c) * int(d)
    return (first > second) - (first < second)


compare_products = _compare_products_python if JIT_OFF else _compare_products
"""``compare_products(a, b, c, d)``: 1, 0 or -1 as a·b is above, equal to or below c·d; none of them negative."""


@jit
def exp_negative(x):  # type: ignore[no-untyped-def]
    """exp(x) for x <= 0 by + - * only, so that it is equal on every IEEE machine; relative error below 1e-15."""
    if x < -700.0:
        return 0.0
    halvings = int(-x * 1.4426950408889634 + 0.5)
    r = (x + halvings * 0.693147180369123816490) + halvings * 1.90821492927058770002e-10
    term = 1.0
    total = 1.0
    for n in range(1, 18):
        term = term * r * (1.0 / n)
        total += term
    for _ in range(halvings):
        total *= 0.5
    return total
