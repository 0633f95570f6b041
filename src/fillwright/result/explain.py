"""How a fill came about, and what became of an order: the facts as plain values, and the same facts in words.

Numbers are exact, as text. What the run decided is read from its records; the words of the rules are those of
``docs/execution_rules.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import numpy as np

from fillwright.config.schema import Config
from fillwright.data.market import Market
from fillwright.errors import UsageError
from fillwright.journal import View
from fillwright.model.codes import Account, BarPath, ExitReason, Liquidity, OrderEvent, OrderFlag, OrderType, Stage
from fillwright.result.tables import RunTables

Facts = dict[str, Any]

STEPS = ("spread", "slippage", "impact", "limit", "tick")
WITH_LIMIT = (OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP_LIMIT, OrderType.LIMIT_IF_TOUCHED,
              OrderType.LIMIT_ON_OPEN, OrderType.LIMIT_ON_CLOSE)  # fmt: skip
WITH_STOP = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT)
WITH_TOUCH = (OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED)

PLACES = {
    Stage.OPEN: "the open of the bar",
    Stage.FIRST: "on the way from the open to the first extreme of the bar",
    Stage.SECOND: "on the way from the first extreme of the bar to the second",
    Stage.CLOSE: "on the way from the second extreme of the bar to its close",
    Stage.FLAT_AT: "the close of the bar, by orders.flat_at",
    Stage.QUOTE: "the quote as it came",
    Stage.STANDING: "the quote that stood when the order arrived",
    Stage.PRINT: "the print as it came",
    Stage.BOOKS: "none: it stands in the books only",
}


BUSTS = (OrderEvent.BUST, OrderEvent.BUST_ALL)
OFFERS = {
    Stage.QUOTE: ("the quote", ""),
    Stage.STANDING: ("the quote", ""),
    Stage.PRINT: ("execution.participation", " of the size of the print"),
}
MOMENTS = (Stage.QUOTE, Stage.STANDING, Stage.PRINT)


@dataclass(frozen=True)
class Subject:
    """What is explained from: the tables of a run, its configuration, and its bars where they are at hand."""

    tables: RunTables
    config: Config
    market: Market | None = None

    def view(self, name: str, row: int) -> View:
        """A row of a table."""
        table = self.tables.table(name)
        symbol = int(self.tables.symbols(table)[row])
        return View(table, self.tables.records[name][row], self.tables.names, self.tables.scales, symbol)

    def rows(self, name: str, column: str, value: int) -> list[int]:
        """Numbers of the rows of a table that hold a value."""
        return [int(row) for row in np.flatnonzero(self.tables.records[name][column] == value)]


def fill_facts(it: Subject, fill: int) -> Facts:
    """Everything about one fill, as plain values. UsageError if there is no such fill."""
    _exists(it, "fills", "fill", fill)
    row = it.view("fills", fill)
    order = it.view("orders", row.order_id)
    event = it.view("order_events", it.rows("order_events", "fill_id", fill)[0])
    bar = {} if row.stage is Stage.BOOKS else _bar(it, row)
    return {
        "fill": fill,
        "time": _moment(row.time),
        "instant": _moment(row.instant),
        "side": "bought" if row.side > 0 else "sold",
        "quantity": _text(row.exact("quantity")),
        "symbol": row.symbol,
        "price": _text(row.exact("price")),
        "currency": _currency(it, row),
        "strategy": row.strategy,
        "order": _order(order),
        "trading_state": _trading_state(it, order),
        "market": _market(it, row, event, bar),
        "books": _books(it, fill, event),
        "steps": list(_steps(it, row, order, event, bar)),
        "notional": _notional(it, row),
        "fee": _fee(it, row, fill),
        "lots": list(_lots(it, row)),
        "funds": _funds(it, row, fill),
        "exit_reason": _word(row.exit_reason) if row.exit_reason is not ExitReason.NONE else None,
        "life": list(_life(it, row.order_id)),
    }


def order_facts(it: Subject, order: int) -> Facts:
    """Everything about one order, as plain values. UsageError if there is no such order."""
    _exists(it, "orders", "order", order)
    row = it.view("orders", order)
    fills = [it.view("fills", number) for number in it.rows("fills", "order_id", order)]
    children = it.rows("orders", "parent_id", order)
    return {
        "order": _order(row),
        "status": _word(row.status),
        "reason": _word(row.reason) if row.raw("reason") else None,
        "trading_state": _trading_state(it, row),
        "filled": _text(row.exact("cum_quantity")),
        "fee": _text(row.exact("fee")),
        "currency": _currency(it, row),
        "parent": row.parent_id,
        "children": children,
        "fills": [
            {
                "fill": fill.raw("fill_id"), "time": _moment(fill.time), "quantity": _text(fill.exact("quantity")),
                "price": _text(fill.exact("price")), "fee": _text(fill.exact("fee")), "liquidity": _word(fill.liquidity),
                "undoes": fill.exec_ref_id if fill.side is not row.side else None,
                "corrects": fill.exec_ref_id if fill.side is row.side else None,
            }
            for fill in fills
        ],
        "life": list(_life(it, order)),
    }  # fmt: skip


def explain(it: Subject, fill: int | None = None, order: int | None = None) -> str:
    """Text about one fill or one order. UsageError if there is none, or not exactly one is asked for."""
    if (fill is None) == (order is None):
        raise UsageError("give a fill or an order to explain", remedy="for example explain(fill=17) or explain(order=3)")
    return "\n".join(_fill_text(fill_facts(it, fill)) if fill is not None else _order_text(order_facts(it, order or 0)))


# ---- facts -------------------------------------------------------------------------------------------------------------------


def _exists(it: Subject, table: str, noun: str, number: int) -> None:
    count = len(it.tables.records[table])
    if not 0 <= number < count:
        known = f"{noun}s are numbered 0 to {count - 1}" if count else f"the run has no {noun}s"
        raise UsageError(f"no {noun} {number}", remedy=known)


def _trading_state(it: Subject, order: View) -> Facts | None:
    """What orders were allowed when this one was decided, as the last change says; None where there was none."""
    rows = np.flatnonzero(it.tables.records["switches"]["instant"] <= order.raw("decided_at"))
    if not len(rows):
        return None
    switch = it.view("switches", int(rows[-1]))
    passed = switch.raw("required") != 0
    return {
        "state": _word(switch.state),
        "since": _moment(switch.instant),
        "reason": _word(switch.reason) if switch.raw("reason") else "by the strategy",
        "action": _word(switch.action) if switch.raw("action") else None,
        "loss": _text(switch.exact("required")) if passed else None,
        "allowed": _text(switch.exact("available")) if passed else None,
    }


def _word(code: object) -> str:
    return getattr(code, "name", str(code)).lower().replace("_", " ")


def _text(number: Decimal) -> str:
    return f"{number.normalize():f}" if number else "0"


def _moment(time: int) -> str:
    if not time:
        return "never"
    return str(np.datetime64(time, "ns")).rstrip("0").rstrip(".").replace("T", " ") + " UTC"


def _currency(it: Subject, row: View) -> str:
    return it.tables.instruments[row.raw("symbol")].quote


def _order(order: View) -> Facts:
    return {
        "number": order.raw("order_id"),
        "intent": order.intent_id if order.intent_id >= 0 else None,
        "strategy": order.strategy,
        "rule": order.rule_id,
        "tag": order.tag,
        "symbol": order.symbol,
        "side": _word(order.side),
        "quantity": _text(order.exact("quantity")),
        "type": _word(order.type),
        "limit": _text(order.exact("limit_price")) if order.raw("limit_price") else None,
        "stop": _text(order.exact("stop_price")) if order.raw("stop_price") else None,
        "time_in_force": order.tif.name,
        "flags": [_word(flag) for flag in OrderFlag if flag and flag in OrderFlag(order.raw("flags"))],
        "decided": _moment(order.decided_at),
        "last_price": _text(order.exact("decision_price")),
        "sent": _moment(order.sent_at),
        "arrived": _moment(order.arrived_at),
    }


def _bar(it: Subject, row: View) -> dict[str, int]:
    """The bar that a fill met, in whole units, with its times; empty where the bars are not at hand."""
    if it.market is None:
        return {}
    feed = it.market.execution_feed(row.raw("symbol"))
    if feed.kind != "bars":
        return {}
    at = int(np.searchsorted(feed.open_time, row.event_time, "left"))
    if at >= len(feed.open_time) or int(feed.open_time[at]) != row.event_time:
        return {}
    names = ("open_time", "close_time", "open", "high", "low", "close", *(["volume"] if feed.volume is not None else []))
    return {name: int(getattr(feed, name)[at]) for name in names}


def _price_text(it: Subject, row: View, units: int) -> str:
    return _text(Decimal(units).scaleb(-it.tables.scales.price[row.raw("symbol")]))


def _market(it: Subject, row: View, event: View, bar: Mapping[str, int]) -> Facts:
    place = PLACES[row.stage]
    if row.path is BarPath.CLOSE_ONLY and row.stage is Stage.CLOSE:
        place = "the close of the bar"
    prices = {name: _price_text(it, row, bar[name]) for name in ("open", "high", "low", "close") if name in bar}
    points = [prices[name] for name in _way(row.path)] if prices else []
    quantity = it.tables.scales.quantity[row.raw("symbol")]
    offered = None if row.raw("available") < 0 else _text(row.exact("available"))
    return {
        "bar_opened": _moment(row.event_time),
        "bar_closed": _moment(bar["close_time"]) if bar else None,
        "bar": prices or None,
        "volume": _text(Decimal(bar["volume"]).scaleb(-quantity)) if "volume" in bar else None,
        "path": _word(row.path),
        "points": points,
        "place": place,
        "why_then": _when(it, row),
        "why_there": _why(it, row, event),
        "liquidity": _word(row.liquidity),
        "volume_left": offered,
        "offered": OFFERS.get(row.stage, ("execution.participation", " of the bar's volume")),
        "is_moment": row.stage in MOMENTS,
        "ambiguous": bool(row.ambiguous),
    }


def _books(it: Subject, fill: int, event: View) -> Facts:
    """What the broker did in the books: of this fill, and to it afterwards; each None where it did nothing."""
    fills = it.tables.records["fills"]
    named = int(fills["exec_ref_id"][fill])
    later = it.rows("fills", "exec_ref_id", fill)
    undoes = event.event in BUSTS
    return {
        "undoes": named if undoes else None,
        "corrects": named if named >= 0 and not undoes else None,
        "price_before": _text(it.view("fills", named).exact("price")) if named >= 0 else None,
        "undone_by": later[0] if later else None,
        "undone": _moment(int(fills["instant"][later[0]])) if later else None,
        "corrected_by": later[1] if len(later) > 1 else None,
    }


def _way(path: BarPath) -> tuple[str, ...]:
    if path is BarPath.CLOSE_ONLY:
        return ("close",)
    return ("open", "high", "low", "close") if path is BarPath.OPEN_HIGH_LOW_CLOSE else ("open", "low", "high", "close")


def _when(it: Subject, row: View) -> str:
    order = it.view("orders", row.order_id)
    if row.stage is Stage.FLAT_AT:
        return "the engine closes what is still open at the end of the day or the run, at the close"
    lookahead = it.config.execution.fill == "same_close_lookahead"
    if lookahead and row.path is BarPath.CLOSE_ONLY and order.arrived_at == row.time:
        return "execution.fill: same_close_lookahead lets an order trade at the close of the bar that it was decided on"
    if row.stage in MOMENTS:
        return (
            "the order had arrived before it"
            if row.stage is not Stage.STANDING
            else "the last quote known when the order arrived"
        )
    return "the order had arrived when this bar opened; a bar already under way is never met"


def _why(it: Subject, row: View, event: View) -> str:
    """The rule that gave the reference price, with the order's prices at that moment."""
    order = it.view("orders", row.order_id)
    limit, stop = (_text(event.exact(f"{name}_price")) for name in ("limit", "stop"))
    at_point = row.stage in (Stage.OPEN, Stage.FLAT_AT) or row.path is BarPath.CLOSE_ONLY
    buys = row.side > 0
    if order.type in WITH_TOUCH and row.liquidity is Liquidity.TAKER:
        return f"the market came to {stop}, where the order was to be triggered; it takes the first price from there on"
    if order.type in WITH_STOP and row.liquidity is Liquidity.TAKER:
        if _triggered_before(it, row):
            return f"its stop {stop} had been triggered; it trades at the first price that it meets"
        reached = "at or above" if buys else "at or below"
        if at_point:
            return f"the price was {reached} the stop {stop}: triggered, and filled there"
        return f"the market went through the stop {stop}: triggered, and filled at it, or where the way began if that is beyond"
    if order.type in WITH_LIMIT:
        within = "at or below" if buys else "at or above"
        if not at_point:
            way = "fell" if buys else "rose"
            return f"the market {way} to the limit {limit}: it rested there and gets its limit, or where the way began if better"
        if row.liquidity is Liquidity.MAKER and row.stage in MOMENTS:
            return f"it rested, and the other side came to its limit {limit}: it gets its limit"
        if row.liquidity is Liquidity.MAKER:
            return f"it rested, and the price came out {within} its limit {limit}: it gets that price"
        return f"the first price that it met is {within} its limit {limit}: it takes it"
    return "a market order takes the first price that it meets" if row.stage is not Stage.FLAT_AT else "it takes the close"


def _triggered_before(it: Subject, row: View) -> bool:
    events = it.tables.records["order_events"]
    mine = events[events["order_id"] == row.raw("order_id")]
    from_stop = mine[mine["event"] == OrderEvent.TRIGGER]
    return bool(len(from_stop)) and int(from_stop["instant"][0]) < row.instant


def _steps(it: Subject, row: View, order: View, event: View, bar: Mapping[str, int]) -> Iterator[Facts]:
    """The price, step by step, with the rule of each step that changed something."""
    price = row.exact("reference_price")
    yield {"step": "reference", "amount": _text(price), "price": _text(price), "rule": "the market price that it met"}
    for name in STEPS:
        amount = row.exact(name)
        price += amount
        if amount:
            yield {"step": name, "amount": f"{amount:+f}", "price": _text(price), "rule": _rule(it, name, row, event, bar)}


def _rule(it: Subject, step: str, row: View, event: View, bar: Mapping[str, int]) -> str:
    slippage, instrument = it.config.costs.slippage, it.tables.instruments[row.raw("symbol")]
    if step == "slippage":
        if slippage.model == "rate":
            return f"costs.slippage: {_text(row.exact('reference_price'))} x {_text(slippage.rate)}, against the order"
        return f"costs.slippage, model {slippage.model}, against the order"
    if step == "limit":
        after = (
            row.exact("reference_price") + row.exact("spread") + row.exact("slippage") + row.exact("impact") + row.exact("limit")
        )
        if event.raw("limit_price") and after == event.exact("limit_price"):
            return f"not beyond its limit {_text(after)}"
        return (
            "execution.clamp_to_range: back into the range of the bar" if bar or it.config.execution.clamp_to_range else "bounded"
        )
    if step == "tick":
        return f"rounded {'up' if row.side > 0 else 'down'} to the tick {_price_text(it, row, instrument.tick)}"
    return {"spread": "from the middle to the side that the order trades on", "impact": "market impact"}[step]


def _notional(it: Subject, row: View) -> Facts:
    multiplier = it.tables.instruments[row.raw("symbol")].multiplier
    times = f" x {multiplier}" if multiplier != 1 else ""
    formula = f"{_text(row.exact('price'))} x {_text(row.exact('quantity'))}{times}"
    return {"amount": _text(row.exact("notional")), "formula": formula}


def _fee(it: Subject, row: View, fill: int) -> Facts:
    """The fee and how the commission comes to it."""
    model = it.config.costs.commission
    earlier = [number for number in it.rows("fills", "order_id", row.raw("order_id")) if number < fill]
    before = [it.view("fills", number) for number in earlier]
    paid = sum((one.exact("fee") for one in before), Decimal(0))
    side = it.view("orders", row.order_id).side
    filled = sum((one.exact("quantity") * int(one.side * side) for one in before), Decimal(0))
    fee, raw, formula = row.exact("fee"), Decimal(0), "no commission"
    if row.side is not side:
        left = (
            "as the rest that is filled costs so much less"
            if filled != row.exact("quantity")
            else "as nothing is filled any more"
        )
        return {"amount": _text(fee), "formula": f"{left}; the order had paid {_text(paid)}", "paid_before": _text(paid)}
    if model.model == "rate":
        maker = row.liquidity is Liquidity.MAKER and model.maker_rate is not None
        rate = model.maker_rate if maker and model.maker_rate is not None else model.rate
        raw = row.exact("notional") * rate
        formula = f"{_text(row.exact('notional'))} x {_text(rate)}{' (maker)' if maker else ''}"
    elif model.model == "per_unit":
        raw = row.exact("quantity") * model.amount
        formula = f"{_text(row.exact('quantity'))} x {_text(model.amount)} per unit"
    elif model.model == "per_order":
        raw = Decimal(0) if filled else model.amount
        formula = f"{_text(model.amount)} per order, with its first fill"
    unit = Decimal(1).scaleb(-it.config.account.money_decimals)
    bounded = raw.quantize(unit, ROUND_HALF_EVEN) != fee
    bounds = [
        f"{words} {_text(bound)} per order" for words, bound in (("at least", getattr(model, "minimum", None)),
        ("at most", getattr(model, "maximum", None))) if bound is not None and bounded
    ]  # fmt: skip
    if bounded and paid:
        bounds.append(f"less {_text(paid)} that the order has paid")
    return {"amount": _text(fee), "formula": ", ".join([formula, *bounds]), "paid_before": _text(paid)}


def _lots(it: Subject, row: View) -> Iterator[Facts]:
    for number in it.rows("lot_closes", "fill_id", row.raw("fill_id")):
        close = it.view("lot_closes", number)
        yield {
            "what": "closed",
            "lot": close.lot_id,
            "quantity": _text(close.exact("quantity")),
            "opened_by_fill": close.open_fill,
            "proceeds": _text(close.exact("proceeds")),
            "cost": _text(close.exact("cost")),
            "realised": _text(close.exact("realised")),
            "fees": [_text(close.exact("fee_in")), _text(close.exact("fee_out"))],
        }
    if row.lot_id is not None:
        opened = row.exact("quantity") - row.exact("closing_quantity")
        yield {"what": "opened", "lot": row.lot_id, "quantity": _text(opened)}


def _funds(it: Subject, row: View, fill: int) -> Facts:
    """Cash in the currency of the fill, and the position, before and after."""
    postings = it.tables.records["postings"]
    currency = [one.code for one in it.tables.currencies].index(_currency(it, row))
    cash = postings[(postings["account"] == Account.CASH) & (postings["currency"] == currency)]
    mine = cash["fill_id"] == fill
    first = int(np.argmax(mine)) if mine.any() else len(cash)
    decimals = it.tables.currencies[currency].decimals
    before = Decimal(int(cash["money"][:first].sum())).scaleb(-decimals)
    moved = Decimal(int(cash["money"][mine].sum())).scaleb(-decimals)
    after = row.exact("position")
    return {
        "currency": _currency(it, row),
        "cash_before": _text(before),
        "cash_after": _text(before + moved),
        "position_before": _text(after - int(row.side) * row.exact("quantity")),
        "position_after": _text(after),
    }


def _life(it: Subject, order: int) -> Iterator[Facts]:
    for number in it.rows("order_events", "order_id", order):
        event = it.view("order_events", number)
        asked = event.raw("required") or event.raw("available")
        yield {
            "time": _moment(event.time),
            "event": _word(event.event),
            "fill": event.fill_id,
            "status": _word(event.status),
            "filled": _text(event.exact("cum_quantity")),
            "quantity": _text(event.exact("quantity")),
            "reason": _word(event.reason) if event.raw("reason") else None,
            "required": _text(event.exact("required")) if asked else None,
            "available": _text(event.exact("available")) if asked else None,
        }


# ---- words -------------------------------------------------------------------------------------------------------------------


def _fill_text(facts: Facts) -> Iterator[str]:
    yield f"fill {facts['fill']}: {facts['side']} {facts['quantity']} {facts['symbol']} at {facts['price']} on {facts['time']}"
    yield from _order_lines(facts["order"])
    yield from _state_lines(facts["trading_state"])
    yield from _books_lines(facts["books"])
    if facts["books"]["price_before"] is None:
        yield from _market_lines(facts["market"])
    yield from _money_lines(facts)


def _market_lines(market: Facts) -> Iterator[str]:
    """What the order met, where and why."""
    closed = f", closed {market['bar_closed']}" if market["bar_closed"] else ""
    yield f"  market: {market['place']}{', of' if market['is_moment'] else ' that opened'} {market['bar_opened']}{closed}"
    yield f"    {market['why_then']}"
    if market["bar"]:
        volume = f", volume {market['volume']}" if market["volume"] else ""
        yield "    bar: " + ", ".join(f"{name} {price}" for name, price in market["bar"].items()) + volume
    way = f": {' -> '.join(market['points'])}" if market["points"] else ""
    yield f"    path {market['path']}{way}"
    yield f"    {market['why_there']} ({market['liquidity']})"
    if market["volume_left"] is not None:
        who, what = market["offered"]
        yield f"    {who} left {market['volume_left']}{what} to it"
    if market["ambiguous"]:
        yield "    ambiguous: another path through the same bar would have filled differently"


def _books_lines(books: Facts) -> Iterator[str]:
    """What the broker took back, in words."""
    if books["undoes"] is not None:
        yield f"  market: none; the broker undid fill {books['undoes']}: the same price, steps and quantity on the other side"
    if books["corrects"] is not None:
        yield f"  market: none; the broker corrected the price of fill {books['corrects']}, which was {books['price_before']}"
    if books["undone_by"] is not None:
        then = (
            f", and put fill {books['corrected_by']} in its place, at another price" if books["corrected_by"] is not None else ""
        )
        yield f"  the broker undid it on {books['undone']} by fill {books['undone_by']}{then}"


def _money_lines(facts: Facts) -> Iterator[str]:
    """Price, notional, fee, lots and funds, and the life of the order."""
    fee, notional, funds = facts["fee"], facts["notional"], facts["funds"]
    yield "  price:"
    for step in facts["steps"]:
        yield f"    {step['step']:<10}{step['amount']:>18}  {step['rule']}"
    yield f"    {'=':<10}{facts['price']:>18}"
    yield f"  notional {notional['amount']} {facts['currency']} = {notional['formula']}"
    yield f"  fee {fee['amount']} {facts['currency']}: {fee['formula']}"
    for lot in facts["lots"]:
        yield _lot_line(lot)
    if facts["exit_reason"]:
        yield f"  exit reason: {facts['exit_reason']}"
    yield f"  cash {funds['currency']}: {funds['cash_before']} -> {funds['cash_after']}"
    yield f"  position of {facts['strategy']} in {facts['symbol']}: {funds['position_before']} -> {funds['position_after']}"
    yield from _life_lines(facts["order"]["number"], facts["life"])


def _order_text(facts: Facts) -> Iterator[str]:
    reason = f" ({facts['reason']})" if facts["reason"] else ""
    order = facts["order"]
    yield f"order {order['number']}: {facts['status']}{reason}, filled {facts['filled']} of {order['quantity']} {order['symbol']}"
    yield from _order_lines(order)
    yield from _state_lines(facts["trading_state"])
    if facts["parent"] is not None:
        yield f"  held until order {facts['parent']} was filled"
    if facts["children"]:
        yield f"  releases order {', '.join(map(str, facts['children']))} when it is filled"
    for fill in facts["fills"]:
        names = "".join(f", {word} fill {fill[word]}" for word in ("undoes", "corrects") if fill[word] is not None)
        yield (
            f"  fill {fill['fill']}: {fill['quantity']} at {fill['price']} on {fill['time']}, {fill['liquidity']}, "
            f"fee {fill['fee']} {facts['currency']}{names}"
        )
    if not facts["fills"]:
        yield "  no fills"
    yield from _life_lines(order["number"], facts["life"])


def _order_lines(order: Facts) -> Iterator[str]:
    prices = [f"{name} {order[name]}" for name in ("limit", "stop") if order[name]]
    asked = ", ".join([order["type"], *prices, order["time_in_force"], *order["flags"]])
    intent = f", intent {order['intent']}" if order["intent"] is not None else ", by the engine"
    yield f"  order {order['number']}: {order['side']} {order['quantity']} {order['symbol']}, {asked}"
    yield f"    strategy {order['strategy']}, rule {order['rule'] or 'none'}, tag {order['tag'] or 'none'}{intent}"
    yield f"    decided {order['decided']} at a last price of {order['last_price']}"
    yield f"    sent    {order['sent']}"
    yield f"    arrived {order['arrived']}"


def _state_lines(state: Facts | None) -> Iterator[str]:
    if state is not None:
        passed = f", a loss of {state['loss']} where {state['allowed']} is allowed" if state["loss"] else ""
        yield f"    trading state {state['state']} since {state['since']}: {state['reason']}{passed}"


def _lot_line(lot: Facts) -> str:
    if lot["what"] == "opened":
        return f"  opened {lot['quantity']} in lot {lot['lot']}"
    return (
        f"  closed {lot['quantity']} of lot {lot['lot']} (opened by fill {lot['opened_by_fill']}): proceeds {lot['proceeds']} "
        f"- cost {lot['cost']} = realised {lot['realised']}; fees {lot['fees'][0]} + {lot['fees'][1]}"
    )


def _life_lines(order: int, life: list[Facts]) -> Iterator[str]:
    yield f"  life of order {order}:"
    for event in life:
        fill = "" if event["fill"] is None else f" (fill {event['fill']})"
        reason = f", {event['reason']}" if event["reason"] else ""
        numbers = f", needed {event['required']}, there was {event['available']}" if event["required"] is not None else ""
        filled = f"filled {event['filled']} of {event['quantity']}"
        yield f"    {event['time']}  {event['event']}{fill} -> {event['status']}, {filled}{reason}{numbers}"
