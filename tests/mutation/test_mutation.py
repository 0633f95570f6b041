"""Every small wrong change to the accounting code is caught; see docs/mutation.md. Long: run by `make check`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mutation.trial import FILES

pytestmark = pytest.mark.mutation

FRACTION = os.environ.get("FILLWRIGHT_MUTANTS", "0.25")
"""Part of the mutants that is tried; FILLWRIGHT_MUTANTS=1 tries all of them."""


@pytest.mark.parametrize("file", FILES)
def test_the_mutants_of_a_file_are_caught(root: Path, file: str, seed: int) -> None:
    """The score is not below the file's floor, and none that is listed as equal is caught."""
    paths = os.pathsep.join(str(root / part) for part in ("src", "tests"))
    env = dict(os.environ, NUMBA_DISABLE_JIT="1", PYTHONPATH=paths)
    command = [sys.executable, "-m", "mutation.trial", file, "--fraction", FRACTION, "--seed", str(seed)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
