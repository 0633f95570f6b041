"""From the record of a run to what its report draws and lists."""

from __future__ import annotations

import numpy as np

from fillwright.analytics import format as fmt
from fillwright.analytics.facts import SummaryInputs
from fillwright.analytics.html import Cell
from fillwright.analytics.metrics import MetricInputs
from fillwright.analytics.report import MOST_TRADES, Fills, Prices, ReportInputs, TradeTable
from fillwright.journal import Records, RunRecord
from fillwright.model.codes import ExitReason, Side, TradeStatus
from fillwright.portfolio import standing

HEADS = (
    "No", "Instrument", "Side", "Quantity", "Entry", "Entry price", "Exit", "Exit price", "Net profit", "Return", "Fees",
    "Bars", "Closed by", "Tag",
)  # fmt: skip


def report_inputs(record: RunRecord, trades: Records, measured: MetricInputs, facts: SummaryInputs) -> ReportInputs:
    """What a report of the run shows; ``measured`` and ``facts`` are those of the same run."""
    return ReportInputs(
        facts=facts,
        measured=measured,
        prices=_prices(record),
        trades=_trade_table(record, trades, measured),
        config=record.config.canonical(),
        version=str(record.info.get("fillwright", "")),
    )


def _prices(record: RunRecord) -> tuple[Prices, ...]:
    fills = record.tables["fills"]
    fills = fills[standing(fills)]
    order = np.argsort(fills["symbol"], kind="stable")
    bounds = np.searchsorted(fills["symbol"][order], np.arange(len(record.market.instruments) + 1))
    found = []
    span = (int(record.instants[0]), int(record.instants[-1]) + 1) if len(record.instants) else (0, 0)
    for number, instrument in enumerate(record.market.instruments):
        mine = fills[order[bounds[number] : bounds[number + 1]]]
        feed = record.market.execution_feed(number)
        part = slice(*np.searchsorted(feed.close_time, span).tolist())
        opened = (mine["quantity"] > mine["closing_quantity"]).astype(np.int64)
        marks = Fills(mine["time"], mine["price"], mine["side"], opened)
        found.append(Prices(instrument.symbol, instrument.price_decimals, feed.close_time[part], feed.middle(part), marks))
    return tuple(found)


def _trade_table(record: RunRecord, trades: Records, measured: MetricInputs) -> TradeTable:
    rows = tuple(_row(record, trade, measured) for trade in trades[:MOST_TRADES])
    tagged = any(row[-1].text for row in rows)
    return TradeTable(HEADS if tagged else HEADS[:-1], rows if tagged else tuple(row[:-1] for row in rows), len(trades))


def _row(record: RunRecord, trade: np.void, measured: MetricInputs) -> tuple[Cell, ...]:
    def number(name: str) -> int:
        return int(trade[name])

    symbol = number("symbol")
    instrument = record.market.instruments[symbol]
    price_scale, money_scale = instrument.price_scale, 10 ** record.scales.quote[symbol]
    digits = _price_digits(instrument.tick, instrument.price_decimals)
    is_open = number("status") == TradeStatus.OPEN
    mul, div = measured.ratios[symbol]
    value = abs(number("entry_price") * number("quantity")) * mul / div
    net, fees = number("net_pnl") / money_scale, number("fees") / money_scale
    quantity = number("quantity") / instrument.quantity_scale
    entry, leave = number("entry_price") / price_scale, number("exit_price") / price_scale
    reason = "open" if is_open else ExitReason(number("exit_reason")).name.lower().replace("_", " ")
    gain = number("net_pnl") / value if value else 0.0
    return (
        Cell(str(number("trade_id")), number("trade_id")),
        Cell(instrument.symbol),
        Cell("long" if number("side") == Side.BUY else "short"),
        Cell(f"{quantity:,.{instrument.quantity_decimals}f}", quantity),
        Cell(fmt.moment(number("entry_time"))),
        Cell(fmt.number(entry, digits), entry),
        Cell("" if is_open else fmt.moment(number("exit_time"))),
        Cell(fmt.number(leave, digits), leave),
        Cell(fmt.number(net), net),
        Cell(fmt.fraction(gain) if value else fmt.NONE, gain),
        Cell(fmt.number(fees), fees),
        Cell(str(number("bars_held")), number("bars_held")),
        Cell(reason),
        Cell(_name(record.names.tags, number("tag"))),
    )


def _price_digits(tick: int, decimals: int) -> int:
    """Decimals worth showing: those of the tick, else at most four."""
    while tick and tick % 10 == 0 and decimals > 0:
        tick, decimals = tick // 10, decimals - 1
    return decimals if tick else min(decimals, 4)


def _name(names: tuple[str, ...], index: int) -> str:
    return names[index] if index >= 0 else ""
