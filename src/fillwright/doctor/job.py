"""A subject as another process can make it again: by file and name, never by memory."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fillwright.config.schema import Config
from fillwright.data.market import Market
from fillwright.doctor.subject import Subject
from fillwright.strategies import resolve
from fillwright.strategy.base import Strategy
from fillwright.strategy.driver import Driver
from fillwright.strategy.source import local_files


@dataclass(frozen=True)
class Job:
    """A subject that can be pickled.

    module, name, file  where a class or function is found; "" for arrays
    arrays              ready-made arrays themselves, else None
    folder              working directory of the runs
    """

    module: str
    name: str
    file: str
    params: Mapping[str, Any]
    arrays: Driver | None
    market: Market
    config: Config
    folder: str

    @classmethod
    def of(cls, subject: Subject) -> Job | None:
        """None where another process could not find it: a class typed into a prompt, or made inside a function."""
        code, params = _code(subject)
        folder = os.getcwd()
        if code is None:
            arrays: Any = subject.decides
            return cls("", "", "", {}, arrays, subject.market, subject.config, folder)
        file = _file(code)
        if file is None or "<" in code.__qualname__:
            return None
        return cls(code.__module__, code.__qualname__, str(file), params, None, subject.market, subject.config, folder)

    def subject(self) -> Subject:
        """The subject, its module imported where it was not yet."""
        return Subject(self.arrays or self._decides(), self.market, self.config)

    def _decides(self) -> Any:
        file = Path(self.file)
        if self.module != "__main__" and not self.module.startswith("fillwright_user_") and self._importable(file):
            found: Any = importlib.import_module(self.module)
            for part in self.name.split("."):
                found = getattr(found, part)
            if isinstance(found, type):
                return found(**self.params)
            return functools.update_wrapper(functools.partial(found, **self.params), found)
        return resolve(f"{file.name}:{self.name}", self.params, file.parent)

    def _importable(self, file: Path) -> bool:
        if self.module in sys.modules:
            return True
        try:
            spec = importlib.util.find_spec(self.module)
        except (ImportError, ValueError):
            return False
        return spec is not None and spec.origin is not None and Path(spec.origin) == file


def source_files(subject: Subject) -> list[Path]:
    """The user's sources of a subject; empty for arrays and what is built in."""
    code, _ = _code(subject)
    file = None if code is None else _file(code)
    return [] if file is None else local_sources(str(file))


def local_sources(file: str) -> list[Path]:
    """A file and the local files that it imports; empty for none ("") and for one of fillwright's own."""
    if not file or Path(__file__).resolve().parents[1] in Path(file).parents:
        return []
    return sorted(local_files(Path(file)))


def _code(subject: Subject) -> tuple[Any, Mapping[str, Any]]:
    """(class or function, its parameters); (None, {}) for arrays."""
    decides: Any = subject.decides
    if isinstance(decides, Strategy):
        return type(decides), decides.params
    if hasattr(decides, "attach"):
        return None, {}
    if isinstance(decides, functools.partial):
        return decides.func, decides.keywords
    return decides, {}


def _file(code: Any) -> Path | None:
    try:
        file = Path(inspect.getfile(code))
    except (OSError, TypeError):
        return None
    return file.resolve() if file.is_file() else None
