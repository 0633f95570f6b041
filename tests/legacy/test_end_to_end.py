"""Files of the previous system, migrated and run: outcomes that two independent calculations agree on, to the cent."""

from __future__ import annotations

import csv
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from fillwright.coordinator import run_config
from fillwright.data.market import Market
from fillwright.legacy.migrate import migrate
from fillwright.model.codes import ExitReason, RunState
from fillwright.result import Result
from fillwright.verify import verify_folder

RunOld = Callable[..., Result]
MONEY = Decimal(10) ** 6
NEXT, CLOSE = "next_event", "same_close_lookahead"
ALWAYS, FLAT = "always_in", "long_flat"
WITH_COSTS = ("limits={}",)
NO_COSTS = ("limits={}", "costs={}")
SYNTH = (*NO_COSTS, "data.sources[0].path=SYNTH_1min.csv", "data.sources[0].symbol=SYNTH")

# Crossover 5/15, 100 units, an open position closed at the last close. Calculated without this program, when the previous system
# was studied: fills and change of equity. A reversal counts as one fill.
REFERENCE = [
    (WITH_COSTS, CLOSE, ALWAYS, 6, "-1069.470"), (WITH_COSTS, CLOSE, FLAT, 6, "-628.490"),
    (WITH_COSTS, NEXT, ALWAYS, 6, "-1067.478"), (WITH_COSTS, NEXT, FLAT, 6, "-626.993"),
    (NO_COSTS, CLOSE, ALWAYS, 6, "-27.00"), (NO_COSTS, CLOSE, FLAT, 6, "-3.00"),
    (NO_COSTS, NEXT, ALWAYS, 6, "-25.00"), (NO_COSTS, NEXT, FLAT, 6, "-1.50"),
    (SYNTH, CLOSE, ALWAYS, 4, "580"), (SYNTH, CLOSE, FLAT, 2, "210"),
    (SYNTH, NEXT, ALWAYS, 4, "475"), (SYNTH, NEXT, FLAT, 2, "165"),
]  # fmt: skip


class Old(NamedTuple):
    """A file of the previous system: what it says, for the calculation below."""

    name: str
    symbols: tuple[str, ...]
    pattern: str
    windows: tuple[int, int]
    rates: tuple[str, str]
    """Commission and slippage, fractions."""


MINI = Old("mini_test", ("MINI",), "MINI_1min.csv", (5, 15), ("0.001", "0.001"))
DAILY = Old("backtest_with_analytics", ("AAPL", "MSFT"), "{}_1d.csv", (10, 30), ("0.001", "0.0005"))


@pytest.fixture
def run_old(shared: Path, tmp_path: Path) -> RunOld:
    """Migrate a file of the previous system and run what comes out, with settings on top."""

    def run(name: str, *overrides: str) -> Result:
        target = tmp_path / f"{name}.yaml"
        target.write_text(migrate(shared / "legacy" / "config" / f"{name}.yaml", target=target).text, encoding="utf-8")
        return run_config(target, overrides, out=tmp_path / "out")

    return run


def gained(result: Result) -> Decimal:
    return (int(result.record.equity[-1]) - 100_000 * int(MONEY)) / MONEY


def moves(result: Result) -> int:
    """Fills, where the two orders of a reversal count as one."""
    intents = result.record.tables["orders"]["intent_id"][result.record.tables["fills"]["order_id"]]
    return len(set(intents[intents >= 0].tolist())) + int((intents < 0).sum())


@pytest.mark.parametrize(("settings", "fill", "mode", "fills", "change"), REFERENCE)
def test_reference_outcomes(run_old: RunOld, settings: tuple[str, ...], fill: str, mode: str, fills: int, change: str) -> None:
    chosen = (f"execution.fill={fill}", f"strategy.params.mode={mode}")
    two = run_old("mini_test", *settings, *chosen)
    one = run_old("mini_test", *settings, *chosen, "orders.reversal=one_order")
    for result in (two, one):
        assert result.state is RunState.SAVED
        assert result.certificate.ok
        assert moves(result) == fills
        assert abs(gained(result) - Decimal(change)) < Decimal("0.001")
    assert len(one.record.tables["fills"]) == fills
    # The position that is open at the end is closed at the last close, and said so.
    reasons = one.record.tables["fills"]["exit_reason"].tolist()
    assert all(reason != ExitReason.END_OF_RUN for reason in reasons[:-1])


def bars(folder: Path, old: Old, symbol: str) -> list[tuple[Decimal, Decimal]]:
    """(open, close) of each bar, as the file has them."""
    with (folder / old.pattern.format(symbol)).open(newline="", encoding="utf-8") as stream:
        rows = [{name.lower(): value for name, value in row.items()} for row in csv.DictReader(stream)]
    return [(Decimal(row["open"]), Decimal(row["close"])) for row in rows]


def change_by_hand(prices: list[tuple[Decimal, Decimal]], old: Old, units: int = 100) -> tuple[Decimal, int]:
    """Always in the market from the first crossing on, at the next open, out at the last close. (change of equity, moves)"""
    fast, slow = old.windows
    commission, slippage = map(Decimal, old.rates)
    cash, position, moved, wanted = Decimal(0), 0, 0, 0
    closes = [close for _, close in prices]

    def trade(signed: int, price: Decimal) -> None:
        nonlocal cash, position, moved
        paid = price * (1 + slippage if signed > 0 else 1 - slippage)
        cash -= signed * paid + abs(signed) * paid * commission
        position, moved = position + signed, moved + 1

    for now, (first, _) in enumerate(prices):
        if wanted and wanted * units != position:
            trade(wanted * units - position, first)
        if now >= slow:
            above = [sum(closes[i - fast + 1 : i + 1]) * slow - sum(closes[i - slow + 1 : i + 1]) * fast for i in (now - 1, now)]
            wanted = 1 if above[0] <= 0 < above[1] else -1 if above[0] >= 0 > above[1] else wanted
    if position:
        trade(-position, closes[-1])
    return cash, moved


@pytest.mark.parametrize("old", [MINI, DAILY], ids=lambda old: old.name)
def test_migrated_files_run_as_calculated_by_hand(run_old: RunOld, shared: Path, tmp_path: Path, old: Old) -> None:
    result = run_old(old.name)
    by_hand = [change_by_hand(bars(shared / "legacy" / "data", old, symbol), old) for symbol in old.symbols]
    # Their data have more decimals than can be counted: each price is off by half a unit of 10^-9 at most.
    assert abs(gained(result) - sum(change for change, _ in by_hand)) < Decimal("0.0001")
    assert moves(result) == sum(count for _, count in by_hand)
    assert result.certificate.ok
    assert verify_folder(tmp_path / "out").ok
    market: Market = result.record.market
    assert [instrument.symbol for instrument in market.instruments] == list(old.symbols)


def test_what_the_previous_system_got_wrong_comes_out_right(run_old: RunOld) -> None:
    result = run_old("backtest_with_analytics")
    funnel = dict(result._facts.funnel)
    # It made 12 signals of these data too, but booked one of their fills, and that on the wrong side.
    assert funnel["intents"] == 12
    assert funnel["orders"] == funnel["filled"] == funnel["fills"] == 2 * (12 - 2) + 2 + 2
    legacy = result.as_legacy()
    first = legacy["trades"][0]
    assert (first["symbol"], first["direction"], first["quantity"]) == ("MSFT", "LONG", 100)
    assert legacy["trades_equity_consistent"] and legacy["metrics_consistent"]
    assert [trade["exit_reason"] for trade in legacy["trades"]].count("BACKTEST_END_CLOSING") == 2
    assert len(legacy["equity_curve"]) == 240
    again = run_old("backtest_with_analytics")
    for name in ("input_fingerprint", "journal_fingerprint"):
        assert again.record.info[name] == result.record.info[name]
