"""What results say of fills that the broker undid or whose price it corrected: figures, counts, trades, explanations."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

import fillwright as fw
from fillwright.analytics.facts import funnel, refusals
from fillwright.analytics.material import _prices
from fillwright.config.schema import Config
from fillwright.model.codes import ExitReason, TradeStatus
from fillwright.model.columns import FILLS
from fillwright.portfolio import standing
from fillwright.result import Result
from fillwright.result.certificate import certify
from fillwright.result.explain import order_facts
from result.test_explain import subject
from verify.restless import COSTS

pytestmark = pytest.mark.kernel


class Once(fw.Strategy):
    """Buys ten, once."""

    given: fw.Order | None = None

    def on_bar(self, bar) -> None:  # type: ignore[no-untyped-def]
        self.given = self.given or self.buy(bar.symbol, 10)


def once(**faults: str) -> Result:
    """Six bars: the order is given at the first and fills at the open of the next; what is drawn comes an hour later."""
    config = Config.model_validate({"version": 1, "costs": COSTS, "execution": {"faults": faults}})
    return fw.run(Once(), fw.make_bars(6, seed=3, timeframe="1h"), config)


@pytest.fixture(scope="module")
def undone() -> Result:
    """Every fill is undone: 0 by 1, 2 by 3; the last comes with the last bar and stands."""
    return once(bust="1")


@pytest.fixture(scope="module")
def corrected() -> Result:
    """The one fill is corrected: 1 undoes it, 2 takes its place."""
    return once(correct="1")


def test_what_stands_was_neither_undone_nor_undoes() -> None:
    """0 is corrected by 1 and 2, which 3 undoes for good; 4 sells."""
    fills = np.zeros(5, FILLS.dtype)
    fills["exec_ref_id"], fills["side"] = [-1, 0, 0, 2, -1], [1, -1, 1, -1, -1]
    assert standing(fills).tolist() == [False, False, False, False, True]
    assert standing(fills[:3]).tolist() == [False, False, True]


def test_figures_count_only_what_stands(undone: Result, corrected: Result) -> None:
    for result, stands, what in ((undone, 4, {"fills undone": 2}), (corrected, 2, {"fills corrected": 1})):
        fills = result.record.tables["fills"]
        assert standing(fills).tolist() == [row == stands for row in range(len(fills))]
        scale = 10**result.record.scales.base
        assert result.metrics["traded_value"].value == pytest.approx(int(fills["notional"][stands]) / scale)
        assert result.metrics["fees"].value == pytest.approx(int(fills["fee"][stands]) / scale)
        cost = int(fills["slippage"][stands]) * 10
        assert cost > 0 and result.metrics["slippage"].value == pytest.approx(cost / scale)
        marked = _prices(result.record)[0].fills
        assert marked.price.tolist() == [fills["price"][stands]] and marked.side.tolist() == [1]
        assert dict(funnel(result.record, result.record.tables["lots"]))["fills"] == 1
        found = dict(refusals(result.record))
        assert {name: found[name] for name in found if name.startswith("fill")} == what
        assert result.certificate.ok, result.certificate.line()


def test_a_trade_ends_with_the_fill_that_opened_it(undone: Result) -> None:
    trades = list(undone.repository)
    assert [trade.status for trade in trades] == [TradeStatus.CLOSED, TradeStatus.CLOSED, TradeStatus.OPEN]
    assert [trade.exit_reason for trade in trades] == [ExitReason.BUST, ExitReason.BUST, ExitReason.NONE]
    for trade in trades[:2]:
        assert trade.exact("gross_pnl") == trade.exact("fees") == trade.exact("slippage_cost") == Decimal(0)
        assert trade.exact("entry_price") == trade.exact("exit_price")
    # The bar after that of the fill is the last one known when it is undone.
    fills, feed = undone.record.tables["fills"], undone.record.market.execution_feed(0)
    bars = [int(np.searchsorted(feed.close_time, fills["instant"][fill])) for fill in (0, 1)]
    assert trades[0].raw("bars_held") == bars[1] - bars[0] == 1
    whole = slice(bars[0], bars[1] + 1)
    assert trades[0].raw("mae") == min(0, int(feed.low[whole].min()) - trades[0].raw("entry_price"))
    assert trades[0].raw("mfe") == max(0, int(feed.high[whole].max()) - trades[0].raw("entry_price"))


def test_explanations_say_who_did_what(undone: Result, corrected: Result) -> None:
    first, second = (undone.explain(fill) for fill in (0, 1))
    assert "  the broker undid it on 2020-01-01 03:00:00 UTC by fill 1\n" in first and "market: the open of the bar" in first
    assert "  market: none; the broker undid fill 0: the same price, steps and quantity on the other side\n" in second
    assert "sold 10 MADE" in second and "the bar that opened" not in second
    assert "  fee -1 USD: as nothing is filled any more; the order had paid 1\n" in second
    assert "  exit reason: bust\n" in second
    assert "by fill 1, and put fill 2 in its place, at another price\n" in corrected.explain(0)
    before = corrected.record.tables["fills"]["price"][0]
    words = (
        f"  market: none; the broker corrected the price of fill 0, which was {Decimal(int(before)).scaleb(-6).normalize():f}\n"
    )
    assert words in corrected.explain(2)
    text = corrected.explain(order=0)
    assert ", undoes fill 0\n" in text and ", corrects fill 0\n" in text
    facts = order_facts(subject(corrected), 0)["fills"]
    assert [(fill["undoes"], fill["corrects"]) for fill in facts] == [(None, None), (0, None), (None, 0)]


@pytest.mark.parametrize("value", (-2, 3))
def test_a_fill_that_names_none_is_in_no_certificate(corrected: Result, value: int) -> None:
    fills = corrected.record.tables["fills"].copy()
    fills["exec_ref_id"][1] = value
    record = replace(corrected.record, tables={**corrected.record.tables, "fills": fills})
    assert f"fills row 1 column exec_ref_id is {value}, must be from -1 to 2" in certify(record).line()


def test_the_certificate_takes_undone_fills_off(undone: Result) -> None:
    """On the side of their order they would be filled twice."""
    fills = undone.record.tables["fills"].copy()
    fills["side"][1] = 1
    record = replace(undone.record, tables={**undone.record.tables, "fills": fills})
    detail = next(check.detail for check in certify(record).checks if check.name == "orders cum_quantity")
    assert "orders row 0 column cum_quantity is 10, must be 30" in detail
