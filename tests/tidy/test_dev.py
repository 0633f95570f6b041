"""The developer's commands, the Makefile and the pinned versions belong together."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_old_interpreters_can_read_dev() -> None:
    ast.parse((ROOT / "dev.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_every_command_is_a_target() -> None:
    run = subprocess.run([sys.executable, "dev.py", "help"], cwd=ROOT, capture_output=True, text=True)
    listed = re.findall(r"^    ([a-z]+)  +\S", run.stdout, re.MULTILINE)
    phony = re.search(r"^\.PHONY: help (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert run.returncode == 0
    assert phony is not None
    assert set(listed) == set(phony[1].split())
    assert subprocess.run([sys.executable, "dev.py", "tset"], cwd=ROOT, capture_output=True).returncode == 2


def test_ci_runs_the_test_command() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text(encoding="utf-8")


@pytest.mark.parametrize("file", ["constraints.txt", "constraints-bench.txt", "constraints-bench-vectorbt.txt"])
def test_versions_are_pinned_without_addresses(file: str) -> None:
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*==[0-9][0-9a-z.+]*( ; [^/]+)?", line), line


def test_every_requirement_is_pinned() -> None:
    pins = {_normal(line.split("==")[0]) for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()}
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *(line for lines in extras.values() for line in lines)]
    names = {_normal(re.split(r"[\s<>=!~;\[]", line)[0]) for line in wanted}
    assert names <= pins


def test_marks_left_out_are_run_somewhere() -> None:
    dev = (ROOT / "dev.py").read_text(encoding="utf-8")
    left_out = re.findall(r"not (\w+)", PROJECT["tool"]["pytest"]["ini_options"]["addopts"][-1])
    assert left_out
    for mark in left_out:
        assert re.search(rf'"-m", "[^"]*\b{mark}\b', dev), mark
