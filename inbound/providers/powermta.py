"""PowerMTA's accounting files: comma separated values (RFC 4180) with a line of column names, plain or gzip, posted or put into a folder."""

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator

from posthouse.inbound.parsing.unpack import unpack
from posthouse.inbound.providers import proofs
from posthouse.inbound.providers.cards import EventType, HookRequest, Provider, ProviderEvent
from posthouse.inbound.providers.values import Unreadable, hints, seconds, text

PIECE_BYTES = 1_000_000
LINE_LIMIT = 128 * 1024  # bytes of one record; a longer one is no record
FIELDS_LIMIT = 500
_TYPES = {
    "b": EventType.BOUNCED,
    "rb": EventType.BOUNCED,
    "d": EventType.DELIVERED,
    "t": EventType.DEFERRED,
    "f": EventType.COMPLAINED,
    "r": EventType.QUEUED,
}
# It writes the letters; "bounce" and so on stand where somebody renamed them.
_TYPES |= {"bounce": _TYPES["b"], "delivery": _TYPES["d"], "transient": _TYPES["t"], "feedback": _TYPES["f"]}
# "Bounce categories" of its guide, in our words; asked only where the diagnostic text tells nothing.
_CATEGORIES = {
    "bad-mailbox": "userunknown",
    "bad-domain": "hostunknown",
    "inactive-mailbox": "suspend",
    "quota-issues": "mailboxfull",
    "bad-configuration": "systemerror",
    "bad-connection": "networkerror",
    "content-related": "contenterror",
    "invalid-sender": "rejected",
    "message-expired": "expired",
    "no-answer-from-host": "networkerror",
    "policy-related": "policyviolation",
    "protocol-errors": "syntaxerror",
    "relaying-issues": "norelaying",
    "routing-errors": "networkerror",
    "spam-related": "spamdetected",
    "virus-related": "virusdetected",
}


def cut(body: bytes) -> Iterator[bytes]:
    """Divide a file into pieces of whole records, each under its column names; gzip is undone. Raises: Unreadable."""
    unpacked = unpack(body)
    if unpacked.trouble in ("size", "packed-too-often", "members"):
        raise Unreadable("it unpacks to more than 25 MB: put it into the folder, or post it in parts")
    yield from pieces(io.BytesIO(unpacked.data))


def pieces(stream: io.BufferedIOBase) -> Iterator[bytes]:
    """Divide an open file into pieces, with at most about 1 MB in memory. A last record without its line end was cut off, and is left out."""
    head, piece = b"", bytearray()
    cut_off: list[str] = []
    for record in _records(stream, cut_off):
        if _is_head(record):
            if piece:
                yield head + bytes(piece)
                piece.clear()
            head = record
            continue
        if not head:
            raise Unreadable("it doesn't begin with a line of column names (type,timeLogged,…)")
        piece += record
        if len(piece) >= PIECE_BYTES:
            yield head + bytes(piece)
            piece.clear()
    if piece:
        yield head + bytes(piece)
    if cut_off:
        raise Unreadable(f"the compressed file is cut off or broken; what was whole was taken ({cut_off[0]})")


def _records(stream: io.BufferedIOBase, cut_off: list[str]) -> Iterator[bytes]:
    # A quoted value may hold line ends: a record goes on until its quotes are even (RFC 4180 2.6).
    record = b""
    while line := _line(stream, cut_off):
        record += line
        whole = record.endswith(b"\n") and record.count(b'"') % 2 == 0
        if len(record) > LINE_LIMIT:
            raise Unreadable(f"a record is longer than {LINE_LIMIT // 1024} KB, or a quotation mark is missing")
        if whole:
            if record.strip():
                yield record
            record = b""


def _line(stream: io.BufferedIOBase, cut_off: list[str]) -> bytes:
    try:
        return stream.readline(LINE_LIMIT)
    except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
        cut_off.append(str(problem))
        return b""


def _is_head(record: bytes) -> bool:
    return record.removeprefix(b"\xef\xbb\xbf").lstrip(b'"')[:4].lower().startswith(b"type")


def _read(request: HookRequest) -> list[ProviderEvent]:
    return [event for piece in cut(request.body) for event in _events(piece)]


def _events(piece: bytes) -> Iterator[ProviderEvent]:
    lines = csv.reader(io.StringIO(piece.decode("utf-8-sig", "replace").replace("\x00", ""), newline=""))
    try:
        names = [name.strip().lower() for name in next(lines)][:FIELDS_LIMIT]
        for values in lines:
            # Fewer values than names: cut in the middle, and what is missing might have said the contrary.
            if len(values) == len(names):
                yield _event(dict(zip(names, map(text, values), strict=True)))
    except (csv.Error, StopIteration) as problem:
        raise Unreadable(f"no comma separated values: {problem}") from problem


def _event(fields: dict[str, str]) -> ProviderEvent:
    kind = _TYPES.get(fields["type"].strip().lower(), EventType.UNKNOWN)
    feedback = fields.get("feedbacktype", "").strip().lower()
    if kind is EventType.COMPLAINED and feedback == "opt-out":
        kind = EventType.UNSUBSCRIBED
    return ProviderEvent(
        type=kind,
        recipient=fields.get("rcpt") or fields.get("originalrcptto", ""),
        event_id=hashlib.sha256("\0".join(fields.values()).encode("utf-8", "replace")).hexdigest(),
        at=seconds(fields.get("timelogged", "")),
        permanent=None if kind is EventType.DEFERRED else True,
        text=_answer(fields),
        hints=hints(fields),
        category=feedback if kind is EventType.COMPLAINED else _CATEGORIES.get(fields.get("bouncecat", "").strip().lower(), ""),
    )


def _answer(fields: dict[str, str]) -> str:
    # "smtp;550 5.1.1 unknown user" and "5.1.1 (bad destination mailbox address)"
    told = fields.get("dsndiag", "").removeprefix("smtp;").strip()
    status = fields.get("dsnstatus", "").strip()
    return told if status[:5] in told and told else f"{told} {status}".strip()


PROVIDER = Provider(
    "powermta",
    "PowerMTA accounting files",
    _read,
    proofs.token_auth,
    "A secret that you make up; whoever posts the files sends it as bearer token. Or user:password, sent as basic authentication",
    cut=cut,
    files=True,
)
