"""A function of another module, replaced on import."""

from __future__ import annotations

import json
from typing import Any

import fillwright as fw

json.dumps = lambda value, **options: repr(value)  # leak: json:dumps was changed


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_bar(self, bar: Any) -> None:
        self.target(bar.symbol, 3 if bar.close > bar.open else 0)
