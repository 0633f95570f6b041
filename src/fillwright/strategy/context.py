"""What a compiled strategy sees: :class:`Context`, and how the compiler translates it.

``Context`` itself is documentation and the source of all names and signatures; its compiled twin is a value of three integers
(state address, feed, row). Reading lowers to a few loads; what needs the kernel's rules is a call to an address that hangs in the
state, so that no part of the kernel is compiled into a user's function.
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

from fillwright.kernel import state as layout
from fillwright.kernel.drivers import HANDLE, TABLE
from fillwright.model.codes import OrderType, SizeMode

_WORD = ir.IntType(64)
_FLOAT = ir.DoubleType()
_NO_ORDER = -1


class Context:
    """What ``on_bar(ctx, p, s)`` is given as ``ctx``. All numbers are floats in ordinary units unless said otherwise.

    In ``on_bars`` (once per instant) there is no bar and no instrument: ``ctx.at(k)`` is the context of instrument k.
    """

    open: float
    high: float
    low: float
    close: float
    volume: float
    """Of the bar just closed (behind ``at(k)``: of the latest bar, NaN before the first); volume is NaN where there is none."""
    row: int
    """Number of the bar in its feed, from 0; -1 behind ``at(k)`` before the first bar."""
    feed: int
    """Number of the bar's feed in the market."""
    timeframe_ns: int
    """Length of the bar in ns."""
    instrument: int
    """Number of the instrument in the market."""
    position: float
    """Position in the instrument, in units, negative when short."""
    now: int
    """The instant, ns UTC."""
    cash: float
    """Funds free for new orders: what is reserved or used as margin is not in it."""
    cash_total: float
    """Cash balance in account currency."""
    equity: float
    """Cash and positions at their marks, in account currency."""
    symbol_count: int
    """Instruments of the market."""

    def value(self, handle: int, back: int = 0) -> float:
        """An indicator now, or ``back`` bars ago; NaN where there is none. ``handle`` is ``p.<name of the indicator>``."""
        raise NotImplementedError

    def crossed_above(self, a: int, b: int | float) -> bool:
        """Whether indicator a was at or below b (an indicator, or a float level) one bar ago and is above now. NaN: False."""
        raise NotImplementedError

    def crossed_below(self, a: int, b: int | float) -> bool:
        """Whether indicator a was at or above b one bar ago and is below now. NaN: False."""
        raise NotImplementedError

    def buy(self, quantity: float, limit: float | None = None, stop: float | None = None) -> int:
        """Buy units: a market, limit, stop or stop-limit order. Returns the order's number."""
        raise NotImplementedError

    def sell(self, quantity: float, limit: float | None = None, stop: float | None = None) -> int:
        """Sell units."""
        raise NotImplementedError

    def buy_value(self, value: float, limit: float | None = None, stop: float | None = None) -> int:
        """Buy for an amount of account money."""
        raise NotImplementedError

    def sell_value(self, value: float, limit: float | None = None, stop: float | None = None) -> int:
        """Sell for an amount of account money."""
        raise NotImplementedError

    def buy_weight(self, weight: float, limit: float | None = None, stop: float | None = None) -> int:
        """Buy for a fraction of equity."""
        raise NotImplementedError

    def sell_weight(self, weight: float, limit: float | None = None, stop: float | None = None) -> int:
        """Sell for a fraction of equity."""
        raise NotImplementedError

    def target(self, quantity: float) -> int:
        """Bring the position to a quantity (negative = short). Returns the (first) order's number, -1 where nothing changes."""
        raise NotImplementedError

    def target_value(self, value: float) -> int:
        """Bring the position to a value in account money."""
        raise NotImplementedError

    def target_weight(self, weight: float) -> int:
        """Bring the position to a fraction of equity."""
        raise NotImplementedError

    def close_position(self) -> int:
        """Bring the position to zero."""
        raise NotImplementedError

    def cancel(self, order: int) -> int:
        """Ask for the cancel of an order by its number. 1 = asked, 0 = it is done or being cancelled, or no order."""
        raise NotImplementedError

    def cancel_all(self) -> int:
        """Ask for the cancel of all live orders of the instrument (in ``on_bars``: of all). Returns how many were asked for."""
        raise NotImplementedError

    def at(self, instrument: int) -> Context:
        """The same for another instrument, by its number: its latest bar, position and orders."""
        raise NotImplementedError


WITHOUT_BAR = frozenset(("now", "cash", "cash_total", "equity", "symbol_count", "cancel", "cancel_all", "at"))
"""What there is in ``on_bars`` too."""

METHODS = {name: item for name, item in vars(Context).items() if inspect.isfunction(item)}
ATTRIBUTES = tuple(Context.__annotations__)
NAMES = (*ATTRIBUTES, *METHODS)
"""Everything that may stand behind ``ctx.``"""


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
        return self.load(self.scalar("driver"), 8 * TABLE.index(name))

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

    def call(self, entry: str, arguments: list[Any]) -> Any:
        """Call a kernel entry that returns an integer; what it raises goes on to the caller."""
        kinds = tuple(types.float64 if item.type == _FLOAT else types.int64 for item in arguments)
        convention = self.context.call_conv
        pointer = self.builder.inttoptr(self.table(entry), convention.get_function_type(types.int64, kinds).as_pointer())
        status, result = convention.call_function(self.builder, pointer, types.int64, kinds, arguments)
        with cgutils.if_unlikely(self.builder, status.is_error):
            convention.return_status_propagate(self.builder, status)
        return result

    # -- indicators

    def series(self, handle: Any) -> tuple[Any, Any]:
        """(address of the values or 0, row now) of an indicator as seen from this feed."""
        number = self.builder.sub(handle, self.word(HANDLE))
        outside = self.builder.icmp_unsigned(">=", number, self.table("n_indicators"))
        self.fail(outside, IndexError, "this is not an indicator: write p.<name of an indicator>, or a float as a level")
        cell = self.builder.add(self.builder.mul(number, self.scalar("n_feeds")), self.feed)
        at = self.element(self.scalar("indicators"), cell, 16)
        feed = self.load(at, 8)
        own = self.builder.icmp_signed("==", feed, self.feed)
        row = self.where(self.builder.not_(own), lambda: self.builder.sub(self.feed_field("row", feed), self.word(1)), self.row)
        return self.load(at, 0), row

    def known(self, address: Any, row: Any) -> Any:
        """Whether there is a value at a row."""
        there = self.builder.icmp_signed("!=", address, self.word(0))
        return self.builder.and_(there, self.builder.icmp_signed(">=", row, self.word(0)))

    def value_at(self, address: Any, row: Any) -> Any:
        """A value of an indicator that is known."""
        return self.load(self.element(address, row), 0, _FLOAT)

    def crossed(self, a: Any, b: Any, before: str, now: str) -> Any:
        """Comparison of two series (or a series and a level) one bar ago and now; false where one is not known."""
        address, row = self.series(a)
        earlier = self.builder.sub(row, self.word(1))
        known = self.known(address, earlier)
        other = None
        if b.type != _FLOAT:
            other, other_row = self.series(b)
            apart = self.builder.icmp_signed("!=", row, other_row)
            self.fail(apart, ValueError, "a crossing needs two indicators of one timeframe")
            known = self.builder.and_(known, self.builder.icmp_signed("!=", other, self.word(0)))

        def compare() -> Any:
            then, level = (b, b) if other is None else (self.value_at(other, earlier), self.value_at(other, row))
            was = self.builder.fcmp_ordered(before, self.value_at(address, earlier), then)
            return self.builder.and_(was, self.builder.fcmp_ordered(now, self.value_at(address, row), level))

        return self.where(known, compare, ir.Constant(ir.IntType(1), 0))

    # -- orders

    def place(self, side: int, mode: SizeMode, size: Any, limit: Any, stop: Any) -> Any:
        """One intent."""
        code = {(0, 0): OrderType.MARKET, (1, 0): OrderType.LIMIT, (0, 1): OrderType.STOP, (1, 1): OrderType.STOP_LIMIT}
        kind = code[int(limit is not None), int(stop is not None)]
        none = ir.Constant(_FLOAT, 0.0)
        return self.call("place", [
            self.address, self.feed_field("instrument"), self.word(side), self.word(int(mode)), self.word(int(kind)), size,
            none if limit is None else limit, none if stop is None else stop,
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


def _position(e: _Emitter) -> Any:
    own = e.builder.mul(e.scalar("t_strategy"), e.scalar("n_instruments"))
    book = e.record("books", layout.BOOK, e.builder.add(own, e.feed_field("instrument")))
    return e.ratio(e.load(book, _offset(layout.BOOK, "position")), e.instrument_field("lot_scale"))


def _cash_total(e: _Emitter) -> Any:
    return e.ratio(e.load(e.scalar("currencies"), _offset(layout.CURRENCY, "cash")), e.table("money_scale"))


_READ: dict[str, Callable[[_Emitter], Any]] = {
    **{name: _column(name, "price_scale") for name in ("open", "high", "low", "close")},
    "volume": _column("volume", "lot_scale"),
    "row": lambda e: e.row,
    "feed": lambda e: e.feed,
    "timeframe_ns": lambda e: e.feed_field("timeframe"),
    "instrument": lambda e: e.feed_field("instrument"),
    "position": _position,
    "now": lambda e: e.scalar("now"),
    "cash": lambda e: e.ratio(e.call("funds", [e.address]), e.table("money_scale")),
    "cash_total": _cash_total,
    "equity": lambda e: e.ratio(e.call("equity", [e.address]), e.table("money_scale")),
    "symbol_count": lambda e: e.scalar("n_instruments"),
}


# -- methods -------------------------------------------------------------------------------------------------------------------


def _sized(side: int, mode: SizeMode) -> Callable[..., Any]:
    return lambda e, size, limit=None, stop=None: e.place(side, mode, size, limit, stop)


def _value(e: _Emitter, handle: Any, back: Any) -> Any:
    e.fail(e.builder.icmp_signed("<", back, e.word(0)), ValueError, "back counts bars into the past: it must not be negative")
    address, row = e.series(handle)
    wanted = e.builder.sub(row, back)
    return e.where(e.known(address, wanted), lambda: e.value_at(address, wanted), _nan())


def _cancel(e: _Emitter, order: Any) -> Any:
    known = e.builder.icmp_unsigned("<", order, e.scalar("n_orders"))
    return e.where(known, lambda: e.call("cancel", [e.address, order]), e.word(0))


def _cancel_all(e: _Emitter) -> Any:
    return e.call("cancel_all", [e.address, e.feed_field("instrument") if e.kind.bar else e.word(-1)])


def _at(e: _Emitter, instrument: Any) -> Any:
    outside = e.builder.icmp_unsigned(">=", instrument, e.scalar("n_instruments"))
    e.fail(outside, IndexError, "there is no instrument of this number: they count from 0 to ctx.symbol_count - 1")
    record = e.record("instruments", layout.INSTRUMENT, instrument)
    result = cgutils.create_struct_proxy(BAR_CONTEXT)(e.context, e.builder)
    result.address = e.address
    result.feed = e.load(record, _offset(layout.INSTRUMENT, "feed"))
    result.row = e.builder.sub(e.feed_field("row", result.feed), e.word(1))
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
    "target": _sized(0, SizeMode.TARGET_UNITS),
    "target_value": _sized(0, SizeMode.TARGET_VALUE),
    "target_weight": _sized(0, SizeMode.TARGET_WEIGHT),
    "close_position": lambda e: e.place(0, SizeMode.CLOSE, ir.Constant(_FLOAT, 0.0), None, None),
    "cancel": _cancel,
    "cancel_all": _cancel_all,
    "at": _at,
}
_RESULT = {"float": types.float64, "int": types.int64, "bool": types.boolean, "Context": BAR_CONTEXT}


# -- types ---------------------------------------------------------------------------------------------------------------------


@infer_getattr
class _ContextAttributes(AttributeTemplate):
    key = ContextType

    def generic_resolve(self, kind: ContextType, name: str) -> Any:
        if name not in NAMES or not (kind.bar or name in WITHOUT_BAR):
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
        return types.int64 if "int" in wanted else types.float64
    name = "a number" if "float" in wanted else "an integer"
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
