"""Settings become parameters: every leaf of the schema is lowered here, used by a named room, or belongs to a form of its section."""

from __future__ import annotations

import ast
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import fillwright as fw
from fillwright.broker import NO_LIMIT, currencies_of, lower, whole
from fillwright.config.docs import leaf_paths
from fillwright.data.header import fields_of
from fillwright.data.kinds import KINDS
from fillwright.model import codes
from fillwright.model.instrument import Instrument

X = Instrument("X", price_decimals=2, tick=1, quantity_decimals=2)
SOURCE = {"symbol": "X", "path": "x.csv"}

# Leaf -> (two settings of its section that differ in it, what of the lowered parameters then differs).
LOWERED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "orders.default_type": ({}, {"orders": {"default_type": "limit"}}, "default_limit"),
    "sizing.price": ({}, {"sizing": {"method": "none", "price": "fill"}}, "size_at_fill"),
    "limits.on_drawdown": (
        {"limits": {"max_drawdown": "5%"}},
        {"limits": {"max_drawdown": "5%", "on_drawdown": "halted"}},
        "on_drawdown",
    ),
    "limits.max_daily_loss": ({}, {"limits": {"max_daily_loss": "2%"}}, "max_daily_loss"),
    "limits.on_daily_loss": (
        {"limits": {"max_daily_loss": "2%"}},
        {"limits": {"max_daily_loss": "2%", "on_daily_loss": "flatten"}},
        "on_daily_loss",
    ),
    "run.seed": ({"run": {"seed": 1}}, {"run": {"seed": 2}}, "seed"),
    "account.currency": ({"account": {"currency": "USD"}}, {"account": {"currency": "EUR"}}, "currencies"),
    "account.initial_cash": ({"account": {"initial_cash": 5}}, {"account": {"initial_cash": {"USD": 6}}}, "initial_cash"),
    "account.type": ({"account": {"type": "cash"}}, {"account": {"type": "margin"}}, "account_type"),
    "account.leverage": ({"account": {"leverage": 2}}, {"account": {"leverage": 3}}, "initial_margin"),
    "account.maintenance_margin": (
        {"account": {"maintenance_margin": "25%"}},
        {"account": {"maintenance_margin": "20%"}},
        "maintenance_margin",
    ),
    "account.lots": ({"account": {"lots": "lifo"}}, {"account": {"lots": "average"}}, "lots"),
    "account.money_decimals": ({"account": {"money_decimals": 2}}, {"account": {"money_decimals": 4}}, "currencies"),
    "execution.fill": ({}, {"execution": {"fill": "same_close_lookahead"}}, "fill_when"),
    "execution.path": ({"execution": {"path": "worst"}}, {"execution": {"path": "best"}}, "path"),
    "execution.participation": ({"execution": {"participation": None}}, {"execution": {"participation": "5%"}}, "participation"),
    "execution.faults.reject": ({}, {"execution": {"faults": {"reject": "1%"}}}, "faults"),
    "execution.faults.reject_cancel": ({}, {"execution": {"faults": {"reject_cancel": "1%"}}}, "faults"),
    "execution.faults.reject_replace": ({}, {"execution": {"faults": {"reject_replace": "1%"}}}, "faults"),
    "execution.faults.late_ack": ({}, {"execution": {"faults": {"late_ack": "1%"}}}, "faults"),
    "execution.faults.late_by": ({}, {"execution": {"faults": {"late_by": "5s"}}}, "faults"),
    "execution.faults.lost_ack": ({}, {"execution": {"faults": {"lost_ack": "1%"}}}, "faults"),
    "execution.faults.duplicate_report": ({}, {"execution": {"faults": {"duplicate_report": "1%"}}}, "faults"),
    "execution.faults.reorder_reports": ({}, {"execution": {"faults": {"reorder_reports": "1%"}}}, "faults"),
    "execution.faults.bust": ({}, {"execution": {"faults": {"bust": "1%"}}}, "faults"),
    "execution.faults.correct": ({}, {"execution": {"faults": {"correct": "1%"}}}, "faults"),
    "execution.faults.bust_after": ({}, {"execution": {"faults": {"bust_after": "5s"}}}, "faults"),
    "execution.faults.correct_by": ({}, {"execution": {"faults": {"correct_by": 3}}}, "faults"),
    "execution.faults.outage": ({}, {"execution": {"faults": {"outage": "1%"}}}, "faults"),
    "execution.faults.outage_length": ({}, {"execution": {"faults": {"outage_length": "5s"}}}, "faults"),
    "execution.faults.outages.*.start": (
        {"execution": {"faults": {"outages": [{"start": "2024-01-02", "end": "2024-01-04"}]}}},
        {"execution": {"faults": {"outages": [{"start": "2024-01-03", "end": "2024-01-04"}]}}},
        "faults",
    ),
    "execution.faults.outages.*.end": (
        {"execution": {"faults": {"outages": [{"start": "2024-01-02", "end": "2024-01-04"}]}}},
        {"execution": {"faults": {"outages": [{"start": "2024-01-02", "end": "2024-01-05"}]}}},
        "faults",
    ),
    "orders.status_request_after": ({}, {"orders": {"status_request_after": "5s"}}, "ask_after"),
    "execution.latency": ({}, {"execution": {"latency": "5ms"}}, "latency_ns"),
    "execution.limit_through": ({}, {"execution": {"limit_through": "0.02"}}, "instruments"),
    "execution.trigger": ({}, {"execution": {"trigger": "mid"}}, "trigger"),
    "execution.max_age": ({}, {"execution": {"max_age": "5s"}}, "max_age"),
    "account.mark": ({}, {"account": {"mark": "exit_side"}}, "mark_by"),
    "run.equity_every": ({}, {"run": {"equity_every": "5min"}}, "equity_every"),
    "execution.clamp_to_range": ({}, {"execution": {"clamp_to_range": True}}, "clamp_to_range"),
    "costs.commission.model": ({}, {"costs": {"commission": {"model": "per_order", "amount": 1}}}, "instruments"),
    "costs.commission.rate": (
        {"costs": {"commission": {"model": "rate", "rate": "0.1%"}}},
        {"costs": {"commission": {"model": "rate", "rate": "0.2%"}}},
        "instruments",
    ),
    "costs.commission.maker_rate": (
        {"costs": {"commission": {"model": "rate", "rate": "0.1%"}}},
        {"costs": {"commission": {"model": "rate", "rate": "0.1%", "maker_rate": 0}}},
        "instruments",
    ),
    "costs.commission.minimum": (
        {"costs": {"commission": {"model": "per_unit", "amount": 1}}},
        {"costs": {"commission": {"model": "per_unit", "amount": 1, "minimum": 3}}},
        "instruments",
    ),
    "costs.commission.maximum": (
        {"costs": {"commission": {"model": "per_unit", "amount": 1}}},
        {"costs": {"commission": {"model": "per_unit", "amount": 1, "maximum": 3}}},
        "instruments",
    ),
    "costs.commission.amount": (
        {"costs": {"commission": {"model": "per_unit", "amount": 1}}},
        {"costs": {"commission": {"model": "per_unit", "amount": 2}}},
        "instruments",
    ),
    "costs.slippage.model": (
        {"costs": {"slippage": {"model": "rate", "rate": "1bp"}}},
        {"costs": {"slippage": {"model": "ticks", "ticks": 1}}},
        "instruments",
    ),
    "costs.slippage.rate": ({}, {"costs": {"slippage": {"model": "rate", "rate": "1bp"}}}, "instruments"),
    "costs.slippage.ticks": ({}, {"costs": {"slippage": {"model": "ticks", "ticks": 1}}}, "instruments"),
    "orders.reversal": ({}, {"orders": {"reversal": "one_order"}}, "reversal"),
    "orders.flat_at": ({"orders": {"flat_at": "day_end"}}, {"orders": {"flat_at": ["run_end"]}}, "flat_day_end"),
    "orders.on_short_cash": ({}, {"orders": {"on_short_cash": "shrink"}}, "on_short_cash"),
    "orders.off_tick": ({}, {"orders": {"off_tick": "passive"}}, "off_tick"),
    "orders.deduplicate": ({}, {"orders": {"deduplicate": "per_run"}}, "deduplicate"),
    "orders.bracket": ({}, {"orders": {"bracket": "arm_on_full"}}, "bracket"),
    "limits.max_open_positions": ({}, {"limits": {"max_open_positions": 3}}, "max_open_positions"),
    "limits.max_position_fraction": ({}, {"limits": {"max_position_fraction": "50%"}}, "max_position_fraction"),
    "limits.max_position_quantity": ({}, {"limits": {"max_position_quantity": 3}}, "instruments"),
    "limits.max_order_quantity": ({}, {"limits": {"max_order_quantity": 3}}, "instruments"),
    "orders.scale_in": ({}, {"orders": {"scale_in": "refuse"}}, "refuse_scale_in"),
    "limits.max_order_value": ({}, {"limits": {"max_order_value": 3}}, "max_order_value"),
    "limits.max_gross_exposure": ({}, {"limits": {"max_gross_exposure": "150%"}}, "max_gross_exposure"),
    "limits.max_net_exposure": ({}, {"limits": {"max_net_exposure": "50%"}}, "max_net_exposure"),
    "limits.max_orders": ({}, {"limits": {"max_orders": 3}}, "max_orders"),
    "limits.max_orders_interval": ({}, {"limits": {"max_orders_interval": "1min"}}, "max_orders_interval"),
    "limits.max_live_orders": ({}, {"limits": {"max_live_orders": 3}}, "max_live_orders"),
    "limits.price_collar": ({}, {"limits": {"price_collar": "5%"}}, "price_collar"),
    "limits.max_drawdown": ({}, {"limits": {"max_drawdown": "20%"}}, "max_drawdown"),
}

# Leaf -> the room that uses it.
ELSEWHERE = {
    "version": "config",
    "run.name": "result",
    "run.out": "coordinator",
    "run.warmup": "coordinator",
    "run.isolation": "coordinator",
    "run.checkpoint.file": "coordinator",
    "run.checkpoint.every": "coordinator",
    "run.checkpoint.at": "coordinator",
    "data.folder": "data",
    "data.start": "data",
    "data.end": "data",
    "data.repair": "data",
    "data.sources.*.symbol": "data",
    "data.sources.*.path": "data",
    "data.sources.*.timeframe": "data",
    "data.sources.*.timezone": "data",
    "data.sources.*.stamp": "data",
    "data.sources.*.timestamp_column": "data",
    "data.sources.*.timestamp_format": "data",
    "data.sources.*.symbol_column": "data",
    "data.sources.*.columns.open": "data",
    "data.sources.*.columns.high": "data",
    "data.sources.*.columns.low": "data",
    "data.sources.*.columns.close": "data",
    "data.sources.*.columns.volume": "data",
    "data.sources.*.kind": "data",
    **{f"data.sources.*.columns.{name}": "data" for kind in KINDS for name in fields_of(kind)},
    "data.sources.*.execution": "data",
    "instruments.*.quote": "data",
    "instruments.*.base": "data",
    "instruments.*.tick": "data",
    "instruments.*.price_decimals": "data",
    "instruments.*.quantity_decimals": "config",
    "instruments.*.fractional": "config",
    "instruments.*.multiplier": "data",
    "instruments.*.timezone": "data",
    "instruments.*.session": "data",
    "hours.session": "config",
    "hours.timezone": "config",
    "orders.time_in_force": "order_manager",
    "sizing.method": "order_manager",
    "sizing.quantity": "order_manager",
    "sizing.fraction": "order_manager",
    "sizing.value": "order_manager",
    "sizing.stop": "config",
    "strategy.name": "coordinator",
    "strategy.params": "coordinator",
    "report.formats": "coordinator",
    "report.trades": "result",
    "report.benchmark": "analytics",
    "report.risk_free_rate": "analytics",
    "report.title": "analytics",
}
BY_FORM = {"sizing.method": {"FixedSizing", "ValueSizing"}, "data.sources.*.columns": {"columns"}}
"""Leaves that are read through the form of their section, or as a whole."""


def terms(settings: dict[str, Any], instrument: Instrument = X) -> Any:
    """The lowered parameters of settings."""
    return lower(fw.Config.from_dict({"version": 1, **settings}), (instrument,))


def test_every_leaf_of_the_schema_is_accounted_for() -> None:
    assert set(LOWERED) | set(ELSEWHERE) == set(leaf_paths())
    assert not set(LOWERED) & set(ELSEWHERE)


@pytest.mark.parametrize("leaf", list(LOWERED))
def test_a_lowered_leaf_changes_the_parameters(leaf: str) -> None:
    one, two, name = LOWERED[leaf]
    first, second = terms(one), terms(two)
    assert getattr(first, name) != getattr(second, name), leaf


def _names_read(folder: Path) -> set[str]:
    """Attributes and names that the files of a room mention."""
    files = [folder.with_suffix(".py")] if folder.with_suffix(".py").is_file() else sorted(folder.rglob("*.py"))
    found: set[str] = set()
    for file in files:
        if file.name == "schema.py":
            # only what its methods read, not the declarations
            nodes = [n for n in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(n, ast.FunctionDef)]
        else:
            nodes = [ast.parse(file.read_text(encoding="utf-8"))]
        for top in nodes:
            for node in ast.walk(top):
                if isinstance(node, ast.Attribute):
                    found.add(node.attr)
                elif isinstance(node, ast.Name):
                    found.add(node.id)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
    return found


@pytest.mark.parametrize("leaf", list(ELSEWHERE))
def test_every_other_leaf_is_read_by_its_room(leaf: str, root: Path) -> None:
    read = _names_read(root / "src" / "fillwright" / ELSEWHERE[leaf])
    wanted = BY_FORM.get(leaf) or BY_FORM.get(leaf.rpartition(".")[0]) or {leaf.rpartition(".")[2]}
    assert wanted <= read, leaf


# -- numbers ----------------------------------------------------------------------------------------------------------------------


def test_defaults() -> None:
    found = terms({})
    assert found.currencies[0].code == "USD"
    assert found.initial_cash == (100_000 * 10**6,)
    assert (found.initial_margin, found.maintenance_margin) == (10**9, 5 * 10**8)
    assert found.participation == 10**8
    assert found.account_type is codes.AccountType.MARGIN
    assert found.max_open_positions == found.max_position_fraction == NO_LIMIT
    (own,) = found.instruments
    assert (own.fee_min, own.fee_max, own.max_position, own.max_order) == (0, NO_LIMIT, NO_LIMIT, NO_LIMIT)


@pytest.mark.parametrize(
    ("leverage", "margin"), [(1, 10**9), (2, 5 * 10**8), (3, 333_333_333), (6, 166_666_667), ("2.5", 4 * 10**8)]
)
def test_initial_margin_is_one_over_leverage_half_to_even(leverage: Any, margin: int) -> None:
    assert terms({"account": {"leverage": leverage}}).initial_margin == margin


def test_quantities_count_in_lots_money_in_units_and_prices_in_price_units() -> None:
    (own,) = terms(
        {
            "limits": {"max_order_quantity": "1.25"},
            "costs": {"commission": {"model": "per_unit", "amount": "0.0075", "minimum": 1, "maximum": "2.5"}},
            "execution": {"limit_through": "0.03"},
        }
    ).instruments
    assert (own.max_order, own.fee_unit, own.fee_min, own.fee_max, own.through) == (125, 7500, 10**6, 2_500_000, 3)


def test_makers_pay_the_takers_rate_unless_they_have_their_own() -> None:
    (same,) = terms({"costs": {"commission": {"model": "rate", "rate": "10bp"}}}).instruments
    (own,) = terms({"costs": {"commission": {"model": "rate", "rate": "10bp", "maker_rate": "2bp"}}}).instruments
    assert (same.fee_taker, same.fee_maker) == (10**6, 10**6)
    assert (own.fee_taker, own.fee_maker) == (10**6, 2 * 10**5)


@pytest.mark.parametrize(
    ("settings", "where", "message"),
    [
        ({"limits": {"max_order_quantity": "1.255"}}, "limits.max_order_quantity", "more decimals than can be counted"),
        ({"execution": {"limit_through": "0.005"}}, "execution.limit_through", "more decimals than can be counted"),
        ({"costs": {"commission": {"model": "per_unit", "amount": "0.0000001"}}}, "costs.commission.amount", "more decimals"),
    ],
)
def test_what_cannot_be_counted_is_refused_with_the_smallest_step(settings: dict[str, Any], where: str, message: str) -> None:
    with pytest.raises(fw.ConfigError, match=message) as caught:
        terms(settings)
    assert (caught.value.where or "").startswith(where)
    assert "smallest step" in (caught.value.remedy or "")


def test_through_is_a_price_or_ticks_of_each_instrument() -> None:
    coarse, fine, without = Instrument("X", price_decimals=2, tick=25), Instrument("X", price_decimals=4, tick=1), Instrument("X")
    ticks: dict[str, Any] = {"execution": {"limit_through": "2 ticks"}}
    assert [terms(ticks, instrument).instruments[0].through for instrument in (coarse, fine)] == [50, 2]
    price: dict[str, Any] = {"execution": {"limit_through": "0.02"}}
    assert [terms(price, instrument).instruments[0].through for instrument in (coarse, fine, without)] == [2, 200, 20_000]
    with pytest.raises(fw.ConfigError, match="2 ticks through a limit, but X has no tick"):
        terms(ticks, without)


def test_instruments_of_the_same_decimals_have_ticks_of_their_own() -> None:
    config = fw.Config.from_dict({"version": 1, "execution": {"limit_through": "1 tick"}})
    two = (Instrument("X", price_decimals=2, tick=25), Instrument("Y", price_decimals=2, tick=1))
    assert [own.through for own in lower(config, two).instruments] == [25, 1]


def test_slippage_in_ticks_needs_a_tick() -> None:
    with pytest.raises(fw.ConfigError, match="X has no tick") as caught:
        terms({"costs": {"slippage": {"model": "ticks", "ticks": 1}}}, Instrument("X"))
    assert "instruments.X.tick" in (caught.value.remedy or "")
    assert terms({"costs": {"slippage": {"model": "ticks", "ticks": 0}}}, Instrument("X")).instruments[0].slip_ticks == 0


def test_currencies_come_in_order_the_accounts_first() -> None:
    config = fw.Config.from_dict({"version": 1, "account": {"currency": "EUR", "initial_cash": {"EUR": 1, "CHF": 2}}})
    instruments = (Instrument("A", quote="USD"), Instrument("B", quote="EUR"), Instrument("C", quote="JPY"))
    assert [currency.code for currency in currencies_of(config, instruments)] == ["EUR", "USD", "JPY", "CHF"]
    assert lower(config, instruments).initial_cash == (10**6, 0, 0, 2 * 10**6)


def test_whole_numbers() -> None:
    assert whole(Decimal("1.25"), 100, "x") == 125
    with pytest.raises(fw.ConfigError, match="has more decimals than can be counted"):
        whole(Decimal("1.255"), 100, "x")
