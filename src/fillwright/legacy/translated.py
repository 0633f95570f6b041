"""The translated file: settings with the old key that each came from, written as YAML with comments."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fillwright.config import problems
from fillwright.config.emit import to_yaml
from fillwright.config.schema import Config, Data
from fillwright.legacy.previous import Found

_WIDTH = 126


@dataclass
class Translated:
    """Nested plain values, a comment per key path, and the old place of each."""

    data: dict[str, Any] = field(default_factory=dict)
    comments: dict[problems.Path, str] = field(default_factory=dict)
    places: dict[problems.Path, str] = field(default_factory=dict)

    def put(self, path: str, value: Any, keys: Sequence[Found] = (), comment: str = "") -> None:
        """Set ``section.key``; its comment names the old keys unless one is given."""
        parts = tuple(path.split("."))
        here = self.data
        for part in parts[:-1]:
            here = here.setdefault(part, {})
        here[parts[-1]] = value
        text = comment or ", ".join(key.text for key in keys)
        if text:
            self.comments[parts] = text
        if keys:
            self.places[parts] = keys[0].where

    def place(self, path: problems.Path) -> str | None:
        """Where in the old file a new key came from."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return None

    def text(self, heading: Sequence[str]) -> str:
        """The YAML text, with the heading as comment lines on top."""
        order = list(Config.model_fields)
        data = {key: self.data[key] for key in sorted(self.data, key=order.index)}
        data["data"] = {key: data["data"][key] for key in Data.model_fields if key in data.get("data", {})}
        head = [line for part in heading for line in textwrap.wrap(part, _WIDTH, initial_indent="# ", subsequent_indent="#   ")]
        return "\n".join(head) + "\n" + to_yaml(data, self.comments)
