"""Fills that the broker took back: sound runs pass, and whatever contradicts the rules is found and named."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fillwright.model.codes import ExitReason, OrderEvent, OrderStatus, Reason
from fillwright.verify import verify_folder
from fillwright.verify.audit import Audit
from fillwright.verify.busts import (
    Marked,
    _drawn,
    _named,
    _overdrawn,
    _times,
    _Turns,
    check_days_again,
    check_taken_back,
    marked,
    working_again,
)
from fillwright.verify.ledger import book
from fillwright.verify.pricing import _fees
from fillwright.verify.reading import Folder
from fillwright.verify.reports import check_reports
from fillwright.verify.roles import Roles
from fillwright.verify.roles import roles as roles_of
from verify.flips import Flip, fault, with_flip
from verify.planted import Planted, columns_of
from verify.restless import bars_of
from verify.taken_back import SETTINGS, roles, taken_back

pytestmark = pytest.mark.kernel

EVERY = range(len(SETTINGS))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Folders of runs by number, each made once."""
    base = tmp_path_factory.mktemp("taken_back")

    @cache
    def folder(number: int) -> Path:
        return taken_back(number, 1)[0].save(base / str(number))

    return folder


def check_runs(number: int, seed: int, path: Path) -> None:
    result, market = taken_back(number, seed)
    assert result.certificate.ok, result.certificate.line()
    undoing, correcting = roles(result)
    assert len(undoing) > 10 and len(correcting) > 5
    folder = result.save(path)
    for data in (None, bars_of(market)):
        verification = verify_folder(folder, market=data)
        assert verification.ok, verification.text()


@pytest.mark.parametrize("number", EVERY)
def test_runs_with_fills_taken_back_are_reconciled_and_verified(number: int, tmp_path: Path) -> None:
    check_runs(number, 1, tmp_path / "run")


@pytest.mark.sim
@pytest.mark.parametrize("number", EVERY)
def test_many_such_runs(number: int, seed: int, tmp_path: Path) -> None:
    check_runs(number, seed, tmp_path / "run")


def test_the_runs_hold_what_is_to_be_checked() -> None:
    """Otherwise the tests here show less than they say."""
    found: set[str] = set()
    for number in EVERY:
        result, _ = taken_back(number, 1)
        events, fills = result.record.tables["order_events"], result.record.tables["fills"]
        undoing, correcting = roles(result)
        mine = np.flatnonzero(np.isin(events["fill_id"], undoing) & (events["event"] >= OrderEvent.BUST))
        found |= {f"before {OrderStatus(int(status)).name}" for status in np.unique(events["status_before"][mine])}
        found |= {f"{OrderEvent(int(name)).name}" for name in np.unique(events["event"][mine])}
        found |= {f"exit {ExitReason(int(why)).name}" for why in np.unique(fills["exit_reason"][undoing])}
        found |= {"late" for row in np.flatnonzero(np.isin(events["fill_id"], correcting)) if events["late"][row]}
        twice = np.isin(fills["exec_ref_id"][undoing], correcting)
        found |= {"a corrected fill undone"} if twice.any() else set()
        ended = events[mine + 1][events["event"][mine + 1] != OrderEvent.FILL_PART] if len(mine) else events[:0]
        found |= {f"then {Reason(int(why)).name}" for why in np.unique(ended["reason"])}
    assert found >= {
        "before FILLED", "before PARTIALLY_FILLED", "before CANCELED", "BUST", "BUST_ALL", "exit BUST", "exit REVERSAL",
        "exit NONE", "late", "a corrected fill undone", "then IOC_REMAINDER", "then AUCTION_OVER", "then DAY_END",
    }  # fmt: skip


# ---- one value changed -------------------------------------------------------------------------------------------------------


def places(folder: Folder) -> dict[str, int]:
    """A fill of each role, in the middle of the run."""
    told = roles_of(folder)
    every = range(len(told.of))
    named = {told.of[fill] for fill in every}
    return {
        role: rows[len(rows) // 2]
        for role, rows in {
            "plain": [fill for fill in every if told.of[fill] < 0 and fill not in named],
            "undoing": [fill for fill in every if told.undoes[fill] and not told.is_corrected(fill)],
            "corrected": [fill for fill in every if told.corrects(fill)],
        }.items()
    }


CHANGES: list[tuple[str, str, Any]] = [
    ("plain", "exec_ref_id", lambda value: 0),
    ("plain", "stage", lambda value: "books"),
    ("undoing", "exec_ref_id", lambda value: -1),
    ("undoing", "exec_ref_id", lambda value: value + 1),
    ("undoing", "exec_ref_id", lambda value: value - 1),
    ("undoing", "exec_ref_id", lambda value: 10**6),
    ("corrected", "exec_ref_id", lambda value: value + 1),
    *((role, "stage", lambda value: "open") for role in ("undoing", "corrected")),
    *((role, "path", lambda value: "close_only") for role in ("undoing", "corrected")),
    *((role, "event_time", lambda value: value + 1) for role in ("undoing", "corrected")),
    *((role, "liquidity", lambda value: {"taker": "maker", "maker": "taker"}[value]) for role in ("undoing", "corrected")),
    *((role, "ambiguous", lambda value: 1) for role in ("undoing", "corrected")),
    *((role, "available", lambda value: 0) for role in ("undoing", "corrected")),
    *(
        (role, column, lambda value: value + 1)
        for role in ("undoing", "corrected")
        for column in ("quantity", "reference_price", "spread", "slippage", "impact", "limit", "tick")
    ),
    ("corrected", "reference_price", lambda value: value + 2),
]  # fmt: skip


@pytest.mark.parametrize("role, column, change", CHANGES, ids=lambda value: value if isinstance(value, str) else "")
def test_a_changed_value_of_a_fill_is_found_and_named(saved: Any, role: str, column: str, change: Any) -> None:
    folder = Folder(saved(1))
    row = places(folder)[role]
    before = folder["fills"][column][row]
    after = change(before)
    assert after != before
    found = fault(with_flip(folder, Flip("fills", column, row, "by hand", before, after)))
    assert re.search(rf"fills\.parquet row {row} column {column}:", found), found


@pytest.mark.parametrize("column", ("instant", "time", "reported_at"))
def test_a_fill_is_taken_back_at_an_instant_and_reported_after_the_first(saved: Any, column: str) -> None:
    """The event tells the same, so that only the rules of taking back can find it."""
    folder = Folder(saved(0))
    told, fills, events = roles_of(folder), folder["fills"], folder["order_events"]
    row = places(folder)["undoing"]
    earlier = int(fills[column][told.of[row]]) - 1 if column != "time" else int(fills["time"][row]) - 1
    changed = with_flip(folder, Flip("fills", column, row, "by hand", fills[column][row], earlier))
    event = told.event[row]
    changed = with_flip(changed, Flip("order_events", column, event, "by hand", events[column][event], earlier))
    found = fault(changed)
    words = {"instant": "less than execution.faults.bust_after", "time": "it met no market", "reported_at": "before that of fill"}
    assert re.search(rf"fills\.parquet row {row} column {column}: [^;]*{words[column]}", found), found


def with_faults(folder: Folder, **changed: Any) -> Folder:
    """The folder as if the run had other faults, or another seed."""
    other = copy.copy(folder)
    other.run = copy.deepcopy(folder.run)
    config = other.run["config"]
    for name, value in changed.items():
        (config["run"] if name == "seed" else config["execution"]["faults"])[name] = value
    return other


@pytest.mark.parametrize(
    "changed, words",
    [
        ({"seed": 2}, "was not drawn to be taken back"),
        ({"bust": "0"}, "was drawn to be corrected|was not drawn"),
        ({"bust": "1"}, "was drawn to be undone for good"),
        ({"correct": "0"}, "was not drawn to be taken back"),
        ({"correct_by": 6}, "ticks from fill"),
        ({"bust_after": "3601s"}, "less than execution.faults.bust_after after fill"),
    ],
)
def test_only_what_was_drawn_is_taken_back_and_only_then(saved: Any, changed: dict[str, Any], words: str) -> None:
    folder = Folder(saved(0))
    assert fault(folder) == ""
    assert re.search(words, fault(with_faults(folder, **changed)))


@pytest.mark.parametrize("tif", ("ioc", "fok", "opg", "cls", "gtd"))
def test_an_order_that_works_again_ends_as_its_kind_does(saved: Any, tif: str) -> None:
    """An order of another kind lives on, but a folder that says so of it is wrong."""
    folders = (Folder(saved(number)) for number in EVERY)
    again = ((folder, one) for folder in folders for one in working_again(folder))
    folder, one = next((folder, one) for folder, one in again if folder["orders"]["tif"][one.order] == tif and one.next_row >= 0)
    assert one.next[0] in ("cancel", "expire") and one.next_row == one.row + 1
    reasons = folder["order_events"]["reason"]
    found = fault(
        with_flip(folder, Flip("order_events", "reason", one.next_row, "by hand", reasons[one.next_row], "parent_ended"))
    )
    assert f"order_events.parquet row {one.row} column event: order {one.order}, which works again," in found, found
    assert "parent_ended, expected" in found


def test_a_correction_leaves_the_status_as_it_was(saved: Any) -> None:
    folder = Folder(saved(0))
    told, events = roles_of(folder), folder["order_events"]
    row = next(
        told.event[fill] for fill in range(len(told.of)) if told.corrects(fill) and events["event"][told.event[fill]] == "fill_all"
    )  # fmt: skip
    found = fault(with_flip(folder, Flip("order_events", "event", row, "by hand", "fill_all", "fill_part")))
    found_status = fault(with_flip(folder, Flip("order_events", "status", row, "by hand", "filled", "partially_filled")))
    assert f"order_events.parquet row {row} column status" in found
    assert f"order_events.parquet row {row - 1} column status: a correction does not leave its order filled" in found_status


# ---- with the data -----------------------------------------------------------------------------------------------------------


def taken(folder: Folder, instants: Any, stopped: bool = False) -> str:
    audit = Audit(folder)
    check_taken_back(audit, book(folder), instants, stopped)
    return audit.checks[-1].detail


def test_what_was_drawn_is_taken_back_as_soon_as_its_turn_comes(saved: Any) -> None:
    folder, market = Folder(saved(0)), taken_back(0, 1)[1]
    assert taken(folder, market.instants) == ""
    assert "nothing names it, but it was to be taken back at" in taken(with_faults(folder, bust="0.3"), market.instants)
    assert "it was due then" in taken(with_faults(folder, bust_after="30min"), market.instants)
    more = np.unique(np.append(market.instants, market.instants + 60 * 10**9))
    assert "it was due then" in taken(folder, more)


def test_a_day_order_works_again_within_its_day(saved: Any) -> None:
    """With every bar the last of its day none does; with none of them nobody's day is over."""
    folder, market = Folder(saved(1)), taken_back(1, 1)[1]
    data = bars_of(market).of(folder)

    def said(day_last: Any) -> tuple[str, int]:
        audit = Audit(folder)
        ended = check_days_again(audit, [replace(data[0], day_last=day_last)])
        return audit.checks[-1].detail, len(ended)

    detail, ended = said(data[0].day_last)
    assert detail == "" and ended > 0
    assert "but its day is over" in said(np.ones_like(data[0].day_last))[0]
    assert "but its day is not over" in said(np.zeros_like(data[0].day_last))[0]


def test_a_run_that_stopped_has_taken_back_what_was_due_by_then(saved: Any) -> None:
    folder, market = Folder(saved(0)), taken_back(0, 1)[1]
    cut = copy.copy(folder)
    cut.sheets = {**folder.sheets, "equity": copy.copy(folder["equity"])}
    shorter = folder["equity"]["instant"][:100]
    object.__setattr__(cut.sheets["equity"], "columns", {**folder["equity"].columns, "instant": shorter})
    object.__setattr__(cut.sheets["equity"], "rows", 100)
    told = marked(folder, book(folder))
    assert len(told) > 50
    assert taken(cut, market.instants, stopped=True) == ""


def test_fills_are_left_alone_for_a_reason_only(saved: Any) -> None:
    """In the cash account some could not be undone; in another account they would have been."""
    folder, market = Folder(saved(1)), taken_back(1, 1)[1]
    named = set(roles_of(folder).of)
    assert any(item.fill not in named for item in marked(folder, book(folder)))
    assert taken(folder, market.instants) == ""
    margin = with_faults(folder)
    margin.run["config"]["account"]["type"] = "margin"
    assert "nothing names it" in taken(margin, market.instants)


def excused(item: Marked, *, side: int = 1, price: int = 9, cash: int | None = None, held: int = 2, limit: int = 0) -> bool:
    """Whether a fill of 2 lots, worth 50 units, may be left alone at 5 by an account that has that much by then."""
    turns = object.__new__(_Turns)
    turns.folder = SimpleNamespace(instruments=[SimpleNamespace(currency=0, mul=1, div=1)])  # type: ignore[assignment]
    turns.ledger = SimpleNamespace(  # type: ignore[assignment]
        symbol=[0], side=[side], price=[price], quantity=[2], notional=[50], fee=[0], instant=[3]
    )  # fmt: skip
    turns.faults = SimpleNamespace(tick=(3,))  # type: ignore[assignment]
    turns.cash, turns.balances = cash is not None, [(0, cash or 0, held)]
    turns._limits = lambda fill, now: [limit] if limit else []  # type: ignore[method-assign]
    return turns.excused(item, 5)


def test_what_excuses_a_fill_that_was_not_taken_back() -> None:
    bust, down, up = (Marked(0, 5, shift) for shift in (0, -1, 1))
    assert not excused(bust) and not excused(down) and not excused(up)
    assert excused(down, price=3) and not excused(down, price=4)
    assert excused(up, limit=11) and not excused(up, limit=12) and not excused(bust, limit=1)
    assert excused(down, side=-1, limit=7) and not excused(down, side=-1, limit=6)
    # A purchase that is undone gives lots up, a sale money; a higher price of a purchase costs its difference, here 2 x 3.
    assert excused(bust, cash=0, held=1) and not excused(bust, cash=0, held=2)
    assert excused(bust, side=-1, cash=49) and not excused(bust, side=-1, cash=51)
    assert excused(up, cash=5) and not excused(up, cash=7) and not excused(down, cash=0)


def test_a_cash_account_never_owes_what_is_taken_back() -> None:
    """Bought 2 for 30 with 40; the price becomes 50, or lots that were sold are undone."""
    folder = SimpleNamespace(
        currencies=[SimpleNamespace(code="USD", decimals=0)], instruments=[SimpleNamespace(currency=0)], cash={"USD": 40}
    )  # fmt: skip

    def said(sides: list[int], notional: list[int], told: Roles) -> list[str]:
        many = len(sides)
        ledger = SimpleNamespace(symbol=[0] * many, side=sides, quantity=[2] * many, notional=notional, fee=[0] * many)
        return list(_overdrawn(folder, ledger, told))  # type: ignore[arg-type]

    correction = Roles([-1, 0, 0], [False, True, False], [0, 1, 2])
    assert said([1, -1, 1], [30, 30, 40], correction) == []
    assert said([1, -1, 1], [30, 30, 41], correction) == [
        "fills.parquet row 2 column exec_ref_id: taking back fill 0 leaves -1 units of USD and 2 lots"
    ]
    bust = Roles([-1, -1, 0], [False, False, True], [0, 1, 2])
    assert said([1, -1, -1], [30, 30, 30], bust) == [
        "fills.parquet row 2 column exec_ref_id: taking back fill 0 leaves 70 units of USD and -2 lots"
    ]


def planted(of: list[int], undoes: list[bool], stages: str, instants: list[int], after: int = 10) -> list[str]:
    """What is wrong with fills that name these; a stage is its first letter."""
    names = {"o": "open", "b": "books"}
    many = len(of)
    folder = Planted(
        fills={
            "order_id": [0] * many, "stage": [names[letter] for letter in stages], "instant": instants, "time": instants,
            "reported_at": instants,
        }
    )  # fmt: skip
    folder.run = {
        "config": {
            "run": {"seed": 1},
            "execution": {"faults": {"bust": "0", "correct": "0", "bust_after": f"{after}ns", "correct_by": 1}},
        },
        "instruments": [],
    }
    told = Roles(of, undoes, list(range(many)))
    return [*_named(folder, told), *_times(folder, told)]


def corrected_to(seed: int, price: int, now: int) -> list[str]:
    """What is wrong with a fill at a price that is said to have been another, on the draws of a seed: a tick of 3 units, up or down."""
    folder = Planted(
        orders={"symbol": ["AAA"], "intent_id": [0], "flags": [0]},
        order_events={"event": ["fill_all", "bust_all", "fill_all"], "order_id": [0] * 3, "instant": [1, 2, 2]},
        fills={"order_id": [0] * 3, "exec_ref_id": [-1, 0, 0]},
    )
    faults = {"bust": "0", "correct": "1", "bust_after": "1ns", "correct_by": 1}
    folder.run = {"config": {"run": {"seed": seed}, "execution": {"faults": faults}}, "instruments": [{"tick": 3}]}
    ledger: Any = SimpleNamespace(symbol=[0] * 3, price=[price, price, now])
    return list(_drawn(folder, ledger, roles_of(folder)))


def test_a_corrected_price_is_the_one_that_was_drawn() -> None:
    down, up = (next(seed for seed in range(99) if corrected_to(seed, 9, now) == []) for now in (6, 12))
    assert corrected_to(down, 9, 12) == [
        "fills.parquet row 2 column reference_price: comes to 12, expected 6: -1 ticks from fill 0"
    ]
    assert corrected_to(up, 9, 11) == [
        "fills.parquet row 2 column reference_price: comes to 11, expected 12: 1 ticks from fill 0"
    ]
    assert corrected_to(down, 4, 1) == []
    assert corrected_to(down, 3, 0) != []  # below one unit nothing is corrected


def test_which_fill_may_name_which_and_when() -> None:
    """0 and 1 met the market; 2 undoes the first, 3 takes its place, 4 undoes that, 5 undoes the second."""
    of, undoes, instants = [-1, -1, 0, 0, 1, 3], [False, False, True, False, True, True], [1, 2, 11, 11, 12, 21]
    assert planted(of, undoes, "oobbbb", instants) == []
    for row, value, words in (
        (5, 2, "2 is no earlier fill that can be taken back"),  # it undoes one itself
        (5, 1, "1 is undone after fill 1"),  # a second time
        (5, 0, "0 is undone after fill 1"),  # out of turn
        (2, 3, "3 is no earlier fill that can be taken back"),
        (3, 1, "1 is corrected, but the fill before does not undo it"),
    ):
        changed = [*of[:row], value, *of[row + 1 :]]
        assert f"fills.parquet row {row} column exec_ref_id: {words}" in planted(changed, undoes, "oobbbb", instants)
    for row, value, words in (
        (4, 11, "another fill was undone at 1970-01-01T00:00:00.000000011Z"),
        (5, 20, "undone at 1970-01-01T00:00:00.000000020Z, less than execution.faults.bust_after after fill 3"),
        (3, 12, "corrected at 1970-01-01T00:00:00.000000012Z, but undone at 1970-01-01T00:00:00.000000011Z"),
    ):
        changed = [*instants[:row], value, *instants[row + 1 :]]
        assert f"fills.parquet row {row} column instant: {words}" in planted(of, undoes, "oobbbb", changed)
    assert planted([-1, 0], [False, True], "ob", [1, 2], after=0) == []
    assert planted([-1, 0], [False, True], "ob", [1, 1], after=0) != []  # never within the instant of the fill


# ---- by hand -----------------------------------------------------------------------------------------------------------------


def test_fees_come_back_as_if_the_fill_had_not_been() -> None:
    """Per order 20, 1 % of the notional, at least 10: fills of 1,000 and 2,000, both undone, the first of them first."""
    folder = Planted(
        orders={"symbol": ["AAA"]},
        order_events={"event": ["fill_part", "fill_part", "bust", "bust_all", "fill_part"], "order_id": [0] * 5},
        fills={"order_id": [0] * 5, "exec_ref_id": [-1, -1, 0, 1, -1], "liquidity": ["taker"] * 5},
    )
    ledger = SimpleNamespace(symbol=[0] * 5, quantity=[1] * 5, notional=[1_000, 2_000, 1_000, 2_000, 1_000])
    terms = SimpleNamespace(fee_order=20, fee_unit=0, fee_taker=10**7, fee_maker=0, fee_minimum=10, fee_maximum=None)
    assert _fees(SimpleNamespace(folder=folder), ledger, terms) == [30, 20, -10, -40, 30]  # type: ignore[arg-type]
    terms.fee_maximum = 35
    assert _fees(SimpleNamespace(folder=folder), ledger, terms) == [30, 5, 0, -35, 30]  # type: ignore[arg-type]


def heard(*rows: tuple[int, int]) -> str:
    """What is wrong with reports (row of the event, CumQty) of an order that is filled, corrected and then undone."""
    names = ("fill_all", "bust_all", "fill_all", "bust_all")
    folder = Planted(
        orders=columns_of("symbol intent_id status cum_quantity", [("AAA", 0, "new", 0)]),
        fills=columns_of("order_id quantity exec_ref_id", [(0, 5, -1), (0, 5, 0), (0, 5, 0), (0, 5, 2)]),
        order_events={
            "order_id": [0] * 4, "event": list(names), "status": ["filled", "new", "filled", "new"],
            "status_before": ["new", "filled", "new", "filled"], "fill_id": [0, 1, 2, 3], "instant": [1, 2, 2, 3],
            "time": [1, 2, 2, 3], "reported_at": [9] * 4, "reason": ["none"] * 4,
        },
        reports={
            "instant": [9] * len(rows), "order_id": [0] * len(rows), "order_event": [event for event, _ in rows],
            "kind": ["news" if event == max(e for e, _ in rows[: k + 1]) else "overtaken" for k, (event, _) in enumerate(rows)],
            "status": ["new"] * len(rows), "status_before": ["new"] * len(rows), "cum_quantity": [cum for _, cum in rows],
        },
    )  # fmt: skip
    folder.state = "reconciled"
    audit = Audit(folder)
    check_reports(audit)
    return "; ".join(
        check.detail for check in audit.checks if not check.ok and check.name in ("reports.told", "reports.cum_quantity")
    )


def test_no_fill_is_undone_before_anyone_has_heard_of_it() -> None:
    assert heard((0, 5), (1, 0), (2, 5), (3, 0)) == ""
    assert "row 1 column cum_quantity: found 5, expected 0" in heard((0, 5), (1, 5), (2, 5), (3, 0))
    assert "row 0 column kind: news, but event 1 is heard of before event 0" in heard((1, -5), (0, 0), (2, 5), (3, 0))
    assert "row 1 column kind: news, but event 2 is heard of before event 1" in heard((0, 5), (2, 10), (1, 5), (3, 0))
    assert "row 2 column kind: news, but event 3 is heard of before event 2" in heard((0, 5), (1, 0), (3, -5), (2, 0))
