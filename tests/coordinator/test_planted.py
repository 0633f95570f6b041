"""A state that does not agree with itself, planted into a run or a saved folder, is found where it arose and named."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import fillwright as fw
from coordinator.worlds import minutes
from fillwright.coordinator.runner import Run
from fillwright.verify import verify_folder

MARKET = minutes(900)
WHEN = 400
"""The bar at which the planted change is made. Slices of a subscribed run are 256 bars: it is in the second."""


class Trades(fw.Strategy):
    """Long 10, 15, 5, flat, and a limit order that rests; over and over."""

    plant: Any = None

    def on_bar(self, bar: Any) -> None:
        (lambda: self.open("X", 10), lambda: self.add("X", 5), lambda: self.reduce("X", 10), lambda: self.close("X"),
         lambda: self.cancel_all(), lambda: self.buy("X", 1, limit=bar.close / 2))[bar.index % 6]()  # fmt: skip
        if bar.index == WHEN and PLANT:
            PLANT[0](self._desk.state)


PLANT: list[Callable[[Any], object]] = []


def run(isolation: str, plant: Callable[[Any], object] | None) -> fw.Result:
    """A run with something planted at bar WHEN."""
    PLANT[:] = [plant] if plant else []
    config = fw.Config.from_dict({"version": 1, "run": {"isolation": isolation}})
    one = Run(Trades(), MARKET, config)
    one.journal.subscribe("fill", lambda view: None)
    try:
        return one.execute()
    finally:
        PLANT.clear()


def clock(bar: int) -> str:
    """Close of a bar as messages write it."""
    return f"{np.datetime64(int(MARKET.instants[bar]), 'ns').astype('datetime64[s]')}Z"


def put(table: str, column: str, back: int = 1, change: int = 1) -> Callable[[Any], object]:
    """Change one number of a table, so many rows from its end."""

    def plant(state: Any) -> None:
        state.table(table)[len(state.table(table)) - back][column] += change

    return plant


def kept(record: str, column: str) -> Callable[[Any], object]:
    """Change one number that the kernel works with."""

    def plant(state: Any) -> None:
        getattr(state, record)[column][0] += 1

    return plant


TABLES = [
    # table, column, rows from the end, what is said
    ("orders", "cum_quantity", 3, r"orders row \d+ column cum_quantity is \d+, must be \d+: sum of the fills' quantity"),
    ("orders", "leaves_quantity", 3, r"orders row \d+ column leaves_quantity is 1, must be 0: quantity less cum_quantity"),
    ("orders", "fee", 3, r"orders row \d+ column fee is 1, must be 0: sum of the fills' fee"),
    ("orders", "status", 3, r"orders row \d+ column status is \w+, must be \w+: the last event's"),
    ("order_events", "status_before", 4, r"order_events row \d+ column status"),
    ("order_events", "order_id", 4, r"order_events row \d+ column status_before is \w+, which is not where"),
    ("fills", "position", 2, r"fills row \d+ column position is -?\d+, must be -?\d+: running sum of fills"),
    ("fills", "quantity", 2, r"fills row \d+ column position is -?\d+, must be -?\d+: running sum of fills"),
    ("fills", "lot_id", 2, r"fills row \d+ column lot_id is 0, must be -1: no lot where nothing was opened"),
    ("fills", "lot_id", 3, r"lots row \d+ column (remaining|cost|fee_in) is|fills row \d+ column lot_id is \d+, must be from"),
    ("fills", "order_id", 2, r"orders row \d+ column cum_quantity is \d+, must be \d+"),
    ("fills", "symbol", 2, r"fills row \d+ column symbol is 1, must be from 0 to 0"),
    ("entries", "money", 1, r"currencies row 0 column cash is|equity row \d+ column equity"),
    ("entries", "fee", 1, r"currencies row 0 column cash is|equity row \d+ column equity"),
    ("entries", "quantity", 1, r"postings column quantity: position in X is \d+, must be \d+: sum of the fills"),
    ("lots", "remaining", 1, r"lots row \d+ column remaining is 1, must be 0: put in by fills less taken out by lot closes"),
    ("lots", "cost", 1, r"lots row \d+ column cost is 1, must be 0: put in by fills less taken out by lot closes"),
    ("lot_closes", "realised", 2, r"lot_closes row \d+ column realised is -?\d+, must be -?\d+: proceeds less cost"),
    ("lot_closes", "quantity", 2, r"lots row \d+ column remaining is \d+, must be -?\d+: put in by fills"),
]  # fmt: skip


def test_untouched_runs_agree() -> None:
    warn, strict = run("warn", None), run("strict", None)
    assert warn.certificate.ok and strict.certificate.ok
    assert warn.record.info["journal_fingerprint"] == strict.record.info["journal_fingerprint"]


@pytest.mark.parametrize(("table", "column", "back", "said"), TABLES)
def test_a_number_changed_in_a_table_while_it_runs(table: str, column: str, back: int, said: str) -> None:
    """Under strict isolation the run ends with the slice in which it was changed; else the certificate has it, with the row."""
    with pytest.raises(fw.RunFailed, match="the books do not agree") as caught:
        run("strict", put(table, column, back))
    assert re.search(said, caught.value.message)
    assert caught.value.where == f"data time {clock(511)}"
    certificate = fw.result.certify(run("warn", put(table, column, back)).record)
    assert not certificate.ok
    assert any(re.search(said, check.detail) for check in certificate.checks if not check.ok), certificate


@pytest.mark.parametrize(
    ("record", "column", "strict", "end"),
    [
        # what the kernel keeps; what comes of it in the journal of a run that goes on
        ("books", "position", r"fills row \d+ column position is", "fills row .* column position is"),
        ("books", "pending", "books row 0 column pending is", ""),
        ("instruments", "position", "instruments row 0 column position is", "equity row .* column equity"),
        ("instruments", "live", "instruments row 0 column live is", ""),
        ("currencies", "cash", "currencies row 0 column cash is", "equity row .* column equity"),
        ("currencies", "reserved", "currencies column reserved: the sum is", ""),
    ],
)
def test_a_number_changed_that_the_kernel_works_with(record: str, column: str, strict: str, end: str) -> None:
    with pytest.raises(fw.RunFailed, match=strict) as caught:
        run("strict", kept(record, column))
    assert caught.value.where == f"data time {clock(511)}"
    if end:
        certificate = run("warn", kept(record, column)).certificate
        assert any(re.search(end, check.detail) for check in certificate.checks if not check.ok)


def test_the_equity_row_is_the_first_that_is_wrong() -> None:
    certificate = run("warn", kept("currencies", "cash")).certificate
    detail = next(check.detail for check in certificate.checks if check.name == "equity")
    assert detail.startswith(f"equity row {WHEN} column equity, {clock(WHEN)}, is")


def test_a_trade_that_was_changed_is_named() -> None:
    result = run("warn", None)
    for column in ("quantity", "net_pnl"):
        trades = result._trades.copy()
        trades[column][7] += 1
        found = fw.result.certify(result.record, result.portfolio, trades)
        assert any(f"trades row 7 column {column}" in check.detail for check in found.checks if not check.ok)


FOLDER = [
    ("orders", "cum_quantity", "the sum of its fills' quantities, less those undone"),
    ("orders", "leaves_quantity", "quantity less cum_quantity, 0 when done"),
    ("order_events", "cum_quantity", "follows from the events and fills of its order until then"),
    ("fills", "position", "the running sum of the fills of strategy and instrument"),
    ("postings", "money", "what its fill or deposit posts"),
    ("lot_closes", "realised", "proceeds less cost"),
    ("positions", "quantity", "the running sum of the fills of strategy and instrument"),
    ("trades", "net_pnl", "gross_pnl less fees plus financing"),
    ("equity", "equity", "the balances of the postings at the marks"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run("warn", None).save(tmp_path_factory.mktemp("planted") / "run")


@pytest.mark.parametrize(("table", "column", "rule"), FOLDER)
def test_a_number_changed_in_a_saved_folder(folder: Path, table: str, column: str, rule: str) -> None:
    path = folder / f"{table}.parquet"
    before = path.read_bytes()
    arrow = pq.read_table(path)
    row, index = 5, arrow.schema.get_field_index(column)
    values = arrow.column(index).to_pylist()
    values[row] += 1
    changed = arrow.set_column(index, arrow.schema.field(index), pa.array(values, arrow.schema.field(index).type))
    pq.write_table(changed, path, store_decimal_as_integer=True)
    try:
        verification = verify_folder(folder, hashes=False)
    finally:
        path.write_bytes(before)
    text = "\n".join(check.detail for check in verification.checks if not check.ok)
    assert re.search(rf"{table}\.parquet row {row} column {column}: found \S+, expected \S+ \({re.escape(rule)}\)", text), text
