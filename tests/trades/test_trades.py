"""Trades: what is grouped, that the sums are exact, and how far prices moved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_ledger import BOOKINGS, Tiny, make_market, scenario

from fillwright.config.schema import Config
from fillwright.data.market import Feed, build_market
from fillwright.journal import RunRecord
from fillwright.model.codes import Account, ExitReason, OrderEvent, Stage, TradeGrouping, TradeStatus
from fillwright.model.instrument import Instrument
from fillwright.portfolio import Portfolio
from fillwright.trades.grouping import _average, _extreme, group, share, unrealised

FINANCING = (Account.INTEREST, Account.DIVIDENDS, Account.FUNDING, Account.BORROW)
KINDS = ("plain", "crypto", "future", "fx")
MINUTE = 60_000_000_000


def played(deals: list[tuple[int, int, int]], lots: str = "fifo", price: int = 10_000, slip: int = 0) -> RunRecord:
    """A run of one instrument: (side, lots, price) filled at the open of bar 1, 2, ..."""
    market = make_market([Instrument("AAA", price_decimals=2)], len(deals) + 3)
    tiny = Tiny(market, config=Config.model_validate({"version": 1, "account": {"lots": lots}}))
    instants = market.instants.tolist()
    tiny.mark(instants[0])
    for k, (side, quantity, at) in enumerate(deals):
        order = tiny.order(instants[k], 0, 0, side, quantity, rule_id=k % 2, tag=k % 2)
        tiny.event(instants[k], order, OrderEvent.SUBMIT)
        tiny.event(instants[k], order, OrderEvent.ACCEPT)
        tiny.fill(instants[k + 1], order, quantity, Stage.OPEN, slip, 3, at - side * (slip if slip else 1))
        tiny.mark(instants[k + 1])
    return tiny.record()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lots", BOOKINGS)
@pytest.mark.parametrize("how", TradeGrouping)
@pytest.mark.parametrize("seed", range(3))
def test_net_results_add_up_exactly_in_every_currency(kind: str, lots: str, how: TradeGrouping, seed: int) -> None:
    record = scenario(kind, seed, bars=100, lots=lots)
    view = Portfolio(record)
    trades = group(record, how, view)
    fills, closes, rows = (record.tables[name] for name in ("fills", "lot_closes", "lots"))
    quote = record.quote_currency
    open_gain = unrealised(record, view)
    for c in range(len(record.currencies)):
        net = int(trades["net_pnl"][quote[trades["symbol"]] == c].sum())
        realised = int(closes["realised"][quote[closes["symbol"]] == c].sum())
        gain = int(open_gain[quote[rows["symbol"]] == c].sum())
        assert net == realised + gain - int(fills["fee"][quote[fills["symbol"]] == c].sum())
        own = trades[quote[trades["symbol"]] == c]
        postings = record.tables["postings"][record.tables["postings"]["currency"] == c]
        assert own["fees"].sum() == postings["money"][postings["account"] == Account.FEES].sum()
        assert own["financing"].sum() == -postings["money"][np.isin(postings["account"], FINANCING)].sum()
        assert own["gross_pnl"].sum() == realised + gain
        assert (own["net_pnl"] == own["gross_pnl"] - own["fees"] + own["financing"]).all()
        worth = int(view.books.cash[c][-1] + view.books.value[c][-1])
        assert worth == net + (int(view.books.cash[c][0]) if c == 0 else 0)
    assert trades["quantity"].sum() == (fills["quantity"] - fills["closing_quantity"]).sum()
    assert (np.diff(trades["entry_fill"]) >= 0).all()
    assert (trades["mae"] <= 0).all() and (trades["mfe"] >= 0).all() and (trades["bars_held"] >= 0).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lots", BOOKINGS)
def test_slippage_cost_is_the_same_sum_for_every_grouping(kind: str, lots: str) -> None:
    record = scenario(kind, 3, bars=150, lots=lots)
    totals = [int(group(record, how)["slippage_cost"].sum()) for how in TradeGrouping]
    assert totals[0] == totals[1] == totals[2] != 0


def test_three_groupings_of_one_story() -> None:
    """In 10, in 10, out 15, out 5, then a reversal from flat: short 4, bought back 1, still 3 short."""
    record = played([(1, 10, 10_000), (1, 10, 10_100), (-1, 15, 10_200), (-1, 5, 10_300), (-1, 4, 10_400), (1, 1, 10_350)])
    flat = group(record, TradeGrouping.FLAT_TO_FLAT)
    assert flat["quantity"].tolist() == [20, 4]
    assert flat["side"].tolist() == [1, -1]
    assert flat["status"].tolist() == [TradeStatus.CLOSED, TradeStatus.OPEN]
    assert flat["entry_price"].tolist() == [10_050, 10_400]
    assert flat["exit_price"][0] == (15 * 10_200 + 5 * 10_300) // 20
    assert flat["gross_pnl"][0] == (15 * 102 + 5 * 103 - 10 * 100 - 10 * 101) * 10**6
    assert flat["entry_fill"].tolist() == [0, 4] and flat["exit_fill"].tolist() == [3, -1]
    assert flat["exit_reason"].tolist() == [ExitReason.SIGNAL, ExitReason.NONE]
    assert flat["exit_time"][1] == 0 and flat["rule_id_exit"].tolist() == [1, -1]
    lot = group(record, TradeGrouping.LOT)
    assert lot["quantity"].tolist() == [10, 10, 4]
    assert lot["exit_price"][:2].tolist() == [10_200, (5 * 10_200 + 5 * 10_300) // 10]
    fill = group(record, TradeGrouping.FILL_TO_FILL)
    assert fill["quantity"].tolist() == [10, 5, 5, 1, 3]
    assert fill["exit_fill"].tolist() == [2, 2, 3, 5, -1]
    assert fill["entry_fill"].tolist() == [0, 1, 1, 4, 4]


@given(
    st.lists(st.tuples(st.sampled_from((1, -1)), st.integers(1, 12), st.integers(9_000, 11_000)), min_size=1, max_size=12),
    st.sampled_from(BOOKINGS),
)
def test_every_grouping_sums_the_same_pieces(deals: list[tuple[int, int, int]], lots: str) -> None:
    """Trades against a walk through the ledger's records, piece by piece: who belongs to whom, quantity, profit, fees, times."""
    record = played(deals, lots)
    fills, closes, rest = (record.tables[name] for name in ("fills", "lot_closes", "lots"))
    gain = unrealised(record, Portfolio(record))
    stretch, position, stretch_of_lot = -1, 0, {}
    for fill in fills:
        opened = int(fill["quantity"] - fill["closing_quantity"])
        if opened:
            stretch += position * int(fill["side"]) <= 0
            stretch_of_lot.setdefault(int(fill["lot_id"]), stretch)
        position += int(fill["side"] * fill["quantity"])
    pieces = [(int(c["open_fill"]), k, int(c["lot_id"]), int(c["quantity"]), int(c["realised"]), int(c["fee_in"] + c["fee_out"]))
              for k, c in enumerate(closes)]  # fmt: skip
    pieces += [(int(lot["open_fill"]), len(closes), k, int(lot["remaining"]), int(gain[k]), int(lot["fee_in"]))
               for k, lot in enumerate(rest) if lot["remaining"]]  # fmt: skip
    keys = {
        TradeGrouping.LOT: lambda piece: piece[2],
        TradeGrouping.FILL_TO_FILL: lambda piece: (piece[0], piece[1]),
        TradeGrouping.FLAT_TO_FLAT: lambda piece: stretch_of_lot[piece[2]],
    }
    for how, key in keys.items():
        expected: dict[Any, list[int]] = {}
        for piece in pieces:
            sums = expected.setdefault(key(piece), [0, 0, 0, 0])
            for place, number in enumerate((*piece[3:], piece[1] == len(closes))):
                sums[place] += number
        trades = group(record, how)
        found = [[int(t["quantity"]), int(t["gross_pnl"]), int(t["fees"]), int(t["status"] == TradeStatus.OPEN)] for t in trades]
        assert [[*row[:3], min(row[3], 1)] for _, row in sorted(expected.items())] == found


def test_a_reversal_fill_ends_one_trade_and_starts_another() -> None:
    record = played([(1, 10, 10_000), (-1, 25, 10_100), (1, 15, 10_200)])
    trades = group(record, TradeGrouping.FLAT_TO_FLAT)
    assert trades["side"].tolist() == [1, -1] and trades["quantity"].tolist() == [10, 15]
    assert trades["entry_fill"].tolist() == [0, 1] and trades["exit_fill"].tolist() == [1, 2]
    assert trades["fees"].sum() == 9 and trades["fees"].tolist() == [3 + 1, 2 + 3]


def test_average_booking_prices_a_partial_exit_by_cost() -> None:
    record = played([(1, 10, 10_000), (1, 30, 10_100), (-1, 20, 10_200)], lots="average")
    fill = group(record, TradeGrouping.FILL_TO_FILL)
    assert fill["entry_price"].tolist() == [10_075, 10_075]
    assert group(record, TradeGrouping.LOT)["entry_price"].tolist() == [10_075]


@given(st.integers(-(10**15), 10**15), st.lists(st.integers(1, 10**9), min_size=1, max_size=6))
def test_shares_add_up_and_are_fair(total: int, quantities: list[int]) -> None:
    parts = share(total, quantities)
    assert sum(parts) == total
    left, lots = total, sum(quantities)
    for part, quantity in zip(parts, quantities, strict=True):
        assert abs(part * lots - left * quantity) * 2 <= lots
        left, lots = left - part, lots - quantity


@given(
    st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=1500).map(lambda values: np.array(values * 3, np.int64)),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 10**6)), min_size=1, max_size=8),
)
def test_range_extremes_are_those_of_slices(values: np.ndarray, ranges: list[tuple[int, int]]) -> None:
    start = np.array([a % len(values) for a, _ in ranges])
    stop = np.array([s + 1 + b % (len(values) - s) for s, (_, b) in zip(start.tolist(), ranges, strict=True)])
    assert _extreme(np.minimum, values, start, stop).tolist() == [
        int(values[a:b].min()) for a, b in zip(start, stop, strict=True)
    ]
    assert _extreme(np.maximum, values, start, stop).tolist() == [
        int(values[a:b].max()) for a, b in zip(start, stop, strict=True)
    ]


@pytest.mark.parametrize("length", (256, 512, 513, 1024, 5 * 256, 20 * 256 + 37))
def test_range_extremes_across_whole_blocks(length: int) -> None:
    """Ranges that begin and end on a block, just beside it and anywhere, from one value to all."""
    rng = np.random.default_rng(length)
    values = rng.integers(-1000, 1000, length)
    edges = sorted({edge for block in range(0, length + 1, 256) for edge in (block - 1, block, block + 1) if 0 <= edge <= length})
    ranges = np.array([(a, b) for a in [*edges, 100] for b in [*edges, length] if a < b])
    start, stop = rng.permutation(ranges).T
    for choose in (np.minimum, np.maximum):
        expected = [int(choose.reduce(values[a:b])) for a, b in zip(start, stop, strict=True)]
        assert _extreme(choose, values, start, stop).tolist() == expected
        few = [_extreme(choose, values, start[k : k + 1], stop[k : k + 1])[0] for k in range(0, len(start), 7)]
        assert few == expected[::7]


BARS = np.array([[100, 105, 95, 102], [102, 110, 90, 104], [104, 120, 80, 100], [100, 101, 99, 100]], np.int64)


def one_trade(entry: tuple[int, Stage, int], leave: tuple[int, Stage, int] | None, side: int = 1) -> np.void:
    """A trade on four known bars; (bar, stage, price) of entry and exit."""
    instrument = Instrument("AAA", price_decimals=0)
    opens = np.arange(4, dtype=np.int64) * MINUTE + MINUTE
    feed = Feed("AAA", 0, MINUTE, True, opens, opens + MINUTE, *BARS.T, None, np.zeros(4, np.uint8))
    tiny = Tiny(build_market([instrument], [feed]))
    instants = tiny.market.instants.tolist()
    deals = [(side, entry)] + ([(-side, leave)] if leave else [])
    for bar, instant in enumerate(instants):
        for way, (at, stage, price) in deals:
            if at == bar:
                order = tiny.order(instants[0], 0, 0, way, 1)
                tiny.event(instant, order, OrderEvent.SUBMIT)
                tiny.event(instant, order, OrderEvent.ACCEPT)
                tiny.fill(instant, order, 1, stage, 0, 0, price - way)
        tiny.mark(instant)
    return group(tiny.record(), TradeGrouping.FLAT_TO_FLAT)[0]


@pytest.mark.parametrize(
    "entry, leave, mae, mfe, bars",
    [
        # At the open: the entry bar counts fully, the exit bar with its price only.
        ((0, Stage.OPEN, 100), (2, Stage.OPEN, 104), -10, 10, 2),
        # Inside a bar: of the entry bar only its close (102) is known to be later; bar 1 fully.
        ((0, Stage.FIRST, 104), (2, Stage.OPEN, 104), -14, 6, 2),
        # Out at the close: the exit bar counts fully.
        ((1, Stage.OPEN, 102), (2, Stage.CLOSE, 100), -22, 18, 1),
        ((1, Stage.OPEN, 102), (2, Stage.FLAT_AT, 100), -22, 18, 1),
        # In and out inside one bar: only the two prices.
        ((1, Stage.OPEN, 102), (1, Stage.SECOND, 90), -12, 0, 0),
        ((1, Stage.FIRST, 110), (1, Stage.SECOND, 90), -20, 0, 0),
        ((1, Stage.OPEN, 102), (1, Stage.CLOSE, 104), -12, 8, 0),
        ((1, Stage.FIRST, 110), (1, Stage.CLOSE, 104), -6, 0, 0),
        ((1, Stage.FIRST, 95), (1, Stage.SECOND, 97), 0, 2, 0),
        ((1, Stage.FIRST, 109), (1, Stage.SECOND, 108), -1, 0, 0),
        # Still open: to the close of the last bar.
        ((2, Stage.CLOSE, 100), None, -1, 1, 1),
        ((3, Stage.CLOSE, 100), None, 0, 0, 0),
    ],
)
def test_excursions_of_a_long_trade(entry, leave, mae, mfe, bars) -> None:  # type: ignore[no-untyped-def]
    trade = one_trade(entry, leave)
    assert (int(trade["mae"]), int(trade["mfe"]), int(trade["bars_held"])) == (mae, mfe, bars)


def test_excursions_of_a_short_trade_are_mirrored() -> None:
    trade = one_trade((0, Stage.OPEN, 100), (2, Stage.OPEN, 104), side=-1)
    assert (int(trade["mae"]), int(trade["mfe"])) == (-10, 10)
    trade = one_trade((1, Stage.OPEN, 102), (2, Stage.CLOSE, 100), side=-1)
    assert (int(trade["mae"]), int(trade["mfe"])) == (-18, 22)


def test_of_several_exits_the_last_price_counts_in_excursions() -> None:
    """Not their average, which is the trade's exit price."""
    for side, way in ((1, "mae"), (-1, "mfe")):
        trade = group(played([(side, 2, 10_000), (-side, 1, 10_000), (-side, 1, 5_000)]), TradeGrouping.FLAT_TO_FLAT)[0]
        assert trade["exit_price"] == 7_500 and trade[way] == -side * 5_000


@pytest.mark.parametrize(
    "prices, average", [((100, 101), 100), ((101, 102), 102), ((-1, 0), 0), ((100, 100, 101), 100), ((7,), 7)]
)
def test_an_average_price_is_half_even_and_nothing_is_added(prices: tuple[int, ...], average: int) -> None:
    """Also where each price counts a thousand times, and where another trade's pieces lie between."""
    count = len(prices)
    for lots in (1, 1000):
        trade = np.array([2, *([1, 2] * count)])
        price = np.array([50, *(number for own in prices for number in (own, 50))])
        found = _average(4, trade, price, np.full(len(trade), lots))
        assert found.tolist() == [0, average, 50, 0]
    weighted = _average(1, np.zeros(2, np.int64), np.array([10, 20]), np.array([3, 1]))
    assert weighted.tolist() == [12]  # 12.5


def costs_of(deals: list[tuple[int, int]], lots: str = "fifo") -> dict[TradeGrouping, list[int]]:
    """Slippage cost of each trade for every grouping, in units of 10^-4, where (side, lots) are filled one unit (10^4) worse."""
    record = played([(side, quantity, 10_000) for side, quantity in deals], lots, slip=2)
    return {how: group(record, how)["slippage_cost"].tolist() for how in TradeGrouping}


def test_slippage_is_shared_by_what_a_fill_closes_and_opens() -> None:
    """Two units of slippage and one of spread, less one of the tick: 2 hundredths a lot, 20,000 money units."""
    unit = 20_000
    assert costs_of([(1, 3), (-1, 4), (1, 2)]) == {
        TradeGrouping.LOT: [6 * unit, 2 * unit, unit],
        TradeGrouping.FILL_TO_FILL: [6 * unit, 2 * unit, unit],
        TradeGrouping.FLAT_TO_FLAT: [6 * unit, 2 * unit, unit],
    }
    assert costs_of([(1, 3), (1, 2), (-1, 4)]) == {
        TradeGrouping.LOT: [6 * unit, 3 * unit],
        TradeGrouping.FILL_TO_FILL: [6 * unit, 2 * unit, unit],
        TradeGrouping.FLAT_TO_FLAT: [9 * unit],
    }
    average = costs_of([(1, 3), (1, 2), (-1, 4), (1, 2), (-1, 1)], "average")
    assert average[TradeGrouping.FILL_TO_FILL] == [8 * unit, 2 * unit, 2 * unit]


@pytest.mark.parametrize("step", ("spread", "slippage", "impact", "limit", "tick"))
def test_every_step_of_the_price_costs(step: str) -> None:
    """Three lots bought 5 units of 10^4 dearer, sold 2 units dearer: the latter is a gain."""
    record = played([(1, 3, 10_000), (-1, 3, 10_100)])
    fills = record.tables["fills"]
    for name in ("spread", "slippage", "impact", "limit", "tick"):
        fills[name] = [5, 2] if name == step else 0
    for how in TradeGrouping:
        assert group(record, how)["slippage_cost"].tolist() == [3 * (5 - 2) * 10_000]


def test_no_fills_no_trades() -> None:
    tiny = Tiny(make_market([Instrument("AAA")], 3))
    for instant in tiny.market.instants.tolist():
        tiny.mark(instant)
    for how in TradeGrouping:
        assert len(group(tiny.record(), how)) == 0


def test_a_run_that_failed_inside_its_next_bar_values_the_last_fill_at_its_price() -> None:
    record = played([(1, 10, 10_000), (1, 10, 10_100)])
    cut = type(record)(**{**vars(record), "instants": record.instants[:2], "equity": record.equity[:2]})
    trade = group(cut, TradeGrouping.FLAT_TO_FLAT)[0]
    assert trade["exit_price"] == 10_100 and trade["gross_pnl"] == 10 * 10**6
    assert trade["bars_held"] >= 0
