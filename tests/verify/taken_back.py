"""Runs in which the broker undoes fills and corrects their prices, with orders of every kind and settings of every kind."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import numpy as np

import fillwright as fw
from fillwright.config.schema import Config
from fillwright.data.market import Market
from fillwright.model.codes import OrderEvent
from fillwright.model.instrument import Instrument
from fillwright.result import Result
from verify.restless import COSTS, currencies, plain

BUSTS = (OrderEvent.BUST, OrderEvent.BUST_ALL)
CORRECTED = {"bust": "0.1", "correct": "0.2", "correct_by": 5}
OFTEN = {"bust": "0.3", "correct": "0.1", "bust_after": "2h", "correct_by": 40}
TROUBLED = {
    "bust": "0.2", "correct": "0.2", "bust_after": "0s", "correct_by": 3, "late_ack": "0.2", "late_by": "2h", "lost_ack": "0.1",
    "reorder_reports": "0.3", "duplicate_report": "0.2", "reject": "0.05", "reject_cancel": "0.2", "outage": "0.05",
}  # fmt: skip


class Broad(fw.Strategy):
    """Orders of every type, time in force and kind of exit, at random from its own seed."""

    seed: int = fw.param(1)

    def on_start(self) -> None:
        self.rng = random.Random(self.seed)
        self.given: list[Any] = []

    def on_bar(self, bar) -> None:  # type: ignore[no-untyped-def]
        for _ in range(self.rng.choice((0, 1, 1, 2))):
            order = self._one(bar)
            if order is not None:
                self.given.append(order)

    def _one(self, bar) -> Any:  # type: ignore[no-untyped-def]
        rng, symbol, price = self.rng, bar.symbol, bar.close
        send, side = rng.choice(((self.buy, 1), (self.sell, -1)))
        units = rng.randint(1, 60)

        def off(*percent: float) -> float:
            return round(price * (1 + side * rng.uniform(*percent) / 100), 2)

        choice = rng.randrange(17)
        if choice == 0:
            return send(symbol, units, tif=rng.choice(("GTC", "DAY", "IOC", "FOK", "OPG", "CLS")))
        if choice == 1:
            return send(symbol, units, limit=off(-1, 0.5), tif=rng.choice(("GTC", "DAY", "IOC", "FOK", "OPG", "CLS")))
        if choice == 2:
            hours = rng.randint(1, 12)
            return send(symbol, units, limit=off(-1, 0.5), tif="GTD", expire=self.now_ns + hours * 3600 * 10**9)
        if choice == 3:
            return send(symbol, units, stop=off(0, 1), tif=rng.choice(("GTC", "DAY")))
        if choice == 4:
            return send(symbol, units, stop=off(0, 1), limit=off(0.5, 1.5))
        if choice == 5:
            return send(symbol, units, take_profit=off(0.3, 2), stop_loss=off(-2, -0.3))
        if choice == 6:
            return send(symbol, units, limit=off(-1, 0), stop_loss=off(-3, -1.1))
        if choice == 7:
            return send(symbol, units, limit=off(-1, 0.2), display=max(1, units // 4))
        if choice == 8:
            return send(symbol, units, reduce_only=True, limit=rng.choice((None, off(-1, 0.5))))
        if choice == 9:
            return send(symbol, value=rng.randint(500, 40_000))
        if choice == 10:
            return send(symbol, risk="1%", stop_loss=off(-3, -1))
        if choice == 11:
            pair = send(symbol, units, limit=off(-1, 0)), send(symbol, units, stop=off(0, 1))
            self.oco(*pair)
            return pair[0]
        if choice == 12 and self.given:
            return send(symbol, units, after=rng.choice(self.given[-5:]))
        if choice == 13:
            return self.target(symbol, rng.choice((-1, 0, 1)) * units)
        if choice == 14:
            return self.target_weight(symbol, rng.uniform(-0.8, 0.8))
        if choice == 15 and self.given:
            rng.choice(self.given[-8:]).cancel()
        elif choice == 16 and self.given:
            rng.choice(self.given[-8:]).replace(quantity=units * 2, limit=off(-1, 0.2))
        return None


def days() -> Market:
    """Trading days of seven hours, prices in cents, steps of two."""
    instrument = Instrument("DAYS", price_decimals=2, tick=2, timezone="America/New_York", session=(34_200, 57_600))
    return fw.make_bars(500, seed=11, timeframe="30min", instrument=instrument)


def grids() -> Market:
    """Two instruments whose bars close at different times."""
    other = Instrument("OTHER", price_decimals=2)
    return days() + fw.make_bars(120, seed=12, timeframe="1h", start="2020-01-02", instrument=other)


MARKETS = {"days": days, "plain": plain, "currencies": currencies, "grids": grids}
TICKS = {"model": "ticks", "ticks": 1}
SETTINGS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("days", {"account": {"leverage": 3}, "execution": {"participation": "0.4%", "faults": CORRECTED}}),
    (
        "days",
        {
            "account": {"type": "cash", "lots": "lifo"}, "orders": {"on_short_cash": "shrink", "time_in_force": "DAY"},
            "report": {"trades": "lot"}, "execution": {"faults": OFTEN},
            "costs": {"commission": {"model": "per_order", "amount": 2, "maximum": 3}, "slippage": TICKS},
        },
    ),
    (
        "plain",
        {
            "account": {"leverage": 2, "lots": "average"}, "report": {"trades": "fill_to_fill"},
            "execution": {"latency": "30s", "participation": "0.3%", "path": "worst", "faults": TROUBLED},
            "costs": {"commission": {"model": "per_unit", "amount": "0.05", "minimum": 2, "maximum": 4}},
        },
    ),
    ("currencies", {"account": {"leverage": 3, "lots": "lowest_cost"}, "report": {"trades": "lot"}, "execution": {"faults": OFTEN}}),
    (
        "days",
        {
            "execution": {"fill": "same_close_lookahead", "participation": "0.4%", "faults": OFTEN},
            "orders": {"flat_at": ["day_end", "run_end"], "time_in_force": "DAY"}, "account": {"lots": "highest_cost"},
        },
    ),
    (
        "plain",
        {
            "account": {"leverage": 5}, "limits": {"max_drawdown": "20%", "on_drawdown": "flatten"},
            "execution": {"participation": "0.2%", "faults": TROUBLED}, "orders": {"reversal": "one_order", "bracket": "arm_on_full"},
            "sizing": {"method": "value", "value": 5_000, "price": "fill"},
        },
    ),
    ("grids", {"account": {"leverage": 3}, "execution": {"faults": OFTEN}, "report": {"trades": "lot"}}),
)  # fmt: skip
"""(market, settings) of runs of every kind."""


@cache
def market_of(name: str) -> Market:
    """A market, made once."""
    return MARKETS[name]()


def taken_back(number: int, seed: int) -> tuple[Result, Market]:
    """Run ``number`` of the settings."""
    name, settings = SETTINGS[number]
    market = market_of(name)
    run = {"seed": seed, "isolation": "strict"}  # the memory of the run is compared with its journal at every slice
    config = Config.model_validate({"version": 1, "costs": COSTS, "orders": {}, **settings, "run": run})
    return fw.run(Broad(seed=seed), market, config), market


def roles(result: Result) -> tuple[np.ndarray, np.ndarray]:
    """(numbers of the fills that undo another, numbers of those that correct one)."""
    events, fills = result.record.tables["order_events"], result.record.tables["fills"]
    undoing = events["fill_id"][np.isin(events["event"], BUSTS)]
    named = np.flatnonzero(fills["exec_ref_id"] >= 0)
    return undoing, np.setdiff1d(named, undoing)
