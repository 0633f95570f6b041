"""Where the money came from: what an account is worth is the sum of everything that ever changed it.

In each currency, at every stored instant and exactly,

    balance = transfers + realised + unrealised - fees + financing + dividends + conversion

where balance is cash and positions at their marks. In the account's currency fx_revaluation is added: what balances gained because
rates moved. Only balances are rounded to it, never flows, so each currency agrees with its flows within half a unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from fillwright.journal import Ints, RunRecord
from fillwright.model.codes import Account
from fillwright.portfolio import FX_DECIMALS, Portfolio

SOURCES: Mapping[str, tuple[Account, ...]] = {
    "transfers": (Account.TRANSFERS,),
    "financing": (Account.INTEREST, Account.FUNDING, Account.BORROW),
    "dividends": (Account.DIVIDENDS,),
    "conversion": (Account.CONVERSION,),
}
"""Accounts other than trading and fees that cash can come from or go to, by the name of what they are."""

PARTS = ("transfers", "realised", "unrealised", "fx_revaluation", "fees", "financing", "dividends", "conversion")


@dataclass(frozen=True, slots=True)
class Statement:
    """The identity at the last stored instant, money units: ``balance`` is the sum of ``parts``, fees being negative.

    That of the whole account (``is_account``) is in its currency: each part of each currency at the rate of its time, rounded to
    whole units. There ``fx_revaluation`` is what is left of the balance, and ``off`` is how far it is from the sum of
    balance x change of rate, which may be half a unit for each of the ``roundings`` that were taken.
    """

    currency: str
    decimals: int
    is_account: bool
    parts: Mapping[str, int]
    balance: int
    roundings: int = 0
    off: Decimal = Decimal(0)

    @property
    def residual(self) -> int:
        """0 if the identity holds; else by how many units, counting what no rounding explains."""
        apart = abs(self.balance - sum(self.parts.values()))
        return apart + int(max(Decimal(0), 2 * self.off - self.roundings).to_integral_value(rounding="ROUND_UP"))

    def __str__(self) -> str:
        """100,000.00 transfers + 1,234.50 realised - 56.70 fees = 101,177.80 USD."""
        told = [(name, self.parts[name]) for name in PARTS if self.parts.get(name)] or [("transfers", 0)]
        words = [f"{'-' if amount < 0 else '+'} {self._money(abs(amount))} {name.replace('_', ' ')}" for name, amount in told]
        words[0] = f"{self._money(told[0][1])} {told[0][0].replace('_', ' ')}"
        text = f"{' '.join(words)} = {self._money(self.balance)} {self.currency}"
        if not self.roundings:
            return text
        return f"{text} (fx revaluation off by {self.off:.3f} units; {self.roundings} roundings allow {self.roundings / 2:g})"

    def _money(self, amount: int) -> str:
        """All digits that are not 0, two at least."""
        value = Decimal(amount).scaleb(-self.decimals)
        kept = next(
            (d for d in range(min(2, self.decimals), self.decimals) if amount % 10 ** (self.decimals - d) == 0), self.decimals
        )
        return f"{value:,.{kept}f}"

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON; money as exact decimal text."""
        parts = {name: str(Decimal(amount).scaleb(-self.decimals)) for name, amount in self.parts.items()}
        return {
            "currency": self.currency,
            "of": "account" if self.is_account else "currency",
            **parts,
            "balance": str(Decimal(self.balance).scaleb(-self.decimals)),
            "residual": self.residual,
            "roundings": self.roundings,
            "fx_off_units": str(round(self.off, 6)),
        }


@dataclass(frozen=True, slots=True)
class Flows:
    """One currency: each part summed up to every stored instant, and the balance that it must come to; int64[m] money units."""

    parts: Mapping[str, Ints]
    balance: Ints

    @property
    def total(self) -> Ints:
        """int64[m]: sum of the parts."""
        return np.asarray(sum(self.parts.values(), np.zeros(len(self.balance), np.int64)))


def flows(record: RunRecord, view: Portfolio) -> Iterator[Flows]:
    """The flows of each currency, in the order of ``record.currencies``."""
    fills, closes, postings = (record.tables[name] for name in ("fills", "lot_closes", "postings"))
    quote, m = record.quote_currency, len(record.instants)

    def summed(instants: Ints, amounts: Ints) -> Ints:
        steps = np.zeros(m + 1, np.int64)
        np.add.at(steps, view.at(instants), amounts)
        return np.cumsum(steps[:m])

    for c in range(len(record.currencies)):
        mine, taken = quote[fills["symbol"]] == c, closes[quote[closes["symbol"]] == c]
        own = postings[postings["currency"] == c]
        parts = {}
        for name, accounts in SOURCES.items():
            rows = own[np.isin(own["account"], accounts)]
            parts[name] = -summed(rows["instant"], rows["money"])
        cost = summed(fills["instant"][mine], view.opened["cost"][mine]) - summed(taken["instant"], taken["cost"])
        parts["realised"] = summed(taken["instant"], taken["realised"])
        parts["unrealised"] = view.books.value[c] - cost
        parts["fees"] = -summed(fills["instant"][mine], fills["fee"][mine])
        yield Flows({name: parts[name] for name in PARTS if name in parts}, view.books.cash[c] + view.books.value[c])


def divisor(record: RunRecord, currency: int) -> int:
    """What balance x rate is divided by to get money units of the account's currency."""
    return int(10 ** (FX_DECIMALS + record.currencies[currency].decimals - record.currencies[0].decimals))


def rounding(record: RunRecord, view: Portfolio, currency: int, flow: Flows) -> Ints:
    """int64[m]: worth in the account's currency minus (flows at their rate + balance x change of rate), times the divisor.

    This is what rounding the balance added, at most half the divisor. Computed modulo 2^64, which is exact for so small a number.
    """
    rate = view.books.rate[currency]
    flowed = np.cumsum(np.diff(flow.total, prepend=0) * rate)
    revalued = np.cumsum(np.append(0, flow.balance[:-1] * np.diff(rate))[: len(rate)])
    return np.asarray(view.books.base[currency] * np.int64(divisor(record, currency)) - flowed - revalued)


def statements(record: RunRecord, view: Portfolio, known: list[Flows]) -> tuple[Statement, ...]:
    """The identity at the last stored instant: of the account, then of each currency where there is more than one."""
    if not len(record.instants):
        return ()
    each = tuple(
        Statement(
            currency.code,
            currency.decimals,
            len(known) == 1,
            {k: int(v[-1]) for k, v in flow.parts.items()},
            int(flow.balance[-1]),
        )
        for currency, flow in zip(record.currencies, known, strict=True)
    )
    return each if len(each) == 1 else (_account(record, view, known), *each)


def _account(record: RunRecord, view: Portfolio, known: list[Flows]) -> Statement:
    """Every part of every currency at the rate of its time, in the account's currency."""
    parts = dict.fromkeys(PARTS, 0)
    roundings, revalued = 0, Decimal(0)
    for c, flow in enumerate(known):
        unit, rate = divisor(record, c), view.books.rate[c]
        for name, values in flow.parts.items():
            if c == 0:
                parts[name] += int(values[-1])
                continue
            amount, rest = divmod(_worth(np.diff(values, prepend=0), rate), unit)
            parts[name] += amount + (2 * rest > unit or (2 * rest == unit and amount % 2))
            roundings += rest != 0
        if c:
            revalued += Decimal(_worth(flow.balance[:-1], np.diff(rate))) / unit
            roundings += int(flow.balance[-1]) * int(rate[-1]) % unit != 0
    equity = int(record.equity[-1])
    parts["fx_revaluation"] = equity - sum(parts.values())
    off = abs(Decimal(parts["fx_revaluation"]) - revalued)
    return Statement(record.currencies[0].code, record.currencies[0].decimals, True, parts, equity, roundings, off)


def _worth(amounts: Ints, rates: Ints) -> int:
    """Exact sum of amounts x rates."""
    moved = np.flatnonzero(amounts)
    return sum(a * b for a, b in zip(amounts[moved].tolist(), rates[moved].tolist(), strict=True))
