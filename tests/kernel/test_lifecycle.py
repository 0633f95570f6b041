"""The life cycle of an order: properties of the one table."""

from __future__ import annotations

import pytest

from fillwright.model.codes import FIX_STATUS, OrderEvent, OrderStatus
from fillwright.model.lifecycle import ILLEGAL, MATRIX, TERMINAL, TRANSITIONS, WORKING

S, E = OrderStatus, OrderEvent
LATE = {
    E.FILL_PART, E.FILL_ALL, E.CANCEL_REQUEST, E.CANCEL_REJECT, E.REPLACE_REQUEST, E.REPLACE_REJECT, E.BUST, E.BUST_ALL,
}  # fmt: skip
"""What may still be heard of an order that has ended, or asked by who has not heard of it."""


def test_the_matrix_is_the_table() -> None:
    for state in S:
        for event in E:
            assert MATRIX[state, event] == TRANSITIONS.get((state, event), ILLEGAL)
    assert not MATRIX.flags.writeable


@pytest.mark.parametrize("state", TERMINAL)
def test_what_has_ended_never_works_again(state: OrderStatus) -> None:
    """But for a fill that is taken back: that leaves a filled order working."""
    after = {event: TRANSITIONS[state, event] for event in E if (state, event) in TRANSITIONS}
    assert set(after) <= LATE
    assert {event: status for event, status in after.items() if status not in TERMINAL} == (
        {E.BUST: S.PARTIALLY_FILLED, E.BUST_ALL: S.NEW} if state is S.FILLED else {}
    )


def test_a_denied_order_is_silent() -> None:
    assert not [event for event in E if (S.DENIED, event) in TRANSITIONS]


@pytest.mark.parametrize("state", WORKING)
@pytest.mark.parametrize("event", list(E))
def test_every_event_of_a_working_order_is_decided(state: OrderStatus, event: OrderEvent) -> None:
    expected = {
        E.FILL_ALL: S.FILLED,
        E.FILL_PART: S.PARTIALLY_FILLED,
        E.CANCEL: S.CANCELED,
        E.EXPIRE: S.EXPIRED,
        E.REJECT: S.REJECTED if state is S.NEW else S.CANCELED,
        E.SUSPEND: S.SUSPENDED,
        E.DONE_FOR_DAY: S.DONE_FOR_DAY,
        E.LOSE: S.UNKNOWN,
    }
    if state is S.PARTIALLY_FILLED:
        expected[E.BUST_ALL] = S.NEW
    illegal = {E.DENY, E.SUBMIT, E.ACCEPT, E.RESUME, E.RESUME_PART} | ({E.BUST, E.BUST_ALL} if state is S.NEW else set())
    assert TRANSITIONS.get((state, event)) is (None if event in illegal else expected.get(event, state))


def test_every_state_can_be_reached_and_left() -> None:
    def closure(start: OrderStatus, edges: dict[OrderStatus, set[OrderStatus]]) -> set[OrderStatus]:
        found, waiting = {start}, [start]
        while waiting:
            for after in edges.get(waiting.pop(), ()):
                if after not in found:
                    found.add(after)
                    waiting.append(after)
        return found

    edges: dict[OrderStatus, set[OrderStatus]] = {}
    for (before, _), after in TRANSITIONS.items():
        edges.setdefault(before, set()).add(after)
    assert closure(S.INITIALIZED, edges) == set(S)
    for state in S:
        assert closure(state, edges) & set(TERMINAL), state


def test_nothing_returns_to_the_beginning() -> None:
    assert S.INITIALIZED not in TRANSITIONS.values()
    assert [pair for pair, after in TRANSITIONS.items() if after is S.PENDING_NEW and pair[0] is not S.PENDING_NEW] == [
        (S.INITIALIZED, E.SUBMIT)
    ]


def test_fix_letters_are_different() -> None:
    assert len(set(FIX_STATUS.values())) == len(FIX_STATUS)
