"""The repository of trades: asked, grouped, read exactly and as frames; it never loses or changes a trade."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from tiny_ledger import scenario

from fillwright.errors import UsageError
from fillwright.journal import RunRecord
from fillwright.result import Result, load
from fillwright.trades import TradeRepository

KINDS = ("plain", "crypto", "fx")
KEYS = (
    "symbol",
    "strategy",
    "tag",
    "rule",
    "rule_exit",
    "side",
    "status",
    "exit_reason",
    "year",
    "month",
    "day",
    "hour",
    "profit",
)


@pytest.fixture(scope="module", params=KINDS)
def record(request: pytest.FixtureRequest) -> RunRecord:
    return scenario(request.param, 5, bars=300)


def ids(trades: TradeRepository) -> list[int]:
    return trades.records["trade_id"].tolist()


def test_where_takes_what_the_frame_says(record: RunRecord) -> None:
    trades = TradeRepository(record)
    frame = trades.frame()
    symbol = record.names.symbols[-1]
    asked = {
        "symbol": (symbol, frame["symbol"] == symbol),
        "side": ("sell", frame["side"] == "sell"),
        "status": ("closed", frame["status"] == "closed"),
        "tag": ("note", frame["tag"] == "note"),
        "rule": ("rule-b", frame["rule_id_entry"] == "rule-b"),
        "strategy": ("s1", frame["strategy"] == "s1"),
        "exit_reason": ("signal", frame["exit_reason"] == "signal"),
    }
    both = pd.Series(True, frame.index)
    for name, (value, mask) in asked.items():
        assert ids(trades.where(**{name: value})) == frame.index[mask].tolist(), name
        both &= mask
    assert ids(trades.where(**{name: value for name, (value, _) in asked.items()})) == frame.index[both].tolist()
    assert 0 < len(trades.where(side="sell")) < len(trades)
    assert ids(trades.where(side=["buy", "sell"])) == ids(trades)
    assert len(trades.where(tag="never used")) == 0


def test_profit_is_compared_exactly(record: RunRecord) -> None:
    trades = TradeRepository(record)
    one = next(trade for trade in trades if trade.raw("net_pnl") > 0)
    bound, unit = one.exact("net_pnl"), Decimal(1).scaleb(one.exact("net_pnl").as_tuple().exponent)
    assert one.trade_id not in ids(trades.profit(above=bound)) and one.trade_id not in ids(trades.profit(below=bound))
    assert one.trade_id in ids(trades.profit(above=bound - unit, below=bound + unit))
    assert ids(trades.profit(above=0)) == np.flatnonzero(trades.records["net_pnl"] > 0).tolist()
    assert ids(trades.profit(below=0)) == np.flatnonzero(trades.records["net_pnl"] < 0).tolist()


def test_between_includes_both_ends(record: RunRecord) -> None:
    trades = TradeRepository(record)
    times = trades.records["entry_time"]
    start, end = np.sort(times)[[len(times) // 4, len(times) // 2]]
    found = trades.between(np.datetime64(int(start), "ns"), np.datetime64(int(end), "ns"))
    assert ids(found) == np.flatnonzero((times >= start) & (times <= end)).tolist()
    assert len(trades.between("2020-01-02", "2020-01-02")) == len(trades) and len(trades.between("2020-01-03")) == 0
    left = trades.records["exit_time"]
    late = trades.between(np.datetime64(int(end), "ns"), by="exit_time")
    assert ids(late) == np.flatnonzero((left >= end) & (left != 0)).tolist()
    assert ids(trades.between(by="exit_time")) == np.flatnonzero(left != 0).tolist()


@pytest.mark.parametrize("key", KEYS)
def test_groups_add_up(record: RunRecord, key: str) -> None:
    trades = TradeRepository(record)
    groups = trades.group_by(key)
    assert sorted(number for part in groups.values() for number in ids(part)) == ids(trades)
    for code, amount in trades.total().items():
        assert sum(part.total().get(code, Decimal(0)) for part in groups.values()) == amount
    assert all(len(part) for part in groups.values())


def test_groups_are_named_as_in_the_frame(record: RunRecord) -> None:
    trades = TradeRepository(record)
    frame = trades.frame()
    for key, column in (("symbol", "symbol"), ("side", "side"), ("tag", "tag"), ("rule_exit", "rule_id_exit")):
        for text, part in trades.group_by(key).items():
            same = frame[column].isna() if text is None else frame[column] == text
            assert ids(part) == frame.index[same].tolist()
    assert list(trades.group_by("year")) == ["2020"] and list(trades.group_by("month")) == ["2020-01"]
    assert list(trades.group_by("day")) == ["2020-01-02"]
    hours = frame["entry_time"].dt.strftime("%H")
    for hour, part in trades.group_by("hour").items():
        assert ids(part) == frame.index[hours == hour].tolist()
    assert set(trades.group_by("profit")) <= {"won", "lost", "even"}


def test_days_and_hours_are_those_of_the_instrument() -> None:
    record = scenario("plain", 5, bars=900)  # from 14:30 UTC on to 05:30 of the next day
    trades = TradeRepository(record)
    assert list(trades.group_by("day")) == ["2020-01-02", "2020-01-03"]
    early, midnight = trades.group_by("day")["2020-01-02"], np.datetime64("2020-01-03", "ns").astype(np.int64)
    assert ids(early) == np.flatnonzero(trades.records["entry_time"] < midnight).tolist()
    in_tokyo = tuple(replace(item, timezone="Asia/Tokyo") for item in record.market.instruments)
    trades = TradeRepository(replace(record, market=replace(record.market, instruments=in_tokyo)))
    first = trades.group_by("day")["2020-01-02"]
    midnight -= 9 * 3600 * 10**9
    assert ids(first) == np.flatnonzero(trades.records["entry_time"] < midnight).tolist() and 0 < len(first) < len(early)
    assert ids(trades.between(end="2020-01-02")) == ids(first)
    assert next(iter(trades.group_by("hour"))) == "00"
    assert ids(trades.where(side="long")) == ids(trades.where(side="buy")) != ids(trades.where(side="short"))


def test_totals_are_exact_and_by_currency(record: RunRecord) -> None:
    trades = TradeRepository(record)
    quote = record.quote_currency[trades.records["symbol"]]
    for column in ("net_pnl", "fees"):
        total = trades.total(column)
        assert set(total) == {record.currencies[number].code for number in np.unique(quote)}
        for number, currency in enumerate(record.currencies):
            if currency.code in total:
                assert total[currency.code] * 10**currency.decimals == int(trades.records[column][quote == number].sum())


def test_exact_rows_and_views(record: RunRecord) -> None:
    trades = TradeRepository(record)
    frame, rows = trades.frame(), trades.exact()
    assert len(rows) == len(trades) == len(list(trades)) == len(frame)
    for row, view in zip(rows, trades, strict=True):
        at = frame.loc[view.trade_id]
        assert row["net_pnl"] == row["gross_pnl"] - row["fees"] + row["financing"]
        for name in ("quantity", "entry_price", "exit_price", "net_pnl", "mae"):
            assert isinstance(row[name], Decimal) and float(row[name]) == getattr(view, name) == at[name]
        for name in ("symbol", "side", "status", "tag", "rule_id_entry"):
            assert row[name] == (None if pd.isna(at[name]) else at[name])
        assert row["entry_time"] == at["entry_time"].value
    assert trades[3].trade_id == 3


def test_polars_says_what_pandas_says(record: RunRecord) -> None:
    trades = TradeRepository(record).where(side="buy")
    ours, theirs = trades.polars(), trades.frame().reset_index()
    assert ours.columns == list(theirs.columns)
    assert ours.schema["entry_time"] == pl.Datetime("ns", "UTC") and ours.schema["symbol"] == pl.Categorical
    for name in ours.columns:
        left, right = ours[name].to_list(), [None if pd.isna(value) else value for value in theirs[name].tolist()]
        if isinstance(theirs[name].dtype, pd.DatetimeTZDtype):
            left, right = ours[name].dt.timestamp("ns").to_list(), [None if v is None else v.value for v in right]
        assert left == right, name


def test_other_groupings_and_what_is_not_changed(record: RunRecord) -> None:
    trades = TradeRepository(record)
    before = trades.records.copy()
    assert trades.grouping.name == "FLAT_TO_FLAT"
    for how in ("lot", "fill_to_fill", "flat_to_flat"):
        assert trades.where(side="buy").grouped(how).total() == trades.total()
    assert len(trades.grouped("fill_to_fill")) >= len(trades.grouped("lot")) >= len(trades)
    trades.where(side="buy").profit(above=0).group_by("hour")
    assert np.array_equal(trades.records, before)


def test_a_result_and_its_folder_have_the_same_trades(record: RunRecord, tmp_path: Path) -> None:
    result = Result(record)
    saved = load(result.save(tmp_path / "run"))
    assert np.array_equal(saved.repository.records, result.repository.records)
    assert saved.repository.total() == result.repository.total()
    assert list(saved.repository.group_by("day")) == list(result.repository.group_by("day"))
    pd.testing.assert_frame_equal(saved.repository.frame(), result.trades)


def test_no_trades() -> None:
    trades = TradeRepository(scenario("plain", 1, bars=30, rate=0.0))
    assert len(trades) == 0 and trades.exact() == [] and trades.total() == {}
    assert len(trades.frame()) == len(trades.polars()) == 0
    assert all(trades.group_by(key) == {} for key in KEYS)
    assert len(trades.where(side="buy").between("2020").profit(above=0)) == 0


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda trades: trades.where(symbol="AAB"), "no symbol 'AAB' in the run.*AAA"),
        (lambda trades: trades.where(side="up"), "no side 'up'.*sell"),
        (lambda trades: trades.where(exit_reason="stopp"), "no exit_reason 'stopp'.*stop"),
        (lambda trades: trades.group_by("simbol"), "cannot be grouped by 'simbol'.*symbol"),
        (lambda trades: trades.grouped("flat"), "no grouping 'flat'"),
        (lambda trades: trades.total("price"), "no sum of 'price'"),
        (lambda trades: trades.between(by="decided"), "by='decided'.*entry_time"),
        (lambda trades: trades.profit(above=float("nan")), "finite"),
    ],
)
def test_wrong_questions_say_what_there_is(ask: object, message: str) -> None:
    with pytest.raises(UsageError) as error:
        ask(TradeRepository(scenario("plain", 1)))  # type: ignore[operator]
    assert re.search(message, f"{error.value.message} {error.value.remedy}")


def test_pandas_is_imported_only_for_frames() -> None:
    code = (
        "import sys\nfrom tiny_ledger import scenario\nfrom fillwright.trades import TradeRepository\n"
        "trades = TradeRepository(scenario('plain', 1))\n"
        "trades.where(side='buy').exact(), trades.group_by('month'), trades.total()\n"
        "assert not {'pandas', 'polars'} & set(sys.modules), sorted({'pandas', 'polars'} & set(sys.modules))\n"
        "trades.polars()\nassert 'pandas' not in sys.modules"
    )
    root = Path(__file__).parents[2]
    paths = [str(root / "src"), str(root / "tests" / "result"), *sys.path]
    run = subprocess.run([sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{code}"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
