"""The result as people use it: proof, summary, explanation, the keys of the previous system."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_ledger import BOOKINGS, changed, scenario

from fillwright.errors import UsageError
from fillwright.result import Result, certify

KINDS = ("plain", "crypto", "future", "fx")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lots", BOOKINGS)
def test_a_consistent_record_is_reconciled(kind: str, lots: str) -> None:
    certificate = Result(scenario(kind, 6, bars=150, lots=lots)).certificate
    assert certificate.ok and certificate.line() == "reconciled: 150 marks, residual 0"
    assert all(check.residual == 0 for check in certificate.checks)


@pytest.mark.parametrize(
    "table, column, named",
    [
        ("postings", "money", "entries"),
        ("postings", "quantity", "entries"),
        ("fills", "position", "positions"),
        ("fills", "fee", "orders fee"),
        ("fills", "quantity", "positions"),
        ("fills", "notional", "orders cum_notional"),
        ("orders", "cum_quantity", "orders cum_quantity"),
        ("orders", "status", "life cycle"),
        ("order_events", "status", "life cycle"),
        ("order_events", "status_before", "life cycle"),
        ("lot_closes", "realised", "cash USD"),
        ("lot_closes", "cost", "cash USD"),
        ("lots", "remaining", "positions by lots"),
    ],
)
def test_one_changed_number_is_noticed(table: str, column: str, named: str) -> None:
    record = scenario("plain", 6, bars=150)
    certificate = certify(changed(record, table, column, len(record.tables[table]) // 2))
    assert not certificate.ok
    assert named in {check.name for check in certificate.checks if not check.ok}
    assert certificate.line().startswith("NOT RECONCILED")


def test_a_changed_equity_is_noticed() -> None:
    record = scenario("fx", 6, bars=150)
    equity = record.equity.copy()
    equity[77] += 1
    broken = Result(type(record)(**{**vars(record), "equity": equity}))
    assert [check.name for check in broken.certificate.checks if not check.ok] == ["equity"]
    assert "equity row 77 column equity" in broken.certificate.line() and "NOT RECONCILED" in str(broken)


def test_a_lost_intent_is_noticed() -> None:
    record = scenario("plain", 6)
    counters = {**record.counters, "intents": record.counters["intents"] + 2}
    lost = certify(type(record)(**{**vars(record), "counters": counters}))
    assert [check.name for check in lost.checks if not check.ok] == ["intents"]


def test_the_engine_s_own_orders_are_no_intents() -> None:
    record = scenario("plain", 6)
    orders = record.tables["orders"].copy()
    orders["intent_id"][5] = -1
    counters = {**record.counters, "intents": record.counters["intents"] - 1}
    assert certify(type(record)(**{**vars(record), "tables": {**record.tables, "orders": orders}, "counters": counters})).ok


def test_missing_bars_are_a_failed_check_not_a_traceback() -> None:
    record = scenario("fx", 6)
    certificate = certify(type(record)(**{**vars(record), "fx": (None, None, None)}))
    assert not certificate.ok and "no source of rates" in certificate.line()


@pytest.mark.parametrize("kind", KINDS)
def test_the_summary_starts_with_the_proof(kind: str) -> None:
    text = str(Result(scenario(kind, 6, bars=150)))
    assert "reconciled" in text.split("\n")[1] and "150 marks, residual 0" in text


def test_explain_shows_each_step_of_the_price() -> None:
    result = Result(scenario("plain", 6, bars=150))
    fills = result.record.tables["fills"]
    fill = int(np.flatnonzero(fills["slippage"] != 0)[0])
    text = result.explain(fill)
    view = result.tables("fills").to_pylist()[fill]
    for step in ("reference_price", "price", "notional", "fee"):
        assert str(view[step]).rstrip("0").rstrip(".") in text
    assert "slippage" in text and "to the tick" in text and "bar: open" in text
    assert f"life of order {int(fills['order_id'][fill])}" in text and "submit" in text
    with pytest.raises(UsageError, match="no fill 99999"):
        result.explain(99_999)


def test_every_fill_can_be_explained() -> None:
    result = Result(scenario("fx", 6))
    for fill in range(len(result.record.tables["fills"])):
        assert result.explain(fill).startswith(f"fill {fill}:")


def test_the_report_is_written(tmp_path: Path) -> None:
    page = Result(scenario("plain", 6)).report(tmp_path / "report.html")
    assert page.read_text().lower().startswith("<!doctype html>")


@pytest.mark.parametrize("kind", KINDS)
def test_the_keys_of_the_previous_system(kind: str) -> None:
    result = Result(scenario(kind, 6, bars=150))
    legacy = result.as_legacy()
    assert set(legacy) == {
        "final_capital", "positions", "trades", "statistics", "equity_curve", "trades_equity_consistent", "metrics_consistent",
    }  # fmt: skip
    record = result.record
    assert legacy["final_capital"] == record.equity[-1] / 10**6 == legacy["equity_curve"][-1]["equity"]
    assert legacy["trades_equity_consistent"] is True and legacy["metrics_consistent"] is True
    assert len(legacy["trades"]) == len(result.trades) and len(legacy["equity_curve"]) == len(record.equity)
    held = {name for name, position in legacy["positions"].items() if position["quantity"]}
    assert held <= set(record.names.symbols)
    for trade in legacy["trades"]:
        assert trade["direction"] in ("LONG", "SHORT") and trade["closed"] == (trade["exit_time"] is not None)


def test_importing_the_room_does_not_import_pandas() -> None:
    import subprocess
    import sys

    code = "import sys, fillwright.result; sys.exit('pandas' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}).returncode == 0


def test_the_page_about_the_folder_is_the_generated_one() -> None:
    from fillwright.result.reference import markdown

    page = Path(__file__).resolve().parents[2] / "docs" / "result_folder.md"
    assert page.read_text(encoding="utf-8") == markdown()
