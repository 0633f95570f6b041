"""A list on the class, shared by all runs."""

from __future__ import annotations

from typing import Any

import fillwright as fw


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    seen: list[float] = []  # noqa: RUF012

    def on_bar(self, bar: Any) -> None:
        self.seen.append(bar.close)  # leak: seen was changed
        self.target(bar.symbol, len(self.seen) % 5)
