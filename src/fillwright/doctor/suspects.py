"""Lines of a source that depend on the moment, the machine or chance: what to look at when equal runs differ."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_CALLS = (
    ("clock", r"time\.(time|time_ns|monotonic|monotonic_ns|perf_counter|perf_counter_ns|localtime|gmtime|ctime|strftime)"),
    ("clock", r"datetime\.(datetime\.)?(now|utcnow|today)|datetime\.date\.today|pandas\.Timestamp\.(now|today|utcnow)"),
    ("chance", r"random\.\w+|numpy\.random\.(?!default_rng|Generator|PCG64|SeedSequence|Philox)\w+|secrets\.\w+|os\.urandom"),
    ("chance", r"uuid\.uuid\w*"),
    ("process", r"os\.(getpid|getppid)|threading\.get_(ident|native_id)|socket\.gethostname|platform\.node"),
    ("identity", r"id"),
    ("order", r"hash|os\.(listdir|scandir)|glob\.i?glob"),
    ("outside", r"open|os\.getenv|os\.environ\.get|pickle\.load|numpy\.load|input"),
)
_PATTERNS = tuple((kind, re.compile(pattern)) for kind, pattern in _CALLS)
_UNSEEDED = ("numpy.random.default_rng", "random.Random")

MEANINGS = {
    "clock": "reads the clock",
    "chance": "draws from a generator that no seed of the run controls",
    "process": "depends on the process",
    "identity": "depends on where an object lies in memory",
    "order": "depends on hashing or on the order of a folder",
    "outside": "reads what other runs may have written",
}
DECISIVE = ("clock", "chance", "process", "identity")
"""Kinds that a strategy has no use for; the others are named only where results differ."""


@dataclass(frozen=True, order=True)
class Suspect:
    """A line that may be why equal runs differ."""

    file: str
    line: int
    kind: str
    text: str

    @property
    def place(self) -> str:
        """``file:line``."""
        return f"{self.file}:{self.line}"

    def __str__(self) -> str:
        return f"{self.text} {MEANINGS[self.kind]}"


def suspects(files: Iterable[Path]) -> list[Suspect]:
    """All of the files, by line."""
    found: set[Suspect] = set()
    for path in files:
        try:
            tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
        found |= {Suspect(str(path), line, kind, text) for line, kind, text in _of_tree(tree)}
    return sorted(found)


def _of_tree(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    names = _imported_names(tree)
    sets = _names_of_sets(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = _full_name(node.func, names)
            if called in _UNSEEDED:
                if not node.args and not node.keywords:
                    yield node.lineno, "chance", f"{called}()"
                continue
            for kind, pattern in _PATTERNS:
                if called and pattern.fullmatch(called):
                    yield node.lineno, kind, f"{called}()"
                    break
            if called in ("list", "tuple", "enumerate", "iter", "next") and node.args and _is_set(node.args[0], sets):
                yield node.lineno, "order", f"{called}(a set)"
            if isinstance(node.func, ast.Attribute) and node.func.attr == "pop" and _is_set(node.func.value, sets):
                yield node.lineno, "order", "pop() of a set"
        elif isinstance(node, ast.For | ast.comprehension) and _is_set(node.iter, sets):
            yield node.iter.lineno, "order", "a loop over a set"
        elif isinstance(node, ast.Subscript) and _full_name(node.value, names) == "os.environ":
            yield node.lineno, "outside", "os.environ"


def _imported_names(tree: ast.Module) -> dict[str, str]:
    """Local name -> dotted name."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.partition(".")[0]] = alias.name if alias.asname else alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _full_name(node: ast.expr, names: dict[str, str]) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([names.get(node.id, node.id), *reversed(parts)])


def _names_of_sets(tree: ast.Module) -> set[str]:
    """Names and attributes that are somewhere given a set."""
    found = set()
    for node in ast.walk(tree):
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if value is None or not _is_set(value, set()):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]  # type: ignore[attr-defined]
        found |= {_last_name(target) for target in targets}
    return found - {""}


def _last_name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _is_set(node: ast.expr, sets: set[str]) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in ("set", "frozenset")
    return _last_name(node) in sets
