"""Scenarios and results as text that a trader can read.

One instrument X in USD with two price decimals and whole lots, bars of one minute, prices written as 101.5. Clock times are
those of 2024-01-02; a bar is named by its close.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from fillwright.model.codes import Liquidity, OrderEvent, OrderStatus, OrderType, Reason, Side, SizeMode, Stage, TimeInForce
from fillwright.model.instrument import Instrument
from reference.engine import run
from reference.scenario import Bar, Command, Journal, Order, Scenario, Settings

MINUTE = 60 * 10**9
MIDNIGHT = 1_704_153_600 * 10**9
MONEY = 10**6
X = Instrument("X", price_decimals=2, tick=1)


def at(clock: str) -> int:
    """ns UTC of a clock time; 09:31:30 has seconds too."""
    hours, minutes, *seconds = (int(part) for part in clock.split(":"))
    return MIDNIGHT + (hours * 3600 + minutes * 60 + (seconds[0] if seconds else 0)) * 10**9


def clock(time: int) -> str:
    """HH:MM of a time."""
    minutes = (time - MIDNIGHT) // MINUTE
    return f"{minutes // 60:02}:{minutes % 60:02}"


def price(text: str | float) -> int:
    """Price units of a price."""
    units = Fraction(str(text)) * 100
    assert units.denominator == 1, f"{text} has more than two decimals"
    return int(units)


def bars(text: str, minutes: int = 1) -> list[Bar]:
    """Bars from lines of: close time, open, high, low, close, volume (optional), the word ``last`` at the end of a day."""
    found = []
    for line in text.strip().splitlines():
        stamp, *words = line.split()
        last = words[-1] == "last"
        numbers = words[:-1] if last else words
        volume = int(numbers[4]) if len(numbers) > 4 else None
        closes = at(stamp)
        found.append(Bar(closes - minutes * MINUTE, closes, *(price(word) for word in numbers[:4]), volume, last))
    return found


def buy(quantity: int, **words: object) -> Order:
    """A buy in units of X; ``limit``, ``stop`` as prices, ``tif`` by name, ``until`` as a clock time, ``on`` an instrument."""
    return _order(Side.BUY, quantity, **words)


def sell(quantity: int, **words: object) -> Order:
    """A sell; see :func:`buy`."""
    return _order(Side.SELL, quantity, **words)


def _order(side: Side, quantity: int, limit: float = 0, stop: float = 0, tif: str = "GTC", until: str = "", on: int = 0) -> Order:
    kinds = {(0, 0): OrderType.MARKET, (1, 0): OrderType.LIMIT, (0, 1): OrderType.STOP, (1, 1): OrderType.STOP_LIMIT}
    kind = kinds[bool(limit), bool(stop)]
    expire = at(until) if until else 0
    return Order(on, side, SizeMode.UNITS, quantity, kind, TimeInForce[tif], price(limit), price(stop), expire)


def play(
    text: str, flow: dict[str, list[Command]], settings: Settings | None = None, instrument: Instrument = X, **changes: object
) -> Journal:
    """Run one instrument's bars; ``changes`` are settings."""
    chosen = replace(settings or Settings(), **changes)
    return run(Scenario([instrument], [bars(text)], chosen, {at(stamp): commands for stamp, commands in flow.items()}))


def fills(journal: Journal) -> list[str]:
    """Fills as ``09:32 #0 BUY 10 @ 100.00 OPEN TAKER``: the time is that of the fill."""
    return [
        f"{clock(fill['time'])} #{fill['order_id']} {Side(fill['side']).name} {fill['quantity']} @ {fill['price'] / 100:.2f} "
        f"{Stage(fill['stage']).name} {Liquidity(fill['liquidity']).name}"
        for fill in journal.fills
    ]


def life(journal: Journal, order_id: int) -> list[str]:
    """Events of one order as ``09:31 SUBMIT`` or ``09:32 REJECT INSUFFICIENT_CASH``."""
    return [
        " ".join(word for word in (clock(row["time"]), OrderEvent(row["event"]).name, _why(row["reason"])) if word)
        for row in journal.order_events
        if row["order_id"] == order_id
    ]


def numbers(journal: Journal, order_id: int, event: OrderEvent) -> tuple[int, int]:
    """(required, available) of the first such event of an order."""
    row = next(row for row in journal.order_events if row["order_id"] == order_id and row["event"] == event)
    return row["required"], row["available"]


def status(journal: Journal, order_id: int) -> str:
    """Last status of an order."""
    return OrderStatus(journal.orders[order_id]["status"]).name


def _why(reason: int) -> str:
    return Reason(reason).name if reason else ""
