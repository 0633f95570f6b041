"""How tables of targets and signals are placed in a market, and what they are told when they do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.play import config_of, driven, laid_out, market_of, play, same
from fillwright.data.make import make_bars
from fillwright.data.market import combine
from fillwright.errors import UsageError
from fillwright.kernel import drivers
from fillwright.model.instrument import Instrument
from fillwright.strategy.arrays import OrderList, Signals, Targets
from fillwright.strategy.frames import read_grid

NEW_YORK = Instrument("SPY", timezone="America/New_York", session=(34_200, 57_600))
TOKYO = Instrument("N225", timezone="Asia/Tokyo", session=(32_400, 54_000))
TWO = market_of("AAA", "BBB", n=20)
CONFIG = config_of()
NAN = np.nan


def cells_of(driver: Any, market: Any) -> list[tuple[int, int, int]]:
    """(instant, instrument, size) of the schedule."""
    driver.prepare(market, CONFIG)
    schedule = driver._schedule
    instants = np.repeat(np.arange(len(market.instants)), np.diff(schedule.offsets))
    return list(zip(instants.tolist(), schedule.instruments.tolist(), schedule.sizes.tolist(), strict=True))


def actions_of(driver: Any, market: Any) -> list[tuple[int, int, int, int]]:
    """(instant, instrument, action, size)."""
    cells = cells_of(driver, market)
    return [(j, i, int(action), size) for (j, i, size), action in zip(cells, driver._schedule.actions, strict=True)]


def empty(market: Any) -> np.ndarray[Any, Any]:
    return np.full((len(market.instants), len(market.instruments)), NAN)


# -- numbers ---------------------------------------------------------------------------------------------------------------


def test_weights_values_and_units_become_whole_numbers() -> None:
    table = empty(TWO)
    table[3], table[5, 1] = (0.1, -0.3), 0.0
    assert cells_of(Targets(weights=table), TWO) == [(3, 0, 100_000_000), (3, 1, -300_000_000), (5, 1, 0)]
    assert cells_of(Targets(values=table * 1000), TWO) == [(3, 0, 100_000_000), (3, 1, -300_000_000), (5, 1, 0)]
    fine = market_of("AAA", "BBB", n=20, quantity_decimals=1)
    table[7] = 0.29999, 2.0 - 1e-12
    assert cells_of(Targets(units=table), fine) == [(3, 0, 1), (3, 1, -3), (5, 1, 0), (7, 0, 2), (7, 1, 20)]


def test_a_repeated_quantity_is_no_intent_but_a_repeated_weight_is() -> None:
    column = np.array([NAN, 5, 5, NAN, 5, 3, NAN, 3, 0, 0, 5, *[NAN] * 9])
    one = market_of("AAA", n=20)
    assert [(j, size) for j, _, size in cells_of(Targets(units=column), one)] == [(1, 5), (5, 3), (8, 0), (10, 5)]
    assert len(cells_of(Targets(weights=column / 10), one)) == 8
    dense = np.repeat([1.0, 2.0, 1.0, 1.0], 5)
    assert [(j, size) for j, _, size in cells_of(Targets(units=dense), one)] == [(0, 1), (5, 2), (10, 1)]


def test_sizes_that_can_not_be_counted() -> None:
    table = empty(TWO)
    for bad in (np.inf, -np.inf, 1e300):
        table[2, 0] = bad
        with pytest.raises(UsageError, match="can not be counted"):
            Targets(weights=table).prepare(TWO, CONFIG)


def test_exactly_one_kind_of_target() -> None:
    with pytest.raises(UsageError, match="one kind of size, got weights= and units="):
        Targets(weights=1, units=2)
    with pytest.raises(UsageError, match="needs weights="):
        Targets()
    with pytest.raises(UsageError, match="time in force"):
        Targets(weights=1, tif="GTD")
    with pytest.raises(UsageError, match="no stamp"):
        Targets(weights=1, stamp="opne")  # type: ignore[arg-type]


# -- shapes and symbols ----------------------------------------------------------------------------------------------------


def test_an_array_has_a_row_for_each_instant_with_an_execution_bar() -> None:
    with pytest.raises(UsageError, match="19 rows, and the market has 20 instants"):
        Targets(weights=np.zeros((19, 2))).prepare(TWO, CONFIG)
    with pytest.raises(UsageError, match=r"shape \(20, 3\) for 2 instruments\n.*AAA, BBB"):
        Targets(weights=np.zeros((20, 3))).prepare(TWO, CONFIG)
    with pytest.raises(UsageError, match=r"shape \(20, 1\) for 2"):
        Targets(weights=np.zeros(20)).prepare(TWO, CONFIG)
    for wrong in ("text", [["a"]], {1: 2}, np.zeros((2, 2, 2))):
        with pytest.raises(UsageError, match="expected an array of numbers"):
            Targets(weights=wrong).prepare(TWO, CONFIG)


def test_instants_that_only_inform_have_no_row() -> None:
    minutes = make_bars(30, timeframe="1min", instrument=Instrument("AAA"))
    longer = make_bars(3, timeframe="7min", instrument=Instrument("AAA"), start="2020-01-01 00:00:30+00:00")
    market = combine([minutes, longer])
    assert len(market.instants) == 33
    column = np.full(30, NAN)
    column[10] = 0.5
    (cell,) = cells_of(Targets(weights=column), market)
    assert market.instants[cell[0]] == minutes.instants[10]


def test_symbols_are_found_by_name_in_any_order() -> None:
    times = pd.DatetimeIndex(TWO.instants[[4, 6]], tz="UTC")
    frame = pd.DataFrame({"BBB": [0.2, NAN], "AAA": [0.1, 0.3]}, index=times)
    expected = [(4, 0, 100_000_000), (4, 1, 200_000_000), (6, 0, 300_000_000)]
    assert cells_of(Targets(weights=frame, stamp="close"), TWO) == expected
    assert cells_of(Targets(weights=frame.iloc[::-1], stamp="close"), TWO) == expected
    only = frame[["BBB"]]
    assert cells_of(Targets(weights=only, stamp="close"), TWO) == [(4, 1, 200_000_000)]
    with pytest.raises(UsageError, match=r"no symbol 'AAB'[\s\S]*AA"):
        Targets(weights=frame.rename(columns={"AAA": "AAB"})).prepare(TWO, CONFIG)
    with pytest.raises(UsageError, match="there twice: columns BBB"):
        Targets(weights=pd.DataFrame([[1.0, 2.0]], index=times[:1], columns=["BBB", "BBB"])).prepare(TWO, CONFIG)


def test_one_instrument_takes_series_and_flat_arrays() -> None:
    one = market_of("AAA", n=20)
    column = np.full(20, NAN)
    column[4] = 0.5
    series = pd.Series([0.5], index=pd.DatetimeIndex(one.instants[[4]], tz="UTC"), name="weight")
    for table in (column, column[:, None], series):
        assert cells_of(Targets(weights=table, stamp="close"), one) == [(4, 0, 500_000_000)]


def test_frames_of_pandas_and_polars_are_one_and_the_same() -> None:
    draw = np.random.default_rng(2)
    table = np.where(draw.random((20, 2)) < 0.5, NAN, np.round(draw.random((20, 2)), 3))
    index = pd.DatetimeIndex(TWO.instants, tz="UTC")
    frame = pd.DataFrame(table, index=index, columns=["AAA", "BBB"])
    shifted = frame.set_axis(index.tz_convert("America/New_York"))
    polars = pl.from_pandas(frame.reset_index(names="time")).with_columns(pl.col("AAA").fill_nan(None))
    numbered = frame.reset_index(names="timestamp")
    expected = cells_of(Targets(weights=table), TWO)
    for other in (frame, shifted, polars, numbered, frame.astype("Float64")):
        assert cells_of(Targets(weights=other, stamp="close"), TWO) == expected


# -- times -----------------------------------------------------------------------------------------------------------------


def minute_market() -> Any:
    """Two days of ten-minute bars with a night between them."""
    return make_bars(78, timeframe="10min", start="2024-03-07", instrument=NEW_YORK)


def test_times_of_closes_and_of_opens() -> None:
    market = minute_market()
    feed = market.feeds[0]
    opens, closes = (pd.DatetimeIndex(times, tz="UTC") for times in (feed.open_time, feed.close_time))
    for index, stamp in ((closes, None), (opens, None), (closes[5:10], "close"), (opens[5:10], "open")):
        values = np.full(len(index), NAN)
        values[2] = 1.0
        row = 2 if len(index) > 5 else 7
        driver = Targets(weights=pd.DataFrame({"SPY": values}, index=index), stamp=stamp)  # type: ignore[arg-type]
        assert [j for j, _, _ in cells_of(driver, market)] == [row], (stamp, len(index))


def test_times_that_are_opens_and_closes_too_must_say_which() -> None:
    market = minute_market()
    index = pd.DatetimeIndex(market.instants[5:10], tz="UTC")
    frame = pd.DataFrame({"SPY": np.ones(5)}, index=index)
    with pytest.raises(UsageError, match=r"opens of bars and closes of bars too\n.*stamp=\"open\""):
        Targets(weights=frame).prepare(market, CONFIG)


def test_dates_mean_the_close_of_the_trading_day() -> None:
    market = minute_market()
    days = np.flatnonzero(market.feeds[0].day_last)
    for index in (
        pd.DatetimeIndex(["2024-03-07", "2024-03-08"]),
        pd.Index([pd.Timestamp("2024-03-07").date(), pd.Timestamp("2024-03-08").date()]),
        pd.Index(["2024-03-07", "2024-03-08"]),
    ):
        frame = pd.DataFrame({"SPY": [0.5, 0.25]}, index=index)
        assert cells_of(Targets(weights=frame), market) == [(days[0], 0, 500_000_000), (days[1], 0, 250_000_000)]
    polars = pl.DataFrame({"date": ["2024-03-07", "2024-03-08"], "SPY": [0.5, 0.25]}).with_columns(pl.col("date").str.to_date())
    assert [j for j, _, _ in cells_of(Targets(weights=polars), market)] == days.tolist()


def test_one_date_is_another_instant_in_another_zone() -> None:
    market = combine([make_bars(10, start="2024-03-04", instrument=item) for item in (NEW_YORK, TOKYO)])
    frame = pd.DataFrame({"SPY": [0.5, 0.1], "N225": [0.25, NAN]}, index=pd.DatetimeIndex(["2024-03-06", "2024-03-07"]))
    cells = cells_of(Targets(weights=frame), market)
    found = {(i, str(market.instants[[j]].astype("datetime64[ns]")[0])[:16]) for j, i, _ in cells}
    assert found == {(1, "2024-03-06T06:00"), (0, "2024-03-06T21:00"), (0, "2024-03-07T21:00")}
    assert [j for j, _, _ in cells] == sorted(j for j, _, _ in cells)


def test_a_date_without_a_bar_of_one_instrument_is_that_of_the_others() -> None:
    full = make_bars(10, start="2024-03-04", instrument=Instrument("AAA"))
    late = make_bars(7, start="2024-03-07", instrument=Instrument("BBB"))
    market = combine([full, late])
    frame = pd.DataFrame({"AAA": [0.5], "BBB": [0.25]}, index=pd.DatetimeIndex(["2024-03-05"]))
    assert [(j, i) for j, i, _ in cells_of(Targets(weights=frame), market)] == [(1, 0), (1, 1)]


def test_clock_times_without_a_zone_say_what_to_write() -> None:
    market = minute_market()
    index = pd.DatetimeIndex(market.instants)
    with pytest.raises(UsageError, match=r"no zone\n.*tz_localize\(\"America/New_York\"\)"):
        Targets(weights=pd.DataFrame({"SPY": np.ones(78)}, index=index)).prepare(market, CONFIG)
    utc = make_bars(30, timeframe="1h", instrument=Instrument("SPY"))
    frame = pd.DataFrame({"SPY": np.ones(30)}, index=pd.DatetimeIndex(utc.instants))
    assert len(cells_of(Targets(weights=frame), utc)) == 30


def test_rows_that_match_no_bar_are_listed() -> None:
    market = minute_market()
    index = pd.DatetimeIndex(market.instants, tz="UTC") + pd.Timedelta("1s")
    with pytest.raises(UsageError) as caught:
        Targets(weights=pd.DataFrame({"SPY": np.ones(78)}, index=index)).prepare(market, CONFIG)
    assert "78 rows match no bar: 2024-03-07 14:40:01 UTC, " in str(caught.value) and "and 73 more" in str(caught.value)
    days = pd.DatetimeIndex(["2024-03-08", "2024-03-09", "2024-03-10"])  # the last two are a week-end
    with pytest.raises(UsageError, match=r"2 rows match no bar: 2024-03-09, 2024-03-10\n.*trading day"):
        Targets(weights=pd.DataFrame({"SPY": np.ones(3)}, index=days)).prepare(market, CONFIG)
    said_nothing = pd.DataFrame({"SPY": [1.0, NAN, NAN]}, index=days)
    assert len(cells_of(Targets(weights=said_nothing), market)) == 1


def test_times_that_are_no_times() -> None:
    one = market_of("AAA", n=20)
    for index, message in (
        (pd.Index([5, 6]), "plain numbers"),
        (pd.DatetimeIndex(["2020-01-02", "2020-01-02"]), "there twice"),
        (pd.DatetimeIndex(["2020-01-02", None]), "row 1"),
        (pd.Index(["2020-01-02", "soon"]), "row 1"),
    ):
        with pytest.raises(UsageError, match=message):
            Targets(weights=pd.DataFrame({"AAA": [1.0, 2.0]}, index=index)).prepare(one, CONFIG)
    with pytest.raises(UsageError, match="several levels"):
        levels = pd.MultiIndex.from_tuples([("2020-01-02", 1), ("2020-01-03", 1)])
        Targets(weights=pd.DataFrame({"AAA": [1.0, 2.0]}, index=levels)).prepare(one, CONFIG)
    with pytest.raises(UsageError, match=r"frame\.collect"):
        Targets(weights=pl.DataFrame({"time": [1], "AAA": [1.0]}).lazy()).prepare(one, CONFIG)
    with pytest.raises(UsageError, match="does not hold numbers"):
        Targets(weights=pd.DataFrame({"AAA": ["x"] * 20})).prepare(one, CONFIG)


@given(seed=st.integers(0, 2**32 - 1))
def test_a_frame_means_what_its_cells_mean_one_by_one(seed: int) -> None:
    draw = np.random.default_rng(seed)
    market = combine([make_bars(8, start="2024-03-04", instrument=NEW_YORK), make_bars(6, start="2024-03-06", instrument=TOKYO)])
    days = pd.DatetimeIndex(["2024-03-06", "2024-03-07", "2024-03-08", "2024-03-11"])
    table = np.where(draw.random((4, 2)) < 0.4, NAN, np.round(draw.random((4, 2)), 2))
    frame = pd.DataFrame(table, index=days, columns=["SPY", "N225"]).sample(frac=1, random_state=seed)
    close = {"SPY": "T2", "N225": "T06:00"}  # New York closes at 21:00, or 20:00 in summer
    expected = []
    for day, row in frame.sort_index().iterrows():
        for symbol, value in row.items():
            feed = market.execution_feed(market.instrument_index(str(symbol)))
            texts = feed.close_time.astype("datetime64[ns]").astype(str)
            hits = [k for k, text in enumerate(texts) if text.startswith(f"{day.date()}{close[str(symbol)]}")]  # type: ignore[attr-defined]
            if value == value and hits:
                instant = int(np.searchsorted(market.instants, feed.close_time[hits[0]]))
                expected.append((instant, feed.instrument, int(np.floor(value * 1e9 + 0.5))))
    assert cells_of(Targets(weights=frame), market) == sorted(expected)


# -- signals ---------------------------------------------------------------------------------------------------------------


def flags(*cells: tuple[int, int]) -> np.ndarray[Any, Any]:
    table = np.zeros((20, 2), np.bool_)
    for row, column in cells:
        table[row, column] = True
    return table


def test_signals_are_ordered_exits_first() -> None:
    driver = Signals(flags((3, 0), (3, 1)), flags((3, 1), (8, 0)), short_entries=flags((8, 1)), short_exits=flags((3, 1)), size=7)
    assert actions_of(driver, TWO) == [
        (3, 1, drivers.EXIT_LONG, 0), (3, 1, drivers.EXIT_SHORT, 0), (3, 0, drivers.ENTER_LONG, 7), (3, 1, drivers.ENTER_LONG, 7),
        (8, 0, drivers.EXIT_LONG, 0), (8, 1, drivers.ENTER_SHORT, 7),
    ]  # fmt: skip


def test_signals_are_true_or_false_in_any_type() -> None:
    wanted = flags((3, 0), (9, 1))
    index = pd.DatetimeIndex(TWO.instants, tz="UTC")
    frame = pd.DataFrame(wanted, index=index, columns=["AAA", "BBB"])
    holes = frame.astype("boolean").mask(~frame)
    polars = pl.from_pandas(frame.reset_index(names="time"))
    for table in (wanted, wanted.astype(int), wanted.astype(float), frame, holes, frame.astype(float), polars):
        assert [cell[:2] for cell in actions_of(Signals(table, size=1, stamp="close"), TWO)] == [(3, 0), (9, 1)]
    with pytest.raises(UsageError, match="True or False"):
        Signals(wanted * 0.5, size=1).prepare(TWO, CONFIG)


def test_sizes_of_signals() -> None:
    entries = flags((3, 0), (9, 1))
    assert [cell[3] for cell in actions_of(Signals(entries, weight=0.5), TWO)] == [500_000_000] * 2
    assert [cell[3] for cell in actions_of(Signals(entries, value=2.5), TWO)] == [2_500_000] * 2
    table = np.where(entries, np.arange(40.0).reshape(20, 2) + 1, NAN)
    assert [cell[3] for cell in actions_of(Signals(entries, size=table), TWO)] == [7, 20]
    table[9, 1] = NAN
    with pytest.raises(UsageError, match=r"no size for the entry at 2020-01-11T00:00:00Z, BBB \(1 such"):
        Signals(entries, size=table).prepare(TWO, CONFIG)
    with pytest.raises(UsageError, match="sizes must be positive"):
        Signals(entries, size=-1).prepare(TWO, CONFIG)
    with pytest.raises(UsageError, match="is no size"):
        Signals(entries, size="big").prepare(TWO, CONFIG)
    with pytest.raises(UsageError, match="got size= and weight="):
        Signals(entries, size=1, weight=1)


@pytest.mark.parametrize(
    "sizing, size",
    [
        ({"method": "fixed", "quantity": 12}, 12),
        ({"method": "equity_fraction", "fraction": "95%"}, 950_000_000),
        ({"method": "value", "value": 1000}, 10**9),
    ],
)
def test_signals_without_a_size_take_the_configured_one(sizing: dict[str, Any], size: int) -> None:
    driver = Signals(flags((3, 0)))
    with pytest.raises(UsageError, match="have no size"):
        driver.prepare(TWO, CONFIG)
    driver.prepare(TWO, config_of(sizing=sizing))
    assert driver._schedule is not None and driver._schedule.sizes.tolist() == [size]


def test_signals_on_both_sides_at_once_contradict_each_other() -> None:
    with pytest.raises(UsageError, match=r"enter at 2020-01-05T00:00:00Z, AAA"):
        Signals(flags((3, 0)), short_entries=flags((3, 0)), size=1).prepare(TWO, CONFIG)


# -- runs ------------------------------------------------------------------------------------------------------------------


@pytest.mark.kernel
def test_extra_instants_of_a_run_do_not_shift_the_schedule() -> None:
    one = market_of("AAA", n=20)
    draw = np.random.default_rng(5)
    column = np.where(draw.random(20) < 0.5, NAN, np.round(draw.uniform(-1, 1, 20), 2))
    between = one.instants[3:9] + 10**9
    plain = play(one, CONFIG, driven(Targets(weights=column), one, CONFIG))
    timed = play(one, CONFIG, driven(Targets(weights=column), one, CONFIG), timers=between)
    same(plain, timed)


@pytest.mark.kernel
def test_many_orders_at_one_instant_find_room() -> None:
    count = 3000
    one = market_of("AAA", n=10)
    rows = pd.DataFrame({"time": pd.Timestamp(int(one.instants[4]), tz="UTC"), "side": ["buy"] * count, "quantity": 1.0})
    config = config_of(account={"initial_cash": 10**7}, execution={"participation": None})
    state = play(one, config, driven(OrderList(rows, stamp="close"), one, config))
    assert len(state.table("fills")) == count and state.scalars["intents"] == count


def test_schedules_are_identified_by_what_they_hold() -> None:
    table = empty(TWO)
    table[3, 0] = 0.5
    one, two, three = Targets(weights=table), Targets(weights=table.copy()), Targets(values=table)
    assert one.describe()["schedule"] == ""
    for driver in (one, two, three):
        driver.prepare(TWO, CONFIG)
    assert one.describe() == two.describe() != three.describe()
    assert one.describe()["kind"] == "arrays" and one.describe()["name"] == "Targets"
    table[3, 0] = 0.25
    again = Targets(weights=table)
    again.prepare(TWO, CONFIG)
    assert again.describe() != one.describe()


def test_the_input_is_not_changed_and_the_schedule_not_by_a_run() -> None:
    one = market_of("AAA", n=20)
    table = np.where(np.arange(20) % 3 == 0, 0.5, NAN)
    table.setflags(write=False)
    driver = Targets(weights=table)
    attach = driven(driver, one, CONFIG)
    before = driver.describe()
    same(play(one, CONFIG, attach), play(one, CONFIG, attach))
    assert driver.describe() == before


def test_time_in_force_is_the_drivers_or_the_configured_one() -> None:
    table = np.full(20, 0.5)
    one = market_of("AAA", n=20)
    for tif, configured, expected in ((None, "DAY", 0), (None, "GTC", 1), ("IOC", "DAY", 3)):
        config = config_of(orders={"time_in_force": configured})
        state = laid_out(one, config)
        driven(Targets(weights=table, tif=tif), one, config)(state)
        assert state.scalars["t_tif"] == expected


def test_a_grid_keeps_numbers_as_they_are() -> None:
    grid = read_grid(np.array([[1, 2]] * 20), TWO, "x")
    assert grid.values.dtype == np.float64 and grid.is_plain
