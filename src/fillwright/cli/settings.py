"""``fillwright config``: check, show, schema, docs, migrate."""

from __future__ import annotations

import difflib
import json as json_format
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from fillwright.cli.shared import Json, Overrides, Switch, warn
from fillwright.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from fillwright.config.load import Loaded

BUILT_IN = ("sma_cross", "ma_crossover")
"""Names of ``strategies.BUILT_IN``, which takes seconds to import."""

app = App(name="config", help="Check, show, explain and migrate configuration files.")


def load_and_warn(config: Path, overrides: Sequence[str]) -> Loaded:
    """A configuration, its warnings printed."""
    from fillwright.config.load import load_config

    loaded = load_config(config, overrides)
    warn(loaded.warnings)
    return loaded


def _check_strategy(loaded: Loaded, folder: Path) -> None:
    """The strategy that the configuration names, as far as that can be said without importing it."""
    if loaded.config.strategy is None:
        return
    name = loaded.config.strategy.name
    file, found, _ = name.partition(".py:")
    if found:
        if not (folder / f"{file}.py").is_file():
            raise ConfigError(f"there is no file {folder / file}.py", where=loaded.place("strategy.name"))
    elif name not in BUILT_IN:
        near = difflib.get_close_matches(name, BUILT_IN, 1)
        remedy = f"did you mean {near[0]!r}?" if near else f"built in: {', '.join(BUILT_IN)}; or file.py:ClassName"
        raise ConfigError(f"no strategy {name!r}", where=f"{loaded.place('strategy.name')}: strategy.name", remedy=remedy)


@app.command
def check(config: Path, /, *, overrides: Overrides = [], json: Json = False) -> int:  # noqa: B006
    """Check a configuration; all errors at once, with their lines.

    Parameters
    ----------
    config
        Configuration file.
    """
    from fillwright.config.folders import data_folder

    loaded = load_and_warn(config, overrides)
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
    warn(missing)
    _check_strategy(loaded, config.parent)
    if json:
        print(json_format.dumps({"ok": True, "file": str(config), "warnings": [*loaded.warnings, *missing]}))
    else:
        print(f"{config}: ok")
    return 0


@app.command
def show(config: Path, /, *, overrides: Overrides = [], json: Json = False) -> int:  # noqa: B006
    """Print a configuration with all defaults.

    Parameters
    ----------
    config
        Configuration file.
    """
    from fillwright.config.emit import to_yaml
    from fillwright.config.schema import Config, plain_values

    settings = load_and_warn(config, overrides).config
    if json:
        print(json_format.dumps(settings.canonical(), indent=2, ensure_ascii=False))
        return 0
    values = plain_values(settings, number=lambda value: value)
    print(to_yaml({name: values[name] for name in Config.model_fields}), end="")
    return 0


@app.command
def schema() -> int:
    """Print the JSON Schema of configuration files, for editors."""
    from fillwright.config.docs import schema_json

    print(schema_json(), end="")
    return 0


@app.command
def docs() -> int:
    """Print the manual of all settings as Markdown."""
    from fillwright.config.docs import markdown

    print(markdown(), end="")
    return 0


@app.command
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
