"""The one place to ask for trades: filter them, group them, read them exactly or as frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from fillwright.data.market import DAY_NS, suggest
from fillwright.data.zones import When, parse_when, to_wall, trading_days
from fillwright.errors import UsageError
from fillwright.journal import Ints, Records, RunRecord, View, to_frame, to_polars
from fillwright.model.codes import ExitReason, Side, TradeGrouping, TradeStatus
from fillwright.model.columns import TRADES
from fillwright.portfolio import Portfolio
from fillwright.trades.grouping import group

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

Texts = str | Sequence[str]
Moment = Literal["entry_time", "exit_time"]

_CODES: dict[str, type[IntEnum]] = {"side": Side, "status": TradeStatus, "exit_reason": ExitReason}
_NAMES = {"symbol": "symbol", "strategy": "strategy", "tag": "tag", "rule": "rule_id_entry", "rule_exit": "rule_id_exit"}
_SPANS = {"year": 4, "month": 7, "day": 10, "hour": 2}
"""Spans of time that trades are grouped by, and how many letters of a date name one."""

_KEYS = (*_NAMES, *_CODES, *_SPANS, "profit")
_HOUR_NS = DAY_NS // 24


class TradeRepository:
    """Trades of one run: all of them, or those that were asked for.

    ``where``, ``between`` and ``profit`` give a smaller repository, ``group_by`` one per group, ``grouped`` the same run's
    trades in another grouping; nothing changes the one that was asked. Trades are made when they are first needed. Iterating
    gives views: ``trade.net_pnl`` is a float, ``trade.exact("net_pnl")`` a Decimal.

    ``grouping`` is ``report.trades`` of the configuration unless given: lot, fill_to_fill or flat_to_flat. ``records`` are
    rows of ``columns.TRADES`` that were made before.
    """

    def __init__(
        self,
        record: RunRecord,
        grouping: str | None = None,
        *,
        portfolio: Portfolio | None = None,
        records: Records | None = None,
    ) -> None:
        chosen = grouping or record.config.report.trades
        known = [how.name.lower() for how in TradeGrouping]
        if chosen not in known:
            raise UsageError(f"no grouping {chosen!r}", remedy=suggest(chosen, known, "groupings"))
        self.record = record
        self.grouping = TradeGrouping[chosen.upper()]
        self._portfolio = portfolio
        self._given = records

    @cached_property
    def records(self) -> Records:
        """The trades as whole numbers: record array of ``columns.TRADES``."""
        return group(self.record, self.grouping, self._portfolio) if self._given is None else self._given

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[View]:
        names, scales = self.record.names, self.record.scales
        return (View(TRADES, row, names, scales) for row in self.records)

    def __getitem__(self, place: int) -> View:
        return View(TRADES, self.records[place], self.record.names, self.record.scales)

    def __repr__(self) -> str:
        return f"TradeRepository({len(self)} trades, {self.grouping.name.lower()})"

    # -- fewer -----------------------------------------------------------------------------------------------------------

    def where(
        self, *, symbol: Texts | None = None, strategy: Texts | None = None, side: Texts | None = None,
        status: Texts | None = None, tag: Texts | None = None, rule: Texts | None = None, exit_reason: Texts | None = None,
    ) -> TradeRepository:  # fmt: skip
        """Trades with one of the given values in every column that is named; texts as in the frames, sides also long and short.

        ``tag`` and ``rule`` are those of the entry order; a text that no order carries fits no trade. UsageError for a symbol,
        strategy or code that there is none of.
        """
        keep = np.ones(len(self), np.bool_)
        for name, wanted in (("symbol", symbol), ("strategy", strategy), ("tag", tag), ("rule", rule)):
            if wanted is not None:
                keep &= np.isin(self.records[_NAMES[name]], self._indices(name, _several(wanted)))
        for name, wanted in (("side", side), ("status", status), ("exit_reason", exit_reason)):
            if wanted is not None:
                keep &= np.isin(self.records[name], [_code(name, text) for text in _several(wanted)])
        return self._part(keep)

    def between(self, start: When | None = None, end: When | None = None, *, by: Moment = "entry_time") -> TradeRepository:
        """Trades that were entered (or left: ``by="exit_time"``) from start to end, both included.

        Bounds are read as by ``read_bars``: a date means the whole trading day of the instrument, a time without zone its
        local clock. Open trades have no exit time.
        """
        if by not in ("entry_time", "exit_time"):
            raise UsageError(f"by={by!r}", remedy='write by="entry_time" or by="exit_time"')
        keep = self.records[by] != 0
        for number, rows, zone in self._by_instrument():
            times = self.records[by][rows]
            days = trading_days(times, zone, self.record.market.instruments[number].session)
            for bound, late in ((start, False), (end, True)):
                if bound is not None:
                    value, is_day = parse_when(bound, zone)
                    own = days if is_day else times
                    keep[rows] &= own <= value if late else own >= value
        return self._part(keep)

    def profit(self, *, above: Decimal | float | None = None, below: Decimal | float | None = None) -> TradeRepository:
        """Trades whose net result, in the quote currency of their instrument, is above and below the bounds: winners are
        ``profit(above=0)``. Compared exactly.
        """
        scale = 10 ** np.array(self.record.scales.quote, object)[self.records["symbol"]]
        keep, net = np.ones(len(self), np.bool_), self.records["net_pnl"].astype(object)
        for bound, sign in ((above, 1), (below, -1)):
            if bound is not None:
                numerator, denominator = _exact(bound).as_integer_ratio()
                keep &= np.asarray(sign * (net * denominator - numerator * scale) > 0, np.bool_)
        return self._part(keep)

    def _part(self, keep: npt.NDArray[np.bool_]) -> TradeRepository:
        rows = self.records[keep]
        return TradeRepository(self.record, self.grouping.name.lower(), portfolio=self._portfolio, records=rows)

    def _indices(self, name: str, texts: Sequence[str]) -> list[int]:
        known = {text: index for index, text in enumerate(self.record.names.of(_NAMES[name]))}
        for text in texts:
            if name in ("symbol", "strategy") and text not in known:
                kinds = {"symbol": "symbols", "strategy": "strategies"}
                raise UsageError(f"no {name} {text!r} in the run", remedy=suggest(text, known, kinds[name]))
        return [known[text] for text in texts if text in known]

    # -- groups ----------------------------------------------------------------------------------------------------------

    def grouped(self, grouping: str) -> TradeRepository:
        """All trades of the run in another grouping: lot, fill_to_fill or flat_to_flat."""
        return TradeRepository(self.record, grouping, portfolio=self._portfolio)

    def group_by(self, key: str) -> dict[str | None, TradeRepository]:
        """The trades by symbol, strategy, tag, rule, rule_exit, side, status, exit_reason, year, month or day (trading day of
        the entry), hour (of its local clock) or profit (won, lost, even).

        Only groups that have trades; None is the group of those without (no tag, say). They add up to this repository.
        """
        if key not in _KEYS:
            raise UsageError(f"trades cannot be grouped by {key!r}", remedy=suggest(key, _KEYS, "keys"))
        values, texts = self._keys(key)
        found = {}
        for value in np.unique(values).tolist():
            found[texts(value)] = self._part(values == value)
        return found

    def _keys(self, key: str) -> tuple[Ints, Any]:
        """(int64[trades] of a key, function from one of them to its text)."""
        if key in _NAMES:
            names = self.record.names.of(_NAMES[key])
            return self.records[_NAMES[key]], lambda value: names[value] if value >= 0 else None
        if key in _CODES:
            return self.records[key], lambda value: _CODES[key](value).name.lower() if value else None
        if key == "profit":
            return np.sign(self.records["net_pnl"]), {1: "won", -1: "lost", 0: "even"}.get
        values = np.zeros(len(self), np.int64)
        for number, rows, zone in self._by_instrument():
            times = self.records["entry_time"][rows]
            if key == "hour":
                values[rows] = to_wall(times, zone) % DAY_NS // _HOUR_NS
            else:
                days = trading_days(times, zone, self.record.market.instruments[number].session).astype("datetime64[D]")
                first = days.astype(f"datetime64[{key[0].upper()}]").astype("datetime64[D]")
                values[rows] = first.astype(np.int64)
        if key == "hour":
            return values, lambda value: f"{value:02}"
        return values, lambda value: str(np.datetime64(value, "D"))[: _SPANS[key]]

    def _by_instrument(self) -> Iterator[tuple[int, Ints, str]]:
        for number in np.unique(self.records["symbol"]).tolist():
            yield number, np.flatnonzero(self.records["symbol"] == number), self.record.market.instruments[number].timezone

    # -- reading ---------------------------------------------------------------------------------------------------------

    def total(self, column: str = "net_pnl") -> dict[str, Decimal]:
        """Exact sum of a money column by currency; currencies without trades are left out."""
        money = [item.name for item in TRADES.columns if item.kind == "money"]
        if column not in money:
            raise UsageError(f"there is no sum of {column!r}", remedy=suggest(column, money, "columns"))
        quote = self.record.quote_currency[self.records["symbol"]]
        return {
            currency.code: Decimal(int(self.records[column][quote == number].sum())).scaleb(-currency.decimals)
            for number, currency in enumerate(self.record.currencies)
            if np.any(quote == number)
        }

    def exact(self) -> list[dict[str, Any]]:
        """One dict a trade: prices, quantities and money as Decimal, codes and names as text or None, times as ns UTC."""
        return [_plain(view) for view in self]

    def frame(self) -> pd.DataFrame:
        """A pandas frame of floats, with ``return``: net profit over the value at entry."""
        frame = to_frame(TRADES, self.records, self.record.names, self.record.scales, self.records["symbol"])
        frame.insert(frame.columns.get_loc("net_pnl") + 1, "return", self._returns())
        return frame

    def polars(self) -> pl.DataFrame:
        """A polars frame of floats, with ``return``; what does not apply is null."""
        frame = to_polars(TRADES, self.records, self.record.names, self.record.scales, self.records["symbol"])
        place = frame.get_column_index("net_pnl") + 1
        return frame.insert_column(place, type(frame)({"return": self._returns()})["return"])

    def _returns(self) -> npt.NDArray[np.float64]:
        rows, record = self.records, self.record
        instruments = zip(record.market.instruments, record.scales.quote, strict=True)
        ratio = np.array([mul / div for mul, div in (item.money_ratio(digits) for item, digits in instruments)])
        value = np.abs(rows["entry_price"].astype(np.float64) * rows["quantity"]) * ratio[rows["symbol"]]
        out = np.full(len(rows), np.nan)
        np.divide(rows["net_pnl"], value, out=out, where=value > 0)
        return out


def _several(wanted: Texts) -> Sequence[str]:
    return (wanted,) if isinstance(wanted, str) else wanted


def _code(name: str, text: str) -> int:
    known = {member.name.lower(): int(member) for member in _CODES[name]}
    if name == "side":
        known |= {"long": int(Side.BUY), "short": int(Side.SELL)}
    if text not in known:
        raise UsageError(f"no {name} {text!r}", remedy=suggest(str(text), known, "words"))
    return known[text]


def _exact(bound: Decimal | float) -> Decimal:
    value = Decimal(str(bound))
    if not value.is_finite():
        raise UsageError(f"a bound must be a finite number, got {bound!r}")
    return value


def _plain(view: View) -> dict[str, Any]:
    row = view.as_dict()
    for column in TRADES.columns:
        if column.kind in ("price", "quantity", "money"):
            row[column.name] = view.exact(column.name)
        elif column.kind == "code":
            row[column.name] = row[column.name].name.lower()
    return row
