"""What holds in every run of the reference engine, and that the generator really makes everything happen."""

from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fillwright.model import columns
from fillwright.model.codes import (
    Account,
    BarPath,
    ExitReason,
    LimitAction,
    Liquidity,
    Lots,
    OrderEvent,
    OrderFlag,
    OrderStatus,
    OrderType,
    Reason,
    SizeMode,
    Stage,
    TimeInForce,
)
from fillwright.model.lifecycle import TERMINAL, TRANSITIONS
from oracle.fault_sequences import sequence
from reference import scenario as scenario_module
from reference.books import muldiv
from reference.engine import run
from reference.scenario import Journal, Scenario, as_python
from strategies import faulty_scenario, random_scenario, scenarios

SEEDS = (*range(300), 457, 545)
"""The last ones have an exit that fills before its entry is done, which few have."""
NEVER = {  # rules that do not exist yet, or are those of runs with faults
    OrderEvent.SUSPEND, OrderEvent.RESUME, OrderEvent.DONE_FOR_DAY, OrderEvent.LOSE, OrderEvent.BUST,
    OrderEvent.BUST_ALL, OrderEvent.RESUME_PART,
}  # fmt: skip
NO_REASON_YET = {
    # position operations are no part of the reference
    Reason.POSITION_EXISTS,
    # of runs with faults only
    Reason.BROKER_REJECTED, Reason.ORDER_UNKNOWN,
}  # fmt: skip
NO_EXIT_YET = {ExitReason.CORPORATE_ACTION, ExitReason.BUST}
TAKEN_OVER = (
    "order_id", "symbol", "quantity", "liquidity", "path", "event_time", "spread", "slippage", "impact", "limit", "tick",
)  # fmt: skip
"""What a fill that undoes or corrects another has of it."""


@pytest.fixture(scope="module")
def runs() -> list[tuple[Scenario, Journal]]:
    made = [random_scenario(seed) for seed in SEEDS]
    return [(scenario, run(scenario)) for scenario in made]


def check(scenario: Scenario, journal: Journal) -> None:
    """Everything that must hold in every journal."""
    check_columns(journal)
    check_orders(scenario, journal)
    check_fills(scenario, journal)
    check_books(journal)


def check_columns(journal: Journal) -> None:
    for table in (columns.ORDERS, columns.ORDER_EVENTS, columns.FILLS, columns.POSTINGS, columns.LOT_CLOSES, columns.SWITCHES):
        names = {column.name for column in table.canonical}
        for number, row in enumerate(getattr(journal, table.name)):
            assert set(row) == names
            assert row[table.columns[0].name] == number
            assert all(type(value) is int and abs(value) < 2**63 for value in row.values()), row


def check_orders(scenario: Scenario, journal: Journal) -> None:
    state = dict.fromkeys(range(len(journal.orders)), OrderStatus.INITIALIZED)
    for event in journal.order_events:
        before, after = OrderStatus(event["status_before"]), OrderStatus(event["status"])
        assert state[event["order_id"]] == before
        assert TRANSITIONS[before, OrderEvent(event["event"])] == after
        state[event["order_id"]] = after
        over = after in TERMINAL
        if event["event"] != OrderEvent.REPLACE_REQUEST:
            assert event["leaves_quantity"] == (0 if over else event["quantity"] - event["cum_quantity"])
        assert 0 <= event["cum_quantity"] <= event["quantity"] or event["event"] == OrderEvent.REPLACE_REQUEST
        assert not (over and event["flags"] & (OrderFlag.PENDING_CANCEL | OrderFlag.PENDING_REPLACE))
    filled: Counter[int] = Counter()
    for fill in journal.fills:
        filled[fill["order_id"]] += fill["quantity"]
    for order in journal.orders:
        assert order["status"] == state[order["order_id"]]
        assert order["status"] in TERMINAL
        assert order["cum_quantity"] == filled[order["order_id"]]
        assert (order["status"] == OrderStatus.FILLED) == (order["cum_quantity"] == order["quantity"] > 0)
        assert order["done_at"] > 0
    intents = {order["intent_id"] for order in journal.orders} - {-1}
    assert len(intents) + journal.counters["no_change"] == journal.counters["intents"]
    first = scenario.instants[min(scenario.settings.warmup_instants, len(scenario.instants) - 1)]
    assert all(order["decided_at"] >= first for order in journal.orders if order["intent_id"] >= 0)


def check_moment(scenario: Scenario, fill: dict[str, int], order: dict[str, int]) -> None:
    """A quote or print of that time explains the fill: a taker pays its side, a resting limit was reached by it."""
    side = fill["side"]
    met = [bar.of_side(side)[3] for bar in scenario.bars[fill["symbol"]] if bar.close_time == fill["event_time"]]
    if fill["liquidity"] == Liquidity.MAKER:
        assert any(side * price <= side * fill["reference_price"] for price in met)
    else:
        assert fill["reference_price"] + fill["spread"] in met
    assert fill["price"] == sum(fill[n] for n in ("reference_price", "spread", "slippage", "impact", "limit", "tick")) > 0
    assert order["decided_at"] <= fill["time"] <= fill["instant"]
    assert fill["event_time"] <= fill["time"]
    assert fill["quantity"] <= fill["available"] or fill["available"] == -1


def check_fills(scenario: Scenario, journal: Journal) -> None:
    bars = {(i, bar.open_time): bar for i, feed in enumerate(scenario.bars) for bar in feed if not bar.is_moment}
    taken: Counter[tuple[int, int]] = Counter()
    for fill in journal.fills:
        order = journal.orders[fill["order_id"]]
        if fill["stage"] in (Stage.QUOTE, Stage.STANDING, Stage.PRINT) or scenario.bars[fill["symbol"]][0].is_moment:
            check_moment(scenario, fill, order)
            continue
        bar = bars[fill["symbol"], fill["event_time"]]
        sides = [bar.of_side(1), bar.of_side(-1)]
        assert min(low for _, _, low, _ in sides) <= fill["reference_price"] <= max(high for _, high, _, _ in sides)
        assert fill["price"] == sum(fill[n] for n in ("reference_price", "spread", "slippage", "impact", "limit", "tick")) > 0
        assert fill["price"] % (scenario.instruments[fill["symbol"]].tick or 1) == 0
        assert order["decided_at"] <= order["sent_at"] <= fill["time"] <= fill["instant"] == bar.close_time
        assert fill["quantity"] > 0
        assert fill["liquidity"] == Liquidity.TAKER or fill["slippage"] == 0
        if fill["available"] >= 0:
            taken[fill["symbol"], fill["event_time"]] += fill["quantity"]
            share = bar.volume * scenario.settings.participation // 10**9
            assert fill["available"] - fill["quantity"] == share - taken[fill["symbol"], fill["event_time"]] >= 0


def check_books(journal: Journal) -> None:
    entries: dict[tuple[int, int], int] = defaultdict(int)
    lots: dict[tuple[int, int], int] = defaultdict(int)
    cash: Counter[int] = Counter()
    held: Counter[int] = Counter()
    for row in journal.postings:
        entries[row["entry"], row["currency"]] += row["money"]
        lots[row["entry"], row["symbol"]] += row["quantity"]
        if row["account"] == Account.CASH:
            cash[row["currency"]] += row["money"]
        if row["account"] == Account.POSITION:
            held[row["symbol"]] += row["quantity"]
    assert not any(entries.values())
    assert not any(lots.values())
    assert all(money == cash[currency] for currency, money in journal.cash.items())
    assert all(quantity == held[i] for i, quantity in journal.positions.items())
    closed: dict[int, Counter[str]] = defaultdict(Counter)
    for row in journal.lot_closes:
        assert row["realised"] == row["proceeds"] - row["cost"]
        closed[row["fill_id"]].update({"quantity": row["quantity"], "fee": row["fee_out"], "proceeds": row["proceeds"]})
    for fill in journal.fills:
        part = closed[fill["fill_id"]]
        assert part["quantity"] == fill["closing_quantity"]
        assert (fill["lot_id"] >= 0) == (part["quantity"] < fill["quantity"])
        if fill["lot_id"] < 0:
            assert part["fee"] == fill["fee"]
            assert part["proceeds"] == -fill["side"] * fill["notional"]


def test_the_books_balance_in_every_run(runs: list[tuple[Scenario, Journal]]) -> None:
    for scenario, journal in runs:
        check(scenario, journal)


def test_what_is_undone_or_corrected_is_booked_against_what_it_is_about() -> None:
    """An order has what is left of its fills, and has paid their fees; each is undone once at most, and then perhaps corrected."""
    about: Counter[str] = Counter()
    for scenario in (*map(sequence, range(60)), *map(faulty_scenario, range(20))):
        journal = run(scenario)
        check_columns(journal)
        check_books(journal)
        sums: dict[int, Counter[str]] = defaultdict(Counter)
        seen = []
        for fill in journal.fills:
            side = journal.orders[fill["order_id"]]["side"]
            what = "plain"
            if fill["exec_ref_id"] >= 0:
                what, other = "undone" if fill["side"] != side else "corrected", journal.fills[fill["exec_ref_id"]]
                assert all(fill[name] == other[name] for name in TAKEN_OVER)
                assert (fill["stage"], fill["available"], fill["ambiguous"]) == (Stage.BOOKS, -1, 0)
                assert (what == "undone") == (fill["price"] == other["price"]) == (fill["notional"] == other["notional"] > 0)
                seen.append((what, fill["exec_ref_id"]))
            sign = fill["side"] * side
            assert fill["fee"] * sign >= 0
            order = {"cum_quantity": sign * fill["quantity"], "cum_notional": sign * fill["notional"], "fee": fill["fee"]}
            sums[fill["order_id"]].update(order)
            about[what] += 1
        assert len(seen) == len(set(seen))
        assert {number for what, number in seen if what == "corrected"} <= {number for what, number in seen if what == "undone"}
        for order in journal.orders:
            assert all(order[name] == total for name, total in sums[order["order_id"]].items())
            assert order["cum_quantity"] or order["fee"] == 0
            assert (order["status"] == OrderStatus.FILLED) == (order["cum_quantity"] == order["quantity"] > 0)
    assert min(about.values()) > 40 and len(about) == 3


@given(st.integers(-(2**70), 2**70), st.integers(-(2**40), 2**40), st.integers(1, 2**50) | st.sampled_from((1, 2, 4, 10)))
def test_muldiv_is_exact_half_even(a: int, b: int, c: int) -> None:
    assert muldiv(a, b, c) == round(Fraction(a * b, c))


@given(scenarios())
def test_the_books_balance_in_any_run(scenario: Scenario) -> None:
    check(scenario, run(scenario))


def test_a_seed_always_gives_the_same_run(runs: list[tuple[Scenario, Journal]]) -> None:
    for seed in (0, 7, 299):
        scenario, journal = runs[seed]
        assert random_scenario(seed) == scenario
        assert run(scenario) == journal


def test_a_printed_scenario_can_be_read_back(runs: list[tuple[Scenario, Journal]]) -> None:
    names = vars(scenario_module)
    for scenario, _ in runs[:40]:
        assert eval(as_python(scenario), dict(names)) == scenario


def test_a_scenario_has_20_to_120_instants(runs: list[tuple[Scenario, Journal]]) -> None:
    plain = [scenario for scenario, _ in runs if not any(feed[0].is_moment for feed in scenario.bars)]
    assert all(20 <= len(scenario.instants) <= 120 for scenario in plain)
    assert all(20 <= len(scenario.instants) <= 4 * 360 for scenario, _ in runs)


# -------------------------------------------------------------------- the generator reaches everything


def test_every_event_and_reason_occurs(runs: list[tuple[Scenario, Journal]]) -> None:
    events = {event["event"] for _, journal in runs for event in journal.order_events}
    reasons = {row["reason"] for _, journal in runs for row in (*journal.order_events, *journal.switches)}
    exits = {fill["exit_reason"] for _, journal in runs for fill in journal.fills}
    assert set(OrderEvent) - events == NEVER
    assert set(Reason) - reasons == NO_REASON_YET
    assert set(ExitReason) - exits == NO_EXIT_YET


def test_every_kind_of_order_occurs_and_fills(runs: list[tuple[Scenario, Journal]]) -> None:
    filled = {(order["type"], order["tif"]) for _, journal in runs for order in journal.orders if order["cum_quantity"]}
    types = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT)
    times = (TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTD)
    assert {(kind, tif) for kind in types for tif in times} <= filled
    assert set(OrderType) == {kind for kind, _ in filled}


def test_every_size_is_fixed_and_every_limit_on_losses_acts(runs: list[tuple[Scenario, Journal]]) -> None:
    fixed = [(journal.orders[row["order_id"]], row) for _, journal in runs for row in journal.order_events
             if row["reason"] == Reason.SIZED_AT_FILL]  # fmt: skip
    modes = {SizeMode.VALUE, SizeMode.WEIGHT, SizeMode.RISK, SizeMode.TARGET_VALUE, SizeMode.TARGET_WEIGHT}
    assert {order["size_mode"] for order, _ in fixed} == modes
    assert all(row["required"] <= row["available"] for _, row in fixed)
    first = [min(fills) for fills in _fills_by_order(runs).values()]
    assert not any(flags & OrderFlag.SIZED_AT_FILL for _, flags in first)
    switched = [row for _, journal in runs for row in journal.switches]
    assert {row["action"] for row in switched} == set(LimitAction)
    assert {row["reason"] for row in switched} == {0, Reason.MAX_DRAWDOWN, Reason.MAX_DAILY_LOSS, Reason.NEW_DAY}
    assert {(row["before"], row["state"]) for row in switched if row["reason"] == Reason.NEW_DAY} >= {(1, 0), (2, 0), (2, 2)}
    assert any(order["size_mode"] == SizeMode.VOLATILITY and order["cum_quantity"] for _, j in runs for order in j.orders)


def _fills_by_order(runs: list[tuple[Scenario, Journal]]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """(number, flags) of the events of all fills, by run and order."""
    found: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for number, (_, journal) in enumerate(runs):
        for row in journal.order_events:
            if row["fill_id"] >= 0:
                found[number, row["order_id"]].append((row["seq"], row["flags"]))
    return found


def test_every_path_stage_and_setting_occurs(runs: list[tuple[Scenario, Journal]]) -> None:
    all_fills = [(scenario, fill) for scenario, journal in runs for fill in journal.fills]
    assert {scenario.settings.path for scenario, _ in all_fills} == set(BarPath)
    assert {fill["stage"] for _, fill in all_fills} == set(Stage) - {Stage.BOOKS}
    assert {fill["liquidity"] for _, fill in all_fills} == set(Liquidity)
    assert {fill["ambiguous"] for _, fill in all_fills} == {0, 1}
    assert {scenario.settings.lots for scenario, journal in runs if journal.lot_closes} == set(Lots)
    assert {len(scenario.instruments) for scenario, _ in all_fills} == {1, 2, 3, 4}
    assert {len(scenario.settings.currencies) for scenario, _ in all_fills} == {1, 2, 3}
    assert any(fill["limit"] for _, fill in all_fills)
    assert any(fill["tick"] for _, fill in all_fills)
    assert any(fill["available"] >= 0 for _, fill in all_fills)
