"""Views across positions and currencies, computed from a finished record: marks, positions, equity.

Nothing here decides anything: cash comes from postings, quantities from fills, marks from the execution feeds. All of it
is vectorised; the only loops run over instruments and strategies, never over instants.

Value of a position = half-even(mark x lots x mul / div), per strategy and instrument. Equity = sum over currencies of
half-even(balance x rate / scale); the account's own currency needs no rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fillwright.errors import CheckFailed
from fillwright.model.codes import Account
from fillwright.model.columns import EQUITY, MARKS, POSITIONS
from fillwright.model.instrument import FX_SCALE

if TYPE_CHECKING:
    from fillwright.journal import RunRecord

Ints = npt.NDArray[np.int64]
Records = npt.NDArray[np.void]

FX_DECIMALS = 12
_INT64_MAX = 2**63 - 1
_HALF_MAX = 2**62
"""Largest divisor whose remainders can be doubled inside 64 bits."""
_SPLIT_MAX = 2_000_000_000_000
"""Largest divisor for which the split multiplication below stays inside 64 bits."""


def half_even(number: int, divisor: int) -> int:
    """number / divisor to the nearest whole number, ties to even; divisor > 0."""
    quotient, rest = divmod(number, divisor)
    return quotient + (2 * rest > divisor or (2 * rest == divisor and quotient & 1))


def mul_div(a: Ints, b: Ints | int, divisor: Ints | int) -> Ints:
    """int64 array a x b / divisor, exact, rounded half to even once; divisor > 0.

    Takes the plain 64-bit product where it fits, else splits both factors by the divisor, else Python integers.
    OverflowError if a result does not fit into 64 bits.
    """
    left, right = np.broadcast_arrays(np.asarray(a, np.int64), np.asarray(b, np.int64))
    if left.size == 0:
        return np.zeros(left.shape, np.int64)
    low, high = int(np.min(divisor)), int(np.max(divisor))
    if low <= 0:
        raise ValueError("the divisor must be positive")
    if high <= _HALF_MAX and _largest(left) * _largest(right) <= _INT64_MAX:
        quotient = np.asarray(left * right, np.int64)
        if high == 1:
            return quotient
        quotient, rest = np.divmod(quotient, divisor)
    elif high <= _SPLIT_MAX and _quotients_fit(left, right, divisor):
        quotient, rest = _split_divmod(left, right, np.asarray(divisor, np.int64), high)
    else:
        divisors = np.broadcast_to(np.asarray(divisor, np.int64), left.shape)
        rows = zip(left.tolist(), right.tolist(), divisors.tolist(), strict=True)
        return np.array([half_even(x * y, d) for x, y, d in rows], np.int64)
    twice = 2 * rest
    return np.asarray(quotient + ((twice > divisor) | ((twice == divisor) & (quotient & 1 == 1))), np.int64)


def _largest(values: Ints) -> int:
    return max(abs(int(values.min())), abs(int(values.max())))


def _quotients_fit(a: Ints, b: Ints, divisor: Ints | int) -> bool:
    return bool(np.max(np.abs(a.astype(np.float64)) * np.abs(b.astype(np.float64)) / divisor) < 2.0**62)


def _split_divmod(a: Ints, b: Ints, divisor: Ints, high: int) -> tuple[Ints, Ints]:
    """(quotient, remainder) of a x b / divisor, with every intermediate inside 64 bits as divisor x root does."""
    a_high, a_low = np.divmod(a, divisor)
    b_high, b_low = np.divmod(b, divisor)
    root = int(high**0.5) + 1
    upper, lower = np.divmod(b_low, root)
    part, rest = np.divmod(a_low * upper, divisor)
    quotient, rest = np.divmod(rest * root + a_low * lower, divisor)
    return a * b_high + a_high * b_low + part * root + quotient, rest


def standing(fills: Records) -> npt.NDArray[np.bool_]:
    """bool[fills]: False of fills that were undone, and of those that undo them; a corrected fill stands, the first one does not."""
    named = fills["exec_ref_id"]
    undoing = np.flatnonzero(named >= 0)
    undoing = undoing[fills["side"][undoing] != fills["side"][named[undoing]]]
    stands = np.ones(len(fills), np.bool_)
    stands[undoing] = stands[named[undoing]] = False
    return stands


@dataclass(frozen=True, slots=True)
class Books:
    """Balances at the stored instants, per currency: cash, positions at their marks, rate, and what both are in base.

    cash, value  int64[currencies, m] money units of the currency
    rate         int64[currencies, m] base currency per unit in 10^-12; 0 before the pair's first bar
    base         int64[currencies, m] money units of the account's currency
    cash_base    int64[m]: sum over currencies of the cash balances, each rounded to base by itself
    """

    cash: Ints
    value: Ints
    rate: Ints
    base: Ints
    cash_base: Ints

    @property
    def equity(self) -> Ints:
        """int64[m] money units of the account's currency, recomputed from postings, fills and marks."""
        return np.asarray(self.base.sum(axis=0), np.int64)


class Portfolio:
    """The views of one record, each computed once, when first asked for."""

    def __init__(self, record: RunRecord) -> None:
        self.record = record

    @cached_property
    def fill_order(self) -> Ints:
        """int64[fills]: fill numbers by instrument, then strategy, each group in order of filling."""
        fills = self.record.tables["fills"]
        return np.lexsort((fills["strategy"], fills["symbol"]))

    @cached_property
    def groups(self) -> list[tuple[int, int, slice]]:
        """(instrument, strategy, part of :attr:`fill_order`) of everything that was traded."""
        fills = self.record.tables["fills"]
        if not len(fills):
            return []
        symbol, strategy = fills["symbol"][self.fill_order], fills["strategy"][self.fill_order]
        change = np.flatnonzero((np.diff(symbol) != 0) | (np.diff(strategy) != 0)) + 1
        bounds = [0, *change.tolist(), len(fills)]
        return [(int(symbol[a]), int(strategy[a]), slice(a, b)) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]

    def running(self, per_fill: Ints) -> Ints:
        """int64[fills]: running sum of a number per fill, within strategy and instrument, after each fill."""
        total = np.cumsum(per_fill[self.fill_order])
        before = np.zeros(len(total), np.int64)
        for _, _, part in self.groups[1:]:
            before[part] = total[part.start - 1]
        out = np.empty(len(total), np.int64)
        out[self.fill_order] = total - before
        return out

    @cached_property
    def quantity(self) -> Ints:
        """int64[fills]: signed position of the fill's strategy and instrument after it, summed from the fills."""
        fills = self.record.tables["fills"]
        return self.running(fills["side"] * fills["quantity"])

    def at(self, times: Ints) -> Ints:
        """Index of the first stored instant at or after each time; m where there is none."""
        return np.searchsorted(self.record.instants, times, "left")

    def bar_of(self, instrument: int) -> Ints:
        """int64[m]: row of the execution feed that marks the instrument at each stored instant, -1 before its first bar."""
        closes = self.record.market.execution_feed(instrument).close_time
        instants = self.record.instants
        if np.array_equal(closes, instants):
            return np.arange(len(instants), dtype=np.int64)
        return np.searchsorted(closes, instants, "right") - 1

    def mark(self, instrument: int) -> Ints:
        """int64[m]: the instrument's mark in price units at each stored instant, 0 before its first bar."""
        feed = self.record.market.execution_feed(instrument)
        rows = self.bar_of(instrument)
        if feed.ask_close is None:
            return np.append(0, feed.close)[rows + 1]
        marks = feed.middle(np.maximum(rows, 0))
        if self.record.config.account.mark == "exit_side":
            held, known = self._held_at(instrument), np.maximum(rows, 0)
            marks = np.where(held > 0, feed.close[known], np.where(held < 0, feed.ask_close[known], marks))
        return np.where(rows < 0, 0, marks)

    def _held_at(self, instrument: int) -> Ints:
        """int64[m]: lots of the instrument held at each stored instant, of all strategies."""
        fills = self.record.tables["fills"]
        mine = fills[fills["symbol"] == instrument]
        steps = np.zeros(len(self.record.instants) + 1, np.int64)
        np.add.at(steps, self.at(mine["instant"]), mine["side"] * mine["quantity"])
        return np.cumsum(steps[:-1])

    def last_price(self, instrument: int) -> int:
        """The last mark of a traded instrument; where a fill came after the last stored instant (the run failed), its price."""
        record = self.record
        fills = record.tables["fills"]
        late = np.flatnonzero((fills["symbol"] == instrument) & (self.at(fills["instant"]) == len(record.instants)))
        return int(fills["price"][late[-1]] if len(late) else self.mark(instrument)[-1])

    @cached_property
    def _valued(self) -> tuple[Ints, list[tuple[int, Ints, Ints]]]:
        """(value per currency, [(instrument, indices of stored instants, marks) for the marks table])."""
        record, m = self.record, len(self.record.instants)
        fills, quote = record.tables["fills"], record.quote_currency
        where = self.at(fills["instant"][self.fill_order])
        position = self.quantity[self.fill_order]
        value = np.zeros((len(record.currencies), m), np.int64)
        needed: list[tuple[int, Ints, Ints]] = []
        for instrument, parts in groupby(self.groups, itemgetter(0)):
            mark, held = self.mark(instrument), np.zeros(m, np.bool_)
            currency = int(quote[instrument])
            mul, div = record.market.instruments[instrument].money_ratio(record.currencies[currency].decimals)
            for _, _, part in parts:
                index = where[part]
                last = np.append(np.flatnonzero(np.diff(index)), len(index) - 1)
                bounds, lots = index[last], position[part][last]
                first = int(bounds[0])
                spread = np.repeat(lots, np.diff(np.append(bounds, m)))
                held[first:] |= spread != 0
                if bool(((mark[first:] == 0) & (spread != 0)).any()):
                    raise CheckFailed(f"{record.names.symbols[instrument]} is held before its first bar has closed")
                value[currency, first:] += mul_div(mark[first:], spread * mul, div)
            needed.append((instrument, *_changes(held, mark)))
        return value, needed

    @cached_property
    def books(self) -> Books:
        """Balances, rates and their worth in base currency at the stored instants."""
        record, m = self.record, len(self.record.instants)
        value, _ = self._valued
        cash = self._cash()
        rate = np.zeros((len(record.currencies), m), np.int64)
        base = np.zeros_like(cash)
        cash_base = np.zeros(m, np.int64)
        for c, currency in enumerate(record.currencies):
            balance = cash[c] + value[c]
            if c == 0:
                rate[c], base[c], cash_base = FX_SCALE, balance, cash_base + cash[c]
                continue
            rate[c] = self._rate(c)
            if bool(((rate[c] == 0) & (balance != 0)).any()):
                raise CheckFailed(f"no rate for {currency.code} while there is a balance in it")
            divisor = 10 ** (FX_DECIMALS + currency.decimals - record.currencies[0].decimals)
            base[c] = mul_div(balance, rate[c], divisor)
            cash_base = cash_base + mul_div(cash[c], rate[c], divisor)
        return Books(cash, value, rate, base, cash_base)

    def _cash(self) -> Ints:
        record, m = self.record, len(self.record.instants)
        postings = record.tables["postings"]
        rows = postings[postings["account"] == Account.CASH]
        where = self.at(rows["instant"])
        cash = np.zeros((len(record.currencies), m + 1), np.int64)
        np.add.at(cash, (rows["currency"], where), rows["money"])
        return np.cumsum(cash[:, :m], axis=1)

    def _rate(self, currency: int) -> Ints:
        """int64[m]: rate of a currency, the mark of its pair as 10^-12 fixed point."""
        source = self.record.fx[currency]
        if source is None:
            raise CheckFailed(f"no source of rates for {self.record.currencies[currency].code}")
        mark = self.mark(source.instrument)
        decimals = self.record.market.instruments[source.instrument].price_decimals
        if not source.inverse:
            return np.asarray(mark * 10 ** (FX_DECIMALS - decimals), np.int64)
        known = mark > 0
        rate = np.zeros(len(mark), np.int64)
        rate[known] = mul_div(np.full(int(known.sum()), FX_SCALE), 10**decimals, mark[known])
        return rate

    @cached_property
    def marks(self) -> Records:
        """Rows of MARKS: per held instrument its mark, per currency with a balance its rate, wherever one changed."""
        record = self.record
        _, needed = self._valued
        parts = [(where, instrument, mark, -1, np.zeros_like(mark)) for instrument, where, mark in needed]
        for c in range(1, len(record.currencies)):
            where, rate = _changes(self.books.cash[c] + self.books.value[c] != 0, self.books.rate[c])
            parts.append((where, -1, np.zeros_like(rate), c, rate))
        out = np.zeros(sum(len(where) for where, *_ in parts), MARKS.dtype)
        start, index = 0, np.zeros(len(out), np.int64)
        for where, symbol, price, currency, rate in parts:
            rows = out[start : start + len(where)]
            index[start : start + len(where)] = where
            rows["symbol"], rows["price"], rows["currency"], rows["rate"] = symbol, price, currency, rate
            start += len(where)
        out["instant"] = record.instants[index]
        return out if len(parts) < 2 else out[np.argsort(index, kind="stable")]

    @cached_property
    def opened(self) -> Records:
        """Per fill what its opening part put into a lot: fields quantity, cost (signed) and fee, zero if it only closed."""
        fills, closes = self.record.tables["fills"], self.record.tables["lot_closes"]
        out = np.zeros(len(fills), np.dtype([("quantity", np.int64), ("cost", np.int64), ("fee", np.int64)]))
        proceeds, fee = np.zeros(len(fills), np.int64), np.zeros(len(fills), np.int64)
        np.add.at(proceeds, closes["fill_id"], closes["proceeds"])
        np.add.at(fee, closes["fill_id"], closes["fee_out"])
        out["quantity"] = fills["quantity"] - fills["closing_quantity"]
        out["cost"] = fills["side"] * fills["notional"] + proceeds
        out["fee"] = fills["fee"] - fee
        return out

    @cached_property
    def positions(self) -> Records:
        """Rows of POSITIONS: quantity, cost, realised and fees of strategy and instrument after each fill."""
        record = self.record
        fills, closes = record.tables["fills"], record.tables["lot_closes"]
        out = np.zeros(len(fills), POSITIONS.dtype)
        cost, realised = self.opened["cost"].copy(), np.zeros(len(fills), np.int64)
        np.subtract.at(cost, closes["fill_id"], closes["cost"])
        np.add.at(realised, closes["fill_id"], closes["realised"])
        for name in ("fill_id", "instant", "strategy", "symbol"):
            out[name] = fills[name]
        out["quantity"] = self.quantity
        out["cost"] = self.running(cost)
        out["realised"] = self.running(realised)
        out["fees"] = self.running(fills["fee"])
        for instrument, _, part in self.groups:
            rows = self.fill_order[part]
            rows = rows[out["quantity"][rows] != 0]
            out["average_price"][rows] = self.unit_price(instrument, out["cost"][rows], out["quantity"][rows])
        return out

    def unit_price(self, instrument: int, money: Ints, lots: Ints) -> Ints:
        """Price units per unit for money paid on lots of one instrument, half to even; both signed alike, lots not 0."""
        record = self.record
        currency = record.currencies[int(record.quote_currency[instrument])]
        mul, div = record.market.instruments[instrument].money_ratio(currency.decimals)
        return mul_div(np.sign(lots) * money, div, np.abs(lots) * mul)

    @cached_property
    def equity(self) -> Records:
        """Rows of EQUITY: the stored equity, all cash in base currency, the rest, and the drawdown from the highest."""
        record = self.record
        out = np.zeros(len(record.instants), EQUITY.dtype)
        out["instant"], out["equity"], out["cash"] = record.instants, record.equity, self.books.cash_base
        out["positions_value"] = record.equity - self.books.cash_base
        out["drawdown"] = np.maximum.accumulate(record.equity) - record.equity
        return out


def _changes(held: npt.NDArray[np.bool_], number: Ints) -> tuple[Ints, Ints]:
    """Where a number has to be said: at the start of each held stretch and wherever it changed inside one."""
    if not len(held):
        return np.zeros(0, np.int64), number
    say = held.copy()
    say[1:] &= ~held[:-1] | (number[1:] != number[:-1])
    where = np.flatnonzero(say)
    return where, number[where]


def marks(record: RunRecord) -> Records:
    """Rows of MARKS of a record; see :attr:`Portfolio.marks`."""
    return Portfolio(record).marks


def positions(record: RunRecord) -> Records:
    """Rows of POSITIONS of a record; see :attr:`Portfolio.positions`."""
    return Portfolio(record).positions


def equity_table(record: RunRecord) -> Records:
    """Rows of EQUITY of a record; see :attr:`Portfolio.equity`."""
    return Portfolio(record).equity
