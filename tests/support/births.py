"""Commands of the product as processes, forked from a nursery as `posthouse up` forks them: nobody waits for what is loaded already.

Each test process has one nursery, a process of its own that has loaded the house and never touched a test's services.
"""

from __future__ import annotations

import atexit
import functools
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from posthouse.platform import cli
from posthouse.platform.nursery import Child, Nursery, serve
from posthouse.platform.settings import environment

_ERRORS = "TEST_ERRORS"  # names the file for what a command says on standard error
_NURSERY = "import sys; sys.path.append(sys.argv[1]); import births; births.be_nursery(int(sys.argv[2]), int(sys.argv[3]))"
_ONE_AT_A_TIME = threading.Lock()


def start(command: Sequence[str], given: Mapping[str, str], *, output: Path | None = None, errors: Path | None = None) -> Child:
    """Start a command in exactly this environment; it adds to the file `output`, and its errors go there too or to another."""
    more = {} if errors is None else {_ERRORS: str(errors)}
    with _ONE_AT_A_TIME, (output or Path(os.devnull)).open("ab") as words:
        return _nursery().bear(command, {**given, **more}, words)


@functools.cache
def _nursery() -> Nursery:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", _NURSERY, str(Path(__file__).parent), str(theirs.fileno()), str(os.getpid())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env=environment(),
        )
    nursery = Nursery(Child(process.pid), ours)
    process.returncode = 0  # the nursery's own to wait for
    atexit.register(nursery.close)
    return nursery


def be_nursery(line: int, master: int) -> None:
    """Load the house and serve."""
    cli.load()
    serve(socket.socket(fileno=line), master, _main)


def _main(arguments: Sequence[str]) -> int:
    if errors := os.environ.pop(_ERRORS, None):
        with Path(errors).open("ab") as words:
            os.dup2(words.fileno(), 2)
    return cli.main(arguments)
