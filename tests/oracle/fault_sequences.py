"""Short random runs with a broker that goes wrong: one instrument, few bars, many orders, all faults; and what must hold at their end."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np

from fillwright.kernel.advance import equity_of
from fillwright.kernel.state import State
from fillwright.model.codes import (
    AccountType,
    BarPath,
    Bracket,
    DataKind,
    Lots,
    MarkBy,
    OrderFlag,
    OrderType,
    Reversal,
    ShortCash,
    Side,
    SizeMode,
    TimeInForce,
)
from fillwright.model.instrument import Instrument
from reference.scenario import RATE, Bar, Cancel, CancelAll, Close, Command, Order, Replace, Scenario, Settings, Target
from strategies import MINUTE, START, with_faults

CASH = 10**12
X = Instrument("X", price_decimals=2, tick=1)


def sequence(seed: int) -> Scenario:
    """One of them; the same for the same seed."""
    rng = random.Random(seed)
    price, bars, thin = 10_000, [], rng.random() < 0.3
    for k in range(rng.randint(8, 24)):
        opens = price + rng.randint(-20, 20)
        price = opens + rng.randint(-80, 80)
        high, low = max(opens, price) + rng.randint(0, 40), min(opens, price) - rng.randint(0, 40)
        volume = rng.choice((0, 3, 5, 9)) if thin else rng.choice((0, 5, 20, 100))
        bars.append(Bar(START + k * MINUTE, START + (k + 1) * MINUTE, opens, high, low, price, volume, rng.random() < 0.1))
    cash = rng.choice((CASH, CASH, 4_000 * 10**6, 1_000 * 10**6))
    settings = Settings(
        seed=rng.randint(0, 2**63 - 1),
        latency_ns=rng.choice((0, 0, 1, 90 * 10**9)),
        initial_cash={0: cash},
        account_type=rng.choice((AccountType.MARGIN, AccountType.MARGIN, AccountType.CASH)),
        lots=rng.choice(tuple(Lots)),
        path=rng.choice((BarPath.DIRECTION, BarPath.WORST)),
        participation=RATE if thin else rng.choice((None, RATE, RATE // 3)),
        rate_taker=RATE // 1000,
        per_order=rng.choice((0, 300_000)),
        fee_min=rng.choice((None, 500_000)),
        fee_max=rng.choice((None, 1_200_000)),
        bracket=rng.choice(tuple(Bracket)),
        on_short_cash=rng.choice(tuple(ShortCash)),
        reversal=rng.choice(tuple(Reversal)),
        flat_run_end=rng.random() < 0.2,
    )
    if rng.random() < 0.3:
        bars = [_quote(rng, bar) for bar in bars]
        settings = replace(settings, mark_by=rng.choice(tuple(MarkBy)), equity_every=1)
    scenario = Scenario([X], [bars], settings, {})
    count = 0
    for bar in bars:
        commands = [
            _bracket(rng, bar) if thin and rng.random() < 0.5 else _command(rng, settings.lots, bar, count + k)
            for k in range(rng.choice((0, 1, 1, 2, 3)))
        ]
        count += sum(isinstance(command, Order | Target | Close) for command in commands)
        scenario.flow[bar.close_time] = commands
    settings = with_faults(rng, scenario)
    if thin and settings.faults:
        often = {"bust": RATE // 3, "correct": RATE // 2, "bust_after": rng.choice((0, MINUTE, 3 * MINUTE))}
        settings = replace(settings, faults=replace(settings.faults, **often))
    return Scenario([X], [bars], settings, scenario.flow)


def _quote(rng: random.Random, bar: Bar) -> Bar:
    """A quote as a bar closes, with a spread and sizes."""
    bid, ask, at = bar.close, bar.close + rng.choice((0, 2, 5, 31)), bar.close_time
    sizes = {"bid_size": rng.choice((3, 100)), "ask_size": rng.choice((3, 100))}
    return Bar(at, at, bid, bid, bid, bid, None, bar.day_last, DataKind.QUOTES, (ask, ask, ask, ask), **sizes)


def _bracket(rng: random.Random, bar: Bar) -> Command:
    """A large entry with exits near by, of which little fills at a time, or what closes that."""
    if rng.random() < 0.5:
        return Close(0)
    side, exits = rng.choice((Side.BUY, Side.SELL)), rng.sample(range(5, 40), 2)
    limit = bar.close + side * rng.randint(0, 10)
    return Order(
        0, side, SizeMode.UNITS, rng.randint(10, 30), OrderType.LIMIT, TimeInForce.GTC, limit,
        take_profit=limit + side * exits[0], stop_loss=limit - side * exits[1],
    )  # fmt: skip


def _command(rng: random.Random, lots: Lots, bar: Bar, count: int) -> Command:
    """One command near the close of a bar; ``count`` orders may be there."""
    close = bar.close
    what, number = rng.random(), max(count - rng.choice((1, 1, 2, 3, 6)), 0)
    if what < 0.2:
        return Cancel(number)
    if what < 0.35:
        return Replace(number, rng.randint(1, 40), rng.choice((0, close + rng.randint(-60, 60))))
    if what < 0.4:
        return CancelAll()
    if what < 0.5:
        return Close(0) if rng.random() < 0.5 else Target(0, SizeMode.TARGET_UNITS, rng.randint(-20, 20))
    side = rng.choice((Side.BUY, Side.SELL))
    kind = rng.choice((OrderType.MARKET, OrderType.MARKET, OrderType.LIMIT, OrderType.STOP))
    limit = close + rng.randint(-60, 30) * side if kind is OrderType.LIMIT else 0
    stop = close + rng.randint(5, 60) * side if kind is OrderType.STOP else 0
    exits = rng.random() < 0.3
    tif = rng.choice((TimeInForce.GTC, TimeInForce.GTC, TimeInForce.DAY, TimeInForce.GTD, TimeInForce.IOC, TimeInForce.FOK))
    return Order(
        0, side, SizeMode.UNITS, rng.randint(1, 30), kind, tif, limit, stop,
        expire_at=bar.close_time + rng.randint(1, 4) * MINUTE if tif is TimeInForce.GTD else 0,
        flags=OrderFlag.REDUCE_ONLY if rng.random() < 0.1 else OrderFlag.NONE,
        take_profit=close + 70 * side if exits else 0,
        stop_loss=close - 70 * side if exits and rng.random() < 0.8 else 0,
        lot=rng.choice((-1, -1, -1, 0, 1, 2)) if lots is Lots.SPECIFIC else -1,
        after=number if rng.random() < 0.1 else -1,
        oco=number if rng.random() < 0.1 else -1,
    )  # fmt: skip


def residual(state: State) -> int:
    """Equity less all that it must be the sum of, money units."""
    fills, closes, lots, entries = (state.table(name) for name in ("fills", "lot_closes", "lots", "entries"))
    paid_in = int(entries["money"][entries["fill_id"] < 0].sum())
    instrument = state.instruments[0]
    held = lots[lots["remaining"] > 0]
    worth = int(instrument["mark"]) * int(instrument["mul"]) // int(instrument["div"])
    unrealised = int((held["side"] * held["remaining"]).sum()) * worth - int(held["cost"].sum())
    made = int(closes["realised"].sum()) + unrealised - int(fills["fee"].sum())
    return int(equity_of(state.address)) - paid_in - made


def entries_balance(state: State) -> bool:
    """Whether cash and position are the sums of the entries of the books."""
    entries = state.table("entries")
    transfers = entries["fill_id"] < 0
    cash = int(entries["money"][transfers].sum()) - int((entries["money"] + entries["fee"])[~transfers].sum())
    position = int(entries["quantity"][~transfers].sum())
    return cash == int(state.currencies[0]["cash"]) and position == int(np.sum(state.books["position"]))
