"""What became of a campaign: figures from the roll-ups, and recipient by recipient who got it, who did not, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from posthouse.platform.db import session
from posthouse.platform.errors import Invalid, missing
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending import permissions
from posthouse.sending.campaigns.models import Campaign, CampaignRevision
from posthouse.sending.campaigns.rules import State

MAX_PAGE = 500
MAX_PARTS = 500

_FACET = sa.text(
    "SELECT part, kind, count AS amount FROM campaign_count WHERE tenant_id = :tenant AND campaign_id = :campaign AND facet = :facet"
)
# Contacts in the order of their ids: those with a message and those without, each once. Each half reads a page's worth only.
_RECIPIENTS = sa.text(
    "SELECT * FROM (("
    "SELECT m.contact_id, m.id AS message_id, m.recipient AS email, m.state, coalesce(nullif(m.reason, ''), m.bounce_reason) AS reason,"
    " m.bounced_at IS NOT NULL AS bounced, m.complained_at IS NOT NULL AS complained FROM message m"
    " WHERE m.tenant_id = :tenant AND m.campaign_id = :campaign AND m.contact_id > :after"
    " ORDER BY m.contact_id LIMIT :size) UNION ALL ("
    "SELECT s.contact_id, NULL, s.email, 'skipped', s.reason, false, false FROM campaign_skip s"
    " WHERE s.tenant_id = :tenant AND s.campaign_id = :campaign AND s.contact_id > :after"
    " ORDER BY s.contact_id LIMIT :size)) AS r ORDER BY contact_id LIMIT :size"
)
# Those with one of the outcomes that call for a look: few of many, so they have an index of their own.
NOT_DELIVERED = ("failed", "expired", "unknown")
_NOT_DELIVERED = sa.text(
    "SELECT m.contact_id, m.id AS message_id, m.recipient AS email, m.state, coalesce(nullif(m.reason, ''), m.bounce_reason) AS reason,"
    " m.bounced_at IS NOT NULL AS bounced, m.complained_at IS NOT NULL AS complained FROM message m"
    " WHERE m.tenant_id = :tenant AND m.campaign_id = :campaign AND m.state = :state AND m.state IN ('failed', 'expired', 'unknown')"
    " AND m.contact_id > :after ORDER BY m.contact_id LIMIT :size"
)
_IN_FLIGHT = sa.text("SELECT count(*) FROM message WHERE tenant_id = :tenant AND state = 'leased' AND campaign_id = :campaign")
_ENGAGEMENT = sa.text(
    "SELECT message_id, kind, people FROM message_engagement WHERE tenant_id = :tenant AND message_id = ANY (:ids) AND people > 0"
)


@dataclass(frozen=True, slots=True)
class LinkCard:
    """One link and its clicks, persons' and machines' apart."""

    number: int
    target: str
    clicks: int
    machine_clicks: int


@dataclass(frozen=True, slots=True)
class ReportCard:
    """A campaign's figures. `totals` by kind (see `counting`); `waiting` are recipients without an outcome yet.

    `in_flight` of them are in a worker's hands: after a pause or a stop they come back within two seconds, or have left.
    `state_reason` and `resumes_at` say which limit binds and until when, where one does.
    """

    campaign_id: int
    state: State
    state_reason: str
    resumes_at: datetime | None
    totals: Mapping[str, int]
    waiting: int
    in_flight: int


@dataclass(frozen=True, slots=True)
class RecipientCard:
    """One contact of the campaign's list: its message's state, or `skipped`; `reason` says why, empty where nothing is to say."""

    contact_id: int
    message_id: int | None
    email: str
    state: str
    reason: str
    opened: bool
    clicked: bool
    unsubscribed: bool
    bounced: bool = False  # taken at first, and returned later
    complained: bool = False


@dataclass(frozen=True, slots=True)
class RecipientPage:
    """Recipients in the order of contacts; `after` goes on, None at the end."""

    cards: tuple[RecipientCard, ...]
    after: int | None


# A bounce is no outcome beside the others: it follows a message that was sent.
_FINAL = ("sent", "failed", "suppressed", "expired", "cancelled", "unknown")


def get_report(scope: Scope, campaign_id: int) -> ReportCard:
    """Return a campaign's totals. Reads roll-ups, and what is under lease: a few hundred rows at most. Raises: Missing."""
    row = _get(scope, campaign_id)
    totals = {kind: count for _, kind, count in _facet(scope, campaign_id, "total")}
    waiting = waiting_of(totals)
    in_flight = session(scope).execute(_IN_FLIGHT, {"tenant": scope.tenant, "campaign": campaign_id}).scalar_one()
    return ReportCard(row.id, State(row.state), row.state_reason, row.resumes_at, totals, max(waiting, 0), in_flight)


def waiting_of(figures: Mapping[str, int]) -> int:
    """Return how many recipients have no outcome yet, by figures of all or of a part; may be below 0 for a moment."""
    return figures.get("recipients", 0) - sum(figures.get(kind, 0) for kind in _FINAL)


def by_domain(scope: Scope, campaign_id: int) -> Mapping[str, Mapping[str, int]]:
    """Return figures by recipient domain, the largest first, at most 500. Raises: Missing."""
    _get(scope, campaign_id)
    found = _grouped(_facet(scope, campaign_id, "domain"))
    return dict(sorted(found.items(), key=lambda item: (-item[1].get("recipients", 0), item[0]))[:MAX_PARTS])


def timeline(scope: Scope, campaign_id: int) -> Mapping[datetime, Mapping[str, int]]:
    """Return figures by minute, in order. Raises: Missing."""
    _get(scope, campaign_id)
    found = _grouped(_facet(scope, campaign_id, "minute"))
    return {datetime.strptime(minute, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC): found[minute] for minute in sorted(found)}


def links(scope: Scope, campaign_id: int) -> tuple[LinkCard, ...]:
    """Return every link of what is sent with its clicks, in the order of the letter. Raises: Missing."""
    row = _get(scope, campaign_id)
    if row.revision_id is None:
        return ()
    revision = session(scope).get(CampaignRevision, (scope.tenant, row.revision_id))
    targets = revision.compiled["links"] if revision else []
    counts = _grouped(_facet(scope, campaign_id, "link"))
    return tuple(
        LinkCard(number, target, counts.get(str(number), {}).get("clicks", 0), counts.get(str(number), {}).get("machine_clicks", 0))
        for number, target in enumerate(targets)
    )


def recipients(scope: Scope, campaign_id: int, *, outcome: str = "", after: int = 0, limit: int = 50) -> RecipientPage:
    """Page through who got a campaign, who did not, and why; with an outcome those of `NOT_DELIVERED` alone. Raises: Missing, Invalid."""
    _get(scope, campaign_id)
    if outcome and outcome not in NOT_DELIVERED:
        raise Invalid("outcome_unknown", f"Choose one of: {', '.join(NOT_DELIVERED)}.", field="outcome")
    limit = max(1, min(limit, MAX_PAGE))
    values = {"tenant": scope.tenant, "campaign": campaign_id, "after": after, "size": limit + 1}
    found = session(scope).execute(_NOT_DELIVERED, {**values, "state": outcome}) if outcome else session(scope).execute(_RECIPIENTS, values)
    rows = found.all()
    shown = rows[:limit]
    ids = [row.message_id for row in shown if row.message_id is not None]
    done = {(row.message_id, row.kind) for row in session(scope).execute(_ENGAGEMENT, {"tenant": scope.tenant, "ids": ids})}
    cards = tuple(
        RecipientCard(
            row.contact_id,
            row.message_id,
            row.email,
            row.state,
            row.reason or "",
            opened=(row.message_id, "open") in done,
            clicked=(row.message_id, "click") in done,
            unsubscribed=(row.message_id, "unsubscribe") in done,
            bounced=row.bounced,
            complained=row.complained,
        )
        for row in shown
    )
    return RecipientPage(cards, shown[-1].contact_id if len(rows) > limit else None)


def _get(scope: Scope, campaign_id: int) -> Campaign:
    require(scope, permissions.READ_CAMPAIGNS)
    row = session(scope).get(Campaign, (scope.tenant, campaign_id))
    if row is None:
        raise missing("campaign")
    return row


def _facet(scope: Scope, campaign_id: int, facet: str) -> list[tuple[str, str, int]]:
    values = {"tenant": scope.tenant, "campaign": campaign_id, "facet": facet}
    return [(row.part, row.kind, row.amount) for row in session(scope).execute(_FACET, values)]


def _grouped(rows: list[tuple[str, str, int]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for part, kind, count in rows:
        found.setdefault(part, {})[kind] = count
    return found
