"""The part of Python that compiled strategies are written in, checked before the compiler sees it.

The compiler's own messages speak of its inside; these say what to write instead, with file and line.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import linecache
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fillwright.errors import UsageError
from fillwright.strategy.context import METHODS, NAMES, ONLY_ON_BARS, WITHOUT_BAR

_PLAIN = "numbers and names of p and s will do"
NOT_COMPILED: dict[type[ast.AST], tuple[str, str]] = {
    ast.JoinedStr: ("an f-string", "text can not be made in compiled code; keep a number in s"),
    ast.List: ("a list", "declare an array, history = fw.state(np.zeros(20)), and use s.history[k]"),
    ast.ListComp: ("a list", "write a for loop over range(...)"),
    ast.Set: ("a set", _PLAIN),
    ast.SetComp: ("a set", _PLAIN),
    ast.Dict: ("a dict", "declare one field of fw.state for each value"),
    ast.DictComp: ("a dict", "declare one field of fw.state for each value"),
    ast.GeneratorExp: ("a generator", "write a for loop over range(...)"),
    ast.Try: ("try", "check the numbers with if: a NaN is not equal to itself"),
    ast.TryStar: ("try", "check the numbers with if: a NaN is not equal to itself"),
    ast.With: ("with", _PLAIN),
    ast.Import: ("import", "import at the top of the file"),
    ast.ImportFrom: ("import", "import at the top of the file"),
    ast.Global: ("global", "declare it with fw.state and use s"),
    ast.Nonlocal: ("nonlocal", "declare it with fw.state and use s"),
    ast.FunctionDef: ("a function inside", "move it out of on_bar and mark it with @numba.njit"),
    ast.AsyncFunctionDef: ("async", _PLAIN),
    ast.ClassDef: ("a class", _PLAIN),
    ast.Lambda: ("lambda", "move it out of on_bar and mark it with @numba.njit"),
    ast.Yield: ("yield", _PLAIN),
    ast.YieldFrom: ("yield", _PLAIN),
    ast.Await: ("await", _PLAIN),
    ast.Match: ("match", "write if and elif"),
    ast.Delete: ("del", _PLAIN),
}
_CALLS = {
    "print": "keep a number in s and print it in on_stop",
    "open": "read files in on_start",
    "getattr": "write p.name or s.name",
    "setattr": "write s.name = ...",
    "list": "declare an array with fw.state(np.zeros(20))",
    "dict": "declare one field of fw.state for each value",
    "set": _PLAIN,
    "str": "text can not be made in compiled code; keep a number in s",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Text of a function and where it stands; ``text`` is "" where it can not be had (typed into a prompt)."""

    name: str
    file: str
    first: int
    text: str

    @staticmethod
    def of(function: Callable[..., Any]) -> Source:
        """Source of a function."""
        code = function.__code__
        try:
            lines, first = inspect.getsourcelines(function)
        except (OSError, TypeError):
            lines, first = [], code.co_firstlineno
        return Source(function.__name__, code.co_filename, first, textwrap.dedent("".join(lines)))

    def place(self, line: int | None = None) -> str:
        """``file:line``, by default that of the function."""
        return f"{self.file}:{self.first if line is None else line}"

    def line(self, line: int | None) -> str:
        """Text of a line of the file, "" where there is none."""
        return "" if line is None else linecache.getline(self.file, line).strip()

    def owns(self, file: str, line: int) -> bool:
        """Whether a place lies in this function. The compiler writes relative paths, so only the name of the file is compared."""
        length = max(self.text.count("\n"), 1)
        return Path(self.file).name == Path(file).name and self.first <= line < self.first + length


def parsed(source: Source) -> ast.FunctionDef | None:
    """The definition, with the lines of its file; None where there is no text, or it is part of a larger expression."""
    try:
        function = ast.parse(source.text).body[0] if source.text else None
    except SyntaxError:
        return None
    if not isinstance(function, ast.FunctionDef):
        return None
    ast.increment_lineno(function, source.first - 1)
    return function


def check(source: Source, function: ast.FunctionDef, params: Sequence[str], states: Sequence[str], on_bars: bool) -> None:
    """UsageError for the first construct that can not be compiled, or name that does not exist, in order of lines."""
    names = [argument.arg for argument in function.args.args]
    checker = _Checker(names[0], names[1], names[2], tuple(params), tuple(states), on_bars)
    found = sorted(checker.breaches(function), key=lambda item: (item[0].lineno, item[0].col_offset))
    if found:
        node, message, remedy = found[0]
        raise UsageError(f"in compiled {source.name}: {message}", where=source.place(node.lineno), remedy=remedy)


Breach = tuple[Any, str, str]


@dataclass(frozen=True, slots=True)
class _Checker:
    ctx: str
    p: str
    s: str
    params: tuple[str, ...]
    states: tuple[str, ...]
    on_bars: bool

    def breaches(self, function: ast.FunctionDef) -> Iterator[Breach]:
        """All breaches as (node, message, remedy)."""
        doc = ast.get_docstring(function) is not None
        waiting: list[ast.AST] = list(function.body[1 if doc else 0 :])
        while waiting:
            node = waiting.pop()
            yield from self._node(node)
            if isinstance(node, ast.Raise):
                continue  # its message may be text
            if isinstance(node, ast.Subscript) and _is_text(node.slice):
                yield from self._field(node)
                waiting.append(node.value)
            else:
                waiting.extend(ast.iter_child_nodes(node))

    def _node(self, node: ast.AST) -> Iterator[Breach]:
        known = NOT_COMPILED.get(type(node))
        if known is not None:
            yield node, f"{known[0]} can not be compiled", known[1]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            remedy = "use numbers; an instrument is ctx.instrument or ctx.at(number)"
            yield node, f"text ({node.value!r}) can not be compiled", remedy
        elif isinstance(node, ast.Attribute):
            yield from self._attribute(node)
        elif isinstance(node, ast.Call):
            yield from self._call(node)
        elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
            yield node, "on_bar returns nothing", "write a plain return"

    def _field(self, node: ast.Subscript) -> Iterator[Breach]:
        """``p["name"]`` is ``p.name``."""
        if isinstance(node.value, ast.Name) and node.value.id in (self.p, self.s) and isinstance(node.slice, ast.Constant):
            yield from self._named(node, node.value.id, str(node.slice.value))
        else:
            yield from self._node(node.slice)

    def _attribute(self, node: ast.Attribute) -> Iterator[Breach]:
        if isinstance(node.value, ast.Name):
            yield from self._named(node, node.value.id, node.attr)

    def _named(self, node: ast.Attribute | ast.Subscript, owner: str, name: str) -> Iterator[Breach]:
        stored = not isinstance(node.ctx, ast.Load)
        if owner == self.ctx:
            if stored:
                yield node, f"ctx.{name} can not be set", "keep your own values in s: declare them with fw.state"
            elif name not in NAMES:
                yield node, f"there is no ctx.{name}", _nearest(name, NAMES, "ctx")
            elif self.on_bars and name not in WITHOUT_BAR:
                yield node, f"ctx.{name} belongs to one instrument, and on_bars has none", f"write ctx.at(k).{name}, k from 0"
            elif not self.on_bars and name in ONLY_ON_BARS:
                yield node, f"ctx.{name} is there in on_bars only", "on_bar is called for each bar by itself"
        elif owner == self.p:
            if stored:
                yield node, f"p.{name} can not be set: parameters stay as they are in a run", "declare it with fw.state and use s"
            elif name not in self.params:
                yield node, f"there is no number p.{name}", _nearest(name, self.params, "p")
        elif owner == self.s and name not in self.states:
            declare = f"declare it in the class: {name}: float = fw.state(0.0)"
            remedy = _nearest(name, self.states, "s") if self.states else declare
            yield node, f"there is no s.{name}", remedy
        elif name == "random":
            yield node, "random numbers are not part of a run that can be repeated", "decide by ctx, p and s only"

    def _call(self, node: ast.Call) -> Iterator[Breach]:
        called = node.func
        if isinstance(called, ast.Name) and called.id in _CALLS:
            yield node, f"{called.id}() can not be compiled", _CALLS[called.id]
        if not isinstance(called, ast.Attribute) or not isinstance(called.value, ast.Name) or called.value.id != self.ctx:
            return
        if called.attr in NAMES and called.attr not in METHODS:
            yield node, f"ctx.{called.attr} is a number, not a function", f"write ctx.{called.attr}"
        elif called.attr.startswith("crossed_"):
            for argument in node.args:
                if isinstance(argument, ast.Constant) and type(argument.value) is int:
                    yield argument, f"{argument.value} is not an indicator", f"write {argument.value}.0 for a level"
        if called.attr in METHODS:
            yield from _signature(node, called.attr)


def _signature(node: ast.Call, name: str) -> Iterator[Breach]:
    """Whether a call of a method of ctx has the arguments that the method takes."""
    signature = inspect.signature(METHODS[name])
    known = list(signature.parameters)[1:]
    for keyword in node.keywords:
        if keyword.arg not in known:
            yield node, f"ctx.{name} has no {keyword.arg}=", f"it takes: {', '.join(known) or 'nothing'}"
            return
    try:
        signature.bind(None, *node.args, **{str(keyword.arg): keyword.value for keyword in node.keywords})
    except TypeError as error:
        yield node, f"ctx.{name}: {error}", f"it takes: {', '.join(known) or 'nothing'}"


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _nearest(name: str, known: Sequence[str], owner: str) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {owner}.{near[0]}?" if near else f"there is: {', '.join(known) or 'nothing declared'}"
