"""Has a process end when the one that started it does, however that ends; nobody works on without a master."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; ends at once if process `parent` is not its parent any more.

    Linux only; elsewhere it does nothing. The kernel means the thread that started this process, not only the process.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
