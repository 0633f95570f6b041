"""What can be checked of trades that another system recorded: the import itself, and whether that system agrees with itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fillwright.verify.audit import Audit, moment
from fillwright.verify.exact import half_even
from fillwright.verify.fills import decimal_text
from fillwright.verify.ledger import SIDES

SHOWN = 5


def check_imported(audit: Audit) -> list[str]:
    """Check what the import derived; returns where the other system contradicts itself, which is no fault of the folder."""
    folder = audit.folder
    trades, equity = folder["trades"], folder["equity"]
    net = folder.units("trades", "gross_pnl") - folder.units("trades", "fees") + folder.units("trades", "financing")
    audit.column("trades", "net_pnl", net)
    values = folder.units("equity", "equity")
    late = np.flatnonzero(np.diff(equity["instant"]) <= 0).tolist()
    said_late = [f"equity.parquet row {row + 1} column instant: not after the row above" for row in late]
    audit.say("equity.instants", equity.rows, said_late)
    audit.column("equity", "positions_value", values - folder.units("equity", "cash"))
    audit.column("equity", "drawdown", np.maximum.accumulate(values) - values if len(values) else values)
    is_open, ended = trades["status"] == "open", trades["exit_time"] != 0
    wrong = []
    for text, rows in (
        ("column exit_time: open, but it has one", is_open & ended),
        ("column exit_time: closed, but never", ~is_open & ~ended),
        ("column quantity: not positive", trades["quantity"] <= 0),
    ):
        wrong += [f"trades.parquet row {row} {text}" for row in np.flatnonzero(rows).tolist()]
    audit.say("trades.form", trades.rows, wrong)
    filled = [name for name, sheet in folder.sheets.items() if sheet.rows and name not in ("trades", "equity")]
    said_filled = [f"{name}.parquet has rows; an import fills trades and equity only" for name in filled]
    audit.say("folder.imported", len(folder.sheets), said_filled)
    about = folder.run.get("imported")
    said = [str(text) for text in about.get("found", [])] if isinstance(about, dict) else []
    return [*said, *_arithmetic(audit), *_times(audit), *_sums(audit)]


def _cent(audit: Audit) -> int:
    """A hundredth of the account's currency: results were often rounded to it."""
    return int(10 ** max(0, audit.folder.currencies[0].decimals - 2))


def _money(audit: Audit, units: int) -> str:
    return decimal_text(units, audit.folder.currencies[0].decimals)


def _listed(what: str, items: list[str], of: int) -> Iterator[str]:
    if items:
        more = f"; and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
        yield f"{what} ({len(items)} of {of}): {'; '.join(items[:SHOWN])}{more}"


def _arithmetic(audit: Audit) -> Iterator[str]:
    """The gross result of a closed trade is side x (exit - entry) x quantity, to a cent."""
    folder = audit.folder
    trades, symbols = folder["trades"], folder.symbols("trades").tolist()
    columns = (folder.units("trades", name).tolist() for name in ("entry_price", "exit_price", "quantity", "gross_pnl"))
    apart = []
    for row, (entry, leave, lots, gross) in enumerate(zip(*columns, strict=True)):
        if trades["status"][row] != "closed":
            continue
        one = folder.instruments[symbols[row]]
        must = half_even(SIDES[trades["side"][row]] * (leave - entry) * lots * one.mul, one.div)
        if abs(must - gross) > _cent(audit):
            apart.append(f"row {row} ({one.symbol}) says {_money(audit, gross)}, its prices {_money(audit, must)}")
    yield from _listed("gross results that do not follow from their prices", apart, trades.rows)


def _times(audit: Audit) -> Iterator[str]:
    trades = audit.folder["trades"]
    done = trades["exit_time"] != 0
    before = np.flatnonzero(done & (trades["exit_time"] < trades["entry_time"])).tolist()
    same = np.flatnonzero(done & (trades["exit_time"] == trades["entry_time"])).tolist()
    for what, rows in (("trades that end before they begin", before), ("trades that end when they begin", same)):
        yield from _listed(what, [f"row {row} at {moment(int(trades['exit_time'][row]))}" for row in rows], trades.rows)


def _sums(audit: Audit) -> Iterator[str]:
    """Net results of all trades are the change of equity, to a cent per trade."""
    folder = audit.folder
    equity = folder.units("equity", "equity")
    if not len(equity):
        return
    opened = int((folder["trades"]["status"] == "open").sum())
    cash = folder.cash.get(folder.currencies[0].code)
    begin = int(equity[0]) if cash is None else int(cash * 10 ** folder.currencies[0].decimals)
    change = int(equity[-1]) - begin
    gross, fees, net = (int(folder.units("trades", name).sum()) for name in ("gross_pnl", "fees", "net_pnl"))
    within = _cent(audit) * max(1, folder["trades"].rows)
    if cash is not None and abs(begin - int(equity[0])) > within:
        yield f"equity begins at {_money(audit, int(equity[0]))}, the account at {_money(audit, begin)}"
    if abs(net - change) <= within:
        return
    why = ""
    if abs(gross - change) <= within:
        why = ": the gross results agree, so fees were not taken from equity, or results are net already"
    elif abs(net - fees - change) <= within:
        why = ": the difference is the fees once more, so results are gross, or fees were taken twice"
    elif opened:
        why = f": {opened} trades are open, and their last value is not known"
    yield (
        f"net results of the trades sum to {_money(audit, net)}, equity changed by {_money(audit, change)}, "
        f"apart by {_money(audit, net - change)}{why}"
    )
