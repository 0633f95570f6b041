"""What every section of the schema is made of."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


def leaf(meaning: str, default: Any = ..., *, unit: str = "", factory: Any = None) -> Any:
    """A field of the schema: its meaning and unit are what the manual and the JSON Schema say."""
    extra: Any = {"unit": unit} if unit else None
    if factory is not None:
        return Field(default_factory=factory, description=meaning, json_schema_extra=extra)
    return Field(default, description=meaning, json_schema_extra=extra)


class Section(BaseModel):
    """Base of all sections: frozen, closed, defaults checked."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, protected_namespaces=())
