"""``verify --data``, ``explain``, ``compare`` and ``import-trades`` from outside: exit codes, messages, JSON."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fillwright.cli import main

CONFIG = """\
version: 1
run: {name: made, seed: 3}
data: {folder: prices, sources: [{symbol: M, path: M.csv, timeframe: 1d}]}
account: {initial_cash: 50000}
costs: {commission: {model: rate, rate: 0.1%}, slippage: {model: rate, rate: 2bp}}
sizing: {method: equity_fraction, fraction: 90%}
orders: {flat_at: [run_end]}
strategy: {name: sma_cross, params: {fast: 5, slow: 20}}
"""
Call = Callable[..., tuple[str, str]]

pytestmark = pytest.mark.kernel


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], place: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run a command in the folder of the runs; (stdout, stderr)."""
    monkeypatch.chdir(place)

    def run(*arguments: str, code: int = 0) -> tuple[str, str]:
        found = main(arguments)
        out, err = capsys.readouterr()
        assert found == code, out + err
        assert "Traceback" not in out + err and "internal error" not in err
        return out, err

    return run


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of one configuration, one with another fee, and their data in a folder of their own."""
    folder = tmp_path_factory.mktemp("proof")
    (folder / "run.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "prices").mkdir()
    assert main(["data", "make", str(folder / "prices" / "M.csv"), "--bars", "400"]) == 0
    config = str(folder / "run.yaml")
    assert main(["run", config, "--out", str(folder / "one"), "--quiet"]) == 0
    assert main(["run", config, "--out", str(folder / "same"), "--quiet", "--set", "run.name=other"]) == 0
    dear = ["--set", "costs.commission.rate=0.2%"]
    assert main(["run", config, "--out", str(folder / "dear"), "--quiet", *dear]) == 0
    return folder


def test_verify_with_the_data_from_everywhere_they_may_be(call: Call, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for data in ((), ("prices",), ("run.yaml",), ("prices/M.csv",)):
        out, _ = call("verify", "one", "--data", *data)
        assert out.startswith("verified") and "  data  " in out
    main(["data", "convert", "run.yaml", "M.arrow"])
    call("verify", "one", "--data", "M.arrow")
    monkeypatch.chdir(place.parent)  # the folder above the result is looked into
    call("verify", str(place / "one"), "--data")


def test_verify_says_so_in_json(call: Call) -> None:
    answer = json.loads(call("verify", "one", "--data", "--json")[0])
    assert answer["ok"] and {check["name"] for check in answer["checks"]} >= {"data.reference", "data.marks", "data.arrival"}


def test_data_that_are_missing_or_others_are_errors(call: Call, place: Path, tmp_path: Path) -> None:
    assert "is not there" in call("verify", "one", "--data", "nowhere", code=2)[1]
    assert "cannot be opened" in call("verify", "one", "--data", str(tmp_path), code=2)[1]
    other = tmp_path / "M.csv"
    lines = (place / "prices" / "M.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    other.write_text("".join(lines[:-1]), encoding="utf-8")
    _, err = call("verify", "one", "--data", str(tmp_path), code=2)
    assert "these are other data: digest" in err and "(399 bars)" in err and "--data" in err
    alone = shutil.copytree(place / "one", tmp_path / "far" / "one")
    (place / "prices").rename(place / "moved")
    try:
        _, err = call("verify", str(alone), "--data", code=2)
        assert "the data of the run are not found: prices/M.csv" in err and "--data FOLDER" in err
        call("verify", str(alone), "--data", "moved")
    finally:
        (place / "moved").rename(place / "prices")


def test_explain_a_fill_and_an_order(call: Call) -> None:
    plain = call("explain", "one", "1")[0]
    assert plain.startswith("fill 1: ") and "bar:" not in plain
    out = call("explain", "one", "1", "--data")[0]
    for words in ("bar: open", "reference", "costs.slippage:", "x 0.0002, against the order", "notional", "x 0.001", "cash USD:",
                  "position of", "life of order", "a bar already under way is never met"):  # fmt: skip
        assert words in out
    facts = json.loads(call("explain", "one", "1", "--data", "--json")[0])
    assert facts["market"]["points"] and facts["price"] in out and facts["life"][-1]["event"] == "fill all"
    assert call("explain", "one", "--order", "1")[0].startswith("order 1: filled, filled")
    assert json.loads(call("explain", "one", "--order", "1", "--json")[0])["fills"][0]["fill"] == 1
    assert "no fill 9999" in call("explain", "one", "9999", code=2)[1]
    assert "no order -3" in call("explain", "one", "--order", "-3", code=2)[1]
    assert "--order 3" in call("explain", "one", code=2)[1]
    assert "--order 3" in call("explain", "one", "1", "--order", "1", code=2)[1]


def test_compare_runs(call: Call) -> None:
    out = call("compare", "one", "same")[0]
    assert out.startswith("equal: one and same") and "config.run.name: made | other" in out
    out = call("compare", "one", "dear", code=1)[0]
    assert out.startswith("DIFFERENT") and "they part at" in out and "config.costs.commission.rate: 0.001 | 0.002" in out
    answer = json.loads(call("compare", "one", "dear", "--json", code=1)[0])
    assert answer["equal"] is False and answer["parting"]["cells"] and answer["metrics"]
    assert "is no folder" in call("compare", "one", "nowhere", code=2)[1]


def test_import_trades(call: Call, tmp_path: Path) -> None:
    old = tmp_path / "old.csv"
    old.write_text(
        "id,symbol,direction,quantity,entry_price,entry_time,exit_price,exit_time,pnl,closed\n"
        "1,M,LONG,10,100.5,2020-01-02 09:30:00,101.5,2020-01-03 09:30:00,10.0,True\n",
        encoding="utf-8",
    )
    _, err = call("import-trades", str(old), "--out", "old", code=2)
    assert "--pnl gross" in err and "--pnl net" in err
    out, _ = call("import-trades", str(old), "--pnl", "gross", "--cash", "1000", "--out", "old")
    assert "1 closed and 0 open trades" in out and "1 of 1 rows state no commission: taken as 0" in out
    assert call("verify", "old")[0].startswith("intact")
    assert "--data" in call("verify", "old", "--data", code=2)[1]
    assert "another system" in call("report", "old", code=2)[1]
    out, _ = call("compare", "old", "one", code=1)
    assert "only in old" in out and "only in one" in out
    call("compare", "old", "old")
    assert "holds a result already" in call("import-trades", str(old), "--pnl", "gross", "--out", "old", code=2)[1]
    assert "--cash" in call("import-trades", str(old), "--pnl", "gross", "--cash", "much", "--out", "new", code=2)[1]
    assert "middle" in call("import-trades", str(old), "--pnl", "middle", "--out", "new", code=2)[1]


def test_a_folder_that_was_changed_is_a_readable_error(call: Call, place: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(place / "one", tmp_path / "broken")
    run = json.loads((broken / "run.json").read_text())
    for key, value in (("data", {}), ("config", {"nonsense": 1}), ("instruments", [{}])):
        (broken / "run.json").write_text(json.dumps({**run, key: value}))
        given = [str(place / "prices" / "M.csv")] if key == "instruments" else []
        assert "error: " in call("verify", str(broken), "--data", *given, code=2)[1]
    (broken / "run.json").write_text(json.dumps(run))
    (broken / "fills.parquet").write_bytes(b"PAR1")
    assert "fills.parquet: cannot be read" in call("compare", "one", str(broken), code=1)[1]
    shutil.copy(place / "one" / "orders.parquet", broken / "fills.parquet")
    assert "fills.parquet: has no column" in call("compare", "one", str(broken), code=1)[1]
    (broken / "summary.json").unlink()
    assert "summary.json" in call("compare", "one", str(broken), code=1)[1]
