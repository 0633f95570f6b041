"""Every field of a run's memory is written by its owner, and docs/ownership.md says who that is."""

from __future__ import annotations

from pathlib import Path

import pytest

from fillwright.kernel.state import TICKET
from tidy import ownership, tree
from tidy.ownership import ALL, COMPUTED, OWNERS, RECORDS, Write
from tidy.tree import Module, planted

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def modules() -> dict[str, Module]:
    return tree.load(ROOT / "src")


@pytest.fixture(scope="module")
def found(modules: dict[str, Module]) -> set[tuple[str, str, str]]:
    """(record, module, field) of every assignment."""
    items = [item for module in modules.values() for item in ownership.writes(module)]
    return {(item.record, item.module, item.field) for item in items if isinstance(item, Write)}


def test_only_owners_write(modules: dict[str, Module]) -> None:
    assert [line for module in modules.values() for line in ownership.breaches(module)] == []


def test_the_table_names_no_writer_that_does_not_write(found: set[tuple[str, str, str]]) -> None:
    idle = [
        f"{module}: {record}.{field}"
        for record, owners in OWNERS.items()
        for module, said in owners.items()
        if said != ALL
        for field in ownership.fields_of(record, module)
        if (record, module, field) not in found and record not in COMPUTED.get(module, "").split()
    ]
    assert idle == []


def test_every_field_has_an_owner(found: set[tuple[str, str, str]]) -> None:
    assert set(OWNERS) == set(RECORDS)
    for record, owners in OWNERS.items():
        owned = {field for module in owners for field in ownership.fields_of(record, module)}
        if record == "scalars":
            owned |= set(TICKET)  # the order manager writes the ticket as one run of words
        assert owned == set(RECORDS[record]), record
        for module, said in owners.items():
            if said == ALL:
                written = {field for r, m, field in found if (r, m) == (record, module)}
                assert written == set(RECORDS[record]), f"{module} does not write all of {record}"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("kernel.matching", 'def f(s, o):\n    order = order_at(s, o)\n    order["status"] = 5', "orders.status"),
        ("kernel.matching", 'def f(s, order):\n    order["cum_quantity"] += 1', "orders.cum_quantity"),
        ("kernel.matching", 'def f(s, k):\n    book_at(s, k)["position"] += 1', "books.position"),
        ("kernel.matching", 'def f(s, bar):\n    bar["position"] += 1', "instruments.position"),
        ("kernel.matching", 'def f(s, k):\n    lot = lot_at(s, k)\n    lot["remaining"] -= 1', "lots.remaining"),
        ("kernel.orders", 'def f(s, c):\n    c["cash"] -= 1', "currencies.cash"),
        ("kernel.margin", 'def f(s, k):\n    currency_at(s, k)["cash"] = 0', "currencies.cash"),
        ("kernel.advance", 'def f(s, k):\n    x = fill_at(s, k)\n    y = x\n    y["price"] = 1', "fills.price"),
        ("kernel.drivers", 'def f(s, k):\n    a, b = order_at(s, k), book_at(s, k)\n    b["pending"] = 1', "books.pending"),
        ("kernel.ledger", 'def f(s, thing):\n    thing["cash"] = 1', "whose record"),
        ("kernel.ledger", 'def f(s):\n    s["n_fills"] += 1', "scalars.n_fills"),
        ("kernel.intake", 'def f(s, k):\n    entry_at(s, k)["money"], x = 1, 2', "entries.money"),
        ("kernel.orders", 'def f(s, order):\n    order["stauts"] = 1', "have no field stauts"),
        ("order_manager.manager", 'def f(self):\n    self.state.tables["orders"][3]["status"] = 5', "orders.status"),
        ("order_manager.manager", 'def f(self):\n    self.state.books[0]["position"] += 1', "books.position"),
        ("order_manager.manager", 'def f(state):\n    state.currencies["cash"][0] = 1', "currencies.cash"),
        ("strategy.desk", 'def f(state):\n    s = state.scalars\n    s["live"] = 0', "scalars.live"),
        ("strategy.desk", 'def f(state):\n    for n in ("now", "live"):\n        state.scalars[n] = 0', "live"),
        ("strategy.desk", 'def f(state, n):\n    state.scalars[f"n_{n}"] = 0', "computed fields of scalars"),
        ("trades", 'def f(b):\n    struct.pack_into("q", b, 0, 1)', "calls pack_into"),
        ("kernel.orders", "def f(s):\n    store_int64(s, 1, 2, 3)", "calls store_int64"),
    ],
)  # fmt: skip
def test_the_search_finds(name: str, text: str, message: str) -> None:
    lines = ownership.breaches(planted(f"fillwright.{name}", text))
    assert lines and message in " ".join(lines)


def test_the_search_lets_owners_write() -> None:
    text = 'def f(s, o):\n    order = order_at(s, o)\n    order["status"] = 5\n    rows = int64_at(o, 3)\n    rows[2] = 1'
    assert ownership.breaches(planted("fillwright.kernel.orders", text)) == []


def test_the_page_has_the_table() -> None:
    page = (ROOT / "docs" / "ownership.md").read_text(encoding="utf-8")
    assert ownership.table() in page
