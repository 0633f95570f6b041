"""Changes to one value of a result folder, made in memory: the verifier is handed the tables as they would be read.

Every derived column of every table is changed in every way that its kind allows; the list is the column table's own.
"""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import fillwright.verify as package
from fillwright.errors import CheckFailed
from fillwright.model.columns import FILES
from fillwright.verify import verify_folder
from fillwright.verify.reading import Folder

DERIVED = [(table.name, column.name) for table in FILES for column in table.canonical if column.role == "derived"]
KEPT = [("order_events", column) for column in ("quantity", "limit_price", "stop_price")]
"""Given where an order is made or changed, and repeated by every other event."""
FOUND = [*KEPT, ("order_events", "flags")]
"""Columns whose change is found, perhaps in another row: some events of an order are the measure of the others."""
UNIT_OF = {("postings", "currency"): "money"}
"""Columns that decide in what units another one is read: their change may be named as that of the other."""


@dataclass(frozen=True)
class Flip:
    """One value of a column changed: in which row, from what to what, and how."""

    table: str
    column: str
    row: int
    how: str
    before: object
    after: object

    def __str__(self) -> str:
        return f"{self.table}.{self.column} row {self.row}: {self.before} -> {self.after} ({self.how})"


def flips(folder: Folder, table: str, column: str, rng: random.Random) -> Iterator[Flip]:
    """Every kind of change of one column, each in a random row where it changes something."""
    values = folder[table][column]
    if not len(values):
        return
    text = column in folder[table].texts
    for how in ("other", "none", "swap") if text else ("plus", "minus", "unit", "sign", "zero", "never", "twice", "swap"):
        for _ in range(20):
            row = rng.randrange(len(values))
            before = values[row]
            after = _changed(folder, table, column, row, how, rng)
            asked = (table, column) in KEPT and folder[table]["event"][row] == "replace_request"
            if after != before and not asked:
                yield Flip(table, column, row, how, before, after)
                break


def _changed(folder: Folder, table: str, column: str, row: int, how: str, rng: random.Random) -> object:
    sheet = folder[table]
    values = sheet[column]
    if how == "swap":
        return values[rng.randrange(len(values))]
    if column in sheet.texts:
        return None if how == "none" else rng.choice(sheet.texts[column][0])
    value = int(values[row])
    unit = int(folder.step(table, column)[row]) if column in sheet.decimals else 1
    return {
        "plus": value + 1,
        "minus": value - 1,
        "unit": value + unit,
        "sign": -value,
        "zero": 0,
        "never": -1,
        "twice": 2 * value,
    }[how]


def with_flip(folder: Folder, flip: Flip) -> Folder:
    """The folder as the verifier would read it with the change in its file."""
    sheet = folder[flip.table]
    values = sheet[flip.column].copy()
    values[flip.row] = flip.after
    changed = replace(sheet, columns={**sheet.columns, flip.column: values})
    if flip.column in sheet.texts:
        texts, places = sheet.texts[flip.column]
        places = places.copy()
        places[flip.row] = texts.index(flip.after)  # type: ignore[arg-type]
        changed = replace(changed, texts={**sheet.texts, flip.column: (texts, places)})
    other = copy.copy(folder)
    other.sheets = {**folder.sheets, flip.table: changed}
    other._symbols = {}
    other.__dict__.pop("order_symbol", None)
    return other


def fault(folder: Folder) -> str:
    """What the verifier, hashes off, finds wrong with a folder in memory; "" if nothing."""
    with mock.patch.object(package, "Folder", lambda path: folder):
        try:
            verification = verify_folder(folder.path, hashes=False)
        except CheckFailed as error:
            return str(error)
    return "" if verification.ok else verification.text()


def overlooks(folder: Folder, flip: Flip) -> bool:
    """Whether the verifier does not find the change, or does not say in which row of which derived column it is."""
    found = fault(with_flip(folder, flip))
    place = flip.table, flip.column
    if place in FOUND:
        return not found
    column = f"({flip.column}|{UNIT_OF.get(place, flip.column)})"
    return re.search(rf"\b{flip.table}\.parquet:? row {flip.row} column {column}:", found) is None


class Folders:
    """Result folders, read when they are first needed; each is good for its part of the derived columns, together for all."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths

    def missed(self, number: int) -> str:
        """The first change in a column of this folder's part that the verifier overlooks, "" if there is none."""
        folder = Folder(self.paths[number])
        rng = random.Random(number)
        scarce = [place for place in DERIVED if place[0] == "reports" and folder["reports"].rows]
        for table, column in [*[*DERIVED, *KEPT][number :: len(self.paths)], *scarce]:
            for flip in flips(folder, table, column, rng):
                if overlooks(folder, flip):
                    return str(flip)
        return ""
