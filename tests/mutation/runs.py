"""Small markets and a strategy that gives orders of every kind."""

from __future__ import annotations

import random
from fractions import Fraction
from functools import cache

import fillwright as fw
from fillwright.config.schema import Config
from fillwright.data.market import Market
from fillwright.journal import RunRecord
from fillwright.model.instrument import Instrument
from fillwright.result import Result
from result.tiny_ledger import scenario

KINDS = (
    ("plain", "fifo", "lot"),
    ("crypto", "lifo", "fill_to_fill"),
    ("future", "average", "fill_to_fill"),
    ("fx", "fifo", "flat_to_flat"),
    ("plain", "average", "lot"),
    ("crypto", "fifo", "fill_to_fill"),
    ("fx", "average", "fill_to_fill"),
    ("future", "lifo", "flat_to_flat"),
    ("crypto", "highest_cost", "fill_to_fill"),
    ("fx", "lowest_cost", "lot"),
    ("plain", "specific", "fill_to_fill"),
)
"""(market, booking, grouping) of the runs that the small ledger makes."""


COSTS = {
    "commission": {"model": "rate", "rate": "0.1%", "minimum": 1, "maximum": 25},
    "slippage": {"model": "rate", "rate": "3bp"},
}
ACCOUNTS = (
    {"account": {"leverage": 3}, "execution": {"participation": "0.2%"}, "report": {"trades": "lot"}},
    {"account": {"type": "cash", "lots": "lifo"}, "orders": {"on_short_cash": "shrink"}, "report": {"trades": "fill_to_fill"}},
    {"account": {"leverage": 2, "lots": "average"}, "execution": {"latency": "30s"}, "report": {"trades": "fill_to_fill"}},
    {"orders": {"flat_at": ["day_end", "run_end"], "reversal": "one_order"}, "execution": {"path": "worst"}},
)
"""Settings of the runs that the engine makes."""
CHOSEN = (
    {"account": {"leverage": 3, "lots": "highest_cost"}, "report": {"trades": "lot"}},
    {"account": {"leverage": 3, "lots": "lowest_cost"}, "report": {"trades": "fill_to_fill"}},
    {"account": {"leverage": 3, "lots": "specific"}, "report": {"trades": "flat_to_flat"}},
)
"""Settings of runs whose lots are not closed in order of opening."""


WRONG = (
    {
        "account": {"leverage": 3},
        "execution": {
            "participation": "0.2%",
            "faults": {
                "reject": 0.1, "reject_cancel": 0.4, "reject_replace": 0.4, "late_ack": 0.2, "late_by": "2h", "lost_ack": 0.3,
                "duplicate_report": 0.3, "reorder_reports": 0.3, "outage": 0.1, "outage_length": "3h",
                "bust": 0.2, "correct": 0.2, "bust_after": "2h", "correct_by": 50,
            },
        },
        "orders": {"status_request_after": "2h"},
    },
    {
        "account": {"leverage": 3},
        "execution": {"participation": None, "faults": {"bust": 0.3, "correct": 0.3, "bust_after": "2h", "correct_by": 50}},
        "report": {"trades": "lot"},
    },
)  # fmt: skip
"""Settings of runs whose broker goes wrong."""


class Restless(fw.Strategy):
    """Gives orders of every kind, at random from its own seed."""

    seed: int = fw.param(1)
    names_lots: bool = fw.param(False)

    def on_start(self) -> None:
        self.rng = random.Random(self.seed)
        self.given: list[object] = []

    def on_bar(self, bar) -> None:  # type: ignore[no-untyped-def]
        rng, symbol, price = self.rng, bar.symbol, bar.close
        units = rng.randint(1, 40)
        near = round(price * rng.uniform(0.99, 1.01), 2)
        send = rng.choice((self.buy, self.sell))
        choice = rng.randrange(9)
        if choice == 0:
            self.given.append(send(symbol, units, tag="any"))
        elif choice == 1:
            self.given.append(send(symbol, units, limit=near, tif=rng.choice(("GTC", "DAY", "IOC"))))
        elif choice == 2:
            self.given.append(send(symbol, units, stop=near))
        elif choice == 3:
            self.target(symbol, rng.choice((-1, 0, 1)) * units)
        elif choice == 4:
            self.target_weight(symbol, rng.uniform(-0.8, 0.8), rule_id="w")
        elif choice == 5:
            self.buy(symbol, value=rng.randint(100, 30_000))
        elif choice == 6 and self.names_lots and (lots := self.lots(symbol)):
            lot = rng.choice(lots)
            (self.sell if lot.quantity > 0 else self.buy)(symbol, units, lot=lot.id)
        elif choice == 6:
            self.close(symbol)
        elif self.given:
            order = rng.choice(self.given)
            order.cancel() if choice == 7 else order.replace(quantity=units * 2, limit=near)  # type: ignore[attr-defined]


def plain(bars: int) -> Market:
    """One instrument whose money is rounded at every step."""
    coin = Instrument("MADE", price_decimals=6, multiplier=Fraction(1, 3))
    return fw.make_bars(bars, seed=3, timeframe="1h", instrument=coin)


def currencies(bars: int) -> Market:
    """Two foreign shares, one rate direct and one inverse, on one grid."""
    parts = (
        (Instrument("SAP", quote="EUR", price_decimals=4, timezone="Europe/Berlin"), 90),
        (Instrument("SONY", quote="JPY", price_decimals=3), 9_000),
        (Instrument("EURUSD", price_decimals=5, base="EUR"), 2),
        (Instrument("USDJPY", quote="JPY", price_decimals=3, base="USD"), 110),
    )
    made = [fw.make_bars(bars, seed=5 + k, timeframe="1h", instrument=one, price=price) for k, (one, price) in enumerate(parts)]
    return made[0] + made[1] + made[2] + made[3]


def small_run(market: Market, settings: dict[str, object], seed: int) -> Result:
    """A run of a strategy that gives orders of every kind; it names lots where the account lets it."""
    config = Config.model_validate({"version": 1, "costs": COSTS, **settings})
    return fw.run(Restless(seed=seed, names_lots=config.account.lots == "specific"), market, config)


@cache
def records() -> tuple[RunRecord, ...]:
    """Runs of every booking, grouping and market: some made by the small ledger of the tests, some by the engine."""
    found = [scenario(kind, seed, bars=60, lots=lots, trades=trades) for seed, (kind, lots, trades) in enumerate(KINDS)]
    found += [small_run(plain(60), settings, 1).record for settings in ACCOUNTS]
    found += [small_run(currencies(30), settings, 2).record for settings in ACCOUNTS[:3]]
    found += [small_run(plain(60), settings, 3).record for settings in CHOSEN]
    found += [small_run(plain(60), settings, 4).record for settings in WRONG]
    return tuple(found)
