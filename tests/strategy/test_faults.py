"""What a strategy sees of its orders where reports are late or lost, and that nothing is told before it can be known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fillwright as fw
from fillwright.config.schema import Config
from fillwright.errors import ConfigError
from fillwright.kernel._jit import JIT_OFF
from fillwright.model.codes import OrderEvent, OrderStatus, ReportKind
from fillwright.order_manager import Order
from fillwright.strategy import questions
from scenarios.drawn import busts
from scenarios.table import clock, market

CHANCES = dict.fromkeys(("reject", "reject_cancel", "late_ack", "lost_ack", "duplicate_report", "reorder_reports"), 0.25)
WRONG: dict[str, Any] = {
    "execution": {
        "participation": 1, "faults": {**CHANCES, "late_by": "3min", "outage": 0.1, "outage_length": "2min"},
    },
    "orders": {"status_request_after": "2min"},
}  # fmt: skip
"""A broker that does everything wrong now and then."""

LONG = "\n".join(f"{9 + k // 60:02}:{k % 60:02} 100 100 100 100 {k % 3 * 4}" for k in range(31, 99))
BARS = "\n".join(f"09:{minute} 100 100 100 100 {10 if minute < 34 else 3}" for minute in range(31, 50))


class Watches(fw.Strategy):
    """Buys once and notes what it is told, and at each bar what the order says."""

    script: Any = fw.param(None)
    told: list[Any] = fw.state([])
    seen: list[Any] = fw.state([])

    def on_bar(self, bar: Any) -> None:
        if bar.index == 0:
            self.order = self.buy("X", 12)
        if bar.index == 2 and self.script:
            self.script(self)
        self.seen.append((clock(bar.time_ns), self.order.status.name, self.order.filled, self.order.leaves, len(self.orders())))

    def on_order(self, order: Any, event: Any) -> None:
        self.told.append(f"{clock(self.now_ns)} {event.event.name} {event.status.name}")

    def on_fill(self, fill: Any) -> None:
        self.told.append(f"{clock(self.now_ns)} fill {fill.fill_id}")

    def on_trade_opened(self, trade: Any) -> None:
        self.told.append(f"{clock(self.now_ns)} opened")

    def on_trade_changed(self, trade: Any) -> None:
        self.told.append(f"{clock(self.now_ns)} changed {trade.quantity:g}")

    def on_stop(self) -> None:
        LAST[:] = [self.told, self.seen]


LAST: list[Any] = []


def watch(script: Any = None, ask_after: str = "90s", **faults: Any) -> tuple[list[str], list[Any]]:
    """What was told and seen."""
    settings = {"execution": {"participation": 1, "faults": faults}, "orders": {"status_request_after": ask_after}}
    fw.run(Watches(script=script), market(BARS), Config.from_dict(settings))
    return LAST[0], LAST[1]


def test_without_faults() -> None:
    told, seen = watch()
    assert told[:7] == [
        "09:32 SUBMIT PENDING_NEW", "09:32 ACCEPT NEW", "09:32 FILL_PART PARTIALLY_FILLED", "09:32 fill 0", "09:32 opened",
        "09:33 FILL_ALL FILLED", "09:33 fill 1",
    ]  # fmt: skip
    assert seen[0] == ("09:31", "PENDING_NEW", 0, 12, 1)


def test_a_lost_acknowledgement() -> None:
    told, seen = watch(lost_ack=1)
    assert told == [
        "09:32 SUBMIT PENDING_NEW", "09:32 FILL_PART PARTIALLY_FILLED", "09:32 fill 0", "09:32 opened",
        "09:33 FILL_ALL FILLED", "09:33 fill 1", "09:33 changed 12",
    ]  # fmt: skip
    assert seen[1] == ("09:32", "PARTIALLY_FILLED", 10, 2, 1)


def test_nothing_is_heard_in_an_outage() -> None:
    window = [{"start": "2024-01-02 09:32", "end": "2024-01-02 09:36"}]
    told, seen = watch(outages=window)
    assert told == [
        "09:32 SUBMIT PENDING_NEW",
        "09:33 LOSE UNKNOWN",
        "09:36 ACCEPT NEW", "09:36 FILL_PART PARTIALLY_FILLED", "09:36 fill 0", "09:36 opened",
        "09:36 FILL_ALL FILLED", "09:36 fill 1", "09:36 changed 12",
    ]  # fmt: skip
    assert [state for time, state, *_ in seen if "09:31" <= time <= "09:36"] == [
        "PENDING_NEW", "PENDING_NEW", "UNKNOWN", "UNKNOWN", "UNKNOWN", "FILLED",
    ]  # fmt: skip
    assert seen[4] == ("09:35", "UNKNOWN", 0, 12, 1) and seen[5] == ("09:36", "FILLED", 12, 0, 0)


def test_what_is_asked_is_known_at_once_and_what_is_done_may_be_unknown() -> None:
    answers: list[Any] = []

    def script(self: Any) -> None:
        answers.append(self.order.status)  # UNKNOWN, and filled by now
        answers.append(self.order.replace(limit=99))
        answers.append(self.order.reason.name)
        answers.append(self.cancel_all())
        answers.append(self.order.flags)
        fresh = self.buy("X", 5, limit=50)
        answers.append((fresh.status, fresh.leaves, [order.id for order in self.orders()]))

    window = [{"start": "2024-01-02 09:32", "end": "2024-01-02 09:36"}]
    told, _ = watch(script, outages=window)
    assert answers == [
        OrderStatus.UNKNOWN, False, "ORDER_UNKNOWN", 1, fw.OrderFlag.PENDING_CANCEL, (OrderStatus.PENDING_NEW, 5, [0, 1]),
    ]  # fmt: skip
    assert "09:36 CANCEL_REJECT FILLED" in told


def test_nothing_is_called_twice() -> None:
    plain, _ = watch()
    twice, _ = watch(duplicate_report=1)
    assert twice == plain


def test_all_is_called_whatever_the_order_of_reports() -> None:
    plain, _ = watch()
    for faults in ({"reorder_reports": 0.5}, {"late_ack": 1, "late_by": "150s"}, {"outage": 0.3, "outage_length": "2min"}):
        told, seen = watch(ask_after="1h", **faults)
        words = [line.split() for line in told]
        assert sorted((w[1], w[2]) for w in words if w[1] == "fill") == [("fill", "0"), ("fill", "1")]
        assert {w[1] for w in words} >= {w.split()[1] for w in plain if "changed" not in w}
        assert seen[-1][1:] == ("FILLED", 12, 0, 0)


def test_a_refusal_is_the_reason_once_it_is_heard() -> None:
    answers: list[Any] = []

    def script(self: Any) -> None:
        answers.append((self.order.reason.name, self.order.flags, self.order.status.name))

    watch(script, reject=1, late_ack=1, late_by="30s")
    watch(script, reject=1, late_ack=1, late_by="90s", ask_after="1h")
    assert answers == [
        ("BROKER_REJECTED", fw.OrderFlag.NONE, "REJECTED"), ("NONE", fw.OrderFlag.NONE, "PENDING_NEW"),
    ]  # fmt: skip


def test_questions_of_compiled_code_answer_as_the_views_do() -> None:
    """Also of an order of the same callback, and of one that is over; a cancel on its way is a flag until then."""
    compared: list[bool] = []

    class Asks(Reads):
        def on_bar(self, bar: Any) -> None:
            super().on_bar(bar)
            last = self.buy(bar.symbol, value=1).id  # less than one costs: refused at once
            address = self._orders._address
            for number in range(last, -1, -1):  # the latest first: a view has the manager take in all there is
                order = Order(self._orders, number)
                asked = [questions.order_number(address, number, what) for what in range(3)]
                asked += [questions.order_code(address, number, what) for what in (4, 2, 3)]
                views = [order.quantity, order.filled, order.leaves, order.is_done, order.status, order.reason]
                assert asked == [int(value) for value in views], f"bar {bar.index} order {number}"
                assert not (order.is_done and order.flags & PENDING)
                compared.append(bool(order.flags & PENDING))

    fw.run(Asks(), market(LONG), Config.from_dict(WRONG))
    assert True in compared and False in compared


PENDING = fw.OrderFlag.PENDING_CANCEL | fw.OrderFlag.PENDING_REPLACE


class Reads(fw.Strategy):
    """Notes status, reason and sums of its last order at every bar."""

    seen: Any = fw.state(np.zeros(600))
    order: int = fw.state(-1)
    n: int = fw.state(0)

    def on_bar(self, bar: Any) -> None:
        if self.order >= 0:
            order = Order(self._orders, self.order)
            price = order.average_price
            row = (int(order.status), int(order.reason), order.filled, order.leaves, order.quantity, order.is_done, price)
            self.seen[self.n : self.n + 7] = [0.0 if value != value else float(value) for value in row]
            self.n += 7
        if bar.index % 4 == 0:
            self.order = self.buy(bar.symbol, 12, limit=bar.close + 1).id
        if bar.index % 4 == 2:
            Order(self._orders, self.order).cancel()

    def on_stop(self) -> None:
        LAST[:] = [self.seen.tolist(), self.n]


class Listens(fw.Strategy):
    """Buys what is on offer three bars later, and notes the fills that it is called with."""

    heard: list[int] = fw.state([])

    def on_bar(self, bar: Any) -> None:
        if bar.index % 3 == 0:
            self.buy("X", 12)

    def on_fill(self, fill: Any) -> None:
        self.heard.append(fill.fill_id)

    def on_stop(self) -> None:
        LAST[:] = [self.heard]


@pytest.mark.parametrize("chances", [{}, {"bust": 0.2, "correct": 0.4, "bust_after": "3min"}], ids=["final", "taken back"])
def test_each_fill_is_told_once_and_nothing_else_is_a_fill(chances: dict[str, Any]) -> None:
    """Also where the answer to a question says that an order is filled: that names no fill. The last ones are heard after the end."""
    bars = "\n".join(f"{9 + k // 60:02}:{k % 60:02} 100 100 100 100 {12 * (k % 3 == 1)}" for k in range(31, 199))
    execution = {"participation": 1, "faults": {"lost_ack": 0.5, "duplicate_report": 0.25, "reorder_reports": 0.25, **chances}}
    found = fw.run(Listens(), market(bars), Config.from_dict({**WRONG, "execution": execution})).record
    reports, events, fills = (found.tables[name] for name in ("reports", "order_events", "fills"))
    assert OrderStatus.FILLED in reports["status"][reports["kind"] == ReportKind.ANSWER]
    news = reports[np.isin(reports["kind"], (ReportKind.NEWS, ReportKind.OVERTAKEN))]
    news = news[np.isin(events["event"][news["order_event"]], (OrderEvent.FILL_PART, OrderEvent.FILL_ALL))]
    told = events["fill_id"][news["order_event"]].tolist()
    (heard,) = LAST
    assert heard == told[: len(heard)]
    assert set(news["instant"][len(heard) :]) <= {int(found.market.instants[-1])}
    undoing = events["fill_id"][np.isin(events["event"], (OrderEvent.BUST, OrderEvent.BUST_ALL))].tolist()
    assert bool(undoing) == bool(chances)
    assert sorted(told + undoing) == fills["fill_id"].tolist()


def taken_back(**what: Any) -> tuple[list[str], list[Any]]:
    """What was told, of trades aside, and seen where fills are undone or corrected."""
    fw.run(Watches(), market(BARS), Config.from_dict(busts(**what)))
    told, seen = LAST
    return [line for line in told if line.split()[1] not in ("opened", "changed")], seen


def test_a_bust_is_an_event_and_no_fill_and_the_order_has_less() -> None:
    told, seen = taken_back(undone=((0, 2),), kept=((0, 3), (0, 5), (0, 6), (0, 7), (0, 8)))
    assert told[2:10] == [
        "09:32 FILL_PART PARTIALLY_FILLED", "09:32 fill 0", "09:33 FILL_ALL FILLED", "09:33 fill 1",
        "09:33 BUST PARTIALLY_FILLED", "09:34 FILL_PART PARTIALLY_FILLED", "09:34 fill 3", "09:35 FILL_PART PARTIALLY_FILLED",
    ]  # fmt: skip
    assert [state[1:] for state in seen[1:5]] == [
        ("PARTIALLY_FILLED", 10, 2, 1), ("PARTIALLY_FILLED", 2, 10, 1), ("PARTIALLY_FILLED", 5, 7, 1), ("PARTIALLY_FILLED", 8, 4, 1),
    ]  # fmt: skip


def test_a_correction_is_a_bust_and_a_fill() -> None:
    told, seen = taken_back(corrected={(0, 2): 1}, kept=((0, 3), (0, 5)))
    assert told[2:] == [
        "09:32 FILL_PART PARTIALLY_FILLED", "09:32 fill 0", "09:33 FILL_ALL FILLED", "09:33 fill 1",
        "09:33 BUST PARTIALLY_FILLED", "09:33 FILL_ALL FILLED", "09:33 fill 3",
    ]  # fmt: skip
    assert [state[1:] for state in seen[1:4]] == [("PARTIALLY_FILLED", 10, 2, 1), ("FILLED", 12, 0, 0), ("FILLED", 12, 0, 0)]


def test_a_bust_is_known_when_it_is_reported() -> None:
    window = [{"start": "2024-01-02 09:33", "end": "2024-01-02 09:36"}]
    told, seen = taken_back(undone=((0, 2),), kept=((0, 3), (0, 5), (0, 6), (0, 7), (0, 8)), outages=window)
    assert [line for line in told if "BUST" in line] == ["09:36 BUST PARTIALLY_FILLED"]
    assert [state[1:] for state in seen[1:6]] == [("PARTIALLY_FILLED", 10, 2, 1)] * 4 + [("PARTIALLY_FILLED", 11, 1, 1)]


@pytest.mark.kernel
@pytest.mark.skipif(JIT_OFF, reason="compiled strategies need the compiler")
def test_compiled_code_reads_the_same() -> None:
    @fw.compiled
    def reads(ctx: Any, p: Any, s: Any) -> None:
        if s.order >= 0:
            for what in (2, 3):
                s.seen[s.n + what - 2] = ctx.order_code(s.order, what)
            s.seen[s.n + 2] = ctx.order_number(s.order, 1)
            s.seen[s.n + 3] = ctx.order_number(s.order, 2)
            s.seen[s.n + 4] = ctx.order_number(s.order, 0)
            s.seen[s.n + 5] = ctx.order_code(s.order, 4)
            price = ctx.order_number(s.order, 3)
            s.seen[s.n + 6] = price if price == price else 0.0
            s.n += 7
        if ctx.row % 4 == 0:
            s.order = ctx.buy(12.0, limit=ctx.close + 1)
        if ctx.row % 4 == 2:
            ctx.cancel(s.order)

    plain = fw.run(Reads(), market(LONG), Config.from_dict(WRONG))
    expected = list(LAST)
    found = fw.run(
        fw.compiled_strategy(reads, states={"seen": np.zeros(600), "order": -1, "n": 0}), market(LONG), Config.from_dict(WRONG)
    )
    assert plain.record.info["journal_fingerprint"] == found.record.info["journal_fingerprint"]
    assert plain.record.tables["reports"].tobytes() == found.record.tables["reports"].tobytes()
    statuses = set(expected[0][0 : expected[1] : 7])
    assert {OrderStatus.UNKNOWN, OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED} <= statuses
    assert OrderEvent.SUBMIT in plain.record.tables["order_events"]["event"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"execution": {"faults": {"outage": 0.95}}}, "must be at most 0.9"),
        ({"execution": {"faults": {"late_by": 0}}}, "must be more than 0"),
        ({"execution": {"faults": {"reject": 1.5}}}, "must be at most 1"),
        ({"execution": {"faults": {"outages": [{"start": "2024-01-03", "end": "2024-01-02"}]}}}, "is before start"),
        ({"orders": {"status_request_after": 0}}, "must be more than 0"),
    ],
)
def test_wrong_settings(settings: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Config.from_dict(settings)
