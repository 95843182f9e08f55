"""Read which mailbox provider a domain belongs to: from memory nearly always, learnt by the claim's one question about what is new."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.platform.statements import array, rows
from posthouse.sending.mailboxes import rules
from posthouse.sending.mailboxes.models import MailboxDomain, MailboxGroup
from posthouse.sending.mailboxes.rules import OTHER, Book, Group
from posthouse.sending.pools import permissions

BOOK_SECONDS = 10.0
LEARNT_SECONDS = 600.0
MOST_LEARNT = 100_000
_KNOWN = "SELECT domain, mx FROM mailbox_domain WHERE domain = ANY (CAST(%(domains)s AS text[]))"
# A domain met for the first time is to be asked about; by the job, not here.
_ASK = (
    "INSERT INTO mailbox_domain (domain, mx, asked_at) SELECT u.domain, '', %(now)s FROM unnest(CAST(%(domains)s AS text[])) AS u (domain)"
    " ORDER BY u.domain ON CONFLICT (domain) DO NOTHING"
)


@dataclass(slots=True)
class _Memory:
    """What this process knows of the tables, and until when that counts."""

    book: Book | None = None
    book_until: float = 0.0
    learnt: dict[str, str] = field(default_factory=dict)  # the server that takes a domain's mail
    learnt_until: float = 0.0


_memory = _Memory()


def forget() -> None:
    """Forget what this process remembers; for those who change it."""
    _memory.book, _memory.learnt = None, {}


def current(scope: Scope) -> Book:
    """Return all groups as they are now; changes are noticed within ten seconds."""
    now = clock.monotonic()
    if _memory.book is None or now >= _memory.book_until:
        _memory.book, _memory.book_until = rules.book(_groups(scope).values()), now + BOOK_SECONDS
    return _memory.book


def _groups(scope: Scope) -> dict[str, Group]:
    changed = {
        row.key: Group(row.key, row.name, tuple(row.domains), tuple(row.mx)) for row in rows(scope, "SELECT * FROM mailbox_group", {})
    }
    return {**rules.built_in(), **changed}


def groups_of(scope: Scope, domains: Iterable[str], *, ask: bool = True) -> dict[str, str]:
    """Return the group of each domain; what is met for the first time is "other" until the job has asked for its servers. For workers.

    `ask` False leaves unknown domains unasked, for those who hold locks that a claim may wait for.
    """
    book = current(scope)
    found, new = {}, []
    for domain in set(domains):
        key = book.by_name(domain)
        if key is not None:
            found[domain] = key
        else:
            new.append(domain)
    if new:
        learnt = _learn(scope, new, ask=ask)
        found |= {domain: book.by_mx(learnt[domain]) if learnt[domain] else OTHER for domain in new}
    return found


def _learn(scope: Scope, domains: list[str], *, ask: bool) -> dict[str, str]:
    now = clock.monotonic()
    if now >= _memory.learnt_until or len(_memory.learnt) > MOST_LEARNT:
        _memory.learnt, _memory.learnt_until = {}, now + LEARNT_SECONDS
    learnt = _memory.learnt
    strange = [domain for domain in domains if domain not in learnt]
    if strange:
        known = {row.domain: row.mx for row in rows(scope, _KNOWN, {"domains": array(strange)})}
        unasked = [domain for domain in strange if domain not in known]
        if unasked and ask:
            rows(scope, _ASK, {"domains": array(unasked), "now": clock.now()})
        learnt.update({domain: known.get(domain, "") for domain in strange if ask or domain in known})
    return {domain: learnt.get(domain, "") for domain in domains}


@dataclass(frozen=True, slots=True)
class GroupCard:
    """A mailbox provider as the operator sees it. `changed`: not as it came along; `own`: added by the operator."""

    group: Group
    changed: bool
    own: bool
    learnt: int  # domains that belong to it by their servers


def list_groups(scope: Scope) -> list[GroupCard]:
    """List all mailbox providers by name."""
    require(scope, permissions.MANAGE)
    groups = _groups(scope)
    changed = set(session(scope).execute(sa.select(MailboxGroup.key)).scalars())
    book = rules.book(groups.values())
    counts: dict[str, int] = {}
    query = sa.select(MailboxDomain.mx, sa.func.count()).where(MailboxDomain.mx != "").group_by(MailboxDomain.mx).limit(10_000)
    for host, count in session(scope).execute(query):
        key = book.by_mx(host)
        counts[key] = counts.get(key, 0) + count
    cards = [GroupCard(group, key in changed, key not in rules.built_in(), counts.get(key, 0)) for key, group in groups.items()]
    return sorted(cards, key=lambda card: card.group.name.casefold())


def names(scope: Scope) -> dict[str, str]:
    """Return what people call each group, by key."""
    return dict(current(scope).names)
