"""The command line from outside: exit codes, text on stderr, nothing heavy imported for light commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import fillwright._version

GOOD = "version: 1\ndata: {sources: [{symbol: SPY, path: SPY.csv}]}\ncosts: {commission: {model: rate, rate: 0.1%}}\n"
BAD = "version: 1\nrun:\n  seeed: 7\n  seed: x\ncosts:\n  commission: {model: rat, rate: 0.1%}\n"
Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def cli(root: Path, tmp_path: Path) -> Cli:
    """Run ``python -m fillwright`` in an empty folder."""
    environment = os.environ | {"PYTHONPATH": str(root / "src"), "COLUMNS": "120", "NO_COLOR": "1"}

    def call(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "fillwright", *arguments]
        result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
        assert result.returncode == code, result.stderr
        assert "Traceback" not in result.stderr + result.stdout
        return result

    return call


def test_help_names_the_commands(cli: Cli) -> None:
    text = cli("--help").stdout
    for command in ("run", "verify", "report", "config", "data", "demo"):
        assert command in text
    assert "--set" in cli("run", "--help").stdout
    assert "migrate" in cli("config", "--help").stdout


def test_version(cli: Cli) -> None:
    assert cli("--version").stdout.strip() == fillwright._version.__version__


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["runn"], 'Did you mean "run"?'),
        (["config", "chek"], 'Did you mean "check"?'),
        (["run"], "CONFIG requires an argument"),
        (["config", "check", "a.yaml", "--foo"], "--foo"),
        (["config", "check", "a.yaml", "b.yaml"], "b.yaml"),
        (["run", "nothing.yaml"], "no such file"),
        (["data", "make", "x.csv", "--bars", "many"], "many"),
        (["data", "info", "nothing.csv"], "nothing.csv"),
    ],
)
def test_a_wrong_command_line_exits_2_with_text(cli: Cli, arguments: list[str], expected: str) -> None:
    result = cli(*arguments, code=2)
    assert result.stderr.startswith("error: ")
    assert expected in result.stderr
    assert result.stdout == ""


def test_check_accepts_a_good_file_and_names_missing_data(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(GOOD, encoding="utf-8")
    result = cli("config", "check", "good.yaml")
    assert result.stdout.strip() == "good.yaml: ok"
    assert "warning: good.yaml:2:32: there is no file SPY.csv" in result.stderr
    (tmp_path / "SPY.csv").write_text("x", encoding="utf-8")
    assert cli("config", "check", "good.yaml").stderr == ""
    answer = json.loads(cli("config", "check", "good.yaml", "--json", "--set", "costs.commission.rate=0.5").stdout)
    assert answer["ok"]
    assert "means 50%" in answer["warnings"][0]


def test_check_reports_all_errors_with_lines_and_nearest_names(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(BAD, encoding="utf-8")
    text = cli("config", "check", "bad.yaml", code=2).stderr
    assert "3 things are wrong" in text
    assert "bad.yaml:3:3: run.seeed: unknown key; did you mean 'seed'?" in text
    assert "bad.yaml:4:3: run.seed: must be a whole number; found 'x'" in text
    assert (
        "bad.yaml:6:16: costs.commission.model: must be one of none, rate, per_unit, per_order; found 'rat'; did you mean 'rate'?"
        in text
    )


def test_show_prints_what_reads_back_the_same(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(GOOD, encoding="utf-8")
    shown = cli("config", "show", "good.yaml", "--set", "run.seed=9", "--set", "execution.latency=5ms").stdout
    assert 'latency: "5ms"' in shown
    assert "rate: 0.001" in shown
    (tmp_path / "shown.yaml").write_text(shown, encoding="utf-8")
    assert cli("config", "show", "shown.yaml").stdout == shown
    first = json.loads(cli("config", "show", "shown.yaml", "--json").stdout)
    (tmp_path / "shown.json").write_text(json.dumps(first), encoding="utf-8")
    assert json.loads(cli("config", "show", "shown.json", "--json").stdout) == first
    assert first["run"]["seed"] == 9


def test_schema_and_docs(cli: Cli, root: Path) -> None:
    assert json.loads(cli("config", "schema").stdout)["title"] == "Config"
    assert cli("config", "docs").stdout == (root / "docs" / "configuration.md").read_text(encoding="utf-8")


def test_migrate_writes_a_file_that_checks(cli: Cli, shared: Path, tmp_path: Path) -> None:
    old = shared / "legacy" / "config" / "mini_test.yaml"
    assert cli("config", "migrate", str(old)).stdout.startswith("# Migrated by fillwright from mini_test.yaml")
    report = cli("config", "migrate", str(old), "--out", "new.yaml").stdout
    assert "assumed: time stamps without a zone are UTC" in report
    assert cli("config", "check", "new.yaml").stderr == ""
    assert "is there already" in cli("config", "migrate", str(old), "--out", "new.yaml", code=2).stderr
    cli("config", "migrate", str(old), "--out", "new.yaml", "--overwrite")
    analytics = shared / "legacy" / "config" / "analytics_config.yaml"
    assert "is not a backtest configuration" in cli("config", "migrate", str(analytics), code=2).stderr
    assert "fillwright config migrate" in cli("config", "check", str(old), code=2).stderr


def test_data_commands(cli: Cli, tmp_path: Path) -> None:
    cli("data", "make", "M.csv", "--bars", "40", "--seed", "3", "--timeframe", "5min", "--symbol", "M")
    cli("data", "make", "again.csv", "--bars", "40", "--seed", "3", "--timeframe", "5min", "--symbol", "M")
    assert (tmp_path / "M.csv").read_bytes() == (tmp_path / "again.csv").read_bytes()
    info = cli("data", "info", "M.csv").stdout
    assert "40 bars" in info
    cli("data", "convert", "M.csv", "M.arrow")
    digest = [line for line in info.splitlines() if line.startswith("digest")]
    assert digest[0] in cli("data", "info", "M.arrow").stdout
    (tmp_path / "c.yaml").write_text("data: {sources: [{symbol: M, path: M.csv}]}\n", encoding="utf-8")
    assert digest[0] in cli("data", "info", "c.yaml").stdout


def test_a_closed_pipe_is_quiet(root: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} -m fillwright config docs | head -n 1; exit ${{PIPESTATUS[0]}}"
    environment = os.environ | {"PYTHONPATH": str(root / "src")}
    result = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert result.stderr == ""
    assert result.stdout == "# Configuration\n"


def test_an_interrupt_is_a_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from fillwright import cli as module

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "app", interrupted)
    assert module.main(["run", "x"]) == 1
    assert capsys.readouterr().err == "error: interrupted\n"

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("oh")

    monkeypatch.setattr(module, "app", broken)
    assert module.main(["run", "x"]) == 1
    assert "internal error: RuntimeError: oh" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["config", "check", "good.yaml"]])
def test_light_commands_import_nothing_heavy(root: Path, tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "good.yaml").write_text(GOOD, encoding="utf-8")
    code = (
        f"import sys; sys.path.insert(0, {str(root / 'src')!r}); from fillwright.cli import main; main({arguments!r});"
        "print([name for name in ('numba', 'numpy', 'pandas', 'pyarrow', 'polars') if name in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stderr.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "name, said",
    [("sma_crss", "did you mean 'sma_cross'?"), ("mine.py:Rule", "there is no file"), ("nothing", "built in: sma_cross")],
)
def test_check_knows_the_strategies_that_there_are(
    name: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from fillwright.cli import main
    from fillwright.cli.settings import BUILT_IN
    from fillwright.strategies import BUILT_IN as classes

    assert set(BUILT_IN) == set(classes)
    file = tmp_path / "run.yaml"
    file.write_text(f"version: 1\nstrategy: {{name: '{name}'}}\n", encoding="utf-8")
    assert main(["config", "check", str(file)]) == 2
    assert said in (error := capsys.readouterr().err) and "run.yaml:2" in error
