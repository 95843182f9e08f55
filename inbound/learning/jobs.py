"""Sort waiting mail again after a rule was activated: each mail in its own transaction, its effect once."""

from __future__ import annotations

import sqlalchemy as sa

from posthouse.inbound.learning import reading
from posthouse.inbound.learning.services import SORT_AGAIN
from posthouse.inbound.mailroom.models import UnmatchedMail
from posthouse.inbound.mailroom.rules import facts_of
from posthouse.inbound.mailroom.sort import Mailroom
from posthouse.inbound.spool.files import Envelope
from posthouse.platform import clock
from posthouse.platform.app import keyring
from posthouse.platform.db import session, transaction
from posthouse.platform.jobs import Job, enqueue
from posthouse.platform.scope import Scope, system
from posthouse.sending.tokens import Mint

BATCH = 200


def sort_again(scope: Scope, *, rule_id: int, after: int) -> None:
    """Look at the waiting mails above `after` again, some hundred at a time; may be run twice and stopped anywhere."""
    reading.forget()
    with transaction(scope):
        waiting = sa.select(UnmatchedMail.id).where(UnmatchedMail.id > after, UnmatchedMail.settled_at.is_(None))
        names = list(session(scope).scalars(waiting.order_by(UnmatchedMail.id).limit(BATCH)))
    mailroom = Mailroom(Mint(keyring()))
    for mail_id in names:
        _sort_one(mailroom, mail_id)
    if len(names) == BATCH:
        with transaction(scope):
            enqueue(scope, SORT_AGAIN, key=f"{rule_id}:{names[-1]}", rule_id=rule_id, after=names[-1])


def _sort_one(mailroom: Mailroom, mail_id: int) -> None:
    scope = system("unmatched mail")
    with transaction(scope):
        row = session(scope).get(UnmatchedMail, mail_id)
        if row is None or row.settled_at is not None:
            return
        envelope = Envelope(row.sender, (row.recipient,) if row.recipient else (), row.peer, "", "again", row.received_at)
        content, key, checks = row.raw, row.fingerprint, row.understood.get("checks", [])
        known = (row.kind, row.rule, row.understood)
    understood = reading.read(content, envelope.recipients)
    facts = {**facts_of(understood), "checks": checks}  # how it proved itself was examined when it came
    if (understood.kind, understood.rule, facts) == known:
        return
    settled = mailroom.sort_again(envelope, content, key)
    with transaction(scope):
        values = {"kind": understood.kind, "rule": understood.rule, "understood": facts}
        when = {"settled_at": clock.now()} if settled else {}
        session(scope).execute(sa.update(UnmatchedMail).where(UnmatchedMail.id == mail_id).values(**values, **when))


JOBS = [Job(SORT_AGAIN, sort_again)]
