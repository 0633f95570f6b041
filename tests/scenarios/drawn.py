"""Seeds with which the broker undoes or corrects just the fills that a scenario wants it to."""

from __future__ import annotations

from itertools import count
from typing import Any

from reference.matching import uniform

CHANCE = 0.5
Event = tuple[int, int]
"""An order and the number of its event, from 0: SUBMIT 0, ACCEPT 1, its first fill mostly 2."""


def busts(
    undone: tuple[Event, ...] = (),
    corrected: dict[Event, int] | None = None,
    kept: tuple[Event, ...] = (),
    latency: str = "0s",
    bust_after: str = "1min",
    **faults: Any,
) -> dict[str, Any]:
    """Settings under which those fills are undone, those are corrected by so many ticks (1 or -1), and those stay as they are."""
    chances = {"bust": CHANCE, "correct": CHANCE, "bust_after": bust_after}
    wanted = {**dict.fromkeys(undone, 0), **(corrected or {}), **dict.fromkeys(kept, None)}
    seed = next(seed for seed in count() if all(drawn(seed, event) == what for event, what in wanted.items()))
    execution = {"participation": 1, "latency": latency, "faults": {**chances, **faults}}
    return {"run": {"seed": seed}, "execution": execution, "orders": {"status_request_after": "1h"}}


def drawn(seed: int, event: Event) -> int | None:
    """What becomes of the fill of an event: 0 = it is undone, else the ticks by which it is corrected; None = it stays."""
    if uniform(seed, 24, *event) < CHANCE:
        return 0
    if uniform(seed, 25, *event) < CHANCE:
        return -1 if uniform(seed, 26, *event) < 0.5 else 1
    return None
