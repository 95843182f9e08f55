"""Makes the header of a ready-made message fit to leave: checked, without what may not pass, in ASCII wherever it can be. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from posthouse.sending.content import headers
from posthouse.sending.content.cards import RenderFailed
from posthouse.sending.mime import mailboxes, policy
from posthouse.sending.mime.mailboxes import Mailbox, NotMailboxes
from posthouse.sending.mime.reading import Field
from posthouse.sending.mime.refusals import MimeRefused

MOST_HOPS = 50  # RFC 5321 6.3 asks for at least 100 at a relay; a message that is handed in has come a short way
_PARAMETER = re.compile(r"(;\s*)([A-Za-z0-9-]+)=(?:\"([^\"]*)\"|([^;\s]+))")
_NEVER_UTF8 = frozenset({"message-id", "in-reply-to", "references", "date", "mime-version", "content-transfer-encoding", "content-id"})
_PARAMETERS = frozenset({"content-type", "content-disposition"})


def check(fields: Sequence[Field]) -> None:
    """Look for what makes a message ambiguous or endless. Raises: MimeRefused."""
    counts = Counter(one.key for one in fields)
    for name, count in counts.items():
        if count > 1 and name in policy.SINGLE:
            raise MimeRefused("mime_header_twice", f"“{name.title()}” stands in the header {count} times. It may stand there once.", name)
    if counts["received"] > MOST_HOPS:
        raise MimeRefused("mime_loop", f"The message came through {counts['received']} mail servers: it goes in a circle.", "received")
    for one in fields:
        if one.key == "message-id" and not re.fullmatch(rb"\s*<[!-;=?-~]+@[!-;=?-~]+>\s*", one.value):
            raise MimeRefused("mime_message_id_malformed", "Message-ID must look like <something@your.domain>.", "message-id")


def passing(fields: Iterable[Field]) -> tuple[list[Field], list[str]]:
    """Return the fields that stay and the names of those that don't."""
    kept, removed = [], []
    for one in fields:
        if policy.passes(one.key):
            kept.append(one)
        else:
            removed.append(one.key)
    return kept, sorted(set(removed))


def only_mailbox(fields: Sequence[Field], name: str) -> Mailbox | None:
    """Return the one mailbox of a field, None where there is no such field. Raises: MimeRefused."""
    found = [one for one in fields if one.key == name]
    if not found:
        return None
    try:
        return mailboxes.read_one(text_of(found[0]))
    except NotMailboxes as problem:
        raise MimeRefused(
            "mime_addresses_malformed", f"“{name.title()}” must hold exactly one address, such as Name <you@example.com> ({problem}).", name
        ) from None


def all_mailboxes(fields: Sequence[Field], names: Iterable[str]) -> list[Mailbox]:
    """Return the mailboxes of several fields. Raises: MimeRefused."""
    found: list[Mailbox] = []
    for one in fields:
        if one.key in names:
            try:
                found += mailboxes.read(text_of(one))
            except NotMailboxes as problem:
                raise MimeRefused("mime_addresses_malformed", f"“{one.name}” is not a list of addresses: {problem}.", one.key) from None
    return found


def text_of(one: Field) -> str:
    """Return the value unfolded. Raises: MimeRefused where it is neither ASCII nor UTF-8."""
    try:
        return one.value.replace(b"\r\n", b"").decode("utf-8")
    except UnicodeDecodeError:
        raise MimeRefused(
            "mime_head_not_utf8", f"“{one.name}” holds bytes that are not UTF-8. Encode it (RFC 2047) or write UTF-8.", one.key
        ) from None


def in_ascii(one: Field) -> Field:
    """Return the field as mail servers without SMTPUTF8 take it; one that is ASCII already is left as it is. Raises: MimeRefused.

    An address that can't be written in ASCII becomes an empty group that shows it (RFC 6857 3.2.2), since for the envelope
    it doesn't matter.
    """
    if one.value.isascii():
        return one
    text = text_of(one).strip()
    if one.key in _NEVER_UTF8:
        raise MimeRefused("mime_head_malformed", f"“{one.name}” must be written in ASCII.", one.key)
    if one.key in policy.ADDRESSES:
        return Field(one.name, b" " + b",\r\n ".join(_box(box) for box in all_mailboxes([one], {one.key})))
    if one.key in _PARAMETERS:
        return Field(one.name, b" " + _PARAMETER.sub(_parameter, text).encode("ascii", "replace"))
    return Field(one.name, b" " + headers.unstructured(text, one.name))


def _box(box: Mailbox) -> bytes:
    try:
        address = headers.address(box.address)
    except RenderFailed:
        raise MimeRefused("mime_addresses_malformed", f"“{box.address[:80]}” is not an address.") from None
    if address.smtputf8:
        return headers.phrase(f"{box.name} {address.text}".strip()) + b" :;"
    return headers.mailbox(box.name, address.text)


def _parameter(found: re.Match[str]) -> str:
    value = found[3] if found[3] is not None else found[4]
    if value.isascii():
        return found[0]
    encoded = "".join(chr(b) if chr(b).isascii() and chr(b).isalnum() else f"%{b:02X}" for b in value.encode())
    return f";\r\n {found[2]}*=utf-8''{encoded}"  # RFC 2231 4
