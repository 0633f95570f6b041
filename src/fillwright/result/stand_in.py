"""What a result folder does not hold, rebuilt as far as it follows from what it does: lots, and a market of marks."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from fillwright.data.fx import FxSource
from fillwright.data.market import Feed, Finding, Market, build_market
from fillwright.journal import Ints, Records
from fillwright.model.columns import LOTS
from fillwright.model.instrument import FX_SCALE, Instrument
from fillwright.result.tables import RunTables

DAY_NS = 86_400_000_000_000
MOST_CELLS = 5_000_000
"""Above this many bars only the first instrument gets one at every stored instant."""


def instrument(facts: Mapping[str, Any]) -> Instrument:
    """An instrument from run.json."""
    values = dict(facts)
    return Instrument(
        symbol=values["symbol"],
        quote=values["quote"],
        price_decimals=values["price_decimals"],
        quantity_decimals=values["quantity_decimals"],
        multiplier=Fraction(values["multiplier"]),
        tick=values["tick"],
        timezone=values["timezone"],
        session=(values["session"][0], values["session"][1]),
        base=values["base"],
    )


def sources(run: Mapping[str, Any]) -> tuple[FxSource | None, ...]:
    """Where the rate of each currency came from."""
    return tuple(None if facts is None else FxSource(facts["instrument"], facts["inverse"]) for facts in run["fx"])


def lots(tables: RunTables) -> Records:
    """The ledger's lots after the last fill, from fills and lot closes."""
    fills, closes = tables.records["fills"], tables.records["lot_closes"]
    opened = fills["quantity"] - fills["closing_quantity"]
    entries = np.flatnonzero(opened > 0)
    lot = fills["lot_id"][entries]
    out = np.zeros(int(lot.max()) + 1 if len(lot) else 0, LOTS.dtype)
    out["lot_id"], out["next"], out["prev"] = np.arange(len(out)), -1, -1
    first = np.unique(lot, return_index=True)[1]
    start = entries[first]
    out["open_fill"] = start
    for name in ("strategy", "symbol", "side", "instant"):
        out[name] = fills[name][start]
    cost, fee = fills["side"] * fills["notional"], fills["fee"].copy()
    np.add.at(cost, closes["fill_id"], closes["proceeds"])
    np.subtract.at(fee, closes["fill_id"], closes["fee_out"])
    for name, added, taken in (("remaining", opened, "quantity"), ("cost", cost, "cost"), ("fee_in", fee, "fee_in")):
        np.add.at(out[name], lot, added[entries])
        if name == "remaining":
            out["quantity"] = out["remaining"]
        np.subtract.at(out[name], closes["lot_id"], closes[taken])
    return out


def market(tables: RunTables, run: Mapping[str, Any]) -> Market:
    """A market whose bars are the saved marks: one price per bar, carried forward where an instrument was not held."""
    marks = tables.records["marks"]
    grid = np.ascontiguousarray(tables.records["equity"]["instant"])
    if not len(grid):
        grid = np.array([1], np.int64)
    feeds = []
    for index, one in enumerate(tables.instruments):
        known, prices = _known(marks, run, one, index)
        whole = index == 0 or len(grid) * len(tables.instruments) <= MOST_CELLS
        times = grid if whole or not len(known) else known
        place = np.maximum(np.searchsorted(known, times, "right") - 1, 0)
        price = prices[place] if len(known) else np.ones(len(times), np.int64)
        feeds.append(_feed(one, index, run["data"]["timeframes"][index], times, price))
    note = Finding("marks", "prices are the saved marks: only while held, and closes only; the folder holds no bars")
    kept = tuple(Finding("saved", text) for text in run["data"]["findings"])
    built = build_market(tables.instruments, feeds, (*kept, note))
    vars(built)["digest"] = run["data"]["digest"]  # that of the bars of the run, not of these
    return built


def _known(marks: Records, run: Mapping[str, Any], one: Instrument, index: int) -> tuple[Ints, Ints]:
    """(times, prices) at which the folder knows a price of an instrument: its marks, and rates that it was the source of."""
    rows = marks[marks["symbol"] == index]
    times, prices = [rows["instant"]], [rows["price"]]
    for currency, source in enumerate(sources(run)):
        if source is not None and source.instrument == index:
            rows = marks[marks["currency"] == currency]
            rate = np.maximum(rows["rate"], 1).astype(np.float64) / FX_SCALE
            # Only drawn and shown in figures; the rates that were used are in the marks themselves.
            price = np.rint((1 / rate if source.inverse else rate) * one.price_scale).astype(np.int64)
            times.append(rows["instant"])
            prices.append(price)
    known, first = np.unique(np.concatenate(times), return_index=True)
    return known, np.maximum(np.concatenate(prices)[first], 1)


def _feed(one: Instrument, index: int, timeframe: int, times: Ints, price: Ints) -> Feed:
    opens = np.maximum(times - timeframe, np.concatenate((times[:1] - timeframe, times[:-1])))
    day = (times - 1) // DAY_NS
    last = np.append(day[1:] != day[:-1], True).astype(np.uint8)
    return Feed(one.symbol, index, timeframe, True, opens, times, price, price, price, price, None, last)
