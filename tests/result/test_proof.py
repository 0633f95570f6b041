"""The certificate: a consistent record reconciles to the last unit, and any one wrong number is noticed and named."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_ledger import BOOKINGS, scenario

from fillwright.journal import RunRecord
from fillwright.model.codes import OrderEvent
from fillwright.portfolio import Portfolio
from fillwright.result import Result, certify

KINDS = ("plain", "crypto", "future", "fx")


def changed(record: RunRecord, table: str, column: str, row: int, by: int = 1) -> RunRecord:
    """The record with one number changed."""
    rows = record.tables[table].copy()
    rows[column][row] += by
    return type(record)(**{**vars(record), "tables": {**record.tables, table: rows}})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lots", BOOKINGS)
def test_a_consistent_record_is_reconciled(kind: str, lots: str) -> None:
    certificate = Result(scenario(kind, 6, bars=150, lots=lots)).certificate
    assert certificate.ok and certificate.line() == "reconciled: 150 marks, residual 0"
    assert all(check.residual == 0 for check in certificate.checks)


@pytest.mark.parametrize(
    "table, column, named",
    [
        ("postings", "money", "entries"),
        ("postings", "quantity", "entries"),
        ("fills", "position", "positions"),
        ("fills", "fee", "orders fee"),
        ("fills", "quantity", "positions"),
        ("fills", "notional", "orders cum_notional"),
        ("orders", "cum_quantity", "orders cum_quantity"),
        ("orders", "status", "life cycle"),
        ("order_events", "status", "life cycle"),
        ("order_events", "status_before", "life cycle"),
        ("lot_closes", "realised", "identity USD"),
        ("lot_closes", "cost", "identity USD"),
        ("lots", "remaining", "positions by lots"),
        ("orders", "leaves_quantity", "orders leaves_quantity"),
    ],
)
def test_one_changed_number_is_noticed(table: str, column: str, named: str) -> None:
    record = scenario("plain", 6, bars=150)
    certificate = certify(changed(record, table, column, len(record.tables[table]) // 2))
    assert not certificate.ok
    assert named in {check.name for check in certificate.checks if not check.ok}
    assert certificate.line().startswith("NOT RECONCILED")


def test_a_changed_equity_is_noticed() -> None:
    record = scenario("fx", 6, bars=150)
    equity = record.equity.copy()
    equity[77] += 1
    broken = Result(type(record)(**{**vars(record), "equity": equity}))
    assert [check.name for check in broken.certificate.checks if not check.ok] == ["equity"]
    assert "number 77" in broken.certificate.line() and "NOT RECONCILED" in str(broken)


@pytest.mark.parametrize("kind", KINDS)
def test_the_certificate_says_where_the_money_came_from(kind: str) -> None:
    result = Result(scenario(kind, 6, bars=150))
    account, *each = result.certificate.statements
    assert account.is_account and account.balance == result.record.equity[-1] == sum(account.parts.values())
    assert account.residual == 0 and len(each) == (3 if kind == "fx" else 0)
    assert account.parts["fees"] < 0 and account.parts["realised"] != 0
    assert bool(account.parts.get("fx_revaluation")) == bool(account.roundings) == (kind == "fx")
    text = str(result.certificate)
    assert text.startswith("reconciled: ") and " transfers + " in text.split("\n")[1]
    assert all(check.name in text for check in result.certificate.checks)


@pytest.mark.parametrize("currency, check", [(0, "identity USD"), (1, "revaluation EUR"), (2, "revaluation JPY")])
def test_a_balance_that_nothing_explains_is_noticed(currency: int, check: str) -> None:
    """One money unit of a currency, or of what it is worth, at one instant."""
    record = scenario("fx", 6, bars=150)
    view = Portfolio(record)
    books = view.books
    (books.base if currency else books.cash)[currency, 40] += 1
    assert check in {one.name for one in certify(record, view).checks if not one.ok}


def test_an_order_that_is_still_working_at_the_end_is_noticed() -> None:
    record = scenario("plain", 6)
    events, orders = record.tables["order_events"], record.tables["orders"].copy()
    last = int(np.flatnonzero(events["event"] == OrderEvent.EXPIRE)[-1])
    order = int(events["order_id"][last])
    orders["status"][order], orders["leaves_quantity"][order] = events["status_before"][last], orders["quantity"][order]
    orders["leaves_quantity"][order] -= orders["cum_quantity"][order]
    tables = {**record.tables, "orders": orders, "order_events": np.delete(events, last)}
    certificate = certify(type(record)(**{**vars(record), "tables": tables}))
    assert [check.name for check in certificate.checks if not check.ok] == ["ends"]


def test_a_lost_intent_is_noticed() -> None:
    record = scenario("plain", 6)
    counters = {**record.counters, "intents": record.counters["intents"] + 2}
    lost = certify(type(record)(**{**vars(record), "counters": counters}))
    assert [check.name for check in lost.checks if not check.ok] == ["intents"]


def test_the_engine_s_own_orders_are_no_intents() -> None:
    record = scenario("plain", 6)
    orders = record.tables["orders"].copy()
    orders["intent_id"][5] = -1
    counters = {**record.counters, "intents": record.counters["intents"] - 1}
    assert certify(type(record)(**{**vars(record), "tables": {**record.tables, "orders": orders}, "counters": counters})).ok


def test_missing_bars_are_a_failed_check_not_a_traceback() -> None:
    record = scenario("fx", 6)
    certificate = certify(type(record)(**{**vars(record), "fx": (None, None, None)}))
    assert not certificate.ok and "no source of rates" in certificate.line()
