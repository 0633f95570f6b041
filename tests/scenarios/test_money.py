"""What is booked: fees, lots, many currencies."""

from __future__ import annotations

from decimal import Decimal as D
from fractions import Fraction

import pytest

from fillwright.model.instrument import Instrument
from scenarios.table import lines, market, play

pytestmark = pytest.mark.scenario

VOLUME = """
    09:31  10 10 10 10  9999
    09:32  10 10 10 10   230
    09:33  10 10 10 10   170
    09:34  10 10 10 10   100
    09:35  10 10 10 10  9999
"""


def per_fill(costs: dict[str, object], script: str = "09:31 buy 500") -> list[D]:
    """Fees of an order of 500 that fills as 230, 170 and 100."""
    found = play(VOLUME, script, execution={"participation": 1}, costs={"commission": costs})
    assert [fill.split()[3] for fill in found.fills] == ["230", "170", "100"]
    return [D(fill.split()[7]) for fill in found.fills]


@pytest.mark.parametrize(
    ("commission", "fees"),
    [
        ({"model": "per_unit", "amount": "0.01"}, ["2.3", "1.7", "1"]),
        ({"model": "per_unit", "amount": "0.01", "minimum": 3}, ["3", "1", "1"]),
        ({"model": "per_unit", "amount": "0.01", "maximum": 3}, ["2.3", "0.7", "0"]),
        ({"model": "per_order", "amount": 7}, ["7", "0", "0"]),
        ({"model": "rate", "rate": "10bp"}, ["2.3", "1.7", "1"]),
        ({"model": "rate", "rate": "10bp", "minimum": 2.5, "maximum": 4.5}, ["2.5", "1.5", "0.5"]),
    ],
)
def test_fees_over_partial_fills(commission: dict[str, object], fees: list[str]) -> None:
    """The order has paid max(minimum, min(maximum, sum so far)) after each fill; each fill pays the difference."""
    assert per_fill(commission) == [D(fee) for fee in fees]


def test_makers_pay_their_own_rate() -> None:
    found = play(
        "09:31 10\n09:32 10 11 9 10\n09:33 10",
        "09:31 buy 100\n09:31 sell 100 limit 11",
        costs={"commission": {"model": "rate", "rate": "10bp", "maker_rate": "2bp"}},
    )
    assert found.fills == ["09:31 open buy 100 @ 10.00 fee 1", "09:32 second sell 100 @ 11.00 fee 0.22 maker"]


LADDER = """
    09:31  10
    09:32  10
    09:33  12
    09:34  20
    09:35  30
"""


@pytest.mark.parametrize(
    ("method", "realised"),
    [
        # 10 at 10, 10 at 12; then 15 are sold at 20 and 5 at 30
        ("fifo", ["100", "40", "90"]),
        ("lifo", ["80", "50", "100"]),
        ("average", ["135", "95"]),
    ],
)
def test_lots(method: str, realised: list[str]) -> None:
    found = play(LADDER, "09:31 buy 10\n09:32 buy 10\n09:33 sell 15\n09:34 sell 5", account={"lots": method})
    assert found.realised == [D(value) for value in realised]
    assert sum(found.realised) == D(230) == found.equity[-1] - 100_000


@pytest.mark.parametrize("method", ["fifo", "lifo", "average"])
def test_short_lots_mirror_long_ones(method: str) -> None:
    long = play(LADDER, "09:31 buy 10\n09:32 buy 10\n09:33 sell 15\n09:34 sell 5", account={"lots": method})
    short = play(LADDER, "09:31 sell 10\n09:32 sell 10\n09:33 buy 15\n09:34 buy 5", account={"lots": method})
    assert [-value for value in short.realised] == long.realised


def test_entry_fees_leave_a_lot_in_exact_parts() -> None:
    """A fee of 1.00 on 3 units: a third at a time, half to even on what is left, so that nothing is lost."""
    found = play(
        LADDER,
        "09:31 buy 3\n09:32 sell 1\n09:33 sell 1\n09:34 sell 1",
        costs={"commission": {"model": "per_order", "amount": 1}},
    )
    shares = [D(int(row["fee_in"])).scaleb(-6) for row in found.record.tables["lot_closes"]]
    assert shares == [D("0.333333"), D("0.333334"), D("0.333333")]
    assert sum(shares) == 1


SAP = Instrument("SAP", quote="EUR", price_decimals=2, tick=1)
EURUSD = Instrument("EURUSD", quote="USD", price_decimals=4, tick=1, base="EUR")
USDJPY = Instrument("USDJPY", quote="JPY", price_decimals=2, tick=1, base="USD")
SONY = Instrument("SONY", quote="JPY", price_decimals=0, tick=1)


def test_equity_in_a_foreign_instrument_follows_price_and_rate() -> None:
    """10 SAP bought at 100 EUR with a USD account: a debt of 1,000 EUR against 10 shares, both at the rate of the moment."""
    bars = market(
        """
        09:31  100
        09:32  100
        09:33  105
        09:34  105
        """,
        SAP,
    ) + market(
        """
        09:31  1.1 1.1 1.1 1.1000
        09:32  1.1 1.2000
        09:33  1.2 1.2 1.2 1.2000
        09:34  1.2 1.1000
        """,
        EURUSD,
    )
    found = play(bars, "09:31 buy 10 SAP", costs={"commission": {"model": "per_order", "amount": 2}})
    assert found.fills == ["09:31 open buy 10 SAP @ 100.00 fee 2"]
    assert found.cash == {"USD": D(100_000), "EUR": D(-1002)}
    # balance in EUR: -2, -2, +48, +48
    assert found.equity == [D(100_000), D("99997.6"), D("100057.6"), D("100052.8")]


def test_a_rate_may_be_quoted_the_other_way_round() -> None:
    """JPY per USD: the rate is one over the price, a whole number of 10^-12, rounded once."""
    bars = market("09:31 1000\n09:32 1000 1300", SONY) + market("09:31 150\n09:32 150 147.31", USDJPY)
    found = play(bars, "09:31 buy 100 SONY")
    rate = round(Fraction(10**12 * 100, 14_731))
    assert found.equity[-1] == 100_000 + D(round(Fraction(30_000 * 10**6 * rate, 10**12))).scaleb(-6)


def test_currencies_of_the_account_pay_for_themselves() -> None:
    bars = market("09:31 100\n09:32 100", SAP) + market("09:31 2\n09:32 2", EURUSD)
    account = {"type": "cash", "initial_cash": {"USD": 1000, "EUR": 300}}
    found = play(bars, "09:31 buy 4 SAP\n09:31 buy 3 SAP", account=account)
    assert found.status(0) == "REJECTED INSUFFICIENT_CASH"  # dollars do not pay for it
    assert found.fills == ["09:31 open buy 3 SAP @ 100.00 fee 0"]
    assert found.cash == {"USD": D(1000), "EUR": D(0)}
    assert found.equity == [D(1600), D(1600)]


def test_a_multiplier_is_money_per_point() -> None:
    contract = Instrument("X", price_decimals=2, tick=25, multiplier=Fraction(50))
    found = play(
        "09:31 4000\n09:32 4000 4001.25\n09:33 4001.25",
        "09:31 buy 2\n09:32 close",
        instrument=contract,
        account={"initial_cash": 100_000, "leverage": 10},
    )
    assert found.realised == [D(125)]
    assert found.equity[-1] == D(100_125)


def test_fractional_quantities() -> None:
    coin = Instrument("X", price_decimals=2, tick=1, quantity_decimals=8)
    found = play(
        "09:31 40000\n09:32 40000 50000\n09:33 50000",
        "09:31 buy value 100\n09:32 close",
        instrument=coin,
    )
    assert found.fills == lines("""
        09:31 open buy 0.0025 @ 40000.00 fee 0
        09:32 open sell 0.0025 @ 50000.00 fee 0
    """)
    assert found.realised == [D(25)]
