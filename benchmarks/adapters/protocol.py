"""What every adapter shares: `python run_TOOL.py DATA SCENARIO BARS` loads arrays, runs once, prints one line of JSON.

    seconds    wall time of the run alone; data objects were built before
    bars       bars that were run (instruments x days in the portfolio), or quotes
    orders     orders that were filled
    decisions  SHA-256 over (bar of the decision, +1 buy / -1 sell) as int64 pairs; for the portfolio over (day, instrument)
               of every position that was opened or closed
    filled_at  next_open or same_close: at which price the tool fills what is decided on a bar; same_quote: at what the quote
               that decided offers
    fills      only in `quotes`: SHA-256 over (price in cents, quantity) of every fill, in order
    equity     at the end; equal for tools that fill alike
    peak_mib   peak resident memory of the process

Scenario `minute`: buy 100 on a crossing above when flat, sell 100 on a crossing below when long, fee 0.1 % of the notional.
Scenario `portfolio`: rebalance to the weights of the day, fee 0.1 %.
Scenario `quotes`: flat, buy 100 when the ask lies MOVE below the highest ask since the last order; long, sell 100 when the bid lies
MOVE above the lowest bid since then. MOVE is half a cent off the cents, so that no comparison of floats is a tie. Fee 0.1 %.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

QUANTITY = 100
CASH = 10_000_000.0
FEE = 0.001
MOVE = 0.605


class Arrays:
    """Columns of one scenario by attribute, cut to the first ``bars`` rows, memory-mapped where they lie."""

    def __init__(self, folder: Path, bars: int) -> None:
        self.folder = folder
        self.rows = min(bars, len(np.load(folder / "time.npy", mmap_mode="r")))

    def __getattr__(self, name: str) -> np.ndarray:
        values = np.ascontiguousarray(np.load(self.folder / f"{name}.npy")[: self.rows])
        setattr(self, name, values)
        return values


def digest(decisions: Sequence[tuple[int, int]] | np.ndarray) -> str:
    """SHA-256 of pairs of whole numbers, in order."""
    return hashlib.sha256(np.asarray(decisions, np.int64).reshape(-1, 2).tobytes()).hexdigest()


def clock(work: Callable[[], object], at_most: int = 9) -> float:
    """Seconds of one call; of what takes less than a second the median of nine, because the first touch of memory varies."""
    seconds: list[float] = []
    while len(seconds) < at_most and (not seconds or seconds[0] < 1.0):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def main(scenarios: dict[str, Callable[[Arrays], dict[str, object]]]) -> None:
    """Run the scenario named on the command line and print what it gave."""
    folder, name, bars = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    if name not in scenarios:
        sys.exit(f"no scenario {name}; there are: {', '.join(scenarios)}")
    out = scenarios[name](Arrays(folder / name.partition(":")[0], bars))
    out["peak_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    sys.stdout.flush()
    os.write(1, (json.dumps(out, default=float) + "\n").encode())


def frame(arrays: Arrays, capital: bool = True):  # type: ignore[no-untyped-def]
    """A pandas frame of bars with a UTC index without zone; columns Open or open."""
    import pandas as pd

    names = ["open", "high", "low", "close", "volume"]
    columns = {name.capitalize() if capital else name: getattr(arrays, name) for name in names}
    return pd.DataFrame(columns, index=pd.DatetimeIndex(arrays.time.astype("datetime64[ns]")))
