"""The command line: ``fillwright COMMAND``, each a function here; ``fillwright --help`` lists them.

Exit codes: 0 all well, 1 a run or a check failed, 2 a wrong command line, configuration or data. Errors are text on stderr.
Commands import what they need when they run, so that help and configuration checks start fast.
"""

from __future__ import annotations

import json as json_format
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

from fillwright._version import __version__
from fillwright.errors import ConfigError, FillwrightError, RunFailed, UsageError

if TYPE_CHECKING:
    from fillwright.config.load import Loaded
    from fillwright.data.market import Market
    from fillwright.result import Result
    from fillwright.verify import MarketData

DEMO = ("demo/demo.yaml", "../../examples/demo.yaml")
"""Where the demo lies, beside this file: in an installed package, in a source tree."""

CONFIG_SUFFIXES = (".yaml", ".yml", ".toml", ".json")

app = App(
    name="fillwright",
    help="Backtests whose numbers can be checked: one configuration file in, a folder with proof out.",
    version=__version__,
    default_parameter=Parameter(negative=()),
    help_format="plaintext",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
config_app = App(name="config", help="Check, show, explain and migrate configuration files.")
data_app = App(name="data", help="Look at, convert and make market data.")
doctor_app = App(name="doctor", help="Prove that runs are isolated and know nothing of the future; show what is installed.")
app.command(config_app)
app.command(data_app)
app.command(doctor_app)

Overrides = Annotated[
    list[str],
    Parameter(
        name="--set", negative=(), show_default=False, help="Change one setting: section.key=value. May be given several times."
    ),
]
Json = Annotated[bool, Parameter(name="--json", show_default=False, help="Print JSON for machines.")]
Switch = Annotated[bool, Parameter(show_default=False)]
Data = Annotated[list[Path] | None, Parameter(consume_multiple=True, negative=(), show_default=False)]
Hashes = Annotated[bool, Parameter(negative="--no-hashes", show_default=False)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        code = app(sys.argv[1:] if arguments is None else arguments, exit_on_error=False, print_error=False, help_on_error=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except CycloptsError as error:
        return _fail(f"{error}\n  fillwright --help lists the commands; add --help to a command for its options", 2)
    except FillwrightError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted", 1)
    except BrokenPipeError:
        # The reader went away (| head): not worth a message, but Python would write one while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("FILLWRIGHT_DEBUG"):
            raise
        message = (
            f"internal error: {type(error).__name__}: {error}\n  This is a fault of fillwright. FILLWRIGHT_DEBUG=1 shows where."
        )
        return _fail(message, 1)


def _fail(message: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code


def _warn(lines: Sequence[str]) -> None:
    for line in lines:
        print(f"warning: {line}", file=sys.stderr)


# ---- runs --------------------------------------------------------------------------------------------------------------------


@app.command
def run(
    config: Path, /, *, overrides: Overrides = [], out: Path | None = None, json: Json = False, quiet: Switch = False,  # noqa: B006
    checkpoint: Path | None = None, checkpoint_every: str | None = None,
) -> int:  # fmt: skip
    """Run a configuration.

    Parameters
    ----------
    config
        Configuration file (YAML, TOML or JSON).
    out
        Folder for the result; goes before run.out.
    quiet
        Print nothing but errors.
    checkpoint
        File for checkpoints (run.checkpoint.file).
    checkpoint_every
        How often one is taken: so much data time (30d), or so many instants (run.checkpoint.every).
    """
    from fillwright.config.load import load_config

    if checkpoint is not None:
        overrides = [*overrides, f"run.checkpoint.file={json_format.dumps(str(checkpoint))}"]
    if checkpoint_every is not None:
        overrides = [*overrides, f"run.checkpoint.every={checkpoint_every}"]
    settings = load_config(config, overrides).config  # what is wrong shows at once, before anything heavy is imported
    if quiet:
        # Before the import that may have to compile, which it would announce.
        logging.getLogger("fillwright").setLevel(logging.ERROR)
    from fillwright.coordinator import run_config

    folder = Path(settings.run.out) if out is None and settings.run.out is not None else out
    return _told(lambda shown: run_config(config, overrides=overrides, out=folder, progress=shown), folder, json, quiet)


def _told(go: Callable[[bool], Result], folder: Path | None, json: bool, quiet: bool) -> int:
    """Run, with a progress bar or without, and print what came of it; what a failed run left behind is part of its error."""
    try:
        result = go(not quiet and not json and sys.stderr.isatty())
    except RunFailed as error:
        if folder is not None and folder.is_dir():
            kept = f"what was recorded until then is in {folder}"
            error.remedy = f"{error.remedy}\n  {kept}" if error.remedy else kept
        raise
    if json:
        print(_result_json(result, folder))
    elif not quiet:
        print(f"{result}\n\n{_saved_line(folder, 'html' in result.config.report.formats)}")
    return 0


@app.command
def resume(
    checkpoint: Path, /, *, out: Path | None = None, base: Path | None = None, json: Json = False, quiet: Switch = False
) -> int:
    """Go on from a checkpoint to the end of its run.

    Parameters
    ----------
    checkpoint
        File that a run left behind (run.checkpoint.file).
    out
        Folder for the result; goes before run.out.
    base
        Folder that data and strategy are relative to, where the configuration file is no longer where it was.
    quiet
        Print nothing but errors.
    """
    return _go_on(checkpoint, None, base, out, json, quiet)


@app.command
def fork(
    checkpoint: Path, /, *, overrides: Overrides = [], out: Path | None = None, base: Path | None = None,  # noqa: B006
    json: Json = False, quiet: Switch = False,
) -> int:  # fmt: skip
    """Go on from a checkpoint with other parameters or another strategy: --set strategy.params.fast=5.

    Parameters
    ----------
    checkpoint
        File that a run left behind (run.checkpoint.file).
    out
        Folder for the result.
    base
        Folder that data and strategy are relative to, where the configuration file is no longer where it was.
    quiet
        Print nothing but errors.
    """
    return _go_on(checkpoint, overrides, base, out, json, quiet)


def _go_on(
    checkpoint: Path, overrides: Sequence[str] | None, base: Path | None, out: Path | None, json: bool, quiet: bool
) -> int:
    if quiet:
        logging.getLogger("fillwright").setLevel(logging.ERROR)
    from fillwright.coordinator.continuing import run_of
    from fillwright.coordinator.runner import saved

    one = run_of(checkpoint, overrides, base)
    folder = Path(one.config.run.out) if out is None and one.config.run.out is not None else out
    return _told(lambda shown: saved(one, shown, folder), folder, json, quiet)


def _saved_line(folder: Path | None, has_report: bool) -> str:
    if folder is None:
        return "not saved; --out FOLDER keeps it"
    report = f"report: {folder / 'report.html'}; " if has_report else ""
    return f"saved in {folder}; {report}check it with: fillwright verify {folder}"


def _result_json(result: Result, folder: Path | None) -> str:
    from fillwright.result.folder import metric_facts, to_json

    return (
        to_json(
            {
                "name": result.config.run.name,
                "state": result.state.name.lower(),
                "folder": None if folder is None else str(folder),
                "reconciled": result.certificate.ok,
                "verdict": result.certificate.line(),
                "metrics": metric_facts(result.metrics),
                "warnings": list(result.warnings),
            }
        )
        .decode()
        .rstrip()
    )


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


@app.command
def report(folder: Path, /, *, out: Path | None = None) -> int:
    """Write the HTML report of a result folder.

    Parameters
    ----------
    folder
        Folder that a run left behind.
    out
        File to write; default: report.html in the folder.
    """
    target = folder / "report.html" if out is None else out
    if out is None and target.exists():
        # The certificate may hold its hash: written again it would no longer fit.
        print(f"{target} (there already; --out FILE writes another)")
        return 0
    from fillwright.result import load

    print(load(folder).report(target))
    return 0


@app.command
def demo(*, out: Path = Path("runs/demo")) -> int:
    """Run the demo and verify what it leaves behind.

    Parameters
    ----------
    out
        Folder for the result.
    """
    for name in DEMO:
        file = Path(__file__).parent / name
        if file.is_file():
            return run(file.resolve(), out=out) or verify(out)
    raise UsageError("the demo is not part of this installation", remedy="run it from a source tree: make demo")


# ---- configuration -----------------------------------------------------------------------------------------------------------


def _load(config: Path, overrides: Sequence[str]) -> Loaded:
    from fillwright.config.load import load_config

    loaded = load_config(config, overrides)
    _warn(loaded.warnings)
    return loaded


@config_app.command
def check(config: Path, /, *, overrides: Overrides = [], json: Json = False) -> int:  # noqa: B006
    """Check a configuration; all errors at once, with their lines.

    Parameters
    ----------
    config
        Configuration file.
    """
    from fillwright.config.folders import data_folder

    loaded = _load(config, overrides)
    data = loaded.config.data
    try:
        folder = data_folder(data.folder, config.parent)
    except ConfigError as error:
        error.where = loaded.place("data.folder")
        raise
    missing = [
        f"{loaded.place(f'data.sources[{number}].path')}: there is no file {folder / source.path}"
        for number, source in enumerate(data.sources)
        if not os.path.exists(folder / source.path)
    ]
    _warn(missing)
    if json:
        print(json_format.dumps({"ok": True, "file": str(config), "warnings": [*loaded.warnings, *missing]}))
    else:
        print(f"{config}: ok")
    return 0


@config_app.command
def show(config: Path, /, *, overrides: Overrides = [], json: Json = False) -> int:  # noqa: B006
    """Print a configuration with all defaults.

    Parameters
    ----------
    config
        Configuration file.
    """
    from fillwright.config.emit import to_yaml
    from fillwright.config.schema import Config, plain_values

    settings = _load(config, overrides).config
    if json:
        print(json_format.dumps(settings.canonical(), indent=2, ensure_ascii=False))
        return 0
    values = plain_values(settings, number=lambda value: value)
    print(to_yaml({name: values[name] for name in Config.model_fields}), end="")
    return 0


@config_app.command
def schema() -> int:
    """Print the JSON Schema of configuration files, for editors."""
    from fillwright.config.docs import schema_json

    print(schema_json(), end="")
    return 0


@config_app.command
def docs() -> int:
    """Print the manual of all settings as Markdown."""
    from fillwright.config.docs import markdown

    print(markdown(), end="")
    return 0


@config_app.command
def migrate(old: Path, /, *, out: Path | None = None, force: Switch = False, overwrite: Switch = False) -> int:
    """Translate a configuration of the previous system.

    Parameters
    ----------
    old
        Its configuration file (YAML).
    out
        File to write; without it the text is printed.
    force
        Where two keys disagree take the deeper one, and say so.
    overwrite
        Replace the file if it is there.
    """
    from fillwright.legacy.migrate import migrate as translate

    if out is not None and out.exists() and not overwrite:
        raise UsageError("is there already", where=str(out), remedy="add --overwrite to replace it")
    migration = translate(old, target=out, force=force)
    if out is None:
        print(migration.text, end="")
        return 0
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(migration.text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(out)) from None
    print("\n".join([f"wrote {out}", *(f"  {line}" for line in migration.report)]))
    return 0


# ---- data --------------------------------------------------------------------------------------------------------------------


def _market(source: Path, symbol: str | None, timeframe: str | None, tz: str | None) -> Market:
    """The market of a configuration, a stored market or a file of bars."""
    from fillwright.data.load import load_market
    from fillwright.data.read import read_bars
    from fillwright.data.store import is_market_file, open_market

    if source.suffix.lower() in CONFIG_SUFFIXES:
        return load_market(_load(source, ()).config, source.parent)
    if is_market_file(source):
        return open_market(source)
    return read_bars(source, symbol=symbol or source.name.split(".")[0], timeframe=timeframe, tz=tz)


@data_app.command
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


@data_app.command
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


@data_app.command
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


# ---- doctor ------------------------------------------------------------------------------------------------------------------


@doctor_app.command
def isolation(config: Path, /, *, overrides: Overrides = [], runs: int = 500, json: Json = False) -> int:  # noqa: B006
    """Run before and after other runs, in threads and processes; exit code 1 if a run leaves or takes anything.

    Parameters
    ----------
    config
        Configuration file.
    runs
        How many runs the memory check makes; 0 leaves it out.
    """
    from fillwright.config.load import load_config

    load_config(config, overrides)  # what is wrong shows at once, before anything heavy is imported
    from fillwright.doctor.isolation import isolation as examine
    from fillwright.doctor.subject import Subject

    diagnosis = examine(Subject.of_config(config, overrides), runs=runs)
    print(diagnosis.to_json() if json else diagnosis.text())
    return 0 if diagnosis.ok else 1


@doctor_app.command
def causality(config: Path, /, *, overrides: Overrides = [], cuts: int = 40, json: Json = False) -> int:  # noqa: B006
    """Replace the data after many instants by noise; exit code 1 if an earlier decision changes.

    Parameters
    ----------
    config
        Configuration file.
    cuts
        How many instants.
    """
    from fillwright.config.load import load_config

    load_config(config, overrides)  # what is wrong shows at once, before anything heavy is imported
    from fillwright.doctor.causality import causality as examine
    from fillwright.doctor.subject import Subject

    diagnosis = examine(Subject.of_config(config, overrides), cuts=cuts)
    print(diagnosis.to_json() if json else diagnosis.text())
    return 0 if diagnosis.ok else 1


@doctor_app.command
def env(*, json: Json = False) -> int:
    """Show versions, cores, the kernel's cache and optional libraries."""
    import json as json_format

    # the kernel announces that it has to be compiled, which this command does not do
    logging.getLogger("fillwright").setLevel(logging.ERROR)
    from fillwright.doctor.environment import environment, environment_text

    facts = environment()
    print(json_format.dumps(facts, indent=2) if json else environment_text(facts))
    return 0
