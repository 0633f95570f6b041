"""The double-entry books a second time: what each fill and each deposit must have posted, row by row."""

from __future__ import annotations

import numpy as np

from fillwright.verify.audit import Audit
from fillwright.verify.ledger import Ledger
from fillwright.verify.reading import Array, Folder

_Row = tuple[int, int, str, str | None, int | None, int, int, int]
"""Fill, instant, account, strategy, instrument, currency, money and lots."""


def check_postings(audit: Audit, ledger: Ledger) -> tuple[Array, Array]:
    """Compare postings with what must have been posted; returns (money, quantity) per row as they must be."""
    folder = audit.folder
    sheet = folder["postings"]
    booked = np.flatnonzero(sheet["fill_id"] >= 0)
    must = _of_fills(folder, ledger)
    wrong = [f"postings.parquet has {len(booked)} rows of fills, must have {len(must)}"] if len(booked) != len(must) else []
    audit.say("postings.rows", sheet.rows, wrong)
    money, lots = folder.units("postings", "money").copy(), folder.units("postings", "quantity").copy()
    columns = {name: sheet[name].copy() for name in ("fill_id", "instant", "account", "strategy", "symbol", "currency")}
    for row, (fill, instant, account, strategy, symbol, currency, amount, moved) in zip(booked.tolist(), must, strict=False):
        columns["fill_id"][row], columns["instant"][row] = fill, instant
        columns["account"][row], columns["strategy"][row] = account, strategy
        columns["symbol"][row] = None if symbol is None else folder.instruments[symbol].symbol
        columns["currency"][row] = folder.currencies[currency].code
        money[row], lots[row] = amount, moved
    _deposits(audit, columns, money, lots)
    for name, values in columns.items():
        audit.column("postings", name, values)
    audit.column("postings", "entry", _entry_numbers(columns["fill_id"], money))
    audit.column("postings", "money", money)
    audit.column("postings", "quantity", lots)
    _entries(audit)
    return money, lots


def _of_fills(folder: Folder, ledger: Ledger) -> list[_Row]:
    """The rows of all fills: cash against trading, lots against lots, cash against fees where there is one."""
    rows: list[_Row] = []
    for fill, (side, symbol) in enumerate(zip(ledger.side, ledger.symbol, strict=True)):
        currency = folder.instruments[symbol].currency
        signed, moved, fee = side * ledger.notional[fill], side * ledger.quantity[fill], ledger.fee[fill]
        parts = [("cash", None, -signed, 0), ("trading", symbol, signed, -moved), ("position", symbol, 0, moved)]
        if fee:
            parts += [("cash", None, -fee, 0), ("fees", symbol, fee, 0)]
        head = fill, ledger.instant[fill]
        rows += [(*head, account, ledger.strategy[fill], of, currency, money, lots) for account, of, money, lots in parts]
    return rows


def _deposits(audit: Audit, columns: dict[str, Array], money: Array, lots: Array) -> None:
    """The rows without a fill, all of them before the first: the configured initial cash of each currency, out of transfers."""
    folder = audit.folder
    rows = np.flatnonzero(folder["postings"]["fill_id"] < 0)
    units = [(code, int(cash * 10 ** folder.currencies[folder.currency_index[code]].decimals))
             for code, cash in folder.cash.items() if code in folder.currency_index]  # fmt: skip
    known = sorted((folder.currency_index[code], code, cash) for code, cash in units if cash)
    must = [(code, *part) for _, code, cash in known for part in (("cash", cash), ("transfers", -cash))]
    wrong = [f"postings.parquet has {len(rows)} rows of deposits, must have {len(must)}"] if len(rows) != len(must) else []
    wrong += [f"postings.parquet row {row} column fill_id: a deposit after fills" for row in rows[rows >= len(must)].tolist()]
    audit.say("postings.deposits", len(rows), wrong)
    first = _first_instant(folder, rows)
    for row, (code, account, amount) in zip(rows.tolist(), must, strict=False):
        columns["account"][row], columns["currency"][row] = account, code
        columns["strategy"][row] = columns["symbol"][row] = None
        columns["fill_id"][row] = -1
        if first is not None:
            columns["instant"][row] = first
        money[row], lots[row] = amount, 0


def _first_instant(folder: Folder, deposits: Array) -> int | None:
    """When the deposits are made: at the first instant of the data, that is of equity. Where equity is stored once an interval, and so
    perhaps later, the first deposit says when, within that interval; all others must say the same."""
    stored = folder["equity"]["instant"]
    if not len(stored) or not len(deposits):
        return None
    first, said = int(stored[0]), int(folder["postings"]["instant"][deposits[0]])
    every = folder.equity_every
    return said if every and said <= first and said // every == first // every else first


def _entry_numbers(fills: Array, money: Array) -> Array:
    """Each fill is one entry; rows without a fill are one as soon as their money is balanced."""
    numbers = np.zeros(len(fills), np.int64)
    number = open_money = 0
    for row, (fill, amount) in enumerate(zip(fills.tolist(), money.tolist(), strict=True)):
        if row and (fill != fills[row - 1] or (fill < 0 and open_money == 0)):
            number += 1
            open_money = 0
        numbers[row] = number
        open_money += amount
    return numbers


def _entries(audit: Audit) -> None:
    """Every entry sums to zero, as it stands in the file: money in each currency, lots in each instrument."""
    folder = audit.folder
    sheet = folder["postings"]
    wrong = []
    for column, per in (("money", folder.currency_of("postings")), ("quantity", folder.symbols("postings"))):
        values = folder.units("postings", column)
        order = np.lexsort((per, sheet["entry"]))
        entry, kind = sheet["entry"][order], per[order]
        starts = np.flatnonzero(np.append(True, (entry[1:] != entry[:-1]) | (kind[1:] != kind[:-1])))[: len(order)]
        sums = np.add.reduceat(values[order], starts)
        # Lots without an instrument, and money without a currency, are named as what they are.
        for place in np.flatnonzero((sums != 0) & (kind[starts] >= 0)).tolist():
            wrong.append(f"postings.parquet column {column}: entry {int(entry[starts[place]])} sums to {sums[place]}, not 0")
    audit.say("postings.entries", sheet.rows, wrong)
