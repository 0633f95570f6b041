"""Arrow, Parquet and frames: exact values, schema, and the way back."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny_ledger import scenario

from fillwright.errors import UsageError
from fillwright.model.columns import FILES
from fillwright.result import Result
from fillwright.result.folder import write_table
from fillwright.result.tables import RunTables, from_arrow, table_of

KINDS = ("plain", "crypto", "future", "fx")
NAMES = [table.name for table in FILES]


@pytest.fixture(scope="module", params=KINDS)
def result(request: pytest.FixtureRequest) -> Result:
    return Result(scenario(request.param, 4, bars=120))


@pytest.mark.parametrize("name", NAMES)
def test_a_file_gives_the_same_integers_back(result: Result, name: str, tmp_path: Path) -> None:
    tables = result._tables
    write_table(tables, name, tmp_path / "t.parquet")
    back = from_arrow(
        table_of(name), pq.read_table(tmp_path / "t.parquet"), tables.names, tables.scales, tables.records["orders"]["symbol"]
    )
    for column in table_of(name).canonical:
        assert (back[column.name] == tables.records[name][column.name]).all(), column.name


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_says_what_the_columns_are(result: Result, name: str, tmp_path: Path) -> None:
    write_table(result._tables, name, tmp_path / "t.parquet")
    file = pq.ParquetFile(tmp_path / "t.parquet")
    schema = file.schema_arrow
    assert schema.metadata[b"schema_version"] == b"1" and schema.metadata[b"table"] == name.encode()
    for number, column in enumerate(table_of(name).canonical):
        about = schema.field(column.name).metadata
        assert about[b"role"] == column.role.encode() and about[b"unit"] and about[b"meaning"] == column.meaning.encode()
        kind, stored = schema.field(column.name).type, file.schema.column(number).physical_type
        if column.kind in ("price", "quantity", "money", "base", "fx"):
            assert pa.types.is_decimal(kind) and kind.precision == 18 and stored == "INT64"
        elif column.kind == "time":
            assert kind == pa.timestamp("ns", "UTC") and stored == "INT64"
        elif column.kind in ("code", "name"):
            assert pa.types.is_dictionary(kind) and kind.value_type == pa.string()
        else:
            assert kind == pa.int64()


def test_values_are_exact_decimals_of_the_row_s_own_unit(result: Result) -> None:
    arrow = result.tables("fills").to_pylist()
    record = result.record
    for fill, row in zip(record.tables["fills"], arrow, strict=True):
        instrument = record.market.instruments[fill["symbol"]]
        assert row["price"] == Decimal(int(fill["price"])).scaleb(-instrument.price_decimals)
        assert row["quantity"] == Decimal(int(fill["quantity"])).scaleb(-instrument.quantity_decimals)
        assert row["notional"] == Decimal(int(fill["notional"])).scaleb(-record.scales.quote[fill["symbol"]])
        assert row["symbol"] == instrument.symbol
        assert row["side"] == ("buy" if fill["side"] > 0 else "sell")


def test_values_beyond_18_digits_are_kept(tmp_path: Path) -> None:
    record = scenario("plain", 1)
    postings = record.tables["postings"].copy()
    postings["money"][0] = 5 * 10**18
    tables = RunTables({**record.tables, "postings": postings}, record.names, record.market.instruments, record.currencies)
    write_table(tables, "postings", tmp_path / "t.parquet")
    arrow = pq.read_table(tmp_path / "t.parquet")
    assert arrow.schema.field("money").type.precision == 38
    back = from_arrow(table_of("postings"), arrow, tables.names, tables.scales)
    assert (back["money"] == postings["money"]).all()


def test_an_unknown_table_is_a_wrong_call() -> None:
    with pytest.raises(UsageError, match="no table 'lots'"):
        Result(scenario("plain", 1)).tables("lots")


def test_a_value_finer_than_its_instrument_is_refused() -> None:
    record = scenario("plain", 1)
    tables = Result(record)._tables
    arrow = tables.arrow("fills")
    column = arrow.schema.get_field_index("price")
    prices = arrow.column("price").to_pylist()
    row = record.tables["fills"]["symbol"].tolist().index(0)
    prices[row] += Decimal("0.0001")
    changed = arrow.set_column(column, arrow.schema.field(column), pa.array(prices, arrow.schema.field(column).type))
    with pytest.raises(UsageError, match=rf"fills row {row} column price: finer"):
        from_arrow(table_of("fills"), changed, tables.names, tables.scales)


def test_a_code_that_is_not_in_the_table_is_our_bug() -> None:
    record = scenario("plain", 1)
    fills = record.tables["fills"].copy()
    fills["stage"][3] = 77
    tables = RunTables({**record.tables, "fills": fills}, record.names, record.market.instruments, record.currencies)
    with pytest.raises(ValueError, match="stage: no code 77 in row 3"):
        tables.arrow("fills")


def test_frames_hold_floats_texts_and_times(result: Result) -> None:
    import pandas as pd

    fills, record = result.fills, result.record
    assert len(fills) == len(record.tables["fills"]) and fills.index.name == "fill_id"
    assert str(fills["time"].dt.tz) == "UTC" and fills["price"].dtype == np.float64
    assert fills["side"].tolist() == ["buy" if side > 0 else "sell" for side in record.tables["fills"]["side"]]
    assert result.equity.index.name == "instant" and float(result.equity["equity"].iloc[-1]) == record.equity[-1] / 10**6
    open_trades = result.trades[result.trades["status"] == "open"]
    assert open_trades["exit_time"].isna().all() and pd.notna(result.trades["entry_time"]).all()
    trade = result.trades.iloc[0]
    instrument = record.market.instruments[record.names.symbols.index(trade["symbol"])]
    value = trade["entry_price"] * trade["quantity"] * float(instrument.multiplier)
    assert trade["return"] == pytest.approx(trade["net_pnl"] / value, rel=1e-9)
    assert len(result.orders) == len(record.tables["orders"]) and len(result.positions) == len(fills)
