"""Runs of a subject and of what is put beside it: other parameters, another strategy, fewer bars."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np

from fillwright.config.policies import FixedSizing, NoSizing
from fillwright.config.schema import Config
from fillwright.coordinator.runner import Run
from fillwright.data.make import make_bars
from fillwright.data.market import Market, build_market
from fillwright.doctor.subject import Subject
from fillwright.doctor.trail import Trail
from fillwright.errors import FillwrightError
from fillwright.strategies import BUILT_IN
from fillwright.strategy.base import Strategy


def run(subject: Subject) -> Trail:
    """One run; nothing of it is kept but its trail."""
    return Trail(Run(subject.decider(), subject.market, subject.config).execute().record)


def attempt(subject: Subject) -> Trail | str:
    """One run, or why it did not end; a run that broke the engine for the next one shows as an error of any kind."""
    try:
        return run(subject)
    except FillwrightError as error:
        return str(error).partition("\n")[0]
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def warm_up() -> None:
    """Run the engine once: what it loads on first use is no change of a run's."""
    attempt(crossover(Subject(BUILT_IN["sma_cross"](), make_bars(60), Config())))


def variants(subject: Subject) -> list[Subject]:
    """What is run in between: the same with other parameters and seed, and a built-in strategy on the same data."""
    found = [crossover(subject)]
    if isinstance(subject.decides, Strategy):
        section = subject.config.run
        config = subject.config.model_copy(update={"run": section.model_copy(update={"seed": section.seed + 1})})
        found.insert(0, replace(subject, decides=_other_params(subject.decides), config=config))
    return found


def crossover(subject: Subject) -> Subject:
    """A built-in strategy on the same market."""
    sizing = subject.config.sizing
    if isinstance(sizing, NoSizing):
        sizing = FixedSizing(method="fixed", quantity=Decimal(1))
    strategy = BUILT_IN["sma_cross"](fast=3, slow=8)
    return replace(subject, decides=strategy, config=subject.config.model_copy(update={"sizing": sizing}))


def shortened(subject: Subject, instants: int) -> Subject:
    """On the first instants of the market only, where it runs on them; else as it is."""
    market = subject.market
    if len(market.instants) <= instants:
        return subject
    end = int(market.instants[instants - 1])
    feeds = []
    for feed in market.feeds:
        count = int(np.searchsorted(feed.close_time, end, "right"))
        if not count and not feed.execution:
            continue
        feeds.append(replace(feed.cut(0, max(count, 1)), marked=feed.execution))
    short: Market = build_market(market.instruments, feeds, market.findings)
    return subject.on(short) if isinstance(attempt(subject.on(short)), Trail) else subject


def _other_params(strategy: Strategy) -> Strategy:
    """The same class with as many numbers changed as it accepts; a fresh copy where it accepts none."""
    cls, params = type(strategy), dict(strategy.params)
    for name, value in strategy.params.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        for other in (value + 1, value - 1, value * 2, value / 2):
            try:
                cls(**{**params, name: type(value)(other)})
            except FillwrightError:
                continue
            params[name] = type(value)(other)
            break
    return cls(**params)
