"""A global number."""

from __future__ import annotations

from typing import Any

import fillwright as fw

COUNT = 0


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_bar(self, bar: Any) -> None:
        global COUNT
        COUNT += 1  # leak: COUNT was changed
        self.target(bar.symbol, COUNT % 5)
