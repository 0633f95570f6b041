"""What can happen to one order, as a broker and its customer see it: quantities, requests on their way, and what each event needs.

Written without the life-cycle table, which is then held against it: the state after an event is the table's, the guard is ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fillwright.model.codes import OrderEvent, OrderStatus
from fillwright.model.lifecycle import TERMINAL, TRANSITIONS, WORKING

S, E = OrderStatus, OrderEvent
ALIVE = (S.PENDING_NEW, *WORKING)
PAUSED = (S.SUSPENDED, S.DONE_FOR_DAY)
OPEN = (*ALIVE, *PAUSED)
LATE = (S.CANCELED, S.EXPIRED)
SAID = (S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED)
"""Ends that the broker tells of: until that is heard, requests are sent."""
BUSTS = (E.BUST, E.BUST_ALL)


class Order(NamedTuple):
    """One order. ``cancels`` and ``replaces`` count the requests that the broker has yet to answer."""

    status: OrderStatus = S.INITIALIZED
    quantity: int = 2
    cum: int = 0
    held: bool = False
    triggered: bool = False
    cancels: int = 0
    replaces: int = 0

    @property
    def leaves(self) -> int:
        """LeavesQty."""
        return 0 if self.status in TERMINAL else self.quantity - self.cum


class Move(NamedTuple):
    """An event: the lots that are filled or taken back, the new total quantity, whether it answers a request on its way."""

    event: OrderEvent
    lots: int = 0
    quantity: int = 0
    answer: bool = False


def possible(order: Order, move: Move) -> bool:
    """Whether a broker, or its customer, can do that to the order."""
    status, event = order.status, move.event
    unknown = status is S.UNKNOWN
    if event in (E.DENY, E.SUBMIT):
        return status is S.INITIALIZED
    if event is E.ACCEPT:
        return status is S.PENDING_NEW or (unknown and order.cum == 0)
    if event in (E.REJECT, E.CANCEL, E.EXPIRE):
        return (
            status in ALIVE
            or (unknown and (event is not E.REJECT or order.cum == 0))
            or (status in PAUSED and event is not E.REJECT)
        )
    if event in (E.FILL_PART, E.FILL_ALL):
        room = order.quantity - order.cum
        fits = 0 < move.lots < room if event is E.FILL_PART else 0 < move.lots == room
        corrected = order.held and event is E.FILL_PART and status in WORKING  # a part from before it was held, at another price
        return fits and (corrected or not order.held) and (status in ALIVE or unknown or status in LATE)
    if event in BUSTS:
        fits = 0 < move.lots < order.cum if event is E.BUST else 0 < move.lots == order.cum
        return fits and status in (S.PARTIALLY_FILLED, S.FILLED, *PAUSED, *LATE)
    if event in (E.CANCEL_REQUEST, E.REPLACE_REQUEST):
        return status in (*OPEN, *SAID) or (unknown and event is E.CANCEL_REQUEST)
    if event is E.CANCEL_REJECT:
        return order.cancels > 0 and not unknown
    if event is E.REPLACE_REJECT:  # our own checks refuse a request before it is sent
        return order.replaces > 0 and not unknown if move.answer else status in (*OPEN, *SAID)
    if event is E.REPLACE:  # exits grow with their entry unasked
        asked = order.replaces > 0 if move.answer else status in WORKING
        return asked and status in (*WORKING, *PAUSED) and move.quantity > order.cum
    if event is E.SHRINK:
        return status in ALIVE and order.cum < move.quantity < order.quantity
    return _possible_alone(order, event)


def _possible_alone(order: Order, event: OrderEvent) -> bool:
    """The events that carry nothing."""
    status = order.status
    return {
        E.TRIGGER: status in WORKING and not order.triggered,
        E.RELEASE: status in WORKING and order.held,
        E.HOLD: status in WORKING and not order.held,
        E.SUSPEND: status in WORKING,
        E.DONE_FOR_DAY: status in WORKING,
        E.RESUME: status in PAUSED and order.cum == 0,
        E.RESUME_PART: (status in PAUSED or status is S.UNKNOWN) and order.cum > 0,
        E.LOSE: status in ALIVE,
    }[event]


def after(order: Order, move: Move) -> Order:
    """The order after it; KeyError where the table has no such move."""
    event = move.event
    status = TRANSITIONS[order.status, event]
    filled = move.lots if event in (E.FILL_PART, E.FILL_ALL) else -move.lots if event in BUSTS else 0
    return Order(
        status,
        move.quantity if event in (E.REPLACE, E.SHRINK) else order.quantity,
        order.cum + filled,
        event is E.HOLD or (order.held and event is not E.RELEASE),
        order.triggered or event is E.TRIGGER,
        order.cancels + (event is E.CANCEL_REQUEST) - (event is E.CANCEL_REJECT),
        order.replaces + (event is E.REPLACE_REQUEST) - (event in (E.REPLACE, E.REPLACE_REJECT) and move.answer),
    )


def faults(before: Order, move: Move, now: Order) -> list[str]:
    """What must never be, of an order and the move that led to it."""
    wrong = []
    if not 0 <= now.cum <= now.quantity:
        wrong.append("CumQty outside 0 to OrderQty")
    if now.cum < before.cum and move.event not in BUSTS:
        wrong.append("CumQty falls without a bust")
    if now.status in (S.PENDING_NEW, S.NEW, S.REJECTED, S.DENIED) and now.cum:
        wrong.append("filled, and not said so")
    if now.status is S.PARTIALLY_FILLED and not 0 < now.cum < now.quantity:
        wrong.append("not filled in part")
    if (now.status is S.FILLED) != (now.cum == now.quantity > 0) and now.status not in LATE:
        wrong.append("FILLED is not filled, or the other way round")
    if before.status in TERMINAL and now.status not in TERMINAL and not (before.status is S.FILLED and move.event in BUSTS):
        wrong.append("works again after its end")
    if now.status in OPEN and now.leaves <= 0:
        wrong.append("works with nothing left")
    return wrong


def moves(order: Order, most: int) -> Iterator[Move]:
    """Every move that is possible, with quantities up to ``most``."""
    for event in E:
        for lots in range(1, most + 1) if event in (E.FILL_PART, E.FILL_ALL, *BUSTS) else (0,):
            for quantity in range(1, most + 1) if event in (E.REPLACE, E.SHRINK) else (0,):
                for answer in (False, True) if event in (E.REPLACE, E.REPLACE_REJECT) else (False,):
                    move = Move(event, lots, quantity, answer)
                    if possible(order, move):
                        yield move
