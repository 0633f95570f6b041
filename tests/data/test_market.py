"""The market: merged time line, immutable arrays, digest, putting markets together, cutting them."""

from __future__ import annotations

import pickle
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fillwright.data import build_market, combine, make_bars, select
from fillwright.data.market import Feed, Market, is_sealed, seal
from fillwright.errors import DataError, UsageError
from fillwright.model.instrument import Instrument

MINUTE = 60_000_000_000
times = st.lists(st.integers(1, 40), min_size=1, max_size=25, unique=True)


def feed(closes: list[int], number: int = 0, timeframe: int = MINUTE, unit: int = MINUTE, marked: bool | None = None) -> Feed:
    close = np.array(sorted(closes), np.int64) * unit
    price = np.full(len(close), 100, np.int64)
    flags = np.zeros(len(close), np.uint8)
    return Feed(f"S{number}", number, timeframe, False, close - 1, close, price, price, price, price, None, flags, marked)


def market(*feeds: Feed) -> Market:
    count = max(one.instrument for one in feeds) + 1
    return build_market([Instrument(f"S{k}") for k in range(count)], feeds)


def events(of: Market) -> list[tuple[int, int]]:
    return [
        (int(of.instants[j]), int(number))
        for j in range(len(of.instants))
        for number in of.event_feed[of.offsets[j] : of.offsets[j + 1]]
    ]


@pytest.mark.parametrize("unit", [MINUTE, 1])
@given(st.lists(times, min_size=1, max_size=6))
def test_timeline_is_the_sorted_merge(unit: int, closes: list[list[int]]) -> None:
    made = market(*[feed(one, number, unit=unit) for number, one in enumerate(closes)])
    expected = sorted((int(t), number) for number, one in enumerate(made.feeds) for t in one.close_time)
    assert events(made) == expected
    assert made.instants.tolist() == sorted({t for t, _ in expected})
    assert made.event_feed.dtype == np.int32 and made.offsets.dtype == made.instants.dtype == np.int64


def test_times_too_far_apart_for_one_word_are_merged_too() -> None:
    far = 4_000_000_000_000_000_001
    made = market(feed([1, far], 0, unit=1), feed([2, far], 1, unit=1))
    assert events(made) == [(1, 0), (2, 1), (far, 0), (far, 1)]


def test_feeds_are_sorted_and_the_finest_executes() -> None:
    made = market(feed([5, 10], 0, 5 * MINUTE), feed([3, 4], 1), feed([3, 4, 5], 0))
    assert [(one.timeframe_ns, one.instrument, one.execution) for one in made.feeds] == [
        (MINUTE, 0, True), (MINUTE, 1, True), (5 * MINUTE, 0, False),
    ]  # fmt: skip
    assert made.execution_feed(0) is made.feeds[0] and made.execution_feed(1) is made.feeds[1]
    marked = market(feed([5, 10], 0, 5 * MINUTE, marked=True), feed([3, 4, 5], 0))
    assert [one.execution for one in marked.feeds] == [False, True]
    informs = market(feed([5, 10], 0, 5 * MINUTE), feed([3, 4, 5], 0, marked=False))
    assert [one.execution for one in informs.feeds] == [False, True]


@pytest.mark.parametrize(
    "feeds, says",
    [
        ((feed([1]), feed([2])), "two sources"),
        ((feed([1], marked=False),), "no execution feed"),
        ((feed([1], marked=True), feed([2], timeframe=2 * MINUTE, marked=True)), "2 execution feeds"),
        ((feed([1], 1),), "S0 has no bars"),
    ],
)
def test_markets_that_cannot_be(feeds: tuple[Feed, ...], says: str) -> None:
    with pytest.raises(DataError, match=says):
        market(*feeds)


def test_one_feed_shares_its_times() -> None:
    made = make_bars(50)
    assert made.instants is made.feeds[0].close_time
    assert made.offsets.tolist() == list(range(51))


def test_arrays_cannot_be_made_writeable() -> None:
    made = make_bars(20) + make_bars(20, timeframe="1h", instrument=Instrument("B"))
    arrays = [array for one in made.feeds for array in one.arrays().values()]
    for array in [*arrays, made.instants, made.offsets, made.event_feed]:
        assert not array.flags.writeable and array.flags.c_contiguous and is_sealed(array)
        with pytest.raises(ValueError):
            array.setflags(write=True)
        base: object = array
        while isinstance(base, np.ndarray):
            assert not base.flags.writeable
            base = base.base
    view = np.arange(5)
    view.setflags(write=False)
    assert not is_sealed(view) and is_sealed(seal(view)) and seal(made.instants) is made.instants


def test_digest_depends_on_every_column_and_property_only() -> None:
    made = make_bars(30, seed=4)
    assert made.digest == make_bars(30, seed=4).digest != make_bars(30, seed=5).digest
    assert len(made.digest) == 32
    one = made.feeds[0]
    for name, array in one.arrays().items():
        changed = array.copy()
        changed[7] += 1
        assert build_market(made.instruments, [replace(one, **{name: changed})]).digest != made.digest, name
    assert build_market(made.instruments, [replace(one, volume=None)]).digest != made.digest
    changes = {"quote": "EUR", "price_decimals": 7, "multiplier": Fraction(2), "tick": 1, "timezone": "Asia/Tokyo", "base": "X"}
    for name, value in changes.items():
        instrument = replace(made.instruments[0], **{name: value})
        assert build_market([instrument], made.feeds).digest != made.digest, name


def test_pickle_keeps_everything_and_seals_again() -> None:
    made = make_bars(30) + make_bars(30, timeframe="1h", instrument=Instrument("B"))
    back = pickle.loads(pickle.dumps(made))
    assert back.digest == made.digest and events(back) == events(made)
    assert all(is_sealed(array) for one in back.feeds for array in one.arrays().values())


def test_markets_are_added_with_the_finest_units() -> None:
    coarse = make_bars(5, instrument=Instrument("A", price_decimals=6, tick=10_000))
    fine = make_bars(5, timeframe="1h", instrument=Instrument("A", price_decimals=9, tick=10_000_000))
    for made in (coarse + fine, fine + coarse):
        assert made.instruments == (Instrument("A", price_decimals=9, tick=10_000_000),)
        daily = next(one for one in made.feeds if one.timeframe_ns > 10**13 * 5)
        np.testing.assert_array_equal(daily.close, coarse.feeds[0].close * 1000)
    with pytest.raises(DataError, match=r"two descriptions: quote USD and EUR"):
        coarse + make_bars(5, timeframe="1h", instrument=Instrument("A", quote="EUR", tick=10_000))
    with pytest.raises(DataError, match="two sources"):
        coarse + coarse
    with pytest.raises(TypeError):
        coarse + 3  # type: ignore[operator]


def test_combine_keeps_the_order_of_first_appearance() -> None:
    parts = [make_bars(4, instrument=Instrument(name)) for name in ("B", "A")]
    made = combine([*parts, make_bars(4, timeframe="1h", instrument=Instrument("B"))])
    assert [one.symbol for one in made.instruments] == ["B", "A"]
    assert [(one.symbol, one.instrument) for one in made.feeds] == [("B", 0), ("B", 0), ("A", 1)]


def test_unknown_symbol_names_the_nearest() -> None:
    made = make_bars(3, instrument=Instrument("MSFT"))
    assert made.instrument_index("MSFT") == 0
    with pytest.raises(UsageError, match="did you mean 'MSFT'"):
        made.instrument_index("msft")


def test_select_shares_arrays_and_keeps_days() -> None:
    session = Instrument("A", timezone="America/New_York", session=(34_200, 57_600))
    made = make_bars(1_000, timeframe="5min", instrument=session) + make_bars(50, instrument=Instrument("B"))
    part = select(made, ["B", "A"], start="2020-01-03", end="2020-01-07")
    assert [one.symbol for one in part.instruments] == ["B", "A"]
    minutes = part.execution_feed(1)
    assert len(minutes) == 3 * 78 and int(minutes.day_last.sum()) == 3
    assert np.shares_memory(minutes.close, made.execution_feed(0).close)
    cut = select(made, ["A"], start="2020-01-03 09:35", end="2020-01-03 09:50").feeds[0]
    assert len(cut) == 4 and cut.day_last.tolist() == [0, 0, 0, 1]
    with pytest.raises(DataError, match="no bars between"):
        select(made, start="2030-01-01")
    assert select(made).digest == made.digest


def test_made_bars_are_sane_and_the_same_everywhere() -> None:
    made = make_bars(2_000, seed=7, timeframe="1min")
    one = made.feeds[0]
    assert (one.high >= np.maximum(one.open, one.close)).all() and (one.low <= np.minimum(one.open, one.close)).all()
    assert (one.low > 0).all() and (one.close % 10_000 == 0).all()
    assert all(a.close_time[-1] > 0 for a in made.feeds) and all(a < b for a, b in pairwise(one.open_time.tolist()))
    # Written down once: another machine or numpy version must draw the same bars.
    assert make_bars(1_000, seed=1).digest == "30e75ac35e29fcc1c403c827f4c5fb82"
    daily = make_bars(2_520, volatility=0.2).feeds[0].close / 1e6
    assert 0.1 < np.diff(np.log(daily)).std() * 252**0.5 < 0.3
