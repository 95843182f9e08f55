"""Read which mailboxes are emptied, and how that goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from posthouse.inbound.boxes.models import BounceBox
from posthouse.inbound.permissions import MANAGE_BOXES
from posthouse.platform.db import session
from posthouse.platform.errors import missing
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope


@dataclass(frozen=True, slots=True)
class BoxCard:
    """One mailbox. `trouble` is why the last visit failed, or empty; `taken` counts mails since it was set up."""

    id: int
    label: str
    protocol: str
    host: str
    port: int
    tls: str
    verify_tls: bool
    username: str
    folder: str
    afterwards: str
    move_to: str
    signs_in: str
    token_url: str
    client_id: str
    state: str
    taken: int
    failures: int
    trouble: str
    polled_at: datetime | None
    next_at: datetime


def list_boxes(scope: Scope) -> tuple[BoxCard, ...]:
    """List the mailboxes, newest first."""
    require(scope, MANAGE_BOXES)
    return tuple(_card(row) for row in session(scope).scalars(sa.select(BounceBox).order_by(BounceBox.id.desc())))


def get_box(scope: Scope, box_id: int) -> BoxCard:
    """One mailbox. Raises: Missing."""
    require(scope, MANAGE_BOXES)
    row = session(scope).get(BounceBox, box_id)
    if row is None:
        raise missing("mailbox")
    return _card(row)


def _card(row: BounceBox) -> BoxCard:
    return BoxCard(**{name: getattr(row, name) for name in BoxCard.__annotations__})
