"""Legs of one list: all filled as a whole, at one instant, or none of them at all."""

from __future__ import annotations

import numpy as np

from fillwright.verify.audit import Audit

LEG = 1024
"""The flag bit of a leg."""


def check_legs(audit: Audit) -> None:
    """Hold the orders of every list against each other, and against the instants of their fills."""
    folder = audit.folder
    orders, fills = folder["orders"], folder["fills"]
    if "list_id" not in orders.columns:  # a folder of an earlier version
        return
    lists, flags = orders["list_id"], orders["flags"]
    wrong = [
        f"orders.parquet row {row} column list_id: {lists[row]}, but the order is {'a' if flags[row] & LEG else 'no'} leg"
        for row in np.flatnonzero((lists >= 0) != (flags & LEG != 0)).tolist()
    ]
    quantity, filled = folder.units("orders", "quantity"), folder.units("orders", "cum_quantity")
    of_fill = folder.references("fills", "order_id", "orders")
    for first in np.unique(lists[lists >= 0]).tolist():
        legs = np.flatnonzero(lists == first)
        place = f"orders.parquet rows {', '.join(map(str, legs.tolist()))} column list_id"
        if legs[0] != first or legs[-1] - first != len(legs) - 1:
            wrong.append(f"{place}: {first} is not the number of the first of orders in a row")
        for column in ("intent_id", "decided_at", "sent_at", "arrived_at", "tif"):
            if len(set(orders[column][legs].tolist())) > 1:
                wrong.append(f"{place}: legs of one list differ in {column}")
        if len(set(orders["symbol"][legs].tolist())) < len(legs):
            wrong.append(f"{place}: legs of one list have an instrument in common")
        if not filled[legs].any():
            continue
        mine = np.isin(of_fill, legs)
        if (filled[legs] != quantity[legs]).any():
            wrong.append(f"{place}: some legs have filled and others have not, or in part")
        elif mine.sum() != len(legs) or len(set(fills["instant"][mine].tolist())) > 1:
            wrong.append(f"{place}: the legs did not fill at one instant, each at once")
    audit.say("orders.legs", int((lists >= 0).sum()), wrong)
