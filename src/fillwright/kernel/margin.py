"""Funds: what an order needs, what the account has, and marks.

Formulae: ``docs/execution_rules.md`` §8.
"""

from __future__ import annotations

from fillwright.kernel._codes import AccountType, MarkBy
from fillwright.kernel._jit import jit
from fillwright.kernel.fixed import muldiv
from fillwright.kernel.models import RATE_SCALE, base, equity_now, fee_of, has_limit, has_stop, middle, value
from fillwright.kernel.state import (
    currency_at,
    instrument_at,
)


@jit
def set_mark(s, i, price):  # type: ignore[no-untyped-def]
    """Mark instrument i and everything that follows from it."""
    instrument = instrument_at(s, i)
    instrument["mark"] = price
    if instrument["position"] != 0 or instrument["value"] != 0:
        position = instrument["position"]
        if -instrument["safe_lots"] <= position <= instrument["safe_lots"]:
            worth = price * position * instrument["mul"]
        else:
            worth = value(instrument, price, position)
        before = instrument["value"]
        if worth != before:
            c = currency_at(s, instrument["currency"])
            c["value"] += worth - before
            c["gross"] += abs(worth) - abs(before)
            instrument["value"] = worth


@jit
def mark_quoted(s, i, bid, ask):  # type: ignore[no-untyped-def]
    """Mark instrument i at its quote, as ``account.mark`` says."""
    price = middle(bid, ask)
    if s["mark_by"] == MarkBy.EXIT_SIDE:
        position = instrument_at(s, i)["position"]
        if position != 0:
            price = bid if position > 0 else ask
    set_mark(s, i, price)


@jit
def margin_of(s, fraction):  # type: ignore[no-untyped-def]
    """Sum over positions of base(|value| x fraction), in account money."""
    if fraction == RATE_SCALE and s["n_currencies"] == 1:
        return currency_at(s, 0)["gross"]
    total = 0
    for k in range(s["n_instruments"]):
        worth = instrument_at(s, k)["value"]
        if worth != 0:
            total += base(s, instrument_at(s, k)["currency"], muldiv(abs(worth), fraction, RATE_SCALE))
    return total


@jit
def below_maintenance(s):  # type: ignore[no-untyped-def]
    """Whether a margin account has less equity than its positions need. Bounds avoid the exact sum when it is far."""
    equity = equity_now(s)
    if s["n_currencies"] == 1 and equity >= currency_at(s, 0)["gross"]:
        return False
    gross = 0.0
    dearest = 1.0
    for k in range(s["n_currencies"]):
        c = currency_at(s, k)
        if c["gross"] != 0:
            gross += float(base(s, k, c["gross"]))
            if k != 0:
                dearest = max(dearest, float(c["rate"]) / float(c["factor"]))
    if gross == 0.0:
        return False
    # each instrument's part is rounded twice: by half a unit of its currency, which is worth `dearest` at most, and by half of ours
    rounding = s["n_instruments"] * dearest + s["n_currencies"]
    if float(equity) > gross * (float(s["maintenance_margin"]) / RATE_SCALE) * 1.000001 + rounding:
        return False
    return equity < margin_of(s, s["maintenance_margin"])


@jit
def order_price(s, order):  # type: ignore[no-untyped-def]
    """The price at which an order's funds are estimated: limit, else stop, else the mark."""
    if has_limit(order["type"]):
        return order["limit_price"]
    if has_stop(order["type"]):
        return order["stop_price"]
    return instrument_at(s, order["symbol"])["mark"]


@jit
def is_checked(s, order, lots):  # type: ignore[no-untyped-def]
    """Whether lots of this order need funds (or, in a cash account, would go short)."""
    position = instrument_at(s, order["symbol"])["position"]
    after = position + order["side"] * lots
    if s["account_type"] == AccountType.CASH:
        return order["side"] > 0 or after < 0
    return abs(after) > abs(position)


@jit
def goes_short(s, order, lots):  # type: ignore[no-untyped-def]
    """Whether lots of this order would sell what a cash account does not have."""
    position = instrument_at(s, order["symbol"])["position"]
    return s["account_type"] == AccountType.CASH and order["side"] < 0 and position - lots < 0


@jit
def required(s, order, lots, price, fee):  # type: ignore[no-untyped-def]
    """Funds that lots of an order at a price need: account money, or quote currency of a cash account."""
    instrument = instrument_at(s, order["symbol"])
    if s["account_type"] == AccountType.CASH:
        return value(instrument, price, lots) + fee
    position = instrument["position"]
    add = max(0, abs(position + order["side"] * lots) - abs(position))
    worth = value(instrument, price, add)
    if s["initial_margin"] != RATE_SCALE:
        worth = muldiv(worth, s["initial_margin"], RATE_SCALE)
    return base(s, instrument["currency"], worth) + base(s, instrument["currency"], fee)


@jit
def required_with_fee(s, order, lots, price, maker):  # type: ignore[no-untyped-def]
    """``required`` with the fee that lots more of this order would cost."""
    instrument = instrument_at(s, order["symbol"])
    return required(s, order, lots, price, fee_of(instrument, order, price, lots, maker))


@jit
def available(s, order):  # type: ignore[no-untyped-def]
    """Funds free for this order, its own reservation counted as free."""
    instrument = instrument_at(s, order["symbol"])
    if s["account_type"] == AccountType.CASH:
        c = currency_at(s, instrument["currency"])
        return c["cash"] - c["reserved"] + order["reserved"]
    return equity_now(s) - margin_of(s, s["initial_margin"]) - currency_at(s, 0)["reserved"] + order["reserved"]


@jit
def reserve(s, order, amount):  # type: ignore[no-untyped-def]
    """Hold funds for an order instead of what it held before."""
    k = 0
    if s["account_type"] == AccountType.CASH:
        k = instrument_at(s, order["symbol"])["currency"]
    currency_at(s, k)["reserved"] += amount - order["reserved"]
    order["reserved"] = amount


@jit
def affordable(s, order, lots, price, maker, funds):  # type: ignore[no-untyped-def]
    """Largest quantity up to lots whose requirement is within funds: bisection over a monotone function."""
    low = 0
    high = lots
    while low < high:
        middle = low + (high - low + 1) // 2
        if not is_checked(s, order, middle) or required_with_fee(s, order, middle, price, maker) <= funds:
            low = middle
        else:
            high = middle - 1
    return low
