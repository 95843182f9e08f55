"""Set mailboxes up, claim one for a visit, and note what was taken: the only place that changes their tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from posthouse.inbound.boxes.cards import BoxTrouble, Place
from posthouse.inbound.boxes.models import BounceBox, BounceBoxMail
from posthouse.inbound.boxes.rules import Draft, clean, wait_after
from posthouse.inbound.permissions import MANAGE_BOXES
from posthouse.platform import audit, clock
from posthouse.platform.app import keyring
from posthouse.platform.db import session
from posthouse.platform.errors import Invalid, missing
from posthouse.platform.jobs import enqueue
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope

POLL = "inbound.poll_box"
LEASE = timedelta(minutes=11)
"""Longer than a job may last, so that two workers never empty one box at a time."""
_TABLE = "bounce_box"


@dataclass(frozen=True, slots=True)
class Claim:
    """A box that this worker alone may visit until `until`."""

    box_id: int
    place: Place
    validity: int
    low: int
    failures: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Visited:
    """What a visit came to. `trouble` None: all went well. `more`: mails still wait. `skipped` ones could not be fetched."""

    validity: int
    low: int
    taken: int
    skipped: int
    more: bool
    trouble: BoxTrouble | None = None


def add_box(scope: Scope, draft: Draft, *, password: str) -> int:
    """Let a mailbox be emptied from now on; returns its id. The password is kept sealed. Raises: Invalid."""
    require(scope, MANAGE_BOXES)
    draft = clean(draft)
    if not 1 <= len(password) <= 1_000:
        raise Invalid("box_password_missing", "Give the mailbox's password, often one made for programs.", field="password")
    live = session(scope)
    now = clock.now()
    facts = {"state": "active", "validity": 0, "low": 0, "taken": 0, "failures": 0, "trouble": "", "next_at": now}
    row = BounceBox(**asdict(draft), **facts, password_sealed=b"")
    live.add(row)
    live.flush()
    row.password_sealed = keyring().seal(password.encode(), tenant_id=None, table=_TABLE, column="password_sealed", row_id=row.id)
    live.flush()
    audit.record(scope, verb="bounce_box.added", subject="bounce_box", subject_id=row.id, host=row.host, protocol=row.protocol)
    return row.id


def set_state(scope: Scope, *, box_id: int, state: str) -> None:
    """Pause a box or let it go on. Raises: Missing, Invalid."""
    require(scope, MANAGE_BOXES)
    if state not in ("active", "paused"):
        raise Invalid("box_state", "A mailbox is active or paused.", field="state")
    row = _row(scope, box_id)
    row.state, row.failures, row.next_at = state, 0, clock.now()
    audit.record(scope, verb="bounce_box.state", subject="bounce_box", subject_id=box_id, state=state)
    session(scope).flush()


def delete_box(scope: Scope, *, box_id: int) -> None:
    """Forget a box; what came out of it stays, and so does what is in it. Raises: Missing."""
    require(scope, MANAGE_BOXES)
    row = _row(scope, box_id)
    session(scope).delete(row)
    session(scope).flush()
    audit.record(scope, verb="bounce_box.deleted", subject="bounce_box", subject_id=box_id, host=row.host)


def place_of(scope: Scope, box_id: int) -> Place:
    """Where a box is, with its password in the clear, for the moment of a trial. Raises: Missing."""
    require(scope, MANAGE_BOXES)
    return _place(_row(scope, box_id))


def ask_for_polls(scope: Scope) -> int:
    """Ask for a visit to every box that is due; returns how many."""
    due = sa.select(BounceBox.id).where(BounceBox.state == "active", BounceBox.next_at <= clock.now())
    found = list(session(scope).scalars(due))
    for box_id in found:
        enqueue(scope, POLL, key=str(box_id), box_id=box_id)
    return len(found)


def claim(scope: Scope, box_id: int) -> Claim | None:
    """Take a box for one visit; None when it is gone, paused or another worker has it."""
    now = clock.now()
    free = sa.or_(BounceBox.leased_until.is_(None), BounceBox.leased_until < now)
    statement = sa.update(BounceBox).where(BounceBox.id == box_id, BounceBox.state == "active", free).values(leased_until=now + LEASE)
    row = session(scope).scalars(statement.returning(BounceBox)).one_or_none()
    if row is None:
        return None
    return Claim(row.id, _place(row), row.validity, row.low, row.failures, now + LEASE)


def release(scope: Scope, claim: Claim, visited: Visited) -> None:
    """Note what a visit came to, and let the box go."""
    failures = claim.failures + 1 if visited.trouble else 0
    now = clock.now()
    words = str(visited.trouble) if visited.trouble else ""
    if visited.skipped and not words:
        words = f"{visited.skipped} mails could not be fetched several times and were left where they are."
    values = {
        "leased_until": None,
        "validity": visited.validity,
        "low": visited.low,
        "taken": BounceBox.taken + visited.taken,
        "failures": failures,
        "trouble": words[:600],
        "polled_at": now,
        "next_at": now if visited.more and not visited.trouble else now + wait_after(failures),
    }
    session(scope).execute(sa.update(BounceBox).where(BounceBox.id == claim.box_id, BounceBox.leased_until == claim.until).values(values))


def known(scope: Scope, box_id: int, keys: Sequence[str]) -> dict[str, BounceBoxMail]:
    """Which of these mails were met before."""
    found: dict[str, BounceBoxMail] = {}
    for start in range(0, len(keys), 5_000):
        some = sa.select(BounceBoxMail).where(BounceBoxMail.box_id == box_id, BounceBoxMail.key.in_(keys[start : start + 5_000]))
        found |= {row.key: row for row in session(scope).scalars(some)}
    return found


def note_taken(scope: Scope, box_id: int, key: str, *, settled: bool) -> None:
    """Remember that a mail is kept in the mailroom."""
    values = {"box_id": box_id, "key": key, "taken_at": clock.now(), "taken": True, "settled": settled, "failures": 0}
    statement = insert(BounceBoxMail).values(values)
    changed = {"taken": True, "settled": settled, "taken_at": values["taken_at"]}
    session(scope).execute(statement.on_conflict_do_update(index_elements=["box_id", "key"], set_=changed))


def note_failed(scope: Scope, box_id: int, key: str) -> None:
    """Remember that a mail could not be fetched."""
    values = {"box_id": box_id, "key": key, "taken_at": clock.now(), "taken": False, "settled": False, "failures": 1}
    statement = insert(BounceBoxMail).values(values)
    session(scope).execute(statement.on_conflict_do_update(index_elements=["box_id", "key"], set_={"failures": BounceBoxMail.failures + 1}))


def note_settled(scope: Scope, box_id: int, keys: Sequence[str]) -> None:
    """Remember that mails are done with at the server too."""
    session(scope).execute(sa.update(BounceBoxMail).where(BounceBoxMail.box_id == box_id, BounceBoxMail.key.in_(keys)).values(settled=True))


def forget(scope: Scope, box_id: int, *, keys: Iterable[str] = (), all_but: Sequence[str] | None = None) -> None:
    """Forget mails that can never be listed again: those with these keys, or all but those."""
    ours = BounceBoxMail.box_id == box_id
    gone = list(keys)
    for start in range(0, len(gone), 5_000):
        session(scope).execute(sa.delete(BounceBoxMail).where(ours, BounceBoxMail.key.in_(gone[start : start + 5_000])))
    if all_but is not None:
        stale = sa.text("DELETE FROM bounce_box_mail WHERE box_id = :box AND key <> ALL (:keys)")
        session(scope).execute(stale, {"box": box_id, "keys": list(all_but)})


def _row(scope: Scope, box_id: int) -> BounceBox:
    row = session(scope).get(BounceBox, box_id)
    if row is None:
        raise missing("mailbox")
    return row


def _place(row: BounceBox) -> Place:
    opened = keyring().unseal(row.password_sealed, tenant_id=None, table=_TABLE, column="password_sealed", row_id=row.id)
    return Place(
        protocol=row.protocol,
        host=row.host,
        port=row.port,
        tls=row.tls,
        verify=row.verify_tls,
        username=row.username,
        password=opened.decode(),
        folder=row.folder,
        afterwards=row.afterwards,
        move_to=row.move_to,
    )
