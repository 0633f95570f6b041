"""The public face: every name documented, start-up without heavy libraries, the programs of its pages run and print what they say."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import random
import re
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "src"
README = ROOT / "README.md"
PAGES = (README, ROOT / "docs" / "trades.md", ROOT / "docs" / "order_manager.md")
HEAVY = ("numba", "numpy", "pandas", "polars", "pyarrow")

BLOCK = re.compile(r"<!-- run -->\n```python\n(?P<code>.*?)```\n(?:\n*```text\n(?P<output>.*?)```\n)?", re.DOTALL)


def _needs(*names: str) -> None:
    for name in names:
        path = SOURCES / "fillwright" / name
        if not path.exists():
            pytest.skip(f"src/fillwright/{name} is not written yet")


def _python(code: str, *args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = dict(os.environ, PYTHONPATH=str(SOURCES), COLUMNS="120", NO_COLOR="1")
    return subprocess.run([sys.executable, "-c", code, *args], cwd=cwd, env=env, capture_output=True, text=True, timeout=600)


def test_public_names_are_documented() -> None:
    _needs("__init__.py")
    package = importlib.import_module("fillwright")
    names = list(package.__all__)
    assert len(names) == len(set(names))
    assert set(names) <= set(dir(package))
    undocumented = []
    for name in names:
        thing = getattr(package, name)
        own = inspect.isclass(thing) or inspect.isroutine(thing) or inspect.ismodule(thing)
        if own and not inspect.getdoc(thing):
            undocumented.append(name)
    assert undocumented == []


def test_importing_the_package_is_cheap() -> None:
    _needs("__init__.py")
    run = _python(f"import fillwright, sys; print([n for n in {HEAVY} if n in sys.modules])")
    assert (run.stdout.strip(), run.stderr) == ("[]", "")


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["run", "--help"]])
def test_help_loads_nothing_heavy(args: list[str]) -> None:
    _needs("__init__.py", "cli/__init__.py")
    code = (
        "import sys\n"
        "from fillwright.cli import main\n"
        "sys.argv = ['fillwright', *sys.argv[1:]]\n"
        "try:\n    code = main()\nexcept SystemExit as stop:\n    code = stop.code\n"
        f"print('loaded', [n for n in {HEAVY} if n in sys.modules], code or 0)"
    )
    run = _python(code, *args)
    assert run.stdout.rstrip().endswith("loaded [] 0"), run.stdout + run.stderr


def daily_bars(rows: int = 1_500, start: date = date(2013, 1, 2)) -> str:
    """A CSV of daily bars as in the README: a seeded walk in cents, the same on every machine."""
    draw, cents, day, lines = random.Random(20), 14_000, start, ["date,open,high,low,close,volume"]
    while len(lines) <= rows:
        if day.weekday() < 5:
            first = cents + draw.randrange(-60, 61)
            cents = max(100, first + draw.randrange(-180, 193))
            high, low = max(first, cents) + draw.randrange(0, 80), min(first, cents) - draw.randrange(0, 80)
            prices = ",".join(f"{value / 100:.2f}" for value in (first, high, low, cents))
            lines.append(f"{day},{prices},{draw.randrange(500_000, 5_000_000)}")
        day += timedelta(days=1)
    return "\n".join(lines) + "\n"


def _masked(output: str) -> str:
    """Without the fingerprint of the input: it covers the version and all defaults, and says nothing to a reader."""
    return re.sub(r"(input )[0-9a-f]{32}", r"\1*", output.strip())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_programs_of_a_page_run(page: Path, tmp_path: Path) -> None:
    _needs("__init__.py", "coordinator")
    text = page.read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    assert blocks, f"{page.name} has no block marked <!-- run -->"
    (tmp_path / "SPY.csv").write_text(daily_bars(), encoding="utf-8")
    for block in reversed(blocks):
        run = _python(block["code"], cwd=tmp_path)
        assert run.returncode == 0, f"{block['code']}\n{run.stderr}"
        if block["output"] is not None:
            # FILLWRIGHT_UPDATE=1 writes what was printed into the page instead of comparing.
            if os.environ.get("FILLWRIGHT_UPDATE"):
                text = text[: block.start("output")] + run.stdout + text[block.end("output") :]
            else:
                assert _masked(run.stdout) == _masked(block["output"])
    if os.environ.get("FILLWRIGHT_UPDATE"):
        page.write_text(text, encoding="utf-8")


def test_block_pattern() -> None:
    text = "a\n<!-- run -->\n```python\nprint(1)\n```\n\n```text\n1\n```\nb\n<!-- run -->\n```python\nx = 1\n```\n"
    assert [(m["code"], m["output"]) for m in BLOCK.finditer(text)] == [("print(1)\n", "1\n"), ("x = 1\n", None)]


def test_readme_names_both_commands() -> None:
    text = README.read_text(encoding="utf-8")
    assert "make demo" in text
    assert "make test" in text
