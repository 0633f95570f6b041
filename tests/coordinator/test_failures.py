"""A run that does not reach its end says where and when, keeps what was journalled, and can be verified as such."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fillwright as fw
from coordinator.worlds import CSV, Alternate, days, python
from fillwright.model.codes import RunState
from fillwright.verify import verify_folder

HERE = Path(__file__).name


class OnBar(Alternate):
    def on_bar(self, bar: Any) -> None:
        super().on_bar(bar)
        if bar.index == 30:
            raise ValueError("no more")  # on_bar


class OnBars(fw.Strategy):
    def on_bars(self, bars: Any) -> None:
        self.buy("X", 1)
        if len(self.bars("X")) == 31:
            raise ValueError("no more")  # on_bars


class OnOrder(Alternate):
    def on_order(self, order: Any, event: Any) -> None:
        if order.id == 3:
            raise ValueError("no more")  # on_order


class OnFill(Alternate):
    def on_fill(self, fill: Any) -> None:
        if fill.fill_id == 3:
            raise ValueError("no more")  # on_fill


class OnStop(Alternate):
    def on_stop(self) -> None:
        raise ValueError("no more")  # on_stop


class OnTimer(Alternate):
    def on_start(self) -> None:
        self.every("10d", self.tick)

    def tick(self) -> None:
        if self.now_ns > 1_580_000_000 * 10**9:
            raise ValueError("no more")  # timer


class InALibrary(fw.Strategy):
    def on_bar(self, bar: Any) -> None:
        json.loads("{")  # a library


def line_of(mark: str) -> str:
    """``file:line`` of the line of this file that carries a mark."""
    text = Path(__file__).read_text(encoding="utf-8").splitlines()
    return f"{__file__}:{next(n for n, line in enumerate(text, 1) if line.endswith(f'# {mark}'))}"


def failure(strategy: fw.Strategy, **options: Any) -> fw.RunFailed:
    """The error of a run that must fail."""
    with pytest.raises(fw.RunFailed) as caught:
        fw.run(strategy, days(), **options)
    return caught.value


@pytest.mark.parametrize(
    ("cls", "mark", "time"),
    [
        (OnBar, "on_bar", "2020-02-01T00:00"),
        (OnBars, "on_bars", "2020-02-01T00:00"),
        (OnOrder, "on_order", "2020-01-18T00:00"),
        (OnFill, "on_fill", "2020-01-18T00:00"),
        (OnStop, "on_stop", "2020-03-01T00:00"),
        (OnTimer, "timer", "2020-01-2"),
    ],
)
def test_an_exception_is_told_with_line_and_data_time(cls: type[fw.Strategy], mark: str, time: str) -> None:
    error = failure(cls())
    assert isinstance(error, fw.StrategyError)
    assert isinstance(error.__cause__, ValueError)
    assert f"{cls.__name__} raised ValueError: no more" in str(error)
    assert error.where is not None
    assert error.where.startswith(f"{line_of(mark)}, data time {time}"), error.where
    result = error.result  # type: ignore[attr-defined]
    assert result.state is RunState.FAILED
    assert result.record.error == str(error)
    assert np.datetime64(result.record.error_at, "ns") == np.datetime64(error.where.rsplit(" ", 1)[1].rstrip("Z"), "ns")
    assert len(result.record.tables["orders"]) > 0
    assert result.certificate.ok, result.certificate.line()  # the books are in order as far as they go


def test_the_line_is_the_users_even_where_a_library_raised() -> None:
    assert (failure(InALibrary()).where or "").startswith(line_of("a library"))


def test_an_exception_in_on_start_ends_it_before_the_first_bar() -> None:
    class OnStart(fw.Strategy):
        def on_start(self) -> None:
            raise ValueError("no more")  # on_start

    error = failure(OnStart())
    assert error.where == f"{line_of('on_start')}, before the first bar"
    assert error.result.state is RunState.FAILED  # type: ignore[attr-defined]
    assert len(error.result.record.equity) == 0  # type: ignore[attr-defined]


def test_an_exception_of_an_indicator_names_it() -> None:
    def shaky(values: Any) -> Any:
        raise ZeroDivisionError("of course")

    class Indicates(fw.Strategy):
        def on_start(self) -> None:
            self.indicator(shaky, "close")

    assert "indicator shaky raised ZeroDivisionError: of course" in str(failure(Indicates()))


def test_a_wrong_call_in_on_start_is_a_usage_error_with_its_line() -> None:
    class Early(fw.Strategy):
        def on_start(self) -> None:
            self.buy("X", 1)  # early

    with pytest.raises(fw.UsageError) as caught:
        fw.run(Early(), days())
    assert caught.value.where == line_of("early")
    assert caught.value.remedy == "use them in on_bar, not in on_start"


def test_orders_after_the_last_bar_are_refused_loudly() -> None:
    class Late(fw.Strategy):
        def on_stop(self) -> None:
            self.close_all()  # late

    error = failure(Late())
    assert (error.where or "").startswith(line_of("late"))
    assert "flat_at" in (error.remedy or "")


def test_a_failed_run_leaves_a_folder_that_verifies_as_failed(tmp_path: Path) -> None:
    error = failure(OnBar(), out=str(tmp_path / "run"))
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["state"].lower() == "failed"
    assert str(error).splitlines()[0] in json.dumps(facts)
    verification = verify_folder(tmp_path / "run")
    assert verification.ok, verification.text()
    assert "failed" in verification.text().lower()


PROGRAM = """
import fillwright as fw
class Fails(fw.Strategy):
    def on_bar(self, bar):
        self.buy(bar.symbol, 1)
        if bar.index == 3:
            raise RuntimeError("enough")
"""
CONFIG = "version: 1\ndata: {sources: [{symbol: X, path: x.csv, timezone: UTC}]}\nstrategy: {name: 'fails.py:Fails'}\n"


def test_the_command_line_tells_it_in_one_line_and_code_1(root: Path, tmp_path: Path) -> None:
    for name, text in (("x.csv", CSV), ("fails.py", PROGRAM), ("c.yaml", CONFIG)):
        (tmp_path / name).write_text(text)
    program = "import sys; from fillwright.cli import main; sys.exit(main(sys.argv[1:]))"
    done = python(root, program, "run", "c.yaml", "--out", "out", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "fails.py:7, data time 2024-01-0" in done.stderr
    assert "RuntimeError: enough" in done.stderr
    verified = python(root, program, "verify", "out", cwd=tmp_path)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    wrong = python(root, program, "run", "c.yaml", "--set", "strategy.name=nothing", cwd=tmp_path)
    assert wrong.returncode == 2


# -- interruption ----------------------------------------------------------------------------------------------------------------


def test_keyboard_interrupt_inside_a_callback() -> None:
    class Interrupted(Alternate):
        def on_bar(self, bar: Any) -> None:
            super().on_bar(bar)
            if bar.index == 30:
                raise KeyboardInterrupt

    run = fw.Run(Interrupted(), days())
    with pytest.raises(fw.RunInterrupted) as caught:
        run.execute()
    assert run.state is RunState.INTERRUPTED
    assert "2020-02-01" in str(caught.value)
    assert caught.value.result.certificate.ok  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def heeded() -> Iterator[None]:
    """Ctrl-C as in a terminal; a shell starts what runs in the background with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("user_code", [False, True])
@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_is_never_lost_between_kernel_and_strategy(user_code: bool) -> None:
    """Python would raise KeyboardInterrupt in the frame of the callback itself, where ctypes prints it and goes on."""

    class Idle(fw.Strategy):
        def on_bar(self, bar: Any) -> None:
            if user_code:
                sum(range(50))

    market = fw.make_bars(400_000, timeframe="1min", seed=1, instrument=fw.Instrument("X"))
    before = signal.getsignal(signal.SIGINT)
    for _ in range(3):
        run = fw.Run(Idle(), market)
        beat = threading.Event()

        def press(started: threading.Event = beat) -> None:
            if started.wait(2):
                os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=press)
        thread.start()
        with pytest.raises(fw.RunInterrupted):
            run.execute(lambda done, total, started=beat: started.set())
        thread.join()
        assert run.state is RunState.INTERRUPTED
        assert signal.getsignal(signal.SIGINT) is before


SLOW = """
import os, signal, sys, threading, time
import fillwright as fw
class Slow(fw.Strategy):
    def on_bar(self, bar):
        started.set()
        time.sleep(0.02)
started = threading.Event()
def press():
    started.wait()
    time.sleep(0.5)
    times.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)
times = []
threading.Thread(target=press, daemon=True).start()
try:
    fw.run(Slow(), fw.make_bars(1000))
except fw.RunInterrupted as error:
    print(type(error).__name__, time.perf_counter() - times[0] < 2.0)
"""


def test_sigint_stops_a_slow_strategy_soon(root: Path) -> None:
    assert python(root, SLOW).stdout.split() == ["RunInterrupted", "True"]


LONG = """
import os, signal, sys, threading, time
import fillwright as fw
market = fw.make_bars(4_000_000, timeframe="1min", seed=1, instrument=fw.Instrument("X"))
state = {}
class Compiled(fw.Strategy):
    @fw.compiled
    def on_bar(ctx, p, s):
        k = 0.0
        for i in range(300):
            k += i * ctx.close
        if k < 0:
            ctx.buy(1)
def press():
    state["event"].wait()
    state["pressed"] = time.perf_counter()
    os.kill(os.getpid(), signal.SIGINT)
state["event"] = threading.Event()
threading.Thread(target=press, daemon=True).start()
run = fw.Run(Compiled(), market)
try:
    run.execute(lambda done, total: state["event"].set())
except fw.RunInterrupted as error:
    print(run.state.name, len(error.result.record.equity) < 4_000_000, time.perf_counter() - state["pressed"] < 1.0)
    sys.exit(error.exit_code)
print("ended", run.state.name)
"""


def test_sigint_stops_a_compiled_strategy_over_millions_of_bars(root: Path) -> None:
    done = python(root, LONG)
    assert done.stdout.split() == ["INTERRUPTED", "True", "True"], done.stdout + done.stderr
    assert done.returncode == 1
    assert "Exception ignored" not in done.stderr
