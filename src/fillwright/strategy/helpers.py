"""Calls of a compiled class: the helpers of a strategy (orders, positions, history) and its own methods."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fillwright.config.rates import rate
from fillwright.data.bars import parse_timeframe
from fillwright.errors import UsageError
from fillwright.model.codes import SizeMode, TrailUnit
from fillwright.model.instrument import RATE_SCALE
from fillwright.model.order_terms import distance, size_mode
from fillwright.strategy.arithmetic import real
from fillwright.strategy.base import Strategy
from fillwright.strategy.values import CTX, Kind, P, Refusal, S, Value, keywords, known, method, name, nearest, number

if TYPE_CHECKING:
    from fillwright.strategy.expressions import Expressions

_SIZES = ("quantity", "value", "weight", "risk")
_TARGETS = {"target": "quantity", "target_value": "value", "target_weight": "weight"}
_TEXTS = ("tif", "tag", "rule_id")
_ORDERS = ("buy", "sell", *_TARGETS, "target_default", "close")
_NOT_HERE = {
    "lot": "lots by number need Python: leave @fw.compiled out",
    "position_id": "an instrument has one position",
}
_DEFAULT_TARGET = {"quantity": "target", "value": "target_value", "weight": "target_weight"}


@dataclass(frozen=True, slots=True)
class Symbol:
    """An instrument: the node that computes its number, and the context where it is at hand."""

    node: ast.expr
    at: ast.expr | None

    def context(self) -> ast.expr:
        """The context of the instrument."""
        return self.at if self.at is not None else method(name(CTX), "at", self.node)

    def constant_symbol(self, symbols: tuple[str, ...]) -> str | None:
        """Which it is, where that is known now."""
        if isinstance(self.node, ast.Constant) and isinstance(self.node.value, int):
            return symbols[self.node.value]
        return symbols[0] if len(symbols) == 1 else None


class Helpers:
    """Translates calls of ``self`` and of what its helpers return."""

    def __init__(self, expressions: Expressions) -> None:
        self.e = expressions

    def symbol(self, node: ast.expr) -> Symbol:
        """An expression that names an instrument. Refusal for a text that is no symbol of the market."""
        made = self.e.value(node)
        symbols = self.e.facts.symbols
        if made.kind is Kind.SYMBOL:
            return Symbol(made.node, made.at)
        if made.kind is Kind.TEXT:
            if made.detail not in symbols:
                raise Refusal(node, f"no symbol {made.detail!r} in the market", nearest(made.detail, symbols[:8]))
            return Symbol(ast.Constant(symbols.index(made.detail)), None)
        raise self.e.misfit(node, made, "a symbol is needed")

    def context(self, node: ast.expr) -> ast.expr:
        """The context of the instrument that an expression names."""
        return self.symbol(node).context()

    def call(self, node: ast.Call, function: ast.Attribute, base: Value) -> Value:
        """``base.function(...)``."""
        what = function.attr
        if base.kind is Kind.SELF:
            return self._own(node, what)
        if base.kind is Kind.SERIES and what in ("crossed_above", "crossed_below"):
            return self._crossed(node, what, base)
        if base.kind is Kind.POSITION and what in _OPERATIONS:
            raise Refusal(node, f"position.{what} can not be compiled", _OPERATIONS[what])
        if base.kind is Kind.ORDER and what == "cancel":
            self._bound(node, lambda: None)
            return number(ast.Compare(method(name(CTX), "cancel", base.node), [ast.Eq()], [ast.Constant(1)]))
        if base.kind is Kind.ORDER and what == "replace":
            given = {key.arg: key.value for key in node.keywords if not _is_none(key.value)}
            if node.args or not set(given) <= {"quantity", "limit", "stop", "trail"}:
                raise Refusal(node, "replace takes quantity=, limit=, stop= and trail=", "write o.replace(limit=...)")
            new = {str(key): self.e.number(item) for key, item in given.items() if key != "trail"}
            if "trail" in given:
                new |= self._trail(given["trail"])
            return number(ast.Compare(method(name(CTX), "replace", base.node, *keywords(new)), [ast.Eq()], [ast.Constant(1)]))
        raise self.e.misfit(node, base, f"there is no .{what}(...) in compiled code")

    def _own(self, node: ast.Call, what: str) -> Value:
        if what in self.e.facts.methods:
            return self._method(node, what)
        if what in _ORDERS:
            return self._order(node, what)
        if what == "position":
            return Value(Kind.POSITION, self.context(self._bound(node, Strategy.position)["symbol"]))
        if what == "bars":
            return self._history(node)
        if what in _OPERATIONS:
            raise Refusal(node, f"self.{what} can not be compiled", _OPERATIONS[what])
        if what == "close_all":
            self._bound(node, Strategy.close_all)
            return number(method(name(CTX), "close_all"))
        if what == "cancel_all":
            return self._cancel_all(node)
        if what == "oco":
            return self._oco(node)
        made = self.e.value(node.func)  # says what is wrong with a name that is unknown
        raise self.e.misfit(node, made, f"self.{what} can not be called")

    def _bound(self, node: ast.Call, function: Any) -> dict[str, ast.expr]:
        """Arguments of a call by name, in the order in which they were written."""
        signature = inspect.signature(function)
        parameters = list(signature.parameters.values())
        public = signature.replace(parameters=parameters[1:] if parameters and parameters[0].name == "self" else parameters)
        for keyword in node.keywords:
            if keyword.arg not in public.parameters:
                remedy = nearest(str(keyword.arg), [*public.parameters])
                raise Refusal(node, f"{ast.unparse(node.func)} has no {keyword.arg}= in compiled code", remedy)
        try:
            bound = public.bind(*node.args, **{str(keyword.arg): keyword.value for keyword in node.keywords})
        except TypeError as error:
            takes = ", ".join(public.parameters) or "nothing"
            raise Refusal(node, f"{ast.unparse(node.func)}: {error}", f"it takes: {takes}") from None
        refused = next((key for key in bound.arguments if key in _NOT_HERE), None)
        if refused is not None:
            raise Refusal(node, f"{ast.unparse(node.func)} takes no {refused}= in compiled code", _NOT_HERE[refused])
        return dict(bound.arguments)

    # -- orders

    def _order(self, node: ast.Call, what: str) -> Value:
        given = self._bound(node, getattr(Strategy, what))
        given = {key: item for key, item in given.items() if key == "symbol" or not _is_none(item)}
        context = self.context(given.pop("symbol"))
        words: dict[str, ast.expr] = {key: self._text(key, given.pop(key)) for key in _TEXTS if key in given}
        if "after" in given:
            words["after"] = self._numbered(given.pop("after"))
        if "trail" in given:
            words |= self._trail(given.pop("trail"))
        if what == "close":
            return Value(Kind.ORDER, method(context, "close_position", *keywords(words)))
        if what == "target_default":
            kind, size = self._sizing(node)
            signed = ast.BinOp(self.e.number(given["direction"]), ast.Mult(), ast.Constant(size))
            return Value(Kind.ORDER, method(context, _DEFAULT_TARGET[kind], signed, *keywords(words)))
        if what in _TARGETS:
            return Value(Kind.ORDER, method(context, what, self.e.number(given[_TARGETS[what]]), *keywords(words)))
        sizes = [key for key in _SIZES if key in given]
        if len(sizes) > 1:
            raise Refusal(node, f"an order has one size, got {' and '.join(sizes)}", "keep one of them")
        self._check_expiry(node, words, "expire" in given)
        try:
            size_mode(SizeMode.RISK if "risk" in given else SizeMode.UNITS, given.get("per"), given.get("stop_loss"))
        except UsageError as error:
            raise Refusal(node, error.message, error.remedy or "") from None
        numbers = {key: self._risk(item) if key == "risk" else self.e.number(item) for key, item in given.items()}
        kind, sized = (sizes[0], numbers) if sizes else self._default(node, numbers)
        called = what if kind == "quantity" else f"{what}_{kind}"
        return Value(Kind.ORDER, method(context, called, *keywords({**sized, **words})))

    def _cancel_all(self, node: ast.Call) -> Value:
        given = {key: item for key, item in self._bound(node, Strategy.cancel_all).items() if not _is_none(item)}
        words: dict[str, ast.expr] = {}
        if "side" in given:
            side = self.e.value(given["side"])
            if side.kind is not Kind.TEXT or side.detail not in ("buy", "sell"):
                raise Refusal(node, "side= takes text that is written out", 'side="buy" or side="sell"')
            words["side"] = ast.Constant(1 if side.detail == "buy" else -1)
        if "tag" in given:
            words["tag"] = self._text("tag", given["tag"])
        if "symbol" not in given:
            return number(method(name(CTX), "cancel_everything", *keywords(words)))
        return number(method(self.context(given["symbol"]), "cancel_all", *keywords(words)))

    def _oco(self, node: ast.Call) -> Value:
        """Two orders; it is a number that says whether they could be linked."""
        if len(node.args) != 2 or node.keywords:
            raise Refusal(node, "self.oco takes two orders in compiled code", "write self.oco(a, b) and self.oco(b, c)")
        return number(method(name(CTX), "oco", *(self._numbered(item) for item in node.args)))

    def _numbered(self, node: ast.expr) -> ast.expr:
        """The number of an order."""
        made = self.e.value(node)
        if made.kind is not Kind.ORDER:
            raise self.e.misfit(node, made, "an order is needed, as self.buy returns it")
        return made.node

    def _trail(self, node: ast.expr) -> dict[str, ast.expr]:
        """A distance: a number, or text that is written out."""
        made = self.e.value(node)
        if made.kind is not Kind.TEXT:
            return {"trail": self.e.number(node)}
        try:
            whole, unit = distance(made.detail, 1)
        except UsageError as error:
            raise Refusal(node, error.message, error.remedy or "") from None
        if unit is TrailUnit.PRICE:
            raise Refusal(node, "a distance of price is a number in compiled code", f"write trail={made.detail}")
        scale = RATE_SCALE if unit is TrailUnit.RATE else 1
        return {"trail": ast.Constant(whole / scale), "trail_unit": ast.Constant(int(unit))}

    def _risk(self, node: ast.expr) -> ast.expr:
        """A part of equity: a number, or text that is written out."""
        made = self.e.value(node)
        if made.kind is not Kind.TEXT:
            return self.e.number(node)
        try:
            return ast.Constant(float(rate(made.detail)))
        except ValueError as error:
            raise Refusal(node, f"risk={made.detail!r} {error}", 'a part of equity: 0.005 or "0.5%"') from None

    def _default(self, node: ast.Call, numbers: dict[str, ast.expr]) -> tuple[str, dict[str, ast.expr]]:
        kind, size = self._sizing(node)
        return kind, {kind: ast.Constant(size), **numbers}

    def _sizing(self, node: ast.Call) -> tuple[str, float]:
        sizing = self.e.facts.sizing
        if sizing is None:
            remedy = "give quantity, value= or weight=, or set the sizing section of the configuration"
            raise Refusal(node, "the order has no size", remedy)
        return sizing

    def _text(self, keyword: str, node: ast.expr) -> ast.expr:
        made = self.e.value(node)
        if made.kind is not Kind.TEXT:
            raise Refusal(
                node, f"{keyword}= takes text that is written out", f'write {keyword}="..." itself, or a text parameter'
            )
        try:
            return ast.Constant(self.e.translation.texts.number(keyword, made.detail))
        except UsageError as error:
            raise Refusal(node, error.message, error.remedy or "") from None

    @staticmethod
    def _check_expiry(node: ast.Call, words: dict[str, ast.expr], expires: bool) -> None:
        life = words.get("tif")
        good_till_date = isinstance(life, ast.Constant) and life.value == _GTD
        if expires and not good_till_date:
            raise Refusal(node, "expire= goes with tif='GTD'", "add tif='GTD' or leave expire out")
        if good_till_date and not expires:
            raise Refusal(node, "a GTD order needs expire=", "give it in ns UTC: expire=bar.time_ns + 3 * 86_400_000_000_000")

    # -- history and crossings

    def _history(self, node: ast.Call) -> Value:
        given = self._bound(node, Strategy.bars)
        symbol = self.symbol(given["symbol"])
        timeframe = given.get("timeframe")
        if timeframe is None or _is_none(timeframe):
            return Value(Kind.HISTORY, method(name(CTX), "at", symbol.node))
        facts, made = self.e.facts, self.e.value(timeframe)
        chosen = symbol.constant_symbol(facts.symbols)
        if made.kind is not Kind.TEXT or chosen is None:
            raise Refusal(node, "bars of a timeframe need both names written out", 'write self.bars("SPY", "1d")')
        try:
            wanted = parse_timeframe(made.detail)
        except UsageError as error:
            raise Refusal(node, error.message, error.remedy or 'write it as "1d"') from None
        for k, feed in enumerate(facts.feeds):
            if feed.timeframe_ns == wanted and facts.symbols[feed.instrument] == chosen:
                return Value(Kind.HISTORY, method(name(CTX), "on_feed", ast.Constant(k)))
        there = ", ".join(feed.timeframe for feed in facts.feeds if facts.symbols[feed.instrument] == chosen)
        raise Refusal(node, f"{chosen} has no bars of {made.detail}", f"it has: {there}")

    def _crossed(self, node: ast.Call, what: str, base: Value) -> Value:
        other = self.e.value(self._bound(node, lambda other: None)["other"])
        place = self.e.place(node, base)
        if other.kind is Kind.SERIES:
            if ast.dump(self.e.place(node, other)) != ast.dump(place):
                raise Refusal(node, "a crossing needs two indicators of one instrument", "name the same symbol for both")
            return number(method(place, what, base.node, other.node))
        if other.kind is not Kind.NUMBER:
            raise self.e.misfit(node, other, "an indicator or a level is needed")
        level = other.constant
        real_of = name(self.e.translation.outside(real))
        made = ast.Call(real_of, [other.node], []) if level is None else known(float(level)).node
        return number(method(place, what, base.node, made))

    # -- methods of the class

    def _method(self, node: ast.Call, what: str) -> Value:
        """Call of a helper method, which is compiled for the kinds of its arguments."""
        function = self.e.facts.methods[what]
        parameters = dict(list(inspect.signature(function).parameters.items())[1:])
        for key, parameter in parameters.items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise Refusal(node, f"self.{what} takes *{key}", "write its parameters out")
        given = {key: self.e.value(item) for key, item in self._bound(node, function).items()}
        for key, parameter in parameters.items():
            if key not in given:
                given[key] = self.e.kept(node, parameter.default)
            if given[key].kind is Kind.SERIES and given[key].at is not None:
                raise Refusal(node, "an indicator of a symbol can not be passed on", "pass the symbol, or its value: [-1]")
        made, passed, result = self.e.translation.method(node, what, given)
        arguments = [given[key].node for key in passed]
        call = ast.Call(name(made), [name(CTX), name(P), name(S), *arguments], [])
        return Value(result.kind, call, result.detail)


_GTD = 6
_OPERATIONS = {
    "open": "write if self.position(symbol).is_flat: self.buy(symbol, ...)",
    "add": "write self.buy(symbol, ...), or self.sell(symbol, ...) where the position is short",
    "reduce": "write self.sell(symbol, ..., reduce_only=True), or self.buy where the position is short",
    "reverse": "write self.target(symbol, -self.position(symbol).quantity)",
    "close": "write self.close(symbol)",
}
"""Position operations, and how they are said in compiled code."""


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
