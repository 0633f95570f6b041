"""A handler for log records."""

from __future__ import annotations

import logging
from typing import Any

import fillwright as fw


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_start(self) -> None:
        logging.getLogger("planted").addHandler(logging.StreamHandler())  # leak: logger planted is new

    def on_bar(self, bar: Any) -> None:
        self.target(bar.symbol, 3 if bar.close > bar.open else 0)
