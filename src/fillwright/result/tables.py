"""Tables between memory and files: record arrays of whole numbers, exact Arrow tables, frames of floats.

In an Arrow table prices, quantities and money are decimals. One column has one scale: the largest number of decimals that
any instrument (or currency) of the run has, so values of coarser instruments end in zeros. Codes and names are
dictionaries of text; times are ns UTC. Nothing is lost: :func:`from_arrow` gives back the same integers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fillwright.data import arrow as buffers
from fillwright.errors import UsageError
from fillwright.journal import (
    NUMBERS,
    Ints,
    Names,
    Records,
    Scales,
    code_places,
    column_decimals,
    row_decimals,
    to_frame,
)
from fillwright.model.columns import FILES, SCHEMA_VERSION, Column, Table
from fillwright.model.instrument import Currency, Instrument

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

DECIMAL_DIGITS = 18
"""Digits of a decimal column; they fit into 64 bits. A column with a larger value takes ``WIDE_DIGITS`` instead."""

WIDE_DIGITS = 38

UNITS: Mapping[str, str] = {
    "id": "number of the row",
    "ref": "number of a row in another table, -1 = none",
    "time": "ns since 1970-01-01 UTC",
    "code": "code",
    "price": "quote currency of the row's instrument per unit",
    "quantity": "units of the row's instrument",
    "money": "the row's currency, else quote currency of its instrument",
    "base": "account currency",
    "fx": "account currency per unit",
    "number": "count",
    "name": "name",
    "bits": "flag bits",
}
"""What a value of each kind is counted in, as written into the files."""


@dataclass(frozen=True)
class RunTables:
    """All tables of a run as record arrays of whole numbers, with what is needed to read them."""

    records: Mapping[str, Records]
    names: Names
    instruments: tuple[Instrument, ...]
    currencies: tuple[Currency, ...]

    @cached_property
    def scales(self) -> Scales:
        """Decimals of every number of the run."""
        return Scales.of(self.instruments, self.currencies)

    def table(self, name: str) -> Table:
        """The description of a table; UsageError naming the known ones."""
        return table_of(name)

    def symbols(self, table: Table) -> Ints:
        """int64[rows]: instrument of each row, -1 = none; order events take that of their order."""
        rows = self.records[table.name]
        if "symbol" in (rows.dtype.names or ()):
            return np.asarray(rows["symbol"], np.int64)
        if table.name in ("order_events", "reports"):
            return np.asarray(self.records["orders"]["symbol"][rows["order_id"]], np.int64)
        return np.full(len(rows), -1, np.int64)

    def arrow(self, name: str) -> pa.Table:
        """The exact Arrow table of that name."""
        table = self.table(name)
        return to_arrow(table, self.records[name], self.names, self.scales, self.symbols(table))

    def frame(self, name: str) -> pd.DataFrame:
        """The pandas frame of that name: floats, times with zone UTC, text for codes and names."""
        table = self.table(name)
        return to_frame(table, self.records[name], self.names, self.scales, self.symbols(table))


def table_of(name: str) -> Table:
    """The description of a table that a folder has; UsageError naming the known ones."""
    for table in FILES:
        if table.name == name:
            return table
    raise UsageError(f"no table {name!r}", remedy=f"the tables are {', '.join(table.name for table in FILES)}")


def to_arrow(table: Table, rows: Records, names: Names, scales: Scales, symbols: Ints) -> pa.Table:
    """Exact Arrow table of a table's canonical columns; ``symbols`` int64[rows] is the instrument of each row."""
    import pyarrow as pa

    arrays, fields = [], []
    for column in table.canonical:
        values = np.ascontiguousarray(rows[column.name])
        if column.kind in NUMBERS:
            top = column_decimals(column.kind, scales)
            array = _decimals(values, top, top - row_decimals(table, column.kind, rows, scales, symbols))
        elif column.kind == "code":
            array = _codes(column, values)
        elif column.kind == "name":
            array = _names(values, names.of(column.name))
        elif column.kind == "time":
            array = buffers.to_arrow(values, pa.timestamp("ns", "UTC"), values == 0)
        else:
            array = buffers.to_arrow(values)
        about = {"kind": column.kind, "unit": UNITS[column.kind], "role": column.role, "meaning": column.meaning}
        arrays.append(array)
        fields.append(pa.field(column.name, array.type, metadata=about))
    about = {"schema_version": str(SCHEMA_VERSION), "table": table.name, "meaning": table.meaning}
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=about))


def _decimals(values: Ints, decimals: int, short: Ints) -> pa.Array:
    """Whole numbers as decimals; ``short`` is by how many digits each row is coarser than the column."""
    import pyarrow as pa

    factor = 10 ** int(short.max()) if len(short) else 1
    top = max(abs(int(values.min())), abs(int(values.max()))) * factor if len(values) else 0
    if top >= 10**DECIMAL_DIGITS:
        exact = [
            Decimal(value * 10**digits).scaleb(-decimals) for value, digits in zip(values.tolist(), short.tolist(), strict=True)
        ]
        return pa.array(exact, pa.decimal128(WIDE_DIGITS, decimals))
    words = np.empty((len(values), 2), np.int64)
    words[:, 0] = values if factor == 1 else values * 10**short
    words[:, 1] = words[:, 0] >> 63
    return pa.Array.from_buffers(pa.decimal128(DECIMAL_DIGITS, decimals), len(values), [None, pa.py_buffer(words)])


def code_name(column: Column, value: int) -> str:
    """Text of a code: lower case, as in files and frames."""
    assert column.codes is not None
    return column.codes(value).name.lower()


def _codes(column: Column, values: Ints) -> pa.Array:
    import pyarrow as pa

    assert column.codes is not None
    text, index, missing = code_places(column, values)
    return pa.DictionaryArray.from_arrays(buffers.to_arrow(index.astype(np.int8), missing=missing), buffers.text_to_arrow(text))


def _names(values: Ints, known: tuple[str, ...]) -> pa.Array:
    import pyarrow as pa

    index = buffers.to_arrow(np.maximum(values, 0).astype(np.int32), missing=values < 0)
    return pa.DictionaryArray.from_arrays(index, buffers.text_to_arrow(known))


def from_arrow(table: Table, arrow: pa.Table, names: Names, scales: Scales, order_symbol: Ints | None = None) -> Records:
    """Record array of a table from its Arrow table; ``order_symbol`` int64[orders] is needed for order events."""
    rows = np.zeros(arrow.num_rows, np.dtype([(column.name, np.int64) for column in table.canonical]))
    late = []
    for column in table.canonical:
        if column.name not in arrow.column_names:
            raise UsageError(f"{table.name} has no column {column.name}", remedy="it was written by another version")
        array = arrow.column(column.name).combine_chunks()
        if column.kind in NUMBERS:
            late.append((column, array))
        elif column.kind in ("code", "name"):
            rows[column.name] = _from_text(column, array, names)
        elif column.kind == "time":
            rows[column.name] = array.cast("int64").fill_null(0).to_numpy()
        else:
            rows[column.name] = array.to_numpy()
    symbols = np.full(len(rows), -1, np.int64)
    if "symbol" in (rows.dtype.names or ()):
        symbols = rows["symbol"]
    elif order_symbol is not None and "order_id" in (rows.dtype.names or ()):
        symbols = order_symbol[rows["order_id"]]
    for column, array in late:
        short = column_decimals(column.kind, scales) - row_decimals(table, column.kind, rows, scales, symbols)
        units, step = decimal_units(array), 10**short
        values, rest = units // step, units % step
        if np.any(rest != 0):
            row = int(np.flatnonzero(rest)[0])
            raise UsageError(f"{table.name} row {row} column {column.name}: finer than the unit of its instrument")
        rows[column.name] = values
    return rows


def decimal_units(array: pa.Array) -> Any:
    """Decimals as whole numbers of the column's last digit: int64[n], or objects where they do not fit."""
    scale = array.type.scale
    if array.type.precision > DECIMAL_DIGITS:
        return np.array([int(value.as_py().scaleb(scale)) for value in array], object)
    words = np.frombuffer(array.buffers()[1], np.int64).reshape(-1, 2)
    return words[array.offset : array.offset + len(array), 0]


def _from_text(column: Column, array: pa.Array, names: Names) -> Ints:
    if column.kind == "code":
        assert column.codes is not None
        known = {member.name.lower(): int(member) for member in column.codes}
        absent = 0
    else:
        known = {name: index for index, name in enumerate(names.of(column.name))}
        absent = -1
    values = array.dictionary.to_pylist()
    unknown = [value for value in values if value not in known]
    if unknown:
        raise UsageError(f"{column.name}: unknown {unknown[0]!r}", remedy="it was written by another version")
    place = np.array([*(known[value] for value in values), absent], np.int64)
    return np.asarray(place[array.indices.fill_null(len(values)).to_numpy().astype(np.int64)])
