"""Declared parameters and state: checked when a strategy is made, fresh in every run."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fillwright as fw
from coordinator.worlds import days


class Cross(fw.Strategy):
    """Has all kinds of parameters."""

    fast: int = fw.param(20, ge=2, le=200)
    slow: int = fw.param(50, gt="fast", lt=400)
    factor: float = fw.param(0.5)
    mode: str = fw.param("both", choices=("long", "short", "both"))
    eager: bool = fw.param(False)
    entries: int = fw.state(0)
    seen: list[int] = fw.state([])


def refusal(**given: Any) -> fw.UsageError:
    """What is said of wrong parameters."""
    with pytest.raises(fw.UsageError) as caught:
        Cross(**given)
    return caught.value


def test_defaults_and_given_values() -> None:
    strategy = Cross(fast=10, factor=1)
    assert strategy.params == {"fast": 10, "slow": 50, "factor": 1.0, "mode": "both", "eager": False}
    assert isinstance(strategy.factor, float)
    assert strategy.fast == 10
    assert repr(strategy) == "Cross(fast=10, slow=50, factor=1.0, mode='both', eager=False)"


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"fast": 1}, "Cross.fast must be >= 2, got 1"),
        ({"fast": 201}, "Cross.fast must be <= 200, got 201"),
        ({"fast": 50}, "Cross.slow must be > fast (50), got 50"),
        ({"slow": 400}, "Cross.slow must be < 400, got 400"),
        ({"fast": 2.5}, "Cross.fast must be int, got 2.5"),
        ({"fast": True}, "Cross.fast must be int, got True"),
        ({"fast": "10"}, "Cross.fast must be int, got '10'"),
        ({"factor": "a"}, "Cross.factor must be float, got 'a'"),
        ({"eager": 1}, "Cross.eager must be bool, got 1"),
        ({"mode": 3}, "Cross.mode must be str, got 3"),
        ({"mode": "flat"}, "Cross.mode must be one of 'long', 'short', 'both', got 'flat'"),
    ],
)
def test_wrong_values_name_the_parameter_and_the_bound(given_: dict[str, Any], message: str) -> None:
    assert refusal(**given_).message == message


def test_a_misspelt_parameter_names_the_nearest() -> None:
    error = refusal(fsat=3)
    assert error.message == "Cross has no parameter 'fsat'"
    assert error.remedy == "did you mean 'fast'?"
    assert "it has: fast, slow" in (refusal(xyzzy=3).remedy or "")


def test_whole_decimals_of_a_configuration_are_integers() -> None:
    assert Cross(fast=Decimal("10")).fast == 10
    assert Cross(factor=Decimal("0.25")).factor == 0.25
    assert refusal(fast=Decimal("2.5")).message == "Cross.fast must be int, got 2.5"


@given(st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_bounds_hold_exactly(fast: int, slow: int) -> None:
    fine = 2 <= fast <= 200 and fast < slow < 400
    try:
        Cross(fast=fast, slow=slow)
    except fw.UsageError:
        assert not fine
    else:
        assert fine


def test_parameters_and_state_are_inherited() -> None:
    class Narrow(Cross):
        fast: int = fw.param(5, ge=5, le=6)
        bonus: int = fw.param(1)

    assert list(Narrow().params) == ["fast", "slow", "factor", "mode", "eager", "bonus"]
    assert Narrow().fast == 5
    with pytest.raises(fw.UsageError, match="must be >= 5"):
        Narrow(fast=4)


def test_state_is_fresh_in_every_run_and_defaults_are_not_shared() -> None:
    lengths = []

    class Collects(Cross):
        def on_bar(self, bar: Any) -> None:
            self.seen.append(bar.index)
            self.entries += 1

        def on_stop(self) -> None:
            lengths.append((len(self.seen), self.entries))

    strategy = Collects()
    for _ in range(3):
        fw.run(strategy, days(10), isolation="strict")
    assert lengths == [(10, 10)] * 3
    assert strategy.entries == 0
    assert strategy.seen == []
    assert Collects().seen is not Collects().seen


def test_a_run_works_on_a_copy_so_attributes_do_not_survive() -> None:
    class Own(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            assert not hasattr(self, "mine") or bar.index
            self.mine = bar.index

    strategy = Own()
    fw.run(strategy, days(5))
    fw.run(strategy, days(5))
    assert not hasattr(strategy, "mine")


def test_one_callback_for_bars() -> None:
    with pytest.raises(fw.UsageError, match="has both on_bar and on_bars"):

        class Both(fw.Strategy):
            def on_bar(self, bar: Any) -> None: ...

            def on_bars(self, bars: Any) -> None: ...


def test_an_own_constructor_with_arguments_is_explained() -> None:
    class Own(fw.Strategy):
        def __init__(self, size: int) -> None:
            super().__init__()
            self.size = size

    with pytest.raises(fw.UsageError) as caught:
        fw.run(Own(3), days(5))
    assert "cannot be made afresh from its parameters" in caught.value.message
    assert "fw.param" in (caught.value.remedy or "")


def test_parameters_stand_in_the_record() -> None:
    class Noop(Cross):
        def on_bar(self, bar: Any) -> None: ...

    one, two = (fw.run(Noop(fast=fast), days(5)).record.info["input_fingerprint"] for fast in (10, 11))
    assert one != two
