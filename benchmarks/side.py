"""The programs that are measured, the environments they live in, and how one of them is run once on one core."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "benchmarks"
DATA = HERE / "data"
TIMEOUT = 900
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS")

sys.path.insert(0, str(ROOT))

from dev import ensure, environment  # noqa: E402

# Environment -> the file of pinned versions that fills it. vectorbt and nautilus_trader ask for different lines of pandas.
SIDES = {".venv-bench": "constraints-bench.txt", ".venv-bench-vectorbt": "constraints-bench-vectorbt.txt"}


@dataclass(frozen=True)
class Program:
    """One thing to measure. ``bars``: rows it runs; slow tools run the first rows only and are compared per bar."""

    name: str
    package: str
    venv: str
    script: str
    scenario: str
    bars: int


def _tool(name: str, scenario: str, bars: int, venv: str = ".venv-bench", package: str = "") -> Program:
    return Program(name, package or name, venv, f"adapters/run_{name.partition('_')[0]}.py", scenario, bars)


YARDSTICK = "bare loop"
PROGRAMS = (
    Program(YARDSTICK, "numba", ".venv", "adapters/run_bare.py", "minute", 1_000_000),
    Program("fillwright compiled", "fillwright", ".venv", "ours.py", "minute:compiled", 1_000_000),
    Program("fillwright", "fillwright", ".venv", "ours.py", "minute", 1_000_000),
    Program("fillwright signals", "fillwright", ".venv", "ours.py", "minute:signals", 1_000_000),
    _tool("vectorbt", "minute", 1_000_000, ".venv-bench-vectorbt"),
    _tool("backtesting", "minute", 1_000_000),
    _tool("bt", "minute", 200_000),
    _tool("nautilus_trader", "minute", 100_000),
    _tool("backtrader", "minute", 100_000),
    Program(YARDSTICK, "numba", ".venv", "adapters/run_bare.py", "portfolio", 10_000),
    Program("fillwright arrays", "fillwright", ".venv", "ours.py", "portfolio", 10_000),
    Program("fillwright", "fillwright", ".venv", "ours.py", "portfolio:python", 10_000),
    _tool("vectorbt", "portfolio", 10_000, ".venv-bench-vectorbt"),
    _tool("bt", "portfolio", 10_000),
    Program(YARDSTICK, "numba", ".venv", "adapters/run_bare.py", "quotes", 1_000_000),
    Program("fillwright", "fillwright", ".venv", "ours.py", "quotes", 1_000_000),
    Program("fillwright compiled", "fillwright", ".venv", "ours.py", "quotes:compiled", 1_000_000),
    _tool("nautilus_trader", "quotes", 1_000_000),
)


def interpreter(venv: str) -> Path:
    """Python of an environment; side environments are made when they are missing."""
    if venv in SIDES:
        return Path(ensure(str(ROOT / venv), "tools", [["-r", SIDES[venv]]]))
    return ROOT / venv / "bin" / "python"


def one_core() -> int:
    """The core that everything measured runs on: the last one this process may use."""
    return max(os.sched_getaffinity(0))


def quiet(**changes: str) -> dict[str, str]:
    """Environment of a measured process: one thread everywhere."""
    return environment(**dict.fromkeys(THREADS, "1"), **changes)


@dataclass(frozen=True)
class Outcome:
    """A finished process: exit code, wall and processor seconds, peak resident MiB, what it printed."""

    code: int
    wall: float
    cpu: float
    peak_mib: float
    output: str


def launch(command: list[str], core: int, env: dict[str, str] | None = None, cwd: Path = ROOT) -> Outcome:
    """Run one process on one core and wait for it with its resource usage."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=env or quiet(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: (os.sched_setaffinity(0, {core}), signal.alarm(TIMEOUT)),
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    return Outcome(process.returncode, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output)


def once(program: Program, core: int) -> dict[str, Any]:
    """One run of a program: what it printed, or {"error": its last line}."""
    command = [str(interpreter(program.venv)), str(HERE / program.script), str(DATA), program.scenario, str(program.bars)]
    outcome = launch(command, core)
    lines = outcome.output.strip().splitlines()
    if outcome.code or not lines:
        return {"error": lines[-1] if lines else f"exit code {outcome.code}"}
    answers = [line for line in lines if line.startswith('{"seconds"')]
    return json.loads(answers[-1]) if answers else {"error": lines[-1]}


def version(program: Program) -> str:
    """Version of the package as its environment has it."""
    code = "import sys, importlib.metadata as m; print(m.version(sys.argv[1]))"
    done = subprocess.run([interpreter(program.venv), "-c", code, program.package], capture_output=True, text=True)
    return done.stdout.strip() or "?"
