"""``fillwright data``: info, convert, make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from fillwright.cli.settings import load_and_warn

if TYPE_CHECKING:
    from fillwright.data.market import Market

CONFIG_SUFFIXES = (".yaml", ".yml", ".toml", ".json")

app = App(name="data", help="Look at, convert and make market data.")


def _market(source: Path, symbol: str | None, timeframe: str | None, tz: str | None) -> Market:
    """The market of a configuration, a stored market or a file of bars."""
    from fillwright.data.load import load_market
    from fillwright.data.read import read_bars
    from fillwright.data.store import is_market_file, open_market

    if source.suffix.lower() in CONFIG_SUFFIXES:
        return load_market(load_and_warn(source, ()).config, source.parent)
    if is_market_file(source):
        return open_market(source)
    return read_bars(source, symbol=symbol or source.name.split(".")[0], timeframe=timeframe, tz=tz)


@app.command
def info(source: Path, /, *, symbol: str | None = None, timeframe: str | None = None, tz: str | None = None) -> int:
    """Show ranges, units and findings of market data.

    Parameters
    ----------
    source
        CSV, Parquet or Arrow file, stored market, or configuration file.
    symbol
        Instrument; default: the name of the file.
    timeframe
        Length of a bar, such as 1min or 1d; default: the usual distance of the rows.
    tz
        Zone of time stamps without one.
    """
    from fillwright.data.store import describe

    print(describe(_market(source, symbol, timeframe, tz)))
    return 0


@app.command
def convert(
    source: Path, target: Path, /, *, symbol: str | None = None, timeframe: str | None = None, tz: str | None = None
) -> int:
    """Store market data in a file that opens at once.

    Parameters
    ----------
    source
        CSV, Parquet or Arrow file, stored market, or configuration file.
    target
        File to write (Arrow IPC).
    symbol
        Instrument; default: the name of the file.
    timeframe
        Length of a bar, such as 1min or 1d; default: the usual distance of the rows.
    tz
        Zone of time stamps without one.
    """
    from fillwright.data.store import convert as store

    print(store(_market(source, symbol, timeframe, tz), target))
    return 0


@app.command
def make(
    target: Path,
    /,
    *,
    bars: int = 1000,
    seed: int = 0,
    timeframe: str = "1d",
    start: str = "2020-01-01",
    symbol: str = "MADE",
) -> int:
    """Make bars up, for trying things out; the same options always make the same bars.

    Parameters
    ----------
    target
        File to write: .csv, or any other name for a stored market.
    bars
        How many.
    seed
        Another seed makes another series.
    timeframe
        Length of a bar.
    start
        First day.
    symbol
        Instrument.
    """
    from fillwright.data.make import make_bars, write_csv
    from fillwright.data.store import convert as store
    from fillwright.model.instrument import Instrument

    market = make_bars(bars, seed=seed, timeframe=timeframe, start=start, instrument=Instrument(symbol))
    print(write_csv(market, target) if target.suffix.lower() == ".csv" else store(market, target))
    return 0
