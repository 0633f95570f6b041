"""The verifier finds every changed number, names it, and trusts nothing but its own arithmetic."""

from __future__ import annotations

import ast
import json
import random
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny_ledger import BOOKINGS, scenario

import fillwright.verify as package
from fillwright.errors import CheckFailed
from fillwright.model.codes import OrderEvent, OrderStatus
from fillwright.model.columns import FILES, Column, Table
from fillwright.model.lifecycle import TRANSITIONS
from fillwright.result import Result
from fillwright.verify import verify_folder
from fillwright.verify.lifecycle import LEGAL
from mutation.runs import WRONG, small_run
from mutation.runs import plain as market_of_faults

KINDS = ("plain", "crypto", "future", "fx")
DERIVED = [(table, column) for table in FILES for column in table.canonical if column.role == "derived"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One saved run of each kind, with different booking and grouping."""
    base = tmp_path_factory.mktemp("saved")
    how = {
        "plain": ("fifo", "lot"),
        "crypto": ("lifo", "fill_to_fill"),
        "future": ("average", "fill_to_fill"),
        "fx": ("fifo", "flat_to_flat"),
    }
    wrong = {"faults": small_run(market_of_faults(60), WRONG[0], 4).save(base / "faults")}
    return wrong | {
        kind: Result(scenario(kind, 9, bars=90, lots=lots, trades=trades)).save(base / kind)
        for kind, (lots, trades) in how.items()
    }


def flipped(arrow: pa.Table, column: Column, row: int, rng: random.Random) -> pa.Table:
    """The table with one value changed by one unit, or to another text."""
    index = arrow.schema.get_field_index(column.name)
    field = arrow.schema.field(column.name)
    values: list[Any] = arrow.column(index).to_pylist()
    if pa.types.is_decimal(field.type):
        words = np.frombuffer(arrow.column(index).combine_chunks().buffers()[1], np.int64).reshape(-1, 2).copy()
        words[row, 0] += rng.choice((-1, 1))
        words[:, 1] = words[:, 0] >> 63
        array = pa.Array.from_buffers(field.type, len(values), [None, pa.py_buffer(words)])
    elif pa.types.is_dictionary(field.type):
        known = arrow.column(index).combine_chunks().dictionary.to_pylist()
        values[row] = rng.choice([text for text in [*known, None] if text != values[row]])
        array = pa.array(values, field.type)
    elif pa.types.is_timestamp(field.type):
        whole = arrow.column(index).combine_chunks().cast(pa.int64()).to_pylist()
        whole[row] = (whole[row] or 0) + 1
        array = pa.array(whole, pa.int64()).cast(field.type)
    else:
        values[row] += rng.choice((-1, 1)) if values[row] else 1
        array = pa.array(values, field.type)
    return arrow.set_column(index, field, array)


def rewrite(path: Path, arrow: pa.Table) -> None:
    pq.write_table(arrow, path, store_decimal_as_integer=True)


@pytest.mark.parametrize("kind", KINDS)
def test_an_untouched_folder_is_verified(saved: dict[str, Path], kind: str) -> None:
    verification = verify_folder(saved[kind])
    assert verification.ok, verification.text()
    assert verification.text().startswith("verified")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lots", BOOKINGS)
@pytest.mark.parametrize("trades", ("lot", "fill_to_fill", "flat_to_flat"))
def test_every_booking_and_grouping(kind: str, lots: str, trades: str, tmp_path: Path) -> None:
    for seed in range(2):
        folder = Result(scenario(kind, seed, bars=60, lots=lots, trades=trades)).save(tmp_path / str(seed))
        verification = verify_folder(folder)
        assert verification.ok, verification.text()


def find_a_flip(folder: Path, kind: str, table: Table, column: Column) -> None:
    """Change one value of a column and see that it is found and named, with hashes off."""
    path = folder / f"{table.name}.parquet"
    arrow = pq.read_table(path)
    rng = random.Random(f"{kind} {table.name} {column.name}")
    row = rng.randrange(arrow.num_rows)
    rewrite(path, flipped(arrow, column, row, rng))
    try:
        verification = verify_folder(folder, hashes=False)
    except CheckFailed as error:
        text = str(error)
    else:
        assert not verification.ok
        text = "\n".join(check.detail for check in verification.checks if not check.ok)
    assert f"row {row} column {column.name}" in text and f"{table.name}.parquet" in text


@pytest.mark.parametrize("number", range(len(DERIVED)), ids=[f"{table.name}.{column.name}" for table, column in DERIVED])
def test_one_changed_value_in_a_derived_column_is_found_and_named(saved: dict[str, Path], number: int, tmp_path: Path) -> None:
    kind = "faults" if DERIVED[number][0].name == "reports" else KINDS[number % len(KINDS)]
    find_a_flip(shutil.copytree(saved[kind], tmp_path / "run"), kind, *DERIVED[number])


@pytest.mark.sim
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", range(len(DERIVED)), ids=[f"{table.name}.{column.name}" for table, column in DERIVED])
def test_the_same_for_every_kind_of_run(saved: dict[str, Path], kind: str, number: int, tmp_path: Path) -> None:
    kind = "faults" if DERIVED[number][0].name == "reports" else kind
    find_a_flip(shutil.copytree(saved[kind], tmp_path / "run"), kind, *DERIVED[number])


def test_rewriting_a_table_unchanged_is_no_difference(saved: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(saved["fx"], tmp_path / "run")
    for table in FILES:
        rewrite(folder / f"{table.name}.parquet", pq.read_table(folder / f"{table.name}.parquet"))
    assert verify_folder(folder, hashes=False).ok
    assert not verify_folder(folder).ok


@pytest.mark.parametrize("name", [*(f"{table.name}.parquet" for table in FILES), "run.json", "summary.json", "certificate.json"])
def test_any_flipped_byte_is_found(saved: dict[str, Path], name: str, tmp_path: Path) -> None:
    folder = shutil.copytree(saved["plain"], tmp_path / "run")
    content = (folder / name).read_bytes()
    rng = random.Random(name)
    for place in [0, len(content) - 1, *(rng.randrange(len(content)) for _ in range(12))]:
        flip = bytearray(content)
        flip[place] ^= 1 << rng.randrange(8)
        (folder / name).write_bytes(flip)
        try:
            verification = verify_folder(folder)
        except CheckFailed as error:
            assert name in str(error)
        else:
            assert not verification.ok
            assert any(name in check.detail for check in verification.checks if not check.ok)


@pytest.mark.parametrize("name", [*(f"{table.name}.parquet" for table in FILES), "run.json", "certificate.json"])
@pytest.mark.parametrize("hashes", (True, False))
def test_a_missing_file_is_named(saved: dict[str, Path], name: str, hashes: bool, tmp_path: Path) -> None:
    folder = shutil.copytree(saved["plain"], tmp_path / "run")
    (folder / name).unlink()
    if name == "certificate.json" and not hashes:
        assert verify_folder(folder, hashes=False).ok
        return
    with pytest.raises(CheckFailed) as caught:
        verify_folder(folder, hashes=hashes)
    assert name in str(caught.value) and "missing" in str(caught.value)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="is no folder"):
        verify_folder(tmp_path / "nowhere")
    with pytest.raises(CheckFailed, match=r"certificate\.json: is missing"):
        verify_folder(tmp_path)


@pytest.mark.parametrize("seed", range(40))
def test_a_changed_input_never_ends_in_a_traceback(saved: dict[str, Path], seed: int, tmp_path: Path) -> None:
    """Hashes off, any column: a report or a readable error; most input changes contradict something too."""
    rng = random.Random(seed)
    folder = shutil.copytree(saved[rng.choice(KINDS)], tmp_path / "run")
    table = rng.choice(FILES)
    if table.name == "reports":
        folder = shutil.copytree(saved["faults"], tmp_path / "faults")
    column = rng.choice(table.canonical)
    path = folder / f"{table.name}.parquet"
    arrow = pq.read_table(path)
    rewrite(path, flipped(arrow, column, rng.randrange(arrow.num_rows), rng))
    try:
        verify_folder(folder, hashes=False)
    except CheckFailed as error:
        assert str(error)


def spoil_json(path: Path, rng: random.Random) -> None:
    """Replace one value, somewhere, by another kind of value."""
    content = json.loads(path.read_text())
    at: Any = content
    while isinstance(at, dict | list) and at:
        key = rng.choice(sorted(at)) if isinstance(at, dict) else rng.randrange(len(at))
        if not isinstance(at[key], dict | list) or not at[key] or rng.random() < 0.2:
            at[key] = rng.choice((None, 0, -1, "x", [], {}, 10**30))
            break
        at = at[key]
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("seed", range(25))
def test_a_changed_run_json_never_ends_in_a_traceback(saved: dict[str, Path], seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    folder = shutil.copytree(saved["fx"], tmp_path / "run")
    spoil_json(folder / "run.json", rng)
    try:
        verify_folder(folder, hashes=False)
    except CheckFailed as error:
        assert str(error)


def test_a_fill_beyond_its_limit_is_found(tmp_path: Path) -> None:
    record = scenario("plain", 9)
    events, fills = record.tables["order_events"], record.tables["fills"]
    rows = np.flatnonzero(events["fill_id"] >= 0)
    fill = fills[events["fill_id"][rows[0]]]
    others = np.flatnonzero(events["order_id"] == fill["order_id"])
    orders = record.tables["orders"].copy()
    for column, limit, found in (("a", fill["price"], False), ("b", fill["price"] - fill["side"], True)):
        changed = events.copy()
        changed["limit_price"][others] = orders["limit_price"][fill["order_id"]] = limit
        tables = {**record.tables, "order_events": changed, "orders": orders.copy()}
        record_with = type(record)(**{**vars(record), "tables": tables})
        verification = verify_folder(Result(record_with).save(tmp_path / column))
        wrong = [check.name for check in verification.checks if not check.ok]
        assert wrong == (["fills.limit"] if found else [])


def test_a_fill_before_its_order_arrived_is_found(tmp_path: Path) -> None:
    record = scenario("plain", 9)
    orders = record.tables["orders"].copy()
    events = record.tables["order_events"]
    replaced = set(events["order_id"][events["event"] == OrderEvent.REPLACE].tolist())
    order = next(order for order in record.tables["fills"]["order_id"].tolist() if order not in replaced)
    orders["arrived_at"][order] += 10**15
    late = type(record)(**{**vars(record), "tables": {**record.tables, "orders": orders}})
    verification = verify_folder(Result(late).save(tmp_path / "run"))
    assert [check.name for check in verification.checks if not check.ok] == ["times.order"]


def test_an_illegal_event_is_found(tmp_path: Path) -> None:
    record = scenario("plain", 9)
    events = record.tables["order_events"].copy()
    row = int(np.flatnonzero(events["event"] == OrderEvent.ACCEPT)[0])
    events["event"][row] = OrderEvent.RESUME
    broken = type(record)(**{**vars(record), "tables": {**record.tables, "order_events": events}})
    verification = verify_folder(Result(broken).save(tmp_path / "run"))
    legal = next(check for check in verification.checks if check.name == "order_events.legal")
    assert not legal.ok and f"row {row} column event: resume" in legal.detail


def test_the_life_cycle_was_written_down_twice_and_agrees() -> None:
    ours = {(OrderStatus[s.upper()], OrderEvent[e.upper()]): OrderStatus[after.upper()] for (s, e), after in LEGAL.items()}
    assert ours == TRANSITIONS


def test_the_revaluation_bound_is_counted_and_printed(saved: dict[str, Path]) -> None:
    text = " ".join(verify_folder(saved["fx"]).text().split())
    assert re.search(r"fx revaluation off by \d\.\d{3} money units, bound \d(\.5)? \(\d+ roundings\)", text), text


def test_the_outcome_as_text_and_json(saved: dict[str, Path]) -> None:
    verification = verify_folder(saved["plain"])
    plain = json.loads(verification.to_json())
    assert plain["ok"] is True and len(plain["checks"]) == len(verification.checks)
    assert {check["name"] for check in plain["checks"]} >= {"equity.equity", "fills.price", "hashes.run.json"}
    for table in FILES:
        given = ", ".join(column.name for column in table.canonical if column.role == "input")
        if not given:
            continue
        assert f"{table.name}.parquet: {given}" in verification.inputs
        assert f"{table.name}.parquet: {given}" in " ".join(verification.text().split())


def test_it_imports_nothing_of_the_engine() -> None:
    allowed = {"__future__", "ast", "collections", "dataclasses", "decimal", "fractions", "functools", "hashlib", "json", "os",
               "math", "pathlib", "re", "textwrap", "typing", "numpy", "pyarrow"}  # fmt: skip
    for path in Path(package.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                ours = name == "fillwright.errors" or name.startswith("fillwright.verify")
                assert ours or name.split(".")[0] in allowed, f"{path.name} imports {name}"
