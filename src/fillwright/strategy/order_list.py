"""Explicit orders with their times: ``fw.OrderList(frame)``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fillwright.config.schema import Config
from fillwright.data.market import Ints, Market, suggest
from fillwright.data.tables import RawTable, open_table
from fillwright.data.times import read_stamps
from fillwright.errors import UsageError
from fillwright.kernel import drivers
from fillwright.kernel.state import TICKET
from fillwright.model.codes import OrderType, SizeMode, TimeInForce
from fillwright.model.instrument import PRICE_TOLERANCE
from fillwright.strategy import rare_columns
from fillwright.strategy.frames import TIME_NAMES, Floats, Stamp, TimeAxis
from fillwright.strategy.schedule import LARGEST, ReadyMade, Schedule, offsets_of, whole_sizes

Mask: TypeAlias = npt.NDArray[np.bool_]

COLUMNS = ("time", "symbol", "side", "quantity", "value", "weight", "risk", "type", "limit", "stop", "tif", "expire", "tag", "rule_id",
           "lot", *rare_columns.COLUMNS)  # fmt: skip
_SIDES = {"buy": 1, "long": 1, "1": 1, "+1": 1, "1.0": 1, "sell": -1, "short": -1, "-1": -1, "-1.0": -1}
_LIVES = {name.lower(): TimeInForce[name] for name in ("DAY", "GTC", "GTD", "IOC", "FOK", "OPG", "CLS")}
_SIZES = {"quantity": ("units", SizeMode.UNITS), "value": ("values", SizeMode.VALUE), "weight": ("weights", SizeMode.WEIGHT),
          "risk": ("weights", SizeMode.RISK)}  # fmt: skip
_INDEX = "__index_level_0__"


class OrderList(ReadyMade):
    """A table of orders, one a row: a pandas or polars frame, an Arrow table, a dict of arrays, or a CSV or Parquet file.

    time             when it is decided: the close of a bar, its open (decided when it closes), or a date; or the frame's index
    symbol           may be left out where the market has one instrument
    side             buy or sell (or 1, -1)
    quantity, value, weight, risk   the size: units, account money, a fraction of equity, or the one lost at ``stop_loss``; one in each row
    per              with risk: the price move that loses it, instead of the way to ``stop_loss``
    type             market, limit, stop or stop_limit; without it, what ``limit`` and ``stop`` make it
    limit, stop      prices
    touch, trail, trail_limit, take_profit, stop_loss, display, post_only, reduce_only   as in ``self.buy``; a type is then what they make
    oco              a name: rows of one time with the same name cancel each other
    after            number (from 0) of an earlier row of the same time, after whose fill this one is released
    tif, expire      DAY, GTC, GTD (until ``expire``), IOC, FOK, OPG or CLS; without it the configuration's
    tag, rule_id     text kept with the order
    lot              number of the lot to close first, where the account books lots ``specific``; lots are numbered from 0 as they open

    Rows of one time are sent in their order. UsageError names row (from 0) and column of what does not fit.
    """

    _entry = staticmethod(drivers.orders_driver)

    def __init__(self, table: Any, *, stamp: Stamp | None = None) -> None:
        super().__init__(stamp=stamp)
        self._table = table

    def _build(self, market: Market, config: Config) -> Schedule:
        rows = _Rows(open_table(self._table), market, config.orders.off_tick)
        instruments = rows.symbols()
        instants = rows.instants(instruments, self._stamp)
        tickets = np.zeros((len(instants), len(TICKET)), np.int64)
        fields = {name: tickets[:, k] for k, name in enumerate(TICKET)}
        fields["t_instrument"][:] = instruments
        fields["t_side"][:] = rows.codes("side", _SIDES, "buy or sell")
        fields["t_size_mode"][:], fields["t_size"][:] = rows.sizes(instruments, config)
        limits, stops = rows.prices("limit", instruments), rows.prices("stop", instruments)
        fields["t_type"][:] = rows.types(limits, stops)
        fields["t_limit"][:], fields["t_stop"][:] = limits, stops
        fields["t_tif"][:], fields["t_expire"][:] = rows.lives(int(TimeInForce[config.orders.time_in_force]))
        fields["t_lot"][:] = rows.lots(config)
        rare_columns.fill_rare(rows, fields, instruments)
        rows.check_types(fields["t_type"])
        order = np.argsort(instants, kind="stable")
        tickets = np.column_stack((tickets[order], rare_columns.mates(rows, instants, order)))
        tickets[:, TICKET.index("t_after")] = rare_columns.places_after(rows, instants, order)
        fields = {name: tickets[:, k] for k, name in enumerate(TICKET)}
        fields["t_rule"][:], self.rules = rows.names("rule_id", order)
        fields["t_tag"][:], self.tags = rows.names("tag", order)
        empty = np.zeros(0, np.int32), np.zeros(0, np.uint8)
        return Schedule(offsets_of(instants[order], market), 0, *empty, np.ascontiguousarray(tickets))


class _Rows:
    """The columns of a table of orders, checked one by one."""

    def __init__(self, table: RawTable, market: Market, off_tick: str) -> None:
        self.market = market
        self.off_tick = off_tick
        self.places = table.places
        self.names_of = {_known(name): name for name in table.names}
        unknown = [name for name in self.names_of if name not in COLUMNS]
        if unknown:
            raise UsageError(f"OrderList: unknown column {unknown[0]!r}", remedy=suggest(unknown[0], COLUMNS, "columns"))
        needed = ["time", "side"] + ["symbol"] * (len(market.instruments) > 1)
        for name in needed:
            if name not in self.names_of:
                raise UsageError(f"OrderList has no column {name!r}", remedy=f"it has: {', '.join(table.names)}")
        found = table.fetch(list(self.names_of.values()))
        self.columns: Mapping[str, pa.ChunkedArray] = {name: _filled(found[own]) for name, own in self.names_of.items()}
        self.count = len(self.columns["time"])

    def refuse(self, row: int, column: str, message: str, remedy: str) -> UsageError:
        """The error for one cell."""
        own = self.names_of.get(column, column)
        return UsageError(f"OrderList, column {own}: {message}", where=self.places([row])[0], remedy=remedy)

    def _missing(self, name: str) -> Mask:
        if name not in self.columns:
            return np.ones(self.count, np.bool_)
        return np.asarray(pc.is_null(self.columns[name]).to_numpy(), np.bool_)

    def words(self, name: str) -> tuple[npt.NDArray[np.int64], list[str]]:
        """(index into the distinct words, -1 where empty; the words)."""
        column = self.columns.get(name)
        if column is None:
            return np.full(self.count, -1, np.int64), []
        encoded = pc.dictionary_encode(pc.cast(column, pa.string())).combine_chunks()
        if isinstance(encoded, pa.ChunkedArray):  # no rows
            return np.zeros(0, np.int64), []
        indices = np.asarray(pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False), np.int64)
        return indices, encoded.dictionary.to_pylist()

    def codes(self, name: str, known: Mapping[str, int], expected: str, default: int | None = None) -> Ints:
        """Codes of a column of words; the default where a cell is empty."""
        indices, words = self.words(name)
        table = np.array(
            [known.get(word.strip().lower(), -99) for word in words] + [-99 if default is None else default], np.int64
        )
        found = table[indices]
        bad = np.flatnonzero(found == -99)
        if len(bad):
            row = int(bad[0])
            what = "is empty" if indices[row] < 0 else f"is {words[int(indices[row])]!r}"
            raise self.refuse(row, name, what, f"write {expected}")
        return found

    def symbols(self) -> Ints:
        """Instrument of each row."""
        if "symbol" not in self.columns:
            return np.zeros(self.count, np.int64)
        indices, words = self.words("symbol")
        known = {instrument.symbol: k for k, instrument in enumerate(self.market.instruments)}
        found = np.array([known.get(word, -1) for word in words] + [-1], np.int64)[indices]
        bad = np.flatnonzero(found < 0)
        if len(bad):
            row = int(bad[0])
            if indices[row] < 0:
                raise self.refuse(row, "symbol", "is empty", "each order needs a symbol")
            word = words[int(indices[row])]
            raise self.refuse(row, "symbol", f"there is no {word!r} in the market", suggest(word, known, "symbols"))
        return found

    def instants(self, instruments: Ints, stamp: Stamp | None) -> Ints:
        """Number of the market's instant at which each row is decided."""
        column = self.columns["time"]
        if not self.count:
            return np.zeros(0, np.int64)
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            raise UsageError("OrderList: its times are plain numbers", remedy="give datetimes or dates")
        stamps = read_stamps(column, self.names_of["time"], None, None)
        bad = np.flatnonzero(stamps.bad)
        if len(bad):
            raise self.refuse(int(bad[0]), "time", stamps.why or "is empty", "each order needs a time")
        axis = TimeAxis(self.market, "OrderList")
        way = axis.way(stamps, stamp)
        found = np.empty(self.count, np.int64)
        for instrument in np.unique(instruments).tolist():
            own = instruments == instrument
            found[own] = axis.place(stamps.ns[own], way, instrument)
        lost = np.flatnonzero(found < 0)
        if len(lost):
            raise axis.refuse(stamps.ns, way, lost)
        return found

    def numbers(self, name: str) -> Floats:
        """A column of numbers, NaN where it is empty."""
        column = self.columns.get(name)
        if column is None:
            return np.full(self.count, np.nan)
        try:
            values = pc.cast(column, pa.float64(), safe=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            row = next((k for k, cell in enumerate(column.to_pylist()) if cell is not None and not _is_number(cell)), 0)
            raise self.refuse(
                row, name, f"is {column[row].as_py()!r}, not a number", "write a number, or leave it empty"
            ) from None
        return np.asarray(pc.fill_null(values, np.nan).to_numpy(), np.float64)

    def sizes(self, instruments: Ints, config: Config) -> tuple[Ints, Ints]:
        """(size mode, whole size) of each row; exactly one of the three columns must be filled."""
        modes, sizes = np.zeros(self.count, np.int64), np.zeros(self.count, np.int64)
        filled = np.zeros(self.count, np.int64)
        for name, (what, mode) in _SIZES.items():
            values = self.numbers(name)
            there = ~np.isnan(values)
            filled += there
            bad = np.flatnonzero(there & ~((values > 0) & (values < LARGEST)))
            if len(bad):
                row = int(bad[0])
                raise self.refuse(row, name, f"is {values[row]:g}", "sizes are positive; the side says the direction")
            modes[there] = int(mode)
            sizes[there] = whole_sizes(values[there], what, instruments[there].astype(np.int32), self.market, config)
        bad = np.flatnonzero(filled != 1)
        if len(bad):
            message = "the order has no size" if filled[bad[0]] == 0 else "the order has more than one size"
            raise self.refuse(int(bad[0]), "quantity", message, f"fill exactly one of the columns {', '.join(_SIZES)}")
        return modes, sizes

    def lots(self, config: Config) -> Ints:
        """1 + the lot that each row names, 0 where there is none."""
        values = self.numbers("lot")
        there = ~np.isnan(values)
        if there.any() and config.account.lots != "specific":
            remedy = "set account.lots: specific, or leave the column out"
            raise self.refuse(int(np.flatnonzero(there)[0]), "lot", "the account does not book lots by name", remedy)
        bad = np.flatnonzero(there & ~((values >= 0) & (values < LARGEST) & (values == np.floor(values))))
        if len(bad):
            row = int(bad[0])
            raise self.refuse(row, "lot", f"is {values[row]:g}", "lots have whole numbers, from 0")
        return np.where(there, values, -1.0).astype(np.int64) + 1

    def lots_of(self, name: str, instruments: Ints) -> Ints:
        """Lots of a column of quantities, 0 where there is none."""
        values = self.numbers(name)
        there = ~np.isnan(values)
        scales = np.array([instrument.quantity_scale for instrument in self.market.instruments], np.float64)
        lots = np.floor(np.where(there, values, 0.0) * scales[instruments] + 0.5)
        bad = np.flatnonzero(there & ~((lots > 0) & (lots < LARGEST)))
        if len(bad):
            raise self.refuse(int(bad[0]), name, f"is {values[bad[0]]:g}", "quantities are positive")
        return lots.astype(np.int64)

    def prices(self, name: str, instruments: Ints) -> Ints:
        """A column of prices as tickets have them (see ``kernel.models.whole_price``), 0 where there is none."""
        values = self.numbers(name)
        there = ~np.isnan(values)
        scales = np.array([instrument.price_scale for instrument in self.market.instruments], np.float64)
        exact = np.where(there, values, 0.0) * scales[instruments]
        units = np.floor(exact + 0.5)
        if self.off_tick != "nearest" and name not in ("trail_limit", "per"):
            ticks = np.array([instrument.tick for instrument in self.market.instruments])[instruments] > 0
            between = ticks & (np.abs(exact - units) > exact * PRICE_TOLERANCE) & (exact > 0)
            units = np.where(between, -np.ceil(exact), units)
        bad = np.flatnonzero(there & ~((exact > 0) & (units != 0) & (np.abs(units) < LARGEST)))
        if len(bad):
            row = int(bad[0])
            raise self.refuse(
                row, name, f"is {values[row]:g}", "prices are positive and not larger than the market's decimals allow"
            )
        return units.astype(np.int64)

    def types(self, limits: Ints, stops: Ints) -> Ints:
        """Type that the limit and stop of each row make."""
        table = np.array([int(kind) for kind in (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT)])
        return np.asarray(table[(limits != 0) + 2 * (stops != 0)], np.int64)

    def check_types(self, made: Ints) -> None:
        """The type of each row must be what its column says."""
        said = self.said()
        bad = np.flatnonzero((said != 0) & (said != made))
        if len(bad):
            row = int(bad[0])
            is_now, wanted = OrderType(int(made[row])).name.lower(), OrderType(int(said[row])).name.lower()
            remedy = "a limit order has a limit, a stop order a stop, a stop_limit order both, a market order neither"
            raise self.refuse(row, "type", f"says {wanted}, but by its prices it is {is_now}", remedy)

    def said(self) -> Ints:
        """Types that the column says, 0 where it says nothing."""
        names = {kind.name.lower(): int(kind) for kind in OrderType}
        return self.codes(
            "type", names | {key.replace("_", "-"): kind for key, kind in names.items()}, ", ".join(names), default=0
        )

    def lives(self, default: int) -> tuple[Ints, Ints]:
        """(time in force, expiry in ns UTC or 0) of each row."""
        lives = self.codes(
            "tif", {name: int(code) for name, code in _LIVES.items()}, "DAY, GTC, GTD, IOC, FOK, OPG or CLS", default=default
        )
        expiries = np.zeros(self.count, np.int64)
        there = ~self._missing("expire")
        until = lives == int(TimeInForce.GTD)
        bad = np.flatnonzero(until != there)
        if len(bad):
            row = int(bad[0])
            message = "is empty, and the order is GTD" if until[row] else "goes with tif GTD"
            raise self.refuse(row, "expire", message, "give GTD orders an expire, and no others")
        if there.any():
            rows = np.flatnonzero(there)
            stamps = read_stamps(self.columns["expire"].filter(pa.array(there)), self.names_of["expire"], None, None)
            if stamps.bad.any():
                row = int(rows[np.flatnonzero(stamps.bad)[0]])
                raise self.refuse(row, "expire", stamps.why, "give a time with its zone")
            if stamps.kind != "utc" and any(instrument.timezone != "UTC" for instrument in self.market.instruments):
                raise self.refuse(int(rows[0]), "expire", "has no zone", "give a time with its zone: 2024-03-26T20:00:00+00:00")
            expiries[there] = stamps.ns
        return lives, expiries

    def names(self, column: str, order: Ints) -> tuple[Ints, list[str]]:
        """(index of each row's text, -1 where empty; the texts), rows in a new order, texts in order of their first use."""
        indices, words = self.words(column)
        indices = indices[order]
        used, first = np.unique(indices, return_index=True)
        ranked = used[np.argsort(first)]
        ranked = ranked[ranked >= 0]
        table = np.full(len(words) + 1, -1, np.int64)
        table[ranked] = np.arange(len(ranked))
        return table[indices], [words[k] for k in ranked.tolist()]


def _known(name: str) -> str:
    folded = name.strip().lower()
    return "time" if folded in TIME_NAMES or name == _INDEX else folded


def _filled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Empty text and NaN are empty cells."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        text = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
        return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    if pa.types.is_floating(column.type):
        return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    return column


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True
