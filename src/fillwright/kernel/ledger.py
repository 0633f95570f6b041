"""The books: the only writer of cash, positions and lots.

Each fill is one balanced entry; lots are matched here and nowhere else. Amounts are split by exact subtraction: what is left after
the last share is exactly what the last share gets.
"""

from __future__ import annotations

from fillwright.kernel._codes import Entry, Lots
from fillwright.kernel._jit import entry, jit
from fillwright.kernel.fixed import compare_products, muldiv
from fillwright.kernel.margin import set_mark
from fillwright.kernel.state import (
    book_at,
    currency_at,
    entry_at,
    expect_entry,
    expect_lot,
    expect_lot_close,
    fill_at,
    instrument_at,
    lot_at,
    lot_close_at,
    order_at,
    state_at,
)


@jit
def _enter(s, kind, strategy, symbol, currency, money, quantity, fee, fill):  # type: ignore[no-untyped-def]
    """Write one entry, which stands for the postings that ``model.books`` spells out, and move the cash that it moves."""
    row = s["n_entries"]
    s["n_entries"] = row + 1
    record = entry_at(s, row)
    record["entry"] = row
    record["instant"] = s["now"]
    record["kind"] = kind
    record["strategy"] = strategy
    record["symbol"] = symbol
    record["currency"] = currency
    record["money"] = money
    record["quantity"] = quantity
    record["fee"] = fee
    record["fill_id"] = fill
    expect_entry(s["entries"], row + 2)
    currency_at(s, currency)["cash"] += money if kind == Entry.TRANSFER else -money - fee


@entry("void(int64, int64, int64)")
def deposit(address, currency, amount):  # type: ignore[no-untyped-def]
    """Bring money units of a currency into the account."""
    _enter(state_at(address), Entry.TRANSFER, -1, -1, currency, amount, 0, 0, -1)


@jit
def _share(amount, part, whole):  # type: ignore[no-untyped-def]
    """The part of an amount that goes with part of whole; all of it with the whole."""
    if part == whole:
        return amount
    return muldiv(amount, part, whole)


@jit
def _drop_lot(s, book, k):  # type: ignore[no-untyped-def]
    before = lot_at(s, k)["prev"]
    after = lot_at(s, k)["next"]
    if before >= 0:
        lot_at(s, before)["next"] = after
    else:
        book["head"] = after
    if after >= 0:
        lot_at(s, after)["prev"] = before
    else:
        book["tail"] = before
    s["open_lots"] -= 1


@jit
def _open_lot(s, book, fill, quantity, cost, fee):  # type: ignore[no-untyped-def]
    """Put quantity into a new lot, or into the one open lot under AVERAGE; returns the lot."""
    if s["lots_method"] == Lots.AVERAGE and book["head"] >= 0:
        k = book["head"]
        lot_at(s, k)["quantity"] += quantity
        lot_at(s, k)["remaining"] += quantity
        lot_at(s, k)["cost"] += cost
        lot_at(s, k)["fee_in"] += fee
        return k
    k = s["n_lots"]
    s["n_lots"] = k + 1
    lot = lot_at(s, k)
    lot["lot_id"] = k
    lot["strategy"] = fill["strategy"]
    lot["symbol"] = fill["symbol"]
    lot["side"] = fill["side"]
    lot["open_fill"] = fill["fill_id"]
    lot["instant"] = s["now"]
    lot["quantity"] = quantity
    lot["remaining"] = quantity
    lot["cost"] = cost
    lot["fee_in"] = fee
    lot["next"] = -1
    lot["prev"] = book["tail"]
    if book["tail"] >= 0:
        lot_at(s, book["tail"])["next"] = k
    else:
        book["head"] = k
    book["tail"] = k
    s["open_lots"] += 1
    expect_lot(s["lots"], k + 1)
    return k


@jit
def _chosen_lot(s, book, fill):  # type: ignore[no-untyped-def]
    """The open lot that a fill takes where that is not the oldest or newest: by unit cost, or the one its order names."""
    best = book["head"]
    if s["lots_method"] == Lots.SPECIFIC:
        named = order_at(s, fill["order_id"])["lot_id"]
        return named if named >= 0 and lot_at(s, named)["remaining"] > 0 else best
    if best < 0:
        return best
    top = lot_at(s, best)
    # Costs are signed, a short lot's is negative: among short lots the highest cost is the one that brought in least.
    wanted = top["side"] if s["lots_method"] == Lots.HIGHEST_COST else -top["side"]
    k = top["next"]
    while k >= 0:
        lot = lot_at(s, k)
        top = lot_at(s, best)
        if compare_products(abs(lot["cost"]), top["remaining"], abs(top["cost"]), lot["remaining"]) == wanted:
            best = k
        k = lot["next"]
    return best


@jit
def _next_lot(s, book, fill):  # type: ignore[no-untyped-def]
    """The open lot that a fill takes next, -1 where there is none: first the one of a fill that it undoes."""
    if fill["exec_ref_id"] >= 0:
        own = fill_at(s, fill["exec_ref_id"])["lot_id"]
        if own >= 0 and lot_at(s, own)["remaining"] > 0:
            return own
    if s["lots_method"] > Lots.AVERAGE:
        return _chosen_lot(s, book, fill)
    return book["tail"] if s["lots_method"] == Lots.LIFO else book["head"]


@jit
def _close_lots(s, book, fill):  # type: ignore[no-untyped-def]
    """Close lots on the other side of a fill. Returns what is left of (quantity, proceeds, fee)."""
    left = fill["quantity"]
    worth = -fill["side"] * fill["notional"]
    fee = fill["fee"]
    while left > 0:
        k = _next_lot(s, book, fill)
        if k < 0 or lot_at(s, k)["side"] == fill["side"]:
            break
        lot = lot_at(s, k)
        take = min(left, lot["remaining"])
        cost = _share(lot["cost"], take, lot["remaining"])
        fee_in = _share(lot["fee_in"], take, lot["remaining"])
        proceeds = _share(worth, take, left)
        fee_out = _share(fee, take, left)
        row = s["n_lot_closes"]
        s["n_lot_closes"] = row + 1
        record = lot_close_at(s, row)
        record["seq"] = row
        record["instant"] = s["now"]
        record["lot_id"] = k
        record["open_fill"] = lot["open_fill"]
        record["fill_id"] = fill["fill_id"]
        record["strategy"] = lot["strategy"]
        record["symbol"] = lot["symbol"]
        record["side"] = lot["side"]
        record["quantity"] = take
        record["cost"] = cost
        record["proceeds"] = proceeds
        record["realised"] = proceeds - cost
        record["fee_in"] = fee_in
        record["fee_out"] = fee_out
        expect_lot_close(s["lot_closes"], row + 1)
        lot["remaining"] -= take
        lot["cost"] -= cost
        lot["fee_in"] -= fee_in
        left -= take
        worth -= proceeds
        fee -= fee_out
        if lot["remaining"] == 0:
            _drop_lot(s, book, k)
    return left, worth, fee


@jit
def book_fill(s, f):  # type: ignore[no-untyped-def]
    """Post fill f, match its lots and fill in its derived columns."""
    fill = fill_at(s, f)
    i = fill["symbol"]
    strategy = fill["strategy"]
    instrument = instrument_at(s, i)
    book = book_at(s, strategy * s["n_instruments"] + i)
    signed = fill["side"] * fill["quantity"]
    money = fill["side"] * fill["notional"]
    _enter(s, Entry.FILL, strategy, i, instrument["currency"], money, signed, fill["fee"], f)
    left, worth, fee = _close_lots(s, book, fill)
    fill["closing_quantity"] = fill["quantity"] - left
    fill["lot_id"] = -1
    if left > 0:
        fill["lot_id"] = _open_lot(s, book, fill, left, -worth, fee)
    book["position"] += signed
    instrument["position"] += signed
    fill["position"] = book["position"]
    set_mark(s, i, instrument["mark"])
