"""At the end of a run with faults the order manager and the broker must know the same of every order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fillwright.errors import RunFailed
from fillwright.kernel.advance import finish
from fillwright.kernel.state import State
from fillwright.model.codes import OrderStatus

SHOWN = 3


def close(state: State) -> None:
    """End of data; in a run with faults the manager asks for everything that it has not heard."""
    if state.scalars["faults"]:
        state.grow()
    finish(state.address)


def check_agreement(state: State, where: str) -> None:
    """Compare what the manager was told with the broker's orders. RunFailed names the first orders in which they differ."""
    found = list(_differences(state)) if state.scalars["faults"] else []
    if found:
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise RunFailed(
            f"the order manager and the broker disagree: {'; '.join(found[:SHOWN])}{more}",
            where=where,
            remedy="this is a defect of fillwright: keep the configuration and its seed, and report it",
        )


def _differences(state: State) -> Iterator[str]:
    orders, told, heard = state.table("orders"), state.table("told"), state.table("heard")
    if len(orders) != len(told) or len(state.table("mail")):
        yield f"{len(told)} of {len(orders)} orders are known, {len(state.table('mail'))} reports are on their way"
        return
    for row in np.flatnonzero(heard["times"] == 0):
        yield f"order event {row} was never heard of"
    for number in np.flatnonzero(orders["status"] != told["status"]):
        there, here = (OrderStatus(int(table["status"][number])).name for table in (orders, told))
        yield f"order {number} is {there} at the broker, {here} by its reports"
    for name, known in (("cum_quantity", "cum"), ("cum_notional", "notional")):
        for number in np.flatnonzero(orders[name] != told[known]):
            yield f"{name} of order {number} is {orders[name][number]} at the broker, {told[known][number]} by its reports"
