"""Read campaigns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from posthouse.platform.db import session
from posthouse.platform.errors import missing
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending import permissions
from posthouse.sending.campaigns import trial
from posthouse.sending.campaigns.models import Campaign
from posthouse.sending.campaigns.rules import State
from posthouse.sending.campaigns.trial import PreviewCard

MAX_PAGE = 200


@dataclass(frozen=True, slots=True)
class CampaignCard:
    """One campaign. `resumes_at` is when a binding limit ends, `expanded_at` when all recipients were written; None: not yet."""

    id: int
    name: str
    state: State
    state_reason: str
    resumes_at: datetime | None
    list_id: int | None
    domain_id: int | None
    pool_id: int | None
    from_name: str
    from_local: str
    reply_to: str
    subject: str
    preheader: str
    kind: str
    html: str
    text: str
    revision_id: int | None
    created_at: datetime
    started_at: datetime | None
    expanded_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class CampaignPage:
    """Campaigns, newest first; `before` goes on, None at the end."""

    cards: tuple[CampaignCard, ...]
    before: int | None


def get_campaign(scope: Scope, campaign_id: int) -> CampaignCard:
    """Return one campaign. Raises: Missing."""
    require(scope, permissions.READ_CAMPAIGNS)
    return campaign_card(_get(scope, campaign_id))


def list_campaigns(scope: Scope, *, before: int | None = None, limit: int = 50) -> CampaignPage:
    """Page through campaigns, newest first."""
    require(scope, permissions.READ_CAMPAIGNS)
    limit = max(1, min(limit, MAX_PAGE))
    query = sa.select(Campaign).order_by(Campaign.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(Campaign.id < before)
    rows = session(scope).scalars(query).all()
    return CampaignPage(tuple(map(campaign_card, rows[:limit])), rows[limit - 1].id if len(rows) > limit else None)


def preview_campaign(scope: Scope, campaign_id: int, *, contact_id: int | None = None) -> PreviewCard:
    """Show a campaign as one contact sees it, with every finding; without a contact as the list's first one. Raises: Missing."""
    return trial.preview(scope, _get(scope, campaign_id), contact_id=contact_id)


def running_states() -> tuple[str, ...]:
    """Name the states in which messages of a campaign may leave."""
    return (State.STARTING, State.SENDING, State.WAITING)


def _get(scope: Scope, campaign_id: int) -> Campaign:
    row = session(scope).get(Campaign, (scope.tenant, campaign_id))
    if row is None:
        raise missing("campaign")
    return row


def campaign_card(row: Campaign) -> CampaignCard:
    """Make the card of a campaign's row."""
    return CampaignCard(
        id=row.id,
        name=row.name,
        state=State(row.state),
        state_reason=row.state_reason,
        resumes_at=row.resumes_at,
        list_id=row.list_id,
        domain_id=row.domain_id,
        pool_id=row.pool_id,
        from_name=row.from_name,
        from_local=row.from_local,
        reply_to=row.reply_to,
        subject=row.subject,
        preheader=row.preheader,
        kind=row.kind,
        html=row.html,
        text=row.text,
        revision_id=row.revision_id,
        created_at=row.created_at,
        started_at=row.started_at,
        expanded_at=row.expanded_at,
        finished_at=row.finished_at,
    )
