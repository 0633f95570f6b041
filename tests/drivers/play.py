"""One run without a coordinator: lay a state out, attach whatever decides, advance to the end, hand back the records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fillwright.broker import lower
from fillwright.config.schema import Config
from fillwright.coordinator.memory import lay_out
from fillwright.data.fx import rate_sources
from fillwright.data.make import make_bars
from fillwright.data.market import Market, combine
from fillwright.kernel import intake
from fillwright.kernel.advance import advance, finish
from fillwright.kernel.python_call import python_callback
from fillwright.kernel.state import DONE, GROW, TICKET, WANTS_BARS, State
from fillwright.model.codes import OrderType, TimeInForce
from fillwright.model.instrument import Instrument

TABLES = ("order_events", "fills", "entries", "lot_closes")
Attach = Callable[[State], Any]


def market_of(
    *symbols: str, n: int = 60, timeframe: str = "1d", seed: int = 1, quantity_decimals: int = 0, volatility: float = 0.9
) -> Market:
    """Made-up bars of some instruments that close together."""
    parts = [
        make_bars(n, seed=seed + k, timeframe=timeframe, volatility=volatility,
                  instrument=Instrument(symbol, quantity_decimals=quantity_decimals))
        for k, symbol in enumerate(symbols)
    ]  # fmt: skip
    return parts[0] if len(parts) == 1 else combine(parts)


def config_of(**sections: Any) -> Config:
    """Defaults with some costs, so that every kind of posting occurs."""
    plain = {
        "account": {"initial_cash": 100_000},
        "costs": {"commission": {"model": "rate", "rate": "0.1%"}, "slippage": {"model": "rate", "rate": "2bp"}},
    }
    return Config.from_dict(plain | sections)


def laid_out(market: Market, config: Config, timers: Any = None) -> State:
    """A fresh state."""
    terms = lower(config, market.instruments)
    fx = rate_sources(market, terms.currencies[0].code, [currency.code for currency in terms.currencies])
    return lay_out(market, terms, fx, timers)


def play(market: Market, config: Config, attach: Attach, timers: Any = None) -> State:
    """Run to the end."""
    state = laid_out(market, config, timers)
    state.scalars["t_tif"] = int(TimeInForce[config.orders.time_in_force])
    callback = attach(state)
    advanced(state, callback)
    finish(state.address)
    assert state.scalars["fault"] == 0
    return state


def advanced(state: State, callback: Any) -> int:
    """Advance to the end, enlarging tables when asked."""
    while (outcome := advance(state.address, callback)) == GROW:
        state.grow()
    assert outcome == DONE or state.scalars["fault"] != 0
    return int(outcome)


def driven(driver: Any, market: Market, config: Config) -> Attach:
    """Attach ready-made arrays."""
    driver.prepare(market, config)
    return driver.attach  # type: ignore[no-any-return]


def by_hand(decide: Callable[[Hand, int], None]) -> Attach:
    """A Python callback, once per instant: ``decide(hand, instant)`` gives orders as tickets."""

    def attach(state: State) -> Any:
        hand = Hand(state)
        state.scalars["mask"] = WANTS_BARS
        state.scalars["calling"] = 1

        def callback(kind: int, instant: int) -> int:
            try:
                decide(hand, instant)
            except BaseException as error:
                hand.error = error
                return 1
            return 0

        made = python_callback(state, callback)
        state.kept.append(hand)
        return made

    return attach


class Hand:
    """Writes tickets."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.tif = int(state.scalars["t_tif"])
        self.error: BaseException | None = None

    def ticket(self, **fields: int) -> None:
        """Fill in the order form."""
        s = self.state.scalars
        for name in TICKET:
            s[name] = 0
        s["t_rule"] = s["t_tag"] = -1
        s["t_tif"], s["t_type"] = self.tif, int(OrderType.MARKET)
        for name, value in fields.items():
            s[f"t_{name}"] = int(value)

    def submit(self, **fields: int) -> int:
        """One intent."""
        self.ticket(**fields)
        while (number := intake.submit(self.state.address)) == intake.NO_ROOM:
            self.state.grow()
        return int(number)

    def batch(self, mode: int, targets: Sequence[tuple[int, int]]) -> None:
        """Targets (instrument, size) of one instant."""
        cells = np.zeros((len(targets), 4), np.int64)
        cells[:, 1] = mode
        cells[:, [0, 2]] = targets
        self.ticket()
        while intake.submit_targets(self.state.address, cells.ctypes.data, len(cells)) == intake.NO_ROOM:
            self.state.grow()

    def projected(self, instrument: int) -> int:
        """Position when all live market orders have filled."""
        book = self.state.books[instrument]
        return int(book["position"] + book["pending"])


def records(state: State) -> dict[str, bytes]:
    """The bytes of all tables, the counters among them."""
    counts = np.array([state.scalars[name] for name in ("intents", "no_change", "n_orders")])
    count = int(state.scalars["n_equity"])
    return {name: state.table(name).tobytes() for name in TABLES} | {
        "counts": counts.tobytes(),
        "equity": state.equity[:count].tobytes(),
    }


def same(one: State, two: State) -> None:
    """Both runs left the same records, and something happened in them."""
    a, b = records(one), records(two)
    assert [name for name in a if a[name] != b[name]] == []
    assert len(one.table("fills")) > 0
