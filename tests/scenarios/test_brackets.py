"""Exits that hang on an entry, and orders of which one cancels the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import fillwright as fw
from fillwright.model.codes import OrderStatus
from fillwright.verify import verify_folder
from scenarios.table import lines, market, moment, play
from scenarios.test_published import case

pytestmark = pytest.mark.scenario

# Up bars go open, low, high, close; down bars open, high, low, close.
BARS = """
    09:31  100
    09:32  100 104  98 103
    09:33  103 106  99 100
    09:34  100 101  94  95
    09:35   95  96  95  96
"""
HALF = {"execution": {"participation": "0.15"}}  # six lots of each bar


def volumes() -> str:
    """The bars with forty lots each."""
    text = BARS.replace("09:31  100", "09:31 100 100 100 100")
    return "\n".join(f"{line} 40" for line in lines(text))


@pytest.mark.parametrize(
    ("entry", "fills", "profit", "loss"),
    [
        # bought at the open; the same bar falls to 98, rises to 104, and the next one to 105
        ("buy 10 take_profit 105 stop_loss 97", ["09:33 first sell 10 @ 105.00 fee 0 maker"], "FILLED", "CANCELED OCO_FILLED"),
        ("buy 10 take_profit 107 stop_loss 99.50", ["09:32 first sell 10 @ 99.50 fee 0"], "CANCELED OCO_FILLED", "FILLED"),
        ("buy 10 take_profit 107 stop_loss 99", ["09:32 first sell 10 @ 99.00 fee 0"], "CANCELED OCO_FILLED", "FILLED"),
        ("buy 10 take_profit 107 stop_loss 97", ["09:34 second sell 10 @ 97.00 fee 0"], "CANCELED OCO_FILLED", "FILLED"),
        ("sell 10 take_profit 98.50 stop_loss 105", ["09:32 first buy 10 @ 98.50 fee 0 maker"], "FILLED", "CANCELED OCO_FILLED"),
        ("sell 10 take_profit 93 stop_loss 102", ["09:32 second buy 10 @ 102.00 fee 0"], "CANCELED OCO_FILLED", "FILLED"),
    ],
)
def test_a_bracket(entry: str, fills: list[str], profit: str, loss: str) -> None:
    found = play(BARS, f"09:31 {entry}")
    assert found.fills[1:] == fills
    assert (found.status(1), found.status(2)) == (profit, loss)


def test_exits_meet_only_what_comes_after_their_entry_on_the_path() -> None:
    # the stop entry buys at 102 on the way from 98 to 104; 101 and 99 lie behind it
    found = play(BARS, "09:31 buy 10 stop 102 take_profit 103.50 stop_loss 99.50")
    assert found.fills == lines("""
        09:32 second buy 10 @ 102.00 fee 0
        09:32 second sell 10 @ 103.50 fee 0 maker
    """)
    # a take profit below the entry is not met where the market was before: it is released at 102
    behind = play(BARS, "09:31 buy 10 stop 102 take_profit 101")
    assert behind.fills[1] == "09:32 second sell 10 @ 102.00 fee 0 maker"


def test_exits_follow_a_partial_entry_and_never_exceed_it() -> None:
    found = play(volumes(), "09:31 buy 10 limit 103 take_profit 107 stop_loss 96", **HALF)
    assert [line for line in found.fills if "buy" in line] == lines("""
        09:31 open buy 6 @ 100.00 fee 0
        09:32 open buy 4 @ 103.00 fee 0 maker
    """)
    assert found.life(2) == lines("""
        09:31 SUBMIT
        09:31 ACCEPT
        09:31 SHRINK FOLLOWS_ENTRY
        09:31 RELEASE
        09:32 REPLACE FOLLOWS_ENTRY
        09:34 TRIGGER
        09:34 FILL_PART
        09:34 FILL_ALL
    """)
    assert found.status(1) == "CANCELED OCO_FILLED"
    assert "09:34 SHRINK OCO_FILLED" in found.life(1)  # six of ten were stopped out before the rest


def test_an_exit_that_is_done_ends_the_rest_of_its_entry() -> None:
    found = play(volumes(), "09:31 buy 20 limit 101 take_profit 107 stop_loss 99", **HALF)
    assert found.fills[0] == "09:31 open buy 6 @ 100.00 fee 0"
    assert found.status(0) == "CANCELED EXIT_FILLED"
    assert int(found.record.tables["fills"]["position"][-1]) == 0


def test_an_entry_that_ends_unfilled_takes_its_exits_with_it_and_one_filled_in_part_leaves_them() -> None:
    none = play(volumes(), "09:31 buy 10 limit 90 take_profit 107 stop_loss 80\n09:33 cancel 0")
    assert [none.status(k) for k in (1, 2)] == ["CANCELED PARENT_ENDED"] * 2
    part = play(volumes(), "09:31 buy 10 limit 100 take_profit 107 stop_loss 80\n09:32 cancel 0", **HALF)
    orders = part.record.tables["orders"]
    assert part.status(0) == "CANCELED CANCELED_BY_USER"
    assert orders["quantity"].tolist() == [10, 6, 6]
    assert [part.status(k) for k in (1, 2)] == ["EXPIRED END_OF_DATA"] * 2


def test_exits_shrink_and_end_with_the_position() -> None:
    found = play(BARS, "09:31 buy 10 take_profit 107 stop_loss 80\n09:32 sell 4\n09:33 close")
    for exit in (1, 2):
        assert found.life(exit)[-2:] == ["09:32 SHRINK SHRUNK_TO_POSITION", "09:33 CANCEL NOTHING_TO_REDUCE"]
    assert int(found.record.tables["fills"]["position"][-1]) == 0


def test_a_price_off_the_tick_refuses_the_whole_bracket() -> None:
    instrument = fw.Instrument("X", price_decimals=2, tick=25)
    found = play(BARS, "09:31 buy 10 take_profit 105.10 stop_loss 97", instrument=instrument)
    assert [found.status(0), len(found.record.tables["orders"])] == ["DENIED OFF_TICK", 1]


class Pair(fw.Strategy):
    """Two orders, the first of which is filled cancels the other."""

    first: int = fw.param(10)
    second: int = fw.param(10)

    def on_bar(self, bar: Any) -> None:
        if bar.index == 0:
            self.a = self.buy("X", self.first, limit=98.50)
            self.b = self.buy("X", self.second, stop=103)
            self.oco(self.a, self.b)
        if bar.index == 1:
            assert self.a.take_profit is None and self.a.stop_loss is None


def test_one_cancels_the_other(tmp_path: Any) -> None:
    result = fw.run(Pair(), market(BARS))
    orders = result.record.tables["orders"]
    assert orders["oco_id"].tolist() == [0, 0]
    assert orders["status"].tolist() == [OrderStatus.FILLED, OrderStatus.CANCELED]
    assert result.certificate.ok
    assert verify_folder(result.save(tmp_path / "run")).ok


def test_a_partial_fill_makes_the_other_smaller() -> None:
    result = fw.run(Pair(second=30), market(volumes()), fw.Config.from_dict({"version": 1, **HALF}))
    fills = result.record.tables["fills"]
    # six at 98.50; what is left of the other, 24, is not reached before the first has filled the rest
    assert fills["order_id"].tolist()[:1] == [0]
    assert int(fills["quantity"][0]) == 6
    assert result.certificate.ok


def test_views_of_the_exits() -> None:
    class Bracket(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            if bar.index == 0:
                entry = self.buy("X", 10, take_profit=107, stop_loss=97)
                assert entry.take_profit is not None and entry.stop_loss is not None
                assert (entry.take_profit.id, entry.stop_loss.id) == (1, 2)
                plain = self.buy("X", 1, stop_loss=90)
                assert plain.take_profit is None and plain.stop_loss is not None
                self.stop = entry.stop_loss
            elif bar.index == 1:
                assert self.stop.replace(stop=98)

    result = fw.run(Bracket(), market(BARS))
    assert int(result.record.tables["orders"]["stop_price"][2]) == 9800


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.buy("X", 1, take_profit=90, stop_loss=95), "take_profit must be above stop_loss"),
        (lambda s: s.sell("X", 1, take_profit=95, stop_loss=90), "stop_loss must be above take_profit"),
        (lambda s: s.buy("X", 1, take_profit=-1), "take_profit must be positive"),
        (lambda s: s.oco(s.buy("X", 1, limit=90), s.buy("X", 1, stop_loss=80).stop_loss), "cannot cancel each other"),
        (lambda s: s.oco(*[s.buy("X", 1, limit=90)] * 2), "cannot cancel each other"),
    ],
)
def test_wrong_calls_say_what_is_wrong(call: Any, message: str) -> None:
    class Wrong(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            call(self)

    with pytest.raises(fw.StrategyError, match=message):
        fw.run(Wrong(), market(BARS))


class Take(fw.Strategy):
    """Buys everything at the first close, to be sold at a price."""

    price: float = fw.param(2.0)

    def on_bar(self, bar: Any) -> None:
        if bar.index == 0:
            self.buy("X", 100, take_profit=self.price)


def test_published_take_profits(shared: Path) -> None:
    published = case(shared, "vbt-006")
    rows = published["input"]["inline_rows"]
    bars = "\n".join(f"09:{31 + row[0]} {row[1]} {row[2]} {row[3]} {row[4]}" for row in rows)
    execution = {"fill": "same_close_lookahead"}
    config = fw.Config.from_dict({"version": 1, "execution": execution, "account": {"initial_cash": 100}})
    for distance, bar, price in published["expected"]["rows"]:
        result = fw.run(Take(price=1 + distance), market(bars), config)
        fills = result.record.tables["fills"]
        assert fills["price"].tolist() == [100, round(100 * price)]
        assert fills["instant"].tolist() == [moment("09:31"), moment(f"09:{31 + bar}")]


def test_what_is_over_is_left_out_of_a_group() -> None:
    """An order that a limit refuses is no fault of the caller: the others of the group are linked, and the answer says so."""
    answers = []

    class Three(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            if bar.index == 0:
                low, refused, high = self.buy("X", 1, limit=50), self.buy("X", 9, limit=51), self.buy("X", 1, stop=500)
                assert refused.status is fw.OrderStatus.DENIED
                answers.append(self.oco(low, refused, high))
                answers.append(self.oco(low, high))

    result = fw.run(Three(), market(BARS), fw.Config.from_dict({"limits": {"max_order_quantity": 5}}))
    assert answers == [False, True]
    assert result.record.tables["orders"]["oco_id"].tolist() == [0, -1, 0]


class Grouped(fw.Strategy):
    """Compiled: one order more where oco answers what it should."""

    @fw.compiled
    def on_bar(ctx, p, s):  # type: ignore[no-untyped-def]
        if ctx.row == 0:
            one = ctx.buy(1, limit=50.0)
            with_refused = ctx.oco(one, ctx.buy(9, limit=51.0))
            if with_refused == 0 and ctx.oco(one, ctx.buy(1, stop=500.0)) == 1:
                ctx.buy(1, limit=52.0)


class Twice(fw.Strategy):
    """Compiled: an order with itself."""

    @fw.compiled
    def on_bar(ctx, p, s):  # type: ignore[no-untyped-def]
        one = ctx.buy(1, limit=50.0)
        ctx.oco(one, one)


def test_a_compiled_group_answers_alike() -> None:
    result = fw.run(Grouped(), market(BARS), fw.Config.from_dict({"limits": {"max_order_quantity": 5}}))
    assert result.record.tables["orders"]["oco_id"].tolist() == [0, -1, 0, -1]
    with pytest.raises(fw.StrategyError, match="cannot cancel each other"):
        fw.run(Twice(), market(BARS))


SOLD_BETWEEN = """
    09:31  100 100 100 100 40
    09:32  100 101  97  98 40
    09:33   99 100  99 100 40
    09:34  100 100  97  97 40
    09:35   97  97  94  95 40
"""


def test_exits_wait_while_their_entry_may_fill_again() -> None:
    """Six of ten are bought at 98 and sold by hand; the four that are bought later have their stop at 96 all the same."""
    script = "09:31 buy 10 limit 98 take_profit 105 stop_loss 96\n09:32 sell 6"
    found = play(SOLD_BETWEEN, script, **HALF)
    assert found.fills == lines("""
        09:32 second buy 6 @ 98.00 fee 0 maker
        09:32 open sell 6 @ 99.00 fee 0
        09:34 second buy 4 @ 98.00 fee 0 maker
        09:35 second sell 4 @ 96.00 fee 0
    """)
    assert found.life(2) == lines("""
        09:31 SUBMIT
        09:31 ACCEPT
        09:32 SHRINK FOLLOWS_ENTRY
        09:32 RELEASE
        09:32 HOLD NOTHING_TO_REDUCE
        09:34 SHRINK FOLLOWS_ENTRY
        09:34 RELEASE
        09:35 TRIGGER
        09:35 FILL_ALL
    """)
    assert found.status(1) == "CANCELED OCO_FILLED"


def test_exits_that_wait_end_with_their_entry(tmp_path: Path) -> None:
    script = "09:31 buy 10 limit 98 take_profit 105 stop_loss 96\n09:32 sell 6\n09:33 cancel 0"
    found = play(SOLD_BETWEEN, script, **HALF)
    assert found.status(0) == "CANCELED CANCELED_BY_USER"
    assert (found.status(1), found.status(2)) == ("CANCELED PARENT_ENDED",) * 2
    found.result.save(tmp_path / "run")
    verified = verify_folder(tmp_path / "run")
    assert verified.ok, verified.text()


def test_a_reduce_only_order_is_cut_as_it_arrives() -> None:
    """It saw ten units when it was given; by its arrival a market order is on its way that sells six, or all of them."""
    script = "09:31 buy 10\n09:32 sell 10 stop 80 reduce_only\n09:32 sell {}"
    found = play(BARS, script.format(6))
    assert found.life(1)[:3] == ["09:32 SUBMIT", "09:32 ACCEPT", "09:32 SHRINK SHRUNK_TO_POSITION"]
    quantities = found.record.tables["order_events"]["quantity"][found.record.tables["order_events"]["order_id"] == 1]
    assert quantities.tolist()[:3] == [10, 10, 4]
    assert play(BARS, script.format(10)).life(1) == ["09:32 SUBMIT", "09:32 ACCEPT", "09:32 CANCEL NOTHING_TO_REDUCE"]


PARTLY_TAKEN = """
    09:31  100 100 100 100 40
    09:32  100 101  97  98 40
    09:33  100 106  99 104 20
    09:34  104 104 103 103 40
    09:35  103 103  97  97 40
    09:36   97 106  97 106 40
"""
PARTLY_TAKEN_SCRIPT = "09:31 buy 10 limit 98 take_profit 105 stop_loss 90\n09:33 sell 3"


def test_an_exit_that_has_filled_in_part_waits_too() -> None:
    """Three of six are taken at 105, three sold by hand; the four that are bought later are taken at 105 by the same order."""
    found = play(PARTLY_TAKEN, PARTLY_TAKEN_SCRIPT, **HALF)
    assert found.fills == lines("""
        09:32 second buy 6 @ 98.00 fee 0 maker
        09:33 second sell 3 @ 105.00 fee 0 maker
        09:33 open sell 3 @ 104.00 fee 0
        09:35 second buy 4 @ 98.00 fee 0 maker
        09:36 second sell 4 @ 105.00 fee 0 maker
    """)
    assert found.life(1)[-5:] == lines("""
        09:33 FILL_PART
        09:33 HOLD NOTHING_TO_REDUCE
        09:35 REPLACE FOLLOWS_ENTRY
        09:35 RELEASE
        09:36 FILL_ALL
    """)
    assert found.record.tables["orders"]["quantity"].tolist() == [10, 7, 4, 3]
