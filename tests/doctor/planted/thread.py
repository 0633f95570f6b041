"""A thread that goes on."""

from __future__ import annotations

import threading
from typing import Any

import fillwright as fw


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_start(self) -> None:
        threading.Thread(
            target=threading.Event().wait, daemon=True, name="planted"
        ).start()  # leak: running thread planted is new

    def on_bar(self, bar: Any) -> None:
        self.target(bar.symbol, 3 if bar.close > bar.open else 0)
