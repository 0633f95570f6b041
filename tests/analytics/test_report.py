"""The page: self-contained, escaped, the same bytes each time, small, with everything in it."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from analytics.sample import goog_record, shown
from fillwright.analytics import report
from fillwright.analytics.facts import Verdict
from fillwright.analytics.report import Fills, Prices, flat, monthly, render, write_report
from fillwright.errors import UsageError
from fillwright.model.codes import RunState
from result.tiny_ledger import scenario

VOID = {"meta", "br", "img", "link", "input", "hr"}
HOSTILE = "</script><script>alert(1)</script><!-- \" ' & \x00"


class Page(HTMLParser):
    """Checks nesting and gathers what a test asks about."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def data(self) -> dict[str, list[dict[str, list[int]]]]:
        return json.loads(next(text for text in self.texts["script"] if text.startswith("{")))


@pytest.fixture(scope="module")
def page() -> str:
    return render(shown(scenario("fx", seed=3, bars=600, rate=0.2), Verdict(True, "600 marks, residual 0")))


def test_first_screen_has_verdict_figures_assumptions_and_warnings(page: str) -> None:
    found = Page(page)
    main = page[: page.index('id="equity"')]
    for part in ("Reconciled", "600 marks, residual 0", "NO COSTS", "Total return", "Sharpe ratio", "Largest drawdown"):
        assert part in main
    assert main.index("Reconciled") < main.index("Total return") < main.index("Assumptions")
    titles = ["Assumptions", "Warnings and data findings", "Equity and drawdown", "Price and fills", "Monthly returns", "Funnel",
              "Refusals", "Trading state", "Trades", "All figures and what they mean", "Effective configuration"]  # fmt: skip
    assert found.texts["h2"] == titles


def test_nothing_is_loaded(page: str) -> None:
    found = Page(page)
    assert not {tag for tag, name, _ in found.attributes if name in ("src", "href", "srcset", "action", "data")}
    assert "default-src 'none'" in page
    styles = "".join(found.texts["style"])
    assert "url(" not in styles and "@import" not in styles
    # The only addresses are in comments.
    for text in (styles, *found.texts["script"]):
        assert "://" not in re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    assert "The MIT License" in page and "Leon Sorokin" in page


def test_it_can_be_heard_and_used_with_keys(page: str) -> None:
    found = Page(page)
    assert ("html", "lang", "en") in found.attributes
    charts = [value for tag, name, value in found.attributes if (tag, name) == ("div", "role") and value == "img"]
    assert len(charts) == 3
    labels = [value for tag, name, value in found.attributes if (tag, name) == ("div", "aria-label")]
    assert any(label.startswith("Equity from 100,000.00") for label in labels)
    assert any(label.startswith("Drawdown: -") for label in labels)
    assert page.count("<caption>") == page.count("<table")
    assert page.count("<thead>") == page.count("<table")
    assert not re.search(r"<th(?![^>]*scope)[ >]", page)
    assert page.count('<button type="button">') >= 13
    assert re.search(r"<label[^>]*>Instrument <select", page)


def test_everything_is_escaped() -> None:
    record = scenario("plain", seed=3, bars=120)
    names = replace(record.names, tags=(HOSTILE, HOSTILE))
    record = replace(record, names=names, warnings=(HOSTILE,), error=HOSTILE, state=RunState.FAILED)
    inputs = shown(record, Verdict(False, HOSTILE))
    facts = replace(inputs.facts, name=HOSTILE, instruments=(HOSTILE,))
    prices = tuple(replace(item, symbol=HOSTILE) for item in inputs.prices)
    text = render(replace(inputs, facts=facts, prices=prices, config={HOSTILE: [HOSTILE, {"a": HOSTILE}]}))
    found = Page(text)
    assert "alert(1)</script>" not in text
    assert len(found.texts["script"]) == 3
    assert found.data()["prices"][0]["symbol"] == HOSTILE
    assert found.texts["h1"] == [HOSTILE.replace("\x00", "\ufffd")]


def test_equal_runs_give_equal_bytes(tmp_path: Path) -> None:
    first = write_report(tmp_path / "a.html", shown(scenario("plain", seed=3, bars=300)))
    again = write_report(tmp_path / "b.html", shown(scenario("plain", seed=3, bars=300)))
    assert first.read_bytes() == again.read_bytes()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent.*cannot be written"):
        write_report(tmp_path / "absent" / "report.html", shown(scenario("plain", bars=30)))


def test_the_chart_shows_equity_to_the_cent() -> None:
    inputs = shown(scenario("plain", seed=3, bars=300))
    equity = Page(render(inputs)).data()["equity"]
    values = np.cumsum(equity["v"]) / 10 ** equity["decimals"]
    assert values == pytest.approx(inputs.measured.equity / 10**6, abs=0.006)
    times = np.cumsum(equity["t"]) * equity["tick"]
    assert times.tolist() == (inputs.measured.instants / 1e9).tolist()


def test_fills_are_marked_where_they_were() -> None:
    record = scenario("plain", seed=3, bars=300)
    data = Page(render(shown(record))).data()["prices"]
    fills = record.tables["fills"]
    for symbol, item in enumerate(data):
        mine = fills[fills["symbol"] == symbol]
        prices = np.cumsum(item["fills"]["v"]) * 10 ** (record.scales.price[symbol] - item["decimals"])
        assert prices.tolist() == mine["price"].tolist()
        assert [kind % 2 for kind in item["fills"]["k"]] == [int(side < 0) for side in mine["side"]]
        assert [kind >= 2 for kind in item["fills"]["k"]] == (mine["quantity"] == mine["closing_quantity"]).tolist()


def test_monthly_returns_compound_to_the_years(shared: Path) -> None:
    inputs = shown(goog_record(shared))
    measured = inputs.measured
    years = monthly(measured.instants, measured.equity, measured.start_equity)
    assert list(years) == list(range(2004, 2014))
    growth = np.prod([1 + (value or 0) for year in years.values() for month, value in year.items() if month])
    assert growth == pytest.approx(5.142299)
    assert np.prod([1 + (year[0] or 0) for year in years.values()]) == pytest.approx(5.142299)
    assert 1 + (years[2005][0] or 0) == pytest.approx(np.prod([1 + (years[2005][m] or 0) for m in range(1, 13)]))


def test_a_close_at_midnight_belongs_to_the_month_before() -> None:
    first = np.datetime64("2024-02-01T00:00", "ns").astype(np.int64)
    years = monthly(np.array([first, first + 86_400 * 10**9]), np.array([110, 121]), 100)
    assert years == {2024: {1: pytest.approx(0.1), 2: pytest.approx(0.1), 0: pytest.approx(0.21)}}
    assert monthly(np.array([first]), np.array([5]), 0) == {2024: {1: None, 0: None}}


def test_trades_are_listed_with_numbers_to_sort_by(shared: Path) -> None:
    text = render(shown(goog_record(shared)))
    assert "66 trades, by entry" in text
    assert '<td class=n data-v="-327.25">-327.25</td>' in text
    assert "<td>2004-11-29 14:30</td>" in text


def test_many_trades_are_cut_and_it_says_so() -> None:
    inputs = shown(scenario("plain", seed=1, bars=6000, rate=0.3))
    assert inputs.trades.total > report.MOST_TRADES == len(inputs.trades.rows)
    assert f"The first 500 of {inputs.trades.total:,} trades" in render(inputs)


def test_a_failed_run_that_stored_nothing_still_has_a_page() -> None:
    record = scenario("plain", bars=30, rate=0.0)
    nothing = np.zeros(0, np.int64)
    record = replace(record, instants=nothing, equity=nothing, error="it broke", state=RunState.FAILED)
    text = render(shown(record))
    Page(text)
    assert "The run stopped (failed)" in text and "it broke" in text and "No trades" in text


def test_settings_are_listed_by_path() -> None:
    config = {"a": {"b": 1, "c": []}, "d": [{"e": None}, {"e": True}], "f": [1, 2]}
    assert list(flat(config)) == [("a.b", 1), ("a.c", []), ("d.0.e", None), ("d.1.e", True), ("f", [1, 2])]


def big(instruments: int, marks: int, fills: int) -> report.ReportInputs:
    """A report on many marks, instruments and fills."""
    inputs = shown(scenario("plain", seed=3, bars=300))
    rng = np.random.default_rng(1)
    instants = np.arange(marks) * 60 * 10**9 + 10**18
    walk = (1e11 * np.exp(np.cumsum(rng.normal(0, 1e-4, marks)))).astype(np.int64)
    measured = replace(
        inputs.measured, instants=instants, equity=walk, day_close_index=np.arange(389, marks, 390), start_time=int(instants[0]),
        flows=None, benchmark=None,
    )  # fmt: skip
    when = np.sort(rng.integers(0, marks, fills))
    side = rng.choice([-1, 1], fills)
    price, opened = walk // 10**5, (side > 0) * 1
    parts = [slice(0, fills - (instruments - 1 - n) // 5) for n in range(instruments)]
    done = [Fills(instants[when][part], price[when][part], side[part], opened[part]) for part in parts]
    prices = tuple(Prices(f"S{n}", 4, instants, price, item) for n, item in enumerate(done))
    facts = replace(inputs.facts, marks=marks, start=int(instants[0]), end=int(instants[-1]))
    return replace(inputs, measured=measured, prices=prices, facts=facts)


@pytest.mark.parametrize("instruments, fills", [(1, 50_000), (500, 200)])
def test_a_million_marks_fit_into_a_megabyte(instruments: int, fills: int) -> None:
    inputs = big(instruments, 1_000_000 if instruments == 1 else 20_000, fills)
    text = render(inputs)
    assert len(text.encode()) < 1_000_000
    data = Page(text).data()
    assert len(data["equity"]["v"]) <= report.POINTS
    assert sum(len(item["v"]) for item in data["prices"]) <= report.PRICE_POINTS
    if instruments == 1:
        assert "2,000 of 50,000 fills are marked" in text and "At most 4,000 of 1,000,000 marks are drawn" in text
    else:
        assert len(data["prices"]) == report.MOST_INSTRUMENTS and data["prices"][-1]["symbol"] == "S499"
        assert "The 100 of 500 instruments with most fills" in text


def test_thinning_does_not_cost_the_extremes() -> None:
    inputs = big(1, 200_000, 10)
    data = Page(render(inputs)).data()
    drawn = np.cumsum(data["equity"]["v"]) / 10 ** data["equity"]["decimals"]
    assert drawn.max() == pytest.approx(inputs.measured.equity.max() / 10**6, abs=0.01)
    depth = np.cumsum(data["drawdown"]["v"]) / 10 ** data["drawdown"]["decimals"]
    under = inputs.measured.underwater
    assert not isinstance(under, str)
    assert depth.min() == pytest.approx(
        under.depth.min(), abs=1e-7
    )  # the chart and the tile round to the same hundredth of a percent


@pytest.mark.slow
def test_a_million_marks_are_drawn_in_reasonable_time() -> None:
    inputs = big(1, 1_000_000, 50_000)
    started = time.perf_counter()
    render(inputs)
    # About 0.1 s; the bound only finds work that grows with every mark in Python.
    assert time.perf_counter() - started < 5
