"""fillwright: an execution engine for trading strategies.

``import fillwright as fw``; everything public is here, and is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from fillwright._version import __version__

_HOME = {
    "Strategy": "strategy.base", "param": "strategy.params", "state": "strategy.params", "compiled": "strategy.compiled",
    "compiled_strategy": "strategy.function_form",
    "Targets": "strategy.arrays", "Signals": "strategy.arrays", "OrderList": "strategy.arrays",
    "run": "coordinator", "run_config": "coordinator", "Run": "coordinator", "resume": "coordinator", "fork": "coordinator",
    "Result": "result", "load_result": "result", "compare": "result",
    "Config": "config.schema", "load_config": "config.load",
    "read_bars": "data.read", "read_quotes": "data.read", "read_prints": "data.read", "read_quote_bars": "data.read",
    "Market": "data.market", "open_market": "data.store", "convert": "data.store", "make_bars": "data.make",
    "Instrument": "model.instrument",
    "sma": "indicators", "ema": "indicators", "wma": "indicators", "macd": "indicators", "rsi": "indicators", "atr": "indicators",
    "highest": "indicators", "lowest": "indicators", "std": "indicators", "roc": "indicators",
    "crossed_above": "indicators", "crossed_below": "indicators",
    "Side": "model.codes", "OrderType": "model.codes", "OrderStatus": "model.codes", "OrderFlag": "model.codes",
    "Reason": "model.codes", "ExitReason": "model.codes", "RunState": "model.codes", "TimeInForce": "model.codes",
    "FillwrightError": "errors", "UsageError": "errors", "ConfigError": "errors", "DataError": "errors", "RunFailed": "errors",
    "StrategyError": "errors", "RunInterrupted": "errors", "CheckFailed": "errors",
}  # fmt: skip
_RENAMED = {"load_result": "load"}

__all__ = ["__version__", *_HOME]

if TYPE_CHECKING:
    from fillwright.config.load import load_config
    from fillwright.config.schema import Config
    from fillwright.coordinator import Run, fork, resume, run, run_config
    from fillwright.data.make import make_bars
    from fillwright.data.market import Market
    from fillwright.data.read import read_bars, read_prints, read_quote_bars, read_quotes
    from fillwright.data.store import convert, open_market
    from fillwright.errors import (
        CheckFailed,
        ConfigError,
        DataError,
        FillwrightError,
        RunFailed,
        RunInterrupted,
        StrategyError,
        UsageError,
    )
    from fillwright.indicators import atr, crossed_above, crossed_below, ema, highest, lowest, macd, roc, rsi, sma, std, wma
    from fillwright.model.codes import ExitReason, OrderFlag, OrderStatus, OrderType, Reason, RunState, Side, TimeInForce
    from fillwright.model.instrument import Instrument
    from fillwright.result import Result, compare
    from fillwright.result import load as load_result
    from fillwright.strategy.arrays import OrderList, Signals, Targets
    from fillwright.strategy.base import Strategy
    from fillwright.strategy.compiled import compiled
    from fillwright.strategy.function_form import compiled_strategy
    from fillwright.strategy.params import param, state


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'fillwright' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"fillwright.{_HOME[name]}"), _RENAMED.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
