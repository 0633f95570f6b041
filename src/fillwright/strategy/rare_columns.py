"""The rarer columns of a table of orders: types beyond limit and stop, exits, icebergs, groups and orders after others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fillwright.data.market import Ints
from fillwright.errors import UsageError
from fillwright.model.codes import Action, OrderFlag, SizeMode, TimeInForce
from fillwright.model.order_terms import Terms, check_exits, distance, order_type
from fillwright.strategy.schedule import LARGEST

if TYPE_CHECKING:
    from fillwright.strategy.order_list import _Rows

PRICES = ("touch", "trail_limit", "take_profit", "stop_loss", "per")
COLUMNS = (*PRICES, "trail", "display", "post_only", "reduce_only", "oco", "after")
AUCTIONS = (int(TimeInForce.OPG), int(TimeInForce.CLS))
_TRUTH = {"true": 1, "1": 1, "1.0": 1, "yes": 1, "false": 0, "0": 0, "0.0": 0, "no": 0}


def fill_rare(rows: _Rows, fields: Mapping[str, Ints], instruments: Ints) -> None:
    """Put what the rarer columns say into the fields of the tickets, which have their limits, stops, times in force and sides already."""
    prices = {name: rows.prices(name, instruments) for name in PRICES}
    flags = {name: rows.codes(name, _TRUTH, "true or false", default=0) for name in ("post_only", "reduce_only")}
    shown = rows.lots_of("display", instruments)
    words, texts = rows.words("trail")
    fields["t_take"][:], fields["t_loss"][:] = prices["take_profit"], prices["stop_loss"]
    fields["t_display"][:] = shown
    fields["t_per"][:] = prices.pop("per")
    risks, per = fields["t_size_mode"] == int(SizeMode.RISK), fields["t_per"] != 0
    for wrong, column, message in (
        (risks & (fields["t_loss"] == 0) & ~per, "risk", "needs a stop_loss or per"),
        (per & ~risks, "per", "goes with risk"),
    ):
        if wrong.any():
            remedy = "the size follows from the way from the entry to the stop, or from a move of the price"
            raise rows.refuse(int(np.flatnonzero(wrong)[0]), column, message, remedy)
    fields["t_size_mode"][per] = int(SizeMode.VOLATILITY)
    fields["t_flags"][:] = flags["post_only"] * int(OrderFlag.POST_ONLY)
    fields["t_action"][:] = flags["reduce_only"] * int(Action.REDUCE)
    unusual = (shown > 0) | (words >= 0) | (flags["post_only"] > 0) | np.isin(fields["t_tif"], AUCTIONS)
    for found in prices.values():
        unusual |= found != 0
    for row in np.flatnonzero(unusual).tolist():
        given: dict[str, Any] = {name: int(found[row]) or None for name, found in prices.items()}
        given |= {name: int(fields[f"t_{name}"][row]) or None for name in ("limit", "stop")}
        trail = texts[int(words[row])] if words[row] >= 0 else None
        terms = Terms(**given, trail=trail, post_only=bool(flags["post_only"][row]), display=int(shown[row]) or None)
        try:
            fields["t_type"][row] = int(order_type(terms, int(fields["t_tif"][row])))
            check_exits(int(fields["t_side"][row]), int(fields["t_take"][row]), int(fields["t_loss"][row]))
            if trail is not None:
                scale = rows.market.instruments[int(instruments[row])].price_scale
                fields["t_trail"][row], fields["t_trail_unit"][row] = distance(trail, scale)
                fields["t_limit"][row] = prices["trail_limit"][row]
        except UsageError as error:
            raise rows.refuse(row, "type", error.message, error.remedy or "") from None
        if given["touch"] is not None:
            fields["t_stop"][row] = given["touch"]


def places_after(rows: _Rows, instants: Ints, order: Ints) -> Ints:
    """1 + the cell of the order that each cell comes after, 0 = none; ``order`` are the rows of the cells."""
    values = rows.numbers("after")
    there = np.flatnonzero(~np.isnan(values))
    cells = np.empty(len(order), np.int64)
    cells[order] = np.arange(len(order))
    found = np.zeros(len(order), np.int64)
    for row in there.tolist():
        value = values[row]
        known = 0 <= value < min(len(order), LARGEST) and value == np.floor(value)
        if not known or instants[int(value)] != instants[row] or cells[int(value)] >= cells[row]:
            raise rows.refuse(row, "after", f"is {value:g}", "give the number (from 0) of an earlier row of the same time")
        found[cells[row]] = cells[int(value)] + 1
    return found


def mates(rows: _Rows, instants: Ints, order: Ints) -> Ints:
    """1 + the cell before each cell in its group of orders that cancel each other, 0 = none; ``order`` are the rows of the cells."""
    words, _ = rows.words("oco")
    found = np.zeros(len(order), np.int64)
    last: dict[tuple[int, int], int] = {}
    for cell in np.flatnonzero(words[order] >= 0).tolist():
        row = int(order[cell])
        group = (int(instants[row]), int(words[row]))
        found[cell] = last.get(group, -1) + 1
        last[group] = cell
    return found
