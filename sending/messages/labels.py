"""Tags and metadata that a program wrote on its messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from posthouse.platform.db import session
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending import permissions
from posthouse.sending.mime.wishes import Labels

MOST_KNOWN = 100

_KEEP = sa.text(
    "INSERT INTO message_label (tenant_id, message_id, tags, metadata)"
    " SELECT :tenant, u.id, :tags, :metadata FROM unnest(CAST(:ids AS bigint[])) AS u (id)"
).bindparams(sa.bindparam("tags", type_=ARRAY(sa.Text)), sa.bindparam("metadata", type_=JSONB))
_KEEP_TAGS = sa.text(
    "INSERT INTO message_tag (tenant_id, tag, message_id) SELECT :tenant, t.tag, u.id"
    " FROM unnest(CAST(:ids AS bigint[])) AS u (id), unnest(:tags) AS t (tag)"
).bindparams(sa.bindparam("tags", type_=ARRAY(sa.Text)))
_OF = sa.text(
    "SELECT message_id, tags, metadata FROM message_label WHERE tenant_id = :tenant AND message_id = ANY (CAST(:ids AS bigint[]))"
)
# From one tag to the next along the index, however many messages bear each.
_KNOWN = sa.text(
    "WITH RECURSIVE found AS ((SELECT tag FROM message_tag WHERE tenant_id = :tenant ORDER BY tag LIMIT 1)"
    " UNION ALL SELECT (SELECT m.tag FROM message_tag m WHERE m.tenant_id = :tenant AND m.tag > f.tag ORDER BY m.tag LIMIT 1)"
    " FROM found f WHERE f.tag IS NOT NULL) SELECT tag FROM found WHERE tag IS NOT NULL LIMIT :most"
)
_FORGET = [
    sa.text(f"DELETE FROM {table} WHERE tenant_id = :tenant AND message_id = ANY (CAST(:ids AS bigint[]))")
    for table in ("message_label", "message_tag")
]


@dataclass(frozen=True, slots=True)
class LabelCard:
    """What stands on one message."""

    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)


def keep_labels(scope: Scope, message_ids: Sequence[int], labels: Labels) -> None:
    """Write the same labels on new messages; nothing where there are none."""
    if labels and message_ids:
        values = {"tenant": scope.tenant, "ids": list(message_ids), "tags": list(labels.tags)}
        session(scope).execute(_KEEP, {**values, "metadata": dict(labels.metadata)})
        if labels.tags:
            session(scope).execute(_KEEP_TAGS, values)


def get_labels(scope: Scope, message_id: int) -> LabelCard:
    """Return what stands on a message, empty for one without labels."""
    return labels_on(scope, [message_id]).get(message_id, LabelCard())


def labels_on(scope: Scope, message_ids: Sequence[int]) -> Mapping[int, LabelCard]:
    """Return what stands on messages, by their ids; those without labels are left out."""
    require(scope, permissions.READ_MESSAGES)
    if not message_ids:
        return {}
    rows = session(scope).execute(_OF, {"tenant": scope.tenant, "ids": list(message_ids)})
    return {row.message_id: LabelCard(tuple(row.tags), dict(row.metadata)) for row in rows}


def known_tags(scope: Scope) -> list[str]:
    """Return the tags that stand on any message, by name; the first hundred."""
    require(scope, permissions.READ_MESSAGES)
    return list(session(scope).scalars(_KNOWN, {"tenant": scope.tenant, "most": MOST_KNOWN}))


def forget_labels(scope: Scope, message_ids: Sequence[int]) -> None:
    """Take everything off messages whose recipient is forgotten: programs write whatever they like there."""
    for statement in _FORGET:
        session(scope).execute(statement, {"tenant": scope.tenant, "ids": list(message_ids)})
