"""Compiled strategies: ``@fw.compiled def on_bar(ctx, p, s)``.

``ctx`` is a :class:`~fillwright.strategy.context.Context`; ``p`` holds the parameters and, by their names, the handles of the
indicators; ``s`` holds the declared state. The function becomes machine code that the kernel calls as it calls a Python strategy,
with the same orders and the same records as a result.
"""

# Numba's address interface is untyped.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, overload

import numba
import numpy as np
from numba import types
from numba.experimental.function_type import _get_jit_address

from fillwright.errors import UsageError
from fillwright.kernel import advance, drivers, exits, intake
from fillwright.kernel._jit import JIT_OFF
from fillwright.kernel.quiet import coast
from fillwright.kernel.state import QUIET, WANTS_BAR, WANTS_BARS, State, state_at
from fillwright.model.instrument import MONEY_DECIMALS
from fillwright.strategy import questions
from fillwright.strategy.context_code import (
    BAR_CONTEXT,
    INSTANT_CONTEXT,
    MORE,
    SERIES,
    make_bar_context,
    make_instant_context,
    record_reader,
)
from fillwright.strategy.subset import Source, check, parsed
from fillwright.strategy.texts import Replaced, Texts, global_names, remade, used

Records: TypeAlias = np.ndarray[Any, np.dtype[np.void]]

CALLBACK = types.int64(types.int64, types.int64, types.int64)
_ENTRIES: dict[str, tuple[Any, Any]] = {
    "place": (drivers.place, types.int64(*[types.int64] * 5, *[types.float64] * 3)),
    "cancel": (intake.cancel, types.int64(types.int64, types.int64)),
    "cancel_all": (drivers.cancel_all, types.int64(types.int64, types.int64, types.int64, types.int64)),
    "funds": (advance.free_funds, types.int64(types.int64)),
    "equity": (advance.equity_of, types.int64(types.int64)),
    "element": (questions.element, types.float64(*[types.int64] * 3)),
    "past": (questions.past, types.float64(*[types.int64] * 5)),
    "open_cost": (questions.open_cost, types.int64(*[types.int64] * 2)),
    "average_price": (questions.average_price, types.float64(*[types.int64] * 3)),
    "bars_held": (questions.bars_held, types.int64(*[types.int64] * 3)),
    "order_number": (questions.order_number, types.float64(*[types.int64] * 3)),
    "order_code": (questions.order_code, types.int64(*[types.int64] * 3)),
    "replace": (questions.replace, types.int64(*[types.int64] * 2, *[types.float64] * 4, types.int64)),
    "extend": (
        drivers.extend,
        types.int64(*[types.int64] * 3, types.float64, types.int64, *[types.float64] * 3, types.int64, types.float64),
    ),
    "link": (exits.link, types.int64(*[types.int64] * 3)),
    "close_all": (questions.close_all, types.int64(*[types.int64] * 2)),
    "bar_count": (questions.bar_count, types.int64(*[types.int64] * 2)),
    "bar_of": (questions.bar_of, types.int64(*[types.int64] * 3)),
}
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_PLACE = re.compile(r'File "(?P<file>[^"]*)", line (?P<line>\d+)')


@cache
def _entry_addresses() -> dict[str, int]:
    return {name: int(_get_jit_address(entry, signature)) for name, (entry, signature) in _ENTRIES.items()}


@dataclass(frozen=True, slots=True)
class Part:
    """One function that is compiled, and where it was written."""

    function: Callable[..., Any]
    source: Source


@dataclass(frozen=True, slots=True)
class Program:
    """All functions of a compiled strategy: helpers first, in order of need, the callback's own last.

    ``names`` are the globals of all of them: a compiled helper takes its place there. ``error_model`` is the compiler's: "python"
    makes a division by zero an error, "numpy" an infinity.
    """

    parts: tuple[Part, ...]
    names: dict[str, Any]
    texts: Texts = field(default_factory=Texts)
    error_model: Literal["numpy", "python"] = "numpy"


class Compilable(Protocol):
    """What can be made a callback; ``callbacks`` remembers what was made."""

    name: str
    callbacks: dict[tuple[Any, ...], tuple[Any, Texts]]

    def program(self, params: Sequence[str], states: Sequence[str], on_bars: bool) -> Program:
        """The functions to compile for records with these fields; UsageError with file and line for what can not be."""


class Compiled:
    """A function that is compiled when a run first needs it; made by :func:`compiled`, shared by all runs, never changed by one.

    ``digest`` identifies its source: BLAKE2b-128 in hex over its text, or over its bytecode where there is no text.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.name = function.__qualname__
        self.__doc__ = function.__doc__
        self._source = Source.of(function)
        text = self._source.text or f"{function.__code__.co_code.hex()} {function.__code__.co_consts!r}"
        self.digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        self.callbacks: dict[tuple[Any, ...], tuple[Any, Texts]] = {}

    def program(self, params: Sequence[str], states: Sequence[str], on_bars: bool) -> Program:
        """The function, with numbers for its literal texts."""
        tree, source, texts = parsed(self._source), self._source, Texts()
        if tree is None:
            return Program((Part(self.function, source),), {})
        replaced = Replaced(texts)
        try:
            replaced.visit(tree)
        except UsageError as error:
            raise UsageError(error.message, where=source.place(int(error.where or 0)), remedy=error.remedy) from None
        check(source, tree, params, states, on_bars)
        function = self.function
        if replaced.count:
            tree.decorator_list = []
            function = remade(tree, source.file, global_names(self.function))
        return Program((Part(function, source),), {}, texts)

    def __repr__(self) -> str:
        return f"compiled({self.name})"

    def __call__(self, ctx: Any, p: Any, s: Any) -> None:
        """Not callable from Python: its arguments exist in compiled runs only."""
        raise UsageError(f"{self.name} is compiled and is called by the engine only", remedy="give the strategy to fw.run")


_Class = TypeVar("_Class", bound=type)


@overload
def compiled(subject: _Class) -> _Class: ...  # type: ignore[overload-overlap]
@overload
def compiled(subject: Callable[..., Any]) -> Compiled: ...
def compiled(subject: Any) -> Any:
    """Mark a strategy to be compiled: the class (see ``docs/compiled.md``), or a function ``on_bar(ctx, p, s)`` of one.

    A class comes back as it is, to be compiled when a run first needs it; UsageError for anything that has neither form.
    """
    if isinstance(subject, type):
        if not any(inspect.isfunction(getattr(subject, name, None)) for name in ("on_bar", "on_bars")):
            raise UsageError(
                f"fw.compiled marks a strategy, and {subject.__name__} has no method on_bar or on_bars",
                remedy="write class Name(fw.Strategy): with def on_bar(self, bar):",
            )
        setattr(subject, MARK, True)
        return subject
    if not inspect.isfunction(subject):
        raise UsageError(
            f"fw.compiled marks a class or a function, got {type(subject).__name__}",
            remedy="write it before the class: @fw.compiled, then class Name(fw.Strategy):",
        )
    names = list(inspect.signature(subject).parameters)
    if len(names) != 3 or names[0] == "self":
        raise UsageError(
            f"a compiled function has the three parameters (ctx, p, s), this one has ({', '.join(names)})",
            where=Source.of(subject).place(),
            remedy=f"write @fw.compiled before the class, or def {subject.__name__}(ctx, p, s): with ctx for market and orders, "
            "p for parameters, s for state",
        )
    return Compiled(subject)


MARK = "__fillwright_compiled__"
"""Name of the attribute of classes that are to be compiled."""


def compile_callback(
    compiled: Compilable, p_dtype: np.dtype[np.void], s_dtype: np.dtype[np.void], on_bars: bool = False
) -> tuple[Callable[..., Any], Texts]:
    """The callback of ``advance`` for records of these dtypes, and its texts; compiled once per process, then remembered.

    UsageError with file and line for what can not be compiled.
    """
    if JIT_OFF:
        raise UsageError(
            f"{compiled.name} must be compiled, and compiling is switched off (NUMBA_DISABLE_JIT)",
            remedy="unset NUMBA_DISABLE_JIT, or leave @fw.compiled out and write def on_bar(self, bar)",
        )
    key = (p_dtype, s_dtype, on_bars)
    known = compiled.callbacks.get(key)
    if known is None:
        program = compiled.program(_names(p_dtype), _names(s_dtype), on_bars)
        known = compiled.callbacks[key] = _compile(program, p_dtype, s_dtype, on_bars), program.texts
    return known


def _names(dtype: np.dtype[np.void]) -> tuple[str, ...]:
    return tuple(name for name in dtype.names or () if name != _FILLER)


def _compile(program: Program, p_dtype: np.dtype[np.void], s_dtype: np.dtype[np.void], on_bars: bool) -> Any:
    context = INSTANT_CONTEXT if on_bars else BAR_CONTEXT
    make = make_instant_context if on_bars else make_bar_context
    p_type, s_type = numba.from_dtype(p_dtype), numba.from_dtype(s_dtype)
    read_params, read_states = record_reader("params", p_type), record_reader("state", s_type)
    options = numba.njit(nogil=True, error_model=program.error_model, boundscheck=True)
    inlined = numba.njit(nogil=True, error_model=program.error_model, boundscheck=True, forceinline=True)
    made = [(options(part.function), part.source) for part in program.parts[:-1]]
    made.append((inlined(program.parts[-1].function), program.parts[-1].source))
    program.names.update((part.function.__name__, function) for part, (function, _) in zip(program.parts, made, strict=True))
    body = made[-1][0]
    try:
        body.compile((context, p_type, s_type))
    except Exception as error:  # the compiler raises what it likes
        raise _explained(error, [part.source for part in program.parts]) from None
    for function, source in made:
        _check_writes(function, s_type, source)

    @numba.njit(nogil=True, error_model="numpy", forceinline=True)
    def act(address, feed, row):  # type: ignore[no-untyped-def]
        body(make(address, feed, row), read_params(address), read_states(address))
        return 0

    def callback(address, feed, row):  # type: ignore[no-untyped-def]
        return coast(state_at(address), act) if feed == QUIET else act(address, feed, row)

    return numba.njit(CALLBACK, nogil=True, error_model="numpy")(callback)


def _explained(error: Exception, sources: Sequence[Source]) -> UsageError:
    """What the compiler said, cut down to the line of the user's source and one sentence."""
    text = _COLOURS.sub("", str(error))
    places = [(source, int(found["line"])) for found in _PLACE.finditer(text) for source in sources
              if source.owns(found["file"], int(found["line"]))]  # fmt: skip
    source, line = places[-1] if places else (sources[-1], getattr(getattr(error, "loc", None), "line", None))
    said = [part.strip() for part in _PLACE.split(text)[0].splitlines()]
    message = next((part for part in said if part and not part.startswith(_INSIDE)), type(error).__name__)
    shown = source.line(line)
    if shown:
        message = f"{message}, in: {shown}"
    return UsageError(
        f"cannot be compiled: {message}",
        where=source.place(line),
        remedy="compiled code has numbers, arithmetic, comparisons, if, for and while; or leave @fw.compiled out",
    )


_INSIDE = ("Failed in", "- Resolution", "None", "During:")
"""Beginnings of lines in which the compiler speaks of itself."""


def _check_writes(body: Any, s_type: Any, source: Source) -> None:
    """A float put into a whole-number state would lose its fraction silently."""
    annotations = [overload.type_annotation for overload in body.overloads.values()]
    writes = [(annotation.typemap, item) for annotation in annotations for block in annotation.blocks.values() for item in block.body
              if isinstance(item, numba.core.ir.SetAttr) and annotation.typemap.get(item.target.name) == s_type]  # fmt: skip
    for typemap, item in writes:
        field, given = s_type.typeof(item.attr), typemap[item.value.name]
        if isinstance(field, types.Boolean) and isinstance(given, types.Integer):
            raise UsageError(
                f"{item.attr} is True or False, and a number is put into it: {source.line(item.loc.line)}",
                where=source.place(item.loc.line),
                remedy=f"declare it as a number, {item.attr}: int = fw.state(0), or write a comparison",
            )
        if isinstance(field, types.Integer | types.Boolean) and isinstance(given, types.Float):
            raise UsageError(
                f"{item.attr} is a whole number, and a float is put into it: {source.line(item.loc.line)}",
                where=source.place(item.loc.line),
                remedy=f"declare it as a float, {item.attr}: float = fw.state(0.0), or write int(...)",
            )


# -- a run -----------------------------------------------------------------------------------------------------------------------

_FILLER = "_"
_KINDS = ((bool, np.bool_), (np.bool_, np.bool_), (int, np.int64), (np.integer, np.int64), (float, np.float64),
          (np.floating, np.float64))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Units:
    """What numbers stand for: symbols in order of the instruments' numbers, decimals of account money, and the tags and rules that
    have their codes already (of a run that goes on).
    """

    symbols: tuple[str, ...] = ()
    money_decimals: int = MONEY_DECIMALS
    tags: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


class CompiledCall:
    """The memory of one compiled strategy in one run: its records, indicators and table of entries.

    ``params`` and ``states`` are record arrays of length 1. Text and other values that are no numbers are left out of ``params``
    (a parameter that only ``on_start`` reads may be anything) and are an error in ``states``.
    """

    def __init__(
        self, params: Mapping[str, Any], states: Mapping[str, Any], indicators: Mapping[str, Sequence[Any]], feeds: Records
    ) -> None:
        handles = {name: drivers.HANDLE + number * len(feeds) for number, name in enumerate(indicators)}
        self.params = _packed({**params, **handles}, skip=True)
        self.states = _packed(states, skip=False)
        self._kinds = {name: value.dtype if isinstance(value, np.ndarray) else type(value) for name, value in states.items()}
        self.kept: list[np.ndarray[Any, Any]] = []
        self.series = np.zeros((max(len(indicators), 1), len(feeds), len(SERIES)), np.int64)
        for number, (name, arrays) in enumerate(indicators.items()):
            self._place_series(number, name, arrays, feeds)

    def _place_series(self, number: int, name: str, arrays: Sequence[Any], feeds: Records) -> None:
        """For each feed the address of its values and the feed they belong to: its own, its instrument's, or the only one."""
        if len(arrays) != len(feeds):
            raise UsageError(f"indicator {name}: {len(arrays)} arrays for {len(feeds)} feeds")
        own: dict[int, int] = {}
        for feed, values in enumerate(arrays):
            if values is None:
                continue
            values = np.ascontiguousarray(values, np.float64)
            if values.shape != (int(feeds[feed]["n"]),):
                raise UsageError(f"indicator {name} has shape {values.shape}, its feed has {int(feeds[feed]['n'])} bars")
            self.kept.append(values)
            own[feed] = values.ctypes.data
        for feed in range(len(feeds)):
            same = [k for k in own if feeds[k]["instrument"] == feeds[feed]["instrument"]]
            chosen = feed if feed in own else same[0] if same else next(iter(own)) if len(own) == 1 else -1
            self.series[number, feed] = (own.get(feed, 0), own[chosen], chosen, 0) if chosen >= 0 else (0, 0, feed, 0)

    def attach(self, state: State, texts: Texts, units: Units) -> None:
        """Pin everything and hang it on the state's record."""
        s = state.scalars
        self.texts, self.units = texts, units
        self.codes = texts.tables(units.symbols, units.tags, units.rules)
        names = (*drivers.TABLE, *MORE)
        table = dict.fromkeys(names, 0)
        table |= {name: state.pin(codes) for name, codes in self.codes.items()}
        table["cells"] = state.pin(np.zeros(4 * len(state.instruments), np.int64))
        table |= _entry_addresses()
        table |= {
            "n_series": self.series.size // len(SERIES) if self.kept else 0,
            "money_scale": 10**units.money_decimals,
            "tif": int(s["t_tif"]),
        }
        state.kept.append(self)
        s["params"], s["state"] = self.params.ctypes.data, self.states.ctypes.data
        s["indicators"] = self.series.ctypes.data
        s["driver"] = state.pin(np.array([table[name] for name in names], np.int64))
        s["t_rule"] = s["t_tag"] = -1
        s["t_expire"] = 0

    def names_used(self) -> tuple[list[str], list[str]]:
        """Tags and rule ids in use, by their codes in the records."""
        tags, rules = (
            used(self.units.tags, self.texts.tags, self.codes["tags"]),
            used(self.units.rules, self.texts.rules, self.codes["rules"]),
        )
        return tags, rules

    def state_values(self) -> dict[str, Any]:
        """The declared state as it is now, as Python values and copies of arrays."""
        record = self.states[0]
        return {
            name: record[name].astype(kind) if isinstance(kind, np.dtype) else kind(record[name])
            for name, kind in self._kinds.items()
        }


def _packed(values: Mapping[str, Any], skip: bool) -> np.ndarray[Any, Any]:
    """One record of numbers and fixed arrays of numbers."""
    fields: list[Any] = []
    for name, value in values.items():
        kind = next((target for known, target in _KINDS if isinstance(value, known)), None)
        if kind is not None:
            fields.append((name, kind))
        elif isinstance(value, np.ndarray) and value.dtype in (np.float64, np.int64, np.bool_):
            # the compiler has no arrays of bits in records: they are kept as bytes
            fields.append((name, np.uint8 if value.dtype == np.bool_ else value.dtype, value.shape))
        elif not skip:
            raise UsageError(
                f"state {name} = {value!r} can not be compiled",
                remedy="a compiled strategy keeps numbers and numpy arrays of float64, int64 or bool",
            )
    record = np.zeros(1, np.dtype(fields or [(_FILLER, np.int64)], align=True))
    for name, *_ in fields:
        try:
            record[0][name] = values[name]
        except OverflowError:
            raise UsageError(f"{name} = {values[name]} does not fit 64 bits") from None
    return record


def attach_compiled(
    state: State,
    compiled: Compilable,
    params: Mapping[str, Any],
    states: Mapping[str, Any],
    indicators: Mapping[str, Sequence[Any]],
    on_bars: bool = False,
    units: Units | None = None,
) -> Callable[..., Any]:
    """Point the state at parameters, states and indicators, set the mask, and return the callback for ``advance``.

    indicators  name -> one float64 array per feed of the market, None where there is none; ``p.<name>`` becomes its handle
    on_bars     called once per instant instead of once per bar
    units       symbols of the market, decimals of its money and names in use; without them there are no symbols
    The time in force of its orders is what ``t_tif`` holds now. :func:`states_of` reads the state after, or between, instants.
    """
    call = CompiledCall(params, states, indicators, state.feeds[: int(state.scalars["n_feeds"])])
    callback, texts = compile_callback(compiled, call.params.dtype, call.states.dtype, on_bars)
    call.attach(state, texts, units or Units())
    state.scalars["mask"] = WANTS_BARS if on_bars else WANTS_BAR
    state.scalars["fused"] = 1
    return callback


def names_of(state: State) -> tuple[list[str], list[str]] | None:
    """Tags and rule ids that the compiled strategy of a run has used so far; None where there is no compiled strategy."""
    return next((item.names_used() for item in state.kept if isinstance(item, CompiledCall)), None)


def states_of(state: State) -> dict[str, Any]:
    """Declared state of the compiled strategy of a run, by name; empty where there is none."""
    return next((item.state_values() for item in state.kept if isinstance(item, CompiledCall)), {})
