"""The market that a configuration describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from fillwright.config import rates
from fillwright.config.folders import data_folder
from fillwright.config.schema import Config
from fillwright.config.schema import Source as SourceSettings
from fillwright.data.bars import parse_timeframe
from fillwright.data.market import Market, build_market, combine
from fillwright.data.read import Source, read_source
from fillwright.data.select import select
from fillwright.data.store import is_market_file, open_market
from fillwright.data.units import USUAL_DECIMALS
from fillwright.errors import ConfigError, DataError
from fillwright.model.instrument import Instrument


def load_market(config: Config, base_folder: str | Path) -> Market:
    """Read ``config.data.sources`` with ``config.instruments`` and ``config.hours``.

    ``base_folder`` is where ``data.folder`` starts from: the configuration file's. Instruments come in the order of the sources.
    Findings name files as the configuration does, so that they read the same on every machine.
    Raises ConfigError when there is no source, DataError when data cannot be used.
    """
    if not config.data.sources:
        remedy = "add one, like {symbol: SPY, path: SPY.csv}"
        raise ConfigError("there are no sources of market data", where="data.sources", remedy=remedy)
    folder = data_folder(config.data.folder, base_folder)
    parts = []
    for number, source in enumerate(config.data.sources):
        try:
            path = folder / source.path
            part = _part(config, source, path)
            findings = [replace(item, where=item.where.replace(str(path), source.path)) for item in part.findings]
            parts.append(replace(part, findings=tuple(findings)))
        except DataError as error:
            where = f"data.sources[{number}]" if error.where is None else error.where
            raise DataError(error.message, where=where, remedy=error.remedy) from None
    return combine(parts) if len(parts) > 1 else parts[0]


def instrument_of(config: Config, symbol: str, source_zone: str | None) -> tuple[Instrument, bool]:
    """The instrument as configured, and whether its price decimals are still to be found from the data."""
    given = config.instrument(symbol)
    tick = given.tick
    infer = given.price_decimals is None
    if given.price_decimals is not None:
        decimals = given.price_decimals
    else:
        decimals = USUAL_DECIMALS if tick is None else rates.decimals_of(tick)
    instrument = Instrument(
        symbol=symbol,
        quote=given.quote,
        base=given.base,
        price_decimals=decimals,
        quantity_decimals=given.lot_decimals,
        multiplier=Fraction(given.multiplier),
        tick=0 if tick is None else int(tick.scaleb(decimals)),
        timezone=given.timezone or source_zone or "UTC",
        session=rates.session_seconds(given.session or "00:00-24:00"),
    )
    return instrument, infer


def _part(config: Config, source: SourceSettings, path: Path) -> Market:
    if is_market_file(path):
        return _stored(config, source, path)
    instrument, infer = instrument_of(config, source.symbol, source.timezone)
    names: Mapping[str, str | None] = source.columns.model_dump()
    return read_source(
        Source(
            data=path,
            symbol=source.symbol,
            timeframe=source.timeframe,
            tz=source.timezone,
            stamp=source.stamp,
            columns={field: name for field, name in names.items() if name is not None},
            timestamp_column=source.timestamp_column,
            timestamp_format=source.timestamp_format,
            symbol_column=source.symbol_column,
            instrument=instrument,
            infer_decimals=infer,
            least_decimals=instrument.price_decimals,
            repair=config.data.repair,
            start=config.data.start,
            end=config.data.end,
            execution=source.execution,
            kind=source.kind,
        )
    )


def _stored(config: Config, source: SourceSettings, path: Path) -> Market:
    """One symbol of a market file. Its instrument was settled when it was written; settings that differ are an error."""
    market = select(open_market(path), [source.symbol], config.data.start, config.data.end)
    stored = market.instruments[0]
    if source.symbol in config.instruments:
        wanted, _ = instrument_of(config, source.symbol, source.timezone)
        differing = [
            name
            for name in ("quote", "base", "quantity_decimals", "multiplier", "timezone", "session")
            if getattr(stored, name) != getattr(wanted, name)
        ]
        if Fraction(stored.tick, stored.price_scale) != Fraction(wanted.tick, wanted.price_scale):
            differing.append("tick")
        if differing:
            message = f"{source.symbol} was stored with other settings: {', '.join(differing)}"
            raise DataError(message, where=str(path), remedy="convert the data again with these settings")
    length = None if source.timeframe is None else parse_timeframe(source.timeframe)
    feeds = [feed for feed in market.feeds if feed.kind == source.kind and length in (None, feed.timeframe_ns)]
    if len(feeds) == len(market.feeds):
        return market
    if not feeds:
        of = f" of {source.timeframe}" if source.timeframe else ""
        raise DataError(
            f"{source.symbol} has no {source.kind.replace('_', ' ')}{of}",
            where=str(path),
            remedy="give another timeframe or kind",
        )
    return build_market(market.instruments, feeds, market.findings)
