"""DKIM keys: made here, kept sealed by the caller, published as DNS text."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

RSA_BITS = 2048  # RFC 8301 3.2: at least 1024, should be 2048; more does not fit one UDP answer everywhere
_TXT_STRING_BYTES = 255  # RFC 1035 3.3: one character-string of a TXT record


class Algorithm(StrEnum):
    """The name in the record's k= tag."""

    RSA = "rsa"
    ED25519 = "ed25519"


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A private key (DER, PKCS #8: seal it) with the text that publishes its public half."""

    algorithm: Algorithm
    private_der: bytes
    record: str


def make_rsa_key() -> DkimKey:
    """Make an RSA-2048 key; takes tens of milliseconds."""
    return _described(generate_private_key(public_exponent=65537, key_size=RSA_BITS), Algorithm.RSA)


def make_ed25519_key() -> DkimKey:
    """Make an Ed25519 key for a second signature beside RSA (RFC 8463)."""
    return _described(Ed25519PrivateKey.generate(), Algorithm.ED25519)


def load_private_key(private_der: bytes, *, sealed: bool = False) -> RSAPrivateKey | Ed25519PrivateKey:
    """Read a key back. Raises: ValueError for anything but the two kinds that are made here.

    `sealed`: it comes out of our own seal, which shows that it is as it was made; its primes are then not proven anew, which takes
    50 ms, three thousand times what reading does.
    """
    key = load_der_private_key(private_der, password=None, unsafe_skip_rsa_key_validation=sealed)
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise ValueError("neither an RSA nor an Ed25519 key")
    return key


def record_of(private_der: bytes) -> str:
    """Return the DNS text that publishes this key's public half."""
    key = load_private_key(private_der)
    return _described(key, Algorithm.RSA if isinstance(key, RSAPrivateKey) else Algorithm.ED25519).record


def txt_strings(record: str) -> list[str]:
    """Cut a record's text into the strings of at most 255 bytes that DNS carries."""
    return [record[start : start + _TXT_STRING_BYTES] for start in range(0, len(record), _TXT_STRING_BYTES)]


def public_part(record: str) -> str | None:
    """Return the p= value of a DKIM record without white space, or None where there is none (RFC 6376 3.6.1).

    An empty text means that the key was revoked.
    """
    for part in record.split(";"):
        name, sign, value = part.partition("=")
        if sign and name.strip() == "p":
            return "".join(value.split())
    return None


def _described(key: RSAPrivateKey | Ed25519PrivateKey, algorithm: Algorithm) -> DkimKey:
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    if isinstance(key, RSAPrivateKey):
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        # RFC 8463 4: the bare 32 bytes, not wrapped.
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return DkimKey(algorithm, private, f"v=DKIM1; k={algorithm}; p={base64.b64encode(public).decode()}")
