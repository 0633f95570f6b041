"""An indicator kept for the next run, whatever its data."""

from __future__ import annotations

from typing import Any

import numpy as np

import fillwright as fw

CACHE: dict[int, Any] = {}


def averages(close: Any, window: int) -> Any:
    if window not in CACHE:
        CACHE[window] = np.cumsum(close) / np.arange(1, len(close) + 1)  # leak: CACHE was changed
    return CACHE[window][: len(close)]


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_start(self) -> None:
        self.average = self.indicator(averages, "close", self.window)

    def on_bar(self, bar: Any) -> None:
        self.target(bar.symbol, 3 if bar.close > self.average.value else 0)
