"""What is traded and what it is counted in.

Price, quantity and money are whole numbers: a price of ``4312`` at two decimals is 43.12. See :class:`Instrument`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from fillwright.errors import UsageError

MONEY_DECIMALS = 6
"""Decimals of a currency unless its settings say otherwise."""

MAX_PRICE_DECIMALS = 9
MAX_EXACT_INTEGER = 2**53
"""Largest integer that a float64 holds exactly; no price may need more units than this."""

RATE_SCALE = 10**9
"""Fractions and rates are whole numbers of 10^-9."""

PRICE_TOLERANCE = 1e-12
"""An order price this close (relatively) to a whole price unit is on it: 1.1 x 100 is 110.00000000000001."""

FX_SCALE = 10**12
"""Exchange rates are whole numbers of 10^-12 base currency per unit of the other."""


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency and the number of decimals its money is counted in."""

    code: str
    decimals: int = MONEY_DECIMALS


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tradable thing with a linear payoff: value = price x quantity x multiplier.

    symbol             unique within a market
    quote              currency code of its price
    price_decimals     p: prices are counted in 10^-p of the quote currency
    quantity_decimals  q: quantities are counted in lots of 10^-q
    multiplier         value of one point of price for one unit, a positive Fraction
    tick               smallest step of an order price in price units; 0 = none
    timezone           IANA name of the exchange's zone; days end by this clock
    session            (open, close) of the trading day in seconds after local midnight; (0, 86400) = around the clock
    base               currency code when the instrument is a currency pair (EURUSD: EUR), else ""
    """

    symbol: str
    quote: str = "USD"
    price_decimals: int = 6
    quantity_decimals: int = 0
    multiplier: Fraction = Fraction(1)
    tick: int = 0
    timezone: str = "UTC"
    session: tuple[int, int] = (0, 86_400)
    base: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.price_decimals <= MAX_PRICE_DECIMALS:
            raise UsageError(f"{self.symbol}: price decimals must be 0 to 9, got {self.price_decimals}")
        if not 0 <= self.quantity_decimals <= MAX_PRICE_DECIMALS:
            raise UsageError(f"{self.symbol}: quantity decimals must be 0 to 9, got {self.quantity_decimals}")
        if self.multiplier <= 0:
            raise UsageError(f"{self.symbol}: multiplier must be positive, got {self.multiplier}")
        if self.tick < 0:
            raise UsageError(f"{self.symbol}: tick must not be negative")

    @property
    def price_scale(self) -> int:
        """Price units per 1 of the quote currency."""
        return int(10**self.price_decimals)

    @property
    def quantity_scale(self) -> int:
        """Lots per 1 unit."""
        return int(10**self.quantity_decimals)

    def money_ratio(self, money_decimals: int = MONEY_DECIMALS) -> tuple[int, int]:
        """(mul, div) with money units = price units x lots x mul / div, in lowest terms."""
        ratio = self.multiplier * Fraction(10**money_decimals, self.price_scale * self.quantity_scale)
        return ratio.numerator, ratio.denominator
