"""The run held against its data, but for its fills: instants, marks, rates, decisions, how orders ended, excursions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fillwright.verify.audit import Audit, moment
from fillwright.verify.bars import Bars, MarketData
from fillwright.verify.busts import check_days_again, check_taken_back
from fillwright.verify.equity import Known
from fillwright.verify.exact import half_even
from fillwright.verify.fills import check_fills, check_triggers, decimal_text
from fillwright.verify.ledger import STEPS, Ledger
from fillwright.verify.lifecycle import ENDED, TELLS
from fillwright.verify.pricing import check_pricing
from fillwright.verify.reading import FX_DECIMALS, Array, Sheet
from fillwright.verify.roles import BOOKS, roles
from fillwright.verify.story import Story, tell
from fillwright.verify.switches import check_days
from fillwright.verify.terms import Terms

HELD_AGAINST_DATA = {
    "orders": ("arrived_at", "decision_price"),
    "fills": (
        "exec_ref_id", "instant", "time", "stage", "path", "event_time", "reference_price", *STEPS, "liquidity", "available", "fee",
    ),
    "trades": ("bars_held", "mae", "mfe"),
    "equity": ("instant",),
    "marks": ("price", "rate"),
}  # fmt: skip
"""Columns that nothing else in the folder implies, but the data do."""

MATCHED = (*TELLS, "trigger")
STOPPED = ("failed", "interrupted", "paused")
"""States of runs that did not reach the end of their data."""


def check_data(audit: Audit, ledger: Ledger, balances: Sequence[Array], market: MarketData) -> None:
    """Check everything that the data decide; ``balances`` are those of each currency at the stored instants."""
    folder = audit.folder
    data, terms, story = market.of(folder), Terms.of(folder), tell(folder)
    _instants(audit, data, market.instants)
    _marks(audit, ledger, data)
    _rates(audit, balances, data)
    _decisions(audit, data, story, terms)
    check_fills(audit, data, story, terms)
    check_triggers(audit, data)
    check_pricing(audit, ledger, data, story, terms)
    _ends(audit, data, market.instants, story)
    _excursions(audit, ledger, data)
    check_days(audit, data[0])
    check_taken_back(audit, ledger, market.instants, folder.state in STOPPED)


def _instants(audit: Audit, data: Sequence[Bars], instants: Array) -> None:
    """Equity was stored wherever a bar that orders trade on closed; stops and fills happened at instants of the data."""
    folder = audit.folder
    stored = folder["equity"]["instant"]
    due = np.unique(np.concatenate([bars.close_time for bars in data]))
    wrong = []
    apart = np.flatnonzero(stored != due[: len(stored)]) if len(stored) <= len(due) else np.array([len(due)])
    if len(apart):
        row = int(apart[0])
        expected = moment(int(due[row])) if row < len(due) else "no more"
        wrong.append(f"equity.parquet row {row} column instant: found {moment(int(stored[row]))}, expected {expected}")
    elif len(stored) < len(due) and folder.state not in STOPPED:
        wrong.append(f"equity.parquet has {len(stored)} rows, the data {len(due)} instants: it ends too early")
    events = folder["order_events"]
    for row in np.flatnonzero(np.isin(events["event"], MATCHED) & ~np.isin(events["instant"], instants)).tolist():
        text = f"no bar closes at {moment(int(events['instant'][row]))}"
        wrong.append(f"order_events.parquet row {row} column instant: {text}")
    audit.say("data.instants", len(stored) + folder["order_events"].rows, wrong)


def _marks(audit: Audit, ledger: Ledger, data: Sequence[Bars]) -> None:
    """Every mark is the last close, at the instants of its row and as long as something is held."""
    folder = audit.folder
    sheet, instants = folder["marks"], folder["equity"]["instant"]
    symbols, prices = folder.symbols("marks"), folder.units("marks", "price")
    marks = Known(folder, "price", symbols)
    holders, fill_symbol, fill_instant = np.array(ledger.strategy, object), np.array(ledger.symbol), np.array(ledger.instant)
    position = np.array(ledger.position, object)
    wrong, count = [], 0
    for index, bars in enumerate(data):
        decimals = folder.instruments[index].price_decimals
        rows = np.flatnonzero(symbols == index)
        closes = bars.known(sheet["instant"][rows])
        for at in np.flatnonzero(prices[rows] != closes).tolist():
            found, expected = (decimal_text(int(value), decimals) for value in (prices[rows[at]], closes[at]))
            wrong.append(f"marks.parquet row {int(rows[at])} column price: found {found}, expected {expected}, the last close")
        held = np.zeros(len(instants), np.bool_)
        mine = np.flatnonzero(fill_symbol == index)
        for holder in set(holders[mine].tolist()):
            own = mine[holders[mine] == holder]
            after = np.append(0, position[own])
            held |= after[np.searchsorted(fill_instant[own], instants, "right")] != 0
        count += len(rows) + int(held.sum())
        stale = np.flatnonzero(held & (marks.at(index, instants) != bars.known(instants)))
        for at in stale[: 0 if wrong else 6].tolist():
            wrong.append(
                f"marks.parquet: {bars.symbol} is held at {moment(int(instants[at]))} at a mark that is not the last close"
            )
    audit.say("data.marks", count, wrong)


def _rates(audit: Audit, balances: Sequence[Array], data: Sequence[Bars]) -> None:
    """Every rate follows from the last close of its pair, at the instants of its row and as long as there is a balance."""
    folder = audit.folder
    sheet, instants = folder["marks"], folder["equity"]["instant"]
    owner = folder.currency_of("marks")
    rates, known = folder.units("marks", "rate"), Known(folder, "rate", owner)
    wrong, count = [], 0
    for c, facts in enumerate(folder.run["fx"]):
        if facts is None:
            continue
        code, pair, inverse = folder.currencies[c].code, int(facts["instrument"]), bool(facts["inverse"])
        scale, closes = 10 ** folder.instruments[pair].price_decimals, data[pair].known
        rows = np.flatnonzero(owner == c)
        must = _rate(closes(sheet["instant"][rows]), scale, inverse)
        for at in np.flatnonzero(rates[rows] != must).tolist():
            found, expected = (decimal_text(int(value), FX_DECIMALS) for value in (rates[rows[at]], must[at]))
            what = f"{'one over ' if inverse else ''}the last close of {data[pair].symbol}"
            wrong.append(f"marks.parquet row {int(rows[at])} column rate: found {found}, expected {expected}, {what}")
        held = balances[c] != 0
        stale = np.flatnonzero(held & (known.at(c, instants) != _rate(closes(instants), scale, inverse)))
        for at in stale[: 0 if wrong else 6].tolist():
            wrong.append(
                f"marks.parquet: the balance in {code} at {moment(int(instants[at]))} has a rate that its pair did not have"
            )
        count += len(rows) + int(held.sum())
    audit.say("data.rates", count, wrong)


def _rate(closes: Array, scale: int, inverse: bool) -> Array:
    """10^-12 of account currency per unit, half to even; 0 where no price is known."""
    distinct, place = np.unique(closes, return_inverse=True)
    one = 10**FX_DECIMALS
    values = [
        0 if not price else half_even(one * scale, price) if inverse else half_even(price * one, scale)
        for price in map(int, distinct.tolist())
    ]
    return np.array(values, object)[place]


def _decisions(audit: Audit, data: Sequence[Bars], story: Story, terms: Terms) -> None:
    """Orders were decided at the last close (also by timers, between bars), and arrived after the latency."""
    folder = audit.folder
    orders = folder["orders"]
    engine = orders["intent_id"] < 0
    at_close = engine & (orders["type"] == "market_on_close")
    symbols, prices = folder.order_symbol, folder.units("orders", "decision_price")
    decided, wrong = orders["decided_at"], []
    for index, bars in enumerate(data):
        rows = np.flatnonzero((symbols == index) & ~at_close)
        for at in np.flatnonzero(prices[rows] != bars.known(decided[rows])).tolist():
            wrong.append(f"orders.parquet row {int(rows[at])} column decision_price: is not the last close of {bars.symbol}")
    took = orders["arrived_at"] - orders["sent_at"]
    for row in np.flatnonzero(~engine & ((took < terms.latency) | ((took > terms.latency) & (not terms.outages)))).tolist():
        if row not in story.replaced | story.again:
            wrong.append(f"orders.parquet row {row} column arrived_at: not execution.latency after sent_at")
    for row, arrival in enumerate(story.arrivals):
        if arrival and arrival != int(orders["arrived_at"][row]):
            wrong.append(f"orders.parquet row {row} column arrived_at: its events say {moment(arrival)}")
    audit.say("data.decisions", orders.rows, wrong)


def _ends(audit: Audit, data: Sequence[Bars], instants: Array, story: Story) -> None:
    """Orders expired when their time had come: end of data, day or date; none outlived it."""
    folder = audit.folder
    orders, events = folder["orders"], folder["order_events"]
    order = folder.references("order_events", "order_id", "orders")
    last, wrong, undone = int(instants[-1]), [], check_days_again(audit, data)
    for row in np.flatnonzero(events["event"] == "expire").tolist():
        number, time, reason = int(order[row]), int(events["time"][row]), events["reason"][row]
        bars = data[int(folder.order_symbol[number])]
        bar = bars.closing_at(time)
        fits = {
            "end_of_data": time == last,
            "day_end": orders["tif"][number] == "day" and (row in undone or (bar >= 0 and bool(bars.day_last[bar]))),
            "gtd_reached": orders["tif"][number] == "gtd"
            and time == max(int(orders["expire_at"][number]), int(orders["arrived_at"][number])),
        }
        if not fits.get(reason, True):
            wrong.append(f"order_events.parquet row {row} column time: {reason} is not at {moment(time)}")
    if folder.state not in STOPPED:
        for row in np.flatnonzero(~np.isin(orders["status"], ENDED)).tolist():
            wrong.append(f"orders.parquet row {row} column status: still {orders['status'][row]} after the end of the data")
    told, of_fill = roles(folder), folder["fills"]["order_id"].tolist()
    corrected = {order for fill, order in enumerate(of_fill) if told.corrects(fill)}  # done anew as its fill was corrected
    day = np.flatnonzero((orders["tif"] == "day") & (orders["done_at"] != 0))
    for index, bars in enumerate(data):
        ends = bars.close_time[bars.day_last != 0]
        rows = [
            row
            for row in day[folder.order_symbol[day] == index].tolist()
            if story.arrivals[row] and row not in story.replaced | corrected
        ]
        for row in rows:
            end = int(np.searchsorted(ends, story.arrivals[row], "right"))
            if end < len(ends) and int(orders["done_at"][row]) > int(ends[end]):
                wrong.append(f"orders.parquet row {row} column done_at: a DAY order outlived its day, {moment(int(ends[end]))}")
    gtd = folder.references("fills", "order_id", "orders")
    late = (
        (orders["tif"][gtd] == "gtd")
        & (folder["fills"]["stage"] != BOOKS)
        & (folder["fills"]["instant"] > orders["expire_at"][gtd])
    )
    wrong += [f"fills.parquet row {row} column instant: after its GTD order's date" for row in np.flatnonzero(late).tolist()]
    audit.say("data.expiry", orders.rows, wrong)


def _excursions(audit: Audit, ledger: Ledger, data: Sequence[Bars]) -> None:
    """Bars held, largest adverse and favourable move of each trade, from the bars between its entry and its exit."""
    folder = audit.folder
    sheet, fills = folder["trades"], folder["fills"]
    stored = folder["equity"]["instant"]
    end = int(stored[-1]) if len(stored) else 0
    entry_price, exit_price = folder.units("trades", "entry_price"), folder.units("trades", "exit_price")
    held, mae, mfe = [], [], []
    symbols, sides = folder.symbols("trades").tolist(), sheet["side"].tolist()
    for row, (symbol, side) in enumerate(zip(symbols, sides, strict=True)):
        bars, entry, leave = data[symbol], int(sheet["entry_fill"][row]), int(sheet["exit_fill"][row])
        first = _bar_of_fill(bars, fills, entry)
        last = int(np.searchsorted(bars.close_time, end, "right")) - 1
        last = max(first, last if leave < 0 else _bar_of_fill(bars, fills, leave))
        at_open = fills["stage"][entry] == "open"
        whole_exit = leave < 0 or fills["stage"][leave] in ("close", "flat_at", BOOKS)
        price = int(exit_price[row]) if leave < 0 else ledger.price[leave]
        part = slice(first + (not at_open), last + whole_exit)
        lows, highs = [price, *bars.low[part].tolist()], [price, *bars.high[part].tolist()]
        if not at_open and last > first:
            lows.append(int(bars.close[first]))
            highs.append(int(bars.close[first]))
        paid = int(entry_price[row])
        held.append(last - first)
        mae.append(min(0, min(lows) - paid if side == "buy" else paid - max(highs)))
        mfe.append(max(0, max(highs) - paid if side == "buy" else paid - min(lows)))
    for column, values in (("bars_held", held), ("mae", mae), ("mfe", mfe)):
        audit.compare("trades", column, f"data.{column}", values)


def _bar_of_fill(bars: Bars, fills: Sheet, fill: int) -> int:
    """Row of the bar of a fill; of one that met no market, the last that was known by then."""
    instant = fills["instant"][fill]
    if fills["stage"][fill] == BOOKS:
        return int(np.searchsorted(bars.close_time, instant, "right")) - 1
    return int(np.searchsorted(bars.close_time, instant, "left"))
