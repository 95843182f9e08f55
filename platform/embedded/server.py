"""One embedded server as a process: launched as its account, watched while it starts, stopped in steps."""

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
TICK_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Running:
    """An embedded server that answers."""

    url: str
    log: Path
    _process: subprocess.Popen[bytes]
    _lock: Lock
    _signals: Sequence[signal.Signals]

    @property
    def pid(self) -> int:
        """Return the server's process."""
        return self._process.pid

    def alive(self) -> bool:
        """Say whether the server's process still runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Stop the server, ever less politely; returns when it has ended. Repeatable."""
        for number in self._signals:
            if self._process.poll() is not None:
                break
            self._process.send_signal(number)
            try:
                self._process.wait(STOP_SECONDS)
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


def wait(process: subprocess.Popen[bytes], ready: Callable[[], bool], *, service: str, log: Path) -> None:
    """Wait until the server is ready. Raises: CannotStart with the end of its log if it dies or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None:
            raise CannotStart(f"{service} ended while starting (status {process.returncode}). {log} says:\n{tail(log)}")
        if time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise CannotStart(f"{service} did not answer within {START_SECONDS:.0f} s. {log} says:\n{tail(log)}")
        time.sleep(TICK_SECONDS)


def end_orphan(pid: int, *, program: str, mark: str, by: signal.Signals) -> None:
    """End a server that an earlier holder of our lock left behind; leave alone a process that merely has its number.

    `mark` is a text in its command line that no other server has.
    """
    try:
        found = psutil.Process(pid)
        if program not in found.name() or mark not in " ".join(found.cmdline()):
            return
        found.send_signal(by)
        found.wait(STOP_SECONDS)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired:
        raise CannotStart(f"process {pid} ({program}) was left behind and does not end: stop it by hand") from None


def tail(log: Path, *, lines: int = 12) -> str:
    """Return the last lines of a log."""
    if not log.exists():
        return "(nothing)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
