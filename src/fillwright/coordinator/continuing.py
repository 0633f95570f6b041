"""Going on from a checkpoint: from Python (:func:`resume`, :func:`fork`), and by what the checkpoint itself says (the command line)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from fillwright.config.load import overridden
from fillwright.config.schema import Config
from fillwright.coordinator import checkpoint as checkpoints
from fillwright.coordinator.runner import Run
from fillwright.coordinator.starting import saved
from fillwright.data.load import load_market
from fillwright.data.market import Market
from fillwright.result import Result
from fillwright.strategies import build, resolve
from fillwright.strategy.base import Strategy
from fillwright.strategy.driver import Driver


def resume(
    checkpoint: str | os.PathLike[str], strategy: Strategy | Driver, market: Market, *, out: str | None = None,
    progress: bool = False,
) -> Result:  # fmt: skip
    """Go on from a checkpoint, with the strategy and the market that it was taken with, to the result of the whole run.

    Every record, the equity and both fingerprints are what they would have been without the interruption. ``out`` goes before the
    ``run.out`` of the checkpoint. UsageError where strategy, parameters, market or version are other ones, CheckFailed for a
    damaged file, RunFailed where a run that has to be repeated decides otherwise than it did.
    """
    one = Run.from_checkpoint(checkpoint, strategy, market)
    return saved(one, progress, one.config.run.out if out is None else out)


def fork(
    checkpoint: str | os.PathLike[str], strategy: Strategy | Driver, market: Market, *, out: str | None = None,
    progress: bool = False,
) -> Result:  # fmt: skip
    """Go on from a checkpoint with other parameters or another strategy; the result says from where.

    The state that a strategy of the same name declares is carried over; anything else begins afresh. Nothing is written but ``out``.
    """
    config = forked_config(checkpoints.read(checkpoint), ("strategy=null",))
    return saved(Run.from_checkpoint(checkpoint, strategy, market, config, fork=True), progress, out)


def run_of(checkpoint: str | os.PathLike[str], overrides: Sequence[str] | None = None, base: Path | None = None) -> Run:
    """The run that goes on from a checkpoint of a configuration file; with ``overrides`` (``a.b=c``) a fork.

    ``base`` is the folder that strategy and data are looked for in; without it that of the configuration file.
    """
    found = checkpoints.read(checkpoint)
    config = Config.from_dict(found.facts["config"]) if overrides is None else forked_config(found, overrides)
    folder = base or (None if found.facts["folder"] is None else Path(found.facts["folder"]))
    if config.strategy is None or folder is None:
        raise found.usage(
            "was taken of a run from Python, so it does not say where strategy and data are",
            "go on in Python: fw.resume(file, strategy, market)",
        )
    if not folder.is_dir():
        raise found.usage(f"the folder of its configuration is not there: {folder}", "--base FOLDER says where it is now")
    market = load_market(config, folder)
    strategy = build(resolve(config.strategy.name, config.strategy.params, folder), market)
    return Run.from_checkpoint(checkpoint, strategy, market, config, fork=overrides is not None)


def forked_config(found: checkpoints.Checkpoint, overrides: Sequence[str]) -> Config:
    """The configuration of a fork: results and checkpoints of the run before are not written over."""
    return overridden(found.facts["config"], ("run.out=null", "run.checkpoint={}", *overrides), found.path)
