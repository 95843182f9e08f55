"""Read what a mail or a post says, beneath its encodings too, and find every address there; pure, never raises."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from urllib.parse import unquote_to_bytes

from posthouse.inbound.parsing.headers import decode, decode_words
from posthouse.inbound.parsing.mime import Part, parse
from posthouse.inbound.parsing.unpack import is_packed, unpack

# What stands in a mail, in small letters, of which the plain bytes don't say all; PostgreSQL's pattern.
ENCODED = r"base64|quoted-printable|=\?[^?]{1,80}\?[bq]\?"
_ENCODINGS = ("base64", "quoted-printable")
_MOST = 100_000  # addresses of one text that are looked at; an accounting file's piece holds some ten thousand
_LOCAL_LENGTH, _DOMAIN_LENGTH = 80, 255
_BACKWARDS = re.compile(r"[^\s<>()\[\],;:\"@]*")
_DOMAIN = re.compile(r"[\w-]+(?:\.[\w-]+)*")
_PLAIN_DOMAIN = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
# After these an address may begin: what is no letter of one, and the end of an escape, as in `rules.naming_pattern`.
_BEFORE = re.compile(r"%[0-9a-f]{2}|\\u[0-9a-f]{4}|\\[0-7]{3}|\\[nrtbf]|[^a-z0-9._+-]")


def decoded(raw: bytes) -> Iterator[str]:
    """Give the texts of a mail that its bytes hold encoded (RFC 2045 6, RFC 2047): of its header fields and of its parts, packed ones too."""
    for part in parse(raw).parts:
        for value in (value for _, value in part.fields if "=?" in value):
            yield decode_words(value)
        yield from _of_body(part)


def _of_body(part: Part) -> Iterator[str]:
    if part.get("content-transfer-encoding").strip().lower() not in _ENCODINGS:
        return
    content = part.content()
    yield decode(content, part.params.get("charset", ""))
    if is_packed(content):
        yield decode(unpack(content).data, "")


def named_in_mail(raw: bytes, *, encoded: bool = True) -> set[str]:
    """Every address that a mail may name, in small letters; `encoded` False: in its plain bytes only."""
    texts = [raw.decode("utf-8", "replace"), *(decoded(raw) if encoded else ())]
    return set().union(*map(named_in, texts))


def named_in_post(body: bytes) -> set[str]:
    """Every address that a provider's post may name, in small letters: lines, JSON, or a form."""
    found = named_in(body.decode("utf-8", "replace"))
    return found | named_in(unquote_to_bytes(body).decode("utf-8", "replace")) if b"%40" in body else found


def named_in(text: str) -> set[str]:
    """Every address that a text may name, in small letters: `rules.naming_pattern` of whatever address matches there finds it here."""
    words = text.lower()
    found: set[str] = set()
    for at in islice(re.finditer("@", words), _MOST):
        behind = words[at.end() : at.end() + _DOMAIN_LENGTH]
        domains = {match.group() for match in (_DOMAIN.match(behind), _PLAIN_DOMAIN.match(behind)) if match}
        if domains:
            found.update(
                f"{local}@{domain}" for local in _locals(words[max(0, at.start() - _LOCAL_LENGTH) : at.start()]) for domain in domains
            )
    return found


def _locals(before: str) -> set[str]:
    run = _BACKWARDS.match(before[::-1])
    whole = run.group()[::-1] if run else ""
    begins = {0, *(match.end() for match in _BEFORE.finditer(whole))}
    return {whole[begin:] for begin in begins if begin < len(whole)}
