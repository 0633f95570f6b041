"""A cached function."""

from __future__ import annotations

from functools import cache
from typing import Any

import fillwright as fw


@cache
def rounded(price: float) -> int:
    return int(price) % 5


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_bar(self, bar: Any) -> None:
        self.target(bar.symbol, rounded(bar.close))  # leak: rounded was changed
