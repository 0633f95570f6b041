"""The manual of the schema, made from the schema: Markdown tables and JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from fillwright.config import problems, rates
from fillwright.config.fields import Shown, marks
from fillwright.config.schema import Config, plain_values

_HEAD = """\
# Configuration

One file holds a whole run: YAML, TOML or JSON. `fillwright config check FILE` checks it, `fillwright config show FILE` prints it
with all defaults. This page is generated from the schema (`fillwright config docs`); the JSON Schema is
`fillwright config schema`.

- An unknown key is an error that names the line and the nearest key. All errors are reported at once.
- **Fractions** are plain fractions (`0.001`) or carry their unit (`0.1%`, `10bp`). A bare number that looks like a percent is
  reported.
- **Money, prices and quantities** are exact decimals with at most 9 places.
- **Durations** carry a unit: `250us`, `5ms`, `1s`, `1min`, `1h`, `1d`.
- **Sessions** are `09:30-16:00` in the zone of the instrument. Where the close is not after the open, the session ends on the
  next day (`17:00-17:00`).
- `null` means: not set.
"""


def markdown() -> str:
    """The manual: one table per section."""
    return "\n".join([_HEAD, *_section(Config, "", "the file itself", 2)])


def sections(names: tuple[str, ...], level: int) -> Iterator[str]:
    """The parts of the manual about some sections, with headings of a level."""
    for name in names:
        field = Config.model_fields[name]
        yield from _subsections(problems.models_in(field.annotation), name, field, level)


def schema_json() -> str:
    """JSON Schema (draft 2020-12) of a configuration file, as text."""
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema"} | Config.model_json_schema(), indent=2) + "\n"


def leaf_paths() -> list[str]:
    """Every key that holds a value, ``*`` for the items of lists and mappings: ``data.sources.*.symbol``."""
    leaves = {
        ".".join(map(str, path)): None
        for path, field in problems.all_keys(Config)
        if not problems.models_in(field.annotation) and not problems.models_in(problems.item_type(field.annotation))
    }
    return list(leaves)


def _section(model: type[BaseModel], prefix: str, meaning: str, level: int) -> Iterator[str]:
    """Heading and table of a section, then those of the sections in it."""
    rows: list[str] = []
    below: list[str] = []
    fields = model.model_fields
    for name in sorted(fields, key=lambda key: key not in ("model", "method")):
        field = fields[name]
        path = f"{prefix}{name}"
        inner, item = problems.models_in(field.annotation), problems.item_type(field.annotation)
        items = problems.models_in(item)
        if inner or items:
            path += "" if not items else "[]" if get_origin(field.annotation) is tuple else ".SYMBOL"
            below += _subsections(inner or items, path, field, level + (1 if prefix else 0))
        else:
            cells = (f"`{name}`", _type(field), _unit(field), _default(field), field.description or "")
            rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    yield f"{'#' * level} {prefix.rstrip('.') or 'Top level'}\n"
    yield f"{meaning[:1].upper()}{meaning[1:]}{'' if meaning.endswith('.') else '.'}\n"
    if rows:
        yield "| key | type | unit | default | meaning |\n|---|---|---|---|---|\n" + "\n".join(rows) + "\n"
    yield from below


def _subsections(models: list[type[BaseModel]], path: str, field: FieldInfo, level: int) -> Iterator[str]:
    if len(models) == 1:
        yield from _section(models[0], f"{path}.", field.description or "", level)
        return
    name, tags = problems.tag_of(models)
    default = "null" if field.default is None else f"`{{{name}: {next(iter(tags))}}}`"
    yield f"{'#' * level} {path}\n\n{field.description} The key `{name}` chooses one of the forms below. Default: {default}.\n"
    for tag, model in tags.items():
        lines = list(_section(model, f"{path}.", field.description or "", level + 1))
        yield f"{'#' * (level + 1)} {path} with `{name}: {tag}`\n"
        yield from lines[2:]


def _type(field: FieldInfo) -> str:
    for found in (field.metadata, list(marks(field.annotation))):
        names = [mark.name for mark in found if isinstance(mark, Shown)]
        if names:
            return names[-1]  # a narrower type adds its name after that of the wider one
    item = problems.item_type(field.annotation)
    if item is not None:
        return f"list of {_choices(item)}"
    return _choices(field.annotation)


def _choices(annotation: Any) -> str:
    for part in (annotation, *get_args(annotation)):
        if get_origin(part) is Literal:
            return ", ".join(f"`{choice}`" for choice in get_args(part))
    raise AssertionError(f"{annotation} has no name for the manual")


def _unit(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        value = plain_values(field.get_default(call_default_factory=True, validated_data={}))
    elif field.metadata and Shown("duration") in field.metadata:
        value = rates.duration_text(rates.duration(field.default))
    else:
        value = rates.plain(field.default) if isinstance(field.default, Decimal) else plain_values(field.default)
    if isinstance(value, dict | list):
        return f"`{json.dumps(value)}`".replace('"', "")
    if value == "":
        return '`""`'
    return "null" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"
