"""This machine's place for journals, and its name among the hosts: the name lives beside the journals, not with the machine."""

from __future__ import annotations

import contextlib
import os
import secrets
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.app import settings
from posthouse.platform.db import session
from posthouse.platform.scope import Scope

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_SEEN = sa.text("INSERT INTO delivery_host (host, seen_at) VALUES (:host, :at) ON CONFLICT (host) DO UPDATE SET seen_at = excluded.seen_at")


def folder() -> Path:
    """Return the folder of this host's journals, made when missing."""
    path = Path(settings().data) / "journals"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def host_name(place: Path) -> str:
    """Return the name of the journals' folder; the first to ask makes it up."""
    named = place / "host-name"
    if not named.exists():
        mine = place / f".name-{secrets.token_hex(4)}"
        mine.write_text(secrets.token_hex(8))
        with contextlib.suppress(FileExistsError):
            os.link(mine, named)
        mine.unlink()
    return named.read_text().strip()


@cache
def boot() -> str:
    """Name this start of the machine; the same name always where the system does not tell (only Linux does)."""
    try:
        return _BOOT.read_text().strip() or "-"
    except OSError:
        return "-"


def note_seen(scope: Scope, host: str) -> None:
    """Note that the host lives."""
    session(scope).execute(_SEEN, {"host": host, "at": clock.now()})
