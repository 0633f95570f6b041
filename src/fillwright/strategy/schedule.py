"""Schedules: what ready-made decisions become before a run, and the driver that hangs them on its state."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from fillwright.config.schema import Config
from fillwright.data.market import Ints, Market, suggest
from fillwright.errors import UsageError
from fillwright.kernel.drivers import HEADER
from fillwright.kernel.state import TICKET, WANTS_BARS, State
from fillwright.model.codes import OrderType, TimeInForce
from fillwright.model.instrument import RATE_SCALE
from fillwright.strategy.driver import Preparation, Recall
from fillwright.strategy.frames import Floats, Stamp

Ints32: TypeAlias = npt.NDArray[np.int32]
Bytes: TypeAlias = npt.NDArray[np.uint8]

LARGEST = 2.0**62
LOT_TOLERANCE = 1e-9
"""A quantity within this relative distance of a whole lot is that lot."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """What happens at each instant of a market, in whole numbers.

    offsets      int64[instants + 1]: the cells of instant j are ``offsets[j]:offsets[j + 1]``
    mode         size mode of all cells
    instruments, actions   int32[cells], uint8[cells] (empty where a driver does not use them)
    sizes        int64[cells] lots, money units or 10^-9; int64[cells, ROW] for a list of orders, see ``kernel.drivers``
    """

    offsets: Ints
    mode: int
    instruments: Ints32
    actions: Bytes
    sizes: Ints

    def __post_init__(self) -> None:
        for array in (self.offsets, self.instruments, self.actions, self.sizes):
            array.setflags(write=False)

    @property
    def most(self) -> int:
        """Most cells of one instant."""
        return int(np.diff(self.offsets).max(initial=0))

    def digest(self) -> str:
        """BLAKE2b-128 in hex."""
        state = hashlib.blake2b(str(self.mode).encode(), digest_size=16)
        for array in (self.offsets, self.instruments, self.actions, self.sizes):
            state.update(f"|{array.shape}|".encode())
            state.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data)
        return state.hexdigest()


class ReadyMade:
    """What the drivers of this module have in common: a schedule, made for one market by :meth:`prepare` and hung on the state.

    An object that a user holds carries its input only; a run works on a copy of it.
    """

    _entry: Callable[..., Any]

    def __init__(self, tif: str | None = None, stamp: Stamp | None = None) -> None:
        self.name = type(self).__name__
        self.tags: list[str] = []
        self.rules: list[str] = []
        self.notes: list[str] = []
        self.error: BaseException | None = None
        self.wants_checkpoint = False
        self._tif = _tif(tif)
        if stamp not in (None, "open", "close"):
            raise UsageError(f"no stamp {stamp!r}", remedy='stamp="open" or stamp="close": what the times of the frame are')
        self._stamp = stamp
        self._schedule: Schedule | None = None
        self._instants: Ints | None = None

    def describe(self) -> dict[str, Any]:
        """Kind, name and the digest of the schedule ("" before :meth:`prepare`)."""
        digest = "" if self._schedule is None else self._schedule.digest()
        return {"kind": "arrays", "name": self.name, "tif": self._tif, "schedule": digest}

    def prepare(self, market: Market, config: Config) -> Preparation:
        """Make the schedule for a market; UsageError where the input does not fit it."""
        self._config_tif = int(TimeInForce[config.orders.time_in_force])
        self._instants = market.instants
        self._schedule = self._build(market, config)
        return Preparation()

    def _build(self, market: Market, config: Config) -> Schedule:
        raise NotImplementedError

    def attach(self, state: State) -> Callable[..., Any]:
        """Hang the schedule on the state, make room for its largest instant, and return its callback."""
        schedule = self._schedule
        assert schedule is not None, "attach before prepare"
        s = state.scalars
        most = schedule.most
        cells: dict[str, np.ndarray[Any, Any]] = {
            "offsets": self._run_offsets(state, schedule),
            "instruments": schedule.instruments,
            "sizes": schedule.sizes,
            "actions": schedule.actions,
            "scratch": np.zeros(4 * max(most, 1), np.int64),
        }
        header = {name: state.pin(array) for name, array in cells.items()} | {"mode": schedule.mode}
        s["driver"] = state.pin(np.array([header[name] for name in HEADER], np.int64))
        for name in TICKET:
            s[name] = 0
        s["t_rule"] = s["t_tag"] = -1
        s["t_tif"] = self._config_tif if self._tif is None else self._tif
        s["t_type"] = int(OrderType.MARKET)
        s["mask"] = WANTS_BARS
        # an entry with its exits takes three orders, and the kernel asks for room for three at a time
        if 3 * most + 3 > int(s["room"]):
            s["room"] = 3 * most + 3
            state.grow()
        return type(self)._entry

    def _run_offsets(self, state: State, schedule: Schedule) -> Ints:
        """Offsets by instants of the run, which may have more of them (timers) than the market."""
        count = int(state.scalars["n_instants"])
        assert self._instants is not None
        if count == len(self._instants):
            return schedule.offsets
        instants = state.kept[0]  # laid out first
        places = np.searchsorted(self._instants, instants)
        return np.append(schedule.offsets[places], schedule.offsets[-1])

    def watch(self) -> None:
        """Nothing changes in it."""

    def recall(self) -> Recall:
        """The names that records refer to."""
        return Recall(list(self.tags), list(self.rules))

    def restore(self, recall: Recall) -> None:
        """Names that records refer to already keep their numbers, and the schedule's own are numbered after them."""
        known = {"t_tag": list(recall.tags), "t_rule": list(recall.rules)}
        own = {"t_tag": self.tags, "t_rule": self.rules}
        self.tags, self.rules = (list(dict.fromkeys([*known[name], *own[name]])) for name in known)
        schedule = self._schedule
        assert schedule is not None, "restore before prepare"
        if schedule.sizes.ndim == 2 and (self.tags, self.rules) != (own["t_tag"], own["t_rule"]):
            tickets = schedule.sizes.copy()
            for name, merged in (("t_tag", self.tags), ("t_rule", self.rules)):
                numbers = np.array([merged.index(text) for text in own[name]] + [-1], np.int64)
                tickets[:, TICKET.index(name)] = numbers[tickets[:, TICKET.index(name)]]
            self._schedule = replace(schedule, sizes=tickets)

    def stop(self) -> None:
        """Nothing is left to do."""

    def release(self) -> None:
        """Nothing is held."""


def whole_sizes(values: Floats, what: str, instruments: Ints32, market: Market, config: Config) -> Ints:
    """Whole numbers of sizes: weights in 10^-9 and values in money units (nearest, halves up), units in lots (toward zero)."""
    if what == "units":
        scales = np.array([instrument.quantity_scale for instrument in market.instruments], np.float64)
        with np.errstate(over="ignore"):
            exact = values * scales[instruments]
        whole = np.floor(exact + 0.5)
        fraction = np.abs(exact - whole) > np.abs(exact) * LOT_TOLERANCE
        if fraction.any():
            whole[fraction] = np.trunc(exact[fraction])
    else:
        with np.errstate(over="ignore"):
            exact = values * float(RATE_SCALE if what == "weights" else 10**config.account.money_decimals)
        exact += 0.5
        whole = np.floor(exact, out=exact)
    largest = max(float(whole.max()), -float(whole.min())) if len(whole) else 0.0
    if not largest < LARGEST:
        raise UsageError(f"{what} as large as {np.abs(values).max():g} can not be counted", remedy=f"check the scale of {what}")
    return whole.astype(np.int64)


def offsets_of(instants: Ints, market: Market) -> Ints:
    """Offsets of sorted cells by instants of the market."""
    counts = np.bincount(instants, minlength=len(market.instants))
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)))


def time_of(market: Market, instant: int) -> str:
    """An instant of a market in words."""
    return f"{np.datetime64(int(market.instants[instant]), 'ns').astype('datetime64[s]')}Z"


def _tif(tif: str | None) -> int | None:
    """Code of a time in force that a market order can have."""
    if tif is None:
        return None
    known = ("DAY", "GTC", "IOC", "FOK")
    if tif not in known:
        raise UsageError(f"no time in force {tif!r} for targets", remedy=suggest(str(tif), known, "times in force"))
    return int(TimeInForce[tif])
