"""Change mailbox providers, and keep what was learnt of domains."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from posthouse.platform import audit, clock
from posthouse.platform.db import session
from posthouse.platform.errors import Invalid, missing
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending.mailboxes import queries, rules
from posthouse.sending.mailboxes.models import MailboxDomain, MailboxGroup
from posthouse.sending.mailboxes.rules import Group
from posthouse.sending.pools import permissions

LEARN_AGAIN = timedelta(days=30)


def set_group(scope: Scope, group: Group) -> None:
    """Add a mailbox provider, or change one; workers notice within seconds. Raises: Invalid."""
    require(scope, permissions.MANAGE)
    checked = rules.check(group)
    _check_names(scope, checked)
    values = {"key": checked.key, "name": checked.name, "domains": list(checked.domains), "mx": list(checked.mx)}
    session(scope).execute(insert(MailboxGroup).values(values).on_conflict_do_update(index_elements=["key"], set_=values))
    queries.forget()
    audit.record(scope, verb="mailboxes.set", subject="mailbox_group", key=checked.key, name=checked.name)


def reset_group(scope: Scope, *, key: str) -> None:
    """Take a change back: a provider that came along is as it was, one that was added is gone. Raises: Missing."""
    require(scope, permissions.MANAGE)
    gone = session(scope).execute(sa.delete(MailboxGroup).where(MailboxGroup.key == key).returning(MailboxGroup.key)).first()
    if gone is None:
        raise missing("mailbox provider")
    queries.forget()
    audit.record(scope, verb="mailboxes.reset", subject="mailbox_group", key=key)


def _check_names(scope: Scope, group: Group) -> None:
    """A domain belongs to one provider."""
    for card in queries.list_groups(scope):
        other = card.group
        for field in ("domains", "mx"):
            both = set(getattr(group, field)) & set(getattr(other, field))
            if other.key != group.key and both:
                raise Invalid("group_overlaps", f"“{min(both)}” belongs to {other.name} already. Take it away there first.", field=field)


def unlearnt(scope: Scope, *, most: int) -> list[str]:
    """Return domains whose servers nobody has asked for yet, or long ago."""
    since = clock.now() - LEARN_AGAIN
    query = sa.select(MailboxDomain.domain).where(sa.or_(MailboxDomain.looked_at.is_(None), MailboxDomain.looked_at < since))
    return list(session(scope).execute(query.order_by(MailboxDomain.looked_at.nulls_first(), MailboxDomain.asked_at).limit(most)).scalars())


def keep(scope: Scope, learnt: Mapping[str, str]) -> None:
    """Keep which server takes each domain's mail; empty where there is none. May be repeated."""
    for domain, host in sorted(learnt.items()):
        values = {"mx": host[:253], "looked_at": clock.now()}
        session(scope).execute(sa.update(MailboxDomain).where(MailboxDomain.domain == domain).values(values))
