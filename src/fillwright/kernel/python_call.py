"""How the kernel calls a Python strategy: straight through Python's own C interface.

A ctypes callback would build three numbers, a tuple and a thread state for each call, and costs twice as much.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from fillwright.kernel._jit import JIT_OFF, call_address, entry, on_stack
from fillwright.kernel.state import State, load_int64, state_at

FUNCTION, ENSURE, RELEASE, NUMBER, CALL, VALUE, DROP, REPORT, WORDS = range(9)
"""Places of the words that hang on ``driver``: the function, and addresses of the interface in the order of _INTERFACE."""
_INTERFACE = (
    "PyGILState_Ensure", "PyGILState_Release", "PyLong_FromLongLong", "PyObject_Vectorcall", "PyLong_AsLongLong", "Py_DecRef",
    "PyErr_WriteUnraisable",
)  # fmt: skip


@entry("int64(int64, int64, int64)")
def call_python(address, kind, index):  # type: ignore[no-untyped-def]
    """Call the state's Python function with (kind, index); its answer, 1 if it raised."""
    words = state_at(address)["driver"]
    held = call_address(load_int64(words, WORDS, ENSURE), ())
    number, drop = load_int64(words, WORDS, NUMBER), load_int64(words, WORDS, DROP)
    first, second = call_address(number, (kind,)), call_address(number, (index,))
    arguments = on_stack((first, second))
    result = call_address(load_int64(words, WORDS, CALL), (load_int64(words, WORDS, FUNCTION), arguments, 2, 0))
    answer = 1
    if result != 0:
        answer = call_address(load_int64(words, WORDS, VALUE), (result,))
        call_address(drop, (result,))
    else:
        call_address(load_int64(words, WORDS, REPORT), (load_int64(words, WORDS, FUNCTION),))
    call_address(drop, (first,))
    call_address(drop, (second,))
    call_address(load_int64(words, WORDS, RELEASE), (held,))
    return answer


def python_callback(state: State, function: Callable[[int, int], int]) -> Callable[..., Any]:
    """The callback for ``advance`` that calls ``function(kind or feed, index or row)``, which returns 0 to go on.

    The function keeps what it raises to itself and returns 1; what escapes it goes to ``sys.unraisablehook``, and stops the run.
    """
    if JIT_OFF:
        return lambda address, kind, index: function(int(kind), int(index))
    interface = [ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value for name in _INTERFACE]
    state.scalars["driver"] = state.pin(np.array([id(function), *interface], np.int64))
    state.kept.append(function)
    return call_python
