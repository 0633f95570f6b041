"""What the verifier finds in orders, events and fills that contradict each other: each fault planted, and named exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fillwright.verify.audit import Audit, Check
from fillwright.verify.lifecycle import HELD, PENDING_CANCEL
from fillwright.verify.links import TERMS, _terms
from fillwright.verify.orders import _Life, _limits, _order_of_times, _replay, check_orders
from verify.planted import Recorder

TEXTS = ("event", "reason", "side")


class Sheet(dict[str, Any]):
    """Columns of a table."""

    @property
    def rows(self) -> int:
        return len(next(iter(self.values())))


class Tables:
    """Tables of a folder in memory, whole numbers in their own units."""

    def __init__(self, **tables: dict[str, list[Any]]) -> None:
        self.sheets = {
            name: Sheet({column: np.array(values, object if column in TEXTS else np.int64) for column, values in columns.items()})
            for name, columns in tables.items()
        }

    def __getitem__(self, name: str) -> Sheet:
        return self.sheets[name]

    def units(self, name: str, column: str) -> Any:
        return self.sheets[name][column]

    def references(self, name: str, column: str, to: str) -> Any:
        assert to in self.sheets
        return self.sheets[name][column]


def timely() -> Tables:
    """Order 0 is filled at 6 and 7 by the instants 6 and 8, order 1 at 9; every time is the latest that it may be."""
    return Tables(
        orders={"decided_at": [5, 4], "sent_at": [5, 8], "arrived_at": [6, 9]},
        fills={"order_id": [0, 0, 1], "time": [6, 7, 9], "instant": [6, 8, 9]},
        order_events={"time": [5, 5, 9], "instant": [5, 5, 9]},
    )


def said_of_times(tables: Tables, lives: list[_Life] | None = None) -> Check:
    audit = Audit(tables)  # type: ignore[arg-type]
    _order_of_times(audit, lives or [_Life(accepted_at=99), _Life(accepted_at=99)])
    return audit.checks[0]


def test_times_in_order_are_fine_and_all_counted() -> None:
    assert said_of_times(timely()) == Check("times.order", True, 8, "")


@pytest.mark.parametrize(
    "table, column, row, value, words",
    [
        ("orders", "decided_at", 1, 9, "orders.parquet row 1: decided_at is after sent_at"),
        ("orders", "decided_at", 0, 6, "orders.parquet row 0: decided_at is after sent_at"),
        ("orders", "sent_at", 1, 10, "orders.parquet row 1: sent_at is after arrived_at"),
        ("fills", "time", 0, 5, "fills.parquet row 0 column time: before its order arrived"),
        ("fills", "time", 2, 8, "fills.parquet row 2 column time: before its order arrived"),
        ("fills", "time", 1, 9, "fills.parquet row 1 column time: after the instant in which it was processed"),
        ("fills", "instant", 2, 7,
         "fills.parquet row 2 column time: after the instant in which it was processed; "
         "fills.parquet row 2 column instant: before the row above"),
        ("order_events", "time", 1, 7, "order_events.parquet row 1 column time: after the instant in which it was processed"),
        ("order_events", "instant", 0, 7, "order_events.parquet row 1 column instant: before the row above"),
    ],
)  # fmt: skip
def test_a_time_out_of_order_is_named(table: str, column: str, row: int, value: int, words: str) -> None:
    tables = timely()
    tables[table][column][row] = value
    assert said_of_times(tables) == Check("times.order", False, 8, words)


@pytest.mark.parametrize("accepted, fine", [(6, True), (7, False), (0, True)])
def test_a_replaced_order_arrived_when_it_was_accepted(accepted: int, fine: bool) -> None:
    """Its arrived_at is that of the replace, later than its first fill."""
    tables = timely()
    tables["orders"]["arrived_at"][0] = 50
    assert said_of_times(tables).ok is False
    check = said_of_times(tables, [_Life(replaced=True, accepted_at=accepted), _Life()])
    assert check.detail == ("" if fine else "fills.parquet row 0 column time: before its order arrived")


@pytest.mark.parametrize("sent, fine", [(6, True), (7, False)])
def test_a_replaced_order_arrived_not_before_it_was_sent(sent: int, fine: bool) -> None:
    tables = timely()
    tables["orders"]["sent_at"][0], tables["orders"]["arrived_at"][0] = sent, 50
    assert said_of_times(tables, [_Life(replaced=True, accepted_at=1), _Life()]).ok is fine


def filled() -> Tables:
    """A buy, a sale and a market order, filled in another order than that of the events; the first event has no fill."""
    return Tables(
        orders={"side": ["buy", "sell", "buy"]},
        fills={"order_id": [1, 0, 2], "quantity": [5, 6, 7], "available": [5, -1, 8]},
        order_events={"event": ["accept", *["fill_part"] * 3], "fill_id": [-1, 1, 0, 2], "limit_price": [1, 100, 100, 0]},
    )


def said_of_limits(tables: Tables, price: list[int]) -> list[Check]:
    audit = Audit(tables)  # type: ignore[arg-type]
    _limits(audit, np.array(price, np.int64))
    return audit.checks


def test_fills_at_their_limits_and_at_all_the_volume_are_fine() -> None:
    assert said_of_limits(filled(), [100, 100, 500]) == [
        Check("fills.limit", True, 2, ""), Check("fills.volume", True, 3, ""),
    ]  # fmt: skip
    assert said_of_limits(filled(), [101, 99, 1])[0].ok


@pytest.mark.parametrize("row, price", [(0, [99, 100, 500]), (1, [100, 101, 500])])
def test_a_fill_beyond_its_limit_is_named(row: int, price: list[int]) -> None:
    words = f"fills.parquet row {row} column price: beyond the limit of its order"
    assert said_of_limits(filled(), price)[0] == Check("fills.limit", False, 2, words)


@pytest.mark.parametrize("limit", (-1, 1))
def test_a_limit_of_one_unit_either_side_of_nothing_is_a_limit(limit: int) -> None:
    tables = filled()
    tables["order_events"]["limit_price"][3] = limit
    assert said_of_limits(tables, [100, 100, 2])[0].detail == "fills.parquet row 2 column price: beyond the limit of its order"


def test_an_event_of_a_fill_that_is_not_there_is_left_to_another_check() -> None:
    tables = filled()
    tables["order_events"]["fill_id"][1] = 3
    assert said_of_limits(tables, [100, 999, 500])[0] == Check("fills.limit", True, 1, "")


@pytest.mark.parametrize("available, fine", [(5, True), (4, False), (0, False), (-1, True)])
def test_more_than_was_available_is_named(available: int, fine: bool) -> None:
    tables = filled()
    tables["fills"]["available"][0] = available
    words = "" if fine else "fills.parquet row 0 column quantity: more than was available"
    assert said_of_limits(tables, [100, 100, 500])[1] == Check("fills.volume", fine, 3, words)


def told(events: list[tuple[str, int]], fills: list[tuple[int, int, int]], **first: Any) -> tuple[list[_Life], Any]:
    """The lives of two orders: (event, fill) of order 0 at 10, 20, ... and (order, quantity, fee) of the fills."""
    rows = len(events)
    columns: dict[str, list[Any]] = {
        "order_id": [0] * rows, "event": [event for event, _ in events], "flags": first.get("flags", [0] * rows),
        "quantity": first.get("quantity", [10] * rows), "fill_id": [fill for _, fill in events],
        "reason": first.get("reason", [None] * rows), "time": [10 * (row + 1) for row in range(rows)],
    }  # fmt: skip
    tables = Tables(
        orders={"side": ["buy", "buy"]},
        order_events=columns,
        fills={name: [fill[k] for fill in fills] for k, name in enumerate(("order_id", "quantity", "fee"))},
    )
    notional = [1_000 * (number + 1) for number in range(len(fills))]
    return _replay(tables, notional, np.zeros(len(fills), np.int64))  # type: ignore[arg-type]


def test_an_order_through_all_its_events() -> None:
    events = [("submit", -1), ("accept", -1), ("fill_part", 1), ("cancel_request", -1), ("fill_all", 0)]
    lives, said = told(events, [(0, 6, 2), (0, 4, 3)], flags=[HELD | 64, 0, 1, 2, 3])
    life = lives[0]
    assert (life.status, life.cum, life.notional, life.fee, life.quantity) == ("filled", 10, 3_000, 5, 10)
    assert (life.done_at, life.accepted_at, life.fixed, life.replaced, life.reason) == (50, 20, 64, False, "none")
    assert said.before == ["initialized", "pending_new", "new", "partially_filled", "partially_filled"]
    assert said.after == ["pending_new", "new", "partially_filled", "partially_filled", "filled"]
    assert said.flags == [HELD | 64, HELD | 64, HELD | 64, HELD | 64 | PENDING_CANCEL, HELD | 64]
    assert (said.cum, said.leaves, said.late) == ([0, 0, 4, 4, 10], [10, 10, 6, 6, 0], [0] * 5)
    assert (said.illegal, said.crossed) == ([], [])
    assert lives[1] == _Life()


def test_a_fill_after_the_cancel_is_late_and_leaves_the_end_where_it_was() -> None:
    events = [("submit", -1), ("accept", -1), ("cancel_request", -1), ("cancel", -1), ("fill_part", 0)]
    lives, said = told(events, [(0, 4, 1)], reason=["none", None, "none", "canceled_by_user", "none"])
    assert (lives[0].status, lives[0].done_at, lives[0].reason) == ("canceled", 40, "canceled_by_user")
    assert (said.late, said.leaves) == ([0, 0, 0, 0, 1], [10, 10, 10, 0, 0])


def test_an_order_whose_last_fill_is_taken_back_is_not_done() -> None:
    events = [("submit", -1), ("accept", -1), ("fill_part", 0), ("fill_all", 1), ("bust", 2)]
    lives, said = told(events, [(0, 4, 5), (0, 6, 3), (0, 4, -2)])
    life = lives[0]
    assert (life.status, life.done_at, life.cum, life.notional, life.fee) == ("partially_filled", 0, 6, 0, 6)
    assert (said.cum, said.leaves, said.late) == ([0, 0, 4, 10, 6], [10, 10, 6, 0, 4], [0] * 5)
    assert (said.illegal, said.crossed) == ([], [])


def test_a_bust_says_whether_anything_is_filled_still() -> None:
    fills = [(0, 4, 0), (0, 6, 0), (0, 4, 0), (0, 6, 0)]
    events = [("submit", -1), ("accept", -1), ("fill_part", 0), ("fill_all", 1), ("bust", 2), ("bust_all", 3)]
    lives, said = told(events, fills)
    assert (said.illegal, lives[0].status, lives[0].cum) == ([], "new", 0)
    assert told([*events[:4], ("bust_all", 2)], fills[:3])[1].illegal == [
        "order_events.parquet row 4 column event: bust_all, but 6 of order 0 is filled"
    ]
    assert told([*events[:5], ("bust", 3)], fills)[1].illegal == [
        "order_events.parquet row 5 column event: bust, but 0 of order 0 is filled"
    ]


def test_a_fill_that_undoes_another_is_beyond_no_limit() -> None:
    """The limit may have moved since; a corrected one is within it."""
    tables = filled()
    assert not said_of_limits(tables, [99, 100, 500])[0].ok
    tables["order_events"]["event"][2] = "bust"
    assert said_of_limits(tables, [99, 100, 500])[0] == Check("fills.limit", True, 2, "")


def test_a_replace_counts_from_its_confirmation() -> None:
    events = [("submit", -1), ("accept", -1), ("replace_request", -1), ("replace", -1)]
    lives, said = told(events, [], quantity=[10, 10, 25, 25])
    assert said.leaves == [10, 10, 10, 25]
    assert lives[0].replaced and lives[0].quantity == 25


def test_flags_come_from_the_first_event_and_from_what_happened() -> None:
    lives, said = told([("submit", -1), ("accept", -1), ("cancel_request", -1)], [], flags=[0, HELD | 64, HELD])
    assert said.flags == [0, 0, PENDING_CANCEL]
    assert lives[0].fixed == 0
    # No bits of an order: what the first event says is still held against the others.
    _, said = told([("submit", -1), ("accept", -1)], [], flags=[-128, 128])
    assert said.flags == [-128, -128]


def test_every_column_of_orders_and_events_is_compared() -> None:
    """Order 0 is filled beyond its limit and before it arrived, 1 was never heard of, 2 is partly filled, its flags are wrong."""
    tables = Tables(
        orders={"side": ["buy"] * 3, "flags": [0, 64 | HELD, 128], "quantity": [4, 5, 9], "decided_at": [1, 1, 1],
                "sent_at": [1, 1, 1], "arrived_at": [40, 1, 1]},
        fills={"order_id": [0, 2], "quantity": [4, 3], "fee": [1, 2], "time": [30, 40], "instant": [30, 40], "available": [-1, -1]},
        order_events={
            "order_id": [0, 0, 0, 2, 2, 2], "event": ["submit", "accept", "fill_all", "submit", "resume", "fill_part"],
            "flags": [64, 0, 0, 0, 0, 0], "quantity": [4, 4, 4, 9, 9, 9], "fill_id": [-1, 0, 0, -1, -1, 1],
            "reason": [None] * 6, "time": [10, 20, 30, 31, 32, 40], "instant": [10, 20, 30, 31, 32, 40],
            "limit_price": [7] * 6,
        },
    )  # fmt: skip
    audit = Recorder(tables)  # type: ignore[arg-type]
    check_orders(audit, [70, 80], np.array([8, 7], np.int64))
    before = ["initialized", "pending_new", "new", "initialized", "pending_new", "pending_new"]
    assert audit.expected == {
        "order_events.status_before": before,
        "order_events.status": ["pending_new", "new", "filled", "pending_new", "pending_new", "partially_filled"],
        "order_events.flags": [64, 64, 64, 0, 0, 0],
        "order_events.cum_quantity": [0, 0, 4, 0, 0, 3],
        "order_events.leaves_quantity": [4, 4, 0, 9, 9, 6],
        "order_events.late": [0] * 6,
        "orders.status": ["filled", "initialized", "partially_filled"],
        "orders.flags": [64, 64, 0],
        "orders.reason": ["none"] * 3,
        "orders.cum_quantity": [4, 0, 3],
        "orders.leaves_quantity": [0, 5, 6],
        "orders.cum_notional": [70, 0, 80],
        "orders.fee": [1, 0, 2],
        "orders.done_at": [30, 0, 0],
    }
    assert audit.checks == [
        Check("order_events.legal", False, 6, "order_events.parquet row 4 column event: resume of order 2 when pending_new"),
        Check("order_events.fill_id", False, 2, "order_events.parquet row 1 column fill_id: 0, but accept has no fill"),
        Check("times.order", False, 11, "fills.parquet row 0 column time: before its order arrived"),
        Check("fills.limit", False, 3, "; ".join(["fills.parquet row 0 column price: beyond the limit of its order"] * 2)),
        Check("fills.volume", True, 2, ""),
    ]


@pytest.mark.parametrize(
    "events, fills, illegal, crossed",
    [
        ([("fill_part", 0)], [(0, 4, 0)], ["row 0 column event: fill_part of order 0 when initialized"], []),
        ([("submit", -1), ("accept", -1), ("fill_part", 0), ("fill_part", 0)], [(0, 4, 0)], [],
         ["order_events.parquet row 3 column fill_id: 0 is no new fill of order 0"]),
        ([("submit", -1), ("accept", -1), ("fill_part", 0)], [(1, 4, 0)], [],
         ["order_events.parquet row 2 column fill_id: 0 is no new fill of order 0",
          "fills.parquet row 0: no event of its order names it"]),
        ([("submit", -1), ("accept", -1), ("fill_part", 1)], [(0, 4, 0)], [],
         ["order_events.parquet row 2 column fill_id: 1 is no new fill of order 0",
          "fills.parquet row 0: no event of its order names it"]),
        ([("submit", -1), ("accept", -1), ("fill_part", -1)], [(0, 4, 0)], [],
         ["order_events.parquet row 2 column fill_id: -1 is no new fill of order 0",
          "fills.parquet row 0: no event of its order names it"]),
        ([("submit", 0)], [(0, 4, 0)], [],
         ["order_events.parquet row 0 column fill_id: 0, but submit has no fill",
          "fills.parquet row 0: no event of its order names it"]),
        ([("submit", -2)], [], [], ["order_events.parquet row 0 column fill_id: -2, but submit has no fill"]),
    ],
)  # fmt: skip
def test_events_and_fills_that_do_not_belong_together(
    events: list[tuple[str, int]], fills: list[tuple[int, int, int]], illegal: list[str], crossed: list[str]
) -> None:
    _, said = told(events, fills)
    assert said.illegal == [f"order_events.parquet {words}" for words in illegal]
    assert said.crossed == crossed


@pytest.mark.parametrize("trail_unit", (0, 1))
@pytest.mark.parametrize("moved", TERMS)
def test_prices_of_trailing_orders_move_without_events_and_nothing_else_does(moved: str, trail_unit: int) -> None:
    """The accept of a trailing order may show another stop or limit than its submit, never another quantity."""
    events = {"event": ["submit", "accept"], "order_id": [0, 0]} | {name: [10, 12 if name == moved else 10] for name in TERMS}
    orders = {"trail_unit": [trail_unit]} | {name: [12 if name == moved else 10] for name in TERMS}
    tables = Tables(orders=orders, order_events=events)
    for sheet in tables.sheets.values():
        sheet.decimals = ()  # type: ignore[attr-defined]
    audit = Audit(tables)  # type: ignore[arg-type]
    _terms(audit)
    said = next(check for check in audit.checks if check.name == "order_events.terms")
    if trail_unit and moved != "quantity":
        assert all(check.ok for check in audit.checks), audit.checks
    else:
        assert said.detail == f"order_events.parquet row 1 column {moved}: accept does not change it"


@pytest.mark.parametrize(
    "event, may", [("accept", ()), ("shrink", ("quantity",)), ("replace", TERMS), ("replace_request", TERMS)]
)
@pytest.mark.parametrize("moved", TERMS)
def test_shrinking_changes_the_quantity_and_a_replace_all_terms(moved: str, event: str, may: tuple[str, ...]) -> None:
    """What is only requested is not in force, so that the order still has the old terms."""
    now = 10 if event == "replace_request" else 12
    events = {"event": ["submit", event], "order_id": [0, 0]} | {name: [10, 12 if name == moved else 10] for name in TERMS}
    orders = {"trail_unit": [0]} | {name: [now if name == moved else 10] for name in TERMS}
    tables = Tables(orders=orders, order_events=events)
    for sheet in tables.sheets.values():
        sheet.decimals = ()  # type: ignore[attr-defined]
    audit = Audit(tables)  # type: ignore[arg-type]
    _terms(audit)
    words = "" if moved in may else f"order_events.parquet row 1 column {moved}: {event} does not change it"
    assert [check for check in audit.checks if not check.ok] == ([Check("order_events.terms", False, 2, words)] if words else [])
