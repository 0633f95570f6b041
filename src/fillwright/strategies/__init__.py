"""Built-in strategies, and how a configuration names one."""

from __future__ import annotations

import difflib
import functools
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

from fillwright.data.market import Market
from fillwright.errors import ConfigError, FillwrightError, StrategyError
from fillwright.strategies.moving_average import MovingAverageCrossover
from fillwright.strategy.base import Strategy
from fillwright.strategy.driver import Driver

Builder: TypeAlias = Callable[[Market], Strategy | Driver]
"""A function of the market that makes a strategy, or arrays (``Targets``, ``Signals``, ``OrderList``), for it."""

BUILT_IN: dict[str, type[Strategy]] = {"sma_cross": MovingAverageCrossover, "ma_crossover": MovingAverageCrossover}


def resolve(name: str, params: Mapping[str, Any], folder: Path) -> Strategy | Builder:
    """What a name means: a built-in strategy, or ``file.py:ClassName`` or ``file.py:function`` relative to a folder.

    A function is called with the market and the parameters as keywords, ``def signals(market, window=20)``, and returns a strategy
    or arrays. ConfigError with the nearest name.
    """
    if ".py:" in name:
        found = _from_file(name, folder)
    elif name in BUILT_IN:
        found = BUILT_IN[name]
    else:
        near = difflib.get_close_matches(name, list(BUILT_IN), 1)
        hint = f"did you mean {near[0]!r}?" if near else f"built in: {', '.join(BUILT_IN)}; or file.py:ClassName"
        raise ConfigError(f"no strategy {name!r}", where="strategy.name", remedy=hint)
    if isinstance(found, type):
        made: Strategy = found(**params)
        return made
    try:
        inspect.signature(found).bind(None, **params)
    except TypeError as error:
        remedy = f"it is def {found.__name__}{inspect.signature(found)}; the first is the market, the others are parameters"
        raise ConfigError(f"{found.__name__}: {error}", where="strategy.params", remedy=remedy) from None
    return functools.update_wrapper(functools.partial(found, **params), found)


def build(decides: Strategy | Driver | Builder, market: Market) -> Strategy | Driver:
    """What decides on a market: as it is, or what the function makes of the market. StrategyError with the function's line."""
    if isinstance(decides, Strategy) or hasattr(decides, "attach"):
        return cast("Strategy | Driver", decides)
    name = getattr(decides, "__name__", type(decides).__name__)
    if not callable(decides):
        raise ConfigError(f"{name} is no strategy", remedy="a Strategy, arrays, or a function of the market that returns either")
    try:
        made = decides(market)
    except FillwrightError:
        raise
    except Exception as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else name
        raise StrategyError(f"{name} raised {type(error).__name__}: {error}", where=place) from error
    if not isinstance(made, Strategy) and not hasattr(made, "attach"):
        raise StrategyError(
            f"{name} returned {type(made).__name__}", remedy="return a Strategy, or arrays: Targets, Signals, OrderList"
        )
    return made


def _from_file(name: str, folder: Path) -> type[Strategy] | Callable[..., Any]:
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
    found = getattr(module, class_name, None)
    if inspect.isfunction(found):
        return found
    if not (isinstance(found, type) and issubclass(found, Strategy)):
        there = [key for key, value in vars(module).items() if isinstance(value, type) and issubclass(value, Strategy)]
        raise ConfigError(
            f"{file.name} has no strategy {class_name!r}", where="strategy.name", remedy=f"it has: {', '.join(there)}"
        )
    return found
