"""A generator that all runs draw from."""

from __future__ import annotations

from typing import Any

import numpy as np

import fillwright as fw

RNG = np.random.default_rng(1)


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_bar(self, bar: Any) -> None:
        size = int(RNG.integers(1, 9))  # leak: RNG was changed
        self.target(bar.symbol, size if bar.close > bar.open else 0)
