"""The mutator changes what it says, and nothing else; a few mutants that must be caught are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mutation import mutator, trial
from mutation.mutator import mutants


def changes(body: str) -> list[str]:
    """The changed lines of a function with this body."""
    source = "def f(a, b):\n" + "".join(f"    {line}\n" for line in body.split("\n"))
    return [mutant.after for mutant in mutants("f.py", source)]


@pytest.mark.parametrize(
    "body, expected",
    [
        ("return a + b", ["return -(a + b)", "return a - b"]),
        ("return g(a * b)", ["return g(a // b)"]),
        ("return g(a // b)", ["return g(a * b)"]),
        ("x = a < b", ["x = a <= b"]),
        ("x = a >= b == a", ["x = a > b == a", "x = a >= b != a"]),
        ("x = a and b", ["x = a or b"]),
        ("x = not a", ["x = not not a"]),
        ("x = -a", ["x = +a"]),
        ("x = 7", ["x = 8", "x = 6"]),
        ("x = 0.5", ["x = -0.5", "x = 1.5"]),
        ("x = 9e18", []),
        ("x = True", ["x = False"]),
        ("x = min(a, b)", ["x = max(a, b)"]),
        ("x = np.maximum(a, b)", ["x = np.minimum(a, b)"]),
        ("np.add.at(a, b)", ["pass", "np.add.at(b, a)", "np.subtract.at(a, b)"]),
        ("x = g(a, b)", ["x = g(b, a)"]),
        ("x = muldiv(a, b, c)", ["x = muldiv(a, c, b)"]),
        ("a['x'] = b", ["pass"]),
        ("a += b", ["pass", "a -= b"]),
        ("if a > b:\n    raise ValueError('no')", ["if a >= b:", "pass"]),
        ("x = np.searchsorted(a, a, 'left')", ["x = np.searchsorted(a, 'left', a)", "x = np.searchsorted(a, a, 'right')"]),
    ],
)
def test_each_kind_of_change(body: str, expected: list[str]) -> None:
    assert sorted(changes(body)) == sorted(expected)


@pytest.mark.parametrize("body", ['"""Words, 1 + 2."""', "expect_lot(a, 1 + 2)", "x: tuple[1, 2] = a", "x = f'{a + b}'", "pass"])
def test_what_is_left_alone(body: str) -> None:
    assert changes(body) == []


@pytest.mark.parametrize("file", trial.FILES)
def test_every_mutant_of_a_file_is_another_program(file: str) -> None:
    """A sample: each compiles, its function is found, and its code differs."""
    every = mutants(file)
    assert len(every) > 20
    module = mutator.module_of(file)
    known = mutator.functions(module)
    for mutant in every[:: max(1, len(every) // 15)]:
        before = known[mutant.function].__code__
        assert mutator.code_in(compile(mutant.tree(), str(module.__file__), "exec"), before) != before, str(mutant)


def test_the_table_of_survivors_names_mutants_that_exist() -> None:
    known = {key for file in trial.FILES for key in (mutant.key for mutant in mutants(file))}
    missing = [key for key in trial.listed() if key not in known]
    assert not missing
    assert all(len(why) > 10 for why in trial.listed().values())


def test_a_few_mutants_are_caught(root: Path) -> None:
    """A sample of one file through the whole machine, in a process without compilation."""
    paths = os.pathsep.join(str(root / part) for part in ("src", "tests"))
    env = dict(os.environ, NUMBA_DISABLE_JIT="1", PYTHONPATH=paths)
    command = [sys.executable, "-m", "mutation.trial", "verify/links.py", "--fraction", "0.05", "--processes", "1"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "100.0 % caught" in done.stdout
