"""The page about the order manager is the generated one, and its drawing is the table that the kernel reads."""

from __future__ import annotations

import re
from pathlib import Path

from fillwright.kernel.orders import MATRIX
from fillwright.model.codes import OrderEvent, OrderStatus
from fillwright.order_manager import OrderManager
from fillwright.result.manager import markdown

PAGE = Path(__file__).resolve().parents[2] / "docs" / "order_manager.md"


def test_the_page_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), "run: make docs"


def test_every_step_of_the_kernel_is_drawn_and_no_other() -> None:
    drawn = set()
    for before, after, events in re.findall(r"^    (\w+) --> (\w+): (.+)$", markdown(), re.MULTILINE):
        drawn |= {(OrderStatus[before], OrderEvent[event], OrderStatus[after]) for event in events.split(", ")}
    steps = {(before, event, int(MATRIX[before, event])) for before in OrderStatus for event in OrderEvent}
    assert drawn == {step for step in steps if step[2] >= 0 and step[2] != step[0]}


def test_every_public_method_is_on_the_page() -> None:
    text = markdown()
    for name in vars(OrderManager):
        assert name.startswith("_") or re.search(rf"^\| `{name}\b", text, re.MULTILINE), name
