"""Markets whose data after an instant are made up: same times, plausible prices and volumes, drawn from a seed.

Instants, feeds and instruments stay as they are; what was known at the instant stays bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fillwright.data.kinds import PRICE_COLUMNS
from fillwright.data.market import Feed, Ints, Market, build_market, seal
from fillwright.errors import UsageError
from fillwright.model.instrument import MAX_EXACT_INTEGER

Floats = npt.NDArray[np.float64]

VALUES = (*PRICE_COLUMNS, "volume")
"""Columns that noise replaces."""

_PULL = 0.9
_WIDEST = 0.5


@dataclass(frozen=True)
class Style:
    """A kind of future: prices drift by the factor exp(drift), wander ``spread`` times as much as usual, volume is multiplied."""

    name: str
    drift: float
    spread: float
    volume: float


STYLES = (Style("up", 0.3, 1.0, 4.0), Style("down", -0.3, 1.0, 0.25), Style("walk", 0.0, 1.0, 1.0), Style("wild", 0.0, 4.0, 2.0))


@dataclass(frozen=True)
class Part:
    """What is replaced: every feed, one feed, or one column of one feed.

    loose  a single column may leave the range of its bar (close above high), for effects that are not seen otherwise
    """

    feed: int = -1
    column: str = ""
    loose: bool = False

    def text(self, market: Market) -> str:
        """In words."""
        feed = market.feeds[self.feed]
        return f"{feed.symbol} {self.column or 'bars'}"


EVERYTHING = Part()


def noised(market: Market, after: int, seed: int, style: Style, part: Part = EVERYTHING) -> Market:
    """The market with every bar that is known after the instant ``after`` (ns UTC) replaced, as far as ``part`` says."""
    other = next((feed for feed in market.feeds if feed.kind != "bars"), None)
    if other is not None:
        raise UsageError(f"{other.symbol} has {other.rows_word}, and only bars can be replaced", remedy="examine it on bars")
    made: dict[int, tuple[Feed, dict[str, Ints]]] = {}  # of each instrument its finest feed, and what it became
    feeds = []
    for number, feed in enumerate(market.feeds):
        first = int(np.searchsorted(feed.close_time, after, "right"))
        mine = part.feed in (-1, number)
        if not mine or first == len(feed):
            feeds.append(feed)
            continue
        values = _walk(feed, first, np.random.default_rng((seed, number)), style)
        if feed.instrument in made and part.feed == -1:
            _aggregate(feed, first, values, *made[feed.instrument])
        whole = {name: _joined(getattr(feed, name), first, new) for name, new in values.items()}
        made.setdefault(feed.instrument, (feed, whole))
        if part.column:
            whole = _one_column(feed, first, whole, part)
        sealed: dict[str, Any] = {name: seal(array) for name, array in whole.items()}
        feeds.append(replace(feed, **sealed))
    unmarked = [replace(feed, marked=feed.execution) for feed in feeds]
    return build_market(market.instruments, unmarked, market.findings)


def _joined(before: Ints, first: int, after: Ints) -> Ints:
    return np.concatenate([before[:first], after])


def _walk(feed: Feed, first: int, draw: np.random.Generator, style: Style) -> dict[str, Ints]:
    """New values for the rows from ``first`` on: a bounded walk that starts where the data ended."""
    count = len(feed) - first
    steps = np.diff(np.log(feed.close[: max(first, 3)].astype(np.float64)))
    usual = float(np.std(steps)) if len(steps) > 1 else 0.01
    size = min(max(usual, 0.002), 0.1) * style.spread
    last = float(feed.close[first - 1] if first else feed.open[0])
    wander = _folded(np.cumsum(draw.normal(0.0, size, count)))
    drift = style.drift * (1.0 - _PULL ** np.minimum(np.arange(1, count + 1), 500))
    close = last * np.exp(wander + drift)
    opening = np.concatenate([[last], close[:-1]]) * np.exp(draw.normal(0.0, 0.3 * size, count))
    reach = np.abs(draw.normal(0.0, 0.5 * size, (2, count)))
    high, low = np.maximum(opening, close) * np.exp(reach[0]), np.minimum(opening, close) * np.exp(-reach[1])
    grain = _grain(feed)
    values = {name: _whole(column, grain) for name, column in zip(PRICE_COLUMNS, (opening, high, low, close), strict=True)}
    if feed.volume is not None:
        usual_volume = float(np.median(feed.volume)) or 1.0
        traded = usual_volume * style.volume * np.exp(draw.normal(0.0, 0.5, count))
        values["volume"] = _whole(traded, max(int(np.gcd.reduce(feed.volume)), 1))
    return values


def _folded(walk: Floats) -> Floats:
    """A walk reflected at the bounds of what is plausible."""
    return np.abs((walk + _WIDEST) % (4 * _WIDEST) - 2 * _WIDEST) * -1.0 + _WIDEST


def _grain(feed: Feed) -> int:
    """The unit in which the data come: the largest that divides all prices."""
    return max(int(np.gcd.reduce([int(np.gcd.reduce(getattr(feed, name))) for name in PRICE_COLUMNS])), 1)


def _whole(values: Floats, grain: int) -> Ints:
    whole: Ints = np.clip(np.rint(values / grain), 1.0, MAX_EXACT_INTEGER // grain).astype(np.int64) * grain
    return whole


def _aggregate(feed: Feed, first: int, values: dict[str, Ints], finer: Feed, fine: dict[str, Ints]) -> None:
    """Make the rows of a longer timeframe what the noised finer bars inside them add up to, where there are any."""
    begin = np.searchsorted(finer.open_time, feed.open_time[first:], "left")
    end = np.searchsorted(finer.close_time, feed.close_time[first:], "right")
    inside = np.flatnonzero(end > begin)
    if not len(inside):
        return
    begin, end = begin[inside], end[inside]
    bounds = np.stack([begin, end], axis=1).reshape(-1)

    def added_up(function: Any, column: str) -> Ints:
        padded = np.append(fine[column], fine[column][-1])  # an end may lie behind the last row
        both: Ints = function.reduceat(padded, bounds)
        return both[::2]

    values["open"][inside], values["close"][inside] = fine["open"][begin], fine["close"][end - 1]
    values["high"][inside], values["low"][inside] = added_up(np.maximum, "high"), added_up(np.minimum, "low")
    if "volume" in values and "volume" in fine:
        values["volume"][inside] = added_up(np.add, "volume")


def _one_column(feed: Feed, first: int, whole: dict[str, Ints], part: Part) -> dict[str, Ints]:
    """Only one column, inside what the others allow unless ``loose``."""
    name = part.column
    new = whole[name][first:]
    if not part.loose and name != "volume":
        o, h, low, c = (getattr(feed, column)[first:] for column in PRICE_COLUMNS)
        if name in ("open", "close"):
            new = np.clip(new, low, h)
        else:
            new = np.maximum(new, np.maximum(o, c)) if name == "high" else np.minimum(new, np.minimum(o, c))
    return {name: _joined(getattr(feed, name), first, new)}
