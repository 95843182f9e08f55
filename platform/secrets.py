"""Sealing of stored secrets (AES-256-GCM with the row as associated data), keyed hashes, and the master keys behind both.

A sealed value copied to another tenant, table, column or row does not open. The first master key seals; all open, so a
new key is put first and old values are sealed again at leisure.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from posthouse.platform.settings import Settings, WrongSetting

KEY_BYTES = 32
NONCE_BYTES = 12


class DoesNotOpen(Exception):
    """A sealed value was altered, moved to another row, or its master key is gone."""


@dataclass(frozen=True)
class Keyring:
    """Master keys by id; `current` is the id that seals and signs."""

    keys: dict[int, bytes]
    current: int

    def derive(self, key_id: int, purpose: str) -> bytes:
        """Return 32 bytes for one purpose, never the master key itself (RFC 5869)."""
        return _derive(self.keys[key_id], purpose)

    def seal(self, plain: bytes, *, tenant_id: int | None, table: str, column: str, row_id: int) -> bytes:
        """Seal a value for its place: one byte of key id, the nonce, the ciphertext with its tag."""
        nonce = os.urandom(NONCE_BYTES)
        cipher = AESGCM(self.derive(self.current, f"seal:{tenant_id or 0}"))
        return bytes([self.current]) + nonce + cipher.encrypt(nonce, plain, _place(tenant_id, table, column, row_id))

    def unseal(self, sealed: bytes, *, tenant_id: int | None, table: str, column: str, row_id: int) -> bytes:
        """Open a sealed value. Raises: DoesNotOpen."""
        key_id, nonce, body = sealed[0], sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        if key_id not in self.keys:
            raise DoesNotOpen(f"master key {key_id} is not among POSTHOUSE_SECRET_KEYS")
        cipher = AESGCM(self.derive(key_id, f"seal:{tenant_id or 0}"))
        try:
            return cipher.decrypt(nonce, body, _place(tenant_id, table, column, row_id))
        except InvalidTag:
            raise DoesNotOpen(f"{table}.{column} of row {row_id} does not open: altered, or moved from another row") from None

    def mac(self, purpose: str, data: bytes, *, length: int = 32, key_id: int | None = None) -> bytes:
        """Return a keyed hash of the data, cut to `length` bytes; the key of another purpose gives another hash."""
        key = self.derive(self.current if key_id is None else key_id, f"mac:{purpose}")
        return hmac.digest(key, data, "sha256")[:length]


@lru_cache(maxsize=4096)
def _derive(master: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode()).derive(master)


def _place(tenant_id: int | None, table: str, column: str, row_id: int) -> bytes:
    return f"{tenant_id or 0}|{table}|{column}|{row_id}".encode()


def parse_keys(text: str) -> Keyring:
    """Read master keys from their setting. Raises: WrongSetting."""
    keys: dict[int, bytes] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        head, _, body = part.partition(":")
        try:
            key_id, key = int(head), base64.b64decode(body, validate=True)
        except (ValueError, binascii.Error):
            raise WrongSetting("POSTHOUSE_SECRET_KEYS: a key is written ID:BASE64, such as 1:… with 44 letters.") from None
        if not 0 < key_id < 256 or len(key) != KEY_BYTES or key == bytes(KEY_BYTES):
            raise WrongSetting(f"POSTHOUSE_SECRET_KEYS: key {head} must have an id from 1 to 255 and {KEY_BYTES} random bytes.")
        keys[key_id] = key
    if not keys:
        raise WrongSetting(
            "POSTHOUSE_SECRET_KEYS: no key. Make one with `posthouse new-key`, or run `posthouse up`, which keeps one in its data folder."
        )
    return Keyring(keys, next(iter(keys)))


def new_key(key_id: int = 1) -> str:
    """Make a fresh master key in the form of the setting."""
    return f"{key_id}:{base64.b64encode(os.urandom(KEY_BYTES)).decode()}"


def key_file(settings: Settings) -> Path:
    """Return where the data folder keeps its master keys."""
    return settings.data / "secret.keys"


def ensure_key_file(settings: Settings) -> None:
    """Make the data folder's master key once; an existing one is never touched."""
    path = key_file(settings)
    if settings.secret_keys or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(new_key() + "\n")


def load_keyring(settings: Settings) -> Keyring:
    """Return the master keys of this installation. Raises: WrongSetting."""
    if settings.secret_keys:
        return parse_keys(settings.secret_keys)
    path = key_file(settings)
    return parse_keys(path.read_text().strip() if path.exists() else "")


def database_password(keyring: Keyring, role: str) -> str:
    """Return the password of a database role, made from the first (oldest kept) master key so that it needs no place of its own."""
    oldest = min(keyring.keys)
    return hashlib.sha256(keyring.derive(oldest, f"database-role:{role}")).hexdigest()
