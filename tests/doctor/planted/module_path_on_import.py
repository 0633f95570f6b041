"""A folder more on the module path, on import."""

from __future__ import annotations

import sys
from typing import Any

import fillwright as fw

sys.path.append("planted")  # leak: sys.path was changed


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_bar(self, bar: Any) -> None:
        self.target(bar.symbol, 3 if bar.close > bar.open else 0)
