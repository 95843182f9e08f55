"""The token that names tenant and message in everything that a message takes along, and that nobody else can make.

27 bytes: key id (1), tenant (8), message (8), and an HMAC-SHA256 over these cut to 80 bits (10). It has two spellings of
fixed length. `local` is lower-case base32 (44 characters), for places where somebody may fold case: local parts of
addresses, Message-ID. `url` is base64url (36 characters). Both are read strictly: one token has exactly one spelling in
each alphabet, so every altered character is refused.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

from posthouse.platform.app import keyring
from posthouse.platform.secrets import Keyring

PURPOSE = "message-token"
MAC_BYTES = 10  # 80 bits: a million guesses a second would need 38 million years for an even chance
BODY_BYTES = 17
TOKEN_BYTES = BODY_BYTES + MAC_BYTES
LOCAL_CHARACTERS = 44
URL_CHARACTERS = 36
COMPLAINT_PREFIX = "fbl-"
UNSUBSCRIBE_PREFIX = "u-"
REPLY_PREFIX = "r-"
_KINDS = {COMPLAINT_PREFIX: "complaint", UNSUBSCRIBE_PREFIX: "unsubscribe", REPLY_PREFIX: "reply"}
_MAX_ID = 2**63 - 1  # PostgreSQL's bigint


class Keys(Protocol):
    """What a token needs of a keyring: `posthouse.platform.secrets.Keyring` is one."""

    @property
    def keys(self) -> dict[int, bytes]: ...
    @property
    def current(self) -> int: ...
    def derive(self, key_id: int, purpose: str) -> bytes: ...


class TokenClaims(NamedTuple):
    """What a genuine token says."""

    tenant_id: int
    message_id: int


@dataclass(frozen=True, slots=True)
class Token:
    """One token in its two spellings."""

    local: str
    url: str


class Mint:
    """Makes and reads tokens under one installation's keys; the first key makes, all read (rotation)."""

    def __init__(self, keyring: Keys) -> None:
        self._current = keyring.current
        self._keys = {key_id: keyring.derive(key_id, PURPOSE) for key_id in keyring.keys}

    def mint(self, tenant_id: int, message_id: int) -> Token:
        """Make the token of one message; the same ids give the same token while the key stays. Raises: OverflowError."""
        raw = self.raw(tenant_id, message_id)
        return Token(base64.b32encode(raw).decode().rstrip("=").lower(), base64.urlsafe_b64encode(raw).decode())

    def raw(self, tenant_id: int, message_id: int) -> bytes:
        """Make a token's 27 bytes, for a caller that spells them itself."""
        body = bytes((self._current,)) + tenant_id.to_bytes(8) + message_id.to_bytes(8)
        return body + hmac.digest(self._keys[self._current], body, "sha256")[:MAC_BYTES]

    def read(self, text: str) -> TokenClaims | None:
        """Return what the token says, or None where it is not one of ours. Base32 may have come back in capitals."""
        raw = _unspell(text)
        if raw is None:
            return None
        key = self._keys.get(raw[0])
        if key is None or not hmac.compare_digest(hmac.digest(key, raw[:BODY_BYTES], "sha256")[:MAC_BYTES], raw[BODY_BYTES:]):
            return None
        return TokenClaims(int.from_bytes(raw[1:9]), int.from_bytes(raw[9:BODY_BYTES]))


def _unspell(text: str) -> bytes | None:
    """Return the 27 bytes behind either spelling; None for any other text, and for a second spelling of the same bytes."""
    if not text.isascii() or "+" in text or "/" in text:  # Python reads these as second spellings of - and _
        return None
    try:
        if len(text) == URL_CHARACTERS:
            raw = base64.b64decode(text.encode(), altchars=b"-_", validate=True)
            return raw if len(raw) == TOKEN_BYTES else None
        if len(text) == LOCAL_CHARACTERS:
            raw = base64.b32decode(text.upper() + "====")
            # The last character carries four spare bits: only zeroes are ours.
            return raw if base64.b32encode(raw).decode().rstrip("=") == text.upper() else None
    except (binascii.Error, ValueError):
        return None
    return None


class AddressKind(NamedTuple):
    """What an address of ours is for: `bounce`, `complaint`, `unsubscribe` or `reply`, and whose message it was."""

    kind: str
    claims: TokenClaims


def read_address(mint: Mint, local_part: str) -> AddressKind | None:
    """Return what the local part of a return path, feedback, unsubscribe or reply address says; None where it is not ours."""
    text = local_part.lower()
    prefix = next((known for known in _KINDS if text.startswith(known)), "")
    kind, token = _KINDS.get(prefix, "bounce"), text.removeprefix(prefix)
    claims = mint.read(token) if len(token) == LOCAL_CHARACTERS else None
    return AddressKind(kind, claims) if claims else None


def of_house() -> Mint:
    """Return the mint under the running installation's keys."""
    ring = keyring()
    return _mint(ring.current, tuple(sorted(ring.keys.items())))


@lru_cache(maxsize=4)
def _mint(current: int, keys: tuple[tuple[int, bytes], ...]) -> Mint:
    return Mint(Keyring(dict(keys), current))
