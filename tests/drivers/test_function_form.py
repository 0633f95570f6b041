"""A compiled function as a whole strategy gives what the same function in a class gives."""

from __future__ import annotations

from typing import Any

import pytest

import fillwright as fw
from drivers.play import config_of, market_of, play, same
from fillwright.errors import UsageError
from fillwright.kernel._jit import JIT_OFF
from fillwright.strategy.compiled import states_of
from fillwright.strategy.desk import Desk
from fillwright.strategy.function_form import compiled_strategy

pytestmark = pytest.mark.kernel
ONE = market_of("AAA", n=120)
CONFIG = config_of()


@fw.compiled
def cross(ctx: Any, p: Any, s: Any) -> None:
    """Crossing of two means."""
    if ctx.crossed_above(p.fast, p.slow):
        ctx.target(p.size)
        s.entries += 1
    elif ctx.crossed_below(p.fast, p.slow):
        ctx.close_position()


class Cross(fw.Strategy):
    size: float = fw.param(50.0)
    window: int = fw.param(4)
    entries: int = fw.state(0)
    on_bar = cross

    def on_start(self) -> None:
        self.fast = self.indicator(fw.sma, "close", self.window)
        self.slow = self.indicator(fw.sma, "close", 9)


def ran(strategy: fw.Strategy) -> Any:
    desk = Desk(strategy)
    desk.prepare(ONE, CONFIG)
    return play(ONE, CONFIG, desk.attach)


@pytest.mark.skipif(JIT_OFF, reason="compiled strategies need the compiler")
def test_a_function_is_a_strategy() -> None:
    made = compiled_strategy(
        cross, params={"size": 50.0, "window": 4}, states={"entries": 0},
        indicators={"fast": (fw.sma, "close", "window"), "slow": (fw.sma, "close", 9)},
    )  # fmt: skip
    assert repr(made) == "cross(size=50.0, window=4)"
    one, two = ran(made), ran(Cross())
    same(one, two)
    assert states_of(one) == states_of(two) and states_of(one)["entries"] > 1
    same(one, ran(made))


def test_what_it_can_not_be_made_of() -> None:
    with pytest.raises(UsageError, match=r"fw\.compiled is needed"):
        compiled_strategy(lambda ctx, p, s: None)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="there twice: size"):
        compiled_strategy(cross, params={"size": 1}, states={"size": 2})
    with pytest.raises(UsageError, match="has a position already"):
        compiled_strategy(cross, states={"position": 2})
