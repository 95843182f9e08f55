"""Forgets a person in all that was sent to them, range by range."""

from __future__ import annotations

from datetime import timedelta

from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.events import Handler
from posthouse.platform.jobs import Job, enqueue
from posthouse.platform.scope import Scope
from posthouse.sending.messages import erasure
from posthouse.tenants.contacts.erasure import addresses_of
from posthouse.tenants.events import ContactErased
from posthouse.tenants.suppressions import services as suppressions

FORGET_JOB = "sending.forget_contact"
RANGE = 20_000
# A worker holds a message for a minute and a half at most; it is looked for again until none is held.
_HELD = timedelta(seconds=30)
# And once more after that, for what a transaction that was open at the erasure wrote after the first look.
_LAST_LOOK = timedelta(minutes=15)
# After so many looks a lease is overdue, and the sweeper's business.
_MOST_LOOKS = 100


def begin(scope: Scope, event: ContactErased) -> None:
    """Have an erased contact's messages forgotten."""
    with transaction(scope):
        _look(scope, 0, timedelta(0), contact_id=event.contact_id, sealed=event.sealed)


def forget_contact(scope: Scope, *, contact_id: int, sealed: str, look: int, last: bool = False) -> None:
    """Forget a person in messages, in what campaigns left out, and in suppressions that came of late replies. Harmless when run twice."""
    addresses = addresses_of(scope, contact_id, sealed)
    held, after = 0, 0
    while True:
        with transaction(scope):
            reached, still_held = erasure.forget_range(scope, contact_id=contact_id, addresses=addresses, after=after, size=RANGE)
        held += still_held
        if reached is None:
            break
        after = reached
    with transaction(scope):
        erasure.forget_skips(scope, contact_id=contact_id, addresses=addresses)
        suppressions.forget(scope, addresses)
        if last:
            erasure.forget_letters(scope)
        if held and look < _MOST_LOOKS:
            _look(scope, look + 1, _HELD, contact_id=contact_id, sealed=sealed, last=last)
        elif not last:
            _look(scope, look + 1, _LAST_LOOK, contact_id=contact_id, sealed=sealed, last=True)


def _look(scope: Scope, look: int, wait: timedelta, *, contact_id: int, sealed: str, last: bool = False) -> None:
    enqueue(
        scope,
        FORGET_JOB,
        key=f"{scope.tenant}.{contact_id}.{look}",
        run_at=clock.now() + wait,
        contact_id=contact_id,
        sealed=sealed,
        look=look,
        last=last,
    )


JOBS = [Job(FORGET_JOB, forget_contact)]
HANDLERS = [Handler(ContactErased, "messages", begin)]
