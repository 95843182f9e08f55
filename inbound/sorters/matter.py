"""What the sorters look at."""

from collections.abc import Mapping
from dataclasses import dataclass

from posthouse.inbound.parsing.cards import Understood
from posthouse.platform.errors import Missing
from posthouse.platform.scope import Scope
from posthouse.sending.messages.queries import MessageCard, get_message


@dataclass(frozen=True, slots=True)
class Matter:
    """A mail about one of our messages. `role` is the kind of our address that it came to; empty when it came to none with a token.

    `nobody`: it came by SMTP without a sender, so that no person waits for an answer (RFC 5321 4.5.5, RFC 3834 3.3).
    `listed`: a complaint of a source whose complaints may stop a tenant. `cards` are the
    messages of all mails that are sorted together; None when they were not read before.
    """

    message_id: int
    understood: Understood
    role: str
    mail_id: int
    nobody: bool = False
    listed: bool = False
    cards: Mapping[int, MessageCard] | None = None


def message_of(scope: Scope, matter: Matter) -> MessageCard | None:
    """The message that the mail is about; None when it is gone, or was never given to anybody: then nothing can come back."""
    if matter.cards is not None:
        return _given(matter.cards.get(matter.message_id))
    try:
        message = get_message(scope, matter.message_id)
    except Missing:
        return None
    return _given(message)


def _given(message: MessageCard | None) -> MessageCard | None:
    return None if message is None or (message.state == "queued" and message.attempts == 0) else message
