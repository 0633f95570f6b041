"""The summary that a trader reads in the terminal: plain text, at most 100 columns, the verdict first."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from fillwright.analytics import format as fmt
from fillwright.analytics.facts import SummaryInputs
from fillwright.analytics.metrics import Metric

WIDTH = 100
LABEL = 18
MOST_LINES = 6
"""Most warnings, findings and refusals that are listed one by one; the rest is counted."""

NO_COSTS = "NO COSTS: no commission and no slippage is set; no real account is like that"


def summary(facts: SummaryInputs) -> str:
    """Text without colours, every line at most 100 columns wide, no line break at the end."""
    lines = [*_head(facts), "", *_result(facts), *_trading(facts), "", *_assumed(facts)]
    return "\n".join(lines)


def _row(label: str, text: str) -> list[str]:
    """One labelled entry, wrapped under itself."""
    first = f"  {label:<{LABEL - 2}}"
    if len(first) > LABEL:
        first += " "
    wrapped = textwrap.wrap(first + text, WIDTH, subsequent_indent=" " * LABEL, break_on_hyphens=False, drop_whitespace=True)
    return [line.rstrip() for line in wrapped] or [first.rstrip()]


def _head(facts: SummaryInputs) -> Iterator[str]:
    yield textwrap.shorten(facts.name, WIDTH, placeholder="...")
    if facts.error is not None:
        at = f" at {fmt.moment(facts.error_at)} UTC" if facts.error_at else ""
        yield from _row("RUN STOPPED", f"{facts.state}{at}: {facts.error}; the figures are of what was recorded until then")
    yield from _row("reconciled" if facts.verdict is None or facts.verdict.ok else "NOT RECONCILED", verdict_text(facts))
    if not facts.costs:
        yield from _row("costs", NO_COSTS)
    yield from _row("period", period(facts))
    yield from _row("instruments", instruments(facts))


def verdict_text(facts: SummaryInputs) -> str:
    """The certificate in a few words."""
    return "not checked" if facts.verdict is None else facts.verdict.text


def period(facts: SummaryInputs) -> str:
    """From when to when, and how much was seen."""
    if not facts.marks:
        return "nothing was stored"
    frames = f" of {', '.join(facts.timeframes)}" if facts.timeframes else ""
    span = f"{fmt.moment(facts.start)} to {fmt.moment(facts.end)} UTC"
    noun = "rows" if any("quotes" in frame or "prints" in frame for frame in facts.timeframes) else "bars"
    return f"{span}, {facts.bars:,} {noun}{frames}, {facts.marks:,} marks"


def instruments(facts: SummaryInputs) -> str:
    """The first symbols, and how many there are."""
    shown = ", ".join(facts.instruments[:8])
    more = len(facts.instruments) - 8
    return f"{shown} and {more} more" if more > 0 else shown or "none"


def _named(facts: SummaryInputs, name: str, label: str = "") -> str:
    """``label value``; where it is not defined, with the reason."""
    metric = facts.metrics.get(name)
    if metric is None:
        return ""
    text = f"{label} {_value(facts, metric)}".strip()
    return text if metric.value is not None else f"{text} ({metric.reason})"


def _value(facts: SummaryInputs, metric: Metric) -> str:
    text = fmt.figure(metric)
    return f"{text} {facts.currency}" if metric.unit == "money" and metric.value is not None else text


def _join(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _result(facts: SummaryInputs) -> Iterator[str]:
    ends = f"{fmt.number(facts.start_equity)} -> {fmt.number(facts.end_equity)} {facts.currency}"
    yield from _row("equity", ends)
    yield from _row("return", _join(_named(facts, "total_return"), _named(facts, "cagr", "CAGR")))
    yield from _row("volatility", _risk(facts))
    yield from _row("drawdown", drawdown(facts))
    if "benchmark_return" in facts.metrics:
        parts = (_named(facts, "benchmark_return"), _named(facts, "alpha", "alpha"), _named(facts, "beta", "beta"))
        yield from _row("benchmark", _join(*parts, _named(facts, "information_ratio", "information ratio")))


def _risk(facts: SummaryInputs) -> str:
    volatility, sharpe = facts.metrics.get("volatility"), facts.metrics.get("sharpe")
    if volatility and sharpe and volatility.reason and volatility.reason == sharpe.reason:
        return f"and Sharpe {fmt.NONE} ({sharpe.reason})"
    return _join(_named(facts, "volatility"), _named(facts, "sharpe", "Sharpe"), frequency(facts))


def frequency(facts: SummaryInputs) -> str:
    """From which returns, and how many a year."""
    sharpe = facts.metrics.get("sharpe")
    return "" if sharpe is None else f"from {sharpe.frequency}, {sharpe.annualisation.split('; ')[-1]}"


def drawdown(facts: SummaryInputs) -> str:
    """The deepest fall with its dates, and the longest."""
    depth = facts.metrics.get("max_drawdown")
    worst = facts.drawdown
    if depth is None or depth.value is None or worst is None:
        return "none" if depth is not None and depth.value == 0 else _named(facts, "max_drawdown")
    back = f"back on {fmt.date(worst.recovered_at)}" if worst.recovered_at is not None else "not recovered"
    dates = f"from {fmt.date(worst.peak_at)} to {fmt.date(worst.trough_at)}, {back}"
    return _join(f"{fmt.figure(depth)} {dates}", _named(facts, "max_drawdown_duration", "longest"))


def _trading(facts: SummaryInputs) -> Iterator[str]:
    stages = dict(facts.funnel)
    chain = " -> ".join(f"{number:,} {stage}" for stage, number in facts.funnel if stage != "no change")
    unchanged = stages.get("no change", 0)
    yield from _row("funnel", chain + (f" ({unchanged:,} of the intents changed nothing)" if unchanged else ""))
    if facts.refusals:
        shown = [f"{number:,} {what}" for what, number in facts.refusals[:MOST_LINES]]
        rest = sum(number for _, number in facts.refusals[MOST_LINES:])
        yield from _row("not traded", "; ".join(shown) + (f"; {rest:,} others" if rest else ""))
    if facts.switches:
        shown = [f"{text} ({fmt.moment(at)} UTC)" for at, text in facts.switches[:MOST_LINES]]
        more = len(facts.switches) - MOST_LINES
        yield from _row("trading state", "; ".join(shown) + (f"; {more:,} more changes" if more > 0 else ""))
    if facts.metrics.get("trades") is not None and facts.metrics["trades"].value:
        counts = _join(_named(facts, "trades") + " closed", f"{_named(facts, 'open_trades')} open")
        quality = (_named(facts, "win_rate", "win rate"), _named(facts, "profit_factor", "profit factor"))
        yield from _row("trades", _join(counts, *quality, _named(facts, "expectancy", "average")))
    else:
        yield from _row("trades", _join("0 closed", f"{_named(facts, 'open_trades')} open"))
    yield from _row("paid", _join(_named(facts, "fees", "commission"), _named(facts, "slippage", "slippage")))
    yield from _row("exposure", _join(_named(facts, "exposure"), _named(facts, "turnover", "turnover a year")))


def _assumed(facts: SummaryInputs) -> Iterator[str]:
    for what, text in facts.assumptions:
        yield from _row(what, text)
    for label, lines in (("data", facts.findings), ("WARNING", facts.warnings)):
        for line in lines[:MOST_LINES]:
            yield from _row(label, line)
        if len(lines) > MOST_LINES:
            yield from _row(label, f"and {len(lines) - MOST_LINES} more")
    if facts.fingerprints:
        yield from _row("fingerprints", ", ".join(f"{name} {value}" for name, value in facts.fingerprints))
