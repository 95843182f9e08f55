"""The doctor reads the master keys as the product does, and knows which of them the stored secrets need."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from posthouse.platform.doctor import keys
from posthouse.platform.doctor.findings import Ground, Level
from posthouse.platform.rooms import assemble
from posthouse.platform.secrets import ensure_key_file, key_file, new_key, parse_keys
from posthouse.platform.settings import Settings


def _levels(settings, sealed=()):
    return {one.what: one.level for one in keys.look(Ground(settings, None, sealed)) if one.level is not Level.OK}


def test_a_fresh_key_file_is_well(tmp_path):
    settings = replace(Settings(), data=tmp_path)
    ensure_key_file(settings)
    assert _levels(settings) == {}


def test_a_key_file_that_others_may_read(tmp_path):
    settings = replace(Settings(), data=tmp_path)
    ensure_key_file(settings)
    key_file(settings).chmod(0o644)
    assert set(_levels(settings).values()) == {Level.WARN}


def test_no_key_fails_once_there_is_a_database(tmp_path):
    settings = replace(Settings(), data=tmp_path)
    assert _levels(settings) == {}
    assert _levels(replace(settings, database_url="postgresql:///x")) == {"there is no master key": Level.FAIL}


ONE, TWO = new_key(1), new_key(2)


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("garbage", Level.FAIL),
        ("1:AAAA", Level.FAIL),
        (f"{ONE},{new_key(1)}", Level.FAIL),
        (f"{ONE},2:{ONE[2:]}", Level.WARN),
        (f"{ONE},{TWO}", Level.WARN),
        (f"{TWO},{ONE}", None),
    ],
    ids=["garbage", "short", "an id twice", "a key twice", "oldest first", "well"],
)
def test_an_order_that_makes_no_sense(tmp_path, text, level):
    found = _levels(replace(Settings(), data=tmp_path, secret_keys=text))
    assert (max(found.values(), default=None) == level) if level is None else (level in found.values())
    assert not any(part[2:] in what for what in found for part in text.split(",") if len(part) > 20)


def test_a_key_that_sealed_something_must_stay(site):
    """A relay's password sealed with key 1 is lost when only key 2 is kept; with both all is well."""
    ring = parse_keys(site.settings.secret_keys)
    sealed = ring.seal(b"relay", tenant_id=None, table="route", column="password_sealed", row_id=1)
    with psycopg.connect(site.settings.database_url) as connection:
        connection.execute("CREATE TABLE vault (id bigint PRIMARY KEY, kept bytea)")
        connection.execute("INSERT INTO vault VALUES (1, %s), (2, NULL)", [sealed])
    try:
        after = replace(site.settings, secret_keys=TWO)
        assert _levels(after, ["vault.kept"]) == {"key 1 is gone, but vault.kept still need it": Level.FAIL}
        assert _levels(replace(after, secret_keys=f"{TWO},{site.settings.secret_keys}"), ["vault.kept"]) == {}
    finally:
        site.sql("DROP TABLE vault")


# Bytes that are kept as they are: what came in, hashes, pictures.
NOT_SEALED = {"body", "raw", "logo", "fingerprint", "sample", "head"}


def test_the_manifests_name_every_sealed_column(settings):
    with psycopg.connect(settings.database_url) as connection:
        columns = connection.execute(
            "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public' AND data_type = 'bytea'"
        ).fetchall()
    kept = {name for (name,) in columns if not name.endswith("_hash") and name.split(".")[1] not in NOT_SEALED}
    assert set(assemble().sealed) == kept
