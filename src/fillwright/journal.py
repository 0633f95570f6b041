"""What a run has recorded, and who is told about it while it grows.

:class:`RunRecord` is the run as a value: the record arrays the kernel wrote, with everything needed to read them (names,
scales, market, configuration). :class:`Journal` hands each new record to subscribers as a read-only :class:`View`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from fillwright.errors import StrategyError, UsageError
from fillwright.model.books import postings_of
from fillwright.model.codes import OrderFlag, RunState, TradeEvent
from fillwright.model.columns import FILLS, LOT_CLOSES, ORDER_EVENTS, POSTINGS, TABLES, TRADE_EVENTS, Column, Table
from fillwright.model.instrument import Currency, Instrument

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from fillwright.config.schema import Config
    from fillwright.data.fx import FxSource
    from fillwright.data.market import Market
    from fillwright.kernel.state import State

Records = npt.NDArray[np.void]
Ints = npt.NDArray[np.int64]
Kind = Literal["order_event", "fill", "posting", "lot_close", "trade_opened", "trade_changed", "trade_closed"]

KINDS: Mapping[str, Table] = {
    "order_event": ORDER_EVENTS, "fill": FILLS, "posting": POSTINGS, "lot_close": LOT_CLOSES,
    "trade_opened": TRADE_EVENTS, "trade_changed": TRADE_EVENTS, "trade_closed": TRADE_EVENTS,
}  # fmt: skip
"""What can be subscribed to, and the table whose rows are handed out."""

TRADE_KINDS: Mapping[int, Kind] = {
    int(TradeEvent.OPENED): "trade_opened",
    int(TradeEvent.INCREASED): "trade_changed",
    int(TradeEvent.REDUCED): "trade_changed",
    int(TradeEvent.PROTECTION_MOVED): "trade_changed",
    int(TradeEvent.CLOSED): "trade_closed",
}
"""Kind of each event in the life of a trade; a strategy's callback is called ``on_`` and the kind."""

_TABLES = {table.name: table for table in TABLES}

RECORDED = ("orders", "order_events", "reports", "fills", "postings", "lot_closes", "lots", "switches")
"""Tables of a run's record."""

FX_DECIMALS = 12
NUMBERS = ("price", "quantity", "money", "base", "fx")
"""Kinds of column that are numbers with decimals."""


@dataclass(frozen=True, slots=True)
class Names:
    """The lists that columns of kind ``name`` index; -1 in such a column is no name.

    ``symbols`` has the order of the market's instruments; ``currencies[0]`` is the account's currency.
    """

    strategies: tuple[str, ...]
    symbols: tuple[str, ...]
    tags: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ("USD",)

    def of(self, column: str) -> tuple[str, ...]:
        """The list that a column of that name indexes."""
        return {
            "strategy": self.strategies,
            "symbol": self.symbols,
            "tag": self.tags,
            "currency": self.currencies,
        }.get(column, self.rules)


@dataclass(frozen=True, slots=True)
class Scales:
    """Decimals of every kind of number: per instrument, per currency, and of the account's currency."""

    price: tuple[int, ...]
    quantity: tuple[int, ...]
    quote: tuple[int, ...]
    currency: tuple[int, ...]
    base: int

    @classmethod
    def of(cls, instruments: Sequence[Instrument], currencies: Sequence[Currency]) -> Scales:
        """Scales of a run; ``currencies[0]`` is the account's, and every quote currency must be listed."""
        decimals = {currency.code: currency.decimals for currency in currencies}
        missing = sorted({instrument.quote for instrument in instruments} - set(decimals))
        if missing:
            raise UsageError(f"no decimals known for {', '.join(missing)}", remedy="list every quote currency of the market")
        return cls(
            price=tuple(instrument.price_decimals for instrument in instruments),
            quantity=tuple(instrument.quantity_decimals for instrument in instruments),
            quote=tuple(decimals[instrument.quote] for instrument in instruments),
            currency=tuple(currency.decimals for currency in currencies),
            base=currencies[0].decimals,
        )

    def decimals(self, kind: str, symbol: int, currency: int) -> int:
        """Decimals of one number of that kind in a row of that instrument (-1 = none) and currency (-1 = the quote)."""
        if kind == "base":
            return self.base
        if kind == "fx":
            return FX_DECIMALS
        if kind == "money":
            return self.currency[currency] if currency >= 0 else self.quote[symbol]
        if symbol < 0:
            return 0
        return self.price[symbol] if kind == "price" else self.quantity[symbol]


class Tables(Mapping[str, Records]):
    """Record arrays of a run by table, made from the kernel's packed ones when they are first asked for; postings from the entries."""

    def __init__(self, state: State) -> None:
        packed = ("entries", *(name for name in RECORDED if name != "postings"))
        self._packed = {name: state.table(name) for name in packed}
        self._made: dict[str, Records] = {}

    def __getitem__(self, name: str) -> Records:
        if name not in self._made:
            made = postings_of(self._packed["entries"]) if name == "postings" else _TABLES[name].unpacked(self._packed[name])
            self._made[name] = made
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(RECORDED)

    def __len__(self) -> int:
        return len(RECORDED)


@dataclass(frozen=True)
class RunRecord:
    """What a finished, failed or interrupted run hands on; nothing in it changes any more.

    tables      record arrays of ``model.columns``: orders, order_events, fills, postings, lot_closes, lots, switches
    instants    int64[m] ns UTC, strictly increasing: instants at which equity was stored
    equity      int64[m] money units of the account's currency
    currencies  same order as ``names.currencies``
    fx          per currency the instrument that quotes it, None for the account's own
    counters    plain counts: intents, no_change, bars, events, ...
    error_at    instant of ``error`` in ns UTC, 0 without one
    info        seed, versions, fingerprints; keys that end in _s, _seconds or _bytes measure the machine, not the run
    """

    tables: Mapping[str, Records]
    market: Market
    instants: Ints
    equity: Ints
    names: Names
    currencies: tuple[Currency, ...]
    fx: tuple[FxSource | None, ...]
    config: Config
    counters: Mapping[str, int] = field(default_factory=dict)
    state: RunState = RunState.RECONCILED
    error: str | None = None
    error_at: int = 0
    warnings: tuple[str, ...] = ()
    info: Mapping[str, str | int | float] = field(default_factory=dict)

    @property
    def scales(self) -> Scales:
        """Decimals of every number in the record."""
        return Scales.of(self.market.instruments, self.currencies)

    @property
    def quote_currency(self) -> Ints:
        """int64[instruments]: index of each instrument's quote currency in ``currencies``."""
        index = {currency.code: i for i, currency in enumerate(self.currencies)}
        return np.array([index[instrument.quote] for instrument in self.market.instruments], np.int64)


class View:
    """One record, read-only: ``view.price`` is a float, ``view.exact("price")`` a Decimal, ``view.raw("price")`` the integer.

    Attributes are the canonical columns of the record's table: codes come as their enum, names as text, references as
    numbers (None = none), times as ns UTC. A view is a copy; it stays valid and cannot reach the run.
    """

    __slots__ = ("_currency", "_names", "_row", "_scales", "_symbol", "_table")

    _table: Table
    _row: dict[str, int]
    _symbol: int

    def __init__(self, table: Table, row: np.void, names: Names, scales: Scales, symbol: int = -1) -> None:
        put = object.__setattr__
        put(self, "_table", table)
        put(self, "_row", {column.name: int(row[column.name]) for column in table.canonical})
        put(self, "_names", names)
        put(self, "_scales", scales)
        put(self, "_symbol", self._row.get("symbol", symbol))
        put(self, "_currency", self._row.get("currency", -1))

    def raw(self, name: str) -> int:
        """The stored integer of a column; AttributeError if there is no such column."""
        try:
            return self._row[name]
        except KeyError:
            raise AttributeError(f"a record of {self._table.name} has no {name!r}; it has {', '.join(self._row)}") from None

    def exact(self, name: str) -> Decimal:
        """The exact value of a number in its unit: 43.12 for 4312 price units at two decimals."""
        raw = self.raw(name)
        return Decimal(raw).scaleb(-self._decimals(self._table.column(name)))

    def as_dict(self) -> dict[str, Any]:
        """All columns decoded, by name."""
        return {name: getattr(self, name) for name in self._row}

    def _decimals(self, column: Column) -> int:
        if column.kind in NUMBERS:
            return int(self._scales.decimals(column.kind, self._symbol, self._currency))
        return 0

    def __getattr__(self, name: str) -> Any:
        raw = self.raw(name)
        column = self._table.column(name)
        if column.codes is not None:
            return OrderFlag(raw) if column.kind == "bits" else column.codes(raw)
        if column.kind == "name":
            return self._names.of(name)[raw] if raw >= 0 else None
        if column.kind == "ref":
            return raw if raw >= 0 else None
        decimals = self._decimals(column)
        # One correctly rounded division: the float nearest to the exact value.
        return raw / 10**decimals if column.kind in NUMBERS else raw

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a record is read-only; {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a record is read-only; {name} cannot be removed")

    def __dir__(self) -> list[str]:
        return [*self._row, "as_dict", "exact", "raw"]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, View) and self._table is other._table and self._row == other._row

    def __hash__(self) -> int:
        return hash((self._table.name, *self._row.values()))

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._row)
        return f"{self._table.name}({inside})"


def column_decimals(kind: str, scales: Scales) -> int:
    """Decimals of a whole column of that kind in a file."""
    if kind == "price":
        return max(scales.price)
    if kind == "quantity":
        return max(scales.quantity)
    if kind == "money":
        return max(scales.currency)
    return scales.base if kind == "base" else FX_DECIMALS


def row_decimals(table: Table, kind: str, rows: Records, scales: Scales, symbols: Ints) -> Ints:
    """int64[rows]: decimals of each row's own unit; rows without an instrument take those of the column."""
    top = column_decimals(kind, scales)
    if kind in ("base", "fx"):
        return np.full(len(rows), top, np.int64)
    if kind == "money" and "currency" in (rows.dtype.names or ()):
        return np.asarray(np.array([*scales.currency, top], np.int64)[rows["currency"]])
    per_symbol = {"price": scales.price, "quantity": scales.quantity, "money": scales.quote}[kind]
    return np.array([*per_symbol, top], np.int64)[symbols]


def code_places(column: Column, values: Ints) -> tuple[list[str], Ints, npt.NDArray[np.bool_]]:
    """(texts of a column's codes in lower case, index of each value in them, where a value is 0 = no code applies)."""
    assert column.codes is not None
    members = sorted(column.codes, key=int)
    known = np.array([int(member) for member in members])
    index = np.minimum(np.searchsorted(known, values), len(known) - 1)
    missing = known[index] != values
    if np.any(missing & (values != 0)):
        row = int(np.flatnonzero(missing & (values != 0))[0])
        raise ValueError(f"{column.name}: no code {int(values[row])} in row {row}")
    return [member.name.lower() for member in members], np.where(missing, 0, index), missing


def to_frame(table: Table, rows: Records, names: Names, scales: Scales, symbols: Ints) -> pd.DataFrame:
    """pandas frame of a table: floats, times with zone UTC (NaT = never), categories for codes and names."""
    import pandas as pd

    data: dict[str, Any] = {}
    for column in table.canonical:
        values = np.ascontiguousarray(rows[column.name])
        if column.kind in NUMBERS:
            own = row_decimals(table, column.kind, rows, scales, symbols)
            data[column.name] = values / 10.0**own
        elif column.kind == "code":
            text, index, missing = code_places(column, values)
            data[column.name] = pd.Categorical.from_codes(np.where(missing, -1, index), text)
        elif column.kind == "name":
            data[column.name] = pd.Categorical.from_codes(values, list(names.of(column.name)))
        elif column.kind == "time":
            times = values.astype("datetime64[ns]")
            data[column.name] = pd.DatetimeIndex(np.where(values == 0, np.datetime64("NaT"), times)).tz_localize("UTC")
        else:
            data[column.name] = values
    frame = pd.DataFrame(data)
    key = table.columns[0]
    return frame.set_index(key.name) if key.kind == "id" or table.name == "equity" else frame


def to_polars(table: Table, rows: Records, names: Names, scales: Scales, symbols: Ints) -> pl.DataFrame:
    """polars frame of a table: what :func:`to_frame` gives, null where nothing applies; the row number stays a column."""
    import polars as pl

    data: dict[str, Any] = {}
    for column in table.canonical:
        values = np.ascontiguousarray(rows[column.name])
        if column.kind in NUMBERS:
            data[column.name] = values / 10.0 ** row_decimals(table, column.kind, rows, scales, symbols)
        elif column.kind in ("code", "name"):
            text, index, missing = list(names.of(column.name)), values, values < 0
            if column.kind == "code":
                text, index, missing = code_places(column, values)
            place = np.where(missing, len(text), index)
            data[column.name] = pl.Series(np.array([*text, None], object)[place].tolist(), dtype=pl.Categorical)
        elif column.kind == "time":
            data[column.name] = pl.Series(values).set(pl.Series(values == 0), None).cast(pl.Datetime("ns", "UTC"))
        else:
            data[column.name] = values
    return pl.DataFrame(data)


@dataclass(frozen=True, slots=True)
class Token:
    """Proof of one subscription; hand it to :meth:`Journal.unsubscribe`."""

    kind: str
    number: int


class Journal:
    """Subscribers of a run's records.

    ``order_symbol`` gives the instrument index of an order: order events carry no instrument of their own, and it is
    needed to read their prices and quantities.
    """

    def __init__(self, names: Names, scales: Scales, order_symbol: Callable[[int], int] | None = None) -> None:
        self._names = names
        self._scales = scales
        self._order_symbol = order_symbol
        self._subscribers: dict[Token, Callable[[View], object]] = {}
        self._number = 0

    def __len__(self) -> int:
        return len(self._subscribers)

    def subscribe(self, kind: str, callback: Callable[[View], object]) -> Token:
        """Call ``callback(view)`` for each new record of that kind, in order of subscription.

        UsageError for an unknown kind, something that cannot be called, or the same callback twice for one kind.
        """
        if kind not in KINDS:
            raise UsageError(f"no records of kind {kind!r}", remedy=f"subscribe to one of {', '.join(KINDS)}")
        if not callable(callback):
            raise UsageError(f"a subscriber must be callable, got {type(callback).__name__}")
        if any(token.kind == kind and known == callback for token, known in self._subscribers.items()):
            raise UsageError(f"{_name(callback)} is subscribed to {kind} already", remedy="unsubscribe its token first")
        token = Token(kind, self._number)
        self._number += 1
        self._subscribers[token] = callback
        return token

    def unsubscribe(self, token: Token) -> None:
        """End one subscription; UsageError if it has ended already."""
        if self._subscribers.pop(token, None) is None:
            raise UsageError(f"no such subscription: {token}", remedy="each token ends one subscription, once")

    def wants(self, kind: str) -> bool:
        """Whether anyone is subscribed to that kind (a caller may then skip gathering rows)."""
        return any(token.kind == kind for token in self._subscribers)

    def deliver(self, kind: str, rows: Records) -> None:
        """Hand each row to each subscriber of that kind; rows of the kind's table, oldest first.

        An exception of a subscriber becomes a StrategyError that names the subscriber and the record.
        """
        callbacks = [callback for token, callback in self._subscribers.items() if token.kind == kind]
        if not callbacks:
            return
        table = KINDS[kind]
        key = table.columns[0].name
        for row in rows:
            view = View(table, row, self._names, self._scales, self._symbol_of(row))
            for callback in callbacks:
                try:
                    callback(view)
                except Exception as error:
                    moment = np.datetime64(view.raw("instant"), "ns")
                    raise StrategyError(
                        f"subscriber {_name(callback)} raised {type(error).__name__}: {error}",
                        where=f"{kind} {view.raw(key)} at {moment}Z",
                    ) from error

    def close(self) -> None:
        """Drop all subscribers; afterwards ``len(journal) == 0`` and nothing of the run is held."""
        self._subscribers.clear()
        self._order_symbol = None

    def _symbol_of(self, row: np.void) -> int:
        if self._order_symbol is None or "order_id" not in (row.dtype.names or ()):
            return -1
        return int(self._order_symbol(int(row["order_id"])))


def _name(callback: Callable[..., object]) -> str:
    return getattr(callback, "__qualname__", None) or type(callback).__name__
