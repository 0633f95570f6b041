"""A universally unique size."""

from __future__ import annotations

import uuid
from typing import Any

import fillwright as fw


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_bar(self, bar: Any) -> None:
        size = 1 + uuid.uuid4().int % 97  # leak: uuid.uuid4()
        self.target(bar.symbol, size if bar.close > bar.open else 0)
