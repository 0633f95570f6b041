"""The certificate: a consistent record reconciles to the last unit, and any one wrong number is noticed and named."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from tiny_ledger import changed, scenario

from fillwright.model.codes import OrderEvent, RunState
from fillwright.portfolio import Portfolio
from fillwright.result import Check, Result, certify
from fillwright.result.identity import Statement, divisor, flows, statements

KINDS = ("plain", "crypto", "future", "fx")


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


@pytest.mark.parametrize("currency, check", [(0, "cash USD"), (1, "revaluation EUR"), (2, "revaluation JPY")])
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


# (table, column, checks that must fail); the first of them compares the number itself, so it says by how much it is off
WRONG = [
    ("fills", "position", ["positions"]),
    ("postings", "quantity", ["positions by postings", "entries"]),
    ("postings", "money", ["entries"]),
    ("orders", "cum_quantity", ["orders cum_quantity"]),
    ("orders", "cum_notional", ["orders cum_notional"]),
    ("orders", "fee", ["orders fee"]),
    ("orders", "leaves_quantity", ["orders leaves_quantity"]),
    ("lots", "remaining", ["positions by lots", "lots remaining"]),
    ("lots", "quantity", ["lots quantity"]),
    ("lots", "cost", ["lots cost"]),
    ("lots", "fee_in", ["lots fee_in"]),
    ("lots", "open_fill", ["lots open_fill"]),
    ("lots", "instant", ["lots instant"]),
    ("lots", "side", ["lots side"]),
    ("lot_closes", "fee_in", ["lots fee_in"]),
    ("lot_closes", "quantity", ["lots remaining"]),
    ("lot_closes", "realised", ["cash USD", "trades net_pnl"]),
    ("fills", "fee", ["orders fee", "cash USD"]),
    ("fills", "notional", ["orders cum_notional", "cash USD"]),
]


@pytest.mark.parametrize("table, column, named", WRONG, ids=[f"{table}.{column}" for table, column, _ in WRONG])
def test_a_wrong_number_fails_the_checks_that_compare_it(table: str, column: str, named: list[str]) -> None:
    record = scenario("plain", 6, bars=90, trades="lot")
    trades = Result(record)._trades
    rows = record.tables[table]
    row = int(np.append(0, np.flatnonzero(rows[column]))[-1])
    broken = changed(record, table, column, row)
    failed = {check.name: check for check in certify(broken, trades=trades).checks if not check.ok}
    assert set(named) <= set(failed), failed
    told = failed[named[0]]
    found, must = _said(told)
    assert abs(found - must) == told.residual
    if table != "lot_closes" and (table, column) not in (("fills", "fee"), ("fills", "notional")):
        assert found == must + told.residual


def _said(check: Check) -> tuple[int, int]:
    """What a check says that a number is, and must be."""
    found = re.search(r" is (-?\d+), must be (-?\d+)", check.detail)
    assert found, check.detail
    return int(found[1]), int(found[2])


@pytest.mark.parametrize(
    "column, by, named",
    [
        ("quantity", 1, {"trades quantity", "positions by trades"}),
        ("net_pnl", 1, {"trades net_pnl", "trades"}),
        ("net_pnl", -1, {"trades net_pnl", "trades"}),
        ("strategy", 1, {"positions by trades"}),
        ("side", -2, {"positions by trades"}),
    ],
)
def test_a_wrong_trade_fails_the_checks_of_trades(column: str, by: int, named: set[str]) -> None:
    record = scenario("plain", 6, bars=90, trades="lot")
    trades = Result(record)._trades.copy()
    row = int(np.flatnonzero((trades["side"] > 0) & (trades["strategy"] == 0))[0])
    trades[column][row] += by
    failed = {check.name: check for check in certify(record, trades=trades).checks if not check.ok}
    assert set(failed) == named
    for check in failed.values():
        found, must = _said(check)
        assert (check.residual >= 1 and (found - must) * by > 0) or column == "strategy"


def test_the_words_of_a_statement() -> None:
    """Every digit that is not 0, two decimals at least; parts that are 0 are left out."""
    parts = {"transfers": 100_000_000_000, "realised": 12_500_000, "unrealised": -1, "fees": -7_250_000}
    told = Statement("USD", 6, True, parts, sum(parts.values()))
    assert str(told) == "100,000.00 transfers + 12.50 realised - 0.000001 unrealised - 7.25 fees = 100,005.249999 USD"
    assert told.residual == 0
    assert told.to_dict() == {
        "currency": "USD", "of": "account", "transfers": "100000.000000", "realised": "12.500000", "unrealised": "-0.000001",
        "fees": "-7.250000", "balance": "100005.249999", "residual": 0, "roundings": 0, "fx_off_units": "0.000000",
    }  # fmt: skip
    assert str(Statement("JPY", 0, False, {"fees": -3}, -3)) == "-3 fees = -3 JPY"
    assert str(Statement("EUR", 2, False, {"transfers": 0}, 0)) == "0.00 transfers = 0.00 EUR"
    assert Statement("USD", 2, True, {"realised": 5}, 7).residual == 2
    moved = Statement("USD", 2, True, {"fx_revaluation": 150}, 150, roundings=3, off=Decimal("1.5"))
    assert moved.residual == 0
    assert str(moved) == "1.50 fx revaluation = 1.50 USD (fx revaluation off by 1.500 units; 3 roundings allow 1.5)"
    assert Statement("USD", 2, True, {"fx_revaluation": 150}, 150, roundings=3, off=Decimal("1.6")).residual == 1


def test_the_roundings_of_an_account_in_several_currencies_are_counted() -> None:
    """Against fractions: every part of every foreign currency and its balance, where they are no whole number."""
    record = scenario("fx", 6, bars=150)
    view = Portfolio(record)
    known = list(flows(record, view))
    account = statements(record, view, known)[0]
    count, parts, gained = 0, dict.fromkeys(account.parts, Fraction(0)), Fraction(0)
    for c, flow in enumerate(known):
        rates = [Fraction(int(rate), 10**12 if c == 0 else divisor(record, c)) for rate in view.books.rate[c]]
        for name, values in flow.parts.items():
            steps = np.diff(values, prepend=0).tolist()
            amount = sum((step * (rate if c else 1) for step, rate in zip(steps, rates, strict=True)), Fraction(0))
            count += amount.denominator != 1
            parts[name] += round(amount)
        balances = flow.balance.tolist()
        count += c > 0 and (balances[-1] * rates[-1]).denominator != 1
        if c:
            gained += sum(b * (new - old) for b, old, new in zip(balances[:-1], rates[:-1], rates[1:], strict=True))
    assert account.roundings == count > 4
    rest = account.balance - sum(parts.values())
    assert account.parts == {**{name: int(value) for name, value in parts.items()}, "fx_revaluation": rest}
    assert abs(Fraction(account.off) - abs(rest - gained)) < Fraction(1, 10**9)


def test_a_run_that_stopped_may_lack_the_end_of_its_last_call() -> None:
    record = scenario("plain", 6)
    for missing, ok in ((1, True), (2, False)):
        counters = {**record.counters, "intents": record.counters["intents"] + missing}
        stopped = type(record)(**{**vars(record), "counters": counters, "state": RunState.FAILED})
        assert {check.name: check.ok for check in certify(stopped).checks}["intents"] is ok


def test_an_empty_record_is_reconciled() -> None:
    record = scenario("plain", 6, bars=5, rate=0.0)
    certificate = Result(record).certificate
    assert certificate.ok and certificate.identity == "100,000.00 transfers = 100,000.00 USD"
