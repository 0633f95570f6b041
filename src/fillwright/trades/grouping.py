"""Trades: lot closes grouped the way a reader wants to see them.

The ledger has matched lots already; this module only sums what it wrote, for one of three groupings:

    lot           one trade per lot
    fill_to_fill  one trade per lot close, and one per lot that is still open
    flat_to_flat  one trade per stretch in which strategy and instrument were not flat

Prices are averages of fills weighted by quantity, half to even. Under average booking a lot has several entry fills, so a
``fill_to_fill`` trade takes its entry price from the cost that was taken out instead.

Excursions (``mae``, ``mfe``) are measured against the average entry price on the execution feed's bars. Bars strictly
between entry and exit count with low and high. The entry bar counts fully after a fill at its open, else with its close
only: what came after the fill inside the bar cannot be known from its extremes. The exit bar counts with the exit price
only, unless the exit was at its close, then fully. A fill that the broker undoes or corrects has the last bar known by then, as at
its close. An open trade runs to the close of the last bar. Where there are quotes, the
side counts that would close the trade: the bid of a long one, the ask of a short one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fillwright.journal import Ints, Records, RunRecord
from fillwright.model.codes import Lots, Side, Stage, TradeGrouping, TradeStatus
from fillwright.model.columns import TRADES
from fillwright.portfolio import Portfolio, half_even, mul_div
from fillwright.trades.events import first_fills

_BLOCK = 256


@dataclass(frozen=True, slots=True)
class _Pieces:
    """What goes into which trade. Every array of a group of fields has one row per piece.

    entries  fill, trade, quantity of each opening part (fill_to_fill: of each part of one)
    exits    row of lot_closes and its trade
    rest     lot with open quantity and its trade
    """

    count: int
    entry_fill: Ints
    entry_trade: Ints
    entry_quantity: Ints
    exit_trade: Ints
    rest_lot: Ints
    rest_trade: Ints


def group(record: RunRecord, how: TradeGrouping, portfolio: Portfolio | None = None) -> Records:
    """Trades of a record, ordered by entry fill: record array of ``columns.TRADES``.

    Per currency, the sum of ``net_pnl`` is exactly realised + unrealised - fees of the whole run.
    """
    view = portfolio or Portfolio(record)
    pieces = _fill_to_fill(record) if how is TradeGrouping.FILL_TO_FILL else _by_lot(record, view, how)
    out = np.zeros(pieces.count, TRADES.dtype)
    if not pieces.count:
        return out
    out["trade_id"] = np.arange(pieces.count)
    _ends(record, pieces, out)
    _sums(record, view, pieces, out, how)
    _prices(record, view, pieces, out, how)
    _excursions(record, view, out)
    return out


def _entries(record: RunRecord) -> tuple[Ints, Ints]:
    """(fill, quantity) of every opening part, in order of filling."""
    fills = record.tables["fills"]
    opened = fills["quantity"] - fills["closing_quantity"]
    which = np.flatnonzero(opened > 0)
    return which, opened[which]


def _by_lot(record: RunRecord, view: Portfolio, how: TradeGrouping) -> _Pieces:
    """One trade per lot, or per stretch between two flat moments of strategy and instrument."""
    fills, closes, lots = (record.tables[name] for name in ("fills", "lot_closes", "lots"))
    entry_fill, entry_quantity = _entries(record)
    entry_lot = fills["lot_id"][entry_fill]
    if how is TradeGrouping.LOT:
        trade_of_lot = np.arange(len(lots))
        count = len(lots)
    else:
        first, _ = first_fills(record, view)
        known, trade_of_entry = np.unique(first[entry_fill], return_inverse=True)
        count = len(known)
        trade_of_lot = np.zeros(len(lots), np.int64)
        trade_of_lot[entry_lot] = trade_of_entry
    rest = np.flatnonzero(lots["remaining"] > 0)
    return _Pieces(
        count, entry_fill, trade_of_lot[entry_lot], entry_quantity, trade_of_lot[closes["lot_id"]], rest, trade_of_lot[rest]
    )


def _fill_to_fill(record: RunRecord) -> _Pieces:
    """One trade per lot close and one per open lot, by entry fill, then in order of closing, what is open last."""
    closes, lots = record.tables["lot_closes"], record.tables["lots"]
    rest = np.flatnonzero(lots["remaining"] > 0)
    entry = np.concatenate((closes["open_fill"], lots["open_fill"][rest]))
    quantity = np.concatenate((closes["quantity"], lots["remaining"][rest]))
    order = np.argsort(entry, kind="stable")
    trade = np.empty(len(order), np.int64)
    trade[order] = np.arange(len(order))
    return _Pieces(len(order), entry, trade, quantity, trade[: len(closes)], rest, trade[len(closes) :])


def _ends(record: RunRecord, pieces: _Pieces, out: Records) -> None:
    """First entry and last exit of each trade: orders, fills, times, rules, status."""
    fills, orders, closes = (record.tables[name] for name in ("fills", "orders", "lot_closes"))
    first = np.full(pieces.count, len(fills), np.int64)
    np.minimum.at(first, pieces.entry_trade, pieces.entry_fill)
    last = np.zeros(pieces.count, np.int64)
    np.maximum.at(last, pieces.exit_trade, closes["fill_id"])
    is_open = np.zeros(pieces.count, np.bool_)
    is_open[pieces.rest_trade] = True
    for name in ("strategy", "symbol", "side"):
        out[name] = fills[name][first]
    out["entry_fill"], out["entry_order"], out["entry_time"] = first, fills["order_id"][first], fills["time"][first]
    out["rule_id_entry"], out["tag"] = orders["rule_id"][out["entry_order"]], orders["tag"][out["entry_order"]]
    out["status"] = np.where(is_open, TradeStatus.OPEN, TradeStatus.CLOSED)
    for name in ("exit_fill", "exit_order", "rule_id_exit"):
        out[name] = -1
    closed = np.flatnonzero(~is_open)
    exit_fill = last[closed]
    out["exit_fill"][closed] = exit_fill
    out["exit_order"][closed] = fills["order_id"][exit_fill]
    out["exit_time"][closed] = fills["time"][exit_fill]
    out["exit_reason"][closed] = fills["exit_reason"][exit_fill]
    out["rule_id_exit"][closed] = orders["rule_id"][fills["order_id"][exit_fill]]


def _sums(record: RunRecord, view: Portfolio, pieces: _Pieces, out: Records, how: TradeGrouping) -> None:
    """Quantity and money of each trade: sums over its pieces."""
    closes, lots = record.tables["lot_closes"], record.tables["lots"]
    gross, fees, cost = (np.zeros(pieces.count, np.int64) for _ in range(3))
    np.add.at(out["quantity"], pieces.entry_trade, pieces.entry_quantity)
    np.add.at(gross, pieces.exit_trade, closes["realised"])
    np.add.at(gross, pieces.rest_trade, unrealised(record, view)[pieces.rest_lot])
    np.add.at(fees, pieces.exit_trade, closes["fee_in"] + closes["fee_out"])
    np.add.at(fees, pieces.rest_trade, lots["fee_in"][pieces.rest_lot])
    slip_open, slip_close = _slippage(record, view)
    np.add.at(cost, pieces.exit_trade, slip_close)
    if how is TradeGrouping.FILL_TO_FILL:
        taken, left = _take_out(record, slip_open)
        np.add.at(cost, pieces.exit_trade, taken)
        np.add.at(cost, pieces.rest_trade, left[pieces.rest_lot])
    else:
        np.add.at(cost, pieces.entry_trade, slip_open[pieces.entry_fill])
    out["gross_pnl"], out["fees"], out["slippage_cost"] = gross, fees, cost
    out["net_pnl"] = gross - fees


def unrealised(record: RunRecord, view: Portfolio) -> Ints:
    """int64[lots]: value at the last mark minus cost of what is open, money units of the quote currency.

    The value of a position is rounded once and shared by its lots in order, so the lots add up to the position exactly.
    """
    lots = record.tables["lots"]
    value = np.zeros(len(lots), np.int64)
    rest = np.flatnonzero(lots["remaining"] > 0)
    for instrument in np.unique(lots["symbol"][rest]).tolist():
        mark = view.last_price(instrument)
        currency = record.currencies[int(record.quote_currency[instrument])]
        mul, div = record.market.instruments[instrument].money_ratio(currency.decimals)
        mine = rest[lots["symbol"][rest] == instrument]
        for strategy in np.unique(lots["strategy"][mine]).tolist():
            rows = mine[lots["strategy"][mine] == strategy]
            quantity = lots["side"][rows] * lots["remaining"][rows]
            total = half_even(mark * int(quantity.sum()) * mul, div)
            value[rows] = share(total, lots["remaining"][rows].tolist())
    value[rest] -= lots["cost"][rest]
    return value


def share(total: int, quantities: list[int]) -> list[int]:
    """A whole number split by quantity, in order, each part half to even of what is left; the parts add up to it."""
    parts, left = [], sum(quantities)
    for quantity in quantities:
        part = total if quantity == left else half_even(total * quantity, left)
        parts.append(part)
        total, left = total - part, left - quantity
    return parts


def _slippage(record: RunRecord, view: Portfolio) -> tuple[Ints, Ints]:
    """What the steps of the price cost, as money: (of each fill's opening part, if any, of each lot close's closing part)."""
    fills, closes = record.tables["fills"], record.tables["lot_closes"]
    steps = fills["side"] * (fills["spread"] + fills["slippage"] + fills["impact"] + fills["limit"] + fills["tick"])
    total = np.zeros(len(fills), np.int64)
    for instrument, _, part in view.groups:
        rows = view.fill_order[part]
        currency = record.currencies[int(record.quote_currency[instrument])]
        mul, div = record.market.instruments[instrument].money_ratio(currency.decimals)
        total[rows] = mul_div(steps[rows], fills["quantity"][rows] * mul, div)
    opened = fills["quantity"] - fills["closing_quantity"]
    pieces = np.bincount(closes["fill_id"], minlength=len(fills)) + (opened > 0)
    slip_open, slip_close = total.copy(), total[closes["fill_id"]]
    # Only fills with several pieces are shared out one by one: their lot closes in order, then what they opened.
    shared = np.flatnonzero(pieces[closes["fill_id"]] > 1)
    by_fill: dict[int, list[int]] = {}
    for row in shared.tolist():
        by_fill.setdefault(int(closes["fill_id"][row]), []).append(row)
    for fill, mine in by_fill.items():
        *parts, rest = share(int(total[fill]), [*closes["quantity"][mine].tolist(), int(opened[fill])])
        slip_close[mine] = parts
        slip_open[fill] = rest
    return slip_open, slip_close


def _take_out(record: RunRecord, slip_open: Ints) -> tuple[Ints, Ints]:
    """The entry's slippage cost shared like cost: (share of each lot close, what is left in each lot)."""
    fills, closes = record.tables["fills"], record.tables["lot_closes"]
    number = len(record.tables["lots"])
    money, quantity = [0] * number, [0] * number
    taken = np.zeros(len(closes), np.int64)
    entry_fill, entry_quantity = _entries(record)
    entries = zip(entry_fill.tolist(), fills["lot_id"][entry_fill].tolist(), entry_quantity.tolist(), strict=True)
    waiting = next(entries, None)
    columns = (closes[name].tolist() for name in ("fill_id", "lot_id", "quantity"))
    for row, (fill, lot, closed) in enumerate(zip(*columns, strict=True)):
        while waiting is not None and waiting[0] < fill:
            money[waiting[1]] += int(slip_open[waiting[0]])
            quantity[waiting[1]] += waiting[2]
            waiting = next(entries, None)
        part = half_even(money[lot] * closed, quantity[lot])
        money[lot] -= part
        quantity[lot] -= closed
        taken[row] = part
    while waiting is not None:
        money[waiting[1]] += int(slip_open[waiting[0]])
        waiting = next(entries, None)
    return taken, np.array(money, np.int64)


def _prices(record: RunRecord, view: Portfolio, pieces: _Pieces, out: Records, how: TradeGrouping) -> None:
    """Average entry and exit prices; an open trade's exit price is the last mark."""
    fills, closes, lots = (record.tables[name] for name in ("fills", "lot_closes", "lots"))
    out["entry_price"] = _average(pieces.count, pieces.entry_trade, fills["price"][pieces.entry_fill], pieces.entry_quantity)
    out["exit_price"] = _average(pieces.count, pieces.exit_trade, fills["price"][closes["fill_id"]], closes["quantity"])
    if how is TradeGrouping.FILL_TO_FILL and lots_method(record) is Lots.AVERAGE:
        cost = np.zeros(pieces.count, np.int64)
        cost[pieces.exit_trade] = closes["cost"]
        cost[pieces.rest_trade] = lots["cost"][pieces.rest_lot]
        for instrument in np.unique(out["symbol"]).tolist():
            rows = np.flatnonzero(out["symbol"] == instrument)
            out["entry_price"][rows] = view.unit_price(instrument, cost[rows], (out["side"] * out["quantity"])[rows])
    is_open = out["status"] == TradeStatus.OPEN
    for instrument in np.unique(out["symbol"][is_open]).tolist():
        out["exit_price"][is_open & (out["symbol"] == instrument)] = view.last_price(instrument)


def lots_method(record: RunRecord) -> Lots:
    """How the run books lots."""
    return Lots[str(record.config.account.lots).upper()]


def _average(count: int, trade: Ints, price: Ints, quantity: Ints) -> Ints:
    """int64[count]: average price of each trade's pieces by quantity, half to even; 0 without pieces."""
    out = np.zeros(count, np.int64)
    out[trade] = price
    pieces = np.bincount(trade, minlength=count)
    several = np.flatnonzero(pieces[trade] > 1)
    sums: dict[int, tuple[int, int]] = {}
    for row, mine in zip(several.tolist(), trade[several].tolist(), strict=True):
        money, lots = sums.get(mine, (0, 0))
        sums[mine] = money + int(price[row]) * int(quantity[row]), lots + int(quantity[row])
    for mine, (money, lots) in sums.items():
        out[mine] = half_even(money, lots)
    return out


def _excursions(record: RunRecord, view: Portfolio, out: Records) -> None:
    """bars_held, mae and mfe; see the module's docstring for what counts."""
    fills = record.tables["fills"]
    for instrument in np.unique(out["symbol"]).tolist():
        rows = np.flatnonzero(out["symbol"] == instrument)
        trades = out[rows]
        feed = record.market.execution_feed(instrument)
        closed = trades["status"] == TradeStatus.CLOSED
        exit_fill = trades["exit_fill"]  # -1, a fill like any other, where what follows is of closed trades only
        entry_bar = _bar_of_fill(feed.close_time, fills[trades["entry_fill"]])
        end = int(record.instants[-1]) if len(record.instants) else 0
        last_bar = int(np.searchsorted(feed.close_time, end, "right")) - 1
        exit_bar = np.where(closed, _bar_of_fill(feed.close_time, fills[exit_fill]), last_bar)
        # A run that failed inside a bar may have entered after the last stored instant.
        exit_bar = np.maximum(exit_bar, entry_bar)
        at_open = fills["stage"][trades["entry_fill"]] == Stage.OPEN
        at_close = ~closed | np.isin(fills["stage"][exit_fill], (Stage.CLOSE, Stage.FLAT_AT, Stage.BOOKS))
        start, stop = entry_bar + ~at_open, exit_bar + at_close
        # Entered inside the bar that is still the last one: only its close is known to come after the entry.
        exit_price = np.where(closed, fills["price"][exit_fill], trades["exit_price"])
        low, high = exit_price.copy(), exit_price.copy()
        inside = np.flatnonzero(start < stop)
        later = np.flatnonzero(~at_open & (exit_bar > entry_bar))
        entry, is_long = trades["entry_price"], trades["side"] == Side.BUY
        for side in (is_long, ~is_long):
            lowest, highest, close = feed.low, feed.high, feed.close
            if side is not is_long and feed.ask_close is not None:  # what a short position would be closed at
                lowest, highest, close = feed.ask_low, feed.ask_high, feed.ask_close  # type: ignore[assignment]
            some = inside[side[inside]]
            low[some] = np.minimum(low[some], _extreme(np.minimum, lowest, start[some], stop[some]))
            high[some] = np.maximum(high[some], _extreme(np.maximum, highest, start[some], stop[some]))
            some = later[side[later]]
            low[some], high[some] = np.minimum(low[some], close[entry_bar[some]]), np.maximum(high[some], close[entry_bar[some]])
        out["bars_held"][rows] = exit_bar - entry_bar
        out["mae"][rows] = np.minimum(0, np.where(is_long, low - entry, entry - high))
        out["mfe"][rows] = np.maximum(0, np.where(is_long, high - entry, entry - low))


def _bar_of_fill(close_time: Ints, fills: Records) -> Ints:
    """int64[n]: row of the bar of each fill; of one that met no market, the last that was known by then."""
    rows = np.searchsorted(close_time, fills["instant"], "left")
    known = np.searchsorted(close_time, fills["instant"], "right") - 1
    return np.asarray(np.where(fills["stage"] == Stage.BOOKS, known, rows))


def _extreme(choose: np.ufunc, values: Ints, start: Ints, stop: Ints) -> Ints:
    """Extreme of values[start:stop] for many non-empty ranges, which may overlap.

    Whole blocks are looked up in a table of doubling spans; only the two ragged ends of a range are read value by value.
    """
    first, last = -(-start // _BLOCK), stop // _BLOCK
    whole = first < last
    out = np.empty(len(start), np.int64)
    short = np.flatnonzero(~whole)
    out[short] = _reduce(choose, values, start[short], stop[short])
    long = np.flatnonzero(whole)
    if not len(long):
        return out
    a, b = first[long], last[long]
    spans = [choose.reduceat(values, np.arange(0, len(values), _BLOCK))]
    while 2 ** len(spans) <= int((b - a).max()):
        half = 2 ** (len(spans) - 1)
        spans.append(choose(spans[-1][:-half], spans[-1][half:]))
    level = np.frexp((b - a).astype(np.float64))[1] - 1
    best = np.empty(len(long), np.int64)
    for k in np.unique(level).tolist():
        mine = np.flatnonzero(level == k)
        best[mine] = choose(spans[k][a[mine]], spans[k][b[mine] - 2**k])
    for low, high in ((start[long], a * _BLOCK), (b * _BLOCK, stop[long])):
        ragged = np.flatnonzero(low < high)
        best[ragged] = choose(best[ragged], _reduce(choose, values, low[ragged], high[ragged]))
    out[long] = best
    return out


def _reduce(choose: np.ufunc, values: Ints, start: Ints, stop: Ints) -> Ints:
    """Extreme of values[start:stop] for many short non-empty ranges."""
    if not len(start):
        return np.zeros(0, np.int64)
    length = stop - start
    offset = np.concatenate(([0], np.cumsum(length)[:-1]))
    index = np.arange(int(length.sum())) + np.repeat(start - offset, length)
    return np.asarray(choose.reduceat(values[index], offset), np.int64)
