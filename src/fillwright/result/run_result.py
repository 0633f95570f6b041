"""A finished run as people use it: tables, frames, figures, proof, report, folder.

Everything is computed when it is first asked for, from the one record that the run left behind.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fillwright.analytics.facts import SummaryInputs, Verdict, summary_inputs
from fillwright.analytics.material import report_inputs
from fillwright.analytics.measure import metric_inputs
from fillwright.analytics.metrics import Metric, MetricInputs, metrics
from fillwright.analytics.report import write_report
from fillwright.analytics.summary import summary
from fillwright.config.schema import Config
from fillwright.data.market import Market
from fillwright.journal import Records, RunRecord
from fillwright.model.codes import ExitReason, RunState, Side, TradeStatus
from fillwright.portfolio import Portfolio
from fillwright.result import folder as folders
from fillwright.result.certificate import Certificate, certify
from fillwright.result.explain import Subject, explain
from fillwright.result.folder import Content
from fillwright.result.tables import RunTables
from fillwright.trades import TradeRepository
from fillwright.trades.events import trade_events

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

LEGACY_EXITS = {ExitReason.END_OF_DAY: "EOD_POSITION_CLOSE", ExitReason.END_OF_RUN: "BACKTEST_END_CLOSING"}
"""Names of exit reasons in the previous system, where it had its own."""


class Result:
    """What a run came to. ``print(result)`` is the summary that a trader reads."""

    def __init__(self, record: RunRecord) -> None:
        self._record = record
        self._saved_to: Path | None = None

    @property
    def record(self) -> RunRecord:
        """The run as whole numbers."""
        return self._record

    @property
    def config(self) -> Config:
        """The effective configuration."""
        return self._record.config

    @property
    def state(self) -> RunState:
        """Where the run stands in its life cycle."""
        saved = self._saved_to is not None and self._record.state is RunState.RECONCILED
        return RunState.SAVED if saved else self._record.state

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the run warned about."""
        return self._record.warnings

    @cached_property
    def portfolio(self) -> Portfolio:
        """Views across positions and currencies."""
        return Portfolio(self._record)

    @cached_property
    def repository(self) -> TradeRepository:
        """The trades, to be filtered, grouped and read exactly or as frames."""
        return TradeRepository(self._record, portfolio=self.portfolio)

    @cached_property
    def _trades(self) -> Records:
        return self.repository.records

    @cached_property
    def _tables(self) -> RunTables:
        view = self.portfolio
        computed = {
            "trades": self._trades,
            "trade_events": trade_events(self._record, view),
            "positions": view.positions,
            "equity": view.equity,
            "marks": view.marks,
        }
        record = self._record
        return RunTables({**record.tables, **computed}, record.names, record.market.instruments, record.currencies)

    def tables(self, name: str) -> pa.Table:
        """The exact Arrow table of that name, as it stands in a result folder; UsageError naming the known ones."""
        return self._tables.arrow(name)

    @cached_property
    def trades(self) -> pd.DataFrame:
        """Trades as floats, with ``return``: net profit over the value at entry."""
        return self.repository.frame()

    @cached_property
    def trade_events(self) -> pd.DataFrame:
        """The life of the trades as floats: opened, increased, reduced, protection moved, closed."""
        return self._tables.frame("trade_events")

    @cached_property
    def fills(self) -> pd.DataFrame:
        """Fills as floats."""
        return self._tables.frame("fills")

    @cached_property
    def orders(self) -> pd.DataFrame:
        """Orders as floats, as they stood at the end."""
        return self._tables.frame("orders")

    @cached_property
    def equity(self) -> pd.DataFrame:
        """Equity, cash, value of positions and drawdown by instant, in account currency."""
        return self._tables.frame("equity")

    @cached_property
    def positions(self) -> pd.DataFrame:
        """The position of strategy and instrument after each fill."""
        return self._tables.frame("positions")

    @cached_property
    def certificate(self) -> Certificate:
        """What was compared, and by how much it differed."""
        return certify(self._record, self.portfolio, self._trades)

    @cached_property
    def _measured(self) -> MetricInputs:
        return metric_inputs(self._record, self._trades, self.portfolio)

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """Figures by name: value, or the reason why there is none, and how each is defined."""
        return metrics(self._measured)

    @cached_property
    def _facts(self) -> SummaryInputs:
        return summary_inputs(self._record, self._trades, self._measured, _verdict(self.certificate), self.metrics)

    def __str__(self) -> str:
        return summary(self._facts)

    def __repr__(self) -> str:
        record = self._record
        return f"Result({record.config.run.name!r}, {self.state.name.lower()}, {len(self._trades)} trades)"

    def explain(self, fill: int | None = None, *, order: int | None = None) -> str:
        """How one fill came about: its order, the market it met, each step of the price, fee, lots and funds.

        ``order`` tells the life of an order instead. UsageError if there is none of that number.
        """
        return explain(Subject(self._tables, self.config, self._record.market), fill, order)

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write the report as one self-contained HTML file; returns its path."""
        return write_report(path, report_inputs(self._record, self._trades, self._measured, self._facts))

    def save(self, folder: str | os.PathLike[str], *, overwrite: bool = False, report: bool = False) -> Path:
        """Write the result folder that ``fillwright verify`` checks; returns its path.

        UsageError where the folder holds something else, or a result and ``overwrite`` is not said. ``report`` adds
        report.html.
        """
        record = self._record
        figures = {
            "name": record.config.run.name,
            "reconciled": self.certificate.line(),
            "identity": self.certificate.identity,
            "metrics": folders.metric_facts(self.metrics),
            "funnel": dict(self._facts.funnel),
            "refusals": dict(self._facts.refusals),
            "assumptions": self._facts.assumptions,
            "warnings": record.warnings,
        }
        self._saved_to = folders.save(
            folder,
            self._tables,
            folders.run_facts(record, self.certificate.ok),
            figures,
            self.certificate,
            self.report if report else None,
            overwrite,
        )
        return self._saved_to

    def as_legacy(self) -> dict[str, Any]:
        """The result under the keys of the previous system, with the meaning that they were meant to have.

        ``pnl`` of a trade is net of ``commission``; times are ISO text in UTC.
        """
        record = self._record
        scale = 10 ** record.currencies[0].decimals
        trades, net = self._legacy_trades(), self._trades["net_pnl"]
        final = int(record.equity[-1]) / scale if len(record.equity) else self._measured.start_equity / scale
        one_currency = len(record.currencies) == 1
        gained = int(record.equity[-1]) - self._measured.start_equity if len(record.equity) else 0
        ended = [trade["exit_reason"] for trade in trades]
        return {
            "final_capital": final,
            "positions": self._legacy_positions(),
            "trades": trades,
            "statistics": {
                "bars_processed": int(record.counters.get("bars", len(record.instants))),
                "signals_generated": int(record.counters.get("intents", 0)),
                "orders_generated": len(record.tables["orders"]),
                "trades_executed": len(trades),
                "positions_closed_eod": ended.count("EOD_POSITION_CLOSE"),
            },
            "equity_curve": [
                {"timestamp": moment, "equity": value}
                for moment, value in zip(_iso(record.instants), (record.equity / scale).tolist(), strict=True)
            ],
            "trades_equity_consistent": self.certificate.ok,
            # One currency: the trades' net results are the change of equity, so their signs agree.
            "metrics_consistent": self.certificate.ok and (not one_currency or int(net.sum()) == gained),
        }

    def _legacy_trades(self) -> list[dict[str, Any]]:
        frame, rows = self._tables.frame("trades"), self._trades
        entered, left = _iso(rows["entry_time"]), _iso(rows["exit_time"])
        found = []
        for number, trade in enumerate(frame.to_dict("records")):
            closed = int(rows["status"][number]) == TradeStatus.CLOSED
            reason = ExitReason(int(rows["exit_reason"][number]))
            rule = int(rows["rule_id_entry"][number])
            found.append(
                {
                    "id": f"trade_{number}",
                    "symbol": trade["symbol"],
                    "direction": "LONG" if int(rows["side"][number]) == Side.BUY else "SHORT",
                    "quantity": trade["quantity"],
                    "entry_time": entered[number],
                    "entry_price": trade["entry_price"],
                    "exit_time": left[number] if closed else None,
                    "exit_price": trade["exit_price"] if closed else None,
                    "pnl": trade["net_pnl"],
                    "commission": trade["fees"],
                    "closed": closed,
                    "exit_reason": LEGACY_EXITS.get(reason, reason.name) if closed else None,
                    "rule_id": self._record.names.rules[rule] if rule >= 0 else None,
                }
            )
        return found

    def _legacy_positions(self) -> dict[str, dict[str, float]]:
        """Open positions by symbol, over all strategies."""
        lots = self._record.tables["lots"]
        found = {}
        for index in np.unique(lots["symbol"][lots["remaining"] > 0]).tolist():
            mine = lots[(lots["symbol"] == index) & (lots["remaining"] > 0)]
            quantity = int((mine["side"] * mine["remaining"]).sum())
            instrument = self._record.market.instruments[index]
            mul, div = self._measured.ratios[index]
            price = int(mine["cost"].sum()) / quantity * div / mul / instrument.price_scale if quantity else 0.0
            found[instrument.symbol] = {"quantity": quantity / instrument.quantity_scale, "average_price": price}
        return found


def _iso(times: Any) -> list[str]:
    return [f"{text}Z" for text in np.datetime_as_string(np.asarray(times, np.int64).astype("datetime64[ns]"), "s").tolist()]


def _verdict(certificate: Certificate) -> Verdict:
    """The certificate as the summary words it: it puts ``reconciled`` or ``NOT RECONCILED`` before the text."""
    return Verdict(certificate.ok, certificate.line().split(": ", 1)[1], certificate.identity)


def load(path: str | os.PathLike[str]) -> SavedRun:
    """A result folder, read back; CheckFailed naming the file that is missing, unreadable or of another version."""
    return SavedRun(folders.load(path))


class SavedRun:
    """A result folder, read back: summary, report, explain and tables of the run that wrote it."""

    def __init__(self, saved: Content) -> None:
        self.saved = saved

    @property
    def metrics(self) -> dict[str, Metric]:
        """The figures as they were saved."""
        return self.saved.metrics

    @cached_property
    def _measured(self) -> MetricInputs:
        return metric_inputs(self.saved.record, self.saved.tables.records["trades"])

    @cached_property
    def _facts(self) -> SummaryInputs:
        saved = self.saved
        verdict = Verdict(
            bool(saved.certificate["ok"]), saved.summary["reconciled"].split(": ", 1)[1], saved.summary.get("identity", "")
        )
        facts = summary_inputs(saved.record, saved.tables.records["trades"], self._measured, verdict, saved.metrics)
        return replace(facts, assumptions=tuple((what, said) for what, said in saved.summary["assumptions"]))

    @cached_property
    def repository(self) -> TradeRepository:
        """The trades, to be filtered, grouped and read exactly or as frames."""
        return TradeRepository(self.saved.record, records=self.saved.tables.records["trades"])

    def tables(self, name: str) -> pa.Table:
        """The exact Arrow table of that name; UsageError naming the known ones."""
        return self.saved.tables.arrow(name)

    def frame(self, name: str) -> pd.DataFrame:
        """The table of that name as floats."""
        return self.saved.tables.frame(name)

    def __str__(self) -> str:
        return summary(self._facts)

    def subject(self, market: Market | None = None) -> Subject:
        """What fills and orders are explained from; ``market`` the bars of the run, which the folder does not hold."""
        return Subject(self.saved.tables, self.saved.record.config, market)

    def explain(self, fill: int | None = None, *, order: int | None = None, market: Market | None = None) -> str:
        """How one fill came about, or what became of an order; with ``market``, the bars of the run, also the bar."""
        return explain(self.subject(market), fill, order)

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write the report as one HTML file. Figures are those that were saved; prices are the saved marks."""
        saved = self.saved
        inputs = report_inputs(saved.record, saved.tables.records["trades"], self._measured, self._facts)
        return write_report(path, inputs)
