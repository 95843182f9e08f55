"""The form of a spool file: one line of JSON for the envelope, then the mail byte for byte."""

import hashlib
import json
from dataclasses import asdict, dataclass
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
    """Write a spool file's bytes."""
    facts = {**asdict(envelope), "at": envelope.at.isoformat(), "v": VERSION, "size": len(content)}
    return json.dumps(facts, ensure_ascii=True).encode() + b"\n" + content


def unpack(data: bytes) -> tuple[Envelope, bytes]:
    """Read a spool file's bytes. Raises: BrokenSpoolFile."""
    head, mark, content = data.partition(b"\n")
    try:
        facts = json.loads(head[:_HEAD_LIMIT])
        envelope = Envelope(
            sender=str(facts["sender"]),
            recipients=tuple(str(recipient) for recipient in facts["recipients"]),
            peer=str(facts["peer"]),
            helo=str(facts["helo"]),
            way=str(facts["way"]),
            at=datetime.fromisoformat(facts["at"]),
        )
    except (ValueError, KeyError, TypeError) as problem:
        raise BrokenSpoolFile(str(problem)) from problem
    if not mark or facts.get("v") != VERSION or facts.get("size") != len(content):
        raise BrokenSpoolFile("cut short, or of another version")
    return envelope, content


def fingerprint(envelope: Envelope, content: bytes) -> bytes:
    """32 bytes that are the same when a sender repeats a mail because our 250 got lost (RFC 1047)."""
    ends = "\0".join((envelope.sender, *sorted(recipient.lower() for recipient in envelope.recipients)))
    return hashlib.sha256(ends.encode("utf-8", "surrogatepass") + b"\0\0" + content).digest()
