"""A result folder as the verifier sees it: whole numbers and texts, read with pyarrow alone.

The columns, their kinds and whether they are inputs are taken from the metadata of the Parquet files themselves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from fillwright.errors import CheckFailed

TABLES = (
    "orders", "order_events", "reports", "fills", "postings", "lot_closes", "switches", "trades", "trade_events", "positions", "equity",
    "marks",
)  # fmt: skip
DECIMALS = ("price", "quantity", "money", "base", "fx")
"""Kinds of column that a file holds as decimals."""

DIGITS = 18
FX_DECIMALS = 12

_UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9, "d": 86_400 * 10**9}

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency and the decimals that its money is counted in."""

    code: str
    decimals: int


@dataclass(frozen=True, slots=True)
class Instrument:
    """What is needed to value an instrument: money units = price units x lots x mul / div."""

    symbol: str
    price_decimals: int
    quantity_decimals: int
    currency: int
    mul: int
    div: int


@dataclass(frozen=True)
class Sheet:
    """One table as it stands in its file: arrays of text, or of whole numbers of the column's last digit.

    ``decimals`` is the scale of each decimal column, ``kinds`` and ``roles`` come from the file. ``texts`` of a text column are
    its distinct values and where each row has which, the last of them None.
    """

    name: str
    rows: int
    columns: Mapping[str, Array]
    kinds: Mapping[str, str]
    roles: Mapping[str, str]
    decimals: Mapping[str, int]
    texts: Mapping[str, tuple[list[str | None], Array]]

    def __getitem__(self, column: str) -> Array:
        try:
            return self.columns[column]
        except KeyError:
            raise CheckFailed(
                f"has no column {column}", where=f"{self.name}.parquet", remedy="the file was changed or is of another version"
            ) from None


class Folder:
    """The parts of a result folder. CheckFailed naming the file that is missing or cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run = read_json(path / "run.json")
        try:
            self.currencies = tuple(Currency(str(c["code"]), _decimals(c["decimals"])) for c in self.run["currencies"])
            self.instruments = tuple(self._instrument(facts) for facts in self.run["instruments"])
            self.lots = str(self.run["config"]["account"]["lots"])
            self.grouping = str(self.run["config"]["report"]["trades"])
            self.cash = {str(code): Fraction(str(cash)) for code, cash in self.run["config"]["account"]["initial_cash"].items()}
            self.counters = {str(name): int(count) for name, count in self.run["counters"].items()}
            self.state = str(self.run["state"])
            self.equity_every = self._sampling()
            self.fx = [None if source is None else int(source["instrument"]) for source in self.run["fx"]]
        except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
            raise CheckFailed(
                f"cannot be used: {type(error).__name__}: {error}", where=str(path / "run.json"), remedy="the file was changed"
            ) from error
        self._symbols: dict[str, Array] = {}
        self.sheets = {name: self._sheet(name) for name in TABLES}
        self.symbol_index = {instrument.symbol: i for i, instrument in enumerate(self.instruments)}
        self.currency_index = {currency.code: i for i, currency in enumerate(self.currencies)}

    def __getitem__(self, name: str) -> Sheet:
        return self.sheets[name]

    def _instrument(self, facts: Mapping[str, Any]) -> Instrument:
        p, q = _decimals(facts["price_decimals"]), _decimals(facts["quantity_decimals"])
        codes = [currency.code for currency in self.currencies]
        currency = codes.index(facts["quote"])
        ratio = Fraction(facts["multiplier"]) * Fraction(10) ** (self.currencies[currency].decimals - p - q)
        return Instrument(str(facts["symbol"]), p, q, currency, ratio.numerator, ratio.denominator)

    def _sampling(self) -> int:
        """Length in ns of the intervals of which the last equity is stored, 0 = it is stored at each instant."""
        every = self.run["config"]["run"]["equity_every"]
        given = 0 if every is None else duration(str(every))
        return given or (duration("1min") if 0 in self.run["data"]["timeframes"] else 0)

    def _sheet(self, name: str) -> Sheet:
        path = self.path / f"{name}.parquet"
        if not path.is_file():
            raise CheckFailed("is missing", where=str(path), remedy="the folder is not complete; run again")
        try:
            arrow = pq.read_table(path)
            columns: dict[str, Array] = {}
            kinds, roles, decimals = {}, {}, {}
            texts: dict[str, tuple[list[str | None], Array]] = {}
            for field in arrow.schema:
                about = field.metadata or {}
                kinds[field.name], roles[field.name] = about[b"kind"].decode(), about[b"role"].decode()
                array = arrow.column(field.name).combine_chunks()
                if pa.types.is_dictionary(array.type):
                    texts[field.name] = _texts(array)
                    columns[field.name] = np.array(texts[field.name][0], object)[texts[field.name][1]]
                else:
                    columns[field.name] = _values(array)
                if pa.types.is_decimal(array.type):
                    decimals[field.name] = array.type.scale
        except (OSError, KeyError, ValueError, TypeError, IndexError, pa.ArrowException) as error:
            raise CheckFailed(
                f"cannot be read: {type(error).__name__}: {error}", where=str(path), remedy="the file was changed; run again"
            ) from error
        return Sheet(name, arrow.num_rows, columns, kinds, roles, decimals, texts)

    @cached_property
    def order_symbol(self) -> Array:
        """int64[orders]: instrument of each order."""
        return self.symbols("orders")

    def symbols(self, name: str) -> Array:
        """int64[rows]: instrument of each row, -1 = none."""
        if name not in self._symbols:
            self._symbols[name] = self._symbols_of(name)
        return self._symbols[name]

    def _symbols_of(self, name: str) -> Array:
        sheet = self[name]
        # Through the order where there is one: a wrong symbol must not spoil the scale of its row's other columns.
        if name in ("order_events", "reports", "fills", "trade_events"):
            return np.asarray(self.order_symbol[self.references(name, "order_id", "orders")])
        if name in ("lot_closes", "positions"):
            return np.asarray(self.symbols("fills")[self.references(name, "fill_id", "fills")])
        if "symbol" not in sheet.columns:
            return np.full(sheet.rows, -1, np.int64)
        return self._index(sheet, "symbol", self.symbol_index)

    def currency_of(self, name: str) -> Array:
        """int64[rows]: currency of each row's money: its own, else the quote currency of its instrument."""
        sheet = self[name]
        if "currency" in sheet.columns:
            return self._index(sheet, "currency", self.currency_index)
        quote = np.array([*(instrument.currency for instrument in self.instruments), 0], np.int64)
        return quote[self.symbols(name)]

    def _index(self, sheet: Sheet, column: str, known: Mapping[str, int]) -> Array:
        if column not in sheet.texts:
            raise CheckFailed(f"column {column} is no text", where=f"{sheet.name}.parquet", remedy="the file was changed")
        texts, place = sheet.texts[column]
        unknown = [text for text in texts if text is not None and text not in known]
        if unknown:
            raise CheckFailed(
                f"column {column} has {unknown[0]!r}, which run.json does not know", where=f"{sheet.name}.parquet",
                remedy="one of the two files was changed",
            )  # fmt: skip
        return np.array([-1 if text is None else known[text] for text in texts], np.int64)[place]

    def references(self, name: str, column: str, to: str) -> Array:
        """int64[rows]: numbers of rows in another table, checked to exist."""
        values = self[name][column]
        outside = np.flatnonzero((values < 0) | (values >= self[to].rows))
        if len(outside):
            row = int(outside[0])
            raise CheckFailed(
                f"row {row} column {column}: there is no row {values[row]} in {to}", where=f"{name}.parquet",
                remedy="the file was changed",
            )  # fmt: skip
        return values

    def step(self, name: str, column: str) -> Array:
        """int64[rows]: last digits of the column per unit of the row's own scale, a power of ten."""
        sheet = self[name]
        kind, scale = sheet.kinds[column], sheet.decimals[column]
        if kind in ("price", "quantity"):
            attribute = f"{kind}_decimals"
            own = np.array([*(getattr(instrument, attribute) for instrument in self.instruments), scale], np.int64)
            finer = scale - own[self.symbols(name)]
        elif kind == "money":
            own = np.array([*(currency.decimals for currency in self.currencies), scale], np.int64)
            finer = scale - own[self.currency_of(name)]
        else:
            finer = np.full(sheet.rows, scale - (FX_DECIMALS if kind == "fx" else self.currencies[0].decimals), np.int64)
        if np.any(finer < 0):
            raise CheckFailed(
                f"column {column} has fewer decimals than its instruments", where=f"{name}.parquet", remedy="the file was changed"
            )
        return np.asarray(10**finer)

    def units(self, name: str, column: str) -> Array:
        """Whole numbers of the row's own unit, int64[rows] (objects where 64 bits do not do)."""
        found = self[name][column]
        if column not in self[name].decimals:
            return found
        step = self.step(name, column)
        values, rest = found // step, found % step
        broken = np.flatnonzero(rest)
        if len(broken):
            row = int(broken[0])
            raise CheckFailed(
                f"row {row} column {column}: {found[row]} is no whole number of {step[row]}", where=f"{name}.parquet",
                remedy="it is finer than the unit of its instrument: the file was changed",
            )  # fmt: skip
        return np.asarray(values)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; CheckFailed naming the file."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise CheckFailed("is missing", where=str(path), remedy="give the folder of a complete run") from None
    except OSError as error:
        raise CheckFailed(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise CheckFailed(f"is not JSON: {error}", where=str(path), remedy="the file was changed; run again") from error
    if not isinstance(content, dict):
        raise CheckFailed("is not a JSON object", where=str(path), remedy="the file was changed; run again")
    return content


def duration(text: str) -> int:
    """ns of ``5ms``; ValueError where it is none."""
    match = re.fullmatch(r"([0-9.]+)([a-z]+)", text)
    if match is None or match[2] not in _UNITS:
        raise ValueError(f"{text!r} is no duration")
    return int(Fraction(match[1]) * _UNITS[match[2]])


def _decimals(value: Any) -> int:
    """Decimals as run.json gives them."""
    if not isinstance(value, int) or not 0 <= value <= DIGITS:
        raise ValueError(f"decimals must be 0 to {DIGITS}, found {value!r}")
    return value


def _texts(array: pa.Array) -> tuple[list[str | None], Array]:
    texts = [*array.dictionary.to_pylist(), None]
    return texts, array.indices.cast(pa.int64()).fill_null(len(texts) - 1).to_numpy()


def _values(array: pa.Array) -> Array:
    """Decimals as whole numbers of the last digit, times as ns (0 = never)."""
    if pa.types.is_decimal(array.type):
        if array.null_count:
            raise ValueError("a number is missing")
        scale = array.type.scale
        if array.type.precision > DIGITS:
            return np.array([int(value.as_py().scaleb(scale)) for value in array], object)
        words = np.frombuffer(array.buffers()[1], np.int64).reshape(-1, 2)
        return words[array.offset : array.offset + len(array), 0]
    if pa.types.is_timestamp(array.type):
        return np.asarray(array.cast(pa.int64()).fill_null(0).to_numpy())
    if array.null_count:
        raise ValueError("a number is missing")
    return np.asarray(array.to_numpy())
