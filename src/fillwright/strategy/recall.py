"""What a strategy keeps between bars: its declared state as plain values, and whether it keeps more than it declares.

A checkpoint holds numbers, text and arrays only. A strategy that keeps anything else is taken up again by running it anew from the
start, so whatever is not surely the same as ``on_start`` left it counts as kept.
"""

from __future__ import annotations

import enum
import hashlib
import math
import types
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from fillwright.order_manager import Order
from fillwright.strategy.base import Strategy
from fillwright.strategy.views import Bars, History, Past, Position, Series

_ARRAY_KINDS = "biufcSUMm"
_PLAIN = (type(None), bool, int, str)
_SEQUENCES: dict[str, type] = {"list": list, "tuple": tuple, "deque": deque}
_UNCHANGING = (*_PLAIN, float, complex, bytes, Decimal, Fraction, date, datetime, time, timedelta, range)
_VIEWS = (Series, History, Past, Bars, Position)
_NAMED = (type, types.ModuleType, types.BuiltinFunctionType, np.ufunc)
_ENGINE = ("_desk", "_orders")
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
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in _ARRAY_KINDS:
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


class Watch:
    """What ``on_start`` left in a strategy, compared with what it holds later.

    ``also``: functions that are called for it later (timers), which may keep something themselves.
    """

    def __init__(self, strategy: Strategy, also: Iterable[Any]) -> None:
        self._strategy = strategy
        self._also = tuple(also)
        self._facts = self._look()

    def _look(self) -> dict[str, Any]:
        cls = type(self._strategy)
        values = {name: value for name, value in vars(self._strategy).items() if name not in cls._states and name not in _ENGINE}
        values |= {f"timer {k}": function for k, function in enumerate(self._also)}
        values |= {f"{base.__name__}.__slots__": object() for base in cls.__mro__ if vars(base).get("__slots__")}
        return {name: self._frozen(value, 0) for name, value in values.items()}

    def kept(self) -> list[str]:
        """Names of what is not as ``on_start`` left it, or cannot be compared."""
        now = self._look()
        names = dict.fromkeys([*self._facts, *now])
        return [name for name in names if name not in now or name not in self._facts or self._facts[name] != now[name]]

    def _frozen(self, value: Any, depth: int) -> Any:
        """Something that equals what is made of the value later exactly if the value has not changed."""
        kind = type(value)
        if value is self._strategy:
            return "itself"
        if kind in _UNCHANGING or isinstance(value, enum.Enum | np.dtype):
            return kind, repr(value)
        if isinstance(value, (*_VIEWS, *_NAMED)):
            return _Same(value)
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in _ARRAY_KINDS:
            content = np.ascontiguousarray(value)
            return kind, value.dtype.str, value.shape, hashlib.blake2b(content.view(np.uint8).data, digest_size=16).digest()
        if depth == _DEPTH:
            return object()
        if kind is types.MethodType:
            return self._frozen(value.__func__, depth + 1), self._frozen(value.__self__, depth + 1)
        if kind is types.FunctionType:
            inside = [cell.cell_contents for cell in value.__closure__ or ()]
            return _Same(value), self._frozen([*inside, value.__defaults__, value.__kwdefaults__], depth + 1)
        if kind in (list, tuple, deque):
            return kind, tuple(self._frozen(item, depth + 1) for item in value)
        if kind in (set, frozenset):
            return kind, frozenset(value) if all(type(item) in _UNCHANGING for item in value) else object()
        if isinstance(value, Mapping) and kind in (dict, types.MappingProxyType):
            return kind, tuple((self._frozen(key, depth + 1), self._frozen(item, depth + 1)) for key, item in value.items())
        return object()


class _Same:
    """Equal only for the same object, which it keeps alive so that its place in memory is not given away."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._value is self._value

    __hash__ = object.__hash__
