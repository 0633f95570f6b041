"""Limits on entries: what each refuses, with which numbers, what it shrinks, and that none stands in the way of an exit."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given

import fillwright as fw
from fillwright.model.codes import OrderEvent, OrderFlag, OrderStatus, OrderType, Reason
from reference.engine import run
from reference.limits import LIMITS
from reference.scenario import Scenario
from scenarios.table import market, play
from strategies import scenarios

pytestmark = pytest.mark.scenario

BARS = """
    09:31  100
    09:32  100
    09:33  100  90
    09:34  90
    09:35  90 100
    09:36  100
    09:37  100
"""
LOT = D("0.000001")
"""Numbers of lots, counts and price units are shown as if they were money of six decimals."""


@pytest.mark.parametrize(
    ("settings", "script", "statuses"),
    [
        ({"max_order_value": 500}, "09:31 buy 5\n09:31 buy 6", ["FILLED", "DENIED MAX_ORDER_VALUE"]),
        ({"max_order_value": 500}, "09:31 buy value 900", ["FILLED MAX_ORDER_VALUE"]),
        ({"max_order_value": 500}, "09:31 buy 5\n09:32 buy 5\n09:33 close", ["FILLED"] * 3),
        # equity 1,000: at 100 a gross exposure of 50 % are 5 units; what is on its way counts
        (
            {"max_gross_exposure": "50%"},
            "09:31 buy 3\n09:31 buy 3\n09:31 sell 1",
            ["FILLED", "DENIED MAX_GROSS_EXPOSURE", "FILLED"],
        ),
        ({"max_gross_exposure": "50%"}, "09:31 buy 3\n09:32 buy value 900", ["FILLED", "FILLED MAX_GROSS_EXPOSURE"]),
        ({"max_gross_exposure": "50%"}, "09:31 buy 5\n09:32 target -5", ["FILLED"] * 3),
        ({"max_net_exposure": "50%"}, "09:31 buy 6\n09:31 buy 5", ["DENIED MAX_NET_EXPOSURE", "FILLED"]),
        ({"max_net_exposure": "50%"}, "09:31 target_weight -0.9", ["FILLED MAX_NET_EXPOSURE"]),
        # two in three minutes; the window is open at its old end
        (
            {"max_orders": 2, "max_orders_interval": "3min"},
            "09:31 buy 1\n09:32 buy 1\n09:33 buy 1\n09:34 buy 1\n09:35 buy 1",
            ["FILLED", "FILLED", "DENIED MAX_ORDERS", "FILLED", "FILLED"],
        ),
        ({"max_orders": 2}, "09:31 buy 1\n09:32 sell 1\n09:33 buy 1", ["FILLED", "FILLED", "DENIED MAX_ORDERS"]),
        ({"max_orders": 1}, "09:31 buy 1\n09:32 close\n09:33 buy 1", ["FILLED", "FILLED", "DENIED MAX_ORDERS"]),
        ({"max_live_orders": 1}, "09:31 buy 1 limit 50\n09:31 buy 1", ["EXPIRED END_OF_DATA", "DENIED MAX_LIVE_ORDERS"]),
        ({"max_live_orders": 1}, "09:31 buy 1\n09:32 target -1", ["FILLED"] * 3),
        ({"price_collar": "5%"}, "09:31 buy 1 limit 94.99\n09:31 buy 1 limit 95", ["DENIED PRICE_COLLAR", "FILLED"]),
        ({"price_collar": "5%"}, "09:31 sell 1 stop 94.99\n09:31 buy 1 stop 105.01", ["DENIED PRICE_COLLAR"] * 2),
        ({"price_collar": "5%"}, "09:31 buy 1\n09:32 sell 1 stop 90", ["FILLED", "FILLED"]),
        # five units lose 50 of 1,000 on the way to 90: nothing more until the loss is made good, but out at any time
        (
            {"max_drawdown": "4%"},
            "09:31 buy 5\n09:33 buy 1\n09:33 sell 1\n09:34 sell 6\n09:35 buy 1",
            ["FILLED", "DENIED MAX_DRAWDOWN", "FILLED", "FILLED MAX_DRAWDOWN", "DENIED MAX_DRAWDOWN"],
        ),
        ({"max_drawdown": "5%"}, "09:31 buy 5\n09:33 buy 1", ["FILLED", "FILLED"]),
        ({"max_drawdown": "4%"}, "09:31 buy 5\n09:33 buy 1\n09:35 buy 1", ["FILLED", "DENIED MAX_DRAWDOWN", "FILLED"]),
    ],
)
def test_what_each_limit_lets_pass(settings: dict[str, Any], script: str, statuses: list[str]) -> None:
    found = play(BARS, script, account={"initial_cash": 1000}, limits=settings)
    assert [found.status(number) for number in range(len(found.record.tables["orders"]))] == statuses


@pytest.mark.parametrize(
    ("settings", "last", "numbers"),
    [
        ({"max_order_value": 500}, "buy 6", (D(600), D(500))),
        ({"max_gross_exposure": "50%"}, "buy 4", (D(600), D(500))),
        ({"max_net_exposure": "50%"}, "buy 4", (D(600), D(500))),
        ({"max_orders": 1}, "buy 1", (1 * LOT, 1 * LOT)),
        ({"price_collar": "5%"}, "buy 1 limit 90", (1000 * LOT, 500 * LOT)),
    ],
)
def test_a_refusal_carries_the_two_numbers(settings: dict[str, Any], last: str, numbers: tuple[D, D]) -> None:
    found = play(BARS, f"09:31 buy 2\n09:32 {last}", account={"initial_cash": 1000}, limits=settings)
    assert found.numbers(1, OrderEvent.DENY) == numbers


@pytest.mark.parametrize(
    ("settings", "script", "statuses", "last"),
    [
        # both exits are as large as the position: the second would open four
        ({"max_open_positions": 1}, "09:31 buy 4\n09:32 sell 4\n09:32 sell 4", ["FILLED"] * 3, -4),
        (
            {"max_order_quantity": 4},
            "09:31 buy 4\n09:32 sell 4\n09:32 sell 5",
            ["FILLED", "FILLED", "DENIED MAX_ORDER_QUANTITY"],
            0,
        ),
        (
            {"max_order_quantity": 4},
            "09:31 buy 4\n09:32 sell 3\n09:32 sell 6",
            ["FILLED", "FILLED", "FILLED MAX_ORDER_QUANTITY"],
            0,
        ),
        ({"max_position_quantity": 5}, "09:31 buy 3\n09:31 buy 3", ["FILLED", "DENIED MAX_POSITION_QUANTITY"], 3),
        (
            {"max_position_quantity": 5},
            "09:31 buy 4\n09:32 sell 4\n09:32 buy 4",
            ["FILLED", "FILLED", "DENIED MAX_POSITION_QUANTITY"],
            0,
        ),
    ],
)
def test_limits_see_what_is_under_way(settings: dict[str, Any], script: str, statuses: list[str], last: int) -> None:
    found = play(BARS, script, limits=settings)
    assert [found.status(number) for number in range(len(found.record.tables["orders"]))] == statuses
    assert int(found.record.tables["fills"]["position"][-1]) == last


class Replacing(fw.Strategy):
    """Gives one resting order after a position, and asks for changes of it; ``answers`` is what came of them."""

    first: int = fw.param(0)
    side: str = fw.param("buy")
    asks: Any = fw.param(())
    state: str = fw.param("active")

    def on_bar(self, bar: Any) -> None:
        if bar.index == 0 and self.first:
            self.buy("X", self.first)
        if bar.index == 1:
            self.order = getattr(self, self.side)("X", 2, limit=98 if self.side == "buy" else 130)
            self.set_trading_state(self.state)  # type: ignore[arg-type]
            self.answers = [self.order.replace(**ask) for ask in self.asks]

    def on_stop(self) -> None:
        assert self.order.status.name != "DENIED"


@pytest.mark.parametrize(
    ("limits", "params", "reasons"),
    [
        # as many as there may be are asked for; less, or a price, is no enlargement
        ({"max_order_quantity": 5}, {"asks": [{"quantity": 6}, {"quantity": 5}]}, ["MAX_ORDER_QUANTITY"]),
        ({"max_position_quantity": 5}, {"first": 3, "asks": [{"quantity": 3}]}, ["MAX_POSITION_QUANTITY"]),
        ({"max_order_value": 450}, {"asks": [{"quantity": 5}, {"limit": 97}]}, ["MAX_ORDER_VALUE"]),
        ({"max_gross_exposure": "50%"}, {"first": 2, "asks": [{"quantity": 4}, {"quantity": 3}]}, ["MAX_GROSS_EXPOSURE"]),
        ({"price_collar": "5%"}, {"asks": [{"limit": 94}, {"limit": 95}]}, ["PRICE_COLLAR"]),
        ({"max_orders": 1, "max_live_orders": 1, "max_open_positions": 1}, {"asks": [{"quantity": 9}]}, []),
        ({}, {"state": "reduce_only", "asks": [{"quantity": 3}, {"quantity": 1}]}, ["TRADING_REDUCE_ONLY"]),
        # a sale of four units that there are is no opening, of five it is
        ({"max_order_quantity": 4}, {"first": 4, "side": "sell", "asks": [{"quantity": 4}]}, []),
        (
            {},
            {"first": 4, "side": "sell", "state": "reduce_only", "asks": [{"quantity": 4}, {"quantity": 5}]},
            ["TRADING_REDUCE_ONLY"],
        ),
        ({"price_collar": "50%"}, {"first": 4, "side": "sell", "asks": [{"limit": 190}]}, []),
    ],
)
def test_a_replace_that_opens_more_is_held_against_limits(limits: Any, params: Any, reasons: list[str]) -> None:
    config = fw.Config.from_dict({"version": 1, "account": {"initial_cash": 1000}, "limits": limits})
    result = fw.run(Replacing(**params), market(BARS), config)
    events = result.record.tables["order_events"]
    rejected = events[events["event"] == OrderEvent.REPLACE_REJECT]
    assert [Reason(int(code)).name for code in rejected["reason"]] == reasons
    asked = int((events["event"] == OrderEvent.REPLACE_REQUEST).sum())
    assert asked == len(params["asks"]) - len(reasons)
    if "max_order_value" in limits:
        assert (rejected["required"].tolist(), rejected["available"].tolist()) == ([500 * 10**6], [450 * 10**6])


def test_scale_in_is_refused_where_a_position_is_or_is_coming() -> None:
    script = "09:31 buy 2\n09:31 buy 1\n09:32 buy 1\n09:32 sell 1\n09:33 target 3\n09:33 target -3\n09:34 sell 1\n09:34 close\n09:35 buy 1"
    refused = "DENIED SCALE_IN_NOT_ALLOWED"
    found = play(BARS, script, orders={"scale_in": "refuse"})
    statuses = [found.status(number) for number in range(len(found.record.tables["orders"]))]
    assert statuses == ["FILLED", refused, refused, "FILLED", refused, "FILLED", "FILLED", refused, "FILLED", "FILLED"]
    assert found.numbers(1, OrderEvent.DENY) == (2 * LOT, 0)


class Switching(fw.Strategy):
    """Enters, then may only reduce, then nothing, then everything again."""

    def on_bar(self, bar: Any) -> None:
        if bar.index == 0:
            assert self.trading_state.name == "ACTIVE"
            self.buy("X", 4)
            self.resting = self.buy("X", 1, limit=50)
        elif bar.index == 1:
            self.set_trading_state("reduce_only")
            self.buy("X", 1)
            self.sell("X", 1)
            self.sell("X", 9)
        elif bar.index == 2:
            self.set_trading_state("halted")
            self.buy("X", 1)
            assert not self.resting.replace(quantity=2)
            assert self.resting.cancel()
        elif bar.index == 3:
            self.set_trading_state("active")
            self.buy("X", 3)
        elif bar.index == 4:
            self.set_trading_state("halted")
            self.close("X")


def test_the_trading_state_is_switched_during_a_run() -> None:
    results = []
    for _ in range(2):  # a state does not outlive its run
        config = fw.Config.from_dict({"version": 1, "orders": {"flat_at": ["run_end"]}})
        results.append(fw.run(Switching(), market(BARS), config))
    table = results[0].record.tables
    assert [Reason(int(code)).name for code in table["orders"]["reason"]] == [
        "NONE", "CANCELED_BY_USER", "TRADING_REDUCE_ONLY", "NONE", "TRADING_REDUCE_ONLY", "TRADING_HALTED", "NONE", "TRADING_HALTED",
        "NONE",
    ]  # fmt: skip
    assert table["orders"]["quantity"].tolist() == [4, 1, 1, 1, 3, 1, 3, 3, 3]  # the engine's order at the end is not asked
    assert table["fills"]["position"].tolist() == [4, 3, 0, 3, 0]  # the second exit saw three units
    rejected = table["order_events"][table["order_events"]["event"] == OrderEvent.REPLACE_REJECT]
    assert rejected["reason"].tolist() == [Reason.TRADING_HALTED]
    assert results[0].record.info["journal_fingerprint"] == results[1].record.info["journal_fingerprint"]


def test_a_state_that_does_not_exist_is_a_usage_error() -> None:
    class Wrong(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            self.set_trading_state("closed")  # type: ignore[arg-type]

    with pytest.raises(fw.StrategyError, match="no trading state 'closed'"):
        fw.run(Wrong(), market(BARS), fw.Config.from_dict({"version": 1}))


@given(scenarios())
def test_no_limit_ever_blocks_an_exit(scenario: Scenario) -> None:
    """In any flow of orders, whatever a limit refuses would have opened, and what it cuts leaves everything that closes.

    What live market orders close already can not be closed once more.
    """
    journal = run(scenario)
    held: dict[int, int] = {}
    coming: dict[int, int] = {}  # signed leaves of market orders whose cancel has not been asked for
    fills = iter(journal.fills)
    fill = next(fills, None)
    for event in journal.order_events:
        order = journal.orders[event["order_id"]]
        position, symbol = held.get(order["symbol"], 0), order["symbol"]
        others = [
            lots for number, lots in coming.items() if number != order["order_id"] and journal.orders[number]["symbol"] == symbol
        ]
        left = max(0, min(-order["side"] * position, -order["side"] * (position + sum(others))))
        if order["flags"] & OrderFlag.HELD or order["parent_id"] >= 0:
            left = 0
        if event["reason"] in LIMITS and event["event"] == OrderEvent.DENY:
            assert event["status"] == OrderStatus.DENIED
            assert not left
        if event["reason"] in LIMITS and event["event"] == OrderEvent.SHRINK:
            assert event["quantity"] >= left
        if event["reason"] in LIMITS and event["event"] == OrderEvent.REPLACE_REJECT:
            assert not order["flags"] & OrderFlag.REDUCE_ONLY
        if order["type"] == OrderType.MARKET:
            taken = event["flags"] & OrderFlag.PENDING_CANCEL
            coming[order["order_id"]] = 0 if taken else order["side"] * event["leaves_quantity"]
        if fill is not None and event["fill_id"] == fill["fill_id"]:
            held[symbol] = fill["position"]
            fill = next(fills, None)
