"""The common settings as keywords: ``run(..., cash=100_000, commission="0.1%")``."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypedDict

from fillwright.config import problems
from fillwright.config.schema import Config, plain_values, validated
from fillwright.errors import UsageError

Amount = int | float | str | Decimal


class Shorthand(TypedDict, total=False):
    """Keywords that ``run`` and its like take; each stands for one key of the configuration (see ``KEYWORDS``)."""

    cash: Amount | Mapping[str, Amount]
    currency: str
    account_type: str
    leverage: Amount
    lots: str
    commission: Amount | Mapping[str, Any] | None
    slippage: Amount | Mapping[str, Any] | None
    fill: str
    path: str
    participation: Amount | None
    latency: str
    time_in_force: str
    reversal: str
    flat_at: str | Sequence[str]
    start: Any
    end: Any
    warmup: int | str
    isolation: str
    seed: int
    name: str
    out: str | None
    checkpoint: Mapping[str, Any]


KEYWORDS: dict[str, tuple[str, str]] = {
    "cash": ("account", "initial_cash"),
    "currency": ("account", "currency"),
    "account_type": ("account", "type"),
    "leverage": ("account", "leverage"),
    "lots": ("account", "lots"),
    "commission": ("costs", "commission"),
    "slippage": ("costs", "slippage"),
    "fill": ("execution", "fill"),
    "path": ("execution", "path"),
    "participation": ("execution", "participation"),
    "latency": ("execution", "latency"),
    "time_in_force": ("orders", "time_in_force"),
    "reversal": ("orders", "reversal"),
    "flat_at": ("orders", "flat_at"),
    "start": ("data", "start"),
    "end": ("data", "end"),
    "warmup": ("run", "warmup"),
    "isolation": ("run", "isolation"),
    "seed": ("run", "seed"),
    "name": ("run", "name"),
    "out": ("run", "out"),
    "checkpoint": ("run", "checkpoint"),
}
"""Keyword -> key path in the configuration."""


def given(config: Config | None) -> Config:
    """The configuration, all defaults for None. UsageError for anything else."""
    if config is not None and not isinstance(config, Config):
        raise UsageError(
            f"a configuration is needed, got {type(config).__name__}",
            remedy='fw.Config.from_dict({"account": {"initial_cash": 100_000}}), or fw.load_config("run.yaml").config',
        )
    return config or Config()


def apply_shorthand(config: Config | None, shorthand: Mapping[str, object]) -> Config:
    """The configuration (None = all defaults) with keywords on top.

    ``commission="0.1%"`` is ``{model: rate, rate: 0.1%}``, a mapping is taken as the section, None means none; slippage likewise.
    ConfigError names each wrong keyword with the nearest right one, and each wrong value.
    """
    unknown = [problems.Problem("", _unknown(name)) for name in shorthand if name not in KEYWORDS]
    if unknown:
        raise problems.as_error(unknown)
    data: dict[str, Any] = {} if config is None else plain_values(given(config), given_only=True)
    for name, value in shorthand.items():
        section, key = KEYWORDS[name]
        data.setdefault(section, {})[key] = _cost(value) if name in ("commission", "slippage") else value
    by_path: dict[problems.Path, str] = {path: f"{name}=" for name, path in KEYWORDS.items() if name in shorthand}
    result, notes = validated(data, lambda path: by_path.get(path[:2]))
    for note in notes:
        if note.where is not None:
            warnings.warn(note.text(), stacklevel=3)
    return result


def _cost(value: object) -> object:
    if value is None:
        return {"model": "none"}
    return value if isinstance(value, Mapping) else {"model": "rate", "rate": value}


def _unknown(name: str) -> str:
    hint = problems.near(name, KEYWORDS)
    if not hint:
        same = [problems.path_text(path) for path, _ in problems.all_keys(Config) if path[-1] == name]
        hint = f"; {same[0]} is a key of Config" if same else f"; keywords are {', '.join(KEYWORDS)}"
    return f"unknown keyword {name!r}{hint}"
