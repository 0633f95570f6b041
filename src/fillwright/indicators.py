"""Indicators: functions of whole series, computed once per run into arrays that every kind of strategy reads.

Each is an :class:`Indicator`, called with float arrays (``sma(close, 20)``) or, as the engine does it, with whole price units
(``sma.compute({"values": close}, scale, 20)``). Both give the same numbers: floats that are decimals of at most nine places are
turned into whole numbers first, sums, means and extremes run over integers, and the division comes last. From the first row
that is no such number (indicators of indicators) floats are summed window by window, so no rounding error is carried on.

Every value depends on its own and earlier rows only: computing on a prefix gives the prefix, bit for bit. Rows without enough
history are NaN. A NaN in the input makes NaN every window that holds it; leading NaN only delay a recursive average.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from fillwright.errors import UsageError

Floats: TypeAlias = npt.NDArray[np.float64]
Series: TypeAlias = npt.NDArray[Any]
Flags: TypeAlias = npt.NDArray[np.bool_]

_EXACT = 2**53
_LONGEST_SUM = 2**62
_MOST_DECIMALS = 9

INDICATORS: dict[str, Indicator] = {}
"""All indicators by name."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """A function of whole series with what the engine needs to know about it.

    name        as in ``INDICATORS``
    inputs      the series it reads: ``("values",)`` is one of the caller's choice, else columns of a bar by name
    parameters  its numbers in order; ``defaults`` has those that may be left out
    """

    name: str
    inputs: tuple[str, ...]
    parameters: tuple[str, ...]
    defaults: Mapping[str, int]
    meaning: str
    _lookback: Callable[..., int] = field(repr=False)
    _function: Callable[..., Floats] = field(repr=False)

    def __call__(self, *arguments: Any) -> Floats:
        """The series it reads, as floats or whole numbers [n], then its parameters -> float64[n]."""
        count = len(self.inputs)
        if len(arguments) < count:
            raise UsageError(f"{self.name} needs {', '.join(self.inputs)}", remedy=f"call {self.usage}")
        numbers = self._checked(arguments[count:])
        columns = [np.asarray(values) for values in arguments[:count]]
        if all(values.dtype == np.int64 for values in columns):
            return self._run(columns, 1, numbers)
        columns = [_float_series(self.name, values) for values in columns]
        rows, scale = _decimal_rows(columns, _EXACT // (max(numbers) * (max(numbers) + 1)))
        whole = [np.rint(values[:rows] * scale).astype(np.int64) for values in columns]
        if all(len(values) == rows for values in columns):
            return self._run(whole, scale, numbers)
        out = self._run(columns, 1, numbers)
        out[:rows] = self._run(whole, scale, numbers)
        return out

    def exact(self, *arguments: Any) -> Floats:
        """int64[n] per series, then the units per 1 (``scale``), then the parameters -> float64[n] in ones."""
        count = len(self.inputs)
        if len(arguments) <= count:
            raise UsageError(f"{self.name}.exact needs {', '.join(self.inputs)}, scale and the parameters")
        columns = dict(zip(self.inputs, arguments[:count], strict=True))
        return self.compute(columns, int(arguments[count]), *arguments[count + 1 :])

    def compute(self, columns: Mapping[str, npt.NDArray[np.int64]], scale: int, *parameters: int) -> Floats:
        """int64[n] by name of input, in units of 1/scale -> float64[n] in ones. The engine calls this one."""
        missing = [name for name in self.inputs if name not in columns]
        if missing:
            raise UsageError(f"{self.name} needs {', '.join(missing)}", remedy=f"call {self.usage}")
        arrays = [np.asarray(columns[name]) for name in self.inputs]
        for array in arrays:
            if array.dtype != np.int64:
                raise UsageError(f"{self.name} counts in whole units, got {array.dtype}", remedy=f"call {self.usage}")
        return self._run(arrays, scale, self._checked(parameters))

    def lookback(self, *parameters: int) -> int:
        """Bars that its first value needs: row ``lookback - 1`` is the first that is not NaN."""
        return self._lookback(*self._checked(parameters))

    @property
    def usage(self) -> str:
        """How to call it."""
        shown = [f"{name}={self.defaults[name]}" if name in self.defaults else name for name in self.parameters]
        return f"{self.name}({', '.join([*self.inputs, *shown])})"

    def _run(self, columns: list[Series], scale: int, numbers: list[int]) -> Floats:
        lengths = {values.shape for values in columns}
        if len(lengths) > 1 or columns[0].ndim != 1:
            raise UsageError(f"{self.name}: series must be one-dimensional and of one length, got {sorted(lengths)}")
        if len(columns[0]) < self._lookback(*numbers):
            return np.full(len(columns[0]), np.nan)
        longest = max(numbers)
        if not all(_fits(values, longest * (longest + 1)) for values in columns):
            columns, scale = [values / float(scale) for values in columns], 1
        with np.errstate(over="ignore", invalid="ignore"):  # infinities in the caller's floats give NaN, as NaN do
            return self._function(*columns, scale, *numbers)

    def _checked(self, parameters: tuple[Any, ...]) -> list[int]:
        if len(parameters) > len(self.parameters):
            message = f"{self.name} takes {len(self.parameters)} parameters, got {len(parameters)}"
            raise UsageError(message, remedy=f"call {self.usage}")
        given: dict[str, Any] = dict(self.defaults) | dict(zip(self.parameters, parameters, strict=False))
        numbers: list[int] = []
        for name in self.parameters:
            if name not in given:
                raise UsageError(f"{self.name} needs {name}", remedy=f"call {self.usage}")
            value = given[name]
            if isinstance(value, bool | np.bool_) or not hasattr(value, "__index__") or value < 1:
                raise UsageError(f"{self.name}: {name} must be a whole number of bars, at least 1, got {value!r}")
            numbers.append(value.__index__())
        return numbers


def _indicator(lookback: Callable[..., int]) -> Callable[[Callable[..., Floats]], Indicator]:
    """Make an indicator of a function (series..., scale, parameters...); its first docstring line is its meaning."""

    def make(function: Callable[..., Floats]) -> Indicator:
        names = list(inspect.signature(function).parameters.values())
        split = [item.name for item in names].index("scale")
        parameters = names[split + 1 :]
        made = Indicator(
            name=function.__name__,
            inputs=tuple(item.name for item in names[:split]),
            parameters=tuple(item.name for item in parameters),
            defaults={item.name: item.default for item in parameters if item.default is not inspect.Parameter.empty},
            meaning=(function.__doc__ or "").split("\n")[0],
            _lookback=lookback,
            _function=function,
        )
        INDICATORS[made.name] = made
        return made

    return make


@_indicator(lambda window: window)
def sma(values: Series, scale: int, window: int) -> Floats:
    """Mean of the last ``window`` values."""
    total = _window_sum(values, window)
    return _padded(_divided(total, window * scale), len(values))


@_indicator(lambda window: window)
def wma(values: Series, scale: int, window: int) -> Floats:
    """Mean of the last ``window`` values with weights 1, 2 … window, the latest counting most."""
    weights = window * (window + 1) // 2
    n = len(values)
    if values.dtype == np.int64:
        # Both sums may wrap around: their differences are right again, because the true result fits.
        place = np.arange(1, n + 1, dtype=np.int64)
        plain, ranked = _running(values), _running(values * place)
        first = np.arange(n - window + 1, dtype=np.int64)
        total: Series = (ranked[window:] - ranked[:-window]) - first * (plain[window:] - plain[:-window])
    else:
        total = np.zeros(n - window + 1)
        for k in range(window):
            total = total + (k + 1.0) * values[k : k + n - window + 1]
    return _padded(_divided(total, weights * scale), n)


@_indicator(lambda window: window)
def ema(values: Series, scale: int, window: int) -> Floats:
    """Exponential average with factor 2 / (window + 1), started with the mean of the first ``window`` values."""
    return _smoothed(values, scale, window, 2.0 / (window + 1.0))


@_indicator(lambda fast, slow: max(fast, slow))
def macd(values: Series, scale: int, fast: int = 12, slow: int = 26) -> Floats:
    """Exponential average over ``fast`` bars minus that over ``slow`` bars; its signal line is the ema of it."""
    return _smoothed(values, scale, fast, 2.0 / (fast + 1.0)) - _smoothed(values, scale, slow, 2.0 / (slow + 1.0))


@_indicator(lambda window: window + 1)
def rsi(values: Series, scale: int, window: int = 14) -> Floats:
    """Relative strength index by Wilder, 0 to 100; 50 where nothing has moved."""
    change = np.diff(values)
    gain = _smoothed(np.maximum(change, 0), scale, window, 1.0 / window)
    loss = _smoothed(np.maximum(-change, 0), scale, window, 1.0 / window)
    both = gain + loss
    flat = both == 0
    index = np.where(flat, 50.0, 100.0 * gain / np.where(flat, 1.0, both))
    return np.concatenate(([np.nan], index))


@_indicator(lambda window: window + 1)
def atr(high: Series, low: Series, close: Series, scale: int, window: int = 14) -> Floats:
    """Average true range by Wilder: the range of a bar, widened to the close before it."""
    spread = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
    return np.concatenate(([np.nan], _smoothed(spread, scale, window, 1.0 / window)))


@_indicator(lambda window: window)
def highest(values: Series, scale: int, window: int) -> Floats:
    """Largest of the last ``window`` values."""
    return _padded(_divided(_extreme(values, window, np.maximum), scale), len(values))


@_indicator(lambda window: window)
def lowest(values: Series, scale: int, window: int) -> Floats:
    """Smallest of the last ``window`` values."""
    return _padded(_divided(_extreme(values, window, np.minimum), scale), len(values))


@_indicator(lambda window: window)
def std(values: Series, scale: int, window: int) -> Floats:
    """Standard deviation of the last ``window`` values, of the population (divided by window, as in Bollinger bands)."""
    total = _window_sum(values, window)
    size = len(total)
    squares = np.zeros(size)
    for k in range(window):
        # window x value - total is exact for integers, so close values do not cancel
        distance = _divided(values[k : k + size] * window - total, window * scale)
        squares += distance * distance
    return _padded(np.sqrt(squares / window), len(values))


@_indicator(lambda window: window + 1)
def roc(values: Series, scale: int, window: int = 1) -> Floats:
    """Change over ``window`` bars as a fraction of the earlier value; NaN where that is 0."""
    before = values[:-window].astype(np.float64)
    change = (values[window:] - values[:-window]).astype(np.float64)
    return _padded(change / np.where(before == 0, np.nan, before), len(values))


def crossed_above(a: npt.ArrayLike, b: npt.ArrayLike) -> Flags:
    """bool[n]: a was at or below b one row before and is above it now; False where any of the four is NaN."""
    one, two = _pair(a, b)
    out = np.zeros(len(one), np.bool_)
    out[1:] = (one[:-1] <= two[:-1]) & (one[1:] > two[1:])
    return out


def crossed_below(a: npt.ArrayLike, b: npt.ArrayLike) -> Flags:
    """bool[n]: a was at or above b one row before and is below it now; False where any of the four is NaN."""
    one, two = _pair(a, b)
    out = np.zeros(len(one), np.bool_)
    out[1:] = (one[:-1] >= two[:-1]) & (one[1:] < two[1:])
    return out


def _pair(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[Series, Series]:
    one, two = np.broadcast_arrays(np.asarray(a), np.asarray(b))
    if one.ndim != 1:
        raise UsageError("a crossing needs a series", remedy="give at least one array of one dimension")
    return one, two


def _float_series(name: str, values: Series) -> Floats:
    try:
        return np.ascontiguousarray(values, np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{name}: a series must hold numbers, got {values.dtype}", remedy="give arrays of numbers") from None


def _decimal_rows(columns: list[Floats], largest: int) -> tuple[int, int]:
    """(rows, scale): the first rows that are all whole numbers of 1/scale below ``largest``, as many as a power of ten allows.

    Whether a row is among them depends on it and the rows before it only.
    """
    best, scale = -1, 1
    for decimals in range(_MOST_DECIMALS + 1):
        rows = min(_leading(values, 10**decimals, largest) for values in columns)
        if rows > best:
            best, scale = rows, 10**decimals
        if rows == max(len(values) for values in columns):
            break
    return best, scale


def _leading(values: Floats, scale: int, largest: int) -> int:
    head = values[:1024]
    for part in (head, values):
        with np.errstate(over="ignore", invalid="ignore"):
            units = np.rint(part * scale)
            good = (units / scale == part) & (np.abs(units) < largest)
        if not good.all():
            return int(good.argmin())
    return len(values)


def _fits(values: Series, factor: int) -> bool:
    """True when whole numbers times ``factor`` stay inside 64 bits, so that every weighted window sum does."""
    return values.dtype != np.int64 or max(int(values.max(initial=0)), -int(values.min(initial=0))) * factor < _LONGEST_SUM


def _running(values: Series) -> Series:
    """Sums of the first 0, 1 … n values."""
    sums = np.zeros(len(values) + 1, values.dtype)
    np.cumsum(values, out=sums[1:])
    return sums


def _window_sum(values: Series, window: int) -> Series:
    """Sums of each window, [n - window + 1]: exact for integers, otherwise each window from its first value on."""
    if values.dtype == np.int64:
        sums = _running(values)
        return np.asarray(sums[window:] - sums[:-window])
    size = len(values) - window + 1
    total = np.zeros(size)
    for k in range(window):
        total += values[k : k + size]
    return total


def _extreme(values: Series, window: int, pick: Callable[[Series, Series], Series]) -> Series:
    """Largest or smallest of each window by doubling the span; an extreme of two overlapping spans is that of both."""
    span, best = 1, values
    while 2 * span <= window:
        best = pick(best[:-span], best[span:])
        span *= 2
    rest = window - span
    return pick(best[: len(best) - rest], best[rest:]) if rest else best


def _smoothed(values: Series, scale: int, window: int, factor: float) -> Floats:
    """y += factor x (value - y), started with the mean of the first ``window`` values after leading NaN; NaN from a later NaN on.

    The lag e = y - value obeys e = (1 - factor) x (e before - change). It is summed by doubling: after the pass with span s each
    row holds the decayed sum of its last 2s terms, and the passes end where the decay is below 2^-128. So a row depends on
    earlier rows only, and a series that stands still is met exactly, without noise that could cross another average.
    """
    out = np.full(len(values), np.nan)
    start, stop = _known(values)
    first = start + window - 1
    if first >= stop:
        return out
    mean = float(_window_sum(values[start : first + 1], window)[0]) / (window * scale)
    level = values[first:stop] / float(scale)
    decay = 1.0 - factor
    lag = np.empty(len(level))
    lag[0] = mean - level[0]
    lag[1:] = np.diff(values[first:stop]) / float(scale) * -decay
    span = 1
    while span < len(lag) and decay > 2.0**-128:
        lag[span:] += lag[:-span] * decay
        decay *= decay
        span *= 2
    out[first:stop] = level + lag
    return out


def _known(values: Series) -> tuple[int, int]:
    """Rows [start, stop) from the first number to before the next value that is none."""
    if values.dtype == np.int64:
        return 0, len(values)
    finite = np.isfinite(values)
    start = int(finite.argmax()) if finite.any() else len(values)
    broken = np.flatnonzero(~finite[start:])
    return start, start + int(broken[0]) if len(broken) else len(values)


def _divided(total: Series, divisor: int) -> Floats:
    return np.asarray(total / float(divisor), np.float64)


def _padded(values: Floats, n: int) -> Floats:
    out = np.full(n, np.nan)
    out[n - len(values) :] = values
    return out
