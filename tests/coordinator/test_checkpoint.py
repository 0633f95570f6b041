"""A run that was paused, written down and taken up again leaves the bytes of one that never stopped."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fillwright as fw
from coordinator.pauses import WORLDS, Busy, Undeclared, bytes_of, made
from coordinator.worlds import Alternate, days, fingerprint, minutes, python
from fillwright.coordinator import checkpoint as checkpoints
from fillwright.coordinator.checkpoint import NEVER, REMADE, Cuts
from fillwright.kernel import state as kernel_state
from fillwright.kernel._jit import JIT_OFF
from fillwright.kernel.state import State
from fillwright.model.codes import RunState
from fillwright.strategy.recall import NotPlain, Packed, unpack

pytestmark = pytest.mark.skipif(JIT_OFF, reason="compiled strategies need the compiler")


@functools.cache
def uninterrupted(name: str) -> dict[str, Any]:
    market, subject, config = made(name)
    return bytes_of(fw.Run(subject, market, config).execute())


def paused(name: str, cut: int, file: Path) -> fw.Run:
    """A run that stands still after so many of its market's instants, written down."""
    market, subject, config = made(name)
    run = fw.Run(subject, market, config)
    run.until(np.datetime64(int(market.instants[cut]), "ns"))
    assert run.state is RunState.PAUSED
    run.checkpoint(file)
    return run


def same(name: str, result: fw.Result) -> None:
    """The result is that of the run that never stopped, name by name."""
    expected, found = uninterrupted(name), bytes_of(result)
    assert expected.keys() == found.keys()
    assert [key for key in expected if expected[key] != found[key]] == [], name


def cuts(seed: int, number: int) -> Iterator[tuple[str, int]]:
    """Random places in all worlds in turn."""
    chance = random.Random(seed)
    names = list(WORLDS)
    for k in range(number):
        name = names[k % len(names)]
        yield name, chance.randrange(len(WORLDS[name].market().instants))


def check(name: str, cut: int, file: Path) -> None:
    run = paused(name, cut, file)
    kept = checkpoints.read(file).facts["kept"]
    if name.startswith("kept"):
        assert kept or 0 <= cut < 15  # nothing yet
    else:
        assert kept == []
    market, subject, _ = made(name)
    same(name, fw.resume(file, subject, market))
    same(name, run.execute())  # and the paused one goes on too


@pytest.mark.kernel
def test_fifty_random_pauses(tmp_path: Path) -> None:
    for name, cut in cuts(1, 52):
        check(name, cut, tmp_path / "x.checkpoint")


@pytest.mark.sim
def test_a_thousand_random_pauses(tmp_path: Path, seed: int) -> None:
    for name, cut in cuts(seed + 2, 1_000):
        check(name, cut, tmp_path / "x.checkpoint")


@pytest.mark.parametrize("name", ["declared, tight", "kept", "compiled", "compiled class", "orders"])
def test_the_first_and_the_last_instant(name: str, tmp_path: Path) -> None:
    for cut in (0, 1, -2, -1):
        check(name, cut, tmp_path / "x.checkpoint")


def test_a_pause_before_the_first_bar(tmp_path: Path) -> None:
    market, subject, config = made("declared")
    run = fw.Run(subject, market, config)
    run.until("1999-01-01")
    run.checkpoint(tmp_path / "x.checkpoint")
    assert checkpoints.read(tmp_path / "x.checkpoint").instant == 0
    same("declared", fw.resume(tmp_path / "x.checkpoint", subject, market))


def test_a_checkpoint_of_a_run_that_was_taken_up_again(tmp_path: Path) -> None:
    """Three processes' worth of pauses in one run; the file is the same as that of a run with one pause."""
    file, direct = tmp_path / "x.checkpoint", tmp_path / "y.checkpoint"
    for name in ("declared, tight", "kept, several", "compiled", "currencies"):
        paused(name, 30, file)
        market, subject, _ = made(name)
        for cut in (50, 70):
            run = fw.Run.from_checkpoint(file, subject, market)
            run.until(np.datetime64(int(market.instants[cut]), "ns"))
            run.checkpoint(file)
        paused(name, 70, direct)
        assert file.read_bytes() == direct.read_bytes(), name
        same(name, fw.resume(file, subject, market))


ELSEWHERE = """
import sys
sys.path.insert(0, sys.argv[1])
from coordinator.pauses import resume_elsewhere
for name, file in zip(sys.argv[2::2], sys.argv[3::2]):
    resume_elsewhere(name, file)
"""


def test_in_another_process_with_another_hash_seed(root: Path, tmp_path: Path) -> None:
    names = ["declared", "kept", "compiled", "targets", "orders", "frames"]
    arguments: list[str] = []
    for k, name in enumerate(names):
        paused(name, 77, tmp_path / f"{k}.checkpoint")
        arguments += [name, str(tmp_path / f"{k}.checkpoint")]
    done = python(root, ELSEWHERE, str(root / "tests"), *arguments, PYTHONHASHSEED="4711")
    expected = [f"{uninterrupted(name)['input_fingerprint']} {uninterrupted(name)['journal_fingerprint']}" for name in names]
    assert done.stdout.splitlines() == expected, done.stderr


# -- when ------------------------------------------------------------------------------------------------------------------------


class Asks(Alternate):
    """Asks for a checkpoint when it has a position."""

    asked: int = fw.state(0)

    def on_bar(self, bar: Any) -> None:
        super().on_bar(bar)
        if bar.index in (20, 33):
            self.asked += 1
            self.checkpoint()
            self.buy(bar.symbol, 1)  # what comes after the call in the same instant is in it too


def noted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The instants of all checkpoints that are written."""
    found: list[int] = []
    before = checkpoints.write

    def write(path: Any, facts: Any, *rest: Any) -> None:
        found.append(facts["instant"])
        before(path, facts, *rest)

    monkeypatch.setattr(checkpoints, "write", write)
    return found


def test_a_strategy_asks_and_it_is_taken_after_the_instant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = noted(monkeypatch)
    file = tmp_path / "deep" / "x.checkpoint"
    whole = fw.run(Asks(), days(), checkpoint={"file": str(file)})
    assert taken == [21, 34]
    found = checkpoints.read(file)
    assert (found.facts["states"], found.facts["kept"]) == ({"asked": 2}, [])
    assert bytes_of(fw.resume(file, Asks(), days())) == bytes_of(whole)
    assert taken == [21, 34]


def test_asking_without_a_file_is_a_warning_once(tmp_path: Path) -> None:
    whole = fw.run(Asks(), days())
    assert [warning for warning in whole.warnings if "checkpoint" in warning] == [
        "the strategy asked for a checkpoint and none was taken: run.checkpoint.file names no file"
    ]
    run = fw.Run(Asks(), days())
    run.until("2020-02-20")
    run.checkpoint(tmp_path / "x")
    assert bytes_of(fw.resume(tmp_path / "x", Asks(), days())) == bytes_of(whole)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"every": 25}, [25, 50]),
        ({"every": 20}, [20, 40]),
        ({"every": "20d"}, [20, 40]),
        ({"at": "2020-01-10"}, [10]),
        ({"at": "2020-01-10T12:00:00"}, [9]),
        ({"at": "2020-01-11T00:00:00"}, [10]),
        ({"every": 25, "at": "2020-02-05"}, [25, 36, 50]),
        ({}, []),
    ],
)
def test_checkpoints_by_the_settings(settings: Any, expected: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = noted(monkeypatch)
    result = fw.run(Alternate(), days(), checkpoint={"file": str(tmp_path / "x"), **settings})
    assert taken == expected
    assert fingerprint(result) == fingerprint(fw.run(Alternate(), days()))  # it changes nothing, the input fingerprint neither


def test_an_interrupted_run_says_where_it_can_go_on(tmp_path: Path) -> None:
    class Interrupted(Alternate):
        def on_bar(self, bar: Any) -> None:
            super().on_bar(bar)
            if bar.index == limit[0]:
                raise KeyboardInterrupt

    limit = [30]
    file = str(tmp_path / "x")
    with pytest.raises(fw.RunInterrupted) as caught:
        fw.run(Interrupted(), days(), checkpoint={"file": file, "every": 25})
    assert str(caught.value).endswith(f"it can go on from data time 2020-01-26T00:00:00Z: fillwright resume {file}")
    limit[0] = 99
    assert fingerprint(fw.resume(file, Interrupted(), days())) == fingerprint(fw.run(Interrupted(), days()))


def test_every_is_data_time_from_the_first_instant() -> None:
    times = np.array([0, 5, 9, 10, 30, 31], np.int64) * 10**9
    settings = fw.Config.from_dict({"run": {"checkpoint": {"file": "x", "every": "10s"}}}).run.checkpoint
    cuts = Cuts(settings, times, fw.Instrument("X"))
    assert [cuts.after(k) for k in range(6)] == [3, 3, 3, 4, NEVER, NEVER]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"every": "30d"}, "run.checkpoint.every: needs the key 'file'"),
        ({"file": "x", "every": 0}, "must be a duration such as 30d, or a whole number of instants > 0"),
        ({"file": "x", "every": "often"}, "run.checkpoint.every: must be a duration"),
        ({"file": "x", "at": "soon"}, "run.checkpoint.at: must be a date"),
        ({"fil": "x"}, "did you mean 'file'"),
    ],
)
def test_wrong_settings(settings: Any, message: str) -> None:
    with pytest.raises(fw.ConfigError, match=message):
        fw.Config.from_dict({"run": {"checkpoint": settings}})


def test_wrong_calls_say_what_to_do(tmp_path: Path) -> None:
    run = fw.Run(Alternate(), days())
    with pytest.raises(fw.UsageError, match="a checkpoint is taken of a paused run"):
        run.checkpoint(tmp_path / "x")
    with pytest.raises(fw.UsageError, match="is not a date"):
        run.until("tomorrow")
    run.until("2020-01-20")
    (tmp_path / "mine.txt").write_text("dear to me")
    with pytest.raises(fw.UsageError, match="cannot be written"):
        run.checkpoint(tmp_path / "mine.txt" / "x")
    for taken in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(fw.UsageError, match="is there already and is no checkpoint"):
            run.checkpoint(taken)
    assert (tmp_path / "mine.txt").read_text() == "dear to me"
    assert fingerprint(run.execute()) == fingerprint(fw.run(Alternate(), days()))
    for call in (run.execute, lambda: run.until("2020-02-01"), lambda: run.checkpoint(tmp_path / "x")):
        with pytest.raises(fw.UsageError):
            call()
    with pytest.raises(fw.UsageError, match="is no checkpoint"):  # before the first bar, not hours later
        fw.run(Alternate(), days(), checkpoint={"file": str(tmp_path / "mine.txt")})


def test_subscribers_of_a_run_that_goes_on_hear_of_what_is_new(tmp_path: Path) -> None:
    for name in ("declared", "kept"):
        market, subject, config = made(name)
        heard: list[list[int]] = []
        trades: list[list[tuple[int, int]]] = []
        paused(name, 60, tmp_path / "x")
        for run in (fw.Run(subject, market, config), fw.Run.from_checkpoint(tmp_path / "x", subject, market)):
            heard.append([])
            run.journal.subscribe("order_event", lambda event, own=heard[-1]: own.append(event.seq))
            trades.append([])
            for kind in ("trade_opened", "trade_changed", "trade_closed"):
                run.journal.subscribe(kind, lambda news, own=trades[-1]: own.append((news.seq, news.trade_id)))
            run.execute()
        whole, rest = heard
        assert whole == list(range(len(whole)))
        assert 0 < len(rest) < len(whole) and rest == whole[-len(rest) :]
        whole, rest = trades
        assert whole[0][0] == 0 and 0 < len(rest) < len(whole) and rest == whole[-len(rest) :]


def test_a_failing_strategy_fails_the_same_way_before_and_after_a_pause(tmp_path: Path) -> None:
    class Fails(Alternate):
        def on_bar(self, bar: Any) -> None:
            super().on_bar(bar)
            if bar.index == 30:
                raise ValueError("no more")

    run = fw.Run(Fails(), days())
    with pytest.raises(fw.StrategyError, match="no more") as caught:
        run.until("2020-02-20")
    assert run.state is RunState.FAILED
    assert caught.value.result.certificate.ok  # type: ignore[attr-defined]
    run = fw.Run(Fails(), days())
    run.until("2020-01-20")
    run.checkpoint(tmp_path / "x")
    with pytest.raises(fw.StrategyError, match="no more") as again:
        fw.resume(tmp_path / "x", Fails(), days())
    assert str(again.value) == str(caught.value)


# -- what is stored ---------------------------------------------------------------------------------------------------------------


def laid_out(name: str, moments: int) -> State:
    """The memory of a run after some instants."""
    market, subject, config = made(name)
    run = fw.Run(subject, market, config)
    run.until(np.datetime64(int(market.instants[moments]), "ns"))
    assert run._memory is not None
    KEEP.append(run)
    return run._memory


KEEP: list[Any] = []


@pytest.mark.parametrize("name", list(WORLDS))
def test_every_field_is_stored_or_is_an_address(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two equal runs, on memory with different leavings, differ in the addresses and in nothing else; what is stored is all the rest."""

    def dirty(leavings: int) -> State:
        monkeypatch.setattr(
            kernel_state, "block", lambda rows, dtype: np.full(rows * dtype.itemsize, leavings, np.uint8).view(dtype)
        )
        return laid_out(name, 60)

    first, second = dirty(3), dirty(200)
    own = {key.lstrip("_"): (a, vars(second)[key]) for key, a in vars(first).items() if isinstance(a, np.ndarray)}
    own |= {f"table_{key}": (first.table(key), second.table(key)) for key in first.tables}
    stored = checkpoints.capture(first)
    assert stored.keys() == own.keys()
    assert set(REMADE) <= set(own)
    for key, (one, two) in own.items():
        assert stored[key].dtype == one.dtype
        if one.dtype.names is None:
            assert stored[key].tobytes() == one[: len(stored[key])].tobytes() and len(stored[key]) == int(
                first.scalars[f"n_{key}"]
            )
            continue
        assert len(stored[key]) == len(one)
        remade = REMADE.get(key, frozenset())
        assert remade <= set(one.dtype.names)
        for field in one.dtype.names:
            assert (stored[key][field] == (0 if field in remade else one[field])).all(), (key, field)
            assert field in remade or (one[field] == two[field]).all(), f"{key}.{field} differs between equal runs: an address?"


def test_tables_have_the_room_that_the_records_say(file: Path) -> None:
    """The kernel believes the capacities; they are those of the paused run, so that tables grow at the same instants."""
    market, subject, _ = made("declared")
    run = fw.Run.from_checkpoint(file, subject, market)
    run.until("1999-01-01")
    state = run._memory
    assert state is not None
    for name, rows in state.tables.items():
        assert len(rows) == int(state.scalars[f"{name}_cap"]) == int(checkpoints.read(file).arrays["scalars"][0][f"{name}_cap"])
        assert rows.ctypes.data == int(state.scalars[name])


class Reads(fw.Strategy):
    """Reads a series in a timer between bars: it means the instrument of the last bar before."""

    seen: list[float] = fw.state([])

    def on_start(self) -> None:
        self.average = self.indicator(fw.sma, "close", 2)
        self.at("12:00", self.noon)

    def noon(self) -> None:
        self.seen.append(self.average.value)

    def on_bar(self, bar: Any) -> None:
        pass

    def on_stop(self) -> None:
        LAST[:] = self.seen


LAST: list[float] = []


def test_the_bar_in_hand_is_that_before_the_pause(tmp_path: Path) -> None:
    market = days(40) + days(40, "Y", 9)
    run = fw.Run(Reads(), market)
    run.until("2020-01-20")
    run.checkpoint(tmp_path / "x")
    run.execute()
    expected = list(LAST)
    assert len(expected) == 38
    fw.resume(tmp_path / "x", Reads(), market)
    assert expected == LAST


@pytest.mark.parametrize("name", list(WORLDS))
def test_what_records_point_at_is_not_written_to(name: str) -> None:
    """Arrays that are not the state's own (schedules, time line, series) are made again: nothing that counts may be in them."""

    def digest(state: State) -> list[str]:
        arrays = [array for array in state.kept if isinstance(array, np.ndarray)]
        series = [array for item in state.kept for array in getattr(item, "kept", ())]
        return [hashlib.sha256(array.tobytes()).hexdigest() for array in [*arrays, *series]]

    market, subject, config = made(name)
    run = fw.Run(subject, market, config)
    run.until("1999-01-01")
    assert run._memory is not None
    before = digest(run._memory)
    run.until("2031-01-01")
    changed = [k for k, (one, two) in enumerate(zip(before, digest(run._memory), strict=True)) if one != two]
    scratch = [k for k, item in enumerate(i for i in run._memory.kept if isinstance(i, np.ndarray)) if k in changed]
    # cells of a batch and orders of an instant, written before they are read; codes of tags and of rules, made again from names
    assert len(scratch) == len(changed) <= {"targets": 1, "orders": 1, "compiled class": 3}.get(name, 0)


VALUES: list[Any] = [
    None, True, 0, -(2**70), 1.5, -0.0, float("inf"), "ü\n\ud800", [1, [2.0, "x"]], (1, (2,)), {"a": 1, 2: [None], 2.5: "z"},
    np.float64(2.5), np.int32(7), np.bool_(True), np.arange(6).reshape(2, 3), np.zeros((0, 2)), np.array(["ab", "c"]),
    np.array(["2020-01-01"], "datetime64[D]"), np.asfortranarray(np.arange(6.0).reshape(2, 3)),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_declared_values_come_back_with_their_types(value: Any) -> None:
    packed = Packed()
    plain = json.loads(json.dumps(packed.pack(value), allow_nan=False))
    found = unpack(plain, packed.arrays, lambda number: number)
    assert type(found) is type(value)
    assert repr(found) == repr(value)
    if isinstance(value, np.ndarray):
        assert (found.dtype, found.shape, found.flags.f_contiguous) == (value.dtype, value.shape, value.flags.f_contiguous)
        assert found.flags.writeable


class Own:
    pass


SHARED = [1]


@pytest.mark.parametrize(
    "value",
    [{1, 2}, Own(), np.array([Own()]), [SHARED, SHARED], b"x", lambda: 1, type("Text", (str,), {})("x"), {(1, 2): 3}],
    ids=str,
)
def test_what_cannot_be_stored_is_not_stored(value: Any) -> None:
    with pytest.raises(NotPlain):
        Packed().pack(value)


def kept(cls: type[fw.Strategy], file: Path, until: str = "2020-01-20") -> list[str]:
    """What a checkpoint of a run says the strategy keeps and does not declare; the run goes on to the same end either way."""
    run = fw.Run(cls(), days())
    run.until(until)
    run.checkpoint(file)
    whole = fw.run(cls(), days())
    assert fingerprint(fw.resume(file, cls(), days())) == fingerprint(whole) == fingerprint(run.execute())
    return list(checkpoints.read(file).facts["kept"])


MODULE_TALLY: list[int] = []
MODULE_NUMBER = 0


def test_whatever_a_strategy_keeps_is_found(tmp_path: Path) -> None:
    def strategy(on_bar: Callable[[Any, Any], None], **body: Any) -> type[fw.Strategy]:
        return type("Made", (fw.Strategy,), {"on_bar": on_bar, "__module__": __name__, **body})

    def plain(self: Any, bar: Any) -> None:
        self.buy(bar.symbol, 1)

    def attribute(self: Any, bar: Any) -> None:
        self.seen = bar.close

    def grows(self: Any, bar: Any) -> None:
        self.closes.append(bar.close)

    def parameter(self: Any, bar: Any) -> None:
        self.size += 1

    def on_class(self: Any, bar: Any) -> None:
        type(self).total = bar.index

    def default(self: Any, bar: Any, known: list[Any] = []) -> None:  # noqa: B006
        known.append(bar.close)

    def handle(self: Any, bar: Any) -> None:
        self.order = self.order or self.buy(bar.symbol, 1)

    enclosed: list[float] = []

    def closure(self: Any, bar: Any) -> None:
        enclosed.append(bar.close)

    def on_module(self: Any, bar: Any) -> None:
        MODULE_TALLY.append(1)

    def number(self: Any, bar: Any) -> None:
        global MODULE_NUMBER
        MODULE_NUMBER += 1

    def inside(self: Any, bar: Any) -> None:
        def inner() -> None:
            MODULE_TALLY.append(2)

        inner()

    def draws(self: Any, bar: Any) -> None:
        random.random()

    def starts(self: Any) -> None:
        self.closes: list[float] = []

    def opaque(self: Any) -> None:
        self.model = Own()

    def counts(self: Any) -> None:
        told: list[int] = []
        self.every("1d", lambda: told.append(1))

    def steady(self: Any) -> None:
        self.average = {"x": [self.indicator(fw.sma, "close", 3)], "levels": np.arange(4.0), "known": {"a", "b"}}
        self.every("7d", self.close_all)

    file = tmp_path / "x"
    assert kept(strategy(plain), file) == []
    assert kept(strategy(plain, on_start=steady), file) == []
    assert kept(strategy(handle, order=fw.state(None)), file) == []
    assert kept(strategy(handle, order=None), file) == ["order"]
    assert kept(strategy(attribute), file) == ["seen"]
    assert kept(strategy(attribute, seen=fw.state(0.0)), file) == []
    assert kept(strategy(grows, on_start=starts), file) == ["closes"]
    assert kept(strategy(grows, closes=fw.state([])), file) == []
    assert kept(strategy(attribute, on_start=opaque, seen=fw.state(0.0)), file) == ["model"]
    assert kept(strategy(attribute, seen=fw.state({1, 2})), file, "1999-01-01") == ["seen (a set)"]
    assert kept(strategy(parameter, size=fw.param(3)), file) == ["size"]
    assert kept(strategy(on_class, total=0), file)[0] == "Made.total"
    assert kept(strategy(default), file) == ["Made.on_bar"]
    assert kept(strategy(draws), file) == ["random's global state was changed"]
    assert kept(strategy(closure), file) == ["Made.on_bar"]
    assert kept(strategy(plain, on_start=counts), file) == ["timer 0"]
    for function in (on_module, inside):
        assert f"{__name__}.MODULE_TALLY" in kept(strategy(function), file)
    assert f"{__name__}.MODULE_NUMBER" in kept(strategy(number), file)


# -- a run that is repeated ---------------------------------------------------------------------------------------------------------


MOOD: dict[str, Any] = {"shift": 0}


class Moody(fw.Strategy):
    """Keeps something, and decides by what lies outside."""

    def on_bar(self, bar: Any) -> None:
        self.seen = bar.index
        if bar.index == 9:
            self.buy(bar.symbol, 5)
        if bar.index == 20:
            self.buy(bar.symbol, 3 + MOOD["shift"], tag="moody")


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        (1, "order_event 3, 2020-01-22T00:00:00Z, order 1 SUBMIT: quantity is 4, was 3"),
        (-3, None),  # a size of nothing raises
        (0, ""),
    ],
)
def test_another_decision_is_named(shift: int, expected: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = fw.Run(Moody(), days())
    run.until("2020-02-10")
    run.checkpoint(tmp_path / "x")
    monkeypatch.setitem(MOOD, "shift", shift)
    if expected == "":
        assert fingerprint(fw.resume(tmp_path / "x", Moody(), days())) == fingerprint(run.execute())
        return
    with pytest.raises(fw.RunFailed) as caught:
        fw.resume(tmp_path / "x", Moody(), days())
    if expected is not None:
        assert f"repeated up to the checkpoint, the run differs: {expected}" in str(caught.value)
        assert "seen" in str(caught.value) and "fw.state" in str(caught.value)


def test_a_decision_more_or_less_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Sometimes(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            self.seen = bar.index
            if bar.index == 20 and MOOD["shift"] == 1:
                self.buy(bar.symbol, 1)
            if bar.index == 25 and MOOD["shift"] == 3:
                self.close(bar.symbol)  # an intent that changes nothing

    for before, after, words in (
        (0, 1, "order_event 0, 2020-01-22T00:00:00Z, order 0 SUBMIT did not happen before"),
        (1, 0, "order_event 0, 2020-01-22T00:00:00Z, order 0 SUBMIT does not happen again"),
        (0, 3, "intents, no_change"),
    ):
        monkeypatch.setitem(MOOD, "shift", before)
        run = fw.Run(Sometimes(), days())
        run.until("2020-02-10")
        run.checkpoint(tmp_path / "x")
        monkeypatch.setitem(MOOD, "shift", after)
        with pytest.raises(fw.RunFailed) as caught:
            fw.resume(tmp_path / "x", Sometimes(), days())
        assert words in str(caught.value)


# -- what does not fit, and damage ---------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A checkpoint of Busy after half of its run."""
    paused("declared", 80, tmp_path / "x.checkpoint")
    return tmp_path / "x.checkpoint"


def test_what_does_not_fit_is_named(file: Path) -> None:
    market, _, config = made("declared")
    with pytest.raises(fw.UsageError, match="was taken on other market data: digest"):
        fw.resume(file, Busy(), days())
    with pytest.raises(fw.UsageError, match=r"was taken with another strategy: params.length was '5', is '6'") as caught:
        fw.resume(file, Busy(length=6), market)
    assert "fw.fork" in str(caught.value)
    with pytest.raises(fw.UsageError, match="was taken with another strategy: name was 'Busy', is 'Undeclared'"):
        fw.resume(file, Undeclared(), market)
    other = fw.Config.from_dict(config.canonical() | {"execution": {"latency": "5ms"}})
    with pytest.raises(fw.UsageError, match=r"was taken with other settings: execution.latency was '0ms', is '5ms'"):
        fw.Run.from_checkpoint(file, Busy(), market, other)
    with pytest.raises(fw.UsageError, match="there is no such file"):
        fw.resume(file.with_name("y"), Busy(), market)


def test_an_array_of_other_decisions_does_not_fit(tmp_path: Path) -> None:
    paused("targets", 50, tmp_path / "x")
    market, _, _ = made("targets")
    units = np.zeros((len(market.instants), 3))
    with pytest.raises(fw.UsageError, match="was taken with another strategy: schedule was"):
        fw.resume(tmp_path / "x", fw.Targets(weights=units), market)


def test_a_changed_source_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "import fillwright as fw\nclass Mine(fw.Strategy):\n    def on_bar(self, bar):\n        self.buy(bar.symbol, 1)\n"
    (tmp_path / "mine_paused.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    import importlib

    module = importlib.import_module("mine_paused")
    run = fw.Run(module.Mine(), days())
    run.until("2020-01-20")
    run.checkpoint(tmp_path / "x")
    (tmp_path / "mine_paused.py").write_text(text.replace("1)", "22)"))
    module = importlib.reload(module)
    with pytest.raises(fw.UsageError, match=r"its source .* has been changed"):
        fw.resume(tmp_path / "x", module.Mine(), days())
    forked = fw.fork(tmp_path / "x", module.Mine(), days())
    assert sorted(set(forked.record.tables["orders"]["quantity"].tolist())) == [1, 22]


def rewritten(file: Path, change: Callable[[dict[str, bytes]], None], sealed: bool) -> None:
    """Write a checkpoint again with other members; ``sealed``: with hashes that fit."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    if sealed:
        facts = json.loads(members[checkpoints.MANIFEST])
        facts.pop("seal")
        arrays = {name: data for name, data in members.items() if name.endswith(".npy")}
        facts["sha256"] = {name: hashlib.sha256(data).hexdigest() for name, data in arrays.items()}
        members[checkpoints.MANIFEST] = json.dumps(facts | {"seal": checkpoints._seal(facts)}).encode()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def saved_array(array: Any, allow_pickle: bool = False) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=allow_pickle)
    return out.getvalue()


class Bomb:
    """Would be executed by whoever unpickles it."""

    def __reduce__(self) -> Any:
        return (EXPLODED.append, (1,))


EXPLODED: list[int] = []


def test_no_code_is_loaded(file: Path) -> None:
    market, subject, _ = made("declared")

    def plant(members: dict[str, bytes]) -> None:
        members["table_orders.npy"] = saved_array(np.array([Bomb()], object), allow_pickle=True)

    rewritten(file, plant, sealed=True)
    with pytest.raises(fw.CheckFailed, match=r"table_orders.npy cannot be read: Object arrays cannot be loaded"):
        fw.resume(file, subject, market)
    assert EXPLODED == []


def _replace(name: str, data: bytes) -> Callable[[dict[str, bytes]], None]:
    return lambda members: members.__setitem__(name, data)


def _edited(without: str = "", **facts: Any) -> Callable[[dict[str, bytes]], None]:
    def edit(members: dict[str, bytes]) -> None:
        known = json.loads(members[checkpoints.MANIFEST]) | facts
        known.pop(without, None)
        members[checkpoints.MANIFEST] = json.dumps(known).encode()

    return edit


@pytest.mark.parametrize(
    ("change", "sealed", "error", "message"),
    [
        (_replace("table_fills.npy", saved_array(np.zeros(3))), False, fw.CheckFailed, "table_fills.npy was changed"),
        (_replace("more.npy", saved_array(np.zeros(3))), False, fw.CheckFailed, "its members are not those"),
        (lambda members: members.pop("books.npy"), False, fw.CheckFailed, "its members are not those"),
        (lambda members: members.pop(checkpoints.MANIFEST), False, fw.CheckFailed, "is no checkpoint"),
        (_replace(checkpoints.MANIFEST, b"{}"), False, fw.CheckFailed, "is no checkpoint"),
        (_edited(kept=["nothing"]), False, fw.CheckFailed, "manifest.json was changed: it does not fit its seal"),
        (_edited(without="states"), True, fw.CheckFailed, "its members are not those"),
        (_replace(checkpoints.MANIFEST, b"[1]"), False, fw.CheckFailed, "is no checkpoint"),
        (_replace("table_fills.npy", saved_array(np.zeros(3))), True, fw.UsageError, "its array table_fills is not one of this version"),
        (_replace("books.npy", b"\x93NUMPYxxxx"), True, fw.CheckFailed, "books.npy cannot be read"),
        (lambda members: members.pop("books.npy"), True, fw.UsageError, "its array books is not one of this version"),
    ],
)  # fmt: skip
def test_damage_is_found(change: Any, sealed: bool, error: type[Exception], message: str, file: Path) -> None:
    market, subject, _ = made("declared")
    rewritten(file, change, sealed)
    with pytest.raises(error, match=message):
        fw.resume(file, subject, market)


def test_a_write_that_fails_leaves_the_one_before(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    market, subject, config = made("declared")
    before = file.read_bytes()
    run = fw.Run(subject, market, config)
    run.until("2020-02-02")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    for owner, name in ((Path, "replace"), (os, "fsync")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, full)
            with pytest.raises(fw.UsageError, match="cannot be written: No space left on device"):
                run.checkpoint(file)
        assert file.read_bytes() == before
        assert list(file.parent.iterdir()) == [file]
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        options = WORLDS["declared"].options | {"checkpoint": {"file": str(file), "every": 30}}
        with pytest.raises(fw.RunFailed, match="No space left") as caught:
            fw.run(subject, market, **options)
    assert caught.value.result.certificate.ok  # type: ignore[attr-defined]


def test_another_version_is_named(file: Path) -> None:
    def older(members: dict[str, bytes]) -> None:
        facts = json.loads(members[checkpoints.MANIFEST])
        members[checkpoints.MANIFEST] = json.dumps(facts | {"fillwright": "0.0.9"}).encode()

    market, subject, _ = made("declared")
    rewritten(file, older, sealed=True)
    with pytest.raises(fw.UsageError, match=f"was written by fillwright 0.0.9, this is {fw.__version__}"):
        fw.resume(file, subject, market)


def test_every_flipped_byte_is_found_or_changes_nothing(file: Path) -> None:
    """Bytes of the container that say nothing (times, attributes) may flip; then what is read is the same."""
    whole = file.read_bytes()
    good = checkpoints.read(file)
    chance = random.Random(5)
    found = 0
    for place in sorted(chance.sample(range(len(whole)), 250)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << chance.randrange(8))]) + whole[place + 1 :])
        try:
            again = checkpoints.read(file)
        except fw.FillwrightError:
            found += 1
            continue
        assert again.seal == good.seal and again.facts == good.facts
        assert all(again.arrays[name].tobytes() == array.tobytes() for name, array in good.arrays.items())
    assert found > 200
    for length in (0, 1, 30, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(fw.CheckFailed):
            checkpoints.read(file)


# -- killed ------------------------------------------------------------------------------------------------------------------------


KILLED = """
import sys
sys.path.insert(0, sys.argv[1])
import fillwright as fw
from coordinator.pauses import made
from coordinator.test_checkpoint import Slowly
from coordinator.worlds import minutes
print("ready", flush=True)
fw.run(Slowly(), minutes(3000), checkpoint={"file": sys.argv[2], "every": 5})
print("ended", flush=True)
"""


class Slowly(Alternate):
    """Takes a while, and keeps what it declares."""

    count: int = fw.state(0)

    def on_bar(self, bar: Any) -> None:
        self.count += sum(1 for _ in range(3_000)) // 3_000
        if self.count % 3 == 0:
            super().on_bar(bar)


@pytest.mark.parametrize("versions", [4, *(pytest.param(k, marks=pytest.mark.sim) for k in (1, 2, 11, 29, 67))])
def test_killed_at_any_moment_there_is_a_checkpoint_to_go_on_from(versions: int, root: Path, tmp_path: Path) -> None:
    """So many versions of the file are seen before the process is killed."""
    file = tmp_path / "x.checkpoint"
    command = [sys.executable, "-c", KILLED, str(root / "tests"), str(file)]
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(root / "src")}, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    seen: set[int] = set()
    while len(seen) < versions and process.poll() is None:
        if file.exists():
            seen.add(checkpoints.read(file).instant)  # whole at any moment
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout.read() == "", "it ended before it was killed"
    process.stdout.close()
    reached = checkpoints.read(file).instant
    assert reached % 5 == 0 and 0 < reached < 3000
    assert fingerprint(fw.resume(file, Slowly(), minutes(3000))) == fingerprint(fw.run(Slowly(), minutes(3000)))


# -- forks -------------------------------------------------------------------------------------------------------------------------


def test_a_fork_with_the_same_parameters_is_the_same_but_for_its_origin(file: Path) -> None:
    market, _, _ = made("declared")
    forked = fw.fork(file, Busy(), market)
    assert forked.record.info["journal_fingerprint"] == uninterrupted("declared")["journal_fingerprint"]
    assert forked.record.info["input_fingerprint"] != uninterrupted("declared")["input_fingerprint"]
    assert forked.record.info["forked_from"] == uninterrupted("declared")["input_fingerprint"]
    assert forked.record.info["forked_after"] == checkpoints.read(file).facts["time"]
    assert [w for w in forked.warnings if "forked after" in w and "Busy decided" in w]


@pytest.mark.parametrize("subject", ["Busy", "Undeclared", "Portfolio", "compiled", "targets", "signals", "orders"])
def test_a_fork_keeps_what_was_and_decides_anew(subject: str, tmp_path: Path, root: Path) -> None:
    """From a list of orders with tags to anything else: until the fork all records are the same, and the books add up."""
    market, listed, config = made("orders")
    cut = np.datetime64(int(market.instants[70]), "ns")
    run = fw.Run(listed, market, config)
    run.until(cut)
    run.checkpoint(tmp_path / "x")
    before = run.execute()
    chosen = {"Busy": Busy(length=8), "Undeclared": Undeclared()}.get(subject) or WORLDS[subject.lower()].subject(market)
    forked = fw.fork(tmp_path / "x", chosen, market, out=str(tmp_path / "out"))
    assert forked.certificate.ok, forked.certificate.line()
    then, now = before.record.tables["order_events"], forked.record.tables["order_events"]
    first = int((then["instant"] <= int(market.instants[70])).sum())
    assert first > 0 and (then[:first] == now[:first]).all()
    assert (now["instant"][first:] > int(market.instants[70])).all()
    if subject == "orders":
        assert fingerprint(forked)[1] == fingerprint(before)[1]
    else:
        assert len(now) > first and len(now) - first != len(then) - first
    names = list(forked.record.names.tags)
    assert names[: len(before.record.names.tags)] == list(before.record.names.tags)
    from fillwright.verify import verify_folder

    verified = verify_folder(tmp_path / "out")
    assert verified.ok, verified.text()
    facts = json.loads((tmp_path / "out" / "run.json").read_text())
    assert facts["info"]["forked_from"] == fingerprint(before)[0]
    assert any("forked after" in warning for warning in facts["warnings"])


def test_a_list_of_orders_keeps_its_tags_after_a_fork(tmp_path: Path) -> None:
    market, listed, config = made("orders")
    run = fw.Run(Busy(), market, config)
    run.until("2020-03-10")
    run.checkpoint(tmp_path / "x")
    forked = fw.fork(tmp_path / "x", listed, market)
    tags = [forked.record.names.tags[k] for k in forked.record.tables["orders"]["tag"] if k >= 0]
    later = forked.record.tables["orders"]["decided_at"] > int(np.datetime64("2020-03-11T12:00", "ns").astype(np.int64))
    texts = {forked.record.names.tags[k] for k in forked.record.tables["orders"]["tag"][later]}
    assert texts <= {"n0", "n1", "n2", "n3"} and len(texts) > 2
    assert any(tag.startswith("t") for tag in tags)


def test_declared_state_goes_over_to_a_strategy_of_the_same_name(tmp_path: Path) -> None:
    def version(more: bool) -> type[fw.Strategy]:
        class Counts(fw.Strategy):
            step: int = fw.param(1)
            count: int = fw.state(0)

            def on_bar(self, bar: Any) -> None:
                self.count += self.step
                self.target(bar.symbol, self.count)

        return Counts

    run = fw.Run(version(False)(), days())
    run.until("2020-01-31")
    run.checkpoint(tmp_path / "x")
    forked = fw.fork(tmp_path / "x", version(True)(step=2), days())  # type: ignore[call-arg]
    filled = forked.record.tables["fills"]["position"]
    assert filled[30:32].tolist() == [31, 33]

    class Other(fw.Strategy):
        count: int = fw.state(0)

        def on_bar(self, bar: Any) -> None:
            self.count += 1
            self.target(bar.symbol, self.count)

    fresh = fw.fork(tmp_path / "x", Other(), days())
    assert fresh.record.tables["fills"]["position"][31] == 1


def test_a_fork_has_other_settings_only_of_what_decides(file: Path) -> None:
    market, _, config = made("declared")
    other = fw.Config.from_dict(config.canonical() | {"costs": {}})
    with pytest.raises(
        fw.UsageError, match=r"was taken with other settings: costs.commission.minimum was '1', is None"
    ) as caught:
        fw.Run.from_checkpoint(file, Busy(length=9), market, other, fork=True)
    assert "a fork changes what decides" in str(caught.value)


@pytest.mark.parametrize("subject", [Busy, Undeclared])
def test_a_fork_can_be_paused_and_taken_up_again(subject: Callable[..., fw.Strategy], tmp_path: Path) -> None:
    """A run that is repeated begins where it began, at the fork, with what its checkpoint holds of the run before."""
    first, second, third = (tmp_path / name for name in "xyz")
    paused("declared", 50, first)
    market, _, config = made("declared")

    def forked() -> fw.Run:
        return fw.Run.from_checkpoint(first, subject(length=8), market, config, fork=True)

    whole = forked().execute()
    run = forked()
    for file, cut in ((second, 90), (third, 120)):
        run.until(np.datetime64(int(market.instants[cut]), "ns"))
        run.checkpoint(file)
        assert bool(checkpoints.read(file).facts["kept"]) is (subject is Undeclared)
        run = fw.Run.from_checkpoint(file, subject(length=8), market)
    first.unlink()
    for file in (second, third):
        again = fw.resume(file, subject(length=8), market)
        assert bytes_of(again) == bytes_of(whole)
    assert bytes_of(run.execute()) == bytes_of(whole)
    assert whole.record.info["forked_from"] == uninterrupted("declared")["input_fingerprint"]


def test_asking_when_the_run_is_over_is_a_warning(tmp_path: Path) -> None:
    class Late(Alternate):
        def on_stop(self) -> None:
            self.checkpoint()

    result = fw.run(Late(), days(), checkpoint={"file": str(tmp_path / "x")})
    assert any("in on_stop and none was taken" in warning for warning in result.warnings)
    assert not (tmp_path / "x").exists()
