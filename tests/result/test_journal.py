"""Subscribers: who is told, in which order, and that they can change nothing."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from tiny_ledger import scenario

from fillwright.errors import StrategyError, UsageError
from fillwright.journal import KINDS, Journal, Names, Scales, View
from fillwright.model.codes import OrderEvent, OrderFlag, OrderStatus, Side, Stage
from fillwright.model.columns import TABLES
from fillwright.model.instrument import Currency, Instrument
from fillwright.trades.events import trade_events

RECORD = scenario("fx", 1)
TABLE_OF = {"order_event": "order_events", "fill": "fills", "posting": "postings", "lot_close": "lot_closes"}
ROWS = {kind: RECORD.tables[TABLE_OF[kind]] if kind in TABLE_OF else trade_events(RECORD) for kind in KINDS}


def journal() -> Journal:
    orders = RECORD.tables["orders"]
    return Journal(RECORD.names, RECORD.scales, lambda order: int(orders["symbol"][order]))


@pytest.mark.parametrize("kind", KINDS)
def test_every_record_reaches_every_subscriber_in_order(kind: str) -> None:
    it, seen = journal(), []
    it.subscribe(kind, lambda view: seen.append(("a", view.raw(KINDS[kind].columns[0].name))))
    it.subscribe(kind, lambda view: seen.append(("b", view.raw(KINDS[kind].columns[0].name))))
    rows = ROWS[kind]
    it.deliver(kind, rows[:2])
    it.deliver(kind, rows[2:])
    assert seen == [(who, number) for number in range(len(rows)) for who in "ab"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_column_can_be_read(kind: str) -> None:
    it, views = journal(), []
    it.subscribe(kind, views.append)
    it.deliver(kind, ROWS[kind])
    for view, row in zip(views, ROWS[kind], strict=True):
        for column in KINDS[kind].canonical:
            value = getattr(view, column.name)
            assert view.raw(column.name) == row[column.name]
            if column.kind in ("price", "quantity", "money", "base"):
                assert isinstance(value, float) and float(view.exact(column.name)) == value
            if column.kind == "name":
                assert value is None if row[column.name] < 0 else value == RECORD.names.of(column.name)[row[column.name]]


def test_a_view_reads_like_the_record() -> None:
    fill = View(KINDS["fill"], RECORD.tables["fills"][0], RECORD.names, RECORD.scales)
    assert isinstance(fill.side, Side) and isinstance(fill.stage, Stage)
    decimals = RECORD.scales.price[fill.raw("symbol")]
    assert fill.exact("price") == Decimal(fill.raw("price")).scaleb(-decimals)
    assert fill.symbol in RECORD.names.symbols and fill.strategy in RECORD.names.strategies
    assert set(fill.as_dict()) == {column.name for column in KINDS["fill"].canonical}
    assert "price" in dir(fill) and "price=" in repr(fill)
    event = View(KINDS["order_event"], RECORD.tables["order_events"][0], RECORD.names, RECORD.scales, 1)
    assert isinstance(event.event, OrderEvent) and isinstance(event.status, OrderStatus) and isinstance(event.flags, OrderFlag)
    assert event.fill_id is None


def test_an_order_event_is_read_at_the_scale_of_its_instrument() -> None:
    names = Names(("s",), ("A", "B"), currencies=("USD",))
    scales = Scales.of((Instrument("A"), Instrument("B", quantity_decimals=3)), (Currency("USD"),))
    row = np.zeros(1, KINDS["order_event"].dtype)
    row["quantity"] = 1500
    seen: list[View] = []
    it = Journal(names, scales, lambda order: 1)
    it.subscribe("order_event", seen.append)
    it.deliver("order_event", row)
    assert seen[0].quantity == 1.5 and seen[0].exact("quantity") == Decimal("1.5")


def test_a_view_is_a_copy_and_read_only() -> None:
    rows = RECORD.tables["fills"][:1].copy()
    view = View(KINDS["fill"], rows[0], RECORD.names, RECORD.scales)
    price = view.price
    rows["price"] = 1
    assert view.price == price
    with pytest.raises(AttributeError, match="read-only"):
        view.price = 3.0
    with pytest.raises(AttributeError, match="read-only"):
        del view.price
    with pytest.raises(AttributeError, match="no 'prize'"):
        _ = view.prize
    assert len({view, View(KINDS["fill"], RECORD.tables["fills"][0], RECORD.names, RECORD.scales)}) == 1


def test_the_same_callback_twice_is_a_wrong_call() -> None:
    class Keeper:
        def keep(self, view: View) -> None:
            """A bound method: a new object at each access, yet the same callback."""

    it, keeper = journal(), Keeper()
    it.subscribe("fill", keeper.keep)
    with pytest.raises(UsageError, match=r"Keeper\.keep is subscribed to fill already"):
        it.subscribe("fill", keeper.keep)
    it.subscribe("posting", keeper.keep)
    assert len(it) == 2


def test_wrong_calls() -> None:
    it = journal()
    with pytest.raises(UsageError, match="no records of kind 'fills'"):
        it.subscribe("fills", print)
    with pytest.raises(UsageError, match="must be callable"):
        it.subscribe("fill", 3)  # type: ignore[arg-type]
    token = it.subscribe("fill", print)
    it.unsubscribe(token)
    with pytest.raises(UsageError, match="no such subscription"):
        it.unsubscribe(token)
    assert not it.wants("fill")


def test_an_exception_names_subscriber_and_record() -> None:
    def broken(view: View) -> None:
        if view.raw("fill_id") == 2:
            raise ZeroDivisionError("no")

    it = journal()
    it.subscribe("fill", broken)
    with pytest.raises(StrategyError, match=r"fill 2 at 2020-01-02T.*broken raised ZeroDivisionError: no") as caught:
        it.deliver("fill", RECORD.tables["fills"])
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_unsubscribing_during_delivery_takes_effect_with_the_next_rows() -> None:
    it, seen = journal(), []
    tokens = []

    def once(view: View) -> None:
        seen.append(view)
        it.unsubscribe(tokens[0])

    tokens.append(it.subscribe("fill", once))
    it.deliver("fill", RECORD.tables["fills"][:1])
    it.deliver("fill", RECORD.tables["fills"][1:])
    assert len(seen) == 1


def test_close_leaves_nothing_behind() -> None:
    it = journal()
    it.subscribe("fill", print)
    assert it.wants("fill") and not it.wants("posting")
    it.close()
    assert len(it) == 0
    it.deliver("fill", RECORD.tables["fills"])


def test_a_currency_without_decimals_is_an_error() -> None:
    with pytest.raises(UsageError, match="no decimals known for JPY"):
        Scales.of((Instrument("A", quote="JPY"),), (Currency("USD"),))


def test_every_name_column_has_its_list() -> None:
    names = Names(("s",), ("A",), ("t",), ("r",), ("USD",))
    lists = {"strategy": ("s",), "symbol": ("A",), "tag": ("t",), "currency": ("USD",)}
    for table in TABLES:
        for column in table.canonical:
            if column.kind == "name":
                assert names.of(column.name) == lists.get(column.name, ("r",))
