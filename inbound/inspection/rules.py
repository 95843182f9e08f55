"""Foretell what a mail would do, in the sorters' own order: pure."""

from __future__ import annotations

from datetime import datetime

from posthouse.inbound.mailroom.rules import Effect, choose_outcome, is_late
from posthouse.inbound.parsing.cards import Kind, Understood
from posthouse.inbound.sorters.complaint import NO_COMPLAINT, TAKEN_BACK
from posthouse.inbound.threads.rules import is_by_person
from posthouse.sending.messages.queries import MessageCard
from posthouse.sending.replies.cards import Action


def foretell(understood: Understood, message: MessageCard | None, now: datetime) -> Effect:
    """What the mailroom would do with a mail about this message; None is a message that is gone or was never given to anybody."""
    answered = is_by_person(understood, "", nobody=False)
    if understood.kind not in (Kind.BOUNCE, Kind.COMPLAINT, Kind.UNSUBSCRIBE) and not answered:
        return Effect.NONE
    if message is None or (message.state == "queued" and message.attempts == 0):
        return Effect.NO_SUCH_MESSAGE
    if answered:
        return Effect.ANSWERED
    if understood.kind is Kind.BOUNCE:
        return _of_bounce(understood, message, now)
    if understood.kind is Kind.UNSUBSCRIBE:
        return Effect.UNSUBSCRIBED
    return _of_complaint(understood, message)


def _of_bounce(understood: Understood, message: MessageCard, now: datetime) -> Effect:
    outcome = choose_outcome(understood.outcomes, message.recipient)
    if outcome is None or outcome.action not in (Action.FAILED, Action.DELAYED):
        return Effect.NONE
    if is_late(message.settled_at, now):
        return Effect.LATE
    if outcome.action == Action.DELAYED:
        return Effect.NONE
    return Effect.REPEATED if message.bounced_at else Effect.BOUNCED


def _of_complaint(understood: Understood, message: MessageCard) -> Effect:
    kind = understood.feedback.kind if understood.feedback else ""
    if kind in ("", NO_COMPLAINT):
        return Effect.NONE
    if kind == TAKEN_BACK:
        return Effect.TAKEN_BACK if message.complained_at else Effect.NONE
    if kind == "opt-out":
        return Effect.UNSUBSCRIBED
    return Effect.REPEATED if message.complained_at else Effect.COMPLAINED
