"""Fingerprints: equal for equal input, equal for equal decisions, on any machine and through any driver."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from fillwright._version import __version__
from fillwright.config.schema import Config
from fillwright.data.market import Market
from fillwright.kernel.digest import fingerprint
from fillwright.kernel.state import State
from fillwright.model.columns import SCHEMA_VERSION

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


def journal_fingerprint(state: State) -> str:
    """64 bits in hex, folded over the canonical columns of all records and the stored equity."""
    return f"{int(fingerprint(state.address)):016x}"
