"""What happened in this room, for others to hear. Ids and small facts only."""

from dataclasses import dataclass

from posthouse.platform.events import Event


@dataclass(frozen=True)
class MessageAnswered(Event):
    """A person answered a message; the answer is in the tenant's inbox."""

    message_id: int
    inbound_mail_id: int


@dataclass(frozen=True)
class MailSorted(Event):
    """A tenant's mail came in and was understood; `kind` says as what, `effect` what that changed."""

    inbound_mail_id: int
    message_id: int | None
    kind: str
    effect: str
