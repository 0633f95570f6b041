"""What a compiled class is told when it leaves the subset: file, line, and what to write instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fillwright as fw
from drivers.play import config_of, laid_out, market_of, play
from fillwright.errors import UsageError
from fillwright.kernel._jit import JIT_OFF
from fillwright.strategy.compiled import Compiled
from fillwright.strategy.desk import Desk

pytestmark = [pytest.mark.kernel, pytest.mark.skipif(JIT_OFF, reason="compiled strategies need the compiler")]

TWO = market_of("AAA", "BBB", n=30)
CONFIG = config_of()
TEXT = '''"""A program."""
import math
import random

import numba
import numpy as np

import fillwright as fw

TABLE = [1, 2]
NAMES = "AAA"


def plain(x):
    return x + 1


@numba.njit
def jitted(x):
    return x + 1


@fw.compiled
class Program(fw.Strategy):
    window: int = fw.param(3)
    mode: str = fw.param("long")
    pair: object = fw.param((1, 2))
    n: int = fw.state(0)
    x: float = fw.state(0.0)
    on: bool = fw.state(False)
    past: object = fw.state(np.zeros((2, 3)))

    def on_start(self):
        self.ma = self.indicator(fw.sma, "close", 3)
        self.one = self.indicator(fw.sma, "close", 3, symbol="AAA")
        self.loose = 3

    def _again(self, x):
        return self._again(x - 1) if x > 0 else 0

    def _mixed(self, x):
        if x > 1:
            return 1.5
        return None

    def _open_ended(self, x):
        if x > 1:
            return 1.5

    def _many(self, *values):
        return 1

    @property
    def doubled(self):
        return 2

    def on_bar(self, bar):
        position = self.position("AAA")
        {body}
'''
MISTAKES = [
    ("x = [1, 2]", "a list can not be compiled", "fw.state(np.zeros"),
    ("x = [k for k in range(3)]", "a list can not be compiled", "for loop"),
    ("x = {1: 2}", "a dict can not be compiled", "fw.state"),
    ("x = {1, 2}", "a set can not be compiled", "numbers"),
    ("x = sum(k for k in range(3))", "sum() can not be compiled", "for loop"),
    ("self.x = max(k for k in range(3))", "max() with 1 arguments", "give it 2"),
    ("x = f'{bar.close}'", "an f-string can not be compiled", "number"),
    ("try:\n            pass\n        finally:\n            pass", "try can not be compiled", "if"),
    ("import math", "import can not be compiled", "top of the file"),
    ("from math import floor", "import can not be compiled", "top of the file"),
    ("with open('x') as f: pass", "with can not be compiled", "numbers"),
    ("def inner(): pass", "a function inside can not be compiled", "method of the class"),
    ("f = lambda: 1", "lambda can not be compiled", "njit"),
    ("yield 3", "yield can not be compiled", "numbers"),
    ("global TABLE", "global can not be compiled", "fw.state"),
    ("class A: pass", "a class can not be compiled", "numbers"),
    ("del position", "del can not be compiled", "numbers"),
    ("assert bar.close > 0", "assert can not be compiled", "if"),
    ("match bar.index:\n            case 1: pass", "match can not be compiled", "if and elif"),
    ("x = bar.clsoe", "bar has no .clsoe", "bar.close"),
    ("x = bar.time", "bar has no .time", "bar.time_ns"),
    ("x = position.quantty", "position has no .quantty", "position.quantity"),
    ("x = self.bars('AAA').time", "history has no .time", "bar.time_ns"),
    ("x = self.windw", "there is no self.windw", "self.window"),
    ("x = self.loose", "self.loose is set and not declared", "fw.state"),
    ("self.fresh = 1", "self.fresh is not declared", "fresh: float = fw.state(0.0)"),
    ("self.window = 1", "self.window is a parameter", "fw.state"),
    ("self.ma = 1", "self.ma is an indicator", "on_start"),
    ("self.past = 1", "self.past is an array", "self.past[k] = ..."),
    ("x = self.pair", "self.pair is (1, 2)", "numbers, text or None"),
    ("x = self.doubled", "self.doubled is a property", "make it a method"),
    ("x = self.now", "self.now can not be compiled", "self.now_ns"),
    ("self.every('5min', self._again)", "self.every can not be compiled", "timers"),
    ("self.target_weights({'AAA': 1})", "self.target_weights can not be compiled", "self.target_weight(symbol"),
    ("self.orders()", "self.orders can not be compiled", ".id"),
    ("self.buyy(bar.symbol, 1)", "there is no self.buyy", "there is"),
    ("self.buy(bar.symbol, 1, limt=3)", "has no limt=", "limit"),
    ("self.buy()", "missing a required argument: 'symbol'", "symbol, quantity"),
    ("self.buy(bar.symbol)", "the order has no size", "sizing"),
    ("self.buy(bar.symbol, 1, value=3)", "one size, got quantity and value", "one of them"),
    ("self.buy(bar.symbol, risk=0.01)", "risk= needs a stop_loss= or per=", "move of the price"),
    ("self.buy(bar.symbol, risk='much', per=2)", "risk='much'", "0.005"),
    ("self.buy(bar.symbol, 1, per=2)", "per= goes with risk=", "per=atr"),
    ("self.buy(bar.symbol, 'many')", "a number is needed, and this is text ('many')", "symbols, tags"),
    ("self.buy('AAB', 1)", "no symbol 'AAB'", "AAA"),
    ("self.buy(3, 1)", "a symbol is needed", "numbers"),
    ("self.buy(bar.symbol, 1, tif='DYA')", "no time in force 'DYA'", "DAY"),
    ("self.buy(bar.symbol, 1, tif='GTD')", "needs expire=", "expire=bar.time_ns"),
    ("self.sell(bar.symbol, 1, lot=2)", "takes no lot= in compiled code", "need Python"),
    ("self.reduce(bar.symbol, 1)", "self.reduce can not be compiled", "reduce_only=True"),
    ("position.reverse()", "position.reverse can not be compiled", "self.target"),
    ("self.lots('AAA')", "self.lots can not be compiled", "need Python"),
    ("self.buy(bar.symbol, 1, expire=3)", "goes with tif='GTD'", "leave expire out"),
    ("self.buy(bar.symbol, 1, tag=bar.symbol)", "tag= takes text that is written out", 'tag="..."'),
    ("self.buy(**{'symbol': 'AAA'})", "* and ** can not be compiled", "arguments out"),
    ("self.buy(*TABLE)", "* and ** can not be compiled", "arguments out"),
    ("name = 'AAA' + 'B'", "a number is needed, and this is text ('AAA')", "symbols"),
    ("name = NAMES", "NAMES is str, and only numbers of the module", "fw.param"),
    ("x = TABLE", "TABLE is list, and only numbers of the module", "fw.param"),
    ("x = plain(3)", "plain() can not be compiled", "numba.njit"),
    ("x = unknown + 1", "unknown is not defined", "there is"),
    ("x = np.random.rand()", "random numbers", "state"),
    ("x = random.random()", "random numbers", "state"),
    ("x = np.mean(self.past)", "np.mean() can not be compiled", "njit"),
    ("x = round(bar.close, 2)", "round() with 2 arguments", "math.floor(x * 100 + 0.5) / 100"),
    ("print(bar.close)", "print() can not be compiled", "on_stop"),
    ("x = super().on_bar(bar)", "super() can not be compiled", "self.name"),
    ("x = len(bar)", "len() is there for", "number"),
    ("x = self._again(3)", "self._again calls itself", "loop"),
    ("x = self._mixed(3)", "one return gives a number, this one None", "same kind"),
    ("x = self._open_ended(3)", "can end without it", "return at its end"),
    ("x = self._many(3)", "self._many takes *values", "parameters"),
    ("if bar.close > 1: y = 1.0\n        self.x = y", "y may have no value here", "set y before"),
    ("y = 1.0\n        y = bar.symbol", "y was a number and becomes a symbol", "another name"),
    ("x = bar.symbol + 1", "a number is needed, and this is a symbol", "compared"),
    ("if bar.symbol > 'AAA': pass", "symbols are equal or not", "=="),
    ("if bar.symbol == 'ABC': pass", "no symbol 'ABC'", "AAA"),
    ("if self.ma == 3: pass", "== of an indicator", ".value"),
    ("x = self.ma + 1", "a number is needed, and this is an indicator", ".value"),
    ("x = self.ma[-3:]", "a slice can not be compiled", "for k in range"),
    ("x = self.one['BBB'][-1]", "one is not computed for BBB", "AAA"),
    ("x = self.one[bar.symbol][-1]", "one is not computed for BBB", "AAA"),
    ("x = self.past[1]", "the array has 2 dimensions, not 1", "s[i, j]"),
    ("x = self.past.mean()", "there is no .mean", "[k]"),
    ("x = self.bars('AAA', '5min')", "AAA has no bars of 5min", "1d"),
    ("x = self.bars(bar.symbol, '1d')", "need both names written out", "self.bars"),
    ("x = bar.timeframe", "bar.timeframe can not be compiled", "compare it"),
    ("if bar.timeframe == '7min': pass", "the market has no bars of '7min'", "1d"),
    ("position = None", "position can not keep it", "number"),
    ("x = y = 1", "a = b = ... can not be compiled", "two assignments"),
    ("for a, b in ((1, 2),): pass", "for takes one name", "range"),
    ("for k in bar: pass", "for goes over range", "bar.close"),
    ("bar.close", "the value is not used", "remove it"),
    ("x = 99999999999999999999", "64 bits", "float"),
    ("return 3", "on_bar returns nothing", "plain return"),
    ("raise ValueError(f'{bar.close}')", "raise takes an exception and text", "raise ValueError"),
    ("if (y := 3) > 2: pass", "namedexpr can not be compiled", "if, for"),
]


def program(folder: Path, body: str) -> tuple[Any, int, str]:
    """(the class, line of its body, file)."""
    file = folder / "program.py"
    text = TEXT.replace("{body}", body)
    file.write_text(text)
    names: dict[str, Any] = {"__name__": "program"}
    exec(compile(text, str(file), "exec"), names)
    return names["Program"], TEXT.split("{body}")[0].count("\n") + 1, str(file)


def attached(cls: Any) -> None:
    """Everything up to the first bar."""
    desk = Desk(cls())
    desk.prepare(TWO, CONFIG)
    desk.attach(laid_out(TWO, CONFIG))


@pytest.mark.parametrize("body, message, remedy", MISTAKES, ids=lambda text: text[:24])
def test_mistakes_name_their_line_and_the_remedy(body: str, message: str, remedy: str, tmp_path: Path) -> None:
    cls, line, file = program(tmp_path, body)
    with pytest.raises(UsageError) as caught:
        attached(cls)
    error = caught.value
    assert message in error.message and error.message.startswith("in compiled Program.")
    assert error.remedy is not None and remedy in error.remedy
    assert error.where is not None and error.where.startswith(f"{file}:")
    if "Program.on_bar" in error.message:
        assert int(error.where.split(":")[-1]) - line == (1 if body.startswith(("if bar.close > 1", "y = 1.0")) else 0)
    assert len(str(error).splitlines()) == 2


@pytest.mark.parametrize("body, message, remedy", [
    ("self.n = bar.close", "n is a whole number, and a float is put into it", "fw.state(0.0)"),
    ("self.on = bar.index", "on is True or False, and a number is put into it", "fw.state(0)"),
    ("self.x = bar.close & 3", "cannot be compiled", "compiled code has"),
])  # fmt: skip
def test_what_only_the_compiler_sees_has_its_line_too(body: str, message: str, remedy: str, tmp_path: Path) -> None:
    cls, line, file = program(tmp_path, body)
    with pytest.raises(UsageError) as caught:
        attached(cls)
    assert message in caught.value.message and remedy in str(caught.value.remedy)
    assert caught.value.where == f"{file}:{line}"


RAISES = [
    ("self.x = 1 / (bar.index - 3)", "division by zero"),
    ("self.x = self.ma[-4]", "not that long yet"),
    ("self.x = self.bars('AAA').close[3]", "not that long yet"),
    ("self.past[bar.index, 0] = 1", "out of bounds"),
    ("self.n = int(self.ma.value)", "cannot convert NaN"),
    ("self.x = math.log(bar.index)", "math domain error"),
    ("self.x = math.sqrt(1 - bar.index)", "math domain error"),
    ("self.x = (1.5 - bar.index) ** 0.5", "broken power"),
    ("self.n = (2 + bar.index) ** 63", "beyond 64 bits"),
    ("self.buy('AAA', 1 - bar.index)", "must be positive"),
    ("raise ValueError('enough')", "enough"),
]


def test_what_raises_in_python_raises_when_compiled(tmp_path: Path) -> None:
    body = "\n        ".join(f"if self.window == {k}:\n            {line}" for k, (line, _) in enumerate(RAISES))
    cls, *_ = program(tmp_path, body)
    for k, (_, message) in enumerate(RAISES):
        desk = Desk(cls(window=k))
        desk.prepare(TWO, CONFIG)
        with pytest.raises((ValueError, IndexError, ZeroDivisionError), match=message):
            play(TWO, CONFIG, desk.attach)


@fw.compiled
class Everywhere(fw.Strategy):
    """Reads an indicator of several instruments where there is none."""

    def on_start(self) -> None:
        self.ma = self.indicator(fw.sma, "close", 3)

    def on_bars(self, bars: Any) -> None:
        if self.ma[-1] > 3:
            self.close_all()


def test_on_bars_has_no_instrument_of_its_own() -> None:
    with pytest.raises(UsageError, match=r'on_bars has no instrument(.|\n)*self\.ma\["AAA"\]'):
        attached(Everywhere)


def test_callbacks_that_would_never_be_called_are_named() -> None:
    @fw.compiled
    class Fills(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            self.close_all()

        def on_fill(self, fill: Any) -> None:
            self.close_all()

    with pytest.raises(UsageError, match="on_fill, which would never be called"):
        attached(Fills)


def test_the_form_of_the_class_is_checked() -> None:
    with pytest.raises(UsageError, match="no method on_bar or on_bars"):
        fw.compiled(type("Empty", (fw.Strategy,), {}))

    @fw.compiled
    class Wrong(fw.Strategy):
        def on_bar(self, bar: Any, more: Any) -> None:
            self.close_all()

    with pytest.raises(UsageError, match=r"on_bar has the parameters \(self, bar, more\)"):
        attached(Wrong)


def test_a_class_comes_back_as_it_is() -> None:
    class Mine(fw.Strategy):
        level: float = fw.state(0.0)
        table: Any = fw.state(np.zeros(3))

        def on_bar(self, bar: Any) -> None:
            self.level = bar.close

    assert fw.compiled(Mine) is Mine and not isinstance(Mine.on_bar, Compiled)
    assert Desk(Mine()).describe()["compiled"]
