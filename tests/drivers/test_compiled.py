"""What a compiled strategy sees and does, and what it is told when it can not be compiled."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from drivers.play import advanced, config_of, laid_out, market_of, play
from fillwright.data.make import make_bars
from fillwright.data.market import Feed, build_market, combine
from fillwright.errors import UsageError
from fillwright.kernel import drivers, intake
from fillwright.kernel._jit import JIT_OFF
from fillwright.kernel.state import FAULT, FAULT_ROOM, State
from fillwright.model.codes import OrderEvent, OrderStatus, OrderType, SizeMode
from fillwright.model.instrument import Instrument
from fillwright.strategy import compiled as module
from fillwright.strategy.compiled import Compiled, attach_compiled, compile_callback, compiled, states_of
from fillwright.strategy.context import ATTRIBUTES, METHODS, NAMES, Context

pytestmark = [pytest.mark.kernel, pytest.mark.skipif(JIT_OFF, reason="compiled strategies need the compiler")]

ONE = market_of("AAA", n=40, quantity_decimals=3)
TWO = market_of("AAA", "BBB", n=30)
CONFIG = config_of()


def run(
    function: Compiled, states: dict[str, Any] | None = None, indicators: dict[str, Any] | None = None, market: Any = ONE,
    params: dict[str, Any] | None = None, on_bars: bool = False,
) -> tuple[State, dict[str, Any]]:  # fmt: skip
    """Run it; (state, its declared state at the end)."""

    def attach(state: State) -> Any:
        return attach_compiled(state, function, params or {}, states or {}, indicators or {}, on_bars)

    state = play(market, CONFIG, attach)
    return state, states_of(state)


# -- what it sees ------------------------------------------------------------------------------------------------------


@compiled
def look(ctx: Any, p: Any, s: Any) -> None:
    k = ctx.row
    s.seen[k, 0] = ctx.open
    s.seen[k, 1] = ctx.high
    s.seen[k, 2] = ctx.low
    s.seen[k, 3] = ctx.close
    s.seen[k, 4] = ctx.volume
    s.seen[k, 5] = ctx.position
    s.seen[k, 6] = ctx.cash_total
    s.seen[k, 7] = ctx.equity
    s.seen[k, 8] = ctx.cash
    s.whole[k, 0] = ctx.now
    s.whole[k, 1] = ctx.feed
    s.whole[k, 2] = ctx.instrument
    s.whole[k, 3] = ctx.symbol_count
    s.whole[k, 4] = ctx.timeframe_ns
    if k == 3:
        s.order = ctx.buy(1.5)


def test_a_bar_and_the_account() -> None:
    fields = {"seen": np.zeros((40, 9)), "whole": np.zeros((40, 5), np.int64), "order": -7}
    state, seen = run(look, fields)
    feed, table, whole = ONE.feeds[0], seen["seen"], seen["whole"]
    for k, name in enumerate(("open", "high", "low", "close")):
        np.testing.assert_array_equal(table[:, k], getattr(feed, name) / 1e6)
    assert feed.volume is not None
    np.testing.assert_array_equal(table[:, 4], feed.volume / 1e3)
    np.testing.assert_array_equal(whole[:, 0], ONE.instants)
    assert (whole[:, 1:4] == (0, 0, 1)).all() and (whole[:, 4] == feed.timeframe_ns).all()
    assert seen["order"] == 0
    np.testing.assert_array_equal(table[:, 5], np.r_[np.zeros(4), np.full(36, 1.5)])
    np.testing.assert_array_equal(table[:, 7], state.equity / 1e6)
    fill = state.table("fills")[0]
    paid = (int(fill["notional"]) + int(fill["fee"])) / 1e6
    np.testing.assert_allclose(table[:, 6], np.r_[np.full(4, 100_000.0), np.full(36, 100_000.0 - paid)], atol=1e-9)
    assert (table[:4, 8] == 100_000).all()
    np.testing.assert_allclose(table[4:, 8], table[4:, 6], atol=1e-6)  # leverage 1: what is bought is used up as margin


@compiled
def series_read(ctx: Any, p: Any, s: Any) -> None:
    k = ctx.row
    s.now[k] = ctx.value(p.a)
    s.before[k] = ctx.value(p.a, 2)
    s.named[k] = ctx.value(p.a, back=1)
    s.above[k] = ctx.crossed_above(p.a, p.b)
    s.below[k] = ctx.crossed_below(p.a, p.b)
    s.level[k] = ctx.crossed_above(p.a, 0.5)


def test_series() -> None:
    draw = np.random.default_rng(3)
    a, b = np.round(draw.random(40), 1), np.round(draw.random(40), 1)
    a[:3], b[10] = np.nan, np.nan
    bits = {name: np.zeros(40, np.bool_) for name in ("above", "below", "level")}
    floats = {name: np.zeros(40) for name in ("now", "before", "named")}
    _, seen = run(series_read, bits | floats, {"a": [a], "b": [b]})
    np.testing.assert_array_equal(seen["now"], a)
    np.testing.assert_array_equal(seen["before"], np.r_[np.nan, np.nan, a[:-2]])
    np.testing.assert_array_equal(seen["named"], np.r_[np.nan, a[:-1]])
    half = np.full(40, 0.5)
    for name, one, two, up in (("above", a, b, True), ("below", a, b, False), ("level", a, half, True)):
        was, now = (one[:-1] <= two[:-1], one[1:] > two[1:]) if up else (one[:-1] >= two[:-1], one[1:] < two[1:])
        np.testing.assert_array_equal(seen[name], np.r_[False, was & now])


@compiled
def frames_apart(ctx: Any, p: Any, s: Any) -> None:
    if ctx.feed == 0:
        s.slow[ctx.row] = ctx.value(p.slow)
        s.other[ctx.row] = ctx.at(1).value(p.own)
        s.close[ctx.row] = ctx.at(1).close
        s.rows[ctx.row] = ctx.at(1).row


def test_other_timeframes_and_instruments_are_seen_as_of_now() -> None:
    minutes = make_bars(30, timeframe="1min", instrument=Instrument("AAA"))
    bars = make_bars(3, timeframe="10min", instrument=Instrument("AAA"), seed=9)
    late = make_bars(20, timeframe="1min", instrument=Instrument("BBB"), start="2020-01-01 00:10+00:00", seed=5)
    market = combine([minutes, bars, late])
    assert [(f.symbol, f.timeframe_ns // 60_000_000_000) for f in market.feeds] == [("AAA", 1), ("BBB", 1), ("AAA", 10)]
    slow, own = np.array([1.0, 2.0, 3.0]), np.arange(20.0)
    fields = {"slow": np.zeros(30), "other": np.zeros(30), "close": np.zeros(30), "rows": np.zeros(30, np.int64)}
    _, seen = run(frames_apart, fields, {"slow": [None, None, slow], "own": [None, own, None]}, market)
    rows = np.arange(30)
    closed = (rows + 1) // 10  # a bar of ten minutes is known with the tenth of its minutes
    np.testing.assert_array_equal(seen["slow"], np.where(closed > 0, slow[np.maximum(closed - 1, 0)], np.nan))
    np.testing.assert_array_equal(seen["rows"], np.maximum(rows - 10, -1))
    np.testing.assert_array_equal(seen["other"], np.where(rows >= 10, rows - 10.0, np.nan))
    np.testing.assert_array_equal(
        seen["close"], np.where(rows >= 10, late.feeds[0].close[np.maximum(rows - 10, 0)] / 1e6, np.nan)
    )


@compiled
def no_volume(ctx: Any, p: Any, s: Any) -> None:
    s.volume += ctx.volume


def test_volume_is_nan_where_there_is_none() -> None:
    feed = ONE.feeds[0]
    parts: dict[str, Any] = {name: getattr(feed, name) for name in Feed.__dataclass_fields__}
    market = build_market(ONE.instruments, [Feed(**parts | {"volume": None})])
    _, seen = run(no_volume, {"volume": 0.0}, market=market)
    assert np.isnan(seen["volume"])


@compiled
def once(ctx: Any, p: Any, s: Any) -> None:
    s.calls += 1
    for k in range(ctx.symbol_count):
        c = ctx.at(k)
        if s.calls == 2:
            c.buy(10 + k)
            c.sell(5, limit=c.close * 3.0)
        if s.calls == 4 and k == 0:
            s.canceled = c.cancel_all()
        s.positions[k] = c.position
    if s.calls == 6:
        s.rest = ctx.cancel_all()


def test_on_bars_is_called_once_per_instant() -> None:
    state, seen = run(once, {"calls": 0, "positions": np.zeros(2), "canceled": 0, "rest": 0}, market=TWO, on_bars=True)
    assert seen["calls"] == len(TWO.instants)
    np.testing.assert_array_equal(seen["positions"], [10.0, 11.0])
    assert (seen["canceled"], seen["rest"]) == (1, 1)
    orders = state.table("orders")
    assert list(orders["symbol"]) == [0, 0, 1, 1]
    assert [OrderStatus(x).name for x in orders["status"]] == ["FILLED", "CANCELED", "FILLED", "CANCELED"]


# -- what it does ------------------------------------------------------------------------------------------------------


@compiled
def every_order(ctx: Any, p: Any, s: Any) -> None:
    if ctx.row == 2:
        price = ctx.close
        ctx.buy(0.3)
        ctx.sell(2, limit=price * 1.5)
        ctx.buy(quantity=1.0005, stop=price * 1.4)
        ctx.sell(1, stop=price * 0.6, limit=price * 0.5)
        ctx.buy_value(1234.5)
        ctx.sell_value(10, limit=price * 1.2)
        ctx.buy_weight(0.1)
        ctx.sell_weight(0.1, price * 1.2)
        ctx.target(-0.5)
        ctx.target_value(-100)
        ctx.target_weight(0.25)
        ctx.close_position()


def test_orders_carry_what_was_asked_for() -> None:
    state, _ = run(every_order)
    orders = state.table("orders")
    first = {int(row["intent_id"]): row for row in orders[::-1]}
    close = int(ONE.feeds[0].close[2]) / 1e6

    def units(price: float) -> int:
        return int(np.floor(price * 1e6 + 0.5))

    expected = [
        (1, OrderType.MARKET, SizeMode.UNITS, 300, 0, 0),
        (-1, OrderType.LIMIT, SizeMode.UNITS, 2000, units(close * 1.5), 0),
        (1, OrderType.STOP, SizeMode.UNITS, 1000, 0, units(close * 1.4)),
        (-1, OrderType.STOP_LIMIT, SizeMode.UNITS, 1000, units(close * 0.5), units(close * 0.6)),
        (1, OrderType.MARKET, SizeMode.VALUE, 1_234_500_000, 0, 0),
        (-1, OrderType.LIMIT, SizeMode.VALUE, 10_000_000, units(close * 1.2), 0),
        (1, OrderType.MARKET, SizeMode.WEIGHT, 100_000_000, 0, 0),
        (-1, OrderType.LIMIT, SizeMode.WEIGHT, 100_000_000, units(close * 1.2), 0),
    ]
    for number, wanted in enumerate(expected):
        row = first[number]
        got = tuple(int(row[name]) for name in ("side", "type", "size_mode", "size", "limit_price", "stop_price"))
        assert got == wanted, number
    modes = [(int(first[k]["size_mode"]), int(first[k]["size"])) for k in range(8, 12)]
    assert modes == [
        (SizeMode.TARGET_UNITS, -500), (SizeMode.TARGET_VALUE, -100_000_000), (SizeMode.TARGET_WEIGHT, 250_000_000),
        (SizeMode.CLOSE, 0),
    ]  # fmt: skip
    assert (orders["rule_id"] == -1).all() and (orders["tag"] == -1).all()


@compiled
def cancels(ctx: Any, p: Any, s: Any) -> None:
    if ctx.row == 2:
        s.order = ctx.buy(1, limit=ctx.close * 0.01)
        s.nothing = ctx.target(0)
    if ctx.row == 4:
        s.asked = ctx.cancel(s.order)
    if ctx.row == 6:
        s.again = ctx.cancel(s.order)
        s.unknown = ctx.cancel(s.nothing) + ctx.cancel(99)


def test_cancel_by_number() -> None:
    state, seen = run(cancels, {"order": -5, "nothing": 0, "asked": -1, "again": -1, "unknown": -1})
    assert seen == {"order": 0, "nothing": -1, "asked": 1, "again": 0, "unknown": 0}
    events = [OrderEvent(x).name for x in state.table("order_events")["event"]]
    assert events == ["SUBMIT", "ACCEPT", "CANCEL_REQUEST", "CANCEL"]


@pytest.mark.parametrize(
    "quantity, scale, lots",
    [
        (0.3, 10, 3), (0.29999, 10, 2), (-0.3, 10, -3), (-0.29999, 10, -2), (1.999999999999, 1, 2), (0.9, 1, 0),
        (12.5, 10**8, 1_250_000_000), (5e9, 1, 5_000_000_000), (-7.0, 1, -7), (0.1 + 0.2, 10, 3),
    ],
)  # fmt: skip
def test_lots_of_a_quantity(quantity: float, scale: int, lots: int) -> None:
    assert drivers.lots_of(quantity, float(scale)) == lots


@compiled
def many(ctx: Any, p: Any, s: Any) -> None:
    for _ in range(100_000):
        ctx.buy(1)


def test_too_many_orders_at_once_are_a_fault_and_not_lost_silently() -> None:
    state = laid_out(ONE, CONFIG)
    state.scalars["calling"] = 1
    assert advanced(state, attach_compiled(state, many, {}, {}, {})) == FAULT
    assert state.scalars["fault"] == FAULT_ROOM


def test_declared_state_is_fresh_in_every_run_and_the_machine_code_shared() -> None:
    first, seen = run(cancels, {"order": -5, "nothing": 0, "asked": -1, "again": -1, "unknown": -1})
    known = dict(cancels.callbacks)
    second, again = run(cancels, {"order": -5, "nothing": 0, "asked": -1, "again": -1, "unknown": -1})
    assert seen == again and cancels.callbacks == known
    assert first.table("order_events").tobytes() == second.table("order_events").tobytes()


@compiled
def kinds(ctx: Any, p: Any, s: Any) -> None:
    """Text in a docstring is fine."""
    if p.flag and p["whole"] == 3:
        s.x += p.fraction
    s.on = not s.on
    s["count"] += 1
    if ctx.row > 10:
        return
    s.early += 1


def test_parameters_and_states_of_every_kind() -> None:
    params = {"flag": True, "whole": np.int64(3), "fraction": 0.5, "text": "only on_start reads it", "none": None}
    _, seen = run(kinds, {"x": 1.0, "on": False, "count": 0, "early": 0}, params=params)
    assert seen == {"x": 21.0, "on": False, "count": 40, "early": 11}
    assert isinstance(seen["on"], bool)


def test_states_of_a_run_without_a_compiled_strategy() -> None:
    assert states_of(laid_out(ONE, CONFIG)) == {}


# -- what it is told ---------------------------------------------------------------------------------------------------

P = np.dtype([("fast", np.int64), ("average", np.int64)])
S = np.dtype([("count", np.int64), ("level", np.float64)])
TABLE = [1, 2]


def unknown_attribute(ctx: Any, p: Any, s: Any) -> None:
    s.level = ctx.close
    s.level = ctx.clsoe  # here


def unknown_keyword(ctx: Any, p: Any, s: Any) -> None:
    ctx.buy(1, limt=3.0)  # here


def no_size(ctx: Any, p: Any, s: Any) -> None:
    ctx.buy()  # here


def called_number(ctx: Any, p: Any, s: Any) -> None:
    if ctx.close() > 3.0:  # here
        s.count += 1


def unknown_parameter(ctx: Any, p: Any, s: Any) -> None:
    s.count = p.fats  # here


def parameter_set(ctx: Any, p: Any, s: Any) -> None:
    p.fast = 3  # here


def unknown_field(ctx: Any, p: Any, s: Any) -> None:
    s["entries"] = 1  # here


def text_as_index(ctx: Any, p: Any, s: Any) -> None:
    s.count = ctx["close"]  # here


def unknown_state(ctx: Any, p: Any, s: Any) -> None:
    s.entries += 1  # here


def float_in_whole(ctx: Any, p: Any, s: Any) -> None:
    s.count += 0.5  # here


def text(ctx: Any, p: Any, s: Any) -> None:
    if ctx.close > 1.0:
        name = "abc"  # here
        s.count += len(name)


def formatted(ctx: Any, p: Any, s: Any) -> None:
    x = f"{ctx.close}"  # here
    s.count += len(x)


def a_list(ctx: Any, p: Any, s: Any) -> None:
    x = [1, 2]  # here
    s.count += len(x)


def a_dict(ctx: Any, p: Any, s: Any) -> None:
    x = {1: 2}  # here
    s.count += len(x)


def trying(ctx: Any, p: Any, s: Any) -> None:
    try:  # here
        s.count += 1
    finally:
        s.count += 2


def printing(ctx: Any, p: Any, s: Any) -> None:
    print(ctx.close)  # here


def chance(ctx: Any, p: Any, s: Any) -> None:
    s.level = np.random.rand()  # here


def a_level_that_is_whole(ctx: Any, p: Any, s: Any) -> None:
    if ctx.crossed_above(p.average, 30):  # here
        s.count += 1


def returns(ctx: Any, p: Any, s: Any) -> int:
    return 3  # here


def unknown_name(ctx: Any, p: Any, s: Any) -> None:
    s.count = undefined + 1  # type: ignore[name-defined]  # noqa: F821 # here


def a_global_list(ctx: Any, p: Any, s: Any) -> None:
    TABLE.append(3)  # here


def a_class(ctx: Any, p: Any, s: Any) -> None:
    s.count = Instrument.price_scale  # type: ignore[assignment] # here


def wrong_argument(ctx: Any, p: Any, s: Any) -> None:
    ctx.buy(ctx)  # here


def wrong_attribute(ctx: Any, p: Any, s: Any) -> None:
    price = ctx.close
    price.shift(1)  # here


MISTAKES: list[tuple[Callable[..., Any], str, str]] = [
    (unknown_attribute, "there is no ctx.clsoe", "ctx.close"),
    (unknown_keyword, "has no limt=", "quantity, limit, stop"),
    (no_size, "missing a required argument", "quantity"),
    (called_number, "ctx.close is a number, not a function", "ctx.close"),
    (unknown_parameter, "no number p.fats", "p.fast"),
    (parameter_set, "p.fast can not be set", "fw.state"),
    (unknown_state, "there is no s.entries", "count, level"),
    (unknown_field, "there is no s.entries", "count, level"),
    (text_as_index, "text ('close')", "ctx.instrument"),
    (float_in_whole, "count is a whole number", "fw.state(0.0)"),
    (text, "text ('abc')", "ctx.instrument"),
    (formatted, "an f-string", "number"),
    (a_list, "a list", "fw.state(np.zeros"),
    (a_dict, "a dict", "fw.state"),
    (trying, "try", "if"),
    (printing, "print()", "on_stop"),
    (chance, "random", "decide"),
    (a_level_that_is_whole, "30 is not an indicator", "30.0"),
    (returns, "returns nothing", "return"),
    (unknown_name, "'undefined' is not defined", "compiled code has"),
    (a_global_list, "reflected list", "compiled code has"),
    (a_class, "Untyped global name 'Instrument'", "compiled code has"),
    (wrong_argument, "quantity must be a number", "compiled code has"),
    (wrong_attribute, "Unknown attribute 'shift'", "compiled code has"),
]


@pytest.mark.parametrize("function, message, remedy", MISTAKES, ids=lambda x: getattr(x, "__name__", ""))
def test_mistakes_name_their_line_and_the_remedy(function: Callable[..., Any], message: str, remedy: str) -> None:
    with pytest.raises(UsageError) as caught:
        compile_callback(compiled(function), P, S)
    lines, first = inspect.getsourcelines(function)
    line = first + next(k for k, text in enumerate(lines) if "# here" in text)
    assert caught.value.where == f"{inspect.getsourcefile(function)}:{line}"
    assert message in caught.value.message
    assert caught.value.remedy is not None and remedy in caught.value.remedy
    assert len(str(caught.value).splitlines()) == 2


def close_of_no_instrument(ctx: Any, p: Any, s: Any) -> None:
    s.level = ctx.close


def test_on_bars_has_no_instrument() -> None:
    with pytest.raises(UsageError, match=r"on_bars has none\n.*ctx\.at\(k\)\.close"):
        compile_callback(compiled(close_of_no_instrument), P, S, True)


def negative_size(ctx: Any, p: Any, s: Any) -> None:
    ctx.buy(-1)


def nan_size(ctx: Any, p: Any, s: Any) -> None:
    ctx.target_weight(ctx.value(p.series, 100))


def nan_limit(ctx: Any, p: Any, s: Any) -> None:
    ctx.buy(1, limit=ctx.value(p.series, 100))


def negative_limit(ctx: Any, p: Any, s: Any) -> None:
    ctx.buy(1, limit=-2)


def huge(ctx: Any, p: Any, s: Any) -> None:
    ctx.target(1e30)


def no_handle(ctx: Any, p: Any, s: Any) -> None:
    ctx.value(p.window)


def future(ctx: Any, p: Any, s: Any) -> None:
    ctx.value(p.series, -1)


def no_instrument(ctx: Any, p: Any, s: Any) -> None:
    ctx.at(7).buy(1)


def own_error(ctx: Any, p: Any, s: Any) -> None:
    if ctx.row == 5:
        raise ValueError("enough")


@pytest.mark.parametrize(
    "function, error, message",
    [
        (negative_size, ValueError, "must be positive"),
        (nan_size, ValueError, "not a number"),
        (nan_limit, ValueError, "not a number"),
        (negative_limit, ValueError, "must be positive"),
        (huge, ValueError, "too large"),
        (no_handle, IndexError, "not an indicator"),
        (future, ValueError, "must not be negative"),
        (no_instrument, IndexError, "no instrument of this number"),
        (own_error, ValueError, "enough"),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_wrong_calls_stop_the_run(function: Callable[..., Any], error: type[Exception], message: str) -> None:
    state = laid_out(ONE, CONFIG)
    callback = attach_compiled(state, compiled(function), {"window": 3}, {}, {"series": [np.zeros(40)]})
    with pytest.raises(error, match=message):
        advanced(state, callback)
    assert state.scalars["n_orders"] == 0


def test_the_form_is_checked_when_it_is_marked() -> None:
    for wrong in (lambda self, bar: None, Instrument, 3):
        with pytest.raises(UsageError, match=r"fw\.compiled marks|three parameters"):
            compiled(wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="called by the engine only"):
        look(None, None, None)


def test_state_that_is_no_number_is_refused() -> None:
    state = laid_out(ONE, CONFIG)
    for value in ("text", [1], None, np.array(["a"])):
        with pytest.raises(UsageError, match="can not be compiled"):
            attach_compiled(state, look, {}, {"x": value}, {})
    with pytest.raises(UsageError, match="64 bits"):
        attach_compiled(state, look, {}, {"x": 2**70}, {})


def test_indicators_must_fit_their_feeds() -> None:
    state = laid_out(ONE, CONFIG)
    with pytest.raises(UsageError, match="has shape"):
        attach_compiled(state, series_read, {}, {}, {"a": [np.zeros(3)]})
    with pytest.raises(UsageError, match="2 arrays for 1 feeds"):
        attach_compiled(state, series_read, {}, {}, {"a": [None, None]})


def test_without_the_compiler_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "JIT_OFF", True)
    with pytest.raises(UsageError, match="NUMBA_DISABLE_JIT"):
        compile_callback(compiled(no_volume.function), P, S)


def test_every_name_of_the_context_is_described_and_translated() -> None:
    assert set(NAMES) == set(ATTRIBUTES) | set(METHODS)
    assert all(function.__doc__ for function in METHODS.values())
    for name, function in METHODS.items():
        arguments = [0] * (len(inspect.signature(function).parameters) - 1)
        with pytest.raises(NotImplementedError):
            getattr(Context(), name)(*arguments)


def test_digest_follows_the_source() -> None:
    assert compiled(look.function).digest == look.digest != once.digest


def test_a_function_without_source_text_compiles_and_explains_itself() -> None:
    names: dict[str, Any] = {}
    exec("def typed(ctx, p, s):\n    s.count += 1\ndef wrong(ctx, p, s):\n    ctx.nothing", names)
    compile_callback(compiled(names["typed"]), P, S)
    with pytest.raises(UsageError, match="Unknown attribute 'nothing'"):
        compile_callback(compiled(names["wrong"]), P, S)


def test_entries_are_the_kernels_own() -> None:
    assert intake.NO_CHANGE == -1  # what the documentation of ctx.target promises
