"""An iterator that goes on where the last run stopped."""

from __future__ import annotations

import itertools
from typing import Any

import fillwright as fw

NUMBERS = itertools.count()


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_bar(self, bar: Any) -> None:
        self.target(bar.symbol, next(NUMBERS) % 5)  # leak: NUMBERS was changed
