"""Ctrl-C while the kernel runs.

Python raises KeyboardInterrupt in whatever frame it is about to run. Between the kernel and a strategy that is the frame of the
callback itself, where nothing can catch it, and it would be lost. There Ctrl-C becomes a request that the run loop reads
after its slice; everywhere else it raises as always.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from fillwright.strategy.desk import Desk


@contextmanager
def listening() -> Iterator[Callable[[], bool]]:
    """Gives a function that tells whether Ctrl-C was pressed where it could not be raised. A second Ctrl-C raises in any case.

    Signals are left alone outside the main thread and where someone else handles them.
    """
    requested = False

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal requested
        if requested or frame is None or frame.f_globals.get("__name__") != Desk.__module__:
            raise KeyboardInterrupt
        requested = True

    free = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if free:
        signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield lambda: requested
    finally:
        if free:
            signal.signal(signal.SIGINT, signal.default_int_handler)
