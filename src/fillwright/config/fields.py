"""Types of the schema's leaves, with what the manual says about their values.

A type carries its conversion (`rates`), its name for people (``Shown``) and, for fractions, the size from which a bare
number looks like a percent that lost its sign (``Suspicious``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, NoReturn, get_args

from pydantic import AfterValidator, BeforeValidator, Strict, StringConstraints, WithJsonSchema

from fillwright.config import rates


@dataclass(frozen=True, slots=True)
class Shown:
    """How the manual names the type of a leaf."""

    name: str


@dataclass(frozen=True, slots=True)
class Suspicious:
    """A bare number at or above this size (above it, if ``beyond``) is reported: it may be meant as a percent."""

    size: Decimal
    beyond: bool = False

    def flags(self, value: Decimal) -> bool:
        """Whether a bare number of this size is reported."""
        return value > self.size if self.beyond else value >= self.size


class FrozenDict(dict[str, Any]):
    """A dict that cannot be changed, and so can be hashed and shared."""

    def _frozen(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("a configuration cannot be changed; make another one")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _frozen

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        return FrozenDict, (dict(self),)

    def __copy__(self) -> FrozenDict:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenDict:
        return self


def freeze(value: Any) -> Any:
    """The same plain value with dicts and lists that cannot be changed; ValueError for what JSON cannot hold."""
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"has the key {key!r}, which is not text")
        return FrozenDict({key: freeze(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    if value is None or isinstance(value, bool | int | float | str):
        if isinstance(value, float) and value - value != 0:
            raise ValueError("holds a number that is not finite")
        return value
    if hasattr(value, "__index__"):
        return int(value.__index__())
    raise ValueError(f"holds a {type(value).__name__}; parameters are numbers, texts, true/false, lists and mappings")


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _no_mapping_of_other_keys(value: object) -> object:
    return {str(key): item for key, item in value.items()} if isinstance(value, Mapping) else value


_DECIMAL = WithJsonSchema({"type": ["number", "string"]})
_FRACTION = WithJsonSchema({"type": ["number", "string"], "examples": [0.001, "0.1%", "10bp"]})
_TEXT = WithJsonSchema({"type": "string"})


def _at_least(bound: int, *, more: bool = False) -> AfterValidator:
    def check(value: Decimal) -> Decimal:
        if value < bound or (more and value == bound):
            raise ValueError(f"must be {'more than' if more else 'at least'} {bound}")
        return value

    return AfterValidator(check)


def _at_most(bound: int) -> AfterValidator:
    def check(value: Decimal) -> Decimal:
        if value > bound:
            raise ValueError(f"must be at most {bound} ({bound * 100}%); for a percent write it with its sign, like {value}%")
        return value

    return AfterValidator(check)


Number = Annotated[Decimal, BeforeValidator(rates.number), _at_least(0), _DECIMAL, Shown("number >= 0")]
Positive = Annotated[Decimal, BeforeValidator(rates.number), _at_least(0, more=True), _DECIMAL, Shown("number > 0")]
PriceDistance = Annotated[
    Decimal | str,
    BeforeValidator(rates.price_distance),
    WithJsonSchema({"type": ["number", "string"], "examples": [0.01, "2 ticks"]}),
    Shown('number >= 0, or "2 ticks"'),
]
Leverage = Annotated[Decimal, BeforeValidator(rates.number), _at_least(1), _DECIMAL, Shown("number >= 1")]

CostRate = Annotated[
    Decimal,
    BeforeValidator(rates.rate),
    _at_least(0),
    _at_most(1),
    _FRACTION,
    Shown("fraction 0..1"),
    Suspicious(Decimal("0.05")),
]
"""A cost as a fraction of traded value; 5 % and more without a sign is reported."""

YearlyRate = Annotated[
    Decimal,
    BeforeValidator(rates.rate),
    _at_least(-1),
    _at_most(1),
    _FRACTION,
    Shown("fraction -1..1"),
    Suspicious(Decimal("0.3")),
]
"""A rate per year; 30 % and more without a sign is reported."""

Share = Annotated[
    Decimal, BeforeValidator(rates.rate), _at_least(0, more=True), _at_most(1), _FRACTION, Shown("fraction 0..1, not 0")
]
"""A part of a whole."""

Chance = Annotated[
    Decimal, BeforeValidator(rates.rate), _at_least(0), _at_most(1), _FRACTION, Shown("fraction 0..1")
]  # fmt: skip
"""How likely something is."""

Exposure = Annotated[
    Decimal,
    BeforeValidator(rates.rate),
    _at_least(0, more=True),
    _FRACTION,
    Shown("fraction > 0"),
    Suspicious(Decimal(1), beyond=True),
]
"""A fraction of equity that leverage may take above 1; a bare number above 1 is reported."""

Whole = Annotated[int, Strict(), _at_least(0), Shown("whole number >= 0")]
PositiveWhole = Annotated[int, Strict(), _at_least(0, more=True), Shown("whole number > 0")]
Seed = Annotated[int, Strict(), _at_least(0), AfterValidator(lambda value: _below(value, 2**63)), Shown("whole number >= 0")]
Flag = Annotated[bool, Strict(), Shown("true or false")]
Text = Annotated[str, Strict(), StringConstraints(min_length=1), Shown("text")]
FilePath = Annotated[str, Strict(), StringConstraints(min_length=1), Shown("path")]
Symbol = Annotated[str, Strict(), StringConstraints(min_length=1, strip_whitespace=True), Shown("symbol")]
CurrencyCode = Annotated[str, Strict(), StringConstraints(pattern=r"^[A-Z][A-Z0-9]{1,9}$"), Shown("currency code")]
MaybeCurrency = Annotated[str, Strict(), StringConstraints(pattern=r"^$|^[A-Z][A-Z0-9]{1,9}$"), Shown("currency code")]
Zone = Annotated[str, BeforeValidator(rates.timezone), _TEXT, Shown("time zone")]
Session = Annotated[str, BeforeValidator(rates.session), _TEXT, Shown("session")]
When = Annotated[str, BeforeValidator(rates.when), _TEXT, Shown("date or date and time")]
Duration = Annotated[int, BeforeValidator(rates.duration), _TEXT, Shown("duration")]
Params = Annotated[Mapping[str, Any], AfterValidator(freeze), Shown("mapping")]
AsList = BeforeValidator(_as_list)
TextKeys = BeforeValidator(_no_mapping_of_other_keys)
Frozen = AfterValidator(FrozenDict)


def _below(value: int, bound: int) -> int:
    if value >= bound:
        raise ValueError(f"must be less than {bound}")
    return value


def marks(annotation: Any) -> Iterator[Any]:
    """What the ``Annotated`` parts of a type carry, outermost first, through unions and ``None``."""
    for part in get_args(annotation):
        if hasattr(part, "__metadata__"):
            yield from part.__metadata__
        yield from marks(part)
