"""Decisions by the hour here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import fillwright as fw


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_start(self) -> None:
        self.hour = datetime.now().hour  # leak: reads the clock

    def on_bar(self, bar: Any) -> None:
        size = 1 + self.hour
        self.target(bar.symbol, size if bar.close > bar.open else 0)
