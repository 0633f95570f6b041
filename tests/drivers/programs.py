"""Random strategies in the subset of Python that can be compiled."""

from __future__ import annotations

import random

HEAD = """import math

import numpy as np

import fillwright as fw


class Program(fw.Strategy):
    a: int = fw.param({a})
    b: float = fw.param({b})
    mode: str = fw.param("{mode}")
    x: float = fw.state(0.5)
    n: int = fw.state(1)
    on: bool = fw.state(False)
    past: object = fw.state(np.zeros(4))

    def on_start(self):
        self.fast = self.indicator(fw.sma, "close", 3)
        self.slow = self.indicator(fw.ema, "close", 7)

    def _size(self, x):
        if not x > 1.0:
            return 1.0
        return x if x < 60 else 60.0

    def _tame(self, x):
        if not -1e6 < x < 1e6:
            return 0.25
        return x

    def on_bar(self, bar):
        position = self.position(bar.symbol)
        history = self.bars(bar.symbol)
"""


class Writer:
    """Writes one program; all chance comes from its seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.lines: list[str] = []
        self.variables: list[str] = []

    def number(self, depth: int = 2) -> str:
        """A numeric expression."""
        pick = self.chance.random()
        if depth == 0 or pick < 0.3:
            return self.chance.choice([
                "bar.close", "bar.open", "bar.high - bar.low", "self.fast[-1]", "self.slow.value", "self.x", "self.n", "self.a",
                "self.b", "position.quantity", "position.bars_held", "position.unrealised", "self.equity / 1000", "bar.index",
                "history.close[-1]", "len(history)", "self.past[self.n % 4]", str(self.chance.randint(-5, 9)),
                repr(round(self.chance.uniform(-2, 2), 3)), *self.variables,
            ])  # fmt: skip
        one, two = self.number(depth - 1), self.number(depth - 1)
        return self.chance.choice([
            f"({one} + {two})", f"({one} - {two})", f"self._tame({one} * {two})", f"({one} / (1 + abs({two})))",
            f"({one} % (2 + abs({two})))", f"({one} // (1.5 + abs({two})))", f"min({one}, {two})", f"max({one}, {two})",
            f"({one} if {self.condition(depth - 1)} else {two})", f"math.floor(self._tame({one}))", f"round(self._tame({one}))",
            f"math.sqrt(abs({one}))", f"abs(self._tame({one})) ** 0.5", f"self._tame({one}) ** 2", f"int(self._tame({one}))",
        ])  # fmt: skip

    def condition(self, depth: int = 2) -> str:
        """Something true or false."""
        least = min(depth, 1)
        if depth > 0 and self.chance.random() < 0.3:
            parts = self.condition(depth - 1), self.condition(depth - 1)
            return self.chance.choice([f"({parts[0]} and {parts[1]})", f"({parts[0]} or {parts[1]})", f"(not {parts[0]})"])
        return self.chance.choice([
            f"{self.number(least)} > {self.number(least)}", f"{self.number(least)} <= {self.number(least)}",
            "self.fast.crossed_above(self.slow)",
            "self.slow > self.fast", "self.fast.crossed_below(100)", "self.on", "position.is_flat", 'bar.symbol == "BBB"',
            'bar.symbol in ("AAA", "CCC")', 'self.mode == "odd"', "self.slow.crossed_above(bar.low)", "-1 < self.x < 1",
        ])  # fmt: skip

    def order(self) -> str:
        """Something that is done."""
        size, symbol = f"self._size({self.number(1)})", self.chance.choice(["bar.symbol", "bar.symbol", '"AAA"', '"CCC"'])
        words = self.chance.choice(["", ', tag="one"', ', rule_id="r", tag="two"', ', tag="three"'])
        life = self.chance.choice(["", ', tif="DAY"', ', tif="IOC"'])
        return self.chance.choice([
            f"self.buy(bar.symbol, {size}, limit=bar.close * 0.99{life}{words})", f"self.sell({symbol}, {size}{words})",
            f"self.buy(bar.symbol, value=100 * {size}, stop=bar.high * 1.01{words})", f"self.target({symbol}, {size} - 20{words})",
            f"self.target_weight({symbol}, ({size} - 20) / 100{words})", f"self.close({symbol}{words})", "self.close_all()",
            f"self.cancel_all({symbol})", "self.cancel_all()", f"self.sell(bar.symbol, weight={size} / 300{life})",
            f"self.target_value({symbol}, {size} * 50)",
        ])  # fmt: skip

    def statement(self, indent: int, depth: int) -> None:
        """One or more lines."""
        pad = " " * indent
        pick = self.chance.random()
        if pick < 0.35 and depth > 0:
            self.lines.append(f"{pad}if {self.condition()}:")
            self.inner(indent + 4, depth - 1)
            if self.chance.random() < 0.5:
                self.lines.append(f"{pad}else:")
                self.inner(indent + 4, depth - 1)
        elif pick < 0.42 and depth > 0:
            self.lines.append(f"{pad}for k{indent} in range({self.chance.randint(1, 4)}):")
            self.inner(indent + 4, depth - 1)
        elif pick < 0.75:
            self.lines.append(f"{pad}{self.order()}")
        else:
            self.lines.append(pad + self.chance.choice([
                f"self.x = self._tame(float({self.number()}))", f"self.n = int(self._tame({self.number()}))",
                f"self.on = {self.condition()}", f"self.past[bar.index % 4] = self._tame({self.number()})", "self.n += 1",
            ]))  # fmt: skip

    def inner(self, indent: int, depth: int) -> None:
        """The lines of a block."""
        kept = list(self.variables)
        for _ in range(self.chance.randint(1, 2)):
            self.statement(indent, depth)
        self.variables = kept

    def program(self) -> str:
        """The whole file."""
        for k in range(3):
            self.lines.append(f"        v{k} = self._tame({self.number()})")
            self.variables.append(f"v{k}")
        self.lines.append("        if bar.index % 3 == 0:")
        self.lines.append(f"            {self.order()}")
        self.lines.append("        if bar.index % 9 == 4:")
        self.lines.append("            self.buy(bar.symbol, 5)")
        for _ in range(self.chance.randint(3, 6)):
            self.statement(8, 2)
        a, b, mode = self.chance.randint(1, 9), round(self.chance.uniform(0.1, 3), 2), self.chance.choice(["odd", "even"])
        return HEAD.format(a=a, b=b, mode=mode) + "\n".join(self.lines) + "\n"


def program_of(seed: int) -> str:
    """The text of a module with a class ``Program``."""
    return Writer(seed).program()
