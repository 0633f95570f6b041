"""The order state changes of FIX 5.0 SP2, appendix D, as far as a broker simulation on market data shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.tables import Situation, expected, rows
from fillwright.model.instrument import Instrument
from fillwright.verify import verify_folder

pytestmark = pytest.mark.scenario

PLAIN = [
    Situation(
        "filled in one piece",
        "0 10",
        "09:31 buy 10",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_ALL        FILLED               10 10  0
        """,
    ),
    Situation(
        "filled in three pieces",
        "0 2 5 9",
        "09:31 buy 10",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  2  8
        FILL_PART       PARTIALLY_FILLED     10  7  3
        FILL_ALL        FILLED               10 10  0
        """,
    ),
    Situation(
        "refused by the broker",
        "0 10",
        "09:31 buy 2000",
        """
        SUBMIT          PENDING_NEW        2000  0 2000
        REJECT          REJECTED           2000  0    0 INSUFFICIENT_CASH
        """,
        settings={"account": {"type": "cash"}},
    ),
    Situation(
        "refused by our own checks: the broker never hears of it",
        "0 10",
        "09:31 buy 20",
        """
        DENY            DENIED               20  0  0 MAX_ORDER_QUANTITY
        """,
        settings={"limits": {"max_order_quantity": 10}},
    ),
    Situation(
        "the acknowledgement takes its time, and no bar under way fills it",
        "0 10 10 10",
        "09:31 buy 10",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_ALL        FILLED               10 10  0
        """,
        latency="90s",
    ),
    Situation(
        "a stop is triggered and then filled",
        "",
        "09:31 buy 10 stop 101",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        TRIGGER         NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        FILL_ALL        FILLED               10 10  0
        """,
        bars="09:31 100 100 100 100 9\n09:32 100 102 100 102 4\n09:33 102 102 102 102 9",
    ),
]

CANCELS = [
    Situation(
        "cancel of an order without a fill",
        "0 0 0 9",
        "09:31 buy 10\n09:32 cancel 0",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        CANCEL_REQUEST  PENDING_CANCEL       10  0 10
        CANCEL          CANCELED             10  0  0 CANCELED_BY_USER
        """,
    ),
    Situation(
        "cancel of an order that is filled in part",
        "0 4 0 9",
        "09:31 buy 10\n09:32 cancel 0",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        CANCEL_REQUEST  PENDING_CANCEL       10  4  6
        CANCEL          CANCELED             10  4  0 CANCELED_BY_USER
        """,
    ),
    Situation(
        "executions while the cancel is on its way",
        "0 0 2 3 1 0 9",
        "09:31 buy 10\n09:33 cancel 0",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        CANCEL_REQUEST  PENDING_CANCEL       10  0 10
        FILL_PART       PENDING_CANCEL       10  3  7
        FILL_PART       PENDING_CANCEL       10  4  6
        CANCEL          CANCELED             10  4  0 CANCELED_BY_USER
        """,
        latency="90s",
    ),
    Situation(
        "the cancel comes too late: filled before it arrives",
        "0 0 2 4 6 0 9",
        "09:31 buy 10\n09:33 cancel 0",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        CANCEL_REQUEST  PENDING_CANCEL       10  0 10
        FILL_PART       PENDING_CANCEL       10  4  6
        FILL_ALL        FILLED               10 10  0
        CANCEL_REJECT   FILLED               10 10  0 ORDER_IS_DONE
        """,
        latency="90s",
    ),
    Situation(
        "cancel of an order that is not acknowledged yet",
        "0 9 9 9 9",
        "09:31 buy 10\n09:32 cancel 0",
        """
        SUBMIT          PENDING_NEW          10  0 10
        CANCEL_REQUEST  PENDING_CANCEL       10  0 10
        ACCEPT          PENDING_CANCEL       10  0 10
        FILL_PART       PENDING_CANCEL       10  9  1
        CANCEL          CANCELED             10  9  0 CANCELED_BY_USER
        """,
        latency="120s",
    ),
    Situation(
        "two cancels in a row: the second finds nothing",
        "0 0 0 9",
        "09:31 buy 10\n09:32 cancel 0\n09:32 cancel 0",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        CANCEL_REQUEST  PENDING_CANCEL       10  0 10
        CANCEL_REQUEST  PENDING_CANCEL       10  0 10
        CANCEL          CANCELED             10  0  0 CANCELED_BY_USER
        CANCEL_REJECT   CANCELED             10  0  0 ORDER_IS_DONE
        """,
    ),
    Situation(
        "cancel of an order that the broker has refused",
        "0 0 0 0 0 0",
        "09:31 buy 2000\n09:32 cancel 0",
        """
        SUBMIT          PENDING_NEW        2000  0 2000
        CANCEL_REQUEST  PENDING_CANCEL     2000  0 2000
        REJECT          REJECTED           2000  0    0 INSUFFICIENT_CASH
        CANCEL_REJECT   REJECTED           2000  0    0 ORDER_IS_DONE
        """,
        latency="90s",
        settings={"account": {"type": "cash"}},
    ),
]

REPLACES = [
    Situation(
        "larger, nothing filled",
        "0 0 9 6",
        "09:31 buy 10\n09:32 replace 0 quantity 15",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        REPLACE_REQUEST PENDING_REPLACE      15  0 10
        REPLACE         NEW                  15  0 15
        FILL_PART       PARTIALLY_FILLED     15  9  6
        FILL_ALL        FILLED               15 15  0
        """,
    ),
    Situation(
        "larger, with an execution while it is on its way",
        "0 0 1 3 0 0 2 9",
        "09:31 buy 10\n09:33 replace 0 quantity 12",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        REPLACE_REQUEST PENDING_REPLACE      12  0 10
        FILL_PART       PENDING_REPLACE      10  3  7
        REPLACE         PARTIALLY_FILLED     12  3  9
        FILL_PART       PARTIALLY_FILLED     12  5  7
        FILL_ALL        FILLED               12 12  0
        """,
        latency="90s",
    ),
    Situation(
        "larger, but filled before it arrives: a filled order is not taken up again",
        "0 0 0 9 9 0 9",
        "09:31 buy 10\n09:33 replace 0 quantity 12",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        REPLACE_REQUEST PENDING_REPLACE      12  0 10
        FILL_PART       PENDING_REPLACE      10  9  1
        FILL_ALL        FILLED               10 10  0
        REPLACE_REJECT  FILLED               10 10  0 ORDER_IS_DONE
        """,
        latency="90s",
    ),
    Situation(
        "another limit, refused because a fill was first",
        "0 0 0 10 9 0 9",
        "09:31 buy 10 limit 100\n09:33 replace 0 limit 99",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        REPLACE_REQUEST PENDING_REPLACE      10  0 10
        FILL_ALL        FILLED               10 10  0
        REPLACE_REJECT  FILLED               10 10  0 ORDER_IS_DONE
        """,
        latency="90s",
    ),
    Situation(
        "smaller, and still above what an execution in between leaves",
        "0 0 0 3 0 0 9",
        "09:31 buy 10\n09:33 replace 0 quantity 8",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        REPLACE_REQUEST PENDING_REPLACE       8  0 10
        FILL_PART       PENDING_REPLACE      10  3  7
        REPLACE         PARTIALLY_FILLED      8  3  5
        FILL_ALL        FILLED                8  8  0
        """,
        latency="90s",
    ),
    Situation(
        "smaller, to just what is filled by then: nothing is left to work",
        "0 0 0 8 0 0 9",
        "09:31 buy 10\n09:33 replace 0 quantity 8",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        REPLACE_REQUEST PENDING_REPLACE       8  0 10
        FILL_PART       PENDING_REPLACE      10  8  2
        CANCEL          CANCELED             10  8  0 REPLACED_TO_FILLED
        """,
        latency="90s",
    ),
    Situation(
        "smaller, below what is filled by then: the order goes on as it was",
        "0 0 0 9 0 0 9",
        "09:31 buy 10\n09:33 replace 0 quantity 8",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        REPLACE_REQUEST PENDING_REPLACE       8  0 10
        FILL_PART       PENDING_REPLACE      10  9  1
        REPLACE_REJECT  PARTIALLY_FILLED     10  9  1 QUANTITY_BELOW_FILLED
        FILL_ALL        FILLED               10 10  0
        """,
        latency="90s",
    ),
    Situation(
        "replace of an order that is not acknowledged yet",
        "0 0 0 0 0 4 9",
        "09:31 buy 10\n09:32 replace 0 quantity 7",
        """
        SUBMIT          PENDING_NEW          10  0 10
        REPLACE_REQUEST PENDING_REPLACE       7  0 10
        ACCEPT          PENDING_REPLACE      10  0 10
        REPLACE         NEW                   7  0  7
        FILL_PART       PARTIALLY_FILLED      7  4  3
        FILL_ALL        FILLED                7  7  0
        """,
        latency="120s",
    ),
    Situation(
        "refused where funds do not suffice: the old terms stand",
        "0 0 0 0 9",
        "09:31 buy 8\n09:32 replace 0 quantity 12\n09:34 replace 0 quantity 9",
        """
        SUBMIT          PENDING_NEW           8  0  8
        ACCEPT          NEW                   8  0  8
        REPLACE_REQUEST PENDING_REPLACE      12  0  8
        REPLACE_REJECT  NEW                   8  0  8 INSUFFICIENT_CASH
        REPLACE_REQUEST PENDING_REPLACE       9  0  8
        REPLACE         NEW                   9  0  9
        FILL_ALL        FILLED                9  9  0
        """,
        settings={"account": {"type": "cash", "initial_cash": 1000}},
    ),
]

CHAINS = [
    Situation(
        "one replace straight after another: both are taken in turn",
        "0 0 0 2 4 0 9 9",
        "09:31 buy 10\n09:33 replace 0 quantity 12\n09:34 replace 0 quantity 14",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        REPLACE_REQUEST PENDING_REPLACE      12  0 10
        FILL_PART       PENDING_REPLACE      10  2  8
        REPLACE_REQUEST PENDING_REPLACE      14  2  8
        FILL_PART       PENDING_REPLACE      10  6  4
        REPLACE         PENDING_REPLACE      12  6  6
        REPLACE         PARTIALLY_FILLED     14  6  8
        FILL_ALL        FILLED               14 14  0
        """,
        latency="90s",
    ),
    Situation(
        "the first is refused, the second taken",
        "0 0 0 8 0 0 9 9",
        "09:31 buy 10\n09:33 replace 0 quantity 7\n09:34 replace 0 quantity 9",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        REPLACE_REQUEST PENDING_REPLACE       7  0 10
        FILL_PART       PENDING_REPLACE      10  8  2
        REPLACE_REQUEST PENDING_REPLACE       9  8  2
        REPLACE_REJECT  PENDING_REPLACE      10  8  2 QUANTITY_BELOW_FILLED
        REPLACE         PARTIALLY_FILLED      9  8  1
        FILL_ALL        FILLED                9  9  0
        """,
        latency="90s",
    ),
    Situation(
        "both are refused",
        "0 0 0 9 0 0 0 9",
        "09:31 buy 10\n09:33 replace 0 quantity 7\n09:34 replace 0 quantity 8",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        REPLACE_REQUEST PENDING_REPLACE       7  0 10
        FILL_PART       PENDING_REPLACE      10  9  1
        REPLACE_REQUEST PENDING_REPLACE       8  9  1
        REPLACE_REJECT  PENDING_REPLACE      10  9  1 QUANTITY_BELOW_FILLED
        REPLACE_REJECT  PARTIALLY_FILLED     10  9  1 QUANTITY_BELOW_FILLED
        FILL_ALL        FILLED               10 10  0
        """,
        latency="90s",
    ),
    Situation(
        "back to the quantity that there still is: the last word counts",
        "0 0 0 0 0 0 9 9",
        "09:31 buy 10\n09:33 replace 0 quantity 12\n09:34 replace 0 quantity 10",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        REPLACE_REQUEST PENDING_REPLACE      12  0 10
        REPLACE_REQUEST PENDING_REPLACE      10  0 10
        REPLACE         PENDING_REPLACE      12  0 12
        REPLACE         NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  9  1
        FILL_ALL        FILLED               10 10  0
        """,
        latency="90s",
    ),
    Situation(
        "the quantity, then the limit: they add up",
        "0 0 0 0 0 0 9 9",
        "09:31 buy 10 limit 99\n09:33 replace 0 quantity 12\n09:34 replace 0 limit 100",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        REPLACE_REQUEST PENDING_REPLACE      12  0 10
        REPLACE_REQUEST PENDING_REPLACE      10  0 10
        REPLACE         PENDING_REPLACE      12  0 12
        REPLACE         NEW                  12  0 12
        FILL_PART       PARTIALLY_FILLED     12  9  3
        FILL_ALL        FILLED               12 12  0
        """,
        latency="90s",
    ),
    Situation(
        "a cancel behind a replace",
        "0 0 0 0 0 0 9 9",
        "09:31 buy 10\n09:33 replace 0 quantity 12\n09:34 cancel 0",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        REPLACE_REQUEST PENDING_REPLACE      12  0 10
        CANCEL_REQUEST  PENDING_CANCEL       10  0 10
        REPLACE         PENDING_CANCEL       12  0 12
        CANCEL          CANCELED             12  0  0 CANCELED_BY_USER
        """,
        latency="90s",
    ),
    Situation(
        "a replace behind a cancel",
        "0 0 0 0 0 0 9 9",
        "09:31 buy 10\n09:33 cancel 0\n09:34 replace 0 quantity 12",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        CANCEL_REQUEST  PENDING_CANCEL       10  0 10
        REPLACE_REQUEST PENDING_CANCEL       12  0 10
        CANCEL          CANCELED             10  0  0 CANCELED_BY_USER
        REPLACE_REJECT  CANCELED             10  0  0 ORDER_IS_DONE
        """,
        latency="90s",
    ),
    Situation(
        "a replace that our own checks refuse, behind one on its way: that one is still awaited",
        "0 0 0 0 0 0 9 9",
        "09:31 buy 10 limit 99.50\n09:33 replace 0 limit 100\n09:34 refused replace 0 limit 100.20",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        REPLACE_REQUEST PENDING_REPLACE      10  0 10
        REPLACE_REJECT  PENDING_REPLACE      10  0 10 OFF_TICK
        REPLACE         NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  9  1
        FILL_ALL        FILLED               10 10  0
        """,
        latency="90s",
        settings={"instrument": Instrument("X", price_decimals=2, tick=50)},
    ),
]

LIFETIMES = [
    Situation(
        "immediate or cancel, nothing there",
        "0 0 9",
        "09:31 buy 10 IOC",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        CANCEL          CANCELED             10  0  0 IOC_REMAINDER
        """,
    ),
    Situation(
        "immediate or cancel, not all there",
        "0 4 9",
        "09:31 buy 10 IOC",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        CANCEL          CANCELED             10  4  0 IOC_REMAINDER
        """,
    ),
    Situation(
        "fill or kill, not all there",
        "0 9 9",
        "09:31 buy 10 FOK",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        CANCEL          CANCELED             10  0  0 FOK_NOT_FILLABLE
        """,
    ),
    Situation(
        "fill or kill, all there",
        "0 10 9",
        "09:31 buy 10 FOK",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_ALL        FILLED               10 10  0
        """,
    ),
    Situation(
        "good till a time, filled in part by then",
        "0 4 0 9 9",
        "09:31 buy 10 GTD until 09:33",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        EXPIRE          EXPIRED              10  4  0 GTD_REACHED
        """,
    ),
    Situation(
        "a day order filled in part on its day",
        "",
        "23:59 buy 10 DAY",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        EXPIRE          EXPIRED              10  4  0 DAY_END
        """,
        bars="""
        23:59            100 100 100 100 9
        2024-01-03 00:00 100 100 100 100 4
        2024-01-03 00:01 100 100 100 100 9
        """,
    ),
    Situation(
        "good till cancelled: it goes on the next day as it was",
        "",
        "23:59 buy 10 GTC",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        FILL_ALL        FILLED               10 10  0
        """,
        bars="""
        23:59            100 100 100 100 9
        2024-01-03 00:00 100 100 100 100 4
        2024-01-03 00:01 100 100 100 100 9
        """,
    ),
    Situation(
        "good till cancelled, made larger on the next day",
        "",
        "23:59 buy 10 GTC\n2024-01-03 00:01 replace 0 quantity 12",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        REPLACE_REQUEST PENDING_REPLACE      12  4  6
        REPLACE         PARTIALLY_FILLED     12  4  8
        FILL_ALL        FILLED               12 12  0
        """,
        bars="""
        23:59            100 100 100 100 9
        2024-01-03 00:00 100 100 100 100 4
        2024-01-03 00:01 100 100 100 100 0
        2024-01-03 00:02 100 100 100 100 9
        """,
    ),
    Situation(
        "expired while its cancel is on its way",
        "0 0 0 0 0 0",
        "09:31 buy 10 limit 99 GTD until 09:34\n09:33 cancel 0",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        CANCEL_REQUEST  PENDING_CANCEL       10  0 10
        EXPIRE          EXPIRED              10  0  0 GTD_REACHED
        CANCEL_REJECT   EXPIRED              10  0  0 ORDER_IS_DONE
        """,
        latency="90s",
    ),
    Situation(
        "expired while a replace of it is on its way",
        "0 4 0 0 0 0",
        "09:31 buy 10 GTD until 09:34\n09:33 replace 0 quantity 12",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        REPLACE_REQUEST PENDING_REPLACE      12  0 10
        EXPIRE          EXPIRED              10  0  0 GTD_REACHED
        REPLACE_REJECT  EXPIRED              10  0  0 ORDER_IS_DONE
        """,
        latency="90s",
    ),
    Situation(
        "still on its way when the data end",
        "0 0 9",
        "09:33 buy 10",
        """
        SUBMIT          PENDING_NEW          10  0 10
        EXPIRE          EXPIRED              10  0  0 END_OF_DATA
        """,
        latency="90s",
    ),
]

UNASKED = [
    Situation(
        "made smaller by the broker: a reduce-only order follows its position",
        "0 10 0 4 9",
        "09:31 buy 10\n09:32 sell 10 limit 101 reduce_only\n09:33 sell 4",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        SHRINK          NEW                   6  0  6 SHRUNK_TO_POSITION
        EXPIRE          EXPIRED               6  0  0 END_OF_DATA
        """,
        order=1,
    ),
    Situation(
        "a replace that asks for more than the position: made smaller again at once",
        "0 10 0 0 0",
        "09:31 buy 10\n09:32 sell 5 limit 101 reduce_only\n09:33 replace 1 quantity 30",
        """
        SUBMIT          PENDING_NEW           5  0  5
        ACCEPT          NEW                   5  0  5
        REPLACE_REQUEST PENDING_REPLACE      30  0  5
        REPLACE         NEW                  30  0 30
        SHRINK          NEW                  10  0 10 SHRUNK_TO_POSITION
        EXPIRE          EXPIRED              10  0  0 END_OF_DATA
        """,
        order=1,
    ),
    Situation(
        "made larger by the broker while a replace of its price is on its way: both hold",
        "0 0 0 4 3 0 0 0",
        "09:31 buy 7 take_profit 101 stop_loss 98\n09:34 replace 1 limit 102",
        """
        SUBMIT          PENDING_NEW           7  0  7
        ACCEPT          NEW                   7  0  7
        SHRINK          NEW                   4  0  4 FOLLOWS_ENTRY
        RELEASE         NEW                   4  0  4
        REPLACE_REQUEST PENDING_REPLACE       4  0  4
        REPLACE         PENDING_REPLACE       7  0  7 FOLLOWS_ENTRY
        REPLACE         NEW                   7  0  7
        EXPIRE          EXPIRED               7  0  0 END_OF_DATA
        """,
        order=1,
        latency="61s",
    ),
    Situation(
        "cancelled by the broker with a part filled: its exit has ended the position",
        "",
        "09:31 buy 20 limit 100 take_profit 101",
        """
        SUBMIT          PENDING_NEW          20  0 20
        ACCEPT          NEW                  20  0 20
        FILL_PART       PARTIALLY_FILLED     20  9 11
        CANCEL          CANCELED             20  9  0 EXIT_FILLED
        """,
        bars="09:31 100 100 100 100 9\n09:32 100 100 100 100 9\n09:33 102 102 102 102 90",
    ),
    Situation(
        "cancelled by the broker: liquidation ends everything that works",
        "",
        "09:31 buy 1500\n09:31 buy 10 limit 10",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        CANCEL          CANCELED             10  0  0 LIQUIDATION
        """,
        order=1,
        bars="09:31 100 100 100 100 9\n09:32 100 100 100 100 9000\n09:33 40 40 40 40 9000\n09:34 40 40 40 40 9000",
        settings={"account": {"leverage": 2}},
    ),
    Situation(
        "cancelled by the broker: the other order of its group was filled",
        "",
        "09:31 buy 5 take_profit 101 stop_loss 98",
        """
        SUBMIT          PENDING_NEW           5  0  5
        ACCEPT          NEW                   5  0  5
        RELEASE         NEW                   5  0  5
        CANCEL          CANCELED              5  0  0 OCO_FILLED
        """,
        order=2,
        bars="09:31 100 100 100 100 9\n09:32 100 100 100 100 9\n09:33 100 102 100 102 90",
    ),
]

ALL = [*PLAIN, *CANCELS, *REPLACES, *CHAINS, *LIFETIMES, *UNASKED]


@pytest.mark.parametrize("situation", ALL, ids=lambda s: s.title)
def test_the_order_says(situation: Situation, tmp_path: Path) -> None:
    found = situation.play()
    assert rows(found, situation.order) == expected(situation)
    assert verify_folder(found.result.save(tmp_path / "run")).ok


def test_titles_are_different() -> None:
    assert len({situation.title for situation in ALL}) == len(ALL)
