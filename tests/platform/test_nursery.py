"""Children of a nursery are the master's own: born without loading, ended with it, and not missing a nursery that dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import psutil
import pytest
from product import until

from posthouse.platform.nursery import Child
from posthouse.platform.settings import environment

# A master with a nursery; each line that it reads is a command for a child. It tells the children's numbers, then waits.
MASTER = """
import json, os, signal, sys, time
from pathlib import Path
from posthouse.platform.nursery import NurseryGone, open_nursery

def main(arguments):
    folder, word = Path(arguments[0]), arguments[1]
    if word == "fails":
        raise LookupError("as said")
    said = {"pid": os.getpid(), "parent": os.getppid(), "leader": os.getsid(0), "mode": os.environ["MODE"], "more": sorted(os.environ)}
    (folder / "said.unfinished").write_text(json.dumps(said))
    (folder / "said.unfinished").rename(folder / "said")
    print("hello from", word, flush=True)
    if word == "stays":
        signal.pause()
    return 7

folder = Path(sys.argv[1])
with open_nursery(main) as nursery:
    print(nursery.process.pid, flush=True)
    for line in sys.stdin:
        try:
            with (folder / "output").open("ab") as output:
                child = nursery.bear([str(folder), line.strip()], {"MODE": "given"}, output)
            print(child.pid, flush=True)
            if line.strip() != "stays":
                print(child.wait(30), flush=True)
        except NurseryGone:
            print("gone", flush=True)
    print("ended", flush=True)
"""


class Master:
    def __init__(self, folder):
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-c", MASTER, str(folder)], env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.nursery = int(self.line())

    def line(self):
        return self.process.stdout.readline().strip()

    def bear(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self.line()

    def said(self):
        return json.loads(until(lambda: (self.folder / "said").exists() and (self.folder / "said").read_text()))


@pytest.fixture
def master(tmp_path):
    made = Master(tmp_path)
    yield made
    made.process.kill()
    made.process.wait()
    made.process.stdin.close()
    made.process.stdout.close()


def test_a_child_is_the_masters_with_a_session_and_an_environment_of_its_own(master):
    """It has exactly the environment that was given, writes where it was told, and its status reaches the master."""
    pid = int(master.bear("goes"))
    assert master.line() == "7"
    said = master.said()
    assert (said["pid"], said["parent"], said["leader"], said["mode"]) == (pid, master.process.pid, pid, "given")
    assert set(said["more"]) <= {"MODE", "LC_CTYPE"}
    assert (master.folder / "output").read_text() == "hello from goes\n"


def test_a_child_that_fails_says_why_and_the_next_is_born(master):
    int(master.bear("fails"))
    assert master.line() == "1"
    assert "LookupError: as said" in (master.folder / "output").read_text()
    int(master.bear("goes"))
    assert master.line() == "7"


def test_a_child_is_shown_by_its_command(master):
    """`ps` tells them apart, though all are copies of one process."""
    child = psutil.Process(int(master.bear("stays")))
    until(lambda: child.cmdline() == ["posthouse", str(master.folder), "stays"])
    assert psutil.Process(master.nursery).cmdline() == ["posthouse", "nursery"]


def test_a_nursery_that_is_killed_takes_nobody_with_it(master):
    """Its children work on, and who wants another is told that there is none."""
    pid = int(master.bear("stays"))
    master.said()
    os.kill(master.nursery, signal.SIGKILL)
    assert master.bear("goes") == "gone"
    assert psutil.Process(pid).ppid() == master.process.pid


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_master_that_dies_takes_nursery_and_children_with_it(master, number):
    family = [psutil.Process(int(master.bear("stays"))), psutil.Process(master.nursery)]
    master.said()
    master.process.send_signal(number)
    assert master.process.wait(10) == -number
    _, living = psutil.wait_procs(family, timeout=10)
    assert living == []


def test_a_master_ends_its_nursery_and_leaves_no_child_unwaited_for(master):
    """Nothing of the birth is left behind: no process in between, no dead one."""
    int(master.bear("goes"))
    assert master.line() == "7"
    assert [one.pid for one in psutil.Process(master.process.pid).children(recursive=True)] == [master.nursery]
    nursery = psutil.Process(master.nursery)
    assert nursery.num_fds() <= 4, "standard streams and the line to the master"
    master.process.stdin.close()
    assert master.line() == "ended"
    nursery.wait(10)


def test_a_wait_for_a_child_has_an_end():
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        child = Child(process.pid)
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.05)
        child.kill()
        assert child.wait(10) == child.wait() == -signal.SIGKILL
        process.returncode = -signal.SIGKILL  # the child has waited for it already
