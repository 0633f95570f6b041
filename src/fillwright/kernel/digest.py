"""The journal's fingerprint: 64 bits over every canonical record and the stored equity, folded while the records are warm.

A table is a stream of 64-bit words; four lanes of multiply and rotate take two words each of a block of eight. Only whole blocks are
folded as the stream grows, so that the result does not depend on when that was; what is left over is folded at the end.
"""

from __future__ import annotations

import numpy as np

from fillwright.kernel._codes import NOTHING
from fillwright.kernel._jit import entry, jit
from fillwright.kernel.state import digest_at, load_int64, state_at
from fillwright.model.columns import ORDERS, REPORTS, SCHEMA_VERSION, SWITCHES

_U = np.uint64
_MULTIPLIER = _U(0xBF58476D1CE4E5B9)
_ORDER_WORDS = np.int64(ORDERS.packed.itemsize // 8)
_CANONICAL_WORDS = np.int64(ORDERS.packed_words)
_REPORT_WORDS = np.int64(REPORTS.packed_words)
_SWITCH_WORDS = np.int64(SWITCHES.packed_words)
_START = _U(SCHEMA_VERSION)

FOLD_EVERY = 32
"""Order events after which new records are folded: few enough that they are still in the nearest cache."""


@jit
def _stir(h, word):  # type: ignore[no-untyped-def]
    h = (h ^ _U(word)) * _MULTIPLIER
    return h ^ (h >> _U(29))


@jit
def _mix(h, first, second):  # type: ignore[no-untyped-def]
    # rotated, so that a difference in the second word cannot be undone by an equal one in the word that comes next
    h = (h ^ _U(first)) * _MULTIPLIER + _U(second)
    return (h << _U(29)) | (h >> _U(35))


@jit
def _fold(lanes, address, first, last):  # type: ignore[no-untyped-def]
    """Fold words first to last of an array, whole blocks of eight, into four lanes."""
    a, b, c, d = lanes
    for w in range(first, last, 8):
        a = _mix(a, load_int64(address, last, w), load_int64(address, last, w + 1))
        b = _mix(b, load_int64(address, last, w + 2), load_int64(address, last, w + 3))
        c = _mix(c, load_int64(address, last, w + 4), load_int64(address, last, w + 5))
        d = _mix(d, load_int64(address, last, w + 6), load_int64(address, last, w + 7))
    return a, b, c, d


@jit
def _lanes(digest):  # type: ignore[no-untyped-def]
    return digest["a"], digest["b"], digest["c"], digest["d"]


@jit
def _fold_table(s, k, address, rows):  # type: ignore[no-untyped-def]
    """Bring digest k up to the last whole block of its table."""
    digest = digest_at(s, k)
    first = digest["folded"]
    last = rows * digest["words"] // 8 * 8
    if first < last:
        lanes = _fold(_lanes(digest), address, first, last)
        digest["folded"] = last
        digest["a"], digest["b"], digest["c"], digest["d"] = lanes


@jit
def fold_journal(s):  # type: ignore[no-untyped-def]
    """Fold what has been written since the last time."""
    s["fold_at"] = s["n_order_events"] + FOLD_EVERY
    k = NOTHING
    _fold_table(s, k, s["order_events"], s["n_order_events"])
    _fold_table(s, k + 1, s["fills"], s["n_fills"])
    _fold_table(s, k + 2, s["entries"], s["n_entries"])
    _fold_table(s, k + 3, s["lot_closes"], s["n_lot_closes"])
    # of a thinned curve the last sample may still change
    _fold_table(s, k + 4, s["equity"], s["n_equity"] - 1 if s["equity_every"] != 0 else s["n_equity"])


@jit
def _joined(h, lanes, address, first, last):  # type: ignore[no-untyped-def]
    """One number of eight lanes, of the words first to last that are no whole block, and of how many there were in all."""
    for lane in lanes:
        h = _stir(h, lane)
    for w in range(first, last):
        h = _stir(h, load_int64(address, last, w))
    return _stir(h, last)


@jit
def _join_table(s, h, k, address, rows):  # type: ignore[no-untyped-def]
    digest = digest_at(s, k)
    last = rows * digest["words"]
    return _joined(h, _lanes(digest), address, digest["folded"], last)


@entry("uint64(int64)")
def fingerprint(address):  # type: ignore[no-untyped-def]
    """The fingerprint of the run so far: all journal tables, the equity curve, reports, orders as they stand."""
    s = state_at(address)
    fold_journal(s)
    k = NOTHING
    h = _join_table(s, _START, k, s["order_events"], s["n_order_events"])
    h = _join_table(s, h, k + 1, s["fills"], s["n_fills"])
    h = _join_table(s, h, k + 2, s["entries"], s["n_entries"])
    h = _join_table(s, h, k + 3, s["lot_closes"], s["n_lot_closes"])
    h = _join_table(s, h, k + 4, s["equity"], s["n_equity"])
    lanes = (_U(1), _U(2), _U(3), _U(4))
    if s["n_switches"] > 0:
        h = _joined(h, lanes, s["switches"], NOTHING, s["n_switches"] * _SWITCH_WORDS)
    if s["n_reports"] > 0:
        words = s["n_reports"] * _REPORT_WORDS
        whole = words // 8 * 8
        h = _joined(h, _fold(lanes, s["reports"], NOTHING, whole), s["reports"], whole, words)
    whole = _CANONICAL_WORDS // 8 * 8
    for o in range(s["n_orders"]):
        start = o * _ORDER_WORDS
        lanes = _fold(lanes, s["orders"], start, start + whole)
        for w in range(start + whole, start + _CANONICAL_WORDS):
            h = _stir(h, load_int64(s["orders"], w + 1, w))
    return _joined(h, lanes, s["orders"], NOTHING, NOTHING)
