"""Runs of the engine itself, with every kind of order, booking and account: each is reconciled, saved and verified."""

from __future__ import annotations

from pathlib import Path

import pytest

from fillwright.errors import StrategyError
from fillwright.model.codes import RunState
from fillwright.result import load
from fillwright.verify import verify_folder
from verify.restless import MARKETS, currencies, plain, run

pytestmark = pytest.mark.kernel

ACCOUNTS = (
    {"account": {"leverage": 3}, "execution": {"participation": None}},
    {"account": {"type": "cash", "lots": "lifo"}, "orders": {"on_short_cash": "shrink"}, "report": {"trades": "lot"}},
    {"account": {"leverage": 2, "lots": "average"}, "execution": {"latency": "30s"}, "report": {"trades": "fill_to_fill"}},
    {"orders": {"flat_at": ["day_end", "run_end"], "reversal": "one_order"}, "execution": {"path": "worst"}},
    {"account": {"leverage": 4, "lots": "lowest_cost"}, "report": {"trades": "lot"}},
    {"execution": {"fill": "same_close_lookahead", "clamp_to_range": True}, "orders": {"time_in_force": "DAY"}},
    {"account": {"leverage": 2, "lots": "specific"}, "execution": {"faults": {"bust": "0.2", "correct": "0.2", "correct_by": 9}}},
)


@pytest.mark.parametrize("number", range(len(ACCOUNTS)))
@pytest.mark.parametrize("name", MARKETS)
def test_a_real_run_is_reconciled_and_verified(name: str, number: int, tmp_path: Path) -> None:
    market = MARKETS[name]()
    for seed in (1, 2):
        result = run(market, ACCOUNTS[number], seed)
        assert result.certificate.ok, result.certificate.line()
        assert len(result.record.tables["fills"]) > 10
        folder = result.save(tmp_path / str(seed))
        verification = verify_folder(folder)
        assert verification.ok, verification.text()
        assert load(folder).metrics == result.metrics
        for fill in range(0, len(result.record.tables["fills"]), 10):
            assert result.explain(fill)


def test_a_strategy_that_raises_leaves_a_folder_that_verifies(tmp_path: Path) -> None:
    with pytest.raises(StrategyError) as caught:
        run(plain(), ACCOUNTS[0], 1, fail_at=300)
    result = caught.value.result  # type: ignore[attr-defined]
    assert result.state is RunState.FAILED and result.certificate.ok
    verification = verify_folder(result.save(tmp_path / "run"))
    assert verification.ok, verification.text()


def test_two_equal_runs_leave_equal_bytes(tmp_path: Path) -> None:
    market = currencies()
    one, two = (run(market, ACCOUNTS[0], 7).save(tmp_path / name) for name in "ab")
    differing = {path.name for path in one.iterdir() if path.read_bytes() != (two / path.name).read_bytes()}
    assert differing <= {"run.json", "certificate.json"}
