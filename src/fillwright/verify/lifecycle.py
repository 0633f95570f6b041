"""The legal life of an order, written down a second time for the verifier: FIX 5.0 SP2, appendix D, in words."""

from __future__ import annotations

ENDED = ("denied", "filled", "canceled", "rejected", "expired")
"""States in which nothing is left to work."""

FILLS = ("fill_part", "fill_all")
BUSTS = ("bust", "bust_all")
TELLS = (*FILLS, *BUSTS)
"""Events that have a fill each; that of a bust undoes another one."""

_TABLE = """
initialized       deny denied            submit pending_new
pending_new       accept new             reject rejected        fill_part partially_filled
pending_new       fill_all filled        cancel_request =       cancel_reject =
pending_new       replace_request =      replace_reject =       cancel canceled
pending_new       expire expired         shrink =               lose unknown
new               trigger =              fill_part partially_filled   fill_all filled
new               cancel_request =       cancel canceled        cancel_reject =
new               replace_request =      replace =              replace_reject =
new               expire expired         release =              shrink =
new               reject rejected        suspend suspended      done_for_day done_for_day
new               lose unknown           hold =
partially_filled  trigger =              fill_part =            fill_all filled
partially_filled  cancel_request =       cancel canceled        cancel_reject =
partially_filled  replace_request =      replace =              replace_reject =
partially_filled  expire expired         shrink =
partially_filled  reject canceled        suspend suspended      done_for_day done_for_day
partially_filled  lose unknown           bust =                 bust_all new
partially_filled  hold =                 release =
suspended         resume new             resume_part partially_filled
suspended         cancel_request =       cancel canceled        cancel_reject =
suspended         replace_request =      replace =              replace_reject =
suspended         expire expired         bust =                 bust_all =
done_for_day      resume new             resume_part partially_filled
done_for_day      cancel_request =       cancel canceled        cancel_reject =
done_for_day      replace_request =      replace =              replace_reject =
done_for_day      expire expired         bust =                 bust_all =
filled            cancel_reject =        replace_reject =       bust partially_filled
filled            cancel_request =       replace_request =
canceled          cancel_request =       replace_request =
expired           cancel_request =       replace_request =
rejected          cancel_request =       replace_request =
filled            bust_all new
canceled          fill_part =            fill_all filled        cancel_reject =
canceled          replace_reject =       bust =                 bust_all =
expired           fill_part =            fill_all filled        cancel_reject =
expired           replace_reject =       bust =                 bust_all =
rejected          cancel_reject =        replace_reject =
unknown           accept new             reject rejected        fill_part partially_filled
unknown           fill_all filled        cancel canceled        expire expired
unknown           resume_part partially_filled                  cancel_request =
"""


def _parse(text: str) -> dict[tuple[str, str], str]:
    legal = {}
    for line in text.split("\n"):
        state, *pairs = line.split() or [""]
        for event, after in zip(pairs[::2], pairs[1::2], strict=True):
            legal[state, event] = state if after == "=" else after
    return legal


LEGAL = _parse(_TABLE)
"""(state, event) -> state; a pair that is not here is illegal."""

PENDING_CANCEL, PENDING_REPLACE, HELD, TRIGGERED, SIZED_AT_FILL = 1, 2, 4, 8, 512
MADE_WITH = HELD | SIZED_AT_FILL
"""Bits that a new order may have and events take away."""
MOVING = PENDING_CANCEL | PENDING_REPLACE | TRIGGERED | MADE_WITH
"""Flag bits that events set and clear; the others belong to the order from its first event to its last."""

SETS = {"trigger": TRIGGERED, "hold": HELD}
CLEARS = {"release": HELD}
REFUSALS = (
    "order_is_done", "quantity_below_filled", "insufficient_cash", "insufficient_margin", "short_in_cash_account", "broker_rejected",
)  # fmt: skip
"""Why a replace is refused where it arrives; what is refused for another reason never was on its way."""
UNASKED = ("follows_entry", "sized_at_fill")
"""Why the broker replaces by itself."""
FIXING = {"replace": ("sized_at_fill",), "shrink": ("oco_filled",), "reject": ("zero_quantity",), "cancel": ("zero_quantity",)}
"""Events, with their reasons, after which the size of an order is no longer to be fixed at its fill."""


def asked_after(asked: int, event: str, reason: str | None) -> int:
    """How many replaces are on their way after an event."""
    if event == "replace_request":
        return asked + 1
    refused = event == "replace_reject" and reason in REFUSALS
    return asked - 1 if refused or (event == "replace" and reason not in UNASKED) else asked


def cancels_after(cancels: int, event: str) -> int:
    """How many cancels are on their way after an event."""
    return cancels + (event == "cancel_request") - (event == "cancel_reject" and cancels > 0)


def flags_after(flags: int, event: str, ends: bool, asked: int, cancels: int) -> int:
    """Moving flag bits after an event; an order that ends has nothing pending, but one that was never released stays HELD."""
    flags = (flags | SETS.get(event, 0)) & ~CLEARS.get(event, 0) & ~(PENDING_CANCEL | PENDING_REPLACE)
    flags |= (PENDING_CANCEL if cancels > 0 else 0) | (PENDING_REPLACE if asked > 0 else 0)
    return flags & ~(PENDING_CANCEL | PENDING_REPLACE) if ends else flags


def fixes_size(event: str, reason: str | None, resized: bool) -> bool:
    """Whether the quantity of an order stands from this event on; ``resized``: its quantity changed."""
    return reason in FIXING.get(event, ()) or (event == "replace" and resized)
