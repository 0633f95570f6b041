"""An object with slots in the module."""

from __future__ import annotations

from typing import Any

import fillwright as fw


class Box:
    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0


BOX = Box()


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_bar(self, bar: Any) -> None:
        BOX.value += 1  # leak: BOX was changed
        self.target(bar.symbol, 3 if bar.close > bar.open else 0)
