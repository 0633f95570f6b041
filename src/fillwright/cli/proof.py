"""What was proved and what differs: verify, explain, compare, import-trades."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fillwright.cli.shared import Data, Hashes, Json, Switch, app
from fillwright.errors import UsageError

if TYPE_CHECKING:
    from fillwright.verify import MarketData


@app.command
def verify(folder: Path, /, *, data: Data = None, json: Json = False, hashes: Hashes = True) -> int:
    """Recompute a result folder from its journal; exit code 1 if anything differs.

    Parameters
    ----------
    folder
        Folder that a run left behind.
    data
        Hold the run against its market data too. Alone: where the run's configuration says; or a folder, a configuration, or
        files of bars.
    hashes
        Compare the files with the hashes in the certificate first.
    """
    from fillwright.verify import verify_folder

    if not folder.is_dir():
        raise UsageError("is no folder", where=str(folder), remedy="give the folder of a saved run")
    market = None if data is None else _data_of_run(folder, data)
    verification = verify_folder(folder, hashes=hashes, market=market)
    print(verification.to_json() if json else verification.text())
    return 0 if verification.ok else 1


def _data_of_run(folder: Path, data: Sequence[Path]) -> MarketData:
    """The bars of a saved run as the verifier takes them."""
    from fillwright.result.source import market_of
    from fillwright.verify import Bars, MarketData
    from fillwright.verify.reading import read_json

    run = read_json(folder / "run.json")
    if run.get("state") == "imported":
        raise UsageError("holds trades of another system, not a run", where=str(folder), remedy="verify it without --data")
    market = market_of(folder, run, data)
    feeds = [market.execution_feed(number) for number in range(len(market.instruments))]
    for feed in feeds:
        if feed.kind != "bars":
            raise UsageError(
                f"{feed.symbol} trades on {feed.rows_word}, and a run is held against bars only",
                remedy="verify it without --data",
            )
    bars = [
        Bars(feed.symbol, feed.open_time, feed.close_time, feed.open, feed.high, feed.low, feed.close, feed.volume, feed.day_last)
        for feed in feeds
    ]
    return MarketData(bars, market.instants)


@app.command
def explain(folder: Path, fill: int | None = None, /, *, order: int | None = None, data: Data = None, json: Json = False) -> int:
    """Show how a fill came about, or what became of an order.

    Parameters
    ----------
    folder
        Folder that a run left behind.
    fill
        Number of the fill, from 0.
    order
        Number of an order instead.
    data
        Show the bar too. Alone: from where the run's configuration says; or a folder, a configuration, or files of bars.
    """
    from fillwright.result import load
    from fillwright.result.explain import fill_facts, order_facts
    from fillwright.result.folder import to_json
    from fillwright.result.source import market_of

    if (fill is None) == (order is None):
        raise UsageError(
            "explain needs the number of a fill or of an order", remedy="write: fillwright explain FOLDER 17, or --order 3"
        )
    saved = load(folder)
    market = None if data is None else market_of(folder, saved.saved.run, data)
    if json:
        about = saved.subject(market)
        print(to_json(fill_facts(about, fill) if fill is not None else order_facts(about, order or 0)).decode(), end="")
    else:
        print(saved.explain(fill, order=order, market=market))
    return 0


@app.command
def compare(one: Path, two: Path, /, *, json: Json = False) -> int:
    """Show where two runs part, and what was set differently; exit code 1 if their records or figures differ.

    Parameters
    ----------
    one
        Folder that a run left behind.
    two
        Folder of the other run.
    """
    from fillwright.result.compare import compare as compare_runs

    for folder in (one, two):
        if not folder.is_dir():
            raise UsageError("is no folder", where=str(folder), remedy="give the folders of two saved runs")
    comparison = compare_runs(one, two)
    print(comparison.to_json() if json else comparison.text())
    return 0 if comparison.equal else 1


@app.command(name="import-trades")
def import_trades(
    old: Path,
    /,
    *,
    pnl: Literal["gross", "net"] | None = None,
    out: Path,
    equity: Path | None = None,
    cash: str | None = None,
    overwrite: Switch = False,
) -> int:
    """Keep trades that the previous system recorded as a result folder, to verify and to compare.

    Parameters
    ----------
    old
        Its trades: CSV or JSON.
    pnl
        Whether the results in the file are before fees (gross) or after (net). Must be said.
    out
        Folder to write.
    equity
        Its equity file: timestamp, equity, cash, positions_value.
    cash
        What the account began with; default: the first equity.
    overwrite
        Replace a result that is there.
    """
    from fillwright.legacy.trades import read_equity, read_trades
    from fillwright.result.imported import save_imported

    if pnl is None:
        raise UsageError(
            "the file does not say whether its results are before or after fees", where=str(old),
            remedy="write --pnl gross (before fees) or --pnl net (after fees); where both are known, try net and `fillwright verify`",
        )  # fmt: skip
    past = read_trades(old)
    if equity is not None:
        read_equity(equity, past)
    folder = save_imported(past, pnl, out, cash=cash, source=old.name, overwrite=overwrite)
    closed = sum(trade.closed for trade in past.trades)
    print(f"{closed} closed and {len(past.trades) - closed} open trades of {old} are in {folder}")
    print("\n".join(["assumed:", *(f"  {line}" for line in past.assumed)]))
    if past.found:
        print("\n".join(["found:", *(f"  {line}" for line in past.found)]))
    print(f"check it with: fillwright verify {folder}; put a run beside it with: fillwright compare {folder} RUN")
    return 0
