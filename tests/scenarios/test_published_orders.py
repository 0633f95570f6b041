"""Published examples of orders on bars: of each as much as trade bars can say, the rest with its arithmetic."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fillwright as fw
from fillwright.model.instrument import Instrument
from scenarios.table import play
from scenarios.test_published import Given, case

pytestmark = pytest.mark.scenario

SPY = Instrument("SPY", price_decimals=9, timezone="America/New_York", session=(34_200, 57_600))
FACTOR = Decimal("0.8646266")


def spy(file: Path, keep: Any, when: Any, timeframe: str) -> fw.Market:
    """Bars of SPY: those rows of a file that are kept, their prices times the published factor."""
    with zipfile.ZipFile(file) as archive:
        (name,) = archive.namelist()
        rows = [line.split(",") for line in archive.read(name).decode().splitlines()]
    rows = [row for row in rows if keep(row)]
    columns: dict[str, Any] = {"time": np.array([when(row) for row in rows], np.int64).view("datetime64[ns]")}
    for number, column in enumerate(("open", "high", "low", "close"), 1):
        columns[column] = np.array([float(Decimal(row[number]) / 10_000 * FACTOR) for row in rows])
    return fw.read_bars(columns, timeframe=timeframe, tz="UTC", stamp="close", instrument=SPY)


def ns(*parts: int) -> int:
    """ns UTC of a time."""
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 10**9  # type: ignore[misc, arg-type]


def test_an_order_after_the_close_fills_at_the_next_open(shared: Path) -> None:
    expected = case(shared, "lean-008")["expected"]

    def close(row: list[str]) -> int:
        return ns(int(row[0][:4]), int(row[0][4:6]), int(row[0][6:8]), 20)

    market = spy(shared / "data/lean/equity/usa/daily/spy.zip", lambda row: "20131008" <= row[0][:8] <= "20131017", close, "1d")
    commission = {"model": "per_unit", "amount": "0.005", "minimum": 1}
    config = fw.Config.from_dict({"version": 1, "costs": {"commission": commission}})
    result = fw.run(Given(plan=[(0, "buy", (697,))]), market, config)
    fill = result.record.tables["fills"][0]
    assert Decimal(int(fill["price"])).scaleb(-9) == Decimal(expected["fills"][0]["price"])
    assert int(fill["instant"]) == ns(2013, 10, 9, 20)
    assert Decimal(int(fill["fee"])).scaleb(-6) == Decimal("3.485")
    assert abs(Decimal(int(result.record.equity[-1])).scaleb(-6) - Decimal(expected["end_equity_recomputed"])) < Decimal(
        "0.00001"
    )


class StopAtOnce(fw.Strategy):
    """A buy stop that the market has passed already, sent at the close of the first bar."""

    stop: Any = fw.param(Decimal(0))

    def on_bar(self, bar: Any) -> None:
        if bar.index == 0:
            self.buy("SPY", 100, stop=self.stop)


def test_a_stop_that_is_passed_fills_at_the_next_open(shared: Path) -> None:
    """The short sale before it is at a bid, which trade bars do not have: the stop is given as the source had it."""
    sold, bought = case(shared, "lean-004")["expected"]["fills"]

    def close(row: list[str]) -> int:
        return ns(2013, 10, 7, 4) + int(row[0]) * 10**6 + 60 * 10**9

    file = shared / "data/lean/equity/usa/minute/spy/20131007_trade.zip"
    market = spy(file, lambda row: 34_200_000 <= int(row[0]) < 34_500_000, close, "1min")
    result = fw.run(StopAtOnce(stop=Decimal(sold["price"]) - 2), market)
    fill = result.record.tables["fills"][0]
    assert Decimal(int(fill["price"])).scaleb(-9) == Decimal(bought["price"])
    assert int(fill["instant"]) == ns(2013, 10, 7, 13, 32)  # the bar that ends when the source says it filled


def test_stops_that_look_at_closes_and_fill_a_part_of_the_volume(shared: Path) -> None:
    """The source adds close x 0.1 x (50 / 2000)^2 for its impact, which is no model of ours: 4 x 0.0000625 = 0.00025, and 3 x 0.0000625 =
    0.0001875 less for the sale. Without it both are the close."""
    for row in case(shared, "zip-004")["expected"]["rows"]:
        side, _, stop = row["order"].split()
        bars = f"09:31 3.45 3.45 3.45 3.45 2000\n09:32 {row['close']} {row['close']} {row['close']} {row['close']} 2000"
        execution = {"path": "close_only", "participation": "2.5%"}
        found = play(bars, f"09:31 {side} 100 stop {stop}", execution=execution)
        if row["result"] == "no fill":
            assert found.fills == []
            continue
        _, lots, _, price = row["result"].split()
        (fill,) = found.record.tables["fills"]
        assert int(fill["quantity"]) == abs(int(lots))
        impact = Decimal(str(row["close"])) * Decimal("0.1") * (Decimal(50) / 2000) ** 2
        assert Decimal(int(fill["price"])).scaleb(-2) + int(fill["side"]) * impact == Decimal(price)


def test_a_part_of_the_volume_of_the_bar(shared: Path) -> None:
    """As above: 3 x 0.1 x (5 / 200)^2 = 0.0001875 is the source's impact. The second minute has no bar, so nothing fills."""
    expected = case(shared, "zip-001")["expected"]
    bars = "09:30 3 3 3 3 1\n09:31 3.0 3.15 2.85 3.0 200"
    found = play(bars, "09:30 buy 100", execution={"path": "close_only", "participation": "2.5%"})
    (fill,) = found.record.tables["fills"]
    (published,) = expected["fills"]
    impact = Decimal(3) * Decimal("0.1") * (Decimal(5) / 200) ** 2
    assert (int(fill["quantity"]), Decimal(int(fill["price"])).scaleb(-2) + impact) == (
        published["qty"],
        Decimal(published["price"]),
    )
    (order,) = found.record.tables["orders"]
    assert int(order["quantity"] - order["cum_quantity"]) == expected["remaining"]
    assert found.status(0) == "EXPIRED END_OF_DATA"
