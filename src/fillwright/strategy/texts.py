"""Literal texts of compiled code: symbols, tags and rule ids become numbers, times in force their codes.

A symbol's number is looked up when a run begins; a tag or rule is given its code when it is first used, as the order manager does,
so that the records of a compiled strategy are those of the same strategy in Python.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, get_args

import numpy as np

from fillwright.data.market import suggest
from fillwright.errors import UsageError
from fillwright.model.codes import TimeInForce
from fillwright.order_manager import Tif
from fillwright.strategy.context import TEXTS


@dataclass(slots=True)
class Texts:
    """The literal texts of one compiled program, numbered."""

    symbols: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)

    def number(self, keyword: str, text: str) -> int:
        """What stands for a text in machine code. UsageError for a time in force that there is not."""
        if keyword == "tif":
            known = get_args(Tif)
            if text not in known:
                raise UsageError(f"no time in force {text!r}", remedy=", ".join(known))
            return int(TimeInForce[text])
        known_texts: list[str] = {"symbol": self.symbols, "tag": self.tags, "rule_id": self.rules}[keyword]
        if text not in known_texts:
            known_texts.append(text)
        return known_texts.index(text)

    def tables(self, symbols: Sequence[str], tags: Sequence[str], rules: Sequence[str]) -> dict[str, np.ndarray[Any, Any]]:
        """Memory of one run: numbers of the symbols, and for tags and rules how many are in use, then their codes, -1 before. Those
        that have codes already are given.
        """
        for name in self.symbols:
            if name not in symbols:
                raise UsageError(f"no symbol {name!r} in the market", remedy=suggest(name, symbols, "symbols"))
        numbers = [list(symbols).index(name) for name in self.symbols]
        return {
            "symbols": np.array(numbers, np.int64),
            "tags": _codes(self.tags, tags),
            "rules": _codes(self.rules, rules),
        }


def _codes(texts: Sequence[str], known: Sequence[str]) -> np.ndarray[Any, Any]:
    return np.array([len(known), *(known.index(text) if text in known else -1 for text in texts)], np.int64)


def used(known: Sequence[str], texts: Sequence[str], codes: np.ndarray[Any, Any]) -> list[str]:
    """Names in use, by their codes: those that were known at the start, then the others."""
    fresh = sorted((int(code), text) for text, code in zip(texts, codes[1:], strict=True) if code >= len(known))
    return [*known, *(text for _, text in fresh)]


def remade(tree: ast.FunctionDef, file: str, names: dict[str, Any]) -> Callable[..., Any]:
    """The function that a definition makes, as if it stood in the file; ``names`` become its globals, it among them."""
    module = ast.Module([tree], [])
    exec(compile(ast.fix_missing_locations(module), file, "exec"), names)
    function: FunctionType = names[tree.name]
    return function


def global_names(function: Callable[..., Any]) -> dict[str, Any]:
    """What the free names of a function mean."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return function.__globals__ | {name: cell.cell_contents for name, cell in cells}


class Replaced(ast.NodeTransformer):
    """Puts numbers where ``tif=``, ``tag=``, ``rule_id=`` and ``symbol(...)`` of a context have literal text."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts
        self.count = 0

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Calls of methods."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute):
            for keyword in node.keywords:
                if keyword.arg in TEXTS:
                    keyword.value = self._number(keyword.arg, keyword.value)
            if node.func.attr == "symbol" and len(node.args) == 1:
                node.args[0] = self._number("symbol", node.args[0])
        return node

    def _number(self, keyword: str, value: ast.expr) -> ast.expr:
        if not isinstance(value, ast.Constant) or not isinstance(value.value, str):
            return value
        self.count += 1
        try:
            number = self.texts.number(keyword, value.value)
        except UsageError as error:
            error.where = str(value.lineno)
            raise
        return ast.copy_location(ast.Constant(number), value)
