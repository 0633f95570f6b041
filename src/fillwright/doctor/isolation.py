"""Do runs touch each other? Run the same before and after others, in fresh processes, in threads and in a pool, and look around."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fillwright.config.schema import Config
from fillwright.data.market import Market
from fillwright.doctor.diagnosis import Check, Diagnosis, Finding
from fillwright.doctor.examine import THREADS, WORKERS, Case, Examination, difference, examine, in_fork, is_blamed, locate
from fillwright.doctor.job import Job, source_files
from fillwright.doctor.leftovers import LIMIT_BYTES, SHORT
from fillwright.doctor.runs import warm_up
from fillwright.doctor.subject import Subject
from fillwright.doctor.suspects import DECISIVE, Suspect, suspects
from fillwright.doctor.worker import Order
from fillwright.doctor.world import REMEDIES
from fillwright.errors import ConfigError, FillwrightError, RunFailed, UsageError
from fillwright.strategies import Builder
from fillwright.strategy.base import Strategy
from fillwright.strategy.driver import Driver

RUNS = 500
"""Runs of the memory check unless said otherwise."""

_INSIDE = "FILLWRIGHT_DOCTOR"
_FRESH = ({"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "4242", "TZ": "Asia/Kolkata"})
"""What differs in the environment of each fresh process; that of all other checks has the hash seed 0."""

_GROUPS = {
    "state": ("module", "class", "engine", "patched"),
    "process": ("process", "interpreter", "logging"),
    "files": ("files",),
    "shared data": ("data",),
}
_DONE = {
    "state": "attributes, defaults, closures and caches of the user's classes and modules, fillwright's own, replaced functions",
    "process": "random, numpy.random, environment, folder, threads, hooks, signals, warnings, logging, gc, decimal, locale",
    "files": "folder of the strategy, working directory, temporary folder",
    "shared data": "every bar before and after; the arrays are sealed, so writing is an error at its line",
}
_REPEATED = {
    "again": "the same run twice in one process",
    "after other runs": "after other parameters and seed, and after a built-in strategy",
    "threads": f"{THREADS} threads at once",
    "process pool": f"{WORKERS} workers with several runs each",
}
_REMEDY = "make every decision from the data, the parameters and np.random.default_rng(seed) kept in self"


def isolation(
    decides: Subject | Strategy | Driver | Builder,
    market: Market | None = None,
    config: Config | None = None,
    *,
    runs: int = RUNS,
) -> Diagnosis:
    """Look for anything that one run leaves behind for another, and for results that depend on more than their input.

    ``runs``: how many runs the memory check makes, on the first 300 instants; 0 leaves it out. Everything happens in other processes,
    so that nothing a strategy does stays in this one. Errors of the run itself are raised.
    """
    (diagnosis,) = diagnoses([Subject.of(decides, market, config)], runs)
    if isinstance(diagnosis, FillwrightError):
        raise diagnosis
    return diagnosis


def diagnoses(subjects: Sequence[Subject], runs: int) -> list[Diagnosis | FillwrightError]:
    """:func:`isolation` of several subjects, which share the processes; in place of a diagnosis the error of its run."""
    if runs < 0:
        raise UsageError(f"cannot make {runs} runs", remedy="runs must be 0 or more")
    if os.environ.get(_INSIDE):
        raise UsageError(
            "the program that asks for the check is imported by it and asks again",
            remedy='put what it does under: if __name__ == "__main__":',
        )
    jobs = [Job.of(subject) for subject in subjects]
    portable = [job for job in jobs if job is not None]
    answers = iter(_in_processes(portable, runs) if portable else [])
    found: list[Diagnosis | FillwrightError] = []
    for subject, job in zip(subjects, jobs, strict=True):
        seen, fresh = next(answers) if job is not None else (None, None)
        if seen is None or _not_found(seen):
            seen, fresh = _here(subject, runs), None
        found.append(_diagnosis(subject, seen, fresh, runs))
    return found


# -- processes -----------------------------------------------------------------------------------------------------------------


def _in_processes(jobs: Sequence[Job], runs: int) -> list[tuple[Examination, list[Examination]]]:
    """For each job what the examining process saw, and what the fresh ones did."""
    with tempfile.TemporaryDirectory(prefix="fillwright-doctor-") as folder:
        workers = [_Worker.start(Path(folder) / "0", jobs, runs, {"PYTHONHASHSEED": "0"}, whole=True)]
        workers += [
            _Worker.start(Path(folder) / str(number), jobs, 0, environment, whole=False)
            for number, environment in enumerate(_FRESH, 1)
        ]
        try:
            answers = [worker.answers() for worker in workers]
        finally:
            for worker in workers:
                worker.end()
    return [(seen, list(fresh)) for seen, *fresh in zip(*answers, strict=True)]


@dataclass(frozen=True)
class _Worker:
    """A child process with a folder for its files and its temporary ones."""

    folder: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, folder: Path, jobs: Sequence[Job], runs: int, environment: dict[str, str], whole: bool) -> _Worker:
        temporary = folder / "tmp"
        temporary.mkdir(parents=True)
        (folder / "jobs").write_bytes(pickle.dumps(Order(tuple(jobs), whole, runs, tuple(sys.path))))
        package = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
        variables = os.environ | environment | {"TMPDIR": str(temporary), "PYTHONPATH": path, _INSIDE: "1"}
        with (folder / "printed").open("wb") as printed:
            process = subprocess.Popen(
                [sys.executable, "-m", "fillwright.doctor.worker", str(folder / "jobs"), str(folder / "answers")],
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
            )
        return cls(folder, process)

    def answers(self) -> list[Examination]:
        """Wait for them."""
        code = self.process.wait()
        if code or not (self.folder / "answers").exists():
            printed = (self.folder / "printed").read_text(encoding="utf-8", errors="replace").strip()
            raise RunFailed(
                f"a checking process ended with code {code}", where="doctor isolation", remedy=f"it printed:\n{printed[-2000:]}"
            )
        with (self.folder / "answers").open("rb") as file:
            found: list[Examination] = pickle.load(file)
        return found

    def end(self) -> None:
        """Stop it where it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def _here(subject: Subject, runs: int) -> Examination:
    """The examination of a subject that only this process has: in forks of it."""
    files = tuple(source_files(subject))
    with tempfile.TemporaryDirectory(prefix="fillwright-doctor-") as temporary:
        folders = tuple(dict.fromkeys([Path.cwd(), *(file.parent for file in files), Path(temporary)]))
        case = Case(lambda: subject, subject.market, files, folders, runs)

        def whole() -> Examination:
            _use(temporary)
            return examine(case)

        def places() -> Examination:
            _use(temporary)
            return Examination(places=locate(case, seen))

        seen = in_fork(whole)
        if seen.changes and files:
            seen.places = in_fork(places).places
        return seen


def _use(temporary: str) -> None:
    os.environ["TMPDIR"] = tempfile.tempdir = temporary
    warm_up()


# -- answers -------------------------------------------------------------------------------------------------------------------


def _diagnosis(subject: Subject, seen: Examination, fresh: list[Examination] | None, runs: int) -> Diagnosis | FillwrightError:
    title = f"isolation of {subject.name}"
    if seen.failed is not None:
        if not _wrote_data(seen.failed):
            return seen.failed
        remedy = "work on a copy: values = np.array(bars.close)"
        written = Finding(seen.failed.message, seen.failed.where or "", remedy)
        return Diagnosis(title, (Check("shared data", "the run was stopped where it wrote", (written,)),))
    hints = suspects(source_files(subject))
    checks = [*_repeated(seen, fresh, hints), *_changed(seen), _objects(seen), _memory(seen, runs)]
    named = " ".join(finding.where for check in checks for finding in check.findings)
    notes = [f"{hint.place}: {hint}" for hint in hints if hint.kind in DECISIVE and f"{hint.place} " not in f"{named} "]
    return Diagnosis(title, tuple(checks), tuple(notes))


def _not_found(seen: Examination) -> bool:
    """The class is in this process, but where its file is imported it is not there: it is made under a condition."""
    return isinstance(seen.failed, ConfigError) and seen.failed.where == "strategy.name"


def _wrote_data(error: FillwrightError) -> bool:
    return "read-only" in error.message or "WRITEABLE" in error.message


def _repeated(seen: Examination, fresh: list[Examination] | None, hints: list[Suspect]) -> list[Check]:
    """Runs that should be equal to the first."""
    differing = dict(seen.partings)
    checks = []
    for label, done in _REPEATED.items():
        if label == "process pool" and seen.pool:
            checks.append(Check(label, seen.pool, skipped=True))
            continue
        found = (_unequal(differing[label], seen, hints, DECISIVE),) if label in differing else ()
        checks.append(Check(label, done, found))
    if fresh is None:
        why = "another process cannot import it: write it in a file, outside of functions"
        checks.append(Check("fresh processes", why, skipped=True))
        return checks
    texts = [difference(seen.trail, str(one.failed) if one.failed is not None else one.trail) for one in fresh]
    text = next((text for text in texts if text is not None), None)
    first = DECISIVE if differing else ("order", "process")
    found = (_unequal(text, seen, hints, first),) if text is not None else ()
    checks.append(Check("fresh processes", "other hash seeds (0, 1, 4242), another time zone, runs in another order", found))
    return checks


def _unequal(text: str, seen: Examination, hints: list[Suspect], likely: Iterable[str]) -> Finding:
    """Runs that differ; the lines that can be why are those that left something behind and those that are known to vary."""
    likely = set(likely)
    ordered = sorted(hints, key=lambda hint: hint.kind not in likely)
    places = [f"{seen.places[key]} {key[1]}" for key in seen.changes if key in seen.places and is_blamed(*key, seen.places[key])]
    places += [f"{hint.place} {hint}" for hint in ordered]
    what = f"the result is another one: {text}"
    where = "; ".join(dict.fromkeys(places)) or "no line is known that varies: look for what is kept between runs"
    return Finding(what, where, _REMEDY, {"lines": [place.partition(" ")[0] for place in places]})


def _changed(seen: Examination) -> list[Check]:
    """What was changed on import or by a run."""
    found: dict[str, list[Finding]] = {name: [] for name in ("import", *_GROUPS)}
    told: set[tuple[str, str]] = set()
    for phase, change in seen.changes:
        place = seen.places.get((phase, change), "")
        if not is_blamed(phase, change, place) or (change.kind == "files" and (change.how, place) in told):
            continue  # of many files from one line the first is enough
        told.add((change.how, place))
        name = "import" if phase == "import" else next(name for name, kinds in _GROUPS.items() if change.kind in kinds)
        facts = {"line": place, "attribute": f"{change.group}: {change.name}", "how": change.how}
        remedy = REMEDIES.get(change.kind, "treat bars as read-only")
        found[name].append(Finding(str(change), place or f"{change.group} (no line of the strategy's did it)", remedy, facts))
    checks = [Check("import", "what importing the strategy's file changes outside it", tuple(found["import"]))]
    return checks + [Check(name, _DONE[name], tuple(found[name])) for name in _GROUPS]


def _objects(seen: Examination) -> Check:
    found = [
        Finding(
            what,
            f"held by {holder}",
            "keep no strategy, order, bar or result in modules, classes or handlers",
            {"holder": holder},
        )
        for what, holder in seen.alive
    ]
    if seen.subscribers:
        found.append(Finding(f"{seen.subscribers} subscribers of the journal are left", "journal", "please report it"))
    return Check("objects", "objects of dropped runs that are still alive, subscribers of the journal", tuple(found))


def _memory(seen: Examination, runs: int) -> Check:
    if not runs:
        return Check("memory", "left out (runs: 0)", skipped=True)
    done = f"{seen.grown / 1e6:.2f} MB more after {runs} runs of at most {SHORT} instants, after warm-up (tracemalloc)"
    if seen.grown <= LIMIT_BYTES:
        return Check("memory", done)
    what = f"{runs} runs left {seen.grown / 1e6:.1f} MB behind, {seen.grown / runs / 1e3:.0f} kB each"
    remedy = "let go of what a run made: keep nothing of it in modules or classes"
    return Check("memory", done, (Finding(what, f"most of it made at {seen.grown_at}", remedy, {"line": seen.grown_at}),))
