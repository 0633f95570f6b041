"""Sizes fixed at the fill, sizes by volatility, and the default type of an order."""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

import fillwright as fw
from fillwright.errors import StrategyError
from fillwright.model.codes import OrderEvent, OrderFlag, OrderType, SizeMode
from fillwright.verify import verify_folder
from scenarios.table import market, play

pytestmark = pytest.mark.scenario

BARS = """
    09:31  100
    09:32  110
    09:33  110 105
    09:34  120
    09:35  80
"""
FILL = {"method": "none", "price": "fill"}
CASH = {"initial_cash": 10_000}
PER_UNIT = {"commission": {"model": "per_unit", "amount": 1}, "slippage": {"model": "rate", "rate": "1%"}}
FIXED = OrderEvent.REPLACE


def numbers(found: Any, order: int) -> list[tuple[str, int, D, D]]:
    """(event, quantity, required, available) of all events of an order that carry numbers."""
    rows = found.record.tables["order_events"]
    return [
        (
            OrderEvent(int(row["event"])).name,
            int(row["quantity"]),
            D(int(row["required"])) / 10**6,
            D(int(row["available"])) / 10**6,
        )
        for row in rows
        if row["order_id"] == order and (row["required"] or row["available"])
    ]


def test_a_value_buys_what_it_pays_for_at_the_price_of_the_fill() -> None:
    """1,000 buy ten at the last price of 100; at the open of 110 with 1 % slippage and a unit's fee of 1 they buy eight at 111.10."""
    by_decision = play(BARS, "09:31 buy value 1000", account=CASH, costs=PER_UNIT)
    assert by_decision.fills == ["09:31 open buy 9 @ 111.10 fee 9"]
    found = play(BARS, "09:31 buy value 1000", account=CASH, costs=PER_UNIT, sizing=FILL)
    assert found.fills == ["09:31 open buy 8 @ 111.10 fee 8"]
    assert found.life(0) == ["09:31 SUBMIT", "09:31 ACCEPT", "09:31 REPLACE SIZED_AT_FILL", "09:31 FILL_ALL"]
    assert found.record.tables["order_events"]["quantity"].tolist() == [9, 9, 8, 8]
    assert numbers(found, 0) == [("REPLACE", 8, D("896.8"), D(1000))]  # 8 x (111.10 + 1); nine would be 1,008.90


def test_the_flag_stands_until_the_size_is_fixed() -> None:
    found = play(BARS, "09:31 buy value 1000 limit 90", account=CASH, sizing=FILL)
    events = found.record.tables["order_events"]
    open_size = [bool(flags & OrderFlag.SIZED_AT_FILL) for flags in events["flags"].tolist()]
    assert found.life(0)[-2:] == ["09:34 REPLACE SIZED_AT_FILL", "09:34 FILL_ALL"]
    assert open_size == [True, True, False, False]
    assert found.fills == ["09:34 open buy 12 @ 80.00 fee 0 maker"]  # a limit of 90 was an estimate of ten


def test_a_weight_is_one_of_equity_at_the_fill() -> None:
    """Ten units at 110 gain 100 until 120 opens: half of 10,100 are 42 units, and half of 10,000 at 110 would have been 45."""
    script = "09:31 buy 10\n09:33 buy weight 0.5"
    found = play(BARS, script, account={"initial_cash": 10_000, "leverage": 2}, sizing=FILL)
    assert found.fills[1] == "09:33 open buy 42 @ 120.00 fee 0"
    assert numbers(found, 1) == [("REPLACE", 42, D(5040), D(5050))]


def test_a_target_is_reached_at_the_price_of_the_fill() -> None:
    """A tenth of equity are nine units at 110; a fifth of 10,090 are 16 at 120, so seven are missing, where the estimate at 105 was ten."""
    found = play(BARS, "09:31 target_weight 0.1\n09:33 target_weight 0.1", account=CASH, sizing=FILL)
    assert found.fills[0] == "09:31 open buy 9 @ 110.00 fee 0"
    assert len(found.fills) == 1  # nine units are a tenth at 105 too: no change, so nothing is sized again
    found = play(BARS, "09:31 target_weight 0.1\n09:33 target_weight 0.2", account=CASH, sizing=FILL)
    assert found.fills[1] == "09:33 open buy 7 @ 120.00 fee 0"  # 16 units, less 9
    assert numbers(found, 1) == [("REPLACE", 7, D(1920), D(2018))]


def test_a_target_that_the_market_has_reached_is_refused_with_both_numbers() -> None:
    """One more unit is missing at the last price of 105; at 120 there is one too many."""
    found = play(BARS, "09:31 buy 17\n09:33 target_weight 0.2", account=CASH, sizing=FILL)
    assert found.status(1) == "REJECTED ZERO_QUANTITY"
    assert found.numbers(1, OrderEvent.REJECT) == (D(1920), D(2034))


def test_a_size_that_grows_is_held_against_limits() -> None:
    script = "09:34 buy value 2000"
    free = play(BARS, script, account=CASH, sizing=FILL)
    assert free.fills == ["09:34 open buy 25 @ 80.00 fee 0"]
    found = play(BARS, script, account=CASH, sizing=FILL, limits={"max_order_quantity": 20})
    assert found.life(0)[2:] == ["09:34 REPLACE SIZED_AT_FILL", "09:34 SHRINK MAX_ORDER_QUANTITY", "09:34 FILL_ALL"]
    assert found.fills == ["09:34 open buy 20 @ 80.00 fee 0"]
    # never below the estimate, which had passed: 16 at 120
    found = play(BARS, script, account=CASH, sizing=FILL, limits={"max_position_fraction": "19.2%"})
    assert found.fills == ["09:34 open buy 24 @ 80.00 fee 0"]


def test_a_replace_that_states_a_quantity_ends_it() -> None:
    script = "09:31 buy value 1000 limit 90\n09:32 replace 0 quantity 7\n09:31 buy value 1000 limit 90\n09:32 replace 1 limit 85"
    found = play(BARS, script, account=CASH, sizing=FILL)
    assert found.fills == ["09:34 open buy 7 @ 80.00 fee 0 maker", "09:34 open buy 12 @ 80.00 fee 0 maker"]


def test_funds_are_looked_at_after_the_size() -> None:
    found = play(BARS, "09:34 buy value 1500", account={"initial_cash": 1000, "type": "cash"}, sizing=FILL)
    assert found.life(0) == [
        "09:34 SUBMIT", "09:34 SHRINK SHRUNK_TO_CASH", "09:34 ACCEPT", "09:34 REPLACE SIZED_AT_FILL", "09:34 SHRINK SHRUNK_TO_CASH",
        "09:34 FILL_ALL",
    ]  # fmt: skip
    assert found.fills == ["09:34 open buy 12 @ 80.00 fee 0"]


def test_a_risk_counts_from_the_fill_to_the_stop() -> None:
    """1 % of 10,000 are 100: from 110 to 90 five units, where 100 to 90 were an estimate of ten. Its exits follow what is filled."""
    found = play(BARS, "09:31 buy risk 1% stop_loss 90", account=CASH, sizing=FILL)
    assert found.fills == ["09:31 open buy 5 @ 110.00 fee 0", "09:34 open sell 5 @ 80.00 fee 0"]
    assert numbers(found, 0) == [("REPLACE", 5, D(100), D(100))]


def test_a_fill_beyond_the_stop_is_no_entry() -> None:
    found = play(BARS, "09:34 buy risk 1% stop_loss 90", account=CASH, sizing=FILL)
    assert found.status(0) == "REJECTED ZERO_QUANTITY"
    assert found.status(1) == "CANCELED PARENT_ENDED"


def test_a_size_by_volatility() -> None:
    """A move of 8 may cost 2 % of 10,000: 25 units, whatever the price; with a fee of 1 a unit 22, and a stop changes nothing."""
    for sizing in ({"method": "none"}, FILL):
        found = play(BARS, "09:31 buy risk 2% per 8\n09:32 sell risk 0.02 per 8 stop_loss 130", account=CASH, sizing=sizing)
        assert [fill.split(" @")[0] for fill in found.fills[:2]] == ["09:31 open buy 25", "09:32 open sell 25"]
        assert found.record.tables["orders"]["size_mode"].tolist()[:2] == [SizeMode.VOLATILITY] * 2
    found = play(BARS, "09:31 buy risk 2% per 8", account=CASH, costs={"commission": {"model": "per_unit", "amount": 1}})
    assert found.fills == ["09:31 open buy 22 @ 110.00 fee 22"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"risk": "1%"}, "risk= needs a stop_loss= or per="),
        ({"quantity": 1, "per": 2}, "per= goes with risk="),
        ({"weight": 0.1, "per": 2}, "per= goes with risk="),
        ({"risk": "1%", "per": 0}, "per must be positive"),
        ({"risk": "1%", "per": -2}, "per must be positive"),
        ({"risk": 1, "per": 2}, "is no part of equity"),
        ({"risk": "1%", "weight": 0.1, "per": 2}, "an order has one size, got weight and risk"),
    ],
)
def test_a_risk_states_what_it_counts_with(call: dict[str, Any], message: str) -> None:
    class Once(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            self.buy(bar.symbol, **call)

    with pytest.raises(StrategyError, match=message):
        fw.run(Once(), market(BARS))


def test_an_order_without_a_price_is_a_limit_at_the_last_price_if_the_settings_say_so() -> None:
    script = "09:31 buy 5\n09:32 buy 5 stop 115\n09:33 reduce 2\n09:33 target 1\n09:34 buy value 600 DAY"
    found = play(BARS, script, account=CASH, orders={"default_type": "limit"})
    orders = found.record.tables["orders"]
    assert orders["type"].tolist() == [OrderType.LIMIT, OrderType.STOP, OrderType.MARKET, OrderType.MARKET, OrderType.LIMIT]
    assert orders["limit_price"].tolist() == [10000, 0, 0, 0, 12000]
    assert found.status(0) == "FILLED"


def test_the_verifier_recomputes_sizes_that_were_fixed_at_the_fill(tmp_path: Path) -> None:
    script = "09:31 buy value 1000\n09:32 target_weight 0.3\n09:33 buy risk 1% stop_loss 60\n09:34 sell weight 0.1 limit 70"
    found = play(BARS, script, account=CASH, costs=PER_UNIT, sizing=FILL)
    found.result.save(tmp_path / "run")
    verified = verify_folder(tmp_path / "run")
    assert verified.ok, verified.text()
    (sizes,) = [check for check in verified.checks if check.name == "order_events.sizes"]
    assert sizes.count == 4
