"""Tokens: two spellings, read strictly, made by nobody else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import re
import string
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.sending import tokens
from posthouse.sending.tokens import Mint, TokenClaims, read_address


@dataclass(frozen=True)
class Keys:
    keys: dict[int, bytes]
    current: int

    def derive(self, key_id: int, purpose: str) -> bytes:
        return hashlib.sha256(self.keys[key_id] + purpose.encode()).digest()


MINT = Mint(Keys({1: b"a" * 32, 2: b"b" * 32}, 2))
IDS = st.integers(min_value=0, max_value=2**63 - 1)


@given(tenant=IDS, message=IDS)
def test_both_spellings_say_what_was_put_in(tenant: int, message: int) -> None:
    """Either spelling reads back, and fits its place."""
    token = MINT.mint(tenant, message)
    assert MINT.read(token.local) == MINT.read(token.url) == TokenClaims(tenant, message)
    assert re.fullmatch(r"[a-z2-7]{44}", token.local)
    assert re.fullmatch(r"[A-Za-z0-9_-]{36}", token.url)
    assert len(tokens.COMPLAINT_PREFIX + token.local) <= 64  # RFC 5321 4.5.3.1.1


@given(tenant=IDS, message=IDS)
def test_h1_every_altered_byte_is_refused(tenant: int, message: int) -> None:
    """No single bit of the 27 bytes may be another."""
    raw = MINT.raw(tenant, message)
    for place in range(len(raw)):
        for bit in range(8):
            altered = raw[:place] + bytes([raw[place] ^ (1 << bit)]) + raw[place + 1 :]
            assert MINT.read(base64.urlsafe_b64encode(altered).decode()) is None
            assert MINT.read(base64.b32encode(altered).decode().rstrip("=").lower()) is None


@pytest.mark.slow
def test_h1_of_a_million_made_up_tokens_none_is_genuine() -> None:
    """Well formed, with tenant, message and key of a genuine one and another MAC: as far as a forger can get without the key."""
    genuine, rng = MINT.raw(7, 1234567890123456789), random.Random(1)
    mac = len(genuine) - 10  # 80 bits
    found = 0
    for _ in range(1_000_000):
        text = base64.b32encode(genuine[:mac] + rng.randbytes(10)).decode().rstrip("=").lower()
        found += MINT.read(text) is not None
    assert found == 0
    assert MINT.read(base64.b32encode(genuine).decode().rstrip("=").lower()) is not None


def test_b1_91_every_altered_character_is_refused() -> None:
    """Every other printable character at every place is refused in both spellings; base32 alone may change its case."""
    token = MINT.mint(7, 1234567890123456789)
    for text in (token.local, token.url):
        for place, character in enumerate(text):
            for other in string.printable + "é\x00":
                same = other == character or (text is token.local and other == character.upper())
                if not same:
                    assert MINT.read(text[:place] + other + text[place + 1 :]) is None


@given(st.text(max_size=60))
def test_any_other_text_is_nothing(text: str) -> None:
    """Noise is not a token and not an error."""
    assert MINT.read(text) is None
    assert read_address(MINT, text) is None


def test_49_folded_case_is_read() -> None:
    """A host that writes addresses in capitals does not hide whose bounce it is."""
    token = MINT.mint(1, 2)
    assert MINT.read(token.local.upper()) == TokenClaims(1, 2)
    assert MINT.read(token.url.lower()) is None


def test_an_older_key_still_reads_and_a_dropped_one_does_not() -> None:
    """Rotation: the first key makes, all read."""
    old = Mint(Keys({1: b"a" * 32}, 1)).mint(5, 6)
    assert MINT.read(old.local) == TokenClaims(5, 6)
    assert Mint(Keys({2: b"b" * 32}, 2)).read(old.local) is None
    assert Mint(Keys({1: b"c" * 32}, 1)).read(old.url) is None


@pytest.mark.parametrize(("prefix", "kind"), [("", "bounce"), ("fbl-", "complaint"), ("u-", "unsubscribe"), ("FBL-", "complaint")])
def test_an_address_tells_what_it_is_for(prefix: str, kind: str) -> None:
    """The prefix names the purpose, the token the message."""
    token = MINT.mint(3, 4)
    found = read_address(MINT, prefix + token.local)
    assert found is not None
    assert (found.kind, found.claims) == (kind, TokenClaims(3, 4))
    assert read_address(MINT, prefix + token.url) is None
    assert read_address(MINT, "x" + prefix + token.local) is None


def test_the_quick_spelling_and_mac_are_the_standard_library_s() -> None:
    """A token is spelt and authenticated without base64.b32encode and hmac, and comes out the same."""
    for number in range(200):
        raw = hashlib.sha256(bytes([number])).digest()[: tokens.TOKEN_BYTES]
        assert tokens.local_spelling(raw) == base64.b32encode(raw).rstrip(b"=").lower()
    keys = Keys({1: b"k" * 32}, 1)
    raw = Mint(keys).raw(5, 6)
    body, mac = raw[: tokens.BODY_BYTES], raw[tokens.BODY_BYTES :]
    assert mac == hmac.digest(keys.derive(1, tokens.PURPOSE), body, "sha256")[: tokens.MAC_BYTES]
