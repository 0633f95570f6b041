"""numpy's old global generator."""

from __future__ import annotations

from typing import Any

import numpy as np

import fillwright as fw


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_bar(self, bar: Any) -> None:
        size = 1 + abs(int(np.random.normal() * 9))  # leak: numpy.random's global state was changed
        self.target(bar.symbol, size if bar.close > bar.open else 0)
