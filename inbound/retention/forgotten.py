"""Remember which addresses were erased, as keyed hashes, and know them again in what comes in late and belongs to no tenant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from posthouse.inbound.retention import files
from posthouse.inbound.retention.decoding import named_in
from posthouse.inbound.retention.models import ForgottenAddress
from posthouse.inbound.retention.rules import naming_pattern
from posthouse.platform import clock
from posthouse.platform.app import keyring, settings
from posthouse.platform.db import session, transaction
from posthouse.platform.scope import Scope

_LENGTH = 16


def remember(scope: Scope, addresses: Iterable[str]) -> None:
    """Know these addresses, in small letters, for as long as unmatched mail is kept. May be repeated."""
    until = clock.now() + timedelta(days=settings().inbound_mail_days)
    rows = [{"address_hash": _hash(one, keyring().current), "until": until} for one in sorted(addresses)]
    statement = insert(ForgottenAddress).values(rows)
    session(scope).execute(statement.on_conflict_do_update(index_elements=["address_hash"], set_={"until": statement.excluded.until}))


def any_forgotten(scope: Scope) -> bool:
    """Say whether there is anything to look for; where nobody was erased, what comes in isn't searched."""
    return bool(session(scope).execute(sa.text("SELECT EXISTS (SELECT 1 FROM forgotten_address)")).scalar_one())


def forgotten_among(scope: Scope, addresses: Iterable[str]) -> set[str]:
    """Return which of the addresses, in small letters, were erased; hashed under every master key, so that a rotation forgets nobody."""
    hashes = {_hash(one, key_id): one for one in addresses for key_id in keyring().keys}
    if not hashes:
        return set()
    query = sa.text("SELECT address_hash FROM forgotten_address WHERE address_hash = ANY (CAST(:hashes AS bytea[]))")
    return {hashes[bytes(found)] for found in session(scope).scalars(query, {"hashes": list(hashes)})}


def _hash(address: str, key_id: int) -> bytes:
    return keyring().mac("forgotten-address", address.encode("utf-8", "replace"), length=_LENGTH, key_id=key_id)


def blank_file(scope: Scope, path: Path) -> None:
    """Blank the erased addresses in a file of lines. Opens its own transaction; may be repeated."""
    found: set[str] = set()
    with transaction(scope):
        if not any_forgotten(scope):
            return
        for chunk in files.chunks(path):
            found |= forgotten_among(scope, named_in(chunk))
    if found:
        named = re.compile("|".join(map(naming_pattern, sorted(found))), re.IGNORECASE)
        files.rewrite(path, lambda line: named.sub("", line))
