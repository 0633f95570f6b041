"""Small markets and programs for the tests of whole runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import fillwright as fw

CSV = """\
date,open,high,low,close,volume
2024-01-02,100,101,99,100,10000
2024-01-03,101,102,100,101,10000
2024-01-04,102,103,101,102,10000
2024-01-05,103,104,102,103,10000
2024-01-08,104,105,103,104,10000
2024-01-09,105,106,104,105,10000
"""


def days(n: int = 60, symbol: str = "X", seed: int = 3) -> fw.Market:
    """n daily bars of a random walk."""
    return fw.make_bars(n, timeframe="1d", seed=seed, instrument=fw.Instrument(symbol))


def minutes(n: int = 200, seed: int = 3) -> fw.Market:
    """n bars of a minute."""
    return fw.make_bars(n, timeframe="1min", seed=seed, instrument=fw.Instrument("X"))


class Alternate(fw.Strategy):
    """Buys and closes in turn, every ``step`` bars."""

    step: int = fw.param(5, ge=1)

    def on_bar(self, bar: Any) -> None:
        if bar.index % self.step == 0:
            if self.position(bar.symbol).is_flat:
                self.buy(bar.symbol, 10, tag="in")
            else:
                self.close(bar.symbol, tag="out")


def fingerprint(result: fw.Result) -> tuple[str, str]:
    """(input, journal)."""
    info = result.record.info
    return str(info["input_fingerprint"]), str(info["journal_fingerprint"])


def python(
    root: Path, program: str, *arguments: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own."""
    known = os.environ | {"PYTHONPATH": str(root / "src"), "NO_COLOR": "1", "COLUMNS": "120"} | environment
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], env=known, cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )
