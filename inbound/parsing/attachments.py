"""Find the DMARC or TLS report in a mail's parts, or in a file that is nothing but the report."""

import re

from posthouse.inbound.parsing.dmarc import read_dmarc
from posthouse.inbound.parsing.letter import Letter
from posthouse.inbound.parsing.mime import Part
from posthouse.inbound.parsing.report_cards import DmarcReport, TlsReport
from posthouse.inbound.parsing.tlsrpt import read_tls
from posthouse.inbound.parsing.unpack import is_packed, unpack

CANDIDATE_LIMIT = 5  # parts of one mail that are unpacked: a report has one, a bomb has many

_TYPES = re.compile(r"application/(?:x-)?(?:gzip|zip|zip-compressed|gzip-compressed|xml|octet-stream|tlsrpt(?:\+\w+)?|json)$|text/xml$")
_NAMES = re.compile(r"\.(?:xml|gz|zip|json)$", re.IGNORECASE)
_PACKED_BASE64 = (b"H4sI", b"UEsDB")
_BARE = re.compile(rb"\s{0,100}(?:\xef\xbb\xbf)?\s{0,100}(?:<\?xml|<(?:[\w.-]{1,40}:)?feedback[\s>]|<!--|\{)")


def read_report_file(data: bytes) -> DmarcReport | TlsReport | None:
    """The report that a file is by itself, packed or not; None for anything else, such as a mail."""
    if not is_packed(data) and not _BARE.match(data[:400]):
        return None
    return _read(data)


def read_attached(letter: Letter) -> DmarcReport | TlsReport | None:
    """The report that a mail brings; when none can be read but one is broken, the broken one."""
    candidates = [part for part in letter.mail.parts if may_hold_report(part)][:CANDIDATE_LIMIT]
    found = [report for part in candidates if (report := _read(part.content())) is not None]
    if not found and "<feedback" in letter.text[:2_000]:
        found = [report for report in [read_dmarc(letter.text.encode())] if report is not None]
    return next((report for report in found if report.trouble is None), found[0] if found else None)


def may_hold_report(part: Part) -> bool:
    """May this part be a report, by its type or its file name?"""
    if part.children:
        return False
    name = part.params.get("name", "") or part.get("content-disposition").rpartition("=")[2].strip("\"' ;")
    if _TYPES.match(part.content_type) or _NAMES.search(name):
        return True
    # Neither type nor name tells: the first letters of packed content in base64 do.
    return part.body[:200].lstrip()[:5].startswith(_PACKED_BASE64)


def _read(data: bytes) -> DmarcReport | TlsReport | None:
    unpacked = unpack(data)
    return read_dmarc(unpacked.data) or read_tls(unpacked.data)
