"""Symbols, files, columns, timeframe and dates of the previous system."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fillwright.config import problems, rates
from fillwright.legacy.previous import Found, Previous
from fillwright.legacy.translated import Translated

_PRICES = ("open", "high", "low", "close", "volume")
_PATTERN = "{symbol}_{timeframe}.csv"
_LEVELS = 4


@dataclass(frozen=True)
class Folders:
    """Where old paths are looked for (``roots``, nearest first) and where the new file will stand (``target``)."""

    roots: Sequence[Path]
    target: Path

    @classmethod
    def of(cls, old: Path, target: Path) -> Folders:
        """Old paths were relative to the directory the program was started in, most often a parent of the file's folder."""
        folder = old.resolve().parent
        above = [folder, *folder.parents][:_LEVELS]
        return cls((*above, Path.cwd()) if Path.cwd() not in above else above, target.resolve())

    def root_of(self, paths: Sequence[str]) -> Path:
        """The first root in which one of the paths exists; else the parent of a ``config`` folder, else the file's folder."""
        for root in self.roots:
            if any(os.path.isfile(root / path) for path in paths):
                return root
        return self.roots[1] if self.roots[0].name == "config" else self.roots[0]

    def relative(self, path: Path) -> str:
        """The path as the new file has to write it."""
        return Path(os.path.relpath(path, self.target)).as_posix()


@dataclass(frozen=True, slots=True)
class Shape:
    """What all files have in common: columns, timeframe."""

    timeframe: str | None
    stamp: Found | None
    form: Found | None
    columns: dict[str, str]


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be text")
    return value.strip()


def _symbols(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    if not items or not all(isinstance(item, str) for item in items):
        raise ValueError("must be a list of symbols")
    return tuple(dict.fromkeys(items))


def _timeframe(value: Any) -> str:
    return rates.duration_text(rates.duration(_text(value).lower()))


def migrate_data(old: Previous, new: Translated, folders: Folders) -> None:
    """``data``: folder, dates and one source per symbol."""
    symbols = _agreed_symbols(old)
    timeframe = old.agree("the timeframe", old.convert_all(old.find("backtest.timeframe", "data.timeframe"), _timeframe))
    if not old.find("backtest.timeframe", "data.timeframe"):
        old.report.append("defaulted: no timeframe is given -> the usual distance of the rows")
    columns = {}
    for name in _PRICES:
        keys = old.find(f"data.price_columns.{name}", *(["data.sources[].price_column"] if name == "close" else []))
        column = old.agree(f"the column {name}", old.convert_all(keys, _text))
        if column is not None:
            columns[name] = column[0]
    shape = Shape(
        timeframe[0] if timeframe else None,
        _only(old, "the time stamp column", "data.timestamp_column", "data.date_column", "data.sources[].date_column"),
        _only(old, "the time stamp format", "data.date_format", "data.sources[].date_format", "data.custom_data.date_format"),
        columns,
    )
    _dates(old, new)
    if symbols:
        _sources(old, new, folders, symbols, shape)


def _only(old: Previous, standard: str, *patterns: str) -> Found | None:
    agreed = old.agree(standard, old.convert_all(old.find(*patterns), _text))
    return agreed[1][0] if agreed else None


def _agreed_symbols(old: Previous) -> tuple[str, ...]:
    """The symbols, in the order of the first list that names them."""
    lists = old.find("backtest.symbols", "data.symbols", "data.instruments")
    pairs = [(key, frozenset(names)) for key, names in old.convert_all(lists, _symbols) if names is not None]
    sources = [key for key in old.find("data.sources[].symbol") if old.convert(key, _text) is not None]
    with_file = {key.value for key in sources}
    for key, names in pairs:
        missing = sorted(names - with_file)
        if sources and missing:
            message = f"names {', '.join(missing)}, but data.sources has files only for {', '.join(sorted(with_file))}"
            old.wrong(key, message + "; this is a sample, not a complete backtest, or its sources are not")
            return ()
    if sources and pairs:
        pairs.append((Found(("data", "sources"), sorted(with_file), sources[0].where), frozenset(with_file)))
    agreed = old.agree("the list of symbols", pairs)
    traded = old.find("strategy.symbols", "strategy.parameters.symbols", "strategies.*.symbols", "strategy.*.symbols")
    if agreed is not None:
        first = agreed[1][0]
        order = _symbols(first.value)
    elif pairs or old.found:
        return ()
    elif sources:
        order = tuple(dict.fromkeys(key.value for key in sources))
    else:
        only = old.agree("the list of symbols", old.convert_all(traded, lambda value: frozenset(_symbols(value))))
        if only is None and not traded:
            old.found.append(problems.Problem("", "names no symbols (backtest.symbols, data.sources)", old.document.name))
        return _symbols(only[1][0].value) if only else ()
    for key in traded:
        chosen = old.convert(key, _symbols) or ()
        if not set(chosen) <= set(order):
            old.wrong(key, f"names {', '.join(sorted(set(chosen) - set(order)))}, which have no data")
        elif set(chosen) != set(order):
            old.report.append(
                f"NOT YET HANDLED: {key.text} = {list(chosen)!r}: the strategy will trade all of {', '.join(order)}"
            )
    return order


def _dates(old: Previous, new: Translated) -> None:
    for name in ("start", "end"):
        keys = old.find(f"backtest.{name}_date", f"data.{name}_date")
        agreed = old.agree(f"the {name} date", old.convert_all(keys, rates.when))
        if agreed is not None:
            whole = ", the whole day" if name == "end" and rates.is_date(agreed[0]) else ""
            new.put(f"data.{name}", agreed[0], agreed[1], f"{', '.join(key.text for key in agreed[1])}{whole}")
            old.report.append(f"note: {keys[0].text} is now applied; the old program never did")


def _sources(old: Previous, new: Translated, folders: Folders, symbols: tuple[str, ...], shape: Shape) -> None:
    agreed = old.agree(
        "the data folder", old.convert_all(old.find("data.data_dir", "backtest.data_dir"), lambda value: Path(_text(value)))
    )
    data_dir = agreed[0].as_posix() if agreed else "data"
    named = _files(old, symbols, shape)
    if named is None:
        return
    paths = {symbol: file if "/" in file or "\\" in file else f"{data_dir}/{file}" for symbol, file in named.items()}
    root = folders.root_of(list(paths.values()))
    inside = agreed is not None and all(Path(path).is_relative_to(data_dir) for path in paths.values())
    folder = root / data_dir if inside else root
    new.put(
        "data.folder",
        folders.relative(folder),
        agreed[1] if agreed and inside else (),
        "" if inside else "where the old paths start",
    )
    rows = []
    for symbol, path in paths.items():
        row: dict[str, Any] = {"symbol": symbol, "path": Path(os.path.relpath(root / path, folder)).as_posix()}
        if shape.timeframe:
            row["timeframe"] = shape.timeframe
        row["timezone"] = "UTC"
        _columns(old, row, root / path, shape)
        rows.append(row)
    new.data["data"]["sources"] = rows
    new.comments[("data", "sources")] = "files, timeframe and columns of the old file; UTC: see the notes"
    old.report.append(
        "assumed: time stamps without a zone are UTC; the old files do not say. Change data.sources[].timezone if not"
    )


def _files(old: Previous, symbols: tuple[str, ...], shape: Shape) -> dict[str, str] | None:
    """Symbol -> file as the old file names it."""
    single = old.agree(
        "the data file", old.convert_all(old.find("data.custom_data.file", "data.custom_file", "data.file_path"), _text)
    )
    pattern = old.agree("the file pattern", old.convert_all(old.find("data.file_pattern"), _text))
    old.find("data.custom_data.symbol_column")
    named: dict[str, str] = {}
    for key in old.find("data.sources[].file"):
        symbol = _sibling(old, key, "symbol")
        path = old.convert(key, _text)
        if isinstance(symbol, str) and path:
            named.setdefault(symbol, path)
    if single is not None:
        if len(symbols) > 1:
            old.wrong(
                single[1][0], f"is one file for {len(symbols)} symbols ({', '.join(symbols)}); give each its own in data.sources"
            )
            return None
        named.setdefault(symbols[0], single[0])
        if named[symbols[0]] != single[0]:
            old.wrong(single[1][0], f"differs from data.sources[].file = {named[symbols[0]]!r}")
    form = pattern[0] if pattern else _PATTERN
    missing = [symbol for symbol in symbols if symbol not in named]
    if missing and "{timeframe}" in form and not shape.timeframe:
        where = old.document.name
        message = f"no data file is named for {', '.join(missing)}, and {form} needs a timeframe, which is not given either"
        old.found.append(problems.Problem("", message, where))
        return None
    if missing and pattern is None:
        old.report.append(f"defaulted: no file is named for {', '.join(missing)} -> {_PATTERN} in the data folder")
    for symbol in missing:
        named[symbol] = form.replace("{symbol}", symbol).replace("{timeframe}", shape.timeframe or "")
    return {symbol: named[symbol] for symbol in symbols}


def _sibling(old: Previous, key: Found, name: str) -> Any:
    value: Any = old.document.data
    for part in key.path[:-1]:
        value = value[part]
    return value.get(name)


def _columns(old: Previous, row: dict[str, Any], file: Path, shape: Shape) -> None:
    """Columns and format of one file, checked against its first rows where it can be read."""
    header, first = _first_rows(file)
    if header is None:
        old.report.append(f"check: the file {row['path']} of {row['symbol']} was not found")
    lower = {name.lower() for name in header or ()}
    if shape.stamp is not None:
        if header is not None and shape.stamp.value.lower() not in lower:
            message = f"the file {row['path']} has no column {shape.stamp.value!r}; it has {', '.join(header)}"
            if not old.force:
                old.wrong(shape.stamp, f"{message}. Correct it, or leave it out with --force")
                return
            old.report.append(f"left out: {shape.stamp.text} = {shape.stamp.value!r}, because {message}")
        else:
            row["timestamp_column"] = shape.stamp.value
    if shape.form is not None:
        if (first is not None and _fits(first, header or [], row, shape.form.value)) or first is None:
            row["timestamp_format"] = shape.form.value
        else:
            stamp = first[_stamp_index(header or [], row)]
            old.report.append(
                f"left out: {shape.form.text} = {shape.form.value!r} does not fit {stamp!r} in {row['path']}; ISO 8601 is read"
            )
    if shape.columns:
        row["columns"] = dict(shape.columns)


def _first_rows(file: Path) -> tuple[list[str] | None, list[str] | None]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.reader(stream)
            return next(rows, None), next(rows, None)
    except (OSError, ValueError, csv.Error):
        return None, None


def _stamp_index(header: list[str], row: dict[str, Any]) -> int:
    names = [name.lower() for name in header]
    for name in (str(row.get("timestamp_column", "")).lower(), "timestamp", "date", "datetime", "time"):
        if name in names:
            return names.index(name)
    return 0


def _fits(first: list[str], header: list[str], row: dict[str, Any], form: str) -> bool:
    index = _stamp_index(header, row)
    try:
        datetime.strptime(first[index], form)
    except (ValueError, IndexError):
        return False
    return True
