"""From the record of a run to the inputs of its figures. Money of other currencies counts at the rate of its instant."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fillwright.analytics.metrics import MetricInputs
from fillwright.journal import Ints, Records, RunRecord
from fillwright.model.codes import Account, TradeStatus
from fillwright.model.instrument import FX_SCALE
from fillwright.portfolio import Portfolio, standing

Floats = npt.NDArray[np.float64]


def metric_inputs(
    record: RunRecord, trades: Records, portfolio: Portfolio | None = None, periods_per_year: float | None = None
) -> MetricInputs:
    """What the figures of a run are computed from.

    ``trades`` rows of TRADES of this record; ``portfolio`` its views, if they are there already; ``periods_per_year``
    overrides what the data show. Benchmark and risk-free rate come from the section ``report`` of the configuration.
    """
    view = portfolio or Portfolio(record)
    closes = day_closes(record)
    start, flows = _capital(record, view)
    fills, settings = record.tables["fills"], record.config.report
    worth = _fill_worth(record, view)
    rates = _trade_rates(record, view, trades)
    return MetricInputs(
        instants=record.instants,
        equity=record.equity,
        scale=10 ** record.currencies[0].decimals,
        day_close_index=closes,
        start_time=start_time(record),
        start_equity=start,
        currency=record.currencies[0].code,
        flows=flows,
        trades=trades,
        ratios=_ratios(record),
        trade_rates=rates,
        marks_in_position=_marks_in_position(view),
        traded_value=float(np.sum((fills["notional"] * worth)[standing(fills)])),
        fees=float(np.sum(fills["fee"] * worth)),
        slippage=float(np.sum(trades["slippage_cost"] * rates)),
        periods_per_year=periods_per_year,
        risk_free_rate=float(settings.risk_free_rate),
        benchmark=_benchmark(record, view, closes, settings.benchmark) if settings.benchmark else None,
    )


def start_time(record: RunRecord) -> int:
    """ns UTC at which the first stored bar opened; 0 where nothing was stored."""
    if not len(record.instants):
        return 0
    first = int(record.instants[0])
    opened = [first]
    for instrument in range(len(record.market.instruments)):
        feed = record.market.execution_feed(instrument)
        row = int(np.searchsorted(feed.close_time, first, "left"))
        if row < len(feed.close_time) and int(feed.close_time[row]) == first:
            opened.append(int(feed.open_time[row]))
    return min(opened)


def day_closes(record: RunRecord) -> Ints:
    """int64[d]: number of the last stored instant of each trading day.

    Days are those of the instrument with the most of them (the first of equals): a day ends when that instrument's next one
    opens, so that instruments with other hours, or with gaps, do not split it.
    """
    size = len(record.instants)
    if not size:
        return np.empty(0, np.int64)
    feeds = [record.market.execution_feed(i) for i in range(len(record.market.instruments))]
    days = [int(np.count_nonzero(feed.day_last)) for feed in feeds]
    feed = feeds[int(np.argmax(days))]
    last = np.flatnonzero(feed.day_last)
    opens = feed.open_time[last[last + 1 < len(feed.open_time)] + 1]
    index = np.searchsorted(record.instants, opens, "right") - 1
    # What was stored after the last day's end still counts as that day.
    index = np.unique(np.append(index, size - 1))
    return np.asarray(index[index >= 0], np.int64)


def _scales(record: RunRecord) -> Floats:
    """float64[currencies]: money units to whole currency."""
    return np.array([10.0**-currency.decimals for currency in record.currencies])


def _rate_at(record: RunRecord, view: Portfolio, currency: Ints, where: Ints) -> Floats:
    """float64[n]: account currency per money unit of each row's currency at a stored instant."""
    worth = _scales(record)[currency]
    if np.any(currency):
        worth = worth * view.books.rate[currency, np.minimum(where, len(record.instants) - 1)] / FX_SCALE
    return np.asarray(worth, np.float64)


def _fill_worth(record: RunRecord, view: Portfolio) -> Floats:
    fills = record.tables["fills"]
    return _rate_at(record, view, record.quote_currency[fills["symbol"]], view.at(fills["instant"]))


def _trade_rates(record: RunRecord, view: Portfolio, trades: Records) -> Floats:
    """At the exit; for an open trade at the end."""
    fills = record.tables["fills"]
    where = np.full(len(trades), len(record.instants) - 1, np.int64)
    closed = trades["status"] == TradeStatus.CLOSED
    where[closed] = view.at(fills["instant"][trades["exit_fill"][closed]])
    return _rate_at(record, view, record.quote_currency[trades["symbol"]], where)


def _ratios(record: RunRecord) -> tuple[tuple[int, int], ...]:
    decimals = record.scales.quote
    return tuple(item.money_ratio(digits) for item, digits in zip(record.market.instruments, decimals, strict=True))


def _capital(record: RunRecord, view: Portfolio) -> tuple[int, Ints | None]:
    """(money units that the run began with, payments in and out afterwards by stored instant or None)."""
    postings = record.tables["postings"]
    rows = postings[postings["account"] == Account.TRANSFERS]
    if not len(rows) or not len(record.instants):
        return (int(-rows["money"].sum()) if not np.any(rows["currency"]) else 0), None
    where = np.minimum(view.at(rows["instant"]), len(record.instants) - 1)
    base = 10 ** record.currencies[0].decimals
    paid = np.rint(-rows["money"] * _rate_at(record, view, rows["currency"], where) * base).astype(np.int64)
    own = rows["currency"] == 0
    paid[own] = -rows["money"][own]
    first = where == 0
    if first.all():
        return int(paid.sum()), None
    flows = np.zeros(len(record.instants), np.int64)
    np.add.at(flows, where[~first], paid[~first])
    return int(paid[first].sum()), flows


def _marks_in_position(view: Portfolio) -> int:
    """Stored instants at which anything was held, after their fills."""
    record = view.record
    size = len(record.instants)
    change = np.zeros(size + 1, np.int64)
    where = view.at(record.tables["fills"]["instant"])
    for _, _, part in view.groups:
        rows = view.fill_order[part]
        at, held = where[rows], view.quantity[rows] != 0
        last = np.append(np.flatnonzero(np.diff(at)), len(at) - 1)
        step = np.diff(np.concatenate(([0], held[last].astype(np.int64))))
        np.add.at(change, at[last], step)
    return int(np.count_nonzero(np.cumsum(change[:size])))


def _benchmark(record: RunRecord, view: Portfolio, closes: Ints, symbol: str) -> Floats:
    """float64[d + 1]: the benchmark in account currency, from the open of its first stored bar; 0 where it has no price."""
    number = record.market.instrument_index(symbol)
    feed, size = record.market.execution_feed(number), len(record.instants)
    if not size:
        return np.zeros(len(closes) + 1)
    row = int(np.searchsorted(feed.close_time, int(record.instants[0]), "left"))
    marks = view.mark(number)[closes]
    first = int(feed.open[row]) if row < len(feed.open) else 0
    prices = np.concatenate(([first], marks)).astype(np.float64)
    currency = np.full(len(prices), record.quote_currency[number], np.int64)
    return prices * _rate_at(record, view, currency, np.concatenate(([0], closes)))
