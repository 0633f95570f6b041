"""A list of the module."""

from __future__ import annotations

from typing import Any

import fillwright as fw

PRICES: list[float] = []


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_bar(self, bar: Any) -> None:
        PRICES.append(bar.close)  # leak: PRICES was changed
        self.target(bar.symbol, 3 if bar.close > sum(PRICES) / len(PRICES) else 0)
