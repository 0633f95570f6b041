"""Decisions by the clock."""

from __future__ import annotations

import time
from typing import Any

import fillwright as fw


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_bar(self, bar: Any) -> None:
        size = 1 + time.time_ns() % 97  # leak: reads the clock
        self.target(bar.symbol, size if bar.close > bar.open else 0)
