"""Makes one recipient's copy of a ready-made message: its own headers and body, our identifiers, and the signature."""

from __future__ import annotations

import os
import re
import tempfile
from base64 import b32encode, b64encode, urlsafe_b64encode
from collections.abc import Sequence
from email.utils import format_datetime
from hashlib import sha256
from weakref import finalize

from posthouse.sending.content import encoding, headers
from posthouse.sending.content.body import Addresses
from posthouse.sending.content.cards import Composed, MessageCard, RenderFailed
from posthouse.sending.content.compose import Sender, at_once, base36
from posthouse.sending.dkim.signer import Signer, signed_names
from posthouse.sending.mime import head, policy
from posthouse.sending.mime.reading import Field
from posthouse.sending.mime.tracked import PLACE
from posthouse.sending.tokens import COMPLAINT_PREFIX, REPLY_PREFIX, Mint

_CRLF = b"\r\n"
KEPT_IN_MEMORY = 256 * 1024
_LOCAL = b"\x00l;"
_BLANKS = re.compile(rb"[ \t]+")
_LINE_BLANKS = re.compile(rb"[ \t]+(?=\r\n)")
_DOT = re.compile(rb"(?m)^\.")


class _Body:
    """The pieces around the places of one body, dot-stuffed; a large one waits on disk until it is wanted."""

    def __init__(self, body: bytes, addresses: Addresses) -> None:
        parts = PLACE.split(body)
        literals = [parts[0]]
        for kind, number, literal in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
            before, after = addresses.around("_o") if kind == b"o" else addresses.around("_l", int(number))
            literals[-1] += encoding.encode(before)
            literals.append((encoding.encode(after) if after else b"") + literal)
        self.hashed = None if len(literals) > 1 else body_hash(literals[0])
        stuffed = [_DOT.sub(b"..", literal) for literal in literals]
        self.size = sum(map(len, stuffed))
        self._pieces: list[bytes] | None = stuffed
        if self.size > KEPT_IN_MEMORY:
            self._lengths = list(map(len, stuffed))
            self._handle = _on_disk(stuffed)
            finalize(self, os.close, self._handle)
            self._pieces = None

    def fill(self, token: bytes) -> bytes:
        """Return the body for one recipient."""
        return (token + encoding.SOFT_BREAK).join(self._all())

    def _all(self) -> list[bytes]:
        if self._pieces is not None:
            return self._pieces
        pieces, place = [], 0
        for length in self._lengths:
            pieces.append(os.pread(self._handle, length, place))
            place += length
        return pieces


def _on_disk(pieces: Sequence[bytes]) -> int:
    """Return a descriptor of a file without a name that holds the pieces."""
    with tempfile.TemporaryFile() as file:
        file.write(b"".join(pieces))
        file.flush()
        return os.dup(file.fileno())


class MimeComposer:
    """Composes the copies of one ready-made message. Made once, safe to use from several threads."""

    def __init__(
        self, fields: Sequence[Field], body: bytes, sender: Sender, *, revision_id: int, mint: Mint, signers: Sequence[Signer] = ()
    ) -> None:
        self._mint = mint
        self._tenant_id = sender.tenant_id
        self._bounce_host = sender.bounce_host
        self._signers = tuple(signers)
        self._body = _Body(body, Addresses(sender.link_base, base36(revision_id)))
        own = _own_fields(fields, sender, self._signers)
        self._dated = any(one.key == "date" for one in fields)
        self._in_utf8 = [*fields, *own]
        self._in_ascii = [head.in_ascii(one) for one in self._in_utf8]
        self.at_once = at_once(self._body.size)

    def compose(self, card: MessageCard) -> Composed:
        """Make one copy; the same card gives the same bytes. Raises: RenderFailed."""
        to = headers.address(card.recipient)
        raw = self._mint.raw(self._tenant_id, card.message_id)
        local = b32encode(raw).rstrip(b"=").lower()
        fields = [one._replace(value=one.value.replace(_LOCAL, local)) for one in (self._in_utf8 if to.smtputf8 else self._in_ascii)]
        if not self._dated:
            fields.append(Field("Date", b" " + format_datetime(card.at.replace(microsecond=0)).encode()))
        body = self._body.fill(urlsafe_b64encode(raw))
        signatures = self._sign(fields, body, int(card.at.timestamp())) if self._signers else b""
        data = b"".join((signatures, *(one.wire() for one in fields), _CRLF, body))
        return Composed(f"{local.decode()}@{self._bounce_host}", to.text, len(data), data, to.smtputf8)

    def compose_all(self, cards: Sequence[MessageCard]) -> list[Composed | RenderFailed]:
        """Make several copies; a card that fails gives its failure in its place."""
        made: list[Composed | RenderFailed] = []
        for card in cards:
            try:
                made.append(self.compose(card))
            except RenderFailed as failure:
                made.append(failure)
        return made

    def _sign(self, fields: list[Field], body: bytes, at_seconds: int) -> bytes:
        signed = [one for one in fields if one.key in policy.SIGNED]
        canonical = b"".join(one.key.encode() + b":" + _relaxed(one.value) + _CRLF for one in signed)
        hashed = self._body.hashed or body_hash(_unstuffed(body))
        names = signed_names([one.name for one in signed])
        return b"".join(
            signer.header(names=names, canonical=canonical, hashed_body=hashed, at_seconds=at_seconds) for signer in self._signers
        )


def body_hash(body: bytes) -> bytes:
    """Return the bh= value of a body in relaxed canonical form (RFC 6376 3.4.4)."""
    short = _LINE_BLANKS.sub(b"", _BLANKS.sub(b" ", body)).rstrip(_CRLF)
    return b64encode(sha256(short + _CRLF if short else b"").digest())


def _unstuffed(body: bytes) -> bytes:
    return re.sub(rb"(?m)^\.\.", b".", body)


def _relaxed(value: bytes) -> bytes:
    """Return a header's value in relaxed canonical form (RFC 6376 3.4.2)."""
    return _BLANKS.sub(b" ", value.replace(_CRLF, b"")).strip(b" ")


def _own_fields(fields: Sequence[Field], sender: Sender, signers: Sequence[Signer]) -> list[Field]:
    """List what we add: identifiers by which mail that comes back finds its message, and nothing about who runs this."""
    present = {one.key for one in fields}
    host = sender.bounce_host.encode()
    own = []
    if not present & {"to", "cc"}:
        own.append(Field("To", b" undisclosed-recipients:;"))
    if "message-id" not in present:
        own.append(Field("Message-ID", b" <" + _LOCAL + b"@" + sender.from_address.rpartition("@")[2].encode() + b">"))
    if sender.takes_replies and "reply-to" not in present:
        own.append(Field("Reply-To", b" " + REPLY_PREFIX.encode() + _LOCAL + b"@" + host))
    if sender.sender_id:
        own.append(Field("Feedback-ID", b" " + headers.one_line(":".join((*sender.feedback, sender.sender_id))).encode()))
    if any(sender.bounce_host == signer.domain or sender.bounce_host.endswith("." + signer.domain) for signer in signers):
        own.append(Field("CFBL-Address", b" " + COMPLAINT_PREFIX.encode() + _LOCAL + b"@" + host + b"; report=arf"))
    # The program's own Message-ID says nothing to us, so the token stands here, where a report that quotes the header shows it.
    return [*own, Field("CFBL-Feedback-ID", b" " + _LOCAL)]
