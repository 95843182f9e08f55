"""Begin and end visits, and try a mailbox step by step, saying in words what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from posthouse.inbound.boxes.cards import BoxTrouble, Place
from posthouse.inbound.boxes.imap import ImapVisit
from posthouse.inbound.boxes.pop3 import Pop3Visit
from posthouse.inbound.boxes.wire import SILENCE_SECONDS, Wire
from posthouse.platform import clock
from posthouse.platform.trials import Step

TRIAL_SECONDS = 25.0


@contextmanager
def visiting(place: Place, *, seconds: float, silence: float = SILENCE_SECONDS) -> Iterator[ImapVisit | Pop3Visit]:
    """Sign in and leave again, all within so many seconds. Raises: BoxTrouble."""
    visit = _begin(place, seconds, silence)
    try:
        for _ in visit.sign_in():
            pass
        yield visit
    finally:
        visit.close()


def try_place(place: Place, *, seconds: float = TRIAL_SECONDS) -> tuple[Step, ...]:
    """Try everything that emptying needs; takes and changes nothing. Talks to the outside for at most so many seconds."""
    steps: list[Step] = []
    try:
        visit = _begin(place, seconds, seconds)
    except BoxTrouble as trouble:
        return (Step(trouble.step, trouble.words, trouble.advice or "Try again later."),)
    try:
        steps.append(Step("Connection", f"connected to {place.host} port {place.port}"))
        steps += [Step(name, words) for name, words in visit.sign_in()]
        steps.append(Step("Folder", visit.open(place.folder)))
        if isinstance(visit, ImapVisit) and place.afterwards == "move":
            steps.append(_goal(visit, place.move_to))
    except BoxTrouble as trouble:
        steps.append(Step(trouble.step, trouble.words, trouble.advice or "Try again later."))
    finally:
        visit.close()
    return tuple(steps)


def _begin(place: Place, seconds: float, silence: float) -> ImapVisit | Pop3Visit:
    wire = Wire(place, until=clock.monotonic() + seconds, silence=silence)
    return ImapVisit(place, wire) if place.protocol == "imap" else Pop3Visit(place, wire)


def _goal(visit: ImapVisit, folder: str) -> Step:
    if visit.has_folder(folder):
        return Step("Move", f"“{folder}” is there")
    return Step("Move", f"There is no folder “{folder}”.", "Make it in the mailbox, or choose another.")
