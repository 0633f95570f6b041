"""Equal input, equal result: across runs, processes, hash seeds, file formats and prior runs; another input, another fingerprint."""

from __future__ import annotations

import gc
import importlib
import shutil
import weakref
from decimal import localcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fillwright as fw
from coordinator.worlds import CSV, Alternate, days, fingerprint, python


class Other(Alternate):
    """Trades differently."""

    def on_bar(self, bar: Any) -> None:
        if bar.index % 7 == 1:
            self.target(bar.symbol, 5 - bar.index % 11)


def test_the_same_run_twice() -> None:
    one, two = fw.run(Alternate(), days()), fw.run(Alternate(), days())
    assert fingerprint(one) == fingerprint(two)
    for name, rows in one.record.tables.items():
        assert rows.tobytes() == two.record.tables[name].tobytes(), name


def test_the_decimal_context_of_the_program_does_not_matter() -> None:
    """A strategy, or a program, that lowers the precision of ``decimal`` changes neither settings nor sizes."""
    settings = {
        "account": {"initial_cash": "1234567.891", "leverage": 3},
        "costs": {"commission": {"model": "rate", "rate": "1.25bp"}},
    }
    plain = fw.run(Alternate(), days(), fw.Config.from_dict(settings))
    with localcontext(prec=3):
        rough = fw.run(Alternate(), days(), fw.Config.from_dict(settings))
    assert fingerprint(rough) == fingerprint(plain)
    assert rough.config == plain.config


def test_what_ran_before_does_not_matter() -> None:
    market = days()
    strategy = Alternate()
    first = fw.run(strategy, market)
    fw.run(Other(), market, cash=5_000, commission="1%")
    assert fingerprint(fw.run(strategy, market)) == fingerprint(first)


def test_runs_at_the_same_time_do_not_meet() -> None:
    """A run inside a callback of another."""
    market = days(40)
    alone = [fingerprint(fw.run(cls(), market)) for cls in (Alternate, Other)]

    class Nested(Alternate):
        def on_bar(self, bar: Any) -> None:
            super().on_bar(bar)
            if bar.index == 20:
                inner.append(fingerprint(fw.run(Other(), market)))

    inner: list[tuple[str, str]] = []
    outer = fingerprint(fw.run(Nested(), market))
    assert inner == [alone[1]]
    assert outer[1] == alone[0][1]  # the same decisions; the source differs


PROGRAM = """
import sys
import weakref
sys.path.insert(0, sys.argv[1])
import fillwright as fw
from coordinator.worlds import Alternate, days, fingerprint
market = days() + days(50, "Y", 4) + days(55, "Z", 5)
print(*fingerprint(fw.run(Alternate(), market, commission={"model": "rate", "rate": "0.1%", "minimum": 1})))
"""


def test_hash_seeds_do_not_matter(root: Path) -> None:
    answers = {python(root, PROGRAM, str(root / "tests"), PYTHONHASHSEED=seed).stdout for seed in ("0", "1", "77")}
    (answer,) = answers
    assert len(answer.split()) == 2


def test_csv_and_parquet_of_the_same_data_are_the_same_input(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(CSV)
    from_csv = fw.read_bars(tmp_path / "x.csv", symbol="X", tz="UTC")
    import pandas as pd

    pd.read_csv(tmp_path / "x.csv", parse_dates=["date"]).to_parquet(tmp_path / "x.parquet")
    from_parquet = fw.read_bars(tmp_path / "x.parquet", symbol="X", tz="UTC", timeframe="1d")
    assert fingerprint(fw.run(Alternate(step=2), from_csv)) == fingerprint(fw.run(Alternate(step=2), from_parquet))


BASE: dict[str, Any] = {"cash": 50_000, "commission": "0.1%", "seed": 1}


@pytest.mark.parametrize(
    ("changed", "input_differs"),
    [
        ({"cash": 50_001}, True),
        ({"commission": "0.2%"}, True),
        ({"seed": 2}, True),
        ({"slippage": "1bp"}, True),
        ({"path": "worst"}, True),
        ({"leverage": 2}, True),
        ({"lots": "lifo"}, True),
        ({"warmup": 3}, True),
        ({"name": "another"}, False),
        ({"commission": "10bp"}, False),
        ({"commission": {"model": "rate", "rate": 0.001}}, False),
    ],
)
def test_settings_that_change_results_change_the_input_fingerprint(changed: dict[str, Any], input_differs: bool) -> None:
    base = fw.run(Alternate(), days(), **BASE)
    other = fw.run(Alternate(), days(), **{**BASE, **changed})
    assert (fingerprint(base)[0] != fingerprint(other)[0]) is input_differs


def test_parameters_strategies_and_data_change_the_input_fingerprint(tmp_path: Path) -> None:
    base = fingerprint(fw.run(Alternate(), days()))[0]
    assert fingerprint(fw.run(Alternate(step=6), days()))[0] != base
    assert fingerprint(fw.run(Other(), days()))[0] != base
    assert fingerprint(fw.run(Alternate(), days(61)))[0] != base
    (tmp_path / "x.csv").write_text(CSV)
    (tmp_path / "y.csv").write_text(CSV.replace("104.0", "104").replace(",103,10000", ",103.01,10000"))
    markets = [fw.read_bars(tmp_path / name, symbol="X", tz="UTC") for name in ("x.csv", "y.csv")]
    inputs = {fingerprint(fw.run(Alternate(), market))[0] for market in markets}
    assert len(inputs) == 2


def test_the_source_of_a_strategy_and_of_its_local_imports_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "helper_of_mine.py").write_text("SIZE = 1\n")
    mine = "import fillwright as fw\nimport helper_of_mine\nclass Mine(fw.Strategy):\n    def on_bar(self, bar):\n        pass\n"
    (tmp_path / "mine_alone.py").write_text(mine)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("mine_alone")

    def answer() -> str:
        """The fingerprint with the class as a new process would load it: the source is read once per class."""
        return fingerprint(fw.run(importlib.reload(module).Mine(), days(9)))[0]

    first = answer()
    assert len(first) == 32
    (tmp_path / "helper_of_mine.py").write_text("SIZE = 2\n")
    second = answer()
    assert second != first
    (tmp_path / "helper_of_mine.py").write_text("SIZE = 1\n")
    (tmp_path / "unrelated.py").write_text("SIZE = 2\n")
    assert answer() == first
    (tmp_path / "mine_alone.py").write_text(mine.replace("pass", "self.now"))
    assert answer() not in (first, second)


def test_a_run_from_csv_imports_no_pandas_scipy_or_optuna(root: Path, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(CSV)
    program = """
import sys
import weakref
import fillwright as fw
class S(fw.Strategy):
    def on_start(self):
        self.average = self.indicator(fw.sma, "close", 2)
    def on_bar(self, bar):
        self.target(bar.symbol, bar.index)
result = fw.run(S(), fw.read_bars("x.csv", symbol="X", tz="UTC"), commission="0.1%")
print(result)
result.save("saved", report=True)
# the compiler itself imports the bare package scipy where there is one, to see its version
print(sorted({"pandas", "scipy.linalg", "scipy.stats", "optuna", "polars", "matplotlib"} & set(sys.modules)))
"""
    done = python(root, program, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


def test_importing_the_package_imports_nothing_heavy(root: Path) -> None:
    program = "import sys, fillwright; print(sorted({'numba', 'numpy', 'pyarrow', 'pydantic'} & set(sys.modules)))"
    assert python(root, program).stdout.strip() == "[]"


EDITS = """
import sys
from pathlib import Path
from fillwright.kernel import _jit
package = Path(_jit.__file__).parents[1]
first = _jit.cache_folder()
print(first)
for name in ("kernel/fixed.py", "kernel/state.py", "model/codes.py", "model/columns.py", "portfolio.py"):
    text = (package / name).read_text()
    (package / name).write_text(text + "#")
    print(name, _jit.cache_folder() == first)
    (package / name).write_text(text)
print(_jit.cache_folder() == first)
"""


@pytest.mark.kernel
def test_one_character_of_the_kernel_changes_the_cache_folder(root: Path, tmp_path: Path) -> None:
    """The compiler's own cache does not notice a change in another file, nor the flag for bounds checks; ours must not go stale."""
    shutil.copytree(root / "src/fillwright", tmp_path / "src/fillwright", ignore=shutil.ignore_patterns("__pycache__"))
    place = {"PYTHONPATH": str(tmp_path / "src"), "FILLWRIGHT_CACHE": str(tmp_path / "cache")}
    plain = python(root, EDITS, **place, NUMBA_BOUNDSCHECK="0").stdout.splitlines()
    assert plain[0].startswith(str(tmp_path / "cache"))
    assert plain[1:] == [
        "kernel/fixed.py False", "kernel/state.py False", "model/codes.py False", "model/columns.py False", "portfolio.py True", "True",
    ]  # fmt: skip
    checked = python(root, EDITS, **place, NUMBA_BOUNDSCHECK="1").stdout.splitlines()
    assert checked[0] != plain[0]


@pytest.mark.parametrize("kind", ["python", "compiled", "arrays"])
def test_nothing_holds_a_result_that_its_user_has_dropped(kind: str) -> None:
    """Without the garbage collector's help: memory of many runs in a row is that of one."""
    market = fw.make_bars(500, seed=1, timeframe="1min")

    class Written(fw.Strategy):
        def on_start(self) -> None:
            self.average = self.indicator(fw.sma, "close", 5)

        def on_bar(self, bar: object) -> None:
            if self.average.crossed_above(bar.close):  # type: ignore[attr-defined]
                self.buy(bar.symbol, 1)  # type: ignore[attr-defined]

    class Compiled(fw.Strategy):
        @fw.compiled
        def on_bar(ctx, p, s):  # type: ignore[no-untyped-def]
            if ctx.row == 5:
                ctx.buy(1)

    subject = {"python": Written, "compiled": Compiled, "arrays": lambda: fw.Targets(units=np.ones(500))}[kind]()
    gc.collect()
    gc.disable()
    try:
        result = fw.run(subject, market)
        held = weakref.ref(result.record)
        del result
        assert held() is None
    finally:
        gc.enable()
