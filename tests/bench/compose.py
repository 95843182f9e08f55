"""What one message costs to compose: a 30 KB letter with 5 fields and 12 links, unsigned and signed (RSA-2048)."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from posthouse.sending.content.cards import MessageCard
from posthouse.sending.content.compile import compile_letter
from posthouse.sending.content.compose import Composer, Sender
from posthouse.sending.content.letters import Letter
from posthouse.sending.dkim.keys import load_private_key, make_rsa_key
from posthouse.sending.dkim.signer import Signer
from posthouse.sending.tokens import Mint

MESSAGES = 2_000
ADDRESS = "Am Deich 1\n26721 Emden"
FIELDS = frozenset({"first_name", "last_name", "city", "plan", "points"})


@dataclass(frozen=True)
class Keys:
    keys: dict[int, bytes]
    current: int = 1

    def derive(self, key_id: int, purpose: str) -> bytes:
        return hashlib.sha256(self.keys[key_id] + purpose.encode()).digest()


def letter() -> Letter:
    paragraph = '<p style="font-family:Arial;font-size:14px">Grüße aus dem Norden: {}</p>\n'.format("tea in many words, " * 12)
    body = "".join(paragraph * 5 + f'<p><a href="https://shop.example/tea/{number}?from=mail">Tea {number}</a></p>' for number in range(12))
    greeting = "<p>Hi {{ first_name | default: 'friend' }} {{ last_name }} in {{ contact.city }}, {{ contact.plan | upcase }}, {{ contact.points }} points</p>"
    footer = '<p>{{ postal_address }} <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>'
    return Letter(
        subject="Tea for {{ first_name }}",
        html=f"<html><body>{greeting}{body}{footer}</body></html>",
        postal_address=ADDRESS,
        fields=FIELDS,
    )


def composer(*, signers: list[Signer]) -> Composer:
    outcome = compile_letter(letter())
    assert outcome.compiled is not None, outcome.errors
    sender = Sender(
        tenant_id=7, from_name="Käthe’s Tea", from_address="news@tea.example", bounce_host="bounce.tea.example", link_base="https://click.tea.example",
        list_id="news.tea.example", list_name="News", feedback=("c", "t", "marketing"), sender_id="house", postal_address=ADDRESS,
    )  # fmt: skip
    return Composer(outcome.compiled, sender, revision_id=123456, mint=Mint(Keys({1: b"k" * 32})), signers=signers)


def microseconds(made: Composer, cards: list[MessageCard]) -> float:
    for card in cards[:100]:
        made.compose(card)
    started = time.process_time()
    for card in cards:
        made.compose(card)
    return (time.process_time() - started) / len(cards) * 1e6


def main() -> None:
    key, now = make_rsa_key(), datetime.now(UTC)
    fields = [{"first_name": f"Jörg{n}", "last_name": "Müller", "city": "Köln", "plan": "pro", "points": n} for n in range(MESSAGES)]
    cards = [MessageCard(message_id=10**18 + n, recipient=f"user{n}@mail.example", at=now, fields=each) for n, each in enumerate(fields)]
    signed = composer(signers=[Signer(domain="tea.example", selector="s1", private_der=key.private_der)])
    private, started = load_private_key(key.private_der), time.process_time()
    for _ in range(MESSAGES):
        private.sign(b"x" * 1200, PKCS1v15(), SHA256())  # type: ignore[call-arg]
    openssl = (time.process_time() - started) / MESSAGES * 1e6
    figures = {
        "bytes": signed.compose(cards[0]).size,
        "unsigned_us": round(microseconds(composer(signers=[]), cards), 1),
        "signed_us": round(microseconds(signed, cards), 1),
        "openssl_alone_us": round(openssl, 1),
    }
    started = time.process_time()
    for first in range(0, MESSAGES, signed.at_once):
        signed.compose_all(cards[first : first + signed.at_once])
    figures["signed_together_us"] = round((time.process_time() - started) / MESSAGES * 1e6, 1)
    sys.stdout.write(
        json.dumps(figures) + "\n" if "--json" in sys.argv else "".join(f"{name}: {value}\n" for name, value in figures.items())
    )


if __name__ == "__main__":
    main()
