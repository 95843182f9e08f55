"""Forget who wrote, or who was written of, in mail about messages whose recipient is forgotten; that it came and what it did stays."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from posthouse.inbound.mailroom.models import InboundMail, UnmatchedMail
from posthouse.platform.db import session, transaction
from posthouse.platform.events import Handler
from posthouse.platform.scope import Scope
from posthouse.sending.messages.events import MessagesForgotten

BATCH = 500
BLANK: dict[str, object] = {"sender": "", "author": "", "subject": "", "peer": "", "understood": {}, "trouble": None, "raw": b""}


def without_person(*, is_forgotten: bool) -> dict[str, object]:
    """Return what is kept instead of a mail's own words: nothing where its message's recipient is forgotten, else the words themselves."""
    return BLANK if is_forgotten else {}


def forget_mail(scope: Scope, event: MessagesForgotten) -> None:
    """Drop the words of mail that came back from forgotten recipients. Harmless when run twice."""
    for start in range(0, len(event.message_ids), BATCH):
        with transaction(scope):
            _blank(scope, event.message_ids[start : start + BATCH])


def _blank(scope: Scope, message_ids: Sequence[int]) -> None:
    mail = sa.update(InboundMail).where(InboundMail.tenant_id == scope.tenant, InboundMail.message_id.in_(message_ids))
    session(scope).execute(mail.values(BLANK))
    session(scope).execute(sa.delete(UnmatchedMail).where(UnmatchedMail.about_message_id.in_(message_ids)))


HANDLERS = [Handler(MessagesForgotten, "mailroom", forget_mail)]
