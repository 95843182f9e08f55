"""Say of messages, in words, why they are where they are, what can be done, and when they go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from posthouse.platform.scope import Scope
from posthouse.sending.campaigns.report import RecipientCard
from posthouse.sending.delivery.circumstances import Circumstances
from posthouse.sending.delivery.gate import FITS_NOWHERE
from posthouse.sending.delivery.holds import HoldCard
from posthouse.sending.messages.erasure import ERASED
from posthouse.sending.messages.queries import MessageCard, get_messages
from posthouse.sending.replies.rulebook import reasons
from posthouse.sending.replies.rules import classify
from posthouse.tenants.suppressions.queries import suppressions_of


@dataclass(frozen=True, slots=True)
class Why:
    """A stable code, a sentence, what to do (empty where there is nothing), and when it goes on (None: final, or nobody knows)."""

    code: str
    sentence: str
    advice: str = ""
    until: datetime | None = None


_SUPPRESSED = {
    "soft_bounce": "Messages to this address came back too often of late.",
    "hard_bounce": "A message to this address came back before: the mailbox doesn't exist.",
    "complaint": "This person called a message unwanted before.",
    "unsubscribe": "This person has unsubscribed.",
    "manual": "The address was put on the suppression list by hand.",
}
_BY_ITSELF = "It goes on by itself."
IN_LINE = Why("in_line", "It is due and in line; it leaves as soon as a connection is free.")
_MEND = {
    "userunknown": "Remove the address, or ask the person for the right one.",
    "hostunknown": "Look for a typing mistake in the domain.",
    "mailboxfull": "The person must make room; try again in a few days.",
    "authfailure": "Publish the records of your sending domain: see Domains.",
    "blocked": "The server refuses the sender's network. Ask your provider.",
    "spamdetected": "Change the letter: the recipient's filter takes it for spam.",
    "toobig": "Make the letter smaller.",
    "mesgtoobig": "Make the letter smaller.",
}


def explain(scope: Scope, message: MessageCard) -> Why:
    """Explain the present state of one of the tenant's messages."""
    return explain_all(scope, [message])[message.id]


def explain_all(scope: Scope, messages: Sequence[MessageCard]) -> dict[int, Why]:
    """Explain the present state of some of the tenant's messages, by their ids."""
    around = Circumstances(scope, messages)
    return {message.id: _explain(around, message) for message in messages}


def explain_recipients(scope: Scope, cards: Sequence[RecipientCard]) -> dict[int, Why]:
    """Explain the messages of a campaign's recipients that haven't simply arrived, by the messages' ids."""
    asked = [one.message_id for one in cards if one.message_id is not None and (one.state != "sent" or one.bounced or one.complained)]
    return explain_all(scope, get_messages(scope, asked)) if asked else {}


def _explain(around: Circumstances, message: MessageCard) -> Why:
    if message.state == "queued":
        return _waiting(around, message)
    if message.state == "suppressed":
        return _suppressed(around.scope, message)
    if message.state == "failed":
        return _failed(message)
    if message.state == "expired":
        return _expired(message)
    return _other(message)


def _waiting(around: Circumstances, message: MessageCard) -> Why:
    return _by_campaign(around, message) or _by_hold(around, message) or _by_time(around, message) or _by_routes(around, message)


def _by_campaign(around: Circumstances, message: MessageCard) -> Why | None:
    row = around.campaign(message.campaign_id) if message.campaign_id is not None else None
    if row is None or row.state in {"starting", "sending", "finished"}:
        return None
    if row.state == "waiting":
        return Why("campaign_waiting", row.state_reason or "The campaign waits.", _BY_ITSELF, row.resumes_at)
    if row.state == "paused":
        return Why("campaign_paused", "The campaign is paused.", "Let it go on at its page.")
    return Why(f"campaign_{row.state}", f"The campaign is {row.state}; this message will not be sent.")


def _by_hold(around: Circumstances, message: MessageCard) -> Why | None:
    hold = around.holds.get(message.stream)
    return of_hold(hold) if hold is not None else None


def of_hold(hold: HoldCard) -> Why:
    """Say what holds a whole stream of the tenant's."""
    return Why(_hold_code(hold), hold.sentence, _HOLD_ADVICE.get(hold.by, ""), hold.resumes_at if hold.ends else None)


_HOLD_ADVICE = {
    "account": "Look at the notices of your account, or ask your provider.",
    "no_pool": "Ask your provider.",
    "held": "Mend what Sending health names, and tell your provider.",
    "suspended": "Mend what Sending health names, and tell your provider.",
    "slowed": "Mend what Sending health names; it gets faster by itself.",
}


def _hold_code(hold: HoldCard) -> str:
    return f"limit_{hold.by.replace(':', '_')}" if ":" in hold.by else f"hold_{hold.by}"


def _by_time(around: Circumstances, message: MessageCard) -> Why | None:
    # What was put off because its way rested is explained by how the way does now.
    if message.not_before <= around.now or message.reason == "way rests":
        return None
    provider, _, group = message.reason.partition(": ")
    if group and provider in {"throttled", "back-off"}:
        return _by_provider(provider, around.provider_names.get(group, group), message.not_before)
    if message.reason.startswith("warm-up"):
        return Why("warm_up", "The servers that send it are new and may send only so many messages a day.", _BY_ITSELF, message.not_before)
    if not message.attempts:
        return Why("scheduled", "It is to be sent later.", "", message.not_before)
    said = _said(message)
    found = classify(message.reply_code or 0, message.reply_status, message.reply_text or "")
    known = reasons().get(found.reason)
    sentence = f"The recipient's server put it off{f': {known.says}' if known and found.reason != 'undefined' else '.'}"
    sentence += f" It said “{said}”." if said else " The connection ended without an answer."
    return Why("deferred", sentence, "It is tried again by itself, with growing gaps.", message.not_before)


def _by_routes(around: Circumstances, message: MessageCard) -> Why:
    return by_ways(around, around.pool(message), around.group(message)) or IN_LINE


def by_ways(around: Circumstances, pool_id: int | None, group: str) -> Why | None:
    """Say what keeps due mail for a provider's recipients from leaving by a pool; None where nothing does."""
    if pool_id is None:
        return Why("hold_no_pool", "Your provider has not given you a way out yet.", _HOLD_ADVICE["no_pool"])
    return _by_state(around, pool_id) or _by_rests(around, pool_id, group) or _by_trial(around, pool_id)


def _by_state(around: Circumstances, pool_id: int) -> Why | None:
    """Say that no route of a pool may be tried now."""
    row = around.routes(pool_id)
    if not row.all:
        return Why("routes_none", "Your provider has no mail server for it at the moment.", _HOLD_ADVICE["no_pool"])
    if not row.open:
        return Why("routes_paused", "Your provider's mail servers are paused.", "It goes on when your provider lets them.")
    if not row.well:
        sentence = "Your provider's mail servers can't be reached at the moment."
        return Why("routes_resting", sentence, "They are tried again by themselves.", row.again)
    return None


def _by_trial(around: Circumstances, pool_id: int) -> Why | None:
    """Say that all routes that may be tried have to prove themselves first."""
    row = around.routes(pool_id)
    if row.tried < row.well:
        return None
    tried = "Your provider's mail servers could not be reached; one message is tried first, and the others follow when it is taken."
    return Why("routes_tried", tried, _BY_ITSELF)


def _by_rests(around: Circumstances, pool_id: int, group: str) -> Why | None:
    """Say what of the ways out rests, where all of them do."""
    routes = around.rests(pool_id, group)
    if not routes or not all(routes.values()):
        return None
    first = min((max(rows, key=lambda row: row.until) for rows in routes.values()), key=lambda row: row.until)
    if first.domain_group:
        return _by_provider("back-off" if first.by == "backoff" else "throttled", around.provider_names.get(group, group), first.until)
    spell = f"this {first.by}" if first.by else "now"
    return Why("throttled", f"The mail servers have sent what they may {spell}.", _BY_ITSELF, first.until)


def _by_provider(how: str, name: str, until: datetime) -> Why:
    if how == "back-off":
        return Why(
            "provider_backoff", f"{name} has asked for less mail; it is left alone for a while.", "It is tried again by itself.", until
        )
    return Why("provider_throttled", f"{name} takes only so much mail in a time; this one has its place in line.", _BY_ITSELF, until)


def _suppressed(scope: Scope, message: MessageCard) -> Why:
    found = suppressions_of(scope, message.recipient.strip().lower())
    known = [_SUPPRESSED[card.reason] for card in found if card.reason in _SUPPRESSED]
    sentence = known[0] if known else "The address was on a suppression list when the message was due."
    return Why("suppressed", sentence, "See Suppressions. Writing to such addresses harms your sending health.")


def _failed(message: MessageCard) -> Why:
    known = reasons().get(message.reason)
    if known is None:
        return Why("cannot_be_made", message.reason or "The message can't be made.", "Correct the letter.")
    if FITS_NOWHERE in (message.reply_text or ""):
        return Why(known.name, message.reply_text or "", _MEND.get(known.name, ""))
    said = _said(message)
    advice = _MEND.get(known.name, "The server's words say what it wants. If you can't follow them, ask your provider.")
    return Why(known.name, f"{known.says}{f' The server said “{said}”.' if said else ''}", advice)


def _expired(message: MessageCard) -> Why:
    said = _said(message)
    sentence = f"It was put off until the time for delivery was over.{f' The server said “{said}” last.' if said else ''}"
    return Why("expired", sentence, "Send again if it is still worth it.")


def _said(message: MessageCard) -> str:
    return f"{message.reply_code or ''} {message.reply_text or ''}".strip()


def _other(message: MessageCard) -> Why:
    if message.complained_at is not None:
        return Why("complained", "It arrived, and the recipient called it unwanted.", "Nothing more is sent to this address.")
    if message.bounced_at is not None:
        known = reasons().get(message.bounce_reason or "")
        sentence = f"The server took it, and it came back later{f': {known.says}' if known else '.'}"
        return Why("bounced", sentence, _MEND.get(message.bounce_reason or "", ""))
    if message.state == "cancelled" and message.reason == ERASED:
        return Why("erased", "The contact was erased before it left.")
    return _FINAL.get(message.state, Why(message.state, message.reason))


_FINAL = {
    "leased": Why("leaving", "It is on its way out at this moment."),
    "sent": Why("accepted", "The recipient's server has taken it."),
    "cancelled": Why("cancelled", "Its campaign was stopped before it left."),
    "unknown": Why(
        "unknown",
        "It was on the wire when the connection broke: nobody knows whether it arrived. It isn't repeated.",
        "If it matters, ask the recipient, or send it again.",
    ),
}
