"""What the certificate says of each planted fault: the whole check, with its count, its residual and its words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tiny_ledger import changed, scenario

from fillwright.errors import CheckFailed
from fillwright.journal import RunRecord
from fillwright.model.codes import Account, OrderEvent, OrderStatus, RunState
from fillwright.portfolio import Portfolio
from fillwright.result import Check, Result, certify
from fillwright.result.certificate import Certificate, compared, table_checks


def record_of(kind: str = "plain") -> RunRecord:
    return scenario(kind, 6, bars=90, trades="lot")


def but(record: RunRecord, **more: Any) -> RunRecord:
    return type(record)(**{**vars(record), **more})


def failed(certificate: Certificate) -> list[Check]:
    return [check for check in certificate.checks if not check.ok]


def test_every_comparison_is_made_and_counted() -> None:
    result = Result(record_of("fx"))
    record, count = result.record, {name: len(rows) for name, rows in result.record.tables.items()}
    certificate = certify(record, trades=result._trades)
    m, pairs, wide = 90, 3 * 4, len(np.unique(record.tables["postings"]["entry"]))
    moved = record.tables["postings"]["quantity"] != 0
    posted = record.tables["postings"][moved]
    columns = ("remaining", "cost", "fee_in", "open_fill", "quantity", "strategy", "symbol", "side", "instant")
    lots = dict.fromkeys(columns, count["lots"])
    orders = dict.fromkeys(("cum_quantity", "cum_notional", "fee", "leaves_quantity"), count["orders"])
    assert [(check.name, check.count, check.residual) for check in certificate.checks] == [
        ("equity", m, 0), ("cash USD", m, 0), ("cash EUR", m, 0), ("cash JPY", m, 0), ("positions", count["fills"], 0),
        ("positions by postings", pairs, 0), ("positions by lots", pairs, 0), *((f"lots {name}", n, 0) for name, n in lots.items()),
        ("fills lot_id", count["fills"], 0), ("lot closes", count["lot_closes"], 0),
        *((f"orders {name}", n, 0) for name, n in orders.items()),
        ("entries", 3 * wide + len({(int(row["entry"]), int(row["symbol"])) for row in posted}), 0),
        ("life cycle", count["order_events"], 0), ("intents", record.counters["intents"], 0), ("ends", count["orders"], 0),
        ("trades quantity", 4, 0), ("positions by trades", pairs, 0), ("trades net_pnl", 3, 0), ("trades", len(result._trades), 0),
        ("revaluation EUR", m, 0), ("revaluation JPY", m, 0),
        ("identity", sum(len(statement.parts) for statement in certificate.statements), 0),
    ]  # fmt: skip
    assert list(table_checks(record)) == list(certificate.checks[4:24])
    assert certificate.statements[0].is_account and certificate.identity == str(certificate.statements[0])
    said = {check.name: check.detail for check in certificate.checks}
    assert said["intents"] == f"every intent has orders or a count: {record.counters['intents']} of {record.counters['intents']}"
    assert said["ends"] == "every order has its last record" and said["life cycle"] == "every event is legal and follows on"
    assert certificate.marks == m and certificate.line() == "reconciled: 90 marks, residual 0"


@pytest.mark.parametrize(
    "must, found, check",
    [
        ([1, 2], [1, 2], Check("it", 2, 0, "rule")),
        ([1, 2], [1, 2, 3], Check("it", 3, 1, "3 numbers, must be 2: rule")),
        ([1, 2, 3], [1], Check("it", 1, 2, "1 numbers, must be 3: rule")),
        ([1, 2, 3], [1, 5, 3], Check("it", 3, 3, "lots row 1 column cost is 5, must be 2: rule")),
        ([1, 2, 3], [1, 1, 9], Check("it", 3, 6, "lots row 1 column cost is 1, must be 2: rule (and 1 more)")),
        ([0] * 1002, [1] * 999 + [5, 7, 8], Check("it", 1002, 5, "lots row 0 column cost is 1, must be 0: rule (and 1001 more)")),
    ],
)
def test_two_arrays_are_compared(must: list[int], found: list[int], check: Check) -> None:
    """The largest difference is sought among the first thousand."""
    assert compared("it", np.array(must), np.array(found), "rule", "lots cost") == check
    elsewhere = compared("it", np.array(must), np.array(found), "rule", lambda i: f"place {i}")
    assert elsewhere.detail == check.detail.replace("lots row", "place").replace(" column cost", "")


def test_the_text_of_a_certificate() -> None:
    good = Check("equity", 1234, 0, "rule")
    wrong = [Check(f"wrong{'!' * k}", k, k, f"off by {k}") for k in (1, 2, 3, 4)]
    assert Certificate(()).line() == "reconciled: 0 marks, residual 0" and str(Certificate(())) == Certificate(()).line()
    assert Certificate((wrong[0], good)).marks == 1234
    bad = Certificate((good, *wrong))
    assert bad.line() == "NOT RECONCILED: 4 of 5 checks failed: wrong!: off by 1; wrong!!: off by 2; wrong!!!: off by 3"
    assert bad.identity == "" and not bad.ok
    assert str(Certificate((good, wrong[3]))).split("\n") == [
        "NOT RECONCILED: 1 of 2 checks failed: wrong!!!!: off by 4",
        "  equity     ok            1,234 numbers, residual 0: rule",
        "  wrong!!!!  FAILED            4 numbers, residual 4: off by 4",
    ]
    assert bad.to_dict()["checks"][1] == {"name": "wrong!", "ok": False, "count": 1, "residual": 1, "detail": "off by 1"}  # type: ignore[index]


REFERENCES = [
    ("orders", "strategy", 0, 2), ("orders", "symbol", 0, 2), ("orders", "status", 0, len(OrderStatus)), ("orders", "lot_id", -1, None),
    ("order_events", "order_id", 0, None), ("order_events", "event", 0, len(OrderEvent)),
    ("order_events", "status_before", 0, len(OrderStatus)), ("order_events", "fill_id", -1, None), ("fills", "lot_id", -1, None),
    ("postings", "currency", -1, 1), ("postings", "symbol", -1, 2), ("lot_closes", "open_fill", 0, None),
]  # fmt: skip


@pytest.mark.parametrize("table, column, lowest, many", REFERENCES)
def test_a_reference_to_nothing_is_the_only_thing_said(table: str, column: str, lowest: int, many: int | None) -> None:
    record = record_of()
    count = many if many is not None else len(record.tables["fills" if column == "open_fill" else f"{column[:-3]}s"])
    rows = record.tables[table]
    for value in (lowest - 1, count):
        broken = changed(record, table, column, 1, value - int(rows[column][1]))
        broken = changed(broken, table, column, 3, value - int(rows[column][3]))
        words = (
            f"{table} row 1 column {column} is {value}, must be from {lowest} to {count - 1}: there is nothing else to refer to"
        )
        assert certify(broken).checks == (Check("references", len(rows), 2, words),)
        assert list(table_checks(broken)) == list(certify(broken).checks)
    for value in (lowest, count - 1):
        broken = changed(record, table, column, 1, value - int(rows[column][1]))
        assert all(check.name != "references" for check in certify(broken).checks)


def test_equity_that_cannot_be_recomputed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    record = record_of()

    def fails(view: Portfolio) -> None:
        raise CheckFailed("no rate")

    monkeypatch.setattr(Portfolio, "books", property(fails))
    certificate = certify(record)
    assert failed(certificate) == [Check("equity", 90, 1, "cannot be recomputed: no rate")]
    assert certificate.statements == () and certificate.identity == ""


def test_a_wrong_equity_and_a_wrong_posting_to_cash_are_placed_in_time() -> None:
    record = record_of()
    equity = record.equity.copy()
    equity[17] += 5
    said = failed(certify(but(record, equity=equity)))[0]
    when = f"{str(np.datetime64(int(record.instants[17]), 'ns')).rstrip('0').rstrip('.')}Z"
    assert (said.name, said.residual) == ("equity", 5)
    assert said.detail.startswith(f"equity row 17 column equity, {when}, is {equity[17]}, must be {equity[17] - 5}: ")
    postings = record.tables["postings"]
    row = int(np.flatnonzero((postings["account"] == Account.CASH) & (postings["fill_id"] >= 0))[0])
    at = int(np.searchsorted(record.instants, postings["instant"][row]))
    rows = np.flatnonzero((postings["account"] == Account.CASH) & (postings["instant"] == postings["instant"][row]))
    said = next(check for check in certify(changed(record, "postings", "money", row, 3)).checks if check.name == "cash USD")
    when = f"{str(np.datetime64(int(record.instants[at]), 'ns')).rstrip('0').rstrip('.')}Z"
    assert said.residual == 3
    assert said.detail.startswith(f"postings rows {rows[0]} to {rows[-1]} column money: cash USD at {when} is ")


@pytest.mark.parametrize("currency", (1, 2))
def test_cash_of_an_instant_without_postings_is_placed_too(currency: int) -> None:
    record = record_of("fx")
    view = Portfolio(record)
    postings = record.tables["postings"]
    own = (postings["account"] == Account.CASH) & (postings["currency"] == currency)
    used = view.at(postings["instant"][own])
    code = record.currencies[currency].code
    for at in (int(used[0]), next(i for i in range(90) if i not in used)):
        other = Portfolio(record)
        other.books.cash[currency, at] += 1
        said = next(check for check in certify(record, other).checks if check.name == f"cash {code}")
        rows = np.flatnonzero(own & (view.at(postings["instant"]) == at))
        which = f"postings rows {rows[0]} to {rows[-1]}" if len(rows) else "postings"
        assert said.detail.startswith(f"{which} column money: cash {code} at ")


def test_a_position_without_a_strategy_is_no_position_of_the_last_one() -> None:
    record = record_of()
    postings = record.tables["postings"]
    row = int(np.flatnonzero((postings["account"] == Account.POSITION) & (postings["strategy"] == 1))[0])
    lots = int(postings["quantity"][row])
    said = failed(certify(changed(record, "postings", "strategy", row, -2)))
    assert [(check.name, check.residual) for check in said] == [("positions by postings", abs(lots))]
    symbol = record.names.symbols[int(postings["symbol"][row])]
    assert said[0].detail.startswith(f"postings column quantity: position in {symbol} is ")
    lot = int(np.flatnonzero(record.tables["lots"]["symbol"] == 1)[0])
    said = failed(certify(changed(record, "lots", "remaining", lot)))
    assert said[-1].name == "lots remaining" and said[-2].detail.startswith("lots column remaining: position in BBB is ")


def test_a_fill_that_opens_nothing_names_no_lot_and_a_result_is_proceeds_less_cost() -> None:
    record = record_of()
    fills, closes = record.tables["fills"], record.tables["lot_closes"]
    row = int(np.flatnonzero(fills["lot_id"] == -1)[0])
    said = next(check for check in certify(changed(record, "fills", "lot_id", row, 1)).checks if check.name == "fills lot_id")
    assert said == Check(
        "fills lot_id", len(fills), 1, f"fills row {row} column lot_id is 0, must be -1: no lot where nothing was opened"
    )
    must = int(closes["realised"][2])
    said = next(check for check in certify(changed(record, "lot_closes", "realised", 2, 4)).checks if check.name == "lot closes")
    words = f"lot_closes row 2 column realised is {must + 4}, must be {must}: proceeds less cost"
    assert said == Check("lot closes", len(closes), 4, words)


@pytest.mark.parametrize("column", ("money", "quantity"))
@pytest.mark.parametrize("number", (0, 5, -1))
def test_an_entry_that_does_not_sum_to_zero_is_named(column: str, number: int) -> None:
    record = record_of("fx")
    postings = record.tables["postings"]
    row = int(np.flatnonzero(postings[column])[number])
    entry = postings["entry"][row]
    rows = np.flatnonzero(postings["entry"] == entry)
    said = next(check for check in certify(changed(record, "postings", column, row, 7)).checks if check.name == "entries")
    words = (
        f"postings rows {rows[0]} to {rows[-1]} column {column}: sum of entry {entry} is 7, must be 0: every entry sums to zero"
    )
    assert (said.residual, said.detail) == (7, words)


@pytest.mark.parametrize("symbol", (-1, 0, 1))
def test_lots_in_any_instrument_and_in_none_are_of_their_entry(symbol: int) -> None:
    record = record_of()
    postings = record.tables["postings"]
    row = int(np.flatnonzero((postings["symbol"] == symbol) & (postings["fill_id"] >= 0))[5])
    said = next(check for check in certify(changed(record, "postings", "quantity", row, 7)).checks if check.name == "entries")
    assert f" column quantity: sum of entry {postings['entry'][row]} is 7, must be 0: " in said.detail


def test_an_entry_is_balanced_in_each_currency_and_instrument() -> None:
    record = record_of("fx")
    postings = record.tables["postings"]
    row = int(np.flatnonzero((postings["account"] == Account.TRADING) & (postings["symbol"] == 0))[0])
    for column, by in (("symbol", 1), ("currency", 1)):
        said = next(check for check in certify(changed(record, "postings", column, row, by)).checks if check.name == "entries")
        assert said.residual > 0 and said.detail.endswith("every entry sums to zero (and 1 more)")


def test_without_postings_there_is_no_entry() -> None:
    record = record_of()
    tables = {**record.tables, "postings": record.tables["postings"][:0]}
    assert Check("entries", 0, 0, "every entry sums to zero") in certify(but(record, tables=tables)).checks


def life_of(record: RunRecord) -> Check:
    return next(check for check in certify(record).checks if check.name == "life cycle")


def test_wrong_steps_of_orders_are_told_in_words() -> None:
    record = record_of()
    events, orders = record.tables["order_events"], record.tables["orders"]
    rows = len(events)
    row = int(np.flatnonzero(events["event"] == OrderEvent.ACCEPT)[3])
    order = int(events["order_id"][row])
    filled = OrderStatus.FILLED - OrderStatus.NEW
    said = life_of(changed(record, "order_events", "status", row, filled))
    assert (said.count, said.residual) == (rows, 2)
    assert said.detail == f"order_events row {row} column status: PENDING_NEW on ACCEPT to FILLED is no legal step (and 1 more)"
    row = int(np.flatnonzero((events["event"] == OrderEvent.SUBMIT) & (events["order_id"] > 0))[0])
    said = life_of(changed(record, "orders", "status", order, int(OrderStatus.INITIALIZED - orders["status"][order])))
    last = OrderStatus(int(orders["status"][order])).name
    words = f"orders row {order} column status is INITIALIZED, must be {last}: the last event's"
    assert said == Check("life cycle", rows, 1, words)
    both = changed(record, "order_events", "order_id", row, -1)
    assert life_of(both).residual >= 2 and "which is not where the event before left order " in life_of(both).detail
    several = changed(changed(record, "orders", "status", 0), "orders", "status", 1)
    assert life_of(several).detail.endswith("the last event's (and 1 more)")


@pytest.mark.parametrize("missing, ok, stopped", [(0, 0, 0), (1, 1, 0), (3, 3, 2), (-1, 1, 0)])
def test_intents_are_counted(missing: int, ok: int, stopped: int) -> None:
    record = record_of()
    asked = record.counters["intents"]
    other = but(record, counters={**record.counters, "intents": asked + missing})
    words = f"every intent has orders or a count: {asked} of {asked + missing}"
    assert Check("intents", asked + missing, ok, words) in certify(other).checks
    for state in (RunState.FAILED, RunState.INTERRUPTED):
        checks = certify(but(other, state=state)).checks
        assert Check("intents", asked + missing, stopped, "every intent has orders or a count, but the last") in checks
        assert Check("ends", 0, 0, "the run stopped: orders may be working") in checks
    # The engine's own orders come from no intent, and a count that is not there is 0.
    own = changed(record, "orders", "intent_id", 2, -3)
    found = asked - record.counters["no_change"] - 1
    words = f"every intent has orders or a count: {found} of 0"
    assert Check("intents", 0, found, words) in certify(but(own, counters={})).checks
    first = changed(record, "orders", "intent_id", 2, -2)
    assert Check("intents", 0, found, words) in certify(but(first, counters={})).checks


def test_orders_at_work_at_the_end_are_counted() -> None:
    record = record_of()
    for row in (4, 2):
        record = changed(record, "orders", "status", row, int(OrderStatus.NEW - record.tables["orders"]["status"][row]))
    words = "orders row 2 column status: the order is working at the end; every order has its last record"
    assert Check("ends", len(record.tables["orders"]), 2, words) in certify(record).checks


def test_of_a_working_order_the_quantity_less_what_was_filled_is_left() -> None:
    record = record_of()
    orders = record.tables["orders"]
    row = int(np.flatnonzero(orders["status"] == OrderStatus.FILLED)[0])
    working = changed(record, "orders", "status", row, int(OrderStatus.PARTIALLY_FILLED - OrderStatus.FILLED))
    assert Check("orders leaves_quantity", len(orders), 0, "quantity less cum_quantity, 0 when done") in certify(working).checks
    said = {check.name: check for check in certify(changed(working, "orders", "quantity", row, 5)).checks}[
        "orders leaves_quantity"
    ]
    assert said.detail.startswith(f"orders row {row} column leaves_quantity is 0, must be 5: ")


def test_a_lot_that_no_fill_opened_is_named() -> None:
    record = record_of()
    lots = record.tables["lots"]
    fill = int(lots["open_fill"][3])
    broken = changed(record, "fills", "lot_id", fill, -1 - 3)
    said = {check.name: check for check in certify(broken).checks}["lots open_fill"]
    assert said.detail == f"lots row 3 column open_fill is {fill}, must be -1: that of the fills that went into it"


def trade_checks(record: RunRecord, trades: Any) -> dict[str, Check]:
    return {check.name: check for check in certify(record, trades=trades).checks if not check.ok}


def test_a_wrong_trade_is_named_with_its_row_where_trades_are_as_many() -> None:
    record = record_of()
    good = Result(record)._trades
    for column, names in (("quantity", ("trades quantity", "positions by trades")), ("net_pnl", ("trades net_pnl",))):
        trades = good.copy()
        trades[column][3] += 6
        for name in names:
            assert trade_checks(record, trades)[name].detail.startswith(f"trades row 3 column {column}: the sum is ")
    short = trade_checks(record, good[:-1])
    assert short["trades quantity"].detail.startswith("trades column quantity: the sum is ")
    assert short["trades quantity"].residual == good["quantity"][-1]
    trades = good.copy()
    trades["gross_pnl"][2] += 4
    assert list(trade_checks(record, trades)) == ["trades"]
    must = int(good["net_pnl"][2])
    assert trade_checks(record, trades)["trades"].detail == (
        f"trades row 2 column net_pnl is {must}, must be {must + 4}: gross_pnl - fees + financing"
    )
    trades["financing"][2] -= 4
    assert not trade_checks(record, trades)
    last = good.copy()
    row = int(np.flatnonzero(last["strategy"] == 1)[0])
    last["strategy"][row] = -1
    assert trade_checks(record, last)["positions by trades"].residual == last["quantity"][row]
