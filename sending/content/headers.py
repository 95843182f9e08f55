"""Header values as RFC 5322, 2047 and 6531 want them: one line or folded, no control characters, one blank at a time."""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from typing import NamedTuple

import idna

from posthouse.sending.content.cards import RenderFailed

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ ]*")
_FOLD_CHARACTERS = 76
_WORD_BYTES = 45  # of UTF-8 in one encoded word: 60 base64 characters and 12 around them stay below 75 (RFC 2047 2)
_LOCAL = re.compile(r"[^\x00-\x20\x7f-\x9f\"(),:;<>@\[\\\]\u2028\u2029\ud800-\udfff]{1,64}")
_PLAIN_LOCAL = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:\.[A-Za-z0-9_+-]{1,31})?")  # of most addresses
_DOMAIN = re.compile(r"(?=.{1,253}$)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


class Address(NamedTuple):
    """An address ready for the envelope: domain in ASCII; `smtputf8` where the local part is not."""

    text: str
    domain: str
    smtputf8: bool


def one_line(text: str) -> str:
    """Return a text without control characters and line ends, with single blanks."""
    # What is printable has no control characters, and no other white space than blanks.
    if text.isprintable() and "  " not in text and text[:1] != " " and text[-1:] != " ":
        return text
    return " ".join(_CONTROL.sub(" ", text).split())


def unstructured(text: str, name: str) -> bytes:
    """Write an unstructured value (Subject) for a header of this name, folded; other letters than ASCII as encoded words."""
    text = one_line(text)
    if text.isascii() and "=?" not in text:
        folded = _folded(text, _FOLD_CHARACTERS - len(name) - 2)
        if folded is not None:
            return folded.encode()
    return _encoded_words(text)


def phrase(text: str) -> bytes:
    """Write a display name: as it is, quoted, or as encoded words."""
    text = one_line(text)
    if _ATOMS.fullmatch(text) and "=?" not in text:
        return text.encode()
    if text.isascii() and "=?" not in text and len(text) < _FOLD_CHARACTERS - 10:
        return b'"' + re.sub(r'(["\\])', r"\\\1", text).encode() + b'"'
    return _encoded_words(text)


def address(text: str) -> Address:
    """Read one bare address; an international domain becomes ASCII (RFC 5891). Raises: RenderFailed."""
    local, at_sign, domain = text.strip().rpartition("@")
    if not at_sign or (not _PLAIN_LOCAL.fullmatch(local) and not _odd_local(local)):
        raise RenderFailed("bad_address", "This is not one e-mail address.")
    domain = _domain(domain)
    return Address(f"{local}@{domain}", domain, not local.isascii())


def _odd_local(local: str) -> bool:
    return bool(_LOCAL.fullmatch(local)) and not local.startswith(".") and not local.endswith(".") and ".." not in local


@lru_cache(4_096)
def _domain(domain: str) -> str:
    """Return a domain in lower-case ASCII. Raises: RenderFailed."""
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except (idna.IDNAError, UnicodeError) as error:
            raise RenderFailed("bad_address", "The address has a domain that can't exist.") from error
    if not _DOMAIN.fullmatch(domain):
        raise RenderFailed("bad_address", "The address has a domain that can't exist.")
    return domain.lower()


def mailbox(name: str, text: str) -> bytes:
    """Write `name <address>`, folded before the address where the name is long; the name may be empty."""
    if not name.strip():
        return text.encode()
    shown = phrase(name)
    gap = b" " if len(shown) + len(text) < _FOLD_CHARACTERS - 10 else b"\r\n "
    return shown + gap + b"<" + text.encode() + b">"


def _folded(text: str, first: int) -> str | None:
    """Fold at blanks; None where a word is longer than a line."""
    lines, line, room = [], "", first
    for word in text.split(" "):
        if len(word) > _FOLD_CHARACTERS - 12:
            return None
        if line and len(line) + 1 + len(word) > room:
            lines.append(line)
            line, room = word, _FOLD_CHARACTERS
        else:
            line = f"{line} {word}" if line else word
    return "\r\n ".join([*lines, line])


def _encoded_words(text: str) -> bytes:
    whole = text.encode("utf-8", "replace")
    if len(whole) <= _WORD_BYTES:
        return b"=?utf-8?B?" + base64.b64encode(whole) + b"?="
    words, part = [], b""
    for character in text:
        encoded = character.encode("utf-8", "replace")
        if len(part) + len(encoded) > _WORD_BYTES:
            words.append(part)
            part = b""
        part += encoded
    words.append(part)
    return b"\r\n ".join(b"=?utf-8?B?" + base64.b64encode(word) + b"?=" for word in words)
