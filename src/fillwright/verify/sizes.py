"""Sizes that were fixed at the fill: what the money of each pays for at the price of the fill that followed.

Rules: ``docs/execution_rules.md`` §2, *Sizing*.
"""

from __future__ import annotations

from dataclasses import dataclass

from fillwright.verify.audit import Audit
from fillwright.verify.exact import half_even
from fillwright.verify.ledger import Ledger
from fillwright.verify.lifecycle import FILLS, SIZED_AT_FILL
from fillwright.verify.reading import Folder
from fillwright.verify.terms import RATE, Terms

BY_VALUE = ("value", "target_value")
TARGETS = ("target_value", "target_weight")
ON_BARS = ("open", "first", "second", "close", "flat_at")


@dataclass(frozen=True, slots=True)
class _Fixed:
    """An event that fixes a size, and the fill after it; ``stop`` of the order's stop_loss then."""

    row: int
    order: int
    fill: int
    lots: int
    stop: int
    cost: int
    money: int


def check_sizes(audit: Audit, ledger: Ledger) -> None:
    """Every size that was left to the fill was fixed before it, to the largest quantity whose cost is within its money."""
    folder = audit.folder
    events = folder["order_events"]
    wrong = []
    for row in range(events.rows) if SIZED_AT_FILL & _all_flags(folder) else ():
        if events["event"][row] in FILLS and int(events["flags"][row]) & SIZED_AT_FILL:
            wrong.append(f"order_events.parquet row {row} column flags: filled before its size was fixed")
    fixed = _fixed(folder)
    if fixed:
        terms, equities = Terms.of(folder), _equities(folder, ledger)
        for size in fixed:
            texts = _faults(folder, ledger, terms, size, equities.get(size.fill))
            wrong += [f"order_events.parquet row {size.row} column {text}" for text in texts]
    audit.say("order_events.sizes", len(fixed), wrong)


def _all_flags(folder: Folder) -> int:
    bits = 0
    for flags in set(folder["order_events"]["flags"].tolist()):
        bits |= int(flags)
    return bits


def _fixed(folder: Folder) -> list[_Fixed]:
    """Every such event that a fill of its order follows."""
    events, orders = folder["order_events"], folder["orders"]
    of_entry = {
        int(parent): number
        for number, (parent, kind) in enumerate(zip(orders["parent_id"].tolist(), orders["type"].tolist(), strict=True))
        if kind == "stop" and parent >= 0 and orders["exit_reason"][number] == "stop"
    }
    stops: dict[int, int] = {}
    waiting: dict[int, tuple[int, int, int, int, int]] = {}
    found = []
    columns = zip(
        events["order_id"].tolist(), events["event"].tolist(), events["reason"].tolist(), events["fill_id"].tolist(),
        *(folder.units("order_events", name).tolist() for name in ("quantity", "stop_price", "required", "available")), strict=True,
    )  # fmt: skip
    for row, (order, event, reason, fill, quantity, stop, cost, money) in enumerate(columns):
        if event == "replace" and reason == "sized_at_fill":
            waiting[order] = row, int(quantity), stops.get(of_entry.get(order, -1), 0), int(cost), int(money)
        elif event in FILLS and order in waiting:
            at, lots, loss, needed, had = waiting.pop(order)
            found.append(_Fixed(at, order, fill, lots, loss, needed, had))
        if event != "replace_request":
            stops[order] = int(stop)
    return found


def _faults(folder: Folder, ledger: Ledger, terms: Terms, size: _Fixed, equity: int | None) -> list[str]:
    """What is wrong with one size, from its column on; ``equity`` just before the fill, as far as it is known."""
    orders, number = folder["orders"], size.order
    mode, given, side = orders["size_mode"][number], abs(int(orders["size"][number])), ledger.side[size.fill]
    wrong = []
    if mode in BY_VALUE and size.money != given:
        wrong.append(f"available: found {size.money}, expected {given}, the value that was asked for")
    if mode not in BY_VALUE and equity is not None and size.money != half_even(equity * given, RATE):
        wrong.append(f"available: found {size.money}, expected {half_even(equity * given, RATE)} of equity {equity}")
    instrument = folder.instruments[ledger.symbol[size.fill]]
    if not terms.fee or instrument.currency != 0:
        return wrong
    price = ledger.price[size.fill]
    worth = side * (price - size.stop) if mode == "risk" else price

    def cost(lots: int) -> int:
        return half_even(worth * lots * instrument.mul, instrument.div) + _fee(terms, instrument.quantity_decimals, half_even(
            price * lots * instrument.mul, instrument.div), lots)  # fmt: skip

    lots = size.lots if mode not in TARGETS else _largest(cost, size.money)
    if cost(lots) != size.cost:
        wrong.append(f"required: found {size.cost}, expected {cost(lots)}, the cost of {lots} lots at the price of the fill")
    if cost(lots) > size.money or cost(lots + 1) <= size.money:
        wrong.append(f"quantity: {lots} lots are not the most that {size.money} pay for at the price of the fill")
    return wrong


def _largest(cost: object, money: int) -> int:
    assert callable(cost)
    low, high = 0, 1
    while cost(high) <= money:
        high *= 2
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if cost(middle) <= money else (low, middle - 1)
    return low


def _fee(terms: Terms, decimals: int, notional: int, lots: int) -> int:
    """The fee of a fresh taker."""
    raw = terms.fee_order + half_even(terms.fee_unit * lots, 10**decimals) + half_even(notional * terms.fee_taker, RATE)
    raw = raw if terms.fee_maximum is None else min(raw, terms.fee_maximum)
    return max(raw, terms.fee_minimum or 0)


def _equities(folder: Folder, ledger: Ledger) -> dict[int, int]:
    """Equity just before each fill on a bar, where no other prices than that of the fill come into it."""
    if len(folder.instruments) > 1 or len(folder.currencies) > 1:
        return {}
    instrument, fills = folder.instruments[0], folder["fills"]
    references, stages = folder.units("fills", "reference_price").tolist(), fills["stage"].tolist()
    cash, held, found = int(next(iter(folder.cash.values())) * 10 ** folder.currencies[0].decimals), 0, {}
    for fill, (reference, stage) in enumerate(zip(references, stages, strict=True)):
        if stage in ON_BARS:
            found[fill] = cash + half_even(reference * held * instrument.mul, instrument.div)
        cash -= ledger.side[fill] * ledger.notional[fill] + ledger.fee[fill]
        held += ledger.side[fill] * ledger.quantity[fill]
    return found
