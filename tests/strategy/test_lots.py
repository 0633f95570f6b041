"""Booking by lots, as strategies and lists of orders ask for it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fillwright as fw
from fillwright.verify import verify_folder
from scenarios.table import market

BARS = "09:31 100\n09:32 100\n09:33 120\n09:34 110\n09:35 130\n09:36 130"


def closes(result: fw.Result) -> list[tuple[int, int]]:
    """(lot, quantity) of every lot close."""
    rows = result.record.tables["lot_closes"]
    return list(zip(rows["lot_id"].tolist(), rows["quantity"].tolist(), strict=True))


class Plan(fw.Strategy):
    """Buys 10 at 100, 120 and 110, then does what it is given."""

    then: Any = fw.param(None)

    def on_bar(self, bar: Any) -> None:
        if bar.index < 3:
            self.buy("X", 10)
        elif bar.index == 3:
            self.then(self)


def sells(strategy: fw.Strategy) -> None:
    strategy.sell("X", 15)


@pytest.mark.parametrize(
    ("lots", "taken"),
    [
        ("fifo", [(0, 10), (1, 5)]),
        ("lifo", [(2, 10), (1, 5)]),
        ("highest_cost", [(1, 10), (2, 5)]),
        ("lowest_cost", [(0, 10), (2, 5)]),
        ("specific", [(0, 10), (1, 5)]),
        ("average", [(0, 15)]),
    ],
)
def test_the_setting_says_which_lots_go(lots: str, taken: list[tuple[int, int]]) -> None:
    assert closes(fw.run(Plan(then=sells), market(BARS), lots=lots)) == taken


def test_open_lots_are_listed_and_one_is_named() -> None:
    seen: list[Any] = []

    def names_the_dearest(strategy: fw.Strategy) -> None:
        seen.extend(strategy.lots("X"))
        dearest = max(strategy.lots("X"), key=lambda lot: lot.price)
        strategy.sell("X", 15, lot=dearest.id)

    result = fw.run(Plan(then=names_the_dearest), market(BARS), lots="specific")
    assert [(lot.id, lot.symbol, lot.quantity, lot.cost, lot.price) for lot in seen] == [
        (0, "X", 10.0, 1000.0, 100.0), (1, "X", 10.0, 1200.0, 120.0), (2, "X", 10.0, 1100.0, 110.0),
    ]  # fmt: skip
    assert seen[1].time == datetime.fromtimestamp(int(result.record.tables["fills"]["time"][1]) / 1e9, UTC)
    assert closes(result) == [(1, 10), (0, 5)]
    assert result.orders["lot_id"].tolist() == [-1, -1, -1, 1]


def test_short_lots_are_listed_with_signs() -> None:
    seen: list[Any] = []

    class Short(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            if bar.index == 0:
                self.sell("X", 4)
            elif bar.index == 1:
                seen.extend(self.lots("X"))

    fw.run(Short(), market(BARS), lots="specific")
    assert [(lot.quantity, lot.cost, lot.price) for lot in seen] == [(-4.0, -400.0, 100.0)]


def test_a_lot_that_is_not_open_is_a_denied_order(tmp_path: Path) -> None:
    found: list[Any] = []

    def names_an_unknown_one(strategy: fw.Strategy) -> None:
        order = strategy.sell("X", 5, lot=7)
        found.append((order.status, order.reason))

    result = fw.run(Plan(then=names_an_unknown_one), market(BARS), lots="specific")
    assert result.certificate.ok
    assert closes(result) == []
    assert found == [(fw.OrderStatus.DENIED, fw.Reason.LOT_NOT_OPEN)]
    verification = verify_folder(result.save(tmp_path / "run"))
    assert verification.ok, verification.text()


@pytest.mark.parametrize(
    ("lots", "lot", "message"), [("fifo", 0, "does not book lots so"), ("specific", -1, "no number of a lot")]
)
def test_a_wrong_call_says_what_to_write(lots: str, lot: int, message: str) -> None:
    with pytest.raises(fw.StrategyError, match=message):
        fw.run(Plan(then=lambda strategy: strategy.sell("X", 5, lot=lot)), market(BARS), lots=lots)


def order_list(**columns: Any) -> fw.OrderList:
    times = [f"2024-01-02 09:3{minute}" for minute in (1, 2, 3, 4)]
    return fw.OrderList(
        {"time": np.array(times, "datetime64[ns]"), "side": ["buy", "buy", "buy", "sell"], "quantity": [10, 10, 10, 15]}
        | columns,
        stamp="close",
    )


def test_a_list_of_orders_names_lots() -> None:
    named = order_list(lot=[None, None, None, 2])
    assert closes(fw.run(named, market(BARS), lots="specific")) == [(2, 10), (0, 5)]


def test_a_list_of_orders_says_what_is_wrong_with_a_lot() -> None:
    with pytest.raises(fw.UsageError, match="does not book lots by name") as error:
        fw.run(order_list(lot=[None, None, None, 2]), market(BARS))
    assert error.value.where and "row 3" in error.value.where
    with pytest.raises(fw.UsageError, match=r"lot: is 1\.5"):
        fw.run(order_list(lot=[np.nan, np.nan, np.nan, 1.5]), market(BARS), lots="specific")
