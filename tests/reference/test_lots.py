"""Which lots a closing fill takes, under each booking method: figures worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fillwright.model.codes import Lots, Side
from reference.scenario import Command, Journal, Order
from reference.tables import buy, life, play, sell

THREE_LOTS = (
    "09:31 99 99 99 99 \n 09:32 100 100 100 100 \n 09:33 120 120 120 120 \n 09:34 110 110 110 110 \n 09:35 130 130 130 130"
)


def three_lots(lots: Lots, closing: list[Command], side: Side = Side.BUY) -> Journal:
    """10 at 100, 10 at 120, 10 at 110; then orders at 130."""
    step = buy if side == Side.BUY else sell
    return play(THREE_LOTS, {"09:31": [step(10)], "09:32": [step(10)], "09:33": [step(10)], "09:34": closing}, lots=lots)


@pytest.mark.parametrize(
    "lots, side, taken",
    [
        (Lots.HIGHEST_COST, Side.BUY, [(1, 10), (2, 5)]),
        (Lots.LOWEST_COST, Side.BUY, [(0, 10), (2, 5)]),
        # A short lot's cost is what it brought in, negative: the highest is that of the lot sold lowest.
        (Lots.HIGHEST_COST, Side.SELL, [(0, 10), (2, 5)]),
        (Lots.LOWEST_COST, Side.SELL, [(1, 10), (2, 5)]),
    ],
)
def test_lots_by_unit_cost(lots: Lots, side: Side, taken: list[tuple[int, int]]) -> None:
    journal = three_lots(lots, [sell(15) if side == Side.BUY else buy(15)], side)
    assert [(row["lot_id"], row["quantity"]) for row in journal.lot_closes] == taken


@pytest.mark.parametrize("lots", (Lots.HIGHEST_COST, Lots.LOWEST_COST))
def test_of_equal_unit_costs_the_oldest_goes_first(lots: Lots) -> None:
    market = "09:31 99 99 99 99 \n 09:32 100 100 100 100 \n 09:33 100 100 100 100 \n 09:34 100 100 100 100"
    journal = play(market, {"09:31": [buy(7)], "09:32": [buy(10)], "09:33": [sell(8)]}, lots=lots)
    assert [(row["lot_id"], row["quantity"]) for row in journal.lot_closes] == [(0, 7), (1, 1)]


def test_a_named_lot_goes_first_and_the_rest_is_first_in_first_out() -> None:
    journal = three_lots(Lots.SPECIFIC, [replace(sell(4), lot=1), replace(sell(8), lot=1), sell(6), replace(sell(12), lot=2)])
    taken = [(row["fill_id"], row["lot_id"], row["quantity"]) for row in journal.lot_closes]
    assert taken == [(3, 1, 4), (4, 1, 6), (4, 0, 2), (5, 0, 6), (6, 2, 10), (6, 0, 2)]
    assert [row["lot_id"] for row in journal.orders] == [-1, -1, -1, 1, 1, -1, 2]


def test_a_named_lot_that_is_gone_by_the_time_of_the_fill() -> None:
    journal = three_lots(Lots.SPECIFIC, [replace(sell(10), lot=1), replace(sell(5), lot=1)])
    assert [(row["fill_id"], row["lot_id"], row["quantity"]) for row in journal.lot_closes] == [(3, 1, 10), (4, 0, 5)]


@pytest.mark.parametrize("command", [replace(sell(1), lot=3), replace(buy(1), lot=1)])
def test_an_order_that_names_a_lot_it_cannot_close_is_denied(command: Order) -> None:
    journal = three_lots(Lots.SPECIFIC, [command])
    assert life(journal, 3) == ["09:34 DENY LOT_NOT_OPEN"]
