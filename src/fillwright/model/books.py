"""Double entry: the postings that each kind of entry stands for. They sum to zero, whatever the amounts."""

from __future__ import annotations

from typing import Any

import numpy as np

from fillwright.model.codes import Account, Entry
from fillwright.model.columns import POSTINGS

Rows = np.ndarray[Any, Any]

_FORMS: dict[Entry, tuple[tuple[Account, int, int, int], ...]] = {
    # account, and the signs with which money, quantity and fee are posted to it
    Entry.FILL: (
        (Account.CASH, -1, 0, 0), (Account.TRADING, 1, -1, 0), (Account.POSITION, 0, 1, 0),
        (Account.CASH, 0, 0, -1), (Account.FEES, 0, 0, 1),
    ),
    Entry.TRANSFER: ((Account.CASH, 1, 0, 0), (Account.TRANSFERS, -1, 0, 0)),
}  # fmt: skip
_MOST = max(map(len, _FORMS.values()))


def postings_of(entries: Rows, first: int = 0) -> Rows:
    """Entries spelled out: rows of POSTINGS, numbered from ``first``. An entry without a fee has no postings of one."""
    parts, order = [], []
    for kind, form in _FORMS.items():
        for place, (account, money, quantity, fee) in enumerate(form):
            rows = np.flatnonzero((entries["kind"] == kind) & ((entries["fee"] != 0) | (fee == 0)))
            chosen = entries[rows]
            part = np.empty(len(rows), POSTINGS.dtype)
            for name in ("entry", "instant", "strategy", "symbol", "currency", "fill_id"):
                part[name] = chosen[name]
            part["account"] = account
            part["money"] = money * chosen["money"] + fee * chosen["fee"]
            part["quantity"] = quantity * chosen["quantity"]
            if account == Account.CASH:
                part["symbol"] = -1
            parts.append(part)
            order.append(rows * _MOST + place)
    out = np.concatenate(parts)[np.argsort(np.concatenate(order))]
    out["seq"] = first + np.arange(len(out))
    return out
