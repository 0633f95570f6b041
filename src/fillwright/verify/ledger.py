"""The books a second time: price and notional of each fill, its lots, positions, and the postings that follow."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from fillwright.verify.audit import Audit
from fillwright.verify.exact import half_even
from fillwright.verify.reading import Folder
from fillwright.verify.roles import roles

STEPS = ("spread", "slippage", "impact", "limit", "tick")
SIDES = {"buy": 1, "sell": -1}


@dataclass
class Lot:
    """A lot; ``entries`` are (fill, quantity) put in, ``closes`` rows of lot_closes taken out."""

    number: int
    key: tuple[str | None, int]
    side: int
    open_fill: int
    instant: int
    remaining: int
    cost: int
    fee: int
    entries: list[tuple[int, int]]
    closes: list[int] = field(default_factory=list)


@dataclass
class Close:
    """A row of lot_closes."""

    lot: Lot
    fill: int
    instant: int
    quantity: int
    cost: int
    proceeds: int
    fee_in: int
    fee_out: int


@dataclass
class Books:
    """The state of strategy and instrument."""

    lots: deque[Lot] = field(default_factory=deque)
    position: int = 0
    cost: int = 0
    realised: int = 0
    fees: int = 0


@dataclass
class Ledger:
    """Everything booked, one entry per fill where it is a list; ``undone`` the fill that it takes back, -1 = none."""

    strategy: list[str | None]
    symbol: list[int]
    side: list[int]
    quantity: list[int]
    price: list[int]
    notional: list[int]
    fee: list[int]
    instant: list[int]
    named: list[int]
    undone: list[int] = field(default_factory=list)
    closing: list[int] = field(default_factory=list)
    lot_id: list[int] = field(default_factory=list)
    position: list[int] = field(default_factory=list)
    cost: list[int] = field(default_factory=list)
    average: list[int] = field(default_factory=list)
    realised: list[int] = field(default_factory=list)
    fees: list[int] = field(default_factory=list)
    lots: list[Lot] = field(default_factory=list)
    closes: list[Close] = field(default_factory=list)
    books: dict[tuple[str | None, int], Books] = field(default_factory=dict)


def book(folder: Folder) -> Ledger:
    """Book every fill, in order, from orders' and fills' input columns."""
    orders, fills = folder["orders"], folder["fills"]
    order = folder.references("fills", "order_id", "orders")
    symbol = folder.order_symbol[order] if fills.rows else np.zeros(0, np.int64)
    reference = folder.units("fills", "reference_price")
    price = reference + sum(folder.units("fills", step) for step in STEPS)
    quantity = folder.units("fills", "quantity")
    notional = []
    for index, amount, lots in zip(symbol.tolist(), price.tolist(), quantity.tolist(), strict=True):
        instrument = folder.instruments[index]
        notional.append(half_even(int(amount) * int(lots) * instrument.mul, instrument.div))
    told = roles(folder)
    sides = [SIDES[text] for text in orders["side"][order].tolist()]
    ledger = Ledger(
        strategy=orders["strategy"][order].tolist(),
        symbol=symbol.tolist(),
        side=[-side if undoes else side for side, undoes in zip(sides, told.undoes, strict=True)],
        quantity=[int(value) for value in quantity],
        price=[int(value) for value in price],
        notional=notional,
        fee=[int(value) for value in folder.units("fills", "fee")],
        instant=fills["instant"].tolist(),
        named=orders["lot_id"][order].tolist(),
        undone=[
            of if undoes and 0 <= of < fill else -1 for fill, (of, undoes) in enumerate(zip(told.of, told.undoes, strict=True))
        ],
    )
    for fill in range(fills.rows):
        _book_fill(folder, ledger, fill)
    return ledger


def _book_fill(folder: Folder, ledger: Ledger, fill: int) -> None:
    key = ledger.strategy[fill], ledger.symbol[fill]
    side, quantity, fee = ledger.side[fill], ledger.quantity[fill], ledger.fee[fill]
    books = ledger.books.setdefault(key, Books())
    money, left = -side * ledger.notional[fill], quantity
    books.fees += fee
    while left and books.lots and books.lots[0].side != side:
        lot = _own(ledger, books, fill) or _choose(folder.lots, books.lots, ledger.named[fill])
        part = min(left, lot.remaining)
        whole = part == lot.remaining
        last = part == left
        close = Close(
            lot, fill, ledger.instant[fill], part,
            cost=lot.cost if whole else half_even(lot.cost * part, lot.remaining),
            proceeds=money if last else half_even(money * part, left),
            fee_in=lot.fee if whole else half_even(lot.fee * part, lot.remaining),
            fee_out=fee if last else half_even(fee * part, left),
        )  # fmt: skip
        lot.closes.append(len(ledger.closes))
        ledger.closes.append(close)
        lot.remaining, lot.cost, lot.fee = lot.remaining - part, lot.cost - close.cost, lot.fee - close.fee_in
        money, fee, left = money - close.proceeds, fee - close.fee_out, left - part
        books.cost -= close.cost
        books.realised += close.proceeds - close.cost
        if lot is books.lots[-1] and whole:
            books.lots.pop()
        elif whole:
            books.lots.remove(lot)
    ledger.closing.append(quantity - left)
    ledger.lot_id.append(_open(folder, ledger, books, key, fill, left, -money, fee) if left else -1)
    books.cost -= money
    books.position += side * quantity
    _state_after(folder, ledger, books, key[1])


def _own(ledger: Ledger, books: Books, fill: int) -> Lot | None:
    """The lot that the fill opened which is taken back, as long as it is open."""
    undone = ledger.undone[fill]
    opened = ledger.lot_id[undone] if undone >= 0 else -1
    return next((lot for lot in books.lots if lot.number == opened), None) if opened >= 0 else None


def _choose(method: str, lots: deque[Lot], named: int) -> Lot:
    """The open lot that is closed next, oldest first in ``lots``; ``named`` is the one that the order asks for, -1 = none."""
    if method == "lifo":
        return lots[-1]
    if method == "highest_cost":
        return max(lots, key=lambda lot: (Fraction(lot.cost, lot.remaining), -lot.number))
    if method == "lowest_cost":
        return min(lots, key=lambda lot: (Fraction(lot.cost, lot.remaining), lot.number))
    if method == "specific":
        return next((lot for lot in lots if lot.number == named), lots[0])
    return lots[0]


def _open(
    folder: Folder, ledger: Ledger, books: Books, key: tuple[str | None, int], fill: int, quantity: int, cost: int, fee: int
) -> int:
    """Put what is left of a fill into a lot; its number."""
    if folder.lots == "average" and books.lots:
        lot = books.lots[0]
        lot.remaining, lot.cost, lot.fee = lot.remaining + quantity, lot.cost + cost, lot.fee + fee
        lot.entries.append((fill, quantity))
        return lot.number
    lot = Lot(
        len(ledger.lots), key, ledger.side[fill], fill, ledger.instant[fill], quantity, cost, fee, entries=[(fill, quantity)]
    )
    ledger.lots.append(lot)
    books.lots.append(lot)
    return lot.number


def _state_after(folder: Folder, ledger: Ledger, books: Books, symbol: int) -> None:
    ledger.position.append(books.position)
    ledger.cost.append(books.cost)
    ledger.average.append(unit_price(folder, symbol, books.cost, books.position))
    ledger.realised.append(books.realised)
    ledger.fees.append(books.fees)


def unit_price(folder: Folder, symbol: int, cost: int, lots: int) -> int:
    """Price units per unit of what was paid for lots, half to even; 0 for no lots."""
    instrument = folder.instruments[symbol]
    if lots == 0:
        return 0
    return half_even(cost * instrument.div if lots > 0 else -cost * instrument.div, abs(lots) * instrument.mul)


def check_ledger(audit: Audit, ledger: Ledger) -> None:
    """Compare fills, lot closes and positions with the books."""
    folder = audit.folder
    symbols = [folder.instruments[index].symbol for index in ledger.symbol]
    sides = ["buy" if side > 0 else "sell" for side in ledger.side]
    for column, values in (
        ("strategy", ledger.strategy), ("symbol", symbols), ("side", sides), ("price", ledger.price),
        ("notional", ledger.notional), ("closing_quantity", ledger.closing), ("lot_id", ledger.lot_id),
        ("position", ledger.position),
    ):  # fmt: skip
        audit.column("fills", column, values)
    audit.column("fills", "exit_reason", _exit_reasons(folder, ledger))
    closes = ledger.closes
    for column, rows in (
        ("lot_id", [c.lot.number for c in closes]), ("fill_id", [c.fill for c in closes]),
        ("instant", [c.instant for c in closes]), ("open_fill", [c.lot.open_fill for c in closes]),
        ("strategy", [c.lot.key[0] for c in closes]), ("symbol", [folder.instruments[c.lot.key[1]].symbol for c in closes]),
        ("side", ["buy" if c.lot.side > 0 else "sell" for c in closes]), ("quantity", [c.quantity for c in closes]),
        ("cost", [c.cost for c in closes]), ("proceeds", [c.proceeds for c in closes]),
        ("realised", [c.proceeds - c.cost for c in closes]), ("fee_in", [c.fee_in for c in closes]),
        ("fee_out", [c.fee_out for c in closes]),
    ):  # fmt: skip
        audit.column("lot_closes", column, rows)
    for column, numbers in (
        ("fill_id", list(range(len(symbols)))), ("instant", ledger.instant), ("strategy", ledger.strategy), ("symbol", symbols),
        ("quantity", ledger.position), ("cost", ledger.cost), ("average_price", ledger.average),
        ("realised", ledger.realised), ("fees", ledger.fees),
    ):  # fmt: skip
        audit.column("positions", column, numbers)


def _exit_reasons(folder: Folder, ledger: Ledger) -> list[str]:
    """That of the order, bust where a fill takes another back; reversal where it closes and opens, none where it only opens."""
    orders = folder["orders"]["exit_reason"][folder.references("fills", "order_id", "orders")].tolist()
    reasons = ["bust" if undoes else why for why, undoes in zip(orders, roles(folder).undoes, strict=True)]
    parts = zip(reasons, ledger.closing, ledger.quantity, strict=True)
    return ["none" if closed == 0 else "reversal" if closed < quantity else why for why, closed, quantity in parts]
