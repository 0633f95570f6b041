"""Marks, positions and equity, against plain Python and by hand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_ledger import MINUTE, Tiny, half_even, make_market, scenario, setting

import fillwright as fw
from fillwright.data.market import build_market
from fillwright.errors import CheckFailed
from fillwright.model.codes import OrderEvent, Stage
from fillwright.model.instrument import Currency, Instrument
from fillwright.portfolio import Books, Portfolio, _changes, equity_table, marks, mul_div, positions

KINDS = ("plain", "crypto", "future", "fx")
whole = st.integers(-(2**62), 2**62)


@given(st.lists(st.tuples(whole, whole), min_size=1, max_size=5), st.integers(1, 2**62))
def test_mul_div_is_exact_and_half_even(pairs: list[tuple[int, int]], divisor: int) -> None:
    exact = [half_even(a * b, divisor) for a, b in pairs]
    a, b = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    if all(-(2**63) <= value < 2**63 for value in exact):
        assert mul_div(a, b, divisor).tolist() == exact
    else:
        with pytest.raises(OverflowError):
            mul_div(a, b, divisor)


@given(
    st.lists(
        st.tuples(st.integers(-(2**53), 2**53), st.integers(-(10**12), 10**12), st.integers(1, 2 * 10**12)),
        min_size=1,
        max_size=9,
    )
)
def test_mul_div_with_a_divisor_per_row(rows: list[tuple[int, int, int]]) -> None:
    exact = [half_even(a * b, d) for a, b, d in rows]
    a, b, d = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    if all(abs(value) < 2**62 for value in exact):
        assert mul_div(a, b, d).tolist() == exact


def test_mul_div_rounds_ties_to_even() -> None:
    assert mul_div(np.array([1, 3, 5, -1, -3, -5]), 1, 2).tolist() == [0, 2, 2, 0, -2, -2]


DIVISORS = (1, 2, 3, 4, 10**6, 2 * 10**12, 2 * 10**12 + 2, 2**62, 2**62 + 2, 2**63 - 2)
"""Both sides of every bound at which another way is taken."""


@pytest.mark.parametrize("divisor", DIVISORS)
@pytest.mark.parametrize("times", (1, 3, 10**9 + 1, 10**13 + 1, 2**61 - 1))
def test_mul_div_is_exact_near_ties_on_every_way(divisor: int, times: int) -> None:
    odd = [k * times for k in (-3, -1, 1, 2, 3) if abs(k * times) < 2**63]
    for near in (-1, 0, 1):
        factor = divisor // 2 + near
        exact = [half_even(a * factor, divisor) for a in odd]
        a = np.array(odd, np.int64)
        assert mul_div(a, factor, divisor).tolist() == exact
        assert mul_div(np.full(len(a), factor), a, np.full(len(a), divisor)).tolist() == exact


@pytest.mark.parametrize("divisor", (1, 3, 2 * 10**12))
def test_mul_div_up_to_the_bounds_of_64_bits_and_not_beyond(divisor: int) -> None:
    for result in (2**61, 2**62 - 1, 2**62, 2**62 + 2**60, 2**63 - 1, -(2**63)):
        assert mul_div(np.array([result, 1]), divisor, divisor).tolist() == [result, 1]
    for factor in (2 * divisor, 3 * divisor, 2**62):
        with pytest.raises(OverflowError):
            mul_div(np.array([2**62, 1]), factor, divisor)


@pytest.mark.parametrize("divisor", (2, 3, 4, 5))
def test_mul_div_of_large_factors_that_never_meet(divisor: int) -> None:
    """The largest product would not fit 64 bits, the products do."""
    a, b = [2**40, 1, 3, -(2**39) + 1], [1, 2**40 + 1, 2**20 + 1, 3]
    exact = [half_even(x * y, divisor) for x, y in zip(a, b, strict=True)]
    assert mul_div(np.array(a), np.array(b), divisor).tolist() == exact


def test_mul_div_of_nothing_and_by_nothing() -> None:
    assert mul_div(np.zeros(0, np.int64), 5, 3).tolist() == []
    assert mul_div(np.zeros((2, 0), np.int64), 5, 3).shape == (2, 0)
    for divisor in (0, -1, np.array([0, 5]), np.array([5, 0])):
        with pytest.raises(ValueError, match="the divisor must be positive"):
            mul_div(np.array([1, 2]), 1, divisor)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_equity_is_that_of_a_slow_ledger_at_every_instant(kind: str, seed: int) -> None:
    record = scenario(kind, seed, bars=120)
    view = Portfolio(record)
    assert view.books.equity.tolist() == record.equity.tolist()
    table = equity_table(record)
    assert (table["cash"] + table["positions_value"] == record.equity).all()
    highest = -(2**62)
    for row in table:
        highest = max(highest, int(row["equity"]))
        assert row["drawdown"] == highest - row["equity"]


@pytest.mark.parametrize("kind", KINDS)
def test_marks_are_enough_to_value_what_is_held(kind: str) -> None:
    """Carrying the marks table forward gives every price that equity needs, and no row is superfluous."""
    record = scenario(kind, 5, bars=150)
    table = marks(record)
    assert (np.diff(table["instant"]) >= 0).all()
    fills = record.tables["fills"]
    for symbol in range(len(record.market.instruments)):
        rows = table[table["symbol"] == symbol]
        said = dict(zip(rows["instant"].tolist(), rows["price"].tolist(), strict=True))
        price, held_before, position = 0, False, {}
        for instant in record.instants.tolist():
            for fill in fills[(fills["instant"] == instant) & (fills["symbol"] == symbol)]:
                position[int(fill["strategy"])] = int(fill["position"])
            held = any(position.values())
            feed = record.market.execution_feed(symbol)
            close = int(feed.close[np.searchsorted(feed.close_time, instant, "right") - 1])
            assert (instant in said) == (held and (not held_before or close != price))
            if held:
                price = said.get(instant, price)
                assert price == close
            held_before = held
    rates = table[table["symbol"] == -1]
    assert (rates["price"] == 0).all() and (rates["rate"] > 0).all() and (rates["currency"] > 0).all()
    assert len(rates) == 0 or kind == "fx"


def test_positions_by_hand() -> None:
    """Buy 10 at 100.00, buy 10 at 101.00, sell 15: FIFO takes the first lot and half of the second."""
    market = make_market([Instrument("AAA", price_decimals=2)], 5)
    tiny = Tiny(market)
    instants = market.instants.tolist()
    for k, (side, lots, price, fee) in enumerate(((1, 10, 10_000, 1_000_000), (1, 10, 10_100, 0), (-1, 15, 10_200, 500_000))):
        order = tiny.order(instants[k], 0, 0, side, lots)
        tiny.event(instants[k], order, OrderEvent.SUBMIT)
        tiny.event(instants[k], order, OrderEvent.ACCEPT)
        tiny.mark(instants[k])
        tiny.fill(instants[k + 1], order, lots, Stage.OPEN, 0, fee, price - side)
    tiny.mark(instants[3])
    table = positions(tiny.record())
    assert table["quantity"].tolist() == [10, 20, 5]
    assert table["cost"].tolist() == [1_000_000_000, 2_010_000_000, 505_000_000]
    assert table["average_price"].tolist() == [10_000, 10_050, 10_100]
    assert table["realised"].tolist() == [0, 0, 1_530_000_000 - 1_505_000_000]
    assert table["fees"].tolist() == [1_000_000, 1_000_000, 1_500_000]


@pytest.mark.parametrize("kind", KINDS)
def test_average_price_is_cost_per_unit(kind: str) -> None:
    record = scenario(kind, 2, bars=80)
    for row in positions(record):
        if not row["quantity"]:
            assert row["cost"] == 0 and row["average_price"] == 0
            continue
        instrument = record.market.instruments[row["symbol"]]
        money = Fraction(int(row["cost"]), 10 ** record.scales.quote[row["symbol"]])
        units = Fraction(int(row["quantity"]), instrument.quantity_scale) * instrument.multiplier
        assert row["average_price"] == round(money / units * instrument.price_scale)


def test_a_run_without_fills() -> None:
    tiny = setting("plain", 10)
    for instant in tiny.market.instants.tolist():
        tiny.mark(instant)
    record = tiny.record()
    assert len(marks(record)) == 0 and len(positions(record)) == 0
    assert equity_table(record)["equity"].tolist() == [tiny.deposit] * 10


def test_a_run_without_stored_instants() -> None:
    record = setting("plain", 10).record()
    assert len(equity_table(record)) == 0 and len(marks(record)) == 0


def test_a_missing_rate_is_an_error_not_one_to_one() -> None:
    record = scenario("fx", 1, bars=60)
    broken = type(record)(**{**vars(record), "fx": (None, None, None)})
    with pytest.raises(CheckFailed, match="no source of rates for EUR"):
        _ = Portfolio(broken).books


def test_marks_of_an_instrument_that_starts_later() -> None:
    """Before its first bar an instrument has no mark; the stored instants are those of the other one."""
    early, late = make_market([Instrument("AAA", price_decimals=2)], 20), make_market([Instrument("BBB", price_decimals=2)], 8)
    feed = late.feeds[0]
    shift = 12 * MINUTE
    moved = replace(feed, open_time=feed.open_time + shift, close_time=feed.close_time + shift)
    market = early + build_market(late.instruments, [moved])
    tiny = Tiny(market)
    tiny.equity += [tiny.deposit] * len(market.instants)
    view = Portfolio(tiny.record())
    assert view.mark(1)[:12].tolist() == [0] * 12
    assert view.mark(1)[12:].tolist() == feed.close.tolist()


def late_starter(starts: int, lots: tuple[int, ...]) -> Tiny:
    """Orders of an instrument, filled one after the other at the instants 2, 3, ...; its first bar closes at ``starts`` + 1."""
    early, late = make_market([Instrument("AAA", price_decimals=2)], 20), make_market([Instrument("BBB", price_decimals=2)], 8)
    feed = late.feeds[0]
    moved = replace(feed, open_time=feed.open_time + starts * MINUTE, close_time=feed.close_time + starts * MINUTE)
    tiny = Tiny(early + build_market(late.instruments, [moved]))
    instants = tiny.market.instants.tolist()
    for k, amount in enumerate(lots):
        instant = instants[2]
        side = 1 if amount > 0 else -1
        order = tiny.order(instants[1], 0, 1, side, abs(amount))
        tiny.event(instant, order, OrderEvent.SUBMIT)
        tiny.event(instant, order, OrderEvent.ACCEPT)
        tiny.fill(instant, order, abs(amount), Stage.OPEN, 0, 0, 500 + k)
    tiny.equity += [tiny.deposit] * len(instants)
    return tiny


@pytest.mark.parametrize("lots", [(1,), (-1,), (5,), (5, -4)])
def test_what_is_held_before_its_first_bar_is_an_error(lots: tuple[int, ...]) -> None:
    with pytest.raises(CheckFailed, match="BBB is held before its first bar has closed"):
        _ = Portfolio(late_starter(6, lots).record()).books


@pytest.mark.parametrize("starts, lots", [(6, (5, -5)), (2, (1,)), (0, (-3,))])
def test_what_is_flat_or_has_a_bar_is_none(starts: int, lots: tuple[int, ...]) -> None:
    record = late_starter(starts, lots).record()
    held = sum(lots)
    value = [0, 0] + [held * int(price) * 10**4 for price in Portfolio(record).mark(1)[2:]]
    assert Portfolio(record).books.value.tolist() == [value]


def test_postings_and_fills_after_the_last_stored_instant_count_nowhere() -> None:
    """A run that failed inside its next bar has booked them."""
    record = scenario("fx", 3, bars=100)
    for end in (0, 1, 37):
        cut = type(record)(**{**vars(record), "instants": record.instants[:end], "equity": record.equity[:end]})
        whole, books = Portfolio(record).books, Portfolio(cut).books
        for name in ("cash", "value", "base", "cash_base"):
            assert getattr(books, name).tolist() == getattr(whole, name)[..., :end].tolist()
        for symbol in range(4):
            late = record.tables["fills"][record.tables["fills"]["symbol"] == symbol]
            late = late[late["instant"] > (record.instants[end - 1] if end else 0)]
            assert Portfolio(cut).last_price(symbol) == late["price"][-1]
    assert len({int(price) for price in late["price"][-2:]}) == 2
    assert Portfolio(record).last_price(0) == record.market.execution_feed(0).close[-1]


def test_a_rate_is_said_where_a_balance_begins_or_the_rate_changes() -> None:
    """Balances of nothing, of one unit either way and of cash that the positions outweigh."""
    record = scenario("fx", 0, bars=8)
    view, m = Portfolio(record), 8
    nothing = np.zeros(m, np.int64)
    cash = np.array([nothing, [0, 1, 1, 0, -1, -1, 5, 5], [0] * 8])
    value = np.array([nothing, [0, 0, 0, 0, 0, 0, -5, 0], [0] * 8])
    rate = np.array([nothing, [9, 9, 8, 7, 7, 7, 6, 6], [3] * 8])
    view.__dict__["books"] = Books(cash, value, rate, nothing, nothing)
    view.__dict__["_valued"] = value, [(2, np.array([1, 4, 7]), np.array([100, 200, 300]))]
    said = [(int(np.searchsorted(record.instants, row["instant"])), *row.tolist()[1:]) for row in view.marks]
    names = view.marks.dtype.names
    assert names is not None and names[0] == "instant"
    rows = [dict(zip(names, row, strict=True)) for row in said]
    told = [(row["instant"], row["symbol"], row["price"], row["currency"], row["rate"]) for row in rows]
    assert told == [
        (1, 2, 100, -1, 0), (1, -1, 0, 1, 9), (2, -1, 0, 1, 8), (4, 2, 200, -1, 0), (4, -1, 0, 1, 7), (7, 2, 300, -1, 0),
        (7, -1, 0, 1, 6),
    ]  # fmt: skip


@pytest.mark.parametrize("balance", (1, -1))
def test_a_balance_of_one_unit_needs_a_rate(balance: int) -> None:
    view = Portfolio(scenario("fx", 0, bars=8))
    view.__dict__["_valued"] = np.array([[0] * 8, [0] * 7 + [balance], [0] * 8]), []
    view._cash = lambda: np.zeros((3, 8), np.int64)  # type: ignore[method-assign]
    rates = {1: [0] * 8, 2: [10**12] * 8}
    view._rate = lambda currency: np.array(rates[currency])  # type: ignore[method-assign]
    with pytest.raises(CheckFailed, match="no rate for EUR while there is a balance in it"):
        _ = view.books
    rates[1] = [0] * 7 + [1]
    assert view.books.base[1].tolist() == [0] * 8


def test_balances_are_turned_into_the_decimals_of_the_accounts_currency() -> None:
    record = scenario("fx", 0, bars=4)
    view = Portfolio(replace(record, currencies=(Currency("USD", 2), Currency("EUR", 3), Currency("JPY", 0))))
    view.__dict__["_valued"] = np.array([[5] * 4, [1_000] * 4, [100] * 4]), []
    view._cash = lambda: np.array([[7] * 4, [2_000] * 4, [300] * 4])  # type: ignore[method-assign]
    view._rate = lambda currency: np.full(4, (0, 11 * 10**11, 10**10)[currency])  # type: ignore[method-assign]
    assert view.books.base[:, 0].tolist() == [12, 330, 400]
    assert view.books.cash_base.tolist() == [7 + 220 + 300] * 4


def test_of_nothing_nothing_has_to_be_said() -> None:
    where, number = _changes(np.zeros(0, np.bool_), np.zeros(0, np.int64))
    assert (where.tolist(), number.tolist()) == ([], [])


def test_rates_of_pairs_either_way_round() -> None:
    """Units of 10^-12, unknown before the first bar, right for the smallest price."""
    view = Portfolio(scenario("fx", 0, bars=4))
    marks_of = {2: [0, 1, 2, 110_000], 3: [0, 1, 3, 110_000]}
    view.mark = lambda instrument: np.array(marks_of[instrument])  # type: ignore[method-assign]
    assert view._rate(1).tolist() == [0, 10**7, 2 * 10**7, 11 * 10**11]
    assert view._rate(2).tolist() == [0, 10**15, half_even(10**15, 3), half_even(10**15, 110_000)]


def test_marks_of_quotes_by_the_side_that_would_close() -> None:
    """Long at the bid, short at the ask, flat in the middle; equity is the engine's at every quote."""
    times = np.arange(1, 9) * MINUTE + np.int64(1_577_836_800_000_000_000)
    columns = {"time": times.view("datetime64[ns]"), "bid": np.arange(90.0, 98.0), "ask": np.arange(92.0, 100.0)}
    market = fw.read_quotes(columns, tz="UTC", instrument=fw.Instrument("X"))
    wanted = [0, 1, 1, 0, -1, -1, 0, 0]
    config = fw.Config.from_dict({"account": {"mark": "exit_side"}})
    result = fw.run(fw.Targets(units=np.array(wanted, float)[:, None]), market, config)
    found = result.portfolio.mark(0) / 10 ** market.instruments[0].price_decimals
    fills = result.record.tables["fills"]
    bought = np.bincount(result.portfolio.at(fills["instant"]), (fills["side"] * fills["quantity"]).astype(float), 8)
    held = np.cumsum(bought)
    assert set(np.sign(held)) == {-1.0, 0.0, 1.0}
    expected = np.where(held > 0, columns["bid"], np.where(held < 0, columns["ask"], (columns["bid"] + columns["ask"]) / 2))
    assert found.tolist() == expected.tolist()
    assert result.certificate.ok
    assert np.array_equal(result.portfolio.equity["equity"], result.record.equity)
