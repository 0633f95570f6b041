"""Any source of rows as named Arrow columns, with the place of each row in words.

A text file is read as text, so that a value that does not parse can be shown as it stands; frames and binary files keep
their types.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from fillwright.errors import DataError

_DELIMITERS = (",", ";", "\t", "|")
_PACKED = {b"PK": "zip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


@dataclass(frozen=True, slots=True)
class RawTable:
    """Rows of one source.

    names    column names in order
    origin   the file as it was named, or what kind of frame it is
    fetch    reads the named columns: name -> ChunkedArray, all of one length
    places   row numbers (from 0) -> places in words, ``file:line`` or ``row n``
    notes    what was noticed in opening it
    """

    names: tuple[str, ...]
    origin: str
    fetch: Callable[[Sequence[str]], dict[str, pa.ChunkedArray]]
    places: Callable[[Sequence[int]], list[str]]
    notes: tuple[str, ...] = ()


def open_table(source: object) -> RawTable:
    """Open a path, a pandas or polars DataFrame, an Arrow table or a mapping of arrays. Only headers are read yet."""
    if isinstance(source, str | Path):
        return _open_file(Path(source))
    if isinstance(source, pa.Table):
        return _of_table(source, "Arrow table")
    if isinstance(source, pa.RecordBatch):
        return _of_table(pa.Table.from_batches([source]), "Arrow batch")
    kind = type(source).__module__.split(".")[0]
    if kind == "pandas" and hasattr(source, "columns"):
        return _of_pandas(source)
    if kind == "polars":
        return _of_polars(source)
    if isinstance(source, Mapping):
        return _of_mapping(source)
    raise DataError(
        f"cannot read bars from a {type(source).__name__}",
        remedy="give a path (CSV, Parquet, Arrow), a pandas or polars DataFrame, a pyarrow Table or a dict of arrays",
    )


def _open_file(path: Path) -> RawTable:
    if path.is_dir():
        remedy = "name the file, or use open_market() for a stored market"
        raise DataError("is a folder, not a file of bars", where=str(path), remedy=remedy)
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        near = ", ".join(sorted(p.name for p in path.parent.glob(f"*{path.suffix}"))[:8]) if path.parent.is_dir() else ""
        remedy = f"files there: {near}" if near else "check the path"
        raise DataError(f"cannot be opened: {error.strerror or error}", where=str(path), remedy=remedy) from None
    if not head:
        raise DataError("the file is empty", where=str(path), remedy="a header line and at least one row are needed")
    for magic, kind in _PACKED.items():
        if head.startswith(magic):
            raise DataError(f"is packed with {kind}", where=str(path), remedy="unpack it, or pack it with gzip")
    if head.startswith(b"PAR1"):
        return _open_parquet(path)
    if head.startswith(b"ARROW1"):
        return _open_arrow(path)
    return _open_text(path, packed=head.startswith(b"\x1f\x8b"))


def _open_parquet(path: Path) -> RawTable:
    from pyarrow import parquet

    try:
        names = tuple(parquet.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"is not a readable Parquet file: {error}", where=str(path), remedy="write it again") from None

    def fetch(columns: Sequence[str]) -> dict[str, pa.ChunkedArray]:
        try:
            table = parquet.read_table(path, columns=list(columns))
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"cannot be read: {error}", where=str(path), remedy="write the file again") from None
        return {name: table.column(name) for name in columns}

    return RawTable(_unique(names, str(path)), str(path), fetch, _row_places(f"{path}: "))


def _open_arrow(path: Path) -> RawTable:
    try:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"is not a readable Arrow file: {error}", where=str(path), remedy="write it again") from None
    return _of_table(table, str(path), f"{path}: ")


def _of_table(table: pa.Table, origin: str, prefix: str = "") -> RawTable:
    names = _unique(tuple(table.column_names), origin)
    return RawTable(names, origin, lambda columns: {name: table.column(name) for name in columns}, _row_places(prefix))


def _of_pandas(frame: Any) -> RawTable:
    if getattr(frame.columns, "nlevels", 1) > 1:
        raise DataError("the frame has columns of several levels", remedy="take one symbol: frame.xs('SPY', axis=1, level=1)")
    if getattr(frame.index, "nlevels", 1) > 1:
        raise DataError("the frame has an index of several levels", remedy="write frame.reset_index() and name symbol_column=")
    plain = type(frame.index).__name__ == "RangeIndex"
    try:
        table = pa.Table.from_pandas(frame.rename(columns=str), preserve_index=not plain)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise DataError(f"the frame has a column that cannot be read: {error}", remedy="give each column one type") from None
    return _of_table(table, "pandas frame")


def _of_polars(frame: Any) -> RawTable:
    if hasattr(frame, "collect"):
        raise DataError("a polars LazyFrame has no rows yet", remedy="write frame.collect()")
    return _of_table(frame.to_arrow(), "polars frame")


def _of_mapping(columns: Mapping[Any, Any]) -> RawTable:
    arrays = {}
    for name, values in columns.items():
        try:
            arrays[str(name)] = pa.array(values.to_numpy() if hasattr(values, "to_numpy") else np.asarray(values))
        except (pa.ArrowException, ValueError, TypeError) as error:
            remedy = "give one-dimensional arrays of one type"
            raise DataError(f"column {name!r} cannot be read: {error}", remedy=remedy) from None
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"the columns have different lengths: {lengths}", remedy="give arrays of one length")
    return _of_table(pa.table(arrays), "dict of arrays")


def _open_text(path: Path, packed: bool) -> RawTable:
    origin = str(path)
    try:
        with _text(path, packed) as file:
            reader_line = next((line for line in file if line.strip()), "")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"is not readable text: {error}", where=origin, remedy="give a CSV file in UTF-8") from None
    delimiter = max(_DELIMITERS, key=reader_line.count)
    header = [name.strip() for name in next(csv.reader([reader_line], delimiter=delimiter), [])]
    if len(header) < 2:
        remedy = "a header like timestamp,open,high,low,close,volume is needed"
        raise DataError(f"no columns in the first line {reader_line.strip()[:60]!r}", where=f"{origin}:1", remedy=remedy)
    if any(_looks_like_data(name) for name in header):
        raise DataError(
            f"has no header: the first line is {reader_line.strip()[:60]!r}",
            where=f"{origin}:1",
            remedy="put a line with the column names first, e.g. timestamp,open,high,low,close,volume",
        )
    names = _unique(tuple(header), origin)
    notes = () if delimiter == "," else (f"columns are separated by {delimiter!r}",)

    def fetch(columns: Sequence[str]) -> dict[str, pa.ChunkedArray]:
        return _read_text(path, packed, names, delimiter, columns)

    return RawTable(names, origin, fetch, lambda rows: _text_places(path, packed, delimiter, rows), notes)


def _read_text(
    path: Path, packed: bool, names: Sequence[str], delimiter: str, columns: Sequence[str]
) -> dict[str, pa.ChunkedArray]:
    from pyarrow import csv as arrow_csv

    options = {
        "read_options": arrow_csv.ReadOptions(column_names=list(names), skip_rows_after_names=0, use_threads=True),
        "parse_options": arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=False),
        "convert_options": arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), include_columns=list(columns), strings_can_be_null=False
        ),
    }
    try:
        with pa.input_stream(str(path), compression="gzip" if packed else None) as stream:
            table = arrow_csv.read_csv(stream, **options)
    except (pa.ArrowException, OSError) as error:
        raise _ragged(path, packed, delimiter, len(names), error) from None
    table = table.slice(1)  # the header: it is read as a row because blank lines may stand before it
    if not table.num_rows:
        raise DataError("has a header but no rows", where=str(path), remedy="at least one bar is needed")
    return {name: table.column(name) for name in columns}


def _ragged(path: Path, packed: bool, delimiter: str, width: int, error: Exception) -> DataError:
    """The lines whose number of fields is not the header's, or what the reader said."""
    places: list[str] = []
    total = 0
    try:
        with _text(path, packed) as file:
            reader = csv.reader(file, delimiter=delimiter)
            for fields in reader:
                if fields and len(fields) != width:
                    total += 1
                    if len(places) < 20:
                        places.append(f"{path}:{reader.line_num}: has {len(fields)} fields, the header has {width}")
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as problem:
        return DataError(f"cannot be read: {problem}", where=str(path), remedy="give a complete CSV file in UTF-8")
    if not places:
        return DataError(f"cannot be read: {error}", where=str(path), remedy="give a complete CSV file in UTF-8")
    more = f"\n  ... and {total - len(places)} more" if total > len(places) else ""
    text = f"{total} lines do not fit the header\n  " + "\n  ".join(places) + more
    return DataError(text, where=str(path), remedy="repair or remove these lines")


def _text_places(path: Path, packed: bool, delimiter: str, rows: Sequence[int]) -> list[str]:
    """Lines of the rows. The file is read once more, and only when something is to be reported."""
    wanted = dict.fromkeys(rows, "")
    last = max(wanted, default=-1)
    number = -2
    with _text(path, packed) as file:
        reader = csv.reader(file, delimiter=delimiter)
        for fields in reader:
            if not fields:
                continue
            number += 1
            if number in wanted:
                wanted[number] = f"{path}:{reader.line_num}"
            if number >= last:
                break
    return [wanted[row] or f"{path}: row {row}" for row in rows]


def _text(path: Path, packed: bool) -> IO[str]:
    if packed:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _row_places(prefix: str) -> Callable[[Sequence[int]], list[str]]:
    return lambda rows: [f"{prefix}row {row}" for row in rows]


def _looks_like_data(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return len(name) >= 8 and name[:4].isdigit() and name[4] in "-/."
    return name.lower() not in ("nan", "inf", "infinity")


def _unique(names: tuple[str, ...], origin: str) -> tuple[str, ...]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        what = ", ".join(map(repr, twice))
        raise DataError(f"there twice: columns {what}", where=origin, remedy="give each column its own name")
    return names
