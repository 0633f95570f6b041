"""A digest of a strategy's source: its file and the local files that it imports."""

from __future__ import annotations

import ast
import hashlib
import inspect
from functools import lru_cache
from pathlib import Path
from typing import Any


@lru_cache(maxsize=32)
def source_digest(cls: Any) -> str:
    """BLAKE2b-128 in hex over the file of a class and the files beside or below it that it imports, directly or not.

    The source is read once per class: what runs is the class as it was loaded. A class without a file (typed into a prompt)
    is digested by its own source where that can be had, else by its name.
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(cls.__qualname__.encode())
    try:
        file = Path(inspect.getfile(cls))
        if not file.is_file():
            raise OSError
        for path in sorted(local_files(file)):
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    except (OSError, TypeError):
        try:
            digest.update(inspect.getsource(cls).encode())
        except (OSError, TypeError):
            digest.update(cls.__module__.encode())
    return digest.hexdigest()


def local_files(file: Path) -> set[Path]:
    """A file and the files beside or below it that it imports, directly or not."""
    found: set[Path] = set()
    waiting = [file.resolve()]
    root = file.resolve().parent
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for name in _imported(path):
            for candidate in (root / f"{name}.py", root / name / "__init__.py"):
                if candidate.is_file():
                    waiting.append(candidate)
    return found


def _imported(path: Path) -> set[str]:
    """Dotted names that a file imports, as relative paths."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.replace(".", "/") for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            base = node.module.replace(".", "/")
            names |= {base, *(f"{base}/{alias.name}" for alias in node.names)}
    return names
