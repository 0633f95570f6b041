"""Callbacks about orders, fills, trades and sessions: each comes once, in order, and says the right thing."""

from __future__ import annotations

from typing import Any

import pytest

import fillwright as fw
from fillwright.model.codes import OrderEvent, OrderStatus
from scenarios.table import clock, market

BARS = "\n".join(f"09:{minute} {100 + minute}" for minute in range(31, 45))


class Journals(fw.Strategy):
    """Trades along a list of targets and notes what it is told."""

    targets_: Any = fw.param(())
    told: list[Any] = fw.state([])

    def on_bar(self, bar: Any) -> None:
        if bar.index < len(self.targets_):
            self.target(bar.symbol, self.targets_[bar.index])

    def on_trade_opened(self, trade: Any) -> None:
        self.told.append(("opened", trade.fill_id))

    def on_trade_changed(self, trade: Any) -> None:
        self.told.append(("changed", trade.fill_id))

    def on_trade_closed(self, trade: Any) -> None:
        self.told.append(("closed", trade.fill_id))

    def on_stop(self) -> None:
        TOLD[:] = self.told


TOLD: list[Any] = []


def told(*targets: float, **options: Any) -> list[Any]:
    """What is told of trades along these targets."""
    fw.run(Journals(targets_=targets), market(BARS), **options)
    return list(TOLD)


def test_scale_in_partial_close_and_close() -> None:
    assert told(5, 8, 3, 0) == [("opened", 0), ("changed", 1), ("changed", 2), ("closed", 3)]


def test_a_short_trade_is_told_alike() -> None:
    assert told(-5, -8, -3, 0) == [("opened", 0), ("changed", 1), ("changed", 2), ("closed", 3)]


def test_a_reversal_closes_and_opens() -> None:
    assert told(5, -5, 0, reversal="one_order") == [("opened", 0), ("closed", 1), ("opened", 1), ("closed", 2)]
    assert told(5, -5, 0) == [("opened", 0), ("closed", 1), ("opened", 2), ("closed", 3)]


def test_trades_again_after_flat() -> None:
    assert told(5, 0, 5) == [("opened", 0), ("closed", 1), ("opened", 2)]


def test_trades_are_told_after_the_order_and_the_fill() -> None:
    notes: list[str] = []

    class Notes(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            if bar.index < 2:
                self.target("X", 5 - 10 * bar.index)

        def on_order(self, order: Any, event: Any) -> None:
            notes.append(event.event.name)

        def on_fill(self, fill: Any) -> None:
            notes.append("fill")

        def on_trade_closed(self, trade: Any) -> None:
            notes.append(f"closed {trade.trade_id} of {trade.change:g}")

        def on_trade_opened(self, trade: Any) -> None:
            notes.append(f"opened {trade.trade_id} with {trade.quantity:g}")

    fw.run(Notes(), market(BARS), reversal="one_order")
    assert notes == [
        "SUBMIT", "ACCEPT", "FILL_ALL", "fill", "opened 0 with 5",
        "SUBMIT", "ACCEPT", "FILL_ALL", "fill", "closed 0 of 5", "opened 1 with 5",
    ]  # fmt: skip


def test_order_events_come_in_order_and_before_the_bar() -> None:
    notes: list[str] = []

    class Notes(fw.Strategy):
        def on_order(self, order: Any, event: Any) -> None:
            notes.append(f"{clock(self.now_ns)} {order.id} {event.event.name} {event.status.name}")

        def on_fill(self, fill: Any) -> None:
            notes.append(f"{clock(self.now_ns)} fill {fill.fill_id} {fill.quantity:g} @ {fill.price:g}")

        def on_bar(self, bar: Any) -> None:
            notes.append(f"{clock(self.now_ns)} bar")
            if bar.index == 0:
                self.buy("X", 3)
            if bar.index == 1:
                self.sell("X", 3, limit=500)
            if bar.index == 2:
                assert self.orders()[0].cancel()

    fw.run(Notes(), market("\n".join(BARS.splitlines()[:4])))
    assert notes == [
        "09:31 bar",
        "09:32 0 SUBMIT PENDING_NEW",
        "09:32 0 ACCEPT NEW",
        "09:32 0 FILL_ALL FILLED",
        "09:32 fill 0 3 @ 132",
        "09:32 bar",
        "09:33 1 SUBMIT PENDING_NEW",
        "09:33 1 ACCEPT NEW",
        "09:33 bar",
        "09:34 1 CANCEL_REQUEST NEW",
        "09:34 1 CANCEL CANCELED",
        "09:34 bar",
    ]


def test_every_event_is_told_exactly_once() -> None:
    seen: list[int] = []

    class Counts(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            self.cancel_all()
            self.buy("X", 1, limit=bar.close - 1)
            self.target("X", bar.index % 4 - 2)

        def on_order(self, order: Any, event: Any) -> None:
            seen.append(event.seq)

    result = fw.run(Counts(), market(BARS), leverage=4)
    events = result.record.tables["order_events"]
    # what happens at the last instant's callbacks and at the end of data comes after the last callback
    last = result.record.instants[-1]
    assert seen == list(range(len(seen)))
    assert set(events["seq"][len(seen) :]) <= set(events["seq"][events["instant"] == last])
    assert len(seen) > 50


def test_an_order_in_on_fill_arrives_like_any_other() -> None:
    class Protects(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            if bar.index == 0:
                self.buy("X", 5)

        def on_fill(self, fill: Any) -> None:
            if fill.position > 0:
                self.sell("X", fill.quantity, stop=fill.price - 5)

    result = fw.run(Protects(), market("09:31 100\n09:32 100\n09:33 100 101 90 91\n09:34 91"))
    fills = result.record.tables["fills"]
    assert fills["price"].tolist() == [10000, 9500]
    assert [clock(int(time)) for time in fills["instant"]] == ["09:32", "09:33"]
    orders = result.record.tables["orders"]
    assert clock(int(orders["decided_at"][1])) == "09:32"
    assert OrderStatus(int(orders["status"][1])) is OrderStatus.FILLED


def test_events_before_the_first_callback_are_not_told_late() -> None:
    """Engine orders of ``flat_at`` are events too, told with the events of their instant."""
    seen: list[str] = []

    class Flat(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            if bar.index == 0:
                self.buy("X", 5)

        def on_order(self, order: Any, event: Any) -> None:
            seen.append(f"{clock(self.now_ns)} {event.event.name}")

    fw.run(Flat(), market("09:31 100\n09:32 100\n09:33 100"), flat_at=["run_end"])
    assert [line for line in seen if line.startswith("09:33")] == ["09:33 SUBMIT", "09:33 ACCEPT", "09:33 FILL_ALL"]
    assert OrderEvent.FILL_ALL.name in seen[-1]


def test_sessions() -> None:
    instrument = fw.Instrument("X", price_decimals=2, timezone="America/New_York", session=(34_200, 57_600))
    data = market(
        """
        2024-01-02 09:31  100
        2024-01-02 16:00  101
        2024-01-03 09:31  102
        2024-01-03 16:00  103
        """,
        instrument,
    )
    notes: list[str] = []

    class Sessions(fw.Strategy):
        def on_session_open(self, symbol: str) -> None:
            notes.append(f"open {symbol} {self.now:%d %H:%M}")

        def on_session_close(self, symbol: str) -> None:
            notes.append(f"close {symbol} {self.now:%d %H:%M}")

        def on_bar(self, bar: Any) -> None:
            notes.append("bar")

    fw.run(Sessions(), data)
    assert notes == [
        "open X 02 14:31", "bar", "close X 02 21:00", "bar", "open X 03 14:31", "bar", "close X 03 21:00", "bar",
    ]  # fmt: skip


def test_only_what_is_written_is_called() -> None:
    class Nothing(fw.Strategy):
        """Decides nothing."""

    result = fw.run(Nothing(), market(BARS))
    assert result.record.counters["intents"] == 0
    assert len(result.record.equity) == 14


def test_a_compiled_strategy_with_callbacks_that_would_never_come_is_an_error() -> None:
    class Compiled(fw.Strategy):
        @fw.compiled
        def on_bar(ctx, p, s):  # type: ignore[no-untyped-def]
            ctx.target(1)

        def on_fill(self, fill: Any) -> None: ...

    with pytest.raises(fw.UsageError, match="has on_fill, which would never be called"):
        fw.run(Compiled(), market(BARS))


@pytest.mark.parametrize(
    ("name", "hint"), [("on_bra", "on_bar"), ("on_filled", "on_fill"), ("on_liquidity_news", "callbacks: on_start")]
)
def test_a_callback_that_would_never_be_called_is_an_error(name: str, hint: str) -> None:
    with pytest.raises(fw.UsageError, match="would never be called") as error:
        type("Misspelt", (fw.Strategy,), {name: lambda self, *rest: None})
    assert hint in (error.value.remedy or "")
