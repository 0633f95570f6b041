"""Small wrong changes to functions: each is one change at one place, put into the running program and nowhere else.

A mutant replaces the code object of the function that is already there, so that everyone who imported the function gets it.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
from collections.abc import Callable, Iterator
from copy import copy, deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult, ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum", "add": "subtract", "subtract": "add"}
SIDES = {"left": "right", "right": "left"}
ANY_ORDER = ("min", "max", "minimum", "maximum", "array_equal", "broadcast_arrays", "choose")
"""Functions whose arguments are not swapped, since it makes no difference."""
EITHER_WAY = {
    "muldiv": 0,
    "mul_div": 0,
    "_share": 0,
    "product": 0,
    "value": 1,
    "_split_divmod": 0,
    "_quotients_fit": 0,
    "_groups": 0,
}
"""First of two factors or keys, by function, that may stand either way round."""
HINTS = ("expect_posting", "expect_lot", "expect_lot_close", "prefetch")
"""Calls that change nothing but speed."""

Path_ = tuple[int, ...]


@dataclass(frozen=True)
class Mutant:
    """One change: in which file and function, and the line before and after; ``number`` tells equal changes apart."""

    file: str
    function: str
    line: int
    before: str
    after: str
    number: int
    source: str
    path: Path_
    change: int

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What names it in the table of survivors, whatever lines stand above it; equal changes of equal lines are one."""
        return self.file, self.function, self.before, self.after

    def __str__(self) -> str:
        again = f" [{self.number}]" if self.number else ""
        return f"{self.file}:{self.line} {self.function}: {self.before}  ->  {self.after}{again}"

    def tree(self) -> ast.Module:
        """The whole file with the change."""
        tree = ast.parse(self.source)
        node = _at(_find(tree, self.function), self.path)
        list(_of(node))[self.change](node)
        return ast.fix_missing_locations(tree)

    def apply(self) -> None:
        """Put it into this process, for good."""
        module = module_of(self.file)
        target = functions(module)[self.function]
        code = compile(self.tree(), target.__code__.co_filename, "exec")
        target.__code__ = code_in(code, target.__code__)


def module_of(file: str) -> ModuleType:
    """The module of a file given relative to the package."""
    return importlib.import_module("fillwright." + file.removesuffix(".py").replace("/", ".").removesuffix(".__init__"))


def functions(module: ModuleType) -> dict[str, FunctionType]:
    """Functions and methods that a module defines, by qualified name."""
    found: dict[str, FunctionType] = {}
    owners: list[object] = [module, *(value for value in vars(module).values() if inspect.isclass(value))]
    for owner in owners:
        if getattr(owner, "__module__", module.__name__) != module.__name__:
            continue
        for value in vars(owner).values():
            inner: object = value
            if isinstance(value, functools.cached_property):
                inner = value.func
            elif isinstance(value, property):
                inner = value.fget
            elif isinstance(value, classmethod | staticmethod):
                inner = value.__func__
            inner = getattr(inner, "py_func", inner)
            if isinstance(inner, FunctionType) and inner.__code__.co_filename == module.__file__:
                found[inner.__qualname__] = inner
    return found


def code_in(code: CodeType, wanted: CodeType) -> CodeType:
    """The code object of the same name and line among the constants of another."""
    waiting = [code]
    while waiting:
        one = waiting.pop()
        if one.co_name == wanted.co_name and one.co_firstlineno == wanted.co_firstlineno:
            return one
        waiting += [constant for constant in one.co_consts if isinstance(constant, CodeType)]
    raise LookupError(f"{wanted.co_qualname} is not in the changed module")


def mutants(file: str, source: str | None = None) -> list[Mutant]:
    """All mutants of a file, in order of its lines; ``source`` instead of the file's own text, for tests."""
    if source is None:
        module = module_of(file)
        known = set(functions(module))
        source = Path(str(module.__file__)).read_text(encoding="utf-8")
    else:
        known = set()
    found: list[Mutant] = []
    for name, function in _functions_in(ast.parse(source)):
        if known and name not in known:
            continue
        seen: dict[tuple[str, str], int] = {}
        for path, node, depth in _walk(function):
            statement = _at(function, path[:depth])
            for change in range(len(list(_of(node)))):
                wrong = deepcopy(_head(statement))
                inside = _at(wrong, path[depth:])
                before = _line(wrong)
                list(_of(inside))[change](inside)
                after = _line(wrong)
                number = seen.get((before, after), 0)
                seen[before, after] = number + 1
                found.append(Mutant(file, name, getattr(node, "lineno", 0), before, after, number, source, path, change))
    return found


def _functions_in(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{inner.name}", inner) for inner in node.body if isinstance(inner, ast.FunctionDef))


def _find(tree: ast.Module, name: str) -> ast.FunctionDef:
    return next(function for known, function in _functions_in(tree) if known == name)


def _walk(function: ast.FunctionDef) -> Iterator[tuple[Path_, ast.AST, int]]:
    """(path, node, length of the path of its statement) of everything that is carried out.

    Not the docstring, annotations, decorators, words of messages, hints, and whether zip is strict.
    """

    def inside(node: ast.AST, path: Path_, depth: int) -> Iterator[tuple[Path_, ast.AST, int]]:
        for number, child in enumerate(ast.iter_child_nodes(node)):
            if isinstance(child, ast.JoinedStr | ast.arguments | ast.arg):
                continue
            if isinstance(child, ast.keyword) and child.arg == "strict":
                continue
            if isinstance(node, ast.AnnAssign) and child is node.annotation:
                continue
            if isinstance(child, ast.Expr) and (isinstance(child.value, ast.Constant) or _called(child.value) in HINTS):
                continue
            if isinstance(node, ast.FunctionDef) and child not in node.body:
                continue
            place = (*path, number)
            here = len(place) if isinstance(child, ast.stmt) else depth
            yield place, child, here
            if not isinstance(child, ast.Raise):
                yield from inside(child, place, here)

    yield from inside(function, (), 0)


def _head(statement: ast.AST) -> ast.AST:
    """The statement without its block, whose statements are looked at by themselves."""
    body = getattr(statement, "body", None)
    if body is None or not isinstance(statement, ast.If | ast.While | ast.For | ast.With):
        return statement
    short = copy(statement)
    short.body, short.orelse = [ast.Pass()], []  # type: ignore[attr-defined]
    return short


def _called(node: ast.AST) -> str:
    """The name of the function that a call calls, "" if it is none."""
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "id", getattr(node.func, "attr", ""))


def _at(node: ast.AST, path: Path_) -> ast.AST:
    for number in path:
        node = list(ast.iter_child_nodes(node))[number]
    return node


def _line(statement: ast.AST) -> str:
    """A statement as one line, without what stands inside its block."""
    text = ast.unparse(statement).split("\n")
    return text[0] if hasattr(statement, "body") else " ".join(text)


def _of(node: ast.AST) -> Iterator[Callable[[ast.AST], None]]:
    """What may go wrong at a node."""
    if isinstance(node, ast.Constant):
        yield from _of_constant(node)
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in OPERATORS:
        yield lambda other: setattr(other, "op", OPERATORS[type(other.op)]())  # type: ignore[attr-defined]
    elif isinstance(node, ast.Compare):
        for k, operator in enumerate(node.ops):
            if type(operator) in COMPARISONS:
                yield functools.partial(_compare, k=k)
    elif isinstance(node, ast.BoolOp):
        yield lambda other: setattr(other, "op", ast.Or() if isinstance(other.op, ast.And) else ast.And())  # type: ignore[attr-defined]
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        if not isinstance(node.operand, ast.Constant):
            yield _positive
    elif isinstance(node, ast.Name) and node.id in NAMES and isinstance(node.ctx, ast.Load):
        yield lambda other: setattr(other, "id", NAMES[other.id])  # type: ignore[attr-defined]
    elif isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield lambda other: setattr(other, "attr", NAMES[other.attr])  # type: ignore[attr-defined]
    elif isinstance(node, ast.Call) and _called(node) not in ANY_ORDER:
        for k in range(len(node.args) - 1):
            if EITHER_WAY.get(_called(node)) == k:
                continue
            plain = not any(isinstance(arg, ast.Starred) for arg in node.args)
            if plain and ast.dump(node.args[k]) != ast.dump(node.args[k + 1]):
                yield functools.partial(_swap, k=k)
    if isinstance(node, ast.Return) and isinstance(node.value, ast.BinOp | ast.Name | ast.Subscript):
        yield lambda other: setattr(other, "value", ast.UnaryOp(ast.USub(), other.value))  # type: ignore[attr-defined]
    if isinstance(node, ast.Expr | ast.AugAssign | ast.Raise | ast.Continue | ast.Break) or (
        isinstance(node, ast.Assign) and all(isinstance(target, ast.Subscript | ast.Attribute) for target in node.targets)
    ):
        yield _drop


def _positive(node: ast.AST) -> None:
    """Without the sign, without the not."""
    assert isinstance(node, ast.UnaryOp)
    if isinstance(node.op, ast.Not):
        node.operand = ast.UnaryOp(ast.Not(), node.operand)
    else:
        node.op = ast.UAdd()


def _of_constant(node: ast.Constant) -> Iterator[Callable[[ast.AST], None]]:
    if isinstance(node.value, bool):
        yield lambda other: setattr(other, "value", not other.value)  # type: ignore[attr-defined]
    elif isinstance(node.value, int | float):
        # A float may be too large for one more to change it.
        for step in (1, -1) if node.value + 1 != node.value else ():
            yield functools.partial(_step, by=step)
    elif node.value in SIDES:
        yield lambda other: setattr(other, "value", SIDES[other.value])  # type: ignore[attr-defined]


def _step(node: ast.AST, by: int) -> None:
    assert isinstance(node, ast.Constant) and isinstance(node.value, int | float)
    node.value += by


def _compare(node: ast.AST, k: int) -> None:
    assert isinstance(node, ast.Compare)
    node.ops[k] = COMPARISONS[type(node.ops[k])]()


def _swap(node: ast.AST, k: int) -> None:
    assert isinstance(node, ast.Call)
    node.args[k], node.args[k + 1] = node.args[k + 1], node.args[k]


def _drop(node: ast.AST) -> None:
    """Turn a statement into one that does nothing."""
    fields = {name: getattr(node, name) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset")}
    node.__class__ = ast.Pass  # type: ignore[assignment]
    node.__dict__.clear()
    node.__dict__.update(fields)
