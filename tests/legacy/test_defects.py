"""What was wrong in the previous system, one test for each: docs/legacy_defects.md says which is about what."""

from __future__ import annotations

import gc
import random
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fillwright as fw
from coordinator.worlds import Alternate, fingerprint, minutes, python
from fillwright.coordinator.runner import Run
from fillwright.model.codes import OrderStatus, Reason
from fillwright.model.instrument import Instrument
from scenarios.table import X, market, play

FLAT = "\n".join(f"09:{minute} 100" for minute in range(31, 46))


def settings(**sections: Any) -> fw.Config:
    return fw.Config.from_dict({"version": 1, **sections})


class Erratic(fw.Strategy):
    """All kinds of calls, sensible and not; counts them."""

    seed: int = fw.param(1)
    calls: int = fw.state(0)

    def on_start(self) -> None:
        self.rng = random.Random(self.seed)

    def on_bar(self, bar: Any) -> None:
        symbol, rng, size = bar.symbol, self.rng, self.rng.choice((0.4, 1, 5, 30, 4_000))
        for _ in range(rng.randint(0, 3)):
            self.calls += 1
            rng.choice(
                (
                    lambda: self.buy(symbol, size, tag="t", rule_id=f"r{rng.randint(0, 5)}"),
                    lambda: self.sell(symbol, size, limit=bar.close * rng.choice((0.9, 1, 1.1))),
                    lambda: self.target(symbol, rng.randint(-20, 20), rule_id=f"r{rng.randint(0, 5)}"),
                    lambda: self.target_weight(symbol, rng.random() * 3 - 1),
                    lambda: self.close(symbol),
                    lambda: self.open(symbol, 10),
                    lambda: self.add(symbol, size),
                    lambda: self.reduce(symbol, size),
                    lambda: self.reverse(symbol),
                )
            )()

    def on_stop(self) -> None:
        CALLS.append(self.calls)


CALLS: list[int] = []


# -- 1 order manager ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deduplicate", ["none", "per_run"])
@pytest.mark.parametrize("account", ["cash", "margin"])
def test_every_signal_ends_as_an_order_a_refusal_with_its_reason_or_no_change(deduplicate: str, account: str) -> None:
    config = settings(
        orders={"deduplicate": deduplicate}, account={"type": account}, limits={"max_position_quantity": 2_000},
    )  # fmt: skip
    result = fw.run(Erratic(seed=3), minutes(400), config)
    orders = result.record.tables["orders"]
    assert CALLS.pop() == result.record.counters["intents"]
    intents = set(orders["intent_id"].tolist())
    assert len(intents) + result.record.counters["no_change"] == result.record.counters["intents"]
    ended = Counter(OrderStatus(code) for code in orders["status"].tolist())
    assert sum(ended.values()) == len(orders)
    assert set(ended) <= {OrderStatus.FILLED, OrderStatus.DENIED, OrderStatus.REJECTED, OrderStatus.CANCELED, OrderStatus.EXPIRED}
    refused = np.isin(orders["status"], (OrderStatus.DENIED, OrderStatus.REJECTED))
    assert refused.any() and (orders["reason"][refused] != Reason.NONE).all()


def test_every_order_keeps_its_number_rule_tag_and_reason() -> None:
    class Named(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            if bar.index == 0:
                self.open("X", 10, rule_id="sma_X_LONG_1", tag="first")
            elif bar.index == 2:
                self.reverse("X", rule_id="sma_X_SHORT_2", tag="turn")
            elif bar.index == 4:
                self.open("X", 10, rule_id="sma_X_LONG_3")

    result = fw.run(Named(), market(FLAT))
    frame = result.orders
    assert result.record.tables["orders"]["order_id"].tolist() == [0, 1, 2, 3]
    # both orders of the reversal have its rule
    assert frame["rule_id"].tolist() == ["sma_X_LONG_1", "sma_X_SHORT_2", "sma_X_SHORT_2", "sma_X_LONG_3"]
    assert frame["tag"].tolist()[:3] == ["first", "turn", "turn"]
    assert frame["reason"].tolist() == ["none", "none", "none", "position_exists"]


def test_an_order_of_nothing_is_refused() -> None:
    result = fw.run(Once(lambda s: s.buy("X", 0.4)), market(FLAT))
    order = result.record.tables["orders"][0]
    assert (order["status"], order["reason"]) == (OrderStatus.DENIED, Reason.ZERO_QUANTITY)
    assert len(result.record.tables["fills"]) == 0


class Once(fw.Strategy):
    """Does one thing at the first bar."""

    def __init__(self, what: Any = None, **params: Any) -> None:
        super().__init__(**params)
        DOES[:] = [what] if what else DOES

    def on_bar(self, bar: Any) -> None:
        if bar.index == 0:
            DOES[0](self)


DOES: list[Any] = []


def test_an_illegal_step_of_an_order_stops_everything() -> None:
    """The state of an order is moved by the life cycle only; what does not follow is a fault of ours and is said so."""

    class Spoils(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            if bar.index == 0:
                self.order = self.buy("X", 1, limit=50)
            elif bar.index == 1:
                self.order.cancel()
                self._desk.state.tables["orders"]["status"][0] = OrderStatus.DENIED

    with pytest.raises(AssertionError, match="illegal move of an order: DENIED on CANCEL_REJECT"):
        fw.run(Spoils(), market(FLAT))


def test_the_limit_on_open_positions_stops_the_third_entry_and_no_exit() -> None:
    """Positions, not orders of one symbol: those are two things with two names."""
    data = market(FLAT) + market(FLAT, Instrument("Y", price_decimals=2)) + market(FLAT, Instrument("Z", price_decimals=2))

    class Three(fw.Strategy):
        def on_bars(self, bars: Any) -> None:
            if self.now_ns == int(data.instants[0]):
                for symbol in "XYZ":
                    self.open(symbol, 10)
                self.add("X", 5)  # a second order of one symbol is no second position
            elif self.now_ns == int(data.instants[3]):
                for symbol in "XY":
                    self.close(symbol)
            elif self.now_ns == int(data.instants[5]):
                self.open("Z", 10)

    result = fw.run(Three(), data, settings(limits={"max_open_positions": 2}))
    found = [
        (row["symbol"], OrderStatus(row["status"]).name, Reason(row["reason"]).name) for row in result.record.tables["orders"]
    ]
    assert found == [
        (0, "FILLED", "NONE"), (1, "FILLED", "NONE"), (2, "DENIED", "MAX_OPEN_POSITIONS"), (0, "FILLED", "NONE"),
        (0, "FILLED", "NONE"), (1, "FILLED", "NONE"), (2, "FILLED", "NONE"),
    ]  # fmt: skip


# -- 2 coordinator --------------------------------------------------------------------------------------------------------------

IMPORTS = """
import importlib, pkgutil, sys
import fillwright, fillwright.coordinator, fillwright.legacy.migrate, fillwright.verify
def seen():
    return {
        (name, item.__qualname__, key): id(value)
        for name, module in list(sys.modules.items()) if name.startswith("fillwright")
        for item in list(vars(module).values()) if isinstance(item, type) and item.__module__ == name
        for key, value in vars(item).items() if not key.startswith("_abc")
    }
before = seen()
for found in pkgutil.walk_packages(fillwright.__path__, "fillwright."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
after = seen()
changed = [key for key, value in before.items() if after.get(key) != value]
print(len(before) > 500, len(after) >= len(before), changed)
"""


def test_importing_changes_no_class(root: Path) -> None:
    """Nothing replaces a method of another module when it is imported."""
    done = python(root, IMPORTS)
    assert done.stdout.split(maxsplit=2) == ["True", "True", "[]\n"], done.stdout + done.stderr


# -- 3 trades and equity --------------------------------------------------------------------------------------------------------


def test_a_position_closed_in_two_halves_is_one_trade_with_the_whole_result() -> None:
    """100 bought at 10, closed as 50 at 11 and 50 at 12: 150, in one trade of 100 units."""
    found = play("09:31 10\n09:32 10 11\n09:33 11 12\n09:34 12", "09:31 buy 100\n09:32 sell 50\n09:33 sell 50")
    trades = found.result.trades
    assert trades["quantity"].tolist() == [100.0]
    assert trades["net_pnl"].tolist() == [150.0]
    assert trades["status"].tolist() == ["closed"]


def test_a_larger_order_on_the_other_side_closes_and_opens() -> None:
    """LONG 100, then SELL 200: 100 are closed, 100 are short, and the cash says the same."""
    found = play("09:31 10\n09:32 10 12\n09:33 12 11", "09:31 buy 100\n09:32 sell 200")
    assert found.record.tables["fills"]["position"].tolist() == [100, -100]
    trades = found.result.trades
    assert trades["side"].tolist() == ["buy", "sell"]
    assert trades["gross_pnl"].tolist() == [200.0, 100.0]
    assert trades["status"].tolist() == ["closed", "open"]
    assert found.cash == {"USD": Decimal(100_000 - 1_000 + 2_400)}


@pytest.mark.parametrize("seed", [1, 2])
def test_net_results_of_trades_are_the_change_of_equity_at_every_end(seed: int) -> None:
    """With costs: the sum of net results is the change of equity exactly, wherever the data end."""
    commission = {"model": "rate", "rate": "10bp", "minimum": 1}
    config = settings(costs={"commission": commission, "slippage": {"model": "rate", "rate": "2bp"}})
    for bars in (60, 171, 300):
        part = fw.run(Erratic(seed=seed), minutes(bars), config)
        CALLS.clear()
        assert part.certificate.ok and len(part.record.equity) == bars
        assert int(part._trades["net_pnl"].sum()) == int(part.record.equity[-1]) - 100_000 * 10**6
        closing = int(part.record.tables["fills"]["closing_quantity"].sum())
        assert closing == int(part.record.tables["lot_closes"]["quantity"].sum())


def test_a_price_that_quadruples_in_one_bar_counts_in_full() -> None:
    found = play("09:31 100\n09:32 100\n09:33 400 400 400 400", "09:31 buy 900")
    assert [str(money) for money in found.equity] == ["100000.000000", "100000.000000", "370000.000000"]


def test_an_order_without_funds_is_rejected_and_nothing_is_filled() -> None:
    found = play("09:31 100\n09:32 100\n09:33 100", "09:31 buy 2000")
    assert found.status(0) == "REJECTED INSUFFICIENT_MARGIN"
    assert found.fills == [] and found.equity[-1] == Decimal(100_000)


# -- 4 events and state ---------------------------------------------------------------------------------------------------------


def test_partial_fills_of_one_order_are_all_booked() -> None:
    """40 and 60 of one order are 100, told once each."""
    told: list[float] = []
    data = market("09:31 100 100 100 100 1000\n09:32 100 100 100 100 400\n09:33 100 100 100 100 1000")
    one = Run(Once(lambda s: s.buy("X", 100)), data, settings(execution={"participation": "10%"}))
    one.journal.subscribe("fill", lambda view: told.append(view.quantity))
    result = one.execute()
    assert told == [40.0, 60.0]
    assert result.record.tables["fills"]["position"].tolist() == [40, 100]
    assert result.record.tables["orders"]["cum_quantity"].tolist() == [100]


def test_many_runs_leave_no_objects_behind() -> None:
    data = minutes(60)

    def alive() -> Counter[str]:
        gc.collect()
        return Counter(
            type(item).__qualname__ for item in gc.get_objects() if str(type(item).__module__).startswith("fillwright")
        )

    for _ in range(2):
        fw.run(Alternate(), data)
    before = alive()
    for _ in range(5):
        fw.run(Alternate(), data)
    assert not alive() - before  # what other tests have left may go meanwhile


# -- 5 broker -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slippage", [{"model": "rate", "rate": "50bp"}, {"model": "ticks", "ticks": 3}])
@pytest.mark.parametrize("kind", ["", " stop {}"])
@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("purpose", ["entry", "exit"])
def test_who_buys_pays_more_and_who_sells_gets_less(slippage: dict[str, Any], kind: str, side: str, purpose: str) -> None:
    """For every model and order type, entries and exits alike: slippage is against the one who takes."""
    level = "102" if side == "buy" else "98"
    script = f"09:32 {side} 10{kind.format(level)}"
    if purpose == "exit":
        script = f"09:31 {'sell' if side == 'buy' else 'buy'} 10\n" + script
    found = play("09:31 100\n09:32 100\n09:33 100 104 96 100", script, instrument=X, costs={"slippage": slippage})
    fill = found.record.tables["fills"][-1]
    assert (fill["price"] - fill["reference_price"]) * (1 if side == "buy" else -1) > 0


# -- 7 positions ----------------------------------------------------------------------------------------------------------------


def test_the_position_is_the_sum_of_fills_for_everybody_after_every_event() -> None:
    """Ledger, the strategy's view, the fill records, the positions table and the lots say the same."""
    seen: list[int] = []

    class Watches(Alternate):
        total: int = fw.state(0)

        def on_bar(self, bar: Any) -> None:
            (lambda: self.target("X", 7), lambda: self.reverse("X"), lambda: self.buy("X", 2, limit=bar.close),
             lambda: self.target("X", -3), lambda: self.reduce("X", 1))[bar.index % 5]()  # fmt: skip

        def on_fill(self, fill: Any) -> None:
            state = self._desk.state
            lots = state.table("lots")
            seen.append(fill.raw("side") * fill.raw("quantity"))
            last = int(state.table("fills")["position"][-1])
            assert self.position("X").quantity == last == int(state.books["position"][0]) == int(state.instruments["position"][0])
            assert last == int((lots["side"] * lots["remaining"]).sum())

    result = fw.run(Watches(), minutes(200))
    running = np.cumsum(seen)
    assert running.tolist() == result.record.tables["fills"]["position"].tolist()
    assert running.tolist() == result.positions["quantity"].tolist()
    assert len(seen) > 100


# -- the system's own words -----------------------------------------------------------------------------------------------------


def test_one_crossing_acts_once_and_only_against_the_position() -> None:
    """``open`` ignores a signal in the direction already held, as enforce_single_position did, but says so."""
    found = play(FLAT, "09:31 open 10\n09:33 open 10\n09:35 reverse\n09:37 open -10")
    assert [found.status(k) for k in range(5)] == [
        "FILLED", "DENIED POSITION_EXISTS", "FILLED", "FILLED", "DENIED POSITION_EXISTS",
    ]  # fmt: skip


def test_two_runs_of_one_object_are_two_values() -> None:
    """The second run of the same strategy, after another, is the first again; a run itself runs once."""
    data, strategy = minutes(100), Alternate()
    first = fw.run(strategy, data)
    fw.run(Erratic(seed=9), data)
    CALLS.clear()
    assert fingerprint(fw.run(strategy, data)) == fingerprint(first)
    one = Run(strategy, data)
    one.execute()
    with pytest.raises(fw.UsageError, match="a run runs once"):
        one.execute()
