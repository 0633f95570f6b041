"""Every fill held against the data: the bar it met, when its order could meet it, the price it met there, and volume.

Rules: ``docs/execution_rules.md`` §4. What the run's matching decided is taken for granted nowhere; what did not fill is not
looked into.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from fillwright.verify.audit import Audit, moment
from fillwright.verify.bars import Bars
from fillwright.verify.ledger import SIDES
from fillwright.verify.paths import CLOSE_ONLY, STAGES, allowed, points
from fillwright.verify.reading import Folder
from fillwright.verify.roles import BOOKS
from fillwright.verify.story import Met, Story
from fillwright.verify.terms import Terms

WITH_LIMIT, WITH_STOP = ("limit", "stop_limit"), ("stop", "stop_limit")
ON_POINTS_ONLY = ("market", "market_on_close", "market_on_open")
AT_CLOSE = ("market_on_close", "limit_on_close")
KNOWN = (*ON_POINTS_ONLY, "limit", "stop", "stop_limit")


@dataclass(frozen=True, slots=True)
class _Fill:
    number: int
    symbol: int
    side: int
    type: str
    instant: int
    time: int
    event_time: int
    stage: str
    path: str
    reference: int
    liquidity: str
    quantity: int
    available: int
    exit_reason: str
    engine: bool


@dataclass
class _Found:
    """What was found wrong, by check; prices in words as the file shows them."""

    wrong: dict[str, list[str]] = field(default_factory=dict)

    def say(self, check: str, row: int, column: str, text: str) -> None:
        self.wrong.setdefault(check, []).append(f"fills.parquet row {row} column {column}: {text}")


def check_fills(audit: Audit, data: Sequence[Bars], story: Story, terms: Terms) -> None:
    """Check bar, arrival, path, reference and volume of every fill."""
    checker = _Checker(audit.folder, data, story, terms)
    rows = 0
    for fill in _fills(audit.folder):
        if fill.stage == BOOKS:
            continue  # it met no market; what it must repeat of another fill is not the data's to say
        checker.check(fill)
        rows += 1
    wrong = checker.found.wrong
    for name in ("bar", "arrival", "range", "path", "reference", "liquidity", "participation", "ends"):
        audit.say(f"data.{name}", rows, wrong.get(name, ()))
    types = sorted({str(kind) for kind in audit.folder["orders"]["type"].tolist()} - set(KNOWN))
    if types:
        audit.say("data.order_types", 0, note=f"no rule of this version says where {', '.join(types)} orders fill")


def _fills(folder: Folder) -> Iterator[_Fill]:
    fills, orders = folder["fills"], folder["orders"]
    order = folder.references("fills", "order_id", "orders")
    columns = (
        folder.symbols("fills").tolist(), orders["side"][order].tolist(), orders["type"][order].tolist(),
        fills["instant"].tolist(), fills["time"].tolist(), fills["event_time"].tolist(), fills["stage"].tolist(),
        fills["path"].tolist(), folder.units("fills", "reference_price").tolist(), fills["liquidity"].tolist(),
        folder.units("fills", "quantity").tolist(), folder.units("fills", "available").tolist(), fills["exit_reason"].tolist(),
        (orders["intent_id"][order] < 0).tolist(),
    )  # fmt: skip
    for number, (symbol, side, *rest) in enumerate(zip(*columns, strict=True)):
        yield _Fill(number, symbol, SIDES[side], *rest)


class _Checker:
    def __init__(self, folder: Folder, data: Sequence[Bars], story: Story, terms: Terms) -> None:
        self.folder, self.data, self.story, self.terms = folder, data, story, terms
        self.found = _Found()
        self.taken: dict[tuple[int, int], int] = {}

    def check(self, fill: _Fill) -> None:
        bars = self.data[fill.symbol]
        row = bars.opening_at(fill.event_time)
        met = self.story.met.get(fill.number)
        if row < 0:
            self.found.say("bar", fill.number, "event_time", f"no bar of {bars.symbol} opens at {moment(fill.event_time)}")
            return
        self._bar(fill, bars, row)
        self._range(fill, bars, row)
        self._volume(fill, bars, row)
        self._end(fill, bars, row)
        if met is None:
            return  # level 1 has said that no event names it
        lookahead = self._is_lookahead(fill, met)
        self._arrival(fill, met, bars, row, lookahead)
        if self._path(fill, met, bars, row, lookahead):
            self._reference(fill, met, bars, row, lookahead)

    def _is_lookahead(self, fill: _Fill, met: Met) -> bool:
        at_close = fill.path == CLOSE_ONLY and fill.stage == "close"
        return self.terms.lookahead and at_close and met.arrival == fill.instant

    def _bar(self, fill: _Fill, bars: Bars, row: int) -> None:
        opens, closes = int(bars.open_time[row]), int(bars.close_time[row])
        if closes != fill.instant:
            text = f"the bar that opened {moment(opens)} closes {moment(closes)}, not then"
            self.found.say("bar", fill.number, "instant", text)
        due = opens if fill.stage == "open" else closes
        if fill.time != due:
            self.found.say("bar", fill.number, "time", f"found {moment(fill.time)}, expected {moment(due)} (stage {fill.stage})")

    def _arrival(self, fill: _Fill, met: Met, bars: Bars, row: int, lookahead: bool) -> None:
        opens = int(bars.open_time[row])
        if not lookahead and met.arrival > opens:
            late = "before its order arrived" if fill.time < met.arrival else "on a bar that was under way"
            text = f"filled {late}: the bar opened {moment(opens)}, the order arrived {moment(met.arrival)}"
            self.found.say("arrival", fill.number, "event_time", text)
        if met.released > fill.time:
            text = f"filled before its parent released it at {moment(met.released)}"
            self.found.say("arrival", fill.number, "time", text)

    def _range(self, fill: _Fill, bars: Bars, row: int) -> None:
        low, high = int(bars.low[row]), int(bars.high[row])
        if not low <= fill.reference <= high:
            inside = f"{self._price(fill, low)} to {self._price(fill, high)}"
            text = f"found {self._price(fill, fill.reference)}, outside of its bar, {inside}"
            self.found.say("range", fill.number, "reference_price", text)

    def _path(self, fill: _Fill, met: Met, bars: Bars, row: int, lookahead: bool) -> bool:
        """Whether path and stage are what the settings demand of this bar."""
        terms = self.terms
        expected = (CLOSE_ONLY,) if lookahead else allowed(terms, fill.symbol, bars, row, met.exposure)
        if fill.path not in expected:
            text = f"found {fill.path}, expected {' or '.join(expected)} (execution.path: {terms.path})"
            self.found.say("path", fill.number, "path", text)
            return False
        stages = ("close", "flat_at") if fill.path == CLOSE_ONLY else (*STAGES, "flat_at")
        if fill.stage not in stages or (fill.stage == "flat_at") != (fill.type in AT_CLOSE):
            self.found.say("path", fill.number, "stage", f"{fill.stage} is no place for a {fill.type} order on {fill.path}")
            return False
        return True

    def _reference(self, fill: _Fill, met: Met, bars: Bars, row: int, lookahead: bool) -> None:
        """The one price that the order met at that stage, and on which side of the market."""
        if fill.type not in KNOWN:
            return
        way = points(bars, row, fill.path)
        if fill.stage == "open" or fill.stage == "flat_at" or fill.path == CLOSE_ONLY:
            self._at_point(fill, met, bars, row, way[0] if fill.stage == "open" else way[3])
            return
        stage = STAGES.index(fill.stage)
        self._on_segment(fill, met, way[stage - 1], way[stage])

    def _at_point(self, fill: _Fill, met: Met, bars: Bars, row: int, price: int) -> None:
        self._must(fill, "reference", fill.reference == price, "reference_price", fill.reference, price)
        first = {True}
        if fill.type in WITH_LIMIT and met.triggered != (fill.instant, fill.time):
            first = self._first(met, bars, row, fill)
        liquidity = ["taker" if is_first else "maker" for is_first in first]
        if fill.liquidity not in liquidity:
            met_before = "the first price that it met" if first == {True} else "not the first price that it met"
            text = f"found {fill.liquidity}, expected {liquidity[0]}: {met_before}"
            self.found.say("liquidity", fill.number, "liquidity", text)
        if fill.type in WITH_STOP and met.triggered == (0, 0):
            self.found.say("reference", fill.number, "reference_price", "its stop was never triggered")
        through = self.terms.through[fill.symbol] if fill.liquidity == "maker" else 0
        if fill.type in WITH_LIMIT and fill.side * (met.limit - price) < through:
            self._beyond(fill, met.limit, price)

    def _on_segment(self, fill: _Fill, met: Met, start: int, end: int) -> None:
        toward_stop = fill.side * (end - start) > 0
        better = min if fill.side > 0 else max
        worse = max if fill.side > 0 else min
        if start == end or fill.type in ON_POINTS_ONLY:
            text = f"a {fill.type} order does not trade between {self._price(fill, start)} and {self._price(fill, end)}"
            self.found.say("reference", fill.number, "reference_price", text)
            return
        if toward_stop and fill.type in WITH_STOP:
            price, liquidity = worse(met.stop, start), "taker"
            reached = fill.side * (end - met.stop) >= 0 and met.triggered == (fill.instant, fill.time)
            reached &= fill.type == "stop" or fill.side * (met.limit - price) >= 0
            level = met.stop
        else:
            price, liquidity, level = better(met.limit, start), "maker", met.limit
            reached = fill.type in WITH_LIMIT and not toward_stop
            reached &= fill.side * (met.limit - end) >= self.terms.through[fill.symbol]
            reached &= fill.type == "limit" or met.triggered != (0, 0)
        if not reached:
            self._beyond(fill, level, end)
        self._must(fill, "reference", fill.reference == price, "reference_price", fill.reference, price)
        if fill.liquidity != liquidity:
            self.found.say("liquidity", fill.number, "liquidity", f"found {fill.liquidity}, expected {liquidity}")

    def _beyond(self, fill: _Fill, level: int, price: int) -> None:
        at = f"the market at {self._price(fill, price)} did not reach {self._price(fill, level)} of its {fill.type} order"
        self.found.say("reference", fill.number, "stage", at)

    def _must(self, fill: _Fill, check: str, holds: bool, column: str, found: int, expected: int) -> None:
        if not holds:
            text = f"found {self._price(fill, found)}, expected {self._price(fill, expected)} (stage {fill.stage}, {fill.path})"
            self.found.say(check, fill.number, column, text)

    def _first(self, met: Met, bars: Bars, row: int, fill: _Fill) -> set[bool]:
        """Whether this may be the first point that the order met; both where the order of the working list decides."""
        if self._is_lookahead(fill, met):
            return {True}
        first = bars.from_open(max(met.arrival, met.released))
        if self.terms.lookahead and bars.closing_at(met.arrival) >= 0:
            # It met the close of the bar that it arrived with, unless it still waited for its parent.
            return {True, False} if met.released and row == first else {False}
        if met.released and first < len(bars.open_time) and met.released == int(bars.open_time[first]) and row == first + 1:
            return {True, False}  # released in the pass over this open: reached by it, or not
        return {row <= first}

    def _volume(self, fill: _Fill, bars: Bars, row: int) -> None:
        share = self.terms.participation
        if share is None or bars.volume is None:
            if fill.available != -1:
                self.found.say("participation", fill.number, "available", "there is no cap on volume")
            return
        offered = int(bars.volume[row]) * share.numerator // share.denominator
        left = offered - self.taken.get((fill.symbol, row), 0)
        if fill.quantity > left:
            text = f"{self._lots(fill, fill.quantity)} of {self._lots(fill, left)} left (the bar offered {self._lots(fill, offered)})"
            self.found.say("participation", fill.number, "quantity", f"above participation: {text}")
        if fill.available != left:
            text = f"found {self._lots(fill, fill.available)}, expected {self._lots(fill, left)}"
            self.found.say("participation", fill.number, "available", text)
        self.taken[fill.symbol, row] = offered - left + fill.quantity

    def _end(self, fill: _Fill, bars: Bars, row: int) -> None:
        if fill.exit_reason == "end_of_run" and row != len(bars.open_time) - 1:
            self.found.say("ends", fill.number, "exit_reason", "end_of_run, but it is not the last bar of the data")
        if fill.exit_reason == "end_of_day" and not bars.day_last[row]:
            self.found.say("ends", fill.number, "exit_reason", "end_of_day, but it is not the last bar of its day")

    def _price(self, fill: _Fill, units: int) -> str:
        return decimal_text(units, self.folder.instruments[fill.symbol].price_decimals)

    def _lots(self, fill: _Fill, units: int) -> str:
        return decimal_text(units, self.folder.instruments[fill.symbol].quantity_decimals)


def decimal_text(units: int, decimals: int) -> str:
    """Whole units as a decimal number."""
    text = f"{abs(units):0{decimals + 1}d}"
    whole, part = (text[:-decimals], text[-decimals:]) if decimals else (text, "")
    return ("-" if units < 0 else "") + whole + (f".{part}" if part else "")


def check_triggers(audit: Audit, data: Sequence[Bars]) -> None:
    """Every stop was triggered by a bar that reached it."""
    folder = audit.folder
    events = folder["order_events"]
    rows = np.flatnonzero(events["event"] == "trigger")
    stops = folder.units("order_events", "stop_price")
    symbols, sides = folder.symbols("order_events"), folder["orders"]["side"]
    order = folder.references("order_events", "order_id", "orders")
    wrong = []
    for row in rows.tolist():
        bars, side, time = data[int(symbols[row])], SIDES[sides[order[row]]], int(events["time"][row])
        at = bars.closing_at(int(events["instant"][row]))
        stop = int(stops[row])
        where = f"order_events.parquet row {row} column time"
        if at < 0:
            wrong.append(f"{where}: no bar of {bars.symbol} closes at its instant")
            continue
        opens, closes = int(bars.open_time[at]), int(bars.close_time[at])
        reached = int(bars.open[at]) if time == opens else int(bars.high[at] if side > 0 else bars.low[at])
        if time not in (opens, closes) or side * (reached - stop) < 0:
            decimals = folder.instruments[int(symbols[row])].price_decimals
            wrong.append(f"{where}: the bar did not reach the stop at {decimal_text(stop, decimals)} by then")
    audit.say("data.triggers", len(rows), wrong)
