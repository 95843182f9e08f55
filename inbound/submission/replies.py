"""Turns refusals into SMTP replies: the basic and enhanced code, the sentence, and the stable code for programs. Pure."""

from __future__ import annotations

import re
import textwrap

from posthouse.platform.errors import AppError

SIGNED_IN = "235 2.7.0 Signed in"
WRONG_KEY = "535 5.7.8 The password is no API key that may send here; make one under API keys"
MAY_NOT_SEND = "535 5.7.8 This API key may not send messages; make one that may"
TOO_MANY_WRONG = "421 4.7.0 Too many wrong passwords, closing the connection"
NOT_NOW = "454 4.7.0 Nobody can be signed in at present, try again later"
KEY_GONE = "530 5.7.0 The API key is not valid any more; sign in with another one"
SIGN_IN_FIRST = "530 5.7.0 Sign in first: AUTH PLAIN or LOGIN with an API key as password"
TLS_FIRST = "530 5.7.0 Begin with STARTTLS"
TLS_BEFORE_KEY = "538 5.7.11 A key is taken over TLS only; begin with STARTTLS"
SIGNED_IN_ALREADY = "503 5.5.1 Signed in already"
IN_TRANSACTION = "503 5.5.1 Not within a mail transaction"
MECHANISM = "504 5.5.4 Only AUTH PLAIN and AUTH LOGIN are offered"
NOT_BASE64 = "501 5.5.2 This is not what the mechanism needs, in base64"
GIVEN_UP = "501 5.7.0 Given up"
LINE_TOO_LONG = "500 5.5.6 The line is too long"
DATABASE_AWAY = "451 4.3.0 Nothing can be stored at present, try again later"
CHANGED = "451 4.7.1 A recipient has been suppressed meanwhile; send it again to hear which"

# The enhanced code and the basic one, by our own code; then by kind.
_CODES = {
    "allowance_used_up": "452 4.7.1",
    "api_rate": "450 4.7.1",
    "from_domain_not_verified": "550 5.7.1",
    "from_name_misleading": "550 5.7.1",
    "mime_loop": "554 5.4.6",
    "mime_too_large": "552 5.3.4",
    "permission_missing": "550 5.7.1",
    "recipient_suppressed": "550 5.7.1",
    "recipients_too_many": "452 4.5.3",
}
_KINDS = {"invalid": "554 5.6.0", "forbidden": "550 5.7.1", "conflict": "550 5.7.1", "limit": "450 4.7.1", "missing": "550 5.7.1"}
_LASTING = frozenset({"suspended", "closed"})
_SMART = str.maketrans({"“": '"', "”": '"', "’": "'", "‘": "'", "…": "...", "–": "-", "—": "-", "\u00a0": " "})
_LINE_CHARACTERS = 400  # a reply's line may have 512 with its codes (RFC 5321 4.5.3.1.5)


def of(refusal: AppError) -> str:
    """Return the reply for a refusal; several lines where it is long."""
    codes = _CODES.get(refusal.code) or _KINDS.get(refusal.kind, "451 4.3.0")
    if refusal.code == "tenant_not_active":
        codes = "550 5.7.1" if refusal.facts.get("state") in _LASTING else "450 4.7.1"
    elif refusal.facts.get("field") == "to" and refusal.kind == "invalid" and refusal.code not in _CODES:
        codes = "553 5.1.3"
    return lines(codes, f"{refusal.sentence} ({refusal.code})")


def lines(codes: str, text: str) -> str:
    """Write a reply of one or more lines in ASCII; what could end a line early is a blank."""
    plain = re.sub(r"[^ -~]+", "?", re.sub(r"[\x00-\x1f\x7f]+", " ", text.translate(_SMART)))
    parts = textwrap.wrap(plain, _LINE_CHARACTERS) or [""]
    basic, _, enhanced = codes.partition(" ")
    return "\r\n".join(f"{basic}{'-' if number < len(parts) else ' '}{enhanced} {part}" for number, part in enumerate(parts, 1))


def taken(copies: list[tuple[str, str]]) -> str:
    """Say under which ids the copies are kept: each recipient's own, in the order in which they were given."""
    if len(copies) == 1:
        return f"250 2.0.0 Taken as {copies[0][1]}"
    return "\r\n".join([*(f"250-2.0.0 {id_} for {_shown(to)}" for to, id_ in copies), f"250 2.0.0 Taken: {len(copies)} messages"])


def _shown(address: str) -> str:
    return re.sub(r"[^!-~]", "?", address)
