"""Markets as one uncompressed Arrow IPC file, opened again by mapping it into memory, and markets in words.

The file has one record batch per feed, with the canonical integer columns; the schema's metadata describes instruments and
feeds. Any Arrow reader can read it.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fillwright.data.arrow import to_arrow, to_numpy
from fillwright.data.bars import timeframe_text
from fillwright.data.kinds import COLUMNS, LAYOUT, same_as
from fillwright.data.market import Feed, Finding, Ints, Market, build_market
from fillwright.data.read import Source, read_source
from fillwright.data.zones import time_text
from fillwright.errors import DataError, UsageError
from fillwright.model.instrument import Instrument

FORMAT_VERSION = 1
_KEY = b"fillwright.market"


def convert(market: Market | Source, path: str | Path) -> Path:
    """Write a market, or what a source holds, to an Arrow IPC file; a market file there is replaced, another file is not."""
    if isinstance(market, Source):
        market = read_source(market)
    target = Path(path)
    if target.exists() and not is_market_file(target):
        raise UsageError("is there already and is not a market file", where=str(target), remedy="choose another name")
    about = json.dumps(_description(market)).encode()
    names = dict.fromkeys(name for feed in market.feeds for name in LAYOUT[feed.kind])
    schema = pa.schema([_field(name) for name in names], metadata={_KEY: about})
    temporary = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with pa.OSFile(str(temporary), "wb") as file, pa.ipc.new_file(file, schema) as writer:
            for feed in market.feeds:
                writer.write_batch(pa.record_batch([_column(feed, field) for field in schema], schema=schema))
        os.replace(temporary, target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(f"cannot be written: {error.strerror or error}", where=str(target), remedy="check the folder") from None
    return target


def open_market(path: str | Path) -> Market:
    """Open a market file without reading it: the arrays lie in the mapped file. DataError when it is not such a file."""
    where = str(path)
    try:
        source = pa.memory_map(where)
        reader = pa.ipc.open_file(source)
        text = (reader.schema.metadata or {}).get(_KEY)
        if text is None:
            raise DataError("is an Arrow file, but not a stored market", where=where, remedy="read it with read_bars()")
        about = json.loads(text)
        if about["version"] != FORMAT_VERSION:
            message = f"has format version {about['version']}, this program reads {FORMAT_VERSION}"
            raise DataError(message, where=where, remedy="convert the data again")
        instruments = [_instrument(item) for item in about["instruments"]]
        feeds = [_feed(item, reader.get_batch(number), where) for number, item in enumerate(about["feeds"])]
        findings = [Finding(**item) for item in about["findings"]]
    except OSError as error:
        raise DataError(f"cannot be opened: {error.strerror or error}", where=where, remedy="check the path") from None
    except (pa.ArrowException, ValueError, KeyError, TypeError) as error:
        message = f"is not a readable market file: {error}"
        raise DataError(message, where=where, remedy="read bars with read_bars(), or convert the data again") from None
    return build_market(instruments, feeds, findings)


def is_market_file(path: str | Path) -> bool:
    """True when the file was written by :func:`convert`."""
    try:
        with pa.memory_map(str(path)) as source:
            return _KEY in (pa.ipc.open_file(source).schema.metadata or {})
    except (pa.ArrowException, OSError):
        return False


def describe(market: Market) -> str:
    """The market in words: each instrument and feed with its range, rows and decimals, then what the checks found."""
    rows = sum(len(feed) for feed in market.feeds)
    word = "bar" if all(feed.kind == "bars" for feed in market.feeds) else "row"
    counts = (_many(len(market.instruments), "instrument"), _many(len(market.feeds), "feed"), _many(rows, word))
    lines = [f"{', '.join(counts)}, {market.nbytes() / 1e6:.1f} MB"]
    lines.append(f"digest {market.digest}")
    for number, instrument in enumerate(market.instruments):
        lines += ["", *_describe_instrument(instrument)]
        for feed in market.feeds:
            if feed.instrument == number:
                lines += _describe_feed(feed, instrument)
    if market.findings:
        lines += ["", "findings"]
        lines += [f"  {finding.kind}: {finding}" for finding in market.findings]
    return "\n".join(lines)


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _describe_instrument(instrument: Instrument) -> list[str]:
    opens, closes = instrument.session
    session = "around the clock" if (opens, closes) == (0, 86_400) else f"{_clock(opens)}-{_clock(closes)}"
    pair = f", {instrument.base} in {instrument.quote}" if instrument.base else f", in {instrument.quote}"
    tick = f", tick {instrument.tick / instrument.price_scale:.10g}" if instrument.tick else ""
    times = f", multiplier {instrument.multiplier}" if instrument.multiplier != 1 else ""
    return [
        f"{instrument.symbol}{pair}, {instrument.timezone}, {session}",
        f"  prices to {instrument.price_decimals} decimals{tick}, quantities to {instrument.quantity_decimals}{times}",
    ]


def _describe_feed(feed: Feed, instrument: Instrument) -> list[str]:
    first, last = time_text(int(feed.open_time[0]), instrument.timezone), time_text(int(feed.close_time[-1]), instrument.timezone)
    low, high = int(feed.low.min()) / instrument.price_scale, feed.highest / instrument.price_scale
    role = "orders trade on it" if feed.execution else "informs only"
    volume = "no volume" if feed.volume is None else f"volume {int(feed.volume.sum()) / instrument.quantity_scale:,.10g}"
    if feed.ask_close is not None:
        volume = "no sizes" if feed.bid_size is None and feed.ask_size is None else "with sizes"
    length = f"{timeframe_text(feed.timeframe_ns)}: " if feed.timeframe_ns else ""
    return [
        f"  {length}{len(feed):,} {feed.rows_word} on {int(feed.day_last.sum()):,} days, {role}",
        f"    {first} to {last}",
        f"    prices {low:.10g} to {high:.10g}, {volume}",
    ]


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"


def _description(market: Market) -> dict[str, Any]:
    return {
        "version": FORMAT_VERSION,
        "instruments": [asdict(item) | {"multiplier": str(item.multiplier)} for item in market.instruments],
        "feeds": [
            {"symbol": feed.symbol, "instrument": feed.instrument, "timeframe_ns": feed.timeframe_ns, "kind": feed.kind,
             "columns": list(feed.arrays()), "volume": feed.volume is not None, "marked": feed.marked}
            for feed in market.feeds
        ],
        "findings": [asdict(finding) for finding in market.findings],
    }  # fmt: skip


def _instrument(item: dict[str, Any]) -> Instrument:
    return Instrument(**item | {"multiplier": Fraction(item["multiplier"]), "session": tuple(item["session"])})


def _field(name: str) -> pa.Field:
    return pa.field(name, pa.uint8() if name == "day_last" else pa.int64())


def _column(feed: Feed, field: pa.Field) -> pa.Array:
    values = feed.arrays().get(field.name)
    return pa.nulls(len(feed), field.type) if values is None else to_arrow(values)


def _feed(item: dict[str, Any], batch: pa.RecordBatch, where: str) -> Feed:
    kind = item.get("kind", "bars")
    names = item.get("columns", [name for name in COLUMNS if name != "volume" or item["volume"]])
    arrays: dict[str, Any] = {"volume": None}
    for name in names:
        values = to_numpy(batch.column(batch.schema.get_field_index(name)), np.uint8 if name == "day_last" else np.int64)
        if name.endswith("time") and not _rises(values, strictly=name != "time"):
            raise DataError(f"{item['symbol']}: {name} does not rise", where=where, remedy="convert the data again")
        arrays[LAYOUT[kind][name]] = values
    return Feed(
        symbol=item["symbol"], instrument=item["instrument"], timeframe_ns=item["timeframe_ns"], execution=True,
        marked=item["marked"], kind=kind, **arrays, **{name: arrays[twin] for name, twin in same_as(kind).items()},
    )  # fmt: skip


def _rises(times: Ints, strictly: bool) -> bool:
    return bool((times[1:] > times[:-1]).all() if strictly else (times[1:] >= times[:-1]).all())
