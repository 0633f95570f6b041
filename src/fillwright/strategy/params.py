"""Declared parameters and state of a strategy: typed, bounded, fresh in every run."""

from __future__ import annotations

import copy
import difflib
import inspect
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fillwright.errors import UsageError

Bound = int | float | str | None


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter: default, bounds (numbers, or names of other parameters) and choices."""

    default: Any
    ge: Bound = None
    le: Bound = None
    gt: Bound = None
    lt: Bound = None
    choices: tuple[Any, ...] | None = None
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class StateField:
    """A field that a strategy changes while it runs."""

    default: Any


def param(
    default: Any, *, ge: Bound = None, le: Bound = None, gt: Bound = None, lt: Bound = None,
    choices: Sequence[Any] | None = None, meaning: str = "",
) -> Any:  # fmt: skip
    """Declare a parameter in a strategy's class body: ``fast: int = fw.param(20, ge=2, le=200)``.

    A bound is a number or the name of another parameter. Parameters are checked when the strategy is made, shown in reports and can
    be searched over.
    """
    return Param(default, ge, le, gt, lt, None if choices is None else tuple(choices), meaning)


def state(default: Any) -> Any:
    """Declare a field that the strategy changes: ``entries: int = fw.state(0)``. It starts fresh in every run."""
    return StateField(default)


def declared(cls: type) -> tuple[dict[str, Param], dict[str, StateField]]:
    """Parameters and state fields of a class and its bases, in order of declaration."""
    params: dict[str, Param] = {}
    states: dict[str, StateField] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            if isinstance(value, Param):
                params[name] = value
            elif isinstance(value, StateField):
                states[name] = value
    return params, states


def checked(cls: type, params: Mapping[str, Param], given: Mapping[str, Any]) -> dict[str, Any]:
    """Values of all parameters; UsageError naming the nearest parameter, the type or the bound that is broken."""
    for name in given:
        if name not in params:
            near = difflib.get_close_matches(name, list(params), 1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has: {', '.join(params) or 'none'}"
            raise UsageError(f"{cls.__name__} has no parameter {name!r}", remedy=hint)
    kinds = inspect.get_annotations(cls) if not cls.__mro__[1:-1] else _annotations(cls)
    values = {name: _typed(cls, name, kinds.get(name), given.get(name, known.default)) for name, known in params.items()}
    for name, known in params.items():
        _check_bounds(cls, name, known, values)
    return values


def _annotations(cls: type) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        merged |= inspect.get_annotations(base)
    return merged


def _typed(cls: type, name: str, kind: Any, value: Any) -> Any:
    kind = {"int": int, "float": float, "bool": bool, "str": str}.get(kind, kind) if isinstance(kind, str) else kind
    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() and kind is not float else float(value)
    fine = (
        (kind is int and isinstance(value, int) and not isinstance(value, bool))
        or (kind is float and isinstance(value, int | float) and not isinstance(value, bool))
        or (kind is bool and isinstance(value, bool))
        or (kind is str and isinstance(value, str))
        or kind not in (int, float, bool, str)
    )
    if not fine:
        raise UsageError(f"{cls.__name__}.{name} must be {kind.__name__}, got {value!r}")
    return float(value) if kind is float else value


def _check_bounds(cls: type, name: str, known: Param, values: Mapping[str, Any]) -> None:
    value = values[name]
    if known.choices is not None and value not in known.choices:
        raise UsageError(f"{cls.__name__}.{name} must be one of {', '.join(map(repr, known.choices))}, got {value!r}")
    for bound, words, holds in (
        (known.ge, ">=", operator.ge), (known.gt, ">", operator.gt), (known.le, "<=", operator.le), (known.lt, "<", operator.lt),
    ):  # fmt: skip
        if bound is None:
            continue
        limit = values[bound] if isinstance(bound, str) else bound
        if not holds(value, limit):
            shown = f"{bound} ({limit})" if isinstance(bound, str) else limit
            raise UsageError(f"{cls.__name__}.{name} must be {words} {shown}, got {value!r}")


def fresh(states: Mapping[str, StateField]) -> dict[str, Any]:
    """New copies of all state defaults."""
    return {name: copy.deepcopy(known.default) for name, known in states.items()}
