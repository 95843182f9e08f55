"""Signs a message that is already canonical: the whole cost is the hash of the body and OpenSSL's signature.

The composer knows every header's canonical form (RFC 6376 3.4.2) as it writes it, so nothing is parsed or folded again.
The signature is the same, byte for byte, as dkimpy's for the same input; a test holds it.
"""

from __future__ import annotations

import hashlib
from binascii import b2a_base64
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from posthouse.sending.dkim.keys import load_private_key

# Against replay (RFC 6376 8.6): a copy that is caught and sent again by the million soon fails.
EXPIRES_SECONDS = 7 * 24 * 3600
# Signed once more than they occur, present or not, so that none can be added (RFC 6376 8.15).
OVERSIGNED = (
    "from", "reply-to", "sender", "to", "cc", "subject", "date", "message-id",
    "list-id", "list-unsubscribe", "list-unsubscribe-post", "feedback-id", "cfbl-address", "cfbl-feedback-id",
    "mime-version", "content-type", "content-transfer-encoding",
)  # fmt: skip
_LINE_CHARACTERS = 72
_PKCS1 = PKCS1v15()
_SHA256 = SHA256()


def body_hash(body: bytes) -> bytes:
    """Return the bh= value of a canonical body."""
    return b2a_base64(hashlib.sha256(body).digest(), newline=False)


class Signer:
    """Signs for one domain and selector; made once, used from any number of threads (signing lets go of the GIL).

    `private_der`: a key that was made here and kept sealed.
    """

    def __init__(self, *, domain: str, selector: str, private_der: bytes) -> None:
        self.domain = domain
        self._key = load_private_key(private_der, sealed=True)
        algorithm = "ed25519-sha256" if isinstance(self._key, Ed25519PrivateKey) else "rsa-sha256"
        # No l=: a body of which only a beginning is signed can be replaced.
        self._head = f"v=1; a={algorithm}; c=relaxed/relaxed; d={domain};\r\n s={selector}; t=".encode()

    def header(self, *, names: bytes, canonical: bytes, hashed_body: bytes, at_seconds: int) -> bytes:
        """Return the DKIM-Signature header with its CRLF.

        `names` is the h= value as `signed_names` writes it, `canonical` the canonical headers in that order, each with
        its CRLF; a name that is not there has no line (RFC 6376 5.4.2).
        """
        return self.headers([(canonical, hashed_body)], names=names, at_seconds=at_seconds)[0]

    def headers(self, messages: Sequence[tuple[bytes, bytes]], *, names: bytes, at_seconds: int) -> list[bytes]:
        """Return the headers of several messages that are signed at the same time; each is its canonical headers and its hashed body.

        The signatures are made one right after the other: what OpenSSL needs for them is then in the processor's caches, and each
        costs a tenth less.
        """
        head = b"%s%d; x=%d;\r\n h=%s;\r\n bh=" % (self._head, at_seconds, at_seconds + EXPIRES_SECONDS, names)
        canonical_head = b"dkim-signature:" + head.replace(b"\r\n", b"")
        texts = [b"%b%b%b; b=" % (canonical, canonical_head, hashed_body) for canonical, hashed_body in messages]
        signatures = [self._sign(text) for text in texts]
        head = b"DKIM-Signature: " + head
        return [
            b"%b%b;\r\n b=%b\r\n" % (head, hashed_body, _folded(b2a_base64(signature, newline=False)))
            for (_, hashed_body), signature in zip(messages, signatures, strict=True)
        ]

    def _sign(self, data: bytes) -> bytes:
        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(hashlib.sha256(data).digest())  # RFC 8463 3: the hash is what is signed
        return self._key.sign(data, _PKCS1, _SHA256)


def signed_names(present: Sequence[str]) -> bytes:
    """Write the h= value: what is present, in order, then everything oversigned once more; folded."""
    names = [name.lower() for name in present] + list(OVERSIGNED)
    lines, line = [], "h="
    for name in names:
        if len(line) + len(name) + 1 > _LINE_CHARACTERS - 4:
            lines.append(line)
            line = ""
        line += name + ":"
    lines.append(line.rstrip(":"))
    return "\r\n ".join(lines).removeprefix("h=").encode()


def _folded(base64_text: bytes) -> bytes:
    return b"\r\n ".join([base64_text[start : start + _LINE_CHARACTERS] for start in range(0, len(base64_text), _LINE_CHARACTERS)])
