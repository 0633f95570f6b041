"""``docs/order_manager.md``, written from the order manager, the schema and the table of the life cycle."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from fillwright.config.docs import sections
from fillwright.model.codes import FIX_STATUS, OrderStatus
from fillwright.model.lifecycle import TERMINAL, TRANSITIONS
from fillwright.order_manager import Order, OrderManager

_HEAD = """\
# The order manager

<!-- Generated from fillwright.order_manager, the schema and fillwright.model.lifecycle; `make docs` writes it again. -->

The one door for orders. A strategy calls it through its own methods (`self.buy(...)`); what a call means is in
[execution rules](execution_rules.md) §2. Calls return at once with the order as our own checks left it: `DENIED` with a reason, or
`PENDING_NEW` on its way to the broker. A call that makes no sense is a `UsageError` that says what to write.
"""

_LIFE = """\
An order is in one state at a time; what else is true of it are flags (`PENDING_CANCEL`, `PENDING_REPLACE`, `HELD`, `TRIGGERED`,
`REDUCE_ONLY` ...). Every step is an event in the journal; a step that is not drawn here is impossible, and one that is tried all the same
ends the run. Events that leave the state as it is are in the table below.
"""


def markdown() -> str:
    """The page."""
    parts = [
        _HEAD,
        "## Methods\n",
        *_methods(OrderManager),
        "## An order\n",
        *_methods(Order),
        "## Options\n",
        *sections(("orders", "limits", "sizing"), 3),
        "## Life cycle\n",
        _LIFE,
        *_drawing(),
        *_table(),
    ]
    return "\n".join(parts)


def _methods(owner: type) -> Iterator[str]:
    """A table of the public methods and attributes with the first sentence about each."""
    rows = []
    for name, member in vars(owner).items():
        if name.startswith("_") or not (inspect.isfunction(member) or isinstance(member, property)):
            continue
        sentence = " ".join((inspect.getdoc(member) or "").split("\n\n")[0].split()).split(". ")[0].rstrip(".:")
        sentence = sentence.replace(":meth:", "").replace("``", "`").replace("|", "\\|")
        rows.append(f"| `{name}{'' if isinstance(member, property) else _arguments(member)}` | {sentence} |")
    yield "| call | what it does |\n|---|---|\n" + "\n".join(rows) + "\n"


def _arguments(function: object) -> str:
    """The names of the arguments; those after the star are given by name."""
    names = []
    for parameter in list(inspect.signature(function).parameters.values())[1:]:  # type: ignore[arg-type]
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in names:
            names.append("*")
        names.append(parameter.name)
    return f"({', '.join(names)})"


def _moves() -> dict[tuple[OrderStatus, OrderStatus], list[str]]:
    """The events of each change of state."""
    moves: dict[tuple[OrderStatus, OrderStatus], list[str]] = {}
    for (before, event), after in sorted(TRANSITIONS.items()):
        if before is not after:
            moves.setdefault((before, after), []).append(event.name)
    return moves


def _drawing() -> Iterator[str]:
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {OrderStatus.INITIALIZED.name}"]
    lines += [f"    {before.name} --> {after.name}: {', '.join(events)}" for (before, after), events in _moves().items()]
    lines += [f"    {status.name} --> [*]" for status in TERMINAL]
    yield "\n".join([*lines, "```", ""])


def _table() -> Iterator[str]:
    yield "| state | FIX OrdStatus | goes to | stays with |\n|---|---|---|---|"
    moves = _moves()
    for status in OrderStatus:
        goes = [f"{after.name}: {', '.join(events)}" for (before, after), events in moves.items() if before is status]
        stays = [event.name for (before, event), after in sorted(TRANSITIONS.items()) if before is status is after]
        end = " (end)" if status in TERMINAL else ""
        yield f"| {status.name}{end} | {FIX_STATUS.get(status, '')} | {'<br>'.join(goes)} | {', '.join(stays)} |"
    yield ""
