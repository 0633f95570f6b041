"""A bracket in every sequence of up to four events: what must hold of its exits whatever happens, and that the reference agrees.

Each instrument of a scenario plays one sequence, so that many are played at once; the account is large enough for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, product

import pytest

from fillwright.model.codes import OrderEvent, OrderFlag, OrderStatus, OrderType, Reason, Side, SizeMode, TimeInForce
from fillwright.model.instrument import Instrument
from fillwright.model.lifecycle import TERMINAL
from oracle import harness
from reference.scenario import RATE, Bar, Cancel, Command, Journal, Order, Replace, Scenario, Settings

pytestmark = pytest.mark.kernel

MINUTE = 60 * 10**9
ENTRY, TARGET, STOP = 0, 1, 2
QUIET = (101, 101, 101, 101, 0)
BARS = {
    "part of the entry": (100, 100, 100, 100, 4),
    "rest of the entry": (100, 100, 100, 100, 100),
    "stop": (101, 101, 94, 94, 100),
    "part of the stop": (101, 101, 94, 94, 3),
    "target": (101, 106, 101, 106, 100),
    "part of the target": (101, 106, 101, 106, 3),
    "gap down": (90, 90, 90, 90, 100),
    "gap up": (110, 110, 110, 110, 100),
    "both ways": (101, 106, 94, 101, 100),
    "day end": QUIET,
    "trade by hand": (101, 101, 101, 101, 100),
}
"""Open, high, low, close and volume of the bar that an event is, for a long position."""
REQUESTS: dict[str, tuple[int, int, int, int]] = {
    "cancel entry": (ENTRY, 0, 0, 0),
    "cancel target": (TARGET, 0, 0, 0),
    "cancel stop": (STOP, 0, 0, 0),
    "larger entry": (ENTRY, 14, 0, 0),
    "smaller entry": (ENTRY, 6, 0, 0),
    "nearer stop": (STOP, 0, 0, 97),
    "larger target": (TARGET, 20, 0, 0),
    "smaller stop": (STOP, 3, 0, 0),
}
"""Order of the bracket, quantity, limit and stop of a replace; a cancel has none. Events of a bar in which nothing trades."""
EVENTS = (*BARS, *REQUESTS)
FOLLOWS = {
    Reason.FOLLOWS_ENTRY, Reason.OCO_FILLED, Reason.SHRUNK_TO_POSITION, Reason.NOTHING_TO_REDUCE, Reason.EXIT_FILLED,
    Reason.PARENT_ENDED,
}  # fmt: skip
"""Reasons of events that belong to the fill before them."""
AT_ONCE = 60


def scenario_of(words: Sequence[Sequence[str]], side: int, latency: int) -> Scenario:
    """One scenario in which each instrument plays a sequence of events."""
    length = max(map(len, words))
    flow: dict[int, list[Command]] = {}
    feeds = []
    late = -(-latency // MINUTE)  # bars that are over before the bracket meets one
    take, loss = (price(level, side) for level in (105, 95))
    for number in range(len(words)):  # all brackets first: their orders are numbered one after the other
        entry = Order(number, Side(side), SizeMode.UNITS, 10, OrderType.LIMIT, TimeInForce.DAY, price(100, side))
        flow.setdefault(MINUTE, []).append(replace(entry, take_profit=take, stop_loss=loss))
    for number, word in enumerate(words):
        feed = [bar(0, QUIET, side)]
        for k in range(1, length + 2 * late + 3):
            event = word[k - late - 1] if late < k <= late + len(word) else ""
            feed.append(bar(k, BARS.get(event, QUIET), side, event == "day end"))
            flow.setdefault(k * MINUTE, []).extend(commands(number, event, side))
        feeds.append(feed)
    instruments = [Instrument(f"X{number:04}", price_decimals=2, tick=1) for number in range(len(words))]
    settings = Settings(initial_cash={0: 10**13}, latency_ns=latency, participation=RATE)
    return Scenario(instruments, feeds, settings, flow)


def price(level: int, side: int) -> int:
    """Price units of a level of the long bracket; a short one is its mirror image at 100."""
    return (level if side > 0 else 200 - level) * 100


def bar(number: int, shape: Sequence[int], side: int, last: bool = False) -> Bar:
    """Bar of a minute, mirrored for a short position."""
    first, high, low, end = (price(level, side) for level in shape[:4])
    return Bar(number * MINUTE, (number + 1) * MINUTE, first, max(high, low), min(high, low), end, shape[4], last)


def commands(number: int, event: str, side: int) -> Iterator[Command]:
    """What is asked before the bar of an event; the bracket of an instrument has the orders 3n to 3n + 2."""
    if event == "trade by hand":
        yield Order(number, Side(-side), SizeMode.UNITS, 5, OrderType.MARKET, TimeInForce.GTC)
    elif event in REQUESTS:
        which, quantity, limit, stop = REQUESTS[event]
        if event.startswith("cancel"):
            yield Cancel(3 * number + which)
        else:
            yield Replace(3 * number + which, quantity, limit, price(stop, side) if stop else 0)


class Book:
    """One instrument of a run, followed event by event."""

    def __init__(self, first: int, side: int) -> None:
        self.exits = (first + TARGET, first + STOP)
        self.entry = first
        self.side = side
        self.position = 0
        self.rows: dict[int, harness.Row] = {}
        self.finished = False  # an exit has been filled

    def live(self, number: int) -> bool:
        return self.rows[number]["status"] not in TERMINAL

    def working(self) -> list[int]:
        """Leaves of the exits that may trade."""
        free = [self.rows[k] for k in self.exits if k in self.rows and not self.rows[k]["flags"] & OrderFlag.HELD]
        return [row["leaves_quantity"] for row in free if row["status"] in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)]

    def check(self) -> None:
        """What holds once an event and all that follows from it have happened."""
        held = max(self.side * self.position, 0)
        assert max(self.working(), default=0) <= held, f"exits of {self.working()} for a position of {held}"
        if self.finished:
            assert not any(map(self.live, (self.entry, *self.exits))), "an exit was filled, and something is left"
        if self.position == 0 and self.entry in self.rows and not self.live(self.entry):
            assert not any(k in self.rows and self.live(k) for k in self.exits), "flat, and an exit is left"

    def see(self, row: harness.Row, fill: harness.Row | None) -> None:
        """The next event of one of its orders."""
        number = row["order_id"]
        if row["reason"] not in FOLLOWS and row["event"] != OrderEvent.RELEASE:
            self.check()
        self.rows[number] = row
        if fill is None:
            return
        before = self.position
        self.position += fill["side"] * fill["quantity"]
        if number in self.exits:
            assert before * self.side > 0 and 0 <= self.position * self.side < abs(before), "an exit has not just reduced"
            self.finished |= row["event"] == OrderEvent.FILL_ALL


def check(journal: Journal, words: Sequence[Sequence[str]], side: int) -> int:
    """Hold all sequences of a run against what must be; how many exits were filled."""
    books = [Book(3 * number, side) for number in range(len(words))]
    exits = 0
    for row in journal.order_events:
        book = books[journal.orders[row["order_id"]]["symbol"]]
        fill = journal.fills[row["fill_id"]] if row["fill_id"] >= 0 else None
        try:
            book.see(row, fill)
        except AssertionError as error:
            raise AssertionError(
                f"{words[books.index(book)]}, side {side}: {error}, before {harness.describe(harness.TABLES[0], row)}"
            ) from None
        exits += row["order_id"] in book.exits and row["event"] == OrderEvent.FILL_ALL
    for book in books:
        book.check()
    return exits


def batches(words: Iterable[Sequence[str]]) -> Iterator[list[Sequence[str]]]:
    """Sequences by as many as one scenario plays."""
    waiting = iter(words)
    while batch := list(islice(waiting, AT_ONCE)):
        yield batch


VARIANTS = [(side, latency) for side in (1, -1) for latency in (0, 90 * 10**9)]


@pytest.mark.parametrize(("side", "latency"), VARIANTS)
def test_every_pair_of_events_agrees_with_the_reference(side: int, latency: int) -> None:
    exits = 0
    for batch in batches(word for length in (1, 2) for word in product(EVENTS, repeat=length)):
        scenario = scenario_of(batch, side, latency)
        difference = harness.difference(scenario)
        assert not difference, difference
        exits += check(harness.run_engine(scenario), batch, side)
    assert exits > 10


@pytest.mark.parametrize(("side", "latency"), VARIANTS)
def test_some_of_four_events(side: int, latency: int) -> None:
    step = 211  # prime to the number of events: it comes by all of them at each place
    exits = 0
    for batch in batches(islice(product(EVENTS, repeat=4), VARIANTS.index((side, latency)), None, step)):
        exits += check(harness.run_engine(scenario_of(batch, side, latency)), batch, side)
    assert exits > 100


@pytest.mark.sim
@pytest.mark.parametrize(("side", "latency"), VARIANTS)
def test_all_of_four_events(side: int, latency: int) -> None:
    for batch in batches(word for length in (3, 4) for word in product(EVENTS, repeat=length)):
        check(harness.run_engine(scenario_of(batch, side, latency)), batch, side)
