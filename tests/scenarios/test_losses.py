"""Limits on losses: what they do to the trading state, to orders and to positions, and how it is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import fillwright as fw
from fillwright.model.codes import ExitReason, LimitAction, OrderStatus, Reason, TradingState
from fillwright.verify import verify_folder
from scenarios.table import X, clock, market, play

pytestmark = pytest.mark.scenario

# two days; ten units lose 50 of 1,000 on the way to 95, and 100 in all until 90
BARS = """
    2024-01-02 09:31  100
    2024-01-02 09:32  100
    2024-01-02 09:33  100  95
    2024-01-02 09:34  95
    2024-01-02 09:35  95   90
    2024-01-02 09:36  90
    2024-01-03 09:31  90
    2024-01-03 09:32  90   99
    2024-01-03 09:33  99
    2024-01-03 09:34  99
"""
ACCOUNT = {"initial_cash": 1000, "maintenance_margin": "10%"}


def run(script: str, limits: dict[str, Any], **settings: Any) -> Any:
    return play(BARS, script, account=ACCOUNT, limits=limits, **settings)


def switches(found: Any) -> list[str]:
    """``09:33 active -> halted max_drawdown flatten 50 of 40``."""
    lines = []
    for row in found.record.tables["switches"]:
        before, after = (TradingState(int(row[name])).name.lower() for name in ("before", "state"))
        numbers = f" {int(row['required']) / 10**6:g} of {int(row['available']) / 10**6:g}" if row["required"] else ""
        action = f" {LimitAction(int(row['action'])).name.lower()}" if row["action"] else ""
        lines.append(
            f"{clock(int(row['instant']))} {before} -> {after} {Reason(int(row['reason'])).name.lower()}{action}{numbers}"
        )
    return lines


def statuses(found: Any) -> list[str]:
    return [found.status(number) for number in range(len(found.record.tables["orders"]))]


def test_a_drawdown_ends_entries_for_good() -> None:
    script = "09:31 buy 10\n09:33 buy 1\n09:34 sell 3\n2024-01-03 09:33 buy 1\n2024-01-03 09:33 sell 7"
    found = run(script, {"max_drawdown": "4%", "on_drawdown": "reduce_only"})
    assert switches(found) == ["09:33 active -> reduce_only max_drawdown reduce_only 50 of 40"]
    refused = "DENIED TRADING_REDUCE_ONLY"
    assert statuses(found) == ["FILLED", refused, "FILLED", refused, "FILLED"]


def test_a_limit_that_is_met_exactly_is_not_passed() -> None:
    assert switches(run("09:31 buy 10", {"max_drawdown": "10%", "on_drawdown": "halted"})) == []
    assert switches(run("09:31 buy 10", {"max_daily_loss": "10%", "on_daily_loss": "halted"})) == []


def test_a_loss_of_the_day_is_over_with_its_day() -> None:
    script = "09:31 buy 10\n09:34 buy 1\n09:35 close\n2024-01-03 09:31 buy 2"
    found = run(script, {"max_daily_loss": "4%"})
    assert switches(found) == [
        "09:33 active -> reduce_only max_daily_loss reduce_only 50 of 40",
        "2024-01-03 09:31 reduce_only -> active new_day",
    ]
    assert statuses(found) == ["FILLED", "DENIED TRADING_REDUCE_ONLY", "FILLED", "FILLED"]


def test_the_next_day_counts_from_where_the_day_before_ended() -> None:
    """900 are left, of which 4 % are 36. On the second day the position gains; the loss of the first does not count again."""
    found = run("09:31 buy 10", {"max_daily_loss": "4%", "on_daily_loss": "halted"})
    assert [line for line in switches(found) if "2024-01-03" in line] == ["2024-01-03 09:31 halted -> active new_day"]


def test_the_last_bar_of_a_day_belongs_to_it() -> None:
    """950 are left when the day ends, on its last bar; of the 90 that are lost on the next, 95 are allowed."""
    bars = """
        2024-01-02 09:31  100
        2024-01-02 09:32  100
        2024-01-02 09:33  100  95
        2024-01-03 09:31  95
        2024-01-03 09:32  95   86
        2024-01-03 09:33  86
    """
    assert switches(play(bars, "2024-01-02 09:31 buy 10", account=ACCOUNT, limits={"max_daily_loss": "10%"})) == []


def test_a_day_ends_once_however_long_other_instruments_go_on() -> None:
    """It is that of the first instrument: what is lost after its last bar counts together."""
    x = market("09:31 100\n09:32 100\n2024-01-03 09:31 100")
    y = market("09:31 100\n09:32 100\n09:33 97\n09:34 94\n09:35 91\n09:36 91\n2024-01-03 09:31 91", replace(X, symbol="Y"))
    found = play(x + y, "09:31 buy 10 Y", account=ACCOUNT, limits={"max_daily_loss": "7%"})
    assert switches(found)[0] == "09:35 active -> reduce_only max_daily_loss reduce_only 90 of 70"


def test_flatten_closes_every_position() -> None:
    falling = "09:31 100\n09:32 100\n09:33 100 90\n09:34 90\n09:35 90"
    three = market(falling) + market(falling, replace(X, symbol="Y")) + market(falling, replace(X, symbol="Z"))
    script = "09:31 buy 1 X\n09:31 buy 2 Y\n09:31 buy 3 Z"
    found = play(three, script, account=ACCOUNT, limits={"max_drawdown": "4%", "on_drawdown": "flatten"})
    assert [fill.rpartition(" fee")[0] for fill in found.fills][3:] == [
        "09:33 open sell 1 X @ 90.00", "09:33 open sell 2 Y @ 90.00", "09:33 open sell 3 Z @ 90.00",
    ]  # fmt: skip


def test_flatten_cancels_and_closes_everything_and_halts() -> None:
    script = "09:31 buy 10\n09:32 sell 1 limit 150\n09:34 buy 1\n09:35 sell 5\n2024-01-03 09:31 buy 2"
    found = run(script, {"max_daily_loss": "4%", "on_daily_loss": "flatten"})
    assert switches(found)[0] == "09:33 active -> halted max_daily_loss flatten 50 of 40"
    assert found.fills[:2] == ["09:31 open buy 10 @ 100.00 fee 0", "09:33 open sell 10 @ 95.00 fee 0"]
    assert int(found.record.tables["fills"]["exit_reason"][1]) == ExitReason.RISK_LIMIT
    assert found.status(1) == "CANCELED MAX_DAILY_LOSS"
    assert found.life(2) == ["09:33 SUBMIT", "09:33 ACCEPT", "09:33 FILL_ALL"]
    assert statuses(found)[3:] == ["DENIED TRADING_HALTED", "DENIED TRADING_HALTED", "FILLED"]
    assert [float(money) for money in found.equity[3:7]] == [950] * 4


def test_what_volume_leaves_of_a_flattened_position_is_closed_later() -> None:
    rows = """
        2024-01-02 09:31  100 100 100 100  4
        2024-01-02 09:32  100 100  95  95  4
        2024-01-02 09:33   95  95  95  95  1
        2024-01-02 09:34   95  95  95  95  6
        2024-01-03 09:31   95  95  95  95  9
    """
    found = play(
        rows, "09:31 buy 4", account=ACCOUNT, limits={"max_drawdown": "1%", "on_drawdown": "flatten"},
        execution={"participation": "100%"}, orders={"flat_at": ["day_end"]},
    )  # fmt: skip
    assert found.record.tables["fills"]["position"].tolist() == [4, 3, 0]
    assert statuses(found) == ["FILLED", "FILLED"]


def test_the_strictest_state_counts_and_a_strategy_can_not_lift_a_limit() -> None:
    class Insists(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            if bar.index == 0:
                self.buy("X", 10)
            if bar.index == 3:
                self.set_trading_state("active")  # it is reduce_only by the limit: no change
                assert self.trading_state is TradingState.REDUCE_ONLY
                self.set_trading_state("halted")
            if bar.index == 7:
                assert self.trading_state is TradingState.HALTED  # the day is over, the strategy's own wish is not
                self.set_trading_state("active")
                assert self.trading_state is TradingState.ACTIVE

    config = fw.Config.from_dict({"version": 1, "account": ACCOUNT, "limits": {"max_daily_loss": "4%"}})
    result = fw.run(Insists(), market(BARS), config)
    rows = result.record.tables["switches"]
    assert rows["reason"].tolist() == [Reason.MAX_DAILY_LOSS, 0, Reason.NEW_DAY, 0]
    assert rows["state"].tolist() == [1, 2, 2, 0]
    assert rows["asked"].tolist() == [0, 2, 2, 0]


def test_every_change_is_on_record_however_many_there_are() -> None:
    class Wavers(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            for _ in range(100):
                self.set_trading_state("halted")
                self.set_trading_state("active")

    rows = fw.run(Wavers(), market(BARS), fw.Config.from_dict({"account": ACCOUNT})).record.tables["switches"]
    assert rows["state"].tolist() == [TradingState.HALTED, TradingState.ACTIVE] * 100 * 10


def test_both_limits_act_once_and_flatten_once() -> None:
    limits = {"max_daily_loss": "4%", "on_daily_loss": "flatten", "max_drawdown": "3%", "on_drawdown": "flatten"}
    found = run("09:31 buy 10", limits)
    assert [line.split(" ", 4)[4] for line in switches(found)[:2]] == [
        "max_drawdown flatten 50 of 30",
        "max_daily_loss flatten 50 of 40",
    ]
    assert statuses(found) == ["FILLED", "FILLED"]
    assert switches(found)[2:] == ["2024-01-03 09:31 halted -> halted new_day"]


def test_a_margin_call_under_way_closes_alone() -> None:
    account = {"initial_cash": 1000, "leverage": 20, "maintenance_margin": "5%"}
    found = play(BARS, "09:31 buy 180", account=account, limits={"max_drawdown": "1%", "on_drawdown": "flatten"})
    orders = found.record.tables["orders"]
    assert orders["exit_reason"].tolist() == [ExitReason.SIGNAL, ExitReason.LIQUIDATION]
    assert set(orders["status"].tolist()) == {OrderStatus.FILLED}
    assert switches(found)[0].startswith("09:33 active -> halted max_drawdown")


@pytest.mark.parametrize("action", ["reduce_only", "halted", "flatten"])
def test_the_verifier_finds_every_change_of_the_state(action: str, tmp_path: Path) -> None:
    limits = {"max_daily_loss": "4%", "on_daily_loss": action, "max_drawdown": "7%", "on_drawdown": action}
    found = run("09:31 buy 10\n2024-01-03 09:31 buy 1", limits)
    found.result.save(tmp_path / "run")
    verified = verify_folder(tmp_path / "run")
    assert verified.ok, verified.text()


def test_an_action_without_its_limit_is_a_configuration_error() -> None:
    for key in ("on_drawdown", "on_daily_loss"):
        with pytest.raises(fw.ConfigError, match="does nothing without max_"):
            fw.Config.from_dict({"version": 1, "limits": {key: "halted"}})


def test_a_loss_is_told_where_people_read(tmp_path: Path) -> None:
    found = run("09:31 buy 10\n09:34 buy 1", {"max_daily_loss": "4%", "on_daily_loss": "flatten"})
    said = " ".join(str(found.result).split())
    assert "trading state halted, flatten: max daily loss, 50.00 of 40.00 USD (2024-01-02 09:33 UTC); active: new day" in said
    page = found.result.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "halted, flatten: max daily loss, 50.00 of 40.00 USD" in page
    refused = found.result.explain(order=2)
    assert "denied (trading halted)" in refused
    assert "trading state halted since 2024-01-02 09:33" in refused
    assert "max daily loss, a loss of 50 where 40 is allowed" in refused
    closing = found.result.explain(fill=1)
    assert "exit reason: risk limit" in closing
    assert "trading state" not in found.result.explain(order=0)
