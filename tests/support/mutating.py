"""Change mails at random, byte by byte and piece by piece, and ask of each what holds for any bytes."""

from __future__ import annotations

import json
import random
import resource
import time
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
    return data[:at] + chance.choice(_PIECES) * chance.choice((1, 1, 1, 2, 50)) + data[at:]


def _span(data: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(data) + 1)
    return start, min(len(data), start + chance.choice((1, 10, 100, 1_000)))


def _drop(data: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = _span(data, chance)
    return data[:start] + data[end:]


def _repeat(data: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = _span(data, chance)
    return data[:end] + data[start:end] * chance.choice((1, 2, 10, 300)) + data[end:]


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


def examine(data: bytes, *, seconds: float = SECONDS) -> str | None:
    """Say which promise the reading of these bytes breaks; None when it keeps them all."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    try:
        found = read(data)
        text = json.dumps(facts_of(found), ensure_ascii=False) + clean(found.subject, 500) + clean(found.sender, 500)
        classify(0, None, data[:8_000].decode("latin-1"))
    except Exception as problem:  # any at all is the finding
        return f"raised {type(problem).__name__}: {problem}"[:300]
    taken, grown = time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    if taken > seconds:
        return f"took {taken:.1f} s"
    if grown * 1024 > MEMORY_BYTES:
        return f"took {grown // 1024} MB more"
    return _unfit(text)


def _unfit(text: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return "cannot be stored: lone surrogates"
    return "cannot be stored: NUL" if "\\u0000" in text or "\0" in text else None


def line_forms_differ(data: bytes) -> bool:
    """Do CRLF, LF and CR forms of a mail give different answers? A packed file has no lines."""
    if is_packed(data):
        return False
    plain = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return not read(plain) == read(plain.replace(b"\n", b"\r\n")) == read(plain.replace(b"\n", b"\r"))


def run(samples: Sequence[bytes], *, count: int, seed: int, forms_every: int = 10) -> Iterator[Fault]:
    """Try as many mutated mails, and every tenth in all forms of line ends; gives what it finds."""
    for number, data in enumerate(mutations(samples, count=count, seed=seed)):
        what = examine(data)
        if what is None and number % forms_every == 0 and line_forms_differ(data):
            what = "the forms of line ends differ"
        if what is not None:
            yield Fault(number, what, data)


def from_folder(folder: Path) -> list[bytes]:
    """Every file below a folder, as a sample."""
    return [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]
