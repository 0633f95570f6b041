"""The life of trades: a story by hand, and that callbacks, subscribers, the table and the grouping say the same."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_ledger import BOOKINGS, scenario

import fillwright as fw
from fillwright.config.shorthand import apply_shorthand
from fillwright.journal import TRADE_KINDS, View
from fillwright.model.codes import TradeEvent, TradeGrouping, TradeStatus
from fillwright.model.columns import TRADE_EVENTS
from fillwright.trades.events import TradeWatch, trade_events
from fillwright.trades.grouping import group
from fillwright.verify import verify_folder
from scenarios.table import market

pytestmark = pytest.mark.kernel

RISES = "\n".join(f"09:{minute} {100 + minute}" for minute in range(30, 45))


class Tells(fw.Strategy):
    """Notes what it is told of trades; ``act(self, bar)`` is what it does at each bar."""

    act: Any = fw.param(None)
    told: list[Any] = fw.state([])

    def on_bar(self, bar: Any) -> None:
        self.act(self, bar)

    def on_trade_opened(self, trade: Any) -> None:
        self.told.append(("trade_opened", trade))

    def on_trade_changed(self, trade: Any) -> None:
        self.told.append(("trade_changed", trade))

    def on_trade_closed(self, trade: Any) -> None:
        self.told.append(("trade_closed", trade))

    def on_stop(self) -> None:
        TOLD[:] = self.told


TOLD: list[tuple[str, View]] = []


def story(strategy: Any, bar: Any) -> None:
    """In 10, a stop under it, the stop moved, in 5 more, out 3, reversed to short 4, out."""
    if bar.index == 0:
        strategy.buy("X", 10, tag="one")
    elif bar.index == 1:
        strategy.guard = strategy.sell("X", 10, stop=90)
        strategy.add = strategy.buy("X", 1, limit=50)
    elif bar.index == 2:
        strategy.guard.replace(stop=95)
        strategy.add.replace(limit=51)
    elif bar.index == 3:
        strategy.buy("X", 5)
    elif bar.index == 4:
        strategy.sell("X", 3)
    elif bar.index == 5:
        strategy.guard.cancel()
        strategy.sell("X", 16)
    elif bar.index == 6:
        strategy.close("X")


def test_a_story() -> None:
    result = fw.run(Tells(act=story), market(RISES), commission={"model": "per_order", "amount": "1.00"})
    seen = [
        (kind, trade.trade_id, trade.event.name, trade.side.name, trade.quantity, trade.change, trade.fill_id, trade.stop_price)
        for kind, trade in TOLD
    ]
    assert seen == [
        ("trade_opened", 0, "OPENED", "BUY", 10, 10, 0, 0),
        ("trade_changed", 0, "PROTECTION_MOVED", "BUY", 10, 0, None, 95),
        ("trade_changed", 0, "INCREASED", "BUY", 15, 5, 1, 0),
        ("trade_changed", 0, "REDUCED", "BUY", 12, 3, 2, 0),
        ("trade_closed", 0, "CLOSED", "BUY", 0, 12, 3, 0),
        ("trade_opened", 1, "OPENED", "SELL", 4, 4, 3, 0),
        ("trade_closed", 1, "CLOSED", "SELL", 0, 4, 4, 0),
    ]
    reduced, closed, opened = (TOLD[k][1] for k in (3, 4, 5))
    # FIFO: 3 of the 10 bought at 131, sold at 135; then 7 of them and 5 bought at 134, sold at 136.
    assert (reduced.price, reduced.realised, closed.realised) == (135, 12, 7 * 5 + 5 * 2)
    assert (closed.fee, opened.fee) == (0.75, 0.25)
    assert [trade.order_id for _, trade in TOLD][:3] == [0, 1, 3]
    frame = result.trade_events
    assert frame["event"].tolist() == [trade.event.name.lower() for _, trade in TOLD]
    assert frame["trade_id"].tolist() == [0, 0, 0, 0, 0, 1, 1]


class Restless(Tells):
    """Orders of every kind at random, some of them replaced."""

    seed: int = fw.param(1)
    names_lots: bool = fw.param(False)

    def on_start(self) -> None:
        self.rng = random.Random(self.seed)

    def on_bar(self, bar: Any) -> None:
        rng = self.rng
        near = round(bar.close * rng.uniform(0.98, 1.02), 2)
        send, what = rng.choice((self.buy, self.sell)), rng.randrange(9)
        waiting = [order for order in self.orders() if order.type is not fw.OrderType.MARKET]
        if self.names_lots and what == 0 and (lots := self.lots(bar.symbol)):
            lot = rng.choice(lots)
            (self.sell if lot.quantity > 0 else self.buy)(bar.symbol, rng.randint(1, 12), lot=lot.id)
        elif what < 2:
            send(bar.symbol, rng.randint(1, 30))
        elif what == 2:
            send(bar.symbol, rng.randint(1, 30), limit=near)
        elif what == 3:
            send(bar.symbol, rng.randint(1, 30), stop=near)
        elif what == 4:
            self.target(bar.symbol, rng.randint(-30, 30))
        elif what < 8 and waiting:
            rng.choice(waiting).replace(quantity=rng.randint(1, 40), limit=near, stop=near)
        elif waiting:
            rng.choice(waiting).cancel()


def wild(seed: int) -> Any:
    """Bars of two instruments."""
    rng, rows = random.Random(seed), []
    for symbol in ("A", "B"):
        price = 100.0
        for minute in range(150):
            open_ = round(price + rng.uniform(-0.5, 0.5), 2)
            price = round(max(20.0, open_ + rng.uniform(-1.5, 1.5)), 2)
            high, low = max(open_, price) + rng.randint(0, 70) / 100, min(open_, price) - rng.randint(0, 70) / 100
            time = np.datetime64("2024-01-02T14:30", "ns") + np.timedelta64(minute, "m")
            rows.append((symbol, time, open_, round(high, 2), round(low, 2), price, rng.randint(30, 900)))
    names = ("symbol", "time", "open", "high", "low", "close", "volume")
    columns = dict(zip(names, map(np.array, zip(*rows, strict=True)), strict=True))
    return fw.read_bars(columns, symbol_column="symbol", tz="UTC", timeframe="1min", stamp="open")


COSTS: dict[str, Any] = {"commission": {"model": "rate", "rate": "0.1%", "minimum": 1}, "slippage": "3bp"}
SETTINGS: tuple[dict[str, Any], ...] = (
    {"leverage": 10},
    {"leverage": 10, "reversal": "one_order", "lots": "lifo", "latency": "70s"},
    {"leverage": 10, "lots": "specific"},
    {"leverage": 5, "fill": "same_close_lookahead", "lots": "highest_cost", "flat_at": ["run_end"]},
)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("options", SETTINGS)
def test_callbacks_subscribers_table_and_verifier_agree(options: dict[str, Any], seed: int, tmp_path: Path) -> None:
    strategy = Restless(seed=seed, names_lots=options.get("lots") == "specific")
    run = fw.Run(strategy, wild(seed), apply_shorthand(None, options | COSTS))
    heard: list[tuple[str, View]] = []
    for kind in dict.fromkeys(TRADE_KINDS.values()):
        run.journal.subscribe(kind, lambda view, kind=kind: heard.append((kind, view)))
    result = run.execute()
    record = result.record
    assert not strategy.names_lots or (record.tables["orders"]["lot_id"] >= 0).sum() > 10
    rows = trade_events(record)
    table = [(TRADE_KINDS[int(row["event"])], View(TRADE_EVENTS, row, record.names, record.scales)) for row in rows]
    assert heard == table
    # What happens after the last callback is told to nobody inside; all the rest is.
    last = record.instants[-1]
    assert table[: len(TOLD)] == TOLD and all(view.raw("instant") == last for _, view in table[len(TOLD) :])
    assert {int(row["event"]) for row in rows} == {int(event) for event in TradeEvent}
    verification = verify_folder(result.save(tmp_path / "run"))
    assert verification.ok, verification.text()


class Steps(fw.Strategy):
    """Scales in and out, crosses zero; what it was told is declared."""

    told: list[Any] = fw.state([])

    def on_bar(self, bar: Any) -> None:
        self.target(bar.symbol, (5, 8, 3, -4, -6, 0, 2)[bar.index % 7])

    def on_trade_opened(self, trade: Any) -> None:
        self.told.append(("opened", trade.trade_id, trade.fill_id, trade.quantity, trade.realised))

    def on_trade_changed(self, trade: Any) -> None:
        self.told.append(("changed", trade.trade_id, trade.fill_id, trade.quantity, trade.realised))

    def on_trade_closed(self, trade: Any) -> None:
        self.told.append(("closed", trade.trade_id, trade.fill_id, trade.quantity, trade.realised))

    def on_stop(self) -> None:
        TOLD[:] = self.told


@pytest.mark.parametrize("minute", ("09:32", "09:35", "09:40"))
def test_a_run_that_goes_on_from_a_checkpoint_is_told_the_same(minute: str, tmp_path: Path) -> None:
    run = fw.Run(Steps(), market(RISES))
    run.until(f"2024-01-02T{minute}")
    run.checkpoint(tmp_path / "x")
    run.execute()
    whole = list(TOLD)
    assert len(whole) > 12 and {what for what, *_ in whole} == {"opened", "changed", "closed"}
    rest = fw.Run.from_checkpoint(tmp_path / "x", Steps(), market(RISES))
    again: list[int] = []
    for kind in dict.fromkeys(TRADE_KINDS.values()):
        rest.journal.subscribe(kind, lambda view: again.append(view.seq))
    rest.execute()
    assert whole == TOLD
    assert again and again == list(range(again[0], len(whole)))


@pytest.mark.parametrize("kind", ("plain", "crypto", "fx"))
@pytest.mark.parametrize("lots", BOOKINGS)
def test_events_add_up_to_flat_to_flat_trades(kind: str, lots: str) -> None:
    record = scenario(kind, 4, bars=200, lots=lots)
    rows, trades = trade_events(record), group(record, TradeGrouping.FLAT_TO_FLAT)
    assert np.array_equal(np.unique(rows["trade_id"]), trades["trade_id"])
    for trade in trades:
        mine = rows[rows["trade_id"] == trade["trade_id"]]
        entered = mine[np.isin(mine["event"], (TradeEvent.OPENED, TradeEvent.INCREASED))]
        left = mine[np.isin(mine["event"], (TradeEvent.REDUCED, TradeEvent.CLOSED))]
        assert mine["event"][0] == TradeEvent.OPENED and (entered["event"][1:] == TradeEvent.INCREASED).all()
        assert (mine["side"] == trade["side"]).all() and (mine["symbol"] == trade["symbol"]).all()
        assert entered["fill_id"][0] == trade["entry_fill"] and entered["change"].sum() == trade["quantity"]
        assert mine["fee"].sum() == trade["fees"]
        closed = trade["status"] == TradeStatus.CLOSED
        assert (mine["event"][-1] == TradeEvent.CLOSED) == closed
        assert mine["quantity"][-1] == entered["change"].sum() - left["change"].sum()
        if closed:
            assert mine["realised"].sum() == trade["gross_pnl"] and mine["fill_id"][-1] == trade["exit_fill"]
            assert mine["exit_reason"][-1] == trade["exit_reason"]


@pytest.mark.parametrize("kind", ("plain", "fx"))
def test_a_watch_says_the_same_however_its_events_are_cut(kind: str) -> None:
    record = scenario(kind, 2, bars=200)
    rng, start, parts, watch = random.Random(3), 0, [], TradeWatch()
    while start < len(record.tables["order_events"]):
        stop = start + rng.randint(1, 40)
        parts.append(watch.see(record.tables, start, min(stop, len(record.tables["order_events"]))))
        start = stop
    assert np.array_equal(np.concatenate(parts), trade_events(record))


def test_no_fills_no_events() -> None:
    record = scenario("plain", 1, bars=30, rate=0.0)
    assert len(trade_events(record)) == 0
