"""What a strategy can say about orders, what comes back, and what a wrong call is told."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import fillwright as fw
from fillwright.model.codes import OrderFlag, OrderStatus, OrderType, Reason, Side, SizeMode, TimeInForce
from scenarios.table import X, market, moment

BARS = """
    09:31  100
    09:32  100 101 99 100
    09:33  100 101 99 100
    09:34  100 101 99 100
    09:35  102
    09:36  104
"""


def at(*steps: tuple[int, Callable[[Any], object]], **options: Any) -> tuple[fw.Result, list[Any]]:
    """Run: ``(bar, what to do with the strategy)``; the answers in the order given."""
    answers: list[Any] = []

    class Steps(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            for number, step in steps:
                if number == bar.index and bar.symbol == self.symbols[0]:
                    answers.append(step(self))

    data = options.pop("data", None) or market(BARS, options.pop("instrument", X))
    return fw.run(Steps(), data, options.pop("config", None), **options), answers


def first_order(call: Callable[[Any], object], **options: Any) -> Any:
    """The record of the first order that a call makes."""
    result, _ = at((0, call), **options)
    return result.record.tables["orders"][0]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda s: s.buy("X", 100), {"side": Side.BUY, "type": OrderType.MARKET, "tif": TimeInForce.GTC, "size": 100}),
        (
            lambda s: s.buy("X", 100, limit=99.5, tif="DAY"),
            {"type": OrderType.LIMIT, "limit_price": 9950, "tif": TimeInForce.DAY},
        ),
        (
            lambda s: s.sell("X", 100, stop=98, tag="protect"),
            {"side": Side.SELL, "type": OrderType.STOP, "stop_price": 9800, "tag": 0},
        ),
        (lambda s: s.buy("X", 1, stop=101, limit=102), {"type": OrderType.STOP_LIMIT, "limit_price": 10200, "stop_price": 10100}),
        (lambda s: s.buy("X", value=10_000), {"size_mode": SizeMode.VALUE, "size": 10_000 * 10**6, "quantity": 100}),
        (lambda s: s.buy("X", weight=0.1), {"size_mode": SizeMode.WEIGHT, "size": 10**8, "quantity": 100}),
        (lambda s: s.buy("X", weight=Decimal("0.1")), {"size": 10**8, "quantity": 100}),
        (lambda s: s.buy("X", np.float64(7.0)), {"quantity": 7}),
        (lambda s: s.buy("X", np.int64(7)), {"quantity": 7}),
        (lambda s: s.buy("X", 7.9), {"quantity": 7}),
        (lambda s: s.buy("X", 1, limit=Decimal("99.99")), {"limit_price": 9999}),
        (lambda s: s.target("X", -50), {"size_mode": SizeMode.TARGET_UNITS, "side": Side.SELL, "quantity": 50}),
        (lambda s: s.target_value("X", 5_000), {"size_mode": SizeMode.TARGET_VALUE, "quantity": 50}),
        (lambda s: s.target_weight("X", -0.5), {"size_mode": SizeMode.TARGET_WEIGHT, "side": Side.SELL, "quantity": 500}),
        (lambda s: s.target_weights({"X": 0.6}), {"size_mode": SizeMode.TARGET_WEIGHT, "quantity": 600}),
        (lambda s: s.targets({"X": 12}), {"size_mode": SizeMode.TARGET_UNITS, "quantity": 12}),
        (lambda s: s.buy("X", 1, limit=9, rule_id="r1", tag="t1"), {"rule_id": 0, "tag": 0}),
        (
            lambda s: s.buy("X", 1, limit=9, tif="GTD", expire=datetime(2024, 1, 2, 9, 34, tzinfo=UTC)),
            {"tif": TimeInForce.GTD, "expire_at": moment("09:34")},
        ),
        (lambda s: s.buy("X", 1, limit=9, tif="GTD", expire=moment("09:34")), {"expire_at": moment("09:34")}),
        (lambda s: s.buy("X", 1, limit=100, tif="IOC"), {"tif": TimeInForce.IOC}),
        (lambda s: s.buy("X", 1, limit=100, tif="FOK"), {"tif": TimeInForce.FOK}),
    ],
)
def test_calls_become_orders(call: Callable[[Any], object], expected: dict[str, int]) -> None:
    row = first_order(call)
    assert {name: int(row[name]) for name in expected} == {name: int(value) for name, value in expected.items()}
    assert row["decided_at"] == row["sent_at"] == moment("09:31")
    assert row["decision_price"] == 10000


def test_names_come_back_as_text() -> None:
    result, _ = at((0, lambda s: s.buy("X", 1, rule_id="r1", tag="t1")), (2, lambda s: s.close("X", rule_id="r2", tag="t1")))
    assert result.orders["tag"].tolist() == ["t1", "t1"]
    assert result.orders["rule_id"].tolist() == ["r1", "r2"]
    trade = result.trades.iloc[0]
    assert (trade["rule_id_entry"], trade["rule_id_exit"], trade["tag"]) == ("r1", "r2", "t1")


def test_the_default_time_in_force_and_size_come_from_the_configuration() -> None:
    config = {"version": 1, "orders": {"time_in_force": "DAY"}, "sizing": {"method": "equity_fraction", "fraction": "95%"}}
    row = first_order(lambda s: s.buy("X"), config=fw.Config.from_dict(config))
    assert (row["tif"], row["quantity"]) == (TimeInForce.DAY, 950)
    sizings = (
        ({"method": "fixed", "quantity": 7}, 7),
        ({"method": "value", "value": 555}, 5),
        # 1 % of 100,000 are lost when 100 falls by 4: 250 units
        ({"method": "risk", "fraction": "1%", "stop": "4%"}, 250),
        ({"method": "risk", "fraction": "1%", "stop": "3%"}, 333),
    )
    for sizing, quantity in sizings:
        config = {"version": 1, "sizing": sizing}
        assert first_order(lambda s: s.buy("X"), config=fw.Config.from_dict(config))["quantity"] == quantity
        assert first_order(lambda s: s.target_default("X", -1), config=fw.Config.from_dict(config))["quantity"] == quantity


def test_a_target_that_is_reached_is_no_order() -> None:
    result, answers = at(
        (0, lambda s: s.target("X", 5)),
        (0, lambda s: s.target("X", 5)),
        (2, lambda s: s.target("X", 5)),
        (2, lambda s: s.close("X") and None),
        (3, lambda s: s.close("X")),
        (4, lambda s: s.close("X")),
    )
    assert [answer is None for answer in answers] == [False, True, True, True, True, True]
    assert result.record.counters["intents"] == 6
    assert result.record.counters["no_change"] == 4
    assert len(result.record.tables["orders"]) == 2


def test_close_all_and_cancel_all() -> None:
    data = market(BARS) + market(BARS, fw.Instrument("Y", price_decimals=2))
    result, answers = at(
        (0, lambda s: s.symbols),
        (0, lambda s: (s.targets({"X": 5, "Y": -3}), s.buy("X", 1, limit=90), s.buy("Y", 1, limit=90))[0]),
        (2, lambda s: [o.id for o in s.orders()]),
        (2, lambda s: s.cancel_all("X")),
        (3, lambda s: [o.id for o in s.orders()]),
        (3, lambda s: s.cancel_all()),
        (3, lambda s: s.close_all()),
        (4, lambda s: (s.position("X").quantity, s.position("Y").quantity)),
        data=data,
    )
    assert answers[0] == ("X", "Y")
    assert answers[2:6] == [[2, 3], 1, [3], 1]
    record = result.record.tables["orders"]
    assert [OrderStatus(int(row["status"])) for row in record if row["limit_price"]] == [OrderStatus.CANCELED] * 2
    assert answers[-1] == (0.0, 0.0)


def test_a_batch_of_targets_sells_before_it_buys() -> None:
    data = market(BARS) + market(BARS, fw.Instrument("Y", price_decimals=2))

    class Rotates(fw.Strategy):
        def on_bars(self, bars: Any) -> None:
            if bars["X"].index == 0:
                self.target_weights({"X": 0.9})
            if bars["X"].index == 2:
                self.target_weights({"Y": 0.9, "X": 0})

    result = fw.run(Rotates(), data, account_type="cash")
    sides = [(int(row["symbol"]), int(row["side"])) for row in result.record.tables["fills"]]
    assert sides == [(0, 1), (0, -1), (1, 1)]  # the sale pays for the purchase


def test_what_an_order_tells() -> None:
    handle: list[Any] = []
    seen: list[tuple[Any, ...]] = []

    def give(s: Any) -> None:
        handle.append(s.buy("X", 12, limit=100.5))

    def look(s: Any) -> None:
        (o,) = handle
        seen.append((o.status, o.filled, o.leaves, o.average_price, o.reason, o.is_done))

    volume = "\n".join(f"09:3{k} 100 101 99 100 50" for k in range(1, 6))
    at((0, give), (0, look), (1, look), (2, look), (3, look), data=market(volume))
    (order,) = handle
    assert (order.symbol, order.side, order.type, order.quantity) == ("X", Side.BUY, OrderType.LIMIT, 12.0)
    assert order.flags == OrderFlag.NONE
    assert seen[0][:3] == (OrderStatus.PENDING_NEW, 0.0, 12.0)
    assert math.isnan(seen[0][3])
    # first meeting at the open of 100, then resting as a maker at the open too
    assert seen[1] == (OrderStatus.PARTIALLY_FILLED, 5.0, 7.0, 100.0, Reason.NONE, False)
    assert seen[2] == (OrderStatus.PARTIALLY_FILLED, 10.0, 2.0, 100.0, Reason.NONE, False)
    assert seen[3] == (OrderStatus.FILLED, 12.0, 0.0, 100.0, Reason.NONE, True)
    assert repr(order) == "Order(0: BUY 12 X LIMIT, FILLED, filled 12)"


def test_cancel_and_replace_answer_at_once() -> None:
    _, answers = at(
        (0, lambda s: s.buy("X", 10, limit=90)),
        (1, lambda s: s.orders()[0].replace(limit=91, quantity=15)),
        (1, lambda s: s.orders()[0].flags),
        (2, lambda s: (s.orders()[0].quantity, s.orders()[0].flags)),
        (2, lambda s: s.orders()[0].replace(limit=91)),
        (2, lambda s: s.orders()[0].replace(stop=91)),
        (3, lambda s: s.orders()[0].cancel()),
        (4, lambda s: s.orders()),
    )
    order = answers[0]
    assert answers[1:3] == [True, OrderFlag.PENDING_REPLACE]
    assert answers[3] == (15.0, OrderFlag.NONE)
    assert answers[4:6] == [False, False]  # nothing to change: no such price, or the same
    assert answers[6:] == [True, []]
    assert order.status is OrderStatus.CANCELED
    assert order.reason is Reason.CANCELED_BY_USER
    assert order.cancel() is False
    assert order.replace(limit=80) is False


def test_refused_orders_come_back_with_status_and_reason() -> None:
    result, (order,) = at((0, lambda s: s.buy("X", 0.5)))
    assert (order.status, order.reason) == (OrderStatus.DENIED, Reason.ZERO_QUANTITY)
    assert order.is_done
    result, (order,) = at((0, lambda s: s.buy("X", 2_000)))
    assert (order.status, order.reason) == (OrderStatus.REJECTED, Reason.INSUFFICIENT_MARGIN)
    assert result.record.counters["intents"] == 1


# -- position and account ---------------------------------------------------------------------------------------------------------


def test_what_a_position_tells() -> None:
    def look(s: Any) -> tuple[Any, ...]:
        p = s.position("X")
        return p.quantity, p.average_price, p.value, p.unrealised, p.bars_held, p.is_flat

    _, answers = at(
        (0, look),
        (0, lambda s: s.buy("X", 10)),
        (1, look),
        (3, lambda s: s.buy("X", 10)),
        (4, look),
        (4, lambda s: s.sell("X", 25)),
        (5, look),
    )
    assert answers[0][0] == 0.0
    assert math.isnan(answers[0][1])
    assert answers[0][2:] == (0.0, 0.0, 0, True)
    assert answers[2] == (10.0, 100.0, 1000.0, 0.0, 0, False)
    assert answers[4] == (20.0, 101.0, 2040.0, 20.0, 3, False)
    assert answers[6] == (-5.0, 104.0, -520.0, 0.0, 0, False)


def test_cash_equity_and_now() -> None:
    def look(s: Any) -> tuple[Any, ...]:
        return s.cash, s.cash_total, s.equity, s.now

    _, answers = at(
        (0, look),
        (0, lambda s: s.buy("X", 10)),
        (1, lambda s: s.buy("X", 1, limit=90)),
        (4, look),
        leverage=2,
        commission={"model": "per_order", "amount": 1},
    )
    assert answers[0] == (100_000.0, 100_000.0, 100_000.0, datetime(2024, 1, 2, 9, 31, tzinfo=UTC))
    # 10 at 100 and 1 of fee; now at 102: half of 1,020 is margin, and 90 / 2 + 1 is held for the limit order
    assert answers[3] == (100_019.0 - 510.0 - 46.0, 98_999.0, 100_019.0, datetime(2024, 1, 2, 9, 35, tzinfo=UTC))


# -- wrong calls ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message", "remedy"),
    [
        (lambda s: s.buy("Y", 1), "no symbol 'Y'", "symbols: X"),
        (lambda s: s.position("Y"), "no symbol 'Y'", "known symbols: X"),
        (lambda s: s.bars("Y"), "no symbol 'Y'", "known symbols: X"),
        (lambda s: s.bars("X", "1h"), "X has no bars of 1h", "it has: 1min"),
        (lambda s: s.buy("X", 1, value=100), "one size, got quantity and value", "keep one of them"),
        (lambda s: s.buy("X", value=100, weight=0.1), "one size, got value and weight", "keep one of them"),
        (lambda s: s.buy("X"), "has no size", "give quantity, value=, weight= or risk="),
        (lambda s: s.buy("X", -1), "must be positive, got -1", "self.sell"),
        (lambda s: s.buy("X", 0), "must be positive, got 0", "self.sell"),
        (lambda s: s.buy("X", value=-5), "value must be positive, got -5", "self.sell"),
        (lambda s: s.buy("X", float("nan")), "quantity must be a finite number, got nan", ""),
        (lambda s: s.buy("X", float("inf")), "quantity must be a finite number, got inf", ""),
        (lambda s: s.buy("X", Decimal("NaN")), "quantity must be a finite number", ""),
        (lambda s: s.buy("X", "10"), "quantity must be a finite number, got '10'", ""),
        (lambda s: s.buy("X", value=float("nan")), "must be a finite number, got nan", ""),
        (lambda s: s.buy("X", weight=float("inf")), "must be a finite number, got inf", ""),
        (lambda s: s.buy("X", 10**30), "too large to be counted", "smaller"),
        (lambda s: s.buy("X", 1, limit=-3), "limit must be positive, got -3", "leave limit out"),
        (lambda s: s.buy("X", 1, limit=0), "limit must be positive, got 0", "leave limit out"),
        (lambda s: s.buy("X", 1, stop=float("nan")), "must be a finite number, got nan", ""),
        (lambda s: s.buy("X", 1, stop="99"), "must be a finite number, got '99'", ""),
        (lambda s: s.buy("X", 1, limit=1e300), "too large to be counted", "smaller"),
        (lambda s: s.buy("X", 1, limit=9, tif="GTD"), "a GTD order needs expire=", "a datetime with zone"),
        (lambda s: s.buy("X", 1, limit=9, expire=5), "expire= goes with tif='GTD'", "add tif='GTD'"),
        (lambda s: s.buy("X", 1, limit=9, tif="GTD", expire=datetime(2024, 1, 2)), "has no time zone", "tzinfo"),
        (lambda s: s.buy("X", 1, limit=9, tif="GTD", expire="2024-01-03"), "is no time", "a datetime with zone"),
        (lambda s: s.buy("X", 1, tif="day"), "no time in force 'day'", "DAY, GTC, GTD, IOC, FOK, OPG or CLS"),
        (lambda s: s.target("X", float("nan")), "must be a finite number, got nan", ""),
        (lambda s: s.target_weight("X", None), "must be a finite number, got None", ""),
        (lambda s: s.target_weights({"X": float("nan")}), "must be a finite number, got nan", ""),
        (lambda s: s.target_weights({"Y": 0.1}), "no symbol 'Y'", "symbols: X"),
        (lambda s: s.indicator(fw.sma, "close", 3), "declared in on_start", "move self.indicator"),
        (lambda s: s.at("10:00", print), "declared in on_start", "move it to on_start"),
        (lambda s: s.every("1h", print), "declared in on_start", "move it to on_start"),
    ],
)
def test_wrong_calls_say_what_to_write(call: Callable[[Any], object], message: str, remedy: str) -> None:
    """The run fails with the place; nothing is traded, and the cause is a UsageError that a caller may catch."""
    with pytest.raises(fw.StrategyError) as caught:
        at((0, call))
    cause = caught.value.__cause__
    assert isinstance(cause, fw.UsageError)
    assert message in cause.message
    assert remedy in (cause.remedy or "")
    assert (caught.value.where or "").startswith(__file__)
    assert len(caught.value.result.record.tables["orders"]) == 0  # type: ignore[attr-defined]


def test_a_wrong_call_can_be_caught_and_the_run_goes_on() -> None:
    class Careful(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            try:
                self.buy("Y", 1)
            except fw.UsageError:
                self.target("X", 1)

    assert fw.run(Careful(), market(BARS)).record.counters["intents"] == 6
