"""Tags and metadata that a program wrote on its messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from posthouse.platform.db import session
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending import permissions
from posthouse.sending.mime.wishes import Labels

_KEEP = sa.text(
    "INSERT INTO message_label (tenant_id, message_id, tags, metadata)"
    " SELECT :tenant, u.id, :tags, :metadata FROM unnest(CAST(:ids AS bigint[])) AS u (id)"
).bindparams(sa.bindparam("tags", type_=ARRAY(sa.Text)), sa.bindparam("metadata", type_=JSONB))


@dataclass(frozen=True, slots=True)
class LabelCard:
    """What stands on one message."""

    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)


def keep_labels(scope: Scope, message_ids: Sequence[int], labels: Labels) -> None:
    """Write the same labels on new messages; nothing where there are none."""
    if labels and message_ids:
        values = {"tenant": scope.tenant, "ids": list(message_ids), "tags": list(labels.tags), "metadata": dict(labels.metadata)}
        session(scope).execute(_KEEP, values)


def get_labels(scope: Scope, message_id: int) -> LabelCard:
    """Return what stands on a message, empty for one without labels."""
    require(scope, permissions.READ_MESSAGES)
    query = sa.text("SELECT tags, metadata FROM message_label WHERE tenant_id = :tenant AND message_id = :message")
    row = session(scope).execute(query, {"tenant": scope.tenant, "message": message_id}).one_or_none()
    return LabelCard() if row is None else LabelCard(tuple(row.tags), dict(row.metadata))
