"""How a webhook's address may look, how a message is signed (Standard Webhooks), and when it is tried again; pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit, urlunsplit

from posthouse.platform.errors import Invalid
from posthouse.webui.webhooks.addresses import is_public

URL_LENGTH = 2_000
PORTS = frozenset({443, 8443})
SECRET_HEAD = "whsec_"  # noqa: S105 - the form's name, no secret
SECRET_BYTES = 32
# 16 tries over 72 hours, as Stripe gives.
GAPS = tuple(timedelta(seconds=one) for one in (5, 30, 120, 300, 900, 1800, *(3600 * hours for hours in (1, 2, 4, 6, 8, 10, 12, 14, 14))))
LIFE = timedelta(hours=72)
FIRST_REST, LONGEST_REST = timedelta(seconds=30), timedelta(hours=1)
TRUSTED_FAILURES = 3


def check_url(text: str, *, lenient: bool) -> str:
    """Return the address in the form in which it is called. `lenient` takes plain HTTP, any port and private addresses.

    Raises: Invalid.
    """
    url = text.strip()
    if not url or len(url) > URL_LENGTH or any(letter.isspace() or not letter.isprintable() or letter in "\\^`{}<>\"'" for letter in url):
        raise _refused("Write an address like https://example.com/hook, without spaces and quotation marks.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused("This is not an address. Write one like https://example.com/hook.") from None
    _check_parts(parts, port, lenient=lenient)
    host = _host(parts, lenient=lenient)
    shown = f"[{host}]" if ":" in host else host
    return urlunsplit((parts.scheme, shown if port is None else f"{shown}:{port}", parts.path or "/", parts.query, ""))


def _check_parts(parts: SplitResult, port: int | None, *, lenient: bool) -> None:
    if parts.scheme not in ({"https", "http"} if lenient else {"https"}):
        raise _refused("The address must begin with https://, so that nobody reads along.")
    if parts.username is not None or parts.password is not None:
        raise _refused("Leave user and password out of the address: the signature says that it is us.")
    if not lenient and port is not None and port not in PORTS:
        raise _refused("Use port 443 or 8443.")


def _host(parts: SplitResult, *, lenient: bool) -> str:
    host = (parts.hostname or "").rstrip(".")
    if not host or len(host) > 253:
        raise _refused("The address has no host name. Write one like https://example.com/hook.")
    try:
        literal = ip_address(host)
    except ValueError:
        return _name(host, lenient=lenient)
    if not lenient and not is_public(str(literal)):
        raise _refused("This address is not on the public internet. Use one that we can reach from outside.")
    return str(literal)


def _name(host: str, *, lenient: bool) -> str:
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise _refused("The host name is not valid.") from None
    # 127.1, 0x7f000001 and 2130706433 are addresses to a resolver: a name ends in letters.
    if not lenient and ("." not in name or not name.rsplit(".", 1)[1][:1].isalpha()):
        raise _refused("Use a full host name, such as hooks.example.com.")
    return name


def _refused(sentence: str) -> Invalid:
    return Invalid("webhook_url_invalid", sentence, field="url")


def make_secret() -> str:
    """Make a secret in the form that libraries for Standard Webhooks take."""
    return SECRET_HEAD + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """Return one signature over id, time and body: `v1,` and base64 of HMAC-SHA256 (Standard Webhooks 1.0.0, symmetric)."""
    key = base64.b64decode(secret.removeprefix(SECRET_HEAD))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def gap(attempts: int, jitter: float) -> timedelta | None:
    """Say how long to wait after the n-th failed try, None when it was the last; `jitter` 0 to 1 moves it by up to a tenth either way."""
    return GAPS[attempts - 1] * (0.9 + 0.2 * jitter) if attempts <= len(GAPS) else None


def rest(failures: int) -> timedelta | None:
    """Say how long an endpoint is left alone after so many failures in a row; None while it is still trusted."""
    over = failures - TRUSTED_FAILURES
    return None if over < 0 else min(FIRST_REST * 2 ** min(over, 10), LONGEST_REST)
