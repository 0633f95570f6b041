"""Statements of a compiled class, turned into those of the function form; what is no statement of the subset is refused by its line."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from fillwright.strategy.expressions import Expressions
from fillwright.strategy.subset import NOT_COMPILED
from fillwright.strategy.values import CTX, SAID, TRANSIENT, Kind, Refusal, S, Value, attribute, known, method, name, number

_REMEDIES = {
    "try": "check the numbers with if: a NaN is not equal to itself",
    "a function inside": "make it a method of the class, or a function of the module marked with @numba.njit",
    "lambda": "make it a method of the class, or a function of the module marked with @numba.njit",
    "global": "declare it with fw.state and use self",
    "nonlocal": "declare it with fw.state and use self",
}


class Statements:
    """Translates the statements of one method. ``result`` is what it returns, None before the first return."""

    def __init__(self, expressions: Expressions, callback: bool) -> None:
        self.e = expressions
        self.callback = callback
        self.result: Value | None = None

    def block(self, nodes: Sequence[ast.stmt]) -> tuple[list[ast.stmt], bool]:
        """The statements of a block, and whether its end can be reached."""
        made: list[ast.stmt] = []
        for node in nodes:
            translate = getattr(self, f"_{type(node).__name__.lower()}", None)
            if translate is None:
                what, remedy = NOT_COMPILED.get(type(node), (type(node).__name__.lower(), "write it with if, for and numbers"))
                raise Refusal(node, f"{what} can not be compiled", _REMEDIES.get(what, remedy))
            statements, goes_on = translate(node)
            made += [ast.copy_location(statement, node) for statement in statements]
            if not goes_on:
                return made, False
        return made or [ast.Pass()], True

    # -- plain statements

    def _pass(self, node: ast.Pass) -> tuple[list[ast.stmt], bool]:
        return [ast.Pass()], True

    def _break(self, node: ast.Break) -> tuple[list[ast.stmt], bool]:
        return [ast.Break()], False

    def _continue(self, node: ast.Continue) -> tuple[list[ast.stmt], bool]:
        return [ast.Continue()], False

    def _expr(self, node: ast.Expr) -> tuple[list[ast.stmt], bool]:
        if isinstance(node.value, ast.Constant):
            return [], True
        made = self.e.value(node.value)
        if not isinstance(node.value, ast.Call):
            raise Refusal(node, "the value is not used", "remove it, or give it a name")
        return [ast.Expr(made.node)], True

    def _raise(self, node: ast.Raise) -> tuple[list[ast.stmt], bool]:
        call = node.exc
        fine = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and not call.keywords and node.cause is None
        if not fine or not all(isinstance(item, ast.Constant) for item in getattr(call, "args", [])):
            raise Refusal(node, "raise takes an exception and text that is written out", 'write raise ValueError("...")')
        assert isinstance(call, ast.Call)
        raised = self.e.value(call.func)
        return [ast.Raise(ast.Call(name(self.e.translation.outside(raised.detail)), call.args, []))], False

    def _return(self, node: ast.Return) -> tuple[list[ast.stmt], bool]:
        made = Value(Kind.NONE, ast.Constant(None)) if node.value is None else self.e.value(node.value)
        if made.kind is not Kind.NONE:
            if self.callback:
                raise Refusal(node, "on_bar returns nothing", "write a plain return")
            if made.kind in TRANSIENT or made.kind is Kind.SERIES:
                raise self.e.misfit(node, made, "a method returns numbers, symbols, positions or orders")
        if self.result is not None and self.result.shape() != made.shape():
            said = SAID[self.result.kind][0]
            raise Refusal(node, f"one return gives {said}, this one {SAID[made.kind][0]}", "return the same kind everywhere")
        self.result = made
        return [ast.Return(None if made.kind is Kind.NONE else made.node)], False

    # -- assignments

    def _assign(self, node: ast.Assign) -> tuple[list[ast.stmt], bool]:
        if len(node.targets) != 1:
            raise Refusal(node, "a = b = ... can not be compiled", "write two assignments")
        target = node.targets[0]
        if isinstance(target, ast.Tuple):
            if not isinstance(node.value, ast.Tuple) or len(node.value.elts) != len(target.elts):
                raise Refusal(node, "a tuple can not be taken apart here", "write a, b = x, y with as many on both sides")
            values = [self.e.value(item) for item in node.value.elts]
            places = [self._target(place, value) for place, value in zip(target.elts, values, strict=True)]
            right = ast.Tuple([value.node for value in values], ast.Load())
            return [ast.Assign([ast.Tuple(places, ast.Store())], right)], True
        value = self.e.value(node.value)
        return [ast.Assign([self._target(target, value)], value.node)], True

    def _annassign(self, node: ast.AnnAssign) -> tuple[list[ast.stmt], bool]:
        if node.value is None:
            raise Refusal(node, "a declaration without a value can not be compiled", "give it a value")
        value = self.e.value(node.value)
        return [ast.Assign([self._target(node.target, value)], value.node)], True

    def _augassign(self, node: ast.AugAssign) -> tuple[list[ast.stmt], bool]:
        """``a += b`` is ``a = a + b``."""
        read = ast.copy_location(_loaded(node.target), node.target)
        value = self.e.value(ast.copy_location(ast.BinOp(read, node.op, node.value), node))
        return [ast.Assign([self._target(node.target, value)], value.node)], True

    def _target(self, node: ast.expr, value: Value) -> ast.expr:
        """Where an assignment goes."""
        if isinstance(node, ast.Name):
            return self.bind(node, value)
        if value.kind is not Kind.NUMBER:
            raise self.e.misfit(node, value, "state keeps numbers")
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            return self._state(node)
        if isinstance(node, ast.Subscript):
            array = self.e.value(node.value)
            if isinstance(node.slice, ast.Slice) or array.kind is not Kind.ARRAY:
                raise Refusal(node, "only elements of arrays in state can be set", "write self.name[k] = ...")
            return self.e.element(node, array, ast.Store())
        raise Refusal(node, f"{ast.unparse(node)} can not be set", "set local names, self.state and self.array[k]")

    def _state(self, node: ast.Attribute) -> ast.expr:
        facts, what = self.e.facts, node.attr
        if what in facts.numbers or what in facts.constants:
            raise Refusal(node, f"self.{what} is a parameter and stays as it is in a run", "declare what changes with fw.state")
        if what in facts.states:
            if facts.states[what] is not None:
                raise Refusal(node, f"self.{what} is an array", f"set its elements: self.{what}[k] = ...")
            return ast.Attribute(name(S), what, ast.Store())
        if what in facts.series:
            raise Refusal(node, f"self.{what} is an indicator", "indicators are declared in on_start")
        raise Refusal(node, f"self.{what} is not declared", f"declare it in the class: {what}: float = fw.state(0.0)")

    def bind(self, node: ast.Name, value: Value) -> ast.expr:
        """A local variable takes a value; it keeps the kind it has first."""
        if value.kind in TRANSIENT or (value.at is not None and value.kind is Kind.SERIES):
            raise self.e.misfit(node, value, f"{node.id} can not keep it")
        held = self.e.local.get(node.id)
        if held is not None and held.shape() != value.shape():
            was, now = SAID[held.kind][0], SAID[value.kind][0]
            raise Refusal(node, f"{node.id} was {was} and becomes {now}", "take another name")
        self.e.local[node.id] = value
        self.e.live.add(node.id)
        return name(node.id, store=True)

    # -- branches and loops

    def _if(self, node: ast.If) -> tuple[list[ast.stmt], bool]:
        test = self.e.number(node.test)
        if isinstance(test, ast.Constant):
            return self.block(node.body if test.value else node.orelse)
        before = set(self.e.live)
        body, goes_on = self.block(node.body)
        after_body = self.e.live
        self.e.live = set(before)
        orelse, else_goes_on = self.block(node.orelse)
        if goes_on:
            self.e.live = after_body & self.e.live if else_goes_on else after_body
        return [ast.If(test, body, orelse if node.orelse else [])], goes_on or else_goes_on

    def _while(self, node: ast.While) -> tuple[list[ast.stmt], bool]:
        test = self.e.number(node.test)
        before = set(self.e.live)
        body, _ = self.block(node.body)
        self.e.live = before
        orelse = self.block(node.orelse)[0] if node.orelse else []
        endless = isinstance(test, ast.Constant) and bool(test.value) and not _breaks(node)
        return [ast.While(test, body, orelse)], not endless

    def _for(self, node: ast.For) -> tuple[list[ast.stmt], bool]:
        if not isinstance(node.target, ast.Name):
            raise Refusal(node, "for takes one name", "write for k in range(...):")
        items, element, first = self._items(node)
        before = set(self.e.live)
        target = self.bind(node.target, element)
        body, _ = self.block(node.body)
        self.e.live = before
        orelse = self.block(node.orelse)[0] if node.orelse else []
        return [ast.For(target, items, [*first, *body], orelse)], True

    def _items(self, node: ast.For) -> tuple[ast.expr, Value, list[ast.stmt]]:
        """What a loop goes over, what its name stands for, and what its body begins with."""
        over, target = node.iter, node.target
        assert isinstance(target, ast.Name)
        if isinstance(over, ast.Call) and isinstance(over.func, ast.Name) and over.func.id == "range":
            if not 1 <= len(over.args) <= 3 or over.keywords:
                raise Refusal(over, "range takes one to three numbers", "write range(n)")
            return ast.Call(name("range"), [self.e.number(item) for item in over.args], []), number(name(target.id)), []
        if isinstance(over, ast.Tuple | ast.List) and over.elts:
            return self._written_out(over)
        made = self.e.value(over)
        if made.kind is Kind.SYMBOLS:
            count = known(len(self.e.facts.symbols)).node
            return ast.Call(name("range"), [count], []), Value(Kind.SYMBOL, name(target.id)), []
        if made.kind is Kind.BARS:
            chosen = ast.Assign([name(target.id, store=True)], method(name(CTX), "bar_of", name(target.id)))
            informs = ast.Compare(name(target.id), [ast.Lt()], [ast.Constant(0)])
            first = [chosen, ast.If(informs, [ast.Continue()], [])]
            items = ast.Call(name("range"), [attribute(name(CTX), "bar_count")], [])
            return items, Value(Kind.SYMBOL, name(target.id)), [ast.copy_location(item, node) for item in first]
        if made.kind is Kind.ARRAY and made.detail == (1, False):
            return made.node, number(name(target.id)), []
        raise self.e.misfit(over, made, "for goes over range(...), bars, self.symbols or an array")

    def _written_out(self, over: ast.Tuple | ast.List) -> tuple[ast.expr, Value, list[ast.stmt]]:
        values = [self.e.value(item) for item in over.elts]
        if any(value.kind in (Kind.TEXT, Kind.SYMBOL) for value in values):
            nodes = [self.e.helpers.symbol(item).node for item in over.elts]
            return ast.Tuple(nodes, ast.Load()), Value(Kind.SYMBOL, over), []
        nodes = [self.e.number(item) for item in over.elts]
        return ast.Tuple(nodes, ast.Load()), number(over), []


def _loaded(target: ast.expr) -> ast.expr:
    if isinstance(target, ast.Name):
        return name(target.id)
    if isinstance(target, ast.Attribute):
        return attribute(target.value, target.attr)
    assert isinstance(target, ast.Subscript)
    return ast.Subscript(target.value, target.slice, ast.Load())


def _breaks(loop: ast.While) -> bool:
    """Whether a break leaves this loop."""
    waiting: list[ast.AST] = list(loop.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Break):
            return True
        if not isinstance(node, ast.For | ast.While):
            waiting.extend(ast.iter_child_nodes(node))
    return False
