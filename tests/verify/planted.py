"""A result folder in memory, whose tables are given: for planting one fault and seeing which check names it."""

from __future__ import annotations

from typing import Any

import numpy as np

from fillwright.verify.audit import Audit
from fillwright.verify.reading import Currency, Folder, Instrument, Sheet

TEXTS = (
    "account", "strategy", "symbol", "currency", "side", "exit_reason", "rule_id", "tag", "status", "status_before", "event", "reason",
    "kind", "liquidity", "stage",
)  # fmt: skip
CURRENCIES = (Currency("USD", 2), Currency("EUR", 3), Currency("JPY", 0))
INSTRUMENTS = (
    Instrument("AAA", 2, 0, 0, 1, 1),
    Instrument("SAP", 2, 0, 1, 10, 3),
    Instrument("SONY", 0, 0, 2, 1, 1),
)


class Planted(Folder):
    """Tables as columns of whole numbers in their own units, and texts; three currencies, an instrument of each."""

    def __init__(self, **tables: dict[str, list[Any]]) -> None:
        self.currencies, self.instruments = CURRENCIES, INSTRUMENTS
        self.lots, self.grouping, self.cash, self._symbols = "fifo", "lot", {}, {}
        self.equity_every = 0
        self.symbol_index = {instrument.symbol: i for i, instrument in enumerate(INSTRUMENTS)}
        self.currency_index = {currency.code: i for i, currency in enumerate(CURRENCIES)}
        if "fills" in tables and "order_events" not in tables:
            tables["order_events"] = {"event": ["fill_part"] * len(tables["fills"]["order_id"])}
        self.sheets = {name: sheet(name, columns) for name, columns in tables.items()}


def sheet(name: str, columns: dict[str, list[Any]]) -> Sheet:
    """A table as it would have been read."""
    texts, arrays = {}, {}
    for column, values in columns.items():
        if column in TEXTS:
            known = [*sorted({text for text in values if text is not None}), None]
            texts[column] = known, np.array([known.index(text) for text in values], np.int64)
        arrays[column] = np.array(values, object if column in TEXTS else np.int64)
    rows = len(next(iter(columns.values())))
    return Sheet(name, rows, arrays, dict.fromkeys(columns, "number"), {}, {}, texts)


def columns_of(names: str, rows: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    """Rows, column by column."""
    return {name: [row[k] for row in rows] for k, name in enumerate(names.split())}


class Recorder(Audit):
    """Keeps what each column must hold."""

    def __init__(self, folder: Folder) -> None:
        super().__init__(folder)
        self.expected: dict[str, Any] = {}

    def column(self, table: str, column: str, expected: Any) -> None:
        self.expected[f"{table}.{column}"] = expected
