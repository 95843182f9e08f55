"""Read complaints: ARF (RFC 5965, 6591), and the forms of providers that do not use it."""

import re

from posthouse.inbound.parsing.cards import Feedback
from posthouse.inbound.parsing.dsn import address_of
from posthouse.inbound.parsing.headers import Fields, addresses, every, first, read_fields
from posthouse.inbound.parsing.letter import Letter, original_field

KINDS = frozenset({"abuse", "fraud", "virus", "other", "not-spam", "auth-failure", "opt-out", "dmarc"})
"""RFC 5965 7.3, RFC 6430 (not-spam), RFC 6591 (auth-failure); opt-out is used in the wild and means unsubscribe."""

_ALIASES = {
    "opt-out-list": "opt-out",
    "optout": "opt-out",
    "spam": "abuse",
    "auth": "auth-failure",
    "authentication-failure": "auth-failure",
    "not_spam": "not-spam",
    "abuse-report": "abuse",
}
_IP = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d{1,3}){3})(?![\d.])|\b([0-9a-fA-F:]{2,39}:[0-9a-fA-F:]{1,39})\b")
_JMRP = re.compile(r"staff@hotmail\.com|jmrp@|complaint@|scomp@|feedback(?:loop)?@|fbl[@-]|@fbl\.|complaints?@", re.IGNORECASE)
_SUBJECT = re.compile(
    r"complaint about message from|email feedback report|abuse report|feedback report|client tos notification|spam complaint|junk mail report|this is an email abuse report",
    re.IGNORECASE,
)
_WORDS = re.compile(
    r"email abuse report|feedback loop|junk e?mail reporting|complained about|marked (?:this|the) (?:message|e-?mail) as|reported (?:as|this)[^.\n]{0,40}(?:spam|junk|abuse)|received a complaint|spam button",
)
# Apple's mail programs send this for the person who pressed "unsubscribe".
_LEFT_BY_CLIENT = re.compile(r"apple mail sent this email to unsubscribe", re.IGNORECASE)
_AUTH_WORDS = re.compile(
    r"(?:dmarc|spf|dkim)[^.\n]{0,60}(?:fail|violation|reject)|authentication failure report|fail[^.\n]{0,40}\bdmarc|dmarc results?:|failed dmarc|this is (?:an authentication|a (?:dmarc|spf))",
)


def read_feedback(letter: Letter) -> Feedback | None:
    """The complaint that a letter is, or None."""
    if letter.feedback_parts or letter.report_type == "feedback-report":
        return _from_report(letter)
    if _LEFT_BY_CLIENT.search(letter.text[:500]):
        return Feedback(kind="opt-out", recipients=tuple(addresses(letter.sender)[:1]))
    if _is_provider_form(letter):
        return _from_provider_form(letter)
    return None


def _from_report(letter: Letter) -> Feedback:
    report = read_fields("\n".join(part.strip("\n") for part in letter.feedback_parts) or _fields_in_text(letter))
    named = first(report, "feedback-type").split(";")[0].split("(")[0].strip().lower()
    kind = _ALIASES.get(named, named)
    if not kind:
        kind = (
            "auth-failure"
            if first(report, "auth-failure") or _AUTH_WORDS.search(f"{letter.low[:4_000]} {letter.subject.lower()}")
            else "abuse"
        )
    return Feedback(
        kind="auth-failure" if kind == "dmarc" else kind if kind in KINDS else "other",
        recipients=_recipients(letter, report),
        source_ip=_ip(first(report, "source-ip")) or _ip(original_field(letter, "x-originating-ip")),
        reporter=first(report, "reporting-mta").partition(";")[2].strip() or first(report, "user-agent") or None,
        domains=written_as(letter, every(report, "reported-domain")),
    )


def written_as(letter: Letter, reported: list[str]) -> tuple[str, ...]:
    """The domains in whose name the reported mail was written: as the report says (RFC 5965 3.2), then the original's From."""
    named = [*reported, *(address.rpartition("@")[2] for address in addresses(original_field(letter, "from")))]
    return tuple(dict.fromkeys(name.strip().rstrip(".").lower() for name in named if 3 <= len(name.strip()) <= 255 and "." in name))[:5]


def _fields_in_text(letter: Letter) -> str:
    # A report whose machine-readable part arrived as plain text.
    at = letter.text.lower().find("feedback-type:")
    return letter.text[at : at + 4_000] if at >= 0 else ""


def _recipients(letter: Letter, report: Fields) -> tuple[str, ...]:
    named = [address_of(value) for name in ("original-rcpt-to", "removal-recipient", "x-original-rcpt-to") for value in every(report, name)]
    found = list(dict.fromkeys(address.strip("<>") for address in named if address))
    if found:
        return tuple(found[:100])
    hidden = (
        original_field(letter, "x-hmxmroriginalrecipient")
        or letter.get("x-hmxmroriginalrecipient")
        or original_field(letter, "x-rocketrcl")
    )
    return tuple((addresses(hidden) or addresses(original_field(letter, "to")))[:1])


def _is_provider_form(letter: Letter) -> bool:
    if letter.get("x-hmxmroriginalrecipient") or original_field(letter, "x-hmxmroriginalrecipient"):
        return True
    writer, subject = bool(_JMRP.search(letter.sender)), bool(_SUBJECT.search(letter.subject))
    words = bool(_WORDS.search(letter.low[:4_000]))
    return bool(letter.originals) and writer + subject + words >= 2


def _from_provider_form(letter: Letter) -> Feedback:
    hidden = letter.get("x-hmxmroriginalrecipient") or original_field(letter, "x-hmxmroriginalrecipient")
    found = addresses(hidden) or addresses(original_field(letter, "to"))
    return Feedback(
        kind="abuse", recipients=tuple(found[:1]), source_ip=_ip(letter.subject) or _ip(original_field(letter, "x-originating-ip"))
    )


def is_authentication_notice(letter: Letter) -> bool:
    """Is this a DMARC failure report in plain words (Exim and others send such)?"""
    about = bool(re.search(r"dmarc", letter.subject, re.IGNORECASE)) and bool(
        re.search(r"fail|forensic|violation", letter.subject, re.IGNORECASE)
    )
    return about and bool(_AUTH_WORDS.search(letter.low[:4_000]))


def _ip(value: str) -> str | None:
    found = _IP.search(value[:200])
    return (found.group(1) or found.group(2)) if found else None
