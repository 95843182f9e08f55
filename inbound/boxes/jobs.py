"""Empty mailboxes: each mail into the mailroom first, then remembered, then deleted, moved or marked at the server."""

from __future__ import annotations

from dataclasses import dataclass, field

from posthouse.inbound.authentication.services import of_house
from posthouse.inbound.authentication.sources import of_house as sources_of
from posthouse.inbound.boxes import services
from posthouse.inbound.boxes.cards import BoxTrouble, Listed
from posthouse.inbound.boxes.cards import Visit as VisitOf
from posthouse.inbound.boxes.rules import GIVEN_UP, low_mark, recipients_of
from posthouse.inbound.boxes.services import POLL, Claim, Visited
from posthouse.inbound.boxes.visits import visiting
from posthouse.inbound.mailroom.sort import Mailroom, is_away
from posthouse.inbound.spool.files import Envelope
from posthouse.inbound.tally.services import TALLY
from posthouse.platform import clock, logs
from posthouse.platform.app import keyring, settings
from posthouse.platform.db import transaction
from posthouse.platform.jobs import Job, PeriodicJob
from posthouse.platform.scope import Scope
from posthouse.sending.tokens import Mint

VISIT_SECONDS = 120.0
TAKE_SECONDS = 60.0
"""New mails are taken for so long, so that other jobs get their turn; what is left of the visit is for settling them."""
AT_MOST = 5_000
SETTLE_EVERY = 100
MAIL_BYTES = 16 * 1024 * 1024
"""Of a larger mail its beginning is read: what a report says stands before what it returns."""


@dataclass(slots=True)
class _Round:
    """One visit's progress."""

    scope: Scope
    claim: Claim
    visit: VisitOf
    mailroom: Mailroom
    done: dict[str, bool] = field(default_factory=dict)
    unsettled: list[Listed] = field(default_factory=list)
    taken: int = 0


def ask_for_polls(scope: Scope) -> None:
    """Ask for a visit to every box that is due. Periodic; may be repeated."""
    with transaction(scope):
        services.ask_for_polls(scope)


def poll_box(scope: Scope, *, box_id: int) -> None:
    """Visit one box. Run twice or by two workers, it takes each mail once; killed anywhere, the next visit goes on."""
    with transaction(scope):
        claim = services.claim(scope, box_id)
    if claim is None:
        return
    visited = _visit(scope, claim)
    with transaction(scope):
        services.release(scope, claim, visited)
    TALLY.flush(now=True)
    logs.get().info("inbound.box", box=box_id, taken=visited.taken, more=visited.more, trouble=str(visited.trouble or ""))


def _visit(scope: Scope, claim: Claim) -> Visited:
    validity, low, skipped, more = claim.validity, claim.low, 0, False
    progress: _Round | None = None
    listed: list[Listed] = []
    trouble = None
    try:
        with visiting(claim.place, seconds=VISIT_SECONDS) as visit:
            if visit.new_secret:  # before anything can fail: the old one may be good no more
                with transaction(scope):
                    services.keep_new_secret(scope, claim, visit.new_secret)
            visit.open(claim.place.folder)
            if visit.validity() != validity:
                validity, low = visit.validity(), 0  # the server counts anew: what is known already is told by its bytes
            listed = visit.waiting(low, AT_MOST)
            progress = _Round(scope, claim, visit, _mailroom())
            fresh, skipped = _sift(progress, listed)
            more = _take_all(progress, fresh) or len(listed) >= AT_MOST
            _settle(progress)
    except BoxTrouble as problem:
        trouble = problem
    if progress is not None:
        low = _tidy(progress, listed, low, whole=claim.place.protocol == "pop3")
    return Visited(validity, low, progress.taken if progress else 0, skipped, more, trouble)


def _mailroom() -> Mailroom:
    known = settings()
    return Mailroom(Mint(keyring()), examiner=of_house(known.dns_servers), sources=sources_of(known.feedback_sources))


def _sift(progress: _Round, listed: list[Listed]) -> tuple[list[Listed], int]:
    with transaction(progress.scope):
        rows = services.known(progress.scope, progress.claim.box_id, [mail.key for mail in listed])
        facts = {row.key: (row.taken, row.settled, row.failures) for row in rows.values()}
    fresh, skipped = [], 0
    for mail in listed:
        taken, settled, failures = facts.get(mail.key, (False, False, 0))
        if taken:
            progress.done[mail.key] = settled
            if not settled:
                progress.unsettled.append(mail)
        elif failures >= GIVEN_UP:
            skipped += 1  # it stays where it is, and is named each time
        else:
            fresh.append(mail)
    return fresh, skipped


def _take_all(progress: _Round, fresh: list[Listed]) -> bool:
    until = clock.monotonic() + TAKE_SECONDS
    for number, mail in enumerate(fresh):
        if number >= AT_MOST or clock.monotonic() > until:
            return True
        _take(progress, mail)
        # POP3 deletes when the session ends, so there all are settled at the end.
        if progress.claim.place.protocol == "imap" and len(progress.unsettled) >= SETTLE_EVERY:
            _settle(progress)
    return False


def _take(progress: _Round, mail: Listed) -> None:
    scope, box_id = progress.scope, progress.claim.box_id
    try:
        content = progress.visit.fetch(mail, MAIL_BYTES)
    except BoxTrouble as trouble:
        if trouble.step != "Time":
            with transaction(scope):
                services.note_failed(scope, box_id, mail.key)
        raise
    _sort(progress, content)
    settled = progress.claim.place.afterwards == "leave"
    with transaction(scope):
        services.note_taken(scope, box_id, mail.key, settled=settled)
    progress.taken += 1
    progress.done[mail.key] = settled
    if not settled:
        progress.unsettled.append(mail)


def _sort(progress: _Round, content: bytes) -> None:
    place = progress.claim.place
    envelope = Envelope("", recipients_of(content), place.host, "", place.protocol, clock.now())
    try:
        progress.mailroom.sort(envelope, content)
    except Exception as problem:
        if is_away(problem):
            raise
        # A mail that breaks the sorting waits for a person; it holds up nobody behind it.
        logs.get().error("inbound.sorting_failed", box=progress.claim.box_id, exc_info=problem)
        progress.mailroom.give_up(envelope, content)


def _settle(progress: _Round) -> None:
    place, waiting = progress.claim.place, progress.unsettled
    if not waiting:
        return
    progress.visit.settle(waiting, place.afterwards, place.move_to)
    with transaction(progress.scope):
        services.note_settled(progress.scope, progress.claim.box_id, [mail.key for mail in waiting])
    progress.done |= dict.fromkeys((mail.key for mail in waiting), True)
    progress.unsettled = []


def _tidy(progress: _Round, listed: list[Listed], low: int, *, whole: bool) -> int:
    """Forget what cannot be listed again. POP3 lists everything; IMAP never lists what is below the mark."""
    scope, box_id = progress.scope, progress.claim.box_id
    with transaction(scope):
        if whole:
            services.forget(scope, box_id, all_but=[mail.key for mail in listed])
            return 0
        low = low_mark(listed, progress.done, low)
        services.forget(scope, box_id, keys=[mail.key for mail in listed if mail.name <= low])
    return low


JOBS = [Job(POLL, poll_box, max_attempts=2)]
PERIODIC = [PeriodicJob("inbound.ask_for_polls", ask_for_polls, every_seconds=30)]
