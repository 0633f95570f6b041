"""A run's memory: market, parameters and deposits laid out for the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from fillwright.broker import Terms
from fillwright.data.fx import FxSource
from fillwright.data.kinds import HELD
from fillwright.data.market import DAY_NS, Market
from fillwright.data.zones import from_wall, parse_when
from fillwright.errors import UsageError
from fillwright.kernel import ledger
from fillwright.kernel.models import FX_SCALE
from fillwright.kernel.state import State
from fillwright.model.codes import DataKind, Trigger

DATA_KINDS = {"bars": DataKind.BARS, "quote_bars": DataKind.QUOTE_BARS, "quotes": DataKind.QUOTES, "prints": DataKind.PRINTS}
_MINUTE = 60_000_000_000

Ints = np.ndarray[Any, np.dtype[np.int64]]


def lay_out(market: Market, terms: Terms, fx: Sequence[FxSource | None], timers: Ints | None = None) -> State:
    """A fresh State: no array of the market is copied, all of them are only pointed at.

    ``timers``: int64 ns times at which the strategy wants to be woken; they are merged into the time line.
    """
    instants, offsets, timer_flags = _time_line(market, timers)
    state = State(
        instruments=len(market.instruments),
        currencies=len(terms.currencies),
        feeds=len(market.feeds),
        strategies=1,
        instants=len(instants),
        bars=len(market.event_feed),
    )
    s = state.scalars
    s["instants"], s["n_instants"] = state.pin(instants), len(instants)
    s["offsets"], s["event_feed"] = state.pin(offsets), state.pin(market.event_feed)
    s["timers"] = state.pin(timer_flags)
    s["stop_at"] = len(instants)
    s["uniform"] = int(len(offsets) == len(market.offsets) and len(market.event_feed) == len(instants) * len(market.feeds))
    s["now"] = instants[0]
    for name in ("seed", "latency_ns", "account_type", "fill_when", "path", "participation", "clamp_to_range", "reversal",
                 "on_short_cash", "off_tick", "deduplicate", "bracket", "flat_day_end", "flat_run_end", "initial_margin",
                 "maintenance_margin", "max_open_positions", "max_position_fraction",
                 "size_at_fill", "default_limit", "guarded", "max_daily_loss", "on_drawdown", "on_daily_loss",
                 "policies", "refuse_scale_in", "max_orders", "max_orders_interval",
                 "max_live_orders", "price_collar", "max_drawdown", "max_order_value", "max_gross_exposure",
                 "max_net_exposure", "trigger", "mark_by", "max_age", "ask_after"):  # fmt: skip
        s[name] = int(getattr(terms, name))
    s["lots_method"] = int(terms.lots)
    s["day_row"] = -1
    s["equity_every"] = sampling(market, terms)
    _lay_out_faults(state, market, terms)
    _lay_out_feeds(state, market)
    _lay_out_instruments(state, market, terms)
    _lay_out_currencies(state, terms, fx)
    return state


def check_prices(market: Market, terms: Terms) -> None:
    """UsageError where a setting asks for the last print of an instrument that trades on quotes."""
    quoted = next((feed.symbol for feed in market.feeds if feed.execution and feed.ask_close is not None), None)
    for key, chosen in (("execution.trigger", terms.trigger), ("account.mark", terms.mark_by)):
        if quoted and int(chosen) == int(Trigger.LAST):
            raise UsageError(
                f"{quoted} trades on quotes, whose last print is not looked at", where=key, remedy="write auto, or mid"
            )


def sampling(market: Market, terms: Terms) -> int:
    """Length in ns of the intervals of which the last equity is stored, 0 = each instant."""
    if terms.equity_every:
        return terms.equity_every
    return _MINUTE if any(feed.execution and feed.is_instant for feed in market.feeds) else 0


def _time_line(market: Market, timers: Ints | None) -> tuple[Ints, Ints, np.ndarray[Any, np.dtype[np.uint8]]]:
    if timers is None or not len(timers):
        return market.instants, market.offsets, np.zeros(1, np.uint8)
    first, last = market.instants[0], market.instants[-1]
    wanted = timers[(timers >= first) & (timers <= last)]
    extra = wanted[~np.isin(wanted, market.instants)]
    both = np.concatenate((market.instants, extra))
    order = np.argsort(both, kind="stable")
    instants, traded = both[order], order < len(market.instants)
    # an instant that only a timer asked for has no events: its offset is that of the next market instant
    offsets = np.append(market.offsets[np.cumsum(traded) - traded], market.offsets[-1])
    last = np.append(instants[1:] != instants[:-1], True)  # of several instants of one time
    return instants, offsets, (np.isin(instants, wanted) & last).astype(np.uint8)


def _lay_out_faults(state: State, market: Market, terms: Terms) -> None:
    s, faults = state.scalars, terms.faults
    s["faults"] = int(faults.any)
    for name in ("f_reject", "f_reject_cancel", "f_reject_replace", "f_late_ack", "f_late_by", "f_lost_ack", "f_duplicate", "f_reorder",
                 "f_bust", "f_correct", "f_bust_after", "f_correct_by", "f_outage", "f_outage_length"):  # fmt: skip
        s[name] = getattr(faults, name.removeprefix("f_"))
    zone = market.instruments[0].timezone
    windows = np.array([(_moment(start, zone, 0), _moment(end, zone, 1)) for start, end in faults.outages], np.int64)
    s["outages"], s["n_outages"] = state.pin(windows), len(windows)


def _moment(when: str, zone: str, days: int) -> int:
    """ns UTC of a time, or of a date: the beginning of that day, or (1) of the next."""
    value, is_day = parse_when(when, zone)
    return int(from_wall(np.array([(value + days) * DAY_NS], np.int64), zone)[0][0]) if is_day else value


def _lay_out_feeds(state: State, market: Market) -> None:
    records, feeds = state.feeds, market.feeds
    state.kept.append(market)
    records["instrument"] = [feed.instrument for feed in feeds]
    records["execution"] = [feed.execution for feed in feeds]
    records["timeframe"] = [feed.timeframe_ns for feed in feeds]
    records["n"] = [len(feed.close_time) for feed in feeds]
    records["kind"] = [DATA_KINDS[feed.kind] for feed in feeds]
    for k, name in enumerate(HELD):
        records[name] = market.addresses[:, k]
    trading = np.flatnonzero(records["execution"])
    state.instruments["feed"][records["instrument"][trading]] = trading
    kinds = records["kind"][trading]
    state.instruments["kind"][records["instrument"][trading]] = kinds
    state.instruments["quote_row"] = -1
    state.scalars["quoted"] = int(((kinds == DataKind.QUOTE_BARS) | (kinds == DataKind.QUOTES)).any())
    state.scalars["moments"] = int(((kinds == DataKind.QUOTES) | (kinds == DataKind.PRINTS)).any())


def _lay_out_instruments(state: State, market: Market, terms: Terms) -> None:
    decimals = {currency.code: currency.decimals for currency in terms.currencies}
    order = {currency.code: index for index, currency in enumerate(terms.currencies)}
    records, instruments = state.instruments, market.instruments
    same: dict[tuple[object, ...], list[int]] = {}
    for row, (instrument, own) in enumerate(zip(instruments, terms.instruments, strict=True)):
        units = (instrument.price_decimals, instrument.quantity_decimals, id(instrument.multiplier), instrument.tick)
        same.setdefault((id(own), instrument.quote, *units), []).append(row)
    for rows in same.values():
        instrument, own = instruments[rows[0]], terms.instruments[rows[0]]
        facts = {field.name: getattr(own, field.name) for field in fields(own)} | {
            "currency": order[instrument.quote],
            "tick": instrument.tick,
            "price_scale": instrument.price_scale,
            "lot_scale": instrument.quantity_scale,
        }
        facts["mul"], facts["div"] = instrument.money_ratio(decimals[instrument.quote])
        for name, fact in facts.items():
            records[name][rows] = fact
    records["bar"] = -1
    records["volume_left"] = -1
    # the largest position whose value at any price of its feed fits 64 bits without a division; -1 where there is one
    bound = (2**63 - 1) // (np.array(market.highest, np.int64) * records["mul"])
    records["safe_lots"] = np.where(records["div"] == 1, bound, -1)


def _lay_out_currencies(state: State, terms: Terms, fx: Sequence[FxSource | None]) -> None:
    account = terms.currencies[0].decimals
    for index, (currency, source) in enumerate(zip(terms.currencies, fx, strict=True)):
        record = state.currencies[index]
        record["factor"] = FX_SCALE * 10 ** (currency.decimals - account)
        record["pair"] = -1 if source is None else source.instrument
        record["inverse"] = int(source is not None and source.inverse)
        record["rate"] = FX_SCALE if index == 0 else 0
    for index, amount in enumerate(terms.initial_cash):
        if amount:
            ledger.deposit(state.address, index, amount)
    state.scalars["peak"] = state.scalars["trough"] = 0
