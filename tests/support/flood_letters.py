"""What a flood hands in, letter by letter from a seed, and what must have become of it: pure, so that a million need no memory."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

import letters

from posthouse.inbound.spool.files import Envelope, fingerprint
from posthouse.sending.tokens import Mint

DOMAIN = "mail.example"
LIMIT_BYTES = 64 * 1024
NOBODY = f"postmaster@{DOMAIN}"
# How often each kind comes, in a hundred. The first six are honest, and so is a repetition of any.
WEIGHTS = {
    "bounce": 34, "complaint": 8, "taken-back": 5, "delayed": 4, "away": 4, "again": 8,
    "forged-address": 15, "forged-inside": 8, "foreign": 6, "garbage": 6, "oversized": 2,
}  # fmt: skip
# Which of ten messages each kind is about: so no order of arrival changes what must be true in the end.
_ABOUT = {"bounce": range(7), "complaint": [7], "taken-back": [8], "delayed": [9], "away": [9], "oversized": [9]}
_NOW = datetime(2026, 11, 25, tzinfo=UTC)


def address(index: int) -> str:
    """The recipient of a tenant's message number `index`."""
    return f"r{index}@example.net"


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail of a letter and the reply that it gets in the end: 250, or 550 at RCPT, or 552 after DATA."""

    recipient: str
    content: bytes
    wanted: int = 250

    @property
    def fingerprint(self) -> bytes:
        return fingerprint(Envelope("", (self.recipient,), "", "", "", _NOW), self.content)


@dataclass(frozen=True, slots=True)
class Letter:
    """What is handed in at once, in this order; `index` is the message of tenant number `tenant` that it is about."""

    kind: str
    tenant: int
    index: int
    mails: tuple[Mail, ...]


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes letter number n. `messages` are each tenant's message ids; the last tenant's are only ever named by forgers."""

    seed: int
    mint: Mint
    tenants: list[int]
    messages: list[list[int]]

    def letter(self, number: int) -> Letter:
        """The same for the same number, always."""
        rng = random.Random(f"{self.seed}:{number}")
        kind = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        if kind == "again":
            if number:
                return self.letter(rng.randrange(number))
            kind = "bounce"
        tenant = rng.randrange(len(self.tenants) - 1)
        tens = len(self.messages[tenant]) // 10
        index = 10 * rng.randrange(tens) + rng.choice(_ABOUT.get(kind, range(10)))
        return Letter(kind, tenant, index, tuple(self._mails(rng, kind, tenant, index, number)))

    def _token(self, tenant: int, message_of: int, index: int) -> str:
        return self.mint.mint(self.tenants[tenant], self.messages[message_of][index]).local

    def _forged(self, rng: random.Random, index: int) -> str:
        token, at = self._token(-1, -1, index), rng.randrange(10, 40)
        return token[:at] + ("a" if token[at] != "a" else "b") + token[at + 1 :]

    def _mails(self, rng: random.Random, kind: str, tenant: int, index: int, number: int) -> list[Mail]:
        if kind == "garbage":
            lines = (b"x" + rng.randbytes(60).replace(b"\r", b"").replace(b"\n", b"") for _ in range(rng.randrange(1, 9)))
            return [Mail(NOBODY, b"\r\n".join([b"%d" % number, *lines, b""]))]
        if kind.startswith("forged"):
            token = self._forged(rng, index)
            inside = kind == "forged-inside"
            return [Mail(NOBODY if inside else f"{token}@{DOMAIN}", _dsn(token, index, number), 250 if inside else 550)]
        token = self._token(tenant, -1 if kind == "foreign" else tenant, index)
        bounce, feedback = f"{token}@{DOMAIN}", f"fbl-{token}@{DOMAIN}"
        if kind in ("complaint", "taken-back"):
            said = ["abuse", "not-spam"] if kind == "taken-back" else ["abuse"]
            return [Mail(feedback, _arf(what, token, index, number)) for what in said]
        if kind == "away":
            return [Mail(bounce, _lines(letters.vacation(f"Out of office {number}", token=token)))]
        content = _dsn(token, index, number, "delayed" if kind == "delayed" else "failed")
        if kind == "oversized":
            return [Mail(bounce, content + b"more of it\r\n" * (LIMIT_BYTES // 12 + 1), 552)]
        return [Mail(bounce, content)]


def _dsn(token: str, index: int, number: int, action: str = "failed") -> bytes:
    raw = letters.dsn(action, f"{token}@{DOMAIN}", token=token, recipient=address(index))
    return raw.replace(b"Returned to Sender", b"Returned to Sender %d" % number)


def _arf(kind: str, token: str, index: int, number: int) -> bytes:
    return _lines(letters.arf(kind, f"Original-Rcpt-To: <{address(index)}>\nX-Number: {number}\n", token=token))


def _lines(raw: bytes) -> bytes:
    return raw.replace(b"\n", b"\r\n")


@dataclass
class Truth:
    """What one tenant's tables must say."""

    bounced: set[int] = field(default_factory=set)
    complained: set[int] = field(default_factory=set)
    lifted: set[int] = field(default_factory=set)
    delayed: Counter[int] = field(default_factory=Counter)
    mails: set[bytes] = field(default_factory=set)
    effects: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, index: int, mail: Mail) -> None:
        """Count one mail that was taken for the first time."""
        self.mails.add(mail.fingerprint)
        if kind == "foreign":
            self.effects["no-such-message"] += 1
        elif kind == "delayed" or kind == "away":
            self.delayed[index] += kind == "delayed"
            self.effects["none"] += 1
        elif kind == "bounce":
            self._once(self.bounced, index, "bounced", "repeated")
        elif b"\r\nFeedback-Type: not-spam" in mail.content:
            self._once(self.lifted, index, "taken-back", "none")
        else:
            self._once(self.complained, index, "complained", "repeated")

    def _once(self, seen: set[int], index: int, first: str, later: str) -> None:
        self.effects[later if index in seen else first] += 1
        seen.add(index)

    @property
    def suppressed(self) -> set[tuple[str, str]]:
        """Addresses with the reason."""
        hard = {(address(index), "hard_bounce") for index in self.bounced}
        return hard | {(address(index), "complaint") for index in self.complained - self.lifted}

    @property
    def events(self) -> Counter[tuple[int, str]]:
        """How often each kind stands in each message's history."""
        once = {"bounced": self.bounced, "complained": self.complained, "not_spam": self.lifted}
        found = Counter({(index, kind): 1 for kind, indexes in once.items() for index in indexes})
        return found + Counter({(index, "delayed"): times for index, times in self.delayed.items()})


@dataclass
class Truths:
    """What all tables must say after so many letters."""

    tenants: list[Truth]
    unmatched: dict[str, set[bytes]] = field(default_factory=lambda: {"forged": set(), "no-token": set()})
    repeated: int = 0

    def add(self, letter: Letter) -> None:
        for mail in letter.mails:
            if mail.wanted != 250:
                continue
            nobodys = {"forged-inside": "forged", "garbage": "no-token"}.get(letter.kind)
            seen = self.unmatched[nobodys] if nobodys else self.tenants[letter.tenant].mails
            if mail.fingerprint in seen:
                self.repeated += 1
            elif nobodys:
                seen.add(mail.fingerprint)
            else:
                self.tenants[letter.tenant].add(letter.kind, letter.index, mail)


def truths(writer: Writer, count: int) -> Truths:
    """Read all letters again."""
    made = Truths([Truth() for _ in writer.tenants])
    for number in range(count):
        made.add(writer.letter(number))
    return made
