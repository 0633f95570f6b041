"""What is examined: whatever decides, a market, a configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fillwright.config.schema import Config
from fillwright.coordinator.starting import read_config
from fillwright.data.market import Market
from fillwright.errors import UsageError
from fillwright.strategies import Builder, build
from fillwright.strategy.base import Strategy
from fillwright.strategy.driver import Driver


@dataclass(frozen=True)
class Subject:
    """``decides`` on ``market`` under ``config``: a strategy, ready-made arrays, or a function of the market that makes either."""

    decides: Strategy | Driver | Builder
    market: Market
    config: Config

    @classmethod
    def of(cls, decides: Subject | Strategy | Driver | Builder, market: Market | None, config: Config | None) -> Subject:
        """From what the functions of this room are given; UsageError where the market is missing."""
        if isinstance(decides, Subject):
            return decides
        if not isinstance(market, Market):
            raise UsageError(
                f"a market is needed, got {type(market).__name__}", remedy='market = fw.read_bars("SPY.csv", symbol="SPY")'
            )
        if isinstance(decides, type):
            raise UsageError(f"{decides.__name__} is a class", remedy=f"make a strategy of it: {decides.__name__}(...)")
        return cls(decides, market, _quiet(config or Config()))

    @classmethod
    def of_config(cls, path: str | Path, overrides: Sequence[str] = ()) -> Subject:
        """What a configuration file runs."""
        strategy, market, loaded = read_config(path, overrides)
        return cls(strategy, market, _quiet(loaded.config))

    @property
    def name(self) -> str:
        """As shown: the strategy with its parameters, the kind of arrays, or the function."""
        if isinstance(self.decides, Strategy):
            return repr(self.decides)
        return str(getattr(self.decides, "name", None) or getattr(self.decides, "__name__", type(self.decides).__name__))

    def decider(self, market: Market | None = None) -> Strategy | Driver:
        """The strategy or arrays for a market (its own unless another is given)."""
        return build(self.decides, self.market if market is None else market)

    def on(self, market: Market) -> Subject:
        """The same on another market."""
        return replace(self, market=market)


def _quiet(config: Config) -> Config:
    """Without a result folder, and with leaks reported instead of failing the run: the doctor looks for them itself."""
    return config.model_copy(update={"run": config.run.model_copy(update={"out": None, "isolation": "warn"})})
