"""Exchange rates come from currency pairs of the market, or the missing pair is named."""

from __future__ import annotations

import pytest

from fillwright.data import FxSource, combine, make_bars, rate_sources
from fillwright.data.market import Market
from fillwright.errors import ConfigError
from fillwright.model.instrument import Instrument


def market(*instruments: Instrument) -> Market:
    return combine([make_bars(3, instrument=one) for one in instruments])


def test_direct_inverse_and_own() -> None:
    made = market(
        Instrument("SAP", quote="EUR"),
        Instrument("EURUSD", base="EUR"),
        Instrument("JPY=X", quote="JPY", base="USD"),
        Instrument("GBP/USD"),
    )
    sources = rate_sources(made, "USD", ["USD", "EUR", "JPY", "GBP"])
    assert sources == (None, FxSource(1, False), FxSource(2, True), FxSource(3, False))


def test_direct_wins_over_inverse() -> None:
    made = market(Instrument("USDEUR", quote="EUR", base="USD"), Instrument("EURUSD", base="EUR"))
    assert rate_sources(made, "USD", ["EUR"]) == (FxSource(1, False),)
    assert rate_sources(made, "EUR", ["USD"]) == (FxSource(0, False),)


def test_a_symbol_of_six_letters_is_no_pair_by_itself() -> None:
    with pytest.raises(ConfigError, match="no exchange rate for EUR in USD") as caught:
        rate_sources(market(Instrument("ABCDEF"), Instrument("SAP", quote="EUR")), "USD", ["USD", "EUR"])
    assert "EURUSD or USDEUR" in str(caught.value)


def test_a_pair_with_the_wrong_quote_is_named() -> None:
    with pytest.raises(ConfigError, match="set its quote to JPY"):
        rate_sources(market(Instrument("USDJPY"), Instrument("SONY", quote="JPY")), "USD", ["JPY"])
