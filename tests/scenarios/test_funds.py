"""What an order may cost: cash accounts, margin, shrinking, liquidation, limits."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from fillwright.model.codes import OrderEvent
from fillwright.model.instrument import Instrument
from scenarios.table import lines, play

pytestmark = pytest.mark.scenario

BARS = """
    09:31  100
    09:32  110
    09:33  110
    09:34  120
"""
CASH = {"type": "cash", "initial_cash": 1000}
TEN_BP = {"commission": {"model": "rate", "rate": "1%"}}


def test_a_cash_account_refuses_what_it_cannot_pay() -> None:
    """At the decision 10 x 100 + 1 % = 1,010 are needed of 1,000; at the open of 110 nine of them cost 999.90."""
    found = play(BARS, "09:31 buy 10\n09:31 buy 9", account=CASH, costs=TEN_BP)
    assert found.status(0) == "REJECTED INSUFFICIENT_CASH"
    assert found.numbers(0, OrderEvent.REJECT) == (D(1010), D(1000))
    assert found.fills == ["09:31 open buy 9 @ 110.00 fee 9.9"]
    assert found.cash == {"USD": D("0.1")}


def test_what_rests_is_reserved() -> None:
    found = play(BARS, "09:31 buy 6 limit 90\n09:31 buy 5", account=CASH)
    assert found.numbers(1, OrderEvent.REJECT) == (D(500), D(460))
    assert found.status(0) == "EXPIRED END_OF_DATA"


def test_a_fill_that_turns_out_dearer_is_refused_for_units_and_shrunk_for_sizes() -> None:
    units = play(BARS, "09:31 buy 10", account=CASH)
    assert units.life(0) == ["09:31 SUBMIT", "09:31 ACCEPT", "09:31 REJECT INSUFFICIENT_CASH"]
    assert units.numbers(0, OrderEvent.REJECT) == (D(1100), D(1000))
    sized = play(BARS, "09:31 buy weight 1", account=CASH)
    assert sized.life(0) == ["09:31 SUBMIT", "09:31 ACCEPT", "09:31 SHRINK SHRUNK_TO_CASH", "09:31 FILL_ALL"]
    assert sized.numbers(0, OrderEvent.SHRINK) == (D(1100), D(1000))
    assert sized.fills == ["09:31 open buy 9 @ 110.00 fee 0"]
    told = play(BARS, "09:31 buy 10", account=CASH, orders={"on_short_cash": "shrink"})
    assert told.fills == ["09:31 open buy 9 @ 110.00 fee 0"]


def test_a_cash_account_never_goes_short() -> None:
    script = "09:31 buy 5\n09:32 sell 8\n09:33 sell 1"
    refused = play(BARS, script, account=CASH)
    assert refused.status(1) == "REJECTED SHORT_IN_CASH_ACCOUNT"
    assert refused.fills[1:] == ["09:33 open sell 1 @ 120.00 fee 0"]
    shrunk = play(BARS, script, account=CASH, orders={"on_short_cash": "shrink"})
    assert shrunk.status(1) == "FILLED SHRUNK_TO_CASH"
    assert shrunk.fills[1:] == ["09:32 open sell 5 @ 110.00 fee 0"]
    assert shrunk.status(2) == "REJECTED SHORT_IN_CASH_ACCOUNT"


def test_a_margin_account_shrinks_and_shows_the_calculation() -> None:
    """Equity 1,000, leverage 2: initial margin 1/2. 95 % of equity at 100 are 9 units, then a target of 3 x equity is too much.

    At 110, after 9 units bought at 110: equity 1,000, margin of 9 x 110 / 2 = 495, so 505 are free. Three times equity are
    27 units, 18 more: they need 18 x 110 / 2 = 990. 505 pay for 9 of them (495).
    """
    found = play(
        BARS,
        "09:31 target_weight 0.95\n09:32 target_weight 3",
        account={"initial_cash": 1000, "leverage": 2},
    )
    assert found.fills[0] == "09:31 open buy 9 @ 110.00 fee 0"
    assert found.numbers(1, OrderEvent.SHRINK) == (D(990), D(505))
    assert found.status(1) == "FILLED SHRUNK_TO_MARGIN"
    assert found.fills[1] == "09:32 open buy 9 @ 110.00 fee 0"
    assert found.record.tables["order_events"]["quantity"].tolist()[-2:] == [9, 9]


def test_units_beyond_margin_are_refused_with_both_numbers() -> None:
    found = play(BARS, "09:31 buy 21\n09:31 sell 21", account={"initial_cash": 1000, "leverage": 2})
    assert found.numbers(0, OrderEvent.REJECT) == (D(1050), D(1000))
    assert found.status(1) == "REJECTED INSUFFICIENT_MARGIN"
    assert found.fills == []


def test_what_only_reduces_needs_no_margin() -> None:
    found = play(
        """
        09:31  100
        09:32  100
        09:33   60
        """,
        "09:31 buy 19\n09:32 sell 19",
        account={"initial_cash": 1000, "leverage": 2, "maintenance_margin": 0.01},
    )
    assert found.fills[1] == "09:32 open sell 19 @ 60.00 fee 0"


def test_liquidation_closes_everything_and_takes_no_more() -> None:
    """19 x 100 with 1,000; maintenance is half of the initial margin, a quarter of exposure. At 70 equity is 430 and 332.50 are needed,
    at 60 it is 240 of 285: everything is cancelled and sold at the next open, with what that brings.
    """
    found = play(
        """
        09:31  100
        09:32  100
        09:33   70
        09:34   60
        09:35   58
        09:36   59
        """,
        """
        09:31 buy 19
        09:32 buy 1 limit 10
        09:34 buy 1
        09:35 buy 1
        """,
        account={"initial_cash": 1000, "leverage": 2},
    )
    assert found.fills == lines("""
        09:31 open buy 19 @ 100.00 fee 0
        09:34 open sell 19 @ 58.00 fee 0
        09:35 open buy 1 @ 59.00 fee 0
    """)
    assert found.status(1) == "CANCELED LIQUIDATION"
    assert found.status(3) == "DENIED UNDER_MAINTENANCE"
    assert found.result.trades["exit_reason"].tolist()[0] == "liquidation"
    assert found.record.counters["intents"] == 4


@pytest.mark.parametrize(
    ("limits", "script", "statuses"),
    [
        ({"max_order_quantity": 5}, "09:31 buy 6\n09:31 buy 5", ["DENIED MAX_ORDER_QUANTITY", "FILLED"]),
        ({"max_position_quantity": 5}, "09:31 buy 5\n09:32 buy 1", ["FILLED", "DENIED MAX_POSITION_QUANTITY"]),
        ({"max_position_quantity": 5}, "09:31 buy 5\n09:32 sell 5", ["FILLED", "FILLED"]),
        ({"max_position_fraction": "50%"}, "09:31 buy 6\n09:31 buy 5", ["DENIED MAX_POSITION_FRACTION", "FILLED"]),
        ({"max_position_fraction": "50%"}, "09:31 buy weight 0.9", ["FILLED MAX_POSITION_FRACTION"]),
        ({"max_order_quantity": 5}, "09:31 buy 5\n09:32 buy 3\n09:33 close", ["FILLED", "FILLED", "FILLED"]),
    ],
)
def test_limits_stop_entries_and_never_exits(limits: dict[str, object], script: str, statuses: list[str]) -> None:
    found = play(BARS, script, account={"initial_cash": 1000}, limits=limits)
    assert [found.status(number) for number in range(len(statuses))] == statuses


@pytest.mark.parametrize(
    ("policy", "limit", "status", "price"),
    [
        ("reject", "90.03", "DENIED OFF_TICK", None),
        ("passive", "90.03", "FILLED", "90.00"),
        ("nearest", "90.03", "FILLED", "90.05"),
        ("reject", "90.05", "FILLED", "90.05"),
    ],
)
def test_prices_off_the_tick(policy: str, limit: str, status: str, price: str | None) -> None:
    nickel = Instrument("X", price_decimals=2, tick=5)
    found = play("09:31 100\n09:32 95 95 90 95", f"09:31 buy 1 limit {limit}", instrument=nickel, orders={"off_tick": policy})
    assert found.status(0) == status
    assert [fill.split()[5] for fill in found.fills] == ([price] if price else [])
