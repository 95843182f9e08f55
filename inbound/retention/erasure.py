"""Forget an erased person in what came in without being about a message to them: others' mail that names them, the operator's
queue, posts of providers, and the samples of learned rules.

What is about a message of theirs is forgotten with it (`inbound/mailroom/erasure.py`). The queue, the posts and the rules are the
operator's, and lie beside all tenants; so an erasure reaches there whatever tenant asks for it. Addresses are found where they
stand in plain letters; all of it is deleted some months later in any case.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import quote

import sqlalchemy as sa

from posthouse.inbound.mailroom.erasure import BLANK
from posthouse.inbound.mailroom.models import InboundMail
from posthouse.inbound.retention.rules import naming_pattern
from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.platform.events import Handler
from posthouse.platform.jobs import Job, enqueue
from posthouse.platform.scope import Scope
from posthouse.tenants.contacts.erasure import addresses_of
from posthouse.tenants.events import ContactErased

FORGET_JOB = "inbound.forget_person"
RANGE = 1_000
# Once more after that, for what a transaction that was open at the erasure wrote after the first look.
_LAST_LOOK = timedelta(minutes=15)


def _walk(table: str, words: str, condition: str = "true") -> sa.TextClause:
    """Look at the next rows of a table; bytes are read as the letters that they are, whatever else stands among them."""
    return sa.text(
        f"WITH part AS MATERIALIZED (SELECT id, lower({words}) AS words FROM {table} WHERE {condition} AND id > :after ORDER BY id LIMIT :size)"
        " SELECT max(id) AS last, coalesce(array_agg(id) FILTER (WHERE words ~ :naming), '{}') AS ids FROM part"
    )


# A tenant's kept mail is the largest of these: what it was understood to say is looked at, not its bytes.
_IN_MAIL = _walk(
    "inbound_mail", "concat_ws(' ', sender, author, recipient, subject, understood)", "tenant_id = :tenant AND octet_length(raw) > 0"
)
_IN_QUEUE = _walk("unmatched_mail", "concat_ws(' ', sender, author, recipient, subject, understood, encode(raw, 'escape'))")
_IN_POSTS = _walk("provider_report", "concat_ws(' ', url, encode(body, 'escape'))", "octet_length(body) > 0")
_IN_RULES = _walk("learned_rule", "encode(sample, 'escape')")
_FORGET: Mapping[sa.TextClause, str] = {
    _IN_QUEUE: "DELETE FROM unmatched_mail WHERE id = ANY (CAST(:ids AS bigint[]))",
    # That it came stays, so that it does not count again; one that waits is sorted before the last look.
    _IN_POSTS: "UPDATE provider_report SET body = '', url = '' WHERE id = ANY (CAST(:ids AS bigint[])) AND sorted_at IS NOT NULL",
    _IN_RULES: "UPDATE learned_rule SET sample = '' WHERE id = ANY (CAST(:ids AS bigint[]))",
}


def begin(scope: Scope, event: ContactErased) -> None:
    """Have an erased contact forgotten in what came in: now, and once more when all of before has been written down."""
    with transaction(scope):
        for wait in (timedelta(0), _LAST_LOOK):
            key = f"{scope.tenant}.{event.contact_id}.{wait.seconds}"
            enqueue(scope, FORGET_JOB, key=key, run_at=clock.now() + wait, contact_id=event.contact_id, sealed=event.sealed)


def forget_person(scope: Scope, *, contact_id: int, sealed: str) -> None:
    """Forget an erased person in the tenant's mail and in what lies beside all tenants. Harmless when run twice."""
    plain = addresses_of(scope, contact_id, sealed)
    # Whole addresses only: whoever could have `e@example.com` forgotten would otherwise reach everybody's mail about `joe@example.com`.
    naming = "|".join(naming_pattern(one) for one in {*plain, *(quote(one, safe="") for one in plain)})
    _each(scope, _IN_MAIL, naming, None)
    for walk, statement in _FORGET.items():
        _each(scope, walk, naming, sa.text(statement))


def _each(scope: Scope, walk: sa.TextClause, naming: str, forget: sa.TextClause | None) -> None:
    after: int | None = 0
    while after is not None:
        with transaction(scope):
            keys = {"tenant": scope.tenant, "after": after, "size": RANGE, "naming": naming}
            found = session(scope).execute(walk, keys).one()
            after = found.last
            if found.ids and forget is not None:
                session(scope).execute(forget, {"ids": found.ids})
            elif found.ids:
                _blank_mail(scope, found.ids)


def _blank_mail(scope: Scope, ids: list[int]) -> None:
    session(scope).execute(sa.update(InboundMail).where(InboundMail.tenant_id == scope.tenant, InboundMail.id.in_(ids)).values(BLANK))


JOBS = [Job(FORGET_JOB, forget_person)]
HANDLERS = [Handler(ContactErased, "inbound", begin)]
