"""How long orders live: time in force, cancel, replace, volume that does not suffice."""

from __future__ import annotations

import pytest

from fillwright.model.instrument import Instrument
from scenarios.table import lines, play

pytestmark = pytest.mark.scenario

QUIET = """
    09:31  100
    09:32  100 101  99 100
    09:33  100 101  99 100
    09:34  100 101  99 100
    09:35  100 101  95 100
"""


def test_participation_carries_the_rest_over_and_no_lot_is_sold_twice() -> None:
    """A tenth of the volume of each bar is on offer; the order given first takes first."""
    found = play(
        """
        09:31  100 100 100 100   50
        09:32  100 100 100 100   99
        09:33  101 101 101 101   60
        09:34  102 102 102 102    9
        09:35  103 103 103 103  500
        """,
        """
        09:31 buy 12
        09:31 buy 5
        """,
    )
    assert found.fills == lines("""
        09:31 open buy 9 @ 100.00 fee 0
        09:32 open buy 3 @ 101.00 fee 0
        09:32 open buy 3 @ 101.00 fee 0
        09:34 open buy 2 @ 103.00 fee 0
    """)
    assert found.record.tables["fills"]["available"].tolist() == [9, 6, 3, 50]
    assert found.life(1) == ["09:31 SUBMIT", "09:31 ACCEPT", "09:32 FILL_PART", "09:34 FILL_ALL"]


def test_without_a_cap_one_bar_takes_all() -> None:
    bars = "09:31 100 100 100 100 50\n09:32 100 100 100 100 50"
    assert play(bars, "09:31 buy 900", execution={"participation": None}).fills == ["09:31 open buy 900 @ 100.00 fee 0"]
    no_volume = play("09:31 100\n09:32 100", "09:31 buy 900")
    assert no_volume.fills == ["09:31 open buy 900 @ 100.00 fee 0"]
    assert "no volume" in str(no_volume.result).lower()


SESSION = Instrument("X", price_decimals=2, tick=1, timezone="America/New_York", session=(34_200, 57_600))
DAYS = """
    2024-01-02 15:59  100
    2024-01-02 16:00  100 101  99 100
    2024-01-03 09:31  100 101  99 100
    2024-01-03 09:32  100 101  95 100
"""


def test_day_orders_end_with_the_trading_day_of_the_exchange() -> None:
    found = play(
        DAYS,
        """
        2024-01-02 15:59 buy 10 limit 96 DAY
        2024-01-02 15:59 buy 10 limit 96 GTC
        2024-01-02 16:00 buy 10 limit 96 DAY
        """,
        instrument=SESSION,
    )
    assert found.life(0) == ["15:59 SUBMIT", "15:59 ACCEPT", "16:00 EXPIRE DAY_END"]
    # given after the close it belongs to the next day
    assert found.status(2) == "FILLED"
    assert found.fills == lines("""
        2024-01-03 09:32 first buy 10 @ 96.00 fee 0 maker
        2024-01-03 09:32 first buy 10 @ 96.00 fee 0 maker
    """)


def test_the_configured_time_in_force_is_that_of_orders_which_give_none() -> None:
    found = play(DAYS, "2024-01-02 15:59 buy 10 limit 96", instrument=SESSION, orders={"time_in_force": "DAY"})
    assert found.status(0) == "EXPIRED DAY_END"


@pytest.mark.parametrize(
    ("order", "status", "last"),
    [
        ("buy 10 limit 96 GTD until 09:33", "EXPIRED GTD_REACHED", "09:33 EXPIRE GTD_REACHED"),
        ("buy 10 limit 96 GTD until 09:35", "FILLED", "09:35 FILL_ALL"),
        ("buy 10 limit 99.50 IOC", "CANCELED IOC_REMAINDER", "09:31 CANCEL IOC_REMAINDER"),
        ("buy 10 limit 100 IOC", "FILLED", "09:31 FILL_ALL"),
        ("buy 10 limit 99.50 FOK", "CANCELED FOK_NOT_FILLABLE", "09:31 CANCEL FOK_NOT_FILLABLE"),
        ("buy 10 stop 100.50 IOC", "CANCELED IOC_REMAINDER", "09:31 CANCEL IOC_REMAINDER"),
        ("buy 10 limit 90 GTC", "EXPIRED END_OF_DATA", "09:35 EXPIRE END_OF_DATA"),
    ],
)
def test_time_in_force(order: str, status: str, last: str) -> None:
    found = play(QUIET, f"09:31 {order}")
    assert found.status(0) == status
    assert found.life(0)[-1] == last


def test_ioc_takes_what_there_is_and_fok_all_or_nothing() -> None:
    bars = "09:31 100 100 100 100 70\n09:32 100 100 100 100 70\n09:33 100 100 100 100 70"
    found = play(bars, "09:31 buy 8 FOK\n09:31 buy 8 IOC\n09:32 buy 7 FOK")
    assert found.fills == ["09:31 open buy 7 @ 100.00 fee 0", "09:32 open buy 7 @ 100.00 fee 0"]
    assert [found.status(k) for k in range(3)] == ["CANCELED FOK_NOT_FILLABLE", "CANCELED IOC_REMAINDER", "FILLED"]


def test_cancel_ends_what_rests_and_comes_too_late_for_what_is_done() -> None:
    found = play(
        QUIET,
        """
        09:31 buy 10 limit 96
        09:32 cancel 0
        09:33 buy 10
        """,
    )
    assert found.life(0) == ["09:31 SUBMIT", "09:31 ACCEPT", "09:32 CANCEL_REQUEST", "09:32 CANCEL CANCELED_BY_USER"]
    slow = play(QUIET, "09:31 buy 10 limit 99\n09:32 cancel 0", execution={"latency": "90s"})
    assert slow.fills == ["09:34 first buy 10 @ 99.00 fee 0 maker"]
    assert slow.life(0)[2:] == ["09:32:30 ACCEPT", "09:34 FILL_ALL", "09:33:30 CANCEL_REJECT ORDER_IS_DONE"]


def test_replace_states_the_new_total_and_may_lose_priority() -> None:
    """Ten lots a bar are on offer. Order 0 becomes smaller and stays first; order 1 becomes larger and goes behind order 2."""
    bars = "\n".join(f"09:{minute} 100 100 100 100 100" for minute in range(31, 38))
    found = play(
        bars,
        """
        09:31 buy 15
        09:31 buy 10
        09:31 buy 10
        09:32 replace 0 quantity 12
        09:32 replace 1 quantity 11
        """,
    )
    assert [(row["order_id"], row["quantity"]) for row in found.record.tables["fills"]] == [
        (0, 10),
        (0, 2),
        (2, 8),
        (2, 2),
        (1, 8),
        (1, 3),
    ]


@pytest.mark.parametrize(
    ("request_", "event"),
    [
        ("replace 0 limit 99", "09:33 REPLACE"),
        ("replace 0 limit 98.50 quantity 20", "09:33 REPLACE"),
    ],
)
def test_a_replaced_limit_trades_at_its_new_price(request_: str, event: str) -> None:
    found = play(QUIET, f"09:31 buy 10 limit 96\n09:33 {request_}")
    assert event in found.life(0)
    price = request_.split()[3]
    place = "09:34 first" if price == "99" else "09:35 first"
    quantity = "20" if "quantity" in request_ else "10"
    assert found.fills == [f"{place} buy {quantity} @ {float(price):.2f} fee 0 maker"]


def test_a_replace_to_what_is_filled_ends_the_order() -> None:
    bars = "\n".join(f"09:{minute} 100 100 100 100 100" for minute in range(31, 35))
    done = play(bars, "09:31 buy 15\n09:32 replace 0 quantity 10")
    assert done.status(0) == "CANCELED REPLACED_TO_FILLED"
    below = play(bars, "09:31 buy 15\n09:32 replace 0 quantity 9")
    assert below.life(0)[-2:] == ["09:32 REPLACE_REJECT QUANTITY_BELOW_FILLED", "09:32 FILL_ALL"]


@pytest.mark.parametrize(
    ("reversal", "fills"),
    [
        ("two_orders", ["09:32 open sell 10 @ 102.00 fee 0", "09:32 open sell 5 @ 102.00 fee 0"]),
        ("one_order", ["09:32 open sell 15 @ 102.00 fee 0"]),
    ],
)
def test_reversal_closes_and_opens(reversal: str, fills: list[str]) -> None:
    found = play(
        """
        09:31  100
        09:32  100 101 100 101
        09:33  102 103 102 103
        """,
        """
        09:31 target 10
        09:32 target -5
        """,
        orders={"reversal": reversal},
    )
    assert found.fills[1:] == fills
    assert [str(money) for money in found.realised] == ["20.000000"]
    assert found.record.tables["fills"]["position"].tolist()[-1] == -5
    trades = found.result.trades
    assert trades["side"].tolist() == ["buy", "sell"]
    assert trades["exit_reason"].tolist()[0] == "reversal"
    assert float(trades["net_pnl"].sum()) == 15.0  # 10 x (102 - 100), and 5 short that stand 1 under water


def test_the_second_leg_of_a_reversal_waits_for_the_first() -> None:
    """The volume lets the closing leg fill in two bars; the opening leg is held until it is done."""
    found = play(
        """
        09:31  100 100 100 100  1000
        09:32  100 100 100 100  1000
        09:33  100 100 100 100    60
        09:34  100 100 100 100   100
        """,
        """
        09:31 target 10
        09:32 target -5
        """,
    )
    assert found.fills == lines("""
        09:31 open buy 10 @ 100.00 fee 0
        09:32 open sell 6 @ 100.00 fee 0
        09:33 open sell 4 @ 100.00 fee 0
        09:33 open sell 5 @ 100.00 fee 0
    """)
    assert found.life(2) == ["09:32 SUBMIT", "09:32 ACCEPT", "09:33 RELEASE", "09:33 FILL_ALL"]


@pytest.mark.parametrize(
    ("flat_at", "reasons"), [(["day_end"], ["end_of_day", "end_of_day"]), (["run_end"], ["end_of_run"]), ([], [])]
)
def test_flat_at_closes_at_the_last_close_with_costs(flat_at: list[str], reasons: list[str]) -> None:
    found = play(
        """
        2024-01-02 15:59  100
        2024-01-02 16:00  101 103 101 102
        2024-01-03 09:31  100
        2024-01-03 16:00  105 107 105 106
        """,
        """
        2024-01-02 15:59 buy 10
        2024-01-03 09:31 buy 10
        """,
        instrument=SESSION,
        orders={"flat_at": flat_at},
        costs={"commission": {"model": "per_order", "amount": 1}, "slippage": {"model": "ticks", "ticks": 2}},
    )
    closing = [line for line in found.fills if "flat_at" in line]
    assert (
        closing
        == {
            "day_end": [
                "16:00 flat_at sell 10 @ 101.98 fee 1",
                "2024-01-03 16:00 flat_at sell 10 @ 105.98 fee 1",
            ],
            "run_end": ["2024-01-03 16:00 flat_at sell 20 @ 105.98 fee 1"],
            "": [],
        }[flat_at[0] if flat_at else ""]
    )
    closed = found.result.trades
    assert [reason for reason in closed["exit_reason"].tolist() if reason != "none"] == reasons
    assert found.record.counters["intents"] == 2  # what the engine closes is no intent


@pytest.mark.parametrize(
    ("command", "answer"), [("cancel 0", "CANCEL_REJECT ORDER_IS_DONE"), ("replace 0 quantity 5", "REPLACE_REJECT ORDER_IS_DONE")]
)
def test_what_arrives_after_the_end_of_an_order_finds_it_expired(command: str, answer: str) -> None:
    """No bar trades between the end at 09:32:30 and the command at 09:32:50."""
    bars = "09:31 100\n09:32 100\n09:36 100"
    script = f"09:31 buy 10 limit 90 GTD until 09:32:30\n09:32 {command}"
    found = play(bars, script, execution={"latency": "50s"})
    assert found.life(0)[-2:] == ["09:32:30 EXPIRE GTD_REACHED", f"09:32:50 {answer}"]
