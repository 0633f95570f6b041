"""Every line of docs/execution_tables.md is run as it stands there, and every row of the tables of docs/execution_rules.md is on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import fillwright as fw
from fillwright.model.codes import ExitReason, OrderType
from scenarios.table import Play, X, play
from scenarios.table import market as bars
from scenarios.test_quotes import prints, quote_bars, quotes

pytestmark = pytest.mark.scenario

DOCS = Path(__file__).resolve().parents[2] / "docs"
RULES, TABLES = DOCS / "execution_rules.md", DOCS / "execution_tables.md"
KINDS = ("bars", "quote bars", "quotes", "prints")
SOURCE = re.compile(r"((?:quote bars|bars|quotes|prints)(?: of \w+)?)((?: \+?[\d.]+(?= ))*) +(\d.*)")
STEPS = ("reference_price", "spread", "slippage", "limit", "tick", "price")
ROW = re.compile(r"[A-Z]{2}\d|[A-Z_]{7,}")
INSTRUMENTS = {"": X, "09:30-16:00": replace(X, session=(34_200, 57_600)), "tick 0.05": replace(X, tick=5)}


@dataclass(frozen=True)
class Line:
    """A line of a table: rows that it shows, market ("A bars", or bars written out), settings, orders, what comes of it."""

    rows: str
    market: str
    settings: str
    orders: str
    expected: str
    column: str = "what comes of it"


def cells(line: str) -> list[str]:
    """The cells of a line of a table."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def tables(page: Path) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """(the text before it, its header, its lines) of every table of a page."""
    before, lines = "", iter(page.read_text(encoding="utf-8").splitlines())
    for line in lines:
        if not line.lstrip().startswith("| "):
            before = line or before
            continue
        header, found = cells(line), []
        assert set(next(lines)) <= set(" |-")
        while (line := next(lines, "")).lstrip().startswith("|"):
            found.append(cells(line))
        yield before, header, found


def sources(text: str) -> dict[str, list[tuple[str, str, str, str]]]:
    """Of every market and kind of data, "A bars": its lines as (kind, spread and sizes, session or tick, rows)."""
    found: dict[str, list[tuple[str, str, str, str]]] = {}
    for block in re.findall(r"```text\nmarket (.*?)```", text, re.S):
        head, *rows = block.strip().splitlines()
        name, _, terms = head.partition(" ")
        for row in rows:
            match = SOURCE.fullmatch(row.strip())
            assert match, row
            kind, numbers, text = match.groups()
            found.setdefault(f"{name} {kind.partition(' of ')[0]}", []).append((kind, numbers, terms, text))
    return found


MARKETS = sources(TABLES.read_text(encoding="utf-8"))


def build(kind: str, numbers: str, terms: str, text: str) -> fw.Market:
    """One line of a market."""
    instrument = replace(INSTRUMENTS[terms], symbol=kind.partition(" of ")[2] or X.symbol)
    text = text.replace("|", "\n")
    kind = kind.partition(" of ")[0]
    if kind == "quote bars":
        return quote_bars(text, *(float(number) for number in numbers.split()), instrument=instrument)
    return {"quotes": quotes, "prints": prints}.get(kind, bars)(text, instrument)


def market(name: str) -> fw.Market:
    """The market of a name, or of bars that are written out."""
    if name not in MARKETS:
        return bars(name.strip("`").replace(";", "\n"))
    first, *others = [build(*source) for source in MARKETS[name]]
    for other in others:
        first += other
    return first


def lines(page: Path) -> Iterator[Line]:
    """Every line of a page that can be run; of a line for all kinds of data one each."""
    for before, header, found in tables(page):
        for row in found:
            if header[1] == "market":
                yield Line(*row, column=header[4])
                continue
            ((name, time),) = re.findall(r"Market (\w); each order is given at (\S+)\.", before)
            orders = "; ".join(f"{time} {order}" for order in row[2].split("; "))
            for kind, expected in zip(KINDS, row[3:], strict=True):
                yield Line(row[0], f"{name} {kind}", "", orders, expected)


def outcome(found: Play) -> str:
    """The fills, and the ends of orders that did not just wait until the data ended."""
    fills = [re.sub(r" fee 0(?= |$)", "", fill) for fill in found.fills]
    ends = [f"#{number} {found.status(number)}" for number in range(len(found.record.tables["orders"]))]
    return "; ".join([*fills, *(end for end in ends if not end.endswith((" FILLED", " END_OF_DATA")))]) or "-"


def exits(found: Play) -> str:
    """Type of the last order and exit reason of the last fill."""
    orders, fills = found.record.tables["orders"], found.record.tables["fills"]
    return f"{OrderType(int(orders['type'][-1])).name}, {ExitReason(int(fills['exit_reason'][-1])).name}"


def steps(found: Play) -> str:
    """The steps of the last fill's price."""
    fill = found.record.tables["fills"][-1]
    *parts, price = (f"{int(fill[name]) / 100:.2f}" for name in STEPS)
    return f"{', '.join('0' if part == '0.00' else part for part in parts)} = {price}"


def realised(found: Play) -> str:
    """What each closed lot brought in."""
    return ", ".join(f"{money.normalize():f}" for money in found.realised)


OUTCOMES = {
    "what comes of it": outcome,
    "type, exit reason": exits,
    "reference, spread, slippage, limit, tick = price": steps,
    "realised": realised,
}


def run(line: Line) -> str:
    """What comes of a line."""
    settings: dict[str, Any] = YAML(typ="safe").load(line.settings.strip("`")) or {}
    found = play(market(line.market), line.orders.replace(";", "\n"), **settings)
    return OUTCOMES[line.column](found)


LINES = list(lines(TABLES))


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.rows} {line.market} {line.orders}"[:70])
def test_what_comes_of_it(line: Line) -> None:
    assert run(line) == line.expected


def rows_of_the_rules() -> list[str]:
    """Names of all rows of tables of the rules: the first cell, or in the table of checks the reasons of its last."""
    found: list[str] = []
    for _, header, rows in tables(RULES):
        for row in rows:
            found += row[-1].split(", ") if header[-1] == "reason" else [row[0]]
    return found


def test_every_row_of_the_rules_is_shown_and_has_a_name_of_its_own() -> None:
    named, shown = rows_of_the_rules(), {name for line in LINES for name in line.rows.split()}
    assert [name for name in named if not ROW.fullmatch(name)] == []
    assert len(named) == len(set(named)) > 60
    assert shown == set(named)


def test_every_table_of_figures_is_run() -> None:
    written = sum(len(rows) * (len(KINDS) if header[2] == "order" else 1) for _, header, rows in tables(TABLES))
    assert written == len(LINES) > 250
    assert all(header[3:] == list(KINDS) for _, header, _ in tables(TABLES) if header[2] == "order")


def test_a_wrong_figure_is_found() -> None:
    line = next(line for line in LINES if line.expected.endswith("@ 99.50 maker"))
    assert run(replace(line, orders=line.orders.replace("99.50", "99.49"))) != line.expected
