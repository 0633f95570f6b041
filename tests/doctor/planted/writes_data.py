"""Writes into the bars."""

from __future__ import annotations

from typing import Any

import fillwright as fw


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_bar(self, bar: Any) -> None:
        if bar.index == 5:
            self._desk.market.feeds[0].close[3] = 1  # leak: read-only
