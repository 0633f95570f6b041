"""Subscribers of the journal: told of every record once, able to change nothing."""

from __future__ import annotations

from typing import Any

import pytest

import fillwright as fw
from coordinator.worlds import Alternate, days, fingerprint, minutes
from fillwright.model.codes import OrderEvent, RunState, Side

KINDS = {"order_event": "order_events", "fill": "fills", "posting": "postings", "lot_close": "lot_closes"}


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_record_is_delivered_once_and_in_order(kind: str) -> None:
    run = fw.Run(Alternate(), days(400))
    seen: list[Any] = []
    run.journal.subscribe(kind, seen.append)
    rows = run.execute().record.tables[KINDS[kind]]
    first = rows.dtype.names[0]
    assert [view.raw(first) for view in seen] == list(range(len(rows)))
    assert [view.raw("instant") for view in seen] == rows["instant"].tolist()


def test_views_speak_in_units_and_names() -> None:
    run = fw.Run(Alternate(), days())
    fills: list[Any] = []
    events: list[Any] = []
    run.journal.subscribe("fill", fills.append)
    run.journal.subscribe("order_event", events.append)
    result = run.execute()
    assert fills[0].side is Side.BUY
    assert fills[0].symbol == "X"
    assert fills[0].quantity == 10.0
    assert fills[0].price == result.fills["price"].iloc[0]
    assert fills[0].exact("price") * 10**6 == int(result.record.tables["fills"]["price"][0])
    assert events[0].event is OrderEvent.SUBMIT
    assert events[0].quantity == 10.0


def test_views_are_read_only() -> None:
    def meddles(view: Any) -> None:
        view.price = 1

    run = fw.Run(Alternate(), days())
    run.journal.subscribe("fill", meddles)
    with pytest.raises(fw.StrategyError, match="a record is read-only; price cannot be set"):
        run.execute()


def test_a_token_ends_one_subscription_once() -> None:
    run = fw.Run(Alternate(), days())
    one: list[Any] = []
    two: list[Any] = []
    token = run.journal.subscribe("fill", one.append)
    run.journal.subscribe("fill", two.append)
    run.journal.unsubscribe(token)
    with pytest.raises(fw.UsageError, match="no such subscription"):
        run.journal.unsubscribe(token)
    run.execute()
    assert one == []
    assert len(two) > 0


def test_twice_is_an_error_as_is_an_unknown_kind() -> None:
    run = fw.Run(Alternate(), days())
    run.journal.subscribe("fill", print)
    with pytest.raises(fw.UsageError, match="subscribed to fill already"):
        run.journal.subscribe("fill", print)
    run.journal.subscribe("posting", print)  # another kind is another subscription
    with pytest.raises(fw.UsageError, match="no records of kind 'fills'"):
        run.journal.subscribe("fills", print)
    with pytest.raises(fw.UsageError, match="must be callable"):
        run.journal.subscribe("fill", 3)  # type: ignore[arg-type]


def test_an_exception_fails_the_run_and_names_the_record() -> None:
    def picky(view: Any) -> None:
        if view.fill_id == 2:
            raise LookupError("never seen such a fill")

    run = fw.Run(Alternate(), days())
    run.journal.subscribe("fill", picky)
    with pytest.raises(fw.StrategyError) as caught:
        run.execute()
    assert "picky raised LookupError: never seen such a fill" in str(caught.value)
    assert "fill 2 at 2020-01-13" in str(caught.value)
    assert run.state is RunState.FAILED
    assert len(run.journal) == 0


@pytest.mark.parametrize("fails", [False, True])
def test_no_subscriber_is_left_after_a_run(fails: bool) -> None:
    class Maybe(Alternate):
        def on_stop(self) -> None:
            if fails:
                raise ValueError

    run = fw.Run(Maybe(), days())
    run.journal.subscribe("fill", lambda view: None)
    assert len(run.journal) == 1
    try:
        result = run.execute()
    except fw.RunFailed as error:
        result = error.result  # type: ignore[attr-defined]
    assert len(run.journal) == 0
    assert not [warning for warning in result.warnings if "subscriber" in warning]


def test_results_do_not_depend_on_being_watched() -> None:
    plain = fw.Run(Alternate(), days(400)).execute()
    watched = fw.Run(Alternate(), days(400))
    for kind in KINDS:
        watched.journal.subscribe(kind, lambda view: view.as_dict())
    assert fingerprint(watched.execute()) == fingerprint(plain)


def test_a_run_runs_once() -> None:
    run = fw.Run(Alternate(), days())
    run.execute()
    assert run.state is RunState.RECONCILED
    with pytest.raises(fw.UsageError, match="a run runs once"):
        run.execute()


def test_the_life_of_a_run_is_seen_from_inside() -> None:
    seen = []

    class Watches(fw.Strategy):
        def on_start(self) -> None:
            seen.append(run.state)

        def on_bar(self, bar: Any) -> None:
            seen.append(run.state)

        def on_stop(self) -> None:
            seen.append(run.state)

    run = fw.Run(Watches(), days(3))
    assert run.state is RunState.CREATED
    run.execute()
    assert list(dict.fromkeys(seen)) == [RunState.CREATED, RunState.RUNNING, RunState.CLOSING]


@pytest.mark.parametrize(("wrong", "message"), [(Alternate, "Alternate is a class"), (3, "a strategy is needed, got int")])
def test_what_is_no_strategy(wrong: Any, message: str) -> None:
    with pytest.raises(fw.UsageError, match=message):
        fw.run(wrong, days())


def test_what_is_no_market() -> None:
    with pytest.raises(fw.UsageError, match="a market is needed, got str"):
        fw.run(Alternate(), "SPY.csv")  # type: ignore[arg-type]


@pytest.mark.parametrize("keywords", [{}, {"cash": 1000}])
def test_what_is_no_configuration(keywords: Any) -> None:
    with pytest.raises(fw.UsageError, match="a configuration is needed, got dict") as caught:
        fw.run(Alternate(), days(), {"account": {"initial_cash": 1000}}, **keywords)  # type: ignore[arg-type]
    written = str(caught.value.remedy).partition(", or ")[0]
    assert eval(written, {"fw": fw}).account.initial_cash == {"USD": 100_000}


def test_progress_is_told_up_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    fw.Run(Alternate(step=50), minutes(200_000)).execute(lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1] == (200_000, 200_000)
    assert len(told) >= 2


def test_progress_on_the_terminal_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = fw.run(Alternate(), days())
    assert fingerprint(fw.run(Alternate(), days(), progress=True)) == fingerprint(quiet)
