"""A folder held against its data: real runs of every path and setting pass, every planted falsification is found and named."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import fillwright as fw
from fillwright.data.market import Market, build_market
from fillwright.errors import CheckFailed
from fillwright.journal import RunRecord
from fillwright.model.codes import BarPath, Liquidity, OrderEvent, Reason, Stage
from fillwright.model.columns import FILES
from fillwright.model.instrument import Instrument
from fillwright.portfolio import Portfolio
from fillwright.result import Result
from fillwright.verify import Verification, verify_folder
from verify.restless import COSTS, MARKETS, bars_of, currencies, plain, run
from verify.test_verify import flipped, rewrite, spoil_json

pytestmark = pytest.mark.kernel

PATHS = (
    "direction", "nearest", "open_high_low_close", "open_low_high_close", "worst", "best", "probabilistic", "close_only",
)  # fmt: skip
FEES = (COSTS["commission"], {"model": "per_unit", "amount": "0.01", "minimum": 1}, {"model": "per_order", "amount": 2})


def ticked() -> Market:
    """Prices in cents, orders in steps of five."""
    return fw.make_bars(600, seed=8, timeframe="1h", instrument=Instrument("TICK", price_decimals=2, tick=5))


def settings(number: int, lookahead: bool, name: str) -> dict[str, Any]:
    """Path number ``number`` with a different choice of everything else that decides where orders fill."""
    ticks = {"model": "ticks", "ticks": 1}
    return {
        "execution": {
            "path": PATHS[number],
            "fill": "same_close_lookahead" if lookahead else "next_event",
            "latency": ("0ms", "30s", "90min")[number % 3],
            "participation": (None, "0.1", "0.003")[(number + lookahead) % 3],
            "clamp_to_range": number % 2 == 1,
            "limit_through": ("0", "1 tick" if name == "tick" else "0.05")[number % 2],
        },
        "orders": {
            "flat_at": ([], ["day_end", "run_end"])[number % 2],
            "reversal": ("one_order", "two_orders")[number // 2 % 2],
            "time_in_force": ("GTC", "DAY")[number // 4],
            "off_tick": "passive",
        },
        "account": {"leverage": 3},
        "costs": {"commission": FEES[number % 3], "slippage": ticks if name == "tick" else COSTS["slippage"]},
    }


def failed(verification: Verification) -> dict[str, str]:
    """Failed checks by name."""
    return {check.name: check.detail for check in verification.checks if not check.ok}


@pytest.mark.parametrize("lookahead", (False, True))
@pytest.mark.parametrize("number", range(len(PATHS)), ids=PATHS)
def test_runs_of_every_path_and_setting_agree_with_their_data(number: int, lookahead: bool, tmp_path: Path) -> None:
    name = (*MARKETS, "tick")[(number + lookahead) % 4]
    market = ticked() if name == "tick" else MARKETS[name]()
    result = run(market, settings(number, lookahead, name), 1)
    assert len(result.record.tables["fills"]) > 10
    verification = verify_folder(result.save(tmp_path / "run"), market=bars_of(market))
    assert verification.ok, verification.text()


@pytest.mark.sim
@pytest.mark.parametrize("name", (*MARKETS, "tick"))
@pytest.mark.parametrize("number", range(len(PATHS)), ids=PATHS)
def test_many_more_of_them(number: int, name: str, seed: int, tmp_path: Path) -> None:
    market = ticked() if name == "tick" else MARKETS[name]()
    for lookahead in (False, True):
        for more in range(5):
            result = run(market, settings(number, lookahead, name), 100 * seed + more)
            verification = verify_folder(result.save(tmp_path / f"{lookahead}{more}"), market=bars_of(market))
            assert verification.ok, verification.text()


@pytest.fixture(scope="module")
def honest() -> RunRecord:
    """A run with all orders, limits and stops, and volume that binds."""
    return run(
        plain(), {"account": {"leverage": 3}, "orders": {"time_in_force": "DAY"}, "execution": {"participation": "0.003"}}, 1
    ).record


def forge(record: RunRecord, changes: dict[str, list[tuple[str, int, int]]]) -> RunRecord:
    """The record with (column, row, value to add) of each table."""
    tables = dict(record.tables)
    for name, cells in changes.items():
        tables[name] = tables[name].copy()
        for column, row, more in cells:
            tables[name][column][row] += more
    return replace(record, tables=tables)


def judge(record: RunRecord, market: Market, folder: Path) -> dict[str, str]:
    """What level 1 finds nothing in, level 2 does: its findings."""
    saved = Result(record).save(folder)
    assert failed(verify_folder(saved)) == {}
    return failed(verify_folder(saved, market=bars_of(market)))


def rows_where(record: RunRecord, **wanted: int) -> list[int]:
    """Fills with these codes."""
    fills = record.tables["fills"]
    fits = np.ones(len(fills), np.bool_)
    for column, value in wanted.items():
        fits &= fills[column] == value
    return np.flatnonzero(fits).tolist()


@pytest.mark.parametrize("stage", (Stage.OPEN, Stage.FIRST, Stage.SECOND))
@pytest.mark.parametrize("off", (-1, 1))
def test_a_reference_that_is_off_by_one_unit(honest: RunRecord, stage: Stage, off: int, tmp_path: Path) -> None:
    row = rows_where(honest, stage=stage)[0]
    false = forge(honest, {"fills": [("reference_price", row, off), ("slippage", row, -off)]})
    found = judge(false, honest.market, tmp_path / "run")
    assert f"fills.parquet row {row} column reference_price: found" in found["data.reference"]
    assert f"fills.parquet row {row} column slippage" in found["data.slippage"]


def test_a_reference_outside_of_its_bar(honest: RunRecord, tmp_path: Path) -> None:
    row = rows_where(honest, stage=Stage.OPEN)[3]
    fill = honest.tables["fills"][row]
    feed = honest.market.execution_feed(0)
    bar = int(np.searchsorted(feed.open_time, fill["event_time"]))
    off = int(feed.high[bar] - fill["reference_price"]) + 1
    found = judge(
        forge(honest, {"fills": [("reference_price", row, off), ("slippage", row, -off)]}), honest.market, tmp_path / "run"
    )
    assert f"fills.parquet row {row} column reference_price" in found["data.range"]
    assert "outside of its bar" in found["data.range"]


def test_a_fill_on_a_bar_that_was_under_way_or_before_its_arrival(honest: RunRecord, tmp_path: Path) -> None:
    """The order is made to arrive one ns after the open of the bar that it filled on."""
    fills, orders, events = (honest.tables[name] for name in ("fills", "orders", "order_events"))
    replaced = set(events["order_id"][events["event"] == OrderEvent.REPLACE].tolist())
    for name, stages in (("under way", (Stage.FIRST, Stage.SECOND, Stage.CLOSE)), ("before its order arrived", (Stage.OPEN,))):
        row = next(
            row for row in range(len(fills)) if fills["stage"][row] in stages and int(fills["order_id"][row]) not in replaced
        )
        order = int(fills["order_id"][row])
        late = int(fills["event_time"][row]) + 1 - int(orders["arrived_at"][order])
        accepted = int(np.flatnonzero((events["order_id"] == order) & (events["event"] == OrderEvent.ACCEPT))[0])
        changes = {"orders": [("arrived_at", order, late)], "order_events": [("time", accepted, late)]}
        saved = Result(forge(honest, changes)).save(tmp_path / name.replace(" ", ""))
        found = failed(verify_folder(saved, market=bars_of(honest.market)))
        assert f"fills.parquet row {row} column event_time: filled" in found["data.arrival"]
        assert name in found["data.arrival"]


def test_a_fill_above_participation(honest: RunRecord, tmp_path: Path) -> None:
    config = honest.config
    less = config.model_copy(
        update={"execution": config.execution.model_copy(update={"participation": config.execution.participation / 10})}
    )
    found = judge(replace(honest, config=less), honest.market, tmp_path / "run")
    assert "column quantity: above participation" in found["data.participation"]


def test_volume_that_was_offered_to_two_orders(honest: RunRecord, tmp_path: Path) -> None:
    fills = honest.tables["fills"]
    shared = np.flatnonzero(fills["event_time"][1:] == fills["event_time"][:-1]) + 1
    row = int(shared[0])
    before = int(fills["quantity"][row - 1])
    found = judge(forge(honest, {"fills": [("available", row, before)]}), honest.market, tmp_path / "run")
    assert list(found) == ["data.participation"]
    assert f"row {row} column available" in found["data.participation"]


def other_close(market: Market, symbol: int, row: int, off: int) -> Market:
    """The market with one close moved."""
    feeds = []
    for feed in market.feeds:
        if feed.instrument == symbol:
            close = feed.close.copy()
            close[row] += off
            feed = replace(feed, close=close)
        feeds.append(feed)
    return build_market(market.instruments, feeds)


def test_a_wrong_mark_with_equity_to_match(honest: RunRecord, tmp_path: Path) -> None:
    """A better close at one instant: marks, equity and drawdown all follow from it, so nothing in the folder contradicts it."""
    held = Portfolio(honest).marks
    instant = int(held["instant"][len(held) // 2])
    row = int(np.searchsorted(honest.market.execution_feed(0).close_time, instant))
    false = replace(honest, market=other_close(honest.market, 0, row, 1))
    false = replace(false, equity=np.array(Portfolio(false).books.equity, np.int64))
    found = judge(false, honest.market, tmp_path / "run")
    assert "marks.parquet row" in found["data.marks"] and "the last close" in found["data.marks"]


def test_a_wrong_rate_with_equity_to_match(tmp_path: Path) -> None:
    honest = run(currencies(), {"account": {"leverage": 3}, "execution": {"participation": None}}, 1).record
    for symbol, name in ((2, "EURUSD"), (3, "USDJPY")):
        false = replace(honest, market=other_close(honest.market, symbol, 120, 3))
        false = replace(false, equity=np.array(Portfolio(false).books.equity, np.int64))
        found = judge(false, honest.market, tmp_path / name)
        assert "marks.parquet row" in found["data.rates"] and name in found["data.rates"]


@pytest.mark.parametrize(
    "check, column, wanted, change",
    [
        ("data.path", "path", {"path": BarPath.OPEN_LOW_HIGH_CLOSE, "stage": Stage.SECOND}, -1),
        ("data.liquidity", "liquidity", {"liquidity": Liquidity.MAKER}, Liquidity.TAKER - Liquidity.MAKER),
        ("data.bar", "event_time", {"stage": Stage.OPEN}, 1),
        ("data.fee", "fee", {"liquidity": Liquidity.TAKER}, 1),
        ("data.mae", "mae", {}, -1),
        ("data.bars_held", "bars_held", {}, 1),
        ("data.decisions", "decision_price", {}, 1),
    ],
)
def test_other_falsehoods(
    honest: RunRecord, check: str, column: str, wanted: dict[str, int], change: int, tmp_path: Path
) -> None:
    table = {"data.decisions": "orders"}.get(check, "fills")
    result = Result(honest)
    if check in ("data.mae", "data.bars_held"):
        result._trades[column][2] += change
        text = f"trades.parquet row 2 column {column}"
    else:
        row = rows_where(honest, **wanted)[0] if table == "fills" else 5
        result = Result(forge(honest, {table: [(column, row, change)]}))
        text = f"{table}.parquet row {row} column {column}"
    found = failed(verify_folder(result.save(tmp_path / "run"), market=bars_of(honest.market)))
    assert text in found[check]


def test_an_order_that_expired_at_a_wrong_time(honest: RunRecord, tmp_path: Path) -> None:
    events = honest.tables["order_events"]
    for reason in (Reason.DAY_END, Reason.END_OF_DATA):
        rows = np.flatnonzero((events["event"] == OrderEvent.EXPIRE) & (events["reason"] == reason))
        if not len(rows):
            continue
        row = int(rows[0])
        order = int(events["order_id"][row])
        changes = {"order_events": [("time", row, -1)], "orders": [("done_at", order, -1)]}
        found = judge(forge(honest, changes), honest.market, tmp_path / reason.name)
        assert f"order_events.parquet row {row} column time: {reason.name.lower()} is not at" in found["data.expiry"]


def test_an_end_that_came_too_early(honest: RunRecord, tmp_path: Path) -> None:
    """A folder of the first part of the data is none of the whole."""
    market = plain() if len(plain().instants) == len(honest.market.instants) else honest.market
    longer = fw.make_bars(700, seed=3, timeframe="1h")
    assert np.array_equal(longer.feeds[0].close[:600], market.feeds[0].close)
    found = judge(honest, longer, tmp_path / "run")
    assert "it ends too early" in found["data.instants"]


def test_what_the_data_imply_is_no_longer_taken_as_given(honest: RunRecord, tmp_path: Path) -> None:
    saved = Result(honest).save(tmp_path / "run")
    alone, held = verify_folder(saved), verify_folder(saved, market=bars_of(honest.market))
    given = dict(item.split(": ", 1) for item in held.inputs)
    assert "reference_price" in " ".join(alone.inputs) and "reference_price" not in given["fills.parquet"]
    assert given["marks.parquet"] == "instant, symbol, currency"


@pytest.mark.parametrize("seed", range(30))
def test_a_changed_input_never_ends_in_a_traceback(honest: RunRecord, seed: int, tmp_path: Path) -> None:
    """Any cell of any table, or any value of run.json, with the data at hand: findings, or a readable error."""
    rng = random.Random(seed)
    folder = Result(honest).save(tmp_path / "run")
    if seed % 3 == 0:
        spoil_json(folder / "run.json", rng)
    else:
        table = rng.choice([table for table in FILES if len(honest.tables.get(table.name, honest.tables["orders"]))])
        column = rng.choice(table.canonical)
        arrow = pq.read_table(folder / f"{table.name}.parquet")
        rewrite(folder / f"{table.name}.parquet", flipped(arrow, column, rng.randrange(arrow.num_rows), rng))
    try:
        verify_folder(folder, hashes=False, market=bars_of(honest.market))
    except CheckFailed as error:
        assert str(error)


class Clockwork(fw.Strategy):
    """Trades at bars of two timeframes and, between bars, by a timer."""

    def on_start(self) -> None:
        self.every("20min", self.flip)

    def on_bar(self, bar) -> None:  # type: ignore[no-untyped-def]
        self.buy(bar.symbol, 1, limit=round(bar.close * 0.999, 2))

    def flip(self) -> None:
        send = self.sell if self.position("MADE").quantity > 0 else self.buy
        send("MADE", 2)


def test_timers_between_bars_and_timeframes_that_only_inform(tmp_path: Path) -> None:
    market = fw.make_bars(120, seed=3, timeframe="1h") + fw.make_bars(60, seed=4, timeframe="2h")
    result = fw.run(Clockwork(), market, leverage=5)
    decided = set(result.record.tables["orders"]["decided_at"].tolist())
    assert decided - set(market.instants.tolist()), "no order was decided between bars"
    verification = verify_folder(result.save(tmp_path / "run"), market=bars_of(market))
    assert verification.ok, verification.text()
