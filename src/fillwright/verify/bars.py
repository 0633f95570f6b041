"""The market data that a run is held against: what the caller read, as whole numbers, and how it is looked up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fillwright.errors import CheckFailed
from fillwright.verify.reading import Array, Folder


@dataclass(frozen=True)
class Bars:
    """Bars that orders of one instrument trade on: n rows, strictly increasing in time.

    open_time, close_time   int64[n] ns UTC
    open, high, low, close  int64[n] price units
    volume                  int64[n] lots, None when the data have none
    day_last                uint8[n], 1 = last bar of its trading day
    """

    symbol: str
    open_time: Array
    close_time: Array
    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array | None
    day_last: Array

    def known(self, times: Array) -> Array:
        """int64: the last close known at each time, 0 before the first."""
        return np.append(0, self.close)[np.searchsorted(self.close_time, times, "right")]

    def opening_at(self, time: int) -> int:
        """Row of the bar that opens at that time, -1 when there is none."""
        row = int(np.searchsorted(self.open_time, time, "left"))
        return row if row < len(self.open_time) and int(self.open_time[row]) == time else -1

    def closing_at(self, time: int) -> int:
        """Row of the bar that closes at that time, -1 when there is none."""
        row = int(np.searchsorted(self.close_time, time, "left"))
        return row if row < len(self.close_time) and int(self.close_time[row]) == time else -1

    def from_open(self, time: int) -> int:
        """Row of the first bar that opens at that time or later."""
        return int(np.searchsorted(self.open_time, time, "left"))


@dataclass(frozen=True)
class MarketData:
    """The data of a run: the bars of each instrument, and ``instants``, int64[m], at which any bar of any timeframe closes."""

    bars: Sequence[Bars]
    instants: Array

    def of(self, folder: Folder) -> Sequence[Bars]:
        """The bars in the order of the folder's instruments; CheckFailed naming the instrument that has none."""
        known = {bars.symbol: bars for bars in self.bars}
        for instrument in folder.instruments:
            if instrument.symbol not in known:
                raise CheckFailed(
                    f"there are no bars of {instrument.symbol}", where=str(folder.path), remedy="give data of every instrument"
                )
        return [known[instrument.symbol] for instrument in folder.instruments]
