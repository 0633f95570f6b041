"""What the coordinator asks of whatever decides: a Python strategy, a compiled one, or ready-made arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from fillwright.config.schema import Config
from fillwright.data.market import Market
from fillwright.kernel.state import State


@dataclass
class Preparation:
    """What a driver needs before its run is laid out.

    lookbacks  (feed index, bars): callbacks begin once each of these feeds has had so many bars
    timers     int64 ns instants at which it wants to be woken
    """

    lookbacks: list[tuple[int, int]] = field(default_factory=list)
    timers: np.ndarray[Any, np.dtype[np.int64]] | None = None


class Driver(Protocol):
    """One run's decisions. Made fresh for each run; the strategy that the user holds is never changed."""

    name: str
    """Shown in reports and written into records."""

    tags: list[str]
    rules: list[str]
    """Names interned while it ran; records hold their indices."""

    notes: list[str]
    """What the reader of the result should know: become warnings of the run."""

    error: BaseException | None
    """What user code raised; the callback then returned non-zero."""

    def describe(self) -> dict[str, Any]:
        """Plain JSON values that identify it: kind, name, parameters, digest of its source. Part of the input fingerprint."""

    def prepare(self, market: Market, config: Config) -> Preparation:
        """Look at the market once (indicators, look-backs, timers); UsageError for what does not fit it."""

    def attach(self, state: State) -> Callable[..., Any]:
        """Point the state at what it reads, set ``mask``, and return the callback for ``kernel.advance.advance``."""

    def stop(self) -> None:
        """The run is over (``on_stop``)."""

    def release(self) -> None:
        """Let go of the state: the result is made."""
