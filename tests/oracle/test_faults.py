"""Runs whose broker goes wrong: row by row as the reference says, and at the end manager and broker agree and the books are exact."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from fillwright.coordinator.agreement import check_agreement
from fillwright.errors import RunFailed
from fillwright.kernel.state import State
from fillwright.model.codes import OrderEvent, OrderStatus, Reason, ReportKind
from oracle import harness
from oracle.fault_sequences import entries_balance, residual, sequence
from strategies import faulty_scenario

COMPARED = (*range(80), 95, 292, 540, 895)
"""95: a first leg of a reversal is undone and ends, 292: a list of legs is tried after a bust, 540: rates where orders look ahead and none
is left, 895: a size by risk beyond 64 bits."""
SEQUENCES = (*range(250), 737, 745, 1964, 8743)
"""737: a fill of an exit that is held is corrected, 745 and 1964: one that is held is released because its fill is undone,
8743: one that is held has closed all that its entry has filled."""
PLAIN, SIM, SIM_COMPARED = 200, 100_000, 10_000

pytestmark = pytest.mark.kernel


def played(seed: int) -> State:
    """One sequence to its end; the harness has the manager and the broker compared there."""
    scenario = sequence(seed)
    return harness.play_out(scenario, harness.market_of(scenario))


def hold(seeds: range) -> Counter[str]:
    """Play them; what happened in them."""
    happened: Counter[str] = Counter()
    for seed in seeds:
        try:
            state = played(seed)
        except RunFailed as error:
            pytest.fail(f"seed {seed}: {error}", pytrace=False)
        assert residual(state) == 0 and entries_balance(state), f"seed {seed}: residual {residual(state)}"
        happened.update(ReportKind(int(kind)).name for kind in state.table("reports")["kind"])
        happened.update(OrderStatus(int(status)).name for status in state.table("reports")["status"])
        events = state.table("order_events")
        refused = events["event"][events["reason"] == Reason.BROKER_REJECTED]
        happened.update(f"refused {OrderEvent(int(event)).name}" for event in refused)
        happened["fills"] += len(state.table("fills"))
        busts = np.count_nonzero(np.isin(events["event"], (OrderEvent.BUST, OrderEvent.BUST_ALL)))
        corrected = np.count_nonzero(state.table("fills")["exec_ref_id"] >= 0) - busts
        happened.update(corrected=int(corrected), undone=int(busts - corrected))
    return happened


WANTED = {
    *(kind.name for kind in ReportKind), "UNKNOWN", "refused REJECT", "refused CANCEL_REJECT", "refused REPLACE_REJECT", "fills",
}  # fmt: skip


@pytest.mark.slow
def test_known_seeds_agree_with_the_reference() -> None:
    for seed in COMPARED:
        difference = harness.difference(faulty_scenario(seed))
        assert not difference, f"seed {seed}: {difference}"


@pytest.mark.nojit
def test_short_sequences_agree_with_the_reference() -> None:
    for seed in SEQUENCES:
        difference = harness.difference(sequence(seed))
        assert not difference, f"seed {seed}: {difference}"


def test_manager_and_broker_agree_at_the_end_and_the_books_are_exact() -> None:
    happened = hold(range(PLAIN))
    assert set(happened) >= WANTED
    assert happened["fills"] > 5 * PLAIN // 2
    assert happened["undone"] > PLAIN and happened["corrected"] > PLAIN // 2


@pytest.mark.sim
def test_a_hundred_thousand_sequences(seed: int) -> None:
    print(f"seeds {seed * SIM} to {(seed + 1) * SIM - 1}")
    assert set(hold(range(seed * SIM, (seed + 1) * SIM))) >= WANTED


@pytest.mark.sim
def test_many_short_sequences_agree_with_the_reference(seed: int) -> None:
    print(f"seeds {seed * SIM_COMPARED} to {(seed + 1) * SIM_COMPARED - 1}")
    for number in range(seed * SIM_COMPARED, (seed + 1) * SIM_COMPARED):
        scenario = sequence(number)
        if harness.difference(scenario):
            pytest.fail(harness.report(number, scenario), pytrace=False)


@pytest.mark.parametrize(
    ("table", "field", "words"),
    [
        ("told", "status", "order 0 is .* at the broker, .* by its reports"),
        ("told", "cum", "cum_quantity of order 0 is .* at the broker, .* by its reports"),
        ("told", "notional", "cum_notional of order 0"),
        ("heard", "times", "order event 0 was never heard of"),
        ("orders", "status", "order 0 is .* at the broker"),
    ],
)
def test_a_disagreement_is_found(table: str, field: str, words: str) -> None:
    state = played(1)
    check_agreement(state, "")
    rows = state.table(table)
    rows[field][0] = 0 if table == "heard" else rows[field][0] + 1
    with pytest.raises(RunFailed, match=words):
        check_agreement(state, "at the end")


def test_a_report_that_stays_on_its_way_is_found() -> None:
    state = played(1)
    state.scalars["n_mail"] += 1
    with pytest.raises(RunFailed, match="1 reports are on their way"):
        check_agreement(state, "")
