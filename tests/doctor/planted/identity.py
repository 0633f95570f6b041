"""Where an object lies."""

from __future__ import annotations

from typing import Any

import fillwright as fw


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_bar(self, bar: Any) -> None:
        size = 1 + (id(self) >> 4) % 997  # leak: id()
        self.target(bar.symbol, size if bar.close > bar.open else 0)
