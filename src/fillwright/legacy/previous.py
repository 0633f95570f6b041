"""A file of the previous system while it is translated: which keys were read, which disagree, what is left over."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fillwright.config import problems
from fillwright.config.documents import Document

T = TypeVar("T")
_INDEX = re.compile(r"\[\d+\]")

IGNORED = (
    "name", "description", "mode", "backtest.name", "backtest.debug", "backtest.verbose", "backtest.data_source", "data.debug",
    "data.source_type", "data.source", "data.benchmark", "data.equity_curve", "data.trades", "debug", "logging", "output",
    "performance", "metrics", "analysis.metrics", "analytics.enabled", "analytics.analysis.metrics", "analytics.reporting",
    "reporting", "optimization.metrics.secondary", "optimization.output.save_results", "optimization.output.plot_top_n",
    "parameter_space[].description", "indicators", "rules",
)  # fmt: skip
"""Keys that never changed a result. The kind of the data source was always csv."""

SEARCH = ("optimization", "parameter_space", "parameters")
"""Sections about searching for parameters."""

NOT_YET = (
    "parameter_file", "backtest.optimize", "data.train_test_split", "broker.market_simulator",
    "backtest.broker", "broker.allowed_order_types", "risk", "risk_manager", "order_manager", "position_sizing", "backtest",
    "analytics.analysis", "analysis", "output_dir", "strategy", "strategies", "data", "broker", "portfolio",
)  # fmt: skip
"""Sections whose other keys had, or were believed to have, an effect that is not translated yet."""


@dataclass(frozen=True, slots=True)
class Found:
    """One key of the old file."""

    path: problems.Path
    value: Any
    where: str

    @property
    def text(self) -> str:
        """``backtest.initial_capital``."""
        return problems.path_text(self.path)


@dataclass
class Previous:
    """The old document and the state of its translation.

    ``found`` are errors, ``report`` the lines told to the user; ``force`` lets the deeper of two disagreeing keys win.
    """

    document: Document
    force: bool = False
    found: list[problems.Problem] = field(default_factory=list)
    report: list[str] = field(default_factory=list)
    used: set[problems.Path] = field(default_factory=set)

    def find(self, *patterns: str) -> list[Found]:
        """Keys that are there and not null; ``*`` in a pattern is any key, ``[]`` any list item.

        A value counts as read; of a mapping only the keys that are asked for one by one.
        """
        result = []
        for pattern in patterns:
            parts = pattern.replace("[]", ".*").split(".")
            for path, value in _matches(self.document.data, parts, ()):
                if not isinstance(value, dict):
                    self.used.add(path)
                if value is not None:
                    result.append(Found(path, value, self.document.place(path)))
        return result

    def peek(self, pattern: str) -> Any:
        """The value of a key without counting it as read, or None."""
        return next((value for _, value in _matches(self.document.data, pattern.split("."), ())), None)

    def wrong(self, key: Found, message: str) -> None:
        """Note an error at a key of the old file."""
        self.found.append(problems.Problem(key.text, message, key.where))

    def convert(self, key: Found, how: Callable[[Any], T]) -> T | None:
        """The value in the new unit, or None with an error noted."""
        try:
            return how(key.value)
        except ValueError as error:
            self.wrong(key, f"{error}; found {key.value!r}")
            return None

    def convert_all(self, keys: list[Found], how: Callable[[Any], T]) -> list[tuple[Found, T | None]]:
        """Each key with its value in the new unit."""
        return [(key, self.convert(key, how)) for key in keys]

    def agree(self, standard: str, pairs: Sequence[tuple[Found, T | None]]) -> tuple[T, list[Found]] | None:
        """The one value that all these keys mean, and the keys; None if there is none, or with an error noted."""
        known = [(key, value) for key, value in pairs if value is not None]
        if len(known) < len(pairs) or not known:
            return None
        if all(value == known[0][1] for _, value in known):
            return known[0][1], [key for key, _ in known]
        listed = " but ".join(f"{key.text} = {key.value!r} ({key.where})" for key, _ in known)
        deepest = max(len(key.path) for key, _ in known)
        winners = [(key, value) for key, value in known if len(key.path) == deepest]
        if not self.force or any(value != winners[0][1] for _, value in winners):
            hint = "remove one" if self.force else "remove one, or let the deeper key win with --force"
            message = f"{standard} is given more than once and differs: {listed}; {hint}"
            self.found.append(problems.Problem("", message, known[0][0].where))
            return None
        self.report.append(f"conflict: {standard}: {listed}; the deeper key {winners[0][0].text} was taken")
        return winners[0][1], [key for key, _ in winners]

    def leftovers(self) -> Iterator[str]:
        """Report lines about keys that nothing read: no meaning, not yet handled, unknown."""
        ignored: dict[str, None] = {}
        searched: dict[str, int] = {}
        lines = []
        for path, value in _leaves(self.document.data, ()):
            if any(path[: len(used)] == used for used in self.used):
                continue
            text = problems.path_text(path)
            if _under(path, IGNORED):
                ignored[_INDEX.sub("[]", text)] = None
            elif _under(path, SEARCH):
                searched[str(path[0])] = searched.get(str(path[0]), 0) + 1
            else:
                lines.append(f"{'NOT YET HANDLED' if _under(path, NOT_YET) else 'UNKNOWN KEY'}: {text} = {value!r}")
        if ignored:
            yield f"no meaning for execution: {', '.join(ignored)}"
        yield from (f"NOT YET HANDLED: {section} (search for parameters, {count} keys)" for section, count in searched.items())
        yield from lines


def _under(path: problems.Path, patterns: tuple[str, ...]) -> bool:
    names = [part for part in path if isinstance(part, str)]
    return any(names[: pattern.count(".") + 1] == pattern.replace("[]", "").split(".") for pattern in patterns)


def _matches(value: Any, parts: list[str], path: problems.Path) -> Iterator[tuple[problems.Path, Any]]:
    if not parts:
        yield path, value
        return
    head, rest = parts[0], parts[1:]
    if isinstance(value, dict):
        for key in value:
            if head in ("*", key):
                yield from _matches(value[key], rest, (*path, key))
    elif isinstance(value, list) and head == "*":
        for index, item in enumerate(value):
            yield from _matches(item, rest, (*path, index))


def _leaves(value: Any, path: problems.Path) -> Iterator[tuple[problems.Path, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, index))
    else:
        yield path, value
