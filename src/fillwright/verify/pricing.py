"""Steps of the price and fee of each fill, worked out a second time from the terms of the broker.

Rules: ``docs/execution_rules.md`` §5.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fillwright.verify.audit import Audit
from fillwright.verify.bars import Bars
from fillwright.verify.exact import half_even
from fillwright.verify.ledger import STEPS, Ledger
from fillwright.verify.reading import Folder
from fillwright.verify.roles import BOOKS, roles
from fillwright.verify.story import Story
from fillwright.verify.terms import RATE, Terms

WITH_LIMIT = ("limit", "stop_limit", "trailing_stop_limit", "limit_if_touched", "limit_on_open", "limit_on_close")


def check_pricing(audit: Audit, ledger: Ledger, data: Sequence[Bars], story: Story, terms: Terms) -> None:
    """Compare spread, slippage, impact, limit and tick of every fill, and its fee."""
    folder = audit.folder
    if not terms.slippage or not terms.fee:
        audit.say("data.terms", 0, note="costs by a model that this verifier does not know are taken as given")
    if terms.slippage:
        steps = _steps(audit, ledger, data, story, terms)
        for step in STEPS:
            audit.compare("fills", step, f"data.{step}", steps[step])
    if terms.fee:
        audit.compare("fills", "fee", "data.fee", _fees(audit, ledger, terms))
    late = np.flatnonzero(folder["fills"]["reported_at"] < folder["fills"]["time"]).tolist()
    audit.say(
        "data.reported", folder["fills"].rows, [f"fills.parquet row {row} column reported_at: before the fill" for row in late]
    )


def _steps(audit: Audit, ledger: Ledger, data: Sequence[Bars], story: Story, terms: Terms) -> dict[str, list[int]]:
    """Each step of the pipeline by fill, price units, signed."""
    folder = audit.folder
    fills, orders = folder["fills"], folder["orders"]
    types = orders["type"][folder.references("fills", "order_id", "orders")].tolist()
    references = folder.units("fills", "reference_price").tolist()
    makers, opened = (fills["liquidity"] == "maker").tolist(), fills["event_time"].tolist()
    at_books, given = (fills["stage"] == BOOKS).tolist(), {name: folder.units("fills", name).tolist() for name in STEPS}
    steps: dict[str, list[int]] = {name: [] for name in STEPS}
    for fill, (symbol, side, reference) in enumerate(zip(ledger.symbol, ledger.side, references, strict=True)):
        tick = terms.tick[symbol]
        if at_books[fill]:  # its steps are those of the fill that it takes back
            for name in STEPS:
                steps[name].append(given[name][fill])
            continue
        slip = 0 if makers[fill] else side * (terms.slip_ticks * tick + half_even(reference * terms.slip_rate, RATE))
        price = bounded = reference + slip
        bars = data[symbol]
        row = bars.opening_at(opened[fill])
        if terms.clamp and row >= 0:
            bounded = min(max(bounded, int(bars.low[row])), int(bars.high[row]))
        bounded = max(bounded, 1)
        met = story.met.get(fill)
        limit = met.limit if met is not None and types[fill] in WITH_LIMIT else None
        bounded = _within(bounded, limit, side)
        rounded = _within(_on_tick(bounded, tick, side > 0), limit, side)
        for name, value in (
            ("spread", 0), ("slippage", slip), ("impact", 0), ("limit", bounded - price), ("tick", rounded - bounded),
        ):  # fmt: skip
            steps[name].append(value)
    return steps


def _within(price: int, limit: int | None, side: int) -> int:
    """The price, not beyond the limit."""
    if limit is None:
        return price
    return min(price, limit) if side > 0 else max(price, limit)


def _on_tick(price: int, tick: int, up: bool) -> int:
    if tick <= 1:
        return max(price, 1)
    below, rest = price // tick * tick, price % tick
    return max(below + tick if up and rest else below, tick)


def _fees(audit: Audit, ledger: Ledger, terms: Terms) -> list[int]:
    """Fee of each fill: what its order owes by then, less what it has paid."""
    folder = audit.folder
    order = folder.references("fills", "order_id", "orders").tolist()
    makers = (folder["fills"]["liquidity"] == "maker").tolist()
    told = roles(folder)
    raw: dict[int, int] = {}
    paid: dict[int, int] = {}
    filled: dict[int, int] = {}
    fees = []
    for fill, number in enumerate(order):
        sign = -1 if told.undoes[fill] else 1
        first = not filled.get(number)
        filled[number] = filled.get(number, 0) + sign * ledger.quantity[fill]
        total = raw.get(number, 0) + (terms.fee_order if first else 0) + sign * _raw(folder, ledger, terms, fill, makers[fill])
        if not filled[number]:
            total = due = 0  # with nothing filled nothing is owed
        else:
            due = total if terms.fee_maximum is None else min(total, terms.fee_maximum)
            due = max(due, terms.fee_minimum or 0)
        raw[number] = total
        fees.append(due - paid.get(number, 0))
        paid[number] = due
    return fees


def _raw(folder: Folder, ledger: Ledger, terms: Terms, fill: int, maker: bool) -> int:
    """What a fill adds to the raw fees of its order, beside the fee per order."""
    decimals = folder.instruments[ledger.symbol[fill]].quantity_decimals
    by_unit = half_even(terms.fee_unit * ledger.quantity[fill], 10**decimals)
    return by_unit + half_even(ledger.notional[fill] * (terms.fee_maker if maker else terms.fee_taker), RATE)
