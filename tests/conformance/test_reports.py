"""What the order manager knows of an order whose reports are late, lost, repeated or overtaken, as tables of its log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.tables import Situation, expected, ord_status, rows
from fillwright.model.codes import OrderEvent, ReportKind
from fillwright.verify import verify_folder
from scenarios.table import Play, clock, lines

pytestmark = pytest.mark.scenario


@dataclass(frozen=True)
class Told(Situation):
    """A situation with faults; ``log`` are the rows ``HH:MM kind event OrdStatus CumQty`` of what the manager did and heard."""

    log: str = ""


def out(start: str, end: str, **faults: object) -> dict[str, object]:
    """Settings with an outage on the first day, and chances."""
    window = [{"start": f"2024-01-02 {start}", "end": f"2024-01-02 {end}"}]
    faults = {"outages": window, **faults}
    return {"execution": {"participation": 1, "faults": faults}, "orders": {"status_request_after": "1h"}}


def always(ask_after: str = "90s", **chances: object) -> dict[str, object]:
    """Settings with chances."""
    return {"execution": {"participation": 1, "faults": chances}, "orders": {"status_request_after": ask_after}}


def heard(found: Play, order: int) -> list[str]:
    """The log of an order as rows."""
    events = found.record.tables["order_events"]
    out = []
    for row in found.record.tables["reports"]:
        if row["order_id"] == order:
            number = int(row["order_event"])
            event = OrderEvent(int(events[number]["event"])).name if number >= 0 else "-"
            kind = ReportKind(int(row["kind"])).name
            out.append(f"{clock(int(row['instant']))} {kind} {event} {ord_status(int(row['status']), 0)} {row['cum_quantity']}")
    return out


UNHEARD_END = [
    Told(
        f"{verb} of an order whose end is not known yet: {title}",
        offers,
        f"09:31 buy {order}\n09:33 {verb} 0{' quantity 30' * (verb == 'replace')}",
        f"""
        SUBMIT          PENDING_NEW          {total}  0 {total}
        {events}
        {verb.upper()}_REQUEST  {status} {30 if verb == "replace" else total} {filled}  0
        {verb.upper()}_REJECT   {status} {total} {filled}  0 ORDER_IS_DONE
        """,
        settings=out("09:32", "09:34", **({"reject": 1} if title == "refused" else {})),
        log=f"""
        09:31 OWN {"SUBMIT"} PENDING_NEW 0
        09:33 OWN {verb.upper()}_REQUEST PENDING_NEW 0
        {reports}
        """,
    )
    for verb in ("cancel", "replace")
    for title, offers, order, total, filled, status, events, reports in (
        (
            "filled", "0 10 0 0 0", "10", 10, 10, "FILLED",
            "ACCEPT NEW 10 0 10\nFILL_ALL FILLED 10 10 0",
            "09:34 NEWS ACCEPT NEW 0\n09:34 NEWS FILL_ALL FILLED 10\n09:34 NEWS VERB_REJECT FILLED 10",
        ),
        (
            "canceled", "1 0 0 0 0", "10 IOC", 10, 0, "CANCELED",
            "ACCEPT NEW 10 0 10\nCANCEL CANCELED 10 0 0 IOC_REMAINDER",
            "09:34 NEWS ACCEPT NEW 0\n09:34 NEWS CANCEL CANCELED 0\n09:34 NEWS VERB_REJECT CANCELED 0",
        ),
        (
            "expired", "0 0 0 0 0", "10 limit 90 GTD until 09:31", 10, 0, "EXPIRED",
            "ACCEPT NEW 10 0 10\nEXPIRE EXPIRED 10 0 0 GTD_REACHED",
            "09:34 NEWS ACCEPT NEW 0\n09:34 NEWS EXPIRE EXPIRED 0\n09:34 NEWS VERB_REJECT EXPIRED 0",
        ),
        (
            "refused", "0 0 0 0 0", "10", 10, 0, "REJECTED",
            "REJECT REJECTED 10 0 0 BROKER_REJECTED",
            "09:34 NEWS REJECT REJECTED 0\n09:34 NEWS VERB_REJECT REJECTED 0",
        ),
    )
]  # fmt: skip

UNKNOWN = [
    Told(
        "the acknowledgement is lost: UNKNOWN, asked, and it works",
        "0 0 0 0 0 10",
        "09:31 buy 10",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_ALL        FILLED               10 10  0
        """,
        settings=always(lost_ack=1),
        log="""
        09:31 OWN SUBMIT PENDING_NEW 0
        09:33 LOST - UNKNOWN 0
        09:34 ANSWER ACCEPT NEW 0
        09:34 OVERTAKEN ACCEPT NEW 0
        09:36 NEWS FILL_ALL FILLED 10
        """,
    ),
    Told(
        "a fill says before the answer that the order works",
        "0 0 0 4 0 6",
        "09:31 buy 10",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        FILL_ALL        FILLED               10 10  0
        """,
        settings=always(lost_ack=1),
        log="""
        09:31 OWN SUBMIT PENDING_NEW 0
        09:33 LOST - UNKNOWN 0
        09:34 ANSWER FILL_PART PARTIALLY_FILLED 0
        09:34 OVERTAKEN ACCEPT PARTIALLY_FILLED 0
        09:34 OVERTAKEN FILL_PART PARTIALLY_FILLED 4
        09:36 NEWS FILL_ALL FILLED 10
        """,
    ),
    Told(
        "asked again while the line is out, and what was sent is not sent twice",
        "0 10 0 0 0 0 0",
        "09:31 buy 10",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_ALL        FILLED               10 10  0
        """,
        settings=out("09:32", "09:36") | {"orders": {"status_request_after": "1min"}},
        log="""
        09:31 OWN SUBMIT PENDING_NEW 0
        09:32 LOST - UNKNOWN 0
        09:33 ASKED - UNKNOWN 0
        09:34 ASKED - UNKNOWN 0
        09:35 ASKED - UNKNOWN 0
        09:36 NEWS ACCEPT NEW 0
        09:36 NEWS FILL_ALL FILLED 10
        """,
    ),
    Told(
        "the answer to a cancel is lost",
        "0 3 0 0 0 0",
        "09:31 buy 10\n09:32 cancel 0",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  3  7
        CANCEL_REQUEST  PENDING_CANCEL       10  3  7
        CANCEL          CANCELED             10  3  0 CANCELED_BY_USER
        """,
        settings=always(lost_ack=1),
        log="""
        09:31 OWN SUBMIT PENDING_NEW 0
        09:32 NEWS FILL_PART PARTIALLY_FILLED 3
        09:32 OWN CANCEL_REQUEST PARTIALLY_FILLED 3
        09:34 LOST - UNKNOWN 3
        09:35 ANSWER CANCEL CANCELED 3
        09:35 OVERTAKEN ACCEPT CANCELED 3
        09:35 OVERTAKEN CANCEL CANCELED 3
        """,
    ),
    Told(
        "an order of unknown state is not replaced, but may be cancelled",
        "0 0 0 0 0 0",
        "09:31 buy 10 limit 99\n09:33 refused replace 0 limit 98\n09:33 cancel 0",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        REPLACE_REJECT  NEW                  10  0 10 ORDER_UNKNOWN
        CANCEL_REQUEST  PENDING_CANCEL       10  0 10
        CANCEL          CANCELED             10  0  0 CANCELED_BY_USER
        """,
        settings=always(lost_ack=1),
        log="""
        09:31 OWN SUBMIT PENDING_NEW 0
        09:33 LOST - UNKNOWN 0
        09:33 OWN REPLACE_REJECT UNKNOWN 0
        09:33 OWN CANCEL_REQUEST UNKNOWN 0
        09:34 ANSWER CANCEL CANCELED 0
        09:34 OVERTAKEN ACCEPT CANCELED 0
        09:34 OVERTAKEN CANCEL CANCELED 0
        """,
    ),
]

DISORDER = [
    Told(
        "reports that come twice change nothing",
        "0 4 6 0",
        "09:31 buy 10",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        FILL_ALL        FILLED               10 10  0
        """,
        settings=always(duplicate_report=1),
        log="""
        09:31 OWN SUBMIT PENDING_NEW 0
        09:32 NEWS ACCEPT NEW 0
        09:32 NEWS FILL_PART PARTIALLY_FILLED 4
        09:33 REPEATED ACCEPT PARTIALLY_FILLED 4
        09:33 REPEATED FILL_PART PARTIALLY_FILLED 4
        09:33 NEWS FILL_ALL FILLED 10
        09:34 REPEATED FILL_ALL FILLED 10
        """,
    ),
    Told(
        "a late acknowledgement is overtaken by the fills",
        "0 4 6 0",
        "09:31 buy 10",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        FILL_ALL        FILLED               10 10  0
        """,
        settings=always("10min", late_ack=1, late_by="90s"),
        log="""
        09:31 OWN SUBMIT PENDING_NEW 0
        09:32 NEWS FILL_PART PARTIALLY_FILLED 4
        09:33 NEWS FILL_ALL FILLED 10
        09:34 OVERTAKEN ACCEPT FILLED 10
        """,
    ),
]

REFUSED = [
    Told(
        "a cancel is refused, and the order trades on",
        "0 0 0 10",
        "09:31 buy 10\n09:32 cancel 0",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        CANCEL_REQUEST  PENDING_CANCEL       10  0 10
        CANCEL_REJECT   NEW                  10  0 10 BROKER_REJECTED
        FILL_ALL        FILLED               10 10  0
        """,
        settings=always(reject_cancel=1),
        log="""
        09:31 OWN SUBMIT PENDING_NEW 0
        09:32 NEWS ACCEPT NEW 0
        09:32 OWN CANCEL_REQUEST NEW 0
        09:33 NEWS CANCEL_REJECT NEW 0
        09:34 NEWS FILL_ALL FILLED 10
        """,
    ),
    Told(
        "the first of two cancels is refused while the second is on its way",
        "0 0 0 0",
        "09:31 buy 10 limit 99\n09:32 cancel 0\n09:32 cancel 0",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        CANCEL_REQUEST  PENDING_CANCEL       10  0 10
        CANCEL_REQUEST  PENDING_CANCEL       10  0 10
        CANCEL_REJECT   PENDING_CANCEL       10  0 10 BROKER_REJECTED
        CANCEL_REJECT   NEW                  10  0 10 BROKER_REJECTED
        EXPIRE          EXPIRED              10  0  0 END_OF_DATA
        """,
        settings=always(reject_cancel=1),
        log="""
        09:31 OWN SUBMIT PENDING_NEW 0
        09:32 NEWS ACCEPT NEW 0
        09:32 OWN CANCEL_REQUEST NEW 0
        09:32 OWN CANCEL_REQUEST NEW 0
        09:33 NEWS CANCEL_REJECT NEW 0
        09:33 NEWS CANCEL_REJECT NEW 0
        09:34 NEWS EXPIRE EXPIRED 0
        """,
    ),
    Told(
        "a cancel of an order that is filled in part is refused",
        "0 4 0 6",
        "09:31 buy 10\n09:32 cancel 0",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        FILL_PART       PARTIALLY_FILLED     10  4  6
        CANCEL_REQUEST  PENDING_CANCEL       10  4  6
        CANCEL_REJECT   PARTIALLY_FILLED     10  4  6 BROKER_REJECTED
        FILL_ALL        FILLED               10 10  0
        """,
        settings=always(reject_cancel=1),
        log="""
        09:31 OWN SUBMIT PENDING_NEW 0
        09:32 NEWS ACCEPT NEW 0
        09:32 NEWS FILL_PART PARTIALLY_FILLED 4
        09:32 OWN CANCEL_REQUEST PARTIALLY_FILLED 4
        09:33 NEWS CANCEL_REJECT PARTIALLY_FILLED 4
        09:34 NEWS FILL_ALL FILLED 10
        """,
    ),
    Told(
        "a replace is refused",
        "0 0 0 10",
        "09:31 buy 10\n09:32 replace 0 quantity 20",
        """
        SUBMIT          PENDING_NEW          10  0 10
        ACCEPT          NEW                  10  0 10
        REPLACE_REQUEST PENDING_REPLACE      20  0 10
        REPLACE_REJECT  NEW                  10  0 10 BROKER_REJECTED
        FILL_ALL        FILLED               10 10  0
        """,
        settings=always(reject_replace=1),
        log="""
        09:31 OWN SUBMIT PENDING_NEW 0
        09:32 NEWS ACCEPT NEW 0
        09:32 OWN REPLACE_REQUEST NEW 0
        09:33 NEWS REPLACE_REJECT NEW 0
        09:34 NEWS FILL_ALL FILLED 10
        """,
    ),
]

FAULTY: list[Told] = [*UNHEARD_END, *UNKNOWN, *DISORDER, *REFUSED]


@pytest.mark.parametrize("situation", FAULTY, ids=lambda situation: situation.title)
def test_a_situation(situation: Told, tmp_path: Path) -> None:
    found = situation.play()
    assert rows(found, situation.order) == expected(situation)
    verb = "REPLACE" if "replace of" in situation.title else "CANCEL"
    assert heard(found, situation.order) == [line.replace("VERB", verb) for line in lines(situation.log)]
    found.result.save(tmp_path / "run", report=False)
    verification = verify_folder(tmp_path / "run")
    assert verification.ok, verification
