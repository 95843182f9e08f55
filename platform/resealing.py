"""Seal every stored secret again with the present master key, so that the one before can be taken away."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection, make_url

from posthouse.platform.cli import Command
from posthouse.platform.doctor.ground import prepared
from posthouse.platform.secrets import DoesNotOpen, Keyring, load_keyring
from posthouse.platform.settings import Settings, WrongSetting


def reseal(admin_url: str, keyring: Keyring, places: Sequence[str]) -> dict[str, int]:
    """Seal what older keys sealed with the current one; returns how many values of each TABLE.COLUMN. May be repeated, and run beside the product.

    One transaction a place. A value that somebody changes meanwhile is left to them: they seal with the current key.
    Raises: DoesNotOpen, and then that place is as it was.
    """
    engine = sa.create_engine(make_url(admin_url).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
    done = {}
    for place in places:
        with engine.begin() as connection:
            # With it off, a role that row security would filter is refused instead of being shown a part.
            connection.exec_driver_sql("SET LOCAL row_security = off")
            done[place] = _reseal_place(connection, keyring, *place.split("."))
    engine.dispose()
    return done


def _reseal_place(connection: Connection, keyring: Keyring, table: str, column: str) -> int:
    write = sa.text(f'UPDATE "{table}" SET "{column}" = :new WHERE id = :id AND "{column}" = :old')
    changed = 0
    for row_id, tenant_id, old in list(_older(connection, keyring, table, column)):
        plain = keyring.unseal(old, tenant_id=tenant_id, table=table, column=column, row_id=row_id)
        new = keyring.seal(plain, tenant_id=tenant_id, table=table, column=column, row_id=row_id)
        changed += connection.execute(write, {"new": new, "id": row_id, "old": old}).rowcount
    return changed


def _older(connection: Connection, keyring: Keyring, table: str, column: str) -> Iterator[tuple[int, int | None, bytes]]:
    """Give the values that another key sealed, with the tenant that they are bound to; only tenants' tables have one."""
    tenant = "tenant_id" if "tenant_id" in {one["name"] for one in sa.inspect(connection).get_columns(table)} else "NULL::bigint"
    found = sa.text(f'SELECT id, {tenant}, "{column}" FROM "{table}" WHERE length("{column}") > 0 AND get_byte("{column}", 0) <> :current')
    for row_id, tenant_id, value in connection.execute(found, {"current": keyring.current}):
        yield row_id, tenant_id, bytes(value)


def _run(settings: Settings, _arguments: argparse.Namespace) -> int:
    from posthouse.platform.rooms import assemble  # noqa: PLC0415 - the rooms' manifests name this command

    keyring = load_keyring(settings)
    with prepared(settings, assemble().sealed) as (ground, _said):
        if not ground.settings.database_url:
            raise WrongSetting(f"POSTHOUSE_DATABASE_URL: not set, and there is no database in {ground.settings.data}.")
        try:
            done = reseal(ground.settings.database_url, keyring, ground.sealed)
        except DoesNotOpen as problem:
            sys.stderr.write(f"posthouse: {problem}. What was sealed by its table stays as it is.\n")
            return 1
    sys.stdout.writelines(f"{place}: {count} sealed again\n" for place, count in done.items())
    sys.stdout.write(
        f"Everything is sealed with key {keyring.current}. Links in mail that was sent before need the older keys as long as they shall work.\n"
    )
    return 0


COMMAND = Command("reseal", "Seal stored secrets again with the newest master key.", _run)
