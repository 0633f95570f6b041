"""What runs leave in memory: objects of the engine that are still alive, and bytes that add up."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fillwright.coordinator.runner import Run
from fillwright.doctor.runs import attempt, shortened
from fillwright.doctor.subject import Subject
from fillwright.journal import Journal
from fillwright.kernel.state import State
from fillwright.result import Result
from fillwright.strategy.base import Strategy
from fillwright.strategy.desk import Desk

LIMIT_BYTES = 10_000_000
"""What all runs of the memory check together may leave behind."""

SHORT = 300
"""Instants of the market on which memory is measured."""

_KINDS = (Run, Desk, State, Journal, Result, Strategy)


def living() -> dict[int, Any]:
    """Objects of runs that the garbage collector does not take away, by identity."""
    gc.collect()
    return {id(item): item for item in gc.get_objects() if issubclass(type(item), _KINDS)}


def left_alive(before: dict[int, Any], files: Iterable[Path]) -> list[tuple[str, str]]:
    """(what is alive that was not before, what holds it) by class."""
    left = [item for key, item in living().items() if key not in before]
    found = []
    for kind, count in Counter(type(item) for item in left).items():
        first = next(item for item in left if type(item) is kind)
        found.append((f"{count} {kind.__name__} still alive", _holder(first, [str(path) for path in files])))
    return found


def growth(subject: Subject, runs: int) -> tuple[int, str]:
    """(bytes that so many runs left behind, measured with tracemalloc after a tenth as many to warm up; where most of it was made)."""
    short = shortened(subject, SHORT)
    tracemalloc.start()
    try:
        for _ in range(max(runs // 10, 3)):
            attempt(short)
        gc.collect()
        first, before = tracemalloc.take_snapshot(), tracemalloc.get_traced_memory()[0]
        for _ in range(runs):
            attempt(short)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        if grown <= LIMIT_BYTES:
            return grown, ""
        top = tracemalloc.take_snapshot().compare_to(first, "lineno")[0]
        return grown, f"{top.traceback[0].filename}:{top.traceback[0].lineno}"
    finally:
        tracemalloc.stop()


def _holder(item: object, files: list[str]) -> str:
    """The attribute of a module or class of the user's through which an object can be reached, else the kind of what holds it."""
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) not in files:
            continue
        shown = name.removeprefix("fillwright_user_")
        for attribute, value in list(vars(module).items()):
            if _reaches(value, item, 3):
                return f"{shown}.{attribute}"
            if isinstance(value, type) and value.__module__ == name:
                for inner, member in list(vars(value).items()):
                    if _reaches(member, item, 3):
                        return f"{shown}.{attribute}.{inner}"
    holders = [one for one in gc.get_referrers(item) if type(one).__name__ not in ("frame", "list_iterator")]
    return ", ".join(sorted({type(one).__name__ for one in holders})) or "nothing that can be seen"


def _reaches(value: object, item: object, depth: int) -> bool:
    if value is item:
        return True
    if depth == 0 or isinstance(value, type):
        return False
    return any(_reaches(inner, item, depth - 1) for inner in gc.get_referents(value) if not isinstance(inner, type))
