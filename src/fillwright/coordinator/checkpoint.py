"""Checkpoints: a run between two instants as one file, from which another process goes on.

The file is a zip of ``manifest.json`` (what was run, and how to go on) and one ``.npy`` array for each array of the run's state. It
holds numbers and text and nothing that could be executed: arrays of objects are refused. The manifest has the SHA-256 of every
array, and of itself. It is written beside its place and renamed into it, so there is an earlier one or the new one, never a part.

Addresses are never stored: the state is laid out anew and what the checkpoint holds is put into it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fillwright._version import __version__
from fillwright.config.rates import duration
from fillwright.config.schema import Checkpoint as Settings
from fillwright.data.kinds import HELD
from fillwright.data.zones import When, parse_when, trading_days
from fillwright.errors import CheckFailed, UsageError
from fillwright.kernel.state import GROWING, TICKET, State
from fillwright.model.codes import OrderEvent
from fillwright.model.columns import SCHEMA_VERSION, TABLES
from fillwright.model.instrument import Instrument

Arrays = dict[str, np.ndarray[Any, Any]]

FORMAT = "fillwright checkpoint"
MANIFEST = "manifest.json"
BEFORE = "before.checkpoint"
FACTS = frozenset(("market", "config", "input", "instant", "time", "warnings", "folder", "driver", "states", "names", "notes", "feed",
                   "kept"))  # fmt: skip
"""What the manifest says of the run."""

NEVER = 1 << 62

REMADE: dict[str, frozenset[str]] = {
    "scalars": frozenset((*GROWING, "instruments", "currencies", "feeds", "books", "instants", "offsets", "event_feed", "equity",
                          "params", "state", "timers", "indicators", "driver", "digests", "self", "stop_at", "outages")),
    "feeds": frozenset((*HELD, "silent")),
    "table_commands": frozenset(("kept",)),
}  # fmt: skip
"""Fields that are not stored: addresses, where the slice in hand ends, and what is written anew before it is read."""

OF_THE_DRIVER = frozenset((*TICKET, "mask", "fused", "first_callback", "n_instants", "uniform", "room", "calling"))
"""Scalars that come from what decides, and from the time line with its timers: a fork has its own."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read: ``facts`` are the manifest, ``seal`` identifies it, ``data`` are the bytes of the file.

    ``before``: of a run that was a fork, the checkpoint that it began from.
    """

    path: str
    facts: Mapping[str, Any]
    arrays: Arrays
    seal: str
    data: bytes
    before: Checkpoint | None

    @property
    def replays(self) -> bool:
        """Whether the run is taken up again by running it anew from the start."""
        return bool(self.facts["kept"])

    @property
    def instant(self) -> int:
        """How many instants are over."""
        return int(self.facts["instant"])

    def usage(self, message: str, remedy: str | None = None) -> UsageError:
        """The error that this checkpoint does not go with what is at hand."""
        return UsageError(message, where=self.path, remedy=remedy)


# -- the state as arrays -----------------------------------------------------------------------------------------------------------


def capture(state: State) -> Arrays:
    """Copies of every array of a state, and its growing tables as far as they are filled; what is remade is 0."""
    found: Arrays = {}
    for name, array in (_arrays(state) | {f"table_{name}": state.table(name) for name in GROWING}).items():
        found[name] = array.copy()
        for field in REMADE.get(name, ()):
            found[name][field] = 0
    found["equity"] = found["equity"][: int(state.scalars["n_equity"])]
    return found


def _arrays(state: State) -> Arrays:
    """The arrays that a state holds itself, by name: whatever is added to it is found here."""
    return {name.lstrip("_"): array for name, array in vars(state).items() if isinstance(array, np.ndarray)}


def put_back(state: State, checkpoint: Checkpoint, fork: bool) -> None:
    """Make a state that was laid out for the same market and terms what it was when the checkpoint was taken."""
    own, arrays = _arrays(state), checkpoint.arrays
    wanted = {name: array.dtype for name, array in own.items()} | {f"table_{name}": state.tables[name].dtype for name in GROWING}
    for name, dtype in wanted.items():
        array = arrays.get(name)
        whole = name == "equity" or name.startswith("table_")
        if array is None or array.dtype != dtype or array.ndim != 1 or not (whole or len(array) == len(own[name])):
            raise checkpoint.usage(f"its array {name} is not one of this version", "take it up with the version that wrote it")
    stored = arrays["scalars"][0]
    fresh = {name: int(state.scalars[name]) for name in OF_THE_DRIVER}
    for name in GROWING:
        state.fill(name, arrays[f"table_{name}"], int(stored[f"{name}_cap"]))
    for name, array in own.items():
        if array.dtype.names is None:
            array[: len(arrays[name])] = arrays[name]
        for field in array.dtype.names or ():
            if field not in REMADE.get(name, ()):
                array[field] = arrays[name][field]
    if fork:
        for name, value in fresh.items():
            state.scalars[name] = max(value, int(stored[name])) if name == "room" else value
        if checkpoint.instant:  # its timers may have made other instants of the same time
            state.scalars["instant"] = np.searchsorted(state.kept[0], stored["now"], side="right")
        state.grow()


def difference(now: Mapping[str, np.ndarray[Any, Any]], then: Mapping[str, np.ndarray[Any, Any]], whole: bool) -> str:
    """The first record in which a repeated run differs from what a checkpoint holds, in words; "" where there is none.

    ``whole``: the repeated run has come to the same instant, so nothing may be missing either.
    """
    for table in TABLES:
        name = f"table_{table.name}"
        if not table.append_only or name not in now:
            continue
        first, second = now[name], then[name]
        common = min(len(first), len(second))
        if first[:common].tobytes() != second[:common].tobytes():
            row = int(np.flatnonzero(first[:common] != second[:common])[0])
            column = next(column for column in table.columns if first[row][column.name] != second[row][column.name])
            values = f"{column.name} is {first[row][column.name]}, was {second[row][column.name]}"
            return f"{_record(table.name, first[row], row)}: {values} (in units of the journal)"
        if len(first) > len(second):
            return f"{_record(table.name, first[common], common)} did not happen before"
        if whole and len(second) > len(first):
            return f"{_record(table.name, second[common], common)} does not happen again"
    if whole:
        for name, array in now.items():
            if array.tobytes() != then[name].tobytes():
                fields = [field for field in array.dtype.names or () if not np.array_equal(array[field], then[name][field])]
                return f"{name.removeprefix('table_')}: {', '.join(fields)}"
    return ""


def _record(table: str, row: Any, number: int) -> str:
    words = f"{table.removesuffix('s')} {number}, {np.datetime64(int(row['instant']), 'ns').astype('datetime64[s]')}Z"
    return f"{words}, order {row['order_id']} {OrderEvent(int(row['event'])).name}" if table == "order_events" else words


# -- when ---------------------------------------------------------------------------------------------------------------------------


def instant_after(when: When, instants: np.ndarray[Any, Any], instrument: Instrument) -> int:
    """Number of the first instant after a time on the clock of an instrument; a date without a time includes that whole day."""
    value, is_day = parse_when(when, instrument.timezone)
    # what happens at the very end of a day belongs to it
    times = trading_days(instants - 1, instrument.timezone, instrument.session) if is_day else instants
    return int(np.searchsorted(times, value, side="right"))


class Cuts:
    """Between which instants checkpoints are due by the settings; none before the first and after the last."""

    def __init__(self, settings: Settings, instants: np.ndarray[Any, Any], instrument: Instrument) -> None:
        self._instants = instants
        self._every = settings.every
        self._step = duration(self._every) if isinstance(self._every, str) else 0
        self._at = NEVER if settings.at is None else instant_after(settings.at, instants, instrument)

    def after(self, instant: int) -> int:
        """Number of the first instant above this one before which a checkpoint is due, NEVER where there is none."""
        found = self._at if self._at > instant else NEVER
        if isinstance(self._every, int):
            found = min(found, (instant // self._every + 1) * self._every)
        elif self._every is not None:
            first = int(self._instants[0])
            passed = (int(self._instants[instant]) - first) // self._step
            found = min(found, int(np.searchsorted(self._instants, first + (passed + 1) * self._step)))
        return found if found < len(self._instants) else NEVER


# -- the file -----------------------------------------------------------------------------------------------------------------------


def write(
    path: str | os.PathLike[str], facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray[Any, Any]], before: Checkpoint | None
) -> None:
    """Write a checkpoint; UsageError where it cannot be written, and then what was there before is there still.

    ``facts``: FACTS by name. ``before``: of a fork the checkpoint that it began from, which is kept inside.
    """
    target = Path(path).absolute()
    may_write(target)
    assert facts.keys() == FACTS, facts.keys() ^ FACTS
    members = {f"{name}.npy": _as_npy(array) for name, array in arrays.items()} | ({BEFORE: before.data} if before else {})
    content = {
        "format": FORMAT,
        "fillwright": __version__,
        "schema_version": SCHEMA_VERSION,
        **facts,
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in members.items()},
    }
    members = {MANIFEST: _as_json({**content, "seal": _seal(content)}), **members}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}-{os.getpid()}.part")
        try:
            with part.open("wb") as file:
                with zipfile.ZipFile(file, "w") as archive:
                    for member, data in members.items():
                        archive.writestr(zipfile.ZipInfo(member), data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(path), remedy="name another file") from error


def may_write(path: str | os.PathLike[str]) -> None:
    """UsageError where something other than a checkpoint is in the place of one."""
    target = Path(path)
    if not target.exists() and not target.is_symlink():
        return
    try:
        with zipfile.ZipFile(target) as archive:
            if json.loads(archive.read(MANIFEST)).get("format") == FORMAT:
                return
    except (OSError, ValueError, KeyError, AttributeError, zipfile.BadZipFile):
        pass
    raise UsageError("is there already and is no checkpoint", where=str(path), remedy="name another file for checkpoints")


def read(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a checkpoint and compare all its hashes.

    UsageError where there is no such file or it was written by another version, CheckFailed for one that was changed or damaged.
    """
    where = str(path)
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise UsageError("there is no such file", where=where, remedy="give the file of a checkpoint") from None
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=where) from None
    return _read(data, where)


def _read(data: bytes, where: str) -> Checkpoint:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            raw = {name: archive.read(name) for name in archive.namelist()}
        content = json.loads(raw.pop(MANIFEST))
    except (ValueError, KeyError, RuntimeError, NotImplementedError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise CheckFailed(f"is no checkpoint, or a damaged one: {error}", where=where, remedy=_REMEDY) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckFailed("is no checkpoint", where=where, remedy=_REMEDY)
    seal = content.pop("seal", None)
    if seal != _seal(content):
        raise CheckFailed(f"{MANIFEST} was changed: it does not fit its seal", where=where, remedy=_REMEDY)
    for name, mine in (("fillwright", __version__), ("schema_version", SCHEMA_VERSION)):
        if content.get(name) != mine:
            remedy = "take it up with the version that wrote it"
            raise UsageError(
                f"was written by {name.replace('_', ' ')} {content.get(name)}, this is {mine}", where=where, remedy=remedy
            )
    hashes = content.pop("sha256", {})
    if raw.keys() != hashes.keys() or not content.keys() >= FACTS:
        raise CheckFailed(f"its members are not those of {MANIFEST}", where=where, remedy=_REMEDY)
    for name, member in raw.items():
        if hashlib.sha256(member).hexdigest() != hashes[name]:
            raise CheckFailed(f"{name} was changed: it does not fit its hash", where=where, remedy=_REMEDY)
    before = raw.pop(BEFORE, None)
    arrays = {name.removesuffix(".npy"): _from_npy(member, name, where) for name, member in raw.items()}
    return Checkpoint(where, content, arrays, seal, data, None if before is None else _read(before, f"{where}: {BEFORE}"))


_REMEDY = "the file was changed or is not complete; take an earlier one, or run again"


def _seal(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(_as_json(content)).hexdigest()


def _as_json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False).encode()


def _as_npy(array: np.ndarray[Any, Any]) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, array, allow_pickle=False)
    return out.getvalue()


def _from_npy(data: bytes, name: str, where: str) -> np.ndarray[Any, Any]:
    try:
        array: np.ndarray[Any, Any] = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False, max_header_size=1 << 20)
    except Exception as error:  # a header of any kind may stand there
        raise CheckFailed(f"{name} cannot be read: {error}", where=where, remedy=_REMEDY) from None
    return array
