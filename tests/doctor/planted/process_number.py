"""The number of the process."""

from __future__ import annotations

import os
from typing import Any

import fillwright as fw


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_bar(self, bar: Any) -> None:
        size = 1 + os.getpid() % 997  # leak: os.getpid()
        self.target(bar.symbol, size if bar.close > bar.open else 0)
