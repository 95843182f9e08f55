"""Forget an erased person in what came in without being about a message to them: others' mail that names them, the operator's
queue, posts of providers, and the samples of learned rules.

What is about a message of theirs is forgotten with it (`inbound/mailroom/erasure.py`). The queue, the posts and the rules are the
operator's, and lie beside all tenants; so an erasure reaches there whatever tenant asks for it. In the queue and in the samples
addresses are found beneath the encodings of mail too. What comes in later and belongs to no tenant is compared with keyed
hashes (`forgotten.py`); all of it is deleted some months later in any case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from urllib.parse import quote

import sqlalchemy as sa

from posthouse.inbound.mailroom.erasure import BLANK
from posthouse.inbound.mailroom.models import InboundMail
from posthouse.inbound.retention import files
from posthouse.inbound.retention.decoding import ENCODED, decoded
from posthouse.inbound.retention.forgotten import remember
from posthouse.inbound.retention.rules import naming_pattern
from posthouse.platform import clock
from posthouse.platform.app import settings
from posthouse.platform.db import session, transaction
from posthouse.platform.events import Handler
from posthouse.platform.jobs import Job, enqueue
from posthouse.platform.scope import Scope
from posthouse.tenants.contacts.erasure import addresses_of
from posthouse.tenants.events import ContactErased

FORGET_JOB = "inbound.forget_person"
FORGET_FILES_JOB = "inbound.forget_person_in_files"
RANGE = 1_000
# Once more after that, for what a transaction that was open at the erasure wrote after the first look.
_LAST_LOOK = timedelta(minutes=15)


def _walk(table: str, words: str, condition: str = "true") -> sa.TextClause:
    """Look at the next rows of a table; bytes are read as the letters that they are, whatever else stands among them."""
    return sa.text(
        f"WITH part AS MATERIALIZED (SELECT id, lower({words}) AS words FROM {table} WHERE {condition} AND id > :after ORDER BY id LIMIT :size)"
        " SELECT max(id) AS last, coalesce(array_agg(id) FILTER (WHERE words ~ :naming), '{}') AS ids,"
        " coalesce(array_agg(id) FILTER (WHERE words !~ :naming AND words ~ :encoded), '{}') AS encoded FROM part"
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
# Where a whole mail is kept, of which the plain bytes may not say all.
_RAW: Mapping[sa.TextClause, sa.TextClause] = {
    _IN_QUEUE: sa.text("SELECT raw FROM unmatched_mail WHERE id = :id"),
    _IN_RULES: sa.text("SELECT sample FROM learned_rule WHERE id = :id"),
}


def begin(scope: Scope, event: ContactErased) -> None:
    """Have an erased contact forgotten in what came in: now, and once more when all of before has been written down."""
    with transaction(scope):
        for wait in (timedelta(0), _LAST_LOOK):
            key = f"{scope.tenant}.{event.contact_id}.{wait.seconds}"
            for kind in (FORGET_JOB, FORGET_FILES_JOB):
                enqueue(scope, kind, key=key, run_at=clock.now() + wait, contact_id=event.contact_id, sealed=event.sealed)


def forget_person(scope: Scope, *, contact_id: int, sealed: str) -> None:
    """Forget an erased person in the tenant's mail and in what lies beside all tenants. Harmless when run twice."""
    plain = addresses_of(scope, contact_id, sealed)
    with transaction(scope):
        remember(scope, plain)
    naming = _naming(plain)
    _each(scope, _IN_MAIL, naming, None)
    for walk, statement in _FORGET.items():
        _each(scope, walk, naming, sa.text(statement))


def forget_person_in_files(scope: Scope, *, contact_id: int, sealed: str) -> None:
    """Blank an erased person's address in accounting files that were taken in. Harmless when run twice."""
    named = re.compile(_naming(addresses_of(scope, contact_id, sealed)), re.IGNORECASE)
    for path in files.done_files(settings().data / "accounting"):
        files.rewrite(path, lambda line: named.sub("", line))


def _naming(plain: Iterable[str]) -> str:
    # Whole addresses only: whoever could have `e@example.com` forgotten would otherwise reach everybody's mail about `joe@example.com`.
    return "|".join(naming_pattern(one) for one in sorted({*plain, *(quote(one, safe="") for one in plain)}))


def _each(scope: Scope, walk: sa.TextClause, naming: str, forget: sa.TextClause | None) -> None:
    after: int | None = 0
    while after is not None:
        with transaction(scope):
            keys = {"tenant": scope.tenant, "after": after, "size": RANGE, "naming": naming, "encoded": ENCODED}
            found = session(scope).execute(walk, keys).one()
            after = found.last
            ids = [*found.ids, *_beneath(scope, walk, found.encoded, naming)]
            if ids and forget is not None:
                session(scope).execute(forget, {"ids": ids})
            elif ids:
                _blank_mail(scope, ids)


def _beneath(scope: Scope, walk: sa.TextClause, ids: Sequence[int], naming: str) -> list[int]:
    """Return which of these mails name the person beneath their encodings; one is in memory at a time."""
    if walk not in _RAW:
        return []
    found = re.compile(naming)
    raws = ((one, session(scope).execute(_RAW[walk], {"id": one}).scalar_one_or_none()) for one in ids)
    return [one for one, raw in raws if raw and any(found.search(text.lower()) for text in decoded(bytes(raw)))]


def _blank_mail(scope: Scope, ids: list[int]) -> None:
    session(scope).execute(sa.update(InboundMail).where(InboundMail.tenant_id == scope.tenant, InboundMail.id.in_(ids)).values(BLANK))


JOBS = [Job(FORGET_JOB, forget_person), Job(FORGET_FILES_JOB, forget_person_in_files)]
HANDLERS = [Handler(ContactErased, "inbound", begin)]
