"""A generator that goes on where the last run stopped."""

from __future__ import annotations

from typing import Any

import fillwright as fw


def sizes() -> Any:
    yield 1
    while True:
        yield 2


SIZES = sizes()


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_start(self) -> None:
        self.size = next(SIZES)  # leak: SIZES was changed

    def on_bar(self, bar: Any) -> None:
        self.target(bar.symbol, self.size if bar.close > bar.open else 0)
