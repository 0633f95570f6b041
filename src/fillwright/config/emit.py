"""Plain values as YAML that reads back equal, with a comment where one is given."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from fillwright.config import rates
from fillwright.config.problems import Path

_BARE = re.compile(r"(?:\.\.?/)?[A-Za-z_][A-Za-z0-9_./-]*|\.\.?|\d{4}-\d{2}-\d{2}")
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def to_yaml(data: Mapping[str, Any], comments: Mapping[Path, str] | None = None) -> str:
    """Block style for mappings, one line for everything else; ``comments`` by key path."""
    return "\n".join(_block(data, (), "", comments or {})) + "\n"


def _block(value: Mapping[str, Any], path: Path, indent: str, comments: Mapping[Path, str]) -> Iterator[str]:
    for key, item in value.items():
        here = (*path, key)
        comment = f"  # {comments[here]}" if here in comments else ""
        if isinstance(item, Mapping) and item:
            yield f"{indent}{scalar(key)}:{comment}"
            yield from _block(item, here, indent + "  ", comments)
        elif isinstance(item, list) and any(isinstance(part, Mapping) for part in item):
            yield f"{indent}{scalar(key)}:{comment}"
            for part in item:
                yield f"{indent}  - {flow(part)}"
        else:
            yield f"{indent}{scalar(key)}: {flow(item)}{comment}"


def flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """A scalar that reads back as the same value; decimals as numbers."""
    if isinstance(value, Decimal):
        return rates.plain(value)
    if isinstance(value, str) and _BARE.fullmatch(value) and value.lower() not in _WORDS:
        return value
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in text)
