"""The sources as syntax trees, and the rules about them. Each rule is a function: module(s) -> list of breaches in words."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "fillwright"

# Imports go to lower ranks only. A room is a module or folder directly inside the package.
RANKS = {
    "errors": 0, "_version": 0,
    "model": 1,
    "config": 2, "kernel": 2, "indicators": 2,
    "portfolio": 3, "journal": 3, "data": 3, "broker": 3,
    "order_manager": 4, "trades": 4,
    "strategy": 5, "analytics": 5,
    "result": 6, "legacy": 6, "strategies": 6,
    "coordinator": 7,
    "optimise": 8, "doctor": 8,
    "cli": 9,
    "__init__": 10, "__main__": 10,
}  # fmt: skip
VERIFY_MAY_IMPORT = {"errors", "verify"}
VERIFY_THIRD_PARTY = {"numpy", "pyarrow"}
VERIFY_IMPORTED_BY = {"cli", "verify"}

MAX_FILE_LINES = 600
MAX_MEDIAN_LINES = 250
MAX_FUNCTION_LINES = 70
MAX_PARAMETERS = 7
MAX_PARAMETERS_INSIDE = 12

# Heavy modules that may be imported where they are used; everything else is imported at the top.
HEAVY = {"numba", "numpy", "pandas", "polars", "pyarrow"}
# Rooms that import our own modules late, so that `--help` and `import fillwright` stay fast.
LATE = {"cli", "__init__", "__main__"}

# The words of an order that users write; docs/decisions.md says why they are parameters and not a dictionary.
MANY_PARAMETERS = frozenset({
    "order_manager.buy", "order_manager.sell", "strategy.buy", "strategy.sell",
    "strategy.buy_value", "strategy.sell_value", "strategy.buy_weight", "strategy.sell_weight", "strategy.buy_risk", "strategy.sell_risk",
})  # fmt: skip

# Modules that may name the clock or the generators: isolation compares their state before and after a run.
CLOCK_ALLOWED: frozenset[str] = frozenset({"fillwright.coordinator.isolation"})

COPY_NAME = re.compile(r"^_?(new|old|fixed)_|_(v\d+|improved|bak|orig)$", re.IGNORECASE)


@dataclass(frozen=True)
class Module:
    """One source file: dotted name, text and tree."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The module or folder directly inside the package that this file belongs to."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else "__init__"

    def at(self, node: ast.AST) -> str:
        """file:line of a node."""
        return f"{self.path.name}:{getattr(node, 'lineno', 1)}"


@dataclass(frozen=True)
class Import:
    """One imported module: its dotted name and how it is imported."""

    target: str
    node: ast.stmt
    typing_only: bool
    inside_function: bool


def load(source_root: Path) -> dict[str, Module]:
    """All modules below ``source_root`` (the folder that holds the package), by dotted name."""
    modules = {}
    for path in sorted((source_root / PACKAGE).rglob("*.py")):
        parts = list(path.relative_to(source_root).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        name = ".".join(parts)
        text = path.read_text(encoding="utf-8")
        modules[name] = Module(name, path, text, ast.parse(text, str(path)))
    return modules


def planted(name: str, text: str) -> Module:
    """A module from text, to show that a rule can fail."""
    return Module(name, Path(name.rpartition(".")[2] + ".py"), text, ast.parse(text))


def _is_type_checking(node: ast.If) -> bool:
    return ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def _statements(body: list[ast.stmt], typing_only: bool = False, inside: bool = False) -> Iterator[tuple[ast.stmt, bool, bool]]:
    for node in body:
        yield node, typing_only, inside
        deeper = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        guarded = typing_only or (isinstance(node, ast.If) and _is_type_checking(node))
        for field, value in ast.iter_fields(node):
            if field in {"body", "finalbody"} and isinstance(value, list):
                yield from _statements(value, guarded, deeper)
            elif field == "orelse" and isinstance(value, list):
                yield from _statements(value, typing_only, deeper)
            elif field in {"handlers", "cases"}:
                for part in value:
                    yield from _statements(part.body, guarded, deeper)


def imports(module: Module, known: set[str]) -> list[Import]:
    """What a module imports; ``from a import b`` is the module ``a.b`` where that is one of ``known``."""
    found = []
    for node, typing_only, inside in _statements(module.tree.body):
        targets: list[str] = []
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.name if module.path.name == "__init__.py" else module.name.rpartition(".")[0]
                parts = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parts, *([node.module] if node.module else [])])
            targets = [f"{base}.{a.name}" if f"{base}.{a.name}" in known else base for a in node.names]
        found.extend(Import(target, node, typing_only, inside) for target in dict.fromkeys(targets))
    return found


def _own(target: str) -> bool:
    return target == PACKAGE or target.startswith(PACKAGE + ".")


def _room(target: str) -> str:
    parts = target.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def rank_breaches(module: Module, known: set[str]) -> list[str]:
    """Imports to the same or a higher rank, and what ``verify`` may not do. Imports for annotations may go sideways."""
    if module.room == "verify":
        return _verify_breaches(module, known)
    if module.room not in RANKS:
        return [f"{module.name}: the room `{module.room}` has no rank; add it to RANKS"]
    own_rank, out = RANKS[module.room], []
    for item in imports(module, known):
        if not _own(item.target) or (room := _room(item.target)) == module.room:
            continue
        if room == "verify":
            if module.room not in VERIFY_IMPORTED_BY:
                out.append(f"{module.at(item.node)}: only {sorted(VERIFY_IMPORTED_BY)} and tests import verify")
        elif room not in RANKS:
            out.append(f"{module.at(item.node)}: imports the unknown room `{room}`")
        elif RANKS[room] > own_rank or (RANKS[room] == own_rank and not item.typing_only):
            out.append(f"{module.at(item.node)}: {module.room} (rank {own_rank}) imports {item.target} (rank {RANKS[room]})")
    return out


def _verify_breaches(module: Module, known: set[str]) -> list[str]:
    out = []
    for item in imports(module, known):
        top = item.target.split(".")[0]
        fine = _room(item.target) in VERIFY_MAY_IMPORT if _own(item.target) else top in VERIFY_THIRD_PARTY
        if not fine and (_own(item.target) or top not in sys.stdlib_module_names):
            out.append(f"{module.at(item.node)}: verify imports {item.target}; it may use errors, numpy and pyarrow only")
    return out


def cycles(modules: dict[str, Module]) -> list[str]:
    """Import cycles, late imports included, imports for annotations not."""
    known = set(modules)
    edges = {
        name: sorted({i.target for i in imports(module, known) if not i.typing_only and i.target in known} - {name})
        for name, module in modules.items()
    }
    found, state, trail = [], dict.fromkeys(modules, 0), []

    def visit(name: str) -> None:
        state[name] = 1
        trail.append(name)
        for target in edges[name]:
            if state[target] == 1:
                found.append(" -> ".join([*trail[trail.index(target) :], target]))
            elif state[target] == 0:
                visit(target)
        trail.pop()
        state[name] = 2

    for name in modules:
        if state[name] == 0:
            visit(name)
    return found


def late_import_breaches(module: Module, known: set[str]) -> list[str]:
    """Imports inside functions that have no reason to be there."""
    out = []
    for item in imports(module, known):
        if not item.inside_function or item.typing_only or item.target.split(".")[0] in HEAVY:
            continue
        if module.room in LATE:
            continue
        out.append(f"{module.at(item.node)}: import of {item.target} inside a function")
    return out


Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(module: Module) -> Iterator[tuple[Function, bool]]:
    """Every function with whether it is public: no underscore in its name or in the names around it."""

    def walk(body: list[ast.stmt], public: bool) -> Iterator[tuple[Function, bool]]:
        for node in body:
            if isinstance(node, Function):
                yield node, public and not node.name.startswith("_")
                yield from walk(node.body, False)
            elif isinstance(node, ast.ClassDef):
                yield from walk(node.body, public and not node.name.startswith("_"))
            elif isinstance(node, ast.If | ast.Try | ast.With | ast.For | ast.While):
                yield from walk(node.body, public)
                yield from walk(getattr(node, "orelse", []), public)

    yield from walk(module.tree.body, True)


def code_lines(node: Function) -> int:
    """Lines of a function without its decorators and docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node) is not None:
        lines -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
    return lines


def function_breaches(module: Module) -> list[str]:
    """Functions that are too long, take too much or take anything."""
    out = []
    for node, public in functions(module):
        where = f"{module.at(node)} {node.name}"
        if code_lines(node) > MAX_FUNCTION_LINES and not re.match(r"advance$|match_", node.name):
            out.append(f"{where}: {code_lines(node)} lines, at most {MAX_FUNCTION_LINES}")
        names = [a.arg for a in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs] if a.arg not in {"self", "cls"}]
        limit = MAX_PARAMETERS if public and module.room != "kernel" else MAX_PARAMETERS_INSIDE
        if len(names) > limit and f"{module.room}.{node.name}" not in MANY_PARAMETERS:
            out.append(f"{where}: {len(names)} parameters, at most {limit}")
        if public and node.args.kwarg and "Unpack[" not in ast.unparse(node.args.kwarg.annotation or ast.Constant(0)):
            out.append(f"{where}: **{node.args.kwarg.arg} in a public function; name them, or annotate with Unpack[TypedDict]")
    return out


def inheritance_breaches(modules: dict[str, Module]) -> list[str]:
    """Classes of ours that inherit from a class of ours that does so itself; the exception tree may."""
    bases: dict[str, list[str]] = {}
    places: dict[str, str] = {}
    for module in modules.values():
        if module.room == "errors":
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                bases[node.name] = [ast.unparse(base).split("[")[0].rpartition(".")[2] for base in node.bases]
                places[node.name] = module.at(node)
    return [
        f"{places[name]} {name}: inherits from {parent}, which inherits from {grand}"
        for name, parents in bases.items()
        for parent in parents
        for grand in bases.get(parent, [])
        if grand in bases
    ]


CLOCK_CALLS = re.compile(r"(^|\.)(datetime\.(now|utcnow|today)|date\.today|time\.(time|time_ns|localtime|gmtime|ctime))$")


def clock_breaches(module: Module, known: set[str]) -> list[str]:
    """Chance without a seed and the wall clock; time.perf_counter and time.monotonic measure, they do not date."""
    if module.name in CLOCK_ALLOWED:
        return []
    out = [
        f"{module.at(item.node)}: imports {item.target}"
        for item in imports(module, known)
        if item.target.split(".")[0] in {"random", "secrets", "uuid"}
    ]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            wrong = [a.name for a in node.names if a.name in {"time", "time_ns", "localtime", "gmtime"}]
            out += [f"{module.at(node)}: from time import {name}" for name in wrong]
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if CLOCK_CALLS.search(called):
                out.append(f"{module.at(node)}: {called}()")
            if re.search(r"(^|\.)random\.", called) and not (called.endswith("default_rng") and node.args):
                out.append(f"{module.at(node)}: {called}() draws from a state that no seed of the run controls")
    return out


def name_breaches(module: Module) -> list[str]:
    """Functions, classes and files named like a copy of another."""
    out = [f"{module.path.name}: file name"] if COPY_NAME.search(module.path.stem) else []
    for node in ast.walk(module.tree):
        if isinstance(node, Function | ast.ClassDef) and COPY_NAME.search(node.name):
            out.append(f"{module.at(node)}: {node.name}")
    return out
