"""What limits see of an order that crosses zero, and what a cancel that has been asked for means to targets."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

import fillwright as fw
from fillwright.model.codes import OrderEvent, OrderStatus
from scenarios.table import market, play

pytestmark = pytest.mark.scenario

BARS = "\n".join(f"09:{minute} 100" for minute in range(31, 37))


@pytest.mark.parametrize(
    ("limits", "last", "status", "position"),
    [
        # from -6: the opening part of 12 are 6
        ({"max_order_quantity": 6}, "buy 12", "FILLED", 6),
        ({"max_order_quantity": 6}, "buy 13", "FILLED MAX_ORDER_QUANTITY", 0),
        ({"max_order_quantity": 6}, "buy 6", "FILLED", 0),
        ({"max_order_quantity": 6}, "buy value 1300", "FILLED MAX_ORDER_QUANTITY", 6),
        ({"max_position_quantity": 6}, "buy 12", "FILLED", 6),
        ({"max_position_quantity": 6}, "buy 13", "FILLED MAX_POSITION_QUANTITY", 0),
        ({"max_position_quantity": 6}, "buy value 1300", "FILLED MAX_POSITION_QUANTITY", 6),
        ({"max_position_fraction": "6%"}, "buy 12", "FILLED", 6),
        ({"max_position_fraction": "6%"}, "buy 13", "FILLED MAX_POSITION_FRACTION", 0),
        ({"max_position_fraction": "6%"}, "buy value 1300", "FILLED MAX_POSITION_FRACTION", 6),
        ({"max_position_quantity": 6}, "sell 1", "DENIED MAX_POSITION_QUANTITY", -6),
    ],
)
def test_a_limit_sees_the_opening_part_only(limits: dict[str, Any], last: str, status: str, position: int) -> None:
    found = play(BARS, f"09:31 sell 6\n09:32 {last}", account={"initial_cash": 10_000}, limits=limits)
    assert [found.status(0), found.status(1)] == ["FILLED", status]
    assert int(found.record.tables["fills"]["position"][-1]) == position


def test_the_numbers_are_those_of_the_opening_part() -> None:
    found = play(BARS, "09:31 sell 6\n09:32 buy 13", limits={"max_order_quantity": 6})
    assert found.numbers(1, OrderEvent.SHRINK) == (D("0.000007"), D("0.000006"))  # lots, shown as if they were money
    assert found.life(1)[:2] == ["09:32 SUBMIT", "09:32 SHRINK MAX_ORDER_QUANTITY"]


@pytest.mark.parametrize("reversal", ["one_order", "two_orders"])
def test_a_reversal_whose_other_side_is_refused_still_closes(reversal: str) -> None:
    found = play(BARS, "09:31 sell 6\n09:32 target 7", orders={"reversal": reversal}, limits={"max_position_quantity": 6})
    assert int(found.record.tables["fills"]["position"][-1]) == 0


class CancelThenClose(fw.Strategy):
    """Three units held, five more on their way; then everything is called off."""

    way: str = fw.param("all")

    def on_bar(self, bar: Any) -> None:
        if bar.index == 0:
            self.buy("X", 3)
        elif bar.index == 1:
            order = self.buy("X", 5)
            assert self.cancel_all() == 1 if self.way == "all" else order.cancel()
            self.closing = self.close("X")
        elif bar.index == 3:
            assert self.position("X").quantity == 0
            assert self.close("X") is None


@pytest.mark.parametrize("way", ["all", "one"])
@pytest.mark.parametrize("latency", ["0s", "90s"])
def test_a_cancel_that_was_asked_for_no_longer_counts_for_targets(way: str, latency: str) -> None:
    config = fw.Config.from_dict({"version": 1, "run": {"isolation": "strict"}, "execution": {"latency": latency}})
    if latency == "0s":
        result = fw.run(CancelThenClose(way=way), market(BARS), config)
        orders = result.record.tables["orders"]
        assert orders["status"].tolist() == [OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.FILLED]
        assert orders["quantity"].tolist() == [3, 5, 3]
        assert orders["side"].tolist() == [1, 1, -1]
    else:  # nothing has arrived when it is called off: nothing is held, and nothing needs closing

        class Nothing(fw.Strategy):
            def on_bar(self, bar: Any) -> None:
                if bar.index == 0:
                    self.buy("X", 5)
                    self.cancel_all()
                    assert self.close("X") is None
                    assert self.target("X", 2) is not None

        result = fw.run(Nothing(), market(BARS), config)
        assert result.record.tables["orders"]["quantity"].tolist() == [5, 2]
        assert result.record.tables["fills"]["position"].tolist() == [2]


def test_what_fills_before_its_cancel_arrives_is_seen_by_the_next_target() -> None:
    """Five units a bar: twenty of twenty-five are still to come when they are called off, and some come all the same."""

    class Slow(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            if bar.index == 0:
                self.order = self.buy("X", 25)
            elif bar.index == 3:
                assert (self.order.filled, self.order.leaves) == (5, 20)
                self.order.cancel()
                self.order.cancel()
                self.target("X", 5)  # it is there: the rest is called off
            elif bar.index == 7:
                assert self.order.status.name == "CANCELED"
                self.close("X")

    bars = "\n".join(f"09:{minute} 100 100 100 100 5" for minute in range(31, 50))
    config = fw.Config.from_dict(
        {"version": 1, "run": {"isolation": "strict"}, "execution": {"latency": "61s", "participation": 1}}
    )
    result = fw.run(Slow(), market(bars), config)
    assert result.record.counters["no_change"] == 1
    fills = result.record.tables["fills"]
    held = int(fills["position"][fills["order_id"] == 0][-1])
    assert held > 5
    assert int(result.record.tables["orders"]["quantity"][1]) == held
