"""Work through what a provider posted: each event to the tenant whose token it bears."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from posthouse.inbound.learning.reading import active, with_rules
from posthouse.inbound.learning.rules import Rule
from posthouse.inbound.mailroom.services import Arrival
from posthouse.inbound.mailroom.sort import Mailroom, is_away
from posthouse.inbound.providers.cards import HookRequest, ProviderEvent
from posthouse.inbound.providers.catalogue import PROVIDERS
from posthouse.inbound.providers.folders import take_files
from posthouse.inbound.providers.models import ProviderHook, ProviderReport
from posthouse.inbound.providers.rules import event_fingerprint, understand
from posthouse.inbound.providers.services import SORT_REPORT
from posthouse.inbound.retention.decoding import named_in_post
from posthouse.inbound.retention.forgotten import any_forgotten, forgotten_among
from posthouse.inbound.spool.files import Envelope
from posthouse.inbound.tally.services import TALLY
from posthouse.platform import clock
from posthouse.platform.app import keyring
from posthouse.platform.db import transaction
from posthouse.platform.jobs import Job, PeriodicJob
from posthouse.platform.scope import Scope
from posthouse.sending.tokens import Mint


def sort_report(scope: Scope, *, report_id: int) -> None:
    """Sort every event of one post, each in its own transaction; may be run twice, for an event counts once."""
    with transaction(scope) as live:
        found = live.execute(
            sa.select(ProviderReport, ProviderHook.provider)
            .join(ProviderHook, ProviderHook.id == ProviderReport.hook_id)
            .where(ProviderReport.id == report_id)
            .options(sa.orm.undefer(ProviderReport.body))
        ).one_or_none()
        if found is None or found[0].sorted_at is not None:
            return
        report, name = found
        headers = {"svix-id": report.event_key} if report.event_key else {}
        request = HookRequest(report.url, report.content_type, headers, report.body)
        received_at = report.received_at
    mailroom, rules = Mailroom(Mint(keyring())), active()
    events, failed = PROVIDERS[name].read(request), []
    for event in events:
        try:
            _take(mailroom, name, event, rules, received_at)
        except Exception as problem:  # the others have their effect, and this one another try
            if is_away(problem):
                raise
            failed.append(problem)
    TALLY.flush(now=True)
    if failed:
        raise failed[0]
    with transaction(scope) as live:
        blank = {"body": b"", "url": ""} if any_forgotten(scope) and forgotten_among(scope, named_in_post(request.body)) else {}
        values = {"sorted_at": clock.now(), "events": len(events), **blank}
        live.execute(sa.update(ProviderReport).where(ProviderReport.id == report_id).values(values))


def _take(mailroom: Mailroom, provider: str, event: ProviderEvent, rules: tuple[Rule, ...], received_at: datetime) -> None:
    told = understand(provider, event)
    if told is None:
        return
    understood = with_rules(told, b"", rules)
    envelope = Envelope("", (event.recipient,), provider, "", "hook", received_at)
    mailroom.take(Arrival(envelope, event.hints.encode("utf-8", "replace"), understood, event_fingerprint(provider, event)))


JOBS = [Job(SORT_REPORT, sort_report)]
PERIODIC = [PeriodicJob("inbound.take_accounting_files", take_files, every_seconds=30)]
