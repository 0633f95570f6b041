"""What is wrong with rows, told all at once, and the repairs that the user may ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from fillwright.data.kinds import PRICE_COLUMNS, Kind
from fillwright.data.market import Finding, Ints, suggest
from fillwright.errors import DataError, UsageError

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Repair = Literal["sort", "drop_duplicates", "clip_high_low", "drop_bad_rows"]
REPAIRS: tuple[str, ...] = get_args(Repair)
SHOWN = 20


def check_repairs(repair: Sequence[str]) -> frozenset[str]:
    """The repairs as a set; UsageError naming the nearest one when a word is unknown."""
    names = (repair,) if isinstance(repair, str) else tuple(repair)
    for name in names:
        if name not in REPAIRS:
            raise UsageError(f"unknown repair {name!r}", remedy=suggest(name, REPAIRS, "repairs"))
    return frozenset(names)


@dataclass(slots=True)
class Problems:
    """Rows that cannot be used, collected until all checks have spoken.

    origin  the file or frame          places  row numbers of the source -> places in words
    value   (column name, row number) -> the value as it stands in the source
    """

    origin: str
    places: Callable[[Sequence[int]], list[str]]
    value: Callable[[str, int], str]
    total: int = 0
    shown: list[tuple[int, str]] = field(default_factory=list)
    remedies: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, rows: Ints, kind: str, message: str, columns: Sequence[str], remedy: str) -> None:
        """Note that these rows (numbers of the source) have a problem; ``columns`` are shown with their values."""
        if len(rows) == 0:
            return
        self.total += len(rows)
        self.counts[kind] = self.counts.get(kind, 0) + len(rows)
        if remedy not in self.remedies:
            self.remedies.append(remedy)
        for row in rows[:SHOWN].tolist():
            values = ", ".join(f"{name} {self.value(name, row)}" for name in columns)
            self.shown.append((row, f"{values}: {message}" if values else message))

    def raise_if_any(self) -> None:
        """One DataError with the first 20 places and the number of all."""
        if not self.total:
            return
        first = sorted(self.shown, key=lambda item: item[0])[:SHOWN]
        places = self.places([row for row, _ in first])
        lines = [f"{place}: {text}" for place, (_, text) in zip(places, first, strict=True)]
        if self.total > len(lines):
            lines.append(f"... and {self.total - len(lines)} more")
        counts = ", ".join(f"{count} {kind}" for kind, count in self.counts.items())
        noun = "problem" if self.total == 1 else "problems"
        text = f"{self.total} {noun} in the data ({counts})\n  " + "\n  ".join(lines)
        raise DataError(text, where=self.origin, remedy="; ".join(self.remedies))


@dataclass(slots=True)
class Rows:
    """Rows of one symbol on their way to a feed.

    number  int64[n] row numbers in the source        stamp  int64[n] ns
    prices  by field, float64[n]: open, high, low, close; or bid, ask …    sizes  the same of volume, size, bid_size, ask_size
    """

    number: Ints
    stamp: Ints
    prices: dict[str, Floats]
    sizes: dict[str, Floats]

    def take(self, which: Mask | Ints) -> None:
        """Keep these rows only, or put them in this order."""
        self.number = self.number[which]
        self.stamp = self.stamp[which]
        self.prices = {name: values[which] for name, values in self.prices.items()}
        self.sizes = {name: values[which] for name, values in self.sizes.items()}


@dataclass(slots=True)
class Checker:
    """The checks on the rows of one symbol, with the stated repairs; each repair that changed something leaves a finding."""

    rows: Rows
    repair: frozenset[str]
    problems: Problems
    names: dict[str, str]
    kind: Kind = "bars"
    findings: list[Finding] = field(default_factory=list)

    def values(self, unreadable: dict[str, Mask], bad_time: Mask, why: str) -> None:
        """Times and numbers must be there, finite, and in range. ``unreadable``: text that is no number, by field."""
        rows, names = self.rows, self.names
        bad = bad_time.copy()
        reports: list[tuple[Mask, str, str, str]] = [(bad_time, "unreadable times", why, "time")]
        for name, values in (rows.prices | rows.sizes).items():
            text = unreadable[name]
            empty = ~np.isfinite(values) & ~text
            wrong = values < 0 if name in rows.sizes else values <= 0
            reports.append((text, "unreadable numbers", "is not a number", name))
            reports.append((empty, "empty or not finite", "is empty, NaN or infinite", name))
            reports.append((wrong, "out of range", "is negative" if name in rows.sizes else "is not positive", name))
            bad |= text | empty | wrong
        if "drop_bad_rows" in self.repair:
            self._repaired(bad, "drop_bad_rows", "dropped")
            rows.take(~bad)
            return
        remedy = "repair the file, or ask for repair=['drop_bad_rows']"
        for mask, kind, message, name in reports:
            self.problems.add(rows.number[mask], kind, message, [names[name]], remedy)

    def order(self) -> None:
        """Stamps must rise; equal ones are duplicates, but for quotes and prints, of which several may have one time."""
        rows, time = self.rows, [self.names["time"]]
        backward = np.zeros(len(rows.stamp), np.bool_)
        backward[1:] = rows.stamp[1:] < rows.stamp[:-1]
        if backward.any():
            if "sort" in self.repair:
                self._repaired(backward, "sort", "stood before an earlier row; all rows sorted by time")
                rows.take(np.argsort(rows.stamp, kind="stable"))
            else:
                remedy = "sort the file, or ask for repair=['sort']"
                self.problems.add(rows.number[backward], "out of order", "is before the row above it", time, remedy)
        ordered = rows.stamp if not self.problems.counts.get("out of order") else np.sort(rows.stamp)
        again = np.zeros(len(ordered), np.bool_)
        again[1:] = ordered[1:] == ordered[:-1]
        if not again.any() or ordered is not rows.stamp or self.kind in ("quotes", "prints"):
            return
        if "drop_duplicates" in self.repair:
            columns = [*rows.prices.values(), *rows.sizes.values()]
            differ = sum((int((column[1:] != column[:-1])[again[1:]].sum()) > 0) for column in columns)
            note = ", the first of each time kept" + ("; some differed from it" if differ else "; all equal to it")
            self._repaired(again, "drop_duplicates", "dropped" + note)
            rows.take(~again)
        else:
            remedy = "remove the duplicates, or ask for repair=['drop_duplicates'] (keeps the first)"
            self.problems.add(rows.number[again], "duplicates", "has the same time as the row above it", time, remedy)

    def ranges(self) -> None:
        """high >= open, low, close and low <= open, close, of bid and of ask too; no bid above its ask."""
        if self.kind in ("bars", "quote_bars"):
            for side in ("",) if self.kind == "bars" else ("bid_", "ask_"):
                self._range([side + name for name in PRICE_COLUMNS])
        if self.kind in ("quotes", "quote_bars"):
            for name in ("",) if self.kind == "quotes" else [f"_{name}" for name in PRICE_COLUMNS]:
                self._crossed(f"bid{name}", f"ask{name}")

    def _crossed(self, bid: str, ask: str) -> None:
        rows = self.rows
        wrong = rows.prices[bid] > rows.prices[ask]
        if not wrong.any():
            return
        if "drop_bad_rows" in self.repair:
            self._repaired(wrong, "drop_bad_rows", "dropped: the bid was above the ask")
            rows.take(~wrong)
        else:
            remedy = "repair the file, or ask for repair=['drop_bad_rows']"
            shown = [self.names[name] for name in (bid, ask)]
            self.problems.add(rows.number[wrong], "crossed", "the bid is above the ask", shown, remedy)

    def _range(self, columns: Sequence[str]) -> None:
        rows, names = self.rows, self.names
        opens, high, low, close = (rows.prices[name] for name in columns)
        below = high < np.maximum(np.maximum(opens, close), low)
        above = low > np.minimum(np.minimum(opens, close), high)
        wrong = below | above
        if not wrong.any():
            return
        if "clip_high_low" in self.repair:
            self._repaired(wrong, "clip_high_low", "high and low widened to hold all four prices")
            rows.prices[columns[1]] = np.maximum(np.maximum(opens, close), np.maximum(high, low))
            rows.prices[columns[2]] = np.minimum(np.minimum(opens, close), np.minimum(high, low))
        elif "drop_bad_rows" in self.repair:
            self._repaired(wrong, "drop_bad_rows", "dropped: high or low did not hold the other prices")
            rows.take(~wrong)
        else:
            remedy = "repair the file, or ask for repair=['clip_high_low'] or ['drop_bad_rows']"
            shown = [names[name] for name in columns]
            self.problems.add(rows.number[below], "high too low", "high is below another price", shown, remedy)
            self.problems.add(rows.number[above & ~below], "low too high", "low is above another price", shown, remedy)

    def _repaired(self, mask: Mask, name: str, what: str) -> None:
        count = int(mask.sum())
        if count:
            first = self.problems.places(self.rows.number[mask][:1].tolist())[0]
            rows = "row" if count == 1 else "rows"
            self.findings.append(Finding("repair", f"{name}: {count} {rows} {what}", where=f"{first} (first)", count=count))
