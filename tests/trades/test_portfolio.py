"""Marks, positions and equity, against plain Python and by hand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_ledger import MINUTE, Tiny, half_even, make_market, scenario, setting

from fillwright.data.market import build_market
from fillwright.errors import CheckFailed
from fillwright.model.codes import OrderEvent, Stage
from fillwright.model.instrument import Instrument
from fillwright.portfolio import Portfolio, equity_table, marks, mul_div, positions

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
