"""What a doctor's command found: checks, each with its findings, as text and as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    what    what was found
    where   ``file:line``, an attribute, a data time; several places are joined by "; "
    remedy  what to do
    facts   the same for machines: plain JSON values by name
    """

    what: str
    where: str = ""
    remedy: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


@dataclass(frozen=True)
class Check:
    """One question and its answer.

    done      what was looked at, in a few words; of a check that was not done: why not
    findings  empty when all is well
    skipped   True when it could not be asked
    """

    name: str
    done: str
    findings: tuple[Finding, ...] = ()
    skipped: bool = False

    @property
    def ok(self) -> bool:
        """Nothing was found (also when nothing was asked: see ``skipped``)."""
        return not self.findings

    @property
    def verdict(self) -> str:
        """One word for the table."""
        return "FOUND" if self.findings else "not done" if self.skipped else "ok"


@dataclass(frozen=True)
class Diagnosis:
    """All checks of one command. ``notes`` are what the reader should know and what is no failure."""

    subject: str
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """No check found anything."""
        return all(check.ok for check in self.checks)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of all checks."""
        return tuple(finding for check in self.checks for finding in check.findings)

    def text(self) -> str:
        """The table of checks, the findings with place and remedy, and the notes."""
        width = max(len(check.name) for check in self.checks)
        lines = [self.subject, *(f"  {check.name:<{width}}  {check.verdict:<8}  {check.done}" for check in self.checks)]
        for check in self.checks:
            for finding in check.findings:
                lines += ["", f"{check.name}: {finding.what}"]
                lines += [f"  where:  {finding.where}"] if finding.where else []
                lines += [f"  remedy: {finding.remedy}"] if finding.remedy else []
        lines += [""] if self.notes else []
        lines += [f"note: {note}" for note in self.notes]
        count = len(self.findings)
        skipped = sum(check.skipped for check in self.checks)
        tail = f"; {skipped} of {len(self.checks)} checks could not be done" if skipped else ""
        return "\n".join([*lines, "", (f"{count} found" if count else "nothing found") + tail])

    def to_json(self) -> str:
        """The same for machines."""
        checks = [
            {
                "name": check.name,
                "ok": check.ok,
                "skipped": check.skipped,
                "done": check.done,
                "findings": [{"what": one.what, "where": one.where, "remedy": one.remedy, **one.facts} for one in check.findings],
            }
            for check in self.checks
        ]
        whole = {"subject": self.subject, "ok": self.ok, "checks": checks, "notes": list(self.notes)}
        return json.dumps(whole, indent=2, ensure_ascii=False)
