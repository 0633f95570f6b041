"""The proof that a run carries: everything that is kept twice is compared, as equality of whole numbers.

A comparison that fails says where it first does: table, row and column, both numbers, and the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from fillwright.errors import CheckFailed
from fillwright.journal import Ints, Records, RunRecord
from fillwright.model.codes import Account, OrderEvent, OrderStatus, RunState, TradeGrouping
from fillwright.model.lifecycle import MATRIX, TERMINAL
from fillwright.portfolio import Portfolio
from fillwright.result.identity import Statement, divisor, flows, rounding, statements
from fillwright.trades.grouping import group, unrealised

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
    """All comparisons of one run; ``statements`` say where the money came from, that of the whole account first.

    ``print(result.certificate)`` shows both.
    """

    checks: tuple[Check, ...]
    statements: tuple[Statement, ...] = ()

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

    @property
    def identity(self) -> str:
        """What the account is worth at the end, as the sum of what changed it; "" where nothing was stored."""
        return str(self.statements[0]) if self.statements else ""

    def __str__(self) -> str:
        lines = [self.line(), *(f"  {statement}" for statement in self.statements)]
        wide = max((len(check.name) for check in self.checks), default=0)
        for check in self.checks:
            state = "ok" if check.ok else "FAILED"
            lines.append(
                f"  {check.name:<{wide}}  {state:<6} {check.count:>12,} numbers, residual {check.residual}: {check.detail}"
            )
        return "\n".join(lines)

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        identity = [statement.to_dict() for statement in self.statements]
        checks = [{"name": c.name, "ok": c.ok, "count": c.count, "residual": c.residual, "detail": c.detail} for c in self.checks]
        return {"ok": self.ok, "identity": identity, "checks": checks}


def certify(record: RunRecord, portfolio: Portfolio | None = None, trades: Records | None = None) -> Certificate:
    """Compare everything in a record that is known in two ways; never raises for a record that does not agree.

    ``trades`` is a grouping of the same record, checked too when given.
    """
    view = portfolio or Portfolio(record)
    broken = tuple(check for check in _references(record) if not check.ok)
    if broken:
        return Certificate(broken)
    checks = list(_checks(record, view, trades))
    try:
        found, told = _identities(record, view)
    except (CheckFailed, OverflowError):
        # The check of equity has said so.
        return Certificate(tuple(checks))
    return Certificate((*checks, *found), told)


def table_checks(record: RunRecord, view: Portfolio | None = None) -> Iterator[Check]:
    """The comparisons that need the journal only, not the equity curve: they hold at every moment of a run."""
    broken = [check for check in _references(record) if not check.ok]
    if broken:
        yield from broken
        return
    view = view or Portfolio(record)
    yield from _positions(record, view)
    yield from _lots(record, view)
    yield from _orders(record)
    yield _entries(record)
    yield _life_cycle(record)


def _checks(record: RunRecord, view: Portfolio, trades: Records | None) -> Iterator[Check]:
    try:
        yield compared("equity", view.books.equity, record.equity, "recomputed from postings and marks", _equity_row(record))
        yield from _currencies(record, view)
    except (CheckFailed, OverflowError) as error:
        yield Check("equity", len(record.instants), 1, f"cannot be recomputed: {error}")
    yield from table_checks(record, view)
    yield _intents(record)
    yield _ends(record)
    if trades is not None:
        yield from _trades(record, view, trades)


def _references(record: RunRecord) -> Iterator[Check]:
    """Every number that refers to a row, a name or a code refers to one that there is; without that nothing can be compared."""
    many = {
        "strategy": len(record.names.strategies),
        "symbol": len(record.market.instruments),
        "currency": len(record.currencies),
    }
    many |= {f"{name[:-1]}_id": len(record.tables[name]) for name in ("orders", "fills", "lots")}
    many |= {"open_fill": len(record.tables["fills"]), "status": len(OrderStatus), "status_before": len(OrderStatus)}
    many |= {"event": len(OrderEvent), "exec_ref_id": len(record.tables["fills"])}
    for name, rows in record.tables.items():
        for column in (column for column in rows.dtype.names or () if column in many):
            lowest = -1 if name == "postings" or column in ("lot_id", "fill_id", "exec_ref_id") else 0
            wrong = (rows[column] < lowest) | (rows[column] >= many[column])
            if (name, column) == ("orders", "lot_id"):  # a wrong number is what such an order may have been refused for
                wrong &= (rows["status"] != OrderStatus.DENIED) | (rows[column] < lowest)
            bad = np.flatnonzero(wrong)
            if len(bad):
                row = int(bad[0])
                detail = f"{name} row {row} column {column} is {rows[column][row]}, must be from {lowest} to {many[column] - 1}"
                yield Check("references", len(rows), len(bad), f"{detail}: there is nothing else to refer to")


def compared(name: str, must: Ints, found: Ints, rule: str, place: str | Callable[[int], str]) -> Check:
    """A check that two arrays are equal; ``place`` is ``table column``, or says where number i stands."""
    if len(must) != len(found):
        return Check(name, len(found), abs(len(must) - len(found)), f"{len(found)} numbers, must be {len(must)}: {rule}")
    apart = np.flatnonzero(must != found)
    if not len(apart):
        return Check(name, len(found), 0, rule)
    first = int(apart[0])
    largest = max(abs(int(must[i]) - int(found[i])) for i in apart[:1000].tolist())
    if isinstance(place, str):
        table, column = place.split()
        where = f"{table} row {first} column {column}"
    else:
        where = place(first)
    more = f" (and {len(apart) - 1} more)" if len(apart) > 1 else ""
    return Check(name, len(found), largest, f"{where} is {found[first]}, must be {must[first]}: {rule}{more}")


def _equity_row(record: RunRecord) -> Callable[[int], str]:
    return lambda i: f"equity row {i} column equity, {_moment(record, i)},"


def _moment(record: RunRecord, i: int) -> str:
    return f"{str(np.datetime64(int(record.instants[i]), 'ns')).rstrip('0').rstrip('.')}Z"


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
        yield compared(
            f"cash {currency.code}",
            np.cumsum(total[:m]),
            view.books.cash[c],
            "cash = transfers + income + realised - fees - cost of open lots",
            _cash_rows(record, view, c),
        )


def _identities(record: RunRecord, view: Portfolio) -> tuple[list[Check], tuple[Statement, ...]]:
    """The account's worth = sum of what changed it and of what the change of rates did; see ``identity``."""
    known = list(flows(record, view))
    checks = []
    for c, (currency, flow) in enumerate(zip(record.currencies, known, strict=True)):
        if c:
            beyond = 2 * np.abs(rounding(record, view, c, flow)) > divisor(record, c)
            words = "worth = flows at their rates + balance x change of rate, within half a unit, at every mark"
            checks.append(Check(f"revaluation {currency.code}", len(beyond), int(beyond.sum()), words))
    told = statements(record, view, known)
    residual = sum(statement.residual for statement in told)
    words = "worth = transfers + realised + unrealised + fx revaluation - fees + financing + dividends"
    checks.append(Check("identity", sum(len(statement.parts) for statement in told), residual, words))
    return checks, told


def _cash_rows(record: RunRecord, view: Portfolio, c: int) -> Callable[[int], str]:
    """The postings to cash of the instant at which the sum is wrong first."""
    postings = record.tables["postings"]
    own = (postings["account"] == Account.CASH) & (postings["currency"] == c)

    def place(i: int) -> str:
        rows = np.flatnonzero(own & (view.at(postings["instant"]) == i))
        which = f"postings rows {rows[0]} to {rows[-1]}" if len(rows) else "postings"
        return f"{which} column money: cash {record.currencies[c].code} at {_moment(record, i)}"

    return place


def _positions(record: RunRecord, view: Portfolio) -> Iterator[Check]:
    """Positions after each fill, and at the end by postings and by lots."""
    fills, lots, postings = (record.tables[name] for name in ("fills", "lots", "postings"))
    yield compared("positions", view.quantity, fills["position"], "running sum of fills", "fills position")
    shape = (len(record.names.strategies) + 1, len(record.market.instruments))
    by_fills, by_postings, by_lots = (np.zeros(shape, np.int64) for _ in range(3))
    np.add.at(by_fills, (fills["strategy"], fills["symbol"]), fills["side"] * fills["quantity"])
    rows = postings[postings["account"] == Account.POSITION]
    np.add.at(by_postings, (rows["strategy"], rows["symbol"]), rows["quantity"])
    np.add.at(by_lots, (lots["strategy"], lots["symbol"]), lots["side"] * lots["remaining"])

    def of(column: str) -> Callable[[int], str]:
        symbols = record.names.symbols
        return lambda i: f"{column}: position in {symbols[i % shape[1]]}"

    rule = "sum of the fills of strategy and instrument"
    yield compared("positions by postings", by_fills.ravel(), by_postings.ravel(), rule, of("postings column quantity"))
    yield compared("positions by lots", by_fills.ravel(), by_lots.ravel(), rule, of("lots column remaining"))


def _lots(record: RunRecord, view: Portfolio) -> Iterator[Check]:
    """What is left of each lot is what its fills put in less what lot closes took out."""
    fills, closes, lots = (record.tables[name] for name in ("fills", "lot_closes", "lots"))
    put = np.flatnonzero(fills["lot_id"] >= 0)
    for column, into, out in (("remaining", "quantity", "quantity"), ("cost", "cost", "cost"), ("fee_in", "fee", "fee_in")):
        left = np.zeros(len(lots), np.int64)
        np.add.at(left, fills["lot_id"][put], view.opened[into][put])
        np.subtract.at(left, closes["lot_id"], closes[out])
        yield compared(f"lots {column}", left, lots[column], "put in by fills less taken out by lot closes", f"lots {column}")
    first = np.full(len(lots), -1, np.int64)
    first[fills["lot_id"][put][::-1]] = put[::-1]
    ever = np.zeros(len(lots), np.int64)
    np.add.at(ever, fills["lot_id"][put], view.opened["quantity"][put])
    facts = {
        "open_fill": first,
        "quantity": ever,
        **{name: fills[name][first] for name in ("strategy", "symbol", "side", "instant")},
    }
    for column, values in facts.items():
        yield compared(f"lots {column}", values, lots[column], "that of the fills that went into it", f"lots {column}")
    lot = np.where(view.opened["quantity"] > 0, fills["lot_id"], -1)
    yield compared("fills lot_id", lot, fills["lot_id"], "no lot where nothing was opened", "fills lot_id")
    gain = closes["proceeds"] - closes["cost"]
    yield compared("lot closes", gain, closes["realised"], "proceeds less cost", "lot_closes realised")


def _orders(record: RunRecord) -> Iterator[Check]:
    """CumQty, notional and fee of each order are the sums of its fills; LeavesQty is what is left of a working order."""
    fills, orders = record.tables["fills"], record.tables["orders"]
    # A fill that undoes another is on the other side of its order; fees carry their own sign.
    sign = fills["side"] * orders["side"][fills["order_id"]]
    for column, of in (("cum_quantity", "quantity"), ("cum_notional", "notional"), ("fee", "fee")):
        total = np.zeros(len(orders), np.int64)
        np.add.at(total, fills["order_id"], fills[of] if of == "fee" else sign * fills[of])
        yield compared(
            f"orders {column}", total, orders[column], f"sum of the fills' {of}, less what was undone", f"orders {column}"
        )
    done = np.isin(orders["status"], (*TERMINAL, OrderStatus.INITIALIZED))
    left = np.where(done, 0, orders["quantity"] - orders["cum_quantity"])
    rule = "quantity less cum_quantity, 0 when done"
    yield compared("orders leaves_quantity", left, orders["leaves_quantity"], rule, "orders leaves_quantity")


def _entries(record: RunRecord) -> Check:
    """Every entry of the books sums to zero, in each currency and each instrument."""
    postings = record.tables["postings"]
    rule = "every entry sums to zero"
    if not len(postings):
        return Check("entries", 0, 0, rule)
    entries, number = np.unique(postings["entry"], return_inverse=True)
    money = np.zeros((len(entries), len(record.currencies)), np.int64)
    np.add.at(money, (number, postings["currency"]), postings["money"])
    with_lots = np.flatnonzero(postings["quantity"])
    width = len(record.market.instruments) + 1
    key = number[with_lots] * width + postings["symbol"][with_lots] + 1
    keys, inverse = np.unique(key, return_inverse=True)
    lots = np.zeros(len(keys), np.int64)
    np.add.at(lots, inverse, postings["quantity"][with_lots])
    sums = np.append(money.ravel(), lots)

    def place(i: int) -> str:
        entry = i // money.shape[1] if i < money.size else int(keys[i - money.size]) // width
        rows = np.flatnonzero(number == entry)
        column = "money" if i < money.size else "quantity"
        return f"postings rows {rows[0]} to {rows[-1]} column {column}: sum of entry {entries[entry]}"

    return compared("entries", np.zeros(len(sums), np.int64), sums, rule, place)


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
    final = after == orders["status"]
    wrong = int((~legal).sum() + (~chained).sum() + (~final).sum())
    if not wrong:
        return Check("life cycle", len(events), 0, "every event is legal and follows on")
    found = [
        *(f"order_events row {row} column status: {_step(events[row])} is no legal step" for row in np.flatnonzero(~legal)),
        *(
            f"order_events row {row} column status_before is {_status(events[row]['status_before'])}, which is not where the event "
            f"before left order {events[row]['order_id']}"
            for row in np.sort(by_order[~chained])
        ),
        *(
            f"orders row {row} column status is {_status(orders[row]['status'])}, must be {_status(after[row])}: the last event's"
            for row in np.flatnonzero(~final)
        ),
    ]
    return Check("life cycle", len(events), wrong, found[0] + (f" (and {wrong - 1} more)" if wrong > 1 else ""))


def _status(code: int) -> str:
    return OrderStatus(int(code)).name


def _step(event: np.void) -> str:
    return f"{_status(event['status_before'])} on {OrderEvent(int(event['event'])).name} to {_status(event['status'])}"


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


def _ends(record: RunRecord) -> Check:
    """A run that came to its end left no order working."""
    orders = record.tables["orders"]
    if record.state in (RunState.FAILED, RunState.INTERRUPTED):
        return Check("ends", 0, 0, "the run stopped: orders may be working")
    working = np.flatnonzero(~np.isin(orders["status"], TERMINAL))
    row = f"orders row {working[0]} column status: the order is working at the end; " if len(working) else ""
    return Check("ends", len(orders), len(working), f"{row}every order has its last record")


def _trades(record: RunRecord, view: Portfolio, trades: Records) -> Iterator[Check]:
    """Trades cover all that was opened; their net results are realised + unrealised - fees."""
    fills, closes, lots = (record.tables[name] for name in ("fills", "lot_closes", "lots"))
    quote, count = record.quote_currency, len(record.currencies)
    quantity, opened = np.zeros(len(quote), np.int64), np.zeros(len(quote), np.int64)
    np.add.at(quantity, trades["symbol"], trades["quantity"])
    np.add.at(opened, fills["symbol"], fills["quantity"] - fills["closing_quantity"])
    place = _trade_row(record, view, trades)
    yield compared("trades quantity", opened, quantity, "everything that was opened, per instrument", place("quantity"))
    shape = (len(record.names.strategies) + 1, len(quote))
    held, by_trades = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    np.add.at(held, (fills["strategy"], fills["symbol"]), fills["side"] * fills["quantity"])
    np.add.at(by_trades, (trades["strategy"], trades["symbol"]), trades["side"] * trades["quantity"])
    np.subtract.at(by_trades, (closes["strategy"], closes["symbol"]), closes["side"] * closes["quantity"])
    rule = "entries of trades less what was closed"
    yield compared("positions by trades", held.ravel(), by_trades.ravel(), rule, place("quantity"))
    net, expected = np.zeros(count, np.int64), np.zeros(count, np.int64)
    np.add.at(net, quote[trades["symbol"]], trades["net_pnl"])
    np.add.at(expected, quote[closes["symbol"]], closes["realised"])
    np.add.at(expected, quote[lots["symbol"]], unrealised(record, view))
    np.subtract.at(expected, quote[fills["symbol"]], fills["fee"])
    yield compared("trades net_pnl", expected, net, "realised + unrealised - fees, per currency", place("net_pnl"))
    own = trades["gross_pnl"] - trades["fees"] + trades["financing"]
    yield compared("trades", own, trades["net_pnl"], "gross_pnl - fees + financing", "trades net_pnl")


def _trade_row(record: RunRecord, view: Portfolio, trades: Records) -> Callable[[str], Callable[[int], str]]:
    """Which trade makes a sum wrong: the first that differs from the grouping of the lot closes."""

    def column_of(column: str) -> Callable[[int], str]:
        def place(_: int) -> str:
            again = group(record, TradeGrouping[record.config.report.trades.upper()], view)
            same = len(again) == len(trades)
            rows = np.flatnonzero(again[column] != trades[column]) if same else np.zeros(0, np.int64)
            row = f" row {rows[0]}" if len(rows) else ""
            return f"trades{row} column {column}: the sum"

        return place

    return column_of
