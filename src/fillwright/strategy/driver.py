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


@dataclass
class Recall:
    """What a driver needs beside the state of the run to go on from the middle of it.

    tags, rules  the names that records refer to so far
    notes        what the reader of the result should know so far
    states       declared state by name, as plain JSON; arrays in it are numbers into ``arrays``
    feed         feed of the bar that was handed out last
    kept         what it keeps that is not declared, or that no checkpoint can hold; then it is run anew from the start
    """

    tags: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    states: dict[str, Any] = field(default_factory=dict)
    arrays: list[np.ndarray[Any, Any]] = field(default_factory=list)
    feed: int = 0
    kept: list[str] = field(default_factory=list)


class Driver(Protocol):
    """One run's decisions. Made fresh for each run; the strategy that the user holds is never changed."""

    name: str
    """Shown in reports and written into records."""

    @property
    def tags(self) -> list[str]:
        """Notes interned while it ran; records hold their indices."""

    @property
    def rules(self) -> list[str]:
        """Rule ids interned while it ran; records hold their indices."""

    notes: list[str]
    """What the reader of the result should know: become warnings of the run."""

    error: BaseException | None
    """What user code raised; the callback then returned non-zero."""

    wants_checkpoint: bool
    """The strategy asked for a checkpoint at this instant."""

    def describe(self) -> dict[str, Any]:
        """Plain JSON values that identify it: kind, name, parameters, digest of its source. Part of the input fingerprint."""

    def prepare(self, market: Market, config: Config) -> Preparation:
        """Look at the market once (indicators, look-backs, timers); UsageError for what does not fit it."""

    def attach(self, state: State) -> Callable[..., Any]:
        """Point the state at what it reads, set ``mask``, and return the callback for ``kernel.advance.advance``."""

    def watch(self) -> None:
        """A checkpoint may be taken of this run: note after :meth:`prepare` what there is, for :meth:`recall` to compare."""

    def recall(self) -> Recall:
        """What it needs beside the state, now, between two instants."""

    def restore(self, recall: Recall) -> None:
        """Between :meth:`prepare` and :meth:`attach`: begin with what a checkpoint holds."""

    def stop(self) -> None:
        """The run is over (``on_stop``)."""

    def release(self) -> None:
        """Let go of the state: the result is made."""
