"""Decide at RCPT whether a mail is for us: pure."""

from collections.abc import Callable
from enum import Enum

ROLE_MAILBOXES = frozenset({"postmaster", "abuse", "dmarc", "tlsrpt"})
"""RFC 2142 and RFC 5321 4.5.1; the last two take reports about sending domains (RFC 7489 7.1, RFC 8460 3)."""


class Verdict(Enum):
    """What is said of a recipient."""

    TAKEN = "taken"
    NO_SUCH_USER = "no such user"
    NO_RELAY = "no relay"
    BAD_ADDRESS = "bad address"


def judge(address: str, *, is_genuine: Callable[[str], bool], our_domains: frozenset[str]) -> Verdict:
    """Judge one recipient; `is_genuine(local_part)` checks a token.

    A genuine token is taken at any domain: tenants point their own return-path hosts at us, and the token proves more than a
    list of domains could. Everything else needs a domain of ours.
    """
    local, at, domain = address.rpartition("@")
    if not at:
        return Verdict.TAKEN if address.lower() == "postmaster" else Verdict.BAD_ADDRESS
    if not local or not domain or any(ord(letter) < 33 or letter == "\x7f" for letter in address):
        return Verdict.BAD_ADDRESS
    if is_genuine(local):
        return Verdict.TAKEN
    if domain.lower().rstrip(".") not in our_domains:
        return Verdict.NO_RELAY
    return Verdict.TAKEN if local.lower() in ROLE_MAILBOXES else Verdict.NO_SUCH_USER
