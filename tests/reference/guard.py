"""Limits on losses of the reference engine, and the trading state that they bring (§2)."""

from __future__ import annotations

from dataclasses import dataclass

from fillwright.model.codes import ExitReason, LimitAction, OrderEvent, OrderFlag, OrderType, Reason, TimeInForce, TradingState
from reference.books import muldiv
from reference.broker import Broker
from reference.matching import Matching
from reference.scenario import RATE, Bar

STATES = {
    LimitAction.REDUCE_ONLY: TradingState.REDUCE_ONLY,
    LimitAction.HALTED: TradingState.HALTED,
    LimitAction.FLATTEN: TradingState.HALTED,
}


@dataclass
class Guard:
    """Watches the losses of one run."""

    broker: Broker
    matching: Matching
    begun: int = 0  # equity at the end of the day before
    day_over: bool = False

    def watch(self, bars: dict[int, Bar]) -> None:
        """At the marks of an instant with these bars."""
        broker, settings = self.broker, self.broker.settings
        equity, so_far = broker.books.equity(), broker.equity_so_far
        if not so_far:
            self.begun = equity
        elif self.day_over:
            self.begun, self.day_over = so_far[-1], False
            if broker.day_state is not TradingState.ACTIVE:
                broker.switch("day_state", TradingState.ACTIVE, Reason.NEW_DAY)
        self.day_over = self.day_over or (0 in bars and bars[0].day_last)
        peak = max([equity, *so_far])
        flatten = None
        for name, of, loss, share, action, reason in (
            ("drawdown_state", peak, peak - equity, settings.max_drawdown, settings.on_drawdown, Reason.MAX_DRAWDOWN),
            (
                "day_state",
                self.begun,
                self.begun - equity,
                settings.max_daily_loss,
                settings.on_daily_loss,
                Reason.MAX_DAILY_LOSS,
            ),
        ):
            if share is None or action is LimitAction.REFUSE or getattr(broker, name) is not TradingState.ACTIVE:
                continue
            most = muldiv(of, share, RATE)
            if loss > most:
                broker.switch(name, STATES[action], reason, action, (loss, most))
                if action is LimitAction.FLATTEN:
                    flatten = flatten or reason
        if flatten and not broker.liquidating:
            self._flatten(flatten)

    def _flatten(self, reason: Reason) -> None:
        """Cancel everything, close everything."""
        broker = self.broker
        broker.end_all(OrderEvent.CANCEL, reason)
        for i in range(len(broker.scenario.instruments)):
            if broker.books.position(i):
                order = broker.engine_order(
                    i, OrderType.MARKET, TimeInForce.GTC, ExitReason.RISK_LIMIT, broker.now, broker.mark(i), OrderFlag.REDUCE_ONLY
                )
                broker.working.append(order)
        self.matching.meet_standing(broker.now)
