"""A process that has loaded the house and only bears others: starting one then costs a fork instead of loading everything anew.

`open_nursery` forks it off before its master has threads, connections, servers or locks, so that nothing of these is in a
child. It forks twice for each child: the one in between ends, and the kernel gives the child to the master as if the master
had started it (prctl(2), PR_SET_CHILD_SUBREAPER). So nobody misses a nursery that dies; whoever asked starts by command line
again. All of them end with their master, however that ends. Linux only.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NoReturn

from posthouse.platform import clock, lifeline
from posthouse.platform.settings import take_environment

Main = Callable[[Sequence[str]], int]

LONGEST_REQUEST = 150_000  # bytes; the kernel takes a little more in one piece
ANSWER_SECONDS = 10.0
LOOK_EVERY = 0.01
_TASKS = Path("/proc/self/task")


class NurseryGone(Exception):
    """It bore nothing and never will again: start by command line."""


@dataclass(slots=True)
class Child:
    """A process that a nursery bore and that is this one's child now; what is used of `subprocess.Popen`."""

    pid: int
    returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit status, negative for the signal that ended it; None while it lives."""
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended. Raises: subprocess.TimeoutExpired after so many seconds."""
        deadline = None if timeout is None else clock.monotonic() + timeout
        while (status := self.poll()) is None:
            if deadline is not None and timeout is not None and clock.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(LOOK_EVERY)
        return status

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


@dataclass(slots=True)
class Nursery:
    """The master's side: asks for children."""

    process: Child
    _line: socket.socket = field(repr=False)

    def bear(self, arguments: Sequence[str], environment: Mapping[str, str], output: IO[bytes] | None) -> Child:
        """Start a command of the house in a session of its own; it writes to `output`, None for where the master writes.

        Raises: NurseryGone.
        """
        go, start = os.pipe()
        try:
            with lifeline.adopting():
                child = Child(self._ask(arguments, environment, [go] if output is None else [go, output.fileno()]))
            child.poll()  # it is ours
            os.write(start, b"!")
        except (OSError, ValueError) as problem:
            raise NurseryGone(str(problem)) from problem
        finally:
            os.close(go)
            os.close(start)  # a child that is not told to go ends here
        return child

    def _ask(self, arguments: Sequence[str], environment: Mapping[str, str], passed: list[int]) -> int:
        request = json.dumps([list(arguments), dict(environment), os.getpid()]).encode()
        if len(request) > LONGEST_REQUEST:
            raise ValueError("the environment is too large to be passed")
        socket.send_fds(self._line, [request], passed)
        return int(self._line.recv(64))

    def close(self) -> None:
        """End it; its children go on. May be repeated."""
        self._line.close()
        with contextlib.suppress(ChildProcessError):
            self.process.kill()
            self.process.wait()


@contextmanager
def open_nursery(main: Main) -> Iterator[Nursery | None]:
    """Keep a nursery while the block runs; None where there can be none. `main` runs a command line and returns its exit status."""
    nursery = _open(main)
    try:
        yield nursery
    finally:
        if nursery is not None:
            nursery.close()


def _open(main: Main) -> Nursery | None:
    if not sys.platform.startswith("linux") or len(list(_TASKS.iterdir())) > 1:
        return None
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(ANSWER_SECONDS)
    sys.stdout.flush()
    sys.stderr.flush()
    master = os.getpid()
    if (pid := os.fork()) == 0:
        try:
            ours.close()
            serve(theirs, master, main)
        finally:
            os._exit(0)
    theirs.close()
    return Nursery(Child(pid), ours)


# --- in the nursery ------------------------------------------------------------------------------------------------


def serve(line: socket.socket, master: int, main: Main) -> None:
    """Be the nursery of process `master`, this one's parent, until `line` to it is closed or it ends. The house is to be loaded before."""
    os.setsid()  # Ctrl-C reaches the master alone, which then ends all in order
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    lifeline.end_with_parent(master)
    lifeline.be_called("posthouse nursery")
    while True:
        request, passed, _flags, _address = socket.recv_fds(line, LONGEST_REQUEST, 2)
        if not request:
            return
        line.send(str(_bear(request, passed, line, main)).encode())
        for one in passed:
            os.close(one)


def _bear(request: bytes, passed: list[int], line: socket.socket, main: Main) -> int:
    """Fork a child that belongs to the master by the time this returns; returns its number."""
    told, tell = os.pipe()
    if (between := os.fork()) == 0:
        try:
            if (child := os.fork()) == 0:
                line.close()
                os.close(told)
                os.close(tell)
                _live(request, passed, main)
            os.write(tell, str(child).encode())
        finally:
            os._exit(0)
    os.close(tell)
    os.waitpid(between, 0)
    with os.fdopen(told) as said:
        return int(said.read())


# --- in the child --------------------------------------------------------------------------------------------------


def _live(request: bytes, passed: list[int], main: Main) -> NoReturn:
    """Be the command of the request once the master says so, and end."""
    status = 1
    try:
        arguments, environment, master = json.loads(request)
        if os.read(passed[0], 1):
            lifeline.end_with_parent(master)
            _settle(arguments, environment, passed)
            status = main(arguments)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _settle(arguments: list[str], environment: dict[str, str], passed: list[int]) -> None:
    os.setsid()
    for output in passed[1:]:
        os.dup2(output, 1)
        os.dup2(output, 2)
    for one in passed:
        os.close(one)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    take_environment(environment)
    sys.argv[1:] = arguments
    lifeline.be_called(" ".join(["posthouse", *arguments]))
