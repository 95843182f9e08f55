"""Embedded PostgreSQL: real, private, alone in its folder, and gone when it should be."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from posthouse.platform.embedded import postgres
from posthouse.platform.embedded.places import CannotStart

HOLDER = """
import sys, time
from pathlib import Path
from posthouse.platform.embedded import postgres
running = postgres.start(Path(sys.argv[1]), durable=False)
print(running.pid, flush=True)
time.sleep(60)
"""


def value(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
        assert row is not None
        return row[0]


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def until(condition, *, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)


def test_durable_server_keeps_rows_over_a_restart(tmp_path: Path) -> None:
    """What was committed is there after a stop, and a durable server syncs to disk."""
    first = postgres.start(tmp_path, durable=True)
    assert value(first.url, "SHOW fsync") == "on"
    assert value(first.url, "SHOW synchronous_commit") == "on"
    with psycopg.connect(first.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    first.stop()
    assert not first.alive()
    second = postgres.start(tmp_path, durable=True)
    try:
        assert value(second.url, "SELECT n FROM kept") == 7
    finally:
        second.stop()


def test_fast_server_does_not_sync(tmp_path: Path) -> None:
    """The mode for tests leaves out what only a power cut would show, and is a recent PostgreSQL all the same."""
    running = postgres.start(tmp_path, durable=False)
    try:
        assert value(running.url, "SHOW fsync") == "off"
        assert int(str(value(running.url, "SHOW server_version_num"))) >= 150000
        assert value(running.url, "SELECT lower('ÄÉ')") == "äé"
    finally:
        running.stop()


def _connections(process: psutil.Process) -> list:
    """List a process's connections; a short-lived one of the server's may just have ended, and then has none."""
    try:
        return process.net_connections("inet")
    except psutil.NoSuchProcess:
        return []


def test_server_is_private(tmp_path: Path) -> None:
    """It listens on no network address, and only its account (and root) gets at socket and files."""
    running = postgres.start(tmp_path, durable=False)
    try:
        family = [psutil.Process(running.pid), *psutil.Process(running.pid).children()]
        assert not [c for p in family for c in _connections(p) if c.status == psutil.CONN_LISTEN]
        assert stat.S_IMODE((tmp_path / "postgres").stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / "run" / "pg").stat().st_mode) == 0o700
        assert psutil.Process(running.pid).uids().effective != 0
    finally:
        running.stop()


def test_second_start_names_the_holder(tmp_path: Path) -> None:
    """A folder in use is refused, with the process that uses it, and that one goes on."""
    running = postgres.start(tmp_path, durable=False)
    try:
        with pytest.raises(CannotStart, match=rf"process {os.getpid()} already runs postgres.*POSTHOUSE_DATA"):
            postgres.start(tmp_path, durable=False)
        assert value(running.url, "SELECT 1") == 1
    finally:
        running.stop()


def test_long_folder_gets_a_short_socket(tmp_path: Path) -> None:
    """A data folder whose socket path would pass the limit of the kernel works, and the same address is found again."""
    data = tmp_path / ("d" * 100)
    running = postgres.start(data, durable=False)
    try:
        assert value(running.url, "SELECT 1") == 1
        assert running.url == postgres.url(data)
        assert len(postgres.url(data)) < 100
    finally:
        running.stop()
        postgres.sockets(data, "pg").rmdir()


def test_stale_pid_file_of_another_process_is_harmless(tmp_path: Path) -> None:
    """A pid file that names a live process which is not our server neither stops the start nor that process."""
    postgres.start(tmp_path, durable=False).stop()
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (tmp_path / "postgres" / "postmaster.pid").write_text(f"{other.pid}\n{tmp_path / 'postgres'}\n")
        running = postgres.start(tmp_path, durable=False)
        assert value(running.url, "SELECT 1") == 1
        running.stop()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_server_ends_with_its_holder(tmp_path: Path) -> None:
    """When the holder is killed, its server ends, and the next start finds the folder free."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    pid = int(holder.stdout.readline())
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    running = postgres.start(tmp_path, durable=False)
    try:
        until(lambda: gone(pid))
        assert value(running.url, "SELECT 1") == 1
    finally:
        running.stop()


def test_broken_folder_is_explained(tmp_path: Path) -> None:
    """A server that cannot start says so with the end of its log, and gives the folder back."""
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("18\n")
    for _ in range(2):
        with pytest.raises(CannotStart, match=r"(?s)PostgreSQL ended while starting.*postgres\.log says"):
            postgres.start(tmp_path, durable=False)


def test_socket_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """Nobody can lay a link where the short socket folder will be and so watch what is said."""
    data = tmp_path / ("e" * 100)
    place = postgres.sockets(data, "pg")
    place.symlink_to(tmp_path)
    try:
        with pytest.raises(CannotStart, match="is a link that Posthouse did not make"):
            postgres.start(data, durable=False)
    finally:
        place.unlink()
    with socket.socket(socket.AF_UNIX) as unused:
        assert unused.connect_ex(str(place / ".s.PGSQL.5432")) != 0
