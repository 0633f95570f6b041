"""Every planted leak is found and named with its line; strategies that leak nothing are left in peace."""

from __future__ import annotations

import json
import os
import re
import sys
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import fillwright as fw
from doctor.clean import clean_subjects
from fillwright.doctor.diagnosis import Diagnosis
from fillwright.doctor.isolation import diagnoses, isolation
from fillwright.doctor.leftovers import living
from fillwright.doctor.subject import Subject
from fillwright.doctor.suspects import suspects
from fillwright.strategies import resolve

PLANTED = Path(__file__).parent / "planted"
NAMES = sorted(path.stem for path in PLANTED.glob("*.py"))
MARKET = fw.make_bars(60, seed=3, instrument=fw.Instrument("X"))
FEW = (
    "class_attribute", "default_argument", "module_cache", "lru_cache", "kept_strategies", "random_module", "wall_clock", "set_order",
    "patched_on_import", "environment", "temporary_file", "closure", "singleton", "pickle_read_back", "identity", "writes_data",
)  # fmt: skip
"""The plants of the plain run, one of each kind of thing; `make sim` has all of them."""


def load(name: str) -> Any:
    """The class in a file, its module as the engine would load it."""
    return resolve(f"{name}.py:Planted", {}, PLANTED)


def examined(names: Sequence[str], place: Path, clean: Sequence[Subject] = ()) -> dict[Any, Any]:
    """The diagnoses of plants by name, and of clean subjects by number: all in one set of processes."""
    before, path, dumps = os.getcwd(), list(sys.path), json.dumps
    os.chdir(place)
    try:
        subjects = [Subject.of(load(name), MARKET, None) for name in names]
        json.dumps, sys.path[:] = dumps, path  # what importing two of them changed here
        return dict(zip([*names, *range(len(clean))], diagnoses([*subjects, *clean], runs=0), strict=True))
    finally:
        json.dumps, sys.path[:] = dumps, path
        os.chdir(before)


SOME = 7


def leaks(name: str) -> list[tuple[str, str]]:
    """(file:line, what is to be said) of a plant."""
    path = PLANTED / f"{name}.py"
    lines = path.read_text(encoding="utf-8").splitlines()
    return [(f"{path}:{k}", line.partition("# leak: ")[2]) for k, line in enumerate(lines, 1) if "# leak: " in line]


def test_there_are_enough_of_them() -> None:
    assert len(NAMES) >= 25
    assert all(leaks(name) for name in NAMES)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> dict[Any, Any]:
    """Diagnoses of some plants, and of some strategies that leak nothing."""
    return examined(FEW, tmp_path_factory.mktemp("place"), clean_subjects()[::SOME])


@pytest.fixture(scope="module")
def all_of_them(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Diagnoses of all plants."""
    return examined(NAMES, tmp_path_factory.mktemp("place"))


def assert_named(name: str, diagnosis: Any) -> None:
    """The leak is found, with its line, what it is and what to do."""
    assert isinstance(diagnosis, Diagnosis), diagnosis
    assert not diagnosis.ok
    for place, said in leaks(name):
        naming = [one for one in diagnosis.findings if re.search(rf"{re.escape(place)}(?!\d)", one.where)]
        assert naming, diagnosis.text()
        assert any(said in f"{one.what} {one.where}" for one in naming), diagnosis.text()
        assert all(one.remedy for one in naming)


@pytest.mark.parametrize("name", FEW)
def test_each_leak_is_found_and_named_with_its_line(name: str, few: dict[str, Any]) -> None:
    assert_named(name, few[name])


@pytest.mark.sim
@pytest.mark.parametrize("name", NAMES)
def test_every_leak_is_found_and_named_with_its_line(name: str, all_of_them: dict[str, Any]) -> None:
    assert_named(name, all_of_them[name])


DIFFERENT = {
    "default_argument": "again", "random_module": "again", "wall_clock": "again", "singleton": "again", "pickle_read_back": "again",
    "set_order": "fresh processes", "identity": "fresh processes",
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENT)
def test_where_results_differ_the_first_difference_is_told(name: str, few: dict[str, Any]) -> None:
    check = next(check for check in few[name].checks if check.name == DIFFERENT[name])
    (finding,) = check.findings
    assert "the result is another one" in finding.what
    assert " at 20" in finding.what


@pytest.mark.parametrize("name", ["environment", "lru_cache", "class_attribute", "temporary_file"])
def test_where_results_are_equal_no_difference_is_claimed(name: str, few: dict[str, Any]) -> None:
    named = {check.name: check for check in few[name].checks}
    for label in ("again", "after other runs", "fresh processes", "threads", "process pool"):
        assert named[label].ok and not named[label].skipped


def test_what_is_kept_alive_is_named_with_its_holder(few: dict[str, Any]) -> None:
    (finding,) = next(check for check in few["kept_strategies"].checks if check.name == "objects").findings
    assert "Planted still alive" in finding.what
    assert finding.facts["holder"] == "kept_strategies.ALL"


@pytest.mark.sim
def test_memory_that_grows_is_found() -> None:
    diagnosis = isolation(load("growing"), MARKET, runs=120)
    (finding,) = next(check for check in diagnosis.checks if check.name == "memory").findings
    assert "120 runs left 12" in finding.what and "100 kB each" in finding.what
    ((place, _),) = leaks("growing")
    assert finding.facts["line"] == place


def assert_clean(diagnosis: Any, skipped: list[str]) -> None:
    """Nothing is found, nothing noted, everything done."""
    assert isinstance(diagnosis, Diagnosis), diagnosis
    assert diagnosis.ok, diagnosis.text()
    assert [check.name for check in diagnosis.checks if check.skipped] == skipped
    assert not diagnosis.notes


def test_strategies_that_leak_nothing_are_left_in_peace(few: dict[Any, Any]) -> None:
    for number in range(len(clean_subjects()[::SOME])):
        assert_clean(few[number], ["memory"])


@pytest.mark.sim
def test_fifty_strategies_that_leak_nothing_are_left_in_peace() -> None:
    subjects = clean_subjects()
    assert len(subjects) >= 50
    for diagnosis in diagnoses(subjects, runs=10):
        assert_clean(diagnosis, [])


@pytest.mark.sim
def test_memory_of_five_hundred_runs() -> None:
    diagnosis = isolation(clean_subjects()[0], runs=500)
    assert diagnosis.ok, diagnosis.text()
    assert "after 500 runs" in next(check for check in diagnosis.checks if check.name == "memory").done


def test_a_class_that_only_this_process_has_is_checked_here() -> None:
    kept: list[float] = []

    class Local(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            kept.append(bar.close)
            self.target(bar.symbol, len(kept) % 7)

    diagnosis = isolation(Local(), MARKET, runs=0)
    checks = {check.name: check for check in diagnosis.checks}
    assert not checks["again"].ok
    assert checks["fresh processes"].skipped
    assert kept == []  # it ran in a copy of this process


def test_errors_of_the_run_are_raised() -> None:
    class Raises(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            raise ValueError("no such luck")

    with pytest.raises(fw.StrategyError, match="no such luck"):
        isolation(Raises(), MARKET, runs=0)
    with pytest.raises(fw.UsageError, match="cannot make -1 runs"):
        isolation(Raises(), MARKET, runs=-1)


def test_suspects_are_found_by_what_they_mean_not_by_how_they_are_written(tmp_path: Path) -> None:
    source = """\
import numpy as np
import time as clock
from datetime import datetime as moment
from random import shuffle
from numpy.random import default_rng
a = clock.time()
b = moment.now()
shuffle([])
c = np.random.rand(3)
d = default_rng()
fine = default_rng(3).normal(), np.random.default_rng(4), sorted({1, 2}), "time.time()"
e = [x for x in {1, 2}]
names = set()
f = list(names)
self_id = fine.id(3)
"""
    path = tmp_path / "source.py"
    path.write_text(source)
    assert [(one.line, one.kind) for one in suspects([path])] == [
        (6, "clock"), (7, "clock"), (8, "chance"), (9, "chance"), (10, "chance"), (12, "order"), (14, "order"),
    ]  # fmt: skip


CONFIG = """\
version: 1
run: {isolation: strict, out: never}
data: {sources: [{symbol: X, path: X.csv, timeframe: 1d}]}
strategy: {name: "mine.py:Mine"}
"""
MINE = """\
import fillwright as fw

SEEN = []


class Mine(fw.Strategy):
    def on_bar(self, bar):
        SEEN.append(bar.index)
        self.target(bar.symbol, len(SEEN) % 4)
"""


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from fillwright.cli import main
    from fillwright.data import write_csv

    write_csv(MARKET, tmp_path / "X.csv")
    (tmp_path / "mine.py").write_text(MINE)
    config = tmp_path / "run.yaml"
    config.write_text(CONFIG)
    assert main(["doctor", "isolation", str(config), "--runs", "3", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    state = next(check for check in answer["checks"] if check["name"] == "state")
    assert [(one["line"], one["what"]) for one in state["findings"]] == [
        (f"{tmp_path / 'mine.py'}:8", "module mine: SEEN was changed")
    ]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__") == ["X.csv", "mine.py", "run.yaml"]
    assert main(["doctor", "isolation", str(config), "--set", "strategy.name='mine.py:Yours'"]) == 2
    assert "has no strategy 'Yours'" in capsys.readouterr().err


def test_proxies_of_objects_that_are_gone_do_no_harm() -> None:
    """Asking such a proxy for its class raises; the search for living objects asks for its type."""
    target = Alive()
    proxy = weakref.proxy(target)
    del target
    assert living() == living()
    with pytest.raises(ReferenceError):
        isinstance(proxy, Alive)


class Alive:
    pass
