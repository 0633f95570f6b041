"""What a caller writes as whole numbers: lots, price units, rates, times in force and ends."""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from fillwright.errors import UsageError
from fillwright.model.codes import TimeInForce
from fillwright.model.instrument import PRICE_TOLERANCE, RATE_SCALE

Number = int | float | Decimal
Tif = Literal["DAY", "GTC", "GTD", "IOC", "FOK", "OPG", "CLS"]

_LOT_TOLERANCE = 1e-9
"""A quantity this close (relatively) to a whole lot counts as that lot: 0.3 x 10 is 2.9999999999999996."""


def to_lots(quantity: Number, scale: int) -> int:
    """Whole lots of a quantity, rounded toward zero."""
    if type(quantity) is int:
        return quantity * scale
    try:
        if isinstance(quantity, Decimal):
            return int(quantity * scale)
        scaled = float(quantity + 0.0) * scale  # float() alone would take text
        nearest = math.floor(scaled + 0.5)
    except (TypeError, ValueError, ArithmeticError):
        raise UsageError(f"a quantity must be a finite number, got {quantity!r}") from None
    return nearest if abs(scaled - nearest) <= abs(scaled) * _LOT_TOLERANCE else int(scaled)


def to_units(price: Number, scale: int) -> int:
    """Price units nearest to a price, halves up."""
    try:
        if isinstance(price, Decimal):
            return math.floor(price * scale + Decimal("0.5"))
        return math.floor(price * scale + 0.5)
    except (TypeError, ValueError, ArithmeticError):
        raise UsageError(f"a price, value or weight must be a finite number, got {price!r}") from None


def to_order_price(price: Number, scale: int) -> int:
    """Price units of an order price; of one that lies between two units (a float: by more than a relative 1e-12) minus the upper one."""
    nearest = to_units(price, scale)
    exact = price * scale
    off: Any = abs(exact - nearest)
    between = off > exact * PRICE_TOLERANCE if isinstance(exact, float) else isinstance(exact, Decimal) and off > 0
    return -math.ceil(exact) if between and exact > 0 else nearest


def to_rate(fraction: Number) -> int:
    """Whole 10^-9 nearest to a fraction, halves up."""
    return to_units(fraction, RATE_SCALE)


def positive(units: int, name: str, given: Number) -> int:
    """The units, where they are above 0."""
    if units <= 0:
        raise UsageError(f"{name} must be positive, got {given}", remedy=f"leave {name} out where there is none")
    return units


def split(size: Number | None) -> tuple[Number | None, int]:
    """A signed size as (size, side); what is no number is left for later checks."""
    try:
        return (-size, -1) if size is not None and size < 0 else (size, 1)
    except (TypeError, ArithmeticError):
        return size, 1


def tif_code(tif: str) -> int:
    """Code of a time in force."""
    try:
        return {"DAY": 0, "GTC": 1, "OPG": 2, "IOC": 3, "FOK": 4, "GTD": 6, "CLS": 7}[tif]
    except KeyError:
        raise UsageError(f"no time in force {tif!r}", remedy="DAY, GTC, GTD, IOC, FOK, OPG or CLS") from None


def expiry(expire: datetime | int | None, tif: int) -> int:
    """ns UTC of the end of an order with that time in force."""
    if tif != TimeInForce.GTD:
        raise UsageError("expire= goes with tif='GTD'", remedy="add tif='GTD' or leave expire out")
    if expire is None:
        raise UsageError("a GTD order needs expire=", remedy="a datetime with zone, or int ns UTC")
    if isinstance(expire, datetime):
        if expire.tzinfo is None:
            raise UsageError(f"expire={expire} has no time zone", remedy="give the datetime a tzinfo")
        return int(expire.timestamp()) * 10**9 + expire.microsecond * 1000
    if not isinstance(expire, int):
        raise UsageError(f"expire={expire!r} is no time", remedy="a datetime with zone, or int ns UTC")
    return expire
