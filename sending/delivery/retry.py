"""When to try again, and when to give up; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

# Growing gaps, as RFC 5321 section 4.5.4.1 asks (at least half an hour in the long run, four to five days at most are
# usual for people's mail; a campaign is stale earlier). Seconds after the first, second, ... deferral.
GAPS_SECONDS = (60, 300, 900, 1_800, 3_600, 7_200, 14_400, 21_600)
MARKETING_HORIZON = timedelta(hours=72)
TRANSACTIONAL_HORIZON = timedelta(hours=24)
# A hint is honoured within reason: a server that asks for a week isn't waited for.
HINT_LEAST_SECONDS = 5
HINT_MOST_SECONDS = 21_600
# A share by which a gap varies, so that a million deferrals don't come back in the same second.
SPREAD = 0.2

# Servers that always ask for the same few seconds are believed so often; then the gaps grow all the same.
HINTS_BELIEVED = 4

_ASKS = r"(?:try|retry|again|wait|come back|resend)"
_HINT = re.compile(_ASKS + r"\D{0,40}?(\d{1,6})\s*(second|sec|minute|min|hour|hr|s|m|h)s?\b", re.IGNORECASE)
# A figure without a unit may be anything: part of an address, of a session's name, of a footnote.
_BARE = re.compile(_ASKS + r"\s+(?:in|after)\s+(\d{1,6})(?![\d:.-]*[\w:-])", re.IGNORECASE)
_CLOCK = re.compile(_ASKS + r"\D{0,40}?(\d{1,2}):(\d{2}):(\d{2})\b", re.IGNORECASE)
_GREYLIST = re.compile(r"gr[ae]y-?list", re.IGNORECASE)
GREYLIST_SECONDS = 330  # just above the five minutes that most grey-listing servers ask for
_UNITS = {"s": 1, "m": 60, "h": 3_600}


@dataclass(frozen=True, slots=True)
class Again:
    """Try again not before `at`."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The horizon is reached."""

    reason: str


def hint_seconds(text: str) -> int | None:
    """Read "try again in N seconds" (or minutes, hours, or 00:05:00) from a reply; None where it gives no figure. Bounded."""
    asked = _asked_seconds(text)
    if asked is None:
        return GREYLIST_SECONDS if _GREYLIST.search(text) else None
    return max(HINT_LEAST_SECONDS, min(HINT_MOST_SECONDS, asked))


def _asked_seconds(text: str) -> int | None:
    if found := _CLOCK.search(text):
        hours, minutes, seconds = map(int, found.groups())
        return hours * 3_600 + minutes * 60 + seconds
    if found := _HINT.search(text):
        return int(found.group(1)) * _UNITS[found.group(2)[0].lower()]
    return int(found.group(1)) if (found := _BARE.search(text)) else None


def gap_seconds(deferrals: int, message_id: int) -> float:
    """Return the gap after the given number of deferrals (1 = first); spread by the message's id, so it can be repeated."""
    base = GAPS_SECONDS[min(max(deferrals, 1), len(GAPS_SECONDS)) - 1]
    share = (message_id * 2_654_435_761 % 1_000) / 1_000
    return base * (1 + SPREAD * share)


def decide(*, now: datetime, deferrals: int, message_id: int, text: str, expires_at: datetime) -> Again | GiveUp:
    """Decide on a message that was deferred for the `deferrals`-th time (this one included)."""
    hint = hint_seconds(text)
    grown = gap_seconds(deferrals, message_id)
    gap = grown if hint is None else float(hint) if deferrals <= HINTS_BELIEVED else max(hint, grown)
    at = now + timedelta(seconds=gap)
    if at < expires_at:
        return Again(at, "the server asked for it" if hint is not None else "growing gaps")
    # One last try shortly before the end is worth more than the rest of the gap.
    last = expires_at - timedelta(minutes=5)
    if last > now + timedelta(seconds=GAPS_SECONDS[0]):
        return Again(last, "a last try before the end")
    return GiveUp("the time for delivery is over")


def route_pause_seconds(failures: int) -> float:
    """Return how long a route rests after so many failures to connect in a row: 2 s doubling up to five minutes."""
    return float(min(300, 2 ** min(max(failures, 1), 10)))
