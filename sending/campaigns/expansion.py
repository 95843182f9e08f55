"""Writes a campaign's messages range by range, so that the first leave at once whatever the list's size.

A range is a stretch of the list by contact id. Its messages, its skipped contacts and the campaign's place in the list
are written in one transaction, and a message is unique by campaign and contact, so a range may be run again.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.scope import Scope
from posthouse.sending.campaigns import counting, rules
from posthouse.sending.campaigns.counting import Tally
from posthouse.sending.campaigns.models import Campaign
from posthouse.sending.content.letters import MARKETING
from posthouse.sending.messages import intake
from posthouse.tenants.suppressions import queries as suppressions

FIRST_RANGE = 500  # in the click's own transaction
RANGE = 5_000
SUPPRESSED = "suppressed"

# Contact by contact, whatever the planner thinks: of a tenant that is newer than the statistics it expects one row, and would join
# the whole list with itself.
_RANGE = sa.text(
    "WITH part AS MATERIALIZED (SELECT tenant_id, contact_id, state FROM subscription"
    " WHERE tenant_id = :tenant AND list_id = :list AND contact_id > :after AND contact_id <= :until ORDER BY contact_id LIMIT :size)"
    " SELECT part.contact_id, part.state, c.email, c.email_norm, c.domain FROM part, LATERAL (SELECT k.email, k.email_norm, k.domain"
    " FROM contact k WHERE k.tenant_id = part.tenant_id AND k.id = part.contact_id LIMIT 1) AS c ORDER BY part.contact_id"
)
_SKIP = sa.text(
    "INSERT INTO campaign_skip (tenant_id, campaign_id, contact_id, email, reason, at)"
    " SELECT :tenant, :campaign, u.contact_id, u.email, u.reason, :at"
    " FROM unnest(CAST(:contacts AS bigint[]), CAST(:emails AS text[]), CAST(:reasons AS text[])) AS u (contact_id, email, reason)"
    " ON CONFLICT DO NOTHING"
)


def last_contact(scope: Scope, list_id: int) -> int:
    """Return the highest contact id of a list, up to which a campaign that starts now goes; 0 for an empty list."""
    statement = sa.text("SELECT max(contact_id) FROM subscription WHERE tenant_id = :tenant AND list_id = :list")
    return int(session(scope).execute(statement, {"tenant": scope.tenant, "list": list_id}).scalar() or 0)


def expand(scope: Scope, campaign: Campaign, *, size: int) -> bool:
    """Write the next range of a locked campaign; returns whether all recipients are written now."""
    if campaign.list_id is None or campaign.revision_id is None or campaign.expand_until is None:
        return True
    place = {"tenant": scope.tenant, "list": campaign.list_id, "after": campaign.expanded_to, "until": campaign.expand_until}
    # One more than is written, to know whether there is more.
    found = session(scope).execute(_RANGE, {**place, "size": size + 1}).all()
    rows = found[:size]
    if rows:
        _write(scope, campaign, rows)
        campaign.expanded_to = rows[-1].contact_id
    if len(found) <= size:
        campaign.expanded_at = clock.now()
        if campaign.state == rules.State.STARTING:
            campaign.state = rules.State.SENDING
        return True
    return False


def _write(scope: Scope, campaign: Campaign, rows: Sequence[sa.Row[tuple[int, str, str, str, str]]]) -> None:
    subscribed = [row.email_norm for row in rows if row.state == "subscribed"]
    away = suppressions.suppressed_emails(scope, subscribed, stream=MARKETING, list_id=campaign.list_id)
    reasons = {row.contact_id: row.state for row in rows if row.state != "subscribed"}
    reasons |= {row.contact_id: SUPPRESSED for row in rows if row.email_norm in away and row.contact_id not in reasons}
    now = clock.now()
    skipped = [row for row in rows if row.contact_id in reasons]
    written = intake.queue_campaign(
        scope,
        campaign_id=campaign.id,
        revision_id=campaign.revision_id or 0,
        list_id=campaign.list_id or 0,
        contact_ids=[row.contact_id for row in rows if row.contact_id not in reasons],
    )
    if skipped:
        values = {
            "contacts": [r.contact_id for r in skipped],
            "emails": [r.email for r in skipped],
            "reasons": [reasons[r.contact_id] for r in skipped],
        }
        session(scope).execute(_SKIP, {"tenant": scope.tenant, "campaign": campaign.id, "at": now, **values})
    tallies = [
        Tally(campaign_id=campaign.id, kind=counting.RECIPIENTS, at=now, domain=domain, count=count) for domain, count in written.items()
    ]
    tallies += [Tally(campaign_id=campaign.id, kind=counting.SKIPPED, at=now, domain=row.domain) for row in skipped]
    counting.add(scope, tallies)
