"""A person's answer: into the thread of the message that it answers."""

from __future__ import annotations

from posthouse.inbound.mailroom.rules import Effect
from posthouse.inbound.sorters.matter import Matter, message_of
from posthouse.inbound.threads.rules import is_by_person
from posthouse.inbound.threads.services import note_answer
from posthouse.platform.scope import Scope


def sort(scope: Scope, matter: Matter) -> Effect | None:
    """Give an answer to the tenant's inbox. None when no person wrote it."""
    if not is_by_person(matter.understood, matter.role, nobody=matter.nobody):
        return None
    message = message_of(scope, matter)
    if message is None:
        return Effect.NO_SUCH_MESSAGE
    note_answer(scope, mail_id=matter.mail_id, message=message)
    return Effect.ANSWERED
