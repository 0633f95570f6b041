"""What the order manager of the reference engine knows of its orders, from reports that may go wrong (§10)."""

from __future__ import annotations

from dataclasses import dataclass, field

from fillwright.model.codes import OrderEvent, OrderStatus, Reason, ReportKind
from fillwright.model.lifecycle import TERMINAL
from reference.matching import uniform
from reference.scenario import RATE, Faults, Journal, Scenario

Row = dict[str, int]
REQUESTS = (OrderEvent.CANCEL_REQUEST, OrderEvent.REPLACE_REQUEST, OrderEvent.REPLACE_REJECT)


@dataclass
class Line:
    """The line to the broker: chances, and when it works."""

    seed: int
    faults: Faults

    def happens(self, a: int, o: int, k: int, chance: int) -> bool:
        """Whether a fault of that kind happens at that step of an order."""
        return uniform(self.seed, a, o, k) * RATE < chance

    def is_out(self, time: int) -> int:
        """The end of an outage that a moment lies in, 0 = none."""
        for start, end in self.faults.outages:
            if start <= time < end:
                return end
        number = time // self.faults.outage_length
        return (number + 1) * self.faults.outage_length if self.happens(23, 0, number, self.faults.outage) else 0

    def after(self, time: int) -> int:
        """The first moment from then on at which it works."""
        while end := self.is_out(time):
            time = end
        return time


@dataclass
class Known:
    """What is known of one order."""

    event: int = -1
    status: OrderStatus = OrderStatus.INITIALIZED
    cum: int = 0
    itself: bool = False  # unanswered
    cancels: int = 0
    replaces: int = 0
    clock: int = 0
    asked_at: int | None = None

    @property
    def over(self) -> bool:
        """Whether it is known to be done."""
        return self.status in TERMINAL

    @property
    def waits(self) -> bool:
        """Whether anything is unanswered."""
        return self.itself or self.cancels > 0 or self.replaces > 0


@dataclass
class Report:
    """A report on its way; ``due`` None = lost."""

    event: int
    order: int
    due: int | None
    answers: bool


def is_answer(row: Row) -> str:
    """What an event answers: order, cancel or replace; "" if nothing."""
    event, reason = row["event"], row["reason"]
    if event == OrderEvent.ACCEPT:
        return "order"
    if event == OrderEvent.REJECT and row["status_before"] == OrderStatus.PENDING_NEW:
        return "order"
    if event == OrderEvent.CANCEL_REJECT or (event == OrderEvent.CANCEL and reason == Reason.CANCELED_BY_USER):
        return "cancel"
    if event == OrderEvent.REPLACE_REJECT or (
        event == OrderEvent.REPLACE and reason not in (Reason.FOLLOWS_ENTRY, Reason.SIZED_AT_FILL)
    ):
        return "replace"
    return "replace" if event == OrderEvent.CANCEL and reason == Reason.REPLACED_TO_FILLED else ""


@dataclass
class Manager:
    """All that it knows. Without faults nobody asks it."""

    scenario: Scenario
    journal: Journal
    known: dict[int, Known] = field(default_factory=dict)
    heard: set[int] = field(default_factory=set)
    mail: list[Report] = field(default_factory=list)
    seen: int = 0  # events that it did itself, or that were sent

    def __post_init__(self) -> None:
        faults = self.scenario.settings.faults
        assert faults is not None
        self.faults, self.line = faults, Line(self.scenario.settings.seed, faults)

    def write(self, now: int, number: int, kind: ReportKind, event: int, before: OrderStatus) -> None:
        """One entry of the table."""
        known, rows = self.known[number], self.journal.reports
        rows.append(
            {"seq": len(rows), "instant": now, "order_id": number, "kind": int(kind), "order_event": event,
             "status_before": int(before), "status": int(known.status), "cum_quantity": known.cum}
        )  # fmt: skip

    def step(self, row: Row) -> int:
        """Earlier events of the order."""
        return sum(other["order_id"] == row["order_id"] for other in self.journal.order_events[: row["seq"]])

    def note(self, now: int) -> None:
        """What it has done itself in the callback."""
        for row in self.journal.order_events[self.seen :]:
            known = self.known.setdefault(row["order_id"], Known())
            before, waited = known.status, known.waits
            known.itself |= row["event"] == OrderEvent.SUBMIT
            known.cancels += row["event"] == OrderEvent.CANCEL_REQUEST
            known.replaces += row["event"] == OrderEvent.REPLACE_REQUEST
            if not waited:
                known.clock = now
            if row["event"] not in REQUESTS:
                known.event, known.status = row["seq"], OrderStatus(row["status"])
            self.heard.add(row["seq"])
            self.write(now, row["order_id"], ReportKind.OWN, row["seq"], before)
        self.seen = len(self.journal.order_events)

    def send(self, now: int, engine: set[int]) -> None:
        """New events are reported; ``engine``: numbers of the engine's orders."""
        for row in self.journal.order_events[self.seen :]:
            o, k, line, faults = row["order_id"], self.step(row), self.line, self.faults
            self.known.setdefault(o, Known())
            answers = is_answer(row) != ""
            due: int | None = line.after(now)
            if o in engine:
                pass
            elif answers and line.happens(20, o, k, faults.lost_ack):
                due = None
            elif answers and line.happens(19, o, k, faults.late_ack):
                due = line.after(now + faults.late_by)
            elif line.happens(22, o, k, faults.reorder):
                due = line.after(now + 1)
            if due is not None:
                due = max(due, self._not_before(row))
            self.mail.append(Report(row["seq"], o, due, answers))
            row["reported_at"] = due or 0
            if row["fill_id"] >= 0:
                self.journal.fills[row["fill_id"]]["reported_at"] = due or 0
            if due is not None and o not in engine and line.happens(21, o, k, faults.duplicate):
                self.mail.append(Report(row["seq"], o, line.after(due + 1), False))
        self.seen = len(self.journal.order_events)

    def _not_before(self, row: Row) -> int:
        """When the report is due that one of a fill must not overtake: of the fill undone, or of the one that undoes it."""
        if row["fill_id"] < 0 or self.journal.fills[row["fill_id"]]["exec_ref_id"] < 0:
            return 0
        fills = self.journal.fills
        undone = row["event"] in (OrderEvent.BUST, OrderEvent.BUST_ALL)
        return fills[fills[row["fill_id"]]["exec_ref_id"] if undone else row["fill_id"] - 1]["reported_at"]

    def news(self, now: int, number: int, event: int) -> None:
        """The broker has told of a later event."""
        known = self.known[number]
        known.event, known.status = event, OrderStatus(self.journal.order_events[event]["status"])
        known.clock, known.asked_at = now, None
        known.itself &= known.status is OrderStatus.PENDING_NEW
        if known.over:
            known.cancels = known.replaces = 0

    def hear(self, now: int, report: Report) -> None:
        """A report comes."""
        known, row = self.known[report.order], self.journal.order_events[report.event]
        before = known.status
        if report.event in self.heard:
            self.write(now, report.order, ReportKind.REPEATED, report.event, before)
            return
        self.heard.add(report.event)
        if row["fill_id"] >= 0:
            lots = self.journal.fills[row["fill_id"]]["quantity"]
            known.cum += -lots if row["event"] in (OrderEvent.BUST, OrderEvent.BUST_ALL) else lots
        known.cancels = max(known.cancels - (is_answer(row) == "cancel"), 0)
        known.replaces = max(known.replaces - (is_answer(row) == "replace"), 0)
        later = report.event > known.event
        if later:
            self.news(now, report.order, report.event)
        self.write(now, report.order, ReportKind.NEWS if later else ReportKind.OVERTAKEN, report.event, before)

    def last_event(self, number: int) -> Row:
        """The last event of an order, its manager's requests aside."""
        own = {row["order_event"] for row in self.journal.reports if row["kind"] == ReportKind.OWN}
        rows = [row for row in self.journal.order_events if row["order_id"] == number]
        return [row for row in rows if not (row["seq"] in own and row["event"] in REQUESTS)][-1]

    def reports(self, now: int, queue: list[tuple[int, int]], engine: set[int]) -> None:
        """Step 5: what has come, and what has not. ``queue``: order and arrival of commands on their way."""
        self.send(now, engine)
        for number in [*(report.order for report in self.mail), *(number for number, _ in queue)]:
            self._answer(now, number)
        self._deliver(now)
        missing = [report.order for report in self.mail if report.answers]
        for number in [*missing, *(number for number, arrives in queue if arrives > now)]:
            self._miss(now, number)

    def _answer(self, now: int, number: int) -> None:
        known, asked = self.known[number], self.known[number].asked_at
        latency = self.scenario.settings.latency_ns
        if asked is None or asked >= now or asked + latency > now or self.line.is_out(asked) or self.line.is_out(now):
            return
        row = self.last_event(number)
        if row["status"] == OrderStatus.PENDING_NEW:
            return
        before = known.status
        self.news(now, number, row["seq"])
        self.write(now, number, ReportKind.ANSWER, row["seq"], before)
        for report in self.mail:
            if report.order == number and (report.due is None or report.due > now):
                report.due, report.answers = now, False

    def _deliver(self, now: int) -> None:
        due = [report for report in self.mail if report.due is not None and report.due <= now]
        self.mail = [report for report in self.mail if report not in due]
        for report in due:
            self.hear(now, report)

    def _miss(self, now: int, number: int) -> None:
        known, wait = self.known[number], self.scenario.settings.ask_after
        before = known.status
        if known.over or not known.waits:
            return
        if known.asked_at is None and now - known.clock >= wait:
            known.status, known.asked_at = OrderStatus.UNKNOWN, now
            self.write(now, number, ReportKind.LOST, -1, before)
        elif known.asked_at is not None and now - known.asked_at >= wait:
            known.asked_at = now
            self.write(now, number, ReportKind.ASKED, -1, before)

    def finish(self, now: int, engine: set[int]) -> None:
        """It asks for everything that has not come."""
        self.send(now, engine)
        for report in self.mail:
            report.due = now
        self._deliver(now)

    def is_unknown(self, number: int) -> bool:
        """Whether it does not know the state of an order."""
        return number in self.known and self.known[number].status is OrderStatus.UNKNOWN
