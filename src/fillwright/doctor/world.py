"""Everything outside a run that a run could change, in groups, before and after."""

from __future__ import annotations

import atexit
import builtins
import decimal
import gc
import locale
import logging
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

from fillwright.coordinator.isolation import Snapshot
from fillwright.data.market import Market
from fillwright.doctor.facts import facts_of

Facts = dict[str, Any]
_MISSING = object()
_CALLABLES = (FunctionType, BuiltinFunctionType, type)

POOLS = frozenset({"fillwright.kernel.blocks._spare"})
"""What fillwright keeps for later runs on purpose: memory whose contents are never read before they are written."""

REMEDIES = {
    "module": "keep what a run computes in fw.state fields or in self, not in the module",
    "class": "keep what a run computes in fw.state fields or in self, not in the class, in defaults of arguments or in closures",
    "engine": "this is fillwright's own state: please report it",
    "patched": "do not replace functions of other modules: write a function of your own",
    "process": "draw from np.random.default_rng(seed) kept in self; leave environment and working directory as they are",
    "interpreter": "undo it in on_stop, or do it in the program that starts the runs, not in the strategy",
    "logging": "set logging up in the program that starts the runs, not in the strategy",
    "files": "write no files from a strategy, or give each run a folder of its own that is removed",
}
"""What to do about a change, by kind of group."""


@dataclass(frozen=True)
class Change:
    """One difference: group of facts, name in it, and how ("is new", "is gone", "was changed")."""

    group: str
    name: str
    how: str

    @property
    def kind(self) -> str:
        """Kind of its group, a key of REMEDIES."""
        return self.group.partition(" ")[0]

    def __str__(self) -> str:
        owner = f"{self.group}: " if self.kind in ("module", "class") else ""
        return f"{owner}{self.name} {self.how}"


class World:
    """Facts by group. ``files``: sources of the user's; modules loaded from them, and their classes, are looked into deeply."""

    def __init__(self, market: Market, files: Iterable[Path], folders: Iterable[Path]) -> None:
        self._market = market
        self._files = {str(path) for path in files}
        self._folders = tuple(dict.fromkeys([*folders, Path(tempfile.gettempdir())]))
        self._known: dict[str, Callable[[], Facts]] = {}

    def groups(self) -> dict[str, Callable[[], Facts]]:
        """All groups as they are now: name -> function that takes its facts."""
        own = self._own_modules()
        names = frozenset(own)
        found: dict[str, Callable[[], Facts]] = {
            "process": lambda: Snapshot(self._market, None, 0).facts,
            "interpreter": _interpreter,
            "logging": _logging,
            "files": lambda: _files(self._folders),
            "engine": _engine,
            "patched": lambda: _callables(names),
        }
        for name, module in own.items():
            found[f"module {_shown(name)}"] = lambda module=module: _names(vars(module), names)  # type: ignore[misc]
            for cls in [value for value in vars(module).values() if isinstance(value, type) and value.__module__ == name]:
                found[f"class {cls.__qualname__}"] = lambda cls=cls: _names(vars(cls), names)  # type: ignore[misc]
        return found

    def take(self) -> dict[str, Facts]:
        """The facts of all groups."""
        return {name: take() for name, take in self.groups().items()}

    def probe(self, group: str, names: Iterable[str]) -> Facts:
        """A few facts of one group, cheaply where that is possible."""
        if group in ("patched", "engine"):
            return {name: _callable(name) for name in names}
        if group not in self._known:
            self._known = self.groups()
        return self._known[group]() if group in self._known else {}

    def _own_modules(self) -> dict[str, ModuleType]:
        own = {}
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if isinstance(file, str) and file in self._files:
                own[name] = module
        return own


def changes(before: Mapping[str, Facts], after: Mapping[str, Facts]) -> list[Change]:
    """What differs. A group that was not there before is no change: its module was loaded in between."""
    found = []
    for group, facts in before.items():
        now = after.get(group, {})
        for name in dict.fromkeys([*facts, *now]):
            if name not in now:
                how = "is gone"
            elif name not in facts:
                if group in ("patched", "engine"):
                    continue  # modules fill themselves when they are first used
                how = "is new"
            elif facts[name] != now[name] and not _not_loaded(facts[name]):
                how = "was changed"
            else:
                continue
            found.append(Change(group, name, how))
    return found


def _not_loaded(fact: Any) -> bool:
    return type(fact) is object


def _shown(module: str) -> str:
    return module.removeprefix("fillwright_user_")


def _names(names: Mapping[str, Any], own: frozenset[str]) -> Facts:
    """Attributes of a module or class, but for those that the interpreter keeps there."""
    return {
        name: facts_of(value, own)
        for name, value in list(names.items())
        if not name.startswith("_abc_") and (not name.startswith("__") or name == "__init__")
    }


def _interpreter() -> Facts:
    hooks = {name: id(getattr(sys, name, None)) for name in ("excepthook", "displayhook", "unraisablehook", "breakpointhook")}
    streams = {f"sys.{name}": id(getattr(sys, name)) for name in ("stdin", "stdout", "stderr")}
    facts: Facts = {
        "sys.path": tuple(sys.path),
        "sys.meta_path": tuple(map(id, sys.meta_path)),
        "sys.path_hooks": tuple(map(id, sys.path_hooks)),
        "recursion limit": sys.getrecursionlimit(),
        "switch interval": sys.getswitchinterval(),
        "profiler": id(sys.getprofile()),
        "threading.excepthook": id(threading.excepthook),
        "warnings filters": repr(warnings.filters),
        "warnings.showwarning": id(warnings.showwarning),
        "atexit handlers": atexit._ncallbacks(),
        "gc thresholds": gc.get_threshold(),
        "gc enabled": gc.isenabled(),
        "gc callbacks": tuple(map(id, gc.callbacks)),
        "decimal context": repr(decimal.getcontext()),
        "locale": locale.setlocale(locale.LC_ALL),
        "numpy error handling": repr(np.geterr()),
        "numpy print options": repr(np.get_printoptions()),
        "socket timeout": socket.getdefaulttimeout(),
        "multiprocessing start method": multiprocessing.get_start_method(allow_none=True),
        "builtins": tuple((name, id(value)) for name, value in vars(builtins).items() if name != "_"),
    }
    for number in signal.valid_signals():
        facts[f"handler of {_signal_name(number)}"] = id(signal.getsignal(number))
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            facts[f"running thread {thread.name}"] = thread.ident
    for process in multiprocessing.active_children():
        facts[f"running process {process.name}"] = process.pid
    return facts | {f"sys.{name}": value for name, value in hooks.items()} | streams


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _logging() -> Facts:
    manager = logging.Logger.manager
    facts: Facts = {"logging.disable": manager.disable, "logging.raiseExceptions": logging.raiseExceptions}
    loggers = {"root": logging.getLogger()} | {
        name: one for name, one in list(manager.loggerDict.items()) if isinstance(one, logging.Logger)
    }
    for name, one in loggers.items():
        kept = tuple(map(id, one.handlers)), one.level, one.propagate, one.disabled, tuple(map(id, one.filters))
        if name == "root" or kept != ((), 0, True, False, ()):  # to ask for a logger is no change
            facts[f"logger {name}"] = kept
    return facts


def _files(folders: Iterable[Path]) -> Facts:
    facts: Facts = {}
    for folder in folders:
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            if entry.name == "__pycache__":
                continue
            try:
                about = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            facts[f"file {entry.path}"] = "folder" if entry.is_dir() else (about.st_size, about.st_mtime_ns)
    return facts


def _engine() -> Facts:
    """Plain values and containers in fillwright's modules: constants that no run may change."""
    facts: Facts = {}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "fillwright" and not name.startswith("fillwright.doctor"):
            for attribute, value in list(vars(module).items()):
                plain = not attribute.startswith("__") and f"{name}.{attribute}" not in POOLS
                if plain and isinstance(value, int | float | str | list | dict | set | tuple | np.ndarray):
                    facts[f"{name}.{attribute}"] = facts_of(value, frozenset(), 3)
    return facts


def _callables(own: frozenset[str]) -> Facts:
    """Identity of every function and class that modules hold, and of the functions in fillwright's classes. New ones are no change."""
    facts: Facts = {}
    for name, module in list(sys.modules.items()):
        if name in own or name.startswith("fillwright.doctor") or not isinstance(module, ModuleType):
            continue
        inside = name.partition(".")[0] == "fillwright"
        for attribute, value in list(vars(module).items()):
            if attribute.startswith("__"):
                continue
            if isinstance(value, _CALLABLES) or (inside and callable(value)):
                facts[f"{name}:{attribute}"] = id(value)
            if inside and isinstance(value, type) and value.__module__ == name:
                for inner, member in list(vars(value).items()):
                    if isinstance(member, FunctionType | property | staticmethod | classmethod):
                        facts[f"{name}:{attribute}.{inner}"] = id(member)
    return facts


def _callable(name: str) -> Any:
    """The fact of :func:`_callables` of that name alone."""
    module, _, path = name.partition(":")
    value: Any = sys.modules.get(module)
    for part in path.split("."):
        if value is None:
            return _MISSING
        value = vars(value).get(part)
    return id(value)
