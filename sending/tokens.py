"""The token that names tenant and message in everything that a message takes along, and that nobody else can make.

27 bytes: key id (1), tenant (8), message (8), and an HMAC-SHA256 over these cut to 80 bits (10). It has two spellings of
fixed length. `local` is lower-case base32 (44 characters), for places where somebody may fold case: local parts of
addresses, Message-ID. `url` is base64url (36 characters). Both are read strictly: one token has exactly one spelling in
each alphabet, so every altered character is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

from posthouse.platform.app import keyring
from posthouse.platform.secrets import Keyring

PURPOSE = "message-token"
MAC_BYTES = 10  # 80 bits: a million guesses a second would need 38 million years for an even chance
BODY_BYTES = 17
BLOCK_BYTES = 64  # of SHA-256
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


_FIVE_BITS = bytes(b"abcdefghijklmnopqrstuvwxyz234567"[value] if value < 32 else 0 for value in range(256))
_GAPS = b"\0\0\0"
# Which bits of each 8 bytes go up in the three steps that turn 40 bits into 8 times 5.
_STEPS = tuple(
    (shift, int.from_bytes(high.to_bytes(8) * 6), int.from_bytes(low.to_bytes(8) * 6))
    for shift, high, low in (
        (12, 0x000000FFFFF00000, 0x00000000000FFFFF),
        (6, 0x000FFC00000FFC00, 0x000003FF000003FF),
        (3, 0x03E003E003E003E0, 0x001F001F001F001F),
    )
)


def local_spelling(raw: bytes) -> bytes:
    """Spell a token's 27 bytes in lower-case base32; as `base64.b32encode` does it, in a quarter of its time."""
    wide = int.from_bytes(_GAPS.join((b"", raw[:5], raw[5:10], raw[10:15], raw[15:20], raw[20:25], raw[25:] + _GAPS)))
    for shift, high, low in _STEPS:
        wide = (wide & high) << shift | wide & low
    return wide.to_bytes(48).translate(_FIVE_BITS)[:LOCAL_CHARACTERS]


class Mint:
    """Makes and reads tokens under one installation's keys; the first key makes, all read (rotation)."""

    def __init__(self, keyring: Keys) -> None:
        self._current = keyring.current
        self._keys = {key_id: keyring.derive(key_id, PURPOSE) for key_id in keyring.keys}
        self._head = bytes((self._current,))
        self._inner, self._outer = _hmac_states(self._keys[self._current])

    def mint(self, tenant_id: int, message_id: int) -> Token:
        """Make the token of one message; the same ids give the same token while the key stays. Raises: OverflowError."""
        raw = self.raw(tenant_id, message_id)
        return Token(local_spelling(raw).decode(), base64.urlsafe_b64encode(raw).decode())

    def raw(self, tenant_id: int, message_id: int) -> bytes:
        """Make a token's 27 bytes, for a caller that spells them itself."""
        body = self._head + tenant_id.to_bytes(8) + message_id.to_bytes(8)
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(body)
        outer.update(inner.digest())
        return body + outer.digest()[:MAC_BYTES]

    def read(self, text: str) -> TokenClaims | None:
        """Return what the token says, or None where it is not one of ours. Base32 may have come back in capitals."""
        raw = _unspell(text)
        if raw is None:
            return None
        key = self._keys.get(raw[0])
        if key is None or not hmac.compare_digest(hmac.digest(key, raw[:BODY_BYTES], "sha256")[:MAC_BYTES], raw[BODY_BYTES:]):
            return None
        return TokenClaims(int.from_bytes(raw[1:9]), int.from_bytes(raw[9:BODY_BYTES]))


def _hmac_states(key: bytes) -> tuple[hashlib._Hash, hashlib._Hash]:
    """Return the two hashes of HMAC-SHA256 (RFC 2104 section 2) with the key in them: half of what a token's MAC would cost."""
    block = (hashlib.sha256(key).digest() if len(key) > BLOCK_BYTES else key).ljust(BLOCK_BYTES, b"\0")
    return hashlib.sha256(bytes(byte ^ 0x36 for byte in block)), hashlib.sha256(bytes(byte ^ 0x5C for byte in block))


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
