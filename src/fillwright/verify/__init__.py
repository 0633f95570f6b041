"""Verification of a result folder: an accounting of its own, sharing no code with the engine.

From the input columns of orders, events and fills, the booking method and the marks it recomputes every derived column of
every table and compares cell by cell. With the market data at hand it also checks what the input columns say about them:
marks, rates, arrivals, the price that each fill met, its costs and its volume.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from fillwright.errors import CheckFailed
from fillwright.verify.audit import Audit, Check, Verification
from fillwright.verify.bars import Bars, MarketData
from fillwright.verify.busts import check_busts
from fillwright.verify.equity import check_equity
from fillwright.verify.hashes import check_hashes
from fillwright.verify.imported import check_imported
from fillwright.verify.ledger import book, check_ledger
from fillwright.verify.legs import check_legs
from fillwright.verify.lifecycle import ENDED
from fillwright.verify.links import check_links
from fillwright.verify.market import HELD_AGAINST_DATA, check_data
from fillwright.verify.orders import check_orders
from fillwright.verify.postings import check_postings
from fillwright.verify.reading import Folder
from fillwright.verify.reports import check_reports
from fillwright.verify.sizes import check_sizes
from fillwright.verify.switches import check_switches
from fillwright.verify.trade_events import check_trade_events
from fillwright.verify.trades import check_trades

__all__ = ["Bars", "Check", "MarketData", "Verification", "verify_folder"]

IMPORTED = "imported"
IMPORTED_INPUTS = ("trades.parquet: everything but net_pnl", "equity.parquet: instant, equity, cash")

UNCHECKED = "not recomputed by this version"


def verify_folder(path: str | os.PathLike[str], *, hashes: bool = True, market: MarketData | None = None) -> Verification:
    """Verify a result folder from what it holds alone; ``hashes`` also compares the files with certificate.json.

    With ``market``, the data that the run was made on, also what they decide.

    Differences are failed checks that name file, row, column, what was found and what was expected. CheckFailed names a
    file that is missing or so damaged that nothing can be compared.
    """
    base = Path(path)
    if not base.is_dir():
        raise CheckFailed("is no folder", where=str(base), remedy="give the folder of a saved run")
    checks = check_hashes(base) if hashes else []
    try:
        audit = _recompute(base, market)
    except CheckFailed as error:
        changed = [check.detail for check in checks if not check.ok]
        if changed:
            raise CheckFailed(f"{error.message} ({'; '.join(changed)})", where=error.where, remedy=error.remedy) from error
        raise
    if audit.folder.state == IMPORTED:
        return Verification(str(base), (*checks, *audit.checks), IMPORTED_INPUTS, IMPORTED, tuple(audit.notes))
    inputs = tuple(
        f"{name}: {', '.join(columns)}" for name, columns in _inputs(audit.folder, market is not None).items() if columns
    )
    return Verification(str(base), (*checks, *audit.checks), inputs, audit.folder.state.lower())


def _recompute(base: Path, market: MarketData | None) -> Audit:
    folder = Folder(base)
    audit = Audit(folder)
    try:
        _ids(audit)
        if folder.state == IMPORTED:
            audit.notes += check_imported(audit)
            return audit
        check_links(audit)
        check_legs(audit)
        ledger = book(folder)
        check_ledger(audit, ledger)
        check_orders(audit, ledger.notional, np.array(ledger.price, np.int64))
        check_busts(audit, ledger)
        check_reports(audit)
        money, quantity = check_postings(audit, ledger)
        check_trades(audit, ledger)
        check_trade_events(audit, ledger)
        balances = check_equity(audit, ledger, money, quantity)
        check_switches(audit)
        check_sizes(audit, ledger)
        _intents(audit)
        _ends(audit)
        if market is not None:
            check_data(audit, ledger, balances, market)
    except CheckFailed as error:
        raise CheckFailed(f"{error.message}{_found(audit)}", where=error.where, remedy=error.remedy) from error
    except (KeyError, IndexError, ValueError, ZeroDivisionError, OverflowError) as error:
        # Inputs that no run writes; say so rather than show where our arithmetic stumbled over them.
        raise CheckFailed(
            f"holds values that no run writes ({type(error).__name__}: {error}){_found(audit)}", where=str(base),
            remedy="a file was changed; verify with hashes names it",
        ) from error  # fmt: skip
    _everything(audit)
    return audit


def _found(audit: Audit) -> str:
    """What was wrong before the checks could not go on, in words for the end of a message."""
    said = [check.detail for check in audit.checks if not check.ok]
    return f" (found before: {'; '.join(said)})" if said else ""


def _ids(audit: Audit) -> None:
    """Row numbers are the row numbers."""
    for name, sheet in audit.folder.sheets.items():
        for column in (column for column, kind in sheet.kinds.items() if kind == "id"):
            audit.column(name, column, np.arange(sheet.rows))


def _intents(audit: Audit) -> None:
    """Every intent ended in orders or was counted as no change."""
    folder = audit.folder
    asked, unchanged = (folder.counters.get(name, 0) for name in ("intents", "no_change"))
    intents = folder["orders"]["intent_id"]
    found = len(np.unique(intents[intents >= 0])) + unchanged
    spare = 1 if folder.state in ("failed", "interrupted") else 0
    agrees = found <= asked <= found + spare
    text = f"run.json counts {asked} intents, orders and no_change account for {found}"
    audit.say("orders.intents", asked, [] if agrees else [text])


def _ends(audit: Audit) -> None:
    """A run that came to its end left no order working."""
    folder = audit.folder
    status = folder["orders"]["status"].tolist()
    stopped = folder.state in ("failed", "interrupted")
    working = [] if stopped else [row for row, state in enumerate(status) if state not in ENDED]
    audit.say(
        "orders.ends", len(status), [f"orders.parquet row {row} column status: {status[row]} at the end" for row in working]
    )


def _everything(audit: Audit) -> None:
    """No derived column is left out."""
    left = [
        f"{name}.parquet column {column}: {UNCHECKED}"
        for name, sheet in audit.folder.sheets.items()
        for column, role in sheet.roles.items()
        if role != "input" and (name, column) not in audit.seen
    ]
    audit.say("folder.columns", sum(len(sheet.columns) for sheet in audit.folder.sheets.values()), left)


def _inputs(folder: Folder, with_data: bool) -> dict[str, list[str]]:
    """What was taken as given, by file."""
    known = HELD_AGAINST_DATA if with_data else {}
    return {
        f"{name}.parquet": [
            column for column, role in sheet.roles.items() if role == "input" and column not in known.get(name, ())
        ]
        for name, sheet in folder.sheets.items()
    }
