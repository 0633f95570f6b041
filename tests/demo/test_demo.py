"""The demo from outside, on its real series; folders inside packages; what is said before the kernel is compiled."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fillwright.config.folders import data_folder
from fillwright.errors import ConfigError

ANNOUNCED = "compiling the kernel, once on this machine: this takes about half a minute\n"


def python(root: Path, folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(root / "src"), "COLUMNS": "120", "NO_COLOR": "1"} | variables
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_the_demo_runs_on_real_series_and_verifies(root: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("arch") is None:
        pytest.skip("the package `arch`, which ships the series of the demo, is not installed")
    done = python(root, tmp_path, "-m", "fillwright", "demo", "--out", "demo")
    assert done.returncode == 0, done.stderr
    text = done.stdout
    assert text.startswith("index-crossover\n  reconciled      5,031 marks, residual 0\n")
    assert "1999-01-04 14:30 to 2018-12-31 21:00 UTC, 10,062 bars of 1 d" in text
    assert "\nverified: demo\n" in text
    run = json.loads((tmp_path / "demo" / "run.json").read_bytes())
    assert run["state"] == "saved"
    assert run["config"]["data"]["folder"] == "package:arch/data"
    # Long and short on both, with costs, and nothing of this machine in what is kept.
    summary = json.loads((tmp_path / "demo" / "summary.json").read_bytes())
    metrics = {name: facts["value"] for name, facts in summary["metrics"].items()}
    assert metrics["trades"] > 20 and metrics["open_trades"] == 0
    assert metrics["fees"] > 0 and metrics["slippage"] > 0
    assert metrics["benchmark_return"] == pytest.approx(2506.850098 / 1229.22998 - 1, abs=1e-9)
    page = (tmp_path / "demo" / "report.html").read_text(encoding="utf-8")
    for kept in (page, json.dumps(run), json.dumps(summary)):
        assert "site-packages" not in kept
    for symbol in ("SP500", "NASDAQ"):
        assert f"<option>{symbol}</option>" in page


def test_a_folder_beside_the_configuration(tmp_path: Path) -> None:
    assert data_folder("bars", tmp_path) == tmp_path / "bars"
    assert data_folder(str(tmp_path / "bars"), "elsewhere") == tmp_path / "bars"


def test_a_folder_inside_a_package_is_found_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "some_package_with_data"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert data_folder("package:some_package_with_data/bars/daily", "x") == package / "bars" / "daily"
    assert data_folder("package:some_package_with_data", "x") == package
    assert "some_package_with_data" not in sys.modules


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("package:no_such_package/data", "is not installed\n  install it: pip install no_such_package"),
        ("package:json.tool/data", "write package:NAME/folder"),
        ("package:", "names no package"),
        ("package:../data", "names no package"),
        ("package:sys/data", "is not installed"),
    ],
)
def test_a_package_that_is_not_there(folder: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        data_folder(folder, ".")
    assert str(caught.value).startswith("data.folder: ")
    assert expected in str(caught.value)


def test_compiling_is_announced_before_it_begins(root: Path, tmp_path: Path) -> None:
    # Only the module that announces: the compilation itself would follow with the rest of the kernel.
    import_it = ("-c", "import fillwright.kernel._jit")
    empty = {"FILLWRIGHT_CACHE": str(tmp_path / "empty")}
    assert python(root, tmp_path, *import_it, **empty).stderr == ANNOUNCED
    assert python(root, tmp_path, *import_it, **empty, NUMBA_DISABLE_JIT="1").stderr == ""
    silenced = ("-c", "import logging; logging.getLogger('fillwright').setLevel(logging.ERROR); import fillwright.kernel._jit")
    assert python(root, tmp_path, *silenced, **empty).stderr == ""
    code = "import fillwright.kernel._jit as jit; (jit.cache_folder() / 'k').mkdir(parents=True);"
    code += "(jit.cache_folder() / 'k' / 'advance.advance-1.py.nbi').touch()"
    assert python(root, tmp_path, "-c", code, **empty).stderr == ANNOUNCED
    assert python(root, tmp_path, *import_it, **empty).stderr == ""
