"""Decide on a tenant's standing from its figures; pure."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from functools import cache
from importlib.resources import files

MILLION = 1_000_000
BUCKET = timedelta(minutes=10)
# A day shows a bad mailing at once; a week shows what comes late and little by little.
WINDOWS: Mapping[str, timedelta] = {"day": timedelta(hours=24), "week": timedelta(days=7)}
# A slowed tenant's marketing mail: so many messages at once, and then a pause. 3,000 an hour; our own choice.
SLOW_MESSAGES = 50
SLOW_GAP = timedelta(seconds=60)


class Grade(IntEnum):
    """How a tenant stands, from good to bad."""

    WELL = 0
    WARNED = 1
    SLOWED = 2
    HELD = 3
    SUSPENDED = 4

    @property
    def word(self) -> str:
        """The word that is stored and shown."""
        return self.name.lower()

    @property
    def lasts(self) -> bool:
        """Whether only a person ends it."""
        return self >= Grade.HELD


class Measure(StrEnum):
    """What is measured."""

    BOUNCES = "bounces"
    COMPLAINTS = "complaints"


@dataclass(frozen=True, slots=True)
class Limit:
    """From which share (parts per million) and number of events on a grade applies."""

    share: int
    events: int


Limits = Mapping[tuple[Measure, Grade], Limit]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What happened to the messages that were handed over in a window."""

    sent: int = 0
    bounces: int = 0
    complaints: int = 0

    def events(self, measure: Measure) -> int:
        """How many of a kind there were."""
        return self.bounces if measure is Measure.BOUNCES else self.complaints


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The worst grade that the figures give, and by what: with WELL there is nothing to name."""

    grade: Grade = Grade.WELL
    measure: Measure | None = None
    window: str = ""
    events: int = 0
    sent: int = 0
    share: int = 0


def grade_of(word: str) -> Grade:
    """Read a stored word."""
    return Grade[word.upper()]


@cache
def defaults() -> tuple[int, Limits]:
    """Return how many messages a window must hold, and the limits that apply where nobody set others."""
    raw = tomllib.loads((files(__package__) / "limits.toml").read_text("utf-8"))
    limits = {(measure, grade_of(word)): Limit(**values) for measure in Measure for word, values in raw[measure].items()}
    return int(raw["rules"]["mails"]), limits


def strictest(*layers: Mapping[tuple[Measure, Grade], int]) -> Limits:
    """Lay the shares of operator and reseller over the defaults: the operator's replaces the default, a reseller's only where it is stricter."""
    _, limits = defaults()
    made = dict(limits)
    for layer, shares in enumerate(layers):
        for key, share in shares.items():
            if layer == 0 or share < made[key].share:
                made[key] = Limit(share, made[key].events)
    return made


def judge(windows: Mapping[str, Figures], limits: Limits, *, mails: int) -> Verdict:
    """Return the worst grade that any window and measure gives."""
    worst = Verdict()
    for window, figures in windows.items():
        if figures.sent < mails:
            continue
        for (measure, grade), limit in limits.items():
            events = figures.events(measure)
            if grade > worst.grade and events >= limit.events and events * MILLION >= limit.share * figures.sent:
                share = events * MILLION // figures.sent
                worst = Verdict(grade=grade, measure=measure, window=window, events=events, sent=figures.sent, share=share)
    return worst


def after(now: Grade, found: Grade) -> Grade:
    """Say what a standing becomes: it falls at once, mends by itself up to slowed, and from held on only by a person's word."""
    return max(now, found) if now.lasts else found


def bucket(at: datetime) -> datetime:
    """Return the beginning of the ten minutes in which a moment lies."""
    return at.replace(minute=at.minute - at.minute % 10, second=0, microsecond=0)


def grade_for(stream: str, grades: Iterable[str]) -> Grade:
    """Say how a tenant stands for a stream; `grades` are texts such as "marketing:slowed". Suspended on one stream is so on both."""
    found = {name: grade_of(word) for name, _, word in (text.partition(":") for text in grades)}
    return Grade.SUSPENDED if Grade.SUSPENDED in found.values() else found.get(stream, Grade.WELL)
