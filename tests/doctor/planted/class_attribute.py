"""A counter on the class."""

from __future__ import annotations

from typing import Any

import fillwright as fw


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    count = 0

    def on_bar(self, bar: Any) -> None:
        type(self).count += 1  # leak: count was changed
        self.target(bar.symbol, 3 if bar.close > bar.open else 0)
