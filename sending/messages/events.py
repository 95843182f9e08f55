"""What became of messages after they left."""

from __future__ import annotations

from dataclasses import dataclass

from posthouse.platform.events import Event


@dataclass(frozen=True)
class MessageBounced(Event):
    """A report says that a message didn't arrive."""

    message_id: int
    hard: bool
    reason: str


@dataclass(frozen=True)
class MessageComplained(Event):
    """The recipient called a message unwanted."""

    message_id: int


@dataclass(frozen=True)
class MessagesSent(Event):
    """The next server has taken these messages; told for all of a lease at once."""

    message_ids: list[int]


@dataclass(frozen=True)
class MessagesFailed(Event):
    """These messages will not be delivered: refused, not to be made, or put off until their time was over."""

    message_ids: list[int]


@dataclass(frozen=True)
class MessagesForgotten(Event):
    """The person to whom these messages went is forgotten: whoever keeps something that says who it was drops it."""

    message_ids: list[int]
