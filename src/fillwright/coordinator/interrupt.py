"""Ctrl-C while the kernel runs.

Python raises KeyboardInterrupt in whatever frame it is about to run. Between the kernel and a strategy that is the frame of the
callback itself, where nothing can catch it: ctypes prints it and goes on. So inside our own code Ctrl-C becomes a request that the
run loop reads; inside the user's code, which may be slow, it raises as always.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_OURS = __name__.partition(".")[0] + "."


@contextmanager
def listening(scalars: Any) -> Iterator[Callable[[], bool]]:
    """Gives a function that tells whether Ctrl-C was pressed meanwhile; the kernel is then stopped after the instant in hand.

    A second Ctrl-C raises at once. Signals are left alone outside the main thread and where someone else handles them.
    """
    requested = False

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal requested
        ours = frame is not None and str(frame.f_globals.get("__name__", "")).startswith(_OURS)
        if requested or not ours:
            raise KeyboardInterrupt
        requested = True
        scalars["stop_at"] = 0

    free = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if free:
        signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield lambda: requested
    finally:
        if free:
            signal.signal(signal.SIGINT, signal.default_int_handler)
