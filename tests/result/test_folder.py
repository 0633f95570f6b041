"""The result folder: all or nothing, the same bytes for the same run, and the way back."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from tiny_ledger import DONE, scenario, setting

from fillwright.errors import CheckFailed, UsageError
from fillwright.model.codes import OrderEvent, RunState, Stage
from fillwright.model.columns import FILES
from fillwright.result import Result, load
from fillwright.result import folder as folders
from fillwright.verify import verify_folder

KINDS = ("plain", "crypto", "future", "fx")


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_run_has_every_file_and_verifies(kind: str, tmp_path: Path) -> None:
    result = Result(scenario(kind, 7, bars=150))
    assert result.state is RunState.RECONCILED
    folder = result.save(tmp_path / "deep" / "run", report=True)
    assert result.state is RunState.SAVED
    expected = {f"{table.name}.parquet" for table in FILES} | {"run.json", "summary.json", "certificate.json", "report.html"}
    assert set(files(folder)) == expected
    assert verify_folder(folder).ok
    assert [path.name for path in folder.parent.iterdir()] == ["run"]


def test_the_certificate_holds_the_hash_of_every_other_file(tmp_path: Path) -> None:
    folder = Result(scenario("plain", 1)).save(tmp_path / "run")
    certificate = json.loads((folder / "certificate.json").read_text())
    found = {name: hashlib.sha256(content).hexdigest() for name, content in files(folder).items() if name != "certificate.json"}
    assert certificate["sha256"] == found and certificate["ok"] is True


def test_the_same_run_gives_the_same_bytes_but_for_timings(tmp_path: Path) -> None:
    one = files(Result(scenario("fx", 2)).save(tmp_path / "a", report=True))
    again = scenario("fx", 2)
    other = files(
        Result(type(again)(**{**vars(again), "info": {**again.info, "run_seconds": 9.0}})).save(tmp_path / "b", report=True)
    )
    assert {name for name in one if one[name] != other[name]} == {"run.json", "certificate.json"}
    first, second = (json.loads(each["run.json"]) for each in (one, other))
    assert first.pop("timings") == {"run_seconds": 0.5} and second.pop("timings") == {"run_seconds": 9.0}
    assert first == second


def test_run_json_says_what_was_run(tmp_path: Path) -> None:
    record = scenario("future", 2)
    run = json.loads((Result(record).save(tmp_path / "run") / "run.json").read_text())
    assert run["config"] == json.loads(json.dumps(record.config.canonical()))
    assert run["instruments"][1]["multiplier"] == "1000/3" and run["instruments"][1]["price_decimals"] == 7
    assert run["state"] == "saved" and run["info"]["seed"] == 7 and run["counters"] == dict(record.counters)
    assert run["data"]["digest"] == record.market.digest


def test_an_existing_result_is_replaced_only_when_said(tmp_path: Path) -> None:
    target = tmp_path / "run"
    Result(scenario("plain", 1)).save(target)
    before = files(target)
    with pytest.raises(UsageError, match="holds a result already") as caught:
        Result(scenario("plain", 2)).save(target)
    assert "overwrite=True" in str(caught.value)
    assert files(target) == before
    Result(scenario("plain", 2)).save(target, overwrite=True)
    assert files(target) != before and verify_folder(target).ok
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_folder_with_something_else_is_never_touched(tmp_path: Path) -> None:
    target = tmp_path / "thesis"
    target.mkdir()
    (target / "chapter1.tex").write_text("years of work")
    with pytest.raises(UsageError, match="something else than a result"):
        Result(scenario("plain", 1)).save(target, overwrite=True)
    assert (target / "chapter1.tex").read_text() == "years of work"
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is no folder"):
        Result(scenario("plain", 1)).save(tmp_path / "file", overwrite=True)


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert verify_folder(Result(scenario("plain", 1)).save(tmp_path / "run")).ok


def test_a_save_that_fails_leaves_everything_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = Result(scenario("plain", 1)).save(tmp_path / "run")
    before = files(target)

    def broken(*_: object) -> bytes:
        raise OSError("no space left")

    monkeypatch.setattr(folders, "_sealed", broken)
    with pytest.raises(OSError, match="no space"):
        Result(scenario("plain", 2)).save(target, overwrite=True)
    assert files(target) == before and [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_loaded_is_what_was_saved(kind: str, tmp_path: Path) -> None:
    result = Result(scenario(kind, 3, bars=200))
    saved = load(result.save(tmp_path / "run"))
    for table in FILES:
        assert saved.tables(table.name).equals(result.tables(table.name))
    lots = result.record.tables["lots"]
    for name in ("strategy", "symbol", "side", "open_fill", "instant", "quantity", "remaining", "cost", "fee_in"):
        assert (saved.saved.record.tables["lots"][name] == lots[name]).all(), name
    assert saved.metrics == result.metrics
    assert str(saved).split("\n")[:20] == str(result).split("\n")[:20]
    assert "life of order" in saved.explain(3)
    page = saved.report(tmp_path / "again.html").read_text()
    assert "<html" in page


def interrupted() -> Result:
    """A run that stopped inside an instant: fills after the last stored equity, an order still working."""
    tiny = setting("plain", 10)
    instants = tiny.market.instants.tolist()
    for instant in instants[:5]:
        tiny.mark(instant)
    order = tiny.order(instants[3], 0, 0, 1, 10)
    for event in (OrderEvent.SUBMIT, OrderEvent.ACCEPT):
        tiny.event(instants[3], order, event)
    tiny.fill(instants[5], order, 4, Stage.OPEN, 2, 100)
    assert tiny.orders[order].status not in DONE
    return Result(tiny.record(RunState.FAILED, "StrategyError: strategy.py:12: division by zero"))


def test_a_failed_run_is_saved_with_state_and_error(tmp_path: Path) -> None:
    result = interrupted()
    assert result.certificate.ok
    folder = result.save(tmp_path / "run", report=True)
    run = json.loads((folder / "run.json").read_text())
    assert run["state"] == "failed" and "strategy.py:12" in run["error"] and run["error_at"] > 0
    verification = verify_folder(folder)
    assert verification.ok, verification.text()
    saved = load(folder)
    assert "strategy.py:12" in str(saved)
    assert result.state is RunState.FAILED


def test_a_run_without_trades_is_saved(tmp_path: Path) -> None:
    tiny = setting("plain", 10)
    for instant in tiny.market.instants.tolist():
        tiny.mark(instant)
    result = Result(tiny.record())
    assert result.certificate.ok and "reconciled" in str(result)
    folder = result.save(tmp_path / "run", report=True)
    assert verify_folder(folder).ok
    assert "0 trades" in str(load(folder))


def test_a_run_without_any_instant_is_saved(tmp_path: Path) -> None:
    result = Result(setting("plain", 10).record(RunState.FAILED, "stopped at once"))
    folder = result.save(tmp_path / "run", report=True)
    assert verify_folder(folder).ok
    assert str(load(folder))


@pytest.mark.parametrize("name", ["run.json", "summary.json", "certificate.json", "fills.parquet"])
def test_a_missing_or_damaged_file_is_named(name: str, tmp_path: Path) -> None:
    folder = Result(scenario("plain", 1)).save(tmp_path / "run")
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckFailed) as caught:
        load(folder)
    assert name in str(caught.value)
    (folder / name).unlink()
    with pytest.raises(CheckFailed) as caught:
        load(folder)
    assert name in str(caught.value)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no folder"):
        load(tmp_path / "nowhere")
    (tmp_path / "run.json").write_text('{"format": "something"}')
    for name in ("summary.json", "certificate.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(CheckFailed, match="not a result of schema version"):
        load(tmp_path)
