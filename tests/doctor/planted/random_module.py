"""The generator of the standard library."""

from __future__ import annotations

import random
from typing import Any

import fillwright as fw


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_bar(self, bar: Any) -> None:
        size = random.randint(1, 9)  # leak: random's global state was changed
        self.target(bar.symbol, size if bar.close > bar.open else 0)
