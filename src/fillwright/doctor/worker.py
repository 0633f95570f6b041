"""``python -m fillwright.doctor.worker JOBS ANSWERS``: examinations in a process of their own, one after another.

JOBS and ANSWERS are pickles that pass between a program and its own child process, and are kept nowhere.
"""

from __future__ import annotations

import gc
import os
import pickle
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fillwright.doctor.examine import Case, Examination, brief, examine, in_fork, locate
from fillwright.doctor.job import Job, local_sources
from fillwright.doctor.runs import warm_up


@dataclass(frozen=True)
class Order:
    """What a worker does: all checks (``whole``) or one run after others."""

    jobs: tuple[Job, ...]
    whole: bool
    runs: int
    path: tuple[str, ...]


def main(arguments: Sequence[str]) -> None:
    """Read the jobs, write an :class:`Examination` for each."""
    with open(arguments[0], "rb") as file:
        order: Order = pickle.load(file)
    sys.path += [entry for entry in order.path if entry not in sys.path]
    warm_up()
    gc.freeze()  # what is there now is of no interest to the collector of any fork
    answers = [_answer(order, job) for job in order.jobs]
    with open(arguments[1], "wb") as file:
        pickle.dump(answers, file)


def _answer(order: Order, job: Job) -> Examination:
    os.chdir(job.folder)
    files = tuple(local_sources(job.file))
    folders = tuple(dict.fromkeys([Path(job.folder), *(file.parent for file in files), Path(tempfile.gettempdir())]))
    case = Case(job.subject, job.market, files, folders, order.runs)
    if not order.whole:
        return in_fork(lambda: brief(case))
    return examined(case)


def examined(case: Case) -> Examination:
    """All checks, each part in a fork; where something was changed, a second fork says where."""
    seen = in_fork(lambda: examine(case))
    if seen.changes and case.files:
        seen.places = in_fork(lambda: Examination(places=locate(case, seen))).places
    return seen


if __name__ == "__main__":
    main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)
