"""Examine mails' authentication within a share of the time, so that a flood of mail is sorted all the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from posthouse.inbound.authentication import signatures, spf
from posthouse.inbound.authentication.cards import Check, Result
from posthouse.inbound.authentication.lookups import Lookups
from posthouse.inbound.spool.files import Envelope
from posthouse.platform import clock
from posthouse.sending.domains.dns import DnsResolver
from posthouse.sending.domains.rules import Answer

MAIL_SECONDS = 4.0
QUERY_SECONDS = 1.5
WINDOW_SECONDS = 10.0
WINDOW_SHARE = 0.3
"""So much of the time goes into examining; mail beyond that is sorted unexamined, and says so."""
BUSY = (
    Check("spf", Result.NOT_CHECKED, "", "too much mail came at once"),
    Check("dkim", Result.NOT_CHECKED, "", "too much mail came at once"),
)


@dataclass(slots=True)
class Examiner:
    """One process's. It records what it finds; whose a mail is, is decided by its token alone."""

    lookups: Lookups
    _window_began: float = field(default_factory=clock.monotonic)
    _spent: float = 0.0

    def examine(self, envelope: Envelope, content: bytes) -> Sequence[Check]:
        """Check SPF of the envelope, DKIM and ARC of the content. Never raises; asks DNS, so call it outside of transactions.

        Where another server took the mail from its sender (LMTP, mailboxes), the envelope proves nothing and SPF is not asked.
        """
        began = clock.monotonic()
        if began - self._window_began > WINDOW_SECONDS:
            self._window_began, self._spent = began, 0.0
        if self._spent > WINDOW_SECONDS * WINDOW_SHARE:
            return BUSY
        until = began + MAIL_SECONDS

        def ask(name: str, type_: str) -> Answer:
            return self.lookups.ask(name, type_, until)

        found = [
            *([spf.check(envelope.peer, envelope.sender, envelope.helo, ask)] if "smtp" in envelope.way else []),
            *signatures.check(content, lambda name: self._key(name, until)),
        ]
        self._spent += clock.monotonic() - began
        return found

    def _key(self, name: str, until: float) -> tuple[bytes | None, bool]:
        answer = self.lookups.ask(name, "TXT", until)
        return (answer.values[0].encode() if answer.values else None), not answer.failed


def of_house(servers: str) -> Examiner:
    """The examiner that asks the installation's name servers."""
    return Examiner(Lookups(DnsResolver(servers, lifetime_seconds=QUERY_SECONDS)))
