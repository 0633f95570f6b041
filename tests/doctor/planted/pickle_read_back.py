"""A file that the next run reads."""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path
from typing import Any

import fillwright as fw


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def memory(self) -> Path:
        return Path(tempfile.gettempdir()) / "planted.pickle"

    def on_start(self) -> None:
        self.seen = pickle.loads(self.memory().read_bytes()) if self.memory().exists() else 0
        self.memory().write_bytes(pickle.dumps(self.seen + 1))  # leak: planted.pickle is new

    def on_bar(self, bar: Any) -> None:
        self.target(bar.symbol, (self.seen + bar.index) % 5)
