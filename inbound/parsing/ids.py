"""Find what may name one of our messages: the address a mail came to first, then the original's ids (never an address alone)."""

import re

from posthouse.inbound.parsing.cards import Ids
from posthouse.inbound.parsing.headers import Fields, every
from posthouse.inbound.parsing.letter import Letter
from posthouse.sending.tokens import COMPLAINT_PREFIX, LOCAL_CHARACTERS, REPLY_PREFIX, UNSUBSCRIBE_PREFIX, URL_CHARACTERS

TOKEN_LIMIT = 40  # candidates that are checked per mail; each check is one MAC

_ROLES = {COMPLAINT_PREFIX: "complaint", UNSUBSCRIBE_PREFIX: "unsubscribe", REPLY_PREFIX: "reply"}
_LOCAL = re.compile(rf"^({COMPLAINT_PREFIX}|{UNSUBSCRIBE_PREFIX}|{REPLY_PREFIX})?([a-z2-7]{{{LOCAL_CHARACTERS}}})$", re.IGNORECASE)
# Both spellings of a token, wherever they stand alone: in an address, an id, a link.
_INSIDE = re.compile(
    rf"(?<![A-Za-z0-9])(?:([A-Za-z2-7]{{{LOCAL_CHARACTERS}}})(?![A-Za-z0-9])|([A-Za-z0-9_-]{{{URL_CHARACTERS}}})(?![A-Za-z0-9_-]))"
)
_NAMED_FIELDS = ("return-path", "message-id", "feedback-id", "cfbl-address", "cfbl-feedback-id", "list-unsubscribe", "sender", "errors-to")
_MESSAGE_ID = re.compile(r"<[^<>\s]{3,500}>")


def of_address(address: str) -> tuple[str, str] | None:
    """The role (bounce, complaint, unsubscribe, reply) and the token of one of our own addresses, or None for any other address."""
    found = _LOCAL.match(address.rpartition("@")[0])
    if found is None:
        return None
    return _ROLES.get((found.group(1) or "").lower(), "bounce"), found.group(2).lower()


def find_ids(letter: Letter, envelope_recipients: tuple[str, ...] = ()) -> Ids:
    """Every candidate, best first: envelope recipients, the mail's own addressees, then the original's ids."""
    candidates = [found[1] for address in envelope_recipients if (found := of_address(address))]
    for fields in letter.originals:
        candidates += _in_fields(fields)
    candidates += _in_text(letter.original_text)
    return Ids(tokens=tuple(dict.fromkeys(candidates))[:TOKEN_LIMIT], message_ids=_message_ids(letter))


def _in_fields(fields: Fields) -> list[str]:
    return [token for name in _NAMED_FIELDS for value in every(fields, name) for token in _in_text(value)]


def tokens_in(text: str) -> tuple[str, ...]:
    """Every candidate for a token in a text, without repeats."""
    return tuple(dict.fromkeys(_in_text(text)))[:TOKEN_LIMIT]


def _in_text(text: str) -> list[str]:
    return [local.lower() if local else url for local, url in _INSIDE.findall(text[:16_000])]


def _message_ids(letter: Letter) -> tuple[str, ...]:
    values = [value for fields in letter.originals for value in every(fields, "message-id")]
    values += [letter.get("in-reply-to"), letter.get("references")]
    return tuple(dict.fromkeys(found for value in values for found in _MESSAGE_ID.findall(value)))[:TOKEN_LIMIT]
