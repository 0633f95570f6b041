"""The inputs of the benchmarks, made once from fixed seeds: `python benchmarks/inputs.py FOLDER`.

minute/     1,000,000 one-minute bars of one instrument, prices in whole cents; averages over 20 and 50 closes from exact
            integer sums, and where the one crosses the other
portfolio/  500 instruments x 2,520 daily bars; every 21st day all get equal weights
quotes/     1,000,000 best bids and asks of one instrument with their sizes, in whole cents and whole units
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

MINUTE_BARS = 1_000_000
QUOTES = 1_000_000
INSTRUMENTS, DAYS = 500, 2_520
REBALANCE_EVERY = 21
FAST, SLOW = 20, 50
INVESTED = 0.95

MINUTE_NS = 60 * 10**9
DAY_NS = 86_400 * 10**9
MILLISECOND_NS = 10**6
START_NS = 1_420_070_400 * 10**9  # 2015-01-01 UTC


def walk(rows: int, columns: int, seed: int, step: float) -> dict[str, np.ndarray]:
    """Bars of a geometric walk in whole cents: int64[rows, columns] per column name."""
    draw = np.random.default_rng(seed)
    path = np.cumsum(draw.standard_normal((rows, columns)) * step, axis=0)
    close = np.maximum(np.rint(10_000 * np.exp(path)).astype(np.int64), 100)
    gap = draw.integers(-2, 3, (rows, columns))
    opened = np.maximum(np.vstack([close[:1], close[:-1]]) + gap, 100)
    reach = np.maximum(close * step * 0.7, 1.0).astype(np.int64)
    high = np.maximum(opened, close) + draw.integers(0, reach + 1)
    low = np.maximum(np.minimum(opened, close) - draw.integers(0, reach + 1), 1)
    volume = draw.integers(100_000, 5_000_000, (rows, columns))
    return {"open": opened, "high": high, "low": low, "close": close, "volume": volume}


def window_sums(values: np.ndarray, window: int) -> np.ndarray:
    """Exact sums of the last ``window`` integers; 0 where there are fewer."""
    total = np.concatenate([[0], np.cumsum(values)])
    out = np.zeros(len(values), np.int64)
    out[window - 1 :] = total[window:] - total[:-window]
    return out


def crossings(fast: np.ndarray, slow: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Where ``fast`` crosses above and below ``slow`` (comparable integers), from row ``first`` on: two bool arrays."""
    above, below = np.zeros(len(fast), bool), np.zeros(len(fast), bool)
    above[1:] = (fast[1:] > slow[1:]) & (fast[:-1] <= slow[:-1])
    below[1:] = (fast[1:] < slow[1:]) & (fast[:-1] >= slow[:-1])
    above[:first] = below[:first] = False
    return above, below


def minute_inputs() -> dict[str, np.ndarray]:
    """One instrument; money in floats of a dollar beside the cents they stand for."""
    bars = {name: column[:, 0] for name, column in walk(MINUTE_BARS, 1, 20, 2e-4).items()}
    out = {"time": START_NS + np.arange(MINUTE_BARS, dtype=np.int64) * MINUTE_NS, "volume": bars["volume"]}
    for name in ("open", "high", "low", "close"):
        out[name], out[name + "_cents"] = bars[name] / 100, bars[name]
    fast, slow = window_sums(bars["close"], FAST), window_sums(bars["close"], SLOW)
    out["above"], out["below"] = crossings(fast * SLOW, slow * FAST, SLOW)
    for name, sums, window in (("fast", fast, FAST), ("slow", slow, SLOW)):
        out[name] = np.where(np.arange(MINUTE_BARS) >= window - 1, sums / (window * 100), np.nan)
    return out


def portfolio_inputs() -> dict[str, np.ndarray]:
    """Many instruments; ``weights`` is NaN on days without a decision."""
    bars = walk(DAYS, INSTRUMENTS, 21, 1.5e-2)
    weights = np.full((DAYS, INSTRUMENTS), np.nan)
    for day in range(REBALANCE_EVERY - 1, DAYS - 1, REBALANCE_EVERY):
        weights[day] = INVESTED / INSTRUMENTS
    out = {"time": START_NS + np.arange(DAYS, dtype=np.int64) * DAY_NS, "volume": bars["volume"], "weights": weights}
    for name in ("open", "high", "low", "close"):
        out[name], out[name + "_cents"] = bars[name] / 100, bars[name]
    return out


def quotes_inputs() -> dict[str, np.ndarray]:
    """A walk of the bid by at most one cent, an ask one to three cents above it, and sizes that no order here exhausts."""
    draw = np.random.default_rng(22)
    bid = np.maximum(10_000 + np.cumsum(draw.integers(-1, 2, QUOTES)), 100)
    ask = bid + draw.integers(1, 4, QUOTES)
    gaps = draw.integers(1, 400, QUOTES) * MILLISECOND_NS
    out = {"time": START_NS + np.cumsum(gaps), "bid": bid / 100, "bid_cents": bid, "ask": ask / 100, "ask_cents": ask}
    return out | {name: draw.integers(10, 500, QUOTES) * 100 for name in ("bid_size", "ask_size")}


def make(folder: Path) -> None:
    """Write what is missing."""
    for name, build in (("minute", minute_inputs), ("portfolio", portfolio_inputs), ("quotes", quotes_inputs)):
        if (folder / name / "done").exists():
            continue
        (folder / name).mkdir(parents=True, exist_ok=True)
        for column, values in build().items():
            np.save(folder / name / f"{column}.npy", np.ascontiguousarray(values))
        (folder / name / "done").touch()


if __name__ == "__main__":
    make(Path(sys.argv[1]))
