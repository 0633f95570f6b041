"""Fingerprints: equal for equal input, equal for equal decisions, on any machine and through any driver."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from fillwright._version import __version__
from fillwright.config.schema import Config
from fillwright.data.market import Market
from fillwright.kernel.advance import fold
from fillwright.model.columns import SCHEMA_VERSION, TABLES

_FOLDED = ("orders", "order_events", "fills", "postings", "lot_closes")
_ELSEWHERE = ("data", "instruments", "hours", "strategy")
"""Sections whose meaning the market's digest and the driver's description carry, however they were written."""


def input_fingerprint(config: Config, market: Market, driver: Mapping[str, Any]) -> str:
    """BLAKE2b-128 in hex of the settings that change results, the market's digest, and what decides."""
    settings = {name: section for name, section in config.fingerprint_view().items() if name not in _ELSEWHERE}
    whole = {
        "settings": settings,
        "market": market.digest,
        "decides": dict(driver),
        "fillwright": __version__,
        "schema": SCHEMA_VERSION,
    }
    return hashlib.blake2b(json.dumps(whole, sort_keys=True).encode(), digest_size=16).hexdigest()


def journal_fingerprint(tables: Mapping[str, np.ndarray[Any, Any]], equity: np.ndarray[Any, Any]) -> str:
    """64 bits in hex, folded over the canonical columns of all records and the stored equity."""
    value = np.uint64(SCHEMA_VERSION)
    for table in TABLES:
        if table.name in _FOLDED:
            rows = np.ascontiguousarray(tables[table.name])
            width, used = len(table.columns), len(table.canonical)
            count = len(rows)
            if width == used:
                count, width, used = 1, count * width, count * used
            value = fold(rows.ctypes.data, count, width, used, value)
    samples = np.ascontiguousarray(equity)
    value = fold(samples.ctypes.data, 1, len(samples), len(samples), value)
    return f"{int(value):016x}"
