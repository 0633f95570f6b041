"""The four kinds of market data that orders may trade on, and what the columns of each are.

A quote is held as a quote bar of no length and a print as a bar of no length: their four prices are one array, their open and
close time too. So what asks for a high or a close finds one, whatever the kind.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

Kind: TypeAlias = Literal["bars", "quote_bars", "quotes", "prints"]
KINDS: tuple[Kind, ...] = get_args(Kind)

PRICE_COLUMNS = ("open", "high", "low", "close")
COLUMNS = ("open_time", "close_time", *PRICE_COLUMNS, "volume", "day_last")
"""Canonical columns of bars, in the order in which they are stored and digested."""

ASK_COLUMNS = tuple(f"ask_{name}" for name in PRICE_COLUMNS)
SIZE_COLUMNS = ("bid_size", "ask_size")
HELD = (*COLUMNS, *ASK_COLUMNS, *SIZE_COLUMNS)
"""Everything that a feed holds under names of its own."""

LAYOUT: dict[Kind, dict[str, str]] = {
    "bars": {name: name for name in COLUMNS},
    "quote_bars": {
        "open_time": "open_time", "close_time": "close_time", **{f"bid_{name}": name for name in PRICE_COLUMNS},
        **{name: name for name in (*ASK_COLUMNS, *SIZE_COLUMNS)}, "day_last": "day_last",
    },
    "quotes": {
        "time": "close_time", "bid": "close", "ask": "ask_close", "bid_size": "bid_size", "ask_size": "ask_size",
        "day_last": "day_last",
    },
    "prints": {"time": "close_time", "price": "close", "size": "volume", "day_last": "day_last"},
}  # fmt: skip
"""Canonical column -> where a feed of that kind holds it, in the order in which they are stored and digested."""

OPTIONAL = ("volume", "size", *SIZE_COLUMNS)
"""Canonical columns that data may be without."""


def same_as(kind: Kind) -> dict[str, str]:
    """Held columns of a kind that are the same array as another one: name -> that of the array."""
    if kind == "prints":
        return {"open_time": "close_time", **dict.fromkeys(PRICE_COLUMNS[:3], "close")}
    if kind == "quotes":
        return {
            "open_time": "close_time",
            **dict.fromkeys(PRICE_COLUMNS[:3], "close"),
            **dict.fromkeys(ASK_COLUMNS[:3], "ask_close"),
        }
    return {}
