"""Whose child a process is and what it is called: it ends when its master does, however that ends; nobody works on without one."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_STAT = Path("/proc/self/stat")
_ARG_START, _ARG_END = 48, 49  # fields of proc_pid_stat(5)


def end_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; ends at once if process `parent` is not its parent any more.

    Linux only; elsewhere it does nothing. The kernel means the thread that started this process, not only the process.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


@contextmanager
def adopting() -> Iterator[None]:
    """Become the parent of every process below this one that loses its own while the block runs. Linux only."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def be_called(line: str) -> None:
    """Have `ps` show this line, as much of it as the room of the first command line takes. Linux only.

    The kernel reads on to the first zero byte if the last byte of the room is none (proc_pid_cmdline(5)).
    """
    fields = _STAT.read_text().rpartition(")")[2].split()
    start, end = int(fields[_ARG_START - 3]), int(fields[_ARG_END - 3])
    shown = line.encode()[: end - start - 2]
    ctypes.memmove(start, shown + b"\0" + b"." * (end - start - len(shown) - 1), end - start)
