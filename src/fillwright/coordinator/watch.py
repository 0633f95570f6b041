"""What the kernel keeps while it runs, compared with what it has written down: ``run.isolation: strict`` does so after every slice.

The certificate at the end of a run finds the same differences; here a run ends at the data time at which one arose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from fillwright.errors import RunFailed
from fillwright.journal import Ints, RunRecord
from fillwright.kernel.state import AFTER, State
from fillwright.model.codes import Account, OrderFlag, OrderStatus, OrderType
from fillwright.result.certificate import Check, compared, table_checks

LIVE = (OrderStatus.PENDING_NEW, OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


def audit(record: RunRecord, memory: State, where: str) -> None:
    """Compare the journal so far with itself and with the memory. RunFailed names the first tables, rows and columns that differ.

    ``record`` needs no equity; ``where`` is the data time.
    """
    broken = [check for check in table_checks(record) if not check.ok]
    broken = broken or [check for check in _memory_checks(record, memory) if not check.ok]
    if broken:
        raise RunFailed(
            "the books do not agree: " + "; ".join(f"{check.name}: {check.detail}" for check in broken[:3]),
            where=where,
            remedy="somebody else wrote into the memory of the run, which is the engine's alone: docs/ownership.md",
        )


def _memory_checks(record: RunRecord, memory: State) -> Iterator[Check]:
    fills, postings, lots, orders = (record.tables[name] for name in ("fills", "postings", "lots", "orders"))
    many = len(record.market.instruments)
    books, instruments = memory.books, memory.instruments[:many]
    held = _summed(len(books), fills["strategy"] * many + fills["symbol"], fills["side"] * fills["quantity"])
    yield compared("books", held, books["position"], "running sum of fills", "books position")
    netted = held.reshape(-1, many).sum(axis=0)
    yield compared("instruments", netted, instruments["position"], "sum of the books", "instruments position")
    cash = postings[postings["account"] == Account.CASH]
    balance = _summed(len(memory.currencies), cash["currency"], cash["money"])
    yield compared("cash", balance, memory.currencies["cash"], "sum of the postings to cash", "currencies cash")
    open_lots = lots[lots["remaining"] > 0]
    live = orders[np.isin(orders["status"], LIVE)]
    alive = _summed(many, live["symbol"], np.ones(len(live), np.int64))
    yield compared("live orders", alive, instruments["live"], "orders in flight, working or held", "instruments live")
    waiting = (live["waits"] == AFTER) & (live["flags"] & OrderFlag.HELD != 0)
    market = live[(live["type"] == OrderType.MARKET) & (live["flags"] & OrderFlag.PENDING_CANCEL == 0) & ~waiting]
    pending = _summed(len(books), market["strategy"] * many + market["symbol"], market["side"] * market["leaves_quantity"])
    yield compared(
        "pending",
        pending,
        books["pending"],
        "leaves of live market orders without a cancel, but for those that wait for another",
        "books pending",
    )
    totals = np.array([len(live), len(open_lots), int(orders["reserved"].sum())], np.int64)
    kept = [memory.scalars["live"], memory.scalars["open_lots"], memory.currencies["reserved"].sum()]
    names = ("scalars column live", "scalars column open_lots", "currencies column reserved: the sum")
    place: Callable[[int], str] = names.__getitem__
    yield compared("totals", totals, np.array(kept, np.int64), "of all orders and lots", place)


def _summed(size: int, index: Ints, amount: Ints) -> Ints:
    total = np.zeros(size, np.int64)
    np.add.at(total, index, amount)
    return total
