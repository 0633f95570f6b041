"""One way to compile: the decorators, the cache that cannot go stale, and views on memory by address.

Numba's own cache does not notice a change in another file nor the bounds-check flag, so the cache folder is named after a
hash of all kernel and model sources, the Numba version and the flags.
"""

# Numba's intrinsics and numpy's buffer constructors are not described to the type checker.
# mypy: disable-error-code="attr-defined, call-arg, call-overload, no-untyped-call"

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numba
import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic

from fillwright.kernel._library import ENTRY, HELPER

JIT_OFF = bool(numba.config.DISABLE_JIT)
"""True under NUMBA_DISABLE_JIT=1: everything runs as plain Python on the same records."""

_CHECKED = JIT_OFF or bool(numba.config.BOUNDSCHECK)

_PACKAGE = Path(__file__).resolve().parents[1]


def cache_root() -> Path:
    """Folder of all kernel caches: $FILLWRIGHT_CACHE, else the user's cache folder."""
    chosen = os.environ.get("FILLWRIGHT_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "fillwright"


def _stamp() -> str:
    digest = hashlib.blake2b(digest_size=10)
    for folder in ("kernel", "model"):
        for path in sorted((_PACKAGE / folder).glob("*.py")):
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    flags = (numba.__version__, np.__version__, sys.implementation.cache_tag, numba.config.BOUNDSCHECK, numba.config.OPT)
    digest.update(repr(flags).encode())
    return digest.hexdigest()


def cache_folder() -> Path:
    """Folder of the kernel as it is now; when it is missing, importing the kernel compiles it."""
    return cache_root() / f"kernel-{_stamp()}"


_CACHE = cache_folder()

if not JIT_OFF and next(_CACHE.glob("*/advance.advance-*.nbi"), None) is None:
    # Said before the silence begins. Where logging is not set up, a warning is one bare line on stderr.
    logging.getLogger("fillwright").warning("compiling the kernel, once on this machine: this takes about half a minute")


def _widened(kind: Any) -> Any:
    kind = types.unliteral(kind)
    return types.int64 if isinstance(kind, types.Integer) and kind.signed else kind


def _helper(function: Callable[..., Any]) -> Any:
    compiled: Any = numba.njit(
        nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, pipeline_class=HELPER
    )(function)

    def add_overload(result: Any) -> None:  # not to the table that Numba has of machine code
        compiled.overloads[tuple(result.signature.args)] = result

    compiled.add_overload = add_overload
    return compiled


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """A helper of the kernel: compiled when an entry first needs it, linked into that entry.

    Constants and narrow integers are handed to it as int64: else the compiler would make a copy for each kind of argument.
    """
    if JIT_OFF:
        return function
    compiled = _helper(function)
    resolve = compiled.get_call_template
    compiled.get_call_template = lambda args, kws: resolve(tuple(map(_widened, args)), kws)
    return cast(Callable[..., Any], compiled)


def entry(signature: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A function that Python, or a user's compiled function, calls: compiled eagerly for one signature and cached."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        if JIT_OFF:
            return function
        before = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(_CACHE)
        try:
            compile_it = numba.njit(signature, nogil=True, error_model="numpy", cache=True, pipeline_class=ENTRY)
            compiled: Callable[..., Any] = compile_it(function)
        finally:
            numba.config.CACHE_DIR = before
        return compiled

    return decorate


@intrinsic
def _pointer(typingctx: Any, address: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), codegen


def view_of(dtype: np.dtype[Any]) -> Callable[..., Any]:
    """A function ``(address, length) -> 1-d array`` of that dtype on memory that its owner keeps alive."""
    if JIT_OFF:

        def plain(address: int, length: int) -> np.ndarray[Any, Any]:
            buffer = (ctypes.c_char * (int(length) * dtype.itemsize)).from_address(int(address))
            array: np.ndarray[Any, Any] = np.frombuffer(buffer, dtype)
            return array

        return plain

    @_helper
    def view(address, length):  # type: ignore[no-untyped-def]
        return carray(_pointer(address), length, dtype)

    compiled: Callable[..., Any] = view
    return compiled


def _place(builder: Any, args: Any, size: int) -> Any:
    """Address of element ``args[1]`` of an array of elements of that size at ``args[0]``."""
    return builder.add(args[0], builder.mul(args[1], ir.Constant(ir.IntType(64), size)))


def row_of(dtype: np.dtype[Any]) -> Callable[..., Any]:
    """A function ``(address, length, index) -> record`` on an array of records; nothing is counted or copied.

    Under NUMBA_BOUNDSCHECK=1 the index is checked against the length.
    """
    if _CHECKED:
        view = view_of(dtype)

        def checked(address, length, index):  # type: ignore[no-untyped-def]
            return view(address, length)[index]

        return jit(checked)
    record = numba.from_dtype(dtype)
    size = dtype.itemsize

    @intrinsic
    def place(typingctx: Any, address: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(_place(builder, args, size), context.get_value_type(record))

        return record(types.int64, types.int64), codegen

    @_helper
    def row(address, length, index):  # type: ignore[no-untyped-def]
        return place(address, index)

    compiled: Callable[..., Any] = row
    return compiled


def word_of(dtype: np.dtype[Any]) -> Callable[..., Any]:
    """A function ``(address, length, index) -> element`` of an array of integers; checked like :func:`row_of`."""
    if _CHECKED:
        view = view_of(dtype)

        def checked(address, length, index):  # type: ignore[no-untyped-def]
            return view(address, length)[index]

        return jit(checked)
    word = numba.from_dtype(dtype)
    size = dtype.itemsize

    @intrinsic
    def load(typingctx: Any, address: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = builder.inttoptr(_place(builder, args, size), ir.IntType(8 * size).as_pointer())
            return builder.load(pointer)

        return word(types.int64, types.int64), codegen

    @_helper
    def element(address, length, index):  # type: ignore[no-untyped-def]
        return load(address, index)

    compiled: Callable[..., Any] = element
    return compiled


def storing(dtype: np.dtype[Any]) -> Callable[..., Any]:
    """A function ``(address, length, index, value)`` that stores one element; checked like :func:`row_of`."""
    if _CHECKED:
        view = view_of(dtype)

        def checked(address, length, index, value):  # type: ignore[no-untyped-def]
            view(address, length)[index] = value

        return jit(checked)
    word = numba.from_dtype(dtype)
    size = dtype.itemsize

    @intrinsic
    def put(typingctx: Any, address: Any, index: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = builder.inttoptr(_place(builder, args, size), ir.IntType(8 * size).as_pointer())
            builder.store(args[2], pointer)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, word), codegen

    @_helper
    def store(address, length, index, value):  # type: ignore[no-untyped-def]
        put(address, index, value)

    compiled: Callable[..., Any] = store
    return compiled


def _prefetcher(writing: int) -> Any:
    @intrinsic
    def ask(typingctx: Any, address: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = ir.IntType(8).as_pointer()
            word = ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [pointer, word, word, word])
            function = builder.module.declare_intrinsic("llvm.prefetch.p0i8", (), kind)
            builder.call(function, [builder.inttoptr(args[0], pointer), word(writing), word(3), word(1)])
            return context.get_dummy_value()

        return types.void(types.int64), codegen

    return (lambda address: None) if JIT_OFF else ask


prefetch = _prefetcher(0)
"""Ask the processor for the cache line at an address; a hint without any effect on results, whatever the address."""

_prefetch_to_write = _prefetcher(1)


def next_row(dtype: np.dtype[Any]) -> Callable[..., Any]:
    """A function ``(address, index)`` that prefetches the lines of one record: tables grow at their end, rarely and in turn."""
    size = dtype.itemsize
    lines = tuple(range(0, size + 63, 64))
    if JIT_OFF:
        return lambda address, index: None

    @_helper
    def ahead(address, index):  # type: ignore[no-untyped-def]
        start = address + index * size
        for line in lines:
            _prefetch_to_write(start + line)

    compiled: Callable[..., Any] = ahead
    return compiled


@intrinsic
def _call_address(typingctx: Any, address: Any, arguments: Any) -> Any:
    """Call the C function ``int64 f(int64, ...)`` at an address with a tuple of int64."""
    count = len(arguments)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = ir.IntType(64)
        function = builder.inttoptr(args[0], ir.FunctionType(word, [word] * count).as_pointer())
        return builder.call(function, [builder.extract_value(args[1], k) for k in range(count)])

    return types.int64(types.int64, arguments), codegen


call_address: Any = _call_address


@intrinsic
def _on_stack(typingctx: Any, numbers: Any) -> Any:
    """Address of an array that holds a tuple of int64 until the calling function returns."""
    count = len(numbers)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = ir.IntType(64)
        place = cgutils.alloca_once(builder, ir.ArrayType(word, count))
        for k in range(count):
            builder.store(builder.extract_value(args[0], k), cgutils.gep(builder, place, 0, k))
        return builder.ptrtoint(place, word)

    return types.int64(numbers), codegen


on_stack: Any = _on_stack
