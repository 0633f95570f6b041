"""What the order manager knows of its orders where reports may be late, lost or overtaken; see ``kernel/reports``.

Where the configuration has no faults it knows all there is, and nobody asks here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fillwright.kernel.reports import know_own
from fillwright.kernel.state import State
from fillwright.model.codes import OrderFlag
from fillwright.model.lifecycle import TERMINAL

FIELDS = frozenset(
    ("status", "flags", "reason", "quantity", "limit_price", "stop_price", "cum_quantity", "leaves_quantity", "cum_notional")
)
"""Fields of an order that follow from its events."""

_SUMS = {"status": "status", "reason": "reason", "cum_quantity": "cum", "cum_notional": "notional"}
_PENDING = int(OrderFlag.PENDING_CANCEL | OrderFlag.PENDING_REPLACE)
_TERMINAL = frozenset(int(status) for status in TERMINAL)


class Told:
    """Orders of a run with faults, as far as they are known now."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def statuses(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """int64[orders]: the state of every order as it is known."""
        know_own(self._state.address)
        return np.asarray(self._state.table("told")["status"], np.int64)

    def field(self, number: int, name: str) -> int:
        """One of FIELDS of an order."""
        know_own(self._state.address)
        told = self._state.tables["told"][number]
        if name in _SUMS:
            return int(told[_SUMS[name]])
        event = self._state.tables["order_events"][int(told["event"])]
        if name == "flags":
            pending = OrderFlag.PENDING_CANCEL * (told["cancels"] > 0) | OrderFlag.PENDING_REPLACE * (told["replaces"] > 0)
            return int(event["flags"]) & ~_PENDING | int(pending)
        if name == "leaves_quantity":
            return 0 if int(told["status"]) in _TERMINAL else int(event["quantity"]) - int(told["cum"])
        return int(event[name])
