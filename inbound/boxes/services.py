"""Set mailboxes up, claim one for a visit, and note what was taken: the only place that changes their tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from posthouse.inbound.boxes.cards import BoxTrouble, Place
from posthouse.inbound.boxes.models import BounceBox, BounceBoxMail
from posthouse.inbound.boxes.rules import TOKEN_HOSTS, Draft, clean, needs_secret_again, same_mailbox, wait_after
from posthouse.inbound.permissions import MANAGE_BOXES
from posthouse.platform import audit, clock
from posthouse.platform.app import keyring, settings
from posthouse.platform.db import session
from posthouse.platform.errors import Conflict, Invalid, missing
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


def add_box(scope: Scope, draft: Draft, *, password: str, client_secret: str = "") -> int:
    """Let a mailbox be emptied from now on; returns its id. Password, or refresh token and client secret, are kept sealed. Raises: Invalid."""
    require(scope, MANAGE_BOXES)
    draft = clean(draft, token_hosts=token_hosts())
    secret = _secret(draft, password, client_secret)
    live = session(scope)
    now = clock.now()
    facts = {"state": "active", "validity": 0, "low": 0, "taken": 0, "failures": 0, "trouble": "", "next_at": now}
    row = BounceBox(**asdict(draft), **facts, password_sealed=b"")
    live.add(row)
    live.flush()
    row.password_sealed = _seal(row.id, secret)
    live.flush()
    audit.record(scope, verb="bounce_box.added", subject="bounce_box", subject_id=row.id, host=row.host, protocol=row.protocol)
    return row.id


def edit_box(scope: Scope, *, box_id: int, draft: Draft, password: str = "", client_secret: str = "") -> None:
    """Change how a mailbox is emptied; without a password the present one stays. Another mailbox or folder is read from its beginning.

    Raises: Missing, Invalid, also where the kept password would go elsewhere; Conflict while the mailbox is being emptied.
    """
    require(scope, MANAGE_BOXES)
    row = _row(scope, box_id, lock=True)
    old, draft = draft_of(row), clean(draft, token_hosts=token_hosts())
    if not password and needs_secret_again(old, draft):
        what = "refresh token" if draft.signs_in == "xoauth2" else "password"
        raise Invalid("box_password_again", f"Give the {what} again: it would be sent elsewhere or less well guarded.", field="password")
    if row.leased_until is not None and row.leased_until > clock.now() and not same_mailbox(old, draft):
        raise Conflict("box_busy", "The mailbox is being emptied just now. Try again in some minutes.")
    for name, value in asdict(draft).items():
        setattr(row, name, value)
    if password:
        row.password_sealed = _seal(row.id, _secret(draft, password, client_secret))
    if not same_mailbox(old, draft):
        row.validity = row.low = 0
        session(scope).execute(sa.delete(BounceBoxMail).where(BounceBoxMail.box_id == box_id))
    row.failures, row.trouble, row.next_at = 0, "", clock.now()
    session(scope).flush()
    audit.record(scope, verb="bounce_box.edited", subject="bounce_box", subject_id=box_id, host=row.host, protocol=row.protocol)


def keep_new_secret(scope: Scope, claim: Claim, refresh_token: str) -> None:
    """Keep the refresh token that a provider gave for the old one, unless the box was edited meanwhile."""
    sealed = _seal(claim.box_id, json.dumps({"refresh_token": refresh_token, "client_secret": claim.place.client_secret}).encode())
    same = (BounceBox.id == claim.box_id, BounceBox.leased_until == claim.until, BounceBox.signs_in == claim.place.signs_in)
    mine = (BounceBox.username == claim.place.username, BounceBox.client_id == claim.place.client_id)
    session(scope).execute(sa.update(BounceBox).where(*same, *mine).values(password_sealed=sealed))


def token_hosts() -> tuple[str, ...]:
    """Where refresh tokens may be sent."""
    added = (one.strip().lower() for one in settings().box_token_hosts.split(","))
    return (*TOKEN_HOSTS, *filter(None, added))


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


def _secret(draft: Draft, password: str, client_secret: str) -> bytes:
    oauth = draft.signs_in == "xoauth2"
    if not 1 <= len(password) <= (8_000 if oauth else 1_000):
        what = "a refresh token for the mailbox" if oauth else "the mailbox's password, often one made for programs"
        raise Invalid("box_password_missing", f"Give {what}.", field="password")
    if len(client_secret) > 1_000:
        raise Invalid("box_client_secret", "A client secret has 1,000 letters at most.", field="client_secret")
    if not oauth:
        return password.encode()
    return json.dumps({"refresh_token": password.strip(), "client_secret": client_secret.strip()}).encode()


def _seal(box_id: int, secret: bytes) -> bytes:
    return keyring().seal(secret, tenant_id=None, table=_TABLE, column="password_sealed", row_id=box_id)


def draft_of(row: BounceBox) -> Draft:
    """A box as it was typed."""
    return Draft(**{one.name: getattr(row, one.name) for one in fields(Draft)})


def _row(scope: Scope, box_id: int, *, lock: bool = False) -> BounceBox:
    row = session(scope).get(BounceBox, box_id, with_for_update=lock or None)
    if row is None:
        raise missing("mailbox")
    return row


def _place(row: BounceBox) -> Place:
    opened = keyring().unseal(row.password_sealed, tenant_id=None, table=_TABLE, column="password_sealed", row_id=row.id)
    secret, client_secret = opened.decode(), ""
    if row.signs_in == "xoauth2":
        kept = json.loads(secret)
        secret, client_secret = kept["refresh_token"], kept["client_secret"]
    return Place(
        protocol=row.protocol,
        host=row.host,
        port=row.port,
        tls=row.tls,
        verify=row.verify_tls,
        username=row.username,
        password=secret,
        folder=row.folder,
        afterwards=row.afterwards,
        move_to=row.move_to,
        signs_in=row.signs_in,
        token_url=row.token_url,
        client_id=row.client_id,
        client_secret=client_secret,
        token_hosts=token_hosts() if row.token_url else (),
    )
