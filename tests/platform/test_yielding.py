"""Bulk work steps back from the processor."""

import os
import subprocess
import sys

from posthouse.platform.yielding import NICENESS


def test_a_process_and_its_children_get_a_lower_share():
    """The niceness grows, and what the process starts afterwards has it too; its parent keeps its own."""
    code = (
        "import os, subprocess, sys; from posthouse.platform import yielding; yielding.step_back();"
        " child = [sys.executable, '-c', 'import os; print(os.nice(0))']; print(os.nice(0), subprocess.check_output(child).decode())"
    )
    before = os.nice(0)
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, start_new_session=True).stdout.split()
    assert [int(one) for one in said] == [min(before + NICENESS, 19)] * 2
    assert os.nice(0) == before
