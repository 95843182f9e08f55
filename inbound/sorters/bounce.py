"""A bounce: note it at the message it names."""

from __future__ import annotations

from posthouse.inbound.mailroom.rules import Effect, choose_outcome, is_late
from posthouse.inbound.parsing.cards import Kind, Outcome
from posthouse.inbound.sorters.matter import Matter, message_of
from posthouse.platform import clock
from posthouse.platform.scope import Scope
from posthouse.sending.messages.services import record_bounce
from posthouse.sending.replies.cards import Action, Classification

SOURCE = "bounce"


def sort(scope: Scope, matter: Matter) -> Effect | None:
    """Note the outcome once; a late report changes nothing, one of a delay goes to the history. None when this is no bounce."""
    if matter.understood.kind is not Kind.BOUNCE:
        return None
    message = message_of(scope, matter)
    if message is None:
        return Effect.NO_SUCH_MESSAGE
    outcome = choose_outcome(matter.understood.outcomes, message.recipient)
    if outcome is None or outcome.action not in (Action.FAILED, Action.DELAYED):
        return Effect.NONE
    if is_late(message.settled_at, clock.now()):
        return Effect.LATE
    noted = record_bounce(scope, matter.message_id, classification_of(outcome), SOURCE, text=outcome.text)
    if outcome.action == Action.DELAYED:
        return Effect.NONE
    return Effect.BOUNCED if noted else Effect.REPEATED


def classification_of(outcome: Outcome) -> Classification:
    """A report's outcome in the classifier's words."""
    return Classification(
        Action(outcome.action),
        outcome.status,
        outcome.class_,
        outcome.reason,
        hard=outcome.hard,
        suppress=outcome.suppress,
        rule=outcome.rule,
    )
