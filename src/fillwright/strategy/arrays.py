"""Ready-made decisions: target positions, signals and lists of orders, run by the kernel without a call to Python.

Each becomes a schedule once, before the run: for every instant its cells, in whole numbers. The schedule is read-only; the rules
for what happens to a cell are those of any other order (``kernel.intake``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fillwright.config.policies import FixedSizing, NoSizing, ValueSizing
from fillwright.config.schema import Config
from fillwright.data.market import Ints, Market
from fillwright.errors import UsageError
from fillwright.kernel import drivers
from fillwright.kernel.drivers import ENTER_LONG, ENTER_SHORT, EXIT_LONG, EXIT_SHORT
from fillwright.model.codes import SizeMode
from fillwright.strategy.frames import Floats, Stamp, read_grid
from fillwright.strategy.order_list import OrderList
from fillwright.strategy.schedule import Ints32, ReadyMade, Schedule, offsets_of, time_of, whole_sizes

__all__ = ["OrderList", "Signals", "Targets"]


class Targets(ReadyMade):
    """Target positions: ``fw.Targets(weights=frame)``. Exactly one of

    weights  fractions of equity; every cell that is not NaN is an intent (the position is brought back to its weight)
    values   account money; every cell that is not NaN is an intent
    units    quantities; a cell that repeats the column's last one is none

    A pandas or polars frame (times x symbols) or a numpy array [instants, instruments]. NaN leaves a position alone, 0 closes
    it, negative is short. All cells of an instant go as one batch, sells before buys. ``stamp`` says whether the times are opens
    or closes of bars where both could be meant.
    """

    _entry = staticmethod(drivers.targets_driver)

    def __init__(
        self, *, weights: Any = None, units: Any = None, values: Any = None, tif: str | None = None, stamp: Stamp | None = None
    ) -> None:
        super().__init__(tif, stamp)
        self._what, self._table = _one_of({"weights": weights, "units": units, "values": values}, "Targets")
        if self._table is None:
            raise UsageError("Targets needs weights=, units= or values=", remedy="fw.Targets(weights=frame)")

    def _build(self, market: Market, config: Config) -> Schedule:
        grid = read_grid(self._table, market, f"Targets {self._what}", self._stamp)
        chosen = _changes(grid.values) if self._what == "units" else ~np.isnan(grid.values)
        if grid.is_plain:
            counts = np.zeros(len(market.instants), np.int64)
            counts[grid.instants] = np.count_nonzero(chosen, axis=1)
            offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
            instruments, given = np.broadcast_to(grid.instruments, chosen.shape)[chosen], grid.values[chosen]
        else:
            instants, instruments, given = grid.cells(chosen)
            order = np.lexsort((instruments, instants))
            instants, instruments, given = instants[order], instruments[order], given[order]
            _refuse_twice(instants, instruments, market, f"Targets {self._what}")
            offsets = offsets_of(instants, market)
        sizes = whole_sizes(given, self._what, instruments, market, config)
        mode = {"weights": SizeMode.TARGET_WEIGHT, "units": SizeMode.TARGET_UNITS, "values": SizeMode.TARGET_VALUE}[self._what]
        return Schedule(offsets, int(mode), instruments, np.zeros(0, np.uint8), sizes)


class Signals(ReadyMade):
    """Entries and exits: ``fw.Signals(entries, exits, short_entries=..., short_exits=..., size=100)``.

    Each is a frame (times x symbols) or array [instants, instruments] of True and False. An entry brings a position that is not
    on its side yet to ``size`` units, ``value`` of account money or ``weight`` of equity (a number, or a table like the entries;
    without any the configuration's ``sizing``); an exit closes a position on its side. Every True is an intent; what is reached
    already is counted as no change. Exits go before entries. ``tif`` and ``stamp`` as in :class:`Targets`.
    """

    _entry = staticmethod(drivers.signals_driver)

    def __init__(
        self, entries: Any, exits: Any = None, *, short_entries: Any = None, short_exits: Any = None, size: Any = None,
        weight: Any = None, value: Any = None, tif: str | None = None, stamp: Stamp | None = None,
    ) -> None:  # fmt: skip
        super().__init__(tif, stamp)
        self._tables = {"exits": exits, "short_exits": short_exits, "entries": entries, "short_entries": short_entries}
        self._what, self._size = _one_of({"units": size, "weights": weight, "values": value}, "Signals")

    def _build(self, market: Market, config: Config) -> Schedule:
        what, size = self._sizing(config)
        codes = {"exits": EXIT_LONG, "short_exits": EXIT_SHORT, "entries": ENTER_LONG, "short_entries": ENTER_SHORT}
        width = len(market.instruments)
        keys = [np.zeros(0, np.int64)]
        for name, table in self._tables.items():
            if table is None:
                continue
            grid = read_grid(table, market, f"Signals {name}", self._stamp, flags=True)
            instants, instruments, _ = grid.cells(grid.values)
            # one number whose order is: instant, exits before entries, instrument, action
            keys.append(((instants * 2 + int(codes[name] >= ENTER_LONG)) * width + instruments) * 4 + codes[name])
        key = np.sort(np.concatenate(keys))
        places, actions = np.divmod(key, 4)
        rest, instruments64 = np.divmod(places, width)
        instants, enters = rest // 2, (rest & 1).astype(np.bool_)
        instruments = instruments64.astype(np.int32)
        both = np.flatnonzero((np.diff(places) == 0) & enters[1:])
        if len(both):
            at = int(both[0])
            same = actions[at] == actions[at + 1]
            raise UsageError(
                f"Signals: {'two rows' if same else 'entries and short_entries'} enter at {time_of(market, int(instants[at]))}, "
                f"{market.instruments[int(instruments[at])].symbol} ({len(both)} such cells)",
                remedy="keep one row per bar" if same else "decide which of the two it is",
            )
        sizes = np.zeros(len(key), np.int64)
        if enters.any():
            given = self._given(size, what, market, instants[enters], instruments[enters])
            sizes[enters] = whole_sizes(given, what, instruments[enters], market, config)
            if (given <= 0).any():
                raise UsageError("Signals: sizes must be positive", remedy="short_entries sell; sizes have no sign")
        mode = {"weights": SizeMode.TARGET_WEIGHT, "units": SizeMode.TARGET_UNITS, "values": SizeMode.TARGET_VALUE}[what]
        return Schedule(offsets_of(instants, market), int(mode), instruments, actions.astype(np.uint8), sizes)

    def _sizing(self, config: Config) -> tuple[str, Any]:
        if self._size is not None:
            return self._what, self._size
        sizing = config.sizing
        if isinstance(sizing, NoSizing):
            remedy = "give size= (units), weight= or value=, or set the sizing section of the configuration"
            raise UsageError("Signals have no size", remedy=remedy)
        if isinstance(sizing, FixedSizing):
            return "units", float(sizing.quantity)
        if isinstance(sizing, ValueSizing):
            return "values", float(sizing.value)
        return "weights", float(sizing.weight)

    def _given(self, size: Any, what: str, market: Market, instants: Ints, instruments: Ints32) -> Floats:
        """The size of each entry."""
        if np.ndim(size) == 0 and not hasattr(size, "columns"):
            try:
                return np.full(len(instants), float(size))
            except (TypeError, ValueError):
                raise UsageError(f"Signals: {size!r} is no size", remedy="give a number, or a table like the entries") from None
        grid = read_grid(size, market, f"Signals {what}", self._stamp)
        width = len(market.instruments)
        when, which, sizes = grid.cells(~np.isnan(grid.values))
        known = when * width + which
        order = np.argsort(known)
        wanted = instants * width + instruments
        at = np.minimum(np.searchsorted(known[order], wanted), max(len(known) - 1, 0))
        missing = np.flatnonzero(known[order][at] != wanted) if len(known) else np.arange(len(wanted))
        if len(missing):
            first = int(missing[0])
            raise UsageError(
                f"Signals: no size for the entry at {time_of(market, int(instants[first]))}, "
                f"{market.instruments[int(instruments[first])].symbol} ({len(missing)} such entries)",
                remedy="give each entry a size, or one number for all",
            )
        return np.asarray(sizes[order][at])


def _changes(values: Floats) -> npt.NDArray[np.bool_]:
    """Cells that are a number and not that of the last such cell above."""
    chosen = ~np.isnan(values)
    if chosen.all():
        np.not_equal(values[1:], values[:-1], out=chosen[1:])
        return chosen
    for column in range(values.shape[1]):
        rows = np.flatnonzero(chosen[:, column])
        own = values[rows, column]
        chosen[rows[1:], column] = own[1:] != own[:-1]
    return chosen


def _refuse_twice(instants: Ints, instruments: Ints32, market: Market, what: str) -> None:
    """Two cells of one instrument at one instant (rows before and after a change of clock, say) contradict each other."""
    twice = np.flatnonzero((np.diff(instants) == 0) & (np.diff(instruments) == 0))
    if len(twice):
        at = int(twice[0])
        symbol, when = market.instruments[int(instruments[at])].symbol, time_of(market, int(instants[at]))
        raise UsageError(
            f"{what}: two rows mean the bar of {symbol} that closes at {when} ({len(twice)} such cells)",
            remedy="keep one row per bar",
        )


def _one_of(given: dict[str, Any], who: str) -> tuple[str, Any]:
    """The one that is given, or (first name, None)."""
    there = {name: value for name, value in given.items() if value is not None}
    if len(there) > 1:
        shown = {"units": "size", "weights": "weight", "values": "value"} if who == "Signals" else {}
        names = " and ".join(f"{shown.get(name, name)}=" for name in there)
        raise UsageError(f"{who} has one kind of size, got {names}", remedy="keep one of them")
    return next(iter(there.items()), (next(iter(given)), None))
