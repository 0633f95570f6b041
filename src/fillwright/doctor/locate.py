"""Which line of the user's changed something: facts are taken again after every line until they differ."""

from __future__ import annotations

import linecache
import os
import sys
import threading
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from fillwright.doctor.world import Change, Facts, World

_ABSENT = object()


class Locator:
    """``with Locator(world, files, changes) as locator: run()``; then ``locator.places`` has ``file:line`` by change."""

    def __init__(self, world: World, files: Iterable[str], wanted: Iterable[Change]) -> None:
        self._world = world
        self._files = frozenset(files)
        self._pending: dict[str, list[Change]] = {}
        for change in wanted:
            self._pending.setdefault(change.group, []).append(change)
        self.places: dict[Change, str] = {}
        self._last = ""
        self._before: dict[str, Facts] = {}
        self._busy = False

    def __enter__(self) -> Locator:
        self._before = {group: self._probe(group) for group in self._pending}
        self._old: Callable[..., Any] | None = sys.gettrace()
        threading.settrace(self._call)
        sys.settrace(self._call)
        return self

    def __exit__(self, *error: object) -> None:
        sys.settrace(self._old)
        threading.settrace(None)
        self._check()

    def _probe(self, group: str) -> Facts:
        return self._world.probe(group, [change.name for change in self._pending[group]])

    def _call(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not self._pending or frame.f_code.co_filename not in self._files:
            return None
        self._check()
        return self._line

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        self._check()
        caller = frame.f_back
        if event == "line":
            self._last = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        elif event == "return" and caller is not None and caller.f_code.co_filename in self._files:
            self._last = f"{caller.f_code.co_filename}:{caller.f_lineno}"  # the rest of the calling line comes next
        return self._line if self._pending else None

    def _check(self) -> None:
        """Compare, and put what changed down to the line before."""
        if self._busy or not self._pending:
            return
        self._busy = True
        try:
            for group in list(self._pending):
                now = self._probe(group)
                before = self._before[group]
                if not before and now:  # its module has just been loaded
                    self._before[group] = now
                    continue
                if group == "files":
                    changed = self._files_changed(before, now)
                else:
                    changed = [one for one in self._pending[group] if now.get(one.name, _ABSENT) != before.get(one.name, _ABSENT)]
                if not changed:
                    continue
                self._before[group] = now
                if not self._last:  # no line of the user's has run yet: it is the engine's preparation
                    continue
                self.places |= dict.fromkeys(changed, self._last)
                self._pending[group] = [one for one in self._pending[group] if one not in changed]
                if not self._pending[group]:
                    del self._pending[group]
        finally:
            self._busy = False

    def _files_changed(self, before: Facts, now: Facts) -> list[Change]:
        """Files have other names in every run: what happens in a folder stands for all that was seen there."""
        names = {name for name in before.keys() | now.keys() if before.get(name) != now.get(name)}
        folders = {os.path.dirname(name) for name in names}
        return [one for one in self._pending["files"] if os.path.dirname(one.name) in folders]


def is_import(place: str) -> bool:
    """Whether the line at ``file:line`` imports something, which may change the process in ways that are not the user's."""
    file, _, line = place.rpartition(":")
    return linecache.getline(file, int(line)).lstrip().startswith(("import ", "from "))
