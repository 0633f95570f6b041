"""A method of the engine, replaced in a run."""

from __future__ import annotations

from typing import Any

import fillwright as fw


def nothing(self: Any, symbol: str, **options: Any) -> None:
    """In place of close."""


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_start(self) -> None:
        fw.Strategy.close = nothing  # type: ignore  # leak: Strategy.close was changed

    def on_bar(self, bar: Any) -> None:
        self.target(bar.symbol, 3 if bar.close > bar.open else 0)
