"""The life cycle of an order: one table ``(state, event) -> state`` for kernel, tests and documentation.

States and events follow FIX 5.0 SP2, appendix D. PENDING_CANCEL, PENDING_REPLACE, HELD and TRIGGERED are flags beside the
state, because each is true together with a state. A pair that is not in the table is illegal, that is a bug. Of an UNKNOWN order
the broker says first what has become of it; answers to requests on their way follow.
"""

from __future__ import annotations

import numpy as np

from fillwright.model.codes import OrderEvent as E
from fillwright.model.codes import OrderStatus as S

WORKING = (S.NEW, S.PARTIALLY_FILLED)
"""States in which an order can trade."""

TERMINAL = (S.DENIED, S.FILLED, S.CANCELED, S.REJECTED, S.EXPIRED)
"""States in which LeavesQty is 0. A late fill after CANCELED or EXPIRED is legal and is marked so."""

TRANSITIONS: dict[tuple[S, E], S] = {
    (S.INITIALIZED, E.DENY): S.DENIED,
    (S.INITIALIZED, E.SUBMIT): S.PENDING_NEW,
    (S.PENDING_NEW, E.ACCEPT): S.NEW,
    (S.PENDING_NEW, E.REJECT): S.REJECTED,
    (S.PENDING_NEW, E.FILL_PART): S.PARTIALLY_FILLED,
    (S.PENDING_NEW, E.FILL_ALL): S.FILLED,
    (S.PENDING_NEW, E.CANCEL_REQUEST): S.PENDING_NEW,
    (S.PENDING_NEW, E.CANCEL_REJECT): S.PENDING_NEW,
    (S.PENDING_NEW, E.REPLACE_REQUEST): S.PENDING_NEW,
    (S.PENDING_NEW, E.REPLACE_REJECT): S.PENDING_NEW,
    (S.PENDING_NEW, E.CANCEL): S.CANCELED,
    (S.PENDING_NEW, E.EXPIRE): S.EXPIRED,
    (S.PENDING_NEW, E.SHRINK): S.PENDING_NEW,
    (S.PENDING_NEW, E.LOSE): S.UNKNOWN,
    (S.FILLED, E.CANCEL_REJECT): S.FILLED,
    (S.FILLED, E.REPLACE_REJECT): S.FILLED,
    (S.FILLED, E.BUST): S.PARTIALLY_FILLED,
    (S.FILLED, E.BUST_ALL): S.NEW,
    (S.CANCELED, E.FILL_PART): S.CANCELED,
    (S.CANCELED, E.FILL_ALL): S.FILLED,
    (S.CANCELED, E.CANCEL_REJECT): S.CANCELED,
    (S.CANCELED, E.REPLACE_REJECT): S.CANCELED,
    (S.CANCELED, E.BUST): S.CANCELED,
    (S.CANCELED, E.BUST_ALL): S.CANCELED,
    (S.EXPIRED, E.FILL_PART): S.EXPIRED,
    (S.EXPIRED, E.FILL_ALL): S.FILLED,
    (S.EXPIRED, E.CANCEL_REJECT): S.EXPIRED,
    (S.EXPIRED, E.REPLACE_REJECT): S.EXPIRED,
    (S.EXPIRED, E.BUST): S.EXPIRED,
    (S.EXPIRED, E.BUST_ALL): S.EXPIRED,
    (S.REJECTED, E.CANCEL_REJECT): S.REJECTED,
    (S.REJECTED, E.REPLACE_REJECT): S.REJECTED,
    (S.UNKNOWN, E.ACCEPT): S.NEW,
    (S.UNKNOWN, E.REJECT): S.REJECTED,
    (S.UNKNOWN, E.FILL_PART): S.PARTIALLY_FILLED,
    (S.UNKNOWN, E.FILL_ALL): S.FILLED,
    (S.UNKNOWN, E.CANCEL): S.CANCELED,
    (S.UNKNOWN, E.EXPIRE): S.EXPIRED,
    (S.UNKNOWN, E.RESUME_PART): S.PARTIALLY_FILLED,
    (S.UNKNOWN, E.CANCEL_REQUEST): S.UNKNOWN,
    (S.PARTIALLY_FILLED, E.BUST): S.PARTIALLY_FILLED,
    (S.PARTIALLY_FILLED, E.BUST_ALL): S.NEW,
}
for _state in (S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED):  # asked by who has not heard of the end
    TRANSITIONS |= {(_state, E.CANCEL_REQUEST): _state, (_state, E.REPLACE_REQUEST): _state}
for _state in (S.SUSPENDED, S.DONE_FOR_DAY):
    TRANSITIONS |= {
        (_state, E.RESUME): S.NEW,
        (_state, E.RESUME_PART): S.PARTIALLY_FILLED,
        (_state, E.CANCEL_REQUEST): _state,
        (_state, E.CANCEL): S.CANCELED,
        (_state, E.CANCEL_REJECT): _state,
        (_state, E.REPLACE_REQUEST): _state,
        (_state, E.REPLACE): _state,
        (_state, E.REPLACE_REJECT): _state,
        (_state, E.EXPIRE): S.EXPIRED,
        (_state, E.BUST): _state,
        (_state, E.BUST_ALL): _state,
    }
for _state in WORKING:
    TRANSITIONS |= {
        (_state, E.TRIGGER): _state,
        (_state, E.FILL_PART): S.PARTIALLY_FILLED,
        (_state, E.FILL_ALL): S.FILLED,
        (_state, E.CANCEL_REQUEST): _state,
        (_state, E.CANCEL): S.CANCELED,
        (_state, E.CANCEL_REJECT): _state,
        (_state, E.REPLACE_REQUEST): _state,
        (_state, E.REPLACE): _state,
        (_state, E.REPLACE_REJECT): _state,
        (_state, E.EXPIRE): S.EXPIRED,
        (_state, E.SHRINK): _state,
        (_state, E.HOLD): _state,
        (_state, E.RELEASE): _state,
        (_state, E.REJECT): S.REJECTED if _state is S.NEW else S.CANCELED,
        (_state, E.SUSPEND): S.SUSPENDED,
        (_state, E.DONE_FOR_DAY): S.DONE_FOR_DAY,
        (_state, E.LOSE): S.UNKNOWN,
    }

ILLEGAL = -1


def _matrix() -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    table = np.full((len(S), len(E)), ILLEGAL, np.int64)
    for (state, event), after in TRANSITIONS.items():
        table[state, event] = after
    table.setflags(write=False)
    return table


MATRIX = _matrix()
"""``TRANSITIONS`` as an array [status, event]; ILLEGAL where there is none. The kernel reads this one."""
