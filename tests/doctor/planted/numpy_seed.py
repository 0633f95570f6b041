"""Seeding numpy's global generator: repeatable, and felt by everybody else."""

from __future__ import annotations

from typing import Any

import numpy as np

import fillwright as fw


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_start(self) -> None:
        np.random.seed(7)  # leak: numpy.random's global state was changed

    def on_bar(self, bar: Any) -> None:
        size = 3
        self.target(bar.symbol, size if bar.close > bar.open else 0)
