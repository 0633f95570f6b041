"""Why a derived column must be what it is: one rule for each, in words, for the messages of failed checks."""

from __future__ import annotations

OF_TABLE = {
    "orders": "as its events and fills leave it",
    "order_events": "follows from the events and fills of its order until then",
    "fills": "follows from its order and the books before it",
    "postings": "what its fill or deposit posts",
    "lot_closes": "the fills booked lot by lot, as account.lots says",
    "switches": "the strictest of what the strategy asks for and what limits on losses have brought",
    "trades": "the lot closes grouped as report.trades says",
    "positions": "the fills of strategy and instrument up to this one",
    "equity": "the balances of the postings at the marks",
}

OF_COLUMN = {
    ("orders", "status"): "the status after its last event",
    ("orders", "cum_quantity"): "the sum of its fills' quantities, less those undone",
    ("orders", "cum_notional"): "the sum of its fills' notionals, less those undone",
    ("orders", "fee"): "the sum of its fills' fees",
    ("orders", "leaves_quantity"): "quantity less cum_quantity, 0 when done",
    ("order_events", "status_before"): "the status after the event before",
    ("order_events", "status"): "the life cycle of orders",
    ("fills", "side"): "that of its order, the other one where it undoes a fill",
    ("fills", "price"): "the reference price and its five steps",
    ("fills", "notional"): "price x quantity x multiplier, half to even",
    ("fills", "position"): "the running sum of the fills of strategy and instrument",
    ("lot_closes", "realised"): "proceeds less cost",
    ("trades", "net_pnl"): "gross_pnl less fees plus financing",
    ("positions", "quantity"): "the running sum of the fills of strategy and instrument",
    ("equity", "positions_value"): "equity less cash",
    ("equity", "drawdown"): "the highest equity so far less equity",
}


def rule(table: str, column: str) -> str:
    """The rule of a column, or else of its table; "" where there is none."""
    return OF_COLUMN.get((table, column), OF_TABLE.get(table, ""))
