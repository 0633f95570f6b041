"""How numpy treats division by zero."""

from __future__ import annotations

from typing import Any

import numpy as np

import fillwright as fw


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_start(self) -> None:
        np.seterr(divide="ignore")  # leak: numpy error handling was changed

    def on_bar(self, bar: Any) -> None:
        self.target(bar.symbol, 3 if bar.close > bar.open else 0)
