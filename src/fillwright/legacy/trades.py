"""Trades of the previous system, in any of the forms that it wrote, as one kind of record.

    whole trades   a row has entry and exit (or only an entry, while it is open)
    fills          a row has one price and one time; they are matched first in, first out, per symbol, and every closing fill
                   makes one trade, which takes the result that its row states

Nothing is guessed in silence: whatever had to be assumed is a note, whatever cannot be read is an error with its line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

from fillwright.legacy.rows import (
    EQUITY_ALIASES,
    NOT_USED,
    REMEDY,
    Problems,
    Row,
    has_zone,
    moment,
    number,
    read_rows,
    side,
    state,
)

T = TypeVar("T")
CENT = Fraction(1, 100)
"""Results were often rounded to cents; differences up to that are none."""


@dataclass(frozen=True, slots=True)
class OldTrade:
    """One trade as the previous system recorded it. Times are ns UTC, 0 = none; ``pnl`` is as stated, None = not stated."""

    place: str
    symbol: str
    side: int
    quantity: Fraction
    entry_time: int
    entry_price: Fraction
    exit_time: int
    exit_price: Fraction
    pnl: Fraction | None
    fees: Fraction
    exit_reason: str = ""
    rule_id: str = ""

    @property
    def closed(self) -> bool:
        """Whether it has an exit."""
        return self.exit_time != 0


@dataclass(frozen=True, slots=True)
class OldEquity:
    """One row of an equity file; ``cash`` None = not stated."""

    time: int
    equity: Fraction
    cash: Fraction | None


@dataclass
class OldRun:
    """What was read: trades by entry time, equity by time, what was assumed, and where the old file contradicts itself."""

    trades: list[OldTrade] = field(default_factory=list)
    equity: list[OldEquity] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)


@dataclass
class _Part:
    """What is left of an opening fill."""

    fill: OldTrade
    quantity: Fraction
    fees: Fraction
    pnl: Fraction


def read_trades(path: Path) -> OldRun:
    """Read a trade file (CSV, or JSON by its name). UsageError naming every line that cannot be read."""
    problems, run = Problems(), OldRun()
    rows, unused = read_rows(path, problems)
    readings = [reading for row in rows if (reading := _reading(row)) is not None]
    problems.settle(REMEDY)
    others = [name for name in unused if name.lower() not in NOT_USED]
    if others:
        run.assumed.append(f"not used: columns {', '.join(others)}")
    _say_gaps(run, rows)
    whole, opened, fills = ([trade for kind, trade in readings if kind == wanted] for wanted in ("whole", "open", "fill"))
    if fills:
        _fold(run, [*fills, *opened])
        opened = []
    run.trades += _turned(run, *_merged(run, whole, opened))
    run.trades.sort(key=lambda trade: (trade.entry_time, trade.exit_time or 2**63))
    return run


def read_equity(path: Path, run: OldRun) -> None:
    """Add an equity file (timestamp, equity, cash, positions_value) to what was read. UsageError as above."""
    problems = Problems()
    rows, _ = read_rows(path, problems, EQUITY_ALIASES)
    found: dict[int, OldEquity] = {}
    twice = apart = 0
    last = -(2**63)
    for row in rows:
        time, equity, cash, held = (
            row.get("time", moment),
            *(row.get(name, number) for name in ("equity", "cash", "positions_value")),
        )
        for name, value in (("time", time), ("equity", equity)):
            if value is None and name not in row.cells:
                row.wrong(f"no {name}")
        if time is None or equity is None:
            continue
        if time < last:
            row.wrong("earlier than the row above", "time")
        last = time
        twice += time in found
        apart += cash is not None and held is not None and abs(cash + held - equity) > CENT
        found[time] = OldEquity(time, Fraction(equity), None if cash is None else Fraction(cash))
    problems.settle(REMEDY)
    _say_zones(run, rows, "equity")
    if twice:
        run.assumed.append(f"equity: {twice} rows have the time of the row above; the last of them counts")
    if apart:
        run.found.append(f"equity: in {apart} rows cash + positions_value is not equity")
    run.equity = list(found.values())


def _reading(row: Row) -> tuple[str, OldTrade] | None:
    """A row as (whole, open or fill; trade): of a fill, entry time and price are its own. None when it cannot be read."""
    before = len(row.problems.found)
    lots = row.get("quantity", number)
    way, closed = row.get("side", side), row.get("closed", state)
    prices = {name: row.get(name, number) for name in ("entry_price", "exit_price", "price")}
    times = {name: row.get(name, moment) for name in ("entry_time", "exit_time", "time")}
    fees, pnl, done = row.get("fees", number) or Decimal(0), row.get("pnl", number), row.get("closed_quantity", number)
    if not closed and not prices["exit_price"]:
        prices["exit_price"] = None  # open trades were written with an exit of 0
        times["exit_time"] = None if prices["entry_price"] else times["exit_time"]
    kind = _settle(row, prices, times, closed)
    if "symbol" not in row.cells:
        row.wrong("no symbol")
    if "quantity" not in row.cells:
        row.wrong("no quantity")
    if lots == 0:
        row.wrong("a quantity of 0 trades nothing", "quantity")
    if lots is not None and lots < 0 and way == 1:
        row.wrong("negative, but the side says buy", "quantity")
    if fees < 0:
        row.wrong("fees must not be negative", "fees")
    if len(row.problems.found) > before or lots is None:
        return None
    if way is None:
        way = 1 if lots > 0 else -1
    if closed and done and done > lots:
        lots = done  # a partial close overwrote the quantity; the sum of what was closed is right
    text = {name: row.cells[name].text if name in row.cells else "" for name in ("symbol", "exit_reason", "rule_id")}
    return kind, OldTrade(
        row.place, text["symbol"], way, Fraction(abs(lots)),
        times["entry_time"] or 0, Fraction(prices["entry_price"] or 0), times["exit_time"] or 0, Fraction(prices["exit_price"] or 0),
        None if pnl is None else Fraction(pnl), Fraction(fees), text["exit_reason"], text["rule_id"],
    )  # fmt: skip


def _settle(row: Row, prices: dict[str, Decimal | None], times: dict[str, int | None], closed: bool | None) -> str:
    """Settle what is entry and what is exit: ``timestamp`` is the time of the row's last fill, ``price`` its price."""
    for name, price in prices.items():
        if price is not None and price <= 0:
            row.wrong(f"{price} is no price", name)
    kind = "whole"
    if prices["entry_price"] is None:
        kind = "fill"
        prices["entry_price"], times["entry_time"] = (
            _same(row, prices["price"], prices["exit_price"], "price"),
            _same(row, times["time"], times["exit_time"] or times["entry_time"], "time"),
        )
        prices["exit_price"] = times["exit_time"] = None
    elif prices["exit_price"] is None and not closed:
        kind = "open"
        times["entry_time"] = times["time"] if times["entry_time"] is None else times["entry_time"]
        times["exit_time"] = None
    else:
        times["exit_time"] = _same(row, times["exit_time"], times["time"], "time")
        prices["exit_price"] = prices["price"] if prices["exit_price"] is None else prices["exit_price"]
    for end in ("entry", "exit"):
        for what, values in (("time", times), ("price", prices)):
            if values[f"{end}_{what}"] is None and (end == "entry" or kind == "whole") and f"{end}_{what}" not in row.cells:
                row.wrong(f"no {what}" if kind == "fill" else f"no {end}_{what}")
    if closed is False and kind == "whole":
        row.wrong("says that the trade is open, but there is an exit price", "closed")
    return kind


def _same(row: Row, one: T | None, two: T | None, name: str) -> T | None:
    """What two columns say; a problem if they differ."""
    if one is not None and two is not None and one != two:
        row.wrong(f"{row.cells[name].text!r} is not what the row's exit says; both mean the same", name)
    return two if one is None else one


def _say_gaps(run: OldRun, rows: Sequence[Row]) -> None:
    """What the file does not say."""
    _say_zones(run, rows, "trades")
    if without := sum("fees" not in row.cells for row in rows):
        run.assumed.append(f"{without} of {len(rows)} rows state no commission: taken as 0")
    if without := sum("pnl" not in row.cells for row in rows):
        run.assumed.append(f"{without} of {len(rows)} rows state no result")
    if without := sum("side" not in row.cells for row in rows):
        run.assumed.append(f"{without} of {len(rows)} rows state no side: taken from the sign of the quantity")
    if parts := sum("closed_quantity" in row.cells for row in rows):
        run.assumed.append(f"closed_quantity goes before quantity where it is larger ({parts} rows have it)")


def _say_zones(run: OldRun, rows: Sequence[Row], what: str) -> None:
    names = ("entry_time", "exit_time", "time")
    bare = sum(any(name in row.cells and not has_zone(row.cells[name].text) for name in names) for row in rows)
    if bare:
        run.assumed.append(f"{what}: times without a zone are UTC ({bare} of {len(rows)} rows)")


def _merged(run: OldRun, whole: Sequence[OldTrade], opened: Sequence[OldTrade]) -> tuple[list[OldTrade], list[OldTrade]]:
    """An opening row that a later row closes is no open trade: its fees go to the trade, its side is the trade's."""
    waiting: dict[tuple[str, int, Fraction], list[OldTrade]] = {}
    for trade in opened:
        waiting.setdefault((trade.symbol, trade.entry_time, trade.entry_price), []).append(trade)
    out, merged = [], 0
    for trade in whole:
        same = waiting.get((trade.symbol, trade.entry_time, trade.entry_price))
        if same:
            first = same.pop(0)
            trade = replace(trade, side=first.side, fees=trade.fees + first.fees)
            merged += 1
        out.append(trade)
    if merged:
        run.assumed.append(
            f"{merged} opening rows are closed by a later row of the same entry: one trade, fees added, side of the entry"
        )
    return out, [trade for same in waiting.values() for trade in same]


def _turned(run: OldRun, whole: Sequence[OldTrade], opened: Sequence[OldTrade]) -> list[OldTrade]:
    """Where every result has the sign of the other side, the sides are those of the closing fills."""
    straight = other = 0
    for trade in whole:
        gain = trade.side * (trade.exit_price - trade.entry_price) * trade.quantity
        if gain and trade.pnl and trade.pnl not in (-trade.fees,):
            straight += min(abs(gain - trade.pnl), abs(gain - trade.fees - trade.pnl)) <= CENT
            other += min(abs(-gain - trade.pnl), abs(-gain - trade.fees - trade.pnl)) <= CENT
    if other and not straight:
        run.assumed.append(
            f"the side is that of the closing fill: all {other} results that can tell have the sign of the other side"
        )
        whole = [replace(trade, side=-trade.side) for trade in whole]
    return [*whole, *opened]


def _fold(run: OldRun, fills: Sequence[OldTrade]) -> None:
    """Match fills first in, first out; every closing fill makes one trade, what is left makes open ones."""
    waiting: dict[str, deque[_Part]] = {}
    closed = 0
    for fill in sorted(fills, key=lambda fill: fill.entry_time):
        parts = waiting.setdefault(fill.symbol, deque())
        left = fill.quantity
        taken: list[_Part] = []
        while left and parts and parts[0].fill.side != fill.side:
            part, quantity = parts[0], min(left, parts[0].quantity)
            share = quantity / part.quantity
            taken.append(_Part(part.fill, quantity, part.fees * share, part.pnl * share))
            part.quantity, part.fees, part.pnl = part.quantity - quantity, part.fees * (1 - share), part.pnl * (1 - share)
            left -= quantity
            if not part.quantity:
                parts.popleft()
        if taken:
            run.trades.append(_closing(fill, taken, fill.quantity - left))
            closed += 1
        if left:
            parts.append(_Part(fill, left, fill.fees * left / fill.quantity, Fraction(0) if taken else fill.pnl or Fraction(0)))
    rest = [part for parts in waiting.values() for part in parts]
    run.trades += [replace(part.fill, quantity=part.quantity, fees=part.fees, pnl=part.pnl or None) for part in rest]
    run.assumed.append(
        f"{len(fills)} fills, matched first in first out per symbol: {closed} closing fills are one trade each, with the result that "
        f"they state, {len(rest)} openings are still open"
    )
    if odd := sum(bool(part.pnl) for part in rest):
        run.found.append(f"{odd} fills that open a position, and are still open, state a result")


def _closing(fill: OldTrade, taken: Sequence[_Part], quantity: Fraction) -> OldTrade:
    """The trade that a closing fill ends."""
    stated = None if fill.pnl is None else fill.pnl + sum((part.pnl for part in taken), Fraction(0))
    return replace(
        fill,
        side=-fill.side,
        quantity=quantity,
        entry_time=taken[0].fill.entry_time,
        entry_price=sum((part.quantity * part.fill.entry_price for part in taken), Fraction(0)) / quantity,
        exit_time=fill.entry_time,
        exit_price=fill.entry_price,
        pnl=stated,
        fees=fill.fees * quantity / fill.quantity + sum((part.fees for part in taken), Fraction(0)),
        rule_id=taken[0].fill.rule_id,
    )
