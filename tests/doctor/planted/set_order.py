"""The order in which a set happens to be."""

from __future__ import annotations

from typing import Any

import fillwright as fw


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_start(self) -> None:
        self.names = {"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta"}

    def on_bar(self, bar: Any) -> None:
        for name in self.names:  # leak: a loop over a set
            self.buy(bar.symbol, len(name), tag=name)
        self.close(bar.symbol)
