"""Ends work that lasts longer than it may, wherever it is stuck: by the process's alarm, inside a longer one that may be set already."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from posthouse.platform import clock


class TookTooLong(Exception):
    """Work was ended because its time was over."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise TookTooLong in the block after so many seconds. In the main thread only; elsewhere, and without alarms, nothing is limited."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def end(_number: int, _frame: FrameType | None) -> None:
        raise TookTooLong(f"it lasted longer than {seconds:g} seconds")

    began = clock.monotonic()
    handler = signal.signal(signal.SIGALRM, end)
    outer, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if outer:
            signal.setitimer(signal.ITIMER_REAL, max(outer - (clock.monotonic() - began), 0.001))
