"""The manual is the schema's."""

from __future__ import annotations

import json
from pathlib import Path

from fillwright.config import docs, problems
from fillwright.config.schema import Config


def test_the_committed_manual_is_the_generated_one(root: Path) -> None:
    committed = (root / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert committed == docs.markdown(), "run: fillwright config docs > docs/configuration.md"


def test_every_key_says_what_it_means() -> None:
    for path, field in problems.all_keys(Config):
        assert field.description, path
        assert field.description.endswith("."), path


def test_every_leaf_is_in_the_manual_and_the_json_schema() -> None:
    text = docs.markdown()
    schema = json.loads(docs.schema_json())
    names = {name for part in [schema, *schema["$defs"].values()] for name in part.get("properties", {})}
    for leaf in docs.leaf_paths():
        name = leaf.rsplit(".", 1)[-1]
        assert f"| `{name}` |" in text, leaf
        assert name in names, leaf


def test_json_schema_is_closed() -> None:
    schema = json.loads(docs.schema_json())
    assert schema["$schema"].endswith("2020-12/schema")
    assert all(
        part["additionalProperties"] is False for part in [schema, *schema["$defs"].values()] if part.get("type") == "object"
    )
