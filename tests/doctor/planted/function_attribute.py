"""An attribute of a function."""

from __future__ import annotations

from typing import Any

import fillwright as fw


def size_of(bar: Any) -> int:
    size_of.calls += 1  # type: ignore[attr-defined]  # leak: size_of was changed
    return size_of.calls % 5  # type: ignore[attr-defined]


size_of.calls = 0  # type: ignore[attr-defined]


class Planted(fw.Strategy):
    """Trades by the direction of the bar, and leaks."""

    window: int = fw.param(5, ge=2)

    def on_bar(self, bar: Any) -> None:
        self.target(bar.symbol, size_of(bar))
