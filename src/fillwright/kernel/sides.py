"""Both sides of a quote: the price that a side pays, and what is offered to it. Of bars without quotes both sides are one.

Rules: ``docs/execution_rules.md`` §4 and §5.
"""

from __future__ import annotations

from fillwright.kernel._codes import BarPath, DataKind, Stage
from fillwright.kernel._jit import jit
from fillwright.kernel.models import middle


@jit
def mid_of_fill(bar, price, stage, path):  # type: ignore[no-untyped-def]
    """The middle of the quote whose side a taker pays; where no one quote is known, on the path of a quote bar, the price itself."""
    if bar["kind"] == DataKind.QUOTES or stage == Stage.STANDING:
        return middle(bar["bid"], bar["ask"])
    if bar["kind"] == DataKind.QUOTE_BARS:
        if stage == Stage.OPEN:
            return middle(bar["open"], bar["ask_open"])
        if path == BarPath.CLOSE_ONLY or stage == Stage.FLAT_AT:
            return middle(bar["close"], bar["ask_close"])
    return price


@jit
def left_for(bar, side, stage):  # type: ignore[no-untyped-def]
    """Lots that are still offered to a side, -1 without a cap."""
    if bar["kind"] == DataKind.QUOTES or stage == Stage.STANDING:
        return bar["ask_left"] if side > 0 else bar["bid_left"]
    return bar["volume_left"]


@jit
def take(bar, side, stage, lots):  # type: ignore[no-untyped-def]
    """What is taken is not offered again."""
    if bar["kind"] == DataKind.QUOTES or stage == Stage.STANDING:
        if side > 0:
            bar["ask_left"] -= lots
        else:
            bar["bid_left"] -= lots
    else:
        bar["volume_left"] -= lots


@jit
def closing_price(bar, side):  # type: ignore[no-untyped-def]
    """The closing price of a bar, or the price of a quote or print, for one side."""
    if side > 0 and (bar["kind"] == DataKind.QUOTES or bar["kind"] == DataKind.QUOTE_BARS):
        return bar["ask_close"]
    return bar["close"]


@jit
def range_for(bar, side):  # type: ignore[no-untyped-def]
    """Lowest and highest price of a bar for one side."""
    if bar["kind"] != DataKind.QUOTE_BARS:
        return bar["low"], bar["high"]
    if side > 0:
        return min(bar["ask_first"], bar["ask_second"]), max(bar["ask_first"], bar["ask_second"])
    return min(bar["first"], bar["second"]), max(bar["first"], bar["second"])


@jit
def opening_price(bar, side):  # type: ignore[no-untyped-def]
    """The first price of a bar for one side."""
    return bar["ask_open"] if side > 0 and bar["kind"] == DataKind.QUOTE_BARS else bar["open"]


@jit
def segment_of(bar, side, stage):  # type: ignore[no-untyped-def]
    """Both ends of a stage of the path for one side: of quote bars buys meet the path of the ask."""
    if side > 0 and bar["kind"] == DataKind.QUOTE_BARS:
        if stage == Stage.FIRST:
            return bar["ask_open"], bar["ask_first"]
        if stage == Stage.SECOND:
            return bar["ask_first"], bar["ask_second"]
        return bar["ask_second"], bar["ask_close"]
    if stage == Stage.FIRST:
        return bar["open"], bar["first"]
    if stage == Stage.SECOND:
        return bar["first"], bar["second"]
    return bar["second"], bar["close"]
