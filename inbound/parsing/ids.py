"""Find what may name one of our messages: the address a mail came to first, then the original's ids (never an address alone)."""

import re

from posthouse.inbound.parsing.cards import Ids
from posthouse.inbound.parsing.headers import Fields, every
from posthouse.inbound.parsing.letter import Letter

ROLES = {"b": "bounce", "fbl": "complaint", "u": "unsubscribe", "r": "reply"}
"""What our own addresses begin with; a return path may also be the bare token."""

TOKEN_LIMIT = 40  # candidates that are checked per mail; each check is one MAC

_LOCAL = re.compile(r"^(?:(?P<role>b|fbl|u|r)-)?(?P<token>[a-z2-7]{16,64})$", re.IGNORECASE)
_INSIDE = re.compile(
    r"(?<![A-Za-z0-9_-])(?:(?:b|fbl|u|r)-)?([A-Za-z2-7]{20,64})(?=@)|[/:=](?:t/[a-z]/)?([A-Za-z0-9_-]{20,64})(?![A-Za-z0-9_@-])"
)
_NAMED_FIELDS = (
    "return-path",
    "x-original-return-path",
    "message-id",
    "feedback-id",
    "cfbl-address",
    "cfbl-feedback-id",
    "list-unsubscribe",
    "x-msg-token",
    "sender",
    "errors-to",
)
_MESSAGE_ID = re.compile(r"<[^<>\s]{3,500}>")


def of_address(address: str) -> tuple[str, str] | None:
    """The role and the token of one of our own addresses (`b-…@`, `fbl-…@`, `u-…@`), or None for any other address."""
    local = address.rpartition("@")[0]
    found = _LOCAL.match(local)
    if found is None:
        return None
    return ROLES[(found.group("role") or "b").lower()], found.group("token").lower()


def find_ids(letter: Letter, envelope_recipients: tuple[str, ...] = ()) -> Ids:
    """Every candidate, best first: envelope recipients, the mail's own addressees, then the original's ids."""
    candidates = [found[1] for address in envelope_recipients if (found := of_address(address))]
    for fields in letter.originals:
        candidates += _in_fields(fields)
    candidates += _in_text(letter.original_text)
    return Ids(tokens=tuple(dict.fromkeys(candidates))[:TOKEN_LIMIT], message_ids=_message_ids(letter))


def _in_fields(fields: Fields) -> list[str]:
    return [token for name in _NAMED_FIELDS for value in every(fields, name) for token in _in_text(value)]


def _in_text(text: str) -> list[str]:
    return [local.lower() if local else url for local, url in _INSIDE.findall(text[:16_000])]


def _message_ids(letter: Letter) -> tuple[str, ...]:
    values = [value for fields in letter.originals for value in every(fields, "message-id")]
    values += [letter.get("in-reply-to"), letter.get("references")]
    return tuple(dict.fromkeys(found for value in values for found in _MESSAGE_ID.findall(value)))[:TOKEN_LIMIT]
