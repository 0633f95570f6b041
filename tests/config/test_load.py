"""Files and overrides: places of everything, all errors at once, three formats with one meaning."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fillwright.config.documents import yaml_value
from fillwright.config.emit import to_yaml
from fillwright.config.load import load_config
from fillwright.config.schema import Config
from fillwright.errors import ConfigError

GOOD = """\
version: 1
run: {name: sma-spy, seed: 7}
data:
  start: 2013-01-01
  sources:
    - {symbol: SPY, path: SPY.csv, timeframe: 1min, stamp: open}
    - symbol: TLT
      path: TLT.csv
costs:
  commission: {model: rate, rate: 0.1%, minimum: 1.00}
  slippage: {model: rate, rate: 2bp}
orders: {flat_at: [day_end]}
strategy: {name: sma_cross, params: {fast: 10, slow: 30}}
report:   # nothing here
"""
TOML = """\
version = 1
[run]
name = "sma-spy"
seed = 7
[data]
start = 2013-01-01
[[data.sources]]
symbol = "SPY"
path = "SPY.csv"
timeframe = "1min"
stamp = "open"
[[data.sources]]
symbol = "TLT"
path = "TLT.csv"
[costs]
commission = { model = "rate", rate = "0.1%", minimum = 1.00 }
slippage.model = "rate"
slippage.rate = "2bp"
[orders]
flat_at = ["day_end"]
[strategy]
name = "sma_cross"
params = { fast = 10, slow = 30 }
"""
JSON = """\
{"version": 1, "run": {"name": "sma-spy", "seed": 7},
\t"data": {"start": "2013-01-01", "sources": [
\t\t{"symbol": "SPY", "path": "SPY.csv", "timeframe": "1min", "stamp": "open"}, {"symbol": "TLT", "path": "TLT.csv"}]},
 "costs": {"commission": {"model": "rate", "rate": "0.1%", "minimum": 1.00}, "slippage": {"model": "rate", "rate": "2bp"}},
 "orders": {"flat_at": ["day_end"]}, "strategy": {"name": "sma_cross", "params": {"fast": 10, "slow": 30}}}
"""


def write(folder: Path, text: str, name: str = "c.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def fails(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return str(caught.value).replace(f"{path.parent}/", "")


def test_three_formats_mean_the_same(tmp_path: Path) -> None:
    files = [write(tmp_path, GOOD), write(tmp_path, TOML, "c.toml"), write(tmp_path, JSON, "c.json")]
    loaded = [load_config(file) for file in files]
    assert loaded[0].config == loaded[1].config == loaded[2].config
    assert loaded[0].config.data.start == "2013-01-01"
    assert [item.place("run.seed").removeprefix(f"{tmp_path}/") for item in loaded] == [
        "c.yaml:2:22",
        "c.toml:4:1",
        "c.json:1:43",
    ]
    assert loaded[0].place("data.sources[1].path") == f"{files[0]}:8:7"
    assert loaded[1].place("data.sources[1].path") == f"{files[1]}:14:1"
    assert loaded[0].place("strategy.params.fast") == f"{files[0]}:13:38"
    assert loaded[1].place("strategy.params.fast") == f"{files[1]}:23:1"
    assert loaded[0].place("execution.path") == str(files[0])


def test_every_error_has_its_line_in_order(tmp_path: Path) -> None:
    text = GOOD.replace("seed: 7", "seeed: 7").replace("0.1%", "0.1x").replace("path: TLT.csv", "pth: TLT.csv")
    lines = fails(write(tmp_path, text)).splitlines()
    assert lines[0] == "4 things are wrong in the configuration:"
    assert [line.split(": ")[0].strip() for line in lines[1:]] == ["c.yaml:2:22", "c.yaml:7:7", "c.yaml:8:7", "c.yaml:10:29"]
    assert "data.sources[1].pth: unknown key; did you mean 'path'?" in lines[3]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("c.yaml", "run: {seed: 1}\nrun: {seed: 2}\n", "c.yaml:2:1: run: the key is given twice, first in line 1"),
        ("c.yaml", "run: {seed: 1\nx: [", "c.yaml:2:2: is not valid YAML"),
        ("c.yaml", "run: {seed: !!binary xx}", "c.yaml:1:13: run.seed: the tag"),
        ("c.yaml", "run: !!python/object:os.system {}", "c.yaml:1:6"),
        ("c.yaml", "run: &a {name: *a}", "run.name: contains itself"),
        ("c.yaml", "? [1]\n: 2\n", "c.yaml:1:3: has a key that is not text"),
        ("c.yaml", "a: \x01", "c.yaml:1: is not valid YAML"),
        ("c.yaml", "", "is empty"),
        ("c.yaml", "# only a comment\n", "is empty"),
        ("c.yaml", "- 1\n", "must be a mapping of sections"),
        ("c.yaml", "a: 1\n---\nb: 2\n", "is not valid YAML"),
        ("c.yaml", "run: " + "[" * 3000, "c.yaml"),
        ("c.json", '{"run": {"seed": 1,}}', "c.json:1:20: is not valid JSON"),
        ("c.json", '{"run": {"seed": NaN}}', "NaN is not a number"),
        ("c.json", '{"run": {"seed": 1,\n "seed": 2}}', "c.json:2:2: run.seed: the key is given twice"),
        ("c.json", "[]", "must be a mapping"),
        ("c.toml", "[run]\nseed = \n", "c.toml:2:8: is not valid TOML"),
        ("c.toml", "[run]\nseed = 1\nseed = 2\n", "c.toml:3"),
        ("c.toml", '[run]\nname = """\n[x]\nseed = 1\n"""\nseed = -1\n', "c.toml:6:1: run.seed: must be at least 0"),
        ("c.ini", "x", "is not a kind of configuration"),
        ("c.yaml", "backtest: {initial_capital: 3}\nbroker: {}\n", "fillwright config migrate"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(tmp_path: Path, name: str, text: str, expected: str) -> None:
    assert expected in fails(write(tmp_path, text, name))


def test_a_file_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "backtest.yaml")
    assert "no such file; did you mean 'backtest.yaml'?" in fails(tmp_path / "bakctest.yaml")
    assert "cannot be read" in fails(tmp_path / "backtest.yaml" / "x.yaml")
    (tmp_path / "folder.yaml").mkdir()
    assert "cannot be read" in fails(tmp_path / "folder.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"run:\n  name: caf\xe9\n")
    assert "latin.yaml:2: is not UTF-8 text" in fails(tmp_path / "latin.yaml")


def test_keys_stay_text_and_symbols_stay_as_written(tmp_path: Path) -> None:
    sources = "data:\n  sources:\n  - {symbol: NO, path: a}\n  - {symbol: '0700', path: b}\n"
    text = f"{sources}instruments:\n  0700: {{tick: 0.01}}\n  NO: {{}}\n"
    config = load_config(write(tmp_path, text)).config
    assert set(config.instruments) == {"0700", "NO"}
    assert config.data.sources[0].symbol == "NO"


def test_anchors_and_merge_keys(tmp_path: Path) -> None:
    text = "data:\n  sources:\n  - &a {symbol: A, path: a.csv, timeframe: 1d}\n  - {<<: *a, symbol: B, path: b.csv}\n"
    sources = load_config(write(tmp_path, text)).config.data.sources
    assert [(item.symbol, item.path, item.timeframe) for item in sources] == [("A", "a.csv", "1d"), ("B", "b.csv", "1d")]


def test_aliases_cannot_multiply_without_end(tmp_path: Path) -> None:
    lines = ["strategy:", "  name: x", "  params:", "    a0: &a0 [x, x]"]
    lines += [f"    a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    assert "has more than" in fails(write(tmp_path, "\n".join(lines)))


def test_overrides(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    overrides = [
        "costs.commission.rate=20bp", "data.sources[0].path=x.csv", "data.sources.1.timeframe=1d", 'instruments."SPY".tick=0.01',
        "orders.flat_at=run_end", "execution.participation=null", "strategy.params.fast=5", "data.start=", "run.name=a=b",
    ]  # fmt: skip
    loaded = load_config(path, overrides)
    view = loaded.config.canonical()
    assert view["costs"]["commission"]["rate"] == "0.002"
    assert [source["path"] for source in view["data"]["sources"]] == ["x.csv", "TLT.csv"]
    assert view["data"]["sources"][1]["timeframe"] == "1d"
    assert view["instruments"]["SPY"]["tick"] == "0.01"
    assert view["orders"]["flat_at"] == ["run_end"]
    assert view["execution"]["participation"] is None
    assert view["strategy"]["params"] == {"fast": 5, "slow": 30}
    assert view["data"]["start"] is None
    assert view["run"]["name"] == "a=b"
    assert loaded.place("costs.commission.rate") == "--set costs.commission.rate=20bp"
    assert loaded.place("costs.slippage.rate").endswith("c.yaml:11:27")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("run.seed", "--set run.seed: is not of the form section.key=value"),
        ("=1", "is not of the form"),
        ("run..seed=1", ""),
        ("run.seeed=1", "--set run.seeed=1: run.seeed: unknown key; did you mean 'seed'?"),
        ("data.sources[7].path=x", "must be the number of an item from 0 to 1"),
        ("run.seed.x=1", "run.seed is 7, it has no keys"),
        ("run.name=[1", "--set run.name=[1: is not valid YAML"),
        ("costs.commission.model=per_unit", "costs.commission.rate: unknown key"),
    ],
)
def test_a_wrong_override_names_itself(tmp_path: Path, override: str, expected: str) -> None:
    path = write(tmp_path, GOOD)
    if not expected:
        assert load_config(path, [override]).config.run.seed == 1
        return
    assert expected in fails(path, override)


def test_warnings_have_places(tmp_path: Path) -> None:
    loaded = load_config(write(tmp_path, GOOD.replace("0.1%", "0.1")), ["costs.slippage.rate=0.2"])
    first, second = sorted(loaded.warnings)
    assert first.startswith("--set costs.slippage.rate=0.2: costs.slippage.rate: 0.2 is a fraction and means 20%")
    assert "c.yaml:10:29: costs.commission.rate: 0.1 is a fraction and means 10%; if 0.1% was meant, write 0.1%" in second


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1, max_size=6), PLAIN, min_size=1, max_size=4))
def test_written_yaml_reads_back_equal(data: dict[str, object]) -> None:
    assert yaml_value(to_yaml(data), "test") == data


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode), st.sampled_from(["c.yaml", "c.json", "c.toml"]))
def test_any_bytes_are_read_or_refused_but_never_a_crash(tmp_path_factory: pytest.TempPathFactory, raw: bytes, name: str) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(raw)
    try:
        assert isinstance(load_config(path).config, Config)
    except ConfigError as error:
        assert name in str(error)
