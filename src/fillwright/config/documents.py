"""Reading YAML 1.2, TOML and JSON into plain values, with the place of every key.

Duplicate keys, custom tags and cyclic references are refused. Keys are always text, as written (``0700`` stays ``0700``);
dates stay text. Every error names ``file:line:column``.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from fillwright.config import problems
from fillwright.errors import ConfigError

MAX_NODES = 200_000
"""Most values of one document: aliases can multiply a short text without end."""

_TAG = "tag:yaml.org,2002:"
_AS_TEXT = {_TAG + "str", _TAG + "timestamp", _TAG + "value"}
_CONSTRUCTED = {_TAG + kind for kind in ("int", "float", "bool", "null")}
_MERGE = _TAG + "merge"
_PLAIN = {_TAG + "map", _TAG + "seq"}


@dataclass
class Document:
    """Plain values of one file and where its keys stand: key path -> ``file:line:column``."""

    name: str
    data: dict[str, Any]
    places: dict[problems.Path, str] = field(default_factory=dict)

    def place(self, path: problems.Path) -> str:
        """The place of the key, else of the nearest section around it, else the file."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return self.name


def read_document(path: Path) -> Document:
    """The document in a .yaml, .yml, .toml or .json file; ConfigError if it cannot be read."""
    readers = {".yaml": _read_yaml, ".yml": _read_yaml, ".json": _read_json, ".toml": _read_toml}
    reader = readers.get(path.suffix.lower())
    name = str(path)
    if reader is None:
        raise ConfigError(
            f"{path.suffix or 'no suffix'} is not a kind of configuration", where=name, remedy="use .yaml, .toml or .json"
        )
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        near = problems.near(path.name, (other.name for other in path.parent.iterdir()), 0.75) if path.parent.is_dir() else ""
        raise ConfigError(f"there is no such file{near}", where=name) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=name) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError("is not UTF-8 text", where=f"{name}:{line}", remedy="save the file with the encoding UTF-8") from None
    try:
        document = reader(name, text)
    except RecursionError:
        raise ConfigError("is nested too deeply", where=name) from None
    if not isinstance(document.data, dict):
        raise ConfigError("must be a mapping of sections such as 'data:' and 'strategy:'", where=name)
    return document


def yaml_value(text: str, name: str) -> Any:
    """The plain value of a piece of YAML, for ``--set``; ConfigError naming ``name``."""
    try:
        node = _compose(name, text)
        walk = _Walk(name)
        value = None if node is None else walk.value(node, ())
        walk.finish()
    except ConfigError as error:
        error.where = name
        raise
    return value


# ---- YAML and JSON -----------------------------------------------------------------------------------------------------------


def _compose(name: str, text: str) -> Node | None:
    try:
        node: Node | None = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        message = ", ".join(str(part) for part in (error.context, error.problem) if part)
        raise ConfigError(f"is not valid YAML: {message}", where=where) from None
    except YAMLError as error:
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        reason = getattr(error, "reason", None) or str(error)
        raise ConfigError(f"is not valid YAML: {reason}", where=f"{name}:{line}") from None
    return node


class _Walk:
    """From YAML nodes to plain values; collects places and everything that is refused."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.places: dict[problems.Path, str] = {}
        self.found: list[problems.Problem] = []
        self.count = 0
        self.open: set[int] = set()
        self.constructor = YAML(typ="safe", pure=True).constructor

    def at(self, node: Node) -> str:
        return f"{self.name}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"

    def refuse(self, node: Node, path: problems.Path, message: str) -> None:
        self.found.append(problems.Problem(problems.path_text(path), message, self.at(node)))

    def finish(self) -> None:
        """Raise what was refused."""
        if self.found:
            raise problems.as_error(self.found)

    def value(self, node: Node, path: problems.Path) -> Any:
        self.count += 1
        if self.count > MAX_NODES:
            raise ConfigError(f"has more than {MAX_NODES} values", where=self.at(node))
        if isinstance(node, ScalarNode):
            return self.scalar(node, path)
        if str(node.tag) not in _PLAIN:
            self.refuse(node, path, f"the tag {node.tag} is not used here")
        if id(node) in self.open:
            self.refuse(node, path, "contains itself")
            return None
        self.open.add(id(node))
        try:
            if isinstance(node, SequenceNode):
                return [self.item(child, (*path, index)) for index, child in enumerate(node.value)]
            return self.mapping(node, path)
        finally:
            self.open.discard(id(node))

    def item(self, node: Node, path: problems.Path) -> Any:
        self.places[path] = self.at(node)
        return self.value(node, path)

    def scalar(self, node: ScalarNode, path: problems.Path) -> Any:
        tag = str(node.tag)
        if tag in _AS_TEXT:
            return node.value
        if tag not in _CONSTRUCTED:
            self.refuse(node, path, f"the tag {tag} is not used here")
            return None
        try:
            return self.constructor.construct_object(node)
        except (ValueError, YAMLError):
            self.refuse(node, path, f"cannot be read as a {tag.removeprefix(_TAG)}: {node.value[:40]}")
            return None

    def mapping(self, node: Node, path: problems.Path) -> dict[str, Any]:
        assert isinstance(node, MappingNode)
        result: dict[str, Any] = {}
        first: dict[str, Node] = {}
        merged: list[Node] = []
        for key, child in node.value:
            if not isinstance(key, ScalarNode):
                self.refuse(key, path, "has a key that is not text")
                continue
            if str(key.tag) == _MERGE:
                merged += child.value if isinstance(child, SequenceNode) else [child]
                continue
            here = (*path, key.value)
            if key.value in first:
                self.refuse(key, here, f"the key is given twice, first in line {first[key.value].start_mark.line + 1}")
                continue
            first[key.value] = key
            self.places[here] = self.at(key)
            result[key.value] = self.value(child, here)
        for part in merged:
            values = self.value(part, path)
            if isinstance(values, dict):
                result |= {name: item for name, item in values.items() if name not in result}
            else:
                self.refuse(part, path, "<< must name a mapping")
        return result


def _read_yaml(name: str, text: str) -> Document:
    node = _compose(name, text)
    if node is None:
        raise ConfigError("is empty", where=name)
    walk = _Walk(name)
    data = walk.value(node, ())
    walk.finish()
    return Document(name, data, walk.places)


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not a number")


def _read_json(name: str, text: str) -> Document:
    try:
        data = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ConfigError(f"is not valid JSON: {error.msg}", where=f"{name}:{error.lineno}:{error.colno}") from None
    except ValueError as error:
        raise ConfigError(f"is not valid JSON: {error}", where=name) from None
    # JSON is YAML once tabs are blanks (inside texts JSON allows none): the same walk finds places and duplicate keys.
    node = _compose(name, text.replace("\t", " "))
    walk = _Walk(name)
    if node is not None:
        walk.value(node, ())
    walk.finish()
    return Document(name, data, walk.places)


# ---- TOML --------------------------------------------------------------------------------------------------------------------

_TOML_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_TOML_KEY = re.compile(rf"\s*({_TOML_PART}(?:\s*\.\s*{_TOML_PART})*)\s*=")
_TOML_HEADER = re.compile(rf"\s*(\[\[?)\s*({_TOML_PART}(?:\s*\.\s*{_TOML_PART})*)\s*\]")
_TOML_SKIP = re.compile(r'"""(?:\\.|[^\\])*?"""|' r"'''[\s\S]*?'''|" r""""(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*""", re.DOTALL)
_TOML_AT = re.compile(r"(.*) \(at line (\d+), column (\d+)\)")


def _read_toml(name: str, text: str) -> Document:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _TOML_AT.fullmatch(str(error))
        where = f"{name}:{match[2]}:{match[3]}" if match else name
        raise ConfigError(f"is not valid TOML: {match[1] if match else error}", where=where) from None
    if not data:
        raise ConfigError("is empty", where=name)
    places = {path: f"{name}:{line}:{column}" for path, line, column in _toml_places(text)}
    return Document(name, data, places)


def _toml_places(text: str) -> Iterator[tuple[problems.Path, int, int]]:
    """(key path, line, column) of headers and of keys that start a line; keys within inline tables have their table's place."""
    blank = _TOML_SKIP.sub(lambda match: re.sub(r"[^\n]", "_", match[0]), text)
    counts: dict[problems.Path, int] = {}
    prefix: problems.Path = ()
    depth = 0
    for number, (line, shape) in enumerate(zip(text.split("\n"), blank.split("\n"), strict=True), 1):
        header, key = _TOML_HEADER.match(line), _TOML_KEY.match(line)
        if depth == 0 and shape.strip("_ \t\r") and header and shape.lstrip().startswith("["):
            prefix = _toml_path(header[2], (), counts)
            if header[1] == "[[":
                counts[prefix] = counts.get(prefix, -1) + 1
                prefix = (*prefix, counts[prefix])
            yield prefix, number, header.start(1) + 1
            continue
        if depth == 0 and key and "=" in shape:
            yield _toml_path(key[1], prefix, {}), number, key.start(1) + 1
        depth += sum(shape.count(sign) for sign in "[{") - sum(shape.count(sign) for sign in "]}")


def _toml_path(text: str, prefix: problems.Path, counts: Mapping[problems.Path, int]) -> problems.Path:
    parts = re.findall(_TOML_PART, text)
    path = prefix
    for index, part in enumerate(parts):
        name = json.loads(part) if part.startswith('"') else part.strip("'")
        path = (*path, name)
        if path in counts and index < len(parts) - 1:
            path = (*path, counts[path])
    return path
