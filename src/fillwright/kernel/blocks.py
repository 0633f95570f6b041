"""Memory for a run's tables that is used again by later runs.

Touching fresh memory costs more than writing records: the operating system clears each page first. A block goes back to the
spare ones when the last array on it is gone, whoever held that array; what it holds then is never read before it is written.
"""

from __future__ import annotations

from typing import Any

import numpy as np

SPARE_BYTES = 256 << 20
"""Spare memory that a process keeps at most. Larger runs give the rest back to the operating system."""

_LARGE = 1 << 20
_spare: list[_Memory] = []


class _Memory:
    """Bytes that can be lent."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        self.buffer = np.empty(nbytes, np.uint8)


class _Loan:
    """What the arrays on some memory keep alive; gives the memory back when they are gone."""

    def __init__(self, memory: _Memory) -> None:
        self._memory = memory
        self.__array_interface__ = memory.buffer.__array_interface__

    def __del__(self, spare: list[_Memory] = _spare, most: int = SPARE_BYTES) -> None:
        # Without a lock: this may run inside any other statement. Two ends at once can keep a little too much for a while.
        # By default arguments: at the end of a process the names of this module are gone first.
        if sum(memory.nbytes for memory in tuple(spare)) + self._memory.nbytes <= most:
            spare.append(self._memory)


def _take(nbytes: int) -> _Memory:
    """The smallest spare memory that is large enough and not wastefully so, of equals the last one used; else fresh memory."""
    newest_first = list(_spare)
    newest_first.reverse()
    for memory in sorted(newest_first, key=lambda one: one.nbytes):
        if nbytes <= memory.nbytes <= 2 * nbytes:
            try:
                _spare.remove(memory)
            except ValueError:  # another thread was faster
                continue
            return memory
    return _Memory(nbytes)


def block(rows: int, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """An array of so many records whose contents are undefined; large ones on memory that earlier runs have used."""
    nbytes = rows * dtype.itemsize
    if nbytes < _LARGE:
        return np.empty(rows, dtype)
    lent: np.ndarray[Any, Any] = np.asarray(_Loan(_take(nbytes)))
    return lent[:nbytes].view(dtype)
