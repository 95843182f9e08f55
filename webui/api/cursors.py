"""Places in lists, opaque and signed: an altered cursor, or one of another list, is refused (bad input 9)."""

from __future__ import annotations

import base64
import hmac

from posthouse.platform.app import keyring
from posthouse.webui.api.strictness import Malformed

MAC_BYTES = 8


def make(of: str, place: str | int) -> str:
    """Return a cursor for a place in the list named `of`."""
    body = f"{of}|{place}".encode()
    return base64.urlsafe_b64encode(keyring().mac("cursor", body, length=MAC_BYTES) + body).decode().rstrip("=")


def read(of: str, cursor: str | None) -> str | None:
    """Return the place, None without a cursor. Raises: Malformed."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        mac, body = raw[:MAC_BYTES], raw[MAC_BYTES:]
        head, _, place = body.decode().partition("|")
    except ValueError:
        raise _refused() from None
    genuine = hmac.compare_digest(mac, keyring().mac("cursor", body, length=MAC_BYTES))
    if not genuine or head != of or make(of, place) != cursor:
        raise _refused()
    return place


def _refused() -> Malformed:
    return Malformed("cursor_invalid", "This cursor is not one of this list. Begin again without it.")
