"""Strategies compiled as classes: the methods of a class marked with ``fw.compiled``, rewritten into the function form.

What can be said is the subset of Python described in ``docs/compiled.md``; anything else is a UsageError with the line and what to
write instead. ``on_start`` and ``on_stop`` stay Python.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from fillwright.config.policies import FixedSizing, NoSizing, ValueSizing
from fillwright.config.schema import Config
from fillwright.data.bars import timeframe_text
from fillwright.data.market import Market
from fillwright.errors import UsageError
from fillwright.strategy.base import Strategy
from fillwright.strategy.compiled import MARK, Part, Program
from fillwright.strategy.expressions import Expressions
from fillwright.strategy.statements import Statements
from fillwright.strategy.subset import Source, parsed
from fillwright.strategy.texts import Texts, remade
from fillwright.strategy.values import CTX, SAID, TRANSIENT, Kind, P, Refusal, S, Value, name
from fillwright.strategy.views import Series

_FORM = "__fillwright_form__"
GlobalsRead: TypeAlias = list[tuple[Mapping[str, Any], str, Any]]
"""Values of modules and classes that went into machine code: the names there, the name, the value."""


@dataclass(frozen=True, slots=True)
class FeedFacts:
    """A feed of the market."""

    instrument: int
    timeframe_ns: int
    timeframe: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a strategy and its market when it is compiled; ``base`` is its class.

    ``numbers`` are parameters that compiled code reads, ``constants`` those that are text, None or no number; ``states`` maps to
    (dimensions, is bool) for arrays and None for numbers; ``series`` to the feeds that an indicator is computed on; ``undeclared``
    are attributes that ``on_start`` set and the class does not declare. ``sizing`` is the size of orders that have none.
    """

    base: type
    methods: Mapping[str, Callable[..., Any]]
    on_bars: bool
    symbols: tuple[str, ...]
    feeds: tuple[FeedFacts, ...]
    numbers: frozenset[str]
    constants: Mapping[str, Any]
    states: Mapping[str, tuple[int, bool] | None]
    series: Mapping[str, tuple[int, ...]]
    undeclared: frozenset[str]
    sizing: tuple[str, float] | None

    def key(self) -> tuple[Any, ...]:
        """Equal keys give the same machine code, as far as the records do."""
        return (
            self.symbols, self.feeds, self.numbers, tuple(map(repr, sorted(self.constants.items()))),
            tuple(sorted(self.states.items(), key=str)), tuple(sorted(self.series.items())), self.undeclared, self.sizing,
        )  # fmt: skip


def facts_of(strategy: Strategy, form: ClassForm, market: Market, config: Config) -> Facts:
    """What is known once ``on_start`` has run."""
    instances = vars(strategy)
    series = {key: tuple(item._arrays) for key, item in instances.items() if isinstance(item, Series)}
    params, states = strategy.params, {key: instances[key] for key in type(strategy)._states}
    numbers = frozenset(key for key, item in params.items() if isinstance(item, bool | int | float | np.number | np.bool_))
    return Facts(
        base=type(strategy),
        methods=form.methods,
        on_bars=form.on_bars,
        symbols=tuple(instrument.symbol for instrument in market.instruments),
        feeds=tuple(FeedFacts(feed.instrument, feed.timeframe_ns, timeframe_text(feed.timeframe_ns)) for feed in market.feeds),
        numbers=numbers,
        constants={key: item for key, item in params.items() if key not in numbers},
        states={
            key: (item.ndim, item.dtype == np.bool_) if isinstance(item, np.ndarray) else None for key, item in states.items()
        },
        series=series,
        undeclared=frozenset(key for key in instances if key[0] != "_" and key not in {**params, **states, **series}),
        sizing=_sizing(config),
    )


def _sizing(config: Config) -> tuple[str, float] | None:
    sizing = config.sizing
    if isinstance(sizing, NoSizing):
        return None
    if isinstance(sizing, FixedSizing):
        return "quantity", float(sizing.quantity)
    if isinstance(sizing, ValueSizing):
        return "value", float(sizing.value)
    return "weight", float(sizing.weight)


class ClassForm:
    """The compiled form of a class: one per class, shared by all runs."""

    def __init__(self, cls: type[Strategy]) -> None:
        self.cls = cls
        self.on_bars = hasattr(cls, "on_bars")
        self.methods = {
            key: getattr(cls, key)
            for base in cls.__mro__
            if base is not Strategy and issubclass(base, Strategy)
            for key, item in vars(base).items()
            if inspect.isfunction(item) and not key.startswith("__") and key not in ("on_start", "on_stop")
        }
        self._known: dict[tuple[Any, ...], tuple[GlobalsRead, ClassProgram]] = {}

    def given(self, facts: Facts) -> ClassProgram:
        """What to compile for a market and parameters: known already, unless a number of the module has changed since."""
        key = facts.key()
        if key in self._known:
            read, program = self._known[key]
            if all(module.get(item) is value for module, item, value in read):
                return program
        program = ClassProgram(self.cls.__name__, facts)
        self._known[key] = program.translation.globals_read, program
        return program


def class_form(cls: type[Strategy]) -> ClassForm | None:
    """The compiled form of a class that is marked with ``fw.compiled``, or whose base is; None for others."""
    if not getattr(cls, MARK, False):
        return None
    if _FORM not in vars(cls):
        setattr(cls, _FORM, ClassForm(cls))
    form: ClassForm = vars(cls)[_FORM]
    return form


class ClassProgram:
    """A class translated for one market and one set of parameters that are no numbers; see ``Compilable``."""

    def __init__(self, cls_name: str, facts: Facts) -> None:
        self.name = cls_name
        self.facts = facts
        self.callbacks: dict[tuple[Any, ...], tuple[Any, Texts]] = {}
        self.translation = Translation(facts)
        self.translation.callback("on_bars" if facts.on_bars else "on_bar")

    def program(self, params: Sequence[str], states: Sequence[str], on_bars: bool) -> Program:
        """All functions to compile."""
        made = self.translation
        parts = []
        for definition, source in made.definitions:
            parts.append(Part(remade(definition, source.file, made.names), source))
        return Program(tuple(parts), made.names, made.texts, "python")


class Translation:
    """The functions made of a class so far. ``definitions`` are in order of need; ``names`` is what their free names mean."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.texts = Texts()
        self.definitions: list[tuple[ast.FunctionDef, Source]] = []
        self.names: dict[str, Any] = {}
        self.globals_read: GlobalsRead = []
        self._methods: dict[tuple[Any, ...], tuple[str, list[str], Value]] = {}
        self._open: list[str] = []

    def outside(self, function: Any) -> str:
        """Name under which compiled code finds a function."""
        called = f"__fw_{len(self.names)}_{getattr(function, '__name__', 'function')}"
        known = next((key for key, item in self.names.items() if item is function), called)
        self.names[known] = function
        return known

    def callback(self, what: str) -> None:
        """``on_bar`` or ``on_bars``, and every method it calls."""
        kind = Kind.BARS if self.facts.on_bars else Kind.BAR
        function = self.facts.methods[what]
        names = list(inspect.signature(function).parameters)
        if len(names) != 2:
            raise UsageError(
                f"{what} has the parameters ({', '.join(names)})",
                where=Source.of(function).place(),
                remedy=f"write def {what}(self, {'bars' if self.facts.on_bars else 'bar'}):",
            )
        self._translated(what, {names[1]: Value(kind, name(CTX))}, True)

    def method(self, node: ast.AST, what: str, given: Mapping[str, Value]) -> tuple[str, list[str], Value]:
        """(name, parameters to pass, result) of a method compiled for these kinds of arguments."""
        if what in self._open:
            raise Refusal(node, f"self.{what} calls itself", "write a loop: compiled methods can not be recursive")
        key = (
            what,
            *((k, value.shape(), value.detail if value.kind is Kind.TEXT else None) for k, value in sorted(given.items())),
        )
        if key not in self._methods:
            self._methods[key] = self._translated(what, given, False)
        return self._methods[key]

    def _translated(self, what: str, given: Mapping[str, Value], callback: bool) -> tuple[str, list[str], Value]:
        function = self.facts.methods[what]
        source = Source.of(function)
        tree = parsed(source)
        if tree is None:
            raise UsageError(f"the text of {what} can not be had", remedy="write the class in a file, or leave @fw.compiled out")
        self._open.append(what)
        try:
            definition, passed, result = self._definition(tree, function, given, callback)
        except Refusal as refusal:
            raise UsageError(
                f"in compiled {function.__qualname__}: {refusal.message}", where=source.place(refusal.line), remedy=refusal.remedy
            ) from None
        finally:
            self._open.pop()
        self.definitions.append((definition, source))
        return definition.name, passed, result

    def _definition(
        self, tree: ast.FunctionDef, function: Callable[..., Any], given: Mapping[str, Value], callback: bool
    ) -> tuple[ast.FunctionDef, list[str], Value]:
        if tree.decorator_list:
            raise Refusal(tree, "a decorated method can not be compiled", "leave the decorator out")
        expressions = Expressions(self, function)
        statements = Statements(expressions, callback)
        expressions.local["self"] = Value(Kind.SELF, name("self"))
        passed = []
        for parameter, value in given.items():
            kept = value if value.kind in TRANSIENT else Value(value.kind, name(parameter), value.detail)
            expressions.local[parameter] = kept
            if value.kind not in TRANSIENT and not callback:
                passed.append(parameter)
        expressions.live |= set(expressions.local)
        body, goes_on = statements.block(tree.body)
        result = statements.result or Value(Kind.NONE, ast.Constant(None))
        if goes_on and result.kind is not Kind.NONE:
            raise Refusal(tree, f"{tree.name} returns {SAID[result.kind][0]} and can end without it", "write a return at its end")
        if callback and not self.facts.on_bars:
            (bar,) = given
            body = [ast.copy_location(ast.Assign([name(bar, store=True)], name(CTX)), tree), *body]
        made = ast.FunctionDef(
            f"{tree.name}_{len(self.definitions)}",
            ast.arguments([], [ast.arg(item) for item in (CTX, P, S, *passed)], None, [], [], None, []),
            body,
            [],
        )
        return ast.copy_location(made, tree), passed, result
