"""Built-in strategies, and how a configuration names one."""

from __future__ import annotations

import difflib
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fillwright.errors import ConfigError
from fillwright.strategies.moving_average import MovingAverageCrossover
from fillwright.strategy.base import Strategy

BUILT_IN: dict[str, type[Strategy]] = {"sma_cross": MovingAverageCrossover, "ma_crossover": MovingAverageCrossover}


def resolve(name: str, params: Mapping[str, Any], folder: Path) -> Strategy:
    """The strategy that a name means: built in, or ``file.py:ClassName`` relative to a folder. ConfigError with the nearest name."""
    if ".py:" in name:
        cls = _from_file(name, folder)
    elif name in BUILT_IN:
        cls = BUILT_IN[name]
    else:
        near = difflib.get_close_matches(name, list(BUILT_IN), 1)
        hint = f"did you mean {near[0]!r}?" if near else f"built in: {', '.join(BUILT_IN)}; or file.py:ClassName"
        raise ConfigError(f"no strategy {name!r}", where="strategy.name", remedy=hint)
    return cls(**params)


def _from_file(name: str, folder: Path) -> type[Strategy]:
    file_name, _, class_name = name.partition(":")
    file = folder / file_name
    if not file.is_file():
        raise ConfigError(
            f"there is no file {file}", where="strategy.name", remedy="the path is relative to the configuration file"
        )
    module_name = f"fillwright_user_{file.stem}"
    spec = importlib.util.spec_from_file_location(module_name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    sys.path.insert(0, str(file.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(f"{file} cannot be imported: {type(error).__name__}: {error}", where="strategy.name") from error
    finally:
        sys.path.remove(str(file.parent))
    cls = getattr(module, class_name, None)
    if not (isinstance(cls, type) and issubclass(cls, Strategy)):
        there = [key for key, value in vars(module).items() if isinstance(value, type) and issubclass(value, Strategy)]
        raise ConfigError(
            f"{file.name} has no strategy {class_name!r}", where="strategy.name", remedy=f"it has: {', '.join(there)}"
        )
    return cls
