"""The yardstick: the least that a compiled loop can do (compare the averages, position, cash, fee, equity), without orders, lots,
journal or checks. It is given what the compiled strategy is given. Its decisions are the ones that every tool must take.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from protocol import CASH, FEE, MOVE, QUANTITY, Arrays, clock, digest, main


@njit(cache=True)
def cross(opened, close, fast, slow, quantity, cash, fee, equity, when, side):  # type: ignore[no-untyped-def]
    """Returns (orders, position, cash); fills ``equity`` per bar and the decisions."""
    position, orders, wanted = 0, 0, 0
    for i in range(len(close)):
        if wanted != 0:
            notional = opened[i] * quantity
            cash -= wanted * notional + notional * fee
            position += wanted * quantity
            wanted = 0
        equity[i] = cash + position * close[i]
        if i > 0:
            if position == 0 and fast[i - 1] <= slow[i - 1] and fast[i] > slow[i]:
                wanted = 1
            elif position > 0 and fast[i - 1] >= slow[i - 1] and fast[i] < slow[i]:
                wanted = -1
        if wanted != 0:
            when[orders], side[orders] = i, wanted
            orders += 1
    return orders, position, cash


def minute(arrays: Arrays) -> dict[str, object]:
    """One instrument."""
    rows = arrays.rows
    equity, when, side = np.zeros(rows), np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    args = (arrays.open, arrays.close, arrays.fast, arrays.slow, QUANTITY, CASH, FEE, equity, when, side)
    cross(*args)
    seconds = clock(lambda: cross(*args))
    orders, _, _ = cross(*args)
    when, side = when[:orders], side[:orders]
    paid = arrays.close[when] * QUANTITY
    at_close = CASH - (side * paid).sum() - paid.sum() * FEE + side.sum() * QUANTITY * arrays.close[-1]
    return {
        "seconds": seconds,
        "bars": rows,
        "orders": orders,
        "decisions": digest(np.column_stack([when, side])),
        "filled_at": "next_open",
        "equity": equity[-1],
        "equity_same_close": at_close,
    }


@njit(cache=True)
def rebalance(opened, close, weights, cash, fee, equity, trades):  # type: ignore[no-untyped-def]
    """Targets of a day are traded at the next open, sells before buys, whole units; returns (orders, changes)."""
    days, count = close.shape
    held = np.zeros(count, np.int64)
    orders, changes, pending = 0, 0, -1
    for day in range(days):
        if pending >= 0:
            worth = equity[pending]
            for side in (-1, 1):
                for k in range(count):
                    delta = np.int64(weights[pending, k] * worth / close[pending, k]) - held[k]
                    if delta * side <= 0:
                        continue
                    was = held[k]
                    notional = opened[day, k] * delta
                    cash -= notional + abs(notional) * fee
                    held[k] += delta
                    orders += 1
                    if was == 0 or held[k] == 0:
                        trades[changes, 0], trades[changes, 1] = pending, k
                        changes += 1
            pending = -1
        total = cash
        for k in range(count):
            total += held[k] * close[day, k]
        equity[day] = total
        if weights[day, 0] == weights[day, 0]:
            pending = day
    return orders, changes


def portfolio(arrays: Arrays) -> dict[str, object]:
    """Many instruments."""
    days, count = arrays.close.shape
    equity, trades = np.zeros(days), np.zeros((days * count // 10, 2), np.int64)
    args = (arrays.open, arrays.close, arrays.weights, CASH, FEE, equity, trades)
    rebalance(*args)
    seconds = clock(lambda: rebalance(*args))
    orders, changes = rebalance(*args)
    changed = trades[:changes]
    changed = changed[np.lexsort((changed[:, 1], changed[:, 0]))]
    return {
        "seconds": seconds,
        "bars": days * count,
        "orders": orders,
        "decisions": digest(changed),
        "filled_at": "next_open",
        "equity": equity[-1],
    }


@njit(cache=True)
def turns(bid, ask, move, quantity, cash, fee, when, side, price):  # type: ignore[no-untyped-def]
    """Fills at the quote that decides; returns (orders, cash) and fills the decisions and their prices. Money in cents."""
    orders, held = 0, False
    high, low = ask[0], bid[0]
    for i in range(len(bid)):
        high, low = max(high, ask[i]), min(low, bid[i])
        if held:
            turned = bid[i] > low + move
        else:
            turned = ask[i] < high - move
        if turned:
            when[orders], side[orders], price[orders] = i, -1 if held else 1, bid[i] if held else ask[i]
            notional = price[orders] * quantity
            cash -= side[orders] * notional + notional * fee
            orders += 1
            held = not held
            high, low = ask[i], bid[i]
    return orders, cash


def quotes(arrays: Arrays) -> dict[str, object]:
    """One instrument, best bid and ask."""
    rows = arrays.rows
    when, side, price = (np.zeros(rows, np.int64) for _ in range(3))
    args = (arrays.bid_cents, arrays.ask_cents, MOVE * 100, QUANTITY, CASH * 100, FEE, when, side, price)
    turns(*args)
    seconds = clock(lambda: turns(*args))
    orders, cash = turns(*args)
    held = side[:orders].sum() * QUANTITY
    return {
        "seconds": seconds,
        "bars": rows,
        "orders": orders,
        "decisions": digest(np.column_stack([when[:orders], side[:orders]])),
        "fills": digest(np.column_stack([price[:orders], np.full(orders, QUANTITY)])),
        "filled_at": "same_quote",
        "equity": (cash + held * (arrays.bid_cents[-1] + arrays.ask_cents[-1]) / 2) / 100,
    }


if __name__ == "__main__":
    main({"minute": minute, "portfolio": portfolio, "quotes": quotes})
