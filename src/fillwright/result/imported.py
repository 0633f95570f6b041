"""Trades of another system as a result folder: our standard record of them, with what was assumed and what was found.

The folder has the files of every result folder and the state ``imported``. Only trades and equity have rows: there are no
orders, fills and postings to recompute anything from.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fillwright._version import __version__
from fillwright.analytics.metrics import MetricInputs, metrics
from fillwright.config.schema import Config
from fillwright.errors import UsageError
from fillwright.journal import Names, Records
from fillwright.model.codes import ExitReason, TradeStatus
from fillwright.model.columns import EQUITY, FILES, SCHEMA_VERSION, TRADES
from fillwright.model.instrument import MONEY_DECIMALS, Currency, Instrument
from fillwright.result.certificate import Certificate
from fillwright.result.folder import FORMAT, IMPORTED, instrument_facts, metric_facts, save
from fillwright.result.tables import RunTables

if TYPE_CHECKING:
    from fillwright.legacy.trades import OldRun, OldTrade

PnlKind = Literal["gross", "net"]

STRATEGY = "imported"
MOST_DECIMALS = 9
DAY_NS = 86_400_000_000_000

EXITS = {
    "eod_position_close": ExitReason.END_OF_DAY,
    "backtest_end_closing": ExitReason.END_OF_RUN,
    **{reason.name.lower(): reason for reason in ExitReason if reason is not ExitReason.NONE},
}
"""Exit reasons of the previous system, and our own by name."""


def save_imported(
    run: OldRun,
    pnl: PnlKind,
    folder: str | os.PathLike[str],
    *,
    cash: str | None = None,
    source: str = "",
    overwrite: bool = False,
) -> Path:
    """Write the folder of an imported run; returns its path.

    ``pnl`` says whether stated results are before (gross) or after (net) fees; ``cash`` is what the account began with,
    ``source`` names the file. ``run.assumed`` is added to. UsageError where numbers do not fit or the folder holds something.
    """
    tables = _Tables(run, pnl, cash)
    facts = tables.facts(source)
    figures = {
        "name": facts["config"]["run"]["name"],
        "reconciled": "reconciled: not at all, imported from another system",
        "metrics": metric_facts(metrics(tables.measured())),
        "funnel": {},
        "refusals": {},
        "assumptions": [["imported", text] for text in run.assumed],
        "warnings": run.found,
    }
    return save(folder, tables.run_tables(), facts, figures, Certificate(()), overwrite=overwrite)


class _Tables:
    """Trades and equity as whole numbers."""

    def __init__(self, run: OldRun, pnl: PnlKind, cash: str | None) -> None:
        self.run, self.pnl = run, pnl
        self.symbols = tuple(dict.fromkeys(trade.symbol for trade in run.trades))
        self.rules = tuple(dict.fromkeys(trade.rule_id for trade in run.trades if trade.rule_id))
        self.rounded = 0
        prices = [price for trade in run.trades for price in (trade.entry_price, trade.exit_price)]
        self.price_decimals = _decimals(prices)
        self.quantity_decimals = _decimals([trade.quantity for trade in run.trades])
        self.start = self._start(cash)
        self.trades = self._trades()
        self.equity = self._equity()
        if self.rounded:
            run.assumed.append(f"{self.rounded} numbers have more decimals than are counted, and were rounded half to even")

    def _start(self, cash: str | None) -> Fraction | None:
        """What the account began with; None = nobody says."""
        if cash is not None:
            try:
                start = Fraction(cash)
            except ValueError:
                raise UsageError(
                    f"{cash!r} is no amount of money", where="--cash", remedy="write a number: --cash 100000"
                ) from None
            if start <= 0:
                raise UsageError("must be above 0", where="--cash", remedy="write what the account began with: --cash 100000")
            return start
        if self.run.equity:
            self.run.assumed.append("the account began with the first equity of the file (--cash says otherwise)")
            return self.run.equity[0].equity
        return None

    def _whole(self, value: Fraction, decimals: int) -> int:
        scaled = value * 10**decimals
        self.rounded += scaled.denominator != 1
        whole: int = round(scaled)
        if abs(whole) >= 2**62:
            raise UsageError(f"{float(value):g} is too large to be counted in {decimals} decimals", remedy="correct the file")
        return whole

    def _trades(self) -> Records:
        rows = np.zeros(len(self.run.trades), TRADES.dtype)
        without = 0
        for number, trade in enumerate(self.run.trades):
            row = rows[number]
            gain = trade.side * (trade.exit_price - trade.entry_price) * trade.quantity if trade.closed else Fraction(0)
            fees = self._whole(trade.fees, MONEY_DECIMALS)
            without += trade.closed and trade.pnl is None
            stated = trade.pnl if trade.closed else None
            before_fees = stated is None or self.pnl == "gross"
            result = self._whole(gain if stated is None else stated, MONEY_DECIMALS)
            row["gross_pnl"], row["net_pnl"] = (result, result - fees) if before_fees else (result + fees, result)
            row["fees"] = fees
            row["trade_id"], row["symbol"], row["side"] = number, self.symbols.index(trade.symbol), trade.side
            row["quantity"] = self._whole(trade.quantity, self.quantity_decimals)
            row["entry_time"], row["exit_time"] = trade.entry_time, trade.exit_time
            row["entry_price"] = self._whole(trade.entry_price, self.price_decimals)
            row["exit_price"] = self._whole(trade.exit_price, self.price_decimals) if trade.closed else row["entry_price"]
            row["status"] = TradeStatus.CLOSED if trade.closed else TradeStatus.OPEN
            row["exit_reason"] = self._reason(trade)
            row["rule_id_entry"] = self.rules.index(trade.rule_id) if trade.rule_id else -1
            for name in ("rule_id_exit", "tag", "entry_order", "exit_order", "entry_fill", "exit_fill"):
                row[name] = -1
        self._say_results(without)
        return rows

    def _say_results(self, without: int) -> None:
        notes = self.run.assumed
        notes.append(f"results are {self.pnl}, as declared: {'before' if self.pnl == 'gross' else 'after'} fees")
        if without:
            notes.append(f"{without} closed trades state no result: computed from their prices")
        if opened := sum(not trade.closed for trade in self.run.trades):
            notes.append(f"{opened} trades are open: no last price is known, so their result is 0 less the fees paid")

    def _reason(self, trade: OldTrade) -> int:
        if not trade.closed:
            return ExitReason.NONE
        return EXITS.get(trade.exit_reason.lower(), ExitReason.SIGNAL)

    def _equity(self) -> Records:
        """Rows of the equity file, else cash and the results of closed trades; nothing where neither is known."""
        if self.run.equity:
            if any(row.cash is None for row in self.run.equity):
                self.run.assumed.append("equity: the file has no cash; taken as equity, positions as 0")
            points = [(row.time, row.equity, row.equity if row.cash is None else row.cash) for row in self.run.equity]
        elif self.start is not None:
            self.run.assumed.append("no equity file: equity is --cash and the net results of closed trades, at their exits")
            points = list(self._from_trades(self.start))
        else:
            self.run.assumed.append("no equity: neither --equity nor --cash was given")
            points = []
        rows = np.zeros(len(points), EQUITY.dtype)
        for row, (time, equity, cash) in zip(rows, points, strict=True):
            row["instant"] = time
            row["equity"], row["cash"] = self._whole(equity, MONEY_DECIMALS), self._whole(cash, MONEY_DECIMALS)
        rows["positions_value"] = rows["equity"] - rows["cash"]
        rows["drawdown"] = np.maximum.accumulate(rows["equity"]) - rows["equity"] if len(rows) else 0
        return rows

    def _from_trades(self, start: Fraction) -> Iterable[tuple[int, Fraction, Fraction]]:
        gained: dict[int, Fraction] = {min((trade.entry_time for trade in self.run.trades), default=0): Fraction(0)}
        for row in self.trades:
            if row["exit_time"]:
                time = int(row["exit_time"])
                gained[time] = gained.get(time, Fraction(0)) + Fraction(int(row["net_pnl"]), 10**MONEY_DECIMALS)
        total = start
        for time in sorted(gained):
            total += gained[time]
            yield time, total, total

    def run_tables(self) -> RunTables:
        """All tables of a folder; those that an import cannot fill are empty."""
        records: dict[str, Records] = {table.name: np.zeros(0, table.dtype) for table in FILES}
        names = Names((STRATEGY,), self.symbols, (), self.rules)
        return RunTables(
            {**records, "trades": self.trades, "equity": self.equity}, names, self._instruments(), self._currencies()
        )

    def _instruments(self) -> tuple[Instrument, ...]:
        return tuple(
            Instrument(symbol, price_decimals=self.price_decimals, quantity_decimals=self.quantity_decimals)
            for symbol in self.symbols
        )

    @staticmethod
    def _currencies() -> tuple[Currency, ...]:
        return (Currency("USD", MONEY_DECIMALS),)

    def measured(self) -> MetricInputs:
        """What the figures of an imported run are computed from; days end at 00:00 UTC."""
        instants = np.ascontiguousarray(self.equity["instant"])
        day = (instants - 1) // DAY_NS
        closes = np.flatnonzero(np.append(day[1:] != day[:-1], True)) if len(instants) else np.zeros(0, np.int64)
        scale = 10**MONEY_DECIMALS
        return MetricInputs(
            instants=instants,
            equity=np.ascontiguousarray(self.equity["equity"]),
            scale=scale,
            day_close_index=closes.astype(np.int64),
            start_time=int(instants[0]) if len(instants) else 0,
            start_equity=round((self.start or Fraction(0)) * scale),
            trades=self.trades,
            ratios=tuple(one.money_ratio() for one in self._instruments()),
            fees=float(self.trades["fees"].sum()) / scale,
        )

    def facts(self, source: str) -> dict[str, Any]:
        """The content of run.json."""
        cash = None if self.start is None else {"USD": f"{float(self.start):g}"}
        config = Config().canonical()
        config["run"]["name"] = Path(source).stem or "imported"
        config["report"]["trades"] = "lot"
        config["account"]["initial_cash"] = cash or {}
        return {
            "format": FORMAT,
            "schema_version": SCHEMA_VERSION,
            "state": IMPORTED,
            "error": None,
            "error_at": 0,
            "config": config,
            "instruments": [instrument_facts(one) for one in self._instruments()],
            "currencies": [{"code": one.code, "decimals": one.decimals} for one in self._currencies()],
            "fx": [None],
            "names": {"strategies": [STRATEGY], "tags": [], "rules": list(self.rules)},
            "counters": {},
            "info": {"fillwright": __version__},
            "warnings": [],
            "data": {"digest": "", "findings": [], "timeframes": []},
            "timings": {},
            "imported": {"source": source, "pnl": self.pnl, "assumed": list(self.run.assumed), "found": list(self.run.found)},
        }


def _decimals(values: Sequence[Fraction]) -> int:
    """Smallest number of decimals at which all are exact, 9 where none is."""
    for decimals in range(MOST_DECIMALS):
        if all(10**decimals % value.denominator == 0 for value in values):
            return decimals
    return MOST_DECIMALS
