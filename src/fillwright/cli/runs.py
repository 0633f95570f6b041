"""Running configurations: run, resume, fork; the report; the demo."""

from __future__ import annotations

import json as json_format
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fillwright.cli.proof import verify
from fillwright.cli.shared import Json, Overrides, Switch, app
from fillwright.errors import RunFailed, UsageError

if TYPE_CHECKING:
    from fillwright.result import Result

DEMO = ("../demo/demo.yaml", "../../../examples/demo.yaml")
"""Where the demo lies, beside this file: in an installed package, in a source tree."""


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
    from fillwright.coordinator.starting import saved

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
