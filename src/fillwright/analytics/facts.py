"""What happened in a run and under which assumptions, in plain data: the content of the summary and of the report's head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from fillwright.analytics import format as fmt
from fillwright.analytics.drawdown import Drawdown
from fillwright.analytics.measure import start_time
from fillwright.analytics.metrics import Metric, MetricInputs, metrics, worst_drawdown
from fillwright.data.market import Feed
from fillwright.journal import Ints, Records, RunRecord
from fillwright.model.codes import LimitAction, OrderEvent, OrderStatus, Reason, RunState, TradingState
from fillwright.portfolio import standing

Settings = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the certificate says: whether everything reconciled, one line such as ``2,768 marks, residual 0``, and the equity
    as the sum of what it came from."""

    ok: bool
    text: str
    identity: str = ""


@dataclass(frozen=True)
class SummaryInputs:
    """What a summary says.

    state        name of the run's state, lower case; ``error`` what stopped it, None if nothing did; ``error_at`` ns UTC, 0 none
    start, end   ns UTC: opening of the first and close of the last stored bar; ``marks`` stored instants
    bars         bars of the execution feeds shown to the run; ``timeframes`` as text
    verdict      None: not checked
    start_equity, end_equity    in ``currency``
    funnel       (stage, count), first to last; ``refusals`` (what and why, count), most frequent first
    switches     (ns UTC, what the trading state became and why), in their order
    assumptions  (what, setting); ``costs`` False: neither commission nor slippage was configured
    findings     what the data checks reported
    fingerprints (name, value)
    """

    name: str
    state: str
    start: int
    end: int
    marks: int
    bars: int
    instruments: tuple[str, ...]
    currency: str
    start_equity: float
    end_equity: float
    metrics: Mapping[str, Metric]
    funnel: tuple[tuple[str, int], ...]
    timeframes: tuple[str, ...] = ()
    refusals: tuple[tuple[str, int], ...] = ()
    switches: tuple[tuple[int, str], ...] = ()
    assumptions: tuple[tuple[str, str], ...] = ()
    costs: bool = True
    verdict: Verdict | None = None
    drawdown: Drawdown | None = None
    error: str | None = None
    error_at: int = 0
    findings: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    fingerprints: tuple[tuple[str, str], ...] = ()
    strategies: tuple[str, ...] = field(default=())


def summary_inputs(
    record: RunRecord,
    trades: Records,
    measured: MetricInputs,
    verdict: Verdict | None = None,
    figures: Mapping[str, Metric] | None = None,
) -> SummaryInputs:
    """The facts of a run; ``measured`` from ``analytics.measure``, ``figures`` its metrics if they are there already."""
    settings = record.config.canonical()
    scale = measured.scale
    end = int(record.instants[-1]) if len(record.instants) else 0
    feeds = [record.market.execution_feed(i) for i in range(len(record.market.instruments))]
    bars = sum(int(np.searchsorted(feed.close_time, end, "right")) for feed in feeds)
    return SummaryInputs(
        name=record.config.report.title or record.config.run.name,
        state=RunState(record.state).name.lower(),
        start=start_time(record),
        end=end,
        marks=len(record.instants),
        bars=record.counters.get("bars", bars),
        instruments=record.names.symbols,
        currency=measured.currency,
        start_equity=measured.start_equity / scale,
        end_equity=(int(record.equity[-1]) if len(record.equity) else measured.start_equity) / scale,
        metrics=figures if figures is not None else metrics(measured),
        funnel=funnel(record, trades),
        timeframes=tuple(dict.fromkeys(rows_text(feed) for feed in sorted(feeds, key=lambda feed: feed.timeframe_ns))),
        refusals=refusals(record),
        switches=switches(record, measured.currency),
        assumptions=assumptions(record, settings),
        costs=any(_chosen(_at(settings, "costs", kind)) for kind in ("commission", "slippage")),
        verdict=verdict,
        drawdown=worst_drawdown(measured),
        error=record.error,
        error_at=record.error_at,
        findings=tuple(f"{item} [{item.count} rows]" if item.count > 1 else str(item) for item in record.market.findings),
        warnings=record.warnings,
        fingerprints=_fingerprints(record),
        strategies=record.names.strategies,
    )


def funnel(record: RunRecord, trades: Records) -> tuple[tuple[str, int], ...]:
    """intents -> orders -> accepted -> filled -> trades, and the intents that changed nothing. Fills are those that stand."""
    orders, events = record.tables["orders"], record.tables["order_events"]
    # A fill implies acceptance even where the broker reported both at once.
    accepted = np.zeros(len(orders), np.bool_)
    accepted[events["order_id"][events["event"] == OrderEvent.ACCEPT]] = True
    accepted |= orders["cum_quantity"] > 0
    stages = (
        ("intents", record.counters.get("intents", 0)),
        ("no change", record.counters.get("no_change", 0)),
        ("orders", len(orders)),
        ("accepted", int(np.count_nonzero(accepted))),
        ("filled", int(np.count_nonzero(orders["cum_quantity"] > 0))),
        ("fills", int(np.count_nonzero(standing(record.tables["fills"])))),
        ("trades", len(trades)),
    )
    return stages


def refusals(record: RunRecord) -> tuple[tuple[str, int], ...]:
    """Orders that were refused, cut or ended without trading in full, by what and why, and fills taken back; most frequent first."""
    orders, events = record.tables["orders"], record.tables["order_events"]
    ended = (OrderStatus.DENIED, OrderStatus.REJECTED, OrderStatus.CANCELED, OrderStatus.EXPIRED)
    found: dict[str, int] = {}
    rows = orders[np.isin(orders["status"], ended)]
    for status, reason, number in _pairs(rows["status"], rows["reason"]):
        found[_words(OrderStatus(status).name, reason)] = number
    shrunk = events[events["event"] == OrderEvent.SHRINK]
    for _, reason, number in _pairs(shrunk["event"], shrunk["reason"]):
        found[_words("made smaller", reason)] = number
    fills = record.tables["fills"]
    named = int(np.count_nonzero(fills["exec_ref_id"] >= 0))
    undone = int(np.count_nonzero(~standing(fills))) // 2
    # Each fill that was undone has one that undoes it; one more names it where its price was corrected.
    taken_back = (("fills undone", 2 * undone - named), ("fills corrected", named - undone))
    found |= {what: number for what, number in taken_back if number}
    return tuple(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def switches(record: RunRecord, currency: str) -> tuple[tuple[int, str], ...]:
    """Changes of the trading state: ``halted, flatten: max daily loss, 1,250.00 of 1,000.00 USD``."""
    scale = 10**record.scales.base
    found = []
    for row in record.tables["switches"]:
        text = TradingState(int(row["state"])).name.lower().replace("_", " ")
        if row["action"] == LimitAction.FLATTEN:
            text += ", flatten"
        if row["reason"]:
            text += f": {Reason(int(row['reason'])).name.lower().replace('_', ' ')}"
        else:
            text += ": by the strategy"
        if row["required"]:
            text += f", {fmt.number(int(row['required']) / scale)} of {fmt.number(int(row['available']) / scale)} {currency}"
        found.append((int(row["instant"]), text))
    return tuple(found)


def _pairs(first: Ints, second: Ints) -> list[tuple[int, int, int]]:
    pairs, numbers = np.unique(np.stack((first, second)), axis=1, return_counts=True)
    return [(int(a), int(b), int(n)) for (a, b), n in zip(pairs.T, numbers, strict=True)]


def _words(what: str, reason: int) -> str:
    words = what.lower().replace("_", " ")
    return words if reason == Reason.NONE else f"{words}: {Reason(reason).name.lower().replace('_', ' ')}"


def rows_text(feed: Feed) -> str:
    """What orders trade on: ``1 min``, ``1 min quotes``, ``quotes``."""
    words = ("" if feed.is_instant else timeframe(feed.timeframe_ns), "" if feed.kind == "bars" else feed.rows_word.split()[0])
    return " ".join(word.replace("quote", "quotes") if word == "quote" else word for word in words if word)


def timeframe(ns: int) -> str:
    """60_000_000_000 -> 1 min."""
    for size, unit in ((86_400_000_000_000, "d"), (3_600_000_000_000, "h"), (60_000_000_000, "min"), (1_000_000_000, "s")):
        if ns >= size and ns % size == 0:
            return f"{ns // size} {unit}"
    return f"{ns / 1e9:g} s"


# ---- assumptions ------------------------------------------------------------------------------------------------------------


def assumptions(record: RunRecord, settings: Settings) -> tuple[tuple[str, str], ...]:
    """(what, setting) of everything that a reader has to know before believing the figures."""
    fills = record.tables["fills"][standing(record.tables["fills"])]
    ambiguous = int(np.count_nonzero(fills["ambiguous"]))
    said = [
        ("fill timing", _timing(settings)),
        ("path in a bar", _text(settings, "execution", "path")),
        ("volume", _volume(record, settings)),
        ("latency", _text(settings, "execution", "latency")),
        ("commission", _cost(settings, "commission")),
        ("slippage", _cost(settings, "slippage")),
        ("account", _account(settings)),
        ("flat at", _text(settings, "orders", "flat_at")),
        ("ambiguous fills", f"{ambiguous:,} of {len(fills):,}: another path through the same bar would have differed"),
    ]
    return tuple((what, text) for what, text in said if text)


def _at(settings: Settings, *keys: str) -> object:
    value: object = settings
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value


def _text(settings: Settings, *keys: str) -> str:
    value = _at(settings, *keys)
    if isinstance(value, list | tuple):
        return ", ".join(_plain_words(item) for item in value)
    return "" if value is None else _plain_words(value)


def _plain_words(value: object) -> str:
    return fmt.plain(value).replace("_", " ")


def _timing(settings: Settings) -> str:
    when = _at(settings, "execution", "fill")
    if when == "same_close_lookahead":
        return "LOOK-AHEAD: orders fill at the close of the bar that they were decided on"
    return "" if when is None else _plain_words(when)


def _volume(record: RunRecord, settings: Settings) -> str:
    part = _at(settings, "execution", "participation")
    if part is None:
        return "no cap: an order may take any quantity"
    every = (record.market.execution_feed(i) for i in range(len(record.market.instruments)))
    feeds = [feed for feed in every if feed.ask_close is None]
    if not feeds:
        return "of a quote what it offers"
    without = [feed.symbol for feed in feeds if feed.volume is None]
    text = f"at most {fmt.number(100 * float(str(part)), 4).rstrip('0').rstrip('.')} % of a bar"
    if not without:
        return text
    names = ", ".join(without[:5]) + (f" and {len(without) - 5} more" if len(without) > 5 else "")
    return f"{text}; no cap for {names}: the data have no volume"


def _chosen(cost: object) -> bool:
    return isinstance(cost, Mapping) and cost.get("model", "none") != "none"


def _cost(settings: Settings, kind: str) -> str:
    cost = _at(settings, "costs", kind)
    if not isinstance(cost, Mapping) or not _chosen(cost):
        return "none"
    given = [f"{_plain_words(key)} {_amount(key, value)}" for key, value in cost.items() if key != "model" and value is not None]
    model = _plain_words(cost["model"])
    if not given:
        return model
    return ", ".join(given) if given[0].startswith(f"{model} ") else f"{model} ({', '.join(given)})"


def _amount(key: str, value: object) -> str:
    """A rate in percent, as people say it; anything else as it is."""
    return f"{(100 * Decimal(str(value))).normalize():f} %" if key.endswith("rate") else fmt.plain(value)


def _account(settings: Settings) -> str:
    kind, lots = _text(settings, "account", "type"), _text(settings, "account", "lots")
    leverage = _text(settings, "account", "leverage")
    said = (kind, f"leverage {leverage}" if leverage else "", f"lots {lots}" if lots else "")
    return ", ".join(part for part in said if part)


def _fingerprints(record: RunRecord) -> tuple[tuple[str, str], ...]:
    names = (("input", "input_fingerprint"), ("journal", "journal_fingerprint"), ("data", ""))
    found = [(name, str(record.info.get(key, ""))) for name, key in names if key]
    return tuple((name, value) for name, value in [*found, ("data", record.market.digest)] if value)
