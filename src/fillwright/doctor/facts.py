"""What a value is, deeply enough to see that it changed: identities, and contents of what a strategy can keep state in."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Mapping, Set
from types import BuiltinFunctionType, FunctionType, GeneratorType, MethodType, ModuleType
from typing import Any

import numpy as np

_PLAIN = (int, str, bytes, bool, type(None))
_MOST = 5_000
_DEEPEST = 6
_WHOLE_BYTES = 1 << 20


def facts_of(value: object, own: frozenset[str], depth: int = 0) -> Any:
    """Something comparable that differs when the value, or what it holds, was changed.

    ``own``: names of modules whose classes and functions are looked into. Everything else that is no container, array or generator
    of numbers is its identity.
    """
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, float | complex):
        return repr(value)
    if depth > _DEEPEST or isinstance(value, ModuleType | type):
        return type(value).__name__, id(value)
    if isinstance(value, np.ndarray):
        return id(value), value.shape, _array(value)
    if isinstance(value, Mapping | Set | list | tuple | deque):
        return type(value).__name__, id(value), _items(value, own, depth)
    if isinstance(value, FunctionType | MethodType):
        return _function(value, own, depth)
    return type(value).__name__, id(value), _inside(value, own, depth)


def _items(value: Any, own: frozenset[str], depth: int) -> Any:
    if len(value) > _MOST:
        return len(value)
    if isinstance(value, Mapping):
        return tuple((_key(key), facts_of(item, own, depth + 1)) for key, item in list(value.items()))
    if isinstance(value, Set):
        return tuple(sorted(_key(item) for item in list(value)))
    return tuple(facts_of(item, own, depth + 1) for item in list(value))


def _key(value: object) -> str:
    return repr(value) if isinstance(value, (*_PLAIN, float, tuple)) else f"{type(value).__name__} {id(value)}"


def _array(value: np.ndarray[Any, Any]) -> Any:
    if value.dtype == object:
        return None
    flat = value.ravel()
    sample = flat if value.nbytes <= _WHOLE_BYTES else flat[:: max(1, value.nbytes // _WHOLE_BYTES)]
    return hashlib.blake2b(np.ascontiguousarray(sample).tobytes(), digest_size=16).digest()


def _function(value: Any, own: frozenset[str], depth: int) -> Any:
    function = getattr(value, "__func__", value)
    if function.__module__ not in own:
        return id(function)
    cells = []
    for cell in function.__closure__ or ():
        try:
            cells.append(facts_of(cell.cell_contents, own, depth + 1))
        except ValueError:  # not filled yet
            cells.append(None)
    kept = {name: item for name, item in vars(function).items() if not name.startswith("__")}
    defaults = facts_of(function.__defaults__, own, depth + 1), facts_of(function.__kwdefaults__, own, depth + 1)
    return id(function), defaults, _items(kept, own, depth), tuple(cells)


def _inside(value: Any, own: frozenset[str], depth: int) -> Any:
    """Content of what is neither container nor function."""
    kind = type(value)
    room = kind.__module__.partition(".")[0]
    if callable(getattr(value, "cache_info", None)):
        info = value.cache_info()
        return info.currsize, info.misses
    if room == "random":
        return _digest(value.getstate())
    if room == "numpy" and hasattr(value, "bit_generator"):
        return _digest(value.bit_generator.state)
    if room == "numpy" and callable(getattr(value, "get_state", None)):
        return _digest(value.get_state())
    if room == "itertools":
        return repr(value)
    if isinstance(value, GeneratorType):
        return None if value.gi_frame is None else value.gi_frame.f_lasti
    if isinstance(value, property | staticmethod | classmethod):
        functions = [getattr(value, name, None) for name in ("fget", "fset", "__func__")]
        return tuple(facts_of(function, own, depth + 1) for function in functions)
    if isinstance(value, BuiltinFunctionType):
        return None
    if kind.__module__ in own:
        slots = [name for base in kind.__mro__ for name in _slots(base) if hasattr(value, name)]
        held = dict(getattr(value, "__dict__", {})) | {name: getattr(value, name) for name in slots}
        return tuple((name, facts_of(item, own, depth + 1)) for name, item in held.items())
    if room in ("pandas", "polars") and hasattr(value, "to_numpy"):
        return value.shape, _array(np.asarray(value.to_numpy()))
    return None


def _slots(base: type) -> tuple[str, ...]:
    slots = vars(base).get("__slots__", ())
    names = (slots,) if isinstance(slots, str) else tuple(slots)
    return tuple(name for name in names if name not in ("__dict__", "__weakref__"))


def _digest(value: object) -> bytes:
    with np.printoptions(threshold=1_000_000):
        return hashlib.blake2b(repr(value).encode(), digest_size=16).digest()
