"""Legs: market orders of several instruments that fill together, each in full, or not at all.

Rules: ``docs/execution_rules.md`` §4, *legs*. Legs of a list have consecutive numbers; ``list_id`` is the number of the first.
"""

from __future__ import annotations

from fillwright.kernel._codes import (
    NOTHING,
    TAKER,
    AccountType,
    BarPath,
    DataKind,
    OrderEvent,
    Reason,
    Stage,
    TimeInForce,
)
from fillwright.kernel._jit import jit
from fillwright.kernel.margin import available, goes_short, is_checked, required_with_fee, reserve
from fillwright.kernel.matching import execute, mark_fill
from fillwright.kernel.models import limit_step, slippage, tick_step
from fillwright.kernel.orders import end_order, is_leg_of, is_live, refuse
from fillwright.kernel.quotes import load_standing
from fillwright.kernel.sides import closing_price, left_for, mid_of_fill, opening_price
from fillwright.kernel.state import NO_WALK, instrument_at, order_at


@jit
def _is_met(s, k, stage, time):  # type: ignore[no-untyped-def]
    """Whether leg k is at the broker and finds a price: the first point of a bar, or the quote that is there."""
    order = order_at(s, k)
    if order["accepted"] == 0 or not is_live(order):
        return False
    i = order["symbol"]
    instrument = instrument_at(s, i)
    kind = instrument["kind"]
    if stage == Stage.OPEN:
        return kind < DataKind.QUOTES and instrument["bar"] >= 0 and order["arrived_at"] <= instrument["open_time"]
    if stage == Stage.QUOTE:
        if kind != DataKind.QUOTES:
            return False
        if instrument["bar"] >= 0:  # laid out: it comes now
            return True
    elif order["tried"] != 0:
        return False
    if not load_standing(s, i):
        return False
    age = time - instrument["close_time"]
    return age >= 0 and (s["max_age"] < 0 or age <= s["max_age"])


@jit
def _place(bar, side, stage, time):  # type: ignore[no-untyped-def]
    """(price, stage, path, time) at which a leg meets its instrument."""
    if stage == Stage.OPEN:
        if bar["path"] == BarPath.CLOSE_ONLY:
            return closing_price(bar, side), Stage.CLOSE, bar["path"], bar["close_time"]
        return opening_price(bar, side), Stage.OPEN, bar["path"], bar["open_time"]
    price = bar["ask"] if side > 0 else bar["bid"]
    if stage == Stage.QUOTE and bar["bar"] >= 0:
        return price, Stage.QUOTE, BarPath.CLOSE_ONLY, time
    return price, Stage.STANDING, BarPath.CLOSE_ONLY, time


@jit
def _is_offered(s, first, stage, time):  # type: ignore[no-untyped-def]
    """Whether every leg can fill in full; an IOC list that cannot ends, by the first leg that is short."""
    short = -1
    k = first
    while is_leg_of(s, k, first):
        order = order_at(s, k)
        order["tried"] = 1
        bar = instrument_at(s, order["symbol"])
        _, where, _, _ = _place(bar, order["side"], stage, time)
        left = left_for(bar, order["side"], where)
        if short < 0 and 0 <= left < order["leaves_quantity"]:
            short = k
        k += 1
    if short < 0:
        return True
    order = order_at(s, short)
    if order["tif"] == TimeInForce.IOC:
        _, _, _, when = _place(instrument_at(s, order["symbol"]), order["side"], stage, time)
        end_order(s, short, OrderEvent.CANCEL, when, Reason.IOC_REMAINDER, NOTHING, NOTHING)
    return False


@jit
def _is_funded(s, first, stage, time):  # type: ignore[no-untyped-def]
    """Whether the funds are there for all legs: each reserves what it needs, the first that finds too little ends the list."""
    k = first
    while is_leg_of(s, k, first):
        order = order_at(s, k)
        i = order["symbol"]
        bar = instrument_at(s, i)
        price, where, path, _ = _place(bar, order["side"], stage, time)
        mark_fill(s, i, where, mid_of_fill(bar, price, where, path))
        k += 1
    k = first
    while is_leg_of(s, k, first):
        order = order_at(s, k)
        lots = order["leaves_quantity"]
        if is_checked(s, order, lots):
            bar = instrument_at(s, order["symbol"])
            price, where, path, when = _place(bar, order["side"], stage, time)
            if goes_short(s, order, lots):
                refuse(s, k, when, Reason.SHORT_IN_CASH_ACCOUNT, lots, max(bar["position"], 0))
                return False
            price += slippage(bar, mid_of_fill(bar, price, where, path)) * order["side"]
            price += limit_step(s, bar, order, price)
            price += tick_step(bar, order, price)
            needed = required_with_fee(s, order, lots, price, TAKER)
            funds = available(s, order)
            if needed > funds:
                cash = s["account_type"] == AccountType.CASH
                refuse(s, k, when, Reason.INSUFFICIENT_CASH if cash else Reason.INSUFFICIENT_MARGIN, needed, funds)
                return False
            reserve(s, order, needed)
        k += 1
    return True


@jit
def _meet(s, first, stage, time):  # type: ignore[no-untyped-def]
    """A list fills if every leg finds a price, its whole quantity on offer, and funds."""
    k = first
    while is_leg_of(s, k, first):
        if not _is_met(s, k, stage, time):
            return
        k += 1
    if not _is_offered(s, first, stage, time) or not _is_funded(s, first, stage, time):
        return
    k = first
    while is_leg_of(s, k, first):
        order = order_at(s, k)
        price, where, path, when = _place(instrument_at(s, order["symbol"]), order["side"], stage, time)
        execute(s, k, price, TAKER, where, path, when)
        k += 1


@jit
def match_legs(s, stage, time):  # type: ignore[no-untyped-def]
    """Lists whose first leg works, in list order, meet the first points of bars (OPEN), the quotes that there are when quotes come
    (QUOTE), or those that stand when the last leg arrives (STANDING)."""
    o = s["work_head"]
    while o >= 0:
        order = order_at(s, o)
        s["cursor"] = order["next"]
        if order["list_id"] == o and is_live(order):
            _meet(s, o, stage, time)
        o = s["cursor"]
    s["cursor"] = NO_WALK
