"""What each fill is: one that met the market, one that undoes another, or one that takes its place at a corrected price.

Rules: ``docs/execution_rules.md`` §10.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fillwright.verify.lifecycle import BUSTS, TELLS
from fillwright.verify.reading import Folder

BOOKS = "books"
"""The stage of fills that meet no market."""


@dataclass(frozen=True)
class Roles:
    """One entry per fill: the fill that it names (-1 = none), whether it undoes that one, the row of its event (-1 = it has none)."""

    of: list[int]
    undoes: list[bool]
    event: list[int]

    def corrects(self, fill: int) -> bool:
        """Whether a fill takes the place of one that was undone."""
        return self.of[fill] >= 0 and not self.undoes[fill]

    def is_corrected(self, fill: int) -> bool:
        """Whether the fill after one that undoes takes the place of what it undid."""
        after = fill + 1
        return after < len(self.of) and self.corrects(after) and self.of[after] == self.of[fill]


def roles(folder: Folder) -> Roles:
    """The role of every fill, from the events that tell of fills: the k-th of them tells of fill k."""
    fills, names = folder["fills"], folder["order_events"]["event"].astype(str)
    rows = np.flatnonzero(np.isin(names, TELLS))[: fills.rows]
    event = np.full(fills.rows, -1, np.int64)
    event[: len(rows)] = rows
    undoes = np.zeros(fills.rows, np.bool_)
    undoes[: len(rows)] = np.isin(names[rows], BUSTS)
    named = fills.columns.get("exec_ref_id", np.full(fills.rows, -1, np.int64))  # a folder of an earlier version has none
    return Roles(named.tolist(), undoes.tolist(), event.tolist())
