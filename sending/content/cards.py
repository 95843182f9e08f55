"""What goes into the composer and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple


class RenderFailed(Exception):
    """This one message can't be made; `reason` is a sentence for the tenant, `code` is stable. Others are not concerned."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


# Both are named tuples, which are made in a fifth of the time of a frozen dataclass: there is one of each for every message.
class MessageCard(NamedTuple):
    """One recipient's copy, as the composer needs it.

    `fields` are the contact's fields (or a single message's own), by name; None and a missing name are the same.
    `at` is when it is sent: the time in the Date header, from which its signatures hold for a week. With the same card the
    composer makes the same bytes; another try at another time still has the same Message-ID, so a copy is recognised.
    """

    message_id: int
    recipient: str
    at: datetime
    fields: Mapping[str, object] = MappingProxyType({})


class Composed(NamedTuple):
    """A message as it goes over the wire: CRLF lines, dot-stuffed, signed, without the closing dot line.

    `size` is the length of `data` in bytes (for MAIL's SIZE). `smtputf8` is true where the address can't be written in
    ASCII, so that the route must offer SMTPUTF8 (RFC 6531).
    """

    return_path: str
    recipient: str
    size: int
    data: bytes
    smtputf8: bool = False
