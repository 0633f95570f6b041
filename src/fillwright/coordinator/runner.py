"""The life of one run: created, prepared, running (paused, running), closing, reconciled; failed or interrupted from any.

A run is a value: everything it changes lives in the :class:`State` that is made for it here.
"""

from __future__ import annotations

import copy
import os
import platform
import sysconfig
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from fillwright._version import __version__
from fillwright.broker import Terms, lower
from fillwright.config.schema import Config
from fillwright.config.shorthand import given
from fillwright.coordinator import checkpoint as checkpoints
from fillwright.coordinator.agreement import check_agreement, close
from fillwright.coordinator.checkpoint import Cuts, instant_after
from fillwright.coordinator.fingerprint import input_fingerprint, journal_fingerprint
from fillwright.coordinator.interrupt import listening
from fillwright.coordinator.isolation import Outside
from fillwright.coordinator.memory import check_prices, lay_out, sampling
from fillwright.coordinator.origin import DECLARED, Origin, facts_of
from fillwright.coordinator.watch import audit
from fillwright.data.fx import FxSource, rate_sources
from fillwright.data.market import Market
from fillwright.data.zones import When, parse_when
from fillwright.errors import FillwrightError, RunFailed, RunInterrupted, StrategyError, UsageError
from fillwright.journal import KINDS, TRADE_KINDS, Journal, Names, RunRecord, Scales, Tables
from fillwright.kernel import state as kernel_state
from fillwright.kernel.advance import advance
from fillwright.model.books import postings_of
from fillwright.model.codes import OrderEvent, OrderStatus, RunState
from fillwright.order_manager import OrderManager
from fillwright.result import Result
from fillwright.strategy.base import Strategy
from fillwright.strategy.desk import Desk
from fillwright.strategy.driver import Driver
from fillwright.trades.events import TradeWatch

Progress = Callable[[int, int], None]
"""Told (instants done, instants in all) several times a second."""

_TABLE_OF = {"order_event": "order_events", "fill": "fills", "posting": "entries", "lot_close": "lot_closes"}
_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})
_FIRST_SLICE = 1024
_SLICE_SECONDS = 0.03
_SUBSCRIBED_SLICE = 256
_OUTSIDE = ("class ", "module ", "random", "numpy.random")
"""Beginnings of what a strategy may change beyond itself and decide by later."""


class Run:
    """One run. ``Run(strategy, market, config)``, subscribe to its ``journal`` if you like, then :meth:`execute` once.

    :meth:`until` pauses it on the way, where :meth:`checkpoint` writes it down; :meth:`from_checkpoint` goes on from there.
    ``strategy`` is a :class:`Strategy` or ready-made arrays (``Targets``, ``Signals``, ``OrderList``); it is not changed.
    """

    def __init__(self, strategy: Strategy | Driver, market: Market, config: Config | None = None) -> None:
        if isinstance(strategy, type):
            raise UsageError(f"{strategy.__name__} is a class", remedy=f"make a strategy of it: {strategy.__name__}(...)")
        if not isinstance(strategy, Strategy) and not hasattr(strategy, "attach"):
            raise UsageError(
                f"a strategy is needed, got {type(strategy).__name__}",
                remedy="a Strategy, or arrays: Targets, Signals, OrderList",
            )
        if not isinstance(market, Market):
            raise UsageError(
                f"a market is needed, got {type(market).__name__}", remedy='market = fw.read_bars("SPY.csv", symbol="SPY")'
            )
        self.market = market
        self.config = given(config)
        self.state = RunState.CREATED
        self._driver: Driver = Desk(strategy) if isinstance(strategy, Strategy) else copy.copy(strategy)
        self._subject = type(strategy) if isinstance(strategy, Strategy) else None
        self._terms: Terms = lower(self.config, market.instruments)
        codes = [currency.code for currency in self._terms.currencies]
        check_prices(market, self._terms)
        self._fx: tuple[FxSource | None, ...] = rate_sources(market, codes[0], codes)
        self._warnings: list[str] = []
        self._error: FillwrightError | None = None
        self._timings: dict[str, float] = {}
        self._delivered = dict.fromkeys(KINDS, 0)
        self._posted = -1
        self._watch = TradeWatch()
        self._memory: kernel_state.State | None = None
        self._callback: Callable[..., Any] | None = None
        self._origin: Origin | None = None
        self._pausable = self.config.run.checkpoint.file is not None
        self._outside = Outside(market, self._subject, self.config.run.isolation == "strict")
        self._by_hand = False
        self._repeating = False
        self._taken: str | None = None  # data time of the checkpoint in run.checkpoint.file
        self._folder: str | None = None  # that paths of the configuration are relative to
        scales = Scales.of(market.instruments, self._terms.currencies)
        self.journal = Journal(self._names(), scales, self._order_symbol)

    # -- life ------------------------------------------------------------------------------------------------------------

    @classmethod
    def from_checkpoint(
        cls, path: str | os.PathLike[str], strategy: Strategy | Driver, market: Market, config: Config | None = None, *,
        fork: bool = False,
    ) -> Self:  # fmt: skip
        """A run that goes on from a checkpoint: with the same strategy on the same market, or as a ``fork`` with another one.

        ``config``: that of the checkpoint unless given. UsageError where any of them is not what the checkpoint was taken with,
        CheckFailed for a damaged file.
        """
        found = checkpoints.read(path)
        one = cls(strategy, market, config or Config.from_dict(found.facts["config"]))
        one._origin = Origin(found, fork)
        one._origin.check(market, one.config)
        one._warnings += [*found.facts["warnings"], *one._origin.notes]
        one._folder = found.facts["folder"]
        return one

    def execute(self, progress: Progress | None = None) -> Result:
        """Run, or go on, to the end. A strategy or subscriber that raises, or Ctrl-C, ends it: the exception says where and at which
        data time, and its ``result`` is what was journalled until then.
        """
        self._live(None, progress)
        return self._leave()

    def until(self, time: When, progress: Progress | None = None) -> None:
        """Run, or go on, until all instants up to a time are over, and pause there; raises as :meth:`execute` does.

        ``time`` is on the clock of the first instrument where it has no zone; a date without a time includes that whole day.
        """
        parse_when(time, self.market.instruments[0].timezone)  # a wrong one is no fault of the run
        self._pausable = self._pausable or self.state is RunState.CREATED
        self._live(time, progress)
        if self._error is not None:
            self._leave()

    @property
    def orders(self) -> OrderManager:
        """The order manager of a paused run of a :class:`Strategy`, for tests and for orders by hand: they are decided at the instant
        that has just passed, as in its callbacks. The result says that there were some, and no checkpoint can be taken any more.
        """
        if self.state is not RunState.PAUSED or not isinstance(self._driver, Desk):
            raise UsageError("orders by hand are placed in a paused run of a Strategy", remedy="run.until(time) pauses it")
        if not self._by_hand:
            self._warnings.append("orders could be placed by hand while the run was paused")
        self._by_hand = True
        return self._driver.orders

    def checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Write a paused run down, in place of the checkpoint that may be there; UsageError where that cannot be done."""
        if self.state is not RunState.PAUSED:
            raise UsageError(
                "a checkpoint is taken of a paused run",
                remedy="run.until(time) pauses it; a strategy asks with self.checkpoint()",
            )
        memory = self._memory
        assert memory is not None
        if self._by_hand:
            raise UsageError("a checkpoint cannot be taken once orders were placed by hand", remedy="place them in a strategy")
        self._outside.look()
        recall = self._driver.recall()
        facts = facts_of(self._driver, recall, [change for change in self._outside.changes if change.startswith(_OUTSIDE)])
        facts |= {
            "market": self.market.digest,
            "config": self.config.canonical(),
            "input": self._input(),
            "instant": int(memory.scalars["instant"]),
            "time": self._data_time().removeprefix("data time "),
            "warnings": self._warnings,
            "folder": self._folder,
        }
        declared = {f"{DECLARED}{k}": array for k, array in enumerate(recall.arrays)}
        fork = None if self._origin is None else self._origin.forked
        checkpoints.write(path, facts, checkpoints.capture(memory) | declared, None if fork is None else fork.checkpoint)

    def _live(self, last: When | None, progress: Progress | None) -> None:
        """Prepare, where that was not done, and run to a time, or to the end and close; what goes wrong is kept as the error."""
        if self.state not in (RunState.CREATED, RunState.PAUSED):
            raise UsageError("a run runs once", remedy="make a new Run: it is a value")
        started = time.perf_counter()
        if self.state is RunState.CREATED:
            self._subscribed = len(self.journal)
        self._outside.begin()
        try:
            if self.state is RunState.CREATED:
                self._prepare()
                self._timings["prepare_seconds"] = time.perf_counter() - started
                self.state = RunState.RUNNING
                self._repeat(progress)
            self.state = RunState.RUNNING
            assert self._memory is not None
            instants = self._memory.kept[0]
            self._advance(len(instants) if last is None else instant_after(last, instants, self.market.instruments[0]), progress)
            if last is not None:
                self.state = RunState.PAUSED
                self._outside.look()
                return
            self.state = RunState.CLOSING
            self._close()
        except KeyboardInterrupt:
            file = self.config.run.checkpoint.file
            remedy = f"it can go on from {self._taken}: fillwright resume {file}" if self._taken else None
            self._fail(RunInterrupted("interrupted", where=self._data_time(), remedy=remedy), RunState.INTERRUPTED)
        except FillwrightError as error:
            self._fail(error if isinstance(error, RunFailed) else self._placed(error), RunState.FAILED)
        except OverflowError as error:
            self._fail(RunFailed(str(error), where=self._data_time(), remedy="trade smaller quantities"), RunState.FAILED)
        finally:
            if self.state is not RunState.PAUSED:
                self.journal.close()
            self._timings["run_seconds"] = self._timings.get("run_seconds", 0.0) + time.perf_counter() - started

    def _leave(self) -> Result:
        """What the run came to; raises the error that ended it, with that as its ``result``."""
        strict = self.config.run.isolation == "strict"
        self._warnings += self._driver.notes
        self._outside.look(len(self.journal))
        changes = self._outside.changes
        self._warnings += [f"isolation: {change} during the run" for change in changes]
        if changes and strict and self._error is None:
            self._fail(
                RunFailed("the run changed what lies outside it: " + "; ".join(changes), remedy="keep state in fw.state fields"),
                RunState.FAILED,
            )
        if self._error is None:
            self.state = RunState.RECONCILED
        result = Result(self._record())
        self._driver.release()
        self._memory = self._callback = None
        if self._error is not None:
            self._error.result = result  # type: ignore[attr-defined]
            raise self._error
        return result

    def _prepare(self) -> None:
        try:
            preparation = self._driver.prepare(self.market, self.config)
        except FillwrightError as error:
            error.where = error.where or self._user_place(error)
            raise
        except Exception as error:
            raise self._user_error(error) from error
        origin = self._origin
        begin = None if origin is None else origin.begin
        if origin is not None:
            origin.check_driver(self._driver)
        if begin is not None:
            self._driver.restore(begin.recall(self._driver))
        if self._pausable or (origin is not None and origin.replays):
            self._driver.watch()
        if self.config.run.checkpoint.file is not None:
            checkpoints.may_write(self.config.run.checkpoint.file)
        memory = lay_out(self.market, self._terms, self._fx, preparation.timers)
        memory.scalars["first_callback"] = self._first_callback(memory, preparation.lookbacks)
        self._memory = memory
        self._callback = self._driver.attach(memory)
        memory.grow()
        self._cuts = Cuts(self.config.run.checkpoint, memory.kept[0], self.market.instruments[0])
        if begin is not None:
            begin.put_back(memory)
            self._skip_delivered()
        self.state = RunState.PREPARED

    def _first_callback(self, memory: kernel_state.State, lookbacks: Sequence[tuple[int, int]]) -> int:
        """Number of the first instant with callbacks: every look-back satisfied, or so many bars of the execution feeds."""
        warmup = self.config.run.warmup
        if warmup == "auto":
            ends = []
            for timeframe in {self.market.feeds[feed].timeframe_ns for feed, _ in lookbacks}:
                same = [(feed, bars) for feed, bars in lookbacks if self.market.feeds[feed].timeframe_ns == timeframe]
                # instruments that start later do not hold the others up: their indicators are NaN until then
                ends.append(min(self._bar_time(feed, max(b for f, b in same if f == feed)) for feed, _ in same))
        elif warmup:
            ends = [min(self._bar_time(k, int(warmup)) for k, feed in enumerate(self.market.feeds) if feed.execution)]
        else:
            ends = []
        instants = memory.kept[0]
        return int(np.searchsorted(instants, max(ends))) if ends else 0

    def _bar_time(self, feed: int, bars: int) -> int:
        times = self.market.feeds[feed].close_time
        return int(times[bars - 1]) if bars <= len(times) else int(times[-1]) + 1

    def _repeat(self, progress: Progress | None) -> None:
        """Where a checkpoint holds less than the strategy keeps: run up to it, comparing every decision with its journal."""
        origin, memory = self._origin, self._memory
        if origin is None or not origin.replays:
            return
        assert memory is not None
        subscribed, self._subscribed, self._repeating = self._subscribed, 0, True
        self._advance(origin.checkpoint.instant, progress)
        self._repeating, self._subscribed = False, subscribed
        origin.compare_whole(checkpoints.capture(memory), self._driver.recall())
        self._skip_delivered()

    def _skip_delivered(self) -> None:
        """Subscribers hear of what is new."""
        assert self._memory is not None
        self._delivered = {kind: len(self._memory.table(table)) for kind, table in _TABLE_OF.items()}

    def _advance(self, last: int, progress: Progress | None) -> None:
        """Slices of a few hundredths of a second, so that Ctrl-C, progress and subscribers get their turn."""
        assert self._memory is not None
        with listening() as interrupted:
            self._slices(self._memory, last, progress, interrupted)

    def _slices(self, memory: kernel_state.State, last: int, progress: Progress | None, interrupted: Callable[[], bool]) -> None:
        s = memory.scalars
        total = int(s["n_instants"])
        size = _SUBSCRIBED_SLICE if self._subscribed else _FIRST_SLICE
        while int(s["instant"]) < last:
            due = self._cuts.after(int(s["instant"]))
            s["stop_at"] = min(last, int(s["instant"]) + size, due)
            s["calling"] = 1
            began = time.perf_counter()
            try:
                outcome = advance(memory.address, self._callback)
            except OverflowError:
                raise
            except Exception as error:  # a compiled strategy raises through the kernel
                raise self._user_error(error) from error
            if outcome == kernel_state.GROW:
                memory.grow()
                continue
            self._deliver()
            self._compare_books(memory)
            if outcome == kernel_state.STOPPED:
                raise self._stopped()
            if outcome == kernel_state.FAULT:
                raise self._fault()
            self._between(int(s["instant"]) == due)
            if interrupted() and outcome != kernel_state.DONE:
                raise KeyboardInterrupt
            if progress is not None:
                progress(int(s["instant"]), total)
            took = time.perf_counter() - began
            if not self._subscribed and took < _SLICE_SECONDS:
                size = min(size * (16 if took < _SLICE_SECONDS / 16 else 4 if took < _SLICE_SECONDS / 4 else 1), 1 << 30)
            elif took > 2 * _SLICE_SECONDS:
                size = max(1, size // 2)

    def _between(self, due: bool) -> None:
        """Between two slices: a checkpoint where one is due or was asked for; in a repeated run the comparison."""
        asked, self._driver.wants_checkpoint = self._driver.wants_checkpoint, False
        file = self.config.run.checkpoint.file
        if self._repeating:
            assert self._origin is not None and self._memory is not None
            self._origin.compare(self._memory)
        elif file is not None and (due or asked):
            self.state = RunState.PAUSED
            try:
                self.checkpoint(file)
                self._taken = self._data_time()
            finally:
                self.state = RunState.RUNNING

    def _close(self) -> None:
        memory = self._memory
        assert memory is not None
        close(memory)
        if int(memory.scalars["fault"]):
            raise self._fault()
        self._deliver()
        check_agreement(memory, self._data_time())
        self._compare_books(memory)
        try:
            self._driver.stop()
        except Exception as error:
            raise self._user_error(error) from error

    def _compare_books(self, memory: kernel_state.State) -> None:
        """Under strict isolation: nobody but the engine has written into the memory."""
        if self.config.run.isolation != "strict" or self._driver.error is not None:
            return
        none = np.zeros(0, np.int64)
        record = RunRecord(Tables(memory), self.market, none, none, self._names(), self._terms.currencies, self._fx, self.config)
        audit(record, memory, self._data_time())

    def _deliver(self) -> None:
        if not self._subscribed or self._memory is None:
            return
        news = self._watch.see(self._memory.tables, self._delivered["order_event"], len(self._memory.table("order_events")))
        for kind, table in _TABLE_OF.items():
            rows = self._memory.table(table)
            if len(rows) > self._delivered[kind]:
                fresh = rows[self._delivered[kind] :]
                self._delivered[kind] = len(rows)
                if self.journal.wants(kind):
                    self.journal.deliver(kind, self._spelled(fresh) if kind == "posting" else KINDS[kind].unpacked(fresh))
        for row in range(len(news)):
            self.journal.deliver(TRADE_KINDS[int(news["event"][row])], news[row : row + 1])

    def _spelled(self, entries: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """New entries as postings, numbered on."""
        assert self._memory is not None
        before = self._memory.table("entries")[: int(entries["entry"][0])]
        rows = postings_of(entries, self._posted if self._posted >= 0 else len(postings_of(before)))
        self._posted = int(rows["seq"][-1]) + 1
        return rows

    # -- what went wrong -------------------------------------------------------------------------------------------------

    def _fail(self, error: FillwrightError, state: RunState) -> None:
        self._error = error
        self.state = state

    def _stopped(self) -> BaseException:
        error = self._driver.error
        if error is None:
            return RunFailed("the strategy asked to stop", where=self._data_time())
        if isinstance(error, KeyboardInterrupt):
            return error
        if isinstance(error, Exception):
            return self._user_error(error)
        return RunInterrupted(f"the strategy raised {type(error).__name__}", where=self._data_time())

    def _user_error(self, error: Exception) -> FillwrightError:
        """The user's exception with the line that raised it and the data time."""
        where = f"{self._user_place(error) or self._driver.name}, {self._data_time()}"
        if isinstance(error, FillwrightError):
            wrapped = StrategyError(error.message, where=where, remedy=error.remedy)
        else:
            wrapped = StrategyError(f"{self._driver.name} raised {type(error).__name__}: {error}", where=where)
        wrapped.__cause__ = error
        return wrapped

    @staticmethod
    def _user_place(error: Exception) -> str | None:
        """The innermost line of the user's that an exception came through, or else of an installed package; none of our own."""
        own = str(Path(__file__).resolve().parents[1])
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(own)]
        theirs = [frame for frame in frames if not frame.filename.startswith(_INSTALLED)] or frames
        return f"{theirs[-1].filename}:{theirs[-1].lineno}" if theirs else None

    def _placed(self, error: FillwrightError) -> FillwrightError:
        if self.state in (RunState.CREATED, RunState.PREPARED):
            return error
        failed = RunFailed(error.message, where=error.where or self._data_time(), remedy=error.remedy)
        failed.__cause__ = error
        return failed

    def _fault(self) -> FillwrightError:
        assert self._memory is not None
        s = self._memory.scalars
        where = self._data_time()
        if s["fault"] == kernel_state.FAULT_NO_RATE:
            code = self._terms.currencies[int(s["fault_a"])].code
            return RunFailed(
                f"there is a balance in {code} but no exchange rate yet", where=where, remedy="start the data of its pair earlier"
            )
        if s["fault"] == kernel_state.FAULT_ROOM:
            return RunFailed(
                f"more than {int(s['room'])} orders at one instant from compiled code",
                where=where,
                remedy="spread them over instants",
            )
        status, event = OrderStatus(int(s["fault_a"])), OrderEvent(int(s["fault_b"]))
        raise AssertionError(f"illegal move of an order: {status.name} on {event.name}, {where}")

    def _data_time(self) -> str:
        now = 0 if self._memory is None else int(self._memory.scalars["now"])
        return f"data time {str(np.datetime64(now, 'ns')).rstrip('0').rstrip('.')}Z" if now else "before the first bar"

    # -- what it leaves --------------------------------------------------------------------------------------------------

    def _names(self) -> Names:
        symbols = tuple(instrument.symbol for instrument in self.market.instruments)
        codes = tuple(currency.code for currency in self._terms.currencies)
        return Names((self._driver.name,), symbols, tuple(self._driver.tags), tuple(self._driver.rules), codes)

    def _order_symbol(self, order: int) -> int:
        assert self._memory is not None
        return int(self._memory.tables["orders"][order]["symbol"])

    def _record(self) -> RunRecord:
        memory = self._memory or lay_out(self.market, self._terms, self._fx)
        s = memory.scalars
        count = int(s["n_equity"])
        equity = memory.equity[:count]
        counters = {name: int(s[name]) for name in ("intents", "no_change", "ambiguous", "drawdown", "drawdown_peak")}
        counters["bars"] = int(memory.feeds["row"][memory.feeds["execution"] != 0].sum())
        decides = self._driver.describe()
        info: dict[str, str | int | float] = {
            "seed": self.config.run.seed,
            "strategy_source": str(decides.get("source") or decides.get("schedule") or ""),
            "fillwright": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "input_fingerprint": self._input(),
            "journal_fingerprint": journal_fingerprint(memory),
            **({} if self._origin is None else self._origin.info),
            **self._timings,
        }
        error = self._error
        return RunRecord(
            tables=Tables(memory),
            market=self.market,
            instants=self._sampled(count),
            equity=equity,
            names=self._names(),
            currencies=self._terms.currencies,
            fx=self._fx,
            config=self.config,
            counters=counters,
            state=self.state,
            error=None if error is None else str(error),
            error_at=0 if error is None else int(s["now"]),
            warnings=tuple(self._warnings),
            info=info,
        )

    def _input(self) -> str:
        origin = {} if self._origin is None else self._origin.identity
        by_hand = {"by_hand": True} if self._by_hand else {}
        return input_fingerprint(self.config, self.market, self._driver.describe() | origin | by_hand)

    def _sampled(self, count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Instants at which an execution feed had a row, of each interval the last: those at which equity is stored."""
        market, memory, every = self.market, self._memory, sampling(self.market, self._terms)
        if not every and all(feed.execution for feed in market.feeds):
            return market.instants[:count]
        if memory is None:
            return market.instants[:0]
        done = int(memory.scalars["instant"])
        instants, offsets = memory.kept[0][:done], memory.kept[1][: done + 1]
        trading = np.array([feed.execution for feed in market.feeds])[market.event_feed[: offsets[-1]]]
        before = np.concatenate(([0], np.cumsum(trading)))[offsets]
        found = np.asarray(instants[before[1:] > before[:-1]], np.int64)
        if every and len(found):
            number = found // every
            found = found[np.append(number[1:] != number[:-1], True)]
        return found[:count]
