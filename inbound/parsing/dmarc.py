"""Read DMARC aggregate reports in the forms of RFC 7489 appendix C and RFC 9990, whole or broken."""

import html
import re
from xml.parsers import expat

from posthouse.inbound.parsing.report_cards import DmarcReport, DmarcRow

RECORD_LIMIT = 10_000
ELEMENT_LIMIT = 300_000
TEXT_LIMIT = 1_000  # characters of one element that are kept
COUNT_LIMIT = 10**12
TIME_LIMIT = 4_102_444_800  # 2100; no report is about a time after it

_ROOT = re.compile(r"<(?:[\w.-]{1,40}:)?feedback[\s>/]")
_ENCODING = re.compile(rb"""^\s{0,100}<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})["']""")
_FORBIDDEN = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_LOOSE_AND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)")
_TOKEN = re.compile(r"<(/?)([A-Za-z_][\w:.-]{0,60})([^<>]{0,1000})>|([^<]+)|<")
_KINDS = ("utf-8", "utf-16", "iso-8859-1", "us-ascii", "windows-1252", "utf-16le", "utf-16be", "ascii", "latin-1", "iso-8859-15")


def read_dmarc(data: bytes) -> DmarcReport | None:
    """The aggregate report in an unpacked file; None when it is none. Never raises, resolves no entity, fetches nothing.

    Broken XML gives what stands before the break, with `trouble` saying so. A report with a document type is refused.
    """
    text = _as_text(data).replace("\r\n", "\n").replace("\r", "\n")  # XML 1.0 2.11
    start = _ROOT.search(text)
    if start is None:
        return None
    if _FORBIDDEN.search(text[: start.start()]) or _FORBIDDEN.search(text, start.start()):
        return _empty("document-type")
    reader = _Reader()
    reader.read(_LOOSE_AND.sub("&amp;", text[start.start() :]))
    if reader.trouble != "broken":
        return reader.report()
    loose = _Reader()
    loose.read_loosely(text[start.start() :])
    return loose.report()


def _as_text(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    named = _ENCODING.match(data[:400])
    name = named.group(1).decode("ascii").lower() if named else "utf-8"
    try:
        return data.decode(name if name in _KINDS and not name.startswith("utf-16") else "utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _empty(trouble: str) -> DmarcReport:
    return DmarcReport(org="", email="", report_id="", domain="", policy="", begin=0, end=0, rows=(), trouble=trouble)


class _Enough(Exception):
    """A limit was met; what was read so far counts."""


class _Reader:
    """Takes expat's events; the last two names of the path say what a text is, so a missing level does no harm."""

    def __init__(self) -> None:
        self.path: list[str] = []
        self.words: list[str] = []
        self.facts: dict[tuple[str, str], str] = {}
        self.record: dict[tuple[str, str], str] | None = None
        self.rows: list[DmarcRow] = []
        self.elements = 0
        self.closed = False
        self.trouble: str | None = None

    def read(self, text: str) -> None:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        try:
            parser.Parse(text, True)  # noqa: FBT003
        except expat.ExpatError:
            # What follows a complete report is somebody's footer.
            self.trouble = None if self.closed else "broken"
        except _Enough:
            self.trouble = "records"

    def read_loosely(self, text: str) -> None:
        """Read what is no XML any more: tags that were never closed, or closed twice, are passed over."""
        self.trouble = "broken"
        try:
            for closes, name, rest, words in _TOKEN.findall(text):
                self._take(closes, name.rpartition(":")[2].lower(), rest, html.unescape(words))
        except _Enough:
            self.trouble = "records"

    def _take(self, closes: str, name: str, rest: str, words: str) -> None:
        if words:
            self._text(words)
        elif name and not closes:
            self._start(name, {})
            if rest.endswith("/"):
                self._end(name)
        elif name in self.path:
            while self.path[-1] != name:
                self._end(self.path[-1])
            self._end(name)

    def report(self) -> DmarcReport:
        facts = self.facts
        return DmarcReport(
            org=facts.get(("report_metadata", "org_name"), ""),
            email=facts.get(("report_metadata", "email"), ""),
            report_id=facts.get(("report_metadata", "report_id"), ""),
            domain=facts.get(("policy_published", "domain"), "").lower().rstrip("."),
            policy=facts.get(("policy_published", "p"), "").lower(),
            begin=_time(facts.get(("date_range", "begin"), "")),
            end=_time(facts.get(("date_range", "end"), "")),
            rows=tuple(self.rows),
            trouble=self.trouble,
        )

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2].lower()
        self.elements += 1
        if self.elements > ELEMENT_LIMIT or len(self.path) > 20 or len(self.rows) >= RECORD_LIMIT:
            raise _Enough
        self.path.append(name)
        self.words.clear()
        if name == "record":
            self.record = {}

    def _text(self, text: str) -> None:
        if len(self.words) < 10:
            self.words.append(text[:TEXT_LIMIT])

    def _end(self, _name: str) -> None:
        name = self.path.pop()
        parent = self.path[-1] if self.path else ""
        if name == "record" and self.record is not None:
            self.rows.append(_row(self.record))
            self.record = None
        elif self.words:
            into = self.facts if self.record is None else self.record
            into.setdefault((parent, name), "".join(self.words).strip()[:TEXT_LIMIT])
        self.words.clear()
        self.closed = self.closed or (name == "feedback" and not self.path)


def _row(record: dict[tuple[str, str], str]) -> DmarcRow:
    return DmarcRow(
        source_ip=record.get(("row", "source_ip"), "")[:64],
        count=_number(record.get(("row", "count"), "")),
        disposition=record.get(("policy_evaluated", "disposition"), "").lower(),
        dkim=record.get(("policy_evaluated", "dkim"), "").lower(),
        spf=record.get(("policy_evaluated", "spf"), "").lower(),
        header_from=record.get(("identifiers", "header_from"), "").lower(),
        envelope_from=record.get(("identifiers", "envelope_from"), "").lower(),
        dkim_domain=record.get(("dkim", "domain"), "").lower(),
        dkim_selector=record.get(("dkim", "selector"), ""),
        spf_domain=record.get(("spf", "domain"), "").lower(),
        override=record.get(("reason", "type"), "").lower(),
    )


def _number(text: str) -> int:
    """A count; one that is negative, absurd or no number counts as nothing."""
    digits = text.strip().split(".")[0]
    return min(int(digits), COUNT_LIMIT) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else 0


def _time(text: str) -> int:
    seconds = _number(text)
    return seconds if seconds < TIME_LIMIT else 0
