"""How one fill came about, in words and numbers: the order, the market it met, each step of the price, what it did."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fillwright.data.market import Market
from fillwright.errors import UsageError
from fillwright.journal import View
from fillwright.model.codes import Stage
from fillwright.result.tables import RunTables

STEPS = {
    "spread": "half the spread",
    "slippage": "slippage",
    "impact": "market impact",
    "limit": "limit, collar or range",
    "tick": "rounding to the tick",
}
"""Steps of the price pipeline, in order, as people call them."""

PLACES = {
    Stage.OPEN: "the open of the bar",
    Stage.FIRST: "the first extreme of the bar",
    Stage.SECOND: "the second extreme of the bar",
    Stage.CLOSE: "the close of the bar",
    Stage.FLAT_AT: "the close of the bar, by orders.flat_at",
}


def explain(tables: RunTables, fill: int, market: Market | None = None) -> str:
    """Text about one fill; with the market's bars where they are at hand. UsageError if there is no such fill."""
    fills = tables.records["fills"]
    if not 0 <= fill < len(fills):
        known = f"fills are numbered 0 to {len(fills) - 1}" if len(fills) else "the run has no fills"
        raise UsageError(f"no fill {fill}", remedy=known)
    it = _view(tables, "fills", fill)
    order = _view(tables, "orders", it.order_id)
    return "\n".join([*_head(it), *_order(order), *_price(tables, it, market), *_effect(tables, it), *_life(tables, it, order)])


def _view(tables: RunTables, name: str, row: int) -> View:
    table = tables.table(name)
    symbol = int(tables.symbols(table)[row])
    return View(table, tables.records[name][row], tables.names, tables.scales, symbol)


def _word(code: object) -> str:
    return getattr(code, "name", str(code)).lower().replace("_", " ")


def _moment(time: int) -> str:
    if not time:
        return "never"
    whole, fraction = divmod(time, 10**9)
    text = str(np.datetime64(whole, "s")).replace("T", " ")
    return f"{text}.{fraction:09}".rstrip("0") + " UTC" if fraction else f"{text} UTC"


def _head(it: View) -> Iterator[str]:
    verb = "bought" if it.side > 0 else "sold"
    yield f"fill {it.raw('fill_id')}: {verb} {it.exact('quantity')} {it.symbol} at {it.exact('price')} on {_moment(it.time)}"


def _order(order: View) -> Iterator[str]:
    prices = [f"{name} {order.exact(f'{name}_price')}" for name in ("limit", "stop") if order.raw(f"{name}_price")]
    yield f"  order {order.order_id}: {_word(order.side)} {order.exact('quantity')}, " + ", ".join(
        [_word(order.type), *prices, order.tif.name]
    )
    yield f"    strategy {order.strategy}, rule {order.rule_id or 'none'}, tag {order.tag or 'none'}"
    yield f"    decided {_moment(order.decided_at)} at a last price of {order.exact('decision_price')}"
    yield f"    sent    {_moment(order.sent_at)}"
    yield f"    arrived {_moment(order.arrived_at)}"


def _price(tables: RunTables, it: View, market: Market | None) -> Iterator[str]:
    yield f"  market: {PLACES[it.stage]} that opened {_moment(it.event_time)}, path {_word(it.path)}"
    if market is not None:
        instrument = it.raw("symbol")
        feed = market.execution_feed(instrument)
        row = int(np.searchsorted(feed.open_time, it.event_time, "left"))
        if row < len(feed.open_time) and int(feed.open_time[row]) == it.event_time:
            scale = 10 ** tables.scales.price[instrument]
            prices = (f"{name} {int(getattr(feed, name)[row]) / scale:.12g}" for name in ("open", "high", "low", "close"))
            yield f"    bar: {', '.join(prices)}"
    if it.ambiguous:
        yield "    ambiguous: another path through the same bar would have filled differently"
    yield f"  price: {it.exact('reference_price'):>16}  reference"
    for name, words in STEPS.items():
        if it.raw(name):
            yield f"         {it.exact(name):>+16}  {words}"
    yield f"       = {it.exact('price'):>16}"
    yield f"  notional {it.exact('notional')}, fee {it.exact('fee')}, {_word(it.liquidity)}"


def _effect(tables: RunTables, it: View) -> Iterator[str]:
    closes = tables.records["lot_closes"]
    for row in np.flatnonzero(closes["fill_id"] == it.raw("fill_id")).tolist():
        close = _view(tables, "lot_closes", row)
        yield (
            f"  closed {close.exact('quantity')} of lot {close.lot_id} (opened by fill {close.open_fill}): "
            f"realised {close.exact('realised')}, fees {close.exact('fee_in')} + {close.exact('fee_out')}"
        )
    if it.lot_id is not None:
        opened = it.exact("quantity") - it.exact("closing_quantity")
        yield f"  opened {opened} in lot {it.lot_id}"
    yield f"  position of {it.strategy} in {it.symbol} afterwards: {it.exact('position')}"


def _life(tables: RunTables, it: View, order: View) -> Iterator[str]:
    yield f"  life of order {order.order_id}:"
    events = tables.records["order_events"]
    for row in np.flatnonzero(events["order_id"] == it.raw("order_id")).tolist():
        event = _view(tables, "order_events", row)
        reason = f", {_word(event.reason)}" if event.raw("reason") else ""
        fill = "" if event.fill_id is None else f" (fill {event.fill_id})"
        filled = f"filled {event.exact('cum_quantity')} of {event.exact('quantity')}"
        yield f"    {_moment(event.time)}  {_word(event.event)}{fill} -> {_word(event.status)}, {filled}{reason}"
