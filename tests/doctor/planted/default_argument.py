"""A default argument that remembers."""

from __future__ import annotations

from typing import Any

import fillwright as fw


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def remember(self, value: float, seen: list[float] = []) -> int:  # noqa: B006
        seen.append(value)  # leak: remember was changed
        return len(seen)

    def on_bar(self, bar: Any) -> None:
        self.target(bar.symbol, self.remember(bar.close) % 7)
