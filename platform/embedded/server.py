"""One embedded server as a process: launched as its account, watched while it starts, started again if it dies, stopped in steps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from posthouse.platform.embedded import account
from posthouse.platform.embedded.places import CannotStart, Lock

LAUNCH = Path(__file__).with_name("launch.py")
# The caller's PG* variables, locale and library paths stay out of the servers.
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
START_SECONDS = 60.0
STOP_SECONDS = 7.0
HARDER_SECONDS = 0.7  # kept of the time for a stop for each harder signal
TICK_SECONDS = 0.01

Process = subprocess.Popen[bytes]


@dataclass(slots=True)
class Running:
    """An embedded server that answers. Its lock is held until `stop`, also while it is started again."""

    name: str
    url: str
    log: Path
    _start: Callable[[], Process]
    _process: Process
    _lock: Lock
    _signals: Sequence[signal.Signals]

    @property
    def pid(self) -> int:
        """Return the server's process."""
        return self._process.pid

    def alive(self) -> bool:
        """Say whether the server's process still runs."""
        return self._process.poll() is None

    def revive(self) -> None:
        """Start the server again after it died by itself; returns when it answers. Raises: CannotStart."""
        self._process.wait()
        self._process = self._start()

    def ask_to_stop(self) -> None:
        """Ask politely and return at once, so that several servers can end at the same time."""
        if self.alive():
            self._process.send_signal(self._signals[0])

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Stop the server, ever less politely, so that it has ended after about so many seconds. Repeatable."""
        deadline = time.monotonic() + seconds
        for number, harder in zip(self._signals, range(len(self._signals) - 1, -1, -1), strict=True):
            if not self.alive():
                break
            self._process.send_signal(number)
            try:
                self._process.wait(max(deadline - harder * HARDER_SECONDS - time.monotonic(), 0.1) if harder else None)
            except subprocess.TimeoutExpired:
                continue
        self._lock.free()


def launched(command: Sequence[str | Path], *, who: str | None, ends_by: signal.Signals, reach: Sequence[Path]) -> list[str]:
    """Return the command line that runs `command` as account `who` and ends it with this process.

    `reach` names the paths that the account must get at.
    """
    line = [sys.executable, "-I", "-S", str(LAUNCH), "--parent", str(os.getpid()), "--signal", str(int(ends_by))]
    if who is not None:
        line += ["--account", who]
        if sys.platform.startswith("linux") and not all(account.can_reach(who, path) for path in reach):
            line.append("--pass-closed-folders")
    return [*line, "--", *map(str, command)]


def spawn(line: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a command line in a session of its own, so that Ctrl-C reaches only us; its output goes to `log`."""
    with log.open("ab") as out:
        return subprocess.Popen(  # noqa: S603
            line, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=ENVIRONMENT, cwd="/", start_new_session=True
        )


def wait(process: Process, ready: Callable[[], bool], *, service: str, log: Path) -> None:
    """Wait until the server is ready. Raises: CannotStart with the end of its log if it dies or takes too long.

    A server that is not waited for to the end, because it takes too long or somebody interrupts, is killed.
    """
    deadline = time.monotonic() + START_SECONDS
    try:
        while not ready():
            if process.poll() is not None:
                raise CannotStart(f"{service} ended while starting (status {process.returncode}). {log} says:\n{tail(log)}")
            if time.monotonic() > deadline:
                raise CannotStart(f"{service} did not answer within {START_SECONDS:.0f} s. {log} says:\n{tail(log)}")
            time.sleep(TICK_SECONDS)
    except BaseException:
        process.kill()
        process.wait()
        raise


def end_orphan(pid: int, *, program: str, mark: str, by: Sequence[signal.Signals]) -> None:
    """End a server that an earlier holder of our lock left behind; leave alone a process that merely has its number.

    `mark` is a text in its command line that no other server has; `by` the signals to try, ever harder ones.
    """
    try:
        found = psutil.Process(pid)
        if program in found.name() and mark in " ".join(found.cmdline()):
            _end(found, by)
    except psutil.NoSuchProcess:
        return


def end_family(program: str, folder: Path) -> None:
    """Wait for what a dead server's own children still do, then kill it. They work in `folder`, as nobody else does."""
    family = [one for one in psutil.process_iter() if _works_in(one, program, folder)]
    _, living = psutil.wait_procs(family, timeout=STOP_SECONDS)
    for one in living:
        _end(one, [signal.SIGKILL])


def _works_in(process: psutil.Process, program: str, folder: Path) -> bool:
    try:
        return bool(process.name().startswith(program) and process.cwd() == str(folder))
    except psutil.Error:  # it has just ended, or belongs to somebody else
        return False


def _end(process: psutil.Process, by: Sequence[signal.Signals]) -> None:
    for number in by:
        try:
            process.send_signal(number)
            process.wait(STOP_SECONDS)
        except psutil.NoSuchProcess:
            return
        except psutil.TimeoutExpired:
            continue
        return
    raise CannotStart(f"process {process.pid} was left behind and does not end: stop it by hand")


def tail(log: Path, *, lines: int = 12) -> str:
    """Return the last lines of a log."""
    if not log.exists():
        return "(nothing)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
