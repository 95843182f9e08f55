"""Makes one recipient's message out of a compiled letter: headers, body, signatures, in the bytes that go over the wire.

Everything that is the same for all recipients is encoded once, when the composer is made. Per message there remain the
personal places, one hash of the body and the signature. Nothing that it writes names the product or who runs it.
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from posthouse.sending.content import encoding, headers, language, rendering
from posthouse.sending.content.body import Addresses, Line, Part, PartBuilder, joined
from posthouse.sending.content.cards import Composed, MessageCard, RenderFailed
from posthouse.sending.content.compile import variables
from posthouse.sending.content.headers import Address
from posthouse.sending.content.letters import MARKETING, Compiled
from posthouse.sending.dkim.signer import Signer, body_hash, signed_names
from posthouse.sending.tokens import COMPLAINT_PREFIX, REPLY_PREFIX, UNSUBSCRIBE_PREFIX, Mint, local_spelling

# Beyond this no mailbox provider takes a letter (the large ones take 10 to 25 MB with everything), and no reader reads it.
MAX_BODY_BYTES = 10_000_000
MOST_AT_ONCE = 32
MADE_AT_ONCE_BYTES = 1024 * 1024
_CRLF = b"\r\n"
_PART_HEAD = b"Content-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
_ADDRESSES = {"unsubscribe_url", "preferences_url", "_l"}
_PERSONAL = re.compile(rb"%\((\w+)\)b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who writes, and where answers, bounces and clicks go.

    `takes_replies`: without a `reply_to`, answers come to an address of ours that names the message. `link_base` is the address of the tracking host, such as https://click.brand.example, without a slash at its end.
    `list_id` is the stable identifier of the list or stream (RFC 2919), `list_name` its name for people. `feedback`
    holds the first three parts of Feedback-ID, for which a mailbox provider adds up complaints; `sender_id` is the
    fourth, at most 15 characters. They are the same for many recipients on purpose: a rare value is not shown.
    """

    tenant_id: int
    from_name: str
    from_address: str
    bounce_host: str
    link_base: str
    reply_to: str = ""
    takes_replies: bool = False
    list_id: str = ""
    list_name: str = ""
    feedback: tuple[str, str, str] = ("", "", "")
    sender_id: str = ""
    sender_name: str = ""
    postal_address: str = ""
    stream: str = MARKETING


class _Values(NamedTuple):
    """What is personal in the headers, by the name that it has in `_header_lines`."""

    to: bytes
    subject: bytes
    date: bytes
    local: bytes
    url: bytes


class _Draft(NamedTuple):
    """A message without its signatures."""

    to: Address
    values: _Values
    body: bytes
    at_seconds: int


class Composer:
    """Composes the messages of one compiled letter for one tenant. Made once, safe to use from several threads."""

    def __init__(self, letter: Compiled, sender: Sender, *, revision_id: int, mint: Mint, signers: Sequence[Signer] = ()) -> None:
        self._mint = mint
        self._tenant_id = sender.tenant_id
        self._signers = tuple(signers)
        self._bounce_host = sender.bounce_host
        self._addresses = Addresses(sender.link_base, base36(revision_id))
        self._constants = variables({}, sender_name=sender.sender_name, postal_address=sender.postal_address)
        constants = {name: str(value) for name, value in self._constants.items() if isinstance(value, str)}
        builder = PartBuilder(self._addresses, constants)
        self._subject = Line(letter.subject)
        text, html = builder.build(letter.text, language.TEXT), builder.build(letter.html, language.HTML)
        # Links outside of blocks are in place already; within blocks, and in unusual places, Liquid asks for them by number.
        self._links_by_number = range(len(letter.links)) if text.slots or html.slots else range(0)
        boundary = b"=_" + hashlib.sha256(f"{sender.tenant_id}.{revision_id}".encode()).hexdigest()[:24].encode()
        self._body = _body(text, html, boundary)
        self._asks_addresses = (
            bool(self._body.slots) or not self._subject.quick or bool((self._body.names | self._subject.names) & _ADDRESSES)
        )
        self._wire, self._canonical, self._names = _header_forms(_header_lines(sender, boundary, self._signers))
        self.at_once = at_once(sum(map(len, self._body.pieces)))

    def compose(self, card: MessageCard) -> Composed:
        """Make one message; the same card gives the same bytes. Raises: RenderFailed."""
        return self._finished([self._unsigned(card)])[0]

    def compose_all(self, cards: Sequence[MessageCard]) -> list[Composed | RenderFailed]:
        """Make several messages; a card that fails gives its failure in its place.

        First all bodies, then all signatures: after an RSA signature little of ours is left in the processor's caches, so thirty at a
        time cost a tenth less than one by one.
        """
        made: list[_Draft | RenderFailed] = []
        for card in cards:
            try:
                made.append(self._unsigned(card))
            except RenderFailed as failure:
                made.append(failure)
        finished = iter(self._finished([one for one in made if not isinstance(one, RenderFailed)]))
        return [one if isinstance(one, RenderFailed) else next(finished) for one in made]

    def _unsigned(self, card: MessageCard) -> _Draft:
        to = headers.address(card.recipient)
        raw = self._mint.raw(self._tenant_id, card.message_id)
        token = urlsafe_b64encode(raw)
        names = self._names_for(card.fields, token)
        try:
            subject = headers.unstructured(self._subject.fill(names), "Subject")
            body = self._body.fill(token + encoding.SOFT_BREAK, names)
        except rendering.TemplateFailed as error:
            raise RenderFailed(
                "template_limit" if error.limit else "template_fails", f"The letter can't be filled in for this contact: {error}."
            ) from error
        if len(body) > MAX_BODY_BYTES:
            raise RenderFailed(
                "too_large", f"The letter has {len(body) / 1e6:.0f} MB for this contact; at most {MAX_BODY_BYTES // 10**6} MB can be sent."
            )
        if not subject:
            raise RenderFailed("subject_empty", "The subject is empty for this contact. Give its field a fallback.")
        at_seconds = int(card.at.timestamp())
        return _Draft(to, _Values(to.text.encode(), subject, _date(at_seconds), local_spelling(raw), token), body, at_seconds)

    def _finished(self, drafts: list[_Draft]) -> list[Composed]:
        signatures = self._signatures(drafts) if self._signers else [b""] * len(drafts)
        finished = []
        for (to, values, body, _), signature in zip(drafts, signatures, strict=True):
            data = b"".join((signature, self._wire(values), body))
            finished.append(Composed(f"{values.local.decode()}@{self._bounce_host}", to.text, len(data), data, to.smtputf8))
        return finished

    def _names_for(self, fields: Mapping[str, object], token: bytes) -> dict[str, object]:
        known = {name: value for name, value in fields.items() if value is not None}
        names: dict[str, object] = {**known, **self._constants, "contact": known}
        if self._asks_addresses:
            around, text = self._addresses.around, token.decode()
            names["unsubscribe_url"] = around("unsubscribe_url")[0] + text
            names["preferences_url"] = around("preferences_url")[0] + text
            names["_l"] = [text.join(around("_l", number)) for number in self._links_by_number]
        return names

    def _signatures(self, drafts: list[_Draft]) -> list[bytes]:
        texts = [(self._canonical(_unfolded(draft.values)), body_hash(draft.body)) for draft in drafts]
        signatures = [b""] * len(drafts)
        for at_seconds in {draft.at_seconds for draft in drafts}:
            places = [place for place, draft in enumerate(drafts) if draft.at_seconds == at_seconds]
            for signer in self._signers:
                made = signer.headers([texts[place] for place in places], names=self._names, at_seconds=at_seconds)
                for place, header in zip(places, made, strict=True):
                    signatures[place] += header
        return signatures


def _unfolded(values: _Values) -> _Values:
    """A folded subject is one line in its canonical form."""
    return values._replace(subject=values.subject.replace(_CRLF, b"")) if _CRLF in values.subject else values


def _body(text: Part, html: Part, boundary: bytes) -> Part:
    """Put both parts into one, so that a body is filled in at once."""
    opening = b"--" + boundary + _CRLF
    return joined(
        opening + _PART_HEAD % b"plain", text, _CRLF + opening + _PART_HEAD % b"html", html, _CRLF + b"--" + boundary + b"--" + _CRLF
    )


def at_once(body_bytes: int) -> int:
    """Say how many messages of that size are best composed and signed in one go: while that lasts, some milliseconds, a loop hears nothing."""
    return max(1, min(MOST_AT_ONCE, MADE_AT_ONCE_BYTES // max(1, body_bytes)))


def base36(number: int) -> str:
    """Write a number as it stands in the addresses of links."""
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits or "0"


def _header_lines(sender: Sender, boundary: bytes, signers: Sequence[Signer]) -> list[tuple[str, bytes]]:
    """List the headers in their order; `%(name)b` stands for what is personal."""
    writer = headers.address(sender.from_address)
    feedback_host = sender.bounce_host.encode()
    lines = [
        ("From", _literal(headers.mailbox(sender.from_name, writer.text))),
        ("To", b"%(to)b"),
        ("Subject", b"%(subject)b"),
        ("Date", b"%(date)b"),
        ("Message-ID", b"<%(local)b@" + writer.domain.encode() + b">"),
    ]
    if sender.reply_to:
        lines.append(("Reply-To", _literal(headers.address(sender.reply_to).text.encode())))
    elif sender.takes_replies:
        lines.append(("Reply-To", REPLY_PREFIX.encode() + b"%(local)b@" + feedback_host))
    if sender.stream == MARKETING:
        # RFC 8058 3.1: one HTTPS address, and both headers under the signature; RFC 2369 allows mailto beside it.
        unsubscribe = f"<{sender.link_base}/t/u/".encode()
        mail = b"<mailto:" + UNSUBSCRIBE_PREFIX.encode() + b"%(local)b@" + feedback_host + b"?subject=unsubscribe>"
        lines += [
            ("List-Id", _literal(headers.mailbox(sender.list_name, sender.list_id))),
            ("List-Unsubscribe", _literal(unsubscribe) + b"%(url)b>,\r\n " + mail),
            ("List-Unsubscribe-Post", b"List-Unsubscribe=One-Click"),
        ]
    if sender.sender_id:
        lines.append(("Feedback-ID", _literal(headers.one_line(":".join((*sender.feedback, sender.sender_id))).encode())))
    if any(sender.bounce_host == signer.domain or sender.bounce_host.endswith("." + signer.domain) for signer in signers):
        # RFC 9477 3.1: only under a signature of the address's own domain or its parent.
        lines += [
            ("CFBL-Address", COMPLAINT_PREFIX.encode() + b"%(local)b@" + feedback_host + b"; report=arf"),
            ("CFBL-Feedback-ID", b"%(local)b"),
        ]
    lines += [("MIME-Version", b"1.0"), ("Content-Type", b'multipart/alternative;\r\n boundary="' + boundary + b'"')]
    return lines


def _literal(value: bytes) -> bytes:
    return value.replace(b"%", b"%%")


Form = Callable[[_Values], bytes]


def _header_forms(lines: list[tuple[str, bytes]]) -> tuple[Form, Form, bytes]:
    """Return what writes the headers for the wire with the empty line after them, and in relaxed canonical form (RFC 6376 3.4.2);
    and the h= value for them."""
    wire = b"".join(name.encode() + b": " + value + _CRLF for name, value in lines) + _CRLF
    canonical = b"".join(name.lower().encode() + b":" + value.replace(_CRLF, b"") + _CRLF for name, value in lines)
    return _form(wire), _form(canonical), signed_names([name for name, _ in lines])


def _form(text: bytes) -> Form:
    """Make what puts values into a text: by place, which takes half as long as by name."""
    places = itemgetter(*[_Values._fields.index(name.decode()) for name in _PERSONAL.findall(text)])
    bare = _PERSONAL.sub(b"%b", text)
    return lambda values: bare % places(values)


@lru_cache(maxsize=16)
def _date(at_seconds: int) -> bytes:
    return format_datetime(datetime.fromtimestamp(at_seconds, UTC)).encode()
