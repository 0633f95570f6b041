"""A run on quotes, with prints beside them, from the command line: saved, verified, explained; what is wrong with its folder is found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fillwright.cli import main

pytestmark = pytest.mark.kernel

CONFIG = """\
version: 1
run: {name: quoted, seed: 3, out: out}
data:
  sources:
    - {symbol: Q, path: quotes.csv, kind: quotes, timezone: UTC}
    - {symbol: Q, path: prints.csv, kind: prints, timezone: UTC}
instruments: {Q: {tick: 0.01, price_decimals: 2}}
account: {initial_cash: 50000}
costs: {commission: {model: rate, rate: 1bp, maker_rate: 0}, slippage: {model: ticks, ticks: 1}}
execution: {latency: 200ms, max_age: 5s, limit_through: 1 tick}
orders: {flat_at: [run_end]}
strategy: {name: "mine.py:Quoter"}
"""
STRATEGY = '''\
import fillwright as fw


class Quoter(fw.Strategy):
    """Rests on both sides, takes now and then, and moves with the prints."""

    seen: int = fw.state(0)

    def on_quote(self, quote):
        if quote.index % 10 == 0:
            self.cancel_all("Q")
            self.buy("Q", 3, limit=quote.bid - 0.02)
            self.sell("Q", 3, limit=quote.ask + 0.02)
        elif quote.index % 17 == 0:
            self.buy("Q", 2, take_profit=quote.ask + 0.05, stop_loss=quote.bid - 0.05)

    def on_print(self, trade):
        self.seen += 1
        if self.seen % 6 == 0:
            self.close("Q")
'''
Call = Callable[..., tuple[str, str]]


def rows() -> tuple[str, str]:
    """Quotes of a price that wanders, a second apart, with sizes; a print in every fourth second."""
    quotes, prints, price = ["time,bid,ask,bid_size,ask_size"], ["time,price,size"], 10_000
    for k in range(400):
        price += (k * k * 7 + k // 3) % 11 - 5
        clock = f"2024-01-02T09:{30 + k // 60:02d}:{k % 60:02d}"
        quotes.append(f"{clock}Z,{price / 100},{(price + 1 + k % 3) / 100},{1 + k % 7},{1 + k % 5}")
        if k % 4 == 0:
            prints.append(f"{clock}.500Z,{(price + k % 2) / 100},{1 + k % 9}")
    return "\n".join(quotes) + "\n", "\n".join(prints) + "\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, a configuration, a strategy, and a run in ``out``."""
    folder = tmp_path_factory.mktemp("quotes")
    for name, text in zip(("quotes.csv", "prints.csv", "run.yaml", "mine.py"), (*rows(), CONFIG, STRATEGY), strict=True):
        (folder / name).write_text(text, encoding="utf-8")
    assert main(["run", str(folder / "run.yaml"), "--out", str(folder / "out"), "--quiet"]) == 0
    return folder


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], place: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run a command in the folder of the run; (stdout, stderr)."""
    monkeypatch.chdir(place)

    def run(*arguments: str, code: int = 0) -> tuple[str, str]:
        found = main(arguments)
        out, err = capsys.readouterr()
        assert found == code, out + err
        assert "Traceback" not in out + err and "internal error" not in err
        return out, err

    return run


def test_the_folder_is_verified(call: Call, place: Path) -> None:
    fills = pq.read_table(place / "out" / "fills.parquet").to_pylist()
    assert {str(fill["stage"]) for fill in fills} == {"standing", "quote", "flat_at"}
    assert {str(fill["liquidity"]) for fill in fills} == {"maker", "taker"}
    assert call("verify", "out")[0].startswith("verified: out\n")
    answer = json.loads(call("verify", "out", "--json")[0])
    assert answer["ok"] and {check["name"] for check in answer["checks"]} >= {
        "postings.instant",
        "equity.equity",
        "orders.status",
    }


def test_the_same_run_again_is_the_same(call: Call) -> None:
    call("run", "run.yaml", "--out", "again", "--quiet")
    call("compare", "out", "again")


@pytest.mark.parametrize(
    ("table", "column"), [("fills", "price"), ("equity", "equity"), ("orders", "cum_quantity"), ("postings", "instant")]
)
@pytest.mark.parametrize("row", [0, 1, 3])
def test_a_changed_value_is_found(call: Call, place: Path, table: str, column: str, row: int) -> None:
    changed = place / f"changed-{table}-{row}"
    shutil.copytree(place / "out", changed)
    file = changed / f"{table}.parquet"
    frame = pq.read_table(file)
    field = frame.schema.field(column)
    values = frame[column].cast(pa.int64()).to_pylist() if column == "instant" else frame[column].to_pylist()
    values[row] += 1
    index = frame.schema.get_field_index(column)
    pq.write_table(frame.set_column(index, field, pa.array(values, field.type)), file, store_decimal_as_integer=True)
    assert "hash" in call("verify", changed.name, code=1)[0]
    text = call("verify", changed.name, "--no-hashes", code=1)[0]
    assert text.startswith("NOT VERIFIED: ")
    assert f"{table}.parquet row {row} column {column}" in text or (row == 0 and f"row 1 column {column}" in text)


def test_a_run_on_quotes_is_not_held_against_its_data(call: Call) -> None:
    assert "Q trades on quotes, and a run is held against bars only" in call("verify", "out", "--data", code=2)[1]


def test_a_fill_is_explained(call: Call, place: Path) -> None:
    stages = pq.read_table(place / "out" / "fills.parquet")["stage"].to_pylist()
    out, _ = call("explain", "out", str(stages.index("standing")))
    assert "market: the quote that stood when the order arrived, of 2024-01-02 09:30:17 UTC\n" in out
    assert "    the quote left 3 to it\n" in out
    assert "    spread                 +0.01  from the middle to the side that the order trades on\n" in out
