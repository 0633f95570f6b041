"""Translating the previous system's files: units by the sibling key, conflicts named, every key accounted for."""

from __future__ import annotations

import copy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fillwright.config.documents import read_document
from fillwright.config.emit import to_yaml
from fillwright.config.load import Loaded, load_config
from fillwright.errors import ConfigError
from fillwright.legacy.migrate import Migration, migrate

MIGRATES = [
    "_archived/backtest_config.yaml", "config/backtest.yaml", "config/backtest_config.yaml",
    "config/backtest_with_analytics.yaml", "config/complete_fix.yaml", "config/composite_regime.yaml",
    "config/debug.yaml", "config/debug_working.yaml", "config/eod_position_closing_example.yaml",
    "config/fixed_backtest.yaml", "config/head_test.yaml", "config/improved_mini_test.yaml",
    "config/ma_crossover_optimization.yaml", "config/ma_crossover_optimization_fixed.yaml", "config/mini_test.yaml",
    "config/mini_test_zero_commission.yaml", "config/minimal_ma_crossover.yaml", "config/optimization_test.yaml",
    "config/quick_fix.yaml", "config/refactored_test.yaml", "config/regime_ensemble.yaml",
    "config/regime_ensemble_SPY_1min.yaml", "config/regime_ensemble_optimization.yaml",
    "config/simple_ma_crossover.yaml", "config/simple_ma_optimization.yaml",
]  # fmt: skip
REFUSED = {
    "config/analytics_config.yaml": "is not a backtest configuration: mode analytics",
    "config/analytics_standalone.yaml": "is not a backtest configuration: mode analytics",
    "config/parameter_spaces/ma_crossover_params.yaml": "is not a backtest configuration: it holds a search space only",
    "config/optimization/template.yaml": "names GOOG, MSFT, but data.sources has files only for AAPL",
    "config/fixed.yaml": "data.timestamp_column: the file HEAD_1min.csv has no column 'date'; it has timestamp, Open",
}
BASE: dict[str, Any] = {
    "backtest": {"initial_capital": 100000.0, "symbols": ["A"], "timeframe": "1D", "strategy": "ma_crossover"},
    "data": {"data_dir": "./data"},
    "strategies": {"ma_crossover": {"enabled": True, "fast_window": 5, "slow_window": 15}},
    "risk_manager": {"position_size": 100},
    "broker": {"commission": 0.001, "slippage": 0.0005},
}


def translated(folder: Path, old: Path, **options: Any) -> tuple[Migration, Loaded]:
    target = folder / "new.yaml"
    migration = migrate(old, target=target, **options)
    target.write_text(migration.text, encoding="utf-8")
    return migration, load_config(target)


def old_file(folder: Path, **changes: Any) -> Path:
    data = copy.deepcopy(BASE)
    for path, value in changes.items():
        *sections, key = path.split("__")
        here = data
        for section in sections:
            here = here.setdefault(section, {})
        here[key] = value
    path = folder / "old.yaml"
    path.write_text(to_yaml(data), encoding="utf-8")
    return path


def view(folder: Path, **changes: Any) -> dict[str, Any]:
    return translated(folder, old_file(folder, **changes))[1].config.canonical()


def fails(folder: Path, **changes: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        migrate(old_file(folder, **changes))
    return str(caught.value)


def test_the_list_above_is_complete(shared: Path) -> None:
    legacy = shared / "legacy"
    there = {path.relative_to(legacy).as_posix() for path in legacy.rglob("*.yaml")}
    assert there == {*MIGRATES, *REFUSED}


@pytest.mark.parametrize("name", MIGRATES)
def test_real_files_migrate_and_load(shared: Path, tmp_path: Path, name: str) -> None:
    migration, loaded = translated(tmp_path, shared / "legacy" / name)
    config = loaded.config
    assert loaded.warnings == ()
    assert config.strategy is not None
    assert config.account.initial_cash == {"USD": Decimal(100_000)}
    assert config.execution.participation is None
    assert config.execution.fill == "next_event"
    assert config.orders.reversal == "two_orders"
    assert "run_end" in config.orders.flat_at
    folder = tmp_path / config.data.folder
    for source in config.data.sources:
        assert source.timezone == "UTC"
        assert (folder / source.path).is_file() or any(
            source.path in line for line in migration.report if "was not found" in line
        )
    if config.strategy.name == "ma_crossover":
        params = config.strategy.params
        assert params["mode"] == "always_in"
        assert params["fast"] < params["slow"]
    else:
        assert any("is not built in" in line for line in migration.report)


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_are_something_else_or_contradict_themselves(shared: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=name.rsplit("/", 1)[-1]) as caught:
        migrate(shared / "legacy" / name)
    assert REFUSED[name] in str(caught.value)


def test_mini_test_in_full(shared: Path, tmp_path: Path) -> None:
    migration, loaded = translated(tmp_path, shared / "legacy/config/mini_test.yaml")
    config = loaded.config.canonical()
    assert config["costs"] == {
        "commission": {"model": "rate", "rate": "0.001", "maker_rate": None, "minimum": None, "maximum": None},
        "slippage": {"model": "rate", "rate": "0.001"},
    }
    assert config["sizing"] == {"method": "fixed", "quantity": "100", "price": "decision"}
    assert config["strategy"] == {"name": "ma_crossover", "params": {"fast": 5, "slow": 15, "mode": "always_in"}}
    assert (config["data"]["start"], config["data"]["end"]) == ("2024-01-01", "2024-12-31")
    source = config["data"]["sources"][0]
    assert (source["symbol"], source["path"], source["timeframe"], source["columns"]["close"]) == (
        "MINI",
        "MINI_1min.csv",
        "1min",
        "Close",
    )
    assert config["limits"]["max_open_positions"] == 5
    for line in ("risk_manager.equity_percent = 5.0, because the method is fixed", "assumed: time stamps without a zone are UTC"):
        assert any(line in reported for reported in migration.report)
    assert not any(line.startswith(("NOT YET", "UNKNOWN")) for line in migration.report)
    assert "quantity: 100  # risk_manager.position_size" in migration.text


def test_backtest_with_analytics_in_full(shared: Path, tmp_path: Path) -> None:
    migration, loaded = translated(tmp_path, shared / "legacy/config/backtest_with_analytics.yaml")
    config = loaded.config.canonical()
    assert config["costs"]["commission"]["rate"] == "0.001"
    assert config["costs"]["slippage"]["rate"] == "0.0005"
    assert [source["symbol"] for source in config["data"]["sources"]] == ["AAPL", "MSFT"]
    assert all(source["timestamp_format"] == "%Y-%m-%d" for source in config["data"]["sources"])
    assert config["strategy"]["params"] == {"fast": 10, "slow": 30, "mode": "always_in"}
    assert "NOT YET HANDLED: broker.market_simulator.price_impact = 0.0001" in migration.report


@pytest.mark.parametrize(
    ("changes", "commission"),
    [
        ({"broker__commission": 0.001}, {"model": "rate", "rate": "0.001"}),
        ({"broker__commission": {"type": "percentage", "rate": 0.001}}, {"model": "rate", "rate": "0.001"}),
        ({"broker__commission": {"commission_type": "percentage", "rate": 0.1}}, {"model": "rate", "rate": "0.001"}),
        (
            {"broker__commission": {"commission_type": "percentage", "rate": 0.1, "min_commission": 1.0}},
            {"rate": "0.001", "minimum": "1"},
        ),
        ({"broker__commission": {"commission_type": "fixed", "rate": 2.5}}, {"model": "per_order", "amount": "2.5"}),
        ({"broker__commission": {"commission_type": "per_share", "rate": 0.005}}, {"model": "per_unit", "amount": "0.005"}),
        ({"broker__commission": 0.0}, {"model": "none"}),
        ({"broker__commission": None, "commission_rate": 0.002}, {"model": "rate", "rate": "0.002"}),
        ({"commission_rate": 0.001}, {"model": "rate", "rate": "0.001"}),
        ({"broker": {}, "backtest__broker": {"commission": {"commission_type": "percentage", "rate": 0.1}}}, {"rate": "0.001"}),
        ({"broker": {}, "backtest__commission": 0.0015}, {"rate": "0.0015"}),
    ],
)
def test_commission_units(tmp_path: Path, changes: dict[str, Any], commission: dict[str, str]) -> None:
    found = view(tmp_path, **changes)["costs"]["commission"]
    assert found | commission == found


@pytest.mark.parametrize(
    ("slippage", "rate"),
    [
        (0.001, "0.001"),
        ({"model": "fixed", "value": 0.0005}, "0.0005"),
        ({"type": "percentage", "amount": 0.0005}, "0.0005"),
        ({"model": "fixed", "slippage_percent": 0.1}, "0.001"),
        ({"model": "variable", "base_slippage_percent": 0.05, "size_impact": 0.01}, "0.0005"),
    ],
)
def test_slippage_units(tmp_path: Path, slippage: Any, rate: str) -> None:
    assert view(tmp_path, broker__slippage=slippage)["costs"]["slippage"] == {"model": "rate", "rate": rate}


def test_absent_settings_are_listed_as_defaulted(tmp_path: Path) -> None:
    migration, loaded = translated(tmp_path, old_file(tmp_path, broker={}, risk_manager={}, backtest__initial_capital=None))
    defaulted = [line for line in migration.report if line.startswith("defaulted")]
    assert len([line for line in defaulted if any(word in line for word in ("commission", "slippage", "size", "cash"))]) == 4
    assert loaded.config.costs.commission.model == "none"
    assert loaded.config.sizing.method == "none"


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"initial_capital": 50000}, ["the initial cash", "initial_capital = 50000", "backtest.initial_capital = 100000"]),
        ({"commission_rate": 0.0015}, ["the commission", "commission_rate = 0.0015", "broker.commission = 0.001"]),
        ({"risk__position_size": 10}, ["the quantity", "risk.position_size = 10", "risk_manager.position_size = 100"]),
        ({"data__timeframe": "1min"}, ["the timeframe", "'1D'", "'1min'"]),
        ({"strategy__name": "mean_reversion"}, ["the strategy", "'mean_reversion'", "'ma_crossover'"]),
        ({"strategy__parameters": {"fast_period": 6}}, ["the fast window", "= 6", "= 5"]),
        ({"data__symbols": ["A", "B"]}, ["the list of symbols", "['A', 'B']"]),
        ({"data__start_date": "2024-01-02", "backtest__start_date": "2024-01-01"}, ["the start date"]),
        ({"backtest__data_dir": "other"}, ["the data folder", "'./data'", "'other'"]),
    ],
)
def test_a_conflict_names_both_paths_and_values(tmp_path: Path, changes: dict[str, Any], parts: list[str]) -> None:
    text = fails(tmp_path, **changes)
    assert "is given more than once and differs" in text
    for part in parts:
        assert part in text
    assert "old.yaml:" in text


def test_all_conflicts_come_at_once_and_force_takes_the_deeper_key(tmp_path: Path) -> None:
    changes = {"initial_capital": 50000, "commission_rate": 0.0015}
    assert fails(tmp_path, **changes).startswith("2 things are wrong")
    migration, loaded = translated(tmp_path, old_file(tmp_path, **changes), force=True)
    assert loaded.config.account.initial_cash == {"USD": Decimal(100_000)}
    assert loaded.config.canonical()["costs"]["commission"]["rate"] == "0.001"
    assert len([line for line in migration.report if line.startswith("conflict: ") and "was taken" in line]) == 2


def test_force_cannot_choose_between_keys_of_the_same_depth(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="remove one"):
        migrate(old_file(tmp_path, risk__position_size=10), force=True)


def test_equal_values_in_two_places_are_no_conflict(tmp_path: Path) -> None:
    config = view(tmp_path, initial_capital=100000, portfolio__initial_cash=1e5, data__symbols=["A"], data__timeframe="1d")
    assert config["account"]["initial_cash"] == {"USD": "100000"}


@pytest.mark.parametrize(
    ("changes", "sizing"),
    [
        ({"risk_manager": {"position_sizing_method": "percent_equity", "equity_percent": 5.0, "position_size": 100}},
         {"method": "equity_fraction", "fraction": "0.05"}),
        ({"risk_manager": {"position_sizing_method": "percent_risk", "risk_percent": 1.0, "stop_percent": 4, "position_size": 100}},
         {"method": "risk", "fraction": "0.01", "stop": "0.04"}),
        ({"risk_manager": {}, "risk": {"position_manager": {"config": {"config": {"fixed_quantity": 10}}}}},
         {"method": "fixed", "quantity": "10"}),
        ({"risk_manager": {}, "strategies__ma_crossover": {"fast_window": 5, "slow_window": 15, "trade_size": 7}},
         {"method": "fixed", "quantity": "7"}),
        ({"risk_manager": {"type": "simple", "simple": {"position_size": 3}}}, {"method": "fixed", "quantity": "3"}),
    ],
)  # fmt: skip
def test_sizes(tmp_path: Path, changes: dict[str, Any], sizing: dict[str, str]) -> None:
    assert view(tmp_path, **changes)["sizing"] == {**sizing, "price": "decision"}


def test_a_limit_that_may_be_percent_or_leverage_is_not_guessed(tmp_path: Path) -> None:
    migration, loaded = translated(tmp_path, old_file(tmp_path, risk_manager__max_position_pct=10.0))
    assert loaded.config.limits.max_position_fraction is None
    assert any(line.startswith("NOT TAKEN OVER: risk_manager.max_position_pct = 10.0") for line in migration.report)
    assert view(tmp_path, risk_manager__max_position_pct=0.1)["limits"]["max_position_fraction"] == "0.1"


def test_closing_at_the_end_of_the_day(tmp_path: Path) -> None:
    assert view(tmp_path, backtest__close_positions_eod=True)["orders"]["flat_at"] == ["day_end", "run_end"]
    assert view(tmp_path, backtest__close_positions_eod=False)["orders"]["flat_at"] == ["run_end"]


def test_unknown_and_unhandled_keys_are_listed_by_path(tmp_path: Path) -> None:
    old = old_file(tmp_path, colour="red", risk_manager__max_trades_per_day=3, logging={"level": "INFO"}, broker__delay=1)
    report = translated(tmp_path, old)[0].report
    assert "UNKNOWN KEY: colour = 'red'" in report
    assert "NOT YET HANDLED: risk_manager.max_trades_per_day = 3" in report
    assert any(line.startswith("NOT YET HANDLED: broker.delay = 1") for line in report)
    assert "no meaning for execution: logging.level" in report


def test_disabled_strategies_and_other_strategies_are_left_out(tmp_path: Path) -> None:
    old = old_file(tmp_path, backtest__strategy=None, strategies__other={"enabled": False, "fast_window": 9})
    migration, loaded = translated(tmp_path, old)
    assert loaded.config.canonical()["strategy"]["params"]["fast"] == 5
    assert any("left out: strategies.other" in line for line in migration.report)


def test_a_strategy_under_its_own_name(tmp_path: Path) -> None:
    changes = {"backtest__strategy": None, "strategies": {}, "strategy": {"ma_crossover": {"fast_window": 3, "slow_window": 4}}}
    assert view(tmp_path, **changes)["strategy"]["params"] == {"fast": 3, "slow": 4, "mode": "always_in"}


def test_files_are_found_from_the_folder_above(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "A_1d.csv").write_text("date,open,high,low,close\n2024-01-01,1,1,1,1\n", encoding="utf-8")
    old = old_file(tmp_path / "config", data__date_column="date", data__date_format="%d.%m.%Y")
    migration, loaded = translated(tmp_path, old)
    assert (loaded.config.data.folder, loaded.config.data.sources[0].path) == ("data", "A_1d.csv")
    assert loaded.config.data.sources[0].timestamp_format is None
    assert any(line.startswith("left out: data.date_format = '%d.%m.%Y' does not fit '2024-01-01'") for line in migration.report)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"backtest__initial_capital": "lots"}, "backtest.initial_capital: must be a number"),
        ({"backtest__timeframe": "daily"}, "backtest.timeframe: must be a duration"),
        ({"backtest__start_date": "1.1.2024"}, "backtest.start_date: must be a date"),
        ({"strategies__ma_crossover": {"fast_window": 20, "slow_window": 10}}, "fast window 20 must be less than slow window 10"),
        ({"strategies__ma_crossover": {"fast_window": 2.5, "slow_window": 10}}, "must be a number of bars"),
        ({"backtest__strategy": None, "strategies": {}}, "names no strategy"),
        ({"backtest__symbols": None}, "names no symbols"),
        ({"backtest__symbols": ["A", "B"], "data__custom_data": {"file": "x.csv"}}, "is one file for 2 symbols"),
        ({"broker__commission": {"rate": 0.1}}, "stands beside neither type nor commission_type"),
        ({"broker__commission": {"commission_type": "tiered", "rate": 0.1}}, "cannot be translated yet"),
        ({"version": 1, "run": {"name": "x"}}, "is already a configuration of fillwright"),
    ],
)
def test_what_cannot_be_translated_is_an_error_with_its_place(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    text = fails(tmp_path, **changes)
    assert expected in text
    assert "old.yaml" in text


JUNK = st.sampled_from(
    [None, True, -1, 0, 1.5, 10**30, float("inf"), "", "x", "a/b", [], [1], ["A"], [{"a": 1}], {}, {"a": {"b": 1}}, {"rate": "x"}]
)


@given(st.data())
def test_any_value_anywhere_is_translated_or_refused_but_never_a_crash(
    shared: Path, tmp_path_factory: Any, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp()
    name = data.draw(st.sampled_from(MIGRATES))
    old: Any = read_document(shared / "legacy" / name).data
    here = old
    while True:
        key = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else list(range(len(here)))))
        if isinstance(here[key], dict | list) and here[key] and data.draw(st.booleans()):
            here = here[key]
            continue
        here[key] = data.draw(JUNK)
        break
    path = folder / "junk.yaml"
    path.write_text(to_yaml(old).replace("Infinity", ".inf"), encoding="utf-8")
    try:
        translated(folder, path, force=data.draw(st.booleans()))
    except ConfigError as error:
        assert "junk.yaml" in str(error)
