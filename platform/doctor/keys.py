"""Are the master keys there, kept private, and does none lack that something was sealed with?"""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Iterator, Sequence

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from posthouse.platform.doctor.database import connected
from posthouse.platform.doctor.findings import Finding, Ground, fail, ok, reason, warn
from posthouse.platform.secrets import Keyring, key_file, parse_keys
from posthouse.platform.settings import Settings, WrongSetting


def look(ground: Ground) -> Iterator[Finding]:
    """Read the keys as the product does, then ask which keys the stored secrets need."""
    settings, path = ground.settings, key_file(ground.settings)
    if not settings.secret_keys and not path.exists():
        if settings.database_url:
            yield fail(
                "keys", "there is no master key", "Set POSTHOUSE_SECRET_KEYS to what `posthouse new-key` prints, or give back the old one."
            )
        else:
            yield ok("keys", f"no master key in {path} yet; `posthouse up` makes it")
        return
    try:
        text = settings.secret_keys or path.read_text().strip()
        keyring = parse_keys(text)
    except (WrongSetting, OSError, UnicodeError) as problem:
        yield fail("keys", reason(problem), "Write the keys as `posthouse new-key` prints them, newest first, comma separated.")
        return
    yield from _order(text, keyring)
    if not settings.secret_keys:
        yield from _private(settings)
    if settings.database_url:
        yield from _needed(settings.database_url, ground.sealed, keyring)


def _order(text: str, keyring: Keyring) -> Iterator[Finding]:
    ids = [int(part.partition(":")[0]) for part in text.split(",") if part.strip()]
    twice = [number for number, count in Counter(ids).items() if count > 1]
    if twice:
        yield fail("keys", f"two keys have the id {twice[0]}: only the last of them counts", "Give each key an id of its own.")
    if len(set(keyring.keys.values())) < len(keyring.keys):
        yield warn("keys", "one key stands under two ids, which is no rotation", "Make a fresh one with `posthouse new-key --id N`.")
    if keyring.current != max(keyring.keys):
        yield warn("keys", f"key {keyring.current} seals although {max(keyring.keys)} is there", "Put the newest key first.")
    if not twice:
        yield ok("keys", f"{len(ids)} there, {keyring.current} seals")


def _private(settings: Settings) -> Iterator[Finding]:
    path = key_file(settings)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield warn("keys", f"{path} can be read by other accounts", f"chmod 600 {path}")


def _needed(url: str, sealed: Sequence[str], keyring: Keyring) -> Iterator[Finding]:
    try:
        with connected(url) as connection:
            # With it off, a role that row security would filter is refused instead of being shown a part.
            connection.exec_driver_sql("SET LOCAL row_security = off")
            needed = _ids(connection, sealed)
    except SQLAlchemyError:
        return  # an administrator who may not look over the wall can't tell; a database that is away is said elsewhere
    gone = {number: places for number, places in needed.items() if number not in keyring.keys}
    for number, places in sorted(gone.items()):
        yield fail("keys", f"key {number} is gone, but {', '.join(places)} still need it", "Add that key again, at the end of the list.")
    if needed and not gone:
        yield ok("keys", f"every stored secret can be opened (sealed with {', '.join(map(str, sorted(needed)))})")


def _ids(connection: Connection, sealed: Sequence[str]) -> dict[int, list[str]]:
    """List the places by the number of the key they were sealed with, which is their first byte."""
    needed: dict[int, list[str]] = {}
    for place in sealed:
        table, _, column = place.partition(".")
        values = connection.exec_driver_sql(f'SELECT DISTINCT get_byte("{column}", 0) FROM "{table}" WHERE length("{column}") > 0')
        for number in values.scalars():
            needed.setdefault(number, []).append(place)
    return needed
