"""Add, check and remove sending domains: the only place that does."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

import sqlalchemy as sa

from posthouse.platform import audit, clock
from posthouse.platform.app import keyring, settings
from posthouse.platform.db import session
from posthouse.platform.errors import Conflict, missing
from posthouse.platform.events import emit
from posthouse.platform.jobs import enqueue
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending import permissions
from posthouse.sending.dkim.keys import make_rsa_key
from posthouse.sending.domains import rules
from posthouse.sending.domains.models import SendingDomain
from posthouse.sending.domains.queries import DomainCard, domain_card
from posthouse.sending.domains.rules import Evidence, Finding, Kind, State
from posthouse.sending.events import DomainLost, DomainVerified

CHECK_JOB = "sending.check_domain"


def add_domain(scope: Scope, *, domain: str) -> DomainCard:
    """Add a From domain with a fresh DKIM key, and have its records looked for. Raises: Invalid, Conflict."""
    require(scope, permissions.MANAGE_DOMAINS)
    name = rules.read_name(domain, own_names=_own_names())
    if session(scope).scalars(sa.select(SendingDomain.id).where(SendingDomain.domain == name)).one_or_none() is not None:
        raise Conflict("domain_exists", f"“{name}” is one of your domains already.", field="domain")
    key = make_rsa_key()
    row = SendingDomain(
        id=session(scope).execute(sa.select(sa.func.posthouse_id())).scalar_one(),
        domain=name,
        state=State.PENDING,
        claim_code=secrets.token_hex(16),
        selector=f"s{secrets.token_hex(3)}",
        dkim_record=key.record,
    )
    place = {"tenant_id": scope.tenant, "table": "sending_domain", "column": "dkim_sealed", "row_id": row.id}
    row.dkim_sealed = keyring().seal(key.private_der, **place)  # type: ignore[arg-type]
    session(scope).add(row)
    session(scope).flush()
    audit.record(scope, verb="domain.added", subject="domain", subject_id=row.id, domain=name)
    enqueue(scope, CHECK_JOB, key=f"{scope.tenant}.{row.id}", domain_id=row.id)
    return domain_card(row)


def ask_for_check(scope: Scope, *, domain_id: int) -> None:
    """Have a domain's records looked for now; may be repeated, one look at a time. Raises: Missing."""
    require(scope, permissions.MANAGE_DOMAINS)
    _get(scope, domain_id)
    enqueue(scope, CHECK_JOB, key=f"{scope.tenant}.{domain_id}", domain_id=domain_id)


def record_evidence(scope: Scope, *, domain_id: int, evidence: dict[Kind, Evidence]) -> DomainCard | None:
    """Keep what DNS said and draw the conclusion; may be repeated. None where the domain has gone meanwhile.

    A domain becomes verified by evidence alone, and only where no other tenant holds it: the first stays, the second is
    refused until 30 days after the first gave it up.
    """
    row = session(scope).get(SendingDomain, (scope.tenant, domain_id), with_for_update=True)
    if row is None:
        return None
    now = clock.now()
    before = State(row.state)
    verdict = rules.decide(state=before, absent_since=row.absent_since, evidence=evidence, now=now)
    state = verdict.state
    if state is State.VERIFIED and not _take(scope, row.domain):
        state = State.REFUSED
    row.state, row.absent_since, row.checked_at = state, verdict.absent_since, now
    row.findings = {kind.value: {"finding": seen.finding.value, "sentence": seen.sentence} for kind, seen in evidence.items()}
    row.return_path_ok = _holds(evidence, Kind.RETURN_PATH, before=row.return_path_ok)
    row.tracking_ok = _holds(evidence, Kind.TRACKING, before=row.tracking_ok)
    if state is State.VERIFIED and before is not State.VERIFIED:
        row.verified_at = now
        audit.record(scope, verb="domain.verified", subject="domain", subject_id=row.id, domain=row.domain)
        emit(scope, DomainVerified(domain_id=row.id))
    if before is State.VERIFIED and state is not State.VERIFIED:
        _release(scope, row.domain)
        audit.record(scope, verb="domain.lost", subject="domain", subject_id=row.id, domain=row.domain)
        emit(scope, DomainLost(domain_id=row.id))
    session(scope).flush()
    return domain_card(row)


def remove_domain(scope: Scope, *, domain_id: int) -> None:
    """Remove a domain and its key; another tenant can take the name 30 days later. Raises: Missing."""
    require(scope, permissions.MANAGE_DOMAINS)
    row = _get(scope, domain_id)
    _release(scope, row.domain)
    audit.record(scope, verb="domain.removed", subject="domain", subject_id=row.id, domain=row.domain)
    session(scope).delete(row)
    session(scope).flush()


def _get(scope: Scope, domain_id: int) -> SendingDomain:
    row = session(scope).get(SendingDomain, (scope.tenant, domain_id))
    if row is None:
        raise missing("domain")
    return row


def _holds(evidence: dict[Kind, Evidence], kind: Kind, *, before: bool) -> bool:
    seen = evidence.get(kind)
    if seen is None:
        return False
    return before if seen.finding is Finding.UNKNOWN else seen.finding is Finding.FOUND


def _take(scope: Scope, domain: str) -> bool:
    values = {"domain": domain, "tenant": scope.tenant, "at": clock.now()}
    return bool(session(scope).execute(sa.text("SELECT domain_claim_take(:domain, :tenant, :at)"), values).scalar_one_or_none())


def _release(scope: Scope, domain: str) -> None:
    values = {"domain": domain, "tenant": scope.tenant, "at": clock.now()}
    session(scope).execute(sa.text("SELECT domain_claim_release(:domain, :tenant, :at)"), values)


def _own_names() -> frozenset[str]:
    here = settings()
    return frozenset(name for name in (here.mail_domain, urlsplit(here.public_url).hostname or "") if "." in name)
