"""What may catch a mutant: small steps, each of which says what it found wrong, or nothing.

Everything that needs the program as it should be is prepared once, before any mutant; a step runs in a process of its own with
the mutant in place. Steps are ordered so that the quick ones come first.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from fillwright.data.market import Market
from fillwright.journal import RunRecord
from fillwright.result import Result, certify
from fillwright.verify import verify_folder
from mutation.runs import ACCOUNTS, currencies, plain, records, small_run
from oracle import harness
from oracle.fault_sequences import sequence
from reference import engine
from strategies import build, faulty_scenario
from verify.flips import Folders

Step = tuple[str, Callable[[], str]]
"""Name of what catches, and a function that returns what is wrong, "" if nothing."""

SEEDS = range(40)
FAULT_SEEDS = range(60)
INSTANTS = (8, 30)


def fault_steps(tests: Sequence[str]) -> list[Step]:
    """For a broker that goes wrong: does the naive reference agree on short runs with every fault? Then the tests named."""
    scenarios = [*map(sequence, FAULT_SEEDS), *map(faulty_scenario, SEEDS)]
    return [*(("reference", partial(_as_the_reference, each, engine.run(each))) for each in scenarios), *_tests(tests)]


def kernel_steps(tests: Sequence[str]) -> list[Step]:
    """For the compiled rules, run as plain Python: the tests named, does a run reconcile, does the naive reference agree?"""
    markets = [plain(40), currencies(20)]
    steps: list[Step] = list(_tests(tests))
    for seed, market in enumerate(markets):
        steps += [("certificate", partial(_reconciled, market, settings, seed)) for settings in ACCOUNTS]
    for seed in SEEDS:
        scenario = build(random.Random(seed), *INSTANTS)
        steps.append(("reference", partial(_as_the_reference, scenario, engine.run(scenario))))
    return steps


def _reconciled(market: Market, settings: dict[str, object], seed: int) -> str:
    certificate = small_run(market, settings, seed).certificate
    return "" if certificate.ok else certificate.line()


def _as_the_reference(scenario: engine.Scenario, expected: engine.Journal) -> str:
    return harness.first_difference(expected, harness.run_engine(scenario))


def analysis_steps(tests: Sequence[str]) -> list[Step]:
    """For what is computed from a record: does it reconcile, does the verifier agree, do the tests named pass?"""
    steps: list[Step] = []
    for record in records():
        steps += [("certificate", partial(_certified, record)), ("verify", partial(_verified, record))]
    return [*steps, *_tests(tests)]


def _certified(record: RunRecord) -> str:
    certificate = Result(record).certificate
    return "" if certificate.ok and certify(record).ok else certificate.line()


def _verified(record: RunRecord) -> str:
    with tempfile.TemporaryDirectory() as folder:
        verification = verify_folder(Result(record).save(Path(folder) / "run"), hashes=False)
        return "" if verification.ok else verification.text()


def verify_steps(folders: Sequence[Path], tests: Sequence[str]) -> list[Step]:
    """For the verifier: the tests named, does it find fault with a good folder, does it miss a change in a bad one?"""
    flips = Folders(folders)
    return [
        *_tests(tests),
        *(("good folder", partial(_untouched, folder)) for folder in folders),
        *(("flip", partial(flips.missed, number)) for number in range(len(folders))),
    ]


def _untouched(folder: Path) -> str:
    verification = verify_folder(folder, hashes=False)
    return "" if verification.ok and verification.text() else "found fault"


def _tests(names: Sequence[str]) -> Iterator[Step]:
    for name in names:
        yield f"tests/{name.split('::')[0]}", partial(_pytest, name)


def _pytest(name: str) -> str:
    import pytest

    root = Path(__file__).resolve().parents[2]
    code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--rootdir", str(root), str(root / "tests" / name)])
    return "" if code == 0 else f"pytest ended with {code}"
