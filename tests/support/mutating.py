"""Change mails at random, byte by byte and piece by piece, and ask of each what holds for any bytes."""

from __future__ import annotations

import gc
import itertools
import json
import random
import resource
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from posthouse.inbound.mailroom.rules import clean, facts_of
from posthouse.inbound.parsing.reading import read
from posthouse.inbound.parsing.unpack import is_packed
from posthouse.sending.replies.rules import classify

SECONDS = 1.0
MEMORY_BYTES = 200 * 1024 * 1024
SIZE = 64 * 1024  # bytes of a mutated mail, so that many are tried; what is large has tests of its own
REPLY_BYTES = 512  # RFC 5321 4.5.3.1.5: a line of a reply has no more
_CODES = (0, 0, 211, 250, 354, 421, 450, 452, 550, 552, 554, 571, 999)
# How often a piece comes at once. Growth finds what takes long, but one large mail costs as much as fifty others: it is rare.
_SOME = (1,) * 12 + (2,) * 7 + (50,)
_OFTEN = (1,) * 6 + (2,) * 6 + (10,) * 7 + (300,)
_PIECES = (
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"\r\n.\r\n",
    b"\x00",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\x1b$B",
    b"--",
    b"<",
    b">",
    b"@",
    b"(",
    b'"',
    b"\\",
    b"=?utf-8?q?=00=ff?=",
    b"=?idna?b?//79?=",
    b"=?x?x?x?=",
    b"Content-Type: multipart/mixed; boundary=x\n\n--x\n",
    b"Content-Type: message/rfc822\n\n",
    b"Content-Type: message/delivery-status\n\n",
    b"Content-Type: multipart/report; report-type=feedback-report; boundary=x\n\n",
    b'Content-Type: text/plain; charset="utf-7"\n',
    b"Content-Type: text/plain; charset=idna\n",
    b"Content-Transfer-Encoding: base64\n",
    b"Content-Transfer-Encoding: quoted-printable\n",
    b"charset*0*=x''%ff; charset*1=y",
    b"Final-Recipient: rfc822; ",
    b"Status: 5.1.1\n",
    b"Status: 999.999.999\n",
    b"Action: failed\n",
    b"Diagnostic-Code: smtp; 550 5.1.1 ",
    b"Feedback-Type: abuse\n",
    b"X-Failed-Recipients: a@b, c@d\n",
    b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><feedback>&b;</feedback>",
    b"<feedback><record><row><count>-1</count></row></record></feedback>",
    b'{"policies":[{}]}',
    b"H4sIAAAAAAAA",
    b"UEsDBBQAAAA",
    b"550 5.1.1 <a@b>... User unknown",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """An input that broke a promise, and how."""

    number: int
    what: str
    data: bytes


def mutations(samples: Sequence[bytes], *, count: int, seed: int) -> Iterator[bytes]:
    """As many mutated mails; the same for the same samples and seed."""
    chance = random.Random(seed)
    for _ in range(count):
        data = chance.choice(samples)[:SIZE]
        for _ in range(chance.choice((1, 1, 2, 3, 8))):
            data = chance.choice(_WAYS)(data, samples, chance)[:SIZE]
        yield data


def _flip(data: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    if not data:
        return bytes([chance.randrange(256)])
    at = chance.randrange(len(data))
    return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]


def _insert(data: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice(_PIECES) * chance.choice(_SOME) + data[at:]


def _span(data: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(data) + 1)
    return start, min(len(data), start + chance.choice((1, 10, 100, 1_000)))


def _drop(data: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = _span(data, chance)
    return data[:start] + data[end:]


def _repeat(data: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = _span(data, chance)
    return data[:end] + data[start:end] * chance.choice(_OFTEN) + data[end:]


def _cut(data: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _splice(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    other = chance.choice(others)
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other) + 1) :]


def _move_line(data: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    line = lines.pop(chance.randrange(len(lines)))
    lines.insert(chance.randrange(len(lines) + 1), line)
    return b"\n".join(lines)


_WAYS: tuple[Callable[[bytes, Sequence[bytes], random.Random], bytes], ...] = (_flip, _insert, _drop, _repeat, _cut, _splice, _move_line)


def examine(data: bytes, *, seconds: float = SECONDS, form: bytes | None = None) -> str | None:
    """Say which promise the reading of these bytes breaks; None when it keeps them all.

    `form` is a line end with which they must give the same answer; None asks for no such comparison.
    """
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    try:
        found = read(data)
        text = json.dumps(facts_of(found), ensure_ascii=False) + clean(found.subject, 500) + clean(found.sender, 500)
        _reply(data)
    except Exception as problem:  # any at all is the finding
        return f"raised {type(problem).__name__}: {problem}"[:300]
    taken, grown = time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    if taken > seconds:
        return f"took {taken:.1f} s"
    if grown * 1024 > MEMORY_BYTES:
        return f"took {grown // 1024} MB more"
    if form is not None and not is_packed(data) and read(_plain(data).replace(b"\n", form)) != found:
        return "the forms of line ends differ"
    return _unfit(text)


def _reply(data: bytes) -> None:
    # Some of the bytes as a server's answer, from a place that they decide themselves: the same bytes are always asked the same.
    # Not of all: what a bounce quotes is asked about while it is read.
    number = zlib.crc32(data)
    if number & 3:
        return
    at = number % max(1, len(data) - REPLY_BYTES)
    classify(_CODES[number % len(_CODES)], None, data[at : at + REPLY_BYTES].decode("latin-1"))


def _unfit(text: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return "cannot be stored: lone surrogates"
    return "cannot be stored: NUL" if "\\u0000" in text or "\0" in text else None


def _plain(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def line_forms_differ(data: bytes) -> bool:
    """Do CRLF, LF and CR forms of a mail give different answers? A packed file has no lines."""
    if is_packed(data):
        return False
    plain = _plain(data)
    return not read(plain) == read(plain.replace(b"\n", b"\r\n")) == read(plain.replace(b"\n", b"\r"))


def run(samples: Sequence[bytes], *, count: int, seed: int, forms_every: int = 10) -> Iterator[Fault]:
    """Try as many mutated mails, and every tenth in another form of line ends, each form in turn; gives what it finds."""
    gc.collect()
    gc.freeze()  # the rules and samples, which else are walked through again and again
    forms = itertools.cycle((b"\r\n", b"\r", b"\n"))
    try:
        for number, data in enumerate(mutations(samples, count=count, seed=seed)):
            what = examine(data, form=next(forms) if number % forms_every == 0 else None)
            if what is not None:
                yield Fault(number, what, data)
    finally:
        gc.unfreeze()


def from_folder(folder: Path) -> list[bytes]:
    """Every file below a folder, as a sample."""
    return [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]
