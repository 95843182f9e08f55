"""Freezes what a campaign says into a revision that is never changed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import sqlalchemy as sa

from posthouse.platform.db import session
from posthouse.platform.errors import Invalid
from posthouse.platform.scope import Scope
from posthouse.sending.campaigns import trial
from posthouse.sending.campaigns.models import Campaign, CampaignRevision
from posthouse.sending.content.letters import MARKETING
from posthouse.sending.domains.models import SendingDomain
from posthouse.sending.errors import content_refused
from posthouse.tenants.lists import queries as lists

WRITTEN = ("list_id", "domain_id", "from_name", "from_local", "reply_to", "subject", "preheader", "kind", "html", "text")
TEST_MARK = "[Test] "


def freeze(scope: Scope, row: Campaign, domain: SendingDomain) -> int:
    """Compile a campaign into its next revision; returns the revision's id. Raises: Invalid with every finding."""
    if row.list_id is None:
        raise Invalid("list_missing", "Choose the list that gets this campaign.", field="list_id")
    written, compiled = _compiled(scope, row, contact_id=None)
    last = session(scope).scalar(sa.select(sa.func.max(CampaignRevision.number)).where(CampaignRevision.campaign_id == row.id))
    return _stored(scope, row, domain, written, compiled, campaign_id=row.id, number=(last or 0) + 1)


def for_test(scope: Scope, row: Campaign, domain: SendingDomain, *, contact_id: int | None) -> int:
    """Compile a campaign as it stands for a test; the same letter gives the same revision. Raises: Invalid with every finding."""
    written, compiled = _compiled(scope, row, contact_id=contact_id)
    compiled["subject"] = TEST_MARK + compiled["subject"]
    query = sa.select(CampaignRevision.id).where(
        CampaignRevision.campaign_id.is_(None), CampaignRevision.content_hash == _hash(domain, written, compiled)
    )
    known = session(scope).scalars(query).one_or_none()
    return known if known is not None else _stored(scope, row, domain, written, compiled, campaign_id=None, number=1)


def _compiled(scope: Scope, row: Campaign, *, contact_id: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
    outcome, letter = trial.compile_campaign(scope, row, contact_id=contact_id)
    if outcome.compiled is None:
        raise content_refused(outcome.problems)
    written = {field: getattr(row, field) for field in WRITTEN}
    written |= {"sender_name": letter.sender_name, "postal_address": letter.postal_address}
    written["list_name"] = lists.get_list(scope, row.list_id).name if row.list_id is not None else ""
    return written, outcome.compiled.to_json()


def _hash(domain: SendingDomain, written: dict[str, Any], compiled: dict[str, Any]) -> bytes:
    return hashlib.sha256(json.dumps([domain.domain, written, compiled], sort_keys=True).encode()).digest()


def _stored(
    scope: Scope,
    row: Campaign,
    domain: SendingDomain,
    written: dict[str, Any],
    compiled: dict[str, Any],
    *,
    campaign_id: int | None,
    number: int,
) -> int:
    revision = CampaignRevision(
        campaign_id=campaign_id,
        number=number,
        stream=MARKETING,
        content_hash=_hash(domain, written, compiled),
        source=written,
        compiled=compiled,
        domain_id=domain.id,
        list_id=row.list_id,
        from_name=row.from_name,
        from_address=f"{row.from_local}@{domain.domain}",
        reply_to=row.reply_to,
    )
    session(scope).add(revision)
    session(scope).flush()
    return revision.id
