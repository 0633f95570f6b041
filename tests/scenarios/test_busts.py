"""Fills that the broker undoes, or whose price it corrects: money, fees, lots, and what becomes of the orders."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from fillwright.model.codes import ExitReason
from fillwright.model.instrument import Instrument
from scenarios.drawn import busts
from scenarios.table import Play, lines, play
from scenarios.test_quotes import quotes

pytestmark = pytest.mark.scenario


def own(found: Play, column: str) -> list[int]:
    """A column of the fills."""
    return [int(value) for value in found.record.tables["fills"][column]]


def why(found: Play) -> list[str]:
    """The exit reasons of the fills."""
    return [ExitReason(code).name for code in own(found, "exit_reason")]


# -------------------------------------------------------------------- fees

THREE = """
    09:31  10 10 10 10  9999
    09:32  10 10 10 10   230
    09:33  10 10 10 10   170
    09:34  10 10 10 10   100
    09:35  10 10 10 10     0
    09:36  10 10 10 10     0
    09:37  10 10 10 10     0
"""


@pytest.mark.parametrize(
    ("commission", "fees"),
    [
        # raw 2.3, 1.7 and 1: what is left when the first is undone is 2.7, then 1, then nothing
        ({"model": "per_unit", "amount": "0.01"}, ["2.3", "1.7", "1", "-2.3", "-1.7", "-1"]),
        # paid 3, 4 and 5; then the minimum holds again, until there is nothing to charge for
        ({"model": "per_unit", "amount": "0.01", "minimum": 3}, ["3", "1", "1", "-2", "0", "-3"]),
        # paid 2.3, then the maximum; below it with the first one gone
        ({"model": "per_unit", "amount": "0.01", "maximum": 3}, ["2.3", "0.7", "0", "-0.3", "-1.7", "-1"]),
        # paid with the first fill, but for the order: it comes back with the last
        ({"model": "per_order", "amount": 7}, ["7", "0", "0", "0", "0", "-7"]),
        ({"model": "rate", "rate": "10bp", "minimum": 2.5, "maximum": 4.5}, ["2.5", "1.5", "0.5", "-1.8", "-0.2", "-2.5"]),
    ],
)
def test_the_fee_comes_back_as_though_the_fill_had_never_been(commission: dict[str, object], fees: list[str]) -> None:
    settings = busts(undone=((0, 2), (0, 3), (0, 4)), bust_after="3min")
    found = play(THREE, "09:31 buy 500", **settings, costs={"commission": commission})
    assert [line.rsplit(" ", 1)[0] for line in found.fills] == lines("""
        09:31 open buy 230 @ 10.00 fee
        09:32 open buy 170 @ 10.00 fee
        09:33 open buy 100 @ 10.00 fee
        09:35 books sell 230 @ 10.00 fee
        09:36 books sell 170 @ 10.00 fee
        09:37 books sell 100 @ 10.00 fee
    """)
    assert [D(line.split()[-1]) for line in found.fills] == [D(fee) for fee in fees]
    assert found.cash == {"USD": 100_000}


def test_a_corrected_fill_pays_the_fee_of_its_price() -> None:
    """A rate of 1 %: 2.00 for 2 at 100, of which the minimum makes 5.00; 10.00 for 10, and 10.001 for 10 at 100.01."""
    bars = "09:31 100 100 100 100 10\n09:32 100 100 100 100 10\n09:33 100 100 100 100 0\n09:34 100 100 100 100 0"
    costs = {"commission": {"model": "rate", "rate": "1%", "minimum": 5}}
    found = play(bars, "09:31 buy 10", **busts(corrected={(0, 2): 1}, kept=((0, 4),)), costs=costs)
    assert found.fills == lines("""
        09:31 open buy 10 @ 100.00 fee 10
        09:33 books sell 10 @ 100.00 fee -10
        09:33 books buy 10 @ 100.01 fee 10.001
    """)
    small = play(bars, "09:31 buy 2", **busts(corrected={(0, 2): 1}, kept=((0, 4),)), costs=costs)
    assert [line.split()[-1] for line in small.fills] == ["5", "-5", "5"]
    assert found.cash == {"USD": D("100000") - D("1000.10") - D("10.001")}


def test_a_fee_per_order_is_charged_anew_where_the_only_fill_is_corrected() -> None:
    bars = "09:31 100 100 100 100 10\n09:32 100 100 100 100 10\n09:33 100 100 100 100 0\n09:34 100 100 100 100 0"
    found = play(
        bars, "09:31 buy 10", **busts(corrected={(0, 2): -1}, kept=((0, 4),)),
        costs={"commission": {"model": "per_order", "amount": 7}},
    )  # fmt: skip
    assert [line.split()[-1] for line in found.fills] == ["7", "-7", "7"]


# -------------------------------------------------------------------- lots and money

LADDER = "09:31 100 100 100 100 99\n09:32 100 100 100 100 99\n09:33 102 102 102 102 99\n09:34 105 105 105 105 99\n09:35 105 105 105 105 99"


@pytest.mark.parametrize(
    ("method", "realised", "remaining"),
    [
        ("fifo", "0", ["1020"]),
        ("lifo", "0", ["1020"]),
        ("highest_cost", "0", ["1020"]),
        ("lowest_cost", "0", ["1020"]),
        ("average", "-10", ["1010"]),  # one lot of 20 for 2020, of which half goes for 1000
    ],
)
def test_the_lot_that_the_fill_has_opened_goes(method: str, realised: str, remaining: list[str]) -> None:
    found = play(
        LADDER, "09:31 buy 10 IOC\n09:32 buy 10 IOC", **busts(undone=((0, 2),), kept=((1, 2),), bust_after="2min"),
        account={"lots": method},
    )  # fmt: skip
    assert found.fills[2:] == ["09:34 books sell 10 @ 100.00 fee 0"]
    assert found.realised == [D(realised)]
    lots = found.record.tables["lots"]
    assert [str(int(lot["cost"]) // 10**6) for lot in lots if lot["remaining"]] == remaining
    assert why(found) == ["NONE", "NONE", "BUST"]
    assert own(found, "position") == [10, 20, 10]


def test_a_lot_that_is_gone_is_replaced_by_the_next_one() -> None:
    """Bought at 100 and 102, sold at 105 (the first lot); then the first buy is undone: the second lot goes, for 100."""
    found = play(
        LADDER, "09:31 buy 10 IOC\n09:32 buy 10 IOC\n09:33 sell 10 IOC",
        **busts(undone=((0, 2),), kept=((1, 2), (2, 2)), bust_after="3min"),
    )  # fmt: skip
    assert found.fills[2:] == lines("""
        09:33 open sell 10 @ 105.00 fee 0
        09:35 books sell 10 @ 100.00 fee 0
    """)
    assert found.realised == [50, -20]
    assert found.cash == {"USD": 100_030}
    assert found.equity[-1] == 100_030


@pytest.mark.parametrize(
    ("script", "undone", "last", "reason", "position"),
    [
        ("09:31 buy 10 IOC\n09:32 sell 10 IOC", (1, 2), "buy 10 @ 102.00", "NONE", 10),
        ("09:31 buy 10 IOC\n09:32 sell 15 IOC", (1, 2), "buy 15 @ 102.00", "REVERSAL", 10),
        ("09:31 buy 10 IOC\n09:32 sell 4 IOC", (0, 2), "sell 10 @ 100.00", "REVERSAL", -4),
        ("09:31 sell 10 IOC\n09:32 sell 4 IOC", (0, 2), "buy 10 @ 100.00", "BUST", -4),
    ],
)
def test_what_undoing_does_to_the_position(script: str, undone: tuple[int, int], last: str, reason: str, position: int) -> None:
    kept = ((1 - undone[0], 2),)
    found = play(LADDER, script, **busts(undone=(undone,), kept=kept, bust_after="2min"))
    assert [" ".join(line.split()[2:6]) for line in found.fills[2:]] == [last]
    assert why(found)[2] == reason
    assert own(found, "position")[2] == position


def test_a_corrected_price_changes_money_and_nothing_else() -> None:
    """Bought at 100 and sold at 102: 20 made. The broker then says 100.01: 19.90."""
    found = play(
        LADDER, "09:31 buy 10 IOC\n09:32 sell 10 IOC", **busts(corrected={(0, 2): 1}, kept=((1, 2), (0, 4)), bust_after="2min")
    )
    assert found.fills[2:] == ["09:34 books sell 10 @ 100.00 fee 0", "09:34 books buy 10 @ 100.01 fee 0"]
    assert found.equity[-1] == D("100019.90")
    assert own(found, "position") == [10, 0, -10, 0]
    assert why(found) == ["NONE", "SIGNAL", "NONE", "SIGNAL"]
    assert found.life(0)[-2:] == ["09:34 BUST_ALL", "09:34 FILL_ALL"]
    assert own(found, "reference_price") == [10_000, 10_200, 10_000, 10_001]


def test_a_price_is_not_corrected_beyond_its_limit() -> None:
    bars = LADDER.replace("102 102 102 102", "100 100 100 100")
    up = play(bars, "09:31 buy 10 limit 100 IOC", **busts(corrected={(0, 2): 1}))
    assert up.fills == ["09:31 open buy 10 @ 100.00 fee 0"]
    down = play(bars, "09:31 buy 10 limit 100 IOC", **busts(corrected={(0, 2): -1}, kept=((0, 4),)))
    assert down.fills[1:] == ["09:33 books sell 10 @ 100.00 fee 0", "09:33 books buy 10 @ 99.99 fee 0"]


# -------------------------------------------------------------------- cash accounts

FLAT = "\n".join(f"09:{minute} 100 100 100 100 99" for minute in range(31, 40))


@pytest.mark.parametrize(
    ("cash", "script", "settings", "fills"),
    [
        # what was bought has been sold: nothing is there to give back
        (1000, "09:31 buy 10 IOC\n09:32 sell 10 IOC", {"undone": ((0, 2),), "kept": ((1, 2),)}, []),
        # what was sold has been spent again
        (
            1000, "09:31 buy 10 IOC\n09:32 sell 10 IOC\n09:33 buy 10 IOC",
            {"undone": ((1, 2),), "kept": ((0, 2), (2, 2))}, [],
        ),
        (1000, "09:31 buy 10 IOC", {"undone": ((0, 2),)}, ["09:35 books sell 10 @ 100.00 fee 0"]),
        # 0.10 more is needed
        ("1000.09", "09:31 buy 10 IOC", {"corrected": {(0, 2): 1}}, []),
        (
            "1000.10", "09:31 buy 10 IOC", {"corrected": {(0, 2): 1}, "kept": ((0, 4),)},
            ["09:35 books sell 10 @ 100.00 fee 0", "09:35 books buy 10 @ 100.01 fee 0"],
        ),
    ],
)  # fmt: skip
def test_a_cash_account_is_never_overdrawn(cash: Any, script: str, settings: dict[str, Any], fills: list[str]) -> None:
    found = play(FLAT, script, **busts(**settings, bust_after="3min"), account={"type": "cash", "initial_cash": cash})
    assert [line for line in found.fills if "books" in line] == fills


def test_what_is_undone_brings_its_fee_back() -> None:
    """Sold for 1,000 less 10: the 990 that are there are enough to give back what came in."""
    found = play(
        FLAT, "09:31 buy 10 IOC\n09:32 sell 10 IOC", **busts(undone=((1, 2),), kept=((0, 2),)),
        account={"type": "cash", "initial_cash": 1010}, costs={"commission": {"model": "rate", "rate": "1%"}},
    )  # fmt: skip
    assert found.fills[2:] == ["09:34 books buy 10 @ 100.00 fee -10"]
    assert found.cash == {"USD": 0}


def test_what_works_again_needs_its_funds_again() -> None:
    """The fill at 100 is undone, and what it cost has been spent at 50 since: for the order that works again nothing is left."""
    bars = FLAT.replace("09:33 100 100 100 100", "09:33 50 50 50 50").replace("09:34 100 100 100 100", "09:34 101 101 101 101")
    found = play(
        bars, "09:31 buy 10\n09:32 buy 10 limit 50 IOC", **busts(undone=((0, 2),), kept=((1, 2),), bust_after="2min"),
        account={"type": "cash", "initial_cash": 1500},
    )  # fmt: skip
    assert found.life(0)[-2:] == ["09:34 BUST_ALL", "09:34 REJECT INSUFFICIENT_CASH"]
    assert found.cash == {"USD": 1000}


# -------------------------------------------------------------------- exits


def lots(text: str) -> str:
    """Bars of one price each, from 09:31: ``100x4`` is a price and what it offers."""
    rows = [word.split("x") for word in text.split()]
    return "\n".join(f"09:{31 + k} {price} {price} {price} {price} {offer}" for k, (price, offer) in enumerate(rows))


def test_exits_are_cut_to_what_is_left_and_grow_with_what_is_filled_again() -> None:
    found = play(
        lots("100x9 100x4 100x6 100x0 100x4 100x0"), "09:31 buy 10 take_profit 105",
        **busts(undone=((0, 2),), kept=((0, 3), (0, 5)), bust_after="2min"),
    )  # fmt: skip
    assert found.life(0) == lines("""
        09:31 SUBMIT
        09:31 ACCEPT
        09:31 FILL_PART
        09:32 FILL_ALL
        09:34 BUST
        09:34 FILL_ALL
    """)
    assert found.life(1) == lines("""
        09:31 SUBMIT
        09:31 ACCEPT
        09:31 SHRINK FOLLOWS_ENTRY
        09:31 RELEASE
        09:32 REPLACE FOLLOWS_ENTRY
        09:34 SHRINK SHRUNK_TO_POSITION
        09:34 REPLACE FOLLOWS_ENTRY
        09:36 EXPIRE END_OF_DATA
    """)
    events = found.record.tables["order_events"]
    assert events["quantity"][events["order_id"] == 1].tolist() == [10, 10, 4, 4, 10, 6, 10, 10]


def test_exits_that_were_armed_by_the_last_fill_grow_with_each_fill_that_follows_a_bust() -> None:
    settings = busts(undone=((0, 3),), kept=((0, 2), (0, 5), (0, 6)))
    settings["orders"]["bracket"] = "arm_on_full"
    found = play(lots("100x9 100x4 100x6 100x0 100x2 100x4 100x0"), "09:31 buy 10 take_profit 105", **settings)
    assert found.life(1)[2:] == lines("""
        09:32 RELEASE
        09:34 SHRINK SHRUNK_TO_POSITION
        09:34 REPLACE FOLLOWS_ENTRY
        09:35 REPLACE FOLLOWS_ENTRY
        09:37 EXPIRE END_OF_DATA
    """)
    events = found.record.tables["order_events"]
    assert events["quantity"][events["order_id"] == 1].tolist() == [10, 10, 10, 4, 6, 10, 10]


def test_exits_of_an_entry_that_has_nothing_any_more_wait_for_it() -> None:
    found = play(
        lots("100x9 100x10 100x0 100x7 100x0"), "09:31 buy 10 take_profit 105 stop_loss 95",
        **busts(undone=((0, 2),), kept=((0, 4),)),
    )  # fmt: skip
    for number in (1, 2):
        assert found.life(number)[3:] == lines("""
            09:33 HOLD NOTHING_TO_REDUCE
            09:33 SHRINK FOLLOWS_ENTRY
            09:33 RELEASE
            09:35 EXPIRE END_OF_DATA
        """)
    assert found.status(0) == "EXPIRED END_OF_DATA"


def test_exits_end_with_an_entry_that_ends_with_nothing() -> None:
    found = play(lots("100x9 100x10 100x0 100x0"), "09:31 buy 10 take_profit 105 stop_loss 95 IOC", **busts(undone=((0, 2),)))
    assert found.life(0)[-2:] == ["09:33 BUST_ALL", "09:33 CANCEL IOC_REMAINDER"]
    assert [found.status(number) for number in (1, 2)] == ["CANCELED PARENT_ENDED"] * 2


def test_an_exit_whose_fill_is_undone_works_again_and_what_it_cancelled_stays_so() -> None:
    found = play(
        lots("100x9 100x10 106x10 100x9 106x10 100x0"), "09:31 buy 10 take_profit 105 stop_loss 95",
        **busts(undone=((1, 3),), kept=((0, 2), (1, 5))),
    )  # fmt: skip
    assert found.fills == lines("""
        09:31 open buy 10 @ 100.00 fee 0
        09:32 open sell 10 @ 106.00 fee 0 maker
        09:34 books buy 10 @ 106.00 fee 0 maker
        09:34 open sell 10 @ 106.00 fee 0
    """)
    assert found.life(1)[2:] == ["09:31 RELEASE", "09:32 FILL_ALL", "09:34 BUST_ALL", "09:34 FILL_ALL"]
    assert found.status(2) == "CANCELED OCO_FILLED"
    assert why(found) == ["NONE", "TARGET", "NONE", "TARGET"]


def test_an_exit_that_is_held_is_released_for_what_its_undone_fill_leaves_open() -> None:
    """Ten of twenty are bought, four sold by the exit and six by hand: it is held. Its four are undone: it is there for four."""
    found = play(
        lots("100x9 100x10 105x4 104x6 104x0 104x0"), "09:31 buy 20 limit 100 take_profit 105\n09:33 sell 6",
        **busts(undone=((1, 4),), kept=((0, 2), (2, 2)), bust_after="2min"),
    )  # fmt: skip
    assert found.life(1)[2:] == lines("""
        09:31 SHRINK FOLLOWS_ENTRY
        09:31 RELEASE
        09:32 FILL_PART
        09:33 HOLD NOTHING_TO_REDUCE
        09:35 BUST_ALL
        09:35 RELEASE
        09:35 SHRINK SHRUNK_TO_POSITION
        09:36 EXPIRE END_OF_DATA
    """)
    events = found.record.tables["order_events"]
    assert events["leaves_quantity"][events["order_id"] == 1].tolist() == [20, 20, 10, 10, 6, 6, 10, 10, 4, 0]


def test_a_reducing_order_that_works_again_follows_the_position() -> None:
    """Its fill at 101 is undone; the position is then closed at 100, and nothing is left for it to reduce."""
    found = play(
        lots("100x99 100x10 101x10 100x0 100x10 102x99 102x99"),
        "09:31 buy 10\n09:32 sell 10 limit 101 reduce_only\n09:34 sell 10 IOC",
        **busts(undone=((1, 2),), kept=((0, 2), (2, 2))),
    )  # fmt: skip
    assert found.life(1)[2:] == ["09:32 FILL_ALL", "09:34 BUST_ALL", "09:34 CANCEL NOTHING_TO_REDUCE"]
    assert own(found, "position")[-1] == 0


def test_a_limit_order_that_works_again_meets_lows_again_and_counts_as_live() -> None:
    bars = """
        09:31  100 100 100 100  99
        09:32  100 100  98 100  99
        09:33  100 100 100 100  99
        09:34  100 100 100 100  99
        09:35  100 100  98 100  99
    """
    script = "09:31 buy 10 limit 99\n09:33 buy 1 limit 90"
    found = play(bars, script, **busts(undone=((0, 2),), kept=((0, 4),)), limits={"max_live_orders": 1})
    assert found.life(0)[2:] == ["09:32 FILL_ALL", "09:33 BUST_ALL", "09:35 FILL_ALL"]
    assert found.status(1) == "DENIED MAX_LIVE_ORDERS"


def test_an_order_that_was_released_stays_released() -> None:
    """The second leg of a reversal is not taken back with the first, whose fill is undone and which is then cancelled."""
    found = play(
        lots("100x99 100x10 100x10 100x2 100x0 100x0 100x9"), "09:31 buy 10\n09:32 target -5\n09:34 cancel 1",
        **busts(undone=((1, 2),), kept=((0, 2), (2, 3), (2, 4), (2, 5))),
    )  # fmt: skip
    assert found.life(1)[2:] == ["09:32 FILL_ALL", "09:34 BUST_ALL", "09:34 CANCEL_REQUEST", "09:34 CANCEL CANCELED_BY_USER"]
    assert found.life(2)[2:] == ["09:32 RELEASE", "09:33 FILL_PART", "09:36 FILL_ALL"]


# -------------------------------------------------------------------- lifetimes

DAYS = """
    2024-01-02 23:58  100 100 100 100 99
    2024-01-02 23:59  100 100 100 100 99
    2024-01-03 00:00  100 100 100 100  0
    2024-01-03 00:01  100 100 100 100 99
    2024-01-03 00:02  100 100 100 100 99
"""


@pytest.mark.parametrize(
    ("bust_after", "tif", "last"),
    [
        ("0s", "DAY", ["2024-01-03 00:00 BUST_ALL", "2024-01-03 00:00 EXPIRE DAY_END"]),
        ("2min", "DAY", ["2024-01-03 00:01 BUST_ALL", "2024-01-03 00:01 EXPIRE DAY_END"]),
        ("2min", "GTC", ["2024-01-03 00:01 BUST_ALL", "2024-01-03 00:01 FILL_ALL"]),
        ("2min", "FOK", ["2024-01-03 00:01 BUST_ALL", "2024-01-03 00:01 CANCEL FOK_NOT_FILLABLE"]),
    ],
)
def test_an_order_works_again_as_long_as_it_would_have(bust_after: str, tif: str, last: list[str]) -> None:
    """Filled at 23:59, in the last but one bar of the day; what is due at once is undone at the next instant."""
    found = play(DAYS, f"23:58 buy 10 {tif}", **busts(undone=((0, 2),), kept=((0, 4),), bust_after=bust_after))
    assert found.life(0)[2] == "23:58 FILL_ALL"
    assert found.life(0)[3:] == last


def test_a_day_order_works_again_on_its_day() -> None:
    found = play(lots("100x9 100x10 100x0 100x9 100x9"), "09:31 buy 10 DAY", **busts(undone=((0, 2),), kept=((0, 4), (0, 5))))
    assert found.life(0)[3:] == ["09:33 BUST_ALL", "09:33 FILL_PART", "09:34 FILL_ALL"]


def test_a_corrected_fill_is_of_the_day_of_the_first() -> None:
    """Filled on one day, corrected on the next and then undone: the order's day is over."""
    more = "\n".join(f"2024-01-03 00:0{minute}  100 100 100 100 99" for minute in (3, 4))
    settings = busts(undone=((0, 4),), corrected={(0, 2): 1}, kept=((0, 6),), bust_after="2min")
    found = play(f"{DAYS.rstrip()}\n    {more}", "23:58 buy 10 DAY", **settings)
    assert found.life(0)[2:] == lines("""
        23:58 FILL_ALL
        2024-01-03 00:01 BUST_ALL
        2024-01-03 00:01 FILL_ALL
        2024-01-03 00:03 BUST_ALL
        2024-01-03 00:03 EXPIRE DAY_END
    """)


def test_an_order_for_the_opening_has_had_it() -> None:
    session = Instrument("X", price_decimals=2, tick=1, session=(34_200, 57_600))
    bars = "2024-01-02 16:00 100 100 100 100 9\n2024-01-03 09:31 100 100 100 100 99\n2024-01-03 09:32 100 100 100 100 99"
    found = play(bars, "2024-01-02 16:00 buy 10 OPG", instrument=session, **busts(undone=((0, 2),)))
    assert found.life(0)[-2:] == ["2024-01-03 09:32 BUST_ALL", "2024-01-03 09:32 EXPIRE AUCTION_OVER"]


def test_one_fill_an_instant_is_undone() -> None:
    found = play(lots("100x99 100x99 100x0 100x0 100x0"), "09:31 buy 10 IOC\n09:31 buy 5 IOC", **busts(undone=((0, 2), (1, 2))))
    assert found.fills[2:] == ["09:33 books sell 10 @ 100.00 fee 0", "09:34 books sell 5 @ 100.00 fee 0"]


# -------------------------------------------------------------------- quotes


def test_an_order_that_works_again_meets_the_quote_that_stands() -> None:
    """Bought at 101 and marked at the bid; undone and bought again at 103 at once, and marked at 100."""
    settings = busts(undone=((0, 2),), kept=((0, 4),))
    found = play(quotes("09:31 99 101\n09:32 99 102\n09:33 100 103"), "09:31 buy 10", **settings, account={"mark": "exit_side"})
    assert found.fills == lines("""
        09:31 standing buy 10 @ 101.00 fee 0
        09:32 books sell 10 @ 101.00 fee 0
        09:32 standing buy 10 @ 102.00 fee 0
    """)
    assert found.equity[-1] == 100_000 - 20


def test_without_the_position_the_mark_is_the_middle() -> None:
    """Of 10 bought at 101 by an IOC order and 5 by another the first are undone: 5 at the bid of 99. Then nothing is left."""
    market = quotes("09:31 99 101\n09:32 99 101\n09:33 99 101\n09:34 99 101")
    found = play(market, "09:31 buy 10 IOC\n09:31 buy 5 IOC", **busts(undone=((0, 2), (1, 2))), account={"mark": "exit_side"})
    assert found.life(0)[-1] == "09:32 CANCEL IOC_REMAINDER"
    assert found.fills[2:] == ["09:32 books sell 10 @ 101.00 fee 0", "09:33 books sell 5 @ 101.00 fee 0"]
    assert found.equity[-3:] == [99_990, 100_000, 100_000]
