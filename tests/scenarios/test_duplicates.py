"""A rule_id that comes again: acted on, or refused with a reason, as ``orders.deduplicate`` says."""

from __future__ import annotations

from typing import Any

import pytest

import fillwright as fw
from fillwright.model.codes import Reason
from scenarios.table import market

pytestmark = pytest.mark.scenario

BARS = "\n".join(f"09:{minute} 100" for minute in range(31, 39))
RULES = (("a", "a", None, None), ("b",), ("a",), (), ("c", "b", "c"), ("a",))
"""Rules of the orders that are given at each bar."""


class Repeats(fw.Strategy):
    def on_bar(self, bar: Any) -> None:
        for rule in RULES[bar.index] if bar.index < len(RULES) else ():
            self.buy("X", 1, rule_id=rule)


def reasons(result: fw.Result) -> list[int]:
    return [Reason(int(code)) for code in result.record.tables["orders"]["reason"]]


N, D = Reason.NONE, Reason.DUPLICATE_RULE


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("none", [N] * 10),
        ("per_instant", [N, D, N, N, N, N, N, N, D, N]),
        ("per_run", [N, D, N, N, N, D, N, D, D, D]),
    ],
)
def test_a_rule_is_acted_on_as_often_as_configured(how: str, expected: list[Reason]) -> None:
    config = fw.Config.from_dict({"version": 1, "orders": {"deduplicate": how}})
    results = [fw.run(Repeats(), market(BARS), config) for _ in range(2)]
    for result in results:  # a second run knows nothing of the first
        assert reasons(result) == expected
        assert result.record.counters["intents"] == len(result.record.tables["orders"]) == 10
        assert result.certificate.ok
        assert int(result.record.tables["fills"]["position"][-1]) == expected.count(N)


def test_targets_and_position_operations_count_too_and_what_changed_nothing_does_not() -> None:
    class Mixed(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            if bar.index == 0:
                assert self.close("X", rule_id="out") is None  # no order: the rule is still free
                self.open("X", 2, rule_id="in")
            elif bar.index == 1:
                self.target("X", 5, rule_id="in")
                self.add("X", 1, rule_id="more")
                self.add("X", 1, rule_id="more")
            elif bar.index == 2:
                self.close("X", rule_id="out")
            elif bar.index == 3:
                self.open("X", 4, rule_id="in")

    config = fw.Config.from_dict({"version": 1, "orders": {"deduplicate": "per_run"}})
    result = fw.run(Mixed(), market(BARS), config)
    assert reasons(result) == [N, D, N, D, N, D]
    assert result.record.tables["fills"]["position"].tolist() == [2, 3, 0]


def test_a_refused_order_has_used_its_rule() -> None:
    class Refused(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            if bar.index < 2:
                self.add("X", 1, rule_id="r")

    config = fw.Config.from_dict({"version": 1, "orders": {"deduplicate": "per_run"}})
    assert reasons(fw.run(Refused(), market(BARS), config)) == [Reason.NO_POSITION, D]


def test_a_list_of_orders_knows_its_rules() -> None:
    data = market(BARS)
    rows = {
        "time": data.feeds[0].close_time[[0, 1, 2, 2]].view("datetime64[ns]"),
        "symbol": ["X"] * 4, "side": ["buy"] * 4, "quantity": [1, 1, 1, 1], "rule_id": ["a", "b", "a", ""],
    }  # fmt: skip
    config = fw.Config.from_dict({"version": 1, "orders": {"deduplicate": "per_run"}})
    assert reasons(fw.run(fw.OrderList(rows, stamp="close"), data, config)) == [N, N, D, N]
