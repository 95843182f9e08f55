"""What a provider's event means for one of our messages: pure."""

from __future__ import annotations

import hashlib

from posthouse.inbound.parsing.cards import Feedback, Ids, Kind, Outcome, Understood
from posthouse.inbound.parsing.ids import tokens_in
from posthouse.inbound.providers.cards import EventType, ProviderEvent, RejectReason
from posthouse.sending.replies.rulebook import reasons
from posthouse.sending.replies.rules import classify

_FAILURES = (EventType.BOUNCED, EventType.REJECTED, EventType.FAILED, EventType.DEFERRED)
# A refusal before sending comes from the provider's own list, so it says nothing new of the mailbox.
_LISTED = {RejectReason.BOUNCED, RejectReason.SPAM, RejectReason.UNSUBSCRIBED, RejectReason.BLOCKED}
_SAYS_NOTHING = ("undefined", "onhold")


def understand(provider: str, event: ProviderEvent) -> Understood | None:
    """What an event says, in the words of mail that comes back; None for what changes nothing (deliveries, opens, clicks)."""
    facts = {"sender": provider, "subject": f"{provider}: {event.type}", "ids": Ids(tokens=tokens_in(event.hints)), "automatic": True}
    rule = f"{provider}-{event.type}"
    if event.type is EventType.COMPLAINED:
        feedback = Feedback(event.category or "abuse", recipients=(event.recipient,) if event.recipient else (), reporter=provider)
        return Understood(Kind.COMPLAINT, rule, feedback=feedback, **facts)  # type: ignore[arg-type]
    if event.type is EventType.UNSUBSCRIBED:
        return Understood(Kind.UNSUBSCRIBE, rule, **facts)  # type: ignore[arg-type]
    if event.type in _FAILURES:
        return Understood(Kind.BOUNCE, rule, outcomes=(_outcome(event, rule),), **facts)  # type: ignore[arg-type]
    return None


def _outcome(event: ProviderEvent, rule: str) -> Outcome:
    told = classify(0, None, event.text)
    delayed = event.type is EventType.DEFERRED
    reason, hard, suppress = told.reason, told.hard, told.suppress
    if event.type is EventType.REJECTED and event.reason in _LISTED:
        reason, hard, suppress = "suppressed", False, False
    elif reason in _SAYS_NOTHING and event.category in reasons():
        known = reasons()[event.category]
        reason, hard, suppress = known.name, known.hard, known.suppress
    elif reason in _SAYS_NOTHING and event.permanent:
        # Final, says the provider, and not why: nobody is written to again, but nobody is declared gone either.
        reason, hard, suppress = "filtered", False, True
    final = not delayed and event.permanent is not False
    return Outcome(
        recipient=event.recipient or None,
        action="delayed" if delayed else "failed",
        status=told.status,
        class_=4 if delayed else told.class_ or 5,
        reason=reason,
        hard=hard,
        suppress=suppress and final,
        text=" ".join(event.text.split())[:500],
        rule=rule,
    )


def event_fingerprint(provider: str, event: ProviderEvent) -> bytes:
    """32 bytes that are the same for the same event: by the provider's own id where it has one, else by everything that it says."""
    said = event.event_id or "\0".join((event.message_id, str(event.at), event.text, event.hints))
    return hashlib.sha256("\0".join((provider, str(event.type), event.recipient.lower(), said)).encode("utf-8", "replace")).digest()
