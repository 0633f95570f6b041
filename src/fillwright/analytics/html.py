"""Pieces of a self-contained page: escaped text, tables, the data for the charts, the frame around it all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fillwright.analytics.thin import thin

Ints = npt.NDArray[np.int64]

ASSETS = Path(__file__).with_name("assets")

# Nothing may be loaded and nothing sent, whatever the page contains.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

TICKS = (1_000_000_000, 1_000_000, 1_000, 1)
"""Units of time in ns that a chart's times may be counted in, coarsest first."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell: what is shown, and the number that it sorts by (None: it sorts by its text, to the left)."""

    text: str
    number: float | int | None = None


@cache
def asset(name: str) -> str:
    """Text of a file of ``analytics/assets``."""
    return (ASSETS / name).read_text(encoding="utf-8")


def text(value: str) -> str:
    """Escaped for element content and quoted attributes; characters that no document may hold become U+FFFD."""
    clean = "".join(c if c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff") else "\ufffd" for c in value)
    return escape(clean, quote=True)


def script_json(value: object) -> str:
    """JSON that cannot end the script element it stands in."""
    plain = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    return plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def definition_list(items: Iterable[tuple[str, str]]) -> str:
    """Labels and texts side by side."""
    rows = "".join(f"<dt>{text(label)}</dt><dd>{text(value)}</dd>" for label, value in items)
    return f'<dl class="list">{rows}</dl>'


def bullets(items: Iterable[str]) -> str:
    """A plain list."""
    return "<ul>" + "".join(f"<li>{text(item)}</li>" for item in items) + "</ul>"


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Cell]], sortable: bool = False) -> str:
    """A table with a caption; a column whose cells have numbers is set to the right. ``sortable``: heads are buttons."""
    body = list(rows)
    numeric = [bool(body) and all(row[i].number is not None for row in body) for i in range(len(heads))]
    top = "".join(_head(head, number, sortable) for head, number in zip(heads, numeric, strict=True))
    lines = "".join("<tr>" + "".join(_cell(cell, n) for cell, n in zip(row, numeric, strict=True)) + "</tr>\n" for row in body)
    scroll = f'<div class="scroll" tabindex="0" role="region" aria-label="{text(caption)}">'
    head = f"<caption>{text(caption)}</caption><thead><tr>{top}</tr></thead>"
    return f"{scroll}<table{' class=narrow' if sortable else ''}>{head}\n<tbody>\n{lines}</tbody></table></div>"


def _head(label: str, numeric: bool, sortable: bool) -> str:
    inner = f'<button type="button">{text(label)}</button>' if sortable else text(label)
    return f'<th scope="col"{" class=n" if numeric else ""}>{inner}</th>'


def _cell(cell: Cell, numeric: bool) -> str:
    value = "" if cell.number is None else f' data-v="{cell.number:.15g}"'
    return f"<td{' class=n' if numeric else ''}{value}>{text(cell.text)}</td>"


def section(title: str, body: str, long: bool = False) -> str:
    """A titled part of the page; ``long``: printing may break it."""
    return f"<section{' class=long' if long else ''}><h2>{text(title)}</h2>\n{body}</section>\n"


def figure(name: str, note: str, label: str) -> str:
    """The place of a chart: its id, the words under it, and what a reader who cannot see it hears."""
    box = f'<div class="chart" id="{name}" role="img" aria-label="{text(label)}"></div>'
    return f'<figure>{box}<figcaption id="{name}-note">{text(note)}</figcaption></figure>\n'


def page(title: str, content: str, data: object) -> str:
    """The whole document: styles, content, data, the chart library with its licence, and the script that draws."""
    licence = asset("uPlot.LICENSE").replace("--", "- -")
    return (
        "<!DOCTYPE html>\n"
        f'<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{text(title)}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n'
        f"<!--\nThe charts are drawn by uPlot, whose licence is:\n\n{licence}\n-->\n"
        f"<style>\n{asset('uPlot.min.css')}\n{asset('report.css')}</style>\n</head>\n<body>\n{content}"
        f'<script type="application/json" id="data">{script_json(data)}</script>\n'
        f"<script>{asset('uPlot.iife.min.js')}</script>\n<script>\n{asset('report.js')}</script>\n</body>\n</html>\n"
    )


# ---- points of charts --------------------------------------------------------------------------------------------------------


def line(instants: Ints, values: Ints, decimals: int, limit: int, also: Ints | None = None) -> dict[str, object]:
    """At most ``limit`` points of a line, as differences of whole numbers.

    ``instants`` int64[n] ns; ``values`` int64[n] in 10^-decimals. Decimals that neither the points nor ``also`` (numbers of
    the same unit that are drawn beside them) need are left out; ``decimals`` of the result says how many there are.
    """
    kept = thin(values, limit)
    points, needed = values[kept], np.append(values[kept], np.empty(0, np.int64) if also is None else also)
    while decimals > 0 and not np.any(needed % 10):
        needed, decimals = needed // 10, decimals - 1
    return {"decimals": decimals, "v": differences(needed[: len(points)])} | times(instants[kept])


def times(instants: Ints) -> dict[str, object]:
    """Times as differences in the coarsest unit that is exact; ``tick`` is that unit in seconds."""
    unit = next(ns for ns in TICKS if not np.any(instants % ns))
    return {"tick": unit / 1e9, "t": differences(instants // unit)}


def differences(values: Ints) -> list[int]:
    """The first value, then each minus the one before."""
    return [int(step) for step in np.diff(values, prepend=0)] if len(values) else []
