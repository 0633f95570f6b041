"""What the verifier finds in lists of legs: each fault planted, and named."""

from __future__ import annotations

from typing import Any

import pytest

from fillwright.verify.audit import Audit, Check
from fillwright.verify.legs import LEG, check_legs
from verify.test_order_checks import Sheet, Tables


class Named(Sheet):
    """A table that knows the names of its columns."""

    @property
    def columns(self) -> list[str]:
        return list(self)


def folder() -> Tables:
    """Orders 1 and 2 are one list that has filled, 3 and 4 another that has not; 0 is no leg."""
    tables = Tables(
        orders={
            "list_id": [-1, 1, 1, 3, 3], "flags": [0, LEG, LEG, LEG | 1, LEG], "quantity": [9, 4, 5, 6, 7],
            "cum_quantity": [3, 4, 5, 0, 0], "intent_id": [0, 1, 1, 2, 2], "decided_at": [1, 2, 2, 3, 3], "sent_at": [1, 2, 2, 3, 3],
            "arrived_at": [1, 2, 2, 3, 3], "tif": [1, 1, 1, 2, 2], "symbol": [0, 0, 1, 1, 0],
        },
        fills={"order_id": [0, 1, 2], "instant": [5, 6, 6]},
    )  # fmt: skip
    tables.sheets["orders"] = Named(tables.sheets["orders"])
    return tables


def said(tables: Tables) -> Check:
    audit = Audit(tables)  # type: ignore[arg-type]
    check_legs(audit)
    return audit.checks[0]


def test_whole_lists_are_fine() -> None:
    assert said(folder()) == Check("orders.legs", True, 4, "")


ONE, TWO = "orders.parquet rows 1, 2 column list_id: ", "orders.parquet rows 3, 4 column list_id: "
FAULTS: list[tuple[str, str, int, Any, str]] = [
    ("orders", "cum_quantity", 2, 4, ONE + "some legs have filled and others have not, or in part"),
    ("orders", "cum_quantity", 1, 0, ONE + "some legs have filled and others have not, or in part"),
    ("orders", "cum_quantity", 4, 7, TWO + "some legs have filled and others have not, or in part"),
    ("fills", "instant", 2, 7, ONE + "the legs did not fill at one instant, each at once"),
    ("fills", "order_id", 0, 1, ONE + "the legs did not fill at one instant, each at once"),
    ("orders", "symbol", 2, 0, ONE + "legs of one list have an instrument in common"),
    ("orders", "intent_id", 4, 3, TWO + "legs of one list differ in intent_id"),
    ("orders", "decided_at", 4, 2, TWO + "legs of one list differ in decided_at"),
    ("orders", "sent_at", 3, 2, TWO + "legs of one list differ in sent_at"),
    ("orders", "arrived_at", 3, 2, TWO + "legs of one list differ in arrived_at"),
    ("orders", "tif", 1, 2, ONE + "legs of one list differ in tif"),
    ("orders", "flags", 3, 1, "orders.parquet row 3 column list_id: 3, but the order is no leg"),
    ("orders", "flags", 0, LEG, "orders.parquet row 0 column list_id: -1, but the order is a leg"),
]


@pytest.mark.parametrize("table, column, row, value, words", FAULTS)
def test_a_fault_is_named(table: str, column: str, row: int, value: Any, words: str) -> None:
    tables = folder()
    tables[table][column][row] = value
    check = said(tables)
    assert (check.name, check.ok, check.detail) == ("orders.legs", False, words)


def test_a_list_has_the_number_of_its_first_order() -> None:
    tables = folder()
    tables["orders"]["list_id"][:] = [-1, 2, 2, 3, 3]
    assert said(tables).detail == "orders.parquet rows 1, 2 column list_id: 2 is not the number of the first of orders in a row"
