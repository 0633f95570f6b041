"""Tables that grow in the middle of a run, and runs without compilation, change nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import fillwright as fw
from coordinator.worlds import Alternate, fingerprint, minutes, python
from fillwright.coordinator import runner
from fillwright.coordinator.memory import lay_out
from fillwright.kernel import state as kernel_state
from fillwright.kernel.state import BOUNDED, GROWING, OF_REPORTS, SWITCHES_AT_ONCE, State
from oracle import harness
from strategies import faulty_scenario, random_scenario

GROWN: list[str] = []


@pytest.fixture
def stingy(monkeypatch: pytest.MonkeyPatch) -> None:
    """States that begin with hardly any room and never take more than they must."""
    GROWN.clear()

    def small(*arguments: Any) -> State:
        state = lay_out(*arguments)
        state.scalars["room"] = 4 * int(state.scalars["n_instruments"])  # a batch of targets, reversed, must fit
        for name in GROWING:
            state._allocate(name, max(int(state.scalars[f"n_{name}"]), 1))
        return state

    def grow(self: State) -> None:
        wanted = {
            name: int(self.scalars[f"n_{name}"]) + int(extra)
            for name, extra in zip(
                BOUNDED, kernel_state.needs(self.scalars, self.scalars["live"] + self.scalars["room"]), strict=True
            )
        }
        take(self, wanted | {"switches": int(self.scalars["n_switches"]) + SWITCHES_AT_ONCE})
        if self.scalars["faults"]:
            take(self, dict(zip(OF_REPORTS, kernel_state.report_needs(self.scalars), strict=True)))

    def take(state: State, wanted: dict[str, int]) -> None:
        for name, rows in wanted.items():
            if rows > int(state.scalars[f"{name}_cap"]):
                state._allocate(name, int(rows))
                GROWN.append(name)

    monkeypatch.setattr(harness, "lay_out", small)
    monkeypatch.setattr(runner, "lay_out", small)
    monkeypatch.setattr(State, "grow", grow)


@pytest.mark.kernel
@pytest.mark.nojit
def test_growth_keeps_results(stingy: None) -> None:
    for seed in range(6):
        assert harness.difference(random_scenario(seed)) == ""
        assert harness.difference(faulty_scenario(seed)) == ""
    assert set(GROWN) >= set(GROWING) - {"commands"}
    assert len(GROWN) > 200


@pytest.mark.kernel
def test_growth_keeps_the_records_of_a_whole_run(stingy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Busy(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            self.cancel_all()
            for step in range(bar.index % 5):
                self.buy(bar.symbol, 1, limit=bar.close * (1 - step / 1000))
            self.target(bar.symbol, bar.index % 7 - 3)

    market = minutes(400)
    tight = fw.run(Busy(), market, leverage=10)
    assert len(GROWN) > 500
    monkeypatch.undo()
    roomy = fw.run(Busy(), market, leverage=10)
    assert fingerprint(tight) == fingerprint(roomy)
    for name, rows in roomy.record.tables.items():
        assert [tuple(row) for row in rows] == [tuple(row) for row in tight.record.tables[name]]


@pytest.mark.kernel
@pytest.mark.nojit
def test_the_reference_agrees_compiled_or_not() -> None:
    """A few scenarios that also run as plain Python (the whole comparison is in ``tests/oracle``)."""
    for seed in range(100, 112):
        assert harness.difference(random_scenario(seed)) == ""


PLAIN = """
import sys
sys.path.insert(0, sys.argv[1])
import fillwright as fw
from coordinator.worlds import Alternate, fingerprint, minutes
from fillwright.kernel._jit import JIT_OFF
print(JIT_OFF, *fingerprint(fw.run(Alternate(), minutes(300), commission="0.1%", slippage="2bp", path="probabilistic")))
"""


@pytest.mark.kernel
def test_a_whole_run_as_plain_python_leaves_the_same_journal(root: Path) -> None:
    result = fw.run(Alternate(), minutes(300), commission="0.1%", slippage="2bp", path="probabilistic")
    assert result.certificate.ok
    done = python(root, PLAIN, str(root / "tests"), NUMBA_DISABLE_JIT="1")
    assert done.stdout.split() == ["True", *fingerprint(result)], done.stderr
