"""nautilus_trader: Python strategies; market orders decided on a bar fill at its close in that tool, on a quote at that quote."""

from __future__ import annotations

from decimal import Decimal

from protocol import CASH, FEE, MOVE, QUANTITY, Arrays, clock, digest, frame, main


def _instrument():  # type: ignore[no-untyped-def]
    from nautilus_trader.model.currencies import USD
    from nautilus_trader.model.identifiers import InstrumentId, Symbol
    from nautilus_trader.model.instruments import Equity
    from nautilus_trader.model.objects import Price, Quantity

    return Equity(
        instrument_id=InstrumentId.from_str("AAA.SIM"),
        raw_symbol=Symbol("AAA"),
        currency=USD,
        price_precision=2,
        price_increment=Price.from_str("0.01"),
        lot_size=Quantity.from_int(1),
        ts_event=0,
        ts_init=0,
        maker_fee=Decimal(str(FEE)),
        taker_fee=Decimal(str(FEE)),
    )


def _engine(instrument, data: list):  # type: ignore[no-untyped-def,type-arg]
    """One venue with a margin account, one instrument and its data; nothing is logged or analysed."""
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig
    from nautilus_trader.model.currencies import USD
    from nautilus_trader.model.enums import AccountType, OmsType
    from nautilus_trader.model.identifiers import Venue
    from nautilus_trader.model.objects import Money

    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False))
    engine.add_venue(
        venue=Venue("SIM"),
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=USD,
        starting_balances=[Money(CASH, USD)],
    )
    engine.add_instrument(instrument)
    engine.add_data(data)
    return engine


def _report(engine, instrument, arrays: Arrays, seconds: float, decisions: list[tuple[int, int]]):  # type: ignore[no-untyped-def]
    """The protocol's answer, but for filled_at."""
    from nautilus_trader.model.currencies import USD
    from nautilus_trader.model.identifiers import Venue

    unrealised = engine.portfolio.unrealized_pnl(instrument.id)
    return {
        "seconds": seconds,
        "bars": arrays.rows,
        "orders": sum(order.is_closed and order.filled_qty > 0 for order in engine.cache.orders()),
        "decisions": digest(decisions),
        "equity": float(engine.portfolio.account(Venue("SIM")).balance_total(USD))
        + (float(unrealised) if unrealised is not None else 0.0),
    }


def minute(arrays: Arrays) -> dict[str, object]:
    """One instrument."""
    from nautilus_trader.config import StrategyConfig
    from nautilus_trader.model.data import BarType
    from nautilus_trader.model.enums import OrderSide
    from nautilus_trader.persistence.wranglers import BarDataWrangler
    from nautilus_trader.trading.strategy import Strategy

    above, below = arrays.above.tolist(), arrays.below.tolist()
    decisions: list[tuple[int, int]] = []
    instrument = _instrument()
    bar_type = BarType.from_str("AAA.SIM-1-MINUTE-LAST-EXTERNAL")

    class Cross(Strategy):
        """The common strategy."""

        def on_start(self) -> None:
            self.i, self.held = -1, False
            self.size = instrument.make_qty(QUANTITY)
            self.subscribe_bars(bar_type)

        def on_bar(self, bar) -> None:  # type: ignore[no-untyped-def]
            self.i = i = self.i + 1
            if above[i] and not self.held:
                self.send(i, OrderSide.BUY)
            elif below[i] and self.held:
                self.send(i, OrderSide.SELL)

        def send(self, i: int, side: OrderSide) -> None:
            decisions.append((i, 1 if side == OrderSide.BUY else -1))
            self.held = side == OrderSide.BUY
            self.submit_order(self.order_factory.market(instrument.id, side, self.size))

    bars = frame(arrays, capital=False)
    bars.index = bars.index.tz_localize("UTC")
    engine = _engine(instrument, BarDataWrangler(bar_type, instrument).process(bars))
    engine.add_strategy(Cross(StrategyConfig()))
    seconds = clock(engine.run, at_most=1)
    return _report(engine, instrument, arrays, seconds, decisions) | {"filled_at": "same_close"}


def quotes(arrays: Arrays) -> dict[str, object]:
    """One instrument, best bid and ask."""
    import pandas as pd
    from nautilus_trader.config import StrategyConfig
    from nautilus_trader.model.enums import OrderSide
    from nautilus_trader.persistence.wranglers import QuoteTickDataWrangler
    from nautilus_trader.trading.strategy import Strategy

    decisions: list[tuple[int, int]] = []
    instrument = _instrument()

    class Turns(Strategy):
        """The common strategy."""

        def on_start(self) -> None:
            self.i, self.held, self.high, self.low = -1, False, 0.0, 1e9
            self.size = instrument.make_qty(QUANTITY)
            self.subscribe_quote_ticks(instrument.id)

        def on_quote_tick(self, tick) -> None:  # type: ignore[no-untyped-def]
            self.i += 1
            bid, ask = tick.bid_price.as_double(), tick.ask_price.as_double()
            if ask > self.high:
                self.high = ask
            if bid < self.low:
                self.low = bid
            if bid > self.low + MOVE if self.held else ask < self.high - MOVE:
                side = OrderSide.SELL if self.held else OrderSide.BUY
                decisions.append((self.i, -1 if self.held else 1))
                self.submit_order(self.order_factory.market(instrument.id, side, self.size))
                self.held, self.high, self.low = not self.held, ask, bid

    columns = {"bid_price": arrays.bid, "ask_price": arrays.ask, "bid_size": arrays.bid_size, "ask_size": arrays.ask_size}
    ticks = pd.DataFrame(columns, pd.DatetimeIndex(arrays.time.astype("datetime64[ns]"), tz="UTC"))
    engine = _engine(instrument, QuoteTickDataWrangler(instrument).process(ticks))
    engine.add_strategy(Turns(StrategyConfig()))
    seconds = clock(engine.run, at_most=1)
    orders = sorted((order for order in engine.cache.orders()), key=lambda order: order.ts_init)
    fills = [(round(order.avg_px * 100), int(order.filled_qty)) for order in orders]
    return _report(engine, instrument, arrays, seconds, decisions) | {"fills": digest(fills), "filled_at": "same_quote"}


if __name__ == "__main__":
    main({"minute": minute, "quotes": quotes})
