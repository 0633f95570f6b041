"""What the trader reads: everything is said, lines fit, reasons stand in for figures that are not defined."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from analytics.sample import goog_record, told
from fillwright.analytics import format as fmt
from fillwright.analytics.facts import Verdict, refusals, timeframe
from fillwright.analytics.summary import MOST_LINES, NO_COSTS, summary
from fillwright.config.schema import Config
from fillwright.model.codes import OrderStatus, Reason, RunState
from result.tiny_ledger import scenario

COSTS = {"commission": {"model": "rate", "rate": "0.1%", "minimum": 1}, "slippage": {"model": "rate", "rate": "2bp"}}


def configured(**sections: object) -> Config:
    return Config.model_validate({"version": 1, **sections})


def test_the_published_run(shared: Path) -> None:
    text = summary(told(goog_record(shared), Verdict(True, "2,148 marks, residual 0")))
    words = " ".join(text.split())
    for part in (
        "reconciled 2,148 marks, residual 0", "10,000.00 -> 51,422.99 USD", "414.23 %, CAGR 21.16 %", "N = 252, exchange days",
        "-47.98 % from 2011-07-26 to 2012-07-12, not recovered, longest 584 days", "66 closed, 0 open", "win rate 46.97 %",
        "132 orders -> 132 accepted -> 132 filled -> 132 fills -> 66 trades", NO_COSTS, "fill timing next event",
        "volume at most 10 % of a bar", "0 of 132: another path", "fingerprints input aa, journal bb, data ",
    ):  # fmt: skip
        assert part in words
    assert text.splitlines()[0] == "GOOG SMA 10/30"


@pytest.mark.parametrize("kind", ["plain", "crypto", "future", "fx"])
def test_lines_fit_and_are_plain(kind: str) -> None:
    facts = replace(
        told(scenario(kind, seed=8, bars=200)),
        name="a name that is longer than a line " * 5,
        warnings=("something long happened, " * 20, "x" * 300),
        findings=tuple(f"gap number {n}" for n in range(20)),
        instruments=tuple(f"SYMBOL{n}" for n in range(500)),
    )
    text = summary(facts)
    assert max(map(len, text.splitlines())) <= 100
    assert all(line.isprintable() for line in text.splitlines())
    assert f"and {20 - MOST_LINES} more" in text
    assert "and 492 more" in " ".join(text.split())
    assert all(line == line.rstrip() for line in text.splitlines())


def test_costs_are_named_or_missed_loudly() -> None:
    record = scenario("plain", bars=60)
    assert NO_COSTS in summary(told(record))
    facts = told(replace(record, config=configured(costs=COSTS)))
    assert facts.costs
    text = summary(facts)
    assert "NO COSTS" not in text
    said = dict(facts.assumptions)
    assert "rate 0.1 %" in said["commission"] and "minimum 1" in said["commission"]
    assert said["slippage"] == "rate 0.02 %"


def test_assumptions_say_what_is_unusual() -> None:
    record = scenario("plain", bars=60)
    config = configured(execution={"fill": "same_close_lookahead", "participation": None, "path": "worst"})
    said = dict(told(replace(record, config=config)).assumptions)
    assert said["fill timing"].startswith("LOOK-AHEAD")
    assert said["volume"].startswith("no cap")
    assert said["path in a bar"] == "worst"


def test_a_market_without_volume_is_said() -> None:
    record = scenario("plain", bars=60)
    feeds = tuple(replace(feed, volume=None) for feed in record.market.feeds)
    said = dict(told(replace(record, market=replace(record.market, feeds=feeds))).assumptions)
    assert "no cap for AAA, BBB: the data have no volume" in said["volume"]


def test_a_failed_run_and_a_broken_certificate_come_first() -> None:
    record = replace(scenario("plain", bars=60), state=RunState.FAILED, error="division by zero", error_at=10**18)
    lines = summary(told(record, Verdict(False, "equity differs at 3 marks"))).splitlines()
    assert lines[1].split()[:2] == ["RUN", "STOPPED"] and "division by zero" in lines[1]
    assert any("NOT RECONCILED" in line and "3 marks" in line for line in lines[:5])


def test_undefined_figures_show_their_reason() -> None:
    text = " ".join(summary(told(scenario("plain", bars=60, rate=0.0))).split())
    assert "CAGR n/a (not brought to a year" in text
    assert "and Sharpe n/a (needs 2 session-close returns, the run has 1)" in text
    assert "drawdown none" in text
    assert "0 closed, 0 open" in text


def test_refusals_are_counted_by_reason() -> None:
    record = scenario("plain", seed=3, bars=3000, rate=0.2)
    found = dict(refusals(record))
    orders = record.tables["orders"]
    denied = (orders["status"] == OrderStatus.DENIED) & (orders["reason"] == Reason.INSUFFICIENT_CASH)
    assert found["denied: insufficient cash"] == denied.sum() > 0
    ended = [OrderStatus.DENIED, OrderStatus.REJECTED, OrderStatus.CANCELED, OrderStatus.EXPIRED]
    assert sum(found.values()) == sum((orders["status"] == status).sum() for status in ended)


def test_the_funnel_narrows() -> None:
    stages = dict(told(scenario("plain", seed=3, bars=500)).funnel)
    assert stages["intents"] - stages["no change"] == stages["orders"] >= stages["accepted"] >= stages["filled"] > 0


def test_numbers_for_people() -> None:
    assert fmt.number(-0.001) == "0.00" and fmt.number(-1234.5) == "-1,234.50"
    assert fmt.duration(2.5) == "2.5 days" and fmt.duration(0.5) == "12.0 h" and fmt.duration(1 / 86_400) == "1.0 s"
    assert fmt.moment(86_400 * 10**9) == "1970-01-02" and fmt.moment(5_400 * 10**9) == "1970-01-01 01:30"
    assert fmt.moment(1_500_000_000) == "1970-01-01 00:00:01.5"
    assert [timeframe(n * 10**9) for n in (60, 300, 3600, 86_400, 90)] == ["1 min", "5 min", "1 h", "1 d", "90 s"]
