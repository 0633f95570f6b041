"""Every planted look-ahead is found, with the time and the columns; what knows nothing of the future is left in peace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fillwright as fw
from doctor.futures import CLEAN, LEAKS, Averages, Leak, market_of_hours, next_close
from fillwright.doctor.causality import causality
from fillwright.doctor.noise import STYLES, Part, noised
from fillwright.doctor.trail import time_text

MARKET = market_of_hours()


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.make.__name__)
def test_each_look_ahead_is_found_with_time_and_columns(leak: Leak) -> None:
    diagnosis = causality(leak.make, MARKET, cuts=24)
    decisions, _ = diagnosis.checks
    (finding,) = decisions.findings
    facts = finding.facts
    named = {(field["symbol"], field["timeframe"], field["column"]) for field in facts["fields"]}
    assert named == set(leak.columns)
    least, most = leak.ahead
    assert least <= facts["instants_ahead"] <= most
    assert np.datetime64(facts["decided_at"][:-1], "ns") <= MARKET.instants[leak.first].astype("datetime64[ns]")
    assert facts["decided_at"] in finding.where and leak.columns[0][2] in finding.where
    assert finding.remedy


@pytest.mark.parametrize("number", range(len(CLEAN)))
def test_what_knows_nothing_is_left_in_peace(number: int) -> None:
    diagnosis = causality(CLEAN[number], MARKET)
    assert diagnosis.ok, diagnosis.text()
    assert not any(check.skipped for check in diagnosis.checks)
    assert not diagnosis.notes


def test_the_same_question_has_the_same_answer() -> None:
    assert causality(next_close, MARKET, cuts=9).to_json() == causality(next_close, MARKET, cuts=9).to_json()


def test_what_was_computed_beforehand_is_said_to_be_unchecked() -> None:
    diagnosis = causality(next_close(MARKET), MARKET)
    assert diagnosis.ok
    assert any("no order depends on any price" in note and "function of the market" in note for note in diagnosis.notes)


def test_an_array_handed_in_is_said_to_be_unchecked() -> None:
    values = np.sin(np.arange(240.0))

    class Given(fw.Strategy):
        def on_start(self) -> None:
            self.given = self.indicator(values, symbol="X")

        def on_bar(self, bar: Any) -> None:
            if bar.symbol == "X":
                self.target("X", 3 if self.given.value > 0 and bar.close > bar.open else 0)

    assert any("handed in" in note for note in causality(Given(), MARKET).notes)


def test_errors_of_the_run_and_of_the_call_are_raised() -> None:
    class Raises(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            raise ValueError("no such luck")

    with pytest.raises(fw.StrategyError, match="no such luck"):
        causality(Raises(), MARKET)
    with pytest.raises(fw.UsageError, match="cannot cut 0 times"):
        causality(Averages(), MARKET, cuts=0)
    with pytest.raises(fw.UsageError, match="is a class"):
        causality(Averages, MARKET)  # type: ignore[arg-type]
    with pytest.raises(fw.UsageError, match="a market is needed"):
        causality(Averages())


def test_a_strategy_that_does_not_take_other_data_was_not_checked() -> None:
    def picky(market: fw.Market) -> Any:
        if int(market.feeds[0].close[-1]) != int(MARKET.feeds[0].close[-1]):
            raise ValueError("not my data")
        return Averages()

    diagnosis = causality(picky, MARKET)
    assert diagnosis.checks[0].skipped
    assert "not my data" in diagnosis.checks[0].done


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_noise_keeps_the_past_and_is_plausible(style: Any) -> None:
    after = int(MARKET.instants[99])
    other = noised(MARKET, after, 5, style)
    assert np.array_equal(other.instants, MARKET.instants)
    for old, new in zip(MARKET.feeds, other.feeds, strict=True):
        past = old.close_time <= after
        for name, values in old.arrays().items():
            changed = getattr(new, name)
            assert np.array_equal(values[past], changed[past])
            if name in ("close", "high", "low", "volume"):
                assert (values[~past] != changed[~past]).mean() > 0.9
        assert old.volume is not None and new.volume is not None
        assert (new.low > 0).all() and (new.volume > 0).all()
        assert (new.low <= np.minimum(new.open, new.close)).all() and (new.high >= np.maximum(new.open, new.close)).all()
        assert (new.close[~past] % 10_000 == 0).all()  # cents, as the data
    hours, four = other.feeds[0], other.feeds[2]
    assert np.array_equal(four.high, hours.high.reshape(-1, 4).max(1))  # the longer bars are made of the shorter ones
    assert np.array_equal(four.close, hours.close[3::4])
    assert noised(MARKET, after, 5, style).digest == other.digest
    assert noised(MARKET, after, 6, style).digest != other.digest


@pytest.mark.parametrize("column", ["open", "high", "low", "close", "volume"])
def test_one_column_alone(column: str) -> None:
    after = int(MARKET.instants[99])
    other = noised(MARKET, after, 5, STYLES[3], Part(0, column))
    for number, (old, new) in enumerate(zip(MARKET.feeds, other.feeds, strict=True)):
        different = {name for name, values in old.arrays().items() if not np.array_equal(values, getattr(new, name))}
        assert different == ({column} if number == 0 else set())
        assert (new.low <= np.minimum(new.open, new.close)).all() and (new.high >= np.maximum(new.open, new.close)).all()


def test_times_in_words() -> None:
    assert time_text(1_577_836_800_000_000_000) == "2020-01-01T00:00:00Z"
    assert time_text(1_577_836_800_500_000_000) == "2020-01-01T00:00:00.5Z"


STRATEGIES = """\
import numpy as np
import fillwright as fw


def ahead(market, bars=1):
    close = market.feeds[0].close
    later = np.append(close[bars:], [close[-1]] * bars)
    return fw.Targets(units=np.where(later > close, 10.0, 0.0))


def broken(market):
    return market.feeds[0].clos
"""
CONFIG = """\
version: 1
data: {sources: [{symbol: M, path: M.csv, timeframe: 1d}]}
strategy: {name: "mine.py:ahead", params: {bars: 2}}
"""


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A function of the market in a strategy file: ``run`` runs it, ``doctor causality`` makes its arrays anew."""
    from fillwright.cli import main
    from fillwright.data import write_csv

    write_csv(fw.make_bars(120, seed=5), tmp_path / "M.csv")
    (tmp_path / "mine.py").write_text(STRATEGIES)
    config = tmp_path / "run.yaml"
    config.write_text(CONFIG)
    assert main(["run", str(config), "--json"]) == 0
    capsys.readouterr()
    assert main(["doctor", "causality", str(config)]) == 1
    assert "reads M 1d close" in capsys.readouterr().out
    assert main(["doctor", "causality", str(config), "--json", "--cuts", "10"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["checks"][0]["findings"][0]["instants_ahead"] == 2
    clean = ["--set", "strategy={name: sma_cross, params: {fast: 3, slow: 8}}", "--set", "sizing={method: fixed, quantity: 5}"]
    assert main(["doctor", "causality", str(config), *clean]) == 0
    assert "nothing found" in capsys.readouterr().out
    for wrong, message in (("{bar: 2}", "unexpected keyword argument 'bar'"), ("{market: 2}", "multiple values for argument")):
        assert main(["doctor", "causality", str(config), "--set", f"strategy.params={wrong}"]) == 2
        assert message in capsys.readouterr().err
    assert main(["doctor", "causality", str(config), "--set", "strategy={name: 'mine.py:broken'}"]) == 1
    assert f"{tmp_path / 'mine.py'}:12: broken raised AttributeError" in capsys.readouterr().err
