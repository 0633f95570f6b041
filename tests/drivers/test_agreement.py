"""Arrays, a compiled function and a Python callback that decide alike leave the same bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.play import Hand, by_hand, config_of, driven, market_of, play, same
from fillwright.kernel._jit import JIT_OFF
from fillwright.kernel.state import State
from fillwright.model.codes import OrderType, SizeMode, TimeInForce
from fillwright.strategy.arrays import OrderList, Signals, Targets
from fillwright.strategy.compiled import attach_compiled, compiled

pytestmark = pytest.mark.kernel
no_jit = pytest.mark.skipif(JIT_OFF, reason="compiled strategies need the compiler")
ONE = market_of("AAA", n=80)
THREE = market_of("AAA", "BBB", "CCC", n=50, quantity_decimals=2)


@compiled
def follow(ctx: Any, p: Any, s: Any) -> None:
    """Brings the position to what the series says."""
    wanted = ctx.value(p.wanted)
    if wanted == wanted:
        if p.mode == 4:
            ctx.target(wanted)
        elif p.mode == 5:
            ctx.target_value(wanted)
        else:
            ctx.target_weight(wanted)


def following(series: np.ndarray[Any, Any], mode: SizeMode) -> Any:
    def attach(state: State) -> Any:
        return attach_compiled(state, follow, {"mode": int(mode)}, {}, {"wanted": [series]})

    return attach


def sizes_of(series: np.ndarray[Any, Any], scale: int) -> list[int | None]:
    return [None if x != x else int(np.floor(x * scale + 0.5)) for x in series.tolist()]


def by_targets(series: np.ndarray[Any, Any], mode: SizeMode, scale: int) -> Any:
    sizes = sizes_of(series, scale)

    def decide(hand: Hand, instant: int) -> None:
        if sizes[instant] is not None:
            hand.batch(mode, [(0, sizes[instant])])  # type: ignore[list-item]

    return by_hand(decide)


def series_of(draw: np.random.Generator, n: int, low: float, high: float) -> np.ndarray[Any, Any]:
    values = np.round(draw.uniform(low, high, n), 3)
    values[draw.random(n) < 0.6] = np.nan
    return values


@no_jit
@pytest.mark.parametrize("reversal", ["one_order", "two_orders"])
@pytest.mark.parametrize(
    "what, mode, low, high, scale",
    [
        ("weights", SizeMode.TARGET_WEIGHT, -1.2, 1.2, 10**9),
        ("values", SizeMode.TARGET_VALUE, -90_000, 90_000, 10**6),
        ("units", SizeMode.TARGET_UNITS, -300.0, 300.0, 1),
    ],
)
def test_targets_three_ways(what: str, mode: SizeMode, low: float, high: float, scale: int, reversal: str) -> None:
    draw = np.random.default_rng(7)
    series = series_of(draw, len(ONE.instants), low, high)
    if what == "units":
        series = np.trunc(series)
    config = config_of(orders={"reversal": reversal, "time_in_force": "DAY"})
    arrays = play(ONE, config, driven(Targets(**{what: series}), ONE, config))
    same(arrays, play(ONE, config, by_targets(series, mode, scale)))
    same(arrays, play(ONE, config, following(series, mode)))


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), what=st.sampled_from(["weights", "units"]), account=st.sampled_from(["margin", "cash"]))
def test_a_table_of_targets_is_a_batch_at_each_instant(seed: int, what: str, account: str) -> None:
    draw = np.random.default_rng(seed)
    shape = (len(THREE.instants), 3)
    table = np.round(draw.uniform(-0.6, 0.6, shape), 2) if what == "weights" else np.round(draw.uniform(-200, 200, shape), 2)
    table[draw.random(shape) < draw.random()] = np.nan
    scale, mode = (10**9, SizeMode.TARGET_WEIGHT) if what == "weights" else (100, SizeMode.TARGET_UNITS)
    config = config_of(account={"initial_cash": 100_000, "type": account})
    last = [np.nan] * 3

    def decide(hand: Hand, instant: int) -> None:
        cells = []
        for k in range(3):
            x = float(table[instant, k])
            if x == x and not (what == "units" and x == last[k]):
                cells.append((k, int(np.floor(x * scale + 0.5))))
            last[k] = x if x == x else last[k]
        if cells:
            hand.batch(mode, cells)

    arrays = play(THREE, config, driven(Targets(**{what: table}), THREE, config))
    by_hand_state = play(THREE, config, by_hand(decide))
    if len(arrays.table("fills")):
        same(arrays, by_hand_state)


@compiled
def crossing(ctx: Any, p: Any, s: Any) -> None:
    if ctx.crossed_below(p.fast, p.slow) and ctx.position > 0:
        ctx.close_position()
    if ctx.crossed_above(p.fast, p.slow) and ctx.position <= 0:
        ctx.target(p.size)
        s.entries += 1


def averages(window: int) -> np.ndarray[Any, Any]:
    close = ONE.feeds[0].close / 1e6
    out = np.full(len(close), np.nan)
    out[window - 1 :] = np.convolve(close, np.ones(window) / window, "valid")
    return out


@no_jit
def test_signals_and_a_compiled_crossing_trade_alike() -> None:
    fast, slow = averages(3), averages(9)
    with np.errstate(invalid="ignore"):
        above = np.r_[False, (fast[:-1] <= slow[:-1]) & (fast[1:] > slow[1:])]
        below = np.r_[False, (fast[:-1] >= slow[:-1]) & (fast[1:] < slow[1:])]
    config = config_of()
    arrays = play(ONE, config, driven(Signals(above, below, size=100), ONE, config))

    def attach(state: State) -> Any:
        return attach_compiled(state, crossing, {"size": 100}, {"entries": 0}, {"fast": [fast], "slow": [slow]})

    machine = play(ONE, config, attach)
    for name in ("fills", "entries", "lot_closes"):
        got, expected = machine.table(name), arrays.table(name)
        assert got.tobytes() == expected.tobytes(), name
    assert len(arrays.table("fills")) > 3


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), reversal=st.sampled_from(["one_order", "two_orders"]))
def test_signals_by_hand(seed: int, reversal: str) -> None:
    draw = np.random.default_rng(seed)
    n = len(THREE.instants)
    rate = draw.uniform(0.05, 0.4)
    exits, short_exits, entries, shorts = (draw.random((n, 3)) < rate for _ in range(4))
    shorts &= ~entries
    config = config_of(orders={"reversal": reversal})
    driver = Signals(entries, exits, short_entries=shorts, short_exits=short_exits, weight=0.3)
    arrays = play(THREE, config, driven(driver, THREE, config))

    def decide(hand: Hand, instant: int) -> None:
        for exit_phase in (True, False):
            for k in range(3):
                for side, table in ((1, exits), (-1, short_exits)) if exit_phase else ((1, entries), (-1, shorts)):
                    if not table[instant, k]:
                        continue
                    now = hand.projected(k) * side
                    if exit_phase and now > 0:
                        hand.submit(instrument=k, size_mode=SizeMode.CLOSE)
                    elif not exit_phase and now <= 0:
                        hand.submit(instrument=k, size_mode=SizeMode.TARGET_WEIGHT, size=side * 300_000_000)
                    else:
                        hand.submit(instrument=k, size_mode=SizeMode.TARGET_UNITS, size=hand.projected(k))

    by_hand_state = play(THREE, config, by_hand(decide))
    if len(arrays.table("fills")):
        same(arrays, by_hand_state)


ROWS: list[dict[str, Any]] = [
    {"bar": 2, "side": "buy", "quantity": 100},
    {"bar": 5, "side": "sell", "quantity": 100, "stop": -0.02},
    {"bar": 5, "side": "sell", "quantity": 50, "limit": 0.03},
    {"bar": 9, "side": "buy", "weight": 0.4, "limit": -0.01, "tif": "DAY"},
    {"bar": 12, "side": "sell", "value": 20_000, "stop": -0.01, "limit": -0.03},
    {"bar": 20, "side": "buy", "quantity": 10, "tif": "IOC"},
    {"bar": 30, "side": "sell", "quantity": 40, "limit": 0.01, "tif": "GTD"},
    {"bar": 40, "side": "buy", "quantity": 33},
]


def order_rows() -> list[dict[str, Any]]:
    """Rows with prices around the close of their bar."""
    feed, out = ONE.feeds[0], []
    for row in ROWS:
        made = {key: value for key, value in row.items() if key != "bar"}
        close = int(feed.close[row["bar"]]) / 1e6
        for name in ("limit", "stop"):
            if name in made:
                made[name] = round(close * (1 + made[name]), 4)
        made["time"] = pd.Timestamp(int(feed.close_time[row["bar"]]), tz="UTC")
        made["expire"] = pd.Timestamp(int(feed.close_time[row["bar"] + 3]), tz="UTC") if row.get("tif") == "GTD" else pd.NaT
        out.append(made)
    return out


def test_a_list_of_orders_by_hand() -> None:
    config = config_of()
    rows = order_rows()
    arrays = play(ONE, config, driven(OrderList(pd.DataFrame(rows), stamp="close"), ONE, config))

    def decide(hand: Hand, instant: int) -> None:
        for row, plan in zip(rows, ROWS, strict=True):
            if plan["bar"] != instant:
                continue
            mode, scale = next(
                (mode, scale)
                for name, mode, scale in (
                    ("quantity", SizeMode.UNITS, 1), ("value", SizeMode.VALUE, 10**6), ("weight", SizeMode.WEIGHT, 10**9),
                )
                if name in row
            )  # fmt: skip
            size = row.get("quantity") or row.get("value") or row.get("weight")
            limit, stop = (int(np.floor(row.get(name, 0) * 10**6 + 0.5)) for name in ("limit", "stop"))
            kind = [OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT][(limit > 0) + 2 * (stop > 0)]
            expire = 0 if row["expire"] is pd.NaT else row["expire"].value
            hand.submit(
                instrument=0, side=1 if row["side"] == "buy" else -1, size_mode=mode, size=int(np.floor(size * scale + 0.5)),
                type=kind, tif=TimeInForce[row.get("tif", "GTC")], limit=limit, stop=stop, expire=expire,
            )  # fmt: skip

    same(arrays, play(ONE, config, by_hand(decide)))


@compiled
def at_risk(ctx: Any, p: Any, s: Any) -> None:
    """Sizes by risk in both ways."""
    if ctx.row % 10 == 3:
        ctx.buy_risk(0.01, stop_loss=ctx.close * 0.5)
    elif ctx.row % 10 == 6:
        ctx.sell_risk(0.005, per=0.25, limit=ctx.close)


@no_jit
@pytest.mark.parametrize("price", ["decision", "fill"])
def test_sizes_by_risk_three_ways(price: str) -> None:
    config = config_of(sizing={"method": "none", "price": price}, costs={"commission": {"model": "rate", "rate": "0.1%"}})
    closes = [int(price) for price in ONE.feeds[0].close]
    halves = [int(np.floor(close / 1e6 * 0.5 * 1e6 + 0.5)) for close in closes]

    def decide(hand: Hand, instant: int) -> None:
        if instant % 10 == 3:
            hand.submit(instrument=0, side=1, size_mode=SizeMode.RISK, size=10**7, loss=halves[instant])
        elif instant % 10 == 6:
            hand.submit(
                instrument=0, side=-1, size_mode=SizeMode.VOLATILITY, size=5 * 10**6, per=250_000, type=OrderType.LIMIT,
                limit=closes[instant],
            )  # fmt: skip

    rows = [
        {"time": pd.Timestamp(int(ONE.instants[k]), tz="UTC"), "side": "buy" if k % 10 == 3 else "sell",
         "risk": 0.01 if k % 10 == 3 else 0.005, "stop_loss": halves[k] / 1e6 if k % 10 == 3 else np.nan,
         "per": np.nan if k % 10 == 3 else 0.25, "limit": np.nan if k % 10 == 3 else closes[k] / 1e6}
        for k in range(len(ONE.instants)) if k % 10 in (3, 6)
    ]  # fmt: skip
    machine = play(ONE, config, lambda state: attach_compiled(state, at_risk, {}, {}, {}))
    same(machine, play(ONE, config, by_hand(decide)))
    same(machine, play(ONE, config, driven(OrderList(pd.DataFrame(rows), stamp="close"), ONE, config)))


@compiled
def list_in_code(ctx: Any, p: Any, s: Any) -> None:
    """The first rows of the list, which have no time in force of their own."""
    if ctx.row == 2:
        ctx.buy(100)
    elif ctx.row == 5:
        ctx.sell(100, stop=p.stop)
        ctx.sell(50, limit=p.limit)
    elif ctx.row == 12:
        ctx.sell_value(20_000, limit=p.low, stop=p.high)
    elif ctx.row == 20:
        ctx.buy_weight(0.4, limit=p.limit)


@no_jit
def test_a_list_of_orders_in_compiled_code() -> None:
    config = config_of()
    rows = order_rows()
    chosen = [rows[k] for k in (0, 1, 2, 4)]
    time = pd.Timestamp(int(ONE.instants[20]), tz="UTC")
    limit = chosen[2]["limit"]
    frame = pd.DataFrame([*chosen, {"time": time, "side": "buy", "weight": 0.4, "limit": limit, "expire": pd.NaT}])
    arrays = play(ONE, config, driven(OrderList(frame, stamp="close"), ONE, config))
    params = {"stop": chosen[1]["stop"], "limit": limit, "low": chosen[3]["limit"], "high": chosen[3]["stop"]}

    def attach(state: State) -> Any:
        return attach_compiled(state, list_in_code, params, {}, {})

    same(arrays, play(ONE, config, attach))
