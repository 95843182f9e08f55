"""When a mailbox provider asks for less: how long a route leaves its recipients alone; pure apart from the clock.

A run of temporary refusals that are about the sender (not about one mailbox) lets the provider rest, longer each time; after
the rest one letter goes first, and only when it is taken does the rest of the mail follow.
"""

from __future__ import annotations

from dataclasses import dataclass

from posthouse.platform import clock
from posthouse.sending.delivery.retry import hint_seconds
from posthouse.sending.delivery.wire import Reply
from posthouse.sending.replies.rules import classify

# What a provider says to a sender that is too fast or not trusted; two of these in a row are enough.
PLAIN_WORDS = frozenset({"speeding", "toomanyconn", "blocked", "badreputation"})
# What concerns one mailbox or one letter says nothing about the provider's patience.
OF_ONE = frozenset(
    [
        "contenterror",
        "exceedlimit",
        "expired",
        "filtered",
        "hasmoved",
        "mailboxfull",
        "mesgtoobig",
        "notaccept",
        "spamdetected",
        "suppressed",
        "suspend",
        "syntaxerror",
        "userunknown",
        "virusdetected",
    ]
)
PLAIN_WORDS_IN_A_ROW = 2
IN_A_ROW = 8
FIRST_SECONDS = 60.0
MOST_SECONDS = 1_800.0


@dataclass(slots=True)
class Backoff:
    """How a provider bears a route. `rests_until` is monotonic; `failures`: rests in a row without a letter taken."""

    refused: int = 0
    plain: int = 0
    failures: int = 0
    rests_until: float = 0.0
    said: str = ""
    probe_out: bool = False

    @property
    def resting(self) -> bool:
        """Whether nothing may be tried."""
        return clock.monotonic() < self.rests_until

    @property
    def may_take(self) -> bool:
        """Whether a letter may be tried; after a rest only one at a time until one is taken."""
        return not self.resting and not (self.failures and self.probe_out)

    def refuse(self, reply: Reply, group: str) -> bool:
        """Hear a temporary refusal; True when a rest begins with it."""
        self.probe_out = False
        reason = classify(reply.code, reply.enhanced, reply.text, domain_group=group).reason
        if reason in OF_ONE:
            return False
        self.refused += 1
        self.plain += reason in PLAIN_WORDS
        enough = self.failures or self.plain >= PLAIN_WORDS_IN_A_ROW or self.refused >= IN_A_ROW
        if self.resting or not enough:
            return False
        self.failures += 1
        self.refused = self.plain = 0
        gap = min(MOST_SECONDS, FIRST_SECONDS * 2.0 ** min(self.failures - 1, 10))
        asked = hint_seconds(reply.text) if reason in PLAIN_WORDS else None
        self.rests_until = clock.monotonic() + min(MOST_SECONDS, max(gap, float(asked or 0)))
        self.said = f"{reply.code} {reply.text}"[:300]
        return True
