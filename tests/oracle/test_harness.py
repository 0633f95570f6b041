"""The comparison itself: it finds what was planted, says where, and makes the scenario small."""

from __future__ import annotations

import pytest

from fillwright.model.codes import Liquidity, OrderEvent
from oracle import harness
from reference import engine
from reference.broker import Broker
from reference.matching import Matching
from reference.scenario import Journal, Order, Scenario
from strategies import random_scenario


def no_maker_rate(scenario: Scenario) -> Journal:
    """An engine that charges makers like takers."""
    fee = Broker.fee
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Broker, "fee", lambda self, order, i, lots, price, liquidity: fee(self, order, i, lots, price, Liquidity.TAKER)
        )
        return engine.run(scenario)


def high_first(scenario: Scenario) -> Journal:
    """An engine that always visits the high first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Matching, "_high_first", lambda self, kind, instrument, bar: True)
        return engine.run(scenario)


def broken(scenario: Scenario) -> Journal:
    """An engine that stops at the first sell."""
    if any(isinstance(c, Order) and c.side < 0 for given in scenario.flow.values() for c in given):
        raise ZeroDivisionError("division by zero")
    return engine.run(scenario)


def first_seed(wrong: object) -> int:
    return next(seed for seed in range(300) if harness.difference(random_scenario(seed), wrong))


def test_equal_journals_do_not_differ() -> None:
    for seed in range(20):
        assert harness.difference(random_scenario(seed), engine.run) == ""


@pytest.mark.parametrize("wrong, word", [(no_maker_rate, "fee"), (high_first, "path"), (broken, "ZeroDivisionError")])
def test_a_planted_fault_is_found_and_made_small(wrong: object, word: str) -> None:
    seed = first_seed(wrong)
    scenario = random_scenario(seed)
    small = harness.shrink(scenario, lambda candidate: bool(harness.difference(candidate, wrong)))
    assert harness.difference(small, wrong)
    assert sum(len(given) for given in small.flow.values()) <= 3
    assert sum(len(feed) for feed in small.bars) <= 6
    text = harness.report(seed, scenario, wrong)
    assert text.startswith(f"seed {seed}\n")
    assert word in text
    assert "scenario = Scenario(" in text


def test_every_kind_of_difference_is_named() -> None:
    scenario = random_scenario(3)
    expected = engine.run(scenario)

    def changed(**words: object) -> Journal:
        other = engine.run(scenario)
        for name, value in words.items():
            setattr(other, name, value)
        return other

    fill = {**expected.fills[2], "price": 1}
    assert "fills, row 2, price: expected" in harness.first_difference(
        expected, changed(fills=[*expected.fills[:2], fill, *expected.fills[3:]])
    )
    event = {**expected.order_events[1], "event": int(OrderEvent.BUST)}
    text = harness.first_difference(expected, changed(order_events=[expected.order_events[0], event, *expected.order_events[2:]]))
    assert "(BUST)" in text
    assert "is missing" in harness.first_difference(expected, changed(postings=expected.postings[:-1]))
    extra = [*expected.lot_closes, {**expected.lot_closes[-1], "seq": len(expected.lot_closes)}]
    assert "is not expected" in harness.first_difference(expected, changed(lot_closes=extra))
    time, money = expected.equity[4]
    equity = [*expected.equity[:4], (time, money + 1), *expected.equity[5:]]
    assert harness.first_difference(expected, changed(equity=equity)).startswith(f"equity, row 4: expected {money}")
    assert "intents" in harness.first_difference(expected, changed(counters={"intents": 0, "no_change": 0}))
    assert "cash, 0" in harness.first_difference(expected, changed(cash={}))


def test_a_scenario_makes_a_market() -> None:
    scenario = random_scenario(5)
    market = harness.market_of(scenario)
    assert market.instants.tolist() == scenario.instants
    for number, feed in enumerate(scenario.bars):
        assert market.execution_feed(number).close.tolist() == [bar.close for bar in feed]
        assert market.execution_feed(number).day_last.tolist() == [int(bar.day_last) for bar in feed]
