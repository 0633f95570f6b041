"""A strategy class, the same class compiled, and the function form where it can say it, leave the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import fillwright as fw
from drivers import twins
from drivers.play import config_of, market_of, play, records
from drivers.programs import program_of
from fillwright.data.make import make_bars
from fillwright.data.market import Market, combine
from fillwright.kernel._jit import JIT_OFF
from fillwright.kernel.state import State
from fillwright.model.instrument import Instrument
from fillwright.strategy.compiled import states_of
from fillwright.strategy.desk import Desk
from tidy.test_public import daily_bars

pytestmark = [pytest.mark.kernel, pytest.mark.skipif(JIT_OFF, reason="compiled strategies need the compiler")]

PENDING = int(fw.OrderStatus.PENDING_NEW)
THREE = market_of("AAA", "BBB", "CCC", n=120)
CONFIG = config_of(account={"initial_cash": 100_000, "leverage": 4})


def ran(strategy: fw.Strategy, market: Market = THREE, config: fw.Config = CONFIG) -> tuple[State, Desk]:
    desk = Desk(strategy)
    desk.prepare(market, config)
    state = play(market, config, desk.attach)
    assert desk.error is None
    return state, desk


def twin(cls: type[fw.Strategy]) -> type[fw.Strategy]:
    """The same strategy, compiled."""
    return fw.compiled(type(cls.__name__, (cls,), {}))


def left(state: State, desk: Desk) -> dict[str, Any]:
    """Everything that a run leaves."""
    names = type(desk.strategy)._states
    values = states_of(state) or {name: getattr(desk.strategy, name) for name in names}
    shown = {name: value.tolist() if hasattr(value, "tolist") else value for name, value in values.items()}
    return {**records(state), "orders": state.table("orders").tobytes(), "names": (desk.tags, desk.rules), "states": shown}


def agree(cls: type[fw.Strategy], market: Market = THREE, config: fw.Config = CONFIG, **params: Any) -> State:
    """Both leave the same, and traded."""
    plain, machine = ran(cls(**params), market, config), ran(twin(cls)(**params), market, config)
    a, b = left(*plain), left(*machine)
    assert [name for name in a if a[name] != b[name]] == []
    assert len(machine[0].table("fills")) > 2
    assert machine[1].describe()["compiled"] and not plain[1].describe()["compiled"]
    return machine[0]


@pytest.mark.parametrize("cls", twins.ALL, ids=lambda cls: cls.__name__)
def test_compiled_and_not_leave_the_same(cls: type[fw.Strategy]) -> None:
    agree(cls)


@pytest.mark.parametrize("params", [{"mode": "long"}, {"mode": "short", "limit": 99.0}, {"trace": "CCC", "limit": 101}], ids=str)
def test_branches_on_parameters(params: dict[str, Any]) -> None:
    agree(twins.Helped, **params)


def test_what_is_known_of_orders_whose_reports_go_wrong() -> None:
    chances = dict.fromkeys(("reject", "reject_cancel", "reject_replace", "late_ack", "lost_ack", "reorder_reports"), 0.3)
    faults = {**chances, "outage": 0.2, "outage_length": "2d", "late_by": "3d"}
    orders = {"status_request_after": "50h"}
    for cls in (twins.Handles, twins.Literals):
        state = agree(cls, config=config_of(account={"leverage": 4}, execution={"faults": faults}, orders=orders))
        assert len(state.table("reports")) > len(state.table("order_events"))


def test_two_timeframes() -> None:
    minutes = make_bars(200, timeframe="1min", instrument=Instrument("AAA"))
    agree(twins.Frames, combine([minutes, make_bars(20, timeframe="10min", instrument=Instrument("AAA"), seed=9)]))


@pytest.mark.parametrize("sizing", [{"method": "fixed", "quantity": 7}, {"method": "equity_fraction", "fraction": "20%"},
                                    {"method": "value", "value": 3000}], ids=str)  # fmt: skip
def test_sizes_of_the_configuration(sizing: dict[str, Any]) -> None:
    agree(twins.Sized, config=config_of(sizing=sizing))


@pytest.mark.parametrize("cls", [twins.Risky, twins.Sized, twins.Rotation], ids=lambda cls: cls.__name__)
def test_sizes_that_are_fixed_at_the_fill(cls: type[fw.Strategy]) -> None:
    agree(cls, config=config_of(sizing={"method": "equity_fraction", "fraction": "20%", "price": "fill"}))


def written(folder: Path, text: str) -> dict[str, Any]:
    """What a program defines, from a file of its own."""
    file = folder / "program.py"
    file.write_text(text)
    names: dict[str, Any] = {"__name__": "program"}
    exec(compile(text, str(file), "exec"), names)
    return names


@pytest.mark.parametrize("seed", range(4))
def test_random_programs(seed: int, tmp_path: Path) -> None:
    agree_random(seed, tmp_path)


@pytest.mark.sim
@pytest.mark.parametrize("seed", range(100, 160))
def test_many_random_programs(seed: int, tmp_path: Path) -> None:
    agree_random(seed, tmp_path)


def agree_random(seed: int, folder: Path) -> None:
    cls = written(folder, program_of(seed))["Program"]
    plain, machine = ran(cls()), ran(twin(cls)())
    a, b = left(*plain), left(*machine)
    assert [name for name in a if a[name] != b[name]] == []
    assert len(plain[0].table("order_events")) > 0


@fw.compiled
def cross(ctx: Any, p: Any, s: Any) -> None:
    """SmaCross in the function form."""
    if ctx.crossed_above(p.fast_ma, p.slow_ma):
        ctx.target_weight(0.95)
        s.entries += 1
    elif ctx.crossed_below(p.fast_ma, p.slow_ma):
        ctx.close_position()


@fw.compiled
def literals(ctx: Any, p: Any, s: Any) -> None:
    """Literals in the function form."""
    a, b, c = ctx.at(ctx.symbol("AAA")), ctx.at(ctx.symbol("BBB")), ctx.at(ctx.symbol("CCC"))
    own = ctx.instrument
    if own == ctx.symbol("BBB") and ctx.row % 5 == 4:
        a.sell(3, stop=ctx.close * 0.98, limit=ctx.close * 0.95, tag="late", rule_id="two")
    elif own != ctx.symbol("BBB") and ctx.row % 7 == 1:
        ctx.buy(10, limit=ctx.close * 0.999, tif="DAY", tag="early", rule_id="one")
        c.buy_value(2_000, tag="late")
    if own != ctx.symbol("AAA") and ctx.row % 11 == 3:
        c.sell_weight(0.05, limit=ctx.high, tif="IOC", rule_id="three")
        b.buy(2, stop=ctx.high * 1.01, tif="GTD", expire=ctx.time_ns + 3 * 86_400_000_000_000)
    if ctx.row % 20 == 19:
        a.close_position(tag="flat")
        b.target(-4, rule_id="turn")
        c.sell(500, reduce_only=True)
        ctx.target_value(1_500.5)


@fw.compiled
def held(ctx: Any, p: Any, s: Any) -> None:
    """Held in the function form."""
    if ctx.position == 0:
        if ctx.close > ctx.open:
            ctx.buy_weight(0.2)
        else:
            ctx.sell_value(ctx.equity * 0.1)
        return
    s.worst = min(s.worst, ctx.unrealised)
    s.longest = max(s.longest, ctx.bars_held)
    side = 1 if ctx.position > 0 else -1
    lost = side * (ctx.average_price - ctx.close) / ctx.average_price
    if lost > p.stop_loss or ctx.bars_held >= 7:
        ctx.close_position()
    elif abs(ctx.position_value) < 0.15 * ctx.cash_total and ctx.cash > 1_000:
        ctx.target(ctx.position + side * 2)


@fw.compiled
def handles(ctx: Any, p: Any, s: Any) -> None:
    """Handles in the function form."""
    entry = ctx.buy(5, limit=ctx.low * 0.995)
    if ctx.row % 3 == 0:
        ctx.replace(entry, limit=ctx.low, quantity=6)
    elif ctx.row % 3 == 1 and ctx.cancel(entry) == 1:
        s.done += 1
    if ctx.order_code(entry, 2) == PENDING and ctx.order_code(entry, 4) == 0 and ctx.order_number(entry, 2) > 4:
        s.last = entry
    s.filled += ctx.order_number(entry, 1) + ctx.order_number(entry, 0)
    order = ctx.target(ctx.row % 4)
    if order >= 0 and ctx.order_code(order, 0) == -1:
        s.done += 100
    if ctx.row % 10 == 9:
        s.done += ctx.cancel_everything()


@pytest.mark.parametrize(
    "cls, function", [(twins.SmaCross, cross), (twins.Literals, literals), (twins.Held, held), (twins.Handles, handles)],
    ids=lambda x: getattr(x, "__name__", ""),
)  # fmt: skip
def test_the_function_form_leaves_the_same(cls: type[fw.Strategy], function: Any) -> None:
    body = {key: value for key, value in vars(cls).items() if not key.startswith("__")}
    by_function = type(cls.__name__, (fw.Strategy,), {**body, "__annotations__": cls.__annotations__, "on_bar": function})
    a, b = left(*ran(cls())), left(*ran(by_function()))
    assert [name for name in a if a[name] != b[name]] == []


def test_a_whole_run_is_the_same(tmp_path: Path) -> None:
    one, two = fw.run(twins.Literals(), THREE, CONFIG), fw.run(twin(twins.Literals)(), THREE, CONFIG)
    assert one.orders.equals(two.orders) and one.fills.equals(two.fills) and one.trades.equals(two.trades)
    assert set(one.orders["tag"].dropna()) == {"early", "late", "flat"}
    assert set(two.orders["rule_id"].dropna()) == {"one", "two", "three", "turn"}


def test_machine_code_is_shared_by_runs_and_follows_the_numbers_of_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = twin(twins.Helped)
    first, again = ran(fast()), ran(fast(risk=0.02))
    (form,) = [value for key, value in vars(fast).items() if key == "__fillwright_form__"]
    (known,) = form._known.values()
    assert len(known[1].callbacks) == 1 and left(*first) != left(*again)
    monkeypatch.setattr(twins, "LEVEL", 1.6)
    a, b = left(*ran(twins.Helped())), left(*ran(fast()))
    assert a == b != left(*first)


def test_prices_before_the_first_bar_are_not_numbers() -> None:
    late = combine(
        [make_bars(30, instrument=Instrument("AAA")), make_bars(9, instrument=Instrument("BBB"), start="2020-01-20", seed=4)]
    )

    class Early(fw.Strategy):
        unknown: int = fw.state(0)

        def on_bars(self, bars: Any) -> None:
            b = bars["BBB"].close
            if b != b:
                self.unknown += 1
            elif bars["BBB"].index < 6:
                self.target("BBB", 3 + bars["BBB"].index)

    plain = agree(Early, late)
    assert len(plain.table("fills")) > 2


def test_the_page_about_it_runs(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "compiled.md").read_text(encoding="utf-8")
    code = page.split("<!-- run -->\n```python\n")[1].split("```")[0].replace("print(", "shown = (")
    (tmp_path / "SPY.csv").write_text(daily_bars(), encoding="utf-8")
    names = written(tmp_path, code.replace('"SPY.csv"', repr(str(tmp_path / "SPY.csv"))))
    assert names["shown"] is True
