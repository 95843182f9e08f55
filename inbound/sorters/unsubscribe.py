"""A mail that asks to leave: end the subscription."""

from __future__ import annotations

from posthouse.inbound.mailroom.rules import Effect
from posthouse.inbound.parsing.cards import Kind
from posthouse.inbound.sorters.matter import Matter, message_of
from posthouse.platform.scope import Scope
from posthouse.sending.tracking import services as tracking
from posthouse.tenants.suppressions.services import suppress

SOURCE = "mail"


def sort(scope: Scope, matter: Matter) -> Effect | None:
    """End the subscription; may be repeated. None when nobody asks for it."""
    return leave(scope, matter) if matter.understood.kind is Kind.UNSUBSCRIBE else None


def leave(scope: Scope, matter: Matter) -> Effect:
    """End what the message was sent under: its list, or its stream where it was sent to no contact."""
    message = message_of(scope, matter)
    if message is None:
        return Effect.NO_SUCH_MESSAGE
    done = tracking.unsubscribe(scope, message_id=matter.message_id, source=SOURCE)
    if not done and message.recipient:  # else they were forgotten, and are kept away for good
        suppress(
            scope,
            email=message.recipient,
            reason="unsubscribe",
            source=SOURCE,
            reach="stream",
            stream=message.stream,
            message_id=matter.message_id,
        )
    return Effect.UNSUBSCRIBED
