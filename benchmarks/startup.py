"""How long fillwright takes to start, to compile, and how much memory it needs before any data."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any

from side import DATA, ROOT, launch, quiet

TINY = """
import numpy as np
import fillwright as fw

rows = 1_000
price = 100 + np.round(np.cumsum(np.where(np.arange(rows) % 7 < 3, 0.01, -0.01)), 2)
time = np.datetime64("2020-01-01", "ns") + np.arange(rows) * np.timedelta64(60, "s")
market = fw.read_bars(
    {"time": time, "open": price, "high": price, "low": price, "close": price}, symbol="AAA", timeframe="1min", tz="UTC"
)
"""

PYTHON = (
    TINY
    + """

class Hold(fw.Strategy):
    def on_bar(self, bar):
        if self.position(bar.symbol).quantity == 0:
            self.buy(bar.symbol, 1)


fw.run(Hold(), market, cash=10_000)
"""
)

# Written to a file of its own each time, so that nothing of it is in any cache.
COMPILED = (
    TINY
    + """

class Hold(fw.Strategy):
    entries: int = fw.state(0)

    @fw.compiled
    def on_bar(ctx, p, s):
        if s.entries == 0:
            s.entries += 1
            ctx.buy(1)


fw.run(Hold(), market, cash=10_000)
"""
)

MAKE = """
import sys
import fillwright as fw

fw.convert(fw.make_bars(1_000_000, seed=1, timeframe="1min"), sys.argv[1])
"""

LARGE = """
import sys
import fillwright as fw

class Cross(fw.Strategy):
    def on_start(self):
        self.fast = self.indicator(fw.sma, "close", 20)
        self.slow = self.indicator(fw.sma, "close", 50)

    def on_bar(self, bar):
        if self.fast.crossed_above(self.slow):
            self.target(bar.symbol, 100)
        elif self.fast.crossed_below(self.slow):
            self.close(bar.symbol)


fw.run(Cross(), fw.open_market(sys.argv[1]), cash=10_000_000, commission="0.1%", participation=None)
"""


def commands(folder: Path) -> list[tuple[str, list[str], dict[str, str], bool]]:
    """(title, command, environment changes, whether it may be repeated: a cold start is cold only once)."""
    python = str(ROOT / ".venv" / "bin" / "python")
    for name, text in (("python.py", PYTHON), ("compiled.py", COMPILED), ("make.py", MAKE), ("large.py", LARGE)):
        (folder / name).write_text(text)
    program, demo = [python, "-m", "fillwright"], str(ROOT / "examples" / "demo.yaml")
    out, large = str(folder / "out"), str(folder / "large.arrow")
    cold = {"FILLWRIGHT_CACHE": str(folder / "cold")}
    return [
        ("python itself", [python, "-c", "pass"], {}, True),
        ("fillwright --help", [*program, "--help"], {}, True),
        ("fillwright config check demo.yaml", [*program, "config", "check", demo], {}, True),
        ("import fillwright", [python, "-c", "import fillwright"], {}, True),
        ("kernel compiled into an empty cache", [*program, "run", demo, "--out", out], cold, False),
        ("fillwright run demo.yaml, kernel cached", [*program, "run", demo, "--out", out], cold, True),
        ("fillwright verify", [*program, "verify", out], cold, True),
        ("tiny run, Python strategy", [python, str(folder / "python.py")], cold, True),
        ("tiny run, a compiled strategy seen for the first time", [python, str(folder / "compiled.py")], cold, False),
        ("tiny run, the same compiled strategy again", [python, str(folder / "compiled.py")], cold, True),
        ("1,000,000 bars made and saved", [python, str(folder / "make.py"), large], cold, False),
        ("run of these 1,000,000 bars, Python strategy", [python, str(folder / "large.py"), large], cold, True),
    ]


def measure(repeats: int, core: int) -> list[dict[str, Any]]:
    """Each command in turn; the first failure of one is its result."""
    rows: list[dict[str, Any]] = []
    DATA.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DATA) as name:
        for title, command, changes, again in commands(Path(name)):
            outcomes = [launch(command, core, quiet(**changes)) for _ in range(repeats if again else 1)]
            failed = next((o for o in outcomes if o.code), None)
            if failed:
                lines = failed.output.strip().splitlines()
                rows.append({"name": title, "refused": lines[-1] if lines else f"exit code {failed.code}"})
                continue
            walls = [o.wall for o in outcomes]
            rows.append({
                "name": title,
                "runs": len(walls),
                "wall": statistics.median(walls),
                "fastest": min(walls),
                "slowest": max(walls),
                "cpu": statistics.median(o.cpu for o in outcomes),
                "peak_mib": max(o.peak_mib for o in outcomes),
            })  # fmt: skip
    return rows


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Markdown."""
    lines = ["| process | wall s, median | fastest - slowest | processor s | runs | peak MiB |", "|---|---:|---:|---:|---:|---:|"]
    for r in rows:
        if "wall" not in r:
            lines.append(f"| {r['name']} | not counted: {r['refused']} | | | | |")
        else:
            lines.append(
                f"| {r['name']} | {r['wall']:.3f} | {r['fastest']:.3f} - {r['slowest']:.3f} "
                f"| {r['cpu']:.3f} | {r['runs']} | {r['peak_mib']:.0f} |"
            )
    return lines
