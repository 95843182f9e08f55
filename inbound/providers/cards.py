"""What a provider's report is made of."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum


class EventType(StrEnum):
    """What a provider says that happened, in one vocabulary for all of them (that of django-anymail)."""

    QUEUED = "queued"
    SENT = "sent"
    REJECTED = "rejected"
    FAILED = "failed"
    BOUNCED = "bounced"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    AUTORESPONDED = "autoresponded"
    OPENED = "opened"
    CLICKED = "clicked"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    SUBSCRIBED = "subscribed"
    UNKNOWN = "unknown"


class RejectReason(StrEnum):
    """Why a message was not delivered, as far as the provider says so."""

    INVALID = "invalid"
    BOUNCED = "bounced"
    TIMED_OUT = "timed_out"
    BLOCKED = "blocked"
    SPAM = "spam"
    UNSUBSCRIBED = "unsubscribed"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEvent:
    """One event of a provider.

    `event_id` is the provider's own key for it, empty when it has none. `at` is seconds since 1970, 0 when missing.
    `permanent` is None when the provider does not say. `text` is the other server's answer. `hints` are the texts in which
    our own token may stand (return path, Message-ID, metadata); nothing of it is believed before its token is checked.
    `category` is what the provider itself made of it, in our words: a reason of the classifier's, which counts where the
    text tells nothing, or a complaint's kind (RFC 5965); empty when it says none.
    """

    type: EventType
    recipient: str = ""
    reason: RejectReason | None = None
    message_id: str = ""
    event_id: str = ""
    at: int = 0
    permanent: bool | None = None
    text: str = ""
    hints: str = ""
    category: str = ""


@dataclass(frozen=True, slots=True)
class HookRequest:
    """A request to a provider's hook. `url` is as the provider called it, header names are in lower case."""

    url: str
    content_type: str
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """A header's value, or an empty string."""
        return self.headers.get(name, "")


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider: how its reports are read and how they prove themselves.

    `proves(request, secret, now)` says whether the request is genuine and not too old; `now` is seconds since 1970.
    `secret_says` tells the person who sets it up what to paste. `cut` divides a long post into pieces that are read and kept
    one by one, the same ones for the same post; None where posts are short. Raises: Unreadable. `files`: it writes files,
    which may also be put into a folder.
    """

    name: str
    title: str
    read: Callable[[HookRequest], list[ProviderEvent]]
    proves: Callable[[HookRequest, str, int], bool]
    secret_says: str
    cut: Callable[[bytes], Iterator[bytes]] | None = None
    files: bool = False
