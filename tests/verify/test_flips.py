"""Hashes off, every changed value of a derived column is found and named: all columns of all tables, on runs of every kind."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tiny_ledger import BOOKINGS

from fillwright.model.columns import FILES
from fillwright.result import Result
from fillwright.verify import verify_folder
from fillwright.verify.reading import Folder
from mutation.runs import ACCOUNTS, CHOSEN, KINDS, WRONG, records
from verify.flips import DERIVED, KEPT, Folders, fault, flips, overlooks

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Saved runs: every booking and grouping, several currencies, shorts, partial fills, several strategies."""
    base = tmp_path_factory.mktemp("runs")
    return [Result(record).save(base / str(number)) for number, record in enumerate(records())]


def test_the_runs_hold_what_is_to_be_found(paths: list[Path]) -> None:
    """Otherwise the test below shows less than it says."""
    folders = [Folder(path) for path in paths]
    assert {folder.lots for folder in folders} == set(BOOKINGS)
    assert {folder.grouping for folder in folders} == {"lot", "fill_to_fill", "flat_to_flat"}
    assert any(len(folder.currencies) == 3 for folder in folders)
    for said in (
        lambda folder: (folder["fills"]["position"] < 0).any(),
        lambda folder: "fill_part" in folder["order_events"]["event"],
        lambda folder: "shrink" in folder["order_events"]["event"],
        lambda folder: "replace" in folder["order_events"]["event"],
        lambda folder: "trigger" in folder["order_events"]["event"],
        lambda folder: {"own", "news", "overtaken", "repeated", "lost", "asked", "answer"} <= set(folder["reports"]["kind"]),
        lambda folder: "open" in folder["trades"]["status"],
        lambda folder: "reversal" in folder["fills"]["exit_reason"],
        lambda folder: "bust" in folder["fills"]["exit_reason"] and "bust_all" in folder["order_events"]["event"],
        lambda folder: ((folder["orders"]["lot_id"] >= 0) & (folder["orders"]["cum_quantity"] > 0)).any(),
    ):
        assert any(said(folder) for folder in folders)


@pytest.mark.parametrize("number", range(len(KINDS) + len(ACCOUNTS) + 3 + len(CHOSEN) + len(WRONG)))
def test_every_change_in_a_derived_column_is_found(paths: list[Path], number: int) -> None:
    assert fault(Folder(paths[number])) == ""
    assert Folders(paths).missed(number) == ""


@pytest.mark.sim
@pytest.mark.parametrize("number", range(len(KINDS) + len(ACCOUNTS) + 3 + len(CHOSEN) + len(WRONG)))
def test_the_same_with_all_columns_of_every_run(paths: list[Path], number: int, seed: int) -> None:
    folder = Folder(paths[number])
    for table, column in [*DERIVED, *KEPT]:
        for flip in flips(folder, table, column, random.Random(f"{seed} {number} {table} {column}")):
            assert not overlooks(folder, flip), str(flip)


def test_the_columns_taken_as_given_are_printed(paths: list[Path]) -> None:
    text = " ".join(verify_folder(paths[0], hashes=False).text().split())
    for table in FILES:
        given = [column.name for column in table.canonical if column.role == "input"]
        assert not given or f"{table.name}.parquet: {', '.join(given)}" in text
