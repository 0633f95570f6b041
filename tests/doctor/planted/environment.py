"""An environment variable."""

from __future__ import annotations

import os
from typing import Any

import fillwright as fw


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_bar(self, bar: Any) -> None:
        os.environ["PLANTED"] = str(bar.index)  # leak: environment variables was changed
        self.target(bar.symbol, 3 if bar.close > bar.open else 0)
