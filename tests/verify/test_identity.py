"""Where the money came from, as the verifier says it: exact figures and words of small books, worked out by hand."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny_ledger import scenario

from fillwright.result import Result
from fillwright.verify import verify_folder
from fillwright.verify.audit import Audit, Check
from fillwright.verify.identity import Balance, _number, _told, check_identity
from fillwright.verify.reading import FX_DECIMALS, Currency

FX = 10**FX_DECIMALS
INSTANTS = [10, 20, 30]
PARTS = ("transfers", "realised", "unrealised", "financing", "dividends", "conversion", "fees")


@dataclass
class Posted:
    """A posting: instant, account, currency, money."""

    instant: int
    account: str
    currency: int
    money: int


@dataclass
class Filled:
    """A fill of an instrument, and of what it closes (cost, proceeds), None where it only opens."""

    instant: int
    symbol: int
    side: int
    notional: int
    fee: int
    closes: tuple[int, int] | None = None


class Books:
    """A folder with postings and equity, and the ledger of its fills; instrument k trades in currency k."""

    def __init__(self, postings: list[Posted], fills: list[Filled], equity: list[int], currencies: list[Currency]) -> None:
        self.currencies = tuple(currencies)
        self.instruments = [SimpleNamespace(currency=number) for number in range(len(currencies))]
        self.tables = {
            "postings": {
                "instant": np.array([row.instant for row in postings], np.int64),
                "account": np.array([row.account for row in postings], object),
            },
            "equity": {"instant": np.array(INSTANTS[: len(equity)], np.int64), "equity": np.array(equity, np.int64)},
        }
        self.money = np.array([row.money for row in postings], np.int64)
        self.currency = np.array([row.currency for row in postings], np.int64)
        self.ledger = SimpleNamespace(
            instant=[fill.instant for fill in fills], symbol=[fill.symbol for fill in fills], side=[fill.side for fill in fills],
            notional=[fill.notional for fill in fills], fee=[fill.fee for fill in fills],
            closes=[
                SimpleNamespace(fill=number, cost=fill.closes[0], proceeds=fill.closes[1])
                for number, fill in enumerate(fills)
                if fill.closes
            ],
        )  # fmt: skip

    def __getitem__(self, name: str) -> dict[str, Any]:
        return self.tables[name]

    def currency_of(self, name: str) -> Any:
        assert name == "postings"
        return self.currency

    def units(self, name: str, column: str) -> Any:
        return self.tables[name][column]

    def checks(self, balances: list[Balance]) -> dict[str, Check]:
        """What the verifier says, by the name of the check."""
        audit = Audit(self)  # type: ignore[arg-type]
        check_identity(audit, self.ledger, self.money, balances)  # type: ignore[arg-type]
        return {check.name.removeprefix("identity."): check for check in audit.checks}


def balance(cash: list[int], value: list[int], rate: list[int]) -> Balance:
    return Balance(*(np.array(numbers, np.int64) for numbers in (cash, value, rate)))


def postings(currency: int, sign: int = 1) -> list[Posted]:
    """One of every account at the second instant, each of another amount."""
    amounts = {"interest": 3, "funding": -50, "borrow": 7, "dividends": -1_100, "conversion": -13, "fees": 17, "trading": 19}
    return [Posted(15, account, currency, sign * amount) for account, amount in amounts.items()]


def one_currency(**more: Any) -> tuple[Books, Balance]:
    """Deposit 100,000; 1 buys for 1,000 with a fee of 17, then 600 of that cost are sold for 750. No rate of it counts."""
    cash = [100_000, 100_000 - 1_017 + 1_153, 100_000 - 1_017 + 1_153 + 750]
    value = [0, 1_010, 460]
    fills = [Filled(20, 0, 1, 1_000, 17), Filled(30, 0, -1, 750, 0, (600, 750))]
    given = [Posted(10, "transfers", 0, -100_000), Posted(10, "cash", 0, 100_000), *postings(0)]
    equity = [a + b for a, b in zip(cash, value, strict=True)]
    return Books(given, fills, more.get("equity", equity), [Currency("USD", 2)]), balance(cash, value, [7, 8, 9])


def test_the_identity_of_one_currency_is_said_with_every_part() -> None:
    books, held = one_currency()
    checks = books.checks([held])
    assert checks["account"] == Check(
        "identity.account", True, 3,
        "1,000.00 transfers + 1.50 realised + 0.60 unrealised + 0.40 financing + 11.00 dividends + 0.13 conversion - 0.17 fees"
        " = 1,013.46 USD",
    )  # fmt: skip
    assert checks["USD"] == Check("identity.USD", True, 3, "")


@pytest.mark.parametrize("row", range(3))
@pytest.mark.parametrize("by", (-1, 1))
def test_one_unit_of_equity_too_many_is_named(row: int, by: int) -> None:
    books, held = one_currency()
    books.tables["equity"]["equity"][row] += by
    check = books.checks([held])["account"]
    assert not check.ok
    assert check.detail == (
        f"equity.parquet row {row} column equity: 1.000 money units from the sum of its parts, 0 roundings allow 0"
    )


@pytest.mark.parametrize("row", range(3))
def test_a_balance_that_is_not_the_sum_of_its_parts_is_named(row: int) -> None:
    books, held = one_currency()
    cash = held.cash.copy()
    cash[row] += 1
    # A value that is higher is a gain not yet realised; cash that is higher came from nowhere.
    assert books.checks([Balance(cash, held.value, held.rate)])["USD"] == Check(
        "identity.USD", False, 3, f"balance in USD at row {row} of equity.parquet is not the sum of its parts"
    )


def two_currencies() -> tuple[Books, list[Balance]]:
    """The same books, and a deposit of 1.01 EUR at 1.5 that is worth 1.3 and then 1.2; dividends of 0.05 come between."""
    _, first = one_currency()
    rate = [FX * 15 // 10, FX * 13 // 10, FX * 12 // 10]
    cash = [101, 106, 106]
    given = [Posted(10, "transfers", 1, -101), Posted(20, "dividends", 1, -5)]
    whole = [Posted(10, "transfers", 0, -100_000), Posted(10, "cash", 0, 100_000), *postings(0), *given]
    fills = [Filled(20, 0, 1, 1_000, 17), Filled(30, 0, -1, 750, 0, (600, 750))]
    # 151.5, 137.8 and 127.2 in the account's money
    equity = [int(a) + b for a, b in zip(first.total, (152, 138, 127), strict=True)]
    return Books(whole, fills, equity, [Currency("USD", 2), Currency("EUR", 2)]), [first, balance(cash, [0, 0, 0], rate)]


def test_a_foreign_balance_is_revalued_and_its_roundings_counted() -> None:
    books, held = two_currencies()
    checks = books.checks(held)
    # 151.5 of transfers go to the even neighbour, 6.5 of dividends too: half-even 152 and 6.
    assert checks["account"] == Check(
        "identity.account", True, 3,
        "1,001.52 transfers + 1.50 realised + 0.60 unrealised + 0.40 financing + 11.06 dividends + 0.13 conversion - 0.17 fees"
        " - 0.31 fx revaluation = 1,014.73 USD, fx revaluation off by 0.200 money units, bound 1.5 (3 roundings)",
    )  # fmt: skip
    assert checks["USD"].detail == (
        "1,000.00 transfers + 1.50 realised + 0.60 unrealised + 0.40 financing + 11.00 dividends + 0.13 conversion - 0.17 fees"
        " = 1,013.46 USD"
    )
    assert checks["EUR"] == Check("identity.EUR", True, 3, "1.01 transfers + 0.05 dividends = 1.06 EUR")


@pytest.mark.parametrize("row, by, far", [(0, 1, "1.500"), (0, -2, "1.500"), (1, 1, "1.200"), (1, -1, "0.800"), (2, 1, "0.800")])
def test_a_foreign_balance_allows_half_a_unit_and_no_more(row: int, by: int, far: str) -> None:
    books, held = two_currencies()
    books.tables["equity"]["equity"][row] += by
    check = books.checks(held)["account"]
    assert not check.ok
    assert check.detail == (
        f"equity.parquet row {row} column equity: {far} money units from the sum of its parts, 1 roundings allow 0.5"
    )


def test_exactly_half_a_unit_is_allowed_either_way() -> None:
    books, held = two_currencies()
    books.tables["equity"]["equity"][0] -= 1
    assert books.checks(held)["account"].ok


@pytest.mark.parametrize("decimals", (0, 2, 4))
def test_currencies_counted_in_other_units(decimals: int) -> None:
    """10,000 of a currency with 4, 0 and 2 decimals beside an account of 2."""
    rate = [FX * 2] * 3
    worth = [2 * 10_000 * 100 // 10**decimals] * 3
    currencies = [Currency("USD", 2), Currency("XYZ", decimals)]
    books = Books([Posted(1, "transfers", 1, -10_000)], [], worth, currencies)
    held = [balance([0] * 3, [0] * 3, [0] * 3), balance([10_000] * 3, [0] * 3, rate)]
    checks = books.checks(held)
    told = _number(worth[0], 2)
    assert checks["account"].detail == (
        f"{told} transfers = {told} USD, fx revaluation off by 0.000 money units, bound 0 (0 roundings)"
    )
    books.tables["equity"]["equity"][1] += 1
    apart = "equity.parquet row 1 column equity: 1.000 money units from the sum of its parts, 0 roundings allow 0"
    assert books.checks(held)["account"].detail == apart
    assert checks["XYZ"].detail == f"{_number(10_000, decimals)} transfers = {_number(10_000, decimals)} XYZ"


def test_roundings_are_those_of_the_last_balance_at_the_last_rate() -> None:
    """100 at a rate of 1, then 1 more at 1.5: 101.5 came in, 151.5 is there."""
    given = [Posted(10, "transfers", 1, -100), Posted(25, "transfers", 1, -1)]
    books = Books(given, [], [100, 100, 152], [Currency("USD", 2), Currency("EUR", 2)])
    checks = books.checks([balance([0] * 3, [0] * 3, [0] * 3), balance([100, 100, 101], [0] * 3, [FX, FX, FX * 3 // 2])])
    assert checks["account"].detail == (
        "1.02 transfers + 0.50 fx revaluation = 1.52 USD, fx revaluation off by 0.000 money units, bound 1 (2 roundings)"
    )


def test_fills_and_closes_belong_to_the_currency_of_their_instrument() -> None:
    """1 EUR is worth 2; bought for 1,000 with a fee of 4, half of it sold for 700, a rate that never moves."""
    fills = [Filled(12, 1, 1, 1_000, 4), Filled(25, 1, -1, 700, 6, (500, 700))]
    given = [Posted(5, "transfers", 0, -50), Posted(99, "transfers", 0, -7_777)]
    held = [balance([50] * 3, [0] * 3, [0] * 3), balance([0, -1_004, -310], [0, 1_100, 600], [2 * FX] * 3)]
    books = Books(given, fills, [50, 50 + 2 * 96, 50 + 2 * 290], [Currency("USD", 0), Currency("EUR", 0)])
    checks = books.checks(held)
    assert all(check.ok for check in checks.values())
    assert checks["EUR"].detail == "200 realised + 100 unrealised - 10 fees = 290 EUR"
    assert checks["USD"].detail == "50 transfers = 50 USD"
    assert checks["account"].detail.startswith("50 transfers + 400 realised + 200 unrealised - 20 fees = 630 USD, fx")


def test_a_run_without_stored_instants_says_nothing() -> None:
    empty = balance([], [], [])
    books = Books([], [], [], [Currency("USD", 2), Currency("EUR", 2)])
    assert list(books.checks([empty, empty]).values()) == [
        Check("identity.account", True, 0, ""), Check("identity.USD", True, 0, ""), Check("identity.EUR", True, 0, ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "parts, whole, words",
    [
        ({}, 0, "0 transfers = 0.00"),
        ({"transfers": 0, "fees": 0}, 0, "0 transfers = 0.00"),
        ({"transfers": 1}, 1, "0.01 transfers = 0.01"),
        ({"transfers": -1}, -1, "-0.01 transfers = -0.01"),
        ({"transfers": 10_000_000, "realised": 1_250, "fees": -100}, 10_001_150,
         "100,000.00 transfers + 12.50 realised - 1.00 fees = 100,011.50"),
        ({"realised": 5, "fees": -1}, 4, "0.05 realised - 0.01 fees = 0.04"),
        ({"fees": -1, "fx_revaluation": 2}, 1, "-0.01 fees + 0.02 fx revaluation = 0.01"),
    ],
)  # fmt: skip
def test_the_sum_in_words(parts: dict[str, int], whole: int, words: str) -> None:
    assert _told(parts, whole, 2) == words


@pytest.mark.parametrize(
    "amount, decimals, words",
    [
        (1_234_567, 0, "1,234,567"), (1_234_567, 1, "123,456.7"), (1_234_560, 1, "123,456.0"), (1_234_567, 2, "12,345.67"),
        (1_234_500, 4, "123.45"), (1_234_567, 4, "123.4567"), (1_230_000, 4, "123.00"), (1_235_000, 4, "123.50"), (-5, 6, "-0.000005"),
    ],
)  # fmt: skip
def test_an_amount_in_words(amount: int, decimals: int, words: str) -> None:
    assert _number(amount, decimals) == words


@pytest.mark.parametrize("kind", ("plain", "fx"))
def test_the_verifier_and_the_certificate_say_the_same(kind: str, tmp_path: Path) -> None:
    folder = Result(scenario(kind, 9)).save(tmp_path / "run")
    said = {check.name: check.detail for check in verify_folder(folder).checks}
    for stated in json.loads((folder / "certificate.json").read_text())["identity"]:
        of_account = stated["of"] == "account"
        words = said["identity.account" if of_account else f"identity.{stated['currency']}"]
        if not of_account and not words:
            continue  # the account has one currency, and its line says it
        parts, rest = words.split(f" {stated['currency']}")[0].split(" = ")
        assert Decimal(rest.replace(",", "")) == Decimal(stated["balance"])
        found = re.findall(r"(^-|^|[-+]) ?([\d,.]+) ([a-z ]+?)(?= [-+] |$)", parts)
        told = {name.replace(" ", "_"): Decimal(sign.strip("+") + amount.replace(",", "")) for sign, amount, name in found}
        amounts = {name: Decimal(stated.get(name, "0")) for name in (*PARTS, "fx_revaluation")}
        assert told == {name: amount for name, amount in amounts.items() if amount}
        if "fx revaluation off" in words:
            off = Decimal(stated["fx_off_units"]).quantize(Decimal("0.001"))
            assert f"off by {off} money units, bound {stated['roundings'] / 2:g} ({stated['roundings']} roundings)" in words
