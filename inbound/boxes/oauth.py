"""Sign in by OAuth 2.0, as Google and Microsoft want it: an access token for a refresh token (RFC 6749 6), and XOAUTH2 with it."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from posthouse.inbound.boxes.cards import BoxTrouble, Place
from posthouse.inbound.boxes.rules import is_token_address

MOST_BYTES = 64 * 1024
SECONDS = 10.0
_AGAIN = "It is tried again later; look at the address of the token service if this goes on."


@dataclass(frozen=True, slots=True)
class Tokens:
    """`access` is for this visit. `refresh` is a new refresh token that replaces the kept one, or empty."""

    access: str
    refresh: str = ""


def first_words(user: str, access: str) -> str:
    """What the client says to XOAUTH2, before base64."""
    return f"user={user}\x01auth=Bearer {access}\x01\x01"


def ask(place: Place) -> Tokens:
    """Ask the place's token service, for at most SECONDS between two answers; follows no redirect. Raises: BoxTrouble."""
    if not is_token_address(place.token_url, place.token_hosts):
        raise BoxTrouble(
            "Token", f"{place.token_url} is no token service that may be asked.", "Choose the provider's own, or have it allowed."
        )
    status, body = _post(place)
    told = _read(body)
    access, refresh = told.get("access_token"), told.get("refresh_token")
    if status != 200 or not isinstance(access, str) or not access.isascii() or not 0 < len(access) <= 8_000:
        raise BoxTrouble("Token", _words(status, told), "Sign in at the provider again, and give the new refresh token here.")
    new = refresh if isinstance(refresh, str) and 0 < len(refresh) <= 8_000 and refresh != place.password else ""
    return Tokens(access, new)


def _post(place: Place) -> tuple[int, bytes]:
    facts = {"grant_type": "refresh_token", "refresh_token": place.password, "client_id": place.client_id}
    if place.client_secret:
        facts["client_secret"] = place.client_secret
    parts = urlsplit(place.token_url)
    host = parts.hostname or ""
    line: http.client.HTTPConnection
    if parts.scheme == "https":
        line = http.client.HTTPSConnection(host, parts.port, timeout=SECONDS, context=ssl.create_default_context())
    else:
        line = http.client.HTTPConnection(host, parts.port, timeout=SECONDS)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        line.request(
            "POST", path or "/", urlencode(facts), {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        )
        answer = line.getresponse()
        return answer.status, answer.read(MOST_BYTES)
    except (OSError, http.client.HTTPException, UnicodeError) as problem:
        raise BoxTrouble("Token", f"{host}: {str(problem) or 'no answer'}", _AGAIN) from problem
    finally:
        line.close()


def _read(body: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(body)
        if isinstance(found, dict):
            return found
    return {}


def _words(status: int, told: dict[str, Any]) -> str:
    # RFC 6749 5.2: a word, and words for a person.
    said = [told[name] for name in ("error", "error_description") if isinstance(told.get(name), str)]
    return f"The token service answered {status}: {' – '.join(said) or 'nothing that can be read'}"[:300]
