"""A strategy of one compiled function, without writing a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fillwright.errors import UsageError
from fillwright.strategy.base import Strategy
from fillwright.strategy.compiled import Compiled
from fillwright.strategy.params import param, state


def compiled_strategy(
    on_bar: Compiled,
    *,
    params: Mapping[str, Any] | None = None,
    states: Mapping[str, Any] | None = None,
    indicators: Mapping[str, Sequence[Any]] | None = None,
) -> Strategy:
    """A strategy made of a function marked with ``fw.compiled``, for ``fw.run``.

    params      name -> value: ``p.name``
    states      name -> value at the start: ``s.name``, fresh in every run
    indicators  name -> (function, arguments ...), ``{"fast": (fw.sma, "close", 20)}``: ``p.fast`` is its handle; an argument
                that is the name of a parameter, as ``"window"`` with ``params={"window": 20}``, is its value
    """
    if not isinstance(on_bar, Compiled):
        raise UsageError(
            f"a function marked with fw.compiled is needed, got {type(on_bar).__name__}", remedy="write @fw.compiled above it"
        )
    params, states, indicators = params or {}, states or {}, indicators or {}
    names = [*params, *states, *indicators]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"there twice: {', '.join(twice)}", remedy="parameters, states and indicators need names of their own")
    if taken := sorted(name for name in names if hasattr(Strategy, name)):
        raise UsageError(f"a strategy has a {taken[0]} already", remedy="take another name")

    def on_start(self: Strategy) -> None:
        for name, (function, *arguments) in indicators.items():
            given = [getattr(self, item) if isinstance(item, str) and item in params else item for item in arguments]
            setattr(self, name, self.indicator(function, *given))

    body: dict[str, Any] = {name: param(value) for name, value in params.items()}
    body |= {name: state(value) for name, value in states.items()}
    body |= {"on_bar": on_bar, "on_start": on_start, "__module__": on_bar.function.__module__, "__doc__": on_bar.__doc__}
    body["__annotations__"] = {name: type(value) for name, value in params.items()}
    return type(on_bar.function.__name__, (Strategy,), body)()  # type: ignore[no-any-return]
