"""Fewer points that draw the same line: of each stretch the first, lowest, highest and last point are kept."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def thin(values: npt.NDArray[np.int64] | npt.NDArray[np.float64], limit: int) -> Ints:
    """Numbers of the points to keep, increasing, at most ``limit`` (>= 8) of them; the first and last point always.

    ``values`` [n], finite. The highest and lowest value of the whole are kept. Figures are never computed from the result.
    """
    size = len(values)
    if size <= limit:
        return np.arange(size, dtype=np.int64)
    buckets = limit // 4
    width = size // buckets
    # The first stretches are one longer, so that all points belong to one.
    longer = size - width * buckets
    head = _kept(values[: longer * (width + 1)], width + 1)
    tail = _kept(values[longer * (width + 1) :], width) + longer * (width + 1)
    return np.unique(np.concatenate((head, tail)))


def _kept(values: npt.NDArray[np.int64] | npt.NDArray[np.float64], width: int) -> Ints:
    rows = values.reshape(-1, width)
    start = np.arange(len(rows), dtype=np.int64) * width
    return np.concatenate((start, start + rows.argmin(axis=1), start + rows.argmax(axis=1), start + width - 1))
