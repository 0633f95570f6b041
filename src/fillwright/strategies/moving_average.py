"""Crossover of two moving averages."""

from __future__ import annotations

from fillwright import indicators
from fillwright.strategy.base import Strategy
from fillwright.strategy.params import param
from fillwright.strategy.views import Bar


class MovingAverageCrossover(Strategy):
    """Long when the fast average crosses above the slow one; when it crosses below, short (``always_in``) or out (``long_flat``).

    The size is that of the configuration's ``sizing`` section.
    """

    fast: int = param(10, ge=1, meaning="bars of the fast average")
    slow: int = param(30, gt="fast", meaning="bars of the slow average")
    mode: str = param("long_flat", choices=("long_flat", "always_in"), meaning="what to do when the fast average crosses below")
    price_field: str = param("close", choices=("open", "high", "low", "close"), meaning="price that is averaged")

    def on_start(self) -> None:
        """Declare both averages."""
        self.fast_average = self.indicator(indicators.sma, self.price_field, self.fast)
        self.slow_average = self.indicator(indicators.sma, self.price_field, self.slow)

    def on_bar(self, bar: Bar) -> None:
        """Act on crossings."""
        if self.fast_average.crossed_above(self.slow_average):
            self.target_default(bar.symbol, 1)
        elif self.fast_average.crossed_below(self.slow_average):
            if self.mode == "always_in":
                self.target_default(bar.symbol, -1)
            else:
                self.close(bar.symbol)
