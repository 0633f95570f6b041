"""The cheap isolation check of every run: what lies outside the run and could be changed by it, before and after.

It compares digests, identities and small values, never users' large objects; ``fillwright doctor`` proves what this only watches.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from fillwright.data.market import Market, is_sealed

_SAMPLE_WORDS = 64
_SAMPLE_FEEDS = 8
_NOT_LOADED = object()
"""Global state of a module that nobody has used yet: it begins differently in every process, so there is nothing to keep."""
_SIMPLE = (int, float, str, bytes, bool, type(None))
_CONTAINERS = (list, dict, set, tuple, frozenset)


class Snapshot:
    """What was true at one moment: by name, something comparable."""

    def __init__(self, market: Market, subject: type | None, subscribers: int, *, whole: bool = False) -> None:
        self.facts: dict[str, Any] = {
            "environment variables": dict(os.environ),
            "working directory": os.getcwd(),
            "random's global state": random.getstate(),
            "numpy.random's global state": _numpy_state(),
            "journal subscribers": subscribers,
        }
        # Sealed arrays cannot be written through numpy: of a wide market an even choice of feeds is read, unless all is asked for.
        step = 1 if whole else max(1, len(market.feeds) // _SAMPLE_FEEDS)
        for feed in market.feeds[::step]:
            for name, array in feed.arrays().items():
                self.facts[f"market data: {feed.symbol} {name}"] = _array_facts(array, whole)
        if subject is not None:
            for base in subject.__mro__[:-1]:
                if not base.__module__.startswith("fillwright."):
                    self._names(f"class {base.__name__}", vars(base))
            module = sys.modules.get(subject.__module__)
            if module is not None and not subject.__module__.startswith("fillwright."):
                self._names(f"module {module.__name__}", vars(module))

    def _names(self, owner: str, names: Mapping[str, Any]) -> None:
        for name, value in list(names.items()):
            if not name.startswith("__") and not name.startswith("_abc_"):
                self.facts[f"{owner}: {name}"] = _value_facts(value)

    def changes(self, after: Snapshot) -> tuple[str, ...]:
        """Names of what differs, in words."""
        found = []
        for name in dict.fromkeys([*self.facts, *after.facts]):
            if name not in after.facts:
                found.append(f"{name} is gone")
            elif name not in self.facts:
                found.append(f"{name} is new")
            elif self.facts[name] != after.facts[name] and self.facts[name] is not _NOT_LOADED:
                found.append(f"{name} was changed")
        return tuple(found)


class Outside:
    """Watches the outside of one run while it advances; ``changes`` says in words what was changed meanwhile, each thing once."""

    def __init__(self, market: Market, subject: type | None, strict: bool) -> None:
        self.changes: list[str] = []
        self._of = market, subject, strict
        self._before: Snapshot | None = None

    def begin(self) -> None:
        """From now on what changes is the run's doing."""
        self._before = self._now(0)

    def look(self, subscribers: int = 0) -> None:
        """Note what differs from the beginning."""
        assert self._before is not None
        found = self._before.changes(self._now(subscribers))
        self.changes += [change for change in found if change not in self.changes]

    def _now(self, subscribers: int) -> Snapshot:
        market, subject, strict = self._of
        return Snapshot(market, subject, subscribers, whole=strict)


def _numpy_state() -> object:
    module = sys.modules.get("numpy.random")
    if module is None:
        return _NOT_LOADED
    state = module.get_state(legacy=False)
    return state["bit_generator"], state["state"]["pos"], state["state"]["key"].tobytes()


def _array_facts(array: np.ndarray[Any, Any], whole: bool) -> tuple[Any, ...]:
    """Sealed arrays cannot be written through numpy, so an even sample stands for all of them unless the whole is asked for."""
    step = 1 if whole else max(1, len(array) // _SAMPLE_WORDS)
    sample = np.ascontiguousarray(array[::step])
    return is_sealed(array), hashlib.blake2b(sample.data, digest_size=16).digest()


def _value_facts(value: object, depth: int = 0) -> Any:
    """Identity, and content as far as it is small and plain."""
    if isinstance(value, _SIMPLE):
        return value
    if isinstance(value, _CONTAINERS):
        if depth > 3 or len(value) > 2000:
            return type(value), id(value), len(value)
        if isinstance(value, dict):
            inner: tuple[Any, ...] = tuple((repr(key), _value_facts(item, depth + 1)) for key, item in value.items())
        elif isinstance(value, set | frozenset):
            inner = tuple(sorted(map(repr, value)))
        else:
            inner = tuple(_value_facts(item, depth + 1) for item in value)
        return type(value), id(value), inner
    if isinstance(value, np.ndarray):
        sample = np.ascontiguousarray(value.ravel()[:: max(1, value.size // _SAMPLE_WORDS)]) if value.dtype != object else None
        return id(value), value.shape, None if sample is None else hashlib.blake2b(sample.tobytes(), digest_size=16).digest()
    return type(value), id(value)
