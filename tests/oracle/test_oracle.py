"""The engine against the naive reference: the same scenario must leave the same journal, number for number."""

from __future__ import annotations

import pytest
from hypothesis import given

from oracle import harness
from reference.scenario import Scenario
from strategies import random_scenario, scenarios

PLAIN_SEEDS = 300
SIM_SEEDS = 10_000

pytestmark = pytest.mark.kernel


def compare(first: int, number: int) -> None:
    """Fail with the first seed that differs, its difference and its smallest scenario."""
    for seed in range(first, first + number):
        scenario = random_scenario(seed)
        if harness.difference(scenario):
            pytest.fail(harness.report(seed, scenario), pytrace=False)


@pytest.mark.slow
def test_known_seeds() -> None:
    compare(0, PLAIN_SEEDS)


@given(scenarios())
def test_any_scenario(scenario: Scenario) -> None:
    assert harness.difference(scenario) == ""


@pytest.mark.sim
def test_many_seeds(seed: int) -> None:
    first = seed * SIM_SEEDS
    print(f"seeds {first} to {first + SIM_SEEDS - 1}")
    compare(first, SIM_SEEDS)
