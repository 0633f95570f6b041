"""Trades grouped a second time, from the verifier's own lots."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fillwright.verify.audit import Audit
from fillwright.verify.exact import half_even, shares
from fillwright.verify.ledger import STEPS, Ledger, Lot, unit_price
from fillwright.verify.reading import Folder

# mae, mfe and bars_held need the bars, which the folder does not hold.


@dataclass
class _Trade:
    """Pieces of one trade: (fill, quantity) of entries and exits, sums, and whether something is open."""

    key: tuple[str | None, int]
    side: int
    entries: list[tuple[int, int]] = field(default_factory=list)
    exits: list[tuple[int, int]] = field(default_factory=list)
    cost: int = 0
    gross: int = 0
    fees: int = 0
    slippage: int = 0
    is_open: bool = False


def check_trades(audit: Audit, ledger: Ledger) -> None:
    """Compare trades with the grouping that run.json names."""
    folder = audit.folder
    marks = _last_marks(folder, ledger)
    group = {"lot": _by_lot, "fill_to_fill": _fill_to_fill, "flat_to_flat": _flat_to_flat}.get(folder.grouping)
    if group is None:
        audit.say("trades.grouping", 1, [f"run.json: config.report.trades is {folder.grouping!r}"])
        return
    slippage = _Slippage(folder, ledger)
    gains = _unrealised(folder, ledger, marks)
    trades = group(ledger, slippage, gains)
    _compare(audit, ledger, trades, marks)


def _last_marks(folder: Folder, ledger: Ledger) -> dict[int, int]:
    """The last mark of each instrument; where a fill came after the last stored instant (the run failed), its price."""
    last = dict(zip(folder.symbols("marks").tolist(), map(int, folder.units("marks", "price")), strict=True))
    instants = folder["equity"]["instant"]
    late = np.searchsorted(instants, np.array(ledger.instant, np.int64), "left") == len(instants)
    return last | {ledger.symbol[fill]: ledger.price[fill] for fill in np.flatnonzero(late).tolist()}


def _unrealised(folder: Folder, ledger: Ledger, marks: dict[int, int]) -> dict[int, int]:
    """Per open lot: its share of the position's value at the last mark, minus its cost."""
    gains = {}
    for (_, symbol), books in ledger.books.items():
        lots = sorted(books.lots, key=lambda lot: lot.number)
        if not lots:
            continue
        instrument = folder.instruments[symbol]
        value = half_even(marks[symbol] * books.position * instrument.mul, instrument.div)
        for lot, share in zip(lots, shares(value, [lot.remaining for lot in lots]), strict=True):
            gains[lot.number] = share - lot.cost
    return gains


class _Slippage:
    """What the steps of each fill's price cost, shared by the lots that it closed and the one that it opened."""

    def __init__(self, folder: Folder, ledger: Ledger) -> None:
        steps = np.sum([folder.units("fills", step) for step in STEPS], axis=0)
        closes: dict[int, list[int]] = {}
        for row, close in enumerate(ledger.closes):
            closes.setdefault(close.fill, []).append(row)
        self.closing: dict[int, int] = {}
        self.opening: dict[int, int] = {}
        for fill, (symbol, side, quantity) in enumerate(zip(ledger.symbol, ledger.side, ledger.quantity, strict=True)):
            instrument = folder.instruments[symbol]
            total = half_even(side * int(steps[fill]) * quantity * instrument.mul, instrument.div)
            rows = closes.get(fill, [])
            opened = quantity - ledger.closing[fill]
            parts = [ledger.closes[row].quantity for row in rows] + ([opened] if opened else [])
            shared = shares(total, parts)
            self.closing.update(zip(rows, shared, strict=False))
            if opened:
                self.opening[fill] = shared[-1]

    def taken(self, ledger: Ledger, lot: Lot) -> tuple[dict[int, int], int]:
        """The entries' cost taken out of a lot like its cost: (by row of lot_closes, what is left)."""
        money = quantity = 0
        entries = deque(lot.entries)
        out = {}
        for row in lot.closes:
            close = ledger.closes[row]
            while entries and entries[0][0] < close.fill:
                fill, put_in = entries.popleft()
                money, quantity = money + self.opening[fill], quantity + put_in
            out[row] = money if close.quantity == quantity else half_even(money * close.quantity, quantity)
            money, quantity = money - out[row], quantity - close.quantity
        return out, money + sum(self.opening[fill] for fill, _ in entries)


def _add_close(ledger: Ledger, trade: _Trade, row: int, slippage: _Slippage) -> None:
    close = ledger.closes[row]
    trade.exits.append((close.fill, close.quantity))
    trade.gross += close.proceeds - close.cost
    trade.cost += close.cost
    trade.fees += close.fee_in + close.fee_out
    trade.slippage += slippage.closing[row]


def _add_open(trade: _Trade, lot: Lot, gains: dict[int, int]) -> None:
    if lot.remaining:
        trade.is_open = True
        trade.gross += gains[lot.number]
        trade.cost += lot.cost
        trade.fees += lot.fee


def _add_lot(ledger: Ledger, trade: _Trade, lot: Lot, slippage: _Slippage, gains: dict[int, int]) -> None:
    trade.entries += lot.entries
    trade.slippage += sum(slippage.opening[fill] for fill, _ in lot.entries)
    for row in lot.closes:
        _add_close(ledger, trade, row, slippage)
    _add_open(trade, lot, gains)


def _by_lot(ledger: Ledger, slippage: _Slippage, gains: dict[int, int]) -> list[_Trade]:
    trades = []
    for lot in ledger.lots:
        trade = _Trade(lot.key, lot.side)
        _add_lot(ledger, trade, lot, slippage, gains)
        trades.append(trade)
    return trades


def _flat_to_flat(ledger: Ledger, slippage: _Slippage, gains: dict[int, int]) -> list[_Trade]:
    """A trade starts with a lot that is opened while its strategy and instrument hold nothing else."""
    trades: list[_Trade] = []
    current: dict[tuple[str | None, int], _Trade] = {}
    for lot in ledger.lots:
        fill = lot.open_fill
        entered = ledger.quantity[fill] - ledger.closing[fill]
        if abs(ledger.position[fill]) == entered:
            current[lot.key] = _Trade(lot.key, lot.side)
            trades.append(current[lot.key])
        _add_lot(ledger, current[lot.key], lot, slippage, gains)
    return trades


def _fill_to_fill(ledger: Ledger, slippage: _Slippage, gains: dict[int, int]) -> list[_Trade]:
    found: list[tuple[tuple[int, int], _Trade]] = []
    for lot in ledger.lots:
        taken, left = slippage.taken(ledger, lot)
        for row in lot.closes:
            trade = _Trade(lot.key, lot.side, entries=[(lot.open_fill, ledger.closes[row].quantity)], slippage=taken[row])
            _add_close(ledger, trade, row, slippage)
            found.append(((lot.open_fill, row), trade))
        if lot.remaining:
            trade = _Trade(lot.key, lot.side, entries=[(lot.open_fill, lot.remaining)], slippage=left)
            _add_open(trade, lot, gains)
            found.append(((lot.open_fill, len(ledger.closes)), trade))
    return [trade for _, trade in sorted(found, key=lambda item: item[0])]


def _average(ledger: Ledger, pieces: list[tuple[int, int]]) -> int:
    return half_even(sum(ledger.price[fill] * lots for fill, lots in pieces), sum(lots for _, lots in pieces))


def _entry_price(folder: Folder, ledger: Ledger, trade: _Trade) -> int:
    if folder.grouping == "fill_to_fill" and folder.lots == "average":
        return unit_price(folder, trade.key[1], trade.cost, trade.side * sum(lots for _, lots in trade.entries))
    return _average(ledger, trade.entries)


def _compare(audit: Audit, ledger: Ledger, trades: list[_Trade], marks: dict[int, int]) -> None:
    folder = audit.folder
    orders, fills = folder["orders"], folder["fills"]
    order = fills["order_id"].tolist()
    times, reasons = fills["time"].tolist(), fills["exit_reason"].tolist()
    rules, tags = orders["rule_id"], orders["tag"]
    entry = [min(fill for fill, _ in trade.entries) for trade in trades]
    leave = [-1 if trade.is_open else max(fill for fill, _ in trade.exits) for trade in trades]
    closed = [not trade.is_open for trade in trades]
    pairs = list(zip(leave, closed, strict=True))
    columns: dict[str, Sequence[int] | Sequence[str | None]] = {
        "strategy": [trade.key[0] for trade in trades],
        "symbol": [folder.instruments[trade.key[1]].symbol for trade in trades],
        "side": ["buy" if trade.side == 1 else "sell" for trade in trades],
        "quantity": [sum(lots for _, lots in trade.entries) for trade in trades],
        "entry_time": [times[fill] for fill in entry],
        "entry_price": [_entry_price(folder, ledger, trade) for trade in trades],
        "exit_time": [times[fill] if done else 0 for fill, done in pairs],
        "exit_price": [marks[trade.key[1]] if trade.is_open else _average(ledger, trade.exits) for trade in trades],
        "gross_pnl": [trade.gross for trade in trades],
        "fees": [trade.fees for trade in trades],
        "slippage_cost": [trade.slippage for trade in trades],
        "financing": [0 for _ in trades],
        "net_pnl": [trade.gross - trade.fees for trade in trades],
        "status": ["closed" if done else "open" for done in closed],
        "exit_reason": [reasons[fill] if done else "none" for fill, done in pairs],
        "rule_id_entry": [rules[order[fill]] for fill in entry],
        "rule_id_exit": [rules[order[fill]] if done else None for fill, done in pairs],
        "tag": [tags[order[fill]] for fill in entry],
        "entry_order": [order[fill] for fill in entry],
        "exit_order": [order[fill] if done else -1 for fill, done in pairs],
        "entry_fill": list(entry),
        "exit_fill": list(leave),
    }
    for column, values in columns.items():
        audit.column("trades", column, values)
    _excursions(audit)


def _excursions(audit: Audit) -> None:
    """What cannot be recomputed is at least possible: signs, and a count of bars that is not negative."""
    sheet = audit.folder["trades"]
    wrong = [
        f"trades.parquet row {row} column {column}: {sheet[column][row]} has the wrong sign"
        for column, bad in (("mae", sheet["mae"] > 0), ("mfe", sheet["mfe"] < 0), ("bars_held", sheet["bars_held"] < 0))
        for row in np.flatnonzero(bad).tolist()
    ]
    audit.say("trades.signs", 3 * sheet.rows, wrong)
