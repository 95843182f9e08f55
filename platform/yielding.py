"""Step back from the processor for whoever has a person waiting: bulk work takes what is left."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

NICENESS = 3  # half the share of another: a tenth, at 10, is too little to end in time on a busy machine
_AUTOGROUP = Path("/proc/self/autogroup")


def step_back() -> None:
    """Run this process, and those that it makes, with a lower share of a busy processor; an idle one is used as before.

    Linux that groups processes by session weighs whole sessions first (sched(7), autogroup): where this process's worker leads a
    session of its own, that is lowered too. For a process of one purpose, once: it can't be taken back.
    """
    os.nice(NICENESS)
    if os.getsid(0) in {os.getpid(), os.getppid()}:
        with contextlib.suppress(OSError):
            _AUTOGROUP.write_text(str(NICENESS))
