"""Lists of orders: what each column may hold, and that mistakes name their row and column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import fillwright as fw
from drivers.play import config_of, driven, market_of, play
from fillwright.data.make import make_bars
from fillwright.errors import UsageError
from fillwright.kernel.state import TICKET
from fillwright.model.codes import OrderType, SizeMode, TimeInForce
from fillwright.model.instrument import Instrument
from fillwright.strategy.arrays import OrderList

TWO = market_of("AAA", "BBB", n=20)
CONFIG = config_of()
TIMES = [str(np.datetime64(int(t) - 1, "ns"))[:10] for t in TWO.instants]  # dates
PLAIN: dict[str, Any] = {"time": [TIMES[3], TIMES[5]], "symbol": ["AAA", "BBB"], "side": ["buy", "sell"], "quantity": [10.0, 5.0]}


def tickets(table: Any, market: Any = TWO) -> tuple[list[int], list[dict[str, int]], OrderList]:
    """(instants, tickets, the driver) of a list."""
    driver = OrderList(table)
    driver.prepare(market, CONFIG)
    schedule = driver._schedule
    assert schedule is not None
    instants = np.repeat(np.arange(len(market.instants)), np.diff(schedule.offsets)).tolist()
    return instants, [dict(zip((*TICKET, "mate"), row, strict=True)) for row in schedule.sizes.tolist()], driver


def test_one_ticket_a_row() -> None:
    instants, rows, _ = tickets(pd.DataFrame(PLAIN))
    assert instants == [3, 5]
    first = {"t_instrument": 0, "t_side": 1, "t_size_mode": SizeMode.UNITS, "t_size": 10, "t_type": OrderType.MARKET,
             "t_tif": TimeInForce.GTC, "t_limit": 0, "t_stop": 0, "t_expire": 0, "t_rule": -1, "t_tag": -1}  # fmt: skip
    assert {name: rows[0][name] for name in first} == first
    assert (rows[1]["t_instrument"], rows[1]["t_side"], rows[1]["t_size"]) == (1, -1, 5)


def test_every_column() -> None:
    table = {
        "time": [TIMES[5], TIMES[3], TIMES[3], TIMES[5]],
        "symbol": ["AAA", "BBB", "AAA", "AAA"],
        "side": ["SELL", "Buy", "long", "short"],
        "quantity": [None, 3.0, None, None],
        "value": [2.5, None, None, 10.0],
        "weight": [None, None, 0.25, None],
        "type": [None, "limit", "STOP", "stop_limit"],
        "limit": [None, 99.5, None, 90.0],
        "stop": [None, None, 101.25, 91.0],
        "tif": [None, "day", "GTD", "IOC"],
        "expire": [None, None, "2020-01-06T00:00:00+00:00", None],
        "tag": ["late", "a", None, "a"],
        "rule_id": [None, "r2", "r1", "r2"],
    }
    instants, rows, driver = tickets(pl.DataFrame(table))
    assert instants == [3, 3, 5, 5]
    pick = [
        [row[name] for name in ("t_instrument", "t_side", "t_size_mode", "t_size", "t_type", "t_limit", "t_stop")] for row in rows
    ]
    assert pick == [
        [1, 1, SizeMode.UNITS, 3, OrderType.LIMIT, 99_500_000, 0],
        [0, 1, SizeMode.WEIGHT, 250_000_000, OrderType.STOP, 0, 101_250_000],
        [0, -1, SizeMode.VALUE, 2_500_000, OrderType.MARKET, 0, 0],
        [0, -1, SizeMode.VALUE, 10_000_000, OrderType.STOP_LIMIT, 90_000_000, 91_000_000],
    ]
    assert [row["t_tif"] for row in rows] == [TimeInForce.DAY, TimeInForce.GTD, TimeInForce.GTC, TimeInForce.IOC]
    assert [row["t_expire"] for row in rows] == [0, pd.Timestamp("2020-01-06", tz="UTC").value, 0, 0]
    assert driver.rules == ["r2", "r1"] and [row["t_rule"] for row in rows] == [0, 1, -1, 0]
    assert driver.tags == ["a", "late"] and [row["t_tag"] for row in rows] == [0, -1, 1, 0]


def test_the_symbol_may_be_left_out_and_the_time_be_the_index(tmp_path: Path) -> None:
    one = market_of("AAA", n=20)
    frame = pd.DataFrame({"side": [1, -1], "quantity": [1, 2]}, index=pd.DatetimeIndex([TIMES[3], TIMES[5]]))
    file = tmp_path / "orders.csv"
    file.write_text(f"Time,Side,Quantity,limit\n{TIMES[3]},buy,1,\n{TIMES[5]},sell,2,\n")
    arrays = {"time": np.array([TIMES[3], TIMES[5]], "datetime64[D]"), "side": ["1", "-1"], "quantity": [1, 2]}
    expected = tickets(frame, one)[:2]
    assert [row["t_size"] for row in expected[1]] == [1, 2]
    for table in (frame.rename_axis("Date"), file, str(file), arrays, frame.reset_index(names="datetime")):
        assert tickets(table, one)[:2] == expected


def test_times_are_the_opens_of_the_own_instruments_bars() -> None:
    market = make_bars(30, timeframe="1h", instrument=Instrument("AAA"))
    opens = market.feeds[0].open_time
    frame = pd.DataFrame({"time": pd.DatetimeIndex(opens[[0, 7]], tz="UTC"), "side": "buy", "quantity": 1.0})
    assert tickets(frame, market)[0] == [0, 7]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"side": ["buy", "hold"]}, r"row 1: OrderList, column side: is 'hold'\n.*buy or sell"),
        ({"side": ["buy", None]}, "row 1: OrderList, column side: is empty"),
        ({"symbol": ["AAA", "BBC"]}, r"row 1: .*no 'BBC'[\s\S]*'BBB'"),
        ({"symbol": [None, "BBB"]}, "row 0: OrderList, column symbol: is empty"),
        ({"quantity": [1.0, -2.0]}, "row 1: OrderList, column quantity: is -2"),
        ({"quantity": [1.0, np.inf]}, "row 1: OrderList, column quantity: is inf"),
        ({"quantity": [1.0, None]}, "row 1: OrderList, column quantity: the order has no size"),
        ({"quantity": ["1", "two"]}, "row 1: OrderList, column quantity: is 'two', not a number"),
        ({"weight": [None, 0.5]}, "row 1: OrderList, column quantity: the order has more than one size"),
        ({"limit": [-1.0, None]}, "row 0: OrderList, column limit: is -1"),
        ({"type": ["limit", None]}, "row 0: OrderList, column type: says limit, but by its prices it is market"),
        ({"type": ["market", "peg"]}, "row 1: OrderList, column type: is 'peg'"),
        ({"tif": ["DAY", "FAK"]}, "row 1: OrderList, column tif: is 'FAK'"),
        ({"touch": [99.0, None], "stop": [98.0, None]}, "row 0: OrderList, column type: there is no order with stop and touch"),
        ({"tif": ["OPG", None], "stop": [98.0, None]}, "row 0: OrderList, column type: there is no order with stop with tif='OPG'"),
        ({"trail": [None, "near"]}, "row 1: OrderList, column type: trail='near' is no distance"),
        ({"post_only": [True, None]}, "row 0: OrderList, column type: post_only= goes with a limit"),
        ({"post_only": ["often", None]}, "row 0: OrderList, column post_only: is 'often'"),
        ({"display": [None, 2.0]}, "row 1: OrderList, column type: display= goes with a limit"),
        ({"display": [None, -2.0], "limit": [None, 9.0]}, "row 1: OrderList, column display: is -2"),
        ({"take_profit": [90.0, None], "stop_loss": [95.0, None]}, "row 0: OrderList, column type: take_profit must be above"),
        ({"after": [None, 0]}, "row 1: OrderList, column after: is 0"),
        ({"after": [0, None]}, "row 0: OrderList, column after: is 0"),
        ({"tif": ["GTD", None]}, "row 0: OrderList, column expire: is empty, and the order is GTD"),
        ({"expire": ["2020-01-06T00:00:00+00:00", None]}, "row 0: OrderList, column expire: goes with tif GTD"),
        ({"tif": ["GTD", None], "expire": ["soon", None]}, "row 0: OrderList, column expire"),
        ({"time": [TIMES[3], None]}, "row 1: OrderList, column time"),
        ({"time": [TIMES[3], "later"]}, "row 1: OrderList, column time"),
        ({"time": [1, 2]}, "plain numbers"),
        ({"time": ["2019-01-01", TIMES[3]]}, r"1 rows match no bar: 2019-01-01"),
        ({"qty": [1, 2]}, r"unknown column 'qty'"),
    ],
)  # fmt: skip
def test_mistakes_name_row_and_column(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        tickets(pd.DataFrame(PLAIN | change))


def test_columns_that_must_be_there() -> None:
    for name in ("time", "symbol", "side"):
        with pytest.raises(UsageError, match=f"no column '{name}'"):
            tickets(pd.DataFrame({key: value for key, value in PLAIN.items() if key != name}))


def test_an_empty_list_is_a_run_without_orders() -> None:
    table = pl.DataFrame(PLAIN).clear()
    assert tickets(table)[:2] == ([], [])


@pytest.mark.kernel
def test_tags_and_rules_reach_the_orders() -> None:
    driver = OrderList(pd.DataFrame(PLAIN | {"tag": ["x", None], "rule_id": ["one", "two"]}))
    state = play(TWO, CONFIG, driven(driver, TWO, CONFIG))
    orders = state.table("orders")
    assert [driver.rules[k] for k in orders["rule_id"]] == ["one", "two"]
    assert list(orders["tag"]) == [0, -1]
    assert len(state.table("fills")) == 2


class Rows(fw.Strategy):
    """The orders of the list below, from Python."""

    def on_bar(self, bar: Any) -> None:
        if bar.index == 3:
            entry = self.buy("AAA", 6, limit=bar.close, take_profit=bar.close + 3, stop_loss=bar.close - 3, display=2)
            self.sell("AAA", 2, stop=bar.close - 1, after=entry, reduce_only=True)
            a = self.buy("AAA", 1, touch=bar.close - 1)
            b = self.sell("AAA", 2, trail="1%")
            c = self.sell("AAA", 3, trail=2.5, trail_limit=0.5, stop=bar.close - 2)
            self.oco(a, b, c)
            self.buy("AAA", 4, limit=bar.close - 0.5, post_only=True)
        elif bar.index == 4:
            self.buy("AAA", 2, tif="OPG")


@pytest.mark.kernel
def test_rarer_columns_mean_what_the_calls_mean() -> None:
    """Rows in another order than they are sent; the texts of times sort them."""
    one = market_of("AAA", n=20)
    close = float(one.feeds[0].close[3]) / one.instruments[0].price_scale
    none = [None] * 7
    table = {
        "time": [str(np.datetime64(int(one.instants[k]) - 1, "ns"))[:10] for k in (4, 3, 3, 3, 3, 3, 3)],
        "side": ["buy", "buy", "sell", "buy", "sell", "sell", "buy"],
        "quantity": [2.0, 6.0, 2.0, 1.0, 2.0, 3.0, 4.0],
        "limit": [None, close, None, None, None, None, close - 0.5],
        "stop": [None, None, close - 1, None, None, close - 2, None],
        "touch": [None, None, None, close - 1, None, None, None],
        "trail": [None, None, None, None, "1%", "2.5", None],
        "trail_limit": [None, None, None, None, None, 0.5, None],
        "take_profit": [None, close + 3, *none[2:]],
        "stop_loss": [None, close - 3, *none[2:]],
        "display": [None, 2.0, *none[2:]],
        "after": [None, None, 1, *none[3:]],
        "reduce_only": [None, None, True, *none[3:]],
        "post_only": [*none[:6], True],
        "oco": [None, None, None, "x", "x", "x", None],
        "tif": ["OPG", *none[1:]],
        "type": ["market_on_open", None, None, "market-if-touched", "trailing_stop", None, None],
    }
    mine, python = fw.run(OrderList(table), one, CONFIG), fw.run(Rows(), one, CONFIG)
    for name in ("orders", "order_events", "fills"):
        skipped = ("intent_id",)
        columns = [column for column in python.record.tables[name].dtype.names if column not in skipped]
        assert [c for c in columns if mine.record.tables[name][c].tolist() != python.record.tables[name][c].tolist()] == []
    assert python.record.tables["orders"]["oco_id"].tolist() == [-1, 1, 1, -1, 4, 4, 4, -1, -1]
    assert len(python.record.tables["fills"]) > 2
