"""Every run keeps a hundred kilobytes."""

from __future__ import annotations

from typing import Any

import numpy as np

import fillwright as fw

KEPT: list[Any] = []


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_start(self) -> None:
        KEPT.append(np.zeros(12_500))  # leak: KEPT was changed

    def on_bar(self, bar: Any) -> None:
        self.target(bar.symbol, 3 if bar.close > bar.open else 0)
