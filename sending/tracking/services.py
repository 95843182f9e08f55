"""Record what recipients do with messages, and let them change what they get: the only place that does."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.jobs import enqueue
from posthouse.platform.scope import Actor, Scope, for_tenant
from posthouse.sending.campaigns import counting
from posthouse.sending.campaigns.counting import Tally
from posthouse.sending.messages import history
from posthouse.sending.messages.history import Happening
from posthouse.sending.tokens import TokenClaims
from posthouse.sending.tracking import engagement
from posthouse.sending.tracking.hits import Hit
from posthouse.sending.tracking.queries import MessageFacts, facts_of, recipient_of
from posthouse.tenants.accounts.queries import place_of
from posthouse.tenants.lists import queries as list_queries
from posthouse.tenants.lists import services as lists
from posthouse.tenants.suppressions.services import suppress

SORT_JOB = "sending.sort_hits"
CLOSED = frozenset({"closed"})

_INSERT = sa.text(
    "INSERT INTO tracking_hit (for_tenant_id, message_id, kind, revision_id, link, machine, at)"
    " SELECT * FROM unnest(CAST(:tenants AS bigint[]), CAST(:messages AS bigint[]), CAST(:kinds AS text[]), CAST(:revisions AS bigint[]),"
    " CAST(:links AS integer[]), CAST(:machines AS text[]), CAST(:ats AS timestamptz[]))"
)


def record_batch(scope: Scope, hits: Sequence[Hit]) -> None:
    """Keep a group of visits in one statement, from an edge's scope without a tenant; a job sorts them to their tenants."""
    if not hits:
        return
    values = {
        "tenants": [hit.tenant_id for hit in hits],
        "messages": [hit.message_id for hit in hits],
        "kinds": [hit.kind for hit in hits],
        "revisions": [hit.revision_id for hit in hits],
        "links": [hit.link for hit in hits],
        "machines": [hit.machine for hit in hits],
        "ats": [hit.at for hit in hits],
    }
    session(scope).execute(_INSERT, values)
    enqueue(scope, SORT_JOB, key="all")


def recipients_scope(scope: Scope, claims: TokenClaims) -> Scope | None:
    """Return the scope in which the recipient named by a genuine token acts; None where the tenant is gone.

    `scope` is an edge's without a tenant, in whose open transaction the tenant is looked up.
    """
    place = place_of(scope, claims.tenant_id)
    if place is None or place.state in CLOSED:
        return None
    actor = Actor("recipient", claims.message_id, "recipient")
    return for_tenant(
        reseller_id=place.reseller_id, tenant_id=claims.tenant_id, actor=actor, reason="a link in a message", request_id=scope.request_id
    )


def unsubscribe(scope: Scope, *, message_id: int, everything: bool = False, source: str = "link") -> bool:
    """End the recipient's subscription to the message's list, or to all marketing; may be repeated.

    `source` is link, one_click or mail. Returns whether the message was found; an unknown one, or one that went to a single
    person, changes nothing. It holds for the address, also where contact or list were deleted since.
    """
    facts = facts_of(scope, [message_id]).get(message_id)
    if facts is None or facts.contact_id is None:
        return False
    list_id = None if everything else _present_list(scope, facts)
    contact_id = recipient_of(scope, facts)
    if contact_id is not None:
        lists.unsubscribe(scope, contact_id=contact_id, list_id=list_id, source=source, message_id=message_id)
    elif facts.email_norm:  # else they were forgotten, and are kept away for good
        _suppress(scope, facts, list_id, source)
    _count_unsubscribe(scope, facts)
    return True


def _present_list(scope: Scope, facts: MessageFacts) -> int | None:
    """Return the message's list; None where it is gone: then the wish to get no more can only be kept for everything."""
    return facts.list_id if any(card.id == facts.list_id for card in list_queries.list_lists(scope)) else None


def _suppress(scope: Scope, facts: MessageFacts, list_id: int | None, source: str) -> None:
    reach = "stream" if list_id is None else "list"
    suppress(
        scope,
        email=facts.email_norm,
        reason="unsubscribe",
        source=source,
        reach=reach,
        list_id=list_id,
        stream="marketing" if list_id is None else None,
        message_id=facts.message_id,
    )


def set_preferences(scope: Scope, *, message_id: int, keep_list_ids: Collection[int], source: str = "preferences") -> bool:
    """Keep the recipient subscribed to these of their present lists and end the others; may be repeated. Lists they were not on stay so."""
    facts = facts_of(scope, [message_id]).get(message_id)
    contact_id = recipient_of(scope, facts) if facts is not None else None
    if facts is None or contact_id is None:
        return False
    for subscription in list_queries.subscriptions_of(scope, contact_id):
        if subscription.state in {"subscribed", "unconfirmed"} and subscription.list_id not in keep_list_ids:
            lists.unsubscribe(scope, contact_id=contact_id, list_id=subscription.list_id, source=source, message_id=message_id)
            if subscription.list_id == facts.list_id:
                _count_unsubscribe(scope, facts)
    return True


def _count_unsubscribe(scope: Scope, facts: MessageFacts) -> None:
    now = clock.now()
    first = engagement.add(scope, {(facts.message_id, "unsubscribe"): engagement.Visits(people=1, first_at=now, last_at=now)})
    if not first:
        return
    history.add(scope, [Happening(facts.message_id, counting.UNSUBSCRIBED, now)])
    if facts.campaign_id is not None:
        counting.add(scope, [Tally(campaign_id=facts.campaign_id, kind=counting.UNSUBSCRIBED, at=now, domain=facts.domain)])
