"""The append-only record of who did what, to what, for whom, why and from where.

The row goes to the log of the scope's own reach: a tenant sees what was done in it, by whomever. No database role may
change or delete a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.scope import Reach, Scope

_COLUMNS = "at, actor_kind, actor_id, actor_label, verb, subject, subject_id, reason, origin, request_id, facts"
_VALUES = ":at, :actor_kind, :actor_id, :actor_label, :verb, :subject, :subject_id, :reason, :origin, :request_id, :facts"
_INSERT = {
    Reach.TENANT: f"INSERT INTO tenant_audit (tenant_id, {_COLUMNS}) VALUES (:tenant_id, {_VALUES})",
    Reach.RESELLER: f"INSERT INTO reseller_audit (reseller_id, {_COLUMNS}) VALUES (:reseller_id, {_VALUES})",
}
_INSERT_OPERATOR = f"INSERT INTO operator_audit ({_COLUMNS}) VALUES ({_VALUES})"


def record(scope: Scope, *, verb: str, subject: str, subject_id: int | None = None, for_reseller: bool = False, **facts: object) -> None:
    """Write one audit row in the open transaction. `facts` must be JSON and hold no secret.

    `for_reseller`: it was done in a tenant's scope and belongs into its reseller's log.
    """
    reach = Reach.RESELLER if for_reseller else scope.reach
    text = sa.text(_INSERT.get(reach, _INSERT_OPERATOR)).bindparams(sa.bindparam("facts", type_=JSONB))
    values: dict[str, object] = {
        "at": clock.now(),
        "actor_kind": scope.actor.kind,
        "actor_id": scope.actor.id,
        "actor_label": scope.actor.label,
        "verb": verb,
        "subject": subject,
        "subject_id": subject_id,
        "reason": scope.reason,
        "origin": scope.origin,
        "request_id": scope.request_id,
        "facts": facts,
    }
    if reach is Reach.TENANT:
        values["tenant_id"] = scope.tenant
    if reach is Reach.RESELLER:
        values["reseller_id"] = scope.reseller
    session(scope).execute(text, values)


@dataclass(frozen=True, slots=True)
class Entry:
    """One audit row as people read it."""

    id: int
    at: datetime
    actor_kind: str
    actor_label: str
    verb: str
    subject: str
    subject_id: int | None
    reason: str
    origin: str
    facts: Mapping[str, object]


_TABLES = {Reach.TENANT: "tenant_audit", Reach.RESELLER: "reseller_audit", Reach.OPERATOR: "operator_audit"}


def list_entries(scope: Scope, *, before: int | None = None, limit: int = 50) -> list[Entry]:
    """List the audit of the scope's own reach, newest first, from the row `before` on; the edge asks for the permission of that reach."""
    columns = ", ".join(Entry.__dataclass_fields__)
    text = f"SELECT {columns} FROM {_TABLES[scope.reach]} WHERE id < :before ORDER BY id DESC LIMIT :limit"
    values = {"before": before or 2**63 - 1, "limit": max(1, min(limit, 500))}
    return [Entry(*row) for row in session(scope).execute(sa.text(text), values)]
