"""A master key is rotated: a new one is put first, everything is sealed again, the old one goes."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest
from shops import make_domain

from posthouse.platform import resealing
from posthouse.platform.app import house
from posthouse.platform.cli import main
from posthouse.platform.db import transaction
from posthouse.platform.secrets import DoesNotOpen, Keyring, key_file, load_keyring, new_key, parse_keys
from posthouse.platform.settings import as_environment
from posthouse.sending.pools import services as pools


@pytest.fixture
def stored(app, world):
    """Make a secret of the installation and one of each of two tenants."""
    with transaction(world.operator):
        pool = pools.create_pool(world.operator, name="shared")
        pools.add_route(world.operator, pool_id=pool, name="r", host="127.0.0.1", port=25, username="u", password="s3cret")
    return [make_domain(place.scope, f"{name}.example.com") for name, place in (("a1", world.a1), ("b1", world.b1))]


def _sealed(settings):
    with psycopg.connect(settings.database_url) as live:
        route = live.execute("SELECT id, NULL::bigint, password_sealed, 'route', 'password_sealed' FROM route").fetchall()
        return route + live.execute("SELECT id, tenant_id, dkim_sealed, 'sending_domain', 'dkim_sealed' FROM sending_domain").fetchall()


def _open(keyring, row):
    row_id, tenant_id, value, table, column = row
    return keyring.unseal(bytes(value), tenant_id=tenant_id, table=table, column=column, row_id=row_id)


def test_everything_opens_with_the_new_key_alone(settings, stored):
    """The same secrets come out, none needs the old key any more, and a second run finds nothing to do."""
    old = load_keyring(settings)
    before = {row[0]: _open(old, row) for row in _sealed(settings)}
    added = parse_keys(new_key(2))
    both = Keyring({**added.keys, **old.keys}, 2)
    done = resealing.reseal(settings.database_url, both, house().sealed)
    assert (done["route.password_sealed"], done["sending_domain.dkim_sealed"]) == (1, 2)
    assert {row[0]: _open(added, row) for row in _sealed(settings)} == before
    assert set(resealing.reseal(settings.database_url, both, house().sealed).values()) == {0}


def test_a_value_that_does_not_open_leaves_its_table_as_it_was(settings, stored):
    """Nothing of a table is half-sealed: with the old key missing both tenants' values stay."""
    before = _sealed(settings)
    with pytest.raises(DoesNotOpen, match="master key 1 is not among"):
        resealing.reseal(settings.database_url, parse_keys(new_key(2)), ["sending_domain.dkim_sealed"])
    assert _sealed(settings) == before


def test_the_command_tells_what_it_did(settings, stored, monkeypatch, capsys):
    """At the command line: counts by place, and what the old keys are still good for."""
    keys = f"{new_key(2)},{settings.secret_keys or key_file(settings).read_text().strip()}"
    for name, value in as_environment(replace(settings, secret_keys=keys)).items():
        monkeypatch.setenv(name, value)
    assert main(["reseal"]) == 0
    said = capsys.readouterr().out
    assert "sending_domain.dkim_sealed: 2 sealed again" in said
    assert "sealed with key 2" in said
