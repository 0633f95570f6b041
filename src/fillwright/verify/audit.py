"""What was checked and what was found: the list that a verification leaves."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from fillwright.verify.reading import Array, Folder
from fillwright.verify.rules import rule

WIDTH = 100
SHOWN = 5
"""Differences of one check that are written out; all are counted."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check: how many numbers it looked at, and what it found wrong ("" = nothing)."""

    name: str
    ok: bool
    count: int
    detail: str


@dataclass(frozen=True)
class Verification:
    """The outcome of verifying one folder; ``inputs`` are the columns that were taken as given.

    ``state`` is how the run ended: what a failed run left behind can be verified too, up to where it stopped. ``notes`` are
    contradictions in what another system recorded: an import that keeps them is a faithful one.
    """

    folder: str
    checks: tuple[Check, ...]
    inputs: tuple[str, ...] = ()
    state: str = "reconciled"
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every check held."""
        return all(check.ok for check in self.checks)

    def text(self) -> str:
        """What a person reads: the verdict, one line per group of checks, every failure, and what was taken as given."""
        failed = [check for check in self.checks if not check.ok]
        numbers = sum(check.count for check in self.checks)
        good = "intact" if self.state == "imported" else "verified"
        verdict = good if self.ok else f"NOT VERIFIED: {len(failed)} of {len(self.checks)} checks failed"
        lines = [f"{verdict}: {self.folder}"]
        if self.state in ("failed", "interrupted"):
            lines.append(f"  THE RUN {self.state.upper()}: this is what it left behind until then")
        if self.state == "imported":
            lines.append("  IMPORTED FROM ANOTHER SYSTEM: what it recorded is kept as it was, not recomputed")
        lines.append(f"  {len(self.checks)} checks, {numbers:,} numbers compared")
        groups: dict[str, list[Check]] = {}
        for check in self.checks:
            groups.setdefault(check.name.split(".")[0], []).append(check)
        for group, checks in groups.items():
            bad = sum(not check.ok for check in checks)
            said = [check.detail for check in checks if check.ok and check.detail]
            state = "ok" if not bad else f"{bad} FAILED"
            count = sum(check.count for check in checks)
            many = f"{len(checks):>3} check{'s' if len(checks) != 1 else ' '}"
            lines.append(f"  {group:<16}{state:<10}{many} {count:>14,} numbers")
            for note in said:
                lines += textwrap.wrap(note, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 8, break_long_words=False)
        for check in failed:
            lines.append(f"  FAILED {check.name}: {check.detail}")
        if self.notes:
            lines.append(f"  THE OTHER SYSTEM CONTRADICTS ITSELF ({len(self.notes)}):")
            lines += [f"    {note}" for note in self.notes]
        if self.inputs:
            lines.append("  taken as given (nothing else in the folder implies them):")
            for item in self.inputs:
                lines += textwrap.wrap(item, WIDTH, initial_indent="    ", subsequent_indent="      ", break_long_words=False)
        return "\n".join(lines)

    def to_json(self) -> str:
        """The same for machines."""
        checks = [{"name": c.name, "ok": c.ok, "count": c.count, "detail": c.detail} for c in self.checks]
        content = {
            "ok": self.ok,
            "state": self.state,
            "folder": self.folder,
            "checks": checks,
            "notes": list(self.notes),
            "inputs": list(self.inputs),
        }
        return json.dumps(content, indent=1, ensure_ascii=False)


class Audit:
    """Collects checks of one folder."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.checks: list[Check] = []
        self.seen: set[tuple[str, str]] = set()
        self.notes: list[str] = []

    def say(self, name: str, count: int, wrong: Iterable[str] = (), note: str = "") -> None:
        """Record a check; each item of ``wrong`` is one difference in words."""
        found = list(wrong)
        if not found:
            self.checks.append(Check(name, True, count, note))
            return
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        self.checks.append(Check(name, False, count, "; ".join(found[:SHOWN]) + more))

    def column(self, table: str, column: str, expected: Any) -> None:
        """Compare a whole derived column with what it must be: own units of each row, or texts (None = none)."""
        self.seen.add((table, column))
        self.compare(table, column, f"{table}.{column}", expected)

    def compare(self, table: str, column: str, name: str, expected: Any) -> None:
        """The same for any column, as the check ``name``."""
        sheet = self.folder[table]
        found = sheet[column]
        values = expected if isinstance(expected, np.ndarray) else _array(expected, found.dtype == object)
        if len(values) != sheet.rows:
            self.say(name, sheet.rows, [f"{table}.parquet has {sheet.rows} rows, must have {len(values)}"])
            return
        if column in sheet.decimals:
            values = _scaled(values, self.folder.step(table, column))
        apart = np.flatnonzero(found != values)
        self.say(name, sheet.rows, [self._difference(table, column, row, values) for row in apart[: SHOWN + 1].tolist()])
        if len(apart) > SHOWN + 1:
            last = self.checks[-1]
            shown = last.detail.rsplit("; and ", 1)[0]
            self.checks[-1] = Check(name, False, last.count, f"{shown}; and {len(apart) - SHOWN} more")

    def _difference(self, table: str, column: str, row: int, expected: Array) -> str:
        sheet = self.folder[table]
        found, must = sheet[column][row], expected[row]
        if column in sheet.decimals:
            scale = sheet.decimals[column]
            found, must = (Decimal(int(value)).scaleb(-scale) for value in (found, must))
        elif sheet.kinds[column] == "time":
            found, must = (moment(int(value)) for value in (found, must))
        why = rule(table, column)
        return f"{table}.parquet row {row} column {column}: found {found}, expected {must}" + (f" ({why})" if why else "")


def _array(values: Any, is_text: bool) -> Array:
    if is_text:
        out = np.empty(len(values), object)
        out[:] = values
        return out
    try:
        return np.array(values, np.int64)
    except OverflowError:
        return np.array(values, object)


def _scaled(values: Array, step: Array) -> Array:
    """values x step, in Python integers where 64 bits would not do."""
    if not len(values) or int(step.max()) == 1:
        return values
    top = max(abs(int(values.min())), abs(int(values.max()))) * int(step.max())
    return values * step if top < 2**62 else values.astype(object) * step.astype(object)


def moment(time: int) -> str:
    """A time in words."""
    return f"{np.datetime64(time, 'ns')}Z" if time else "never"
