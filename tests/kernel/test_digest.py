"""The journal's fingerprint: every canonical value counts, wherever it stands, and the moment of folding does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fillwright.coordinator.memory import lay_out
from fillwright.kernel.digest import FOLD_EVERY, fingerprint, fold_journal
from fillwright.kernel.state import JOURNAL, State
from fillwright.model.books import postings_of
from fillwright.model.codes import Account, Entry
from fillwright.model.columns import ENTRIES, ORDERS, TABLES
from oracle import harness
from strategies import random_scenario

KEPT = [table for table in TABLES if table.name in (*JOURNAL, "orders")]
ROWS = 21
"""Rows of each table: no table then fills whole blocks of eight words."""


def filled() -> State:
    """A state with made-up records."""
    scenario = random_scenario(0)
    fx: list[Any] = [None for _ in scenario.settings.fx]
    state = lay_out(harness.market_of(scenario), harness.terms_of(scenario), fx)
    draw = np.random.default_rng(3)
    for table in KEPT:
        state.scalars[f"n_{table.name}"] = ROWS
        for column in table.columns:
            width = table.packed[column.name].itemsize
            state.tables[table.name][column.name][:ROWS] = (
                draw.integers(-100, 100, ROWS) if width == 1 else draw.integers(0, 1 << 20, ROWS)
            )
    state.scalars["n_equity"] = 13
    state.equity[:13] = draw.integers(0, 1 << 40, 13)
    return state


def afresh(state: State) -> int:
    """The fingerprint of all records, with nothing folded before."""
    for name in ("folded", *"abcd"):
        state.digests[name] = 0
    return int(fingerprint(state.address))


@pytest.mark.kernel
@pytest.mark.nojit
def test_every_value_counts() -> None:
    """Each canonical column of each table, in a row whose words are folded in blocks, and in the last one; no handle does."""
    state = filled()
    for table in KEPT:
        for column in table.columns:
            for row in (0, ROWS - 1):
                before = afresh(state)
                state.tables[table.name][column.name][row] += 1
                changed = afresh(state) != before
                assert changed == (column.role != "handle"), f"{table.name}.{column.name} row {row}"
    for sample in (0, 12):
        before = afresh(state)
        state.equity[sample] += 1
        assert afresh(state) != before


@pytest.mark.kernel
@pytest.mark.nojit
def test_when_records_are_folded_does_not_matter() -> None:
    whole, parts = filled(), filled()
    for rows in (1, 2, 5, 11, 12, 20, ROWS):
        for name in JOURNAL:
            parts.scalars[f"n_{name}"] = rows
        fold_journal(parts.scalars)
    assert fingerprint(parts.address) == fingerprint(whole.address) == fingerprint(whole.address)
    assert FOLD_EVERY > 0


@pytest.mark.kernel
@pytest.mark.nojit
@pytest.mark.parametrize("every", [0, 60])
def test_the_last_sample_of_a_thinned_curve_may_change(every: int) -> None:
    """Folded eight samples at a time as it grows; where it is thinned, the last one is overwritten until its interval is over."""
    whole, parts = filled(), filled()
    for state in (whole, parts):
        state.scalars["equity_every"] = every
        state.equity[:24] = np.arange(24) * 7
        state.scalars["n_equity"] = 24
    last = parts.equity[15]
    parts.scalars["n_equity"] = 16
    if every:
        parts.equity[15] = 1
    fold_journal(parts.scalars)
    parts.equity[15] = last
    parts.scalars["n_equity"] = 24
    assert fingerprint(parts.address) == fingerprint(whole.address)


def test_packed_records_have_no_gaps() -> None:
    """Undefined bytes would make a fingerprint differ by chance; the fingerprint stops where the handles begin."""
    for table in KEPT:
        fields: Any = table.packed.fields
        sizes = [fields[name][0].itemsize for name in table.packed.names or ()]
        places = [fields[name][1] for name in table.packed.names or ()]
        assert places == [sum(sizes[:k]) for k in range(len(sizes))]
        assert sum(sizes) == table.packed.itemsize and table.packed.itemsize % 8 == 0
        canonical = {column.name for column in table.canonical}
        assert sum(fields[name][0].itemsize for name in canonical) == 8 * table.packed_words
        assert all((fields[name][1] < 8 * table.packed_words) == (name in canonical) for name in fields)
        assert all(place % size == 0 for place, size in zip(places, sizes)), table.name
    assert ORDERS.packed_words < ORDERS.packed.itemsize // 8


def test_packed_rows_read_back() -> None:
    rows = np.zeros(3, ORDERS.packed)
    rows["limit_price"], rows["side"], rows["status"], rows["parent_id"] = [1 << 52, 2, 3], [1, -1, 1], [4, 5, 6], -1
    got = ORDERS.unpacked(rows)
    assert got.dtype == ORDERS.dtype
    assert got["limit_price"].tolist() == [1 << 52, 2, 3] and got["side"].tolist() == [1, -1, 1]
    assert got["status"].tolist() == [4, 5, 6] and got["parent_id"].tolist() == [-1] * 3


def test_entries_spelled_out() -> None:
    """A deposit, a fill with a fee, one without: account, money, lots, in this order."""
    entries = np.zeros(3, ENTRIES.packed)
    entries["entry"], entries["kind"] = [0, 1, 2], [Entry.TRANSFER, Entry.FILL, Entry.FILL]
    entries["strategy"], entries["symbol"], entries["fill_id"] = [-1, 0, 0], [-1, 4, 4], [-1, 0, 1]
    entries["money"], entries["quantity"], entries["fee"] = [1000, 300, -200], [0, 3, -2], [0, 7, 0]
    rows = postings_of(entries, 40)
    found = [
        (int(r["entry"]), Account(int(r["account"])).name, int(r["symbol"]), int(r["money"]), int(r["quantity"])) for r in rows
    ]
    assert found == [
        (0, "CASH", -1, 1000, 0), (0, "TRANSFERS", -1, -1000, 0),
        (1, "CASH", -1, -300, 0), (1, "TRADING", 4, 300, -3), (1, "POSITION", 4, 0, 3), (1, "CASH", -1, -7, 0), (1, "FEES", 4, 7, 0),
        (2, "CASH", -1, 200, 0), (2, "TRADING", 4, -200, 2), (2, "POSITION", 4, 0, -2),
    ]  # fmt: skip
    assert rows["seq"].tolist() == list(range(40, 50))
    assert len(postings_of(entries[:0])) == 0
