"""What we rely on in the compiler: caching of eager signatures, one binary for all callbacks, exceptions, bounds checks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numba import types

import fillwright as fw
from coordinator.worlds import days, python
from fillwright.broker import lower
from fillwright.coordinator.memory import lay_out
from fillwright.kernel import _jit, advance, intake
from fillwright.kernel._library import ENTRY
from fillwright.kernel.python_call import python_callback
from fillwright.kernel.state import DONE, STOPPED, WANTS_BAR, State

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(_jit.JIT_OFF, reason="is about compiled code, and compilation is off"),
]

SIGNATURE = types.int64(types.int64, types.int64, types.int64)


def state_of(market: fw.Market) -> State:
    """A run's memory that wants to be called for every bar."""
    state = lay_out(market, lower(fw.Config(), market.instruments), [None])
    state.scalars["mask"] = WANTS_BAR
    state.scalars["calling"] = 1
    state.grow()
    return state


# -- caching ----------------------------------------------------------------------------------------------------------------------

KERNEL = """
from numba import njit, types
def helper(x):
    return 3 * x
CALLBACK = types.FunctionType(types.int64(types.int64))
@njit(types.int64(types.int64, CALLBACK), cache=True)
def loop(n, callback):
    total = 0
    for k in range(n):
        total += callback(k)
    return total
"""
USER = """
import sys
import sys
from pathlib import Path
from numba import njit, types
import kernel
@njit(types.int64(types.int64))
def twice(x):
    return 2 * x
@njit(types.int64(types.int64))
def square(x):
    return x * x
assert kernel.loop(4, twice) == 12 and kernel.loop(4, square) == 14
stats = kernel.loop.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()), len(list(Path(sys.argv[1]).rglob("*.nb*"))))
"""


def test_an_eager_signature_with_a_function_type_is_cached(root: Path, tmp_path: Path) -> None:
    """In a second process nothing is compiled but the user's own function, whichever that is."""
    (tmp_path / "kernel.py").write_text(KERNEL)
    environment = {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path)}
    answers = [python(root, USER, str(tmp_path / "cache"), cwd=tmp_path, **environment).stdout.split() for _ in range(2)]
    assert answers == [["0", "1", "2"], ["1", "0", "2"]]


SECOND = """
import sys
from pathlib import Path
from fillwright.kernel import _jit, advance, drivers, intake, ledger
files = sorted(_jit.cache_folder().rglob("*.nb*"))
entries = [value for module in (advance, drivers, intake, ledger) for value in vars(module).values() if hasattr(value, "stats")]
entries = {entry.py_func.__qualname__: entry for entry in entries if entry.signatures}
hits = {name for name, entry in entries.items() if sum(entry.stats.cache_hits.values()) == 1}
print(len(entries) == len(hits) > 8, sorted(set(entries) - hits), files == sorted(_jit.cache_folder().rglob("*.nb*")))
"""


def test_a_second_process_compiles_nothing_of_the_kernel(root: Path) -> None:
    assert advance.advance.signatures  # it is there: this process has imported it
    assert python(root, SECOND).stdout.split() == ["True", "[]", "True"]


# -- callbacks --------------------------------------------------------------------------------------------------------------------


def test_python_and_compiled_callbacks_go_through_one_binary() -> None:
    market = days(30)
    seen: list[tuple[int, int]] = []

    @numba.njit(SIGNATURE)
    def compiled(address, feed, row):  # type: ignore[no-untyped-def]
        return 0

    def plain(feed: int, row: int) -> int:
        seen.append((feed, row))
        return 0

    before = len(advance.advance.overloads)
    for with_python in (False, True):
        state = state_of(market)
        assert advance.advance(state.address, python_callback(state, plain) if with_python else compiled) == DONE
    assert seen == [(0, row) for row in range(30)]
    assert len(advance.advance.overloads) == before == 1


@pytest.mark.parametrize("answer", [1, -1, 7])
def test_an_answer_other_than_0_stops_at_this_instant(answer: int) -> None:
    state = state_of(days(30))
    callback = python_callback(state, lambda feed, row: answer if row == 11 else 0)
    assert advance.advance(state.address, callback) == STOPPED
    assert state.scalars["now"] == days(30).instants[11]


def test_an_exception_that_escapes_a_python_callback_stops_the_run_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = state_of(days(30))
    told: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: told.append(f"{found.exc_value!r} in {found.object.__name__}"))

    def picky(feed: int, row: int) -> int:
        if row == 11:
            raise ValueError("not this one")
        return 0

    before = sys.getrefcount(picky)
    assert advance.advance(state.address, python_callback(state, picky)) == STOPPED
    assert state.scalars["now"] == days(30).instants[11]
    assert told == ["ValueError('not this one') in picky"]
    del state
    assert sys.getrefcount(picky) == before


def test_an_exception_of_a_compiled_callback_reaches_the_caller() -> None:
    @numba.njit(SIGNATURE)
    def picky(address, feed, row):  # type: ignore[no-untyped-def]
        if row == 7:
            raise ValueError("not this bar")
        return 0

    state = state_of(days(30))
    with pytest.raises(ValueError, match="not this bar"):
        advance.advance(state.address, picky)
    assert state.scalars["instant"] == 7


def test_an_exception_of_a_compiled_strategy_fails_the_run() -> None:
    class Picky(fw.Strategy):
        @fw.compiled
        def on_bar(ctx, p, s):  # type: ignore[no-untyped-def]
            if ctx.row == 7:
                raise ValueError("not this bar")
            ctx.target(1.0)

    with pytest.raises(fw.RunFailed, match="not this bar") as caught:
        fw.run(Picky(), days(30))
    assert caught.value.result.certificate.ok  # type: ignore[attr-defined]
    assert "2020-01-09" in str(caught.value)


def test_an_overflow_in_the_kernel_is_told_with_its_data_time() -> None:
    class Vast(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            self.buy(bar.symbol, 4 * 10**18, limit=bar.close)

    with pytest.raises(fw.RunFailed, match="does not fit 64 bits") as caught:
        fw.run(Vast(), days(30))
    assert "data time 2020-01-0" in str(caught.value)


# -- bounds -----------------------------------------------------------------------------------------------------------------------

OUTSIDE = """
import numba, numpy as np
from fillwright.kernel._jit import row_of, storing, view_of, word_of
words = np.arange(3)
records = np.zeros(3, np.dtype([("a", np.int64), ("b", np.int64)]))
load, store, row = word_of(words.dtype), storing(words.dtype), row_of(records.dtype)
calls = {
    "load": numba.njit(lambda a, k: load(a, 3, k)),
    "row": numba.njit(lambda a, k: row(a, 3, k)["b"]),
}
@numba.njit
def put(address, k):
    store(address, 3, k, 5)
calls["store"] = put
for name, call in calls.items():
    address = (records if name == "row" else words).ctypes.data
    call(address, 2)
    try:
        call(address, 3)
    except IndexError:
        print(name)
"""


def test_bounds_checks_find_what_lies_outside(root: Path) -> None:
    """The folder of the cache is another one with checks, so that a checked run is checked."""
    assert python(root, OUTSIDE, NUMBA_BOUNDSCHECK="1").stdout.split() == ["load", "row", "store"]


def test_entries_are_called_by_compiled_code_too() -> None:
    """The order desk of a compiled strategy: ``submit`` called from inside a callback, with the record it filled in."""
    market = days(30)
    state = state_of(market)
    submit = intake.submit

    @numba.njit(SIGNATURE)
    def ask(address, feed, row):  # type: ignore[no-untyped-def]
        return 0 if submit(address) >= -1 else 1

    s = state.scalars
    s["t_size_mode"], s["t_size"], s["t_type"], s["t_tif"], s["t_rule"], s["t_tag"], s["t_side"] = 1, 1, 1, 1, -1, -1, 1
    assert advance.advance(state.address, ask) == DONE
    assert int(s["intents"]) == 30
    assert np.array_equal(state.table("orders")["decided_at"], market.instants)


def test_helpers_are_compiled_once_for_all_whole_numbers() -> None:
    """Constants, narrow columns and wide ones: one copy each, or compiling the kernel takes twice as long."""
    row = np.dtype([("byte", np.int8), ("half", np.int32), ("word", np.int64)])

    def add(a, b):  # type: ignore[no-untyped-def]
        return a + b

    helper: Any = _jit.jit(add)

    @numba.njit
    def total(record):  # type: ignore[no-untyped-def]
        return helper(0, record["byte"]) + helper(record["half"], 7) + helper(record["word"], record["byte"])

    rows = np.array([(-128, 2**31 - 1, 2**40)], row)
    assert total(rows[0]) == -128 + 2**31 - 1 + 7 + 2**40 - 128
    assert helper.signatures == [(types.int64, types.int64)]


def test_helpers_are_linked_into_what_calls_them_and_are_no_machine_code_of_their_own() -> None:
    """Two helpers that share a third: linked from a user's function, which brings nothing of ours along, and called from Python."""

    @_jit.jit
    def third(a):  # type: ignore[no-untyped-def]
        return a * 3

    @_jit.jit
    def left(a):  # type: ignore[no-untyped-def]
        return third(a) + 1

    @_jit.jit
    def right(a):  # type: ignore[no-untyped-def]
        return third(left(a)) + 2

    @numba.njit
    def user(a):  # type: ignore[no-untyped-def]
        return left(a) * right(a)

    assert user(2) == 7 * 23
    for helper in (third, left, right):
        (compiled,) = helper.overloads.values()
        assert not _engine_knows(compiled)
    (compiled,) = user.overloads.values()
    assert _engine_knows(compiled)
    assert right(2) == 23


def test_helpers_are_hidden_in_entries() -> None:
    """There the optimiser may change how they are called; other libraries have copies of their own and must not find these."""
    lines = ["def long(unused, a):", *(f"    a = (a ^ {k}) * 7 + (a >> 3)" for k in range(200)), "    return a"]
    space: dict[str, Any] = {}
    exec("\n".join(lines), space)
    helper: Any = _jit.jit(space["long"])

    def twice(a):  # type: ignore[no-untyped-def]
        return helper(a + 5, a) + helper(a, a + 1)

    entry: Any = numba.njit(types.int64(types.int64), pipeline_class=ENTRY)(twice)
    user: Any = numba.njit(types.int64(types.int64))(twice)
    plain = numba.njit(space["long"])
    assert entry(3) == plain(0, 3) + plain(0, 4)
    assert user(3) == entry(3)
    (compiled,) = entry.overloads.values()
    linkage = {function.name: function.linkage.name for function in compiled.library.get_defined_functions()}
    assert [kind for name, kind in linkage.items() if "4long" in name] == ["private"]
    assert linkage[compiled.fndesc.mangled_name] == "external"


def _engine_knows(compiled: Any) -> bool:
    """Whether a compiled function is machine code that can be called."""
    return bool(compiled.library.codegen._engine.is_symbol_defined(compiled.fndesc.mangled_name))
