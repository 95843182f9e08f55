"""A complaint: note it, and write to the person no more."""

from __future__ import annotations

from posthouse.inbound.mailroom.rules import Effect
from posthouse.inbound.parsing.cards import Kind
from posthouse.inbound.sorters import unsubscribe
from posthouse.inbound.sorters.matter import Matter, message_of
from posthouse.platform.scope import Scope
from posthouse.sending.messages.services import record_complaint, take_back_complaint

SOURCE = "feedback"
TAKEN_BACK = "not-spam"
"""RFC 6430: the person says the contrary of a complaint."""
NO_COMPLAINT = "auth-failure"
"""RFC 6591: it concerns a domain and no person."""


def sort(scope: Scope, matter: Matter) -> Effect | None:
    """Note the complaint once; toward an automatic stop it counts only from a listed source (H3). An opt-out is an unsubscription. None when this is no complaint."""
    feedback = matter.understood.feedback
    if matter.understood.kind is not Kind.COMPLAINT or feedback is None:
        return None
    if message_of(scope, matter) is None:
        return Effect.NO_SUCH_MESSAGE
    if feedback.kind == NO_COMPLAINT:
        return Effect.NONE
    if feedback.kind == TAKEN_BACK:
        taken_back = take_back_complaint(scope, matter.message_id, text=f"{feedback.kind}, reported by {feedback.reporter or 'a provider'}")
        return Effect.TAKEN_BACK if taken_back else Effect.NONE
    if feedback.kind == "opt-out":
        return unsubscribe.leave(scope, matter)
    words = f"{feedback.kind}, reported by {feedback.reporter or 'a provider'}"
    noted = record_complaint(scope, matter.message_id, SOURCE, text=words, counts=matter.listed)
    return Effect.COMPLAINED if noted else Effect.REPEATED
