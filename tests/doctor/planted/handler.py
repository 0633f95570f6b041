"""A handler that is subscribed and never removed."""

from __future__ import annotations

from typing import Any

import fillwright as fw

HANDLERS: list[Any] = []


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def heard(self) -> None:
        """Nothing."""

    def on_start(self) -> None:
        HANDLERS.append(self.heard)  # leak: HANDLERS was changed

    def on_bar(self, bar: Any) -> None:
        self.target(bar.symbol, 3 if bar.close > bar.open else 0)
