"""The isolation checks that happen inside one process: the same run before and after others, beside others, and many times."""

from __future__ import annotations

import multiprocessing
import os
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from fillwright.coordinator.isolation import Snapshot
from fillwright.coordinator.runner import Run
from fillwright.data.market import Market
from fillwright.doctor.leftovers import growth, left_alive, living
from fillwright.doctor.locate import Locator, is_import
from fillwright.doctor.runs import attempt, variants
from fillwright.doctor.subject import Subject
from fillwright.doctor.trail import Trail
from fillwright.doctor.world import Change, World, changes
from fillwright.errors import FillwrightError, RunFailed

THREADS = 4
WORKERS = 2
_PATIENCE = 300.0


@dataclass(frozen=True)
class Case:
    """What is examined in a process.

    make     gives the subject; imports its module where that is not loaded yet
    files    the user's sources
    folders  folders in which new files would be seen
    runs     how many runs the memory check makes, 0 for none
    """

    make: Callable[[], Subject]
    market: Market
    files: tuple[Path, ...]
    folders: tuple[Path, ...]
    runs: int

    def world(self) -> World:
        """What lies outside its runs."""
        return World(self.market, self.files, self.folders)


@dataclass
class Examination:
    """What was seen in one process; can be pickled.

    trail        of the first run
    partings     (how it was run, first difference from the first run) for every run that differed
    changes      (phase, change): phase is "import" or "run"
    places       ``file:line`` of changes, as far as it was found
    alive        what was still alive, and what holds it
    grown, grown_at   bytes that the runs of the memory check left behind, and where they were made
    subscribers  of the journal after the run
    failed       why the subject could not be run
    """

    trail: Trail | None = None
    partings: list[tuple[str, str]] = field(default_factory=list)
    changes: list[tuple[str, Change]] = field(default_factory=list)
    places: dict[tuple[str, Change], str] = field(default_factory=dict)
    alive: list[tuple[str, str]] = field(default_factory=list)
    grown: int = 0
    grown_at: str = ""
    subscribers: int = 0
    pool: str = ""
    failed: FillwrightError | None = None


def brief(case: Case) -> Examination:
    """The run after other runs, in a process of its own."""
    try:
        subject = case.make()
        for other in variants(subject):
            attempt(other)
        answer = attempt(subject)
        if isinstance(answer, str):
            return Examination(failed=RunFailed(answer))
        return Examination(trail=answer)
    except FillwrightError as error:
        return Examination(failed=_portable(error))


def examine(case: Case) -> Examination:
    """All checks of one process. What it leaves behind stays in the process: run it in one of its own."""
    seen = Examination()
    world = case.world()
    before = world.take()
    try:
        subject = case.make()
        after = world.take()
        seen.changes += [("import", change) for change in changes(before, after)]
        before, alive = after, living()
        data = Snapshot(subject.market, None, 0, whole=True).facts
        one = Run(subject.decider(), subject.market, subject.config)
        seen.trail = Trail(one.execute().record)
        seen.subscribers = len(one.journal)
        del one
        found = changes(before, world.take())
        _repeat(subject, seen)
        found += [change for change in changes(before, world.take()) if change not in found]
        seen.changes += [("run", change) for change in found]
        seen.changes += [("run", Change("data", name, "was changed")) for name in _written(data, subject.market)]
        seen.alive = left_alive(alive, case.files)
        _pool(subject, seen)
        if case.runs:
            seen.grown, seen.grown_at = growth(subject, case.runs)
    except FillwrightError as error:
        seen.failed = _portable(error)
    return seen


def _written(before: dict[str, object], market: Market) -> list[str]:
    after = Snapshot(market, None, 0, whole=True).facts
    return [name for name in before if name.startswith("market data") and before[name] != after[name]]


def _portable(error: FillwrightError) -> FillwrightError:
    """The error without the run it stopped, which cannot leave the process."""
    bare = type(error)(error.message, where=error.where, remedy=error.remedy)
    return bare


def _compare(label: str, subject: Subject, seen: Examination, other: Trail | str) -> None:
    if any(known == label for known, _ in seen.partings):
        return
    if (text := difference(seen.trail, other)) is not None:
        seen.partings.append((label, text))


def difference(one: Trail | None, other: Trail | str | None) -> str | None:
    """How two runs that should be equal differ, in words; None when they are equal."""
    if one is None or other is None:
        return None
    if isinstance(other, str):
        return f"it did not end: {other}"
    if (parting := one.parting(other)) is not None:
        return f"from {parting}"
    if one.fingerprint != other.fingerprint:
        return f"the journals have the fingerprints {one.fingerprint} and {other.fingerprint}"
    if one.input != other.input:
        return f"the inputs have the fingerprints {one.input} and {other.input}"
    return None


def _repeat(subject: Subject, seen: Examination) -> None:
    """Again at once, again after each other run, and on several threads at once."""
    _compare("again", subject, seen, attempt(subject))
    for other in variants(subject):
        attempt(other)
        _compare("after other runs", subject, seen, attempt(subject))
    answers: list[Trail | str] = []
    others = variants(subject)

    def work(number: int) -> None:
        for turn in range(2):
            attempt(others[(number + turn) % len(others)])
            answers.append(attempt(subject))

    threads = [threading.Thread(target=work, args=(number,), name=f"doctor {number}") for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for answer in answers:
        _compare("threads", subject, seen, answer)


_in_pool: list[Subject] = []
"""What the workers of a pool run: they are forked, and find it here."""


def _pool_task(number: int) -> Trail | str:
    subject = _in_pool[0]
    if number % 2:
        for other in variants(subject):
            attempt(other)
    return attempt(subject)


def _pool(subject: Subject, seen: Examination) -> None:
    """In the processes of a pool, where each runs several."""
    if "fork" not in multiprocessing.get_all_start_methods():
        seen.pool = "this system cannot fork"
        return
    _in_pool[:] = [subject]
    context = multiprocessing.get_context("fork")
    pool = context.Pool(WORKERS)
    try:
        for answer in pool.map_async(_pool_task, range(2 * WORKERS), 1).get(_PATIENCE):
            _compare("process pool", subject, seen, answer)
    except multiprocessing.TimeoutError:
        seen.partings.append(("process pool", f"no answer within {_PATIENCE:g} seconds"))
    finally:
        pool.terminate()
        pool.join()
        _in_pool.clear()


def locate(case: Case, seen: Examination) -> dict[tuple[str, Change], str]:
    """``file:line`` of changes that an examination saw, by running again, traced, in a process where nothing has run yet."""
    names = [str(path) for path in case.files]
    phases = {phase: [change for known, change in seen.changes if known == phase] for phase in ("import", "run")}
    places: dict[tuple[str, Change], str] = {}
    try:
        with Locator(case.world(), names, phases["import"]) as locator:
            subject = case.make()
        places |= {("import", change): place for change, place in locator.places.items()}
        with Locator(case.world(), names, phases["run"]) as locator:
            for one in (subject, subject, *variants(subject)):
                attempt(one)
        places |= {("run", change): place for change, place in locator.places.items()}
    except FillwrightError:
        return places  # the examination has said why
    return places


def is_blamed(phase: str, change: Change, place: str) -> bool:
    """Whether a change is a finding. What an import statement of another package did, or its loading, is not the user's doing."""
    if place:
        return not is_import(place)
    return phase == "run"


def in_fork(work: Callable[[], Examination]) -> Examination:
    """The work in a forked copy of this process, which keeps whatever it changes to itself; here where forking is impossible."""
    if not hasattr(os, "fork"):
        return work()
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_send, args=(work, sender))
    child.start()
    sender.close()
    try:
        answer = receiver.recv()
    except EOFError:
        child.join()
        raise RuntimeError(f"the examining process ended with code {child.exitcode}") from None
    child.join(5)
    if child.is_alive():
        child.kill()
        child.join()
    if isinstance(answer, Examination):
        return answer
    raise RuntimeError(answer)


def _send(work: Callable[[], Examination], sender: Connection) -> None:
    """Give the answer and end at once: threads, handlers and exit functions that a strategy left behind are not waited for."""
    try:
        answer: object = work()
    except BaseException:
        answer = traceback.format_exc()
    sender.send(answer)
    sender.close()
    os._exit(0)
