"""Which order type the terms of a call make, and what its distance means. Pure; wrong terms are a UsageError that says what to write."""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from fillwright.errors import UsageError
from fillwright.model.codes import OrderFlag, OrderType, SizeMode, TimeInForce, TrailUnit

_TYPES = {
    (): OrderType.MARKET,
    ("limit",): OrderType.LIMIT,
    ("stop",): OrderType.STOP,
    ("limit", "stop"): OrderType.STOP_LIMIT,
    ("touch",): OrderType.MARKET_IF_TOUCHED,
    ("limit", "touch"): OrderType.LIMIT_IF_TOUCHED,
    ("trail",): OrderType.TRAILING_STOP,
    ("stop", "trail"): OrderType.TRAILING_STOP,
    ("trail", "trail_limit"): OrderType.TRAILING_STOP_LIMIT,
    ("stop", "trail", "trail_limit"): OrderType.TRAILING_STOP_LIMIT,
}
PRICES = ("limit", "stop", "touch", "trail", "trail_limit")
"""The terms that make the type of an order."""
_AUCTIONS = {
    TimeInForce.OPG: {(): OrderType.MARKET_ON_OPEN, ("limit",): OrderType.LIMIT_ON_OPEN},
    TimeInForce.CLS: {(): OrderType.MARKET_ON_CLOSE, ("limit",): OrderType.LIMIT_ON_CLOSE},
}


_MAY_HIDE = (OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.LIMIT_IF_TOUCHED, OrderType.TRAILING_STOP_LIMIT)

Price = int | float | Decimal | None


class Terms(NamedTuple):
    """What a call says about an order beside instrument, side and size, as it was given. The rarer terms begin with ``lot``;
    ``after`` is anything that has the number of an order as its ``id``."""

    limit: Price = None
    stop: Price = None
    tif: str | None = None
    expire: datetime | int | None = None
    tag: str | None = None
    rule_id: str | None = None
    lot: int | None = None
    post_only: bool = False
    touch: Price = None
    trail: Price | str = None
    trail_limit: Price = None
    take_profit: Price = None
    stop_loss: Price = None
    display: Price = None
    after: Any = None
    per: Price = None


_RARE = Terms._fields.index("lot")
_NOTHING_RARE = Terms()[_RARE:]


def is_plain(terms: Terms) -> bool:
    """Whether the type of an order follows from its limit and stop alone, and nothing else is asked for."""
    return terms[_RARE:] == _NOTHING_RARE


def order_type(terms: Terms, tif: int) -> OrderType:
    """The type of an order with these terms and this time in force."""
    given = tuple(name for name in PRICES if getattr(terms, name) is not None)
    kind = _AUCTIONS.get(TimeInForce(tif), _TYPES).get(given)
    if kind is None:
        auction = f" with tif={TimeInForce(tif).name!r}" if tif in _AUCTIONS else ""
        raise UsageError(
            f"there is no order with {' and '.join(given)}{auction}",
            remedy="limit and stop, limit and touch, or trail with trail_limit and a first stop; on open or close a limit at most",
        )
    has_limit = kind in (OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.LIMIT_IF_TOUCHED)
    if terms.post_only and (not has_limit or tif in (TimeInForce.IOC, TimeInForce.FOK)):
        raise UsageError(
            "post_only= goes with a limit that may rest", remedy="give limit=, and neither IOC nor FOK, or leave it out"
        )
    if terms.display is not None and (kind not in _MAY_HIDE or tif in (TimeInForce.IOC, TimeInForce.FOK)):
        raise UsageError(
            "display= goes with a limit that may rest", remedy="give limit=, and neither IOC nor FOK, or leave it out"
        )
    return kind


def size_mode(mode: SizeMode, per: Any, stop_loss: Any) -> SizeMode:
    """What a size means, where by risk: by the way to its stop, or by the price move that is stated; None = not given."""
    if mode is not SizeMode.RISK:
        if per is not None:
            raise UsageError("per= goes with risk=", remedy='buy("SPY", risk="1%", per=atr): a move of atr loses 1% of equity')
        return mode
    if per is None and stop_loss is None:
        raise UsageError(
            "risk= needs a stop_loss= or per=",
            remedy="the size follows from the way from the entry to the stop, or from a move of the price",
        )
    return SizeMode.RISK if per is None else SizeMode.VOLATILITY


def check_exits(side: int, take_profit: int, stop_loss: int) -> None:
    """Prices of an entry's exits as a ticket has them (0 = none) lie on the right sides of each other."""
    if take_profit and stop_loss and side * (abs(take_profit) - abs(stop_loss)) <= 0:
        above, below = ("take_profit", "stop_loss") if side > 0 else ("stop_loss", "take_profit")
        raise UsageError(f"{above} must be above {below}", remedy="a buy takes its profit above, a sell below its stop_loss")


def flags_of(terms: Terms) -> OrderFlag:
    """Flags that the terms ask for."""
    return OrderFlag.POST_ONLY if terms.post_only else OrderFlag.NONE


def distance(trail: int | float | Decimal | str, price_scale: int) -> tuple[int, TrailUnit]:
    """(whole distance, unit) of ``0.5`` (price), ``"1.5%"`` of the price or ``"20 ticks"``."""
    text = str(trail).strip()
    unit, scale = TrailUnit.PRICE, price_scale
    if isinstance(trail, str) and text.endswith("%"):
        text, unit, scale = text[:-1], TrailUnit.RATE, 10**7
    elif isinstance(trail, str) and text.endswith(("ticks", "tick")):
        text, unit, scale = text.removesuffix("s").removesuffix("tick"), TrailUnit.TICKS, 1
    try:
        if isinstance(trail, str):
            whole = Decimal(text.strip()) * scale
        elif isinstance(trail, Decimal):  # what was worked out is rounded as prices are
            whole = Decimal(math.floor(trail * scale + Decimal("0.5")))
        else:
            whole = Decimal(math.floor(trail * scale + 0.5))
        exact = whole == whole.to_integral_value() and 0 < whole < 2**62
    except (ArithmeticError, ValueError):
        exact = False
    if not exact:
        raise UsageError(
            f"trail={trail!r} is no distance",
            remedy='a positive distance of price, "1.5%" or "20 ticks"',
        )
    return int(whole), unit
