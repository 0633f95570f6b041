"""The schema: one canonical form, frozen, closed, with errors that name the key and the nearest right one."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fillwright.config import problems
from fillwright.config.schema import Config, validated
from fillwright.errors import ConfigError
from fillwright.model import codes

FULL: dict[str, Any] = {
    "version": 1,
    "run": {"name": "sma-spy", "seed": 7, "out": "runs/sma", "warmup": 50, "isolation": "strict"},
    "data": {
        "folder": ".",
        "start": "2013-01-01",
        "end": "2014-01-01 16:00",
        "sources": [
            {
                "symbol": "SPY",
                "path": "SPY.csv",
                "timeframe": "60min",
                "timezone": "America/New_York",
                "stamp": "open",
                "execution": True,
            },
            {"symbol": "SPY", "path": "SPY_d.csv", "timeframe": "1d", "columns": {"close": "Adj Close"}},
        ],
        "repair": ["sort", "drop_duplicates"],
    },
    "instruments": {"SPY": {"tick": "0.01", "price_decimals": 2, "session": "09:30-16:00"}},
    "account": {"initial_cash": {"USD": 100000, "EUR": "2.50"}, "leverage": 2, "maintenance_margin": "25%"},
    "execution": {"latency": "5ms", "participation": None, "path": "worst", "limit_through": 0.01},
    "costs": {"commission": {"model": "per_unit", "amount": 0.0035, "minimum": 0.35}, "slippage": {"model": "ticks", "ticks": 1}},
    "orders": {"flat_at": "day_end", "time_in_force": "DAY"},
    "limits": {"max_position_fraction": "150%", "max_open_positions": 5},
    "sizing": {"method": "equity_fraction", "fraction": "95%"},
    "strategy": {"name": "ma_crossover", "params": {"fast": 10, "slow": 30, "weights": [1, {"a": 0.5}]}},
    "report": {"benchmark": "SPY", "formats": ["html"], "risk_free_rate": "4.5%"},
}


def message(data: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        Config.from_dict(data)
    return str(caught.value)


def test_canonical_form_reads_back_equal_and_is_plain_sorted_json() -> None:
    config = Config.from_dict(FULL)
    view = config.canonical()
    assert json.loads(json.dumps(view)) == view
    assert list(view) == sorted(view)
    again = Config.from_dict(view)
    assert again == config
    assert hash(again) == hash(config)
    assert again.canonical() == view
    assert view["execution"]["latency"] == "5ms"
    assert view["data"]["sources"][0]["timeframe"] == "1h"
    assert view["account"]["initial_cash"] == {"EUR": "2.5", "USD": "100000"}
    assert view["limits"]["max_position_fraction"] == "1.5"


def test_the_same_settings_written_otherwise_are_equal() -> None:
    one = Config.from_dict({"costs": {"commission": {"model": "rate", "rate": "0.1%"}}, "account": {"initial_cash": 5000.0}})
    two = Config.from_dict(
        {"account": {"initial_cash": {"USD": "5000.00"}}, "costs": {"commission": {"rate": 0.001, "model": "rate"}}}
    )
    assert one == two
    assert one.fingerprint_view() == two.fingerprint_view()
    assert len({one, two}) == 1


def test_durations_that_may_be_left_out_read_back_too() -> None:
    given = {"execution": {"max_age": "5s"}, "run": {"equity_every": "90s"}, "limits": {"max_orders_interval": "1h"}}
    view = Config.from_dict(given).canonical()
    assert (view["execution"]["max_age"], view["run"]["equity_every"]) == ("5s", "90s")
    assert Config.from_dict(view) == Config.from_dict(given)
    assert Config.from_dict({}).canonical()["execution"]["max_age"] is None


def test_a_distance_of_price_is_a_number_or_ticks() -> None:
    forms = {
        "2 ticks": ("2 ticks", " 2ticks ", "2 tick"),
        "1 tick": ("1 tick", "1 ticks"),
        "0.02": (0.02, "0.020", Decimal("0.02")),
    }
    for canonical, written in forms.items():
        for value in written:
            config = Config.from_dict({"execution": {"limit_through": value}})
            assert config.canonical()["execution"]["limit_through"] == canonical
            assert Config.from_dict(config.canonical()) == config
    for value in (-0.01, "-1 ticks", "two ticks", "1.5 ticks", "2 ticks more"):
        assert "execution.limit_through" in message({"execution": {"limit_through": value}})


def test_fingerprint_leaves_out_what_changes_no_result() -> None:
    base = Config.from_dict(FULL)
    other = copy.deepcopy(FULL)
    other["run"] |= {"name": "another", "out": None}
    other["report"] = {}
    assert Config.from_dict(other) != base
    assert Config.from_dict(other).fingerprint_view() == base.fingerprint_view()
    other["run"]["seed"] = 8
    assert Config.from_dict(other).fingerprint_view() != base.fingerprint_view()


def test_a_configuration_cannot_be_changed_and_can_be_sent_to_another_process() -> None:
    config = Config.from_dict(FULL)
    with pytest.raises(ValueError, match="frozen"):
        config.run.seed = 1  # type: ignore[misc]
    assert config.strategy is not None
    for mapping in (config.instruments, config.strategy.params, config.account.initial_cash):
        with pytest.raises(TypeError, match="cannot be changed"):
            mapping["x"] = 1  # type: ignore[index]
        with pytest.raises(TypeError, match="cannot be changed"):
            mapping.clear()  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        config.strategy.params["weights"][1]["a"] = 2
    assert pickle.loads(pickle.dumps(config)) == config
    assert copy.deepcopy(config) == config


def test_changing_the_data_given_changes_no_configuration() -> None:
    data = copy.deepcopy(FULL)
    config = Config.from_dict(data)
    before = config.canonical()
    data["strategy"]["params"]["weights"][1]["a"] = 9
    data["instruments"]["SPY"]["tick"] = "0.05"
    assert config.canonical() == before


def test_defaults() -> None:
    config = Config()
    assert config == Config.from_dict({})
    assert config == Config.from_dict({"run": None, "hours": None, "sizing": None})
    assert config.account.initial_cash == {"USD": Decimal(100_000)}
    assert Config.from_dict({"account": {"currency": "EUR"}}).account.initial_cash == {"EUR": Decimal(100_000)}
    assert config.execution.participation == Decimal("0.1")
    assert config.execution.latency == 0
    assert config.account.maintenance == Decimal("0.5")
    assert Config.from_dict({"account": {"leverage": 3}}).account.maintenance == Decimal("0.166666667")
    assert config.costs.commission.model == "none"
    assert config.sizing.method == "none"
    assert config.strategy is None


def test_hours_fill_in_what_an_instrument_does_not_say() -> None:
    config = Config.from_dict(
        {"hours": {"session": "09:30-16:00", "timezone": "UTC"}, "instruments": {"B": {"session": "08:00-20:00"}}}
    )
    assert config.instrument("A").session == "09:30-16:00"
    assert (config.instrument("B").session, config.instrument("B").timezone) == ("08:00-20:00", "UTC")
    assert Config.from_dict({"instruments": {"B": {"fractional": True}}}).instrument("B").lot_decimals == 8


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"run": {"seeed": 1}}, "run.seeed: unknown key; did you mean 'seed'?"),
        ({"commission": {"model": "none"}}, "commission: unknown key; there is costs.commission"),
        ({"run": {"participation": 1}}, "run.participation: unknown key; there is execution.participation"),
        (
            {"costs": {"commission": {"model": "rate", "rat": 1, "rate": 0.1}}},
            "costs.commission.rat: unknown key; did you mean 'rate'?",
        ),
        ({"costs": {"commission": {"model": "rate"}}}, "costs.commission.rate: the key 'rate' is missing"),
        (
            {"costs": {"commission": {"rate": 0.01}}},
            "costs.commission: needs the key 'model': one of none, rate, per_unit, per_order",
        ),
        ({"costs": {"commission": "0.1%"}}, "costs.commission: must be a mapping with the key 'model'; found '0.1%'"),
        (
            {"costs": {"slippage": {"model": "tick"}}},
            "costs.slippage.model: must be one of none, rate, ticks; found 'tick'; did you mean",
        ),
        ({"sizing": {"method": "fixed", "quantity": 0}}, "sizing.quantity: must be more than 0; found 0"),
        ({"sizing": {"quantity": 1}}, "sizing: needs the key 'method'"),
        ({"execution": {"path": "directon"}}, "did you mean 'direction'?"),
        ({"execution": {"participation": 10}}, "must be at most 1 (100%); for a percent write it with its sign, like 10%"),
        ({"execution": {"latency": 5}}, "execution.latency: must be a duration with a unit"),
        ({"costs": {"commission": {"model": "rate", "rate": 5}}}, "costs.commission.rate: must be at most 1"),
        ({"costs": {"commission": {"model": "rate", "rate": "0.00000000001"}}}, "at most 9 are counted"),
        (
            {"costs": {"commission": {"model": "per_unit", "amount": 1, "minimum": 2, "maximum": 1}}},
            "maximum: 1 is below minimum 2",
        ),
        ({"account": {"type": "cash", "leverage": 2}}, "account.leverage: is 2, but a cash account borrows nothing"),
        ({"account": {"leverage": 0.5}}, "account.leverage: must be at least 1"),
        ({"account": {"leverage": 4, "maintenance_margin": 0.5}}, "account.maintenance_margin: 0.5 is above the initial margin"),
        ({"account": {"initial_cash": 0}}, "account.initial_cash: is 0"),
        ({"account": {"initial_cash": "1.1234567"}}, "account.initial_cash: has more than the 6 decimals"),
        ({"account": {"initial_cash": 10**13}}, "account.initial_cash: is too large"),
        ({"account": {"initial_cash": {"usd": 1}}}, "account.initial_cash.usd: must be a currency code such as USD; found 'usd'"),
        ({"account": {"initial_cash": -1}}, "account.initial_cash: must be at least 0; found -1"),
        (
            {"data": {"sources": [{"symbol": 700, "path": "x"}]}},
            "data.sources[0].symbol: must be text; found 700; write it in quotes",
        ),
        (
            {"data": {"sources": {"symbol": "A"}}},
            "data.sources: must be a list; found {'symbol': 'A'}; write - before each item, or put them in [ ]",
        ),
        ({"data": {"start": "2024-02-01", "end": "2024-01-01"}}, "data.end: 2024-01-01 is before start"),
        ({"data": {"repair": ["sorted"]}}, "data.repair[0]: must be one of sort, drop_duplicates"),
        (
            {"data": {"sources": [{"symbol": "A", "path": "a", "execution": True}] * 2}},
            "data.sources[1].execution: a second source of A",
        ),
        ({"data": {"sources": [{"symbol": "MSFT", "path": "a"}]}, "instruments": {"MSTF": {}}}, "did you mean 'MSFT'?"),
        (
            {"instruments": {"A": {"tick": 0.01, "price_decimals": 1}}},
            "instruments.A.tick: 0.01 needs more than the 1 price decimals",
        ),
        ({"instruments": {"A": {"fractional": True, "quantity_decimals": 3}}}, "instruments.A.quantity_decimals: is 3"),
        ({"instruments": {"A": {"quote": "EUR", "base": "EUR"}}}, "instruments.A.base: EUR is the quote currency too"),
        ({"run": {"seed": "7"}}, "run.seed: must be a whole number; found '7'"),
        ({"run": {"seed": 1.0}}, "run.seed: must be a whole number"),
        ({"run": {"seed": True}}, "run.seed: must be a whole number; found true"),
        ({"run": {"warmup": -1}}, "run.warmup: must be auto or a whole number of bars >= 0; found -1"),
        ({"execution": {"clamp_to_range": 1}}, "execution.clamp_to_range: must be true or false; found 1"),
        ({"strategy": {"params": {}}}, "strategy.name: the key 'name' is missing"),
        ({"strategy": {"name": "x", "params": {"a": float("nan")}}}, "not finite"),
        ({"version": 2}, "version: must be one of 1; found 2"),
        ({"orders": []}, "orders: must be a mapping of keys"),
    ],
)
def test_what_is_wrong_is_named(data: dict[str, Any], expected: str) -> None:
    assert expected in message(data)


def test_all_errors_come_at_once_without_the_tags_of_unions() -> None:
    text = message(
        {
            "run": {"seeed": 1},
            "costs": {"commission": {"model": "rate", "rate": "x", "minimum": -1}},
            "sizing": {"method": "fixed", "quantity": "many"},
        }
    )
    assert text.startswith("4 things are wrong")
    for path in ("run.seeed:", "costs.commission.rate:", "costs.commission.minimum:", "sizing.quantity:"):
        assert path in text
    assert "commission.rate.rate" not in text
    assert "sizing.fixed" not in text


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"costs": {"commission": {"model": "rate", "rate": 0.1}}}, "costs.commission.rate"),
        ({"costs": {"slippage": {"model": "rate", "rate": 0.05}}}, "costs.slippage.rate"),
        ({"limits": {"max_position_fraction": 10.0}}, "limits.max_position_fraction"),
        ({"sizing": {"method": "equity_fraction", "fraction": 95}}, "sizing.fraction"),
    ],
)
def test_a_bare_number_that_looks_like_a_percent_is_reported(data: dict[str, Any], path: str) -> None:
    _, notes = validated(data)
    assert [note.path for note in notes] == [path]
    with pytest.warns(UserWarning, match="is a fraction and means"):
        Config.from_dict(data)


def test_a_fraction_with_its_unit_is_not_reported() -> None:
    data = {
        "costs": {"commission": {"model": "rate", "rate": "10%"}, "slippage": {"model": "rate", "rate": 0.01}},
        "limits": {"max_position_fraction": "200%"},
    }
    assert validated(data)[1] == ()


def test_choices_are_the_codes_of_the_model() -> None:
    wanted = {
        ("execution", "path"): codes.BarPath, ("execution", "fill"): codes.FillWhen, ("account", "lots"): codes.Lots,
        ("account", "type"): codes.AccountType, ("orders", "off_tick"): codes.OffTick, ("orders", "reversal"): codes.Reversal,
        ("orders", "on_short_cash"): codes.ShortCash, ("report", "trades"): codes.TradeGrouping,
    }  # fmt: skip
    fields = dict(problems.all_keys(Config))
    for path, enumeration in wanted.items():
        assert set(get_args(fields[path].annotation)) == {member.name.lower() for member in enumeration}, path
    assert {*get_args(fields[("orders", "time_in_force")].annotation)} <= {member.name for member in codes.TimeInForce}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
def test_any_value_anywhere_is_taken_or_refused_but_never_a_crash(data: st.DataObject) -> None:
    config: Any = copy.deepcopy(FULL)
    here = config
    while True:
        key = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else list(range(len(here)))))
        if isinstance(here[key], dict | list) and here[key] and data.draw(st.booleans()):
            here = here[key]
            continue
        here[key] = data.draw(JSON)
        break
    try:
        made, _ = validated(config)
    except ConfigError as error:
        assert str(error)
    else:
        assert validated(made.canonical())[0] == made


def test_the_room_needs_no_arrays(root: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, 'src');"
        "import fillwright.config.load, fillwright.config.docs, fillwright.config.shorthand;"
        "print([m for m in ('numpy', 'numba', 'pandas', 'pyarrow') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
