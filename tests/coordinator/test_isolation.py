"""A run changes nothing outside itself; where a strategy does, the run says so."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fillwright as fw
from coordinator.worlds import Alternate, days, python
from fillwright.model.codes import RunState

SHARED: list[int] = []
NOTED: dict[str, list[int]] = {"a": []}


class Leaky(fw.Strategy):
    """Does one thing at the third bar."""

    seen: list[int] = []  # noqa: RUF012
    count = 0

    def on_bar(self, bar: Any) -> None:
        if bar.index == 2:
            self.leak()

    def leak(self) -> None:
        """Nothing."""


class ClassAttribute(Leaky):
    def leak(self) -> None:
        type(self).count += 1


class ClassList(Leaky):
    def leak(self) -> None:
        self.seen.append(1)


class ModuleList(Leaky):
    def leak(self) -> None:
        SHARED.append(1)


class ModuleNested(Leaky):
    def leak(self) -> None:
        NOTED["a"].append(1)


class NewGlobal(Leaky):
    def leak(self) -> None:
        globals()["INVENTED"] = 1


class Environment(Leaky):
    def leak(self) -> None:
        os.environ["FILLWRIGHT_TEST_LEAK"] = "1"


class Directory(Leaky):
    def leak(self) -> None:
        os.chdir("..")


class Seeds(Leaky):
    def leak(self) -> None:
        random.seed(7)


class Draws(Leaky):
    def leak(self) -> None:
        random.random()


class NumpySeeds(Leaky):
    def leak(self) -> None:
        np.random.seed(7)


class NumpyDraws(Leaky):
    def leak(self) -> None:
        np.random.normal()


LEAKS = {
    ClassAttribute: "class ClassAttribute: count is new",
    ClassList: "class Leaky: seen was changed",
    ModuleList: "SHARED was changed",
    ModuleNested: "NOTED was changed",
    NewGlobal: "INVENTED is new",
    Environment: "environment variables was changed",
    Directory: "working directory was changed",
    Seeds: "random's global state was changed",
    Draws: "random's global state was changed",
    NumpySeeds: "numpy.random's global state was changed",
    NumpyDraws: "numpy.random's global state was changed",
}


@pytest.fixture(autouse=True)
def put_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Undo what the strategies do."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Leaky, "seen", [])
    states = random.getstate(), np.random.get_state()
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])
    os.environ.pop("FILLWRIGHT_TEST_LEAK", None)
    globals().pop("INVENTED", None)
    SHARED.clear()
    NOTED["a"].clear()
    if "count" in vars(ClassAttribute):
        del ClassAttribute.count


@pytest.mark.parametrize("cls", list(LEAKS))
def test_each_leak_is_named(cls: type[Leaky]) -> None:
    result = fw.run(cls(), days(), isolation="warn")
    (warning,) = [text for text in result.warnings if text.startswith("isolation")]
    assert LEAKS[cls] in warning
    assert warning in str(result).replace("\n", " ") or LEAKS[cls].split()[0] in str(result)


@pytest.mark.parametrize("cls", [Leaky, Alternate])
def test_a_clean_strategy_has_no_warnings(cls: type[fw.Strategy]) -> None:
    assert fw.run(cls(), days()).warnings == ()
    assert fw.run(cls(), days(), isolation="strict").warnings == ()


def test_strict_fails_the_run() -> None:
    with pytest.raises(fw.RunFailed, match=r"changed what lies outside it: .*SHARED was changed") as caught:
        fw.run(ModuleList(), days(), isolation="strict")
    result = caught.value.result  # type: ignore[attr-defined]
    assert result.state is RunState.FAILED
    assert "fw.state" in (caught.value.remedy or "")


def test_own_attributes_are_no_leak() -> None:
    class Keeps(fw.Strategy):
        best: float = fw.state(0.0)

        def on_start(self) -> None:
            self.list: list[float] = []
            self.rng = np.random.default_rng(3)

        def on_bar(self, bar: Any) -> None:
            self.list.append(bar.close + self.rng.normal())
            self.best = max(self.best, bar.close)

    assert fw.run(Keeps(), days(), isolation="strict").warnings == ()


def test_an_order_that_waits_for_another_is_in_the_memory_as_in_the_journal() -> None:
    """Targets do not count it, however large, until it is released."""

    class Waits(fw.Strategy):
        given: fw.Order | None = None

        def on_bar(self, bar: Any) -> None:
            if self.given is None:
                self.given = self.buy(bar.symbol, 10, limit=bar.close / 2)
                self.sell(bar.symbol, 25, after=self.given)

    assert fw.run(Waits(), days(), isolation="strict").certificate.ok


def test_market_data_cannot_be_written() -> None:
    market = days()

    class Writes(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            market.feeds[0].close[3] = 1

    with pytest.raises(fw.StrategyError, match="read-only"):
        fw.run(Writes(), market)
    with pytest.raises(ValueError, match="WRITEABLE"):
        market.feeds[0].close.setflags(write=True)


def test_loading_numpy_random_is_no_change(root: Path) -> None:
    """numpy loads it on first use; that draws nothing that anyone else could have seen."""
    program = """
import sys
import fillwright as fw
class Draws(fw.Strategy):
    def on_bar(self, bar):
        import numpy as np
        np.random.default_rng(1).normal()
print(fw.run(Draws(), fw.make_bars(9, instrument=fw.Instrument("X"))).warnings)
"""
    assert python(root, program).stdout.strip() == "()"
