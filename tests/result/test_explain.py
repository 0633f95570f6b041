"""The explanation of a fill adds up: steps, notional, fee, funds; and it is the same from memory and from a folder."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from fillwright.errors import UsageError
from fillwright.result import Result, load
from fillwright.result.explain import Subject, fill_facts, order_facts
from verify.restless import COSTS, currencies, plain, run

pytestmark = pytest.mark.kernel

FEES = (COSTS["commission"], {"model": "per_unit", "amount": "0.015", "minimum": 1}, {"model": "per_order", "amount": 2})


def subject(result: Result) -> Subject:
    return Subject(result._tables, result.config, result.record.market)


@pytest.fixture(scope="module", params=range(len(FEES)))
def result(request: pytest.FixtureRequest) -> Result:
    costs = {"commission": FEES[request.param], "slippage": COSTS["slippage"]}
    return run(plain(), {"costs": costs, "account": {"leverage": 3}, "execution": {"participation": "0.003"}}, request.param)


def value(formula: str) -> Fraction:
    """A product as the explanation writes it, without the words behind its factors."""
    out = Fraction(1)
    for factor in formula.split(", ")[0].split(" x "):
        out *= Fraction(factor.split(" ")[0])
    return out


def test_every_explanation_adds_up(result: Result) -> None:
    about, cash = subject(result), Decimal(100_000)
    for fill in range(len(result.record.tables["fills"])):
        facts = fill_facts(about, fill)
        total = sum(Decimal(step["amount"]) for step in facts["steps"])
        assert facts["steps"][-1]["price"] == facts["price"] and total == Decimal(facts["price"])
        assert value(facts["notional"]["formula"]) == Fraction(facts["notional"]["amount"])
        assert cash == Decimal(facts["funds"]["cash_before"])
        sign = -1 if facts["side"] == "bought" else 1
        paid = sign * Decimal(facts["notional"]["amount"]) - Decimal(facts["fee"]["amount"])
        cash = Decimal(facts["funds"]["cash_after"])
        assert cash == Decimal(facts["funds"]["cash_before"]) + paid
        moved = Decimal(facts["funds"]["position_after"]) - Decimal(facts["funds"]["position_before"])
        assert moved == -sign * Decimal(facts["quantity"])
        for lot in facts["lots"]:
            if lot["what"] == "closed":
                assert Decimal(lot["proceeds"]) - Decimal(lot["cost"]) == Decimal(lot["realised"])


def test_fees_follow_from_their_formula_where_no_bound_is_named(result: Result) -> None:
    about, plain_ones = subject(result), 0
    for fill in range(len(result.record.tables["fills"])):
        fee = fill_facts(about, fill)["fee"]
        if "at least" in fee["formula"] or "at most" in fee["formula"] or "less" in fee["formula"]:
            continue
        if "per order" in fee["formula"]:
            assert fee["amount"] in ("2", "0") and (fee["amount"] == "0") == (fee["paid_before"] != "0")
            continue
        plain_ones += 1
        assert round(value(fee["formula"]) * 10**6) == Fraction(fee["amount"]) * 10**6
    assert plain_ones or result.config.costs.commission.model == "per_order"


def test_the_bar_that_was_met_is_shown_with_its_points(result: Result) -> None:
    about = subject(result)
    for fill in range(0, len(result.record.tables["fills"]), 7):
        facts = fill_facts(about, fill)
        market, reference = facts["market"], Decimal(facts["steps"][0]["amount"])
        points = [Decimal(point) for point in market["points"]]
        assert min(points) == Decimal(market["bar"]["low"]) and max(points) == Decimal(market["bar"]["high"])
        if market["place"] == "the open of the bar":
            assert reference == points[0]
        else:
            assert min(points) <= reference <= max(points)


def test_the_rules_are_told_in_words() -> None:
    said = ""
    for settings in ({"participation": None}, {"participation": "0.01"}, {"path": "close_only", "fill": "same_close_lookahead"}):
        result = run(plain(), {"account": {"leverage": 3}, "orders": {"flat_at": ["day_end"]}, "execution": settings}, 1)
        said += " ".join(result.explain(fill) for fill in range(len(result.record.tables["fills"])))
    for words in (
        "a market order takes the first price",
        "triggered, and filled there",
        "triggered, and filled at it, or where the way began",
        "the market fell to the limit",
        "it rested, and the price came out at or below its limit",
        "the first price that it met is at or below its limit",
        "it takes the close",
        "same_close_lookahead lets an order trade at the close",
        "execution.participation left",
        "ambiguous: another path",
    ):
        assert words in said, words


def test_memory_and_folder_say_the_same(result: Result, tmp_path: Path) -> None:
    saved = load(result.save(tmp_path / "run"))
    for fill in range(0, len(result.record.tables["fills"]), 5):
        assert saved.explain(fill, market=result.record.market) == result.explain(fill)
    assert "bar: open" not in saved.explain(0) and "bar: open" in result.explain(0)
    json.dumps(fill_facts(subject(result), 0))


def test_an_order_is_explained_from_its_first_event_to_its_last(result: Result) -> None:
    about, orders = subject(result), result.record.tables["orders"]
    ended: set[Any] = set()
    for order in range(len(orders)):
        facts = order_facts(about, order)
        assert sum((Decimal(fill["quantity"]) for fill in facts["fills"]), Decimal(0)) == Decimal(facts["filled"])
        assert facts["life"] and facts["life"][-1]["status"] == facts["status"]
        ended.add(facts["reason"])
        assert result.explain(order=order).startswith(f"order {order}: {facts['status']}")
    assert len(ended) > 2


def test_foreign_money_is_told_in_its_currency() -> None:
    result = run(currencies(), {"account": {"leverage": 3}}, 1)
    symbols = {result.record.names.symbols[fill["symbol"]] for fill in result.record.tables["fills"]}
    assert {"SAP", "SONY"} <= symbols
    said = [result.explain(fill) for fill in range(len(result.record.tables["fills"]))]
    assert any("cash EUR:" in text for text in said) and any("cash JPY:" in text for text in said)


def test_wrong_numbers(result: Result) -> None:
    for asked, message in (({"fill": -1}, "no fill -1"), ({"order": 10**6}, "no order 1000000"), ({}, "give a fill or an order")):
        with pytest.raises(UsageError, match=message):
            result.explain(**asked)
