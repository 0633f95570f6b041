"""What the verifier finds in postings and equity: every row worked out by hand, each fault planted and named by its check."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from fillwright.verify import equity
from fillwright.verify.audit import Audit, Check
from fillwright.verify.equity import check_equity
from fillwright.verify.ledger import Ledger
from fillwright.verify.postings import _entries, _entry_numbers, check_postings
from fillwright.verify.reading import FX_DECIMALS
from verify.planted import CURRENCIES, INSTRUMENTS, Planted, columns_of

NAMES = "fill_id instant account strategy symbol currency money quantity entry"
ROWS: list[tuple[Any, ...]] = [
    (-1, 10, "cash", None, None, "USD", 100_000, 0, 0),
    (-1, 10, "transfers", None, None, "USD", -100_000, 0, 0),
    (-1, 10, "cash", None, None, "JPY", 500, 0, 1),
    (-1, 10, "transfers", None, None, "JPY", -500, 0, 1),
    (0, 20, "cash", "a", None, "USD", -5_000, 0, 2),
    (0, 20, "trading", "a", "AAA", "USD", 5_000, -10, 2),
    (0, 20, "position", "a", "AAA", "USD", 0, 10, 2),
    (0, 20, "cash", "a", None, "USD", -3, 0, 2),
    (0, 20, "fees", "a", "AAA", "USD", 3, 0, 2),
    (1, 20, "cash", "b", None, "EUR", 801, 0, 3),
    (1, 20, "trading", "b", "SAP", "EUR", -801, 4, 3),
    (1, 20, "position", "b", "SAP", "EUR", 0, -4, 3),
    (2, 30, "cash", "a", None, "USD", 2_100, 0, 4),
    (2, 30, "trading", "a", "AAA", "USD", -2_100, 4, 4),
    (2, 30, "position", "a", "AAA", "USD", 0, -4, 4),
    (2, 30, "cash", "a", None, "USD", -1, 0, 4),
    (2, 30, "fees", "a", "AAA", "USD", 1, 0, 4),
]
"""Initial cash in two currencies; a buys 10 AAA and sells 4, b sells 4 SAP for which nothing is charged."""

CASH = {"JPY": Fraction(500), "GBP": Fraction(7), "EUR": Fraction(0), "USD": Fraction(1_000)}


def ledger() -> Ledger:
    """The fills of the rows above."""
    return Ledger(
        strategy=["a", "b", "a"], symbol=[0, 1, 0], side=[1, -1, -1], quantity=[10, 4, 4], price=[0, 0, 0],
        notional=[5_000, 801, 2_100], fee=[3, 0, 1], instant=[20, 20, 30], named=[-1] * 3,
    )  # fmt: skip


def said(rows: list[tuple[Any, ...]], instants: tuple[int, ...] = (10, 20, 30)) -> tuple[dict[str, Check], Any, Any]:
    """The checks of postings by name, and what the rows must hold: money and lots."""
    folder = Planted(postings=columns_of(NAMES, rows), equity={"instant": list(instants)})
    folder.cash = CASH
    audit = Audit(folder)
    money, lots = check_postings(audit, ledger())
    return {check.name: check for check in audit.checks}, money, lots


def with_value(row: int, column: str, value: Any) -> list[tuple[Any, ...]]:
    place = NAMES.split().index(column)
    return [(*was[:place], value, *was[place + 1 :]) if k == row else was for k, was in enumerate(ROWS)]


def test_good_postings_are_fine_and_every_number_counted() -> None:
    checks, money, lots = said(ROWS)
    columns = [f"postings.{name}" for name in NAMES.split()]
    counts = {"postings.rows": 17, "postings.deposits": 4, "postings.entries": 17} | dict.fromkeys(columns, 17)
    assert checks == {name: Check(name, True, count, "") for name, count in counts.items()}
    assert money.tolist() == [row[6] for row in ROWS] and lots.tolist() == [row[7] for row in ROWS]


@pytest.mark.parametrize("column", ["instant", "account", "strategy", "symbol", "currency", "money", "quantity", "entry"])
@pytest.mark.parametrize("row", range(len(ROWS)))
def test_each_changed_posting_is_named(row: int, column: str) -> None:
    was = ROWS[row][NAMES.split().index(column)]
    others = {"account": "fees", "strategy": "a", "symbol": "AAA", "currency": "USD"}
    value = was + 1 if isinstance(was, int) else None if was == others[column] else others[column]
    value = "cash" if (column, value) == ("account", None) else value
    words = f"postings.parquet row {row} column {column}: found {value}, expected {was}"
    checks, money, lots = said(with_value(row, column, value))
    assert checks[f"postings.{column}"].detail.startswith(words)
    assert money.tolist() == [row[6] for row in ROWS] and lots.tolist() == [row[7] for row in ROWS]


def test_a_missing_row_of_a_fill() -> None:
    checks, _, _ = said(ROWS[:-1])
    assert checks["postings.rows"] == Check("postings.rows", False, 16, "postings.parquet has 12 rows of fills, must have 13")


@pytest.mark.parametrize("place, late", [(0, ""), (17, "; postings.parquet row 17 column fill_id: a deposit after fills")])
def test_a_deposit_too_many(place: int, late: str) -> None:
    more = (-1, 10, "cash", None, None, "USD", 1, 0, 0)
    checks, _, _ = said([*ROWS[:place], more, *ROWS[place:]])
    late = late or "; postings.parquet row 4 column fill_id: a deposit after fills"
    words = f"postings.parquet has 5 rows of deposits, must have 4{late}"
    assert checks["postings.deposits"] == Check("postings.deposits", False, 5, words)


def test_a_missing_deposit() -> None:
    checks, _, _ = said([*ROWS[:3], *ROWS[4:]])
    assert checks["postings.deposits"].detail == "postings.parquet has 3 rows of deposits, must have 4"


def test_deposits_of_a_run_that_stored_no_instant() -> None:
    """There is no first instant that they could be held against."""
    checks, _, _ = said(with_value(1, "instant", 11), instants=())
    assert checks["postings.instant"].ok


@pytest.mark.parametrize(
    "fills, money, entries",
    [
        ([], [], []),
        ([0, 0, 1, 1, 2], [5, -5, 1, 0, 1], [0, 0, 1, 1, 2]),
        ([-1] * 6, [5, -5, 3, -3, 2, -2], [0, 0, 1, 1, 2, 2]),
        ([-1] * 4, [5, -2, -3, 1], [0, 0, 0, 1]),
        ([0, 0, -1, -1, -1, -1], [5, -4, 1, -1, 2, -2], [0, 0, 1, 1, 2, 2]),
    ],
)
def test_entries_are_numbered(fills: list[int], money: list[int], entries: list[int]) -> None:
    assert _entry_numbers(np.array(fills, np.int64), np.array(money, np.int64)).tolist() == entries


@pytest.mark.parametrize(
    "rows, words",
    [
        ([], ""),
        ([(0, "USD", None, 5, 0), (0, "USD", None, -5, 0)], ""),
        ([(0, "USD", None, 5, 0)], "column money: entry 0 sums to 5, not 0"),
        ([(0, "USD", None, 5, 0), (0, "EUR", None, -5, 0)],
         "column money: entry 0 sums to 5, not 0; column money: entry 0 sums to -5, not 0"),
        ([(0, "USD", None, 5, 0), (1, "USD", None, -5, 0)],
         "column money: entry 0 sums to 5, not 0; column money: entry 1 sums to -5, not 0"),
        ([(0, "USD", None, 0, 0), (1, "JPY", "AAA", 0, 2), (0, "EUR", "SONY", 0, 0)], "column quantity: entry 1 sums to 2, not 0"),
        ([(0, "USD", "AAA", 0, 3), (0, "USD", "SAP", 0, -3)],
         "column quantity: entry 0 sums to 3, not 0; column quantity: entry 0 sums to -3, not 0"),
        ([(0, "USD", None, 0, 3)], ""),
        ([(0, None, None, 3, 0)], ""),
    ],
)  # fmt: skip
def test_an_entry_that_does_not_sum_to_zero_is_named(rows: list[tuple[Any, ...]], words: str) -> None:
    """Money in each currency and lots in each instrument; what has neither is found by the columns' own checks."""
    audit = Audit(Planted(postings=columns_of("entry currency symbol money quantity", rows)))
    _entries(audit)
    words = words.replace("column", "postings.parquet column")
    assert audit.checks == [Check("postings.entries", not words, len(rows), words)]


# -- equity ----------------------------------------------------------------------------------------------------------------------

LATE = (3, 45, "cash", "a", None, "USD", 7, 0, 5), (3, 45, "position", "a", "SONY", "JPY", 0, 3, 5)
"""Posted after the last stored instant, as by a run that failed: it counts nowhere."""

MARKS: list[tuple[Any, ...]] = [
    (10, None, 0, "JPY", 10**10),
    (20, "AAA", 510, None, 0),
    (20, "SAP", 211, None, 0),
    (20, None, 0, "EUR", 11 * 10**11),
    (30, "SAP", 205, None, 0),
    (40, None, 0, "EUR", 1_250_000_000_001),
    (40, "AAA", 490, None, 0),
]
INSTANTS = (10, 20, 30, 40)


def expected(rows: list[tuple[Any, ...]]) -> dict[str, list[int]]:
    """Equity at every instant, with fractions and nothing but the rows."""
    found: dict[str, list[int]] = {"equity": [], "cash": [], "positions_value": [], "drawdown": []}
    for instant in INSTANTS:
        equity = cash_base = 0
        known: dict[Any, int] = {}
        for time, symbol, price, code, rate in MARKS:
            if time <= instant:
                known[symbol or code] = price or rate
        for currency in CURRENCIES:
            cash = sum(row[6] for row in rows if row[1] <= instant and row[2] == "cash" and row[5] == currency.code)
            value = 0
            for one in (one for one in INSTRUMENTS if CURRENCIES[one.currency] is currency):
                for strategy in "ab":
                    lots = sum(row[7] for row in rows
                               if row[1] <= instant and row[2:5] == ("position", strategy, one.symbol))  # fmt: skip
                    value += round(Fraction(lots * known.get(one.symbol, 0) * one.mul, one.div))
            unit = Fraction(10) ** (2 - currency.decimals - FX_DECIMALS)
            rate = known.get(currency.code, 0) * unit if currency.code != "USD" else 1
            equity += round((cash + value) * rate)
            cash_base += round(cash * rate)
        found["equity"].append(equity)
        found["cash"].append(cash_base)
    found["positions_value"] = [a - b for a, b in zip(found["equity"], found["cash"], strict=True)]
    found["drawdown"] = [max(found["equity"][: k + 1]) - amount for k, amount in enumerate(found["equity"])]
    return found


def equity_said(
    monkeypatch: pytest.MonkeyPatch, rows: list[tuple[Any, ...]], marks: list[tuple[Any, ...]] | None = None, **changed: Any
) -> tuple[dict[str, Check], list[Any], list[Any]]:
    """The checks of equity by name, the balances, and what the check of the identity was given."""
    given: list[Any] = []
    monkeypatch.setattr(equity, "check_identity", lambda *arguments: given.extend(arguments))
    columns = {"instant": list(INSTANTS)} | expected([*ROWS, *LATE]) | changed
    folder = Planted(
        postings=columns_of(NAMES, rows), equity=columns, marks=columns_of("instant symbol price currency rate", marks or MARKS)
    )
    audit = Audit(folder)
    money, lots = folder["postings"]["money"], folder["postings"]["quantity"]
    balances = check_equity(audit, ledger(), money, lots)
    assert given[0] is audit and given[2] is money
    return {check.name: check for check in audit.checks}, balances, given[3]


def test_good_equity_is_fine_and_every_number_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [*ROWS, *LATE]
    checks, balances, identity = equity_said(monkeypatch, rows)
    columns = ["instants", "equity", "cash", "positions_value", "drawdown"]
    counts = {f"equity.{name}": 4 for name in columns} | {"equity.marks": 7}
    assert checks == {name: Check(name, True, count, "") for name, count in counts.items()}
    assert [total.tolist() for total in balances] == [
        [100_000, 94_997 + 10 * 510, 97_096 + 6 * 510, 97_096 + 6 * 490],
        [0, 801 - 2_813, 801 - 2_733, 801 - 2_733],
        [500] * 4,
    ]
    assert [balance.cash.tolist() for balance in identity] == [[100_000, 94_997, 97_096, 97_096], [0, 801, 801, 801], [500] * 4]
    assert identity[1].rate.tolist() == [0, 11 * 10**11, 11 * 10**11, 1_250_000_000_001]


@pytest.mark.parametrize("column", ["equity", "cash", "positions_value", "drawdown"])
@pytest.mark.parametrize("row", range(4))
def test_each_changed_number_of_equity_is_named(monkeypatch: pytest.MonkeyPatch, row: int, column: str) -> None:
    values = expected(ROWS)[column]
    values[row] += 1
    checks, _, _ = equity_said(monkeypatch, ROWS, **{column: values})
    words = f"equity.parquet row {row} column {column}: found {values[row]}, expected {values[row] - 1}"
    assert checks.pop(f"equity.{column}").detail.startswith(words)
    assert all(check.ok for check in checks.values())


@pytest.mark.parametrize("instants, words", [((10, 20, 21, 40), ""), ((10, 20, 20, 40), "row 2"), ((10, 30, 20, 40), "row 2")])
def test_instants_follow_one_another(monkeypatch: pytest.MonkeyPatch, instants: tuple[int, ...], words: str) -> None:
    checks, _, _ = equity_said(monkeypatch, ROWS, instant=list(instants))
    words = words and f"equity.parquet {words} column instant: not after the row above"
    assert checks["equity.instants"] == Check("equity.instants", not words, 4, words)


@pytest.mark.parametrize(
    "gone, words",
    [
        (1, ["no mark of AAA at row 1", "no mark of AAA at row 2"]),
        (2, ["no mark of SAP at row 1"]),
        (3, ["no rate of EUR at row 1", "no rate of EUR at row 2"]),
        (0, [f"no rate of JPY at row {row}" for row in range(4)]),
    ],
)
def test_a_missing_mark_or_rate_of_what_is_held_is_named(monkeypatch: pytest.MonkeyPatch, gone: int, words: list[str]) -> None:
    checks, _, _ = equity_said(monkeypatch, ROWS, MARKS[:gone] + MARKS[gone + 1 :])
    detail = "; ".join(f"marks.parquet: {text} of equity.parquet" for text in words)
    assert checks["equity.marks"] == Check("equity.marks", False, 6, detail)


@pytest.mark.parametrize("lots", (1, -1))
def test_a_single_lot_without_a_mark_is_named(monkeypatch: pytest.MonkeyPatch, lots: int) -> None:
    more = (3, 40, "position", "b", "SONY", "JPY", 0, lots, 5)
    checks, _, _ = equity_said(monkeypatch, [*ROWS, more])
    assert checks["equity.marks"].detail == "marks.parquet: no mark of SONY at row 3 of equity.parquet"


@pytest.mark.parametrize("price", (1, -1))
def test_a_mark_of_one_unit_is_a_mark(monkeypatch: pytest.MonkeyPatch, price: int) -> None:
    marks = [(20, "AAA", price, None, 0), *MARKS[:1], *MARKS[2:-1], (40, None, 0, "JPY", price)]
    checks, balances, _ = equity_said(monkeypatch, ROWS, marks)
    assert checks["equity.marks"].ok
    assert balances[0].tolist() == [100_000, 94_997 + 10 * price, 97_096 + 6 * price, 97_096 + 6 * price]


def test_no_mark_is_needed_of_what_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    flat = (3, 30, "position", "a", "AAA", "USD", 0, -6, 5)
    marks = [*MARKS[:1], (20, "AAA", 510, None, 0), (30, "AAA", 0, None, 0), *MARKS[2:-1]]
    checks, balances, _ = equity_said(monkeypatch, [*ROWS, flat], marks)
    assert checks["equity.marks"].ok
    assert balances[0].tolist() == [100_000, 94_997 + 10 * 510, 97_096, 97_096]


def test_a_position_in_no_instrument_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = with_value(11, "symbol", None)
    checks, balances, _ = equity_said(monkeypatch, rows)
    assert checks["equity.marks"].detail == "postings.parquet row 11 column symbol: a position needs an instrument"
    assert balances[1].tolist() == [0, 801, 801, 801] and balances[0].tolist()[1] == 94_997 + 10 * 510


def test_values_beyond_64_bits_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    big = 2**62
    rows = [*ROWS, (3, 30, "position", "b", "AAA", "USD", 0, big, 5), (4, 40, "position", "c", "AAA", "USD", 0, 1, 6)]
    _, balances, _ = equity_said(monkeypatch, rows)
    assert balances[0].tolist()[2:] == [97_096 + (6 + big) * 510, 97_096 + (7 + big) * 490]


def test_no_instants_no_equity(monkeypatch: pytest.MonkeyPatch) -> None:
    columns: dict[str, list[int]] = {name: [] for name in ("instant", "equity", "cash", "positions_value", "drawdown")}
    checks, balances, _ = equity_said(monkeypatch, [], **columns)
    assert all(check.ok for check in checks.values()) and [len(total) for total in balances] == [0, 0, 0]
