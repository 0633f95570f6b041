"""Where, when and at what price each type of order fills on a bar."""

from __future__ import annotations

import pytest

from scenarios.table import lines, market, play

pytestmark = pytest.mark.scenario


def test_a_market_order_fills_at_the_next_open() -> None:
    found = play(
        """
        09:31  100 102  99 101
        09:32  103 104 102 103.5
        09:33  103
        """,
        """
        09:31 buy 10
        09:32 sell 4
        """,
    )
    assert found.fills == lines("""
        09:31 open buy 10 @ 103.00 fee 0
        09:32 open sell 4 @ 103.00 fee 0
    """)
    assert found.life(0) == ["09:31 SUBMIT", "09:31 ACCEPT", "09:31 FILL_ALL"]
    # bought 10 at 103.00 and sold 4 there: 6 are left, marked at each close
    assert [str(money) for money in found.equity] == ["100000.000000", "100005.000000", "100000.000000"]


GAP = """
    09:31  100
    09:32  100 101  99 100
    09:33   90  92  88  91
    09:34  110 112 108 111
"""


@pytest.mark.parametrize(
    ("order", "fill"),
    [
        # an order that meets the market for the first time takes what is there; one that has rested gives
        ("09:32 buy 10 limit 95", "09:32 open buy 10 @ 90.00 fee 0"),
        ("09:31 buy 10 limit 95", "09:32 open buy 10 @ 90.00 fee 0 maker"),
        ("09:31 buy 10 limit 89", "09:33 first buy 10 @ 89.00 fee 0 maker"),
        ("09:31 sell 10 limit 105", "09:33 open sell 10 @ 110.00 fee 0 maker"),
        ("09:31 sell 10 limit 111.50", "09:34 second sell 10 @ 111.50 fee 0 maker"),
        ("09:31 sell 10 stop 95", "09:32 open sell 10 @ 90.00 fee 0"),
        ("09:31 sell 10 stop 89", "09:33 first sell 10 @ 89.00 fee 0"),
        ("09:31 buy 10 stop 105", "09:33 open buy 10 @ 110.00 fee 0"),
        ("09:31 buy 10 stop 111", "09:34 second buy 10 @ 111.00 fee 0"),
    ],
)
def test_gaps_fill_at_the_open_and_the_rest_at_the_level(order: str, fill: str) -> None:
    assert play(GAP, order).fills == [fill]


@pytest.mark.parametrize(
    ("order", "fills", "events"),
    [
        # the gap triggers it below its limit: it waits there, and the market comes back
        ("09:31 sell 10 stop 95 limit 92", ["09:33 second sell 10 @ 92.00 fee 0 maker"], ["09:32 TRIGGER", "09:33 FILL_ALL"]),
        ("09:31 sell 10 stop 95 limit 89", ["09:32 open sell 10 @ 90.00 fee 0"], ["09:32 TRIGGER", "09:32 FILL_ALL"]),
        ("09:31 sell 10 stop 89 limit 88.50", ["09:33 first sell 10 @ 89.00 fee 0"], ["09:33 TRIGGER", "09:33 FILL_ALL"]),
        # triggered by the gap up, far above its limit, until the data end
        ("09:31 buy 10 stop 101.50 limit 102", [], ["09:33 TRIGGER", "09:34 EXPIRE END_OF_DATA"]),
        ("09:31 buy 10 stop 120 limit 121", [], ["09:34 EXPIRE END_OF_DATA"]),
    ],
)
def test_stop_limit_orders(order: str, fills: list[str], events: list[str]) -> None:
    found = play(GAP, order)
    assert found.fills == fills
    assert found.life(0) == ["09:31 SUBMIT", "09:31 ACCEPT", *events]


UP = "09:33 100 106 96 101"
DOWN = "09:33 100 106 96 99"
NEAR_HIGH = "09:33 100 104 90 101"
LOW_FIRST = ["09:33 first sell 10 @ 97.00 fee 0", "09:33 second sell 10 @ 103.00 fee 0 maker"]
HIGH_FIRST = ["09:33 first sell 10 @ 103.00 fee 0 maker", "09:33 second sell 10 @ 97.00 fee 0"]


@pytest.mark.parametrize(
    ("path", "bar", "expected"),
    [
        ("direction", UP, LOW_FIRST),
        ("direction", DOWN, HIGH_FIRST),
        ("nearest", NEAR_HIGH, HIGH_FIRST),
        ("nearest", UP, LOW_FIRST),
        ("open_high_low_close", UP, HIGH_FIRST),
        ("open_low_high_close", DOWN, LOW_FIRST),
        ("worst", DOWN, LOW_FIRST),
        ("best", UP, HIGH_FIRST),
        ("close_only", "09:33 100 106 96 103.50", ["09:33 close sell 10 @ 103.50 fee 0"]),
        ("close_only", UP, []),
    ],
)
def test_the_path_decides_which_of_two_exits_comes_first(path: str, bar: str, expected: list[str]) -> None:
    """20 long, a stop at 97 and a limit at 103, given while the last bar before was shown."""
    found = play(
        f"""
        09:31  100
        09:32  100
        {bar}
        """,
        """
        09:31 buy 20
        09:32 sell 10 stop 97
        09:32 sell 10 limit 103
        """,
        execution={"path": path},
    )
    entry = "09:32 close" if path == "close_only" else "09:31 open"
    assert found.fills[0] == f"{entry} buy 20 @ 100.00 fee 0"
    assert found.fills[1:] == expected
    # the first of the two could have been the other one: it is flagged
    flagged = [] if path == "close_only" else [1]
    assert [row["fill_id"] for row in found.record.tables["fills"] if row["ambiguous"]] == flagged


@pytest.mark.parametrize(("side", "first"), [("sell", "103.00"), ("buy", "97.00")])
def test_worst_hurts_the_position_and_short_is_hurt_by_the_high(side: str, first: str) -> None:
    other = "buy" if side == "sell" else "sell"
    found = play(
        f"09:31 100\n09:32 100\n{UP}",
        f"09:31 {side} 20\n09:32 {other} 10 limit 97\n09:32 {other} 10 stop 103"
        if side == "sell"
        else f"09:31 {side} 20\n09:32 {other} 10 limit 103\n09:32 {other} 10 stop 97",
        execution={"path": "worst"},
    )
    assert found.fills[1].split()[5] == first


def test_the_probabilistic_path_takes_both_ways_and_the_same_ones_again() -> None:
    rows = [f"{9 + minute // 60:02}:{minute % 60:02} 100 106 96 101" for minute in range(31, 431)]
    bars = market("\n".join(rows))
    script = "09:31 buy 1\n" + "\n".join(
        f"{row.split()[0]} sell 1 limit 106\n{row.split()[0]} buy 1 limit 96" for row in rows[1:-1]
    )
    runs = [play(bars, script, execution={"path": "probabilistic"}, run={"seed": seed}) for seed in (1, 1, 2)]
    sides = [run.record.tables["fills"]["path"].tolist() for run in runs]
    assert sides[0] == sides[1] != sides[2]
    # up bar, high a little farther from the open than the low: the low comes first more often than not
    share = sides[0].count(4) / len(sides[0])
    assert 0.5 < share < 0.9


def test_limit_through_asks_for_more_than_a_touch() -> None:
    bars = """
        09:31  100
        09:32  100 100  99 100
        09:33  100 100  98.99 100
    """
    assert play(bars, "09:31 buy 10 limit 99").fills == ["09:32 first buy 10 @ 99.00 fee 0 maker"]
    through = play(bars, "09:31 buy 10 limit 99", execution={"limit_through": "0.01"})
    assert through.fills == ["09:33 first buy 10 @ 99.00 fee 0 maker"]


def test_an_order_never_trades_on_a_bar_that_is_under_way() -> None:
    """30 s of latency: the order arrives inside the next bar, so the one after it is the first that it may meet."""
    found = play(
        """
        09:31  100
        09:32  101 105 101 102
        09:33  103
        """,
        "09:31 buy 10",
        execution={"latency": "30s"},
    )
    assert found.fills == ["09:32 open buy 10 @ 103.00 fee 0"]
    assert found.life(0) == ["09:31 SUBMIT", "09:31:30 ACCEPT", "09:32 FILL_ALL"]


def test_same_close_lookahead_fills_at_the_close_just_shown() -> None:
    found = play("09:31 100 102 99 101\n09:32 105", "09:31 buy 10", execution={"fill": "same_close_lookahead"})
    assert found.fills == ["09:31 close buy 10 @ 101.00 fee 0"]
    assert "lookahead" in str(found.result).lower().replace(" ", "").replace("-", "")


def test_slippage_is_against_the_taker_and_never_the_maker() -> None:
    bars = """
        09:31  100
        09:32  100 101  99 100
        09:33  100 101  99 100
    """
    script = """
        09:31 buy 10
        09:31 sell 10 limit 101
        09:32 sell 10 stop 99
    """
    rate = play(bars, script, costs={"slippage": {"model": "rate", "rate": "50bp"}})
    assert rate.fills == lines("""
        09:31 open buy 10 @ 100.50 fee 0
        09:32 second sell 10 @ 101.00 fee 0 maker
        09:33 first sell 10 @ 98.50 fee 0
    """)  # 99 x 0.5 % is 49.5 price units, half to even: 50
    fill = rate.record.tables["fills"][2]
    assert [int(fill[step]) for step in ("reference_price", "slippage", "limit", "tick", "price")] == [9900, -50, 0, 0, 9850]
    ticks = play(bars, script, costs={"slippage": {"model": "ticks", "ticks": 3}})
    assert [fill.split()[5] for fill in ticks.fills] == ["100.03", "101.00", "98.97"]
    clamped = play(bars, script, costs={"slippage": {"model": "ticks", "ticks": 3}}, execution={"clamp_to_range": True})
    assert [fill.split()[5] for fill in clamped.fills] == ["100.03", "101.00", "99.00"]
