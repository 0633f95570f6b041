"""An object on the class that remembers."""

from __future__ import annotations

from typing import Any

import fillwright as fw


class Tracker:
    def __init__(self) -> None:
        self.best = 0.0

    def see(self, price: float) -> bool:
        if price > self.best:
            self.best = price  # leak: tracker was changed
            return True
        return False


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    tracker = Tracker()

    def on_bar(self, bar: Any) -> None:
        self.target(bar.symbol, 3 if self.tracker.see(bar.close) else 0)
