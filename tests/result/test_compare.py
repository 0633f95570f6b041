"""Two runs side by side: the first event at which they part is found and named, whatever came after."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_ledger import changed, scenario

import fillwright as fw
from fillwright.errors import CheckFailed
from fillwright.journal import RunRecord
from fillwright.result import Result, load
from fillwright.result.compare import Comparison, compare


def compared(one: RunRecord, two: RunRecord) -> Comparison:
    found = compare(Result(one), Result(two))
    assert isinstance(found, Comparison)
    return found


@pytest.mark.parametrize("kind", ("plain", "crypto", "future", "fx"))
def test_equal_runs_are_equal_in_memory_and_in_folders(kind: str, tmp_path: Path) -> None:
    one, two = Result(scenario(kind, 6)), Result(scenario(kind, 6))
    folder = one.save(tmp_path / "one")
    for pair in ((one, two), (folder, two), (folder, two.save(tmp_path / "two")), (load(folder), folder)):
        found = compare(*pair)
        assert found.equal, found.text()
        assert found.text().startswith("equal: ")


@pytest.mark.parametrize(
    "table, column", [("order_events", "reason"), ("fills", "slippage"), ("postings", "money"), ("lot_closes", "realised")]
)
def test_the_first_row_that_differs_is_named_with_both_values(table: str, column: str) -> None:
    record = scenario("plain", 6, bars=150)
    row = len(record.tables[table]) // 2
    found = compared(record, changed(record, table, column, row, 1))
    parting = found.parting
    assert parting is not None and not found.equal
    assert (parting.table, parting.row) == (table, row)
    assert parting.time == int(record.tables[table]["instant"][row])
    (cell,) = [cell for cell in parting.cells if cell.column == column]
    assert cell.one != cell.two and f"in row {row} of {table}" in found.text()


def test_the_earliest_of_several_partings_counts() -> None:
    """A fill late in the run, an event earlier: the event is where they part."""
    record = scenario("plain", 6, bars=150)
    fills, events = record.tables["fills"], record.tables["order_events"]
    late, early = len(fills) - 1, 3
    assert int(events["instant"][early]) < int(fills["instant"][late])
    both = changed(changed(record, "fills", "slippage", late, 1), "order_events", "required", early, 1)
    parting = compared(record, both).parting
    assert parting is not None and (parting.table, parting.row) == ("order_events", early)
    assert parting.orders[0].startswith(f"order {int(events['order_id'][early])}: ")


def test_a_row_that_only_one_run_has() -> None:
    record = scenario("plain", 6, bars=150)
    shorter = replace(record, tables={**record.tables, "order_events": record.tables["order_events"][:-1]})
    parting = compared(record, shorter).parting
    assert parting is not None and parting.row == len(record.tables["order_events"]) - 1
    assert all(cell.two is None for cell in parting.cells) and parting.orders[1] == "no order"
    assert "no such row" in compared(record, shorter).text()


def test_names_alone_are_told_apart_from_decisions() -> None:
    """The same decisions by another strategy under other intent numbers."""
    record = scenario("plain", 6)
    names = replace(record.names, strategies=tuple(f"other {name}" for name in record.names.strategies))
    orders = record.tables["orders"].copy()
    orders["intent_id"] += 5
    found = compared(record, replace(record, names=names, tables={**record.tables, "orders": orders}))
    assert found.parting is None and not found.equal and found.labels
    assert "the same decisions, fills and money; only names differ" in found.text()


def test_settings_that_made_no_difference_leave_runs_equal() -> None:
    record = scenario("plain", 6)
    renamed = replace(record, config=record.config.model_copy(update={"run": record.config.run.model_copy(update={"name": "b"})}))
    found = compared(record, renamed)
    assert found.equal and [item.name for item in found.settings] == ["config.run.name"]


def test_columns_of_other_scale_are_compared_by_value(tmp_path: Path) -> None:
    """One run counts in more decimals: the columns of both are brought to one scale."""
    record = scenario("plain", 6)
    found = compared(record, scenario("crypto", 6))
    assert found.parting is not None
    json.loads(found.to_json())
    assert "instruments[0].quantity_decimals" in {item.name for item in found.settings}


def test_figures_and_versions_are_listed() -> None:
    record = scenario("plain", 6)
    other = replace(record, info={**record.info, "fillwright": "9.9"}, equity=record.equity + np.int64(1))
    found = compared(record, other)
    assert ("info.fillwright", "9.9") in {(item.name, item.two) for item in found.settings}
    assert "max_drawdown_amount" in {item.name for item in found.metrics} or found.metrics


def test_the_public_name(tmp_path: Path) -> None:
    result = Result(scenario("plain", 6))
    assert fw.compare(result, result).equal
    with pytest.raises(CheckFailed, match=r"run\.json"):
        fw.compare(result, tmp_path)
