"""Forward a person's answer to the tenant: a new message of the tenant's own, through the same acceptance as any other."""

from __future__ import annotations

from posthouse.inbound.threads.queries import AnswerCard, get_answer
from posthouse.inbound.threads.rules import forwarded_subject, forwarded_text
from posthouse.inbound.threads.services import FORWARD, note_forwarded
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError, Missing
from posthouse.platform.jobs import Job
from posthouse.platform.scope import Scope
from posthouse.sending.messages.queries import writer_of
from posthouse.sending.transactional.services import SingleMessage, accept
from posthouse.tenants.accounts.queries import get_profile

# The stranger's words come in as fields: they are never taken for a template.
_TEXT = "{{ body }}"
_HTML = '<div style="white-space:pre-wrap">{{ body }}</div>'


def forward_answer(scope: Scope, *, mail_id: int) -> None:
    """Forward one answer once; it stays in the inbox whatever becomes of this, with the reason where it can't be forwarded.

    From and return path are the tenant's own, so that it passes DMARC, and Reply-To is the person. It bears no reply address
    of ours, and what a program answers to it comes back as an automatic answer: it can't go round.
    """
    try:
        with transaction(scope):
            answer = get_answer(scope, mail_id=mail_id)
            message_id = answer.message_id
            _send(scope, answer)
    except Missing:
        return
    except AppError as refusal:
        with transaction(scope):
            note_forwarded(scope, message_id=message_id, trouble=refusal.sentence)


def _send(scope: Scope, answer: AnswerCard) -> None:
    profile = get_profile(scope)
    if profile.replies != "forward" or not profile.replies_to:
        return
    writer = writer_of(scope, answer.message_id)
    letter = SingleMessage(
        to=profile.replies_to,
        from_address=writer.address,
        from_name=writer.name,
        reply_to=answer.answer.address,
        subject="{{ subject }}",
        html=_HTML,
        text=_TEXT,
        fields={"subject": forwarded_subject(answer.answer.subject), "body": forwarded_text(answer.answer)},
    )
    sent = accept(scope, letter, idempotency_key=f"forward-answer-{answer.mail_id}")
    if not sent.repeated:
        note_forwarded(scope, message_id=answer.message_id, trouble="")


JOBS = [Job(FORWARD, forward_answer)]
