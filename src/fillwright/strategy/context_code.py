"""How the compiler translates :class:`~fillwright.strategy.context.Context`.

Its compiled twin is a value of three integers (state address, feed, row). Reading lowers to a few loads; what needs the kernel's
rules is a call to an address that hangs in the state, so that no part of the kernel is compiled into a user's function.
"""

# Numba's extension interface is untyped.
# mypy: disable-error-code="misc, no-untyped-call, override, untyped-decorator"

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import NumbaTypeError
from numba.core.imputils import lower_builtin, lower_getattr_generic
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, fold_arguments, infer_getattr, signature
from numba.extending import intrinsic, models, register_model

from fillwright.errors import UsageError
from fillwright.kernel import state as layout
from fillwright.kernel.drivers import HANDLE, TABLE
from fillwright.model.codes import Action, OrderFlag, OrderType, SizeMode, TimeInForce, TrailUnit
from fillwright.model.order_terms import PRICES, Terms, order_type, size_mode
from fillwright.strategy.context import METHODS, NAMES, ONLY_ON_BARS, WITHOUT_BAR, Context

_WORD = ir.IntType(64)
_FLOAT = ir.DoubleType()

MORE = (
    "element", "past", "open_cost", "average_price", "bars_held", "order_number", "order_code", "replace", "close_all", "bar_count",
    "extend", "link", "bar_of", "cells", "symbols", "tags", "rules",
)  # fmt: skip
"""What hangs on ``driver`` behind TABLE: addresses of the entries in ``questions``, of scratch memory and of codes of texts."""
_PLACES = (*TABLE, *MORE)
_RARE = frozenset(("trail", "take_profit", "stop_loss", "display", "after", "per"))
"""Arguments of an order that need the entry ``extend``."""

SERIES = ("own", "values", "feed", "")
"""What is known of an indicator as seen from a feed: address of its values if they are of that very feed, else 0; address of its
values or 0; the feed that they are of. Four words, so that an element is found by a shift."""


class ContextType(types.Type):
    """Compiled twin of :class:`Context`; ``bar`` is False in ``on_bars``."""

    def __init__(self, bar: bool) -> None:
        self.bar = bar
        super().__init__(name="ctx of on_bar" if bar else "ctx of on_bars")


BAR_CONTEXT, INSTANT_CONTEXT = ContextType(True), ContextType(False)


@register_model(ContextType)
class _ContextModel(models.StructModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        members = [("address", types.int64), ("feed", types.int64), ("row", types.int64)]
        super().__init__(dmm, fe_type, members)


# -- machine code: loads and calls ---------------------------------------------------------------------------------------------


class _Emitter:
    """Writes the code of one attribute or method call on one context value."""

    def __init__(self, context: Any, builder: Any, kind: ContextType, value: Any) -> None:
        self.context = context
        self.builder = builder
        self.kind = kind
        fields = cgutils.create_struct_proxy(kind)(context, builder, value=value)
        self.address, self.feed, self.row = fields.address, fields.feed, fields.row

    def word(self, value: int) -> Any:
        """A constant."""
        return ir.Constant(_WORD, value)

    def load(self, base: Any, offset: int, kind: Any = _WORD) -> Any:
        """The 64 bits at base + offset."""
        where = self.builder.add(base, self.word(offset))
        return self.builder.load(self.builder.inttoptr(where, kind.as_pointer()))

    def scalar(self, name: str) -> Any:
        """A field of the run's record."""
        return self.load(self.address, _offset(layout.SCALARS, name))

    def table(self, name: str) -> Any:
        """An entry of the table that hangs on ``driver``."""
        return self.load(self.scalar("driver"), 8 * _PLACES.index(name))

    def element(self, base: Any, index: Any, size: int = 8) -> Any:
        """Address of the index-th item."""
        return self.builder.add(base, self.builder.mul(index, self.word(size)))

    def record(self, array: str, dtype: np.dtype[np.void], index: Any) -> Any:
        """Address of a record in one of the run's arrays."""
        return self.element(self.scalar(array), index, dtype.itemsize)

    def feed_field(self, name: str, feed: Any = None) -> Any:
        """A field of a feed's record, the context's own by default."""
        at = self.record("feeds", layout.FEED, self.feed if feed is None else feed)
        return self.load(at, _offset(layout.FEED, name))

    def instrument_field(self, name: str) -> Any:
        """A field of the context's instrument."""
        at = self.record("instruments", layout.INSTRUMENT, self.feed_field("instrument"))
        return self.load(at, _offset(layout.INSTRUMENT, name))

    def ratio(self, number: Any, scale: Any) -> Any:
        """number / scale as float."""
        return self.builder.fdiv(self.builder.sitofp(number, _FLOAT), self.builder.sitofp(scale, _FLOAT))

    def where(self, condition: Any, there: Callable[[], Any], default: Any) -> Any:
        """``there()`` where the condition holds, else default; its code runs only then."""
        slot = cgutils.alloca_once_value(self.builder, default)
        with self.builder.if_then(condition):
            self.builder.store(there(), slot)
        return self.builder.load(slot)

    def fail(self, condition: Any, error: type[Exception], message: str) -> None:
        """Raise where the condition holds."""
        with self.builder.if_then(condition, likely=False):
            self.context.call_conv.return_user_exc(self.builder, error, (message,))

    def call(self, entry: str, arguments: list[Any], result: Any = types.int64) -> Any:
        """Call an entry that returns an integer, or a float; what it raises goes on to the caller."""
        kinds = tuple(types.float64 if item.type == _FLOAT else types.int64 for item in arguments)
        convention = self.context.call_conv
        pointer = self.builder.inttoptr(self.table(entry), convention.get_function_type(result, kinds).as_pointer())
        status, answer = convention.call_function(self.builder, pointer, result, kinds, arguments)
        with cgutils.if_unlikely(self.builder, status.is_error):
            convention.return_status_propagate(self.builder, status)
        return answer

    # -- indicators

    def cell(self, handle: Any) -> Any:
        """Address of what is known of an indicator as seen from this feed: a SERIES."""
        index = self.builder.add(self.builder.sub(handle, self.word(HANDLE)), self.feed)
        outside = self.builder.icmp_unsigned(">=", index, self.table("n_series"))
        self.fail(outside, IndexError, "this is not an indicator: write p.<name of an indicator>, or a float as a level")
        return self.element(self.scalar("indicators"), index, 8 * len(SERIES))

    def series(self, handle: Any) -> tuple[Any, Any]:
        """(address of the values or 0, row now) of an indicator as seen from this feed."""
        return self.found(self.cell(handle))

    def found(self, at: Any) -> tuple[Any, Any]:
        """(address of the values or 0, row now) of a SERIES."""
        feed = self.load(at, 8 * SERIES.index("feed"))
        own = self.builder.icmp_signed("==", feed, self.feed)
        row = self.where(self.builder.not_(own), lambda: self.builder.sub(self.feed_field("row", feed), self.word(1)), self.row)
        return self.load(at, 8 * SERIES.index("values")), row

    def known(self, address: Any, row: Any) -> Any:
        """Whether there is a value at a row."""
        there = self.builder.icmp_signed("!=", address, self.word(0))
        return self.builder.and_(there, self.builder.icmp_signed(">=", row, self.word(0)))

    def value_at(self, address: Any, row: Any) -> Any:
        """A value of an indicator that is known."""
        return self.load(self.element(address, row), 0, _FLOAT)

    def crossed(self, a: Any, b: Any, before: str, now: str) -> Any:
        """Comparison of two series (or a series and a level) one bar ago and now; false where one is not known.

        Series of this very feed, which is nearly all, take a path of few instructions: it is walked on every bar.
        """
        cell, level = self.cell(a), b.type == _FLOAT
        other = None if level else self.cell(b)
        own = self.load(cell, 8 * SERIES.index("own"))
        other_own = own if other is None else self.load(other, 8 * SERIES.index("own"))
        there = self.builder.and_(*(self.builder.icmp_signed("!=", address, self.word(0)) for address in (own, other_own)))
        near = self.builder.and_(there, self.builder.icmp_signed(">", self.row, self.word(0)))
        answer = cgutils.alloca_once_value(self.builder, ir.Constant(ir.IntType(1), 0))

        def compare(values: Any, others: Any, row: Any) -> None:
            earlier = self.builder.sub(row, self.word(1))
            then, level = (b, b) if others is None else (self.value_at(others, earlier), self.value_at(others, row))
            was = self.builder.fcmp_ordered(before, self.value_at(values, earlier), then)
            with self.builder.if_then(was):
                self.builder.store(self.builder.fcmp_ordered(now, self.value_at(values, row), level), answer)

        with self.builder.if_else(near, likely=True) as (nearby, afar):
            with nearby:
                compare(own, None if other is None else other_own, self.row)
            with afar:
                values, row = self.found(cell)
                known = self.known(values, self.builder.sub(row, self.word(1)))
                others = None
                if other is not None:
                    others, other_row = self.found(other)
                    apart = self.builder.icmp_signed("!=", row, other_row)
                    self.fail(apart, ValueError, "a crossing needs two indicators of one timeframe")
                    known = self.builder.and_(known, self.builder.icmp_signed("!=", others, self.word(0)))
                with self.builder.if_then(known):
                    compare(values, others, row)
        return self.builder.load(answer)

    # -- orders

    def store(self, base: Any, offset: int, value: Any) -> None:
        """Put 64 bits at base + offset."""
        where = self.builder.add(base, self.word(offset))
        self.builder.store(value, self.builder.inttoptr(where, _WORD.as_pointer()))

    def ticket(self, name: str, value: Any) -> None:
        """Fill in a field of the order form."""
        self.store(self.address, _offset(layout.SCALARS, name), value)

    def text(self, table: str, number: Any) -> Any:
        """Code of the text of that number: given on first use, as the order manager does."""
        codes = self.table(table)
        at = self.element(codes, self.builder.add(number, self.word(1)))
        with self.builder.if_then(self.builder.icmp_signed("<", self.load(at, 0), self.word(0))):
            fresh = self.load(codes, 0)
            self.store(at, 0, fresh)
            self.store(codes, 0, self.builder.add(fresh, self.word(1)))
        return self.load(at, 0)

    def place(self, side: int, mode: SizeMode, size: Any, **details: Any) -> Any:
        """One intent; ``details`` are the other arguments of the call, None where they are left out."""
        given = {name: value for name, value in details.items() if value is not None}
        usual = self.table("tif")
        life = self.element(self.scalar("driver"), self.word(TABLE.index("tif")))
        for name, table in (("rule_id", "rules"), ("tag", "tags")):
            if name in given:
                self.ticket(f"t_{name.removesuffix('_id')}", self.text(table, given[name]))
        if "tif" in given:
            self.store(life, 0, given["tif"])
        if "expire" in given:
            self.ticket("t_expire", given["expire"])
        if "reduce_only" in given:
            self.ticket("t_action", self.builder.mul(given["reduce_only"], self.word(int(Action.REDUCE))))
        if "post_only" in given:
            self.ticket("t_flags", self.builder.mul(given["post_only"], self.word(int(OrderFlag.POST_ONLY))))
        if _RARE & given.keys():
            self._extend(side, given)
        order = self._placed(side, mode, size, given)
        for name, usually in (("rule_id", -1), ("tag", -1), ("expire", 0)):
            if name in given:
                self.ticket(f"t_{name.removesuffix('_id')}", self.word(usually))
        if "reduce_only" in given:
            self.ticket("t_action", self.word(int(Action.ANY)))
        if "post_only" in given:
            self.ticket("t_flags", self.word(0))
        if _RARE & given.keys():
            for name in ("t_trail", "t_trail_unit", "t_take", "t_loss", "t_display", "t_after", "t_per"):
                self.ticket(name, self.word(0))
        if "tif" in given:
            self.store(life, 0, usual)
            self.ticket("t_tif", usual)
        return order

    def _extend(self, side: int, given: dict[str, Any]) -> None:
        """Fill in the rarer terms."""
        unit = given.get("trail_unit", self.word(int(TrailUnit.PRICE))) if "trail" in given else self.word(0)
        self.call("extend", [
            self.address, self.feed_field("instrument"), self.word(side), given.get("trail", _nan()), unit,
            *(given.get(name, _nan()) for name in ("take_profit", "stop_loss", "display")), given.get("after", self.word(-1)),
            given.get("per", _nan()),
        ])  # fmt: skip

    def _placed(self, side: int, mode: SizeMode, size: Any, given: dict[str, Any]) -> Any:
        life = given.get("tif")
        code = int(life.constant) if isinstance(life, ir.Constant) else int(TimeInForce.GTC)
        try:
            said = {name: given[name] for name in (*PRICES, "display") if name in given}
            never_takes = isinstance(given.get("post_only"), ir.Constant) and given["post_only"].constant != 0
            kind = order_type(Terms(**said, post_only=never_takes), code)
            mode = size_mode(mode, given.get("per"), given.get("stop_loss"))
        except UsageError as error:
            raise NumbaTypeError(f"{error.message}: {error.remedy}") from None
        limit, stop = given.get("limit", given.get("trail_limit", _nan())), given.get("stop", given.get("touch", _nan()))
        return self.call("place", [
            self.address, self.feed_field("instrument"), self.word(side), self.word(int(mode)), self.word(int(kind)), size, limit, stop,
        ])  # fmt: skip


def _offset(dtype: np.dtype[np.void], name: str) -> int:
    fields: Any = dtype.fields
    return int(fields[name][1])


def _nan() -> Any:
    return ir.Constant(_FLOAT, float("nan"))


# -- attributes ----------------------------------------------------------------------------------------------------------------


def _column(name: str, scale: str) -> Callable[[_Emitter], Any]:
    def emit(e: _Emitter) -> Any:
        address = e.feed_field(name)
        return e.where(
            e.known(address, e.row), lambda: e.ratio(e.load(e.element(address, e.row), 0), e.instrument_field(scale)), _nan()
        )

    return emit


def _middle(name: str) -> Callable[[_Emitter], Any]:
    """A price of the bar; of a quote or quote bar the middle of both sides."""

    def emit(e: _Emitter) -> Any:
        bids, asks = e.feed_field(name), e.feed_field(f"ask_{name}")

        def middle() -> Any:
            both = e.builder.add(e.load(e.element(bids, e.row), 0), e.load(e.element(asks, e.row), 0))
            return e.ratio(both, e.builder.mul(e.instrument_field("price_scale"), e.word(2)))

        return e.where(e.known(asks, e.row), middle, _column(name, "price_scale")(e))

    return emit


def _bid(e: _Emitter) -> Any:
    quoted = e.known(e.feed_field("ask_close"), e.row)
    return e.where(quoted, lambda: _column("close", "price_scale")(e), _nan())


def _book(e: _Emitter) -> Any:
    """Number of the own book of the context's instrument."""
    return e.builder.add(e.builder.mul(e.scalar("t_strategy"), e.scalar("n_instruments")), e.feed_field("instrument"))


def _position(e: _Emitter) -> Any:
    book = e.record("books", layout.BOOK, _book(e))
    return e.ratio(e.load(book, _offset(layout.BOOK, "position")), e.instrument_field("lot_scale"))


def _unrealised(e: _Emitter) -> Any:
    gain = e.builder.sub(e.instrument_field("value"), e.call("open_cost", [e.address, _book(e)]))
    return e.ratio(gain, e.table("money_scale"))


def _time(e: _Emitter) -> Any:
    address = e.feed_field("close_time")
    return e.where(e.known(address, e.row), lambda: e.load(e.element(address, e.row), 0), e.word(0))


def _cash_total(e: _Emitter) -> Any:
    return e.ratio(e.load(e.scalar("currencies"), _offset(layout.CURRENCY, "cash")), e.table("money_scale"))


_READ: dict[str, Callable[[_Emitter], Any]] = {
    **{name: _middle(name) for name in ("open", "high", "low", "close")},
    "bid": _bid,
    "ask": _column("ask_close", "price_scale"),
    "bid_size": _column("bid_size", "lot_scale"),
    "ask_size": _column("ask_size", "lot_scale"),
    "volume": _column("volume", "lot_scale"),
    "row": lambda e: e.row,
    "feed": lambda e: e.feed,
    "timeframe_ns": lambda e: e.feed_field("timeframe"),
    "instrument": lambda e: e.feed_field("instrument"),
    "position": _position,
    "average_price": lambda e: e.call("average_price", [e.address, _book(e), e.feed_field("instrument")], types.float64),
    "position_value": lambda e: e.ratio(e.instrument_field("value"), e.table("money_scale")),
    "unrealised": _unrealised,
    "bars_held": lambda e: e.call("bars_held", [e.address, _book(e), e.feed_field("instrument")]),
    "time_ns": _time,
    "now": lambda e: e.scalar("now"),
    "cash": lambda e: e.ratio(e.call("funds", [e.address]), e.table("money_scale")),
    "cash_total": _cash_total,
    "equity": lambda e: e.ratio(e.call("equity", [e.address]), e.table("money_scale")),
    "symbol_count": lambda e: e.scalar("n_instruments"),
    "bar_count": lambda e: e.call("bar_count", [e.address, e.row]),
}


# -- methods -------------------------------------------------------------------------------------------------------------------


def _sized(side: int, mode: SizeMode) -> Callable[..., Any]:
    names = list(inspect.signature(METHODS["buy_risk" if mode is SizeMode.RISK else "buy" if side else "target"]).parameters)[2:]
    return lambda e, size, *rest: e.place(side, mode, size, **dict(zip(names, rest, strict=True)))


def _value(e: _Emitter, handle: Any, back: Any) -> Any:
    e.fail(e.builder.icmp_signed("<", back, e.word(0)), ValueError, "back counts bars into the past: it must not be negative")
    address, row = e.series(handle)
    wanted = e.builder.sub(row, back)
    return e.where(e.known(address, wanted), lambda: e.value_at(address, wanted), _nan())


def _oco(e: _Emitter, one: Any, other: Any) -> Any:
    answer = e.call("link", [e.address, one, other])
    e.fail(
        e.builder.icmp_signed("<", answer, e.word(0)),
        ValueError,
        "these orders cannot cancel each other: give two of one instrument, not exits of an entry, each of one group at most",
    )
    return answer


def _cancel(e: _Emitter, order: Any) -> Any:
    known = e.builder.icmp_unsigned("<", order, e.scalar("n_orders"))
    return e.where(known, lambda: e.call("cancel", [e.address, order]), e.word(0))


def _cancel_all(everything: bool) -> Callable[..., Any]:
    def emit(e: _Emitter, side: Any, tag: Any) -> Any:
        chosen = e.word(-1) if everything or not e.kind.bar else e.feed_field("instrument")
        note = e.word(-1) if tag is None else e.text("tags", tag)
        return e.call("cancel_all", [e.address, chosen, e.word(0) if side is None else side, note])

    return emit


def _replace(e: _Emitter, order: Any, quantity: Any, limit: Any, stop: Any, trail: Any, unit: Any) -> Any:
    numbers = [_nan() if number is None else number for number in (quantity, limit, stop, trail)]
    usual = e.word(0 if trail is None else int(TrailUnit.PRICE))
    return e.call("replace", [e.address, order, *numbers, usual if unit is None or trail is None else unit])


def _close_all(e: _Emitter) -> Any:
    for name in ("t_limit", "t_stop", "t_side"):  # what the order before has left
        e.ticket(name, e.word(0))
    e.ticket("t_type", e.word(int(OrderType.MARKET)))
    e.ticket("t_tif", e.table("tif"))
    return e.call("close_all", [e.address, e.table("cells")])


def _item(e: _Emitter, handle: Any, index: Any) -> Any:
    address, row = e.series(handle)
    rows = e.where(e.known(address, row), lambda: e.builder.add(row, e.word(1)), e.word(0))
    return e.call("element", [address, rows, index], types.float64)


def _past(e: _Emitter, column: Any, index: Any) -> Any:
    return e.call("past", [e.address, e.feed, e.builder.add(e.row, e.word(1)), column, index], types.float64)


def _at(e: _Emitter, instrument: Any) -> Any:
    outside = e.builder.icmp_unsigned(">=", instrument, e.scalar("n_instruments"))
    e.fail(outside, IndexError, "there is no instrument of this number: they count from 0 to ctx.symbol_count - 1")
    record = e.record("instruments", layout.INSTRUMENT, instrument)
    return _on(e, e.load(record, _offset(layout.INSTRUMENT, "feed")))


def _on_feed(e: _Emitter, feed: Any) -> Any:
    e.fail(e.builder.icmp_unsigned(">=", feed, e.scalar("n_feeds")), IndexError, "there is no feed of this number")
    return _on(e, feed)


def _on(e: _Emitter, feed: Any) -> Any:
    """Context of a feed at its latest bar."""
    result = cgutils.create_struct_proxy(BAR_CONTEXT)(e.context, e.builder)
    result.address, result.feed = e.address, feed
    result.row = e.builder.sub(e.feed_field("row", feed), e.word(1))
    return result._getvalue()


_CALL: dict[str, Callable[..., Any]] = {
    "value": _value,
    "crossed_above": lambda e, a, b: e.crossed(a, b, "<=", ">"),
    "crossed_below": lambda e, a, b: e.crossed(a, b, ">=", "<"),
    "buy": _sized(1, SizeMode.UNITS),
    "sell": _sized(-1, SizeMode.UNITS),
    "buy_value": _sized(1, SizeMode.VALUE),
    "sell_value": _sized(-1, SizeMode.VALUE),
    "buy_weight": _sized(1, SizeMode.WEIGHT),
    "sell_weight": _sized(-1, SizeMode.WEIGHT),
    "buy_risk": _sized(1, SizeMode.RISK),
    "sell_risk": _sized(-1, SizeMode.RISK),
    "target": _sized(0, SizeMode.TARGET_UNITS),
    "target_value": _sized(0, SizeMode.TARGET_VALUE),
    "target_weight": _sized(0, SizeMode.TARGET_WEIGHT),
    "close_position": lambda e, tag, rule: e.place(0, SizeMode.CLOSE, ir.Constant(_FLOAT, 0.0), tag=tag, rule_id=rule),
    "close_all": _close_all,
    "cancel": _cancel,
    "cancel_all": _cancel_all(False),
    "cancel_everything": _cancel_all(True),
    "replace": _replace,
    "oco": _oco,
    "order_number": lambda e, order, what: e.call("order_number", [e.address, order, what], types.float64),
    "order_code": lambda e, order, what: e.call("order_code", [e.address, order, what]),
    "symbol": lambda e, number: e.load(e.element(e.table("symbols"), number), 0),
    "at": _at,
    "on_feed": _on_feed,
    "item": _item,
    "past": _past,
    "bar_of": lambda e, k: e.call("bar_of", [e.address, e.row, k]),
}
_RESULT = {"float": types.float64, "int": types.int64, "bool": types.boolean, "Context": BAR_CONTEXT}


# -- types ---------------------------------------------------------------------------------------------------------------------


@infer_getattr
class _ContextAttributes(AttributeTemplate):
    key = ContextType

    def generic_resolve(self, kind: ContextType, name: str) -> Any:
        if name not in NAMES or name in (ONLY_ON_BARS if kind.bar else set(NAMES) - WITHOUT_BAR):
            return None
        if name in METHODS:
            return types.BoundFunction(_TEMPLATES[name], kind)
        return _RESULT[Context.__annotations__[name]]


@lower_getattr_generic(ContextType)
def _read_attribute(context: Any, builder: Any, kind: ContextType, value: Any, name: str) -> Any:
    return _READ[name](_Emitter(context, builder, kind, value))


def _template(name: str, function: Callable[..., Any]) -> type:
    """Typing and lowering of one method, by the signature of its description in :class:`Context`."""
    own = inspect.signature(function)
    public = own.replace(parameters=list(own.parameters.values())[1:])
    result = _RESULT[str(own.return_annotation)]
    key = f"fillwright.Context.{name}"

    def generic(self: Any, args: Any, kws: Any) -> Any:
        folded = fold_arguments(
            public, args, kws, lambda k, p, v: v, lambda k, p, d: types.Omitted(d), lambda k, p, v: types.StarArgTuple(v)
        )
        kinds = [_argument(name, p, kind) for p, kind in zip(public.parameters.values(), folded, strict=True)]
        return signature(result, *kinds, recvr=self.this).replace(pysig=public)

    @lower_builtin(key, ContextType, types.VarArg(types.Any))
    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        e = _Emitter(context, builder, sig.args[0], args[0])
        values = [_constant(kind, value) for kind, value in zip(sig.args[1:], args[1:], strict=True)]
        return _CALL[name](e, *values)

    return type(f"Context_{name}", (AbstractTemplate,), {"key": key, "generic": generic})


def _argument(method: str, parameter: inspect.Parameter, kind: Any) -> Any:
    """Type that an argument is cast to. NumbaTypeError in words where it can not be."""
    given = kind.value if isinstance(kind, types.Omitted) else kind
    wanted = str(parameter.annotation)
    if given is None or isinstance(given, types.NoneType):
        if "None" in wanted:
            return types.none if isinstance(kind, types.NoneType) else kind
    elif isinstance(kind, types.Omitted):
        return kind
    elif isinstance(given, types.Float) and "float" in wanted:
        return types.float64
    elif isinstance(given, types.Integer | types.Boolean):
        return types.float64 if "float" in wanted and "int" not in wanted else types.int64
    name = "a number" if "float" in wanted else "a literal text" if "str" in wanted else "an integer"
    raise NumbaTypeError(f"ctx.{method}: {parameter.name} must be {name}, got {given}")


def _constant(kind: Any, value: Any) -> Any:
    if isinstance(kind, types.NoneType):
        return None
    if not isinstance(kind, types.Omitted):
        return value
    return None if kind.value is None else ir.Constant(_WORD, kind.value)


_TEMPLATES = {name: _template(name, function) for name, function in METHODS.items()}


# -- what the callback hands over ----------------------------------------------------------------------------------------------


def _maker(kind: ContextType) -> Any:
    @intrinsic
    def make(typingctx: Any, address: Any, feed: Any, row: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            value = cgutils.create_struct_proxy(kind)(context, builder)
            value.address, value.feed, value.row = args
            return value._getvalue()

        return kind(types.int64, types.int64, types.int64), codegen

    return make


make_bar_context, make_instant_context = _maker(BAR_CONTEXT), _maker(INSTANT_CONTEXT)
"""Intrinsics ``(state address, feed, row)`` -> context."""


def record_reader(name: str, record: Any) -> Any:
    """Intrinsic ``(state address)`` -> the record of a numba type whose address is the scalar ``name``."""

    @intrinsic
    def read(typingctx: Any, address: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            where = builder.add(args[0], ir.Constant(_WORD, _offset(layout.SCALARS, name)))
            found = builder.load(builder.inttoptr(where, _WORD.as_pointer()))
            return builder.inttoptr(found, context.get_value_type(record))

        return record(types.int64), codegen

    return read
