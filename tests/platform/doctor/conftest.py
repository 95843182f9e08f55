"""A database server of these tests' own, since roles belong to a whole server, with passwords asked for; and its Redis."""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import births
import psycopg
import pytest
from nameserver import name_server
from product import free_port
from services import services

from posthouse.platform.doctor.findings import Ground
from posthouse.platform.embedded import postgres
from posthouse.platform.migrate import migrate
from posthouse.platform.rooms import assemble
from posthouse.platform.secrets import new_key, parse_keys
from posthouse.platform.settings import Settings, environment


@dataclass(frozen=True)
class Site:
    """An installation with named services: its settings, and its database as administrator."""

    settings: Settings

    @property
    def ground(self) -> Ground:
        return Ground(self.settings, parse_keys(self.settings.secret_keys), assemble().sealed)

    def sql(self, *statements: str) -> None:
        with psycopg.connect(self.settings.database_url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)


@pytest.fixture(scope="session")
def _migrated() -> Iterator[tuple[str, str]]:
    """A migrated database on a server that asks Posthouse's roles for their passwords, and the master key."""
    data = Path(tempfile.mkdtemp(prefix="posthouse-doctor-"))  # not below pytest's own folder, which every new run closes
    data.chmod(0o711)
    running = postgres.start(data, durable=False)
    try:
        keys = new_key()
        migrate(running.url, parse_keys(keys))
        rules = data / "postgres" / "pg_hba.conf"
        rules.write_text("local all postgres trust\nlocal all all scram-sha-256\n")
        with psycopg.connect(running.url, autocommit=True) as connection:
            connection.execute("SELECT pg_reload_conf()")
        yield running.url, keys
    finally:
        running.stop()
        shutil.rmtree(data)


@pytest.fixture(scope="session")
def dns_server() -> Iterator[str]:
    """A name server that answers, so that no test asks the machine's."""
    with name_server() as address:
        yield address


@pytest.fixture
def site(_migrated: tuple[str, str], dns_server: str, tmp_path: Path) -> Site:
    """An installation where all is well. A test that plants a fault in the server takes it back."""
    url, keys = _migrated
    made = Settings(data=tmp_path, database_url=url, redis_url=services().redis_url, secret_keys=keys, dns_servers=dns_server)
    return Site(replace(made, web_port=free_port(), inbound_port=free_port()))


Doctor = Callable[..., tuple[int, list[dict[str, Any]]]]


@pytest.fixture
def doctor(tmp_path: Path) -> Doctor:
    """Run `posthouse doctor --json` as a person does; gives the exit status and the findings."""

    numbers = itertools.count()

    def run(settings: Settings, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
        given = {f"POSTHOUSE_{name.upper()}": str(value) for name, value in vars(settings).items() if value != getattr(Settings(), name)}
        said, errors = (tmp_path / f"doctor-{next(numbers)}.{kind}" for kind in ("json", "errors"))
        status = births.start(["doctor", "--json", *arguments], {**environment(), **given}, output=said, errors=errors).wait(90)
        assert said.read_text(), errors.read_text()
        report = json.loads(said.read_text())
        assert report["ok"] == (status == 0)
        return status, report["findings"]

    return run
