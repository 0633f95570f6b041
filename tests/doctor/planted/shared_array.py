"""An array of the module."""

from __future__ import annotations

from typing import Any

import numpy as np

import fillwright as fw

LAST = np.zeros(3)


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_bar(self, bar: Any) -> None:
        LAST[bar.index % 3] = bar.close  # leak: LAST was changed
        self.target(bar.symbol, 3 if bar.close > bar.open else 0)
