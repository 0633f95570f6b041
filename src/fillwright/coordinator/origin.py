"""What a run begins from when it does not begin at the start: a checkpoint, taken up again or forked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fillwright.config.schema import Config
from fillwright.coordinator.checkpoint import Checkpoint, difference, put_back
from fillwright.data.market import Market
from fillwright.errors import RunFailed
from fillwright.kernel.state import GROWING, State
from fillwright.strategy.driver import Driver, Recall

_FORK = "fillwright fork (fw.fork) goes on from it with another strategy or other parameters"
DECLARED = "declared_"
"""Prefix of the arrays of a checkpoint that belong to the strategy's declared state."""


def facts_of(driver: Driver, recall: Recall, outside: list[str]) -> dict[str, Any]:
    """What a manifest says of a driver; ``outside``: what it changed beyond itself."""
    return {
        "driver": driver.describe(),
        "states": recall.states,
        "names": {"tags": recall.tags, "rules": recall.rules},
        "notes": recall.notes,
        "feed": recall.feed,
        "kept": [*recall.kept, *outside],
    }


@dataclass(frozen=True)
class Origin:
    """A checkpoint and how a run begins from it: as the same run, or (``fork``) with something else that decides."""

    checkpoint: Checkpoint
    fork: bool = False

    @property
    def replays(self) -> bool:
        """Whether the run is repeated up to the checkpoint first."""
        return self.checkpoint.replays and not self.fork

    @property
    def forked(self) -> Origin | None:
        """The fork that the run is, where it is one: this one, or that which a run began as that is taken up again."""
        if self.fork:
            return self
        return None if self.checkpoint.before is None else Origin(self.checkpoint.before, fork=True)

    @property
    def begin(self) -> Origin | None:
        """What the state is filled from at the start: a run that is repeated begins where it began; None is the very start."""
        return self.forked if self.replays else self

    def check(self, market: Market, config: Config) -> None:
        """UsageError where market or settings are not those of the checkpoint."""
        found, mine = self.checkpoint.facts["market"], market.digest
        if found != mine:
            raise self.checkpoint.usage(
                f"was taken on other market data: digest {found}, here {mine}", "give the same data; a longer range is other data"
            )
        then, now = (Config.from_dict(self.checkpoint.facts["config"]).fingerprint_view(), config.fingerprint_view())
        for view in (then, now):
            for name in ("data", "instruments", "hours", "strategy"):  # the digest and the driver's description speak for them
                view.pop(name)
        if key := _first_difference(then, now):
            remedy = "a fork changes what decides and nothing else; other settings are a run of their own" if self.fork else _FORK
            raise self.checkpoint.usage(f"was taken with other settings: {key}", remedy)

    def check_driver(self, driver: Driver) -> None:
        """UsageError where something else decides than when the checkpoint was taken."""
        if self.fork:
            return
        then, now = self.checkpoint.facts["driver"], driver.describe()
        if then == now:
            return
        key = _first_difference(then, now)
        if key.startswith("source "):
            key = "its source (or that of a local file it imports) has been changed"
        raise self.checkpoint.usage(f"was taken with another strategy: {key}", _FORK)

    def recall(self, driver: Driver) -> Recall:
        """What the driver begins with; a fork's strategy has the declared state of the one before where the name is the same."""
        facts, arrays = self.checkpoint.facts, self.checkpoint.arrays
        declared = [arrays[f"{DECLARED}{k}"] for k in range(sum(name.startswith(DECLARED) for name in arrays))]
        names = facts["names"]
        found = Recall(names["tags"], names["rules"], facts["notes"], facts["states"], declared, facts["feed"])
        return found if driver.name == facts["driver"]["name"] else replace(found, states={})

    def put_back(self, state: State) -> None:
        """Make the state what it was."""
        put_back(state, self.checkpoint, self.fork)

    def compare(self, state: State) -> None:
        """RunFailed where the journal of a repeated run, as far as it goes, is not that of the checkpoint."""
        self._must_agree({f"table_{name}": state.table(name) for name in GROWING}, whole=False)

    def compare_whole(self, now: Mapping[str, np.ndarray[Any, Any]], recall: Recall) -> None:
        """RunFailed where a repeated run has come to something else than the checkpoint holds."""
        self._must_agree(now, whole=True)
        if key := _first_difference(self.checkpoint.facts["states"], recall.states):
            raise self._differs(f"declared state {key}")

    def _must_agree(self, now: Mapping[str, np.ndarray[Any, Any]], whole: bool) -> None:
        if found := difference(now, self.checkpoint.arrays, whole):
            raise self._differs(found)

    def _differs(self, what: str) -> RunFailed:
        kept = ", ".join(self.checkpoint.facts["kept"])
        return RunFailed(
            f"repeated up to the checkpoint, the run differs: {what}",
            where=self.checkpoint.path,
            remedy=f"it is repeated because the strategy keeps what it does not declare ({kept}): declare it with fw.state(...), "
            "or keep to what is the same in every run",
        )

    @property
    def notes(self) -> list[str]:
        """What the reader of a fork's result should know."""
        if not self.fork:
            return []
        facts = self.checkpoint.facts
        found = [f"forked after {facts['time']}: until then {facts['driver']['name']} decided (input {facts['input']})"]
        if facts["kept"]:
            found.append(
                f"what {facts['driver']['name']} kept and did not declare began afresh at the fork: {', '.join(facts['kept'])}"
            )
        return found

    @property
    def info(self) -> dict[str, str]:
        """What run.json says of a fork."""
        fork = self.forked
        return (
            {} if fork is None else {"forked_from": fork.checkpoint.facts["input"], "forked_after": fork.checkpoint.facts["time"]}
        )

    @property
    def identity(self) -> dict[str, str]:
        """The part of the input fingerprint that a fork adds: everything until then."""
        return {} if self.forked is None else {"forked_from": self.forked.checkpoint.seal}


def _first_difference(then: Any, now: Any, path: str = "") -> str:
    """The first key at which two plain values differ, with both values; "" where there is none."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*then, *now]):
            if found := _first_difference(then.get(key), now.get(key), f"{path}.{key}" if path else str(key)):
                return found
        return ""
    return "" if then == now else f"{path} was {then!r}, is {now!r}"
