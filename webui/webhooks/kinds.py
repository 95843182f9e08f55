"""What programs can be told, and how each is put into words for them: ids in their outward form, and a few facts.

The facts are those of the moment in which the news is passed on; what is gone by then is told by its ids alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from posthouse.inbound.events import MessageAnswered
from posthouse.inbound.threads.queries import id_of_thread
from posthouse.platform import ids
from posthouse.platform.errors import Missing
from posthouse.platform.events import Event
from posthouse.platform.scope import Scope
from posthouse.sending import events as sending
from posthouse.sending.campaigns.queries import get_campaign
from posthouse.sending.domains.queries import get_domain
from posthouse.sending.messages import events as messages
from posthouse.sending.messages.labels import LabelCard, labels_on
from posthouse.sending.messages.queries import MessageCard, get_messages
from posthouse.tenants import events as tenants
from posthouse.tenants.contacts.queries import get_contact
from posthouse.tenants.imports.queries import get_import

Facts = dict[str, Any]


class Many(dict[int, Facts]):
    """The facts of each thing that an event speaks of, by the thing's id."""


TEST = "webhook.test"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of news: its name outside, a sentence, the event behind it, and what is told.

    An event of many things at once is told piece by piece: `Many` has the facts of each under its own id.
    """

    name: str
    sentence: str
    event: type[Event]
    tell: Callable[[Scope, Any], Facts | Many]


def _campaign(scope: Scope, event: Any) -> Facts:
    told: Facts = {"campaign_id": ids.encode("cmp", event.campaign_id)}
    try:
        card = get_campaign(scope, event.campaign_id)
    except Missing:
        return told
    return {**told, "name": card.name, "state": str(card.state)}


def _message(scope: Scope, event: Any) -> Facts:
    return _each(scope, [event.message_id], _of_message)[event.message_id]


def _of_message(card: MessageCard, labels: LabelCard) -> Facts:
    return {
        "message_id": ids.encode("msg", card.id),
        "recipient": card.recipient,
        "stream": card.stream,
        "campaign_id": _id("cmp", card.campaign_id),
        "contact_id": _id("con", card.contact_id),
        "tags": list(labels.tags),
        "metadata": labels.metadata,
    }


def _sent(scope: Scope, event: messages.MessagesSent) -> Many:
    return _each(scope, event.message_ids, _of_message)


def _failed(scope: Scope, event: messages.MessagesFailed) -> Many:
    return _each(scope, event.message_ids, _of_failure)


def _each(scope: Scope, message_ids: Sequence[int], tell: Callable[[MessageCard, LabelCard], Facts]) -> Many:
    gone: dict[int, Facts] = {one: {"message_id": ids.encode("msg", one)} for one in message_ids}
    cards, labels = get_messages(scope, message_ids), labels_on(scope, message_ids)
    return Many(gone | {card.id: tell(card, labels.get(card.id, LabelCard())) for card in cards})


def _of_failure(card: MessageCard, labels: LabelCard) -> Facts:
    said = {"code": card.reply_code, "status": card.reply_status, "text": card.reply_text}
    return {**_of_message(card, labels), "state": card.state, "reason": card.reason, **said}


def _bounced(scope: Scope, event: messages.MessageBounced) -> Facts:
    return {**_message(scope, event), "hard": event.hard, "reason": event.reason}


def _answered(scope: Scope, event: MessageAnswered) -> Facts:
    thread = _id("thr", id_of_thread(scope, event.message_id))
    return {**_message(scope, event), "inbound_mail_id": ids.encode("eml", event.inbound_mail_id), "thread_id": thread}


def _clicked(scope: Scope, event: sending.MessageClicked) -> Facts:
    return {**_message(scope, event), "link": event.link}


def _contact(scope: Scope, event: Any) -> Facts:
    told: Facts = {"contact_id": ids.encode("con", event.contact_id), "list_id": _id("lst", event.list_id)}
    try:
        return {**told, "email": get_contact(scope, event.contact_id).email}
    except Missing:
        return told


def _unsubscribed(scope: Scope, event: tenants.ContactUnsubscribed) -> Facts:
    labels = labels_on(scope, [event.message_id] if event.message_id else []).get(event.message_id or 0, LabelCard())
    about = {"message_id": _id("msg", event.message_id), "tags": list(labels.tags), "metadata": labels.metadata}
    return {**_contact(scope, event), **about}


def _import(scope: Scope, event: tenants.ContactsImported) -> Facts:
    told: Facts = {"import_id": ids.encode("imp", event.import_id)}
    try:
        card = get_import(scope, event.import_id)
    except Missing:
        return told
    counts = ("imported", "updated", "duplicate", "refused", "subscribed")
    return {**told, "list_id": _id("lst", card.list_id), **{name: getattr(card, name) for name in counts}}


def _domain(scope: Scope, event: Any) -> Facts:
    told: Facts = {"domain_id": ids.encode("dom", event.domain_id)}
    try:
        return {**told, "domain": get_domain(scope, event.domain_id).domain}
    except Missing:
        return told


def _standing(_scope: Scope, event: sending.StandingChanged) -> Facts:
    facts = {"stream": event.stream, "before": event.before, "grade": event.grade}
    return {**facts, "measure": event.measure, "events": event.events, "sent": event.sent}


def _id(prefix: str, number: int | None) -> str | None:
    return None if number is None else ids.encode(prefix, number)


KINDS = {
    kind.name: kind
    for kind in (
        Kind("campaign.started", "A campaign was started", sending.CampaignStarted, _campaign),
        Kind("campaign.paused", "A campaign was paused", sending.CampaignPaused, _campaign),
        Kind("campaign.stopped", "A campaign was stopped for good", sending.CampaignStopped, _campaign),
        Kind("campaign.finished", "Every message of a campaign has its outcome", sending.CampaignFinished, _campaign),
        Kind("message.sent", "A message was taken by the recipient's server", messages.MessagesSent, _sent),
        Kind(
            "message.failed",
            "A message will not be delivered: refused, or put off until its time was over",
            messages.MessagesFailed,
            _failed,
        ),
        Kind("message.bounced", "A message came back", messages.MessageBounced, _bounced),
        Kind("message.complained", "A recipient called a message unwanted", messages.MessageComplained, _message),
        Kind("message.answered", "A person answered a message", MessageAnswered, _answered),
        Kind("message.opened", "A person opened a message for the first time", sending.MessageOpened, _message),
        Kind("message.clicked", "A person clicked in a message for the first time", sending.MessageClicked, _clicked),
        Kind("contact.subscribed", "A contact may be written to on a list", tenants.ContactSubscribed, _contact),
        Kind("contact.unsubscribed", "A contact ended a subscription, or all", tenants.ContactUnsubscribed, _unsubscribed),
        Kind("import.finished", "A file of contacts is imported", tenants.ContactsImported, _import),
        Kind("domain.verified", "A sending domain's records were found", sending.DomainVerified, _domain),
        Kind("domain.lost", "A sending domain's records are gone", sending.DomainLost, _domain),
        Kind("standing.changed", "Bounces or complaints changed what may be sent", sending.StandingChanged, _standing),
    )
}
