"""Password hashes: Argon2id with OWASP's least parameters, and a check that takes as long for an unknown person.

Source: OWASP Password Storage Cheat Sheet (m=19 MiB, t=2, p=1). A semaphore caps the memory of hashes made at once.
"""

from __future__ import annotations

import base64
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from posthouse.platform.errors import Invalid

LEAST = 10
MOST = 1024
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_AT_ONCE = threading.BoundedSemaphore(4)


def _of_nobody() -> str:
    """Return a hash with the same parameters and lengths that no password has; checking against it costs what a real check costs."""
    salt, made = (base64.b64encode(bytes(length)).decode().rstrip("=") for length in (_HASHER.salt_len, _HASHER.hash_len))
    return f"$argon2id$v=19$m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}${salt}${made}"


_NOBODY = _of_nobody()


def hash_password(password: str) -> str:
    """Hash a new password. Raises: Invalid when it is too short or too long; every character counts."""
    if len(password) < LEAST:
        raise Invalid("password_too_short", f"A password has at least {LEAST} characters. A few words in a row do well.", field="password")
    if len(password) > MOST:
        raise Invalid("password_too_long", f"A password has at most {MOST} characters.", field="password")
    with _AT_ONCE:
        return _HASHER.hash(_encodable(password))


def matches(stored: str | None, password: str) -> bool:
    """Say whether the password is right; None stands for nobody and is never right, but takes as long."""
    if len(password) > MOST:
        return False
    with _AT_ONCE:
        try:
            _HASHER.verify(stored or _NOBODY, password.encode("utf-8", "surrogatepass"))
        except (VerificationError, InvalidHashError):
            return False
    return stored is not None


def _encodable(password: str) -> str:
    try:
        password.encode("utf-8")
    except UnicodeEncodeError:
        raise Invalid("password_not_text", "The password holds characters that are no text.", field="password") from None
    return password
