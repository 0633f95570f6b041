"""What is wrong with a configuration, in sentences: key path, place, what was found, nearest valid name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from fillwright.config import rates
from fillwright.config.fields import Suspicious, marks
from fillwright.errors import ConfigError

Path = tuple[str | int, ...]
Place = Callable[[Path], str | None]
Model = type[BaseModel]

_AT_END = re.compile(r":(\d+):(\d+)$")
_LAST = 2**62


def nowhere(path: Path) -> str | None:
    """The place of a key when no file is known."""
    return None


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong or odd; ``where`` is ``file:line:column`` when known."""

    path: str
    message: str
    where: str | None = None

    def text(self) -> str:
        """One line for people."""
        return ": ".join(part for part in (self.where, self.path, self.message) if part)


class Wrong(ValueError):
    """What a check across several keys found: (path below the section, sentence) of each problem."""

    def __init__(self, *found: tuple[Path, str]) -> None:
        self.found = found
        super().__init__("; ".join(message for _, message in found))


def as_error(found: Sequence[Problem]) -> ConfigError:
    """One error that names every problem."""
    if len(found) == 1:
        problem = found[0]
        return ConfigError(": ".join(part for part in (problem.path, problem.message) if part), where=problem.where)
    lines = "\n".join(f"  {problem.text()}" for problem in found)
    return ConfigError(f"{len(found)} things are wrong in the configuration:\n{lines}")


def near(name: str, names: Iterable[str], likeness: float = 0.6) -> str:
    """``; did you mean 'x'?`` for the nearest of the names (likeness 0..1 or more), or nothing."""
    pool = {candidate.lower(): candidate for candidate in names}
    match = get_close_matches(name.lower(), pool, 1, likeness)
    return f"; did you mean {pool[match[0]]!r}?" if match else ""


def path_text(path: Path) -> str:
    """``data.sources[0].symbol``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


# ---- the shape of the schema -------------------------------------------------------------------------------------------------


def models_in(annotation: Any) -> list[Model]:
    """The sections that a type allows: one, several (a tagged union) or none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (tuple, list, dict) or _is_mapping(annotation):
        return []
    return [model for part in get_args(annotation) for model in models_in(part)]


def item_type(annotation: Any) -> Any:
    """Type of the items of a list or of the values of a mapping, else None."""
    origin = get_origin(annotation)
    if origin is tuple:
        return get_args(annotation)[0]
    if _is_mapping(annotation):
        return get_args(annotation)[1]
    inner = [item_type(part) for part in get_args(annotation) if origin is not Literal]
    return next((part for part in inner if part is not None), None)


def _is_mapping(annotation: Any) -> bool:
    origin = get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def tag_of(models: Sequence[Model]) -> tuple[str, dict[str, Model]]:
    """(name of the tag, section by tag) of a tagged union."""
    for name, field in models[0].model_fields.items():
        if get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1:
            return name, {get_args(model.model_fields[name].annotation)[0]: model for model in models}
    raise AssertionError(f"{models[0].__name__} has no tag")


def chosen(annotation: Any, data: Any) -> Model | None:
    """The section that a type means, by the tag in the data where it allows several."""
    models = models_in(annotation)
    if len(models) < 2:
        return models[0] if models else None
    name, by_tag = tag_of(models)
    tag = data.get(name) if isinstance(data, Mapping) else None
    return by_tag.get(tag) if isinstance(tag, str) else None


def all_keys(model: Model, path: Path = ()) -> Iterator[tuple[Path, FieldInfo]]:
    """Every key of the schema with its path; items of lists and mappings have the part ``*``."""
    for name, field in model.model_fields.items():
        yield (*path, name), field
        item = item_type(field.annotation)
        for inner in models_in(field.annotation):
            yield from all_keys(inner, (*path, name))
        for inner in models_in(item):
            yield from all_keys(inner, (*path, name, "*"))


# ---- from pydantic's errors to sentences -------------------------------------------------------------------------------------


def explain(error: ValidationError, model: Model, data: Any, place: Place) -> list[Problem]:
    """Every error as a problem, sorted by line as far as places are known."""
    found = []
    for detail in error.errors(include_url=False):
        path, section, source = _resolve(model, data, detail["loc"])
        kind = detail["type"]
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, Wrong):
            for below, text in cause.found:
                full = _as_written(data, (*path, *below))
                found.append(Problem(path_text(full), text, place(full)))
            continue
        if kind == "extra_forbidden":
            message = "unknown key" + _nearest_key(model, section, path)
        elif kind == "missing":
            message = f"the key {path[-1]!r} is missing"
        elif kind == "union_tag_not_found":
            name, tags = tag_of(models_in(section))
            message = f"needs the key {name!r}: one of {', '.join(tags)}{_found(source)}"
        elif kind == "union_tag_invalid":
            name, tags = tag_of(models_in(section))
            path, value = (*path, name), detail["input"].get(name)
            message = f"must be one of {', '.join(tags)}{_found(value)}{near(str(value), tags)}"
        elif source is not None and not isinstance(source, Mapping) and len(models_in(section)) > 1:
            message = f"must be a mapping with the key {tag_of(models_in(section))[0]!r}{_found(source)}"
        else:
            message = _sentence(kind, detail, detail["loc"][-2] if detail["loc"][-1:] == ("[key]",) else source)
        found.append(Problem(path_text(path), message, place(path)))
    return sorted(found, key=_line_and_column)


def _line_and_column(problem: Problem) -> tuple[int, int]:
    match = _AT_END.search(problem.where or "")
    return (int(match[1]), int(match[2])) if match else (_LAST, 0)


def _resolve(model: Model, data: Any, loc: Path) -> tuple[Path, Any, Any]:
    """(path as the user wrote it, type of its parent or of itself, the user's value there) of an error's location."""
    path: list[str | int] = []
    here: Any = model
    value = data
    parent: Any = model
    for part in loc:
        models = models_in(here)
        if len(models) > 1 and part in tag_of(models)[1]:
            here = tag_of(models)[1][str(part)]
            continue
        if isinstance(value, Mapping | list | tuple):
            parent = here
            path.append(part)
            here = models[0].model_fields[str(part)].annotation if models and part in models[0].model_fields else item_type(here)
            value = _get(value, part)
        else:
            break
    last_is_known = here is not None and here is not parent
    return tuple(path), here if last_is_known and len(models_in(here)) > 1 else parent, value


def _as_written(data: Any, path: Path) -> Path:
    """The path as far as the user's values go: below a plain number there is nothing, whatever it was turned into."""
    for depth, part in enumerate(path):
        if not isinstance(data, Mapping | list | tuple):
            return path[:depth]
        data = _get(data, part)
        if data is None:
            return path[: depth + 1]
    return path


def _get(value: Any, part: str | int) -> Any:
    if isinstance(value, Mapping):
        return value.get(part)
    return value[part] if isinstance(part, int) and part < len(value) else None


def _nearest_key(model: Model, section: Any, path: Path) -> str:
    name = str(path[-1])
    models = models_in(section)
    own = [key for inner in models for key in inner.model_fields]
    hint = near(name, own)
    if hint:
        return hint
    places = {key: path_text(key) for key, _ in all_keys(model)}
    same = [text for key, text in places.items() if key[-1] == name]
    if same:
        return f"; there is {' and '.join(same[:2])}"
    return f"; known here: {', '.join(own)}" if own else ""


_EXPECTED = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "model_type": "must be a mapping of keys",
    "model_attributes_type": "must be a mapping of keys",
    "dict_type": "must be a mapping of keys",
    "mapping_type": "must be a mapping of keys",
    "tuple_type": "must be a list",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "must be a currency code such as USD",
}


def _sentence(kind: str, detail: Any, source: Any) -> str:
    value = detail["input"] if source is None else source
    if kind == "literal_error":
        expected: str = detail["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        return f"must be one of {expected}{_found(value)}{near(str(value), expected.split(', '))}"
    if kind == "value_error":
        reason = str(detail["ctx"]["error"])
        return reason if isinstance(value, Mapping | BaseModel) else reason + _found(value)
    if kind == "string_type" and isinstance(value, bool | int | float):
        return f"must be text{_found(value)}; write it in quotes"
    if kind == "tuple_type" and isinstance(value, Mapping):
        return f"must be a list{_found(value)}; write - before each item, or put them in [ ]"
    message: str = detail["msg"]
    return _EXPECTED.get(kind, message[:1].lower() + message[1:]) + _found(value)


def _found(value: Any) -> str:
    text = repr(value) if not isinstance(value, bool) else str(value).lower()
    if value is None:
        return "; found nothing"
    return f"; found {text if len(text) <= 60 else text[:57] + '...'}"


# ---- odd, but allowed --------------------------------------------------------------------------------------------------------


def suspicious(model: Model, data: Any, place: Place, path: Path = ()) -> Iterator[Problem]:
    """Bare numbers that look like percents which lost their sign."""
    if not isinstance(data, Mapping):
        return
    for name, field in model.model_fields.items():
        if name not in data:
            continue
        value, here = data[name], (*path, name)
        for mark in (*field.metadata, *marks(field.annotation)):
            if isinstance(mark, Suspicious) and isinstance(value, int | float) and mark.flags(rates.rate(value)):
                share = rates.percent(rates.rate(value))
                message = f"{value} is a fraction and means {share}; if {value}% was meant, write {value}%, else write {share}"
                yield Problem(path_text(here), message, place(here))
        inner = chosen(field.annotation, value)
        if inner is not None:
            yield from suspicious(inner, value, place, here)
        item = item_type(field.annotation)
        pairs = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list | tuple) else ()
        for key, part in pairs:
            inner = chosen(item, part)
            if inner is not None:
                yield from suspicious(inner, part, place, (*here, key))
