"""One real PostgreSQL and Redis for a test process, and databases cloned from a migrated template in milliseconds.

With pytest-xdist every worker is a process and so has servers of its own: nothing is shared and nothing collides. The
servers end with the process, however it ends. Use `services()`; the first call starts them.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis as redis_client
from memory import MEMORY
from psycopg import sql

from posthouse.platform.embedded import postgres, redis
from posthouse.platform.embedded.server import Running


@dataclass(frozen=True)
class Services:
    """The running servers; `admin_url` and `redis_url` are for the administrator."""

    data: Path
    admin_url: str
    redis_url: str
    database_server: Running
    redis_server: Running

    def template(self, name: str, fill: Callable[[str], None], *, of: str = "template1") -> str:
        """Make a template database once with `fill(url)`, which must close its connections; returns its name."""
        if not self._exists(name):
            unfinished = f"{name}_unfinished"
            self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", unfinished)
            self._execute("CREATE DATABASE {} TEMPLATE {}", unfinished, of)
            fill(postgres.url(self.data, database=unfinished))
            self._execute("ALTER DATABASE {} RENAME TO {}", unfinished, name)
        return name

    def database(self, *, template: str = "template1") -> str:
        """Make a database as a copy of `template`; returns the administrator's address of it."""
        name = f"test_{next(_numbers)}"
        self._execute("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, template)
        return postgres.url(self.data, database=name)

    def drop(self, url: str) -> None:
        """Remove a database made by `database`, cutting off whoever still uses it; not yet, but when a few more have been given up.

        A connection that has just been closed still counts for a moment, and PostgreSQL then looks again only after 100 ms.
        """
        _left.append(str(psycopg.conninfo.conninfo_to_dict(url)["dbname"]))
        if len(_left) > KEPT_DATABASES:
            self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", _left.pop(0))

    def empty_redis(self) -> str:
        """Forget every key; returns the address."""
        with redis_client.Redis.from_url(self.redis_url) as connection:
            connection.flushall()
        return self.redis_url

    def _exists(self, name: str) -> bool:
        with psycopg.connect(self.admin_url) as connection:
            return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            if self.data.is_relative_to(MEMORY):
                connection.execute("SET file_copy_method = 'clone'")  # the kernel copies; halves the time of a copy in memory
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


KEPT_DATABASES = 2
_numbers = itertools.count(1)
_left: list[str] = []  # databases that are given up and still there


@functools.cache
def services() -> Services:
    """Start the servers of this process at the first call. They and their folder go when the process ends."""
    data = Path(tempfile.mkdtemp(prefix="posthouse-test-"))
    data.chmod(0o711)
    atexit.register(shutil.rmtree, data, ignore_errors=True)
    database = postgres.start(data, durable=False)
    atexit.register(database.stop)
    doorbell = redis.start(data, durable=False)
    atexit.register(doorbell.stop)
    return Services(data, postgres.url(data, database="postgres"), doorbell.url, database, doorbell)
