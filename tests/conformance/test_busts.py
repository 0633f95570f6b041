"""Executions that are cancelled or corrected (FIX 5.0 SP2, ExecType trade cancel and trade correct), as tables.

A correction is a trade cancel and a new execution at the right price, in one instant: two rows.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.tables import Situation, expected, rows
from fillwright.verify import verify_folder
from scenarios.drawn import busts

pytestmark = pytest.mark.scenario

FILLED_ORDER = [
    Situation(
        "a filled order, one of whose executions is cancelled, works again and is filled again",
        "0 4 6 0 0 4 0 0",
        "09:31 buy 10",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        FILL_ALL        FILLED               10 10  0
        BUST            PARTIALLY_FILLED     10  6  4
        FILL_ALL        FILLED               10 10  0
        """,
        settings=busts(undone=((0, 2),), kept=((0, 3), (0, 5))),
    ),
    Situation(
        "a filled order, all of whose executions are cancelled",
        "0 4 6 0 0 0",
        "09:31 buy 10",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        FILL_ALL        FILLED               10 10  0
        BUST            PARTIALLY_FILLED     10  6  4
        BUST_ALL        NEW                  10  0 10
        EXPIRE          EXPIRED              10  0  0 END_OF_DATA
        """,
        settings=busts(undone=((0, 2), (0, 3))),
    ),
    Situation(
        "a filled order, one of whose executions is corrected: it is filled as before",
        "0 4 6 0 0 4",
        "09:31 buy 10",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        FILL_ALL        FILLED               10 10  0
        BUST            PARTIALLY_FILLED     10  6  4
        FILL_ALL        FILLED               10 10  0
        """,
        settings=busts(corrected={(0, 2): 1}, kept=((0, 3), (0, 5))),
    ),
    Situation(
        "a filled order, of which one execution is corrected, then cancelled, and the other corrected",
        "0 4 6 0 0 0 0",
        "09:31 buy 10",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        FILL_ALL        FILLED               10 10  0
        BUST            PARTIALLY_FILLED     10  6  4
        FILL_ALL        FILLED               10 10  0
        BUST            PARTIALLY_FILLED     10  4  6
        FILL_ALL        FILLED               10 10  0
        BUST            PARTIALLY_FILLED     10  6  4
        EXPIRE          EXPIRED              10  6  0 END_OF_DATA
        """,
        settings=busts(corrected={(0, 2): 1, (0, 3): -1}, undone=((0, 5),), kept=((0, 7),)),
    ),
    Situation(
        "a filled order whose only execution is corrected",
        "0 10 0 0",
        "09:31 buy 10",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_ALL        FILLED               10 10  0
        BUST_ALL        NEW                  10  0 10
        FILL_ALL        FILLED               10 10  0
        """,
        settings=busts(corrected={(0, 2): -1}, kept=((0, 4),)),
    ),
]

ENDED_ORDER = [
    Situation(
        "a cancelled order whose execution is corrected, and then cancelled: it stays cancelled",
        "0 4 0 0 0 0 9",
        "09:31 buy 10\n09:32 cancel 0",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        CANCEL_REQUEST  PENDING_CANCEL       10  4  6
        CANCEL          CANCELED             10  4  0 CANCELED_BY_USER
        BUST_ALL        CANCELED             10  0  0
        FILL_PART       CANCELED             10  4  0
        BUST_ALL        CANCELED             10  0  0
        """,
        settings=busts(corrected={(0, 2): 1}, undone=((0, 6),)),
    ),
    Situation(
        "a cancelled order, one of whose two executions is cancelled",
        "0 4 3 0 0 9",
        "09:31 buy 10\n09:33 cancel 0",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        FILL_PART       PARTIALLY_FILLED     10  7  3
        CANCEL_REQUEST  PENDING_CANCEL       10  7  3
        CANCEL          CANCELED             10  7  0 CANCELED_BY_USER
        BUST            CANCELED             10  3  0
        """,
        settings=busts(undone=((0, 2),), kept=((0, 3),), bust_after="2min"),
    ),
    Situation(
        "an expired order, one of whose two executions is corrected, the other cancelled",
        "0 4 3 0 0 9",
        "09:31 buy 10 GTD until 09:33",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        FILL_PART       PARTIALLY_FILLED     10  7  3
        EXPIRE          EXPIRED              10  7  0 GTD_REACHED
        BUST            EXPIRED              10  3  0
        FILL_PART       EXPIRED              10  7  0
        BUST            EXPIRED              10  4  0
        """,
        settings=busts(corrected={(0, 2): 1}, undone=((0, 3),), kept=((0, 6),), bust_after="2min"),
    ),
    Situation(
        "immediate or cancel: filled, the execution is cancelled, and so is the order",
        "0 10 0 9",
        "09:31 buy 10 IOC",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_ALL        FILLED               10 10  0
        BUST_ALL        NEW                  10  0 10
        CANCEL          CANCELED             10  0  0 IOC_REMAINDER
        """,
        settings=busts(undone=((0, 2),)),
    ),
    Situation(
        "good till a time: filled before it, the execution is cancelled after it",
        "0 10 0 0 9",
        "09:31 buy 10 GTD until 09:33",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_ALL        FILLED               10 10  0
        BUST_ALL        NEW                  10  0 10
        EXPIRE          EXPIRED              10  0  0 GTD_REACHED
        """,
        settings=busts(undone=((0, 2),), bust_after="2min"),
    ),
]

PENDING = [
    Situation(
        "an execution of a working order is cancelled, and filled again",
        "0 4 0 0 10 0",
        "09:31 buy 10",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        BUST_ALL        NEW                  10  0 10
        FILL_ALL        FILLED               10 10  0
        """,
        settings=busts(undone=((0, 2),), kept=((0, 4),)),
    ),
    Situation(
        "an execution of a working order is corrected",
        "0 4 0 0 6 0",
        "09:31 buy 10",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        BUST_ALL        NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        FILL_ALL        FILLED               10 10  0
        """,
        settings=busts(corrected={(0, 2): 1}, kept=((0, 4), (0, 5))),
    ),
    Situation(
        "an execution is cancelled while a cancel is pending",
        "0 0 0 4 0 0 0 9",
        "09:31 buy 10\n09:34 cancel 0",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        CANCEL_REQUEST  PENDING_CANCEL       10  4  6
        BUST_ALL        PENDING_CANCEL       10  0 10
        CANCEL          CANCELED             10  0  0 CANCELED_BY_USER
        """,
        settings=busts(undone=((0, 2),), latency="90s"),
    ),
    Situation(
        "the order is filled while a cancel is pending, the execution is cancelled, and the cancel finds the order",
        "0 0 0 0 10 0 0 0 9",
        "09:31 buy 10\n09:34 cancel 0",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        CANCEL_REQUEST  PENDING_CANCEL       10  0 10
        FILL_ALL        FILLED               10 10  0
        BUST_ALL        PENDING_CANCEL       10  0 10
        CANCEL          CANCELED             10  0  0 CANCELED_BY_USER
        """,
        settings=busts(undone=((0, 3),), latency="150s"),
    ),
    Situation(
        "an execution is corrected while a cancel is pending that comes too late",
        "0 0 0 0 10 0 0 0 9",
        "09:31 buy 10\n09:34 cancel 0",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        CANCEL_REQUEST  PENDING_CANCEL       10  0 10
        FILL_ALL        FILLED               10 10  0
        BUST_ALL        PENDING_CANCEL       10  0 10
        FILL_ALL        FILLED               10 10  0
        CANCEL_REJECT   FILLED               10 10  0 ORDER_IS_DONE
        """,
        settings=busts(corrected={(0, 3): 1}, kept=((0, 5),), latency="150s"),
    ),
    Situation(
        "an execution is cancelled while a replace is pending: what was too small fits now",
        "0 0 0 4 0 0 0 9",
        "09:31 buy 10\n09:34 replace 0 quantity 3",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        REPLACE_REQUEST PENDING_REPLACE       3  4  6
        BUST_ALL        PENDING_REPLACE      10  0 10
        REPLACE         NEW                   3  0  3
        FILL_ALL        FILLED                3  3  0
        """,
        settings=busts(undone=((0, 2),), kept=((0, 6),), latency="90s"),
    ),
    Situation(
        "the order is filled while a replace is pending, the execution is cancelled, and the replace is taken",
        "0 0 0 0 10 0 0 9 9",
        "09:31 buy 10\n09:34 replace 0 quantity 12",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        REPLACE_REQUEST PENDING_REPLACE      12  0 10
        FILL_ALL        FILLED               10 10  0
        BUST_ALL        PENDING_REPLACE      10  0 10
        REPLACE         NEW                  12  0 12
        FILL_PART       PARTIALLY_FILLED     12  9  3
        FILL_ALL        FILLED               12 12  0
        """,
        settings=busts(undone=((0, 3),), kept=((0, 6), (0, 7)), latency="150s"),
    ),
]

TAKEN_BACK = [*FILLED_ORDER, *ENDED_ORDER, *PENDING]


@pytest.mark.parametrize("situation", TAKEN_BACK, ids=lambda situation: situation.title)
def test_a_situation(situation: Situation, tmp_path: Path) -> None:
    found = situation.play()
    assert rows(found, situation.order) == expected(situation)
    verification = verify_folder(found.result.save(tmp_path / "run", report=False))
    assert verification.ok, verification


def test_an_execution_that_comes_after_the_end_says_so() -> None:
    events = ENDED_ORDER[0].play().record.tables["order_events"]
    assert events["late"].tolist() == [0, 0, 0, 0, 0, 0, 1, 0]


def test_each_execution_that_is_taken_back_or_corrected_names_the_one_it_is_about() -> None:
    fills = FILLED_ORDER[3].play().record.tables["fills"]
    assert fills["exec_ref_id"].tolist() == [-1, -1, 0, 0, 1, 1, 3]
    assert fills["price"].tolist() == [10_000, 10_000, 10_000, 10_001, 10_000, 9_999, 10_001]
    assert (fills["side"] * fills["quantity"]).tolist() == [4, 6, -4, 4, -6, 6, -4]
