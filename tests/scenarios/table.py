"""Scenarios as text: a table of bars, a list of orders, and the fills and events that come of them.

A bar is named by its close, in the zone of its instrument: ``09:31 100 101 99 100.5 5000`` (open, high, low, close, volume where
there is any), ``09:31 100 101`` (open and close) or ``09:31 100``; with a date before it where it is not 2024-01-02. An order is given
in the callback at that time:

    09:31 buy 10 limit 99.50 DAY        09:32 sell 5 stop 98        09:32 target -5        09:33 close
    09:31 buy value 5000                09:32 cancel 0              09:33 replace 0 limit 99 quantity 20
    09:31 sell 10 limit 105 after 0            09:31 oco 0 1           09:32 cancel_all side buy tag a
    09:33 refused replace 0 limit 99.123
    09:31 buy 10 limit 99 GTD until 09:40      09:32 open -10      09:33 add 5      09:34 reduce 3      09:35 reverse
    09:32 sell 5 lot 1 rule a                  09:33 state halted        09:34 legs X 10 Y -5 IOC

A fill reads ``09:31 open buy 10 @ 100.00 fee 0`` (its time, where on the path of the bar, and the order's side). Everything runs
through ``fw.run``, and the books of every scenario must reconcile.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

import fillwright as fw
from fillwright.model.codes import Liquidity, OrderEvent, OrderStatus, Reason, Side, Stage
from fillwright.model.instrument import Instrument
from fillwright.order_manager import Order

DAY = "2024-01-02"
PRICES = (
    "limit", "stop", "value", "weight", "quantity", "touch", "trail", "trail_limit", "take_profit", "stop_loss", "display", "per",
)  # fmt: skip
X = Instrument("X", price_decimals=2, tick=1)


def moment(clock: str, zone: str = "UTC") -> int:
    """ns UTC of ``09:31`` on the first day, or of ``2024-01-03 09:31``, in a zone."""
    text = clock if "-" in clock else f"{DAY} {clock}"
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return int(local.timestamp()) * 10**9


def clock(time: int, zone: str = "UTC") -> str:
    """``09:31``, with the date where it is not the first day."""
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time // 1000)).astimezone(ZoneInfo(zone))
    hour = f"{local:%H:%M}" + (f":{local:%S}" if local.second else "")
    return hour if f"{local:%Y-%m-%d}" == DAY else f"{local:%Y-%m-%d} {hour}"


def split(line: str) -> tuple[str, list[str]]:
    """(time, the other words) of a line."""
    words = line.split()
    return (f"{words[0]} {words[1]}", words[2:]) if "-" in words[0] else (words[0], words[1:])


def lines(text: str) -> list[str]:
    """The lines of a table, blanks made single."""
    return [" ".join(line.split()) for line in text.strip().splitlines() if line.strip()]


def prices(words: list[str]) -> list[str]:
    """Open, high, low, close and perhaps volume of a bar of which only open and close, or one price, may be given."""
    if len(words) > 2:
        return words
    first, last = words[0], words[-1]
    return [first, max(first, last, key=float), min(first, last, key=float), last]


def market(text: str, instrument: Instrument = X, timeframe: str = "1min") -> fw.Market:
    """Bars of one instrument, read as any other data would be."""
    rows = [(time, prices(words)) for time, words in map(split, lines(text))]
    columns: dict[str, Any] = {"time": np.array([moment(time, instrument.timezone) for time, _ in rows]).view("datetime64[ns]")}
    for position, name in enumerate(("open", "high", "low", "close", "volume")):
        if position < len(rows[0][1]):
            columns[name] = np.array([float(words[position]) for _, words in rows])
    return fw.read_bars(columns, timeframe=timeframe, tz="UTC", stamp="close", instrument=instrument)


class Script(fw.Strategy):
    """Gives the orders of a text at their times."""

    text: str = fw.param("")
    symbol: str = fw.param("X")
    zone: str = fw.param("UTC")

    def on_start(self) -> None:
        self.plan: dict[int, list[list[str]]] = {}
        for line in lines(self.text):
            time, words = split(line)
            self.plan.setdefault(moment(time, self.zone), []).append(words)
        self.given: list[Any] = []

    def on_bars(self, bars: Any) -> None:
        for words in self.plan.pop(self.now_ns, ()):
            self.give(words[0], words[1:])

    def on_stop(self) -> None:
        assert not self.plan, f"no bar at {[clock(time, self.zone) for time in self.plan]}"

    def give(self, verb: str, words: list[str]) -> None:
        symbol = self.symbol
        if verb == "state":
            self.set_trading_state(words[0])  # type: ignore[arg-type]
            return
        if verb == "oco":
            self.oco(*(Order(self._orders, int(number)) for number in words))
            return
        if verb == "legs":
            tif = words.pop() if len(words) % 2 else None
            self.given += self.legs(dict(zip(words[::2], map(Decimal, words[1::2]), strict=True)), tif=tif)  # type: ignore[arg-type]
            return
        refused = verb == "refused"
        if refused:
            verb = words.pop(0)
        if words and words[-1] in self.symbols:
            symbol = words.pop()
        options: dict[str, Any] = {}
        while words:
            word = words.pop(0)
            if word == "trail" and not words[0].replace(".", "").isdigit():
                options["trail"] = words.pop(0)
            elif word in PRICES:
                options[word] = Decimal(words.pop(0))
            elif word in ("side", "tag", "risk"):
                options[word] = words.pop(0)
            elif word == "rule":
                options["rule_id"] = words.pop(0)
            elif word == "lot":
                options[word] = int(words.pop(0))
            elif word == "after":
                options[word] = Order(self._orders, int(words.pop(0)))
            elif word in ("reduce_only", "post_only"):
                options[word] = True
            elif word == "until":
                options["expire"] = moment(words.pop(0), self.zone)
            elif word.isalpha():
                options["tif"] = word
            else:
                options["number"] = Decimal(word)
        number = options.pop("number", None)
        if verb in ("buy", "sell", "open", "add", "reduce", "reverse"):
            self.given.append(getattr(self, verb)(symbol, number, **options))
        elif verb in ("target", "target_value", "target_weight"):
            getattr(self, verb)(symbol, number)
        elif verb == "close":
            self.close(symbol)
        elif verb == "cancel_all":
            self.cancel_all(symbol, **options)
        else:
            order = next(o for o in self.orders() if o.id == int(number or 0))
            assert getattr(order, verb)(**options) != refused, f"{verb} of {order} was {'taken' if refused else 'refused'}"


class Play:
    """What came of a scenario, as text."""

    def __init__(self, result: fw.Result, zone: str) -> None:
        self.result = result
        self.record = result.record
        self.zone = zone

    def _amount(self, value: int, decimals: int, places: int | None = None) -> str:
        exact = Decimal(value).scaleb(-decimals)
        return f"{exact:.{places}f}" if places is not None else f"{exact.normalize():f}"

    def _quantity(self, row: Any) -> str:
        symbol = int(row["symbol"]) if "symbol" in row.dtype.names else int(self._order(row["order_id"])["symbol"])
        return self._amount(int(row["quantity"]), self.record.market.instruments[symbol].quantity_decimals)

    def _order(self, number: int) -> Any:
        return self.record.tables["orders"][number]

    @property
    def fills(self) -> list[str]:
        """``09:31 open buy 10 @ 100.00 fee 0``; with the symbol where there is more than one, ``maker`` where it was one."""
        found = []
        for row in self.record.tables["fills"]:
            instrument = self.record.market.instruments[int(row["symbol"])]
            what = f"{Side(int(row['side'])).name.lower()} {self._quantity(row)}"
            if len(self.record.market.instruments) > 1:
                what += f" {instrument.symbol}"
            price = self._amount(int(row["price"]), instrument.price_decimals, 2)
            maker = " maker" if row["liquidity"] == Liquidity.MAKER else ""
            place = Stage(int(row["stage"])).name.lower()
            fee = self._amount(int(row["fee"]), 6)
            found.append(f"{clock(int(row['time']), self.zone)} {place} {what} @ {price} fee {fee}{maker}")
        return found

    def life(self, order: int) -> list[str]:
        """Events of an order: ``09:31 SUBMIT``, ``09:32 REJECT INSUFFICIENT_CASH``."""
        found = []
        for row in self.record.tables["order_events"]:
            if row["order_id"] == order:
                reason = Reason(int(row["reason"])).name if row["reason"] else ""
                found.append(f"{clock(int(row['time']), self.zone)} {OrderEvent(int(row['event'])).name} {reason}".strip())
        return found

    def numbers(self, order: int, event: OrderEvent) -> tuple[Decimal, Decimal]:
        """(required, available) of the first such event of an order, in account money."""
        rows = self.record.tables["order_events"]
        row = next(r for r in rows if r["order_id"] == order and r["event"] == event)
        return Decimal(int(row["required"])).scaleb(-6), Decimal(int(row["available"])).scaleb(-6)

    def status(self, order: int) -> str:
        """``FILLED``, or ``REJECTED INSUFFICIENT_CASH``."""
        row = self._order(order)
        reason = Reason(int(row["reason"])).name if row["reason"] else ""
        return f"{OrderStatus(int(row['status'])).name} {reason}".strip()

    @property
    def equity(self) -> list[Decimal]:
        """Equity at every stored instant."""
        return [Decimal(int(money)).scaleb(-6) for money in self.record.equity]

    @property
    def cash(self) -> dict[str, Decimal]:
        """Cash by currency at the end."""
        found: dict[str, Decimal] = {}
        for row in self.record.tables["postings"]:
            if row["account"] == 1:
                code = self.record.names.currencies[int(row["currency"])]
                found[code] = found.get(code, Decimal(0)) + Decimal(int(row["money"])).scaleb(-6)
        return found

    @property
    def realised(self) -> list[Decimal]:
        """Realised result of each closed lot."""
        return [Decimal(int(row["realised"])).scaleb(-6) for row in self.record.tables["lot_closes"]]


def play(bars: str | fw.Market, script: str, /, *, instrument: Instrument = X, **settings: Mapping[str, Any]) -> Play:
    """Run a scenario; ``settings`` are sections of the configuration."""
    data = bars if isinstance(bars, fw.Market) else market(bars, instrument)
    first = data.instruments[0]
    config = fw.Config.from_dict({"version": 1, **settings})
    result = fw.run(Script(text=script, symbol=first.symbol, zone=first.timezone), data, config)
    assert result.certificate.ok, result.certificate.line()
    return Play(result, first.timezone)
