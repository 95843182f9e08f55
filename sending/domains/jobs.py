"""Looks for the records of sending domains: at once when asked, then daily."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.app import settings
from posthouse.platform.db import session, transaction
from posthouse.platform.jobs import enqueue
from posthouse.platform.scope import Scope
from posthouse.sending.domains import rules, services
from posthouse.sending.domains.dns import DnsResolver, Resolver
from posthouse.sending.domains.models import SendingDomain
from posthouse.sending.domains.queries import records_of
from posthouse.sending.domains.rules import State

DAILY = timedelta(days=1)
# A domain that is not verified yet is looked at again after these; later ones daily.
_SOON = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(hours=6))


def check_domain(scope: Scope, *, domain_id: int, look: int = 0) -> None:
    """Look for a domain's records and keep the evidence; asks DNS outside any transaction. Harmless when run twice."""
    check_with(scope, DnsResolver(settings().dns_servers), domain_id=domain_id, look=look)


def check_with(scope: Scope, resolver: Resolver, *, domain_id: int, look: int = 0) -> None:
    """Look for a domain's records by the given resolver."""
    with transaction(scope):
        row = session(scope).scalars(sa.select(SendingDomain).where(SendingDomain.id == domain_id)).one_or_none()
        if row is None:
            return
        records = records_of(row)
    evidence = {record.kind: rules.judge(record, resolver.ask(record.name, record.type)) for record in records}
    with transaction(scope):
        card = services.record_evidence(scope, domain_id=domain_id, evidence=evidence)
        if card is None:
            return
        wait = DAILY if card.state is State.VERIFIED or look >= len(_SOON) else _SOON[look]
        # Two keys in turn: the running job still has its own, and more than one chain of looks never builds up.
        following = f"{scope.tenant}.{domain_id}.{(look + 1) % 2}"
        enqueue(scope, services.CHECK_JOB, key=following, run_at=clock.now() + wait, domain_id=domain_id, look=look + 1)
