"""What the verifier expects of trades: one story grouped three ways by hand, and what cannot be recomputed held to its sign."""

from __future__ import annotations

from typing import Any

import pytest

from fillwright.verify.audit import Audit, Check
from fillwright.verify.ledger import book, check_ledger
from fillwright.verify.trades import _excursions, _Slippage, check_trades
from verify.planted import Planted, Recorder, columns_of

ORDERS = columns_of("strategy symbol side lot_id rule_id tag", [
    ("a", "AAA", "buy", -1, "in", "x"),
    ("a", "AAA", "sell", -1, "out", None),
    ("b", "SAP", "buy", -1, None, "y"),
    ("b", "SAP", "sell", -1, "sap", None),
    ("a", "AAA", "buy", -1, "late", None),
])  # fmt: skip
FILLS = columns_of("order_id reference_price spread slippage impact limit tick quantity fee instant time exit_reason", [
    (0, 100, 0, 1, 0, 0, 0, 10, 2, 10, 9, "none"),  # lot 0: 10 for 1010, fee 2
    (1, 111, -1, 0, 0, 0, 0, 4, 1, 20, 19, "signal"),  # 4 of them out at 110
    (1, 92, 0, 0, 0, 0, -2, 10, 5, 30, 29, "reversal"),  # 6 out at 90, then lot 1: 4 sold short
    (2, 50, 0, 0, 0, 0, 0, 3, 0, 30, 30, "none"),  # lot 2, in another currency
    (3, 60, 0, 0, 0, 0, 0, 3, 0, 30, 30, "signal"),  # out within the instant: never marked
    (4, 94, 0, 0, 1, 0, 0, 1, 1, 50, 49, "signal"),  # 1 of 4 bought back after the last stored instant
])  # fmt: skip


def folder(grouping: str, lots: str = "fifo", instants: tuple[int, ...] = (10, 20, 30, 40)) -> Planted:
    marks = columns_of("symbol price currency", [("AAA", 120, None), (None, 0, "EUR"), ("AAA", 80, None), (None, 7, "EUR")])
    signs: dict[str, list[Any]] = {"mae": [0], "mfe": [0], "bars_held": [0]}
    made = Planted(orders=ORDERS, fills=FILLS, marks=marks, equity={"instant": list(instants)}, trades=signs)
    made.grouping, made.lots = grouping, lots
    return made


def expected(grouping: str, **more: Any) -> dict[str, list[Any]]:
    made = folder(grouping, **more)
    audit = Recorder(made)
    check_trades(audit, book(made))
    assert audit.checks == [Check("trades.signs", True, 3, "")]
    return {name.removeprefix("trades."): list(values) for name, values in audit.expected.items()}


def test_trades_by_lot() -> None:
    assert expected("lot") == {
        "strategy": ["a", "a", "b"],
        "symbol": ["AAA", "AAA", "SAP"],
        "side": ["buy", "sell", "buy"],
        "quantity": [10, 4, 3],
        "entry_time": [9, 29, 30],
        "entry_price": [101, 90, 50],
        "exit_time": [29, 0, 30],
        "exit_price": [(4 * 110 + 6 * 90) // 10, 95, 60],
        "gross_pnl": [440 + 540 - 1010, (90 - 95) + (270 - 3 * 95), 600 - 500],
        "fees": [(1 + 1) + (1 + 3), (0 + 1) + 2, 0],
        "slippage_cost": [10 + 4 + 12, 8 + 1, 0],
        "financing": [0, 0, 0],
        "net_pnl": [-30 - 6, -20 - 3, 100],
        "status": ["closed", "open", "closed"],
        "exit_reason": ["reversal", "none", "signal"],
        "rule_id_entry": ["in", "out", None],
        "rule_id_exit": ["out", None, "sap"],
        "tag": ["x", None, "y"],
        "entry_order": [0, 1, 2],
        "exit_order": [1, -1, 3],
        "entry_fill": [0, 2, 3],
        "exit_fill": [2, -1, 4],
    }


def test_trades_by_fill() -> None:
    """The entry's slippage of 10 is shared 4 to 6, that of 8 is shared 2 to 6."""
    found = expected("fill_to_fill")
    assert found["entry_fill"] == [0, 0, 2, 2, 3] and found["exit_fill"] == [1, 2, 5, -1, 4]
    assert found["quantity"] == [4, 6, 1, 3, 3]
    assert found["gross_pnl"] == [440 - 404, 540 - 606, 90 - 95, 270 - 285, 100]
    assert found["fees"] == [2, 4, 1, 2, 0]
    assert found["slippage_cost"] == [4 + 4, 6 + 12, 2 + 1, 6, 0]
    assert found["exit_price"] == [110, 90, 95, 95, 60] and found["entry_price"] == [101, 101, 90, 90, 50]
    assert found["exit_time"] == [19, 29, 49, 0, 30]


def test_trades_from_flat_to_flat() -> None:
    found = expected("flat_to_flat")
    assert found["entry_fill"] == [0, 2, 3] and found["exit_fill"] == [2, -1, 4]
    assert found["gross_pnl"] == [-30, -20, 100] and found["exit_price"] == [98, 95, 60]


def test_without_late_fills_the_last_mark_counts() -> None:
    found = expected("lot", instants=(10, 20, 30, 50))
    assert found["exit_price"][1] == 80 and found["gross_pnl"][1] == (90 - 95) + (270 - 3 * 80)


def test_without_stored_instants_the_last_fill_counts() -> None:
    assert expected("lot", instants=())["exit_price"][1] == 95


def test_average_booking_shares_the_slippage_of_all_entries() -> None:
    """In 10 and 5, out 6 and 9, in again 2: what each close takes of 10 + 20, then of what is left; then 4 in a lot of its own."""
    made = Planted(
        orders=columns_of("strategy symbol side lot_id", [("a", "AAA", "buy", -1), ("a", "AAA", "sell", -1)]),
        fills=columns_of("order_id reference_price spread slippage impact limit tick quantity fee instant", [
            (0, 100, 0, 1, 0, 0, 0, 10, 0, 1), (1, 100, 0, 0, 0, 0, 0, 2, 0, 2), (0, 100, 4, 0, 0, 0, 0, 5, 0, 3),
            (1, 100, 0, 0, 0, 0, 0, 5, 0, 4), (0, 100, 0, 0, 0, 0, 3, 2, 0, 5),
        ]),
    )  # fmt: skip
    made.lots = "average"
    ledger = book(made)
    taken, left = _Slippage(made, ledger).taken(ledger, ledger.lots[0])
    # 2 of 10 take 2 of 10; 5 of 13 take 28 * 5 / 13 = 10.77; the 6 of the last entry stay with the 17 that are left.
    assert (taken, left) == ({0: 2, 1: 11}, 17 + 6)


def undone(lots: str) -> Planted:
    """Bought 10 at 100, 5 at 110, 3 at 120; the second is undone; 9 sold at 130; the first is undone, then the sale."""
    made = Planted(
        orders=columns_of("strategy symbol side lot_id exit_reason", [
            ("a", "AAA", "buy", -1, "signal"), ("a", "AAA", "sell", -1, "target"),
        ]),
        order_events={"event": ["submit", *["fill_part"] * 3, "bust", "fill_all", "bust", "bust_all"]},
        fills=columns_of("order_id exec_ref_id reference_price spread slippage impact limit tick quantity fee instant", [
            (0, -1, 99, 0, 1, 0, 0, 0, 10, 0, 1), (0, -1, 110, 0, 0, 0, 0, 0, 5, 0, 2), (0, -1, 120, 0, 0, 0, 0, 0, 3, 0, 3),
            (0, 1, 110, 0, 0, 0, 0, 0, 5, 0, 4), (1, -1, 130, 0, 0, 0, 0, 0, 9, 0, 5),
            (0, 0, 99, 0, 1, 0, 0, 0, 10, 0, 6), (1, 4, 130, 0, 0, 0, 0, 0, 9, 0, 7),
        ]),
        lot_closes={"quantity": []}, positions={"quantity": []},
    )  # fmt: skip
    made.lots = lots
    return made


def test_a_fill_that_undoes_another_closes_its_lot_first() -> None:
    """Then whatever is next; what is left of it opens a lot. With lots by age the sale leaves 1 of the first, else 4."""
    made = undone("fifo")
    ledger = book(made)
    audit = Recorder(made)
    check_ledger(audit, ledger)
    assert list(audit.expected["fills.side"]) == ["buy", "buy", "buy", "sell", "sell", "sell", "buy"]
    closes = [(close.fill, close.lot.number, close.quantity, close.proceeds - close.cost) for close in ledger.closes]
    assert closes == [(3, 1, 5, 0), (4, 0, 9, 9 * 30), (5, 0, 1, 0), (5, 2, 3, 3 * -20), (6, 3, 6, 6 * -30)]
    assert ledger.position == [10, 15, 18, 13, 4, -6, 3]
    assert ledger.closing == [0, 0, 0, 5, 9, 4, 6] and ledger.lot_id == [0, 1, 2, -1, -1, 3, 4]
    assert audit.expected["fills.exit_reason"] == ["none", "none", "none", "bust", "target", "reversal", "reversal"]
    made = undone("lifo")
    closes = [(close.fill, close.lot.number, close.quantity) for close in book(made).closes]
    assert closes == [(3, 1, 5), (4, 2, 3), (4, 0, 6), (5, 0, 4), (6, 3, 6)]


def test_what_a_fill_that_is_undone_had_cost_comes_back() -> None:
    made = undone("fifo")
    ledger = book(made)
    slippage = _Slippage(made, ledger)
    assert sum(slippage.opening.values()) + sum(slippage.closing.values()) == 0


def test_an_unknown_grouping_is_said() -> None:
    made = folder("by mood")
    audit = Audit(made)
    check_trades(audit, book(made))
    assert audit.checks == [Check("trades.grouping", False, 1, "run.json: config.report.trades is 'by mood'")]


@pytest.mark.parametrize("column, value", [("mae", 1), ("mfe", -1), ("bars_held", -1)])
def test_what_cannot_be_recomputed_has_a_sign(column: str, value: int) -> None:
    columns = {"mae": [-5, 0, 0], "mfe": [5, 0, 0], "bars_held": [7, 0, 0]}
    columns[column][2] = value
    audit = Audit(Planted(trades=columns))
    _excursions(audit)
    words = f"trades.parquet row 2 column {column}: {value} has the wrong sign"
    assert audit.checks == [Check("trades.signs", False, 9, words)]
