"""What the order manager knows: reports of the broker on their way to it, and what they make it believe.

The state of orders is the broker's. Where the configuration has faults, reports of their events are late, lost, repeated or overtaken;
the manager keeps what it was told of each order beside it (``TOLD``), and asks where an answer does not come. The log ``reports`` says
all that it did and heard. Rules: ``docs/execution_rules.md`` §10.
"""

from __future__ import annotations

from fillwright.kernel._codes import ENGINE, NO, NOTHING, YES, OrderEvent, OrderStatus, Reason, ReportKind
from fillwright.kernel._jit import entry, jit
from fillwright.kernel.busts import is_bust, mark_fill
from fillwright.kernel.faults import DUPLICATE, LATE, LOST, REORDER, after_outages, delay, happens
from fillwright.kernel.orders import is_live
from fillwright.kernel.state import (
    NEVER,
    command_at,
    fill_at,
    heard_at,
    mail_at,
    order_at,
    order_event_at,
    report_at,
    state_at,
    told_at,
)


@jit
def is_over(status):  # type: ignore[no-untyped-def]
    """Whether an order in this state has ended."""
    ended = status == OrderStatus.DENIED or status == OrderStatus.FILLED or status == OrderStatus.CANCELED
    return ended or status == OrderStatus.REJECTED or status == OrderStatus.EXPIRED


@jit
def _blank(s, o):  # type: ignore[no-untyped-def]
    """Nothing is known of order o yet."""
    s["n_told"] = o + 1
    told = told_at(s, o)
    told["event"] = -1
    told["last"] = -1
    told["status"] = OrderStatus.INITIALIZED
    told["reason"] = 0
    told["cum"] = 0
    told["notional"] = 0
    told["events"] = 0
    told["commands"] = 0
    told["sent"] = 0
    told["fresh"] = 0
    told["cancels"] = 0
    told["replaces"] = 0
    told["since"] = 0
    told["asked_at"] = 0


@jit
def _write(s, o, kind, row, before):  # type: ignore[no-untyped-def]
    """One more entry of the log."""
    n = s["n_reports"]
    s["n_reports"] = n + 1
    report = report_at(s, n)
    told = told_at(s, o)
    report["seq"] = n
    report["instant"] = s["now"]
    report["order_id"] = o
    report["kind"] = kind
    report["order_event"] = row
    report["status_before"] = before
    report["status"] = told["status"]
    report["cum_quantity"] = told["cum"]


@jit
def _answers(event):  # type: ignore[no-untyped-def]
    """What a report answers: 1 the order itself, 2 a cancel, 3 a replace, 0 nothing."""
    code = event["event"]
    reason = event["reason"]
    if code == OrderEvent.ACCEPT or (code == OrderEvent.REJECT and event["status_before"] == OrderStatus.PENDING_NEW):
        return 1
    if code == OrderEvent.CANCEL_REJECT or (code == OrderEvent.CANCEL and reason == Reason.CANCELED_BY_USER):
        return 2
    by_itself = reason == Reason.FOLLOWS_ENTRY or reason == Reason.SIZED_AT_FILL
    if code == OrderEvent.REPLACE_REJECT or (code == OrderEvent.REPLACE and not by_itself):
        return 3
    return 3 if code == OrderEvent.CANCEL and reason == Reason.REPLACED_TO_FILLED else 0


@jit
def _asks(code):  # type: ignore[no-untyped-def]
    """Whether an event of the manager's own leaves open what becomes of the order."""
    return code == OrderEvent.CANCEL_REQUEST or code == OrderEvent.REPLACE_REQUEST or code == OrderEvent.REPLACE_REJECT


@jit
def _believe(s, told, row):  # type: ignore[no-untyped-def]
    """Event number ``row`` is the last one known of its order."""
    event = order_event_at(s, row)
    told["event"] = row
    told["status"] = event["status"]
    if event["reason"] != 0:
        told["reason"] = event["reason"]


@jit
def _note_own(s, row):  # type: ignore[no-untyped-def]
    """What the manager has done itself it knows at once."""
    event = order_event_at(s, row)
    code = event["event"]
    o = event["order_id"]
    told = told_at(s, o)
    before = told["status"]
    heard_at(s, row)["times"] = 1
    waited = told["fresh"] + told["cancels"] + told["replaces"]
    if code == OrderEvent.SUBMIT:
        told["fresh"] = 1
    elif code == OrderEvent.CANCEL_REQUEST:
        told["cancels"] += 1
        told["sent"] += 1
    elif code == OrderEvent.REPLACE_REQUEST:
        told["replaces"] += 1
    if waited == 0:
        told["since"] = s["now"]
    if not _asks(code):
        _believe(s, told, row)
    elif event["reason"] != 0:
        told["reason"] = event["reason"]
    _write(s, o, ReportKind.OWN, row, before)


@jit
def _hear(s, row):  # type: ignore[no-untyped-def]
    """A report of the broker comes. The latest event decides; one that was heard before changes nothing."""
    event = order_event_at(s, row)
    o = event["order_id"]
    told = told_at(s, o)
    before = told["status"]
    heard = heard_at(s, row)
    if heard["times"] != 0:
        _write(s, o, ReportKind.REPEATED, row, before)
        return
    heard["times"] = 1
    if event["fill_id"] >= 0:
        sign = -1 if is_bust(event["event"]) else 1
        told["cum"] += sign * fill_at(s, event["fill_id"])["quantity"]
        told["notional"] += sign * fill_at(s, event["fill_id"])["notional"]
    answer = _answers(event)
    if answer == 2 and told["cancels"] > 0:
        told["cancels"] -= 1
    elif answer == 3 and told["replaces"] > 0:
        told["replaces"] -= 1
    kind = ReportKind.OVERTAKEN
    if row > told["event"]:
        kind = ReportKind.NEWS
        _settle(s, told, row)
    _write(s, o, kind, row, before)


@jit
def _settle(s, told, row):  # type: ignore[no-untyped-def]
    """What the broker has said of an order last: the clock of what is unanswered begins anew."""
    _believe(s, told, row)
    told["since"] = s["now"]
    told["asked_at"] = 0
    if told["status"] != OrderStatus.PENDING_NEW:
        told["fresh"] = 0
    if is_over(told["status"]):
        told["cancels"] = 0
        told["replaces"] = 0


@jit
def _post(s, row, o, due, answer):  # type: ignore[no-untyped-def]
    k = s["n_mail"]
    s["n_mail"] = k + 1
    mail = mail_at(s, k)
    mail["event"] = row
    mail["order"] = o
    mail["due"] = due
    mail["answer"] = answer


@jit
def _reported_before(s, event):  # type: ignore[no-untyped-def]
    """When the report comes that this one of a fill must not overtake: of the fill undone, of the one that undoes; else 0."""
    f = event["fill_id"]
    undone = fill_at(s, f)["exec_ref_id"]
    if undone < 0:
        return 0
    return fill_at(s, undone if is_bust(event["event"]) else f - 1)["reported_at"]


@jit
def _send(s, row):  # type: ignore[no-untyped-def]
    """The broker reports an event; faults decide when that comes, and how often. The engine's own orders have none."""
    event = order_event_at(s, row)
    o = event["order_id"]
    told = told_at(s, o)
    step = told["events"]
    now = s["now"]
    answer = NOTHING if _answers(event) == 0 else NOTHING + 1
    faulty = order_at(s, o)["flags"] & ENGINE == 0
    due = after_outages(s, now)
    if faulty:
        if answer != 0 and happens(s, LOST, o, step, s["f_lost_ack"]):
            due = NOTHING + NEVER
        elif answer != 0 and happens(s, LATE, o, step, s["f_late_ack"]):
            due = after_outages(s, now + s["f_late_by"])
        elif happens(s, REORDER, o, step, s["f_reorder"]):
            due = after_outages(s, now + 1)
    if event["fill_id"] >= 0:
        due = max(due, _reported_before(s, event))
        fill_at(s, event["fill_id"])["reported_at"] = due
        if faulty:
            mark_fill(s, event, row, step)
    _post(s, row, o, due, answer)
    event["reported_at"] = 0 if due == NEVER else due
    if faulty and due != NEVER and happens(s, DUPLICATE, o, step, s["f_duplicate"]):
        _post(s, row, o, after_outages(s, due + 1), NOTHING)


@jit
def take_in(s, own):  # type: ignore[no-untyped-def]
    """Events since the last time: the manager's own are known, the broker's are reported.

    ``own``: all are of a callback, and outages delay what it sent.
    """
    for row in range(s["taken"], s["n_order_events"]):
        event = order_event_at(s, row)
        code = event["event"]
        o = event["order_id"]
        if o >= s["n_told"]:
            _blank(s, o)
        heard_at(s, row)["times"] = 0
        told = told_at(s, o)
        if own:
            if not _asks(code):
                told["last"] = row
            _note_own(s, row)
        else:
            told["last"] = row
            _send(s, row)
        told["events"] += 1
    if own:
        for k in range(s["n_commands"]):
            delay(s, command_at(s, k))
    s["taken"] = s["n_order_events"]
    s["n_heard"] = s["n_order_events"]


@jit
def _answer(s, o):  # type: ignore[no-untyped-def]
    """The broker answers what has become of order o, and sends once more what did not come; not in an outage, nor before it has it."""
    told = told_at(s, o)
    asked = told["asked_at"]
    now = s["now"]
    if asked == 0 or asked >= now or asked + s["latency_ns"] > now:
        return
    if after_outages(s, asked) != asked or after_outages(s, now) != now:
        return
    row = told["last"]
    if order_event_at(s, row)["status"] == OrderStatus.PENDING_NEW:
        return
    before = told["status"]
    _settle(s, told, row)
    _write(s, o, ReportKind.ANSWER, row, before)
    for k in range(s["n_mail"]):
        mail = mail_at(s, k)
        if mail["order"] == o and mail["due"] > now:
            mail["due"] = now


@jit
def _deliver(s):  # type: ignore[no-untyped-def]
    """Reports that are due come, in the order in which they were sent."""
    waiting = 0
    for k in range(s["n_mail"]):
        mail = mail_at(s, k)
        if mail["due"] <= s["now"]:
            _hear(s, mail["event"])
            continue
        if waiting != k:
            copy = mail_at(s, waiting)
            copy["event"] = mail["event"]
            copy["order"] = mail["order"]
            copy["due"] = mail["due"]
            copy["answer"] = mail["answer"]
        waiting += 1
    s["n_mail"] = waiting


@jit
def _miss(s, o):  # type: ignore[no-untyped-def]
    """An answer about order o has not come: after a while the order is UNKNOWN and the broker is asked, then again and again."""
    told = told_at(s, o)
    before = told["status"]
    if is_over(before) or told["fresh"] + told["cancels"] + told["replaces"] == 0:
        return
    if told["asked_at"] == 0:
        if s["now"] - told["since"] >= s["ask_after"]:
            told["status"] = OrderStatus.UNKNOWN
            told["asked_at"] = s["now"]
            _write(s, o, ReportKind.LOST, NOTHING - 1, before)
    elif s["now"] - told["asked_at"] >= s["ask_after"]:
        told["asked_at"] = s["now"]
        _write(s, o, ReportKind.ASKED, NOTHING - 1, before)


@jit
def hear_reports(s):  # type: ignore[no-untyped-def]
    """The reports of an instant: what the broker was asked for, what is due, and what is missed."""
    take_in(s, NO)
    for k in range(s["n_mail"]):
        _answer(s, mail_at(s, k)["order"])
    for k in range(s["n_commands"]):
        _answer(s, command_at(s, k)["order"])
    _deliver(s)
    for k in range(s["n_mail"]):
        if mail_at(s, k)["answer"] != 0:
            _miss(s, mail_at(s, k)["order"])
    for k in range(s["n_commands"]):
        if command_at(s, k)["arrived_at"] > s["now"]:
            _miss(s, command_at(s, k)["order"])


@jit
def hear_all(s):  # type: ignore[no-untyped-def]
    """At the end the manager asks for everything that has not come."""
    take_in(s, NO)
    for k in range(s["n_mail"]):
        mail_at(s, k)["due"] = s["now"]
    _deliver(s)


@jit
def seems_live(s, o):  # type: ignore[no-untyped-def]
    """Whether order o lives, as far as the manager knows; of one that has just been made that is how it stands."""
    if o >= s["n_told"]:
        return is_live(order_at(s, o))
    return not is_over(told_at(s, o)["status"])


@jit
def seems_unknown(s, o):  # type: ignore[no-untyped-def]
    """Whether the manager asks what has become of order o."""
    return o < s["n_told"] and told_at(s, o)["status"] == OrderStatus.UNKNOWN


@jit
def known_sums(s, o):  # type: ignore[no-untyped-def]
    """(total quantity, filled, left, notional) of order o, as far as the manager knows."""
    live = seems_live(s, o)
    if o >= s["n_told"]:
        return order_at(s, o)["quantity"], NOTHING, order_at(s, o)["quantity"] if live else 0, NOTHING
    told = told_at(s, o)
    whole = order_event_at(s, told["event"])["quantity"]
    return whole, told["cum"], whole - told["cum"] if live else 0, told["notional"]


@entry("void(int64)")
def know_own(address):  # type: ignore[no-untyped-def]
    """In a callback: what the manager has done since it began is known."""
    take_in(state_at(address), YES)
