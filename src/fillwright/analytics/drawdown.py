"""How far and how long equity was below its highest value so far."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drawdown:
    """One fall of equity: from a high, to its lowest point, until that high is reached again.

    Times are ns UTC; ``recovered_at`` is None where equity had not come back by the end. ``depth`` is a fraction, below 0.
    """

    peak_at: int
    trough_at: int
    recovered_at: int | None
    depth: float


@dataclass(frozen=True)
class Underwater:
    """The drawdown of a series at every mark.

    ``instants`` int64[m] ns UTC; ``values`` [m] integers or floats; ``start`` the value before the first mark, above 0,
    which is the first high; ``start_time`` ns UTC. m >= 1.
    """

    start_time: int
    start: float
    instants: Ints
    values: Ints | Floats

    @cached_property
    def distance(self) -> Ints | Floats:
        """[m] value minus the highest value so far, at most 0, in the unit of ``values``."""
        return self.values - self._peak

    @cached_property
    def depth(self) -> Floats:
        """float64[m] fraction below the highest value so far, at most 0."""
        return np.divide(self.distance, self._peak)

    @cached_property
    def _peak(self) -> Ints | Floats:
        peak = np.maximum.accumulate(self.values)
        return np.maximum(peak, self.values.dtype.type(self.start))

    @cached_property
    def _episodes(self) -> tuple[Ints, Ints]:
        """First mark below a high and first mark back at it (m = not by the end), of every fall."""
        below = np.zeros(len(self.values) + 2, np.int8)
        np.less(self.distance, 0, out=below[1:-1].view(np.bool_))
        edges = np.flatnonzero(np.diff(below))
        return edges[::2], edges[1::2]

    @property
    def count(self) -> int:
        """Number of falls."""
        return len(self._episodes[0])

    @cached_property
    def depths(self) -> Floats:
        """float64[count] deepest point of every fall, below 0."""
        first, _ = self._episodes
        if not len(first):
            return np.empty(0, np.float64)
        # Segments run on over the marks at the next high; those are 0 and cannot be the minimum.
        return np.minimum.reduceat(self.depth, first)

    @cached_property
    def durations(self) -> Ints:
        """int64[count] ns from the high to the mark that reached it again, or to the last mark."""
        first, back = self._episodes
        begin = np.where(first == 0, self.start_time, self.instants[first - 1])
        return self.instants[np.minimum(back, len(self.instants) - 1)] - begin

    def worst(self) -> Drawdown | None:
        """The deepest fall (the first of equals), None if equity never fell."""
        if not self.count:
            return None
        first, back = self._episodes
        which = int(np.argmin(self.depths))
        begin, end = int(first[which]), int(back[which])
        trough = begin + int(np.argmin(self.depth[begin:end]))
        return Drawdown(
            peak_at=self.start_time if begin == 0 else int(self.instants[begin - 1]),
            trough_at=int(self.instants[trough]),
            recovered_at=int(self.instants[end]) if end < len(self.instants) else None,
            depth=float(self.depth[trough]),
        )
