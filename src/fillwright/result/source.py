"""The market data of a saved run, read again: from where its configuration says, or from where the user says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fillwright.config.folders import PACKAGE, data_folder
from fillwright.config.load import load_config
from fillwright.config.schema import Config
from fillwright.data.bars import timeframe_text
from fillwright.data.load import load_market
from fillwright.data.market import Market, combine
from fillwright.data.read import Source, read_source
from fillwright.data.select import select
from fillwright.data.store import is_market_file, open_market
from fillwright.errors import DataError, UsageError
from fillwright.model.instrument import Instrument
from fillwright.result.stand_in import instrument

CONFIGS = (".yaml", ".yml", ".toml", ".json")
FILES = (".arrow", ".parquet", ".csv", ".csv.gz", ".feather")


def market_of(folder: Path, run: Mapping[str, Any], given: Sequence[Path] = ()) -> Market:
    """The market that a run was made on, bar for bar; ``run`` is the content of run.json in ``folder``.

    given   nothing: data.sources of the run's configuration, relative to the working directory, or to the folder of the result
            or one above it; one folder: the same files there; one configuration: its sources; else files of bars or stored
            markets, named SYMBOL.* where there are several

    DataError where there are no data, or others than the run had.
    """
    try:
        market, wanted = _read(folder, run, given), run["data"]["digest"]
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise DataError(
            f"cannot be used: {type(error).__name__}: {error}", where=str(folder / "run.json"), remedy="the file was changed"
        ) from error
    if market.digest != wanted:
        bars = sum(len(feed) for feed in market.feeds)
        raise DataError(
            f"these are other data: digest {market.digest} ({bars:,} bars), the run had {wanted}",
            where=", ".join(map(str, given)) or str(folder / "run.json"),
            remedy="give the data as they were when the run was made: --data FOLDER, --data CONFIG or --data FILE ...",
        )
    return market


def _read(folder: Path, run: Mapping[str, Any], given: Sequence[Path]) -> Market:
    if missing := [path for path in given if not path.exists()]:
        raise DataError("is not there", where=str(missing[0]), remedy="give a folder, a configuration or files of bars")
    config = Config.from_dict(run["config"])
    if not given:
        return load_market(config, _base(folder, config))
    if len(given) == 1 and given[0].is_dir():
        if config.data.sources:
            return load_market(_moved(config, given[0]), given[0])
        return _files(run, _named(given[0], run))
    if len(given) == 1 and given[0].name.lower().endswith(CONFIGS):
        return load_market(load_config(given[0]).config, given[0].parent)
    return _files(run, given)


def _moved(config: Config, to: Path) -> Config:
    return config.model_copy(update={"data": config.data.model_copy(update={"folder": str(to.absolute())})})


def _base(folder: Path, config: Config) -> Path:
    """The folder that data.folder is relative to: the first in which all sources are there."""
    data = config.data
    if not data.sources:
        raise DataError(
            "the run was given its data by a program: its configuration names no sources", where=str(folder / "run.json"),
            remedy="say where the data are: --data FILE ..., --data FOLDER or --data CONFIG",
        )  # fmt: skip
    above = folder.resolve()
    places = [Path.cwd(), *([] if data.folder.startswith(PACKAGE) else [above, *above.parents])]
    for place in places:
        if all((data_folder(data.folder, place) / source.path).exists() for source in data.sources):
            return place
    inside = data_folder(data.folder, Path.cwd())
    gone = next(source.path for source in data.sources if not (inside / source.path).exists())
    looked = f"{data.folder}/{gone}" if data.folder not in (".", "") else gone
    raise DataError(
        f"the data of the run are not found: {looked} is neither below the working directory nor below a folder above the result",
        where=str(folder / "run.json"),
        remedy="say where they are: --data FOLDER (in place of data.folder) or --data CONFIG",
    )


def _named(folder: Path, run: Mapping[str, Any]) -> list[Path]:
    """One file per instrument of the run, by its name."""
    found = []
    for facts in run["instruments"]:
        paths = [path for suffix in FILES if (path := folder / f"{facts['symbol']}{suffix}").is_file()]
        if not paths:
            names = ", ".join(f"{facts['symbol']}{suffix}" for suffix in FILES)
            raise DataError(
                f"has no data of {facts['symbol']}", where=str(folder), remedy=f"looked for {names}; or name the files"
            )
        found.append(paths[0])
    return found


def _files(run: Mapping[str, Any], paths: Sequence[Path]) -> Market:
    """A market of the run's own instruments from files of bars and stored markets."""
    own = {facts["symbol"]: instrument(facts) for facts in run["instruments"]}
    lengths = dict(zip(own, run["data"]["timeframes"], strict=False))
    parts = list(_parts(own, lengths, paths))
    market = combine(parts) if len(parts) > 1 else parts[0]
    symbols = {one.symbol for one in market.instruments}
    if not symbols >= set(own):
        raise DataError(
            f"there are data of {', '.join(sorted(symbols))}, the run had {', '.join(own)}", where=", ".join(map(str, paths)),
            remedy="give data of every instrument of the run",
        )  # fmt: skip
    return select(market, list(own))


def _parts(own: Mapping[str, Instrument], lengths: Mapping[str, int], paths: Sequence[Path]) -> Iterator[Market]:
    for path in paths:
        if is_market_file(path):
            yield open_market(path)
            continue
        symbol = next(iter(own)) if len(own) == 1 else path.name.split(".")[0]
        if symbol not in own:
            raise UsageError(
                f"does not say which instrument it is about; the run had {', '.join(own)}", where=str(path),
                remedy="name files of bars SYMBOL.csv (or .parquet, .arrow), or give a configuration",
            )  # fmt: skip
        zone, timeframe = own[symbol].timezone, timeframe_text(lengths[symbol])
        yield read_source(Source(path, symbol=symbol, timeframe=timeframe, tz=zone, instrument=own[symbol]))
