"""nautilus_trader: Python strategy on bars; market orders decided on a bar fill at its close in that tool."""

from __future__ import annotations

from decimal import Decimal

from protocol import CASH, FEE, QUANTITY, Arrays, clock, digest, frame, main


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


def minute(arrays: Arrays) -> dict[str, object]:
    """One instrument."""
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig, StrategyConfig
    from nautilus_trader.model.currencies import USD
    from nautilus_trader.model.data import BarType
    from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
    from nautilus_trader.model.identifiers import Venue
    from nautilus_trader.model.objects import Money
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

    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False))
    engine.add_venue(
        venue=Venue("SIM"),
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=USD,
        starting_balances=[Money(CASH, USD)],
    )
    engine.add_instrument(instrument)
    bars = frame(arrays, capital=False)
    bars.index = bars.index.tz_localize("UTC")
    engine.add_data(BarDataWrangler(bar_type, instrument).process(bars))
    engine.add_strategy(Cross(StrategyConfig()))
    seconds = clock(engine.run)
    account = engine.portfolio.account(Venue("SIM"))
    unrealised = engine.portfolio.unrealized_pnl(instrument.id)
    filled = sum(order.is_closed and order.filled_qty > 0 for order in engine.cache.orders())
    return {
        "seconds": seconds,
        "bars": arrays.rows,
        "orders": filled,
        "decisions": digest(decisions),
        "filled_at": "same_close",
        "equity": float(account.balance_total(USD)) + (float(unrealised) if unrealised is not None else 0.0),
    }


if __name__ == "__main__":
    main({"minute": minute})
