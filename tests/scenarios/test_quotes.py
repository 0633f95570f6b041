"""Orders on quotes, quote bars and prints: what each meets, at what price, and how much of it."""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fillwright as fw
from fillwright.model.codes import OrderEvent
from fillwright.model.instrument import Instrument
from scenarios.table import X, lines, moment, play, split
from scenarios.test_published import case

pytestmark = pytest.mark.scenario


def table(text: str) -> tuple[np.ndarray[Any, Any], list[list[float]]]:
    rows = [(moment(time), [float(word) for word in words]) for time, words in map(split, lines(text))]
    return np.array([time for time, _ in rows]).view("datetime64[ns]"), [numbers for _, numbers in rows]


def quotes(text: str, instrument: Instrument = X) -> fw.Market:
    """``09:31 99 101`` or, with sizes, ``09:31 99 101 5 5``."""
    times, rows = table(text)
    names = ("bid", "ask", "bid_size", "ask_size")[: len(rows[0])]
    columns = {"time": times} | {name: np.array(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}
    return fw.read_quotes(columns, tz="UTC", instrument=instrument)


def prints(text: str, instrument: Instrument = X) -> fw.Market:
    """``09:31 100`` or, with a size, ``09:31 100 5``."""
    times, rows = table(text)
    columns = {"time": times, "price": np.array([row[0] for row in rows])}
    if len(rows[0]) > 1:
        columns["size"] = np.array([row[1] for row in rows])
    return fw.read_prints(columns, tz="UTC", instrument=instrument)


def quote_bars(text: str, spread: float, *sizes: float, instrument: Instrument = X) -> fw.Market:
    """Bars of the bid by their close, as for trades; the ask lies ``spread`` above it throughout."""
    times, rows = table(text)
    columns: dict[str, Any] = {"time": times}
    for k, name in enumerate(("open", "high", "low", "close")):
        columns[f"bid_{name}"] = np.array([row[k] for row in rows])
        columns[f"ask_{name}"] = columns[f"bid_{name}"] + spread
    for name, size in zip(("bid_size", "ask_size"), sizes, strict=False):
        columns[name] = np.full(len(rows), size)
    return fw.read_quote_bars(columns, timeframe="1min", tz="UTC", stamp="close", instrument=instrument)


# The market falls to 97 and 98, rises to 104 and 105.
FALL_AND_RISE = "09:31 99 101\n09:32 98 100\n09:33 97 98\n09:34 104 105\n09:35 103 104"


@pytest.mark.parametrize(
    ("order", "fills"),
    [
        ("09:31 buy 10", ["09:31 standing buy 10 @ 101.00 fee 0"]),
        ("09:31 sell 10", ["09:31 standing sell 10 @ 99.00 fee 0"]),
        ("09:31 buy 10 limit 101", ["09:31 standing buy 10 @ 101.00 fee 0"]),
        ("09:31 buy 10 limit 102", ["09:31 standing buy 10 @ 101.00 fee 0"]),
        # rests below the ask; the bid coming to it is not enough, the ask has to; it gets its own price
        ("09:31 buy 10 limit 98", ["09:33 quote buy 10 @ 98.00 fee 0 maker"]),
        ("09:31 buy 10 limit 99", ["09:33 quote buy 10 @ 99.00 fee 0 maker"]),
        ("09:31 sell 10 limit 103", ["09:34 quote sell 10 @ 103.00 fee 0 maker"]),
        ("09:31 buy 10 limit 97.99", []),
        # stops look at the side they trade on, and trade at what they find there
        ("09:31 sell 10 stop 98", ["09:32 quote sell 10 @ 98.00 fee 0"]),
        ("09:31 sell 10 stop 97.50", ["09:33 quote sell 10 @ 97.00 fee 0"]),
        ("09:31 buy 10 stop 104", ["09:34 quote buy 10 @ 105.00 fee 0"]),
        ("09:31 buy 10 stop 101", ["09:31 standing buy 10 @ 101.00 fee 0"]),
        ("09:31 buy 10 stop 102 limit 104", ["09:35 quote buy 10 @ 104.00 fee 0 maker"]),
        ("09:31 buy 10 touch 100", ["09:32 quote buy 10 @ 100.00 fee 0"]),
        ("09:33 sell 10 trail 2", []),
        ("09:34 sell 10 trail 1", ["09:35 quote sell 10 @ 103.00 fee 0"]),
        ("09:31 buy 10 limit 100 post_only", ["09:32 quote buy 10 @ 100.00 fee 0 maker"]),
    ],
)
def test_what_an_order_meets(order: str, fills: list[str]) -> None:
    assert play(quotes(FALL_AND_RISE), order).fills == fills


def test_the_spread_is_a_step_of_the_price() -> None:
    (fill,) = play(quotes(FALL_AND_RISE), "09:31 buy 10", costs={"slippage": {"model": "ticks", "ticks": 2}}).record.tables[
        "fills"
    ]
    steps = [int(fill[name]) for name in ("reference_price", "spread", "slippage", "price")]
    assert steps == [10_000, 100, 2, 10_102]


def test_what_is_taken_is_not_offered_again() -> None:
    market = quotes("09:31 99 100 5 5\n09:32 99 100 5 4\n09:33 98 99 5 9")
    found = play(market, "09:31 buy 3\n09:31 buy 4\n09:31 sell 5")
    assert found.fills == [
        "09:31 standing buy 3 @ 100.00 fee 0",
        "09:31 standing buy 2 @ 100.00 fee 0",
        "09:31 standing sell 5 @ 99.00 fee 0",
        "09:32 quote buy 2 @ 100.00 fee 0",
    ]
    assert [int(row["available"]) for row in found.record.tables["fills"]] == [5, 2, 5, 4]


def test_a_resting_limit_takes_what_comes_to_it() -> None:
    market = quotes("09:31 99 101 5 5\n09:32 98 100 5 4\n09:33 98 99 5 9")
    assert play(market, "09:31 buy 10 limit 100").fills == [
        "09:32 quote buy 4 @ 100.00 fee 0 maker",
        "09:33 quote buy 6 @ 100.00 fee 0 maker",
    ]


def test_a_quote_too_old_is_not_traded_with() -> None:
    late = {"latency": "30s", "max_age": "20s"}
    assert play(quotes(FALL_AND_RISE), "09:31 buy 10", execution=late).fills == ["09:32 quote buy 10 @ 100.00 fee 0"]
    late["max_age"] = "30s"
    assert play(quotes(FALL_AND_RISE), "09:31 buy 10", execution=late).fills == ["09:31:30 standing buy 10 @ 101.00 fee 0"]


def test_an_order_that_arrives_with_a_quote_meets_that_quote() -> None:
    found = play(quotes(FALL_AND_RISE), "09:31 buy 10", execution={"latency": "1min"})
    assert found.fills == ["09:32 standing buy 10 @ 100.00 fee 0"]


def test_several_quotes_of_one_time_come_one_after_the_other() -> None:
    market = quotes("09:31 99 101\n09:32 99 100\n09:32 97 98\n09:32 102 103\n09:33 102 103")
    assert play(market, "09:31 buy 10 limit 98").fills == ["09:32 quote buy 10 @ 98.00 fee 0 maker"]
    assert play(market, "09:31 sell 10 limit 102").fills == ["09:32 quote sell 10 @ 102.00 fee 0 maker"]
    assert len(market.instants) == 5
    # decided on the first of them: the last one known at that time is the third
    assert play(market, "09:32 buy 10").fills == ["09:32 standing buy 10 @ 103.00 fee 0"]


@pytest.mark.parametrize(("trigger", "fill"), [("bid_ask", ["09:34 quote buy 10 @ 105.00 fee 0"]), ("mid", [])])
def test_what_triggers(trigger: str, fill: list[str]) -> None:
    assert play(quotes(FALL_AND_RISE), "09:31 buy 10 stop 104.75", execution={"trigger": trigger}).fills == fill


@pytest.mark.parametrize(("mark", "equity"), [("auto", -10), ("mid", -10), ("exit_side", -20)])
def test_marks(mark: str, equity: int) -> None:
    found = play(quotes("09:31 99 101\n09:32 99 101"), "09:31 buy 10", account={"initial_cash": 10_000, "mark": mark})
    assert found.equity == [10_000 + equity] * 2
    found = play(quotes("09:31 99 101\n09:32 99 101"), "09:31 sell 10", account={"initial_cash": 10_000, "mark": mark})
    assert found.equity == [10_000 + equity] * 2


def test_equity_is_stored_once_an_interval_and_the_drawdown_is_that_of_every_quote() -> None:
    market = quotes("09:31 100 100\n09:31:20 100 100\n09:31:40 90 90\n09:31:50 99 99\n09:32:10 101 101")
    found = play(market, "09:31 buy 10", run={"equity_every": "1min"})
    assert [str(money - 100_000) for money in found.equity] == ["-10.000000", "10.000000"]
    assert found.record.counters["drawdown"] == 100 * 10**6
    assert len(play(market, "09:31 buy 10", run={"equity_every": "1ns"}).equity) == 5


def test_a_bracket_on_quotes() -> None:
    found = play(quotes(FALL_AND_RISE), "09:31 buy 10 take_profit 103 stop_loss 90")
    assert found.fills == ["09:31 standing buy 10 @ 101.00 fee 0", "09:34 quote sell 10 @ 103.00 fee 0 maker"]
    assert found.status(2) == "CANCELED OCO_FILLED"


def test_a_reversal_on_quotes_is_done_at_once() -> None:
    found = play(quotes(FALL_AND_RISE), "09:31 target 5\n09:32 target -5")
    assert found.fills == [
        "09:31 standing buy 5 @ 101.00 fee 0",
        "09:32 standing sell 5 @ 98.00 fee 0",
        "09:32 standing sell 5 @ 98.00 fee 0",
    ]


def test_positions_are_closed_at_the_last_quote() -> None:
    found = play(quotes(FALL_AND_RISE), "09:31 buy 10", orders={"flat_at": ["run_end"]})
    assert found.fills[-1] == "09:35 flat_at sell 10 @ 103.00 fee 0"


def test_a_position_sized_by_value_leaves_room_for_the_ask() -> None:
    found = play(quotes(FALL_AND_RISE), "09:31 buy value 1010\n09:31 buy value 1009")
    assert [fill.split()[3] for fill in found.fills] == ["10", "9"]


# -- quote bars -------------------------------------------------------------------------------------------------------------------

# The first bar goes 99 - 98 - 104 - 103 (bid), the second 103 - 106 - 99 - 100; the ask is 2 above.
BID_BARS = "09:31 99 99 99 99\n09:32 99 104 98 103\n09:33 103 106 99 100"


@pytest.mark.parametrize(
    ("order", "fills"),
    [
        # what the bar closed with stands: a market order need not wait for the next bar
        ("09:31 buy 10", ["09:31 standing buy 10 @ 101.00 fee 0"]),
        ("09:31 sell 10", ["09:31 standing sell 10 @ 99.00 fee 0"]),
        ("09:31 buy 10 limit 100", ["09:32 first buy 10 @ 100.00 fee 0 maker"]),
        ("09:31 buy 10 limit 99.99", []),
        ("09:31 sell 10 limit 104", ["09:32 second sell 10 @ 104.00 fee 0 maker"]),
        ("09:31 sell 10 limit 106", ["09:33 first sell 10 @ 106.00 fee 0 maker"]),
        ("09:31 sell 10 stop 98", ["09:32 first sell 10 @ 98.00 fee 0"]),
        ("09:31 buy 10 stop 106", ["09:32 second buy 10 @ 106.00 fee 0"]),
    ],
)
def test_quote_bars(order: str, fills: list[str]) -> None:
    assert play(quote_bars(BID_BARS, 2), order).fills == fills


def test_the_sizes_of_a_quote_bar_are_those_of_its_close() -> None:
    found = play(quote_bars(BID_BARS, 2, 3, 4), "09:31 buy 10")
    assert found.fills == ["09:31 standing buy 4 @ 101.00 fee 0", "09:31 open buy 6 @ 101.00 fee 0"]


def test_an_order_that_arrives_inside_a_quote_bar_meets_the_last_close() -> None:
    found = play(quote_bars(BID_BARS, 2), "09:31 sell 10\n09:31 sell 10 limit 104", execution={"latency": "10s"})
    assert found.fills == ["09:31:10 standing sell 10 @ 99.00 fee 0", "09:33 first sell 10 @ 104.00 fee 0 maker"]


# -- prints -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "fills"),
    [
        ("09:31 buy 10", ["09:32 print buy 10 @ 99.00 fee 0"]),
        ("09:31 buy 10 limit 98", ["09:33 print buy 10 @ 98.00 fee 0 maker"]),
        ("09:31 sell 10 stop 98", ["09:33 print sell 10 @ 97.00 fee 0"]),
        ("09:31 buy 10 stop 103", ["09:34 print buy 10 @ 104.00 fee 0"]),
    ],
)
def test_prints(order: str, fills: list[str]) -> None:
    assert play(prints("09:31 100\n09:32 99\n09:33 97\n09:34 104"), order).fills == fills


def test_a_part_of_a_print() -> None:
    market = prints("09:31 100 50\n09:32 99 30\n09:33 98 200")
    assert play(market, "09:31 buy 10 limit 99").fills == [
        "09:32 print buy 3 @ 99.00 fee 0",
        "09:33 print buy 7 @ 99.00 fee 0 maker",
    ]


# -- prints beside quotes ----------------------------------------------------------------------------------------------------------

ORDERS = "09:31 buy 10 limit 98\n09:31 sell 10 stop 96.50\n09:32 buy 5 take_profit 103 stop_loss 90\n09:33 sell 3"
BESIDE = prints("09:31:30 97\n09:32 90\n09:32:30 120\n09:33:59 80\n09:34:10 130")


def test_prints_beside_quotes_are_only_seen() -> None:
    """They go through every limit and stop there is."""
    alone = quotes(FALL_AND_RISE)
    latency = {"execution": {"latency": "10s"}}
    for settings in ({}, latency):
        with_prints, without = play(alone + BESIDE, ORDERS, **settings), play(alone, ORDERS, **settings)
        assert with_prints.fills == without.fills != []
        assert with_prints.equity == without.equity


def test_an_order_given_at_a_print_trades_with_the_quote_that_stands() -> None:
    found = play(quotes(FALL_AND_RISE) + BESIDE, "09:31:30 buy 10")
    assert found.fills == ["09:31:30 standing buy 10 @ 101.00 fee 0"]


def test_beside_quote_bars_prints_are_the_finest_data() -> None:
    found = play(quote_bars(BID_BARS, 1) + BESIDE, "09:31 buy 10\n09:32 buy 10")
    assert (found.status(0), found.fills) == ("DENIED NO_PRICE_YET", ["09:32:30 print buy 10 @ 120.00 fee 0"])


def test_prints_that_are_marked_are_what_orders_trade_on() -> None:
    times, rows = table("09:31 100\n09:32 97\n09:33 99")
    marked = fw.read_prints({"time": times, "price": np.array([row[0] for row in rows])}, tz="UTC", instrument=X, execution=True)
    found = play(quotes(FALL_AND_RISE) + marked, "09:31 buy 10 limit 98")
    assert found.fills == ["09:32 print buy 10 @ 97.00 fee 0"]


# -- published --------------------------------------------------------------------------------------------------------------------

AUDUSD = Instrument("AUDUSD", price_decimals=5, tick=1)


class AtMinute(fw.Strategy):
    """Gives orders at the second and fourth quote."""

    plan: Any = fw.param(())

    def on_quote(self, quote: Any) -> None:
        for row, call, quantity, terms in self.plan:
            if row == quote.index:
                getattr(self, call)(quote.symbol, quantity, **terms)


def published(shared: Path, name: str, *plan: Any) -> tuple[dict[str, Any], fw.Result]:
    about = case(shared, name)
    rows = about["input"]["inline_rows"]
    start = moment("2020-01-01 00:00")
    size = np.array([float(row[3]) if len(row) > 3 else 1e6 for row in rows])
    columns = {
        "time": np.array([start + row[0] * 60 * 10**9 for row in rows]).view("datetime64[ns]"),
        "bid": np.array([float(row[1]) for row in rows]), "ask": np.array([float(row[2]) for row in rows]),
        "bid_size": size, "ask_size": size,
    }  # fmt: skip
    market = fw.read_quotes(columns, tz="UTC", instrument=AUDUSD)
    result = fw.run(AtMinute(plan=plan), market, cash=1_000_000, commission="0.002%")
    assert result.certificate.ok
    return about["expected"], result


def seen(result: fw.Result) -> list[tuple[int, str, D]]:
    """(minute, side, price) of each fill."""
    start = moment("2020-01-01 00:00")
    return [
        ((int(row["time"]) - start) // (60 * 10**9), "buy" if row["side"] > 0 else "sell", D(int(row["price"])).scaleb(-5))
        for row in result.record.tables["fills"]
    ]


def fees(result: fw.Result) -> list[str]:
    return [f"{int(row['fee']) / 1e6:.2f}" for row in result.record.tables["fills"]]


def test_two_market_orders(shared: Path) -> None:
    expected, result = published(shared, "nau-001", (1, "buy", 100_000, {}), (3, "sell", 100_000, {}))
    assert seen(result) == [(row["minute"], row["side"], D(row["price"])) for row in expected["fills"]]
    assert fees(result) == [row["commission"] for row in expected["fills"]]
    (trade,) = result.trades["net_pnl"]
    assert trade == pytest.approx(float(expected["realised_profit"]), abs=expected["tolerance"])
    assert result.record.equity[-1] / 1e6 == pytest.approx(float(expected["end_equity"]), abs=expected["tolerance"])


def test_a_bracket_takes_its_profit(shared: Path) -> None:
    expected, result = published(shared, "nau-005", (1, "buy", 100_000, {"take_profit": 0.70110, "stop_loss": 0.69900}))
    assert [(minute, price) for minute, _, price in seen(result)] == [(r["minute"], D(r["price"])) for r in expected["fills"]]
    assert fees(result) == [row["commission"] for row in expected["fills"]]
    assert result.orders["reason"].tolist()[2] == "oco_filled"
    assert result.record.equity[-1] / 1e6 == pytest.approx(float(expected["end_equity"]), abs=expected["tolerance"])


def test_a_trailing_stop_on_the_bid(shared: Path) -> None:
    """The source fills at the stop although the bid is below it; ours trades at the bid."""
    expected, result = published(shared, "nau-007", (1, "buy", 100_000, {}), (1, "sell", 100_000, {"trail": 0.0010}))
    second = expected["fills"][1]
    assert seen(result) == [(1, "buy", D("0.70010")), (second["minute"], "sell", D(second["price_with_gap_rule"]))]
    assert result.orders["stop_price"].iloc[1] == pytest.approx(float(expected["final_stop"]))
    assert result.record.equity[-1] / 1e6 == pytest.approx(float(expected["end_equity_with_gap_rule"]), abs=expected["tolerance"])


def test_a_stop_limit(shared: Path) -> None:
    """A triggered limit rests and gets its own price, which the source names as the alternative."""
    expected, result = published(shared, "nau-008", (1, "buy", 100_000, {"stop": 0.70100, "limit": 0.70120}))
    alternative = str(expected["price_alternative"]).split()[0]
    assert seen(result) == [(expected["fills"][0]["minute"], "buy", D(alternative))]
    events = result.record.tables["order_events"]
    (triggered,) = events["time"][events["event"] == OrderEvent.TRIGGER]
    assert (int(triggered) - moment("2020-01-01 00:00")) // (60 * 10**9) == expected["trigger_minute"]


def test_a_limit_that_is_touched(shared: Path) -> None:
    expected, result = published(shared, "nau-010", (1, "buy", 100_000, {"limit": 0.69950}))
    assert seen(result) == [(row["minute"], row["side"], D(row["price"])) for row in expected["fills"]]
    assert fees(result) == [row["commission"] for row in expected["fills"]]


def test_immediate_fill_or_kill_and_post_only(shared: Path) -> None:
    expected, result = published(
        shared, "nau-011",
        (1, "buy", 100_000, {"limit": 0.70010, "tif": "IOC"}), (1, "buy", 100_000, {"limit": 0.70010, "tif": "FOK"}),
        (1, "buy", 10_000, {"limit": 0.70010, "post_only": True}), (1, "buy", 10_000, {"limit": 0.70000, "post_only": True}),
    )  # fmt: skip
    orders = result.orders
    assert orders["cum_quantity"].tolist() == [expected[key]["filled"] for key in "ABCD"]
    assert orders["status"].tolist() == ["canceled", "canceled", "rejected", "filled"]
    assert orders["reason"].tolist()[:3] == ["ioc_remainder", "fok_not_fillable", "would_take"]
    assert seen(result)[1] == (expected["D"]["minute"], "buy", D(expected["D"]["price"]))
    assert fees(result) == [expected["A"]["commission"], expected["D"]["commission"]]
