"""A counter in a closure."""

from __future__ import annotations

from typing import Any

import fillwright as fw


def counter() -> Any:
    count = 0

    def step() -> int:
        nonlocal count
        count += 1  # leak: STEP was changed
        return count

    return step


STEP = counter()


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_bar(self, bar: Any) -> None:
        self.target(bar.symbol, STEP() % 5)
