"""Add to the history of messages, many at once: the page of a message and the feed of events show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from posthouse.platform.db import session
from posthouse.platform.scope import Scope

_INSERT = sa.text(
    "INSERT INTO message_event (tenant_id, message_id, kind, at, code, text) SELECT :tenant, u.* FROM unnest(CAST(:messages AS bigint[]),"
    " CAST(:kinds AS text[]), CAST(:ats AS timestamptz[]), CAST(:codes AS integer[]), CAST(:texts AS text[])) AS u"
)


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to a message."""

    message_id: int
    kind: str
    at: datetime
    text: str = ""
    code: int | None = None


def add(scope: Scope, happenings: Sequence[Happening]) -> None:
    """Add to the history of the tenant's messages. The caller sees to it that each happens once."""
    if not happenings:
        return
    values = {
        "tenant": scope.tenant,
        "messages": [one.message_id for one in happenings],
        "kinds": [one.kind for one in happenings],
        "ats": [one.at for one in happenings],
        "codes": [one.code for one in happenings],
        "texts": [one.text for one in happenings],
    }
    session(scope).execute(_INSERT, values)
