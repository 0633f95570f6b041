"""Where the exchange rates of a run come from: currency pairs among its instruments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fillwright.data.market import Market
from fillwright.errors import ConfigError
from fillwright.model.instrument import Instrument


@dataclass(frozen=True, slots=True)
class FxSource:
    """The rate of a currency is the mark of instrument number ``instrument``, or one over it when ``inverse``."""

    instrument: int
    inverse: bool


def rate_sources(market: Market, account_currency: str, currencies: Sequence[str]) -> tuple[FxSource | None, ...]:
    """Per currency the pair that gives its rate in the account's currency; None for that currency itself.

    A pair is an instrument with a ``base``, or one whose symbol is two currencies in use (EURUSD, EUR/USD) and whose quote is
    the second. A direct pair wins over an inverse one, then the first in configured order. There are no cross rates: ConfigError
    names the pairs that would do.
    """
    in_use = {account_currency, *currencies}
    if len(in_use) == 1:
        return (None,) * len(currencies)
    pairs: dict[tuple[str, str], int] = {}
    for index, instrument in enumerate(market.instruments):
        pair = currency_pair(instrument, in_use)
        if pair is not None:
            pairs.setdefault(pair, index)
    return tuple(_source(market, pairs, account_currency, currency) for currency in currencies)


def currency_pair(instrument: Instrument, in_use: set[str]) -> tuple[str, str] | None:
    """(base, quote) when the instrument is the price of one currency in another, else None."""
    if instrument.base:
        return instrument.base, instrument.quote
    first, second = _halves(instrument.symbol)
    if first in in_use and second in in_use and first != second and second == instrument.quote:
        return first, second
    return None


def _source(market: Market, pairs: dict[tuple[str, str], int], account: str, currency: str) -> FxSource | None:
    if currency == account:
        return None
    if (currency, account) in pairs:
        return FxSource(pairs[currency, account], inverse=False)
    if (account, currency) in pairs:
        return FxSource(pairs[account, currency], inverse=True)
    remedy = f"add an instrument {currency}{account} or {account}{currency} to the market"
    for instrument in market.instruments:
        first, second = _halves(instrument.symbol)
        if {first, second} == {currency, account}:
            remedy = f"{instrument.symbol} is there, but its quote is {instrument.quote}: set its quote to {second}"
    raise ConfigError(f"no exchange rate for {currency} in {account}", where="account.currency", remedy=remedy)


def _halves(symbol: str) -> tuple[str, str]:
    letters = re.sub(r"[^A-Za-z]", "", symbol).upper()
    return (letters[:3], letters[3:]) if len(letters) == 6 else ("", "")
