"""Whether a strategy keeps more than it declares, between bars.

A checkpoint holds declared state only. A strategy that keeps anything else is taken up again by running it anew from the start, which
is always right; so whatever is not surely as ``on_start`` left it counts as kept. Looked at are the strategy's attributes, those of
its class, what its functions and timers enclose, and the names of its own module that they read.
"""

from __future__ import annotations

import enum
import hashlib
import logging
import re
import sys
import types
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePath
from typing import Any

import numpy as np
from numba.core.dispatcher import Dispatcher

from fillwright.indicators import Indicator
from fillwright.strategy.base import Strategy
from fillwright.strategy.compiled import Compiled
from fillwright.strategy.recall import ARRAY_KINDS
from fillwright.strategy.views import Bars, History, Past, Position, Series

_DEPTH = 20
_ENGINE = ("_desk", "_orders")
_UNCHANGING = (type(None), bool, int, float, complex, str, bytes, Decimal, Fraction, date, datetime, time, timedelta, range,
               re.Pattern)  # fmt: skip
_STEADY = (type, types.ModuleType, types.BuiltinFunctionType, types.GenericAlias, np.ufunc, np.dtype, Dispatcher, Compiled, Indicator,
           enum.Enum, tzinfo, PurePath, logging.Logger, Series, History, Past, Bars, Position)  # fmt: skip
"""What holds nothing that a strategy could change and decide by, or is a view of the run."""


class Watch:
    """What there was of a strategy after ``on_start``, compared with what there is later.

    ``timers``: the functions that are called for it, which may enclose something of their own.
    """

    def __init__(self, strategy: Strategy, timers: Iterable[Any]) -> None:
        self._strategy = strategy
        self._timers = tuple(timers)
        own = [base for base in type(strategy).__mro__ if base not in Strategy.__mro__]
        self._classes = own
        self._modules = [vars(sys.modules[base.__module__]) for base in own if base.__module__ in sys.modules]
        self._facts = self._look()

    def kept(self) -> list[str]:
        """Names of what is not as it was, or cannot be compared."""
        now = self._look()
        names = dict.fromkeys([*self._facts, *now])
        return [name for name in names if name not in now or name not in self._facts or self._facts[name] != now[name]]

    def _look(self) -> dict[str, Any]:
        self._read: dict[str, Any] = {}  # names of the modules that were met in functions
        self._met: set[int] = set()
        return {name: self._frozen(value, 0) for name, value in self._values()} | self._read

    def _values(self) -> Iterator[tuple[str, Any]]:
        states = type(self._strategy)._states
        for name, value in vars(self._strategy).items():
            if name not in states and name not in _ENGINE:
                yield name, value
        for number, function in enumerate(self._timers):
            yield f"timer {number}", function
        for base in self._classes:
            if vars(base).get("__slots__"):
                yield f"{base.__name__}.__slots__", object()
            declared = {*base._params, *base._states} if issubclass(base, Strategy) else set()
            for name, value in list(vars(base).items()):
                if not name.startswith("__") and name not in declared and name not in ("_params", "_states", "_abc_impl"):
                    yield f"{base.__name__}.{name}", value

    def _frozen(self, value: Any, depth: int) -> Any:
        """Something that equals what is made of the value later exactly if the value has not changed."""
        kind = type(value)
        if value is self._strategy:
            return "itself"
        if kind in _UNCHANGING:
            return kind, repr(value)
        if isinstance(value, _STEADY):
            return _Same(value)
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in ARRAY_KINDS:
            return kind, value.dtype.str, value.shape, hashlib.blake2b(value.tobytes(), digest_size=16).digest()
        if depth == _DEPTH:
            return object()
        if kind is types.MethodType:
            return self._frozen(value.__func__, depth + 1), self._frozen(value.__self__, depth + 1)
        if kind is types.FunctionType:
            return _Same(value), self._function(value, depth + 1)
        if kind in (staticmethod, classmethod):
            return self._frozen(value.__func__, depth + 1)
        if kind is property:
            return tuple(self._frozen(part, depth + 1) for part in (value.fget, value.fset, value.fdel))
        if kind in (list, tuple, deque):
            return kind, tuple(self._frozen(item, depth + 1) for item in value)
        if kind in (set, frozenset) and all(type(item) in _UNCHANGING for item in value):
            return kind, frozenset(value)
        if kind in (dict, types.MappingProxyType):
            return kind, tuple((self._frozen(key, depth + 1), self._frozen(item, depth + 1)) for key, item in value.items())
        return object()

    def _function(self, function: types.FunctionType, depth: int) -> Any:
        """What a function encloses; the names of the strategy's modules that it reads are noted beside it."""
        if id(function) in self._met:
            return None
        self._met.add(id(function))
        if any(function.__globals__ is module for module in self._modules):
            for name in _names(function.__code__):
                key = f"{function.__module__}.{name}"
                if name in function.__globals__ and key not in self._read:
                    self._read[key] = None  # it may be met again below
                    self._read[key] = self._frozen(function.__globals__[name], depth)
        cells = []
        for cell in function.__closure__ or ():
            try:
                cells.append(cell.cell_contents)
            except ValueError:  # nothing in it yet
                cells.append(None)
        return self._frozen([*cells, function.__defaults__, function.__kwdefaults__, dict(vars(function))], depth)


def _names(code: types.CodeType) -> Iterator[str]:
    """Names that a function may look up in its module, with those of the functions written inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


class _Same:
    """Equal only for the same object, which it keeps alive so that its place in memory is not given away."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._value is self._value

    __hash__ = object.__hash__
