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

## From a test, or by hand

A run that is paused hands out its order manager: an order is then decided at the instant that has just passed, as in a callback.

<!-- run -->
```python
import fillwright as fw

market = fw.make_bars(10, seed=1, timeframe="1d")
run = fw.Run(fw.Strategy(), market)  # decides nothing by itself
run.until("2020-01-04")
order = run.orders.buy("MADE", 10, limit=101, take_profit=103)
print(order)
run.until("2020-01-06")
print(order, "at", order.average_price)
print(order.take_profit)
result = run.execute()
print(result.trades.loc[0, "exit_reason"])
```

```text
Order(0: BUY 10 MADE LIMIT, PENDING_NEW, filled 0)
Order(0: BUY 10 MADE LIMIT, FILLED, filled 10) at 101.0
Order(1: SELL 10 MADE LIMIT, FILLED, filled 10)
target
```
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
