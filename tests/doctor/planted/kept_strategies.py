"""Strategies that are kept."""

from __future__ import annotations

from typing import Any

import fillwright as fw

ALL: dict[int, Any] = {}


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_start(self) -> None:
        ALL[len(ALL)] = self  # leak: ALL was changed

    def on_bar(self, bar: Any) -> None:
        self.target(bar.symbol, 3 if bar.close > bar.open else 0)
