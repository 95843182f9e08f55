"""The signer: what dkimpy verifies, byte for byte what dkimpy would have signed, and broken by any change."""

from __future__ import annotations

import base64
import hashlib
import re

import dkim
import dkim.canonicalization
import dkim.crypto
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from posthouse.platform import clock
from posthouse.sending.dkim import keys
from posthouse.sending.dkim.signer import OVERSIGNED, Signer, body_hash, signed_names

RSA = keys.make_rsa_key()
ED25519 = keys.make_ed25519_key()
HEADERS = [("From", '"Käthe" <news@brand.example>'.encode("ascii", "xmlcharrefreplace").decode()), ("To", "a@b.example"), ("Subject", "Hello you"),
           ("Date", "Wed, 25 Nov 2026 05:00:00 +0000"), ("Message-ID", "<1@brand.example>"), ("List-Unsubscribe", "<https://x.example/u>,\r\n <mailto:u@x.example>")]  # fmt: skip
BODY = b"Hello =\r\nyou\r\n\r\n..dot\r\n"


def message(key: keys.DkimKey = RSA, at: int | None = None, headers: list[tuple[str, str]] = HEADERS) -> bytes:
    signer = Signer(domain="brand.example", selector="s1", private_der=key.private_der)
    canonical = b"".join(f"{name.lower()}:{value}".replace("\r\n", "").encode() + b"\r\n" for name, value in headers)
    signature = signer.header(
        names=signed_names([name for name, _ in headers]),
        canonical=canonical,
        hashed_body=body_hash(BODY),
        at_seconds=int(clock.now().timestamp()) if at is None else at,
    )
    return signature + b"".join(f"{name}: {value}\r\n".encode() for name, value in headers) + b"\r\n" + BODY


def verify(data: bytes, key: keys.DkimKey = RSA) -> bool:
    return bool(dkim.verify(data, dnsfunc=lambda *_, **__: key.record.encode()))


@pytest.mark.parametrize("key", [RSA, ED25519], ids=["rsa", "ed25519"])
def test_dkimpy_verifies(key: keys.DkimKey) -> None:
    """An independent verifier says yes to both algorithms, and no with another key of the same kind."""
    other = keys.make_rsa_key() if key is RSA else keys.make_ed25519_key()
    assert verify(message(key), key)
    assert not verify(message(key), other)


def test_the_signature_is_dkimpys_byte_for_byte() -> None:
    """For the same fields in the same order, dkimpy's own arithmetic gives the same b=."""
    data = message()
    header = re.match(rb"DKIM-Signature: (.*?)\r\n(?=\S)", data, re.DOTALL)
    assert header
    signature = dkim.util.parse_tag_value(header.group(1).replace(b"\r\n", b""))
    fields = [(name, value if name != b"b" else b"0" * 60) for name, value in signature.items()]
    private = keys.load_private_key(RSA.private_der)
    assert isinstance(private, RSAPrivateKey)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    unsigned = dkim.DKIM(data[header.end() :])
    unsigned.hasher = hashlib.sha256
    names = [name.strip().lower() for name in signature[b"h"].split(b":")]
    policy = dkim.canonicalization.CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
    theirs = unsigned.gen_header(fields, names, policy, b"DKIM-Signature", dkim.crypto.parse_pem_private_key(pem))
    parsed = dkim.util.parse_tag_value(theirs)
    squeeze = lambda value: re.sub(rb"\s+", b"", value)  # noqa: E731
    assert squeeze(parsed[b"b"]) == squeeze(signature[b"b"])
    assert len(base64.b64decode(squeeze(signature[b"b"]))) == 256


@pytest.mark.parametrize("name", OVERSIGNED)
def test_d5_an_added_header_breaks_it(name: str) -> None:
    """Replay with a second or new header of an oversigned name fails (RFC 6376 8.15)."""
    data = message()
    assert not verify(f"{name}: added@evil.example\r\n".encode() + data)
    assert not verify(data.replace(b"\r\n\r\n", f"\r\n{name}: added@evil.example\r\n\r\n".encode(), 1))


def test_d5_there_is_no_l_and_it_expires() -> None:
    """Nothing can be appended; a week and a day later the signature is refused."""
    assert not verify(message() + b"more\r\n")
    assert b"l=" not in re.sub(rb"(bh|b)=\S+", b"", message())
    assert not verify(message(at=int(clock.now().timestamp()) - 8 * 24 * 3600))


def test_every_line_is_short() -> None:
    """No line of the header needs folding by a relay (RFC 5322 2.1.1 asks for 78)."""
    assert max(map(len, message().split(b"\r\n"))) <= 78


def test_the_record_is_cut_for_dns_and_read_back() -> None:
    """A record of more than 255 bytes travels as several strings; p= comes back without white space; empty means revoked."""
    strings = keys.txt_strings(RSA.record)
    assert [len(part) for part in strings[:-1]] == [255] * (len(strings) - 1)
    assert "".join(strings) == RSA.record == keys.record_of(RSA.private_der)
    assert keys.public_part("v=DKIM1; k=rsa; p=AB\t CD") == "ABCD"
    assert keys.public_part("v=DKIM1; p=") == ""
    assert keys.public_part("v=spf1 -all") is None
