"""A handler of a signal."""

from __future__ import annotations

import signal
import threading
from typing import Any

import fillwright as fw


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_start(self) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # leak: handler of SIGTERM was changed

    def on_bar(self, bar: Any) -> None:
        self.target(bar.symbol, 3 if bar.close > bar.open else 0)
