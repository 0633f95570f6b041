"""What all tests share: where the shared examples lie, how Hypothesis draws, and a count of what was not run."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

# `test`: the same examples every time, so that a change is judged by the change. `sim`: new ones, the seed is printed by dev.py.
settings.register_profile("test", derandomize=True, deadline=None, max_examples=60, database=None)
settings.register_profile(
    "sim",
    deadline=None,
    max_examples=2_000,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("FILLWRIGHT_PROFILE", "test"))

ELSEWHERE = {"sim": "make sim", "browser": "make check", "mutation": "make check"}
_left_out: Counter[str] = Counter()


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared examples and data beside the repository (or where FILLWRIGHT_SHARED says); skips where absent."""
    path = Path(os.environ.get("FILLWRIGHT_SHARED") or ROOT.parent / "shared")
    if not path.is_dir():
        pytest.skip("the folder `shared` beside the repository is absent (FILLWRIGHT_SHARED names another place)")
    return path


@pytest.fixture(scope="session")
def seed() -> int:
    """The seed of a simulation: FILLWRIGHT_SEED, 0 where none is set."""
    return int(os.environ.get("FILLWRIGHT_SEED", "0"))


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count what the marker expression left out, by the command that runs it."""
    for item in items:
        for mark, command in ELSEWHERE.items():
            if item.get_closest_marker(mark):
                _left_out[f"marked `{mark}`: {command}"] += 1
                break


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not run and where it runs; leave the counts to dev.py where it asks for them."""
    stats = terminalreporter.stats
    counts: dict[str, object] = {
        "passed": len(stats.get("passed", [])),
        "failed": len(stats.get("failed", [])) + len(stats.get("error", [])),
        "skipped": len(stats.get("skipped", [])),
    }
    for report in stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _left_out[f"skipped: {reason.removeprefix('Skipped: ')}"] += 1
    counts["left_out"] = dict(_left_out)
    for reason, number in sorted(_left_out.items()):
        terminalreporter.write_line(f"not run: {number} {reason}")
    target = os.environ.get("FILLWRIGHT_COUNTS")
    if target:
        Path(target).write_text(json.dumps(counts), encoding="utf-8")
