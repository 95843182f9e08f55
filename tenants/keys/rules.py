"""The form of an API key: `key_` and 32 random bytes with a checksum, so that secret scanners and typos are easy to tell.

A random key of 256 bits needs no slow hash (OWASP ASVS 5.0, 6.5.2: SHA-256 is enough above 112 bits).
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib

HEAD = "key_"
SHOWN = 12  # characters shown again later, to tell keys apart
_FORM = re.compile(r"key_[0-9a-f]{64}[0-9a-f]{8}\Z")


def make() -> str:
    """Make a new key."""
    body = secrets.token_hex(32)
    return f"{HEAD}{body}{_checksum(body)}"


def well_formed(key: str) -> bool:
    """Say whether a text can be a key at all; asked before the database is."""
    return bool(_FORM.match(key)) and key[-8:] == _checksum(key[len(HEAD) : -8])


def hash_key(key: str) -> bytes:
    """Return what is stored of a key."""
    return hashlib.sha256(key.encode()).digest()


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"
