"""Orders and lots as a strategy sees them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from fillwright.kernel.state import FOLLOWS
from fillwright.model.codes import OrderFlag, OrderStatus, OrderType, Reason, Side
from fillwright.model.instrument import Instrument
from fillwright.model.lifecycle import TERMINAL
from fillwright.order_manager.told import FIELDS
from fillwright.order_manager.units import Number

if TYPE_CHECKING:
    from fillwright.order_manager.manager import OrderManager

_TERMINAL = frozenset(int(status) for status in TERMINAL)


class Order:
    """One order, seen from outside: a view on the kernel's record, always as it is now."""

    __slots__ = ("_manager", "id")

    def __init__(self, manager: OrderManager, number: int) -> None:
        self._manager = manager
        self.id = number

    def _field(self, name: str) -> int:
        if self._manager.told is not None and name in FIELDS:
            return self._manager.told.field(self.id, name)
        return int(self._manager.state.tables["orders"][self.id][name])

    def _instrument(self) -> Instrument:
        return self._manager.instruments[self._field("symbol")]

    @property
    def symbol(self) -> str:
        """Instrument."""
        return self._instrument().symbol

    @property
    def side(self) -> Side:
        """BUY or SELL."""
        return Side(self._field("side"))

    @property
    def type(self) -> OrderType:
        """Order type."""
        return OrderType(self._field("type"))

    @property
    def status(self) -> OrderStatus:
        """State now, FIX's OrdStatus."""
        return OrderStatus(self._field("status"))

    @property
    def flags(self) -> OrderFlag:
        """What is true beside the status: PENDING_CANCEL, PENDING_REPLACE, HELD, TRIGGERED ..."""
        return OrderFlag(self._field("flags"))

    @property
    def reason(self) -> Reason:
        """Why it was refused or ended, NONE otherwise."""
        return Reason(self._field("reason"))

    @property
    def is_done(self) -> bool:
        """Whether nothing more will happen to it."""
        return self._field("status") in _TERMINAL

    @property
    def quantity(self) -> float:
        """Total quantity in units."""
        return self._field("quantity") / self._instrument().quantity_scale

    @property
    def filled(self) -> float:
        """Filled so far, in units (CumQty)."""
        return self._field("cum_quantity") / self._instrument().quantity_scale

    @property
    def leaves(self) -> float:
        """Still working, in units (LeavesQty); 0 when done."""
        return self._field("leaves_quantity") / self._instrument().quantity_scale

    @property
    def average_price(self) -> float:
        """Average fill price, NaN before the first fill."""
        lots = self._field("cum_quantity")
        instrument = self._instrument()
        if lots == 0:
            return math.nan
        mul, div = instrument.money_ratio(self._manager.money_decimals)
        paid = float(self._field("cum_notional")) * float(div)  # in floats, as compiled strategies compute it
        return paid / (float(lots) * float(mul)) / instrument.price_scale

    @property
    def take_profit(self) -> Order | None:
        """The limit that takes its profit, if it was placed with one."""
        return self._exit(OrderType.LIMIT)

    @property
    def stop_loss(self) -> Order | None:
        """The stop that ends its loss, if it was placed with one."""
        return self._exit(OrderType.STOP)

    def _exit(self, kind: OrderType) -> Order | None:
        orders = self._manager.state.tables["orders"]
        for number in (self.id + 1, self.id + 2):  # exits directly follow their entry
            mine = number < len(self._manager.state.table("orders")) and orders[number]["parent_id"] == self.id
            if mine and orders[number]["type"] == kind and orders[number]["waits"] == FOLLOWS:
                return Order(self._manager, number)
        return None

    def cancel(self) -> bool:
        """Ask for its cancel. False if it is done or being cancelled already."""
        return self._manager.cancel(self)

    def replace(
        self, *, quantity: Number | None = None, limit: Number | None = None, stop: Number | None = None,
        trail: Number | str | None = None,
    ) -> bool:  # fmt: skip
        """Ask for a new total quantity, limit, stop or distance of a trail. False if it is done or was refused (see its events)."""
        return self._manager.replace(self, quantity=quantity, limit=limit, stop=stop, trail=trail)

    def __repr__(self) -> str:
        return (
            f"Order({self.id}: {self.side.name} {self.quantity:g} {self.symbol} {self.type.name}, {self.status.name}"
            f"{'' if self.reason is Reason.NONE else ' ' + self.reason.name}, filled {self.filled:g})"
        )


@dataclass(frozen=True, slots=True)
class OpenLot:
    """An open lot as it was when it was asked for.

    id        its number, what ``lot=`` of an order takes
    quantity  units that are still open, negative when short
    cost      what they cost, in quote currency; negative when short: what they brought in
    price     average entry price
    time_ns   market time of the fill that opened it, ns UTC
    """

    id: int
    symbol: str
    quantity: float
    cost: float
    price: float
    time_ns: int

    @property
    def time(self) -> datetime:
        """When it was opened, UTC."""
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self.time_ns // 1000)
