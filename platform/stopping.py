"""Whether this process was asked to end: set by its signal handler, looked at between two pieces of work."""

from __future__ import annotations

import signal
import threading

asked = threading.Event()


def heed_signals() -> None:
    """Note SIGTERM instead of dying of it; whoever works finishes what is begun and returns."""
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
