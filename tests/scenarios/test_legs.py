"""Legs: orders of several instruments that fill together or not at all, through the front door."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import fillwright as fw
from fillwright.errors import UsageError
from fillwright.model.codes import OrderEvent, OrderFlag
from fillwright.model.instrument import Instrument
from fillwright.verify import verify_folder
from oracle import harness
from reference.scenario import Scenario
from scenarios.table import X, market, play
from scenarios.test_quotes import prints, quotes
from strategies import scenarios
from verify.restless import bars_of

pytestmark = pytest.mark.scenario

Y = replace(X, symbol="Y")
CALM = "09:31 100 100 100 100 1000\n09:32 100 100 100 100 1000\n09:33 100 100 100 100 1000\n09:34 100 100 100 100 1000"
PAIR = market(CALM) + market(CALM.replace("100 100 100 100", "50 50 50 50"), Y)


def test_legs_are_one_intent_with_a_list_of_their_own() -> None:
    found = play(PAIR, "09:31 buy 1\n09:31 legs X 10 Y -20\n09:32 legs Y 5 X 5")
    orders = found.record.tables["orders"]
    assert orders["list_id"].tolist() == [-1, 1, 1, 3, 3]
    assert orders["intent_id"].tolist() == [0, 1, 1, 2, 2]
    assert (orders["flags"] & OrderFlag.LEG != 0).tolist() == [False, True, True, True, True]
    assert found.life(1) == found.life(2) == ["09:31 SUBMIT", "09:31 ACCEPT", "09:31 FILL_ALL"]


def test_the_refused_leg_says_why_and_the_others_that_it_did() -> None:
    found = play(PAIR, "09:31 legs X 8 Y -8", account={"initial_cash": 1100})
    assert found.life(0) == ["09:31 SUBMIT", "09:31 ACCEPT", "09:31 CANCEL LEG_ENDED"]
    assert found.life(1) == ["09:31 SUBMIT", "09:31 ACCEPT", "09:31 REJECT INSUFFICIENT_MARGIN"]
    assert found.numbers(1, OrderEvent.REJECT) == (D(400), D(300))  # 8 x 100 of 1100 are the first leg's
    assert not len(found.record.tables["fills"])


def test_a_list_ends_with_the_day_of_one_of_its_instruments() -> None:
    late = market("09:31 50\n2024-01-03 09:31 50\n2024-01-03 09:32 50", Y)
    both = market("09:31 100\n09:32 100\n2024-01-03 09:31 100\n2024-01-03 09:32 100") + late
    found = play(both, "09:31 legs X 1 Y 1 DAY")
    assert not found.fills and {found.status(0), found.status(1)} == {"EXPIRED DAY_END", "CANCELED LEG_ENDED"}
    assert len(play(both, "09:31 legs X 1 Y 1 GTC").fills) == 2


def test_an_order_after_a_leg_begins_when_it_fills() -> None:
    found = play(PAIR, "09:31 legs X 10 Y -20\n09:31 sell 10 after 0")
    assert [fill.rpartition(" fee")[0] for fill in found.fills][-1] == "09:31 open sell 10 X @ 100.00"


class Calls(fw.Strategy):
    """Makes one call and keeps the error."""

    call: str = fw.param("")

    def on_bars(self, bars: Any) -> None:
        if self.call:
            eval(self.call, {"self": self, "order": self.legs({"X": 1, "Y": 1})[0]})


@pytest.mark.parametrize(
    "call, words",
    [
        ('self.legs({"X": 1})', "legs of 1 instruments"),
        ('self.legs({"X": 1, "Y": 0})', "a leg of 0 Y"),
        ('self.legs({"X": 1, "Z": 1})', "no symbol 'Z'"),
        ('self.legs({"X": 1, "Y": 1}, tif="FOK")', "legs cannot have tif='FOK'"),
        ("order.replace(quantity=5)", "order 0 is a leg and cannot be replaced"),
        ("self.oco(order, self.buy('X', 1))", "orders 0 and 2 cannot cancel each other"),
    ],
)
def test_wrong_calls_say_what_is_wrong(call: str, words: str) -> None:
    with pytest.raises(fw.StrategyError) as caught:
        fw.run(Calls(call=call), PAIR)
    assert isinstance(caught.value.__cause__, UsageError) and words in str(caught.value.__cause__)


@pytest.mark.parametrize(
    "other, words", [(quotes("09:31 49 51", Y), "bars and quotes"), (prints("09:31 50", Y), "bars and prints")]
)
def test_legs_are_on_one_kind_of_data(other: fw.Market, words: str) -> None:
    with pytest.raises(fw.StrategyError) as caught:
        fw.run(Calls(call='self.legs({"X": 1, "Y": 1})'), market(CALM) + other)
    assert f"legs on {words}" in str(caught.value.__cause__)


class Pairs(fw.Strategy):
    """Lists at random, some of them cancelled again."""

    seed: int = fw.param(0)

    def on_start(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def on_bars(self, bars: Any) -> None:
        names = list(self.rng.permutation(self.symbols)[: self.rng.integers(2, len(self.symbols) + 1)])
        legs = self.legs(
            {name: int(self.rng.integers(-300, 300)) or 1 for name in names}, tif=str(self.rng.choice(["DAY", "GTC", "IOC"]))
        )
        if self.rng.random() < 0.3:
            legs[-1].cancel()


def whole(result: fw.Result) -> tuple[int, int]:
    """(lists that filled, lists that did not), each of which is whole."""
    orders, fills = result.record.tables["orders"], result.record.tables["fills"]
    filled = 0
    lists = np.unique(orders["list_id"])
    for first in lists:
        legs = orders[orders["list_id"] == first]
        done = legs["cum_quantity"] == legs["quantity"]
        assert done.all() or not legs["cum_quantity"].any()
        filled += bool(done.all())
        assert len(np.unique(fills["instant"][np.isin(fills["order_id"], legs["order_id"])])) == bool(done.all())
    return filled, len(lists) - filled


@pytest.mark.parametrize("latency", ["0s", "30s"])
def test_a_list_is_never_executed_in_part(latency: str, tmp_path: Path) -> None:
    made = [fw.make_bars(300 - 40 * k, seed=k, timeframe="1h", instrument=Instrument(symbol)) for k, symbol in enumerate("ABC")]
    three = made[0] + made[1] + made[2]
    terms = {"execution": {"latency": latency}, "account": {"leverage": 2, "initial_cash": 200_000}}
    result = fw.run(Pairs(seed=4), three, fw.Config.from_dict({"version": 1, **terms}))
    filled, ended = whole(result)
    assert filled > 20 and ended > 20 and result.certificate.ok
    found = verify_folder(result.save(tmp_path / "run"), market=bars_of(three))
    assert found.ok, found.text()
    assert next(check for check in found.checks if check.name == "orders.legs").count > 400


@given(scenarios())
def test_no_scenario_executes_a_list_in_part(scenario: Scenario) -> None:
    journal = harness.run_engine(scenario)
    lists: dict[int, list[dict[str, int]]] = {}
    for order in journal.orders:
        if order["list_id"] >= 0:
            lists.setdefault(order["list_id"], []).append(order)
    instants: dict[int, list[int]] = {}
    for fill in journal.fills:
        instants.setdefault(fill["order_id"], []).append(fill["instant"])
    for legs in lists.values():
        times = [instants.get(leg["order_id"], []) for leg in legs]
        assert all(one == times[0] and len(one) <= 1 for one in times)
        assert {leg["cum_quantity"] for leg in legs} == {0} or all(leg["cum_quantity"] == leg["quantity"] for leg in legs)
