"""A good letter to start from, and the things around it."""

from __future__ import annotations

import email
import email.policy
import hashlib
from dataclasses import dataclass
from email.message import EmailMessage
from functools import cache
from types import SimpleNamespace
from typing import Any

import dkim
import pytest

from posthouse.platform import clock
from posthouse.sending.content.compile import compile_letter
from posthouse.sending.content.compose import Composer, Sender
from posthouse.sending.content.letters import Compiled, Letter
from posthouse.sending.dkim.keys import DkimKey, make_rsa_key
from posthouse.sending.dkim.signer import Signer
from posthouse.sending.tokens import Mint

FOOTER = '<p>{{ postal_address }} <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>'
FIELDS = frozenset({"first_name", "city", "products", "homepage", "points"})
AT = clock.now()


@dataclass(frozen=True)
class Keys:
    keys: dict[int, bytes]
    current: int = 1

    def derive(self, key_id: int, purpose: str) -> bytes:
        return hashlib.sha256(self.keys[key_id] + purpose.encode()).digest()


MINT = Mint(Keys({1: b"k" * 32}))
SENDER = Sender(
    tenant_id=7,
    from_name="Käthe’s Tea",
    from_address="news@tea.example",
    bounce_host="bounce.tea.example",
    link_base="https://click.tea.example",
    list_id="news.tea.example",
    list_name="News",
    feedback=("c1", "t7", "marketing"),
    sender_id="house",
    sender_name="Käthe’s Tea",
    postal_address="Am Deich 1\n26721 Emden",
)


def letter(body: str = "<p>Hi {{ first_name | default: 'friend' }}</p>", **changes: Any) -> Letter:
    settings: dict[str, Any] = {
        "subject": "Tea for {{ first_name | default: 'you' }}",
        "html": f"<html><body>{body}{FOOTER}</body></html>",
        "sender_name": SENDER.sender_name,
        "postal_address": SENDER.postal_address,
        "fields": FIELDS,
    }
    return Letter(**(settings | changes))


def compiled(body: str = "<p>Hi {{ first_name | default: 'friend' }}</p>", **changes: Any) -> Compiled:
    outcome = compile_letter(letter(body, **changes))
    assert outcome.compiled is not None, outcome.errors
    return outcome.compiled


@cache
def key() -> DkimKey:
    return make_rsa_key()


def composer(body: str = "<p>Hi {{ first_name | default: 'friend' }}</p>", *, sender: Sender = SENDER, **changes: Any) -> Composer:
    signer = Signer(domain="tea.example", selector="s1", private_der=key().private_der)
    return Composer(compiled(body, **changes), sender, revision_id=12345, mint=MINT, signers=[signer])


def parsed(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def html_of(data: bytes) -> str:
    part = parsed(data).get_body(("html",))
    assert part is not None
    return str(part.get_content())


def text_of(data: bytes) -> str:
    part = parsed(data).get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def verified(data: bytes) -> bool:
    return bool(dkim.verify(data, dnsfunc=lambda *_, **__: key().record.encode()))


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    return SimpleNamespace(
        letter=letter, compiled=compiled, composer=composer, parsed=parsed, html_of=html_of, text_of=text_of, verified=verified,
        mint=MINT, sender=SENDER, at=AT, footer=FOOTER, fields=FIELDS,
    )  # fmt: skip
