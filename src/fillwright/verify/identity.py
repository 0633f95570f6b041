"""Where the money came from, a second time: at every stored instant a balance is the sum of everything that changed it.

Balances come from postings and marks, what changed them from the verifier's own lots. In the account's currency the change of
rates is added; only balances are rounded to it, so that the file's equity may be half a unit per foreign balance away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from fillwright.verify.audit import Audit
from fillwright.verify.exact import half_even
from fillwright.verify.ledger import Ledger
from fillwright.verify.reading import FX_DECIMALS, Array, Folder

SOURCES = {
    "transfers": ("transfers",),
    "financing": ("interest", "funding", "borrow"),
    "dividends": ("dividends",),
    "conversion": ("conversion",),
}
"""Accounts of the books by the name of what they are, other than trading and fees."""


@dataclass(frozen=True)
class Balance:
    """One currency at the stored instants: cash, positions at their marks, rate to the account's currency (0 = unknown)."""

    cash: Array
    value: Array
    rate: Array

    @property
    def total(self) -> Array:
        """Cash and positions, Python integers."""
        return np.asarray(self.cash.astype(object) + self.value.astype(object))


def check_identity(audit: Audit, ledger: Ledger, money: Array, balances: list[Balance]) -> None:
    """Check the identity of each currency and of the account, at every stored instant; ``money`` per posting as it must be."""
    folder = audit.folder
    parts = [_parts(folder, ledger, money, c, balance) for c, balance in enumerate(balances)]
    _account(audit, parts, balances)
    for currency, own, balance in zip(folder.currencies, parts, balances, strict=True):
        total = balance.total
        apart = np.flatnonzero(sum(own.values()) != total)
        wrong = [
            f"balance in {currency.code} at row {row} of equity.parquet is not the sum of its parts" for row in apart.tolist()
        ]
        told = (
            _told({name: int(values[-1]) for name, values in own.items()}, int(total[-1]), currency.decimals)
            if len(total)
            else ""
        )
        audit.say(f"identity.{currency.code}", len(total), wrong, f"{told} {currency.code}" if told and len(balances) > 1 else "")


def _parts(folder: Folder, ledger: Ledger, money: Array, currency: int, balance: Balance) -> dict[str, Array]:
    """Each part summed up to every stored instant."""
    instants = folder["equity"]["instant"]
    m = len(instants)
    sheet = folder["postings"]
    own = folder.currency_of("postings") == currency
    places = np.searchsorted(instants, sheet["instant"], "left")
    steps = {name: np.zeros(m + 1, object) for name in (*SOURCES, "realised", "cost", "fees")}
    for name, accounts in SOURCES.items():
        rows = np.flatnonzero(own & np.isin(sheet["account"].astype(str), accounts))
        np.add.at(steps[name], places[rows], -money[rows].astype(object))
    at = np.searchsorted(instants, np.array(ledger.instant, np.int64), "left").tolist()
    mine = [folder.instruments[symbol].currency == currency for symbol in ledger.symbol]
    for fill in np.flatnonzero(mine).tolist():
        steps["fees"][at[fill]] -= ledger.fee[fill]
        steps["cost"][at[fill]] += ledger.side[fill] * ledger.notional[fill]
    for close in ledger.closes:
        if mine[close.fill]:
            steps["realised"][at[close.fill]] += close.proceeds - close.cost
            # What a fill paid is the cost of what it opened; what it closed it did not pay for.
            steps["cost"][at[close.fill]] += close.proceeds - close.cost
    summed = {name: np.cumsum(step)[:m] for name, step in steps.items()}
    unrealised = balance.value.astype(object) - summed.pop("cost")
    return {"transfers": summed.pop("transfers"), "realised": summed.pop("realised"), "unrealised": unrealised, **summed}


def _account(audit: Audit, parts: list[dict[str, Array]], balances: list[Balance]) -> None:
    """The file's equity against all flows at the rates of their time and all balances times the change of their rates."""
    folder = audit.folder
    base = folder.currencies[0]
    equity = folder.units("equity", "equity").astype(object)
    units = [10 ** (FX_DECIMALS + currency.decimals - base.decimals) for currency in folder.currencies]
    common = max(units)
    explained = np.zeros(len(equity), object)
    allowed, revalued = np.zeros(len(equity), np.int64), np.zeros(len(equity), object)
    for c, (own, balance, unit) in enumerate(zip(parts, balances, units, strict=True)):
        total, rate = balance.total, balance.rate.astype(object)
        if c == 0:
            explained += sum(own.values()) * common
            continue
        flowed = np.cumsum(np.diff(sum(own.values()), prepend=0) * rate)
        gained = np.cumsum(np.append(0, total[:-1] * np.diff(rate))[: len(total)])
        explained += (flowed + gained) * (common // unit)
        revalued += gained * (common // unit)
        allowed += (total * rate % unit != 0).astype(np.int64)
    off = np.abs(equity * common - explained)
    wrong = [
        f"equity.parquet row {row} column equity: {Decimal(int(off[row])) / common:.3f} money units from the sum of its parts, "
        f"{allowed[row]} roundings allow {allowed[row] / 2:g}"
        for row in np.flatnonzero(2 * off > allowed * common).tolist()
    ]
    audit.say("identity.account", len(equity), wrong, _statement(folder, parts, balances, units, revalued) if len(equity) else "")


def _statement(folder: Folder, parts: list[dict[str, Array]], balances: list[Balance], units: list[int], revalued: Array) -> str:
    """The identity at the last instant in words, each part rounded once to the account's currency."""
    base = folder.currencies[0]
    equity = int(folder.units("equity", "equity")[-1])
    sums = {name: int(values[-1]) for name, values in parts[0].items()}
    roundings = 0
    for own, balance, unit in zip(parts[1:], balances[1:], units[1:], strict=True):
        rate = balance.rate.astype(object)
        for name, values in own.items():
            amount = int((np.diff(values, prepend=0) * rate).sum())
            sums[name] += half_even(amount, unit)
            roundings += amount % unit != 0
        roundings += int(balance.total[-1] * rate[-1]) % unit != 0
    if len(parts) == 1:
        return f"{_told(sums, equity, base.decimals)} {base.code}"
    sums["fx_revaluation"] = equity - sum(sums.values())
    off = abs(Decimal(sums["fx_revaluation"]) - Decimal(int(revalued[-1])) / max(units))
    bound = f"fx revaluation off by {off:.3f} money units, bound {roundings / 2:g} ({roundings} roundings)"
    return f"{_told(sums, equity, base.decimals)} {base.code}, {bound}"


def _told(parts: Mapping[str, int], balance: int, decimals: int) -> str:
    """``transfers 100,000.00 + realised 12.50 - fees 1.00 = 100,011.50``."""
    words = ""
    for name, amount in parts.items():
        if amount:
            sign = ("- " if amount < 0 else "+ ") if words else ("-" if amount < 0 else "")
            words += f"{' ' if words else ''}{sign}{_number(abs(amount), decimals)} {name.replace('_', ' ')}"
    return f"{words or '0 transfers'} = {_number(balance, decimals)}"


def _number(amount: int, decimals: int) -> str:
    whole, _, rest = f"{Decimal(amount).scaleb(-decimals):,.{decimals}f}".partition(".")
    return f"{whole}.{rest.rstrip('0'):0<2}" if decimals > 1 else f"{whole}.{rest}" if rest else whole
