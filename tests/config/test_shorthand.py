"""Keywords of a run: the same meaning as the configuration, and typos that name the nearest keyword."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fillwright.config.schema import Config
from fillwright.config.shorthand import KEYWORDS, Shorthand, apply_shorthand
from fillwright.errors import ConfigError


def message(config: Config | None, **shorthand: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        apply_shorthand(config, shorthand)
    return str(caught.value)


def test_keywords_mean_their_keys() -> None:
    config = apply_shorthand(
        None,
        {
            "cash": 50_000, "currency": "EUR", "commission": "0.1%", "slippage": "2bp", "leverage": 2, "seed": 3, "path": "worst",
            "participation": None, "fill": "same_close_lookahead", "latency": "5ms", "lots": "lifo", "account_type": "margin",
            "reversal": "one_order", "time_in_force": "DAY", "flat_at": "day_end", "warmup": 10, "isolation": "strict",
            "out": "runs/x", "name": "x", "start": "2020-01-01", "end": "2021-01-01",
        },
    )  # fmt: skip
    assert config == Config.from_dict(
        {
            "run": {"seed": 3, "warmup": 10, "isolation": "strict", "out": "runs/x", "name": "x"},
            "data": {"start": "2020-01-01", "end": "2021-01-01"},
            "account": {"initial_cash": {"EUR": 50_000}, "currency": "EUR", "leverage": 2, "lots": "lifo"},
            "execution": {"path": "worst", "participation": None, "fill": "same_close_lookahead", "latency": "5ms"},
            "costs": {"commission": {"model": "rate", "rate": 0.001}, "slippage": {"model": "rate", "rate": 0.0002}},
            "orders": {"reversal": "one_order", "time_in_force": "DAY", "flat_at": ["day_end"]},
        }
    )


def test_every_keyword_is_typed_and_names_a_key() -> None:
    assert set(KEYWORDS) == set(Shorthand.__annotations__)
    for section, key in KEYWORDS.values():
        assert key in Config.model_fields[section].annotation.model_fields  # type: ignore[union-attr]


def test_costs_as_section_number_or_none() -> None:
    base = apply_shorthand(None, {"commission": 0.001, "slippage": 0.0005})
    assert base.costs.commission.rate == Decimal("0.001")  # type: ignore[union-attr]
    assert apply_shorthand(base, {"commission": None}).costs.commission.model == "none"
    per_order = apply_shorthand(base, {"commission": {"model": "per_order", "amount": 1}})
    assert per_order.costs.commission.model == "per_order"
    assert per_order.costs.slippage == base.costs.slippage


def test_keywords_go_on_top_of_a_configuration_and_leave_the_rest() -> None:
    base = Config.from_dict(
        {"execution": {"latency": "7ms", "path": "best"}, "strategy": {"name": "x", "params": {"n": [1, 2.5]}}}
    )
    config = apply_shorthand(base, {"seed": 9})
    assert config.run.seed == 9
    assert (config.execution, config.strategy) == (base.execution, base.strategy)
    assert apply_shorthand(base, {}) == base
    assert apply_shorthand(Config.from_dict({"run": {"seed": 1}}), {"currency": "EUR"}).account.initial_cash == {
        "EUR": Decimal(100_000)
    }


def test_mistakes_name_the_keyword() -> None:
    assert "unknown keyword 'comission'; did you mean 'commission'?" in message(None, comission="0.1%")
    assert "instruments.*.tick is a key of Config" in message(None, tick=0.01)
    both = message(None, comission=1, csh=2)
    assert "'commission'" in both
    assert "'cash'" in both
    assert message(None, commission="0.1x").startswith("commission=: costs.commission.rate: must be a fraction")
    assert "cash=: account.initial_cash: must be a number; found 'much'" in message(None, cash="much")
    assert "leverage=: account.leverage: is 2, but a cash account" in message(None, account_type="cash", leverage=2)


def test_a_rate_that_looks_like_a_percent_warns() -> None:
    with pytest.warns(UserWarning, match="commission=: costs.commission.rate: 0.1 is a fraction and means 10%"):
        apply_shorthand(None, {"commission": 0.1})
