"""Read XARF reports: the JSON of today (RFC 9477 names it beside ARF) and the older fields in text."""

import json
from typing import Any

from posthouse.inbound.parsing.cards import Feedback
from posthouse.inbound.parsing.headers import addresses, first, read_fields
from posthouse.inbound.parsing.letter import Letter, original_field
from posthouse.inbound.parsing.mime import Part

SIZE_LIMIT = 256 * 1024
_KINDS = {"spam": "abuse", "phishing": "fraud", "fraud": "fraud", "malware": "virus", "virus": "virus"}


def read_xarf(letter: Letter) -> Feedback | None:
    """The complaint in an XARF report, or None when the mail is none."""
    found = next((facts for part in letter.mail.parts if (facts := _json(part))), None)
    if found is not None:
        return _from_json(letter, found)
    return _from_fields(letter) if letter.get("x-xarf") or letter.get("x-arf") else None


def _json(part: Part) -> dict[str, Any] | None:
    name = f"{part.params.get('name', '')} {part.get('content-disposition')}".lower()
    if part.children or (part.content_type != "application/json" and "xarf" not in name):
        return None
    try:
        found = json.loads(part.content()[:SIZE_LIMIT].decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return None
    is_xarf = isinstance(found, dict) and (("ReporterInfo" in found and "Report" in found) or "xarf_version" in found)
    return found if is_xarf else None


def _from_json(letter: Letter, found: dict[str, Any]) -> Feedback:
    report = found["Report"] if isinstance(found.get("Report"), dict) else found
    kind = _text(report, "ReportType", "type").lower()
    recipient = _text(report, "RecipientEmailAddress", "smtp_to")
    return Feedback(
        kind=_KINDS.get(kind, "other"),
        recipients=tuple((addresses(recipient) or addresses(original_field(letter, "to")))[:1]),
        source_ip=_text(report, "SourceIp", "source_identifier") or None,
        reporter=_reporter(found),
    )


def _reporter(found: dict[str, Any]) -> str | None:
    info = found.get("ReporterInfo") or found.get("reporter")
    return _text(info, "ReporterOrg", "org") or None if isinstance(info, dict) else None


def _text(facts: dict[str, Any], *names: str) -> str:
    return next((value[:320] for name in names if isinstance(value := facts.get(name), str)), "")


def _from_fields(letter: Letter) -> Feedback | None:
    fields = next((found for part in letter.mail.parts if first(found := read_fields(part.text()[:4_000]), "report-type")), ())
    if not fields:
        return None
    kind = first(fields, "report-type").strip().lower()
    reporter = addresses(first(fields, "reported-from"))
    return Feedback(
        kind=_KINDS.get(kind, "other"),
        recipients=tuple(addresses(original_field(letter, "to"))[:1]),
        source_ip=first(fields, "source").strip() or None,
        reporter=reporter[0] if reporter else None,
    )
