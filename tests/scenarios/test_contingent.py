"""Orders after others, groups over callbacks, icebergs, exits armed late, new distances of trails, cancels by what orders are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import fillwright as fw
from fillwright.data.market import combine
from fillwright.model.instrument import Instrument
from fillwright.verify import verify_folder
from scenarios.table import lines, market, play

pytestmark = pytest.mark.scenario

# Up bars go open, low, high, close; down bars open, high, low, close.
BARS = """
    09:31  100
    09:32  100 104  98 103
    09:33  103 106  99 100
    09:34  100 101  94  95
    09:35   95  96  95  96
"""


def volumes(each: int = 40) -> str:
    """The bars with so many lots each; with a participation of 0.15 and forty lots, six are on offer."""
    text = BARS.replace("09:31  100", "09:31 100 100 100 100")
    return "\n".join(f"{line} {each}" for line in lines(text))


SIX = {"execution": {"participation": "0.15"}}


@pytest.mark.parametrize(
    ("script", "fills", "statuses"),
    [
        # bought at 99 on the way down, sold on the way up from there
        (
            "09:31 buy 10 limit 99\n09:31 sell 10 limit 103 after 0 reduce_only",
            ["09:32 first buy 10 @ 99.00 fee 0 maker", "09:32 second sell 10 @ 103.00 fee 0 maker"],
            ["FILLED", "FILLED"],
        ),
        # a stop below the entry is met on the same way down, at 98.50 and not before 99
        (
            "09:31 buy 10 limit 99\n09:31 sell 10 stop 98.50 after 0",
            ["09:32 first buy 10 @ 99.00 fee 0 maker", "09:32 first sell 10 @ 98.50 fee 0"],
            ["FILLED", "FILLED"],
        ),
        # what lay before the entry on the path is not met: 100 was the open, and the bar never comes back to 105
        (
            "09:31 buy 10 stop 102\n09:31 sell 10 limit 100 after 0",
            ["09:32 second buy 10 @ 102.00 fee 0", "09:32 second sell 10 @ 102.00 fee 0 maker"],
            ["FILLED", "FILLED"],
        ),
        # a market order does not trade on segments: the next point is the open of the next bar
        (
            "09:31 buy 10 limit 99\n09:31 sell 4 after 0",
            ["09:32 first buy 10 @ 99.00 fee 0 maker", "09:32 open sell 4 @ 103.00 fee 0"],
            ["FILLED", "FILLED"],
        ),
        (
            "09:31 buy 10\n09:31 sell 4 after 0",
            ["09:31 open buy 10 @ 100.00 fee 0", "09:31 open sell 4 @ 100.00 fee 0"],
            ["FILLED"] * 2,
        ),
        (
            "09:31 buy 10 limit 90\n09:31 sell 10 limit 103 after 0\n09:33 cancel 0",
            [],
            ["CANCELED CANCELED_BY_USER", "CANCELED PARENT_ENDED"],
        ),
        # one after the other, and all that waits ends with the first
        (
            "09:31 buy 1\n09:31 buy 2 after 0\n09:31 buy 3 after 1",
            [f"09:31 open buy {k} @ 100.00 fee 0" for k in (1, 2, 3)],
            ["FILLED"] * 3,
        ),
        (
            "09:31 buy 1 limit 90\n09:31 buy 2 after 0\n09:31 buy 3 after 1\n09:31 buy 4 after 0\n09:32 cancel 0",
            [],
            ["CANCELED CANCELED_BY_USER", *["CANCELED PARENT_ENDED"] * 3],
        ),
        # an order that is filled holds nothing; after one that ended otherwise nothing goes
        ("09:31 buy 1\n09:32 sell 1 after 0", ["09:31 open buy 1 @ 100.00 fee 0", "09:32 open sell 1 @ 103.00 fee 0"], ["FILLED"] * 2),
        (
            "09:31 buy 1 limit 90\n09:32 cancel 0\n09:33 sell 1 after 0",
            [],
            ["CANCELED CANCELED_BY_USER", "DENIED PARENT_ENDED"],
        ),
        # it may come later than the order that it waits for, and have exits of its own
        (
            "09:31 buy 5 limit 99.50\n09:31 buy 5 limit 99 after 0 take_profit 105 stop_loss 90",
            [
                "09:32 first buy 5 @ 99.50 fee 0 maker", "09:32 first buy 5 @ 99.00 fee 0 maker",
                "09:33 first sell 5 @ 105.00 fee 0 maker",
            ],
            ["FILLED"] * 3,
        ),
        (
            "09:31 buy 10 limit 97\n09:32 sell 10 limit 100 after 0",
            ["09:34 second buy 10 @ 97.00 fee 0 maker"],
            ["FILLED", "EXPIRED END_OF_DATA"],
        ),
    ],
)  # fmt: skip
def test_an_order_after_another(script: str, fills: list[str], statuses: list[str]) -> None:
    found = play(BARS, script)
    assert found.fills == fills
    assert [found.status(number) for number in range(len(statuses))] == statuses


def test_an_order_waits_until_the_other_is_filled_as_a_whole() -> None:
    found = play(volumes(), "09:31 buy 10\n09:31 sell 10 limit 90 after 0 reduce_only", **SIX)
    assert found.fills == lines("""
        09:31 open buy 6 @ 100.00 fee 0
        09:32 open buy 4 @ 103.00 fee 0
        09:32 open sell 2 @ 103.00 fee 0
        09:33 open sell 6 @ 100.00 fee 0 maker
        09:34 open sell 2 @ 95.00 fee 0 maker
    """)
    assert found.life(1)[:3] == ["09:31 SUBMIT", "09:31 ACCEPT", "09:32 RELEASE"]


def test_funds_are_asked_for_when_it_is_released() -> None:
    script = "09:31 buy 6\n09:31 buy 6 after 0"
    found = play(BARS, script, account={"initial_cash": 1000})
    assert [found.status(k) for k in (0, 1)] == ["FILLED", "REJECTED INSUFFICIENT_MARGIN"]
    assert found.life(1) == ["09:31 SUBMIT", "09:31 ACCEPT", "09:31 RELEASE", "09:31 REJECT INSUFFICIENT_MARGIN"]


@pytest.mark.parametrize(
    ("script", "last"),
    [
        # limits see the position that the order before leaves: ten are closed, the eleventh would open
        ("09:31 buy 10\n09:31 sell 10 after 0", "FILLED"),
        ("09:31 buy 10\n09:31 sell 22 after 0", "FILLED MAX_ORDER_QUANTITY"),
        ("09:31 buy 10\n09:31 buy 11 after 0", "DENIED MAX_ORDER_QUANTITY"),
        ("09:31 buy 10\n09:31 sell 22 after 0 reduce_only", "FILLED SHRUNK_TO_POSITION"),
    ],
)
def test_limits_see_what_the_order_before_leaves(script: str, last: str) -> None:
    assert play(BARS, script, limits={"max_order_quantity": 10}).status(1) == last


def test_an_order_after_one_in_another_instrument_meets_no_bar_under_way(tmp_path: Path) -> None:
    class Pair(fw.Strategy):
        def on_bars(self, bars: Any) -> None:
            if self.now.minute == 31:
                first = self.buy("X", 1, limit=99)
                self.sell("Y", 1, limit=103, after=first)
                again = self.buy("X", 2)
                self.sell("Y", 2, after=again)

    both = combine([market(BARS), market(BARS, Instrument("Y", price_decimals=2, tick=1))])
    result = fw.run(Pair(), both)
    fills = result.record.tables["fills"]
    # the market orders fill at the open, which is one for both; the limit waits for the next bar of Y, whose open is 103
    assert [(int(f["symbol"]), int(f["quantity"]), int(f["price"]), int(f["stage"])) for f in fills] == [
        (0, 2, 10000, 0), (1, 2, 10000, 0), (0, 1, 9900, 1), (1, 1, 10300, 0),
    ]  # fmt: skip
    assert result.certificate.ok
    assert verify_folder(result.save(tmp_path / "run")).ok


@pytest.mark.parametrize("bracket", ["pro_rata", "arm_on_full"])
def test_exits_are_armed_with_each_fill_or_with_the_last(bracket: str) -> None:
    script = "09:31 buy 10 limit 103 take_profit 106 stop_loss 97"
    found = play(volumes(), script, orders={"bracket": bracket}, **SIX)
    armed = {"pro_rata": ["09:31 RELEASE", "09:32 REPLACE FOLLOWS_ENTRY"], "arm_on_full": ["09:32 RELEASE"]}[bracket]
    assert [line for line in found.life(1) if "RELEASE" in line or "REPLACE" in line] == armed


def test_an_entry_that_ends_in_part_arms_its_exits_for_that_part() -> None:
    script = "09:31 buy 10 limit 100 take_profit 107 stop_loss 97\n09:32 cancel 0"
    found = play(volumes(), script, orders={"bracket": "arm_on_full"}, **SIX)
    assert found.status(0) == "CANCELED CANCELED_BY_USER"
    assert found.life(2)[2:4] == ["09:32 SHRINK FOLLOWS_ENTRY", "09:32 RELEASE"]
    assert found.fills == ["09:31 open buy 6 @ 100.00 fee 0", "09:34 second sell 6 @ 97.00 fee 0"]


def test_an_iceberg_shows_its_parts_one_after_the_other_behind_what_else_rests() -> None:
    # twelve lots of each bar are on offer: at 99, on the way to 98
    script = "09:31 buy 9 limit 99 display 4\n09:31 buy 5 limit 99"
    found = play(volumes(80), script, **SIX)
    assert found.fills[:3] == lines("""
        09:32 first buy 4 @ 99.00 fee 0 maker
        09:32 first buy 5 @ 99.00 fee 0 maker
        09:32 first buy 3 @ 99.00 fee 0 maker
    """)
    assert [found.status(k) for k in (0, 1)] == ["FILLED", "FILLED"]
    assert len(found.fills) == 5  # one lot that is shown still, and the last
    assert int(found.record.tables["orders"]["display_quantity"][0]) == 4
    whole = play(BARS, "09:31 buy 9 limit 99 display 4")
    assert whole.fills == [f"09:32 first buy {lots} @ 99.00 fee 0 maker" for lots in (4, 4, 1)]
    taken = play(BARS, "09:31 buy 9 limit 100 display 4")
    assert taken.fills == ["09:31 open buy 9 @ 100.00 fee 0"]


def test_orders_of_several_callbacks_cancel_each_other() -> None:
    script = "09:31 buy 1 limit 97\n09:31 buy 2 limit 96\n09:32 buy 3 stop 107\n09:32 oco 0 1\n09:32 oco 1 2"
    found = play(BARS, script)
    assert found.record.tables["orders"]["oco_id"].tolist() == [0, 0, 0]
    assert [found.status(k) for k in range(3)] == ["FILLED", "CANCELED OCO_FILLED", "CANCELED OCO_FILLED"]
    joined = play(BARS, "09:31 buy 1 limit 80\n09:32 buy 2 limit 97\n09:32 buy 3 limit 96\n09:32 oco 1 2\n09:33 oco 0 2")
    assert joined.record.tables["orders"]["oco_id"].tolist() == [0, 0, 0]
    assert [joined.status(k) for k in (0, 2)] == ["CANCELED OCO_FILLED"] * 2
    # what hangs on an order of the group ends with it
    hung = play(BARS, "09:31 buy 1 limit 99\n09:31 sell 1 limit 120 take_profit 110\n09:31 oco 0 1")
    assert [hung.status(k) for k in (1, 2)] == ["CANCELED OCO_FILLED", "CANCELED PARENT_ENDED"]


@pytest.mark.parametrize(
    ("trail", "stop"),
    [
        ("2", 10100),  # 2 below the close of 103
        ("1%", 10197),
        ("500ticks", 9800),  # farther away than before
    ],
)
def test_a_trail_takes_a_new_distance(trail: str, stop: int) -> None:
    found = play(BARS, f"09:31 sell 10 trail 4\n09:32 replace 0 trail {trail}\n09:32 cancel 0")
    assert found.life(0)[2:4] == ["09:32 REPLACE_REQUEST", "09:32 CANCEL_REQUEST"]
    replaced = found.record.tables["order_events"]
    assert replaced["stop_price"][replaced["event"] == 11].tolist() == [stop]


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("", []),
        ("side buy", [1, 3]),
        ("side sell", [0, 2]),
        ("tag a", [2, 3]),
        ("side sell tag a", [0, 2, 3]),
        ("tag z", [0, 1, 2, 3]),
    ],
)
def test_cancels_by_side_and_tag(words: str, left: list[int]) -> None:
    script = "09:31 buy 1 limit 50 tag a\n09:31 sell 1 limit 150 tag a\n09:31 buy 1 limit 50 tag b\n09:31 sell 1 limit 150"
    found = play(BARS, f"{script}\n09:32 cancel_all {words}")
    assert [k for k in range(4) if found.status(k) == "EXPIRED END_OF_DATA"] == left


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.buy("X", 9, display=3), "display= goes with a limit"),
        (lambda s: s.buy("X", 9, limit=90, display=0), "display must be positive"),
        (lambda s: s.buy("X", 9, limit=90, tif="IOC", display=3), "display= goes with a limit"),
        (lambda s: s.cancel_all(side="long"), "no side 'long'"),
        (lambda s: s.oco(s.buy("X", 1, limit=90), s.buy("Y", 1)), "no symbol 'Y'"),
        (lambda s: s.buy("X", 1, limit=90).replace(trail="x"), "is no distance"),
    ],
)
def test_wrong_calls_say_what_is_wrong(call: Any, message: str) -> None:
    class Wrong(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            call(self)

    with pytest.raises(fw.StrategyError, match=message):
        fw.run(Wrong(), market(BARS))


@pytest.mark.parametrize(
    ("order", "lots", "settings"),
    [
        # one percent of 10,000 is 100: twenty units over a way of 5
        ("buy stop_loss 95 risk 1%", 20, {}),
        ("buy stop_loss 95 risk 0.01", 20, {}),
        ("sell stop_loss 104 risk 1%", 25, {}),
        # from the limit, from the stop; the slippage of a market order makes the way longer: 5.50 on 18 units
        ("buy limit 98 stop_loss 95 risk 1%", 33, {}),
        ("buy stop 102 stop_loss 97 risk 100bp", 20, {}),
        ("buy stop_loss 95 risk 1%", 18, {"costs": {"slippage": {"model": "rate", "rate": "0.5%"}}}),
        ("buy stop_loss 95 risk 1%", 19, {"costs": {"commission": {"model": "per_order", "amount": 3}}}),
        ("buy stop_loss 101 risk 1%", 0, {}),
    ],
)
def test_a_size_by_risk(order: str, lots: int, settings: dict[str, Any]) -> None:
    found = play(BARS, f"09:31 {order}", account={"initial_cash": 10_000}, **settings)
    assert int(found.record.tables["orders"]["quantity"][0]) == lots
    if not lots:
        assert found.status(0) == "DENIED ZERO_QUANTITY"


def test_a_stop_next_to_the_price_asks_for_no_more_than_can_be_counted() -> None:
    """Half of 10^11 over a way of 0.01 would be 5 x 10^12 units, worth 5 x 10^14: more money units than 64 bits hold."""
    settings: dict[str, Any] = {"account": {"initial_cash": 10**11}, "limits": {"max_order_quantity": 50}}
    found = play(BARS, "09:31 buy stop_loss 99.99 risk 0.5", **settings)
    assert found.status(0) == "FILLED MAX_ORDER_QUANTITY"
    assert int(found.record.tables["orders"]["quantity"][0]) == 50


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.buy("X", risk="1%"), "risk= needs a stop_loss="),
        (lambda s: s.buy("X", 5, risk="1%", stop_loss=90), "one size, got quantity and risk"),
        (lambda s: s.buy("X", risk="much", stop_loss=90), "risk='much'"),
        (lambda s: s.buy("X", risk=2, stop_loss=90), "is no part of equity"),
    ],
)
def test_wrong_risks(call: Any, message: str) -> None:
    test_wrong_calls_say_what_is_wrong(call, message)
