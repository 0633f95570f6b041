"""Equity a second time: balances from postings, valued at the marks and rates that the folder holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fillwright.verify.audit import Audit
from fillwright.verify.exact import product
from fillwright.verify.identity import Balance, check_identity
from fillwright.verify.ledger import Ledger
from fillwright.verify.reading import FX_DECIMALS, Array, Folder


@dataclass(frozen=True)
class _Postings:
    """Columns of postings, as they must be: place is the stored instant from which a row counts (m = never)."""

    place: Array
    currency: Array
    symbol: Array
    strategy: Array
    money: Array
    quantity: Array
    is_cash: Array
    is_position: Array


class Known:
    """Marks of instruments, or rates of currencies, as the marks table holds them."""

    def __init__(self, folder: Folder, column: str, owner: Array) -> None:
        self._order = np.argsort(owner, kind="stable")
        self._owner = owner[self._order]
        self._values = folder.units("marks", column)
        self._instants = folder["marks"]["instant"]

    def at(self, index: int, instants: Array) -> Array:
        """[m] the value at each stored instant, carried forward; 0 before the first."""
        first, last = np.searchsorted(self._owner, (index, index + 1)).tolist()
        rows = self._order[first:last]
        known = np.append(0, self._values[rows])
        return np.asarray(known[np.searchsorted(self._instants[rows], instants, "right")])


def check_equity(audit: Audit, ledger: Ledger, money: Array, quantity: Array) -> list[Array]:
    """Compare equity, cash, value of positions and drawdown at every stored instant; then where the money came from.

    Returns the balance of each currency at the stored instants, cash and positions, in its money units.
    """
    folder = audit.folder
    instants = folder["equity"]["instant"]
    sheet = folder["postings"]
    late = np.flatnonzero(np.diff(instants) <= 0).tolist()
    words = [f"equity.parquet row {row + 1} column instant: not after the row above" for row in late]
    audit.say("equity.instants", len(instants), words)
    place = np.searchsorted(instants, sheet["instant"], "left")
    postings = _Postings(
        place, folder.currency_of("postings"), folder.symbols("postings"), sheet.texts["strategy"][1], money, quantity,
        sheet["account"] == "cash", sheet["account"] == "position",
    )  # fmt: skip
    m = len(instants)
    wrong: list[str] = []
    equity, cash_base = np.zeros(m, np.int64), np.zeros(m, np.int64)
    marks, rates = Known(folder, "price", folder.symbols("marks")), Known(folder, "rate", folder.currency_of("marks"))
    values = _position_values(folder, postings, marks, instants, wrong)
    balances = []
    for c, currency in enumerate(folder.currencies):
        cash = _running(postings, (postings.currency == c) & postings.is_cash, postings.money, m)
        balance = cash + values[c]
        rate = rates.at(c, instants)
        balances.append(Balance(cash, values[c], rate))
        if c == 0:
            equity, cash_base = equity + balance, cash_base + cash
            continue
        missing = np.flatnonzero((balance != 0) & (rate == 0))
        wrong += [f"marks.parquet: no rate of {currency.code} at row {row} of equity.parquet" for row in missing.tolist()]
        divisor = 10 ** (FX_DECIMALS + currency.decimals - folder.currencies[0].decimals)
        equity = equity + product(balance, rate, 1, divisor)
        cash_base = cash_base + product(cash, rate, 1, divisor)
    audit.say("equity.marks", folder["marks"].rows, wrong)
    audit.column("equity", "equity", equity)
    audit.column("equity", "cash", cash_base)
    audit.column("equity", "positions_value", equity - cash_base)
    audit.column("equity", "drawdown", np.maximum.accumulate(equity) - equity if m else equity)
    check_identity(audit, ledger, money, balances)
    return [balance.total for balance in balances]


def _running(postings: _Postings, rows: Array, amounts: Array, m: int) -> Array:
    """[m] running sum of the chosen rows at the stored instants."""
    steps = np.zeros(m + 1, amounts.dtype)
    np.add.at(steps, postings.place[rows], amounts[rows])
    return np.cumsum(steps)[:m]


def _position_values(folder: Folder, postings: _Postings, marks: Known, instants: Array, wrong: list[str]) -> list[Array]:
    """Per currency [m]: sum of the positions' values, each strategy and instrument rounded by itself."""
    m = len(instants)
    values: list[Array] = [np.zeros(m, np.int64) for _ in folder.currencies]
    rows = np.flatnonzero(postings.is_position)
    order = rows[np.lexsort((postings.strategy[rows], postings.symbol[rows]))]
    for part in _groups(postings.symbol[order], postings.strategy[order]):
        mine = order[part]
        symbol = int(postings.symbol[mine[0]])
        if symbol < 0:
            wrong.append(f"postings.parquet row {int(mine[0])} column symbol: a position needs an instrument")
            continue
        instrument = folder.instruments[symbol]
        held = np.cumsum(postings.quantity[mine])
        where = postings.place[mine]
        last = np.append(where[1:] != where[:-1], True)
        start = int(where[0])
        lots = np.repeat(held[last], np.diff(np.append(where[last], m)))
        mark = marks.at(symbol, instants)[start:]
        blind = np.flatnonzero((mark == 0) & (lots != 0)) + start
        wrong += [f"marks.parquet: no mark of {instrument.symbol} at row {row} of equity.parquet" for row in blind.tolist()]
        value = product(mark, lots, instrument.mul, instrument.div)
        values[instrument.currency] = values[instrument.currency] + np.append(np.zeros(start, np.int64), value)
    return values


def _groups(first: Array, second: Array) -> Iterator[slice]:
    """Slices of equal pairs in sorted arrays."""
    if not len(first):
        return
    change = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    bounds = [0, *(np.flatnonzero(change) + 1).tolist(), len(first)]
    for a, b in zip(bounds[:-1], bounds[1:], strict=True):
        yield slice(a, b)
