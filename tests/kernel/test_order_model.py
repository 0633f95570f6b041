"""The life-cycle table against a model of one order: everything that can happen is in it, and nothing else; the kernel keeps to both."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from conformance.test_busts import TAKEN_BACK
from conformance.test_order_states import ALL
from conformance.test_reports import FAULTY
from fillwright.model.codes import OrderEvent, OrderFlag, OrderStatus, Reason, ReportKind
from fillwright.model.lifecycle import TRANSITIONS
from fillwright.strategy.desk import ANSWERED
from kernel.order_model import Move, Order, after, faults, moves, possible
from oracle import harness
from reference.scenario import Journal
from scenarios.table import play
from scenarios.test_brackets import HALF, PARTLY_TAKEN, PARTLY_TAKEN_SCRIPT
from strategies import faulty_scenario, random_scenario

S, E = OrderStatus, OrderEvent
ANSWERS = {
    Reason.NONE, Reason.ORDER_IS_DONE, Reason.QUANTITY_BELOW_FILLED, Reason.INSUFFICIENT_CASH, Reason.INSUFFICIENT_MARGIN,
    Reason.SHORT_IN_CASH_ACCOUNT, Reason.BROKER_REJECTED,
}  # fmt: skip
"""Reasons of replies to a replace that has arrived; others are refused before they are sent, or happen unasked."""
LIVE_STATES = {S.SUSPENDED, S.DONE_FOR_DAY}
LIVE_EVENTS = {E.SUSPEND, E.RESUME, E.DONE_FOR_DAY}
LIVE_MOVES = {
    # a simulated broker acknowledges before it fills, ends or refuses anything
    (S.PENDING_NEW, E.FILL_PART), (S.PENDING_NEW, E.FILL_ALL), (S.PENDING_NEW, E.CANCEL_REJECT),
    # after the end it corrects fills, and has no others
    (S.CANCELED, E.FILL_ALL), (S.EXPIRED, E.FILL_ALL),
    # what has its fills had its stop reached before
    (S.PARTIALLY_FILLED, E.TRIGGER),
    # what it refuses with fills it cancels
    (S.PARTIALLY_FILLED, E.REJECT),
    # its answer says that something is filled, not that it just was
    (S.UNKNOWN, E.FILL_PART),
}  # fmt: skip
"""What only live brokers do."""
MOST = 3


def explored() -> tuple[set[Order], set[tuple[OrderStatus, OrderEvent]], list[str]]:
    """All orders of up to three lots with a request of each kind on its way: the orders, the moves made, what was wrong."""
    waiting = [Order(held=held) for held in (False, True)]
    found, made, wrong = set(waiting), set(), []
    while waiting:
        order = waiting.pop()
        for move in moves(order, MOST):
            if (order.status, move.event) not in TRANSITIONS:
                wrong.append(f"{order}: {move} is not in the table")
                continue
            made.add((order.status, move.event))
            now = after(order, move)
            wrong += [f"{order}, {move}, {now}: {fault}" for fault in faults(order, move, now)]
            if now.cancels <= 1 and now.replaces <= 1 and now not in found:
                found.add(now)
                waiting.append(now)
    return found, made, wrong


def test_everything_that_can_happen_is_in_the_table_and_nothing_else() -> None:
    found, made, wrong = explored()
    assert not wrong, wrong[:5]
    assert made == set(TRANSITIONS)
    assert {order.status for order in found} == set(S)
    assert {event for _, event in made} == set(E)
    assert len(found) > 500


@pytest.mark.parametrize(
    ("order", "move"),
    [
        (Order(S.FILLED, 2, 2), Move(E.FILL_PART, 1)),
        (Order(S.NEW, 2, 0), Move(E.BUST, 1)),
        (Order(S.NEW, 2, 0), Move(E.RESUME)),
        (Order(S.UNKNOWN, 2, 1), Move(E.ACCEPT)),
        (Order(S.CANCELED, 2, 1), Move(E.CANCEL_REJECT)),
        (Order(S.NEW, 2, 0, held=True), Move(E.FILL_ALL, 2)),
    ],
)
def test_what_the_model_holds_for_impossible(order: Order, move: Move) -> None:
    assert not possible(order, move)


@pytest.mark.parametrize(
    ("before", "move", "now", "fault"),
    [
        (Order(S.NEW), Move(E.FILL_ALL, 3), Order(S.FILLED, 2, 3), "CumQty outside 0 to OrderQty"),
        (Order(S.PARTIALLY_FILLED, 3, 2), Move(E.REPLACE), Order(S.PARTIALLY_FILLED, 3, 1), "CumQty falls without a bust"),
        (Order(S.SUSPENDED, 2, 1), Move(E.RESUME), Order(S.NEW, 2, 1), "filled, and not said so"),
        (Order(S.FILLED, 2, 2), Move(E.BUST, 2), Order(S.PARTIALLY_FILLED, 2, 0), "not filled in part"),
        (Order(S.CANCELED, 2, 1), Move(E.RELEASE), Order(S.PARTIALLY_FILLED, 2, 1), "works again after its end"),
    ],
)
def test_the_model_sees_what_is_wrong(before: Order, move: Move, now: Order, fault: str) -> None:
    assert fault in faults(before, move, now)


# -------------------------------------------------------------------- what engines record


def walk(events: Iterable[harness.Row]) -> set[tuple[OrderStatus, OrderEvent]]:
    """Hold the order events of a run against the model, order by order; the moves that were made."""
    orders: dict[int, Order] = {}
    made = set()
    for row in events:
        event, number = E(int(row["event"])), int(row["order_id"])
        order = orders.get(number)
        if order is None:
            order = Order(quantity=int(row["quantity"]), held=bool(int(row["flags"]) & OrderFlag.HELD))
        assert row["status_before"] == order.status
        answer = event in (E.REPLACE, E.REPLACE_REJECT) and Reason(int(row["reason"])) in ANSWERS
        move = Move(event, abs(int(row["cum_quantity"]) - order.cum), int(row["quantity"]), answer)
        assert possible(order, move), f"{order}: {move}"
        now = after(order, move)
        assert not faults(order, move, now)
        assert (now.status, now.cum, now.leaves) == (row["status"], row["cum_quantity"], row["leaves_quantity"])
        assert event is E.REPLACE_REQUEST or now.quantity == row["quantity"]
        flags = int(row["flags"])
        ended = now.status not in (S.INITIALIZED, S.PENDING_NEW, S.NEW, S.PARTIALLY_FILLED)
        assert bool(flags & OrderFlag.PENDING_CANCEL) == (now.cancels > 0 and not ended)
        assert bool(flags & OrderFlag.PENDING_REPLACE) == (now.replaces > 0 and not ended)
        assert (bool(flags & OrderFlag.HELD), bool(flags & OrderFlag.TRIGGERED)) == (now.held, now.triggered)
        made.add((order.status, event))
        orders[number] = now
    assert all(order.leaves == 0 for order in orders.values())  # nothing is left hanging at the end
    return made


def walk_known(journal: Journal) -> set[tuple[OrderStatus, OrderEvent]]:
    """Hold what the order manager knew against the table, where it had lost sight of an order; the moves that were made."""
    made = set()
    for row in journal.reports:
        kind, before, after = ReportKind(row["kind"]), S(row["status_before"]), S(row["status"])
        event = None
        if kind is ReportKind.LOST:
            event = E.LOSE
        elif kind is ReportKind.ANSWER:
            event = ANSWERED[after]
        elif kind is ReportKind.OWN and before is S.UNKNOWN and row["order_event"] >= 0:
            event = E(journal.order_events[row["order_event"]]["event"])
        if event in (E.LOSE, E.CANCEL_REQUEST) or kind is ReportKind.ANSWER:
            assert TRANSITIONS[before, event] is after, f"{before.name} {event.name} {after.name}"
            made.add((before, event))
        assert after is not S.UNKNOWN or kind not in (ReportKind.NEWS, ReportKind.ANSWER)
    return made


def runs(seeds: Iterable[int]) -> Iterable[Journal]:
    """Random scenarios through the engine, each also with faults."""
    for seed in seeds:
        yield harness.run_engine(random_scenario(seed))
        yield harness.run_engine(faulty_scenario(seed))


@pytest.mark.kernel
@pytest.mark.nojit
def test_what_the_kernel_writes_is_possible() -> None:
    made = {pair for journal in runs(range(12)) for pair in walk(journal.order_events)}
    assert len(made) > 20


@pytest.mark.slow
def test_every_move_is_made_by_the_kernel_or_only_by_live_brokers() -> None:
    made = set()
    for journal in runs(range(12, 130)):
        made |= walk(journal.order_events) | walk_known(journal)
    for situation in (*ALL, *FAULTY, *TAKEN_BACK):
        made |= walk(situation.play().record.tables["order_events"])
    made |= walk(play(PARTLY_TAKEN, PARTLY_TAKEN_SCRIPT, **HALF).record.tables["order_events"])
    live = {(s, e) for s, e in TRANSITIONS if s in LIVE_STATES or e in LIVE_EVENTS} | LIVE_MOVES
    assert made == set(TRANSITIONS) - live


@pytest.mark.sim
def test_what_the_kernel_writes_in_many_runs_is_possible(seed: int) -> None:
    for journal in runs(range(seed * 1000 + 100, seed * 1000 + 1100)):
        walk(journal.order_events)
