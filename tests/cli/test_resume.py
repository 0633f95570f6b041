"""``fillwright run --checkpoint``, ``resume`` and ``fork`` from outside: exit codes, messages, the same folder."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.test_run import CONFIG, caller
from fillwright.cli import main

pytestmark = pytest.mark.slow

STRATEGIES = '''\
import fillwright as fw


class Keeps(fw.Strategy):
    """Keeps what it does not declare, and asks for a checkpoint now and then."""

    every_: int = fw.param(7)

    def on_start(self):
        self.closes = []

    def on_bar(self, bar):
        self.closes.append(bar.close)
        if len(self.closes) % self.every_ == 0:
            self.target(bar.symbol, 3 if bar.close > sum(self.closes) / len(self.closes) else -3)
        if len(self.closes) % 100 == 0:
            self.checkpoint()
'''


@dataclass(frozen=True)
class Done:
    """What a command printed."""

    stdout: str
    stderr: str


Here = Callable[..., Done]


def here(folder: Path) -> Here:
    """Commands in a folder, in this process."""

    def call(*arguments: str, code: int = 0) -> Done:
        log = logging.getLogger("fillwright")
        level = log.level
        with contextlib.chdir(folder), redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            try:
                found = main(arguments)
            finally:
                log.setLevel(level)
        assert found == code, err.getvalue()
        return Done(out.getvalue(), err.getvalue())

    return call


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, a configuration, a strategy, and two runs that have ended, each with its checkpoint."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "run.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "mine.py").write_text(STRATEGIES, encoding="utf-8")
    call = here(folder)
    call("data", "make", "M.csv", "--bars", "300", "--seed", "5", "--timeframe", "1d", "--symbol", "M")
    call("run", "run.yaml", "--checkpoint", "half.checkpoint", "--checkpoint-every", "150", "--quiet")
    mine = ("--set", "strategy={name: 'mine.py:Keeps'}", "--set", "run.checkpoint.file=mine.checkpoint")
    call("run", "run.yaml", *mine, "--out", "mine", "--quiet")
    return folder


@pytest.fixture
def cli(place: Path) -> Here:
    return here(place)


def same_folder(one: Path, two: Path) -> None:
    """All files are equal; of run.json all but how long it took."""
    first, second = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in (one, two))
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name] and name not in ("run.json", "certificate.json")] == []
    facts = [json.loads(files["run.json"]) for files in (first, second)]
    for fact in facts:
        fact.pop("timings")
    assert facts[0] == facts[1]


def test_a_run_goes_on_in_another_process_to_the_same_folder(cli: Here, place: Path, root: Path) -> None:
    done = caller(root, place)("resume", "half.checkpoint", "--out", "resumed")
    assert done.stdout.startswith("made\n  reconciled      300 marks, residual 0\n")
    same_folder(place / "out", place / "resumed")
    assert cli("verify", "resumed").stdout.startswith("verified: resumed\n")


def test_a_strategy_that_keeps_more_is_repeated_to_the_same_folder(cli: Here, place: Path) -> None:
    assert cli("resume", "mine.checkpoint", "--out", "mine2", "--quiet").stdout == ""
    same_folder(place / "mine", place / "mine2")


def test_a_fork_says_where_it_comes_from_and_leaves_the_rest_alone(cli: Here, place: Path) -> None:
    before = (place / "half.checkpoint").read_bytes()
    done = cli("fork", "half.checkpoint", "--set", "strategy.params.fast=9", "--out", "forked", "--json")
    answer = json.loads(done.stdout)
    origin = json.loads((place / "out" / "run.json").read_bytes())["info"]["input_fingerprint"]
    assert answer["warnings"][0].startswith("forked after 2020-05-30") and origin in answer["warnings"][0]
    facts = json.loads((place / "forked" / "run.json").read_bytes())
    assert facts["info"]["forked_from"] == origin
    assert facts["config"]["strategy"]["params"]["fast"] == 9
    assert (place / "half.checkpoint").read_bytes() == before
    assert cli("verify", "forked").stdout.startswith("verified: forked\n")
    other = cli("fork", "half.checkpoint", "--set", "strategy={name: 'mine.py:Keeps', params: {every_: 5}}")
    assert other.stdout.endswith("not saved; --out FOLDER keeps it\n")
    assert "none was taken: run.checkpoint.file names no file" in " ".join(other.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["resume", "none.checkpoint"], 2, "none.checkpoint: there is no such file"),
        (["resume", "M.csv"], 1, "M.csv: is no checkpoint"),
        (["resume", "half.checkpoint", "--base", "nowhere"], 2, "the folder of its configuration is not there"),
        (["fork", "half.checkpoint", "--set", "costs.commission.rate=0.2%"], 2, "costs.commission.rate was '0.001', is '0.002'"),
        (["fork", "half.checkpoint", "--set", "strategy.params.fst=3"], 2, "has no parameter 'fst'"),
        (["fork", "half.checkpoint", "--set", "data.end=2020-06-01"], 2, "was taken on other market data"),
        (["run", "run.yaml", "--checkpoint-every", "30d"], 2, "run.checkpoint.every: needs the key 'file'"),
        (
            ["run", "run.yaml", "--checkpoint", "M.csv", "--checkpoint-every", "9"],
            2,
            "M.csv: is there already and is no checkpoint",
        ),
    ],
)
def test_what_is_wrong_is_said(cli: Here, arguments: list[str], code: int, expected: str) -> None:
    assert expected in cli(*arguments, code=code).stderr


def test_a_changed_strategy_file_is_an_error_and_can_be_forked(cli: Here, place: Path) -> None:
    text = (place / "mine.py").read_text(encoding="utf-8")
    (place / "mine.py").write_text(text.replace("-3", "-4"), encoding="utf-8")
    try:
        stderr = cli("resume", "mine.checkpoint", code=2).stderr
        assert "its source (or that of a local file it imports) has been changed" in stderr
        assert "fillwright fork" in stderr
        assert "what Keeps kept and did not declare began afresh" in cli("fork", "mine.checkpoint", "--json").stdout
    finally:
        (place / "mine.py").write_text(text, encoding="utf-8")


def test_the_files_may_have_moved(place: Path, tmp_path: Path) -> None:
    for name in ("M.csv", "half.checkpoint"):
        shutil.copy(place / name, tmp_path / name)
    away = here(tmp_path)
    away("resume", "half.checkpoint", "--base", ".", "--out", "there", "--quiet")
    same_folder(place / "out", tmp_path / "there")
