"""A strategy that gives orders of every kind, markets of three kinds, and runs of the one on the others."""

from __future__ import annotations

import random
from fractions import Fraction

import fillwright as fw
from fillwright.config.schema import Config
from fillwright.data.market import Market
from fillwright.model.instrument import Instrument
from fillwright.result import Result
from fillwright.verify import Bars, MarketData

COSTS = {
    "commission": {"model": "rate", "rate": "0.1%", "minimum": 1, "maximum": 25},
    "slippage": {"model": "rate", "rate": "3bp"},
}


class Restless(fw.Strategy):
    """Gives orders of every kind, at random from its own seed."""

    seed: int = fw.param(1)
    fail_at: int = fw.param(-1)

    def on_start(self) -> None:
        self.rng = random.Random(self.seed)
        self.given: list[object] = []
        self.seen = 0

    def on_bar(self, bar) -> None:  # type: ignore[no-untyped-def]
        self.seen += 1
        if self.seen == self.fail_at:
            raise ZeroDivisionError("on purpose")
        rng, symbol, price = self.rng, bar.symbol, bar.close
        units = rng.choice((0.25, 1.5)) if symbol == "BTC" else rng.randint(1, 40)
        near = round(price * rng.uniform(0.99, 1.01), 2)
        choice = rng.randrange(14)
        send = rng.choice((self.buy, self.sell))
        if choice == 0:
            self.given.append(send(symbol, units, tag="any"))
        elif choice == 1:
            self.given.append(send(symbol, units, limit=near, tif=rng.choice(("GTC", "DAY", "IOC", "FOK"))))
        elif choice == 2:
            self.given.append(send(symbol, units, stop=near))
        elif choice == 3:
            self.given.append(send(symbol, units, stop=near, limit=round(near * rng.uniform(0.99, 1.01), 2)))
        elif choice == 4:
            self.target(symbol, rng.choice((-1, 0, 1)) * units)
        elif choice == 5:
            self.target_weight(symbol, rng.uniform(-0.8, 0.8), rule_id="w")
        elif choice == 6:
            self.buy(symbol, value=rng.randint(100, 30_000))
        elif choice == 7:
            self.close(symbol)
        elif choice == 8 and self.given:
            rng.choice(self.given).cancel()  # type: ignore[attr-defined]
        elif choice == 9 and self.given:
            rng.choice(self.given).replace(quantity=units * 2, limit=near)  # type: ignore[attr-defined]
        elif choice == 10 and rng.random() < 0.1:
            self.cancel_all()


def plain() -> Market:
    """One instrument, whole units, six decimals."""
    return fw.make_bars(600, seed=3, timeframe="1h")


def crypto() -> Market:
    """Eight decimals of quantity: money is rounded at every step."""
    coin = Instrument("BTC", price_decimals=6, quantity_decimals=8, multiplier=Fraction(1, 3))
    return fw.make_bars(400, seed=4, timeframe="1h", instrument=coin, price=4_000)


def currencies() -> Market:
    """Two foreign shares, one rate direct and one inverse, on one grid."""
    parts = (
        (Instrument("SAP", quote="EUR", price_decimals=4, timezone="Europe/Berlin"), 90),
        (Instrument("SONY", quote="JPY", price_decimals=3), 9_000),
        (Instrument("EURUSD", price_decimals=5, base="EUR"), 2),
        (Instrument("USDJPY", quote="JPY", price_decimals=3, base="USD"), 110),
    )
    made = [fw.make_bars(150, seed=5 + k, timeframe="1h", instrument=one, price=price) for k, (one, price) in enumerate(parts)]
    return made[0] + made[1] + made[2] + made[3]


MARKETS = {"plain": plain, "crypto": crypto, "currencies": currencies}


def run(market: Market, settings: dict[str, object], seed: int, fail_at: int = -1) -> Result:
    config = Config.model_validate({"version": 1, "costs": COSTS, **settings})
    return fw.run(Restless(seed=seed, fail_at=fail_at), market, config)


def bars_of(market: Market) -> MarketData:
    """The bars of a market as the verifier takes them."""
    feeds = [market.execution_feed(number) for number in range(len(market.instruments))]
    return MarketData(
        [Bars(f.symbol, f.open_time, f.close_time, f.open, f.high, f.low, f.close, f.volume, f.day_last) for f in feeds],
        market.instants,
    )
