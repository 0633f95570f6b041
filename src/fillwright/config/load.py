"""From a file and ``--set`` overrides to a checked configuration."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fillwright.config import problems
from fillwright.config.documents import Document, read_document, yaml_value
from fillwright.config.schema import Config, validated
from fillwright.errors import ConfigError

PREVIOUS_SYSTEM = frozenset((
    "backtest", "broker", "risk", "risk_manager", "order_manager", "strategies", "portfolio", "initial_capital",
    "commission_rate", "optimization", "parameter_space", "parameters", "analytics", "performance", "mode", "logging",
))  # fmt: skip
"""Top-level keys of the previous system's files."""

_KEY = re.compile(r'"([^"]+)"|\[(\d+)\]|([^.\[\]"]+)')


@dataclass(frozen=True)
class Loaded:
    """A configuration with the file it came from.

    ``lines``: key path (``costs.commission.rate``) -> place (``file:line:column``, or ``--set ...``) of every key given.
    ``warnings``: what looks odd, one line each.
    """

    config: Config
    path: Path
    lines: Mapping[str, str]
    warnings: tuple[str, ...]

    def place(self, key: str) -> str:
        """Place of a key path, else of the nearest section around it, else the file."""
        while key:
            if key in self.lines:
                return self.lines[key]
            key = re.sub(r"(\.|^)[^.\[]*$|\[\d+\]$", "", key)
        return str(self.path)


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Loaded:
    """The configuration in a YAML, TOML or JSON file, with ``a.b=c`` overrides on top.

    Everything that is wrong is reported at once in one ConfigError, each with its place and key path.
    """
    file = Path(path)
    document = read_document(file)
    for override in overrides:
        _override(document, override)
    try:
        config, notes = validated(document.data, document.place)
    except ConfigError as error:
        if "version" not in document.data and PREVIOUS_SYSTEM.intersection(document.data):
            error.remedy = f"This looks like a file of the previous system: fillwright config migrate {file}"
        raise
    lines = {problems.path_text(key): place for key, place in document.places.items()}
    return Loaded(config, file, lines, tuple(note.text() for note in notes))


def overridden(data: Mapping[str, Any], overrides: Sequence[str], name: str) -> Config:
    """The configuration of plain values that came from elsewhere (``name``), with ``a.b=c`` overrides on top."""
    document = Document(name, copy.deepcopy(dict(data)))
    for override in overrides:
        _override(document, override)
    return validated(document.data, document.place)[0]


def _override(document: Document, text: str) -> None:
    """Apply one ``a.b=c``: c is YAML; list items by number (``data.sources[0].path``), names with dots in double quotes."""
    name = f"--set {text}"
    left, equals, right = text.partition("=")
    parts = _KEY.findall(left.strip())
    rebuilt = _KEY.sub("", left.strip()).strip(".")
    if not equals or not parts or rebuilt:
        raise ConfigError("is not of the form section.key=value", where=name)
    path = tuple(int(index) if index else quoted or key for quoted, index, key in parts)
    value = yaml_value(right, name)
    here: Any = document.data
    done: problems.Path = ()
    for part in path[:-1]:
        done = (*done, part)
        if isinstance(here, list):
            here = here[_index(here, part, name)]
        elif here.get(part) is None:
            here[part] = {}
            here = here[part]
        else:
            here = here[part]
        if not isinstance(here, dict | list):
            raise ConfigError(f"{problems.path_text(done)} is {here!r}, it has no keys", where=name)
    last = path[-1]
    if isinstance(here, list):
        last = _index(here, last, name)
    here[last] = value
    full = (*done, last)
    for key in [key for key in document.places if key[: len(full)] == full]:
        del document.places[key]
    document.places[full] = name


def _index(items: list[Any], part: str | int, name: str) -> int:
    number = int(part) if str(part).isdigit() else -1
    if not 0 <= number < len(items):
        raise ConfigError(f"{part!r} must be the number of an item from 0 to {len(items) - 1}", where=name)
    return number
