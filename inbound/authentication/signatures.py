"""Check DKIM (RFC 6376) and ARC (RFC 8617) signatures with dkimpy."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

import dkim

from posthouse.inbound.authentication.cards import Check, Result

SIGNATURES = 4  # of one mail that are checked; each costs a look-up and a signature's arithmetic
SEALS = 10  # RFC 8617 allows 50; a report has passed few hands
MAX_BYTES = 2_000_000
_DOMAIN = re.compile(rb"(?:^|;)\s*d\s*=\s*([A-Za-z0-9_.-]{1,253})")

# dkimpy calls every broken signature of a stranger an error of ours.
_QUIET = logging.Logger("dkimpy", logging.CRITICAL + 1)


class _NoAnswer(Exception):
    """DNS gave no answer: nothing is known of the key."""


def check(content: bytes, ask_key: Callable[[str], tuple[bytes | None, bool]]) -> list[Check]:
    """Check every signature, and the chain of seals; never raises, for any bytes.

    `ask_key` gives a key record's text or None, and whether DNS answered at all.
    """
    if len(content) > MAX_BYTES:
        return [Check("dkim", Result.NOT_CHECKED, "", "the mail is too large")]
    head = re.split(rb"\r?\n\r?\n", content, maxsplit=1)[0].lower()

    def lookup(name: bytes, timeout: float = 5) -> bytes | None:
        del timeout
        text, answered = ask_key(name.decode("ascii", "replace").rstrip("."))
        if not answered:
            raise _NoAnswer
        return text

    found = _signed(content, head, lookup)
    return [*found, *([_sealed(content, lookup)] if b"\narc-seal:" in b"\n" + head and head.count(b"arc-seal:") <= SEALS else [])]


def _signed(content: bytes, head: bytes, lookup: Callable[..., bytes | None]) -> list[Check]:
    count = (b"\n" + head).count(b"\ndkim-signature:")
    if not count:
        return [Check("dkim", Result.NONE, "", "it bears no signature")]
    return [_signature(content, number, lookup) for number in range(min(count, SIGNATURES))]


def _signature(content: bytes, number: int, lookup: Callable[..., bytes | None]) -> Check:
    of = ""
    try:
        verifier = dkim.DKIM(content, minkey=1024, logger=_QUIET)
        of = _domain_of(verifier, number)
        # RFC 8301 3.1: rsa-sha1 proves nothing any more; dkimpy still takes it.
        good = verifier.verify(idx=number, dnsfunc=lookup) and b"rsa-sha1" not in verifier.signature_fields.get(b"a", b"")
    except _NoAnswer:
        return Check("dkim", Result.TEMPORARY, of, "no answer about its key")
    except Exception as problem:
        return Check("dkim", Result.PERMANENT, of, _words(problem))
    return Check("dkim", Result.PASS if good else Result.FAIL, of, "" if good else "signature and mail do not agree")


def _domain_of(verifier: dkim.DKIM, number: int) -> str:
    values = [value for name, value in verifier.headers if name.lower() == b"dkim-signature"]
    found = _DOMAIN.search(values[number].replace(b"\r\n", b"")) if number < len(values) else None
    return found.group(1).decode().lower() if found else ""


def _sealed(content: bytes, lookup: Callable[..., bytes | None]) -> Check:
    try:
        result, _, why = dkim.ARC(content, minkey=1024, logger=_QUIET).verify(dnsfunc=lookup)
    except _NoAnswer:
        return Check("arc", Result.TEMPORARY, "", "no answer about a key")
    except Exception as problem:
        return Check("arc", Result.PERMANENT, "", _words(problem))
    results = {dkim.CV_Pass: Result.PASS, dkim.CV_Fail: Result.FAIL}
    return Check("arc", results.get(result, Result.NONE), "", str(why or ""))


def _words(problem: Exception) -> str:
    return f"it cannot be read: {type(problem).__name__}"
