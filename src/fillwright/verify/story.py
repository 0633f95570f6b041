"""What was true of an order at each of its fills: the events of the journal, gone through once more in their order."""

from __future__ import annotations

from dataclasses import dataclass, field

from fillwright.verify.ledger import SIDES
from fillwright.verify.lifecycle import BUSTS, ENDED, FILLS, HELD, TELLS, UNASKED
from fillwright.verify.reading import Folder
from fillwright.verify.roles import Roles, roles

CLOSED_BY_OTHERS = ("canceled_by_user", "replaced_to_filled", "parent_ended", "liquidation", "max_drawdown", "max_daily_loss")
"""Reasons of cancels that do not come from meeting the market."""


@dataclass(frozen=True, slots=True)
class Met:
    """A fill's order when it met the market: its prices then, and since when it could.

    arrival    when it arrived, or lost its priority by a replace
    released   when its parent let it go, 0 = it never waited for one
    triggered  (instant, time) of its trigger, (0, 0) = none yet
    exposure   side of the position, else opposite to that of the first working order of the instrument, before the bar;
               None where its place in the list does not follow from the events
    """

    row: int
    order: int
    limit: int
    stop: int
    arrival: int
    released: int
    triggered: tuple[int, int]
    exposure: int | None


@dataclass
class _Order:
    symbol: int
    side: int
    quantity: int = 0
    limit: int = 0
    stop: int = 0
    arrival: int = 0
    released: int = 0
    trails: bool = False
    shows: bool = False
    parent: int = -1
    held: bool = False
    accepted: bool = False
    triggered: tuple[int, int] = (0, 0)


@dataclass
class Story:
    """``met`` by fill; ``arrivals`` int by order, the last one, 0 = it never arrived; ``replaced`` orders that lost priority.

    ``again`` are orders that arrived anew: filled ones that worked again once a fill was undone, and those released by a fill elsewhere.
    """

    met: dict[int, Met] = field(default_factory=dict)
    arrivals: list[int] = field(default_factory=list)
    replaced: set[int] = field(default_factory=set)
    again: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Event:
    row: int
    instant: int
    time: int
    order: int
    event: str
    status: str
    quantity: int
    limit: int
    stop: int
    fill: int
    reason: str
    before: str


def tell(folder: Folder) -> Story:
    """Go through all events."""
    return _Teller(folder).tell()


class _Teller:
    def __init__(self, folder: Folder) -> None:
        orders = folder["orders"]
        symbols, sides = folder.order_symbol.tolist(), orders["side"].tolist()
        self.folder = folder
        trails = (orders["trail_unit"] != 0).tolist()
        shows, parents = (folder.units("orders", "display_quantity") > 0).tolist(), orders["parent_id"].tolist()
        self.orders = [
            _Order(symbol, SIDES[side], trails=t, shows=s, parent=p)
            for symbol, side, t, s, p in zip(symbols, sides, trails, shows, parents, strict=True)
        ]
        self.unsure: set[int] = set()
        self.keeps_place = str(folder.run["config"]["orders"].get("bracket")) == "arm_on_full"
        self.working: dict[int, dict[int, None]] = {symbol: {} for symbol in range(len(folder.instruments))}
        self.position = [0] * len(folder.instruments)
        self.exposure: list[int | None] = [0] * len(folder.instruments)
        self.matched = 0
        self.accepted = (-1, -1)
        self.quantities = folder.units("fills", "quantity").tolist()
        self.story = Story()
        self.told: Roles = roles(folder)

    def tell(self) -> Story:
        flags = self.folder["order_events"]["flags"].tolist()
        for event in self._events():
            order = self.orders[event.order]
            if event.event == "submit":
                order.held = bool(flags[event.row] & HELD)
            if event.instant != self.matched and self._meets_market(event, order):
                self.matched = event.instant
                self.exposure = [self._exposed(symbol) for symbol in range(len(self.position))]
            self._take(event, order)
        self.story.arrivals = [order.arrival for order in self.orders]
        return self.story

    def _events(self) -> list[_Event]:
        folder, events = self.folder, self.folder["order_events"]
        return [
            _Event(row, *values)
            for row, values in enumerate(
                zip(
                    events["instant"].tolist(), events["time"].tolist(),
                    folder.references("order_events", "order_id", "orders").tolist(), events["event"].tolist(),
                    events["status"].tolist(), folder.units("order_events", "quantity").tolist(),
                    folder.units("order_events", "limit_price").tolist(), folder.units("order_events", "stop_price").tolist(),
                    events["fill_id"].tolist(), events["reason"].tolist(), events["status_before"].tolist(), strict=True,
                )
            )
        ]  # fmt: skip

    def _meets_market(self, event: _Event, order: _Order) -> bool:
        """Whether the event comes from meeting bars: what stood before the first of an instant, stood when its bars began."""
        if event.reason in ("shrunk_to_position", "nothing_to_reduce") and self.accepted == (event.row - 1, event.order):
            return False  # cut as it arrived
        if event.event in TELLS:
            return not 0 <= event.fill < len(self.told.of) or self.told.of[event.fill] < 0
        if event.event == "trigger":
            return True
        if event.event in ("shrink", "reject"):
            return order.accepted
        if event.reason in ("would_take", "auction_over"):
            return True
        return event.event == "cancel" and event.reason not in CLOSED_BY_OTHERS

    def _exposed(self, symbol: int) -> int | None:
        held = self.position[symbol]
        if held:
            return 1 if held > 0 else -1
        free = [number for number in self.working[symbol] if not self.orders[number].held]
        if not self.unsure.isdisjoint(free) and len({self.orders[number].side for number in free}) > 1:
            return None
        return -self.orders[free[0]].side if free else 0

    def _take(self, event: _Event, order: _Order) -> None:
        queue = self.working[order.symbol]
        if event.event == "accept":
            order.accepted, order.arrival = True, event.time
            self.accepted = event.row, event.order
            queue[event.order] = None
        elif event.event == "release":
            order.held, order.released = False, event.time
            self._move_up(event, order, queue)
        elif event.event == "hold":
            order.held = True
        elif event.event == "trigger":
            order.triggered = event.instant, event.time
        elif event.event == "replace":
            moved = (event.limit, event.stop) != (order.limit, order.stop)
            if event.reason not in UNASKED and (order.trails or moved or event.quantity > order.quantity):
                order.arrival = event.time
                self.story.replaced.add(event.order)
                queue.pop(event.order, None)
                queue[event.order] = None
        elif event.event in BUSTS and 0 <= event.fill < len(self.quantities):
            self.position[order.symbol] -= order.side * int(self.quantities[event.fill])
            if event.before == "filled" and not self.told.is_corrected(event.fill):
                order.arrival = event.time
                self.story.again.add(event.order)
                queue[event.order] = None
        elif event.event in FILLS and 0 <= event.fill < len(self.quantities):
            self.story.met[event.fill] = Met(
                event.row, event.order, event.limit, event.stop, order.arrival, order.released, order.triggered,
                self.exposure[order.symbol],
            )  # fmt: skip
            self.position[order.symbol] += order.side * int(self.quantities[event.fill])
            if order.shows:  # what it shows next goes to the end of the list, and no event says so
                self.unsure.add(event.order)
        if event.event != "replace_request":
            order.quantity, order.limit, order.stop = event.quantity, event.limit, event.stop
        if event.status in ENDED:
            queue.pop(event.order, None)

    def _move_up(self, event: _Event, order: _Order, queue: dict[int, None]) -> None:
        """A released order goes to the end of the list; where its parent is of another instrument, it arrives then."""
        if self.keeps_place:  # an entry that ended otherwise releases exits that stay where they are
            self.unsure.add(event.order)
        if event.order in queue:
            queue.pop(event.order)
            queue[event.order] = None
        if order.parent >= 0 and self.orders[order.parent].symbol != order.symbol and event.time > order.arrival:
            order.arrival = event.time
            self.story.again.add(event.order)
