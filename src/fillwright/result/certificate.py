"""The proof that a run carries: everything that is kept twice is compared, as equality of whole numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fillwright.errors import CheckFailed
from fillwright.journal import Ints, Records, RunRecord
from fillwright.model.codes import Account, RunState
from fillwright.model.lifecycle import MATRIX
from fillwright.portfolio import Portfolio
from fillwright.trades.grouping import unrealised

INCOME = (Account.INTEREST, Account.DIVIDENDS, Account.FUNDING, Account.BORROW, Account.CONVERSION)
"""Accounts other than trading and fees that cash can come from or go to."""


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison: how many numbers it compared, and the largest difference (0 = it held)."""

    name: str
    count: int
    residual: int
    detail: str

    @property
    def ok(self) -> bool:
        """Whether it held."""
        return self.residual == 0


@dataclass(frozen=True, slots=True)
class Certificate:
    """All comparisons of one run."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether every comparison held."""
        return all(check.ok for check in self.checks)

    @property
    def marks(self) -> int:
        """Number of instants at which equity was recomputed."""
        return next((check.count for check in self.checks if check.name == "equity"), 0)

    def line(self) -> str:
        """One line for the top of a summary."""
        failed = [check for check in self.checks if not check.ok]
        if not failed:
            return f"reconciled: {self.marks:,} marks, residual 0"
        named = "; ".join(f"{check.name}: {check.detail}" for check in failed[:3])
        return f"NOT RECONCILED: {len(failed)} of {len(self.checks)} checks failed: {named}"

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        checks = [{"name": c.name, "ok": c.ok, "count": c.count, "residual": c.residual, "detail": c.detail} for c in self.checks]
        return {"ok": self.ok, "checks": checks}


def certify(record: RunRecord, portfolio: Portfolio | None = None, trades: Records | None = None) -> Certificate:
    """Compare everything in a record that is known in two ways; never raises for a record that does not agree.

    ``trades`` is a grouping of the same record, checked too when given.
    """
    view = portfolio or Portfolio(record)
    return Certificate(tuple(_checks(record, view, trades)))


def _checks(record: RunRecord, view: Portfolio, trades: Records | None) -> Iterator[Check]:
    try:
        yield _equal("equity", view.books.equity, record.equity, "equity recomputed from postings and marks")
        yield from _currencies(record, view)
    except (CheckFailed, OverflowError) as error:
        yield Check("equity", len(record.instants), 1, f"cannot be recomputed: {error}")
    yield from _positions(record, view)
    yield from _orders(record)
    yield _entries(record)
    yield _life_cycle(record)
    yield _intents(record)
    if trades is not None:
        yield from _trades(record, view, trades)


def _equal(name: str, found: Ints, expected: Ints, detail: str) -> Check:
    """A check that two arrays are equal."""
    if len(found) != len(expected):
        return Check(name, len(expected), abs(len(found) - len(expected)), f"{detail}: {len(found)} of {len(expected)} numbers")
    apart = np.flatnonzero(found != expected)
    if not len(apart):
        return Check(name, len(expected), 0, detail)
    first = int(apart[0])
    largest = max(abs(int(found[i]) - int(expected[i])) for i in apart[:1000].tolist())
    return Check(name, len(expected), largest, f"{detail}: number {first} is {expected[first]}, must be {found[first]}")


def _currencies(record: RunRecord, view: Portfolio) -> Iterator[Check]:
    """In each currency, at every stored instant: cash = transfers + income + realised - fees - cost of the open lots."""
    fills, closes, postings = (record.tables[name] for name in ("fills", "lot_closes", "postings"))
    m = len(record.instants)
    income = postings[np.isin(postings["account"], (Account.TRANSFERS, *INCOME))]
    quote = record.quote_currency
    opened = view.opened
    for c, currency in enumerate(record.currencies):
        total = np.zeros(m + 1, np.int64)
        own = income[income["currency"] == c]
        np.subtract.at(total, view.at(own["instant"]), own["money"])
        mine = quote[fills["symbol"]] == c
        np.subtract.at(total, view.at(fills["instant"][mine]), (opened["cost"] + fills["fee"])[mine])
        taken = closes[quote[closes["symbol"]] == c]
        np.add.at(total, view.at(taken["instant"]), taken["realised"] + taken["cost"])
        yield _equal(
            f"cash {currency.code}",
            np.cumsum(total[:m]),
            view.books.cash[c],
            "cash = transfers + income + realised - fees - cost of open lots",
        )


def _positions(record: RunRecord, view: Portfolio) -> Iterator[Check]:
    """Positions after each fill, and at the end by postings and by lots."""
    fills, lots, postings = (record.tables[name] for name in ("fills", "lots", "postings"))
    yield _equal("positions", view.quantity, fills["position"], "running sum of fills")
    shape = (len(record.names.strategies) + 1, len(record.market.instruments))
    by_fills, by_postings, by_lots = (np.zeros(shape, np.int64) for _ in range(3))
    np.add.at(by_fills, (fills["strategy"], fills["symbol"]), fills["side"] * fills["quantity"])
    rows = postings[postings["account"] == Account.POSITION]
    np.add.at(by_postings, (rows["strategy"], rows["symbol"]), rows["quantity"])
    np.add.at(by_lots, (lots["strategy"], lots["symbol"]), lots["side"] * lots["remaining"])
    yield _equal("positions by postings", by_fills.ravel(), by_postings.ravel(), "sum of postings per strategy and instrument")
    yield _equal("positions by lots", by_fills.ravel(), by_lots.ravel(), "sum of open lots per strategy and instrument")


def _orders(record: RunRecord) -> Iterator[Check]:
    """CumQty, notional and fee of each order are the sums of its fills."""
    fills, orders = record.tables["fills"], record.tables["orders"]
    for column, of in (("cum_quantity", "quantity"), ("cum_notional", "notional"), ("fee", "fee")):
        total = np.zeros(len(orders), np.int64)
        np.add.at(total, fills["order_id"], fills[of])
        yield _equal(f"orders {column}", total, orders[column], f"sum of the fills' {of}")


def _entries(record: RunRecord) -> Check:
    """Every entry of the books sums to zero, in each currency and each instrument."""
    postings = record.tables["postings"]
    if not len(postings):
        return Check("entries", 0, 0, "every entry sums to zero")
    entries, number = np.unique(postings["entry"], return_inverse=True)
    money = np.zeros((len(entries), len(record.currencies)), np.int64)
    np.add.at(money, (number, postings["currency"]), postings["money"])
    with_lots = np.flatnonzero(postings["quantity"])
    key = number[with_lots] * (len(record.market.instruments) + 1) + postings["symbol"][with_lots]
    keys, place = np.unique(key, return_inverse=True)
    lots = np.zeros(len(keys), np.int64)
    np.add.at(lots, place, postings["quantity"][with_lots])
    sums = np.append(money.ravel(), lots)
    return _equal("entries", np.zeros(len(sums), np.int64), sums, "every entry sums to zero")


def _life_cycle(record: RunRecord) -> Check:
    """Every event is legal, follows on from the one before, and leads to the order's status."""
    events, orders = record.tables["order_events"], record.tables["orders"]
    legal = MATRIX[events["status_before"], events["event"]] == events["status"]
    by_order = np.argsort(events["order_id"], kind="stable")
    rows = events[by_order]
    first = np.append(True, rows["order_id"][1:] != rows["order_id"][:-1])[: len(rows)]
    before = np.append(0, rows["status"][:-1])[: len(rows)]
    chained = rows["status_before"] == np.where(first, 0, before)
    last = np.append(first[1:], True)[: len(rows)]
    after = np.zeros(len(orders), np.int64)
    after[rows["order_id"][last]] = rows["status"][last]
    wrong = int((~legal).sum() + (~chained).sum() + (after != orders["status"]).sum())
    detail = "every event is legal and follows on" if not wrong else f"{wrong} events or states do not follow"
    return Check("life cycle", len(events), wrong, detail)


def _intents(record: RunRecord) -> Check:
    """Every intent ended in orders or was counted as no change."""
    asked = int(record.counters.get("intents", 0))
    intents = record.tables["orders"]["intent_id"]
    # Orders of the engine itself come from no intent.
    found = len(np.unique(intents[intents >= 0])) + int(record.counters.get("no_change", 0))
    if record.state in (RunState.FAILED, RunState.INTERRUPTED):
        # The call during which the run stopped may not have come to an end.
        return Check("intents", asked, max(0, asked - found - 1), "every intent has orders or a count, but the last")
    return Check("intents", asked, abs(asked - found), f"every intent has orders or a count: {found} of {asked}")


def _trades(record: RunRecord, view: Portfolio, trades: Records) -> Iterator[Check]:
    """Trades cover all that was opened; their net results are realised + unrealised - fees."""
    fills, closes, lots = (record.tables[name] for name in ("fills", "lot_closes", "lots"))
    quote, count = record.quote_currency, len(record.currencies)
    quantity, opened = np.zeros(len(quote), np.int64), np.zeros(len(quote), np.int64)
    np.add.at(quantity, trades["symbol"], trades["quantity"])
    np.add.at(opened, fills["symbol"], fills["quantity"] - fills["closing_quantity"])
    yield _equal("trades quantity", opened, quantity, "everything that was opened, per instrument")
    net, expected = np.zeros(count, np.int64), np.zeros(count, np.int64)
    np.add.at(net, quote[trades["symbol"]], trades["net_pnl"])
    np.add.at(expected, quote[closes["symbol"]], closes["realised"])
    np.add.at(expected, quote[lots["symbol"]], unrealised(record, view))
    np.subtract.at(expected, quote[fills["symbol"]], fills["fee"])
    yield _equal("trades net_pnl", expected, net, "realised + unrealised - fees, per currency")
