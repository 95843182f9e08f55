"""The ways in which providers prove that a report is theirs."""

import base64
import binascii
import hashlib
import hmac

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from posthouse.inbound.providers.cards import HookRequest

TOO_OLD_SECONDS = 15 * 60  # providers repeat a failed call with a new signature, so an older one is a replay


def same(given: str, wanted: str) -> bool:
    """Are two texts the same, in a time that does not tell where they differ?"""
    return bool(wanted) and hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode("utf-8", "replace"))


def is_fresh(at: int, now: int) -> bool:
    """Is a signature's time near enough to now (both in seconds since 1970)?"""
    return abs(now - at) <= TOO_OLD_SECONDS


def hmac_hex(secret: str, data: bytes) -> str:
    """HMAC-SHA256 in hexadecimal."""
    return hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()


def basic_auth(request: HookRequest, secret: str, _now: int) -> bool:
    """HTTP basic authentication with `user:password` as secret (RFC 7617), for providers that sign nothing."""
    scheme, _, given = request.header("authorization").partition(" ")
    return scheme.lower() == "basic" and same(given.strip(), base64.b64encode(secret.encode()).decode())


def token_auth(request: HookRequest, secret: str, now: int) -> bool:
    """A secret as bearer token (RFC 6750), or `user:password` as in `basic_auth`, for mail servers that let one choose."""
    scheme, _, given = request.header("authorization").partition(" ")
    return (scheme.lower() == "bearer" and same(given.strip(), secret)) or basic_auth(request, secret, now)


def ecdsa_holds(public_key: str, signature: str, data: bytes) -> bool:
    """Does an ECDSA signature over SHA-256 hold? Key and signature are base64 DER."""
    try:
        key = serialization.load_der_public_key(base64.b64decode(public_key))
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        key.verify(base64.b64decode(signature), data, ec.ECDSA(hashes.SHA256()))
    except (ValueError, TypeError, binascii.Error, InvalidSignature):
        return False
    return True


def rsa_holds(public_key: str, signature: str, data: bytes, digest: hashes.HashAlgorithm) -> bool:
    """Does an RSA PKCS#1 v1.5 signature hold? The key is PEM or base64 DER, the signature base64."""
    try:
        raw = public_key.strip()
        key = (
            serialization.load_pem_public_key(raw.encode())
            if raw.startswith("-----")
            else serialization.load_der_public_key(base64.b64decode(raw))
        )
        if not isinstance(key, rsa.RSAPublicKey):
            return False
        key.verify(base64.b64decode(signature), data, padding.PKCS1v15(), digest)
    except (ValueError, TypeError, binascii.Error, InvalidSignature):
        return False
    return True


_DIGESTS: dict[str | None, hashes.HashAlgorithm] = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256()}  # noqa: S303


def certificate_holds(certificate: bytes, signature: str, data: bytes, digest: str | None) -> bool:
    """Does an RSA signature (base64) hold under a certificate (PEM)? `digest` is sha1 or sha256."""
    try:
        key = x509.load_pem_x509_certificate(certificate).public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            return False
        key.verify(base64.b64decode(signature), data, padding.PKCS1v15(), _DIGESTS[digest])
    except (KeyError, ValueError, TypeError, binascii.Error, InvalidSignature):
        return False
    return True
