"""The form of a spool file: for each mail one line of JSON for the envelope, then the mail byte for byte."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

VERSION = 1
_HEAD_LIMIT = 512 * 1024  # bytes; an envelope of 100 recipients is below 40 KiB


class BrokenSpoolFile(Exception):
    """A file in the spool that no spool of ours wrote whole."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who handed in what: `sender` is empty for the null return path, `way` the protocol (smtp, esmtps, page, …)."""

    sender: str
    recipients: tuple[str, ...]
    peer: str
    helo: str
    way: str
    at: datetime


def pack(envelope: Envelope, content: bytes) -> bytes:
    """Write one mail's bytes; a file holds one or several of them, one after the other."""
    facts = {
        "sender": envelope.sender,
        "recipients": envelope.recipients,
        "peer": envelope.peer,
        "helo": envelope.helo,
        "way": envelope.way,
        "at": envelope.at.isoformat(),
        "v": VERSION,
        "size": len(content),
    }
    return json.dumps(facts, ensure_ascii=True).encode() + b"\n" + content


def unpack(data: bytes) -> tuple[Envelope, bytes]:
    """Read a spool file's only mail. Raises: BrokenSpoolFile."""
    mails = unpack_all(data)
    if len(mails) != 1:
        raise BrokenSpoolFile("several mails")
    return mails[0]


def unpack_all(data: bytes) -> list[tuple[Envelope, bytes]]:
    """Read a spool file's mails, one at least. Raises: BrokenSpoolFile; a file is whole or it is not taken."""
    mails: list[tuple[Envelope, bytes]] = []
    at = 0
    while at < len(data) or not mails:
        end = data.find(b"\n", at, at + _HEAD_LIMIT)
        if end < 0:
            raise BrokenSpoolFile("no head, or one without an end")
        envelope, size = _head(data[at:end])
        at = end + 1 + size
        if at > len(data):
            raise BrokenSpoolFile("cut short")
        mails.append((envelope, data[end + 1 : at]))
    return mails


def _head(line: bytes) -> tuple[Envelope, int]:
    try:
        facts = json.loads(line)
        envelope = Envelope(
            sender=str(facts["sender"]),
            recipients=tuple(str(recipient) for recipient in facts["recipients"]),
            peer=str(facts["peer"]),
            helo=str(facts["helo"]),
            way=str(facts["way"]),
            at=datetime.fromisoformat(facts["at"]),
        )
        size = int(facts["size"])
    except (ValueError, KeyError, TypeError) as problem:
        raise BrokenSpoolFile(str(problem)) from problem
    if facts.get("v") != VERSION or size < 0:
        raise BrokenSpoolFile("of another version")
    return envelope, size


def fingerprint(envelope: Envelope, content: bytes) -> bytes:
    """32 bytes that are the same when a sender repeats a mail because our 250 got lost (RFC 1047)."""
    ends = "\0".join((envelope.sender, *sorted(recipient.lower() for recipient in envelope.recipients)))
    return hashlib.sha256(ends.encode("utf-8", "surrogatepass") + b"\0\0" + content).digest()
