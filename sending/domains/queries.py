"""Read sending domains."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import sqlalchemy as sa

from posthouse.platform.app import settings
from posthouse.platform.db import session
from posthouse.platform.errors import missing
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending import permissions
from posthouse.sending.domains import rules
from posthouse.sending.domains.models import SendingDomain
from posthouse.sending.domains.rules import Finding, Kind, Record, State


@dataclass(frozen=True, slots=True)
class RecordCard:
    """A record to publish and what was last seen of it. `sentence` says what to do where it was not found; None: not looked yet."""

    record: Record
    finding: Finding | None
    sentence: str


@dataclass(frozen=True, slots=True)
class DomainCard:
    """One sending domain with its records."""

    id: int
    domain: str
    state: State
    records: tuple[RecordCard, ...]
    created_at: datetime
    checked_at: datetime | None
    verified_at: datetime | None
    absent_since: datetime | None

    @property
    def verified(self) -> bool:
        """Whether mail may be sent from it."""
        return self.state is State.VERIFIED


def get_domain(scope: Scope, domain_id: int) -> DomainCard:
    """Return one domain. Raises: Missing."""
    require(scope, permissions.READ_DOMAINS)
    row = session(scope).get(SendingDomain, (scope.tenant, domain_id))
    if row is None:
        raise missing("domain")
    return domain_card(row)


def list_domains(scope: Scope) -> tuple[DomainCard, ...]:
    """List the tenant's domains by name."""
    require(scope, permissions.READ_DOMAINS)
    return tuple(map(domain_card, session(scope).scalars(sa.select(SendingDomain).order_by(SendingDomain.domain))))


def find_verified(scope: Scope, domain: str) -> DomainCard | None:
    """Return the tenant's own verified domain of that exact name; a parent does not speak for it. None where there is none."""
    row = session(scope).scalars(sa.select(SendingDomain).where(SendingDomain.domain == domain.lower())).one_or_none()
    return domain_card(row) if row is not None and row.state == State.VERIFIED else None


def domain_card(row: SendingDomain) -> DomainCard:
    """Make the card of a domain's row."""
    cards = []
    for record in records_of(row):
        seen = row.findings.get(record.kind) or {}
        finding = Finding(seen["finding"]) if seen else None
        cards.append(RecordCard(record, finding, str(seen.get("sentence", ""))))
    return DomainCard(row.id, row.domain, State(row.state), tuple(cards), row.created_at, row.checked_at, row.verified_at, row.absent_since)


def records_of(row: SendingDomain) -> tuple[Record, ...]:
    """List the records that a domain needs on this installation."""
    here = settings()
    host = urlsplit(here.public_url).hostname or ""
    return rules.records(
        domain=row.domain,
        claim_code=row.claim_code,
        selector=row.selector,
        dkim_record=row.dkim_record,
        mail_domain=here.mail_domain,
        tracking_target=host if "." in host and not host.replace(".", "").isdigit() else "",
    )


__all__ = ["DomainCard", "Kind", "RecordCard", "domain_card", "find_verified", "get_domain", "list_domains", "records_of"]
