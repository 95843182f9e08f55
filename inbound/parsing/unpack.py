"""Unpack what a report is packed in: gzip, gzip twice, or a zip with one member. A few kilobytes may claim to be gigabytes."""

import io
import re
import zipfile
import zlib
from dataclasses import dataclass

SIZE_LIMIT = 25 * 1024 * 1024  # bytes after unpacking
RATIO_LIMIT = 200  # times the packed size; XML of reports shrinks to a tenth or so, never to this
RATIO_FREE = 1024 * 1024  # below this many bytes no ratio is asked for
DEPTH_LIMIT = 2  # a reporter packs twice by mistake (seen from Mimecast), nobody thrice
STEP = 256 * 1024

# Only these are unpacked step by step: of the others the library unpacks 4 KB at once, however many gigabytes those are.
_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENTRIES = 20  # members of a zip that are looked at; one may be a report, the rest is what archivers add
_ADDED = re.compile(r"(?:^|/)(?:__MACOSX|\.DS_Store|Thumbs\.db)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The content, with the limit or fault that was met, if any; what could be read until then is kept."""

    data: bytes
    trouble: str | None = None


def is_packed(data: bytes) -> bool:
    """Does the content begin like gzip or zip (names and types are often wrong, so only the content is asked)?"""
    return data[:2] == b"\x1f\x8b" or data[:4] == b"PK\x03\x04"


def unpack(data: bytes) -> Unpacked:
    """Undo gzip and zip, at most twice; never raises. Content that is not packed comes back as it is, within the size limit."""
    trouble: str | None = None
    for _ in range(DEPTH_LIMIT):
        if not is_packed(data):
            break
        found = _gunzip(data) if data[:2] == b"\x1f\x8b" else _unzip(data)
        data, trouble = found.data, trouble or found.trouble
    if is_packed(data):
        return Unpacked(b"", "packed-too-often")
    if len(data) > SIZE_LIMIT:
        return Unpacked(data[:SIZE_LIMIT], "size")
    return Unpacked(data, trouble)


def _gunzip(data: bytes) -> Unpacked:
    machine = zlib.decompressobj(wbits=31)
    out = bytearray()
    allowed = _allowed(len(data))
    waiting = data
    while waiting and not machine.eof:
        try:
            out += machine.decompress(waiting, STEP)
        except zlib.error:
            return Unpacked(bytes(out), "broken")
        waiting = machine.unconsumed_tail
        if len(out) > allowed:
            return Unpacked(b"", "size")
    return Unpacked(bytes(out), None if machine.eof else "truncated")


def _allowed(packed: int) -> int:
    return min(SIZE_LIMIT, max(RATIO_FREE, packed * RATIO_LIMIT))


def _unzip(data: bytes) -> Unpacked:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [entry for entry in archive.infolist()[:_ENTRIES] if not entry.is_dir() and not _ADDED.search(entry.filename)]
            if len(members) != 1:
                return Unpacked(b"", "members")
            return _read_member(archive, members[0], _allowed(len(data)))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError, ValueError, KeyError):
        return Unpacked(b"", "broken")


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, allowed: int) -> Unpacked:
    if member.compress_type not in _BOUNDED:
        return Unpacked(b"", "broken")
    out = bytearray()
    with archive.open(member) as stream:
        # The size that a zip declares is a claim, so it is never asked.
        while chunk := stream.read(STEP):
            out += chunk
            if len(out) > allowed:
                return Unpacked(b"", "size")
    return Unpacked(bytes(out))
