"""Compiled strategies: ``@fw.compiled def on_bar(ctx, p, s)``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fillwright.errors import UsageError
from fillwright.kernel.state import State


class Compiled:
    """A function ``on_bar(ctx, p, s)`` that is compiled when its run begins."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function


def compiled(function: Callable[..., Any]) -> Compiled:
    """Mark ``on_bar(ctx, p, s)`` to be compiled."""
    return Compiled(function)


def attach_compiled(
    state: State,
    compiled: Compiled,
    params: Mapping[str, Any],
    states: Mapping[str, Any],
    indicators: Mapping[str, list[Any]],
    on_bars: bool = False,
    money_decimals: int = 6,
) -> Callable[..., Any]:
    """Point the state at parameters, states and indicators, set the mask, and return the callback for ``advance``."""
    raise UsageError("compiled strategies are not available yet")
