"""open, add, reduce, close and reverse: what each does, when it is refused, and which plain order it stands for."""

from __future__ import annotations

from typing import Any

import pytest

import fillwright as fw
from fillwright.model.codes import OrderFlag, OrderStatus, Reason
from fillwright.order_manager import Order
from scenarios.table import Play, lines, market, play

pytestmark = pytest.mark.scenario

BARS = """
    09:31  100
    09:32  100 101  99 100
    09:33  101 103 101 102
    09:34  102 103  95 101
    09:35  101 104 101 103
    09:36  103
"""


def position(found: Play) -> int:
    """Lots at the end."""
    return int(found.record.tables["fills"]["position"][-1]) if len(found.record.tables["fills"]) else 0


@pytest.mark.parametrize(
    ("script", "quantity", "statuses"),
    [
        ("09:31 open 10", 10, ["FILLED"]),
        ("09:31 open -10", -10, ["FILLED"]),
        ("09:31 open value -1000", -10, ["FILLED"]),
        ("09:31 open weight 0.01", 10, ["FILLED"]),
        ("09:31 open 10 limit 99", 10, ["FILLED"]),
        ("09:31 open 10\n09:32 open 5", 10, ["FILLED", "DENIED POSITION_EXISTS"]),
        ("09:31 open 10\n09:32 open -5", 10, ["FILLED", "DENIED POSITION_EXISTS"]),
        # a market order under way counts as filled
        ("09:31 open 10\n09:31 open 5", 10, ["FILLED", "DENIED POSITION_EXISTS"]),
        ("09:31 open 10\n09:32 close\n09:32 open -5", -5, ["FILLED", "FILLED", "FILLED"]),
        ("09:31 open 10\n09:32 close\n09:33 open 4", 4, ["FILLED", "FILLED", "FILLED"]),
        ("09:31 open 10\n09:32 add 5", 15, ["FILLED", "FILLED"]),
        ("09:31 open -10\n09:32 add 5", -15, ["FILLED", "FILLED"]),
        ("09:31 open -10\n09:32 add value 500", -15, ["FILLED", "FILLED"]),
        ("09:31 open 10\n09:31 add 5", 15, ["FILLED", "FILLED"]),
        ("09:31 add 5", 0, ["DENIED NO_POSITION"]),
        ("09:31 open 10\n09:32 close\n09:32 add 5", 0, ["FILLED", "FILLED", "DENIED NO_POSITION"]),
        ("09:31 open 10\n09:32 reduce 4", 6, ["FILLED", "FILLED"]),
        ("09:31 open -10\n09:32 reduce 4", -6, ["FILLED", "FILLED"]),
        ("09:31 open 10\n09:32 reduce 10", 0, ["FILLED", "FILLED"]),
        ("09:31 open 10\n09:32 reduce 25", 0, ["FILLED", "FILLED SHRUNK_TO_POSITION"]),
        ("09:31 open -10\n09:32 reduce 25", 0, ["FILLED", "FILLED SHRUNK_TO_POSITION"]),
        ("09:31 open 10\n09:32 reduce 8\n09:32 reduce 8", 0, ["FILLED", "FILLED", "FILLED SHRUNK_TO_POSITION"]),
        ("09:31 open 10\n09:32 reduce 10\n09:32 reduce 1", 0, ["FILLED", "FILLED", "DENIED NO_POSITION"]),
        ("09:31 reduce 4", 0, ["DENIED NO_POSITION"]),
        ("09:31 open 10\n09:32 reduce 4 limit 102", 6, ["FILLED", "FILLED"]),
        ("09:31 open 10\n09:32 reduce 4 stop 96", 6, ["FILLED", "FILLED"]),
        ("09:31 open 10\n09:32 buy 4 reduce_only", 10, ["FILLED", "DENIED NO_POSITION"]),
        ("09:31 open 10\n09:32 reverse", -10, ["FILLED", "FILLED", "FILLED"]),
        ("09:31 open -10\n09:32 reverse", 10, ["FILLED", "FILLED", "FILLED"]),
        ("09:31 open 10\n09:32 reverse 3", -3, ["FILLED", "FILLED", "FILLED"]),
        ("09:31 reverse", 0, ["DENIED NO_POSITION"]),
        ("09:31 reverse 3", 0, ["DENIED NO_POSITION"]),
        ("09:31 open 10\n09:32 reverse\n09:33 add 2\n09:34 reduce 5\n09:35 close", 0, ["FILLED"] * 6),
    ],
)
def test_what_becomes_of_each_call(script: str, quantity: int, statuses: list[str]) -> None:
    found = play(BARS, script)
    assert position(found) == quantity
    assert [found.status(number) for number in range(len(found.record.tables["orders"]))] == statuses
    # each call is one intent, and every intent has an order
    assert found.record.counters["intents"] == len(lines(script))


@pytest.mark.parametrize(
    ("operations", "plain"),
    [
        ("09:31 open 10", "09:31 buy 10"),
        ("09:31 open -10", "09:31 sell 10"),
        ("09:31 open weight -0.5", "09:31 sell weight 0.5"),
        ("09:31 open 10 limit 99", "09:31 buy 10 limit 99"),
        ("09:31 open 10\n09:32 add 5", "09:31 buy 10\n09:32 buy 5"),
        ("09:31 open -10\n09:32 add 5 limit 103", "09:31 sell 10\n09:32 sell 5 limit 103"),
        ("09:31 open 10\n09:32 reduce 15", "09:31 buy 10\n09:32 sell 15 reduce_only"),
        ("09:31 open -10\n09:32 reduce 4 stop 103", "09:31 sell 10\n09:32 buy 4 stop 103 reduce_only"),
        ("09:31 open 10\n09:32 close", "09:31 buy 10\n09:32 target 0"),
        ("09:31 open 10\n09:32 reverse", "09:31 buy 10\n09:32 target -10"),
        ("09:31 open -10\n09:32 reverse 7", "09:31 sell 10\n09:32 target 7"),
    ],
)
@pytest.mark.parametrize("reversal", ["two_orders", "one_order"])
def test_an_operation_leaves_the_journal_of_the_plain_call(operations: str, plain: str, reversal: str) -> None:
    one, two = (play(BARS, script, orders={"reversal": reversal}) for script in (operations, plain))
    if "close" in operations:  # close says so in size_mode; everything else is the same
        for name in ("fills", "postings", "lot_closes", "order_events"):
            assert one.record.tables[name].tolist() == two.record.tables[name].tolist()
    else:
        assert one.record.info["journal_fingerprint"] == two.record.info["journal_fingerprint"]


def test_a_resting_reduction_follows_the_position_down_and_never_opens_the_other_side() -> None:
    """Two exits of ten lots rest on a position of ten: the one that trades second finds less, or nothing."""
    part = play(BARS, "09:31 open 10\n09:32 reduce 10 limit 103\n09:32 reduce 6")
    assert part.fills == lines("""
        09:31 open buy 10 @ 100.00 fee 0
        09:32 open sell 6 @ 101.00 fee 0
        09:33 second sell 4 @ 103.00 fee 0 maker
    """)
    assert position(part) == 0
    assert "SHRINK SHRUNK_TO_POSITION" in " ".join(part.life(1))
    gone = play(BARS, "09:31 open 10\n09:32 reduce 10 limit 103\n09:32 reduce 10 stop 96\n09:32 close")
    assert position(gone) == 0
    assert gone.status(1) == "CANCELED NOTHING_TO_REDUCE"
    assert gone.status(2) == "CANCELED NOTHING_TO_REDUCE"
    assert OrderFlag(int(gone.record.tables["orders"]["flags"][1])) == OrderFlag.REDUCE_ONLY


def test_without_reduce_only_the_same_exits_do_open_the_other_side() -> None:
    assert position(play(BARS, "09:31 buy 10\n09:32 sell 10 limit 103\n09:32 close")) == -10


def test_a_reduction_is_no_entry_for_limits() -> None:
    found = play(BARS, "09:31 open 5\n09:32 reduce 9", limits={"max_order_quantity": 5})
    assert [found.status(k) for k in range(2)] == ["FILLED", "FILLED SHRUNK_TO_POSITION"]


def test_the_view_of_a_position_has_the_same_operations() -> None:
    class Views(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            p = self.position("X")
            steps = [
                lambda: p.open(10, tag="in"), lambda: p.add(5), lambda: p.reduce(3, tag="part"), lambda: p.reverse(4),
                lambda: p.close(),
            ]  # fmt: skip
            if bar.index < len(steps):
                order = steps[bar.index]()
                assert isinstance(order, Order)
                assert (order.symbol, order.status, order.reason) == ("X", OrderStatus.PENDING_NEW, Reason.NONE)
            if bar.index == len(steps):
                assert p.is_flat and p.close() is None

    class Calls(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            steps = [
                lambda: self.open("X", 10, tag="in"), lambda: self.add("X", 5), lambda: self.reduce("X", 3, tag="part"),
                lambda: self.reverse("X", 4), lambda: self.close("X"), lambda: self.close("X"),
            ]  # fmt: skip
            steps[bar.index]()

    views, calls = (fw.run(cls(), market(BARS)) for cls in (Views, Calls))
    assert views.record.info["journal_fingerprint"] == calls.record.info["journal_fingerprint"]
    assert views.record.tables["fills"]["position"].tolist() == [10, 15, 12, 0, -4, 0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.open("Y", 1), "no symbol 'Y'"),
        (lambda s: s.open("X", 0), "must be positive, got 0"),
        (lambda s: s.open("X", "10"), "must be a finite number, got '10'"),
        (lambda s: s.open("X", float("nan")), "must be a finite number, got nan"),
        (lambda s: s.open("X", -5, value=3), "one size, got quantity and value"),
        (lambda s: s.open("X"), "the order has no size"),
        (lambda s: s.add("X", -5), "must be positive, got -5"),
        (lambda s: s.reduce("X", -5), "must be positive, got -5"),
        (lambda s: s.reduce("X", 5, limit=-1), "limit must be positive, got -1"),
        (lambda s: s.reverse("X", 0), "quantity must be positive, got 0"),
        (lambda s: s.position("X", 3), "there is no position 3 in X: accounts net"),
        (lambda s: s.position("X").reduce("all"), "must be a finite number, got 'all'"),
    ],
)
def test_wrong_calls_say_what_is_wrong(call: Any, message: str) -> None:
    class Wrong(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            call(self)

    with pytest.raises(fw.StrategyError, match=message.replace("(", r"\(")):
        fw.run(Wrong(), market(BARS))


def test_a_position_kept_until_after_the_last_bar_takes_no_orders() -> None:
    class Late(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            self.kept = self.position("X")

        def on_stop(self) -> None:
            assert self.kept.is_flat and self.position("X").quantity == 0
            self.kept.open(1)

    with pytest.raises(fw.StrategyError, match="no order is possible after the last bar"):
        fw.run(Late(), market(BARS))
