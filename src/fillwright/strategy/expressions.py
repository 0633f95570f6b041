"""Expressions of a compiled class, turned into those of the function form.

``self.position(bar.symbol).quantity`` becomes ``ctx.position``, ``self.fast[-1]`` becomes ``ctx.item(p.fast, -1)`` and so on. What a
name stands for is known before anything runs, so positions, bars and indicators cost nothing to hand around.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numba.core.dispatcher import Dispatcher

from fillwright.strategy.arithmetic import ARGUMENTS, CALLABLE, raised
from fillwright.strategy.helpers import Helpers
from fillwright.strategy.questions import COLUMNS, ORDER_CODES, ORDER_NUMBERS
from fillwright.strategy.subset import NOT_COMPILED
from fillwright.strategy.texts import global_names
from fillwright.strategy.values import (
    CTX,
    SAID,
    TRANSIENT,
    Kind,
    P,
    Refusal,
    S,
    Value,
    attribute,
    known,
    method,
    name,
    nearest,
    number,
)

if TYPE_CHECKING:
    from fillwright.strategy.class_form import Translation

_POSITION = {
    "quantity": "position", "average_price": "average_price", "value": "position_value", "unrealised": "unrealised",
    "bars_held": "bars_held",
}  # fmt: skip
_ACCOUNT = {"cash": "cash", "cash_total": "cash_total", "equity": "equity", "now_ns": "now"}
_INSTEAD = {
    "now": "write self.now_ns: the instant in ns",
    "time": "write bar.time_ns: its close in ns",
    "open_time": "write bar.time_ns: its close in ns",
    "indicator": "declare indicators in on_start, which stays Python",
    "at": "timers are Python: leave @fw.compiled out",
    "every": "timers are Python: leave @fw.compiled out",
    "lots": "lots by number need Python: leave @fw.compiled out",
    "checkpoint": "set checkpoints from outside: run.checkpoint of the configuration",
    "trading_state": "the trading state is known in Python: leave @fw.compiled out",
    "set_trading_state": "the trading state is switched from Python: leave @fw.compiled out",
    "orders": "keep the number of an order, self.order = self.buy(...).id, or write self.cancel_all(symbol)",
    "legs": "legs are given in Python: leave @fw.compiled out",
    "targets": "write self.target(symbol, quantity) for each",
    "target_weights": "write self.target_weight(symbol, weight) for each",
    "params": "write self.name of the parameter",
    "flags": "write order.status or order.is_done",
}
_PLAIN_CALLS = {
    "print": "keep a number in fw.state and print it in on_stop",
    "open": "read files in on_start",
    "str": "text can not be made in compiled code",
    "sum": "write a for loop: the order of additions is then yours",
    "sorted": "write a for loop",
    "range": "range(...) stands in a for loop only",
    "super": "write the method's own name, self.name(...)",
}


class Expressions:
    """Translates the expressions of one method. ``local`` is what each local variable holds, ``live`` which of them are set."""

    def __init__(self, translation: Translation, function: Callable[..., Any]) -> None:
        self.translation = translation
        self.facts = translation.facts
        self.names = global_names(function)
        self.module = function.__globals__
        self.local_names = frozenset(function.__code__.co_varnames)
        self.local: dict[str, Value] = {}
        self.live: set[str] = set()
        self.helpers = Helpers(self)

    def value(self, node: ast.expr) -> Value:
        """What an expression stands for."""
        translate: Callable[[Any], Value] | None = getattr(self, f"_{type(node).__name__.lower()}", None)
        if translate is None:
            what, remedy = NOT_COMPILED.get(type(node), (type(node).__name__.lower(), "write it with if, for and numbers"))
            raise Refusal(node, f"{what} can not be compiled", remedy)
        made = translate(node)
        ast.copy_location(made.node, node)
        return made

    def number(self, node: ast.expr) -> ast.expr:
        """The same where only a number will do."""
        made = self.value(node)
        if made.kind is not Kind.NUMBER:
            raise self.misfit(node, made, "a number is needed")
        return made.node

    @staticmethod
    def misfit(node: ast.AST, made: Value, needed: str) -> Refusal:
        """That a value is of the wrong kind."""
        said, remedy = SAID[made.kind]
        shown = f" ({made.detail!r})" if made.kind is Kind.TEXT else ""
        return Refusal(node, f"{needed}, and this is {said}{shown}", remedy)

    # -- names and constants

    def _constant(self, node: ast.Constant) -> Value:
        if isinstance(node.value, str):
            return Value(Kind.TEXT, node, node.value)
        if node.value is None:
            return Value(Kind.NONE, node)
        if isinstance(node.value, bool | int | float):
            if isinstance(node.value, int) and abs(node.value) >= 2**63:
                raise Refusal(node, "whole numbers have 64 bits", "write it as a float")
            return known(node.value)
        raise Refusal(node, f"{node.value!r} can not be compiled", "numbers and symbols will do")

    def _name(self, node: ast.Name) -> Value:
        if node.id in self.local_names:
            if node.id not in self.live:
                raise Refusal(node, f"{node.id} may have no value here", f"set {node.id} before the if or the loop")
            held = self.local[node.id]
            return held if held.kind in TRANSIENT else Value(held.kind, name(node.id), held.detail)
        missing = object()
        found = self.names.get(node.id, missing)
        if found is missing:
            builtins = self.names.get("__builtins__", {})
            found = (builtins if isinstance(builtins, dict) else vars(builtins)).get(node.id, missing)
        if found is missing:
            raise Refusal(node, f"{node.id} is not defined", nearest(node.id, sorted(self.local)))
        if node.id in self.module:
            self.translation.globals_read.append((self.module, node.id, found))
        return self._outside(node, node.id, found)

    def _outside(self, node: ast.expr, called: str, found: Any) -> Value:
        """A value of the module: a number, or something that leads to one or can be called."""
        if isinstance(found, bool | np.bool_):
            return known(bool(found))
        if isinstance(found, int | np.integer):
            return known(int(found))
        if isinstance(found, float | np.floating):
            return known(float(found))
        if isinstance(found, Dispatcher) or inspect.ismodule(found) or isinstance(found, type) or callable(found):
            return Value(Kind.OBJECT, node, found)
        remedy = "declare it with fw.param or fw.state: numbers, and numpy arrays as state"
        raise Refusal(node, f"{called} is {type(found).__name__}, and only numbers of the module can be used", remedy)

    def _attribute(self, node: ast.Attribute) -> Value:
        base = self.value(node.value)
        if base.kind is Kind.SELF:
            return self._own(node)
        if base.kind is Kind.OBJECT:
            missing = object()
            found = getattr(base.detail, node.attr, missing)
            if node.attr == "random":
                raise Refusal(node, "random numbers are not part of a run that can be repeated", "decide by bars and state only")
            if found is missing:
                raise Refusal(
                    node, f"there is no {ast.unparse(node)}", "compiled code knows math, numpy's numbers and codes of fw"
                )
            return self._outside(node, ast.unparse(node), found)
        members = {
            Kind.BAR: self._of_bar, Kind.POSITION: self._of_position, Kind.HISTORY: self._of_history,
            Kind.SERIES: self._of_series, Kind.ORDER: self._of_order,
        }  # fmt: skip
        if base.kind not in members:
            raise self.misfit(node, base, f"there is no .{node.attr} in compiled code")
        return members[base.kind](node, base)

    def _unknown(self, node: ast.Attribute, there: Sequence[str], owner: str) -> Refusal:
        remedy = _INSTEAD.get(node.attr) or nearest(node.attr, there, f"{owner}.")
        return Refusal(node, f"{owner} has no .{node.attr} in compiled code", remedy)

    def _own(self, node: ast.Attribute) -> Value:
        """``self.name``."""
        facts, what = self.facts, node.attr
        if what in _ACCOUNT:
            return number(attribute(name(CTX), _ACCOUNT[what]))
        if what == "symbols":
            return Value(Kind.SYMBOLS, node)
        if what in facts.states:
            field = attribute(name(S), what)
            return number(field) if facts.states[what] is None else Value(Kind.ARRAY, field, facts.states[what])
        if what in facts.series:
            return Value(Kind.SERIES, attribute(name(P), what), what)
        if what in facts.constants:
            return self.kept(node, facts.constants[what])
        if what in facts.numbers:
            return number(attribute(name(P), what))
        if what in _INSTEAD:
            raise Refusal(node, f"self.{what} can not be compiled", _INSTEAD[what])
        if hasattr(facts.base, what) and what not in facts.undeclared:
            return self._of_class(node, what)
        there = sorted((*facts.states, *facts.series, *facts.constants, *facts.numbers, *_ACCOUNT))
        if what in facts.undeclared:
            remedy = f"declare it in the class: {what}: float = fw.state(0.0)"
            raise Refusal(node, f"self.{what} is set and not declared", remedy)
        raise Refusal(node, f"there is no self.{what}", nearest(what, there, "self."))

    def _of_class(self, node: ast.Attribute, what: str) -> Value:
        """``self.NAME`` for a number or text in the body of the class."""
        owner = next(vars(base) for base in self.facts.base.__mro__ if what in vars(base))
        found = owner[what]
        if callable(found):
            raise Refusal(node, f"self.{what} is a method", f"call it: self.{what}(...)")
        if isinstance(found, property):
            raise Refusal(node, f"self.{what} is a property", f"make it a method, and call it: self.{what}()")
        self.translation.globals_read.append((owner, what, found))
        return self.kept(node, found)

    def kept(self, node: ast.expr, value: Any) -> Value:
        """A value that is the same in the whole run: a parameter, a default, an attribute of the class."""
        if isinstance(value, str):
            return Value(Kind.TEXT, node, value)
        if value is None:
            return Value(Kind.NONE, node)
        if isinstance(value, bool | int | float):
            return known(value)
        remedy = "parameters that compiled code reads are numbers, text or None"
        raise Refusal(node, f"{ast.unparse(node)} is {value!r}", remedy)

    def _of_bar(self, node: ast.Attribute, bar: Value) -> Value:
        if node.attr in (*COLUMNS, "time_ns"):
            return number(attribute(bar.node, node.attr))
        if node.attr == "index":
            return number(attribute(bar.node, "row"))
        if node.attr == "symbol":
            return Value(Kind.SYMBOL, attribute(bar.node, "instrument"), at=bar.node)
        if node.attr == "timeframe":
            raise Refusal(node, "bar.timeframe can not be compiled", 'compare it: if bar.timeframe == "1d":')
        raise self._unknown(node, (*COLUMNS, "symbol", "time_ns", "index"), "bar")

    def _of_position(self, node: ast.Attribute, position: Value) -> Value:
        if node.attr == "is_flat":
            return number(ast.Compare(attribute(position.node, "position"), [ast.Eq()], [ast.Constant(0.0)]))
        if node.attr in _POSITION:
            return number(attribute(position.node, _POSITION[node.attr]))
        raise self._unknown(node, (*_POSITION, "is_flat"), "position")

    def _of_history(self, node: ast.Attribute, history: Value) -> Value:
        if node.attr in COLUMNS:
            return Value(Kind.PAST, history.node, node.attr)
        raise self._unknown(node, COLUMNS, "history")

    def _of_series(self, node: ast.Attribute, series: Value) -> Value:
        if node.attr == "value":
            return number(self.now(node, series))
        raise self._unknown(node, ("value", "crossed_above", "crossed_below"), "indicator")

    def _of_order(self, node: ast.Attribute, order: Value) -> Value:
        if node.attr == "id":
            return number(order.node)
        for members, read in ((ORDER_NUMBERS, "order_number"), (ORDER_CODES, "order_code")):
            if node.attr in members:
                made = method(name(CTX), read, order.node, ast.Constant(members.index(node.attr)))
                return number(ast.Call(name("bool"), [made], []) if node.attr == "is_done" else made)
        raise self._unknown(node, ("id", *ORDER_NUMBERS, *ORDER_CODES, "cancel", "replace"), "order")

    # -- indicators and subscripts

    def place(self, node: ast.AST, series: Value) -> ast.expr:
        """The context that an indicator is read in."""
        if series.at is not None:
            return series.at
        if not self.facts.on_bars:
            return name(CTX)
        feeds = self.facts.series.get(series.detail, ())
        if len(feeds) != 1:
            remedy = f'name the instrument: self.{series.detail}["{self.facts.symbols[0]}"], or self.{series.detail}[symbol]'
            raise Refusal(node, "on_bars has no instrument of its own, and the indicator has several", remedy)
        return method(name(CTX), "on_feed", ast.Constant(feeds[0]))

    def now(self, node: ast.AST, series: Value) -> ast.expr:
        """Value of an indicator now."""
        return method(self.place(node, series), "value", series.node)

    def _subscript(self, node: ast.Subscript) -> Value:
        base = self.value(node.value)
        if base.kind is Kind.BARS:
            return Value(Kind.BAR, self.helpers.context(node.slice))
        if isinstance(node.slice, ast.Slice):
            raise Refusal(node, "a slice can not be compiled", "write a for loop: for k in range(1, n + 1): ...[-k]")
        if base.kind is Kind.SERIES:
            return self._series_item(node, base)
        if base.kind is Kind.PAST:
            column = ast.Constant(COLUMNS.index(base.detail))
            return number(method(base.node, "past", column, self.number(node.slice)))
        if base.kind is Kind.ARRAY:
            return number(self.element(node, base, ast.Load()))
        if base.kind is Kind.SYMBOLS:
            k = self.value(node.slice).constant
            if type(k) is not int or not -len(self.facts.symbols) <= k < len(self.facts.symbols):
                raise Refusal(node, "self.symbols[...] takes a number that is written out", "write for symbol in self.symbols:")
            return Value(Kind.SYMBOL, ast.Constant(k % len(self.facts.symbols)))
        raise self.misfit(node, base, "nothing can stand in [] behind it")

    def _series_item(self, node: ast.Subscript, base: Value) -> Value:
        key = self.value(node.slice)
        if key.kind not in (Kind.TEXT, Kind.SYMBOL):
            return number(method(self.place(node, base), "item", base.node, self.number(node.slice)))
        if base.at is not None:
            raise Refusal(node, "the indicator has its symbol already", "write [-1] for its value now")
        feeds = self.facts.series.get(base.detail, ())
        there = {self.facts.symbols[self.facts.feeds[feed].instrument] for feed in feeds}
        symbol = self.helpers.symbol(node.slice)
        chosen = symbol.constant_symbol(self.facts.symbols)
        missing = {chosen} - there if chosen is not None else set(self.facts.symbols) - there
        if missing:
            raise Refusal(
                node, f"{base.detail} is not computed for {', '.join(sorted(missing))}", f"there is: {', '.join(there)}"
            )
        return Value(Kind.SERIES, base.node, base.detail, symbol.context())

    def element(self, node: ast.Subscript, array: Value, context: ast.expr_context) -> ast.expr:
        """One element of an array in state."""
        dimensions, is_bool = array.detail
        indices = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if len(indices) != dimensions:
            raise Refusal(node, f"the array has {dimensions} dimensions, not {len(indices)}", "name them all: s[i, j]")
        numbers = [self.number(index) for index in indices]
        made = ast.Subscript(array.node, numbers[0] if dimensions == 1 else ast.Tuple(numbers, ast.Load()), context)
        if is_bool and isinstance(context, ast.Load):
            return ast.Compare(made, [ast.NotEq()], [ast.Constant(0)])
        return made

    # -- operators

    def _binop(self, node: ast.BinOp) -> Value:
        left, right = self.number(node.left), self.number(node.right)
        if isinstance(node.op, ast.MatMult):
            raise Refusal(node, "@ can not be compiled", "write a for loop")
        if isinstance(node.op, ast.Pow):
            return number(ast.Call(name(self.translation.outside(raised)), [left, right], []))
        return number(ast.BinOp(left, node.op, right))

    def _unaryop(self, node: ast.UnaryOp) -> Value:
        made = self.number(node.operand)
        if isinstance(made, ast.Constant) and isinstance(made.value, bool | int | float):
            if isinstance(node.op, ast.Not):
                return known(not made.value)
            if isinstance(node.op, ast.USub):
                return known(-made.value)
        return number(ast.UnaryOp(node.op, made))

    def _boolop(self, node: ast.BoolOp) -> Value:
        """What follows a part that decides by itself is left out: it may read what is not there."""
        ends = isinstance(node.op, ast.Or)
        kept: list[ast.expr] = []
        for k, part in enumerate(node.values):
            made = self.value(part)
            if made.kind is not Kind.NUMBER:
                raise self.misfit(part, made, "a condition is needed")
            if made.constant is not None and k + 1 < len(node.values):
                if bool(made.constant) is not ends:
                    continue
                return made if not kept else number(ast.BoolOp(node.op, [*kept, made.node]))
            kept.append(made.node)
        return number(kept[0] if len(kept) == 1 else ast.BoolOp(node.op, kept))

    def _ifexp(self, node: ast.IfExp) -> Value:
        test = self.number(node.test)
        if isinstance(test, ast.Constant):
            return self.value(node.body if test.value else node.orelse)
        yes, no = self.value(node.body), self.value(node.orelse)
        if yes.shape() != no.shape() or yes.kind in (*TRANSIENT, Kind.SERIES):
            raise self.misfit(node, no, f"both sides of if must be alike: one is {SAID[yes.kind][0]}")
        return Value(yes.kind, ast.IfExp(test, yes.node, no.node), yes.detail)

    def _compare(self, node: ast.Compare) -> Value:
        if len(node.ops) == 1:
            return self._one_comparison(node, node.left, node.ops[0], node.comparators[0])
        parts = [self._operand(part) for part in (node.left, *node.comparators)]
        if any(isinstance(op, ast.In | ast.NotIn | ast.Is | ast.IsNot) for op in node.ops):
            raise Refusal(node, "in and is can not be chained", "write two comparisons with and")
        return number(ast.Compare(parts[0], node.ops, parts[1:]))

    def _operand(self, node: ast.expr) -> ast.expr:
        made = self.value(node)
        return self.now(node, made) if made.kind is Kind.SERIES else self.number(node)

    def _one_comparison(self, node: ast.Compare, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Value:
        if isinstance(op, ast.In | ast.NotIn):
            return self._among(node, left, op, right)
        if isinstance(op, ast.Is | ast.IsNot):
            return self._is_none(node, self.value(left), self.value(right), isinstance(op, ast.Is))
        if _is_timeframe(left) or _is_timeframe(right):
            return self._timeframe(node, left, op, right)
        a, b = self.value(left), self.value(right)
        equality = isinstance(op, ast.Eq | ast.NotEq)
        if a.kind is Kind.TEXT and b.kind is Kind.TEXT and equality:
            return known((a.detail == b.detail) is isinstance(op, ast.Eq))
        if Kind.NONE in (a.kind, b.kind):
            raise Refusal(node, "None is compared with is", "write `is None`")
        if Kind.SYMBOL in (a.kind, b.kind):
            if not equality:
                raise Refusal(node, "symbols are equal or not", "compare them with == or !=")
            sides = [self.helpers.symbol(side).node for side in (left, right)]
            return number(ast.Compare(sides[0], [op], sides[1:]))
        if Kind.SERIES in (a.kind, b.kind) and equality:
            raise Refusal(node, "== of an indicator compares objects", "write .value behind it")
        return number(ast.Compare(self._operand(left), [op], [self._operand(right)]))

    def _among(self, node: ast.Compare, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Value:
        a = self.value(left)
        if not isinstance(right, ast.Tuple | ast.List | ast.Set) or not right.elts:
            raise Refusal(node, "in takes values that are written out", 'write if bar.symbol in ("SPY", "TLT"):')
        if a.kind is Kind.TEXT:
            texts = [self.value(item) for item in right.elts]
            if all(item.kind is Kind.TEXT for item in texts):
                return known((a.detail in [item.detail for item in texts]) is isinstance(op, ast.In))
        read = (lambda item: self.helpers.symbol(item).node) if a.kind is Kind.SYMBOL else self.number
        return number(ast.Compare(read(left), [op], [ast.Tuple([read(item) for item in right.elts], ast.Load())]))

    def _is_none(self, node: ast.Compare, a: Value, b: Value, positive: bool) -> Value:
        if b.kind is not Kind.NONE:
            raise Refusal(node, "is compares objects", "write == for numbers and symbols; `is None` for an order")
        if a.kind is Kind.ORDER:
            return number(ast.Compare(a.node, [ast.Lt() if positive else ast.GtE()], [ast.Constant(0)]))
        return known((a.kind is Kind.NONE) is positive)

    def _timeframe(self, node: ast.Compare, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Value:
        """``bar.timeframe == "1d"``."""
        bar, text = (left, right) if _is_timeframe(left) else (right, left)
        assert isinstance(bar, ast.Attribute)
        held, said = self.value(bar.value), self.value(text)
        if held.kind is not Kind.BAR or said.kind is not Kind.TEXT or not isinstance(op, ast.Eq | ast.NotEq):
            raise Refusal(node, "a timeframe is compared with text", 'write if bar.timeframe == "1d":')
        lengths = {feed.timeframe: feed.timeframe_ns for feed in self.facts.feeds}
        if said.detail not in lengths:
            raise Refusal(node, f"the market has no bars of {said.detail!r}", f"it has: {', '.join(lengths)}")
        return number(ast.Compare(attribute(held.node, "timeframe_ns"), [op], [ast.Constant(lengths[said.detail])]))

    # -- calls

    def _call(self, node: ast.Call) -> Value:
        for argument in (*node.args, *node.keywords):
            if isinstance(argument, ast.Starred) or (isinstance(argument, ast.keyword) and argument.arg is None):
                raise Refusal(node, "* and ** can not be compiled in a call", "write the arguments out")
        if isinstance(node.func, ast.Attribute):
            base = self.value(node.func.value)
            if base.kind is not Kind.OBJECT:
                return self.helpers.call(node, node.func, base)
        elif isinstance(node.func, ast.Name) and node.func.id not in self.local_names and node.func.id in _PLAIN_CALLS:
            raise Refusal(node, f"{node.func.id}() can not be compiled", _PLAIN_CALLS[node.func.id])
        called = self.value(node.func)
        if called.kind is not Kind.OBJECT:
            raise self.misfit(node, called, "only functions can be called")
        if called.detail is len:
            return self._length(node)
        return self._outside_call(node, called.detail)

    def _outside_call(self, node: ast.Call, function: Any) -> Value:
        shown = ast.unparse(node.func)
        if node.keywords:
            raise Refusal(node, f"{shown} takes no keywords in compiled code", "write its arguments in order")
        made: Any = function
        if isinstance(function, Dispatcher):
            pass
        else:
            try:
                made = CALLABLE[function]
            except (KeyError, TypeError):
                remedy = (
                    "mark a function of yours with @numba.njit; of Python, math and numpy the functions of one number are there"
                )
                raise Refusal(node, f"{shown}() can not be compiled", remedy) from None
            least, most = ARGUMENTS.get(function, (1, 1))
            if not least <= len(node.args) <= most:
                remedy = "write the decimals out: math.floor(x * 100 + 0.5) / 100" if function is round else f"give it {least}"
                raise Refusal(node, f"{shown}() with {len(node.args)} arguments can not be compiled", remedy)
        return number(ast.Call(name(self.translation.outside(made)), [self._operand_of(function, x) for x in node.args], []))

    def _operand_of(self, function: Any, node: ast.expr) -> ast.expr:
        """``float(self.fast)`` is its value."""
        return self._operand(node) if function is float else self.number(node)

    def _length(self, node: ast.Call) -> Value:
        made = self.value(node.args[0]) if len(node.args) == 1 else None
        if made is not None and made.kind in (Kind.HISTORY, Kind.PAST):
            return number(ast.BinOp(attribute(made.node, "row"), ast.Add(), ast.Constant(1)))
        if made is not None and made.kind is Kind.ARRAY:
            return number(ast.Call(name("len"), [made.node], []))
        if made is not None and made.kind is Kind.SYMBOLS:
            return known(len(self.facts.symbols))
        raise Refusal(node, "len() is there for arrays, histories and self.symbols", "write the number itself")


def _is_timeframe(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "timeframe"
