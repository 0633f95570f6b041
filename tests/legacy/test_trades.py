"""Trades of the previous system in each of its five forms: what is read, what is assumed, what is refused, what is found."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from fillwright.errors import UsageError
from fillwright.legacy.trades import OldRun, read_equity, read_trades
from fillwright.result.compare import compare
from fillwright.result.imported import save_imported
from fillwright.result.trade_match import TradeComparison
from fillwright.verify import Verification, verify_folder

T1, T2, T3 = "2024-03-26 09:31:00", "2024-03-26 09:41:00", "2024-03-26 09:51:00"
UTC = "2024-03-26T09:31:00+00:00"
NS1 = 1_711_445_460_000_000_000


def write(folder: Path, header: str, *rows: str, name: str = "trades.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def read(folder: Path, header: str, *rows: str) -> OldRun:
    return read_trades(write(folder, header, *rows))


def judged(run: OldRun, folder: Path, pnl: Any = "gross", **how: Any) -> Verification:
    saved = save_imported(run, pnl, folder / "imported", **how)
    return verify_folder(saved)


def only(run: OldRun) -> tuple[Any, ...]:
    (trade,) = run.trades
    return trade.symbol, trade.side, trade.quantity, trade.entry_price, trade.exit_price, trade.pnl, trade.fees


# ---- the five forms ----------------------------------------------------------------------------------------------------------


def test_the_data_model(tmp_path: Path) -> None:
    """core/data_model.Trade, as JSON: no commission, an open trade with an exit of nothing."""
    records = [
        {"id": "a", "symbol": "SPY", "direction": "LONG", "quantity": 10, "entry_price": 100.1, "entry_time": T1,
         "exit_price": 101.3, "exit_time": T2, "pnl": 12.0, "closed": True, "exit_reason": "stop", "related_order_ids": ["x"]},
        {"id": "b", "symbol": "SPY", "direction": "SHORT", "quantity": 5, "entry_price": 101.0, "entry_time": T2,
         "exit_price": None, "exit_time": None, "pnl": 0.0, "closed": False, "exit_reason": None, "related_order_ids": []},
    ]  # fmt: skip
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"trades": records, "parameters": {"fast": 5}}), encoding="utf-8")
    run = read_trades(path)
    first, second = run.trades
    assert (first.side, first.quantity, first.entry_price, first.exit_price) == (1, 10, Fraction("100.1"), Fraction("101.3"))
    assert (first.entry_time, first.pnl, first.exit_reason) == (NS1, 12, "stop")
    assert not second.closed and second.side == -1
    verification = judged(run, tmp_path)
    assert verification.ok and verification.notes == ()


def test_the_trade_repository(tmp_path: Path) -> None:
    """Exit under the name close_; a partial close overwrote the quantity."""
    run = read(
        tmp_path,
        "id,symbol,direction,quantity,entry_price,entry_time,close_price,close_time,closed,closed_quantity,pnl,related_order_ids",
        f"trade_fill_order_1,SPY,SHORT,50,102,{T1},100,{T2},True,100,200,[]",
    )
    assert only(run) == ("SPY", -1, 100, 102, 100, 200, 0)
    assert any("closed_quantity goes before quantity" in note for note in run.assumed)
    assert judged(run, tmp_path).notes == ()


def test_the_portfolio_manager(tmp_path: Path) -> None:
    """One record per fill, direction that of the fill, result on the closing one: opening and closing row are one trade."""
    run = read(
        tmp_path,
        "id,symbol,direction,quantity,entry_price,entry_time,exit_price,exit_time,commission,closed,pnl,rule_id",
        f"1,SPY,BUY,100,520.10,{T1},,,1.5,False,0.0,r1",
        f"2,SPY,SELL,100,520.10,{T1},521.10,{T2},1.5,True,100.0,r2",
        f"3,QQQ,SELL,10,400,{T1},,,0.5,False,0.0,r3",
    )
    trade, still = sorted(run.trades, key=lambda trade: trade.symbol, reverse=True)
    assert (trade.side, trade.quantity, trade.fees, trade.pnl, trade.closed) == (1, 100, 3, 100, True)
    assert (still.symbol, still.side, still.closed) == ("QQQ", -1, False)
    assert any("1 opening rows are closed by a later row" in note for note in run.assumed)
    assert judged(run, tmp_path).notes == ()


def test_the_side_of_the_closing_fill_is_recognised_by_the_results(tmp_path: Path) -> None:
    run = read(
        tmp_path,
        "symbol,direction,quantity,entry_price,entry_time,exit_price,exit_time,pnl",
        f"SPY,SELL,10,100,{T1},101,{T2},10",
        f"SPY,BUY,10,101,{T2},99,{T3},20",
    )
    assert [trade.side for trade in run.trades] == [1, -1]
    assert any("the side is that of the closing fill: all 2 results" in note for note in run.assumed)


def test_the_trade_registry(tmp_path: Path) -> None:
    """Every column twice: timestamp and exit_time, quantity and size, pnl and realized_pnl."""
    run = read(
        tmp_path,
        "id,timestamp,symbol,direction,quantity,size,price,fill_price,commission,pnl,realized_pnl,entry_time,exit_time,"
        "entry_price,exit_price,trade_value,order_id,rule_id,transaction_id,status",
        f"1,{T2},SPY,BUY,10,10,101.0,101.0,0.25,9.5,9.50,{T1},{T2},100,101.0,1010,o1,r1,x1,CLOSED",
        f"2,{T3},SPY,BUY,10,10,102.0,102.0,0.25,,,{T3},,102,,1020,o2,r2,x2,OPEN",
    )
    closed, still = run.trades
    assert (closed.exit_price, closed.pnl, closed.fees, closed.rule_id) == (101, Fraction("9.5"), Fraction("0.25"), "r1")
    assert not still.closed and still.entry_price == 102
    # Declared net, the gross result is 9.75, and the prices say 10.
    assert "9.750000, its prices 10.000000" in judged(run, tmp_path, "net").notes[0]


def test_the_fixed_portfolio(tmp_path: Path) -> None:
    """Fills only: matched first in, first out; a fill through zero closes and opens; sums are kept."""
    run = read(
        tmp_path,
        "id,timestamp,symbol,direction,quantity,price,commission,pnl,action_type",
        f"1,{T1},SPY,BUY,100,520.1,1,-1,OPEN",
        f"2,{T2},SPY,SELL,50,521.1,1,50,CLOSE",
        f"3,{T3},SPY,SELL,150,522.1,3,100,CLOSE",
        "4,2024-03-26 10:00:00,SPY,BUY,40,521.1,1,40,CLOSE",
    )
    first, second, third, still = run.trades
    assert [trade.quantity for trade in run.trades] == [50, 50, 40, 60]
    assert [trade.side for trade in run.trades] == [1, 1, -1, -1]
    assert (first.pnl, second.pnl, third.pnl) == (Fraction("49.5"), Fraction("99.5"), 40)
    assert sum(trade.fees for trade in run.trades) == 6
    assert third.entry_time == second.exit_time and not still.closed
    assert any("4 fills, matched first in first out per symbol: 3 closing fills" in note for note in run.assumed)


def test_fills_average_their_entry(tmp_path: Path) -> None:
    rows = (f"{T1},A,1,1,10,0", f"{T2},A,1,2,13,0", f"{T3},A,-1,3,14,6")
    run = read(tmp_path, "timestamp,symbol,side,size,fill_price,realized_pnl", *rows)
    assert only(run) == ("A", 1, 3, 12, 14, 6, 0)
    assert judged(run, tmp_path).notes == ()


# ---- spellings and conflicts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word, side", [("BUY", 1), ("Long", 1), ("1", 1), ("1.0", 1), ("SELL", -1), ("short", -1), ("-1", -1)])
def test_sides(word: str, side: int, tmp_path: Path) -> None:
    run = read(tmp_path, "symbol,side,quantity,open_price,open_time", f"A,{word},2,5,{T1}")
    assert run.trades[0].side == side


@pytest.mark.parametrize("text", [T1, T1.replace(" ", "T"), UTC, "2024-03-26T09:31:00Z", "2024-03-26 10:31:00.000000+01:00"])
def test_times(text: str, tmp_path: Path) -> None:
    assert read(tmp_path, "symbol,side,quantity,open_price,open_time", f"A,BUY,2,5,{text}").trades[0].entry_time == NS1


@pytest.mark.parametrize(
    "header, row, expected",
    [
        ("quantity,size", "10,11", "trades.csv:2: column size: '11', but column quantity says '10'"),
        ("quantity,pnl,realized_pnl", "10,1,2", "column realized_pnl: '2', but column pnl says '1'"),
        ("quantity,direction,side", "10,BUY,SHORT", "column side: 'SHORT', but column direction says 'BUY'"),
        ("quantity,side", "10,UP", "column side: 'UP' is no side"),
        ("quantity,side", "ten,BUY", "column quantity: 'ten' is not a number"),
        ("quantity,side", "0,BUY", "column quantity: a quantity of 0"),
        ("quantity,side", "-5,BUY", "column quantity: negative, but the side says buy"),
        ("quantity,side", ",BUY", "trades.csv:2: no quantity"),
        ("quantity,commission", "1,-2", "column commission: fees must not be negative"),
        ("quantity,closed", "1,perhaps", "column closed: 'perhaps' is neither open nor closed"),
        ("quantity,closed", "1,False", "column closed: says that the trade is open, but there is an exit price"),
        ("quantity,timestamp", f"1,{T3}", "column timestamp: '2024-03-26 09:51:00' is not what the row's exit says"),
        ("quantity,pnl", "1,nonsense", "column pnl: 'nonsense' is not a number"),
        ("quantity,pnl", "1e999999999,1", "column quantity: '1e999999999' is out of range"),
        ("quantity,pnl", "1", "trades.csv:2: 6 cells, the header has 7"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_its_place(header: str, row: str, expected: str, tmp_path: Path) -> None:
    start, values = "symbol,entry_price,entry_time,exit_price,exit_time,", f"A,5,{T1},6,{T2},"
    with pytest.raises(UsageError) as caught:
        read(tmp_path, start + header, values + row)
    assert expected in str(caught.value)
    assert "nothing was imported" in str(caught.value)


def test_all_bad_rows_are_told_at_once(tmp_path: Path) -> None:
    header = "symbol,side,quantity,open_price,open_time"
    with pytest.raises(UsageError) as caught:
        read(tmp_path, header, f"A,BUY,x,5,{T1}", f"A,BUY,1,-5,{T1}", "A,BUY,1,5,yesterday", f",BUY,1,5,{T1}", f"A,BUY,1,5,{T1}")
    text = str(caught.value)
    assert all(f"trades.csv:{line}" in text for line in (2, 3, 4, 5)) and "trades.csv:6" not in text


def test_a_row_without_an_entry_time_or_a_price_is_none(tmp_path: Path) -> None:
    for header, row, expected in (
        ("symbol,side,quantity,entry_price,exit_price,exit_time", f"A,BUY,1,5,6,{T1}", "no entry_time"),
        ("symbol,side,quantity,timestamp", f"A,BUY,1,{T1}", "no price"),
        ("symbol,side,quantity,price", "A,BUY,1,5", "no time"),
        ("symbol,side,quantity,entry_price,entry_time,closed", f"A,BUY,1,5,{T1},True", "no exit_price"),
    ):
        with pytest.raises(UsageError, match=expected):
            read(tmp_path, header, row)


@pytest.mark.parametrize(
    "content, expected",
    [("", "holds no rows"), ("a,a\n1,2\n", "twice"), ("[1]", "holds no rows")],
)
def test_files_that_are_none(content: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=expected):
        read_trades(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_trades(tmp_path / "absent.csv")
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be read"):
        read_trades(broken)
    broken.write_text('{"other": 1}', encoding="utf-8")
    with pytest.raises(UsageError, match="neither a list of trades"):
        read_trades(broken)


# ---- the folder --------------------------------------------------------------------------------------------------------------

WHOLE = "symbol,side,quantity,entry_price,entry_time,exit_price,exit_time,commission,pnl"


def with_equity(folder: Path, *rows: str) -> OldRun:
    run = read(folder, WHOLE, f"A,BUY,10,5,{T1},6,{T2},0.5,10", f"A,SELL,10,6,{T2},7,{T3},0.5,-10")
    read_equity(write(folder, "timestamp,equity,cash,positions_value", *rows, name="equity.csv"), run)
    return run


def test_gross_and_net_are_what_was_declared(tmp_path: Path) -> None:
    for pnl, gross, net in (("gross", 10, 9.5), ("net", 10.5, 10)):
        run = read(tmp_path, WHOLE, f"A,BUY,10,5,{T1},6,{T2},0.5,10")
        saved = save_imported(run, pnl, tmp_path / pnl)  # type: ignore[arg-type]
        trade = compare(saved, saved)
        assert isinstance(trade, TradeComparison) and trade.equal
        assert {name: one for name, one, _, _ in trade.sums} == {
            "fees": "0.5",
            "gross_pnl": f"{gross:g}",
            "net_pnl": f"{net:g}",
        }


def test_equity_that_agrees_with_net_results(tmp_path: Path) -> None:
    run = with_equity(tmp_path, f"{T1},1000,1000,0", f"{T2},1009.5,1009.5,0", f"{T2},1009.25,1009.25,0", f"{T3},999,999,0")
    verification = judged(run, tmp_path)
    assert verification.ok and verification.notes == ()
    assert any("1 rows have the time of the row above" in note for note in run.assumed)
    assert "began with the first equity" in " ".join(run.assumed)


def test_results_that_are_not_the_change_of_equity_are_found_and_the_folder_is_intact(tmp_path: Path) -> None:
    """Trades gross, equity net: the most frequent disagreement of the recorded runs."""
    run = with_equity(tmp_path, f"{T1},1000,1000,0", f"{T3},1000,900,50")
    verification = judged(run, tmp_path)
    assert verification.ok, "an import that keeps a contradiction is a faithful one"
    said = " ".join(verification.notes)
    assert "cash + positions_value is not equity" in said
    assert "sum to -1.000000, equity changed by 0.000000" in said
    assert "the gross results agree, so fees were not taken from equity" in said
    assert "CONTRADICTS ITSELF (2)" in verification.text()


def test_what_an_old_record_may_have_wrong_in_itself(tmp_path: Path) -> None:
    run = read(tmp_path, WHOLE, f"A,BUY,1,5,{T1},5,{T1},0.5,-1.1", f"A,BUY,1,5,{T2},6,{T1},0,1")
    said = " ".join(judged(run, tmp_path, cash="1000").notes)
    assert "gross results that do not follow from their prices (1 of 2): row 0 (A) says -1.100000, its prices 0.000000" in said
    assert "end before they begin (1 of 2)" in said and "end when they begin (1 of 2)" in said


def test_equity_errors(tmp_path: Path) -> None:
    for rows, expected in (
        ((f"{T2},1,1,0", f"{T1},1,1,0"), "equity.csv:3: column timestamp: earlier than the row above"),
        ((f"{T2},,1,0",), "equity.csv:2: no equity"),
        ((f"{T2},x,1,0",), "column equity: 'x' is not a number"),
    ):
        with pytest.raises(UsageError, match=expected):
            with_equity(tmp_path, *rows)


def test_an_old_run_and_its_run_anew(tmp_path: Path) -> None:
    old = read(tmp_path, WHOLE, f"A,BUY,10,5,{T1},6,{T2},0.5,10", f"A,SELL,10,6,{T2},7,{T3},0.5,-10")
    again = read(tmp_path, WHOLE, f"A,BUY,10,5,{T1},6.1,{T2},0.5,11", f"B,SELL,10,6,{T2},7,{T3},0.5,-10")
    one, two = (save_imported(run, "gross", tmp_path / name) for run, name in ((old, "old"), (again, "again")))
    comparison = compare(one, two)
    assert isinstance(comparison, TradeComparison) and not comparison.equal
    (pair,) = comparison.pairs
    assert pair.cells == (("exit_price", "6", "6.1"), ("gross_pnl", "10", "11"), ("net_pnl", "9.5", "10.5"))
    assert len(comparison.only_one) == len(comparison.only_two) == 1 and " B at 6 on " in comparison.only_two[0]
    assert ("net_pnl", "-1", "0", "1") in comparison.sums
    assert "only in" in comparison.text() and "exit_price 6 | 6.1" in comparison.text()
