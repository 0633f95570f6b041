"""One object for all, made when first asked for."""

from __future__ import annotations

from typing import Any

import fillwright as fw


class Risk:
    only: Any = None

    def __init__(self) -> None:
        self.losses = 0

    @classmethod
    def get(cls) -> Any:
        if cls.only is None:
            cls.only = cls()  # leak: only was changed
        return cls.only


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_bar(self, bar: Any) -> None:
        risk = Risk.get()
        risk.losses += bar.close < bar.open
        self.target(bar.symbol, risk.losses % 5)
