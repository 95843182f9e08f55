"""Read what tracking needs to know of messages, and what a recipient may change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from posthouse.platform.db import session
from posthouse.platform.scope import Scope
from posthouse.tenants.lists import queries as lists

_FACTS = sa.text(
    "SELECT id, campaign_id, revision_id, list_id, contact_id, domain, email_norm FROM message WHERE tenant_id = :tenant AND id = ANY (:ids)"
)
# A contact that was deleted and brought again is the same person with another id.
_RECIPIENT = sa.text(
    "SELECT id FROM contact WHERE tenant_id = :tenant AND (id = :id OR email_norm = :email) ORDER BY (id = :id) DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """What tracking needs to know of a message."""

    message_id: int
    campaign_id: int | None
    revision_id: int | None
    list_id: int | None
    contact_id: int | None
    domain: str
    email_norm: str


@dataclass(frozen=True, slots=True)
class ChoiceCard:
    """One list that a recipient is on, as the preference page shows it."""

    list_id: int
    name: str
    of_this_message: bool


@dataclass(frozen=True, slots=True)
class PreferencesCard:
    """What a recipient may change, reached by a message of theirs. `single`: it went to them alone, so there is nothing to end."""

    message_id: int
    choices: tuple[ChoiceCard, ...]
    single: bool = False


def facts_of(scope: Scope, message_ids: Sequence[int]) -> Mapping[int, MessageFacts]:
    """Return the facts of those of the tenant's messages that exist, by id."""
    rows = session(scope).execute(_FACTS, {"tenant": scope.tenant, "ids": list(message_ids)})
    return {
        row.id: MessageFacts(row.id, row.campaign_id, row.revision_id, row.list_id, row.contact_id, row.domain, row.email_norm)
        for row in rows
    }


def recipient_of(scope: Scope, facts: MessageFacts) -> int | None:
    """Return the contact that a mailing's recipient is now: the one written to, or another with the same address. None where there is none."""
    if facts.contact_id is None or not facts.email_norm:
        return None
    keys = {"tenant": scope.tenant, "id": facts.contact_id, "email": facts.email_norm}
    return session(scope).execute(_RECIPIENT, keys).scalar_one_or_none()


def get_preferences(scope: Scope, message_id: int) -> PreferencesCard | None:
    """Return the lists that the message's recipient is on; None for an unknown message."""
    facts = facts_of(scope, [message_id]).get(message_id)
    if facts is None:
        return None
    contact_id = recipient_of(scope, facts)
    if contact_id is None:
        return PreferencesCard(message_id, (), single=facts.contact_id is None)
    choices = tuple(
        ChoiceCard(each.list_id, each.list_name, each.list_id == facts.list_id)
        for each in lists.subscriptions_of(scope, contact_id)
        if each.state in {"subscribed", "unconfirmed"}
    )
    return PreferencesCard(message_id, choices)
