"""Fills that the broker took back: what undoes one and what takes its place, held against the fill itself and against the draws.

Rules: ``docs/execution_rules.md`` §10, *Busts and corrections*.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from fillwright.verify.audit import Audit, moment
from fillwright.verify.bars import Bars
from fillwright.verify.draws import draw
from fillwright.verify.ledger import STEPS, Ledger
from fillwright.verify.lifecycle import TELLS
from fillwright.verify.reading import Folder, duration
from fillwright.verify.roles import BOOKS, Roles, roles
from fillwright.verify.terms import RATE

BUST, CORRECT, CORRECT_BY = 24, 25, 26
"""First numbers of draws."""
LEG = 1024
COPIED = ("order_id", "path", "event_time", "quantity", *STEPS, "liquidity")
"""What a fill has in common with the one that it undoes or corrects, beside its price."""
AUCTIONS = ("market_on_open", "limit_on_open", "market_on_close", "limit_on_close")


@dataclass(frozen=True)
class Faults:
    """What the configuration says: chances in 10^-9, ns, ticks; ``tick`` price units per instrument, at least 1."""

    seed: int
    bust: int
    correct: int
    after: int
    by: int
    tick: tuple[int, ...]

    @classmethod
    def of(cls, folder: Folder) -> Faults:
        """The settings of a folder's run."""
        config: dict[str, Any] = folder.run["config"]
        faults = config["execution"]["faults"]
        return cls(
            seed=int(config["run"]["seed"]),
            bust=int(Fraction(str(faults["bust"])) * RATE),
            correct=int(Fraction(str(faults["correct"])) * RATE),
            after=duration(str(faults["bust_after"])),
            by=int(faults["correct_by"]),
            tick=tuple(max(1, int(facts["tick"])) for facts in folder.run["instruments"]),
        )


@dataclass(frozen=True, slots=True)
class Marked:
    """A fill that is to be undone: when it is due, and by how many ticks its price then moves, 0 = it is undone for good."""

    fill: int
    due: int
    shift: int


def marked(folder: Folder, ledger: Ledger) -> list[Marked]:
    """Every fill that the draws chose, in the order in which they are taken back."""
    faults, told = Faults.of(folder), roles(folder)
    orders, events = folder["orders"], folder["order_events"]
    free = ((orders["intent_id"] >= 0) & (orders["flags"] & LEG == 0)).tolist()
    order_of, names, instants = (events[name].tolist() for name in ("order_id", "event", "instant"))
    earlier, fill, found = [0] * orders.rows, -1, []
    for order, name, instant in zip(order_of, names, instants, strict=True):
        step, earlier[order] = earlier[order], earlier[order] + 1
        if name not in TELLS:
            continue
        fill += 1
        if fill >= len(told.of) or told.undoes[fill] or not free[order]:
            continue
        if draw(faults.seed, BUST, order, step) * RATE < faults.bust:
            found.append(Marked(fill, instant + faults.after, 0))
        elif not told.corrects(fill) and draw(faults.seed, CORRECT, order, step) * RATE < faults.correct:
            drawn = int(draw(faults.seed, CORRECT_BY, order, step) * 2 * faults.by)
            shift = -(drawn + 1) if drawn < faults.by else drawn - faults.by + 1
            found.append(Marked(fill, instant + faults.after, shift))
    return found


@dataclass(frozen=True, slots=True)
class Again:
    """An order that was filled and is no more: by the event of which row, for which fill; what the next event of that instant is."""

    order: int
    row: int
    instant: int
    undone: int
    next_row: int
    next: tuple[str, str]


def working_again(folder: Folder) -> Iterator[Again]:
    """Every order that was filled until a fill was undone for good."""
    events, told = folder["order_events"], roles(folder)
    rows_of: dict[int, list[int]] = {}
    order_of, instants = events["order_id"].tolist(), events["instant"].tolist()
    for row, order in enumerate(order_of):
        rows_of.setdefault(order, []).append(row)
    for fill, row in enumerate(told.event):
        if row < 0 or not told.undoes[fill] or told.is_corrected(fill) or events["status_before"][row] != "filled":
            continue
        order, now = order_of[row], instants[row]
        after = next((later for later in rows_of[order] if later > row and instants[later] == now), -1)
        event = (str(events["event"][after]), str(events["reason"][after])) if after >= 0 else ("nothing", "then")
        yield Again(order, row, now, told.of[fill], after, event)


def check_days_again(audit: Audit, data: Sequence[Bars]) -> set[int]:
    """DAY orders that work again do so within their day only, else they expire; rows of the events with which they do."""
    folder, told = audit.folder, roles(audit.folder)
    instants, symbols = folder["fills"]["instant"].tolist(), folder.order_symbol.tolist()
    wrong, ended = [], set()
    for one in working_again(folder):
        if folder["orders"]["tif"][one.order] != "day" or folder["orders"]["type"][one.order] in AUCTIONS:
            continue
        first = one.undone
        while 0 <= told.of[first] < first:
            first = told.of[first]
        bars = data[symbols[one.order]]
        ends = bars.close_time[bars.day_last != 0]
        over = bool(np.any((ends >= instants[first]) & (ends <= one.instant)))
        expires = one.next == ("expire", "day_end")
        if over and expires:
            ended.add(one.next_row)
        elif over or expires:
            wrong.append(f"{_place(one)} is followed by {' '.join(one.next)}, but its day is {'over' if over else 'not over'}")
    audit.say("data.days_again", len(folder["orders"]["tif"]), wrong)
    return ended


def check_busts(audit: Audit, ledger: Ledger) -> None:
    """Check every fill that undoes or corrects another, what was drawn for that one, and what became of its order."""
    folder, told = audit.folder, roles(audit.folder)
    if "exec_ref_id" not in folder["fills"].columns:  # a folder of an earlier version
        return
    audit.say("fills.taken_back", folder["fills"].rows, [*_named(folder, told), *_copies(folder, told), *_times(folder, told)])
    audit.say("fills.drawn", folder["fills"].rows, _drawn(folder, ledger, told))
    audit.say("order_events.taken_back", sum(told.undoes), _orders(folder, told))
    if folder.run["config"]["account"]["type"] == "cash":
        audit.say("fills.overdrawn", sum(told.undoes), _overdrawn(folder, ledger, told))


def _wrong(row: int, column: str, text: str) -> str:
    return f"fills.parquet row {row} column {column}: {text}"


def _named(folder: Folder, told: Roles) -> Iterator[str]:
    """Which fill each names: an earlier one that met the market or was corrected; each is undone once, in the order of fills."""
    stages, last = folder["fills"]["stage"].tolist(), -1
    for fill, of in enumerate(told.of):
        by_name = of >= 0 or told.undoes[fill]
        if (stages[fill] == BOOKS) != by_name:
            names = "takes back or corrects one" if by_name else "names no fill"
            yield _wrong(fill, "stage", f"{stages[fill]}, but it {names}")
        if by_name and (not -1 < of < fill or told.undoes[of]):
            yield _wrong(fill, "exec_ref_id", f"{of} is no earlier fill that can be taken back")
        if told.undoes[fill]:
            if of <= last:
                yield _wrong(fill, "exec_ref_id", f"{of} is undone after fill {last}")
            last = of
        elif by_name and not (fill and told.undoes[fill - 1] and told.is_corrected(fill - 1)):
            yield _wrong(fill, "exec_ref_id", f"{of} is corrected, but the fill before does not undo it")


def _copies(folder: Folder, told: Roles) -> Iterator[str]:
    """What a fill must repeat of the one that it names, and what one at no place of the market has."""
    fills = folder["fills"]
    values = {name: (folder.units("fills", name) if name in fills.decimals else fills[name]).tolist() for name in COPIED}
    prices, available = (folder.units("fills", name).tolist() for name in ("reference_price", "available"))
    ambiguous = fills["ambiguous"].tolist()
    for fill, of in enumerate(told.of):
        if not 0 <= of < fill:
            continue
        for name, column in values.items():
            if column[fill] != column[of]:
                yield _wrong(fill, name, f"found {column[fill]}, expected {column[of]} of fill {of}")
        if told.undoes[fill] and prices[fill] != prices[of]:
            yield _wrong(fill, "reference_price", f"found {prices[fill]}, expected {prices[of]} of fill {of}, which it undoes")
        for name, found, expected in (("available", available[fill], -1), ("ambiguous", ambiguous[fill], 0)):
            if found != expected:
                yield _wrong(fill, name, f"found {found}, expected {expected}: it met no market")


def _times(folder: Folder, told: Roles) -> Iterator[str]:
    """When fills are taken back: at an instant, one at each, so long after the fill, and reported no sooner than it."""
    fills, after, last = folder["fills"], Faults.of(folder).after, 0
    instants, times, reported = (fills[name].tolist() for name in ("instant", "time", "reported_at"))
    for fill, of in enumerate(told.of):
        if not 0 <= of < fill:
            continue
        now, told_before = instants[fill], of
        if times[fill] != now:
            yield _wrong(fill, "time", f"found {moment(times[fill])}, expected {moment(now)}: it met no market")
        if told.undoes[fill]:
            if now <= last:
                yield _wrong(fill, "instant", f"another fill was undone at {moment(last)}")
            if now < instants[of] + max(after, 1):
                yield _wrong(fill, "instant", f"undone at {moment(now)}, less than execution.faults.bust_after after fill {of}")
            last = now
        else:
            told_before = fill - 1
            if now != instants[fill - 1]:
                yield _wrong(fill, "instant", f"corrected at {moment(now)}, but undone at {moment(instants[fill - 1])}")
        if reported[fill] < reported[told_before]:
            yield _wrong(fill, "reported_at", f"its report comes before that of fill {told_before}")


def _drawn(folder: Folder, ledger: Ledger, told: Roles) -> Iterator[str]:
    """Only fills that were drawn are undone or corrected, and those to the price that was drawn."""
    chosen = {item.fill: item.shift for item in marked(folder, ledger)}
    tick = Faults.of(folder).tick
    for fill, of in enumerate(told.of):
        if not told.undoes[fill] or not 0 <= of < fill:
            continue
        shift = chosen.get(of)
        if shift is None:
            yield _wrong(fill, "exec_ref_id", f"fill {of} was not drawn to be taken back")
        elif (shift != 0) != told.is_corrected(fill):
            yield _wrong(fill, "exec_ref_id", f"fill {of} was drawn to be {'corrected' if shift else 'undone for good'}")
        elif shift:
            price = ledger.price[of] + shift * tick[ledger.symbol[of]]
            if ledger.price[fill + 1] != price or price < 1:
                text = f"comes to {ledger.price[fill + 1]}, expected {price}: {shift} ticks from fill {of}"
                yield _wrong(fill + 1, "reference_price", text)


def _orders(folder: Folder, told: Roles) -> Iterator[str]:
    """A correction leaves the status as it was; an order that was filled, and is no more, works again or ends as its kind does."""
    events = folder["order_events"]
    before, after = (events[name].tolist() for name in ("status_before", "status"))
    for fill, undoes in enumerate(told.undoes):
        row = told.event[fill]
        if undoes and told.is_corrected(fill) and (told.event[fill + 1] != row + 1 or after[row + 1] != before[row]):
            yield f"order_events.parquet row {row} column status: a correction does not leave its order {before[row]}"
    for one in working_again(folder):
        must = _end(folder["orders"], one.order, one.instant)
        if must is not None and one.next != must:
            yield f"{_place(one)} is followed by {' '.join(one.next)}, expected {' '.join(must)}"


def _place(one: Again) -> str:
    return f"order_events.parquet row {one.row} column event: order {one.order}, which works again,"


def _end(orders: Any, order: int, now: int) -> tuple[str, str] | None:
    """How an order ends that works again, None where it may live."""
    tif = orders["tif"][order]
    if orders["type"][order] in AUCTIONS:
        return "expire", "auction_over"
    if tif == "gtd" and int(orders["expire_at"][order]) < now:
        return "expire", "gtd_reached"
    return {"ioc": ("cancel", "ioc_remainder"), "fok": ("cancel", "fok_not_fillable")}.get(tif)


def _overdrawn(folder: Folder, ledger: Ledger, told: Roles) -> Iterator[str]:
    """In a cash account nothing is taken back that leaves less than no money, or less than no lots."""
    for fill, (currency, cash, held) in enumerate(balances(folder, ledger)):
        if told.of[fill] < 0 or (told.undoes[fill] and told.is_corrected(fill)):
            continue
        if cash < 0 or held < 0:
            code = folder.currencies[currency].code
            yield _wrong(fill, "exec_ref_id", f"taking back fill {told.of[fill]} leaves {cash} units of {code} and {held} lots")


def balances(folder: Folder, ledger: Ledger) -> Iterator[tuple[int, int, int]]:
    """After each fill: the currency that it is paid in, the cash there is in it, and lots of the instrument; of all strategies."""
    cash = [int(folder.cash.get(currency.code, Fraction(0)) * 10**currency.decimals) for currency in folder.currencies]
    held = [0] * len(folder.instruments)
    for symbol, side, quantity, notional, fee in zip(
        ledger.symbol, ledger.side, ledger.quantity, ledger.notional, ledger.fee, strict=True
    ):
        currency = folder.instruments[symbol].currency
        cash[currency] -= side * notional + fee
        held[symbol] += side * quantity
        yield currency, cash[currency], held[symbol]


def check_taken_back(audit: Audit, ledger: Ledger, instants: np.typing.NDArray[Any], stopped: bool) -> None:
    """Every fill that was drawn was taken back as soon as it was due and those before it had their turn, or could not be."""
    folder, told = audit.folder, roles(audit.folder)
    by = {of: fill for fill, of in enumerate(told.of) if told.undoes[fill]}
    turns = _Turns(folder, ledger, told)
    last, wrong = 0, []
    end = int(folder["equity"]["instant"][-1]) if stopped and folder["equity"].rows else int(instants[-1])
    waiting = marked(folder, ledger)
    for item in waiting:
        place = int(np.searchsorted(instants, max(item.due, last + 1, ledger.instant[item.fill] + 1), "left"))
        if place >= len(instants) or (int(instants[place]) > end and item.fill not in by):
            break
        last = int(instants[place])
        fill = by.get(item.fill)
        if fill is not None and ledger.instant[fill] != last:
            text = f"found {moment(ledger.instant[fill])}, expected {moment(last)}: it was due then"
            wrong.append(_wrong(fill, "instant", text))
        elif fill is None and not turns.excused(item, last):
            wrong.append(_wrong(item.fill, "exec_ref_id", f"nothing names it, but it was to be taken back at {moment(last)}"))
    audit.say("data.taken_back", len(waiting), wrong)


class _Turns:
    """Why a fill whose turn has come was left alone."""

    def __init__(self, folder: Folder, ledger: Ledger, told: Roles) -> None:
        self.folder, self.ledger, self.told = folder, ledger, told
        self.faults = Faults.of(folder)
        self.cash = folder.run["config"]["account"]["type"] == "cash"
        self.balances = list(balances(folder, ledger)) if self.cash else []
        self.limits = folder.units("order_events", "limit_price")

    def excused(self, item: Marked, now: int) -> bool:
        """Whether the rules may have kept the fill as it is; what came at the same moment may have come before or after."""
        ledger = self.ledger
        symbol, side = ledger.symbol[item.fill], ledger.side[item.fill]
        price = ledger.price[item.fill] + item.shift * self.faults.tick[symbol]
        if price < 1 or (item.shift and any(side * (price - limit) > 0 for limit in self._limits(item.fill, now))):
            return True
        return self.cash and self._short(item, now, price)

    def _limits(self, fill: int, now: int) -> list[int]:
        """Limits that the order had at a moment."""
        events = self.folder["order_events"]
        mine = np.flatnonzero(events["order_id"] == self.folder["fills"]["order_id"][fill])
        mine = mine[events["instant"][mine] <= now]
        before = mine[events["instant"][mine] < now][-1:]
        rows = [*before.tolist(), *mine[events["instant"][mine] == now].tolist()]
        return [limit for limit in map(int, self.limits[rows].tolist()) if limit]

    def _short(self, item: Marked, now: int, price: int) -> bool:
        """Whether cash or lots would not have done, at any time of that moment."""
        ledger, fill = self.ledger, item.fill
        instrument = self.folder.instruments[ledger.symbol[fill]]
        side, lots = ledger.side[fill], 0 if item.shift else ledger.quantity[fill]
        moved = side * (price - ledger.price[fill]) * ledger.quantity[fill] * instrument.mul // instrument.div
        paid = moved if item.shift else -side * ledger.notional[fill]
        # A fee moves too, by no more than the largest that the account has paid for one fill; a unit for rounding.
        fees = max(map(abs, ledger.fee), default=0) + 1
        first = int(np.searchsorted(ledger.instant, now, "left"))
        stop = int(np.searchsorted(ledger.instant, now, "right"))
        for at in range(max(first - 1, 0), stop):
            cash, held = self._at(at, instrument.currency, ledger.symbol[fill])
            if cash - paid < fees or held - side * lots < 0:
                return True
        return False

    def _at(self, fill: int, currency: int, symbol: int) -> tuple[int, int]:
        """(cash in a currency, lots of an instrument) after a fill."""
        cash = next((self.balances[k][1] for k in range(fill, -1, -1) if self.balances[k][0] == currency), None)
        held = next((self.balances[k][2] for k in range(fill, -1, -1) if self.ledger.symbol[k] == symbol), 0)
        if cash is None:
            code = self.folder.currencies[currency]
            cash = int(self.folder.cash.get(code.code, Fraction(0)) * 10**code.decimals)
        return cash, held
