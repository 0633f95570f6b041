"""``fillwright run`` and what follows it, from outside: exit codes, messages, the folder, the same bytes twice."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.slow

CONFIG = """\
version: 1
run: {name: made, seed: 3, out: out}
data: {sources: [{symbol: M, path: M.csv, timeframe: 1d}]}
account: {initial_cash: 50000}
costs: {commission: {model: rate, rate: 0.1%}, slippage: {model: rate, rate: 2bp}}
sizing: {method: equity_fraction, fraction: 90%}
orders: {flat_at: [run_end]}
strategy: {name: sma_cross, params: {fast: 5, slow: 20}}
report: {formats: [html]}
"""
STRATEGIES = '''\
import fillwright as fw


class Raises(fw.Strategy):
    """Goes wrong when the third of February begins: the bar of the second closes."""

    def on_bar(self, bar):
        if str(bar.time) >= "2020-02-03":
            raise ValueError("no such luck")
        self.target(bar.symbol, 10 if bar.close > bar.open else -10)
'''
TABLES = (
    "equity", "fills", "lot_closes", "marks", "order_events", "orders", "positions", "postings", "reports", "switches", "trade_events",
    "trades",
)  # fmt: skip
Cli = Callable[..., "subprocess.CompletedProcess[str]"]


def caller(root: Path, folder: Path) -> Cli:
    environment = os.environ | {"PYTHONPATH": str(root / "src"), "COLUMNS": "120", "NO_COLOR": "1"}

    def call(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "fillwright", *arguments]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == code, done.stderr + done.stdout
        assert "Traceback" not in done.stderr + done.stdout
        return done

    return call


@pytest.fixture(scope="module")
def place(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, a configuration, strategies, and a run that has ended well in ``out``."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "run.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "mine.py").write_text(STRATEGIES, encoding="utf-8")
    call = caller(root, folder)
    call("data", "make", "M.csv", "--bars", "300", "--seed", "5", "--timeframe", "1d", "--symbol", "M")
    (folder / "printed.txt").write_text(call("run", "run.yaml").stdout, encoding="utf-8")
    return folder


@pytest.fixture
def cli(root: Path, place: Path) -> Cli:
    return caller(root, place)


def test_a_run_prints_its_summary_and_leaves_a_folder_that_verifies(cli: Cli, place: Path) -> None:
    printed = (place / "printed.txt").read_text(encoding="utf-8")
    assert printed.startswith("made\n  reconciled      300 marks, residual 0\n")
    assert "50,000.00 -> " in printed
    assert str(Path("out") / "report.html") in printed.splitlines()[-1]
    assert "fillwright verify out" in printed.splitlines()[-1]
    wanted = {"run.json", "summary.json", "certificate.json", "report.html", *(f"{name}.parquet" for name in TABLES)}
    assert {path.name for path in (place / "out").iterdir()} == wanted
    assert json.loads((place / "out" / "run.json").read_bytes())["state"] == "saved"
    assert cli("verify", "out").stdout.startswith("verified: out\n")


def test_the_same_input_gives_the_same_bytes(cli: Cli, place: Path) -> None:
    done = cli("run", "run.yaml", "--out", "again", "--quiet")
    assert (done.stdout, done.stderr) == ("", "")
    first, second = ({path.name: path.read_bytes() for path in (place / name).iterdir()} for name in ("out", "again"))
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name] and name not in ("run.json", "certificate.json")] == []
    one, two = (json.loads(files["run.json"]) for files in (first, second))
    assert one["info"]["journal_fingerprint"] == two["info"]["journal_fingerprint"]
    assert one["info"]["input_fingerprint"] == two["info"]["input_fingerprint"]
    # Only how long it took may differ.
    assert one.pop("timings").keys() == two.pop("timings").keys()
    assert one == two


def test_json_is_for_machines(cli: Cli) -> None:
    answer = json.loads(cli("run", "run.yaml", "--json", "--out", "json", "--set", "strategy.params.fast=6").stdout)
    assert (answer["state"], answer["reconciled"], answer["folder"]) == ("saved", True, "json")
    assert answer["metrics"]["trades"]["value"] > 0
    assert answer["metrics"]["sharpe"]["definition"]


def test_a_run_that_is_not_saved_says_so(cli: Cli, place: Path) -> None:
    before = sorted(place.iterdir())
    assert cli("run", "run.yaml", "--set", "run.out=null").stdout.endswith("not saved; --out FOLDER keeps it\n")
    assert sorted(place.iterdir()) == before


def test_a_strategy_that_raises_is_a_message_and_a_folder_of_what_was(cli: Cli, place: Path) -> None:
    mine = ("--set", "strategy={name: 'mine.py:Raises'}", "--out", "failed")
    stderr = cli("run", "run.yaml", *mine, code=1).stderr
    line = 1 + STRATEGIES.splitlines().index('            raise ValueError("no such luck")')
    expected = f"{place / 'mine.py'}:{line}, data time 2020-02-03T00:00:00Z: Raises raised ValueError: no such luck"
    assert stderr.startswith(f"error: {expected}\n")
    assert "what was recorded until then is in failed" in stderr
    run = json.loads((place / "failed" / "run.json").read_bytes())
    assert run["state"] == "failed"
    assert "no such luck" in run["error"]
    assert pq.read_table(place / "failed" / "fills.parquet").num_rows > 0
    assert "THE RUN FAILED" in cli("verify", "failed").stdout
    text = cli("report", "failed").stdout
    assert text.strip() == str(Path("failed") / "report.html")
    assert "no such luck" in (place / "failed" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["costs.comission.model=none"], "costs.comission: unknown key; did you mean 'commission'?"),
        (["strategy.name=sma_cros"], "strategy.name: no strategy 'sma_cros'\n  did you mean 'sma_cross'?"),
        (["strategy.name=mine.py:Rises"], "mine.py has no strategy 'Rises'\n  it has: Raises"),
        (["strategy.name=other.py:Raises"], "there is no file"),
        (["strategy.params.fst=3"], "has no parameter 'fst'\n  did you mean 'fast'?"),
        (["strategy.params.fast=30"], "slow must be > fast (30)"),
        (["strategy=null"], "there is no strategy"),
        (["data.sources[0].path=N.csv"], "N.csv: cannot be opened"),
        (["data.start=2031-01-01"], "the data of M go from 2020-01-01"),
        (["data.sources=[]"], "there are no sources of market data"),
        (["data.folder=package:no_such_package/data"], "the package 'no_such_package' is not installed"),
        (["costs.slippage={model: ticks, ticks: 1}"], "M has no tick"),
    ],
)
def test_what_is_wrong_with_the_input_exits_2_and_leaves_nothing(
    cli: Cli, place: Path, settings: list[str], expected: str
) -> None:
    options = [part for setting in settings for part in ("--set", setting)]
    done = cli("run", "run.yaml", "--out", "nothing", *options, code=2)
    assert done.stderr.startswith("error: ")
    assert expected in done.stderr
    assert done.stdout == ""
    assert not (place / "nothing").exists()


def test_errors_name_the_line_of_the_file(cli: Cli, place: Path) -> None:
    (place / "wrong.yaml").write_text(CONFIG.replace("sma_cross", "smacross"), encoding="utf-8")
    assert "error: wrong.yaml:8:12: strategy.name: no strategy 'smacross'" in cli("run", "wrong.yaml", code=2).stderr
    (place / "wrong.yaml").write_text(CONFIG.replace("fast: 5", "fast: 0"), encoding="utf-8")
    assert "error: wrong.yaml:8:29: strategy.params: " in cli("run", "wrong.yaml", code=2).stderr


def test_a_folder_of_something_else_is_not_overwritten(cli: Cli, place: Path) -> None:
    (place / "letters").mkdir()
    (place / "letters" / "dear.txt").write_text("Dear", encoding="utf-8")
    stderr = cli("run", "run.yaml", "--out", "letters", code=2).stderr
    assert "holds something else than a result" in stderr
    assert (place / "letters" / "dear.txt").read_text(encoding="utf-8") == "Dear"


def test_verify_finds_a_flipped_byte(cli: Cli, place: Path) -> None:
    shutil.copytree(place / "out", place / "flipped")
    file = place / "flipped" / "fills.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(bytes(content))
    done = cli("verify", "flipped", code=1)
    assert "fills.parquet" in done.stdout + done.stderr


def test_verify_without_hashes_finds_a_changed_result(cli: Cli, place: Path) -> None:
    shutil.copytree(place / "out", place / "changed")
    file = place / "changed" / "trades.parquet"
    table = pq.read_table(file)
    index = table.schema.get_field_index("net_pnl")
    values = table["net_pnl"].to_pylist()
    values[2] += 1
    column = pa.array(values, table.schema.field(index).type)
    pq.write_table(table.set_column(index, table.schema.field(index), column), file, store_decimal_as_integer=True)
    text = cli("verify", "changed", "--no-hashes", code=1).stdout
    assert text.startswith("NOT VERIFIED: ")
    assert "trades.parquet row 2 column net_pnl" in text
    answer = json.loads(cli("verify", "changed", "--no-hashes", "--json", code=1).stdout)
    assert not answer["ok"]


def test_verify_and_report_of_no_run(cli: Cli) -> None:
    for command in ("verify", "report"):
        assert "nowhere" in cli(command, "nowhere", code=2).stderr
    assert "certificate.json" in cli("verify", ".", code=1).stderr


def test_report_of_a_saved_run(cli: Cli, place: Path) -> None:
    assert "there already" in cli("report", "out").stdout
    assert cli("report", "out", "--out", "second.html").stdout == "second.html\n"
    page = (place / "second.html").read_text(encoding="utf-8")
    assert "Reconciled" in page and "300 marks, residual 0" in page
    cli("verify", "out")


def test_data_info_of_a_configuration_is_what_the_run_used(cli: Cli, place: Path) -> None:
    text = cli("data", "info", "run.yaml").stdout
    assert text.startswith("1 instrument, 1 feed, 300 bars")
    assert json.loads((place / "out" / "run.json").read_bytes())["data"]["digest"] in text
