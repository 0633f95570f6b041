"""A run with published figures, as a record: case bpy-001, daily bars of GOOG, rebuilt from its list of trades."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import numpy as np

from fillwright.analytics.facts import SummaryInputs, Verdict, summary_inputs
from fillwright.analytics.material import report_inputs
from fillwright.analytics.measure import metric_inputs
from fillwright.analytics.report import ReportInputs
from fillwright.config.schema import Config
from fillwright.data.market import Feed, Market, build_market
from fillwright.journal import RunRecord
from fillwright.model.codes import OrderEvent, Stage, TradeGrouping
from fillwright.model.instrument import Instrument
from fillwright.trades.grouping import group
from result.tiny_ledger import Tiny

DAY = 86_400_000_000_000
HOUR = DAY // 24


def goog_market(shared: Path) -> Market:
    """Daily bars from 14:30 to 21:00 UTC, prices in cents."""
    with open(shared / "data/backtesting_py/GOOG.csv", newline="") as stream:
        rows = list(csv.reader(stream))[1:]
    days = np.array([int(datetime.fromisoformat(row[0] + "T00:00:00+00:00").timestamp()) for row in rows], np.int64) * 10**9
    price = np.array([[round(float(text) * 100) for text in row[1:5]] for row in rows], np.int64)
    volume, last = np.array([int(row[5]) for row in rows], np.int64), np.ones(len(rows), np.uint8)
    opens = days + 14 * HOUR + HOUR // 2
    feed = Feed("GOOG", 0, DAY, True, opens, days + 21 * HOUR, *price.T, volume, last)
    return build_market([Instrument("GOOG", price_decimals=2, timezone="America/New_York")], [feed])


def goog_record(shared: Path, **report: object) -> RunRecord:
    """The 66 trades, each filled at the open of its bars, on 10,000 USD."""
    market = goog_market(shared)
    settings = {"version": 1, "run": {"name": "GOOG SMA 10/30"}, "account": {"initial_cash": 10_000}, "report": report}
    tiny = Tiny(market, config=Config.model_validate(settings))
    with open(shared / "expected/bpy-001-trades.csv", newline="") as stream:
        done = list(csv.DictReader(stream))
    at: dict[int, list[tuple[int, str]]] = {}
    for trade in done:
        at.setdefault(int(trade["exit_bar"]), []).insert(0, (-int(trade["size"]), trade["exit_price"]))
        at.setdefault(int(trade["entry_bar"]), []).append((int(trade["size"]), trade["entry_price"]))
    for bar, instant in enumerate(market.instants.tolist()):
        for size, price in at.get(bar, []):
            side = 1 if size > 0 else -1
            order = tiny.order(int(market.instants[bar - 1]), 0, 0, side, abs(size))
            for event in (OrderEvent.SUBMIT, OrderEvent.ACCEPT):
                tiny.event(instant, order, event)
            # The ledger adds one unit of spread; the reference is the open less that unit.
            tiny.fill(instant, order, abs(size), Stage.OPEN, 0, 0, at=round(float(price) * 100) - side)
        tiny.mark(instant)
    return tiny.record()


def told(record: RunRecord, verdict: Verdict | None = None) -> SummaryInputs:
    """The facts of a record, trades from flat to flat."""
    trades = group(record, TradeGrouping.FLAT_TO_FLAT)
    return summary_inputs(record, trades, metric_inputs(record, trades), verdict)


def shown(record: RunRecord, verdict: Verdict | None = None) -> ReportInputs:
    """The material of its report."""
    trades = group(record, TradeGrouping.FLAT_TO_FLAT)
    measured = metric_inputs(record, trades)
    return report_inputs(record, trades, measured, summary_inputs(record, trades, measured, verdict))
