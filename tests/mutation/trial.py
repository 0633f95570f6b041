"""Try mutants: each in a process of its own, forked from one that has everything ready.

    NUMBA_DISABLE_JIT=1 python -m mutation.trial kernel/ledger.py [--fraction 0.2] [--seed 1] [--processes 2]

(with `tests` on the path). Prints every mutant that nothing caught and the score; exit code 1 where the table of survivors and
what survived disagree.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mutation import killers
from mutation.killers import Step
from mutation.mutator import Mutant, mutants

CPU_SECONDS = 3
"""Processor time of one step; the longest takes a tenth of it. Who needs more is in an endless loop."""
TEST_SECONDS = 20
WALL_SECONDS = 300
MORE_MEMORY = 2 << 30

KERNEL: dict[str, tuple[str, ...]] = {
    "kernel/ledger.py": (),
    "model/books.py": ("kernel/test_digest.py",),
    "kernel/margin.py": ("kernel/test_money.py",),
    "kernel/models.py": ("kernel/test_money.py",),
    "kernel/guard.py": ("scenarios/test_losses.py",),
}
FAULTS: dict[str, tuple[str, ...]] = {
    "kernel/faults.py": (),
}
ANALYSIS: dict[str, tuple[str, ...]] = {
    "portfolio.py": ("trades/test_portfolio.py",),
    "trades/grouping.py": ("trades/test_trades.py",),
    "result/identity.py": ("result/test_proof.py",),
    "result/certificate.py": ("result/test_certificate.py", "result/test_proof.py"),
}
VERIFY: dict[str, tuple[str, ...]] = {
    "verify/links.py": ("verify/test_order_checks.py",),
    "verify/ledger.py": (),
    "verify/postings.py": ("verify/test_account_checks.py",),
    "verify/trades.py": ("verify/test_trade_checks.py",),
    "verify/equity.py": ("verify/test_account_checks.py",),
    "verify/orders.py": ("verify/test_order_checks.py",),
    "verify/identity.py": ("verify/test_identity.py",),
}
FILES = (*KERNEL, *FAULTS, *ANALYSIS, *VERIFY)

FLOOR = 95
"""Percent of the mutants tried, listed ones apart, that must be caught in every file."""

LISTED_PART = 0.1
"""Part of the listed survivors that is tried again: nothing catches them, so each costs as much as thirty others."""

SURVIVORS = Path(__file__).with_name("survivors.toml")


@dataclass(frozen=True)
class Outcome:
    """A mutant and what caught it, "" if nothing did."""

    mutant: Mutant
    caught_by: str


def steps_for(file: str, work: Path) -> list[Step]:
    """The steps that may catch mutants of a file."""
    if file in KERNEL:
        return killers.kernel_steps(KERNEL[file])
    if file in FAULTS:
        return killers.fault_steps(FAULTS[file])
    if file in ANALYSIS:
        return killers.analysis_steps(ANALYSIS[file])
    return killers.verify_steps(_saved(work), VERIFY[file])


def _saved(work: Path) -> list[Path]:
    """Result folders, written by another process: threads that pyarrow starts would not survive a fork."""
    made = killers.records()
    paths = [work / str(number) for number in range(len(made))]
    child = os.fork()
    if child == 0:
        for record, path in zip(made, paths, strict=True):
            killers.Result(record).save(path)
        os._exit(0)
    os.waitpid(child, 0)
    return paths


def try_all(chosen: Sequence[Mutant], steps: Sequence[Step], processes: int) -> list[Outcome]:
    """Try every mutant, shared out between so many processes. The program as it is must pass all steps."""
    assert _try(None, steps) == "", f"the program itself is caught by {_try(None, steps)}"
    readers = []
    for worker in range(processes):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            with os.fdopen(write, "w") as out:
                for number in range(worker, len(chosen), processes):
                    out.write(json.dumps([number, _try(chosen[number], steps)]) + "\n")
                    out.flush()
            os._exit(0)
        os.close(write)
        readers.append((child, read))
    found: dict[int, str] = {}
    for child, read in readers:
        with os.fdopen(read) as lines:
            found.update(json.loads(line) for line in lines)
        os.waitpid(child, 0)
    assert len(found) == len(chosen), "a process that tries mutants ended early"
    return [Outcome(mutant, found[number]) for number, mutant in enumerate(chosen)]


def _try(mutant: Mutant | None, steps: Sequence[Step]) -> str:
    """What catches the mutant, "" if nothing."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        _endure(mutant, steps, write)
    os.close(write)
    with os.fdopen(read) as answer:
        text = answer.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        name = "endless loop" if number in (signal.SIGPROF, signal.SIGALRM) else signal.Signals(number).name
        return f"{text.split(chr(10))[-1]}: {name}"
    return text.split("\n")[-1]


def _endure(mutant: Mutant | None, steps: Sequence[Step], write: int) -> None:
    """Run the steps until one of them finds something; the last line written is its name. Never returns."""
    silent = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silent, stream)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MORE_MEMORY, size + MORE_MEMORY))
    signal.alarm(WALL_SECONDS)
    try:
        if mutant is not None:
            mutant.apply()
        for name, step in steps:
            os.write(write, f"\n{name}".encode())
            signal.setitimer(signal.ITIMER_PROF, TEST_SECONDS if name.startswith("tests/") else CPU_SECONDS)
            if step():
                os._exit(0)
        os.write(write, b"\n")
    except BaseException:
        os._exit(0)
    os._exit(0)


Key = tuple[str, str, str, str]


def listed() -> dict[Key, str]:
    """Why each known survivor is no defect, by the key of its mutant."""
    table = tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))
    return {
        (one["file"], one["function"], one["before"], after): str(one["why"])
        for one in table["survivor"]
        for after in one["after"]
    }


def report(file: str, every: Sequence[Mutant], outcomes: Sequence[Outcome], known: Mapping[Key, str]) -> tuple[str, bool]:
    """(what a person reads about a file, whether the table of survivors says the same).

    ``every`` mutant of the file; ``outcomes`` of those that were tried.
    """
    caught = Counter(outcome.caught_by.split(":")[0] for outcome in outcomes if outcome.caught_by)
    left = [outcome.mutant for outcome in outcomes if not outcome.caught_by]
    new = [mutant for mutant in left if mutant.key not in known]
    equal = sum(mutant.key in known for mutant in every)
    number = sum(caught.values())
    how = ", ".join(f"{name} {count}" for name, count in caught.most_common())
    score = 100 * number / max(number + len(new), 1)
    lines = [f"{file}: {len(every)} mutants, {equal} listed as equal; {len(outcomes)} tried, {score:.1f} % caught ({how})"]
    lines += [f"  NOT CAUGHT {mutant}" for mutant in new]
    alive = {mutant.key for mutant in left}
    found = {outcome.mutant.key: outcome for outcome in outcomes if outcome.caught_by and outcome.mutant.key not in alive}
    lines += [f"  LISTED BUT CAUGHT by {found[key].caught_by}: {found[key].mutant}" for key in known if key in found]
    there = {mutant.key for mutant in every}
    lines += [f"  LISTED BUT GONE: {key}" for key in known if key[0] == file and key not in there]
    fine = score >= FLOOR and len(lines) == 1 + len(new)
    return "\n".join(lines), fine


def sample(every: Sequence[Mutant], known: Mapping[Key, str], fraction: float, seed: int) -> list[Mutant]:
    """The mutants to try: a seeded part of them, of those that are listed as equal one in ten."""
    rng = random.Random(f"{seed} {every[0].file}")
    unlisted = [mutant for mutant in every if mutant.key not in known]
    equal = [mutant for mutant in every if mutant.key in known]
    tried = unlisted if fraction >= 1 else rng.sample(unlisted, max(1, round(fraction * len(unlisted))))
    return [*tried, *rng.sample(equal, round(LISTED_PART * fraction * len(equal)))]


def try_file(file: str, fraction: float, seed: int, processes: int) -> tuple[str, bool]:
    """Try the mutants of a file; see :func:`report`."""
    every, known = mutants(file), listed()
    with tempfile.TemporaryDirectory() as work:
        outcomes = try_all(sample(every, known, fraction, seed), steps_for(file, Path(work)), processes)
    return report(file, every, outcomes, known)


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the mutants of the files named, by default of all."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("files", nargs="*", default=FILES, choices=[*FILES, []])
    parser.add_argument("--fraction", type=float, default=1.0, help="part of the mutants, chosen by the seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args(arguments)
    np.seterr(all="ignore")  # 64-bit words that wrap around are meant
    fine = True
    for file in given.files:
        text, agrees = try_file(file, given.fraction, given.seed, given.processes)
        print(text, flush=True)
        fine &= agrees
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
