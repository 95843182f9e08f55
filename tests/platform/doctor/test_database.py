"""The doctor tells a database that is away, refuses, is too old, empty, behind or ahead."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from posthouse.platform import revisions
from posthouse.platform.doctor import database
from posthouse.platform.doctor.findings import Ground, Level


def _fails(ground: Ground) -> list[str]:
    return [f"{one.check}: {one.what}" for one in database.look(ground) if one.level is Level.FAIL]


def _with(site, **changes) -> Ground:
    return replace(site.ground, settings=replace(site.settings, **changes))


def _user(url: str, user: str, password: str) -> str:
    parts = psycopg.conninfo.conninfo_to_dict(url)
    return f"postgresql://{user}:{password}@/{parts['dbname']}?host={parts['host']}"


def test_a_well_database_has_no_fault(site):
    assert _fails(site.ground) == []


@pytest.mark.parametrize("url", ["postgresql://u:p@127.0.0.1:1/x", "postgresql:///x?host=/nowhere"])
def test_nobody_there(site, url):
    [fault] = _fails(_with(site, database_url=url))
    assert fault.startswith("database: can't be reached")


@pytest.mark.parametrize("url", ["nonsense", "postgresql://u:p@h:port/x"])
def test_what_is_no_address(site, url):
    [fault] = _fails(_with(site, database_url=url))
    assert "is no address" in fault


def test_the_administrators_wrong_password_is_not_repeated(site):
    site.sql("CREATE ROLE boss LOGIN CREATEROLE PASSWORD 'right'")
    try:
        [fault] = _fails(_with(site, database_url=_user(site.settings.database_url, "boss", "wr0ng-secret")))
    finally:
        site.sql("DROP ROLE boss")
    assert "password authentication failed" in fault
    assert "wr0ng-secret" not in fault


def test_an_administrator_without_superuser_suffices(site):
    """Managed databases give no superuser: CREATEROLE and membership in the owner must do."""
    database_name = psycopg.conninfo.conninfo_to_dict(site.settings.database_url)["dbname"]
    site.sql(
        "CREATE ROLE boss LOGIN CREATEROLE PASSWORD 'right'",
        f'GRANT CONNECT ON DATABASE "{database_name}" TO boss',
        "GRANT posthouse_owner TO boss WITH INHERIT FALSE, SET TRUE",
    )
    try:
        assert _fails(_with(site, database_url=_user(site.settings.database_url, "boss", "right"))) == []
        site.sql("ALTER ROLE boss NOCREATEROLE")
        assert "boss may not manage roles" in " ".join(_fails(_with(site, database_url=_user(site.settings.database_url, "boss", "right"))))
    finally:
        site.sql("DROP OWNED BY boss", "DROP ROLE boss")


def test_an_old_server_is_refused(site, monkeypatch):
    monkeypatch.setattr(database, "OLDEST", 990_000)
    assert any("too old" in fault for fault in _fails(site.ground))


@pytest.mark.parametrize(("revision", "says"), [("0001_platform", "this code wants"), ("9999_future", "does not know")])
def test_another_revision(site, revision, says):
    site.sql(f"UPDATE posthouse_revision SET version_num = '{revision}'")
    try:
        [fault] = _fails(site.ground)
    finally:
        site.sql(f"UPDATE posthouse_revision SET version_num = '{revisions.head()}'")
    assert fault.startswith("migrations:")
    assert says in fault


def test_an_empty_database(site):
    site.sql("CREATE DATABASE bare")
    try:
        url = site.settings.database_url.replace("/posthouse?", "/bare?")
        assert url != site.settings.database_url
        assert _fails(_with(site, database_url=url)) == ["migrations: the database is empty"]
    finally:
        site.sql("DROP DATABASE bare WITH (FORCE)")
