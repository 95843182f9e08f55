"""Keeps the tests' temporary files in memory, where there is enough: nothing of theirs has to outlive a power cut.

A process that is killed leaves the same files behind on either kind of file system.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 8 * 1024**3  # two servers with their write-ahead logs, and the data folders of whole products


def use_memory() -> None:
    """Have temporary files made in memory from now on, in child processes too, unless TMPDIR says where. Call it first of all."""
    if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ENOUGH_BYTES:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
