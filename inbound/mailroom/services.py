"""Keep mail that came in, and let a person say what unmatched mail was: the only place that changes the mailroom's tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert

from posthouse.inbound.authentication.cards import Check
from posthouse.inbound.events import MailSorted
from posthouse.inbound.mailroom.erasure import without_person
from posthouse.inbound.mailroom.models import InboundMail, UnmatchedMail
from posthouse.inbound.mailroom.rules import Effect, Why, clean, facts_of
from posthouse.inbound.parsing.cards import Kind, Understood
from posthouse.inbound.permissions import SORT_UNMATCHED
from posthouse.inbound.retention.decoding import named_in_mail
from posthouse.inbound.retention.forgotten import any_forgotten, forgotten_among
from posthouse.inbound.spool.files import Envelope, fingerprint
from posthouse.platform import audit, clock, logs, statements
from posthouse.platform.db import session
from posthouse.platform.errors import Invalid, missing
from posthouse.platform.events import emit
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.platform.statements import array
from posthouse.platform.together import together
from posthouse.sending.messages.queries import forgotten_of

KINDS = tuple(kind.value for kind in Kind)
_KEEP = (
    insert(InboundMail)
    .on_conflict_do_nothing(index_elements=["tenant_id", "fingerprint"])
    .returning(InboundMail.fingerprint, InboundMail.id)
)
_ONE_STATEMENT = {"render_nulls": True}  # rows without a value would else be written apart
_EFFECTS = (
    "UPDATE inbound_mail AS m SET effect = u.effect FROM unnest(CAST(%(ids)s AS bigint[]), CAST(%(effects)s AS text[])) AS u (id, effect)"
    " WHERE m.tenant_id = %(tenant)s AND m.id = u.id"
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A mail as it came in, and what it was understood as. `key` tells repeats where the bytes do not: an event's id; None: the bytes. `checks` is what its authentication showed."""

    envelope: Envelope
    content: bytes
    understood: Understood
    key: bytes | None = None
    checks: tuple[Check, ...] = ()


def keep(scope: Scope, arrival: Arrival, *, message_id: int | None) -> int | None:
    """Keep a tenant's mail before anything is made of it (`message_id` None: a report about a domain); None when the same mail is kept already, and then nothing is to be done.

    Of one about a message whose recipient is forgotten only that it came is kept.
    """
    return keep_all(scope, [(arrival, message_id)])[0]


def keep_all(scope: Scope, mails: Sequence[tuple[Arrival, int | None]]) -> list[int | None]:
    """Keep several mails of a tenant, each with its message, as `keep` does for one; of two that are the same the first is kept."""
    forgotten = forgotten_of(scope, [about for _, about in mails if about is not None])
    made = [_values(arrival) | _of_tenant(scope, about) | without_person(is_forgotten=about in forgotten) for arrival, about in mails]
    # In one order, so that two processes that were handed the same mails don't wait for each other.
    rows = sorted({row["fingerprint"]: row for row in reversed(made)}.values(), key=lambda row: row["fingerprint"])
    kept: dict[bytes, int] = {row.fingerprint: row.id for row in session(scope).execute(_KEEP, rows, execution_options=_ONE_STATEMENT)}
    return [kept.pop(row["fingerprint"], None) for row in made]


def _of_tenant(scope: Scope, message_id: int | None) -> dict[str, Any]:
    return {"tenant_id": scope.tenant, "message_id": message_id, "effect": Effect.NONE}


def note_effect(scope: Scope, *, mail_id: int, message_id: int | None, kind: Kind, effect: Effect) -> None:
    """Write down what a kept mail changed, and tell."""
    if effect is not Effect.NONE:
        together(scope, _write_effects, (mail_id, effect), turn=8)
    emit(scope, MailSorted(inbound_mail_id=mail_id, message_id=message_id, kind=kind, effect=effect))


def _write_effects(scope: Scope, noted: Sequence[tuple[int, Effect]]) -> None:
    values = {"tenant": scope.tenant, "ids": array(mail_id for mail_id, _ in noted), "effects": array(effect for _, effect in noted)}
    statements.rows(scope, _EFFECTS, values)


def keep_unmatched(scope: Scope, arrivals: Sequence[Arrival], *, why: Why) -> None:
    """Keep mail that belongs to nobody known, for the operator to look at; may be repeated. None that names an erased person."""
    kept = _without_forgotten(scope, arrivals, encoded=why is not Why.FAILED)
    rows = sorted(({**_values(arrival), "why": why} for arrival in kept), key=lambda row: row["fingerprint"])
    if rows:
        session(scope).execute(insert(UnmatchedMail).on_conflict_do_nothing(index_elements=["fingerprint"]), rows)


def _without_forgotten(scope: Scope, arrivals: Sequence[Arrival], *, encoded: bool) -> Sequence[Arrival]:
    """Leave out what names somebody who was erased. `encoded` False: what a mail says isn't looked at deeper than its plain bytes."""
    if not any_forgotten(scope):
        return arrivals
    named = [_names(arrival, encoded=encoded) for arrival in arrivals]
    forgotten = forgotten_among(scope, set().union(*named))
    kept = [arrival for arrival, names in zip(arrivals, named, strict=True) if forgotten.isdisjoint(names)]
    if len(kept) < len(arrivals):
        logs.get().info("inbound.names_erased", mails=len(arrivals) - len(kept))
    return kept


def _names(arrival: Arrival, *, encoded: bool) -> set[str]:
    envelope = arrival.envelope
    return {*(one.lower() for one in (envelope.sender, *envelope.recipients)), *named_in_mail(arrival.content, encoded=encoded)}


def keep_strange(scope: Scope, arrival: Arrival, *, message_id: int) -> None:
    """Keep a copy of a tenant's mail that was not understood for the operator to learn from; may be repeated. Nothing of a forgotten person."""
    if message_id in forgotten_of(scope, [message_id]) or not _without_forgotten(scope, [arrival], encoded=True):
        return
    values = {**_values(arrival), "why": Why.NOT_UNDERSTOOD, "about_message_id": message_id}
    session(scope).execute(insert(UnmatchedMail).values(values).on_conflict_do_nothing(index_elements=["fingerprint"]))


def keep_anew(scope: Scope, arrival: Arrival) -> int | None:
    """Write down what a kept mail is by now, where it changed nothing yet; None when it did, and then nothing is to be done.

    How it proved itself stays as it was examined when it came.
    """
    values = _values(arrival)
    mail = sa.update(InboundMail).where(
        InboundMail.tenant_id == scope.tenant, InboundMail.fingerprint == values["fingerprint"], InboundMail.effect == Effect.NONE
    )
    checked = sa.func.jsonb_build_object("checks", sa.func.coalesce(InboundMail.understood["checks"], sa.text("'[]'::jsonb")))
    understood = sa.literal(values["understood"], JSONB).op("||")(checked)
    changed = mail.values(kind=values["kind"], rule=values["rule"], understood=understood)
    return session(scope).execute(changed.returning(InboundMail.id)).scalar_one_or_none()


def say_what_it_was(scope: Scope, *, mail_id: int, kind: str) -> None:
    """Record a person's judgement of an unmatched mail; may be repeated, the last one stands. Raises: Missing, Invalid."""
    require(scope, SORT_UNMATCHED)
    if kind not in KINDS:
        raise Invalid("unknown_kind", f"There is no kind of mail “{kind[:40]}”. Choose one of: {', '.join(KINDS)}.", field="kind")
    row = session(scope).get(UnmatchedMail, mail_id)
    if row is None:
        raise missing("unmatched mail")
    row.said_kind, row.said_by, row.said_at = kind, scope.actor.id, clock.now()
    audit.record(scope, verb="unmatched_mail.judged", subject="unmatched_mail", subject_id=mail_id, kind=kind)
    session(scope).flush()


def _values(arrival: Arrival) -> dict[str, Any]:
    understood, envelope = arrival.understood, arrival.envelope
    return {
        "fingerprint": arrival.key or fingerprint(envelope, arrival.content),
        "received_at": envelope.at,
        "sorted_at": clock.now(),
        "kind": understood.kind,
        "rule": understood.rule,
        "sender": clean(envelope.sender, 320),
        "recipient": clean(envelope.recipients[0] if envelope.recipients else "", 320),
        "author": clean(understood.sender, 500),
        "subject": clean(understood.subject, 500),
        "peer": clean(envelope.peer, 100),
        "understood": {**facts_of(understood), "checks": [check.facts() for check in arrival.checks]},
        "trouble": understood.trouble,
        "size_bytes": len(arrival.content),
        "raw": arrival.content,
    }
