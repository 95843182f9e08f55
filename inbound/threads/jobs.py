"""Forward a person's answer to the tenant: a new message of the tenant's own, through the same acceptance as any other."""

from __future__ import annotations

from datetime import timedelta

from posthouse.inbound.threads import forwarding
from posthouse.inbound.threads.queries import AnswerCard, get_answer, get_raw, is_about_a_forward, was_forwarded
from posthouse.inbound.threads.services import FORGET_FORWARDS, FORWARD, forget_forwards, note_forwarded
from posthouse.platform import clock, ids
from posthouse.platform.app import keyring, settings
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError, Invalid, Missing
from posthouse.platform.events import Handler
from posthouse.platform.jobs import Job, enqueue
from posthouse.platform.scope import Scope
from posthouse.sending.messages.events import MessagesForgotten
from posthouse.sending.messages.queries import writer_of
from posthouse.sending.transactional.mime import MimeMessage, accept_mime
from posthouse.tenants.accounts.queries import get_profile

ROUND = "It is a copy of an answer that was forwarded before. The address that answers go to sends them back to us: change it."
_HELD = timedelta(seconds=30)


def forward_answer(scope: Scope, *, mail_id: int) -> None:
    """Forward one answer once; it stays in the inbox whatever becomes of this, with the reason where it can't be forwarded."""
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
    if profile.replies != "forward" or not profile.replies_to or was_forwarded(scope, mail_id=answer.mail_id):
        return
    raw, mark = get_raw(scope, mail_id=answer.mail_id), forwarding.mark_of(keyring(), scope.tenant)
    if forwarding.went_round(raw, mark) or is_about_a_forward(scope, message_id=answer.message_id):
        note_forwarded(scope, message_id=answer.message_id, trouble=ROUND)
        return
    writer = writer_of(scope, answer.message_id)
    envelope = forwarding.Envelope(
        writer_name=writer.name,
        writer_address=writer.address,
        to=profile.replies_to,
        message_id=f"<{ids.encode('eml', answer.mail_id)}@{writer.address.rpartition('@')[2]}>",
        mark=mark,
        at=answer.at,
    )
    copy = _accept(scope, raw, answer, envelope)
    note_forwarded(scope, message_id=answer.message_id, trouble="", mail_id=answer.mail_id, forward_id=copy)


def _accept(scope: Scope, raw: bytes, answer: AnswerCard, envelope: forwarding.Envelope) -> int:
    """Hand in the whole answer, or its words where the whole is too large or has a form that no mail may have. Raises: AppError."""
    made = forwarding.whole(raw, answer.answer, envelope)
    if made is not None and len(made) <= settings().submission_message_bytes:
        try:
            return accept_mime(scope, MimeMessage(raw=made, recipients=[envelope.to], track=[])).copies[0].message_id
        except Invalid:
            pass  # what is wrong with the words too is said of them
    made = forwarding.words(answer.answer, envelope)
    return accept_mime(scope, MimeMessage(raw=made, recipients=[envelope.to], track=[])).copies[0].message_id


def forget_answers(scope: Scope, event: MessagesForgotten) -> None:
    """Forget the copies of answers that a forgotten person wrote. Harmless when run twice."""
    forget_copies(scope, message_ids=event.message_ids)


def forget_copies(scope: Scope, *, message_ids: list[int]) -> None:
    """Forget forwarded copies of the answers to these messages; one that a worker holds is looked for again. Harmless when run twice."""
    with transaction(scope):
        if forget_forwards(scope, message_ids=message_ids):
            enqueue(scope, FORGET_FORWARDS, run_at=clock.now() + _HELD, message_ids=message_ids)


JOBS = [Job(FORWARD, forward_answer), Job(FORGET_FORWARDS, forget_copies)]
HANDLERS = [Handler(MessagesForgotten, "forwarded_answers", forget_answers)]
