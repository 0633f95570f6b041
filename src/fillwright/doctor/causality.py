"""Does any decision depend on what comes later? Replace the later data by noise and see.

A run is compared with runs on markets that agree with its own up to an instant and are made up after it. Up to that instant all
orders, and all that became of them, must be the same. A difference is a look-ahead; more runs then tell which columns were read
and how far ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fillwright.config.schema import Config
from fillwright.coordinator.runner import Run
from fillwright.data.bars import timeframe_text
from fillwright.data.market import Market
from fillwright.doctor.diagnosis import Check, Diagnosis, Finding
from fillwright.doctor.noise import EVERYTHING, STYLES, VALUES, Part, Style, noised
from fillwright.doctor.subject import Subject
from fillwright.doctor.trail import Parting, Trail, time_text
from fillwright.errors import FillwrightError, RunInterrupted, StrategyError, UsageError
from fillwright.result import Result
from fillwright.strategies import Builder
from fillwright.strategy.base import Strategy
from fillwright.strategy.desk import Desk
from fillwright.strategy.driver import Driver

Progress = Callable[[int, int], None]
_TRIES = 6
"""Futures that are tried before something is believed to have no effect."""


def causality(
    decides: Subject | Strategy | Driver | Builder,
    market: Market | None = None,
    config: Config | None = None,
    *,
    cuts: int = 40,
    progress: Progress | None = None,
) -> Diagnosis:
    """Look for decisions that know what comes later.

    ``decides`` is a strategy, arrays, or a function of the market that makes either; only with a function are arrays made anew from
    the changed data. ``cuts``: at how many instants the data are cut, half of them where the run gives orders. The same input gives
    the same answer. Errors of the run itself are raised.
    """
    if cuts < 1:
        raise UsageError(f"cannot cut {cuts} times", remedy="cuts must be at least 1")
    subject = Subject.of(decides, market, config)
    return _Examination(subject, cuts, progress).diagnosis()


class _LenientDesk(Desk):
    """A desk that keeps what the check of indicators says instead of refusing the run: the noise shall find it, with its place."""

    def check_prefixes(self, function: Callable[..., Any], inputs: list[Any], values: np.ndarray[Any, Any], name: str) -> None:
        """See ``Desk``."""
        try:
            super().check_prefixes(function, inputs, values, name)
        except StrategyError as error:
            self.notes.append(error.message)


@dataclass(frozen=True)
class _Seen:
    """A decision that changed: where the data were cut, and the first difference."""

    cut: int
    parting: Parting


class _Examination:
    """The runs of one answer."""

    def __init__(self, subject: Subject, cuts: int, progress: Progress | None) -> None:
        self.subject = subject
        self.market = subject.market
        self.runs = 0
        self.cuts = cuts
        self.refused: list[str] = []
        self.notes: list[str] = []
        self._progress = progress
        self.base, notes = self._run(self.market)
        self.ahead = [note for note in notes if note.startswith("indicator ")]
        self.notes += [note for note in notes if note not in self.ahead]
        if self.base.error is not None:
            raise StrategyError(self.base.error)

    def _run(self, market: Market) -> tuple[Trail, list[str]]:
        self.runs += 1
        decider = self.subject.decider(market)
        driver = _LenientDesk(decider) if isinstance(decider, Strategy) else decider
        one = Run(driver, market, self.subject.config)
        try:
            result = one.execute()
        except RunInterrupted:
            raise
        except FillwrightError as error:
            if market is self.market:
                raise
            if not isinstance(getattr(error, "result", None), Result):
                raise
            result = error.result  # type: ignore[attr-defined]
        return Trail(result.record), list(result.warnings)

    # -- looking -----------------------------------------------------------------------------------------------------------

    def parting(self, cut: int, seed: int, style: Style, part: Part = EVERYTHING, until: int | None = None) -> Parting | None:
        """The first difference up to ``until`` (the cut unless given) when data after the cut are noise."""
        try:
            trail, _ = self._run(noised(self.market, cut, seed, style, part))
        except RunInterrupted:
            raise
        except FillwrightError as error:
            self.refused.append(error.message)  # before the first bar: the strategy does not take such data
            return None
        found = self.base.parting(trail, cut if until is None else until)
        if found is not None and trail.error is not None and trail.error_at == found.at:
            return Parting(found.at, found.symbol, "", found.one, f"stops: {trail.error}")
        return found

    def moments(self, count: int) -> list[int]:
        """Instants to cut at: half where orders are given, half spread evenly; never the last, after which nothing comes."""
        instants = self.market.instants[:-1]
        decided = self.base.decided
        decided = decided[decided < self.market.instants[-1]]
        chosen = set(_spread(decided, (count + 1) // 2))
        for instant in _spread(instants, count):
            if len(chosen) >= min(count, len(instants)):
                break
            chosen.add(instant)
        return sorted(chosen)

    def diagnosis(self) -> Diagnosis:
        """All checks."""
        moments = self.moments(self.cuts)
        seen: _Seen | None = None
        for number, cut in enumerate(moments):
            if self._progress is not None:
                self._progress(number, len(moments))
            found = self.parting(cut, number, STYLES[number % len(STYLES)])
            if found is not None and (seen is None or found.at < seen.parting.at):
                seen = _Seen(cut, found)
                break
        events = len(self.base.rows)
        done = f"{len(moments)} cuts, {len(self.base.decided)} instants with orders, {events} order events"
        if len(self.refused) >= len(moments) and moments:
            check = Check("decisions", f"it does not run on changed data: {self.refused[0]}", skipped=True)
        elif not moments:
            check = Check("decisions", "there is one instant only", skipped=True)
        elif seen is None:
            check = Check("decisions", done)
            self._note_if_blind()
        else:
            check = Check("decisions", done, (self._finding(self.earliest(seen)),))
        return Diagnosis(f"causality of {self.subject.name}", (check, self._indicators()), tuple(dict.fromkeys(self.notes)))

    def _indicators(self) -> Check:
        found = tuple(Finding(text, "on_start", "compute it from earlier bars only") for text in dict.fromkeys(self.ahead))
        return Check("indicators", "each user indicator computed anew on three prefixes", found)

    def _note_if_blind(self) -> None:
        """Decisions that no data change at all are a fixed schedule, or were computed before and cannot be seen through."""
        before = int(self.market.instants[0]) - 1
        if not len(self.base.decisions):
            self.notes.append("the run gives no order: there is nothing to compare")
            return
        for number, style in enumerate(STYLES):
            try:
                trail, _ = self._run(noised(self.market, before, number, style))
            except FillwrightError:
                return
            if not np.array_equal(trail.decisions, self.base.decisions):
                return
        self.notes.append(
            "no order depends on any price or volume: a fixed schedule, or computed beforehand, and then it cannot be checked; "
            "give a function of the market that makes the strategy or the arrays"
        )

    # -- naming ------------------------------------------------------------------------------------------------------------

    def earliest(self, seen: _Seen) -> _Seen:
        """The earliest decision that can be shown to know too much: cuts at earlier instants, in order of time."""
        before = self.market.instants[self.market.instants < seen.parting.at]
        decided = self.base.decided
        wanted = sorted({*_spread(decided[decided < seen.parting.at], self.cuts), *_spread(before, self.cuts)})
        for number, cut in enumerate(wanted):
            for style in STYLES[:2]:
                found = self.parting(cut, 1000 + number, style)
                if found is not None:
                    return _Seen(cut, found)
        return seen

    def _finding(self, seen: _Seen) -> Finding:
        at = seen.parting.at
        fields = self.fields(seen)
        until = self.reach(seen)
        known = time_text(until)
        instants = self.market.instants
        bars = int(np.searchsorted(instants, until) - np.searchsorted(instants, at))
        names = (
            ", ".join(dict.fromkeys(f"{self._feed(part.feed)} {part.column or 'bars'}" for part in fields)) or "several together"
        )
        what = (
            f"what is decided at {time_text(at)} changes when the data after {time_text(seen.cut)} are others: "
            f"the run {seen.parting.one}; with other data after that instant it {seen.parting.other}"
        )
        facts: dict[str, Any] = {
            "decided_at": time_text(at),
            "cut_at": time_text(seen.cut),
            "symbol": seen.parting.symbol,
            "fields": [
                {
                    "symbol": self.market.feeds[part.feed].symbol,
                    "timeframe": timeframe_text(self.market.feeds[part.feed].timeframe_ns),
                    "column": part.column,
                }
                for part in fields
            ],
            "reads_until": known,
            "instants_ahead": bars,
        }
        where = f"decided at {time_text(at)}, reads {names}, at least until {known} ({bars} instants ahead)"
        return Finding(
            what, where, "decide from bars that have closed: shift by one bar, or compute with a window that ends now", facts
        )

    def _feed(self, number: int) -> str:
        feed = self.market.feeds[number]
        return f"{feed.symbol} {timeframe_text(feed.timeframe_ns)}"

    def _matters(self, cut: int, at: int, part: Part, tries: int = _TRIES) -> bool:
        """Whether noise in a part of the data after ``cut`` changes what is decided until ``at``."""
        draws = ((2000 + k, STYLES[k % len(STYLES)]) for k in range(tries))
        return any(self.parting(cut, seed, style, part, until=at) is not None for seed, style in draws)

    def fields(self, seen: _Seen) -> list[Part]:
        """The columns that change the decision on their own; the feeds that do where no single column does."""
        cut, at = seen.cut, seen.parting.at
        feeds = [number for number in range(len(self.market.feeds)) if self._matters(cut, at, Part(number))]
        if not feeds:
            return []
        for loose in (False, True):
            parts = [
                Part(number, column, loose)
                for number in feeds
                for column in VALUES
                if getattr(self.market.feeds[number], column) is not None
            ]
            found = [part for part in parts if self._matters(cut, at, part, 2 * _TRIES)]
            if found:
                return found
        return [Part(number) for number in feeds]

    def reach(self, seen: _Seen) -> int:
        """The latest instant whose data were shown to matter, by bisection over the cut."""
        instants = self.market.instants
        low = int(np.searchsorted(instants, seen.cut))
        high = len(instants) - 1  # after the last instant there is nothing to change
        while high - low > 1:
            middle = (low + high) // 2
            if self._matters(int(instants[middle]), seen.parting.at, EVERYTHING):
                low = middle
            else:
                high = middle
        return int(instants[low + 1])


def _spread(values: Iterable[int] | np.ndarray[Any, Any], count: int) -> list[int]:
    """At most ``count`` of sorted values, evenly spread, first and last among them."""
    array = np.asarray(values, np.int64)
    if len(array) <= count:
        return [int(value) for value in array]
    return [int(array[k]) for k in np.unique(np.linspace(0, len(array) - 1, max(count, 1)).astype(np.int64))]
