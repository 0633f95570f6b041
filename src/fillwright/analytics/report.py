"""One self-contained page about a run: verdict, figures, assumptions and warnings first, then charts and tables.

The page loads nothing: styles, data and the chart library are inside. Equal inputs give equal bytes. Charts show at most
``POINTS`` points a line, chosen so that highs and lows remain; every figure was computed from all of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fillwright.analytics import format as fmt
from fillwright.analytics import html
from fillwright.analytics.definitions import GROUPS
from fillwright.analytics.facts import SummaryInputs
from fillwright.analytics.html import Cell
from fillwright.analytics.metrics import MetricInputs
from fillwright.analytics.summary import NO_COSTS, drawdown, frequency, instruments, period
from fillwright.errors import UsageError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

POINTS = 4_000
PRICE_POINTS = 40_000
"""Points of all instruments together."""
MOST_INSTRUMENTS = 100
MOST_FILLS = 2_000
"""Fills marked in the chart of one instrument, and 5 times as many in all."""
MOST_TRADES = 500


@dataclass(frozen=True, slots=True)
class Fills:
    """Fills of one instrument: int64[n] time in ns UTC, price in units of its series, side +1 or -1, 1 if it opened."""

    time: Ints
    price: Ints
    side: Ints
    opened: Ints


@dataclass(frozen=True, slots=True)
class Prices:
    """The marks of one instrument: int64[n] ns UTC and int64[n] in 10^-decimals; its fills."""

    symbol: str
    decimals: int
    instants: Ints
    values: Ints
    fills: Fills


@dataclass(frozen=True, slots=True)
class TradeTable:
    """The first trades as text: heads, one row of cells each, and how many there are in all."""

    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: int


@dataclass(frozen=True)
class ReportInputs:
    """What a report shows: the facts, what the figures were computed from, and what is only drawn or listed.

    config  effective settings, plain values
    """

    facts: SummaryInputs
    measured: MetricInputs
    prices: tuple[Prices, ...] = ()
    trades: TradeTable = field(default=TradeTable((), (), 0))
    config: Mapping[str, object] = field(default_factory=dict)
    version: str = ""


def write_report(path: str | os.PathLike[str], inputs: ReportInputs) -> Path:
    """Write the page to ``path`` (an existing file is replaced) and return it. UsageError if that cannot be done."""
    target = Path(path)
    try:
        target.write_text(render(inputs), encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"the report cannot be written: {error.strerror}", where=str(target)) from error
    return target


def render(inputs: ReportInputs) -> str:
    """The page as text."""
    shown = _shown(inputs.prices)
    data = _data(inputs, shown)
    parts = [_header(inputs.facts), "<main>\n", _key_figures(inputs.facts), _assumptions(inputs.facts)]
    parts += [_charts(inputs, shown), _months(inputs), _funnel(inputs.facts), _switches(inputs.facts), _trades(inputs)]
    parts += [_figures(inputs.facts), _config(inputs.config), "</main>\n", _footer(inputs)]
    return html.page(inputs.facts.name, "".join(parts), data)


# ---- first screen ------------------------------------------------------------------------------------------------------------


def _header(facts: SummaryInputs) -> str:
    banners = "".join(_banner(kind, word, rest) for kind, word, rest in _verdicts(facts))
    line = html.text(f"{instruments(facts)}: {period(facts)}")
    return f'<header><h1>{html.text(facts.name)}</h1><p class="soft">{line}</p>\n{banners}</header>\n'


def _verdicts(facts: SummaryInputs) -> Iterator[tuple[str, str, str]]:
    if facts.error is not None:
        at = f" at {fmt.moment(facts.error_at)} UTC" if facts.error_at else ""
        yield "bad", f"The run stopped ({facts.state}{at})", f"{facts.error} (the figures are of what was recorded until then)"
    if facts.verdict is None:
        yield "warn", "Not checked", "no certificate was given"
    elif facts.verdict.ok:
        yield "good", "Reconciled", ". ".join(filter(None, (facts.verdict.text, facts.verdict.identity)))
    else:
        yield "bad", "NOT RECONCILED", facts.verdict.text
    if not facts.costs:
        head, _, rest = NO_COSTS.partition(": ")
        yield "warn", head, rest


def _banner(kind: str, word: str, rest: str) -> str:
    return f'<div class="banner {kind}" role="status">{html.text(word)}: <span>{html.text(rest)}</span></div>\n'


def _key_figures(facts: SummaryInputs) -> str:
    cards = "".join(
        f'<div class="card"><dt>{html.text(label)}</dt><dd>{html.text(value)}</dd><dd class="note">{html.text(note)}</dd></div>\n'
        for label, value, note in _cards(facts)
    )
    return f'<dl class="figures" aria-label="Key figures">\n{cards}</dl>\n'


def _cards(facts: SummaryInputs) -> Iterator[tuple[str, str, str]]:
    ends = f"{fmt.number(facts.start_equity)} to {fmt.number(facts.end_equity)} {facts.currency}"
    yield "Total return", _value(facts, "total_return"), ends
    yield "CAGR", _value(facts, "cagr"), _reason(facts, "cagr") or "calendar years"
    sharpe = _reason(facts, "sharpe") or frequency(facts)
    yield "Sharpe ratio", _value(facts, "sharpe"), sharpe
    yield "Volatility", _value(facts, "volatility"), _reason(facts, "volatility") or "a year, from session closes"
    yield "Largest drawdown", _value(facts, "max_drawdown"), _after_value(drawdown(facts))
    yield "Closed trades", _value(facts, "trades"), _pair(facts, "win_rate", "won", "profit_factor", "profit factor")
    extremes = _pair(facts, "best_trade", "best", "worst_trade", "worst")
    yield f"Average trade, {facts.currency}", _value(facts, "expectancy"), extremes
    yield f"Costs, {facts.currency}", _costs(facts), _pair(facts, "fees", "commission", "slippage", "slippage")


def _after_value(words: str) -> str:
    """The dates alone: ``-10 % from ...`` without its number."""
    return words[words.index("from ") :] if "from " in words else words


def _value(facts: SummaryInputs, name: str) -> str:
    return fmt.figure(facts.metrics[name]) if name in facts.metrics else fmt.NONE


def _reason(facts: SummaryInputs, name: str) -> str:
    return facts.metrics[name].reason if name in facts.metrics else ""


def _pair(facts: SummaryInputs, first: str, first_word: str, second: str, second_word: str) -> str:
    return f"{_value(facts, first)} {first_word}, {_value(facts, second)} {second_word}"


def _costs(facts: SummaryInputs) -> str:
    known = [facts.metrics[name].value for name in ("fees", "slippage") if name in facts.metrics]
    given = [value for value in known if value is not None]
    return fmt.number(sum(given)) if given else fmt.NONE


def _assumptions(facts: SummaryInputs) -> str:
    left = html.section("Assumptions", html.definition_list(facts.assumptions))
    notes = [*facts.warnings, *facts.findings]
    right = html.section("Warnings and data findings", html.bullets(notes) if notes else '<p class="soft">None.</p>')
    return f'<div class="columns">\n{left}{right}</div>\n'


# ---- charts ------------------------------------------------------------------------------------------------------------------


def _shown(prices: tuple[Prices, ...]) -> tuple[Prices, ...]:
    """The instruments that get a chart: those with the most fills if there are too many, in their own order."""
    if len(prices) <= MOST_INSTRUMENTS:
        return prices
    ranked = sorted(range(len(prices)), key=lambda i: (-len(prices[i].fills.time), i))[:MOST_INSTRUMENTS]
    return tuple(prices[i] for i in sorted(ranked))


def _data(inputs: ReportInputs, shown: tuple[Prices, ...]) -> dict[str, object]:
    data: dict[str, object] = {"currency": inputs.facts.currency, "prices": [_price(item, len(shown)) for item in shown]}
    measured = inputs.measured
    if len(measured.instants):
        data["equity"] = html.line(measured.instants, *_rounded(measured), POINTS)
    under = measured.underwater
    if not isinstance(under, str) and np.all(np.isfinite(under.depth)):
        data["drawdown"] = html.line(measured.instants, np.rint(under.depth * 10**7).astype(np.int64), 7, POINTS)
    return data


def _rounded(measured: MetricInputs) -> tuple[Ints, int]:
    """Equity with as many decimals as a chart can show: about eight digits, at least cents."""
    decimals = len(str(measured.scale)) - 1
    digits = len(str(int(np.max(np.abs(measured.equity))) // measured.scale))
    wanted = min(decimals, max(2, 8 - digits))
    return np.rint(measured.equity / 10 ** (decimals - wanted)).astype(np.int64), wanted


def _price(item: Prices, count: int) -> dict[str, object]:
    limit = max(PRICE_POINTS // max(count, 1), 400) if count > PRICE_POINTS // POINTS else POINTS
    total, most = len(item.fills.time), min(MOST_FILLS, max(5 * MOST_FILLS // max(count, 1), 50))
    kept = np.unique(np.linspace(0, total - 1, most).astype(np.int64)) if total > most else np.arange(total)
    prices = item.fills.price[kept]
    series = html.line(item.instants, item.values, item.decimals, limit, also=prices)
    unit = 10 ** (item.decimals - int(str(series["decimals"])))
    kinds = (item.fills.side[kept] < 0) * 1 + (item.fills.opened[kept] == 0) * 2
    fills = {"v": html.differences(prices // unit), "k": kinds.tolist()} | html.times(item.fills.time[kept])
    return series | {"symbol": item.symbol, "fills": fills, "note": _price_note(item, len(kept)), "text": _price_text(item)}


def _price_note(item: Prices, marked: int) -> str:
    total = len(item.fills.time)
    key = "Triangle up: buy, down: sell; filled: opens a position, hollow: closes one."
    if not total:
        return f"{item.symbol}: marks of the execution feed. No fills."
    return f"{key} {total:,} fills." if marked == total else f"{key} {marked:,} of {total:,} fills are marked."


def _price_text(item: Prices) -> str:
    if not len(item.values):
        return f"{item.symbol}: no prices"
    low, high = (fmt.number(int(f(item.values)) / 10**item.decimals) for f in (np.min, np.max))
    return f"Price of {item.symbol} from {low} to {high}, with {len(item.fills.time):,} fills"


def _charts(inputs: ReportInputs, shown: tuple[Prices, ...]) -> str:
    facts, body = inputs.facts, ""
    if len(inputs.measured.instants):
        ends = f"from {fmt.number(facts.start_equity)} to {fmt.number(facts.end_equity)} {facts.currency}"
        thinned = f"At most {POINTS:,} of {facts.marks:,} marks are drawn, highs and lows kept." if facts.marks > POINTS else ""
        hint = "Drag to zoom, double-click to reset. Times are UTC."
        body += html.section(
            "Equity and drawdown",
            html.figure("equity", f"{hint} {thinned}".strip(), f"Equity {ends}")
            + html.figure("drawdown", "Fraction below the highest equity so far.", f"Drawdown: {drawdown(facts)}"),
        )
    if shown:
        options = "".join(f"<option>{html.text(item.symbol)}</option>" for item in shown)
        few = len(shown) < len(inputs.prices)
        label = f"The {len(shown)} of {len(inputs.prices)} instruments with most fills" if few else "Instrument"
        choose = f'<label class="soft">{label} <select id="instrument" autocomplete="off">{options}</select></label>'
        body += f'<section><div class="head"><h2>Price and fills</h2>{choose}</div>\n{html.figure("price", "", "")}</section>\n'
    script = "<noscript><p>The charts need JavaScript; all figures and tables are here without it.</p></noscript>\n"
    return body + script if body else ""


# ---- tables ------------------------------------------------------------------------------------------------------------------


def monthly(instants: Ints, equity: Ints | Floats, start_equity: int) -> dict[int, dict[int, float | None]]:
    """Year -> month (1 to 12; 0 = the year) -> return from session closes, None where equity was not above 0 before.

    ``instants`` int64[d] ns UTC of the closes; ``equity`` [d], in one unit with ``start_equity``.
    """
    # A close at 00:00 of the first belongs to the month that has just ended.
    months = (instants - 1).astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    last = np.append(np.flatnonzero(np.diff(months)), len(months) - 1) if len(months) else np.empty(0, np.int64)
    found: dict[int, dict[int, float | None]] = {}
    before = year_start = float(start_equity)
    for index in last.tolist():
        year, month = 1970 + int(months[index]) // 12, int(months[index]) % 12 + 1
        if year not in found:
            found[year], year_start = {}, before
        now = float(equity[index])
        found[year][month] = now / before - 1 if before > 0 else None
        found[year][0] = now / year_start - 1 if year_start > 0 else None
        before = now
    return found


def _months(inputs: ReportInputs) -> str:
    measured, index = inputs.measured, inputs.measured.day_close_index
    years = monthly(measured.instants[index], measured.value[index], measured.start_equity)
    if not years:
        return ""
    widest = max((abs(v) for year in years.values() for m, v in year.items() if m and v is not None), default=0.0) or 1.0
    names = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    heads = "".join(f'<th scope="col" class=n>{name}</th>' for name in (*names, "Year"))
    rows = "".join(
        f'<tr><th scope="row">{year}</th>' + "".join(_month(values, m, widest) for m in (*range(1, 13), 0)) + "</tr>\n"
        for year, values in years.items()
    )
    head = f'<thead><tr><th scope="col">Year</th>{heads}</tr></thead>'
    caption = "<caption>Returns in percent, from session closes</caption>"
    body = f'<table class="months">{caption}{head}<tbody>\n{rows}</tbody></table>'
    scroll = '<div class="scroll" tabindex="0" role="region" aria-label="Monthly returns">'
    return html.section("Monthly returns", f"{scroll}{body}</div>")


def _month(values: Mapping[int, float | None], month: int, widest: float) -> str:
    value = values.get(month)
    if value is None:
        return "<td>" + ("" if month not in values else fmt.NONE) + "</td>"
    shown = fmt.number(100 * value, 2)
    if month == 0 or value == 0:
        return f"<td>{shown}</td>"
    return f'<td class="{"u" if value > 0 else "d"}" style="--w:{min(abs(value) / widest, 1):.2f}">{shown}</td>'


def _funnel(facts: SummaryInputs) -> str:
    stages = html.table(
        "From what the strategy asked for to what came of it", ("Stage", "Count"),
        [(Cell(stage), Cell(fmt.count(number), number)) for stage, number in facts.funnel],
    )  # fmt: skip
    refused = [(Cell(what), Cell(fmt.count(number), number)) for what, number in facts.refusals]
    caption = "Orders that were refused, made smaller, or ended without trading in full"
    right = html.table(caption, ("What and why", "Orders"), refused) if refused else f'<p class="soft">{caption}: none.</p>'
    return f'<div class="columns">\n{html.section("Funnel", stages)}{html.section("Refusals", right)}</div>\n'


def _switches(facts: SummaryInputs) -> str:
    """Changes of the trading state, nothing where there are none."""
    if not facts.switches:
        return ""
    rows = [(Cell(fmt.moment(at)), Cell(text)) for at, text in facts.switches[:MOST_TRADES]]
    first = "" if len(rows) == len(facts.switches) else f"The first {len(rows):,} of "
    caption = f"{first}{len(facts.switches):,} changes of what orders are allowed; times are UTC"
    return html.section("Trading state", html.table(caption, ("From", "State and why"), rows), long=True)


def _trades(inputs: ReportInputs) -> str:
    table = inputs.trades
    if not table.total:
        return html.section("Trades", '<p class="soft">No trades.</p>')
    first = "" if len(table.rows) == table.total else f"The first {len(table.rows):,} of "
    caption = f"{first}{table.total:,} trades, by entry; times are UTC. A head sorts by its column."
    return html.section("Trades", html.table(caption, table.heads, table.rows, sortable=True), long=True)


def _figures(facts: SummaryInputs) -> str:
    parts = []
    for title, group in GROUPS:
        found = [facts.metrics[item.name] for item in group if item.name in facts.metrics]
        labels = {item.name: item.label for item in group}
        rows = [
            (Cell(labels[m.name]), Cell(fmt.figure(m) if m.value is not None else f"{fmt.NONE}: {m.reason}"),
             Cell(m.frequency), Cell(m.annualisation), Cell(m.definition))
            for m in found
        ]  # fmt: skip
        if rows:
            parts.append(html.table(title, ("Figure", "Value", "From", "To a year", "Definition"), rows))
    return html.section("All figures and what they mean", "\n".join(parts), long=True)


def flat(config: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Settings as (dotted path, value), in order; an empty list or mapping is a value."""
    for key, value in config.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{path}.")
        elif isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
            yield from flat({str(i): item for i, item in enumerate(value)}, f"{path}.")
        else:
            yield path, value


def _config(config: Mapping[str, object]) -> str:
    if not config:
        return ""
    lines = "\n".join(f"{path}: {_setting(value)}" for path, value in flat(config))
    return html.section("Effective configuration", f"<pre>{html.text(lines)}</pre>", long=True)


def _setting(value: object) -> str:
    return f"[{', '.join(fmt.plain(item) for item in value)}]" if isinstance(value, list | tuple) else fmt.plain(value)


def _footer(inputs: ReportInputs) -> str:
    said = [f"<code>{html.text(f'{name} {value}')}</code>" for name, value in inputs.facts.fingerprints]
    marks = "Fingerprints: " + ", ".join(said) + ". " if said else ""
    made = f"Made by fillwright {html.text(inputs.version)}." if inputs.version else "Made by fillwright."
    return f"<footer><p>{marks}{made}</p></footer>\n"
