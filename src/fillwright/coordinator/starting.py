"""Runs from a call or from a configuration file: with a progress bar, and a folder for the result."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar

from fillwright.config.load import Loaded, load_config
from fillwright.config.schema import Config
from fillwright.config.shorthand import Shorthand, apply_shorthand, given
from fillwright.coordinator.runner import Run
from fillwright.data.load import load_market
from fillwright.data.market import Market
from fillwright.errors import ConfigError, RunFailed, UsageError
from fillwright.result import Result
from fillwright.strategies import Builder, build, resolve
from fillwright.strategy.base import Strategy
from fillwright.strategy.driver import Driver


def run(
    strategy: Strategy | Driver,
    market: Market,
    config: Config | None = None,
    *,
    progress: bool = False,
    **shorthand: Unpack[Shorthand],
) -> Result:
    """Run a strategy, or ready-made arrays, on a market.

    ``config`` is the whole configuration; the keywords (``cash=100_000, commission="0.1%", slippage="2bp"`` …) are the common keys of
    it and win over it. Raises UsageError for what does not fit together, RunFailed (with ``.result``) for a run that did not end.
    A result folder is written when ``out`` is given.
    """
    effective = apply_shorthand(config, shorthand) if shorthand else given(config)
    return saved(Run(strategy, market, effective), progress, effective.run.out)


def run_config(path: str | Path, overrides: Sequence[str] = (), out: str | Path | None = None, progress: bool = False) -> Result:
    """Run what a configuration file says; what ``fillwright run`` does. ``out`` wins over ``run.out``."""
    strategy, market, loaded = read_config(path, overrides)
    try:
        one = Run(build(strategy, market), market, loaded.config)
    except UsageError as error:
        raise _in_file(loaded, error) from error.__cause__
    one._warnings += loaded.warnings
    one._folder = str(Path(path).resolve().parent)
    return saved(one, progress, loaded.config.run.out if out is None else out)


def read_config(path: str | Path, overrides: Sequence[str] = ()) -> tuple[Strategy | Builder, Market, Loaded]:
    """What a configuration file runs: strategy (or the function of the market that makes it), market, and the file's settings."""
    loaded = load_config(path, overrides)
    base = Path(path).resolve().parent
    if loaded.config.strategy is None:
        remedy = "strategy: {name: sma_cross, params: {fast: 10, slow: 30}}"
        raise ConfigError("there is no strategy", where=f"{path}: strategy", remedy=remedy)
    try:
        strategy = resolve(loaded.config.strategy.name, loaded.config.strategy.params, base)
    except UsageError as error:
        raise _in_file(loaded, error, "strategy.params") from error.__cause__
    try:
        return strategy, load_market(loaded.config, base), loaded
    except UsageError as error:
        raise _in_file(loaded, error) from error.__cause__


def _in_file(loaded: Loaded, error: UsageError, key: str = "") -> UsageError:
    """The error with its place in the configuration file, where it is about a key of it."""
    about = error.where or key
    if about in loaded.lines:
        error.where = f"{loaded.place(about)}: {about}"
    return error


def saved(one: Run, progress: bool, out: str | os.PathLike[str] | None) -> Result:
    """Execute with a progress bar; write the folder also when the run fails."""
    report = "html" in one.config.report.formats
    try:
        result = _with_progress(one) if progress else one.execute()
    except RunFailed as error:
        if out is not None and isinstance(getattr(error, "result", None), Result):
            error.result.save(out, overwrite=True, report=False)  # type: ignore[attr-defined]
        raise
    if out is not None:
        result.save(out, overwrite=True, report=report)
    return result


def _with_progress(one: Run) -> Result:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with ProgressBar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(one.config.run.name, total=len(one.market.instants))
        return one.execute(lambda done, total: bar.update(task, completed=done, total=total))
