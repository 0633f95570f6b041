"""What the simulated broker does wrong: the section ``execution.faults``."""

from __future__ import annotations

from decimal import Decimal
from typing import Self

from pydantic import model_validator

from fillwright.config import problems
from fillwright.config.fields import Chance, Duration, PositiveWhole, When
from fillwright.config.section import Section, leaf

MOST_OUTAGE = Decimal("0.9")


class Outage(Section):
    """One outage."""

    start: When = leaf("When it begins, on the clock of the first instrument where it has no zone; a date: with that day.")
    end: When = leaf("First moment after it; a date: with the end of that day.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.start) == len(self.end) and self.end < self.start:
            raise problems.Wrong((("end",), f"{self.end} is before start {self.start}"))
        return self


class Faults(Section):
    """Faults of the broker and of the line to it; chances are per command or report, seeded by run.seed. Nothing by default."""

    reject: Chance = leaf("Chance that a new order is refused as it arrives.", Decimal(0), unit="fraction")
    reject_cancel: Chance = leaf("Chance that a cancel is refused as it arrives.", Decimal(0), unit="fraction")
    reject_replace: Chance = leaf("Chance that a replace is refused as it arrives.", Decimal(0), unit="fraction")
    late_ack: Chance = leaf(
        "Chance that the report that answers a new order, a cancel or a replace comes late.", Decimal(0), unit="fraction"
    )
    late_by: Duration = leaf("How late it then comes.", "1min", unit="duration")
    lost_ack: Chance = leaf("Chance that such a report never comes.", Decimal(0), unit="fraction")
    duplicate_report: Chance = leaf("Chance that a report comes twice.", Decimal(0), unit="fraction")
    reorder_reports: Chance = leaf(
        "Chance that a report comes one instant later, behind those of what happened next.", Decimal(0), unit="fraction"
    )
    bust: Chance = leaf("Chance that the broker undoes a fill afterwards.", Decimal(0), unit="fraction")
    correct: Chance = leaf("Chance that the broker corrects the price of a fill afterwards.", Decimal(0), unit="fraction")
    bust_after: Duration = leaf("How long after the fill it does either.", "1h", unit="duration")
    correct_by: PositiveWhole = leaf(
        "A corrected price moves by up to so many ticks (price units where there is no tick), either way.", 1, unit="ticks"
    )
    outage: Chance = leaf("Chance of an outage in each interval of outage_length; at most 0.9.", Decimal(0), unit="fraction")
    outage_length: Duration = leaf("Length of these intervals, which outages fill.", "1h", unit="duration")
    outages: tuple[Outage, ...] = leaf(
        "Outages of which the times are given: commands and reports that would arrive in one arrive at its end.", ()
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        found: list[tuple[problems.Path, str]] = []
        if self.outage > MOST_OUTAGE:
            found.append((("outage",), f"must be at most {MOST_OUTAGE}: the line has to work some time"))
        found += [((name,), "must be more than 0") for name in ("late_by", "outage_length") if getattr(self, name) == 0]
        if found:
            raise problems.Wrong(*found)
        return self
