"""What an expression of a compiled class stands for: kinds of values, known before anything is compiled, and their refusals."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

CTX, P, S = "__fw_ctx", "__fw_p", "__fw_s"
"""Names of the arguments of every function that is made; no name of a user's is like them."""


class Kind(Enum):
    """Kinds of values. All but the last five can be kept in a local variable."""

    NUMBER = auto()
    SYMBOL = auto()
    BAR = auto()
    POSITION = auto()
    HISTORY = auto()
    PAST = auto()
    SERIES = auto()
    ARRAY = auto()
    ORDER = auto()
    BARS = auto()
    TEXT = auto()
    NONE = auto()
    SYMBOLS = auto()
    OBJECT = auto()
    SELF = auto()


TRANSIENT = (Kind.BARS, Kind.TEXT, Kind.NONE, Kind.SYMBOLS, Kind.OBJECT, Kind.SELF)

SAID: Mapping[Kind, tuple[str, str]] = {
    Kind.NUMBER: ("a number", "numbers are 64-bit integers, floats, True and False"),
    Kind.SYMBOL: ("a symbol", "symbols can be passed on and compared with == and !="),
    Kind.BAR: ("a bar", "write bar.close, bar.open and so on"),
    Kind.BARS: ("all bars", 'write bars["SPY"].close, or for symbol in bars:'),
    Kind.POSITION: ("a position", "write .quantity for its size"),
    Kind.HISTORY: ("a history", "write .close[-1] for its last close"),
    Kind.PAST: (
        "a column of history",
        "write [-1] behind it for the latest value; over more of them write a for loop over range(...)",
    ),
    Kind.SERIES: ("an indicator", "write .value or [-1] behind it for its value now"),
    Kind.ARRAY: ("an array", "write [k] behind it for one element; over more of them write a for loop over range(len(...))"),
    Kind.ORDER: ("an order", "write .id for its number, .filled for its quantity, or compare it with `is None`"),
    Kind.TEXT: ("text", "text names symbols, tags, rules and times in force where an order helper takes them"),
    Kind.NONE: ("None", "write a number"),
    Kind.SYMBOLS: ("the list of symbols", "write for symbol in self.symbols: or len(self.symbols)"),
    Kind.OBJECT: ("no number", "only numbers of the module can be used: put others into fw.param or fw.state"),
    Kind.SELF: ("self", "write self.name"),
}
"""What a value is called, and what to write where it does not fit."""


class Refusal(Exception):
    """Something outside the subset: the node (its line), what it is, and what to write instead."""

    def __init__(self, node: ast.AST, message: str, remedy: str) -> None:
        super().__init__(message)
        self.line = getattr(node, "lineno", None)
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Value:
    """A value: ``node`` computes it in compiled code.

    ``detail`` is the text of a TEXT, the column of a PAST, (dimensions, is bool) of an ARRAY, the name of a SERIES, the object of
    an OBJECT. ``at`` computes the context that a SERIES or SYMBOL goes with, where it is known.
    """

    kind: Kind
    node: ast.expr
    detail: Any = None
    at: ast.expr | None = None

    @property
    def constant(self) -> Any:
        """The number, where it is known now, else None."""
        return self.node.value if self.kind is Kind.NUMBER and isinstance(self.node, ast.Constant) else None

    def shape(self) -> tuple[Any, ...]:
        """What two values must have in common to stand in one variable."""
        return (self.kind, self.detail if self.kind in (Kind.PAST, Kind.ARRAY, Kind.SERIES) else None)


def name(identifier: str, store: bool = False) -> ast.Name:
    """A name."""
    return ast.Name(identifier, ast.Store() if store else ast.Load())


def attribute(base: ast.expr, what: str) -> ast.Attribute:
    """``base.what``."""
    return ast.Attribute(base, what, ast.Load())


def method(base: ast.expr, what: str, *arguments: ast.expr | ast.keyword) -> ast.Call:
    """``base.what(arguments)``."""
    placed = [item for item in arguments if isinstance(item, ast.expr)]
    return ast.Call(attribute(base, what), placed, [item for item in arguments if isinstance(item, ast.keyword)])


def keywords(given: Mapping[str, ast.expr]) -> list[ast.keyword]:
    """Arguments by name."""
    return [ast.keyword(key, item) for key, item in given.items()]


def number(node: ast.expr) -> Value:
    """A number that a node computes."""
    return Value(Kind.NUMBER, node)


def known(value: int | float) -> Value:
    """A number that is known now."""
    return number(ast.Constant(value))


def nearest(word: str, there: Iterable[str], owner: str = "") -> str:
    """``did you mean``, or what there is."""
    names = list(there)
    near = difflib.get_close_matches(word, names, 1)
    return f"did you mean {owner}{near[0]}?" if near else f"there is: {', '.join(names) or 'nothing'}"
