"""Declared state of a strategy as plain JSON and arrays, and back: what a checkpoint holds of it. No code, nothing pickled."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fillwright.order_manager import Order

ARRAY_KINDS = "biufcSUMm"
"""Kinds of arrays that hold values and nothing else."""

_PLAIN = (type(None), bool, int, str)
_SEQUENCES: dict[str, type] = {"list": list, "tuple": tuple, "deque": deque}
_DEPTH = 20


class NotPlain(Exception):
    """A value that a checkpoint cannot hold; the message says what it is."""


@dataclass
class Packed:
    """Values as plain JSON; arrays stand beside it and are referred to by their number."""

    arrays: list[np.ndarray[Any, Any]] = field(default_factory=list)
    _seen: dict[int, Any] = field(default_factory=dict)

    def pack(self, value: Any, depth: int = 0) -> Any:
        """Plain JSON of a value that :func:`unpack` gives back with the same types; NotPlain for what has none.

        Two names of one list, dict or array would come back as two of them, so the second is refused.
        """
        kind = type(value)
        if kind in _PLAIN:
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if kind is Order:
            return {"order": value.id}
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in ARRAY_KINDS:
            return self._array(value)
        if depth == _DEPTH or kind not in (dict, *_SEQUENCES.values()):
            raise NotPlain(f"a {kind.__name__}")
        if kind is not tuple:
            self._once(value, value)
        if kind is dict:
            return {"dict": [[self.pack(key, _DEPTH), self.pack(item, depth + 1)] for key, item in value.items()]}
        plain: dict[str, Any] = {kind.__name__: [self.pack(item, depth + 1) for item in value]}
        return plain | ({"most": value.maxlen} if kind is deque else {})

    def _array(self, value: Any) -> dict[str, Any]:
        if isinstance(value, np.generic):
            self.arrays.append(np.asarray(value))
            return {"scalar": len(self.arrays) - 1}
        if type(value) is not np.ndarray:
            raise NotPlain(f"a {type(value).__name__}")
        if value.flags.writeable:
            self._once(value if value.base is None else value.base, value)
        self.arrays.append(value)
        return {"array": len(self.arrays) - 1, "writeable": bool(value.flags.writeable)}

    def _once(self, owner: Any, value: Any) -> None:
        if id(owner) in self._seen:
            raise NotPlain(f"a {type(value).__name__} under two names")
        self._seen[id(owner)] = owner


def unpack(plain: Any, arrays: list[np.ndarray[Any, Any]], order: Callable[[int], Any]) -> Any:
    """The value that :meth:`Packed.pack` was given; ``order`` makes the handle of an order from its number."""
    if not isinstance(plain, dict):
        return plain
    kind, content = next(iter(plain.items()))
    if kind == "float":
        return float(content)
    if kind == "order":
        return order(content)
    if kind == "scalar":
        return arrays[content][()]
    if kind == "array":
        array = arrays[content].copy(order="K")
        array.setflags(write=plain["writeable"])
        return array
    if kind == "dict":
        return {unpack(key, arrays, order): unpack(item, arrays, order) for key, item in content}
    items = [unpack(item, arrays, order) for item in content]
    return deque(items, plain["most"]) if kind == "deque" else _SEQUENCES[kind](items)
