"""The reference engine against figures worked out by hand: what a trader would expect of each rule."""

from __future__ import annotations

from fractions import Fraction

import pytest

from fillwright.model.codes import (
    AccountType,
    BarPath,
    ExitReason,
    FillWhen,
    Lots,
    OffTick,
    OrderEvent,
    OrderFlag,
    Reversal,
    ShortCash,
    Side,
    SizeMode,
)
from fillwright.model.instrument import Currency, Instrument
from reference.engine import run
from reference.matching import chance_of_high_first, mix, uniform
from reference.scenario import RATE, Bar, Cancel, CancelAll, Close, Order, Replace, Scenario, Settings, Target, TargetBatch
from reference.scenario import Journal as Result
from reference.tables import MONEY, X, at, bars, buy, fills, life, numbers, play, sell, status

QUIET = """
    09:31 100 100 100 100
    09:32 100 100 100 100
    09:33 100 100 100 100
    09:34 100 100 100 100
"""


def realised(journal: Result) -> list[Fraction]:
    return [Fraction(row["realised"], MONEY) for row in journal.lot_closes]


# -------------------------------------------------------------------- when and at what price


def test_a_market_order_fills_at_the_next_open() -> None:
    journal = play("09:31 100 102 99 101 \n 09:32 103 104 102 103", {"09:31": [buy(10)]})
    assert fills(journal) == ["09:31 #0 BUY 10 @ 103.00 OPEN TAKER"]
    assert life(journal, 0) == ["09:31 SUBMIT", "09:31 ACCEPT", "09:31 FILL_ALL"]
    assert [row["instant"] for row in journal.order_events] == [at("09:31"), at("09:32"), at("09:32")]
    assert [money for _, money in journal.equity] == [100_000 * MONEY, 100_000 * MONEY]


def test_a_gap_through_a_stop_fills_at_the_open() -> None:
    market = "09:31 100 100 100 100 \n 09:32 100 101 99 100 \n 09:33 90 92 88 91"
    journal = play(market, {"09:31": [buy(10), sell(10, stop=95)]})
    assert fills(journal) == ["09:31 #0 BUY 10 @ 100.00 OPEN TAKER", "09:32 #1 SELL 10 @ 90.00 OPEN TAKER"]
    assert life(journal, 1) == ["09:31 SUBMIT", "09:31 ACCEPT", "09:32 TRIGGER", "09:32 FILL_ALL"]
    assert journal.fills[1]["exit_reason"] == ExitReason.STOP


def test_a_stop_inside_a_bar_fills_at_its_price() -> None:
    market = "09:31 100 100 100 100 \n 09:32 100 101 94 96"
    journal = play(market, {"09:31": [sell(10, stop=95)]})
    assert fills(journal) == ["09:32 #0 SELL 10 @ 95.00 SECOND TAKER"]  # down bar: high first, then the low


@pytest.mark.parametrize(
    "low, through, filled",
    [(99, 0, True), (99.01, 0, False), (99, 1, False), (98.99, 1, True)],
)
def test_a_limit_fills_when_touched_or_traded_through(low: float, through: int, filled: bool) -> None:
    market = f"09:31 100 100 100 100 \n 09:32 100 100 {low} 100"
    journal = play(market, {"09:31": [buy(10, limit=99)]}, limit_through=(through,))
    assert fills(journal) == (["09:32 #0 BUY 10 @ 99.00 FIRST MAKER"] if filled else [])


def test_a_limit_takes_at_its_first_open_and_makes_at_later_ones() -> None:
    market = "09:31 100 100 100 100 \n 09:32 98 98 98 98"
    assert fills(play(market, {"09:31": [buy(1, limit=99)]})) == ["09:31 #0 BUY 1 @ 98.00 OPEN TAKER"]
    market = "09:31 100 100 100 100 \n 09:32 100 100 100 100 \n 09:33 98 98 98 98"
    assert fills(play(market, {"09:31": [buy(1, limit=99)]})) == ["09:32 #0 BUY 1 @ 98.00 OPEN MAKER"]


def test_a_stop_limit_that_gaps_past_its_limit_waits_for_it() -> None:
    market = """
        09:31 100 100 100 100
        09:32 105 106 104 105
        09:33 105 105 102 104
    """
    journal = play(market, {"09:31": [buy(10, stop=102, limit=103)]})
    assert life(journal, 0) == ["09:31 SUBMIT", "09:31 ACCEPT", "09:31 TRIGGER", "09:33 FILL_ALL"]
    assert fills(journal) == ["09:33 #0 BUY 10 @ 103.00 SECOND MAKER"]  # down bar: back to the high, then the low


def test_what_the_volume_does_not_allow_is_carried_over() -> None:
    market = """
        09:31 100 100 100 100 100
        09:32 100 100 100 100 100
        09:33 101 101 101 101 109
        09:34 102 102 102 102 0
        09:35 103 103 103 103 500
    """
    journal = play(market, {"09:31": [buy(25), buy(3)]}, participation=RATE // 10)
    assert fills(journal) == [
        "09:31 #0 BUY 10 @ 100.00 OPEN TAKER",
        "09:32 #0 BUY 10 @ 101.00 OPEN TAKER",
        "09:34 #0 BUY 5 @ 103.00 OPEN TAKER",
        "09:34 #1 BUY 3 @ 103.00 OPEN TAKER",
    ]
    assert [row["available"] for row in journal.fills] == [10, 10, 50, 45]


def test_slippage_steps_limit_range_and_tick() -> None:
    market = "09:31 100 100 100 100 \n 09:32 100 100.5 99 100"
    coarse = Instrument("X", price_decimals=2, tick=25)
    journal = play(market, {"09:31": [buy(1)]}, instrument=coarse, slippage_rate=RATE // 1000)
    (fill,) = journal.fills
    assert [fill[name] for name in ("reference_price", "slippage", "limit", "tick", "price")] == [10000, 10, 0, 15, 10025]
    (fill,) = play(market, {"09:31": [buy(1)]}, slippage_ticks=90, clamp_to_range=True).fills
    assert [fill[name] for name in ("slippage", "limit", "tick", "price")] == [90, -40, 0, 10050]
    (fill,) = play(market, {"09:31": [buy(1, limit=100.3)]}, slippage_ticks=90).fills
    assert [fill[name] for name in ("slippage", "limit", "tick", "price")] == [90, -60, 0, 10030]


def test_nothing_trades_on_a_bar_that_was_under_way() -> None:
    market = "09:31 100 100 100 100 \n 09:32 101 101 101 101 \n 09:33 102 102 102 102"
    journal = play(market, {"09:31": [buy(1), Cancel(0)]}, latency_ns=1)
    assert fills(journal) == []  # both arrive during the bar; the cancel is there before the next open
    assert life(journal, 0)[-2:] == ["09:31 ACCEPT", "09:31 CANCEL CANCELED_BY_USER"]
    journal = play(market, {"09:31": [buy(1)]}, latency_ns=1)
    assert fills(journal) == ["09:32 #0 BUY 1 @ 102.00 OPEN TAKER"]


def test_lookahead_trades_at_the_close_just_shown() -> None:
    journal = play(
        "09:31 100 102 99 101 50 \n 09:32 103 104 102 103 50",
        {"09:31": [buy(10), buy(10, tif="IOC")]},
        fill_when=FillWhen.SAME_CLOSE_LOOKAHEAD,
        participation=RATE // 4,
    )
    assert fills(journal) == ["09:31 #0 BUY 10 @ 101.00 CLOSE TAKER", "09:31 #1 BUY 2 @ 101.00 CLOSE TAKER"]
    assert life(journal, 1)[-1] == "09:31 CANCEL IOC_REMAINDER"
    assert journal.fills[0]["path"] == BarPath.CLOSE_ONLY


# -------------------------------------------------------------------- paths

PATH = "09:31 100 100 100 100 \n 09:32 {bar}"
BOTH = {"09:31": [sell(1, limit=103), buy(1, limit=97)]}


@pytest.mark.parametrize(
    "path, bar, order",
    [
        (BarPath.DIRECTION, "100 104 96 99", "SELL BUY"),
        (BarPath.DIRECTION, "100 104 96 101", "BUY SELL"),
        (BarPath.NEAREST, "100 103 96 101", "SELL BUY"),
        (BarPath.NEAREST, "100 104 97 99", "BUY SELL"),
        (BarPath.NEAREST, "100 104 96 99", "SELL BUY"),
        (BarPath.OPEN_HIGH_LOW_CLOSE, "100 104 96 101", "SELL BUY"),
        (BarPath.OPEN_LOW_HIGH_CLOSE, "100 104 96 99", "BUY SELL"),
        (BarPath.WORST, "100 104 96 101", "BUY SELL"),  # flat; the first order sells: low first
        (BarPath.BEST, "100 104 96 101", "SELL BUY"),
    ],
)
def test_the_path_decides_what_is_met_first(path: BarPath, bar: str, order: str) -> None:
    journal = play(PATH.format(bar=bar), BOTH, path=path)
    assert " ".join(Side(fill["side"]).name for fill in journal.fills) == order
    assert [fill["ambiguous"] for fill in journal.fills] == [1, 0]


def test_close_only_meets_nothing_but_the_close() -> None:
    journal = play(PATH.format(bar="100 104 96 99"), {"09:31": [buy(1, limit=97), buy(2)]}, path=BarPath.CLOSE_ONLY)
    assert fills(journal) == ["09:32 #1 BUY 2 @ 99.00 CLOSE TAKER"]


def test_the_generator_gives_the_published_figures() -> None:
    assert mix(0) == 0xE220A8397B1DCDAF
    assert mix(0x9E3779B97F4A7C15) == 0x6E789E6AA1B965F4
    assert 0 <= uniform(7, 1, 0, at("09:31")) < 1


def test_the_high_is_likelier_first_in_a_falling_bar() -> None:
    def chance(close: int) -> float:
        return chance_of_high_first(Bar(0, 1, 100, 110, 90, close))

    assert chance(100) == 0.5
    assert chance(92) > 0.5 > chance(108)
    assert chance(92) + chance(108) == pytest.approx(1)


# -------------------------------------------------------------------- how long orders live

LIVES = """
    09:31 100 100 100 100 100
    09:32 100 101 99 100 100
    09:33 100 101 99 100 100 last
    09:34 90 90 90 90 100
"""


@pytest.mark.parametrize(
    "order, last",
    [
        (buy(1, limit=95, tif="DAY"), "09:33 EXPIRE DAY_END"),
        (buy(1, limit=95, tif="GTD", until="09:32:30"), "09:32 EXPIRE GTD_REACHED"),
        (buy(1, limit=95, tif="GTC"), "09:33 FILL_ALL"),
        (buy(1, limit=95, tif="IOC"), "09:31 CANCEL IOC_REMAINDER"),
        (buy(1, limit=95, tif="FOK"), "09:31 CANCEL FOK_NOT_FILLABLE"),
        (buy(1, stop=105, tif="FOK"), "09:31 CANCEL FOK_NOT_FILLABLE"),
        (buy(11, tif="FOK"), "09:31 CANCEL FOK_NOT_FILLABLE"),
        (buy(10, tif="FOK"), "09:31 FILL_ALL"),
        (buy(11, tif="IOC"), "09:31 CANCEL IOC_REMAINDER"),
        (buy(1, limit=80), "09:34 EXPIRE END_OF_DATA"),
    ],
)
def test_how_an_order_ends(order: Order, last: str) -> None:
    assert life(play(LIVES, {"09:31": [order]}, participation=RATE // 10), 0)[-1] == last


def test_an_order_given_at_the_last_bar_of_the_day_lives_through_the_next() -> None:
    journal = play(LIVES, {"09:33": [buy(1, limit=80, tif="DAY")]})
    assert life(journal, 0)[-1] == "09:34 EXPIRE END_OF_DATA"


def test_positions_are_closed_at_the_end_of_day_and_run() -> None:
    journal = play(LIVES, {"09:31": [buy(3)], "09:33": [sell(2)]}, flat_day_end=True, flat_run_end=True, participation=RATE)
    assert fills(journal) == [
        "09:31 #0 BUY 3 @ 100.00 OPEN TAKER",
        "09:33 #1 SELL 3 @ 100.00 FLAT_AT TAKER",
        "09:33 #2 SELL 2 @ 90.00 OPEN TAKER",
        "09:34 #3 BUY 2 @ 90.00 FLAT_AT TAKER",
    ]
    assert [journal.fills[i]["exit_reason"] for i in (1, 3)] == [ExitReason.END_OF_DAY, ExitReason.END_OF_RUN]
    assert life(journal, 1) == ["09:32 SUBMIT", "09:32 ACCEPT", "09:33 FILL_ALL"]
    assert journal.orders[1]["intent_id"] == -1


def test_what_the_volume_leaves_at_the_end_of_day_stays_open() -> None:
    journal = play(LIVES, {"09:31": [buy(3)]}, flat_day_end=True, participation=RATE // 50)
    assert fills(journal)[-1] == "09:33 #1 SELL 1 @ 100.00 FLAT_AT TAKER"  # the bar offers 2, order 0 took 1
    assert life(journal, 1)[-2:] == ["09:33 FILL_PART", "09:33 CANCEL FLAT_AT"]
    assert journal.positions == {0: 2}


# -------------------------------------------------------------------- targets


def test_a_reversal_in_two_orders_trades_both_at_one_open() -> None:
    journal = play(QUIET, {"09:31": [buy(10)], "09:32": [Target(0, SizeMode.TARGET_UNITS, -5)]})
    assert fills(journal)[1:] == ["09:32 #1 SELL 10 @ 100.00 OPEN TAKER", "09:32 #2 SELL 5 @ 100.00 OPEN TAKER"]
    assert life(journal, 2) == ["09:32 SUBMIT", "09:32 ACCEPT", "09:32 RELEASE", "09:32 FILL_ALL"]
    one, two = journal.orders[1:]
    assert (one["intent_id"], two["intent_id"], two["parent_id"]) == (1, 1, 1)
    assert one["flags"] == OrderFlag.CLOSING
    assert [fill["exit_reason"] for fill in journal.fills] == [ExitReason.NONE, ExitReason.REVERSAL, ExitReason.NONE]


def test_a_reversal_in_one_order_is_split_at_zero() -> None:
    flow = {"09:31": [buy(10)], "09:32": [Target(0, SizeMode.TARGET_UNITS, -5)]}
    journal = play(QUIET, flow, reversal=Reversal.ONE_ORDER, per_order=3 * MONEY)
    assert fills(journal)[1:] == ["09:32 #1 SELL 15 @ 100.00 OPEN TAKER"]
    assert (journal.fills[1]["closing_quantity"], journal.fills[1]["lot_id"]) == (10, 1)
    assert journal.fills[1]["exit_reason"] == ExitReason.REVERSAL
    assert journal.lot_closes[0]["fee_out"] == 2 * MONEY  # by quantity; the rest belongs to the opened lot


def test_targets_count_what_is_on_its_way() -> None:
    flow = {
        "09:31": [
            Target(0, SizeMode.TARGET_UNITS, 10),
            Target(0, SizeMode.TARGET_UNITS, 10),
            Target(0, SizeMode.TARGET_UNITS, 12),
        ]
    }
    journal = play(QUIET, flow)
    assert [fill["quantity"] for fill in journal.fills] == [10, 2]
    assert journal.counters == {"intents": 3, "no_change": 1}


def test_when_the_closing_order_ends_its_child_ends_too() -> None:
    flow = {"09:31": [buy(10)], "09:32": [Target(0, SizeMode.TARGET_UNITS, -5), Cancel(1)]}
    journal = play(QUIET, flow)
    assert life(journal, 1)[-2:] == ["09:32 ACCEPT", "09:32 CANCEL CANCELED_BY_USER"]
    assert life(journal, 2)[-1] == "09:32 CANCEL PARENT_ENDED"
    assert journal.positions == {0: 10}


def test_a_weight_leaves_room_for_slippage_and_fee() -> None:
    journal = play(
        QUIET,
        {"09:31": [Target(0, SizeMode.TARGET_WEIGHT, RATE)]},
        slippage_rate=RATE // 100,
        rate_taker=RATE // 1000,
        initial_cash={0: 10_110 * MONEY},
    )
    assert journal.orders[0]["quantity"] == 99  # 100 x 101 x 1.001 = 10110.1
    assert journal.orders[0]["flags"] == OrderFlag.SIZED


def test_a_batch_sells_before_it_buys() -> None:
    pair = [Instrument("A", price_decimals=2), Instrument("B", price_decimals=2)]
    market = [bars(QUIET), bars(QUIET)]
    targets = TargetBatch(((0, SizeMode.TARGET_UNITS, 5), (1, SizeMode.TARGET_UNITS, 0)))
    flow = {at("09:31"): [buy(3, on=1)], at("09:32"): [targets]}
    journal = run(Scenario(pair, market, Settings(), flow))
    assert [(row["order_id"], row["symbol"], row["side"]) for row in journal.orders] == [(0, 1, 1), (1, 1, -1), (2, 0, 1)]


# -------------------------------------------------------------------- lots and fees


@pytest.mark.parametrize(
    "lots, gains",
    [(Lots.FIFO, [200, 50]), (Lots.LIFO, [100, 100]), (Lots.AVERAGE, [225])],
)
def test_which_lot_is_closed(lots: Lots, gains: list[int]) -> None:
    market = "09:31 99 99 99 99 \n 09:32 100 100 100 100 \n 09:33 110 110 110 110 \n 09:34 120 120 120 120"
    journal = play(market, {"09:31": [buy(10)], "09:32": [buy(10)], "09:33": [sell(15)]}, lots=lots)
    assert realised(journal) == gains


def test_a_short_lot_earns_when_the_price_falls() -> None:
    market = "09:31 100 100 100 100 \n 09:32 100 100 100 100 \n 09:33 90 90 90 90"
    journal = play(market, {"09:31": [sell(10)], "09:32": [Close(0)]})
    assert realised(journal) == [100]
    (row,) = journal.lot_closes
    assert (row["side"], row["cost"], row["proceeds"]) == (Side.SELL, -1000 * MONEY, -900 * MONEY)
    assert journal.orders[1]["flags"] == OrderFlag.CLOSING


@pytest.mark.parametrize(
    "minimum, charged",
    [
        (None, ["1.725", "1.275", "0.75"]),
        ("1", ["1.725", "1.275", "0.75"]),
        ("2.5", ["2.5", "0.5", "0.75"]),
        ("3.5", ["3.5", "0", "0.25"]),
        ("5.5", ["5.5", "0", "0"]),
    ],
)
def test_a_minimum_fee_counts_once_over_the_fills_of_an_order(minimum: str | None, charged: list[str]) -> None:
    market = """
        09:31 10 10 10 10 230
        09:32 10 10 10 10 230
        09:33 10 10 10 10 170
        09:34 10 10 10 10 100
    """
    least = None if minimum is None else int(Fraction(minimum) * MONEY)
    for order in (buy(500), sell(500)):
        journal = play(market, {"09:31": [order]}, participation=RATE, per_unit=7500, fee_min=least)
        assert [Fraction(fill["fee"], MONEY) for fill in journal.fills] == [Fraction(text) for text in charged]


def test_a_maximum_fee_and_a_fee_per_order() -> None:
    market = "09:31 100 100 100 100 5 \n 09:32 100 100 100 100 5 \n 09:33 100 100 100 100 5"
    costs = {"per_order": 2 * MONEY, "rate_taker": RATE // 100, "participation": RATE}
    assert [fill["fee"] for fill in play(market, {"09:31": [buy(10)]}, **costs).fills] == [7 * MONEY, 5 * MONEY]
    assert [fill["fee"] for fill in play(market, {"09:31": [buy(10)]}, fee_max=8 * MONEY, **costs).fills] == [7 * MONEY, MONEY]


# -------------------------------------------------------------------- funds


def test_a_cash_account_refuses_what_it_cannot_pay_and_shorts() -> None:
    cash = {"account_type": AccountType.CASH, "initial_cash": {0: 1000 * MONEY}, "per_order": MONEY}
    journal = play(QUIET, {"09:31": [buy(10), buy(9), buy(1), sell(10)]}, **cash)
    assert life(journal, 0)[-1] == "09:31 REJECT INSUFFICIENT_CASH"
    assert numbers(journal, 0, OrderEvent.REJECT) == (1001 * MONEY, 1000 * MONEY)
    assert status(journal, 1) == "FILLED"
    assert numbers(journal, 2, OrderEvent.REJECT) == (101 * MONEY, 99 * MONEY)  # order 1 has reserved 901
    assert life(journal, 3)[-1] == "09:31 REJECT SHORT_IN_CASH_ACCOUNT"
    assert numbers(journal, 3, OrderEvent.REJECT) == (10, 0)
    assert journal.cash == {0: 99 * MONEY}


def test_a_short_in_a_cash_account_shrinks_to_what_is_held() -> None:
    cash = {"account_type": AccountType.CASH, "on_short_cash": ShortCash.SHRINK}
    journal = play(QUIET, {"09:31": [buy(4)], "09:32": [sell(10)]}, **cash)
    assert life(journal, 1) == ["09:32 SUBMIT", "09:32 SHRINK SHRUNK_TO_CASH", "09:32 ACCEPT", "09:32 FILL_ALL"]
    assert (journal.orders[1]["quantity"], journal.positions[0]) == (4, 0)


def test_a_sized_order_shrinks_when_the_open_is_higher() -> None:
    market = "09:31 100 100 100 100 \n 09:32 110 110 110 110"
    journal = play(market, {"09:31": [Order(0, Side.BUY, SizeMode.WEIGHT, RATE)]}, initial_cash={0: 10_000 * MONEY})
    assert life(journal, 0) == ["09:31 SUBMIT", "09:31 ACCEPT", "09:31 SHRINK SHRUNK_TO_MARGIN", "09:31 FILL_ALL"]
    assert journal.fills[0]["quantity"] == 90  # 91 x 110 = 10010
    assert numbers(journal, 0, OrderEvent.SHRINK) == (11_000 * MONEY, 10_000 * MONEY)
    journal = play(market, {"09:31": [buy(100)]}, initial_cash={0: 10_000 * MONEY})
    assert life(journal, 0)[-1] == "09:31 REJECT INSUFFICIENT_MARGIN"


def test_leverage_and_a_margin_call() -> None:
    market = """
        09:31 100 100 100 100
        09:32 100 100 100 100
        09:33 86 86 86 86
        09:34 84 84 84 84
    """
    flow = {"09:31": [buy(390), buy(1, limit=50)]}
    journal = play(market, flow, initial_cash={0: 10_000 * MONEY}, im=RATE // 4, mm=RATE // 8)
    # at 86: equity 10000 - 5460 = 4540 >= 0.125 x 33540; at 84: 3760 < 4095
    assert life(journal, 1)[-1] == "09:34 CANCEL LIQUIDATION"
    assert life(journal, 2) == ["09:34 SUBMIT", "09:34 ACCEPT", "09:34 EXPIRE END_OF_DATA"]
    assert journal.orders[2]["exit_reason"] == ExitReason.LIQUIDATION
    assert play(market, flow, initial_cash={0: 10_000 * MONEY}, im=RATE // 4, mm=RATE // 9).orders[-1]["intent_id"] == 1


def test_nothing_but_reductions_under_liquidation() -> None:
    market = """
        09:31 100 100 100 100 400
        09:32 100 100 100 100 400
        09:33 80 80 80 80 400
        09:34 80 80 80 80 10
        09:35 80 80 80 80 400
        09:36 80 80 80 80 400
    """
    flow = {"09:31": [buy(390)], "09:33": [buy(1), sell(1), sell(391)], "09:35": [buy(1)]}
    journal = play(market, flow, initial_cash={0: 10_000 * MONEY}, im=RATE // 4, mm=RATE // 8, participation=RATE)
    assert life(journal, 2) == ["09:33 DENY UNDER_MAINTENANCE"]
    assert life(journal, 3) == ["09:33 DENY UNDER_MAINTENANCE"]  # the engine's order closes all there is
    assert life(journal, 4) == ["09:33 DENY UNDER_MAINTENANCE"]
    assert [row["event"] for row in journal.order_events if row["order_id"] == 1].count(OrderEvent.FILL_PART) == 1


@pytest.mark.parametrize(
    "limit, reason, pair",
    [
        ({"max_order_quantity": 9}, "MAX_ORDER_QUANTITY", (10, 9)),
        ({"max_position_quantity": 8}, "MAX_POSITION_QUANTITY", (10, 8)),
        ({"max_position_fraction": RATE // 200}, "MAX_POSITION_FRACTION", (1000 * MONEY, 500 * MONEY)),
        ({"max_open_positions": 0}, "MAX_OPEN_POSITIONS", (0, 0)),
    ],
)
def test_limits_deny_orders_and_shrink_sized_ones(limit: dict[str, int], reason: str, pair: tuple[int, int]) -> None:
    journal = play(QUIET, {"09:31": [buy(10)]}, **limit)
    assert life(journal, 0) == [f"09:31 DENY {reason}"]
    assert numbers(journal, 0, OrderEvent.DENY) == pair
    if "max_open_positions" not in limit:
        sized = play(QUIET, {"09:31": [Order(0, Side.BUY, SizeMode.VALUE, 1000 * MONEY)]}, **limit)
        assert life(sized, 0)[:2] == ["09:31 SUBMIT", f"09:31 SHRINK {reason}"]


def test_no_limit_blocks_an_exit() -> None:
    journal = play(QUIET, {"09:31": [buy(3), buy(3), buy(3)], "09:32": [Close(0)]}, max_order_quantity=3, max_position_quantity=9)
    assert fills(journal)[-1] == "09:32 #3 SELL 9 @ 100.00 OPEN TAKER"


# -------------------------------------------------------------------- prices off the tick, replaces, cancels


@pytest.mark.parametrize(
    "policy, prices",
    [(OffTick.PASSIVE, [99_75, 100_25, 100_25, 99_75]), (OffTick.NEAREST, [100_00, 100_00, 100_00, 100_00])],
)
def test_prices_off_the_tick(policy: OffTick, prices: list[int]) -> None:
    coarse = Instrument("X", price_decimals=2, tick=25)
    orders = [buy(1, limit=99.9), sell(1, limit=100.1), buy(1, stop=100.1), sell(1, stop=99.9)]
    journal = play("09:31 100 100 100 100", {"09:31": orders}, instrument=coarse, off_tick=policy)
    assert [row["limit_price"] or row["stop_price"] for row in journal.orders] == prices
    journal = play("09:31 100 100 100 100", {"09:31": orders}, instrument=coarse)
    assert [life(journal, i) for i in range(4)] == [["09:31 DENY OFF_TICK"]] * 4


def test_a_replace_with_a_better_price_goes_to_the_end_of_the_line() -> None:
    market = """
        09:31 100 100 100 100 10
        09:32 100 100 100 100 10
        09:33 98 98 98 98 10
    """
    flow = {"09:31": [buy(10, limit=98), buy(10, limit=99)], "09:32": [Replace(0, limit=99_00)]}
    assert fills(play(market, flow, participation=RATE)) == ["09:32 #1 BUY 10 @ 98.00 OPEN MAKER"]
    flow["09:32"] = [Replace(0, quantity=9), Replace(1, quantity=9)]
    journal = play(market, flow, participation=RATE)
    assert [fill["order_id"] for fill in journal.fills] == [0, 1]  # a smaller quantity keeps its place
    assert life(journal, 0)[2:4] == ["09:32 REPLACE_REQUEST", "09:32 REPLACE"]


def test_what_a_replace_may_not_do() -> None:
    market = "\n".join(f"09:3{i} 100 100 100 100 10" for i in range(1, 7))
    flow = {
        "09:31": [buy(30)],
        "09:33": [Replace(0, limit=90_00), Replace(0), Replace(0, quantity=30), Replace(0, quantity=10)],
        "09:34": [Replace(0, quantity=20), Replace(7), Cancel(7)],
    }
    journal = play(market, flow, participation=RATE)
    assert life(journal, 0)[4:] == [
        "09:33 REPLACE_REJECT NOTHING_TO_CHANGE",
        "09:33 REPLACE_REJECT NOTHING_TO_CHANGE",
        "09:33 REPLACE_REJECT NOTHING_TO_CHANGE",
        "09:33 REPLACE_REQUEST",
        "09:33 REPLACE_REJECT QUANTITY_BELOW_FILLED",
        "09:33 FILL_ALL",
    ]
    assert journal.positions == {0: 30}


def test_a_replace_to_what_is_filled_ends_the_order() -> None:
    market = "\n".join(f"09:3{i} 100 100 100 100 10" for i in range(1, 6))
    journal = play(market, {"09:31": [buy(30)], "09:32": [Replace(0, quantity=10)]}, participation=RATE)
    assert life(journal, 0)[-2:] == ["09:32 REPLACE_REQUEST", "09:32 CANCEL REPLACED_TO_FILLED"]


def test_a_cancel_that_comes_too_late() -> None:
    journal = play(QUIET, {"09:31": [buy(1)]} | {"09:32": [buy(1), CancelAll(), CancelAll()]})
    assert life(journal, 1) == [
        "09:32 SUBMIT",
        "09:32 CANCEL_REQUEST",
        "09:32 CANCEL_REQUEST",
        "09:32 ACCEPT",
        "09:32 CANCEL CANCELED_BY_USER",
        "09:32 CANCEL_REJECT ORDER_IS_DONE",
    ]
    assert life(journal, 0) == ["09:31 SUBMIT", "09:31 ACCEPT", "09:31 FILL_ALL"]


# -------------------------------------------------------------------- currencies


def test_equity_over_two_currencies() -> None:
    share = Instrument("S", quote="EUR", price_decimals=2)
    pair = Instrument("EURUSD", quote="USD", price_decimals=4, base="EUR")
    rate = [Bar(b.open_time, b.close_time, 11000, 11000, 11000, 11000 + 500 * i) for i, b in enumerate(bars(QUIET))]
    settings = Settings(currencies=(Currency("USD"), Currency("EUR")), initial_cash={0: 1000 * MONEY}, fx=(None, (1, False)))
    journal = run(Scenario([share, pair], [bars(QUIET), rate], settings, {at("09:31"): [buy(5)]}))
    # EUR cash -500, shares +500: equity does not move with the rate
    assert journal.cash == {0: 1000 * MONEY, 1: -500 * MONEY}
    assert {money for _, money in journal.equity} == {1000 * MONEY}


def test_an_inverse_pair_and_money_of_other_decimals() -> None:
    pair = Instrument("USDJPY", quote="JPY", price_decimals=2, base="USD")
    market = [Bar(b.open_time, b.close_time, 150_00, 150_00, 150_00, 150_00) for b in bars(QUIET)]
    settings = Settings(
        currencies=(Currency("USD", 6), Currency("JPY", 2)),
        initial_cash={0: 0, 1: 300_00},
        fx=(None, (0, True)),
    )
    journal = run(Scenario([pair], [market], settings, {}))
    assert {money for _, money in journal.equity} == {2 * MONEY}  # rate 0.006666666667, rounded once
    assert [(row["account"], row["money"], row["currency"]) for row in journal.postings] == [(1, 300_00, 1), (9, -300_00, 1)]


def test_nothing_is_traded_before_there_is_a_price() -> None:
    pair = [X, Instrument("Y", price_decimals=2)]
    market = [bars(QUIET), bars(QUIET)[2:]]
    flow = {at("09:31"): [buy(1, on=1), Target(1, SizeMode.TARGET_WEIGHT, -RATE), Target(1, SizeMode.TARGET_VALUE, 0)]}
    journal = run(Scenario(pair, market, Settings(), flow))
    assert [life(journal, i) for i in (0, 1)] == [["09:31 DENY NO_PRICE_YET"]] * 2
    assert [(row["side"], row["quantity"]) for row in journal.orders] == [(1, 1), (-1, 0)]
    assert journal.counters == {"intents": 3, "no_change": 1}
