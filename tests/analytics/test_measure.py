"""From a run record to its figures: a run with published figures, several currencies, deposits, days, time in positions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analytics.sample import DAY, HOUR, goog_record
from fillwright.analytics.measure import day_closes, metric_inputs, start_time
from fillwright.analytics.metrics import metrics
from fillwright.data.market import Feed, Market, build_market
from fillwright.journal import RECORDED, Names, RunRecord
from fillwright.model.codes import Account, RunState, TradeGrouping
from fillwright.model.columns import POSTINGS, TABLES
from fillwright.model.instrument import Instrument
from fillwright.trades.grouping import group
from result.tiny_ledger import scenario

MONDAY = 1_704_067_200_000_000_000  # 2024-01-01


def bars(symbol: str, number: int, opens: np.ndarray, length: int, last: np.ndarray) -> Feed:
    price = np.full(len(opens), 100, np.int64)
    return Feed(symbol, number, length, True, opens, opens + length, price, price, price, price, None, last.astype(np.uint8))


def empty_record(market: Market, equity: np.ndarray) -> RunRecord:
    base = scenario("plain", bars=3, rate=0.0)
    names = Names(("s0",), tuple(item.symbol for item in market.instruments))
    return replace(base, market=market, instants=market.instants, equity=equity, names=names)


def test_goog_record_has_the_published_figures(shared: Path) -> None:
    record = goog_record(shared)
    trades = group(record, TradeGrouping.FLAT_TO_FLAT)
    found = {name: metric.value for name, metric in metrics(metric_inputs(record, trades)).items()}
    percent = {"total_return": 414.2298999999996, "max_drawdown": -47.98012705007589, "win_rate": 46.96969696969697,
               "best_trade": 53.59595229490424, "worst_trade": -18.39887353835481}  # fmt: skip
    assert {name: 100 * (found[name] or 0) for name in percent} == pytest.approx(percent, rel=1e-8)
    assert found["sqn"] == pytest.approx(1.0766187356697705, rel=1e-8)
    assert found["trades"] == 66
    # Two bars at which the source is still or already in the market are flat at their close here: the first has no position
    # before its fill, and the last trade is closed at the open.
    assert found["exposure"] == pytest.approx(0.9674115456238361, abs=2 / 2148)


def test_marks_in_position_are_those_with_a_position() -> None:
    for kind in ("plain", "fx"):
        record = scenario(kind, seed=5, bars=80, rate=0.3)
        fills, inside = record.tables["fills"], 0
        held: dict[tuple[int, int], int] = {}
        row = 0
        for instant in record.instants:
            while row < len(fills) and fills["instant"][row] <= instant:
                fill = fills[row]
                held[fill["strategy"], fill["symbol"]] = fill["position"]
                row += 1
            inside += any(held.values())
        trades = group(record, TradeGrouping.LOT)
        assert metric_inputs(record, trades).marks_in_position == inside


def test_costs_are_the_fills_costs_and_do_not_depend_on_the_grouping() -> None:
    record = scenario("plain", seed=2, bars=200)
    fees = record.tables["fills"]["fee"].sum() / 10**6
    for how in TradeGrouping:
        found = metric_inputs(record, group(record, how))
        assert found.fees == pytest.approx(fees)
        assert found.slippage == pytest.approx(metric_inputs(record, group(record, TradeGrouping.LOT)).slippage, abs=1e-9)


def test_other_currencies_count_at_the_rate_of_their_instant() -> None:
    record = scenario("fx", seed=4, bars=120)
    trades = group(record, TradeGrouping.FLAT_TO_FLAT)
    found = metric_inputs(record, trades)
    eurusd = record.market.execution_feed(2)
    total = 0.0
    for fill in record.tables["fills"]:
        rates = {0: 1.0, 1: eurusd.close[np.searchsorted(eurusd.close_time, fill["instant"])] / 1e5}
        usdjpy = record.market.execution_feed(3)
        rates[2] = 1e3 / usdjpy.close[np.searchsorted(usdjpy.close_time, fill["instant"])]
        currency = int(record.quote_currency[fill["symbol"]])
        total += fill["fee"] / 10 ** record.currencies[currency].decimals * rates[currency]
    assert found.fees == pytest.approx(total, rel=1e-9)


def test_start_is_the_first_open_and_the_deposit() -> None:
    record = scenario("plain", bars=30)
    found = metric_inputs(record, group(record, TradeGrouping.LOT))
    assert found.start_time == int(record.market.feeds[0].open_time[0]) == start_time(record)
    assert found.start_equity == 100_000 * 10**6
    assert found.flows is None


def test_later_deposits_are_flows_not_profit() -> None:
    record = scenario("plain", bars=60, rate=0.0)
    money = 5_000 * 10**6
    extra = np.zeros(2, POSTINGS.dtype)
    extra["instant"], extra["money"], extra["account"] = record.instants[20], (money, -money), (Account.CASH, Account.TRANSFERS)
    extra["strategy"] = extra["symbol"] = extra["fill_id"] = -1
    tables = dict(record.tables) | {"postings": np.concatenate((record.tables["postings"], extra))}
    equity = record.equity.copy()
    equity[20:] += money
    paid = replace(record, tables=tables, equity=equity)
    found = metric_inputs(paid, group(paid, TradeGrouping.LOT))
    assert found.flows is not None and found.flows[20] == money and found.flows.sum() == money
    assert metrics(found)["total_return"].value == pytest.approx(0.0)
    assert metrics(found)["max_drawdown"].value == 0


def test_days_end_where_the_day_ends() -> None:
    # Three days of two bars; the second instrument trades later in the day and misses day 2.
    opens = MONDAY + np.array([14, 20, 38, 44, 62, 68]) * HOUR
    late = MONDAY + np.array([21, 69]) * HOUR
    market = build_market(
        [Instrument("A"), Instrument("B")],
        [bars("A", 0, opens, HOUR, np.array([0, 1, 0, 1, 0, 1])), bars("B", 1, late, HOUR, np.array([1, 1]))],
    )
    record = empty_record(market, np.full(len(market.instants), 10**6))
    closes = record.instants[day_closes(record)]
    assert closes.tolist() == [MONDAY + hours * HOUR for hours in (22, 45, 70)]


def test_around_the_clock_days_end_at_midnight() -> None:
    opens = MONDAY + np.arange(9 * 24) * HOUR
    feed = bars("BTC", 0, opens, HOUR, (opens + HOUR) % DAY == 0)
    record = empty_record(build_market([Instrument("BTC")], [feed]), np.full(9 * 24, 10**6))
    assert (record.instants[day_closes(record)] % DAY).tolist() == [0] * 9
    assert metric_inputs(record, group(record, TradeGrouping.LOT)).frequency.periods == 365


def test_a_run_that_stored_nothing_has_reasons_and_no_traceback() -> None:
    record = scenario("plain", bars=30, rate=0.0)
    tables = {table.name: np.zeros(0, table.dtype) for table in TABLES if table.name in RECORDED}
    nothing = np.zeros(0, np.int64)
    record = replace(
        record, instants=nothing, equity=nothing, state=RunState.FAILED, error="no bar", tables=tables,
        config=record.config.model_copy(update={"report": record.config.report.model_copy(update={"benchmark": "AAA"})}),
    )  # fmt: skip
    found = metrics(metric_inputs(record, group(record, TradeGrouping.LOT)))
    assert found["sharpe"].value is None and found["total_return"].reason


def test_the_benchmark_starts_at_its_open(shared: Path) -> None:
    record = goog_record(shared, benchmark="GOOG")
    found = metrics(metric_inputs(record, group(record, TradeGrouping.LOT)))
    assert found["benchmark_return"].value == pytest.approx(806.19 / 100.00 - 1)
