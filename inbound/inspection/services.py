"""Look at a mail that a person brought, and on their word hand it to the mailroom."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from posthouse.inbound.inspection.models import BroughtMail
from posthouse.inbound.inspection.rules import foretell
from posthouse.inbound.learning.reading import read
from posthouse.inbound.mailroom.queries import OutcomeCard, outcome_cards
from posthouse.inbound.mailroom.rules import Effect, Why, choose_claims
from posthouse.inbound.mailroom.sort import Mailroom
from posthouse.inbound.parsing.cards import Understood
from posthouse.inbound.permissions import (
    APPLY_BROUGHT,
    APPLY_BROUGHT_ANYWHERE,
    APPLY_BROUGHT_BELOW,
    READ_INBOUND,
    READ_INBOUND_BELOW,
    READ_UNMATCHED,
)
from posthouse.inbound.spool.files import Envelope
from posthouse.inbound.tally.services import TALLY
from posthouse.platform import audit, clock
from posthouse.platform.app import keyring
from posthouse.platform.db import session, transaction
from posthouse.platform.errors import Invalid, Missing
from posthouse.platform.jobs import enqueue
from posthouse.platform.permissions import Permission, require
from posthouse.platform.scope import Actor, Reach, Scope, for_tenant
from posthouse.sending.messages.queries import MessageCard, get_message
from posthouse.sending.tokens import Mint, TokenClaims
from posthouse.tenants.accounts.queries import TenantPlace, place_of

SORT_BROUGHT = "inbound.sort_brought"
MAX_BYTES = 1_000_000
"""A report says what it says at its beginning; what it returns may be cut off."""
LOOK = {Reach.TENANT: READ_INBOUND, Reach.RESELLER: READ_INBOUND_BELOW, Reach.OPERATOR: READ_UNMATCHED}
APPLY = {Reach.TENANT: APPLY_BROUGHT, Reach.RESELLER: APPLY_BROUGHT_BELOW, Reach.OPERATOR: APPLY_BROUGHT_ANYWHERE}


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a mail is. `owner`, `message_id` and `recipient` are empty unless its message may be seen from here.

    `whose` is ours, forged (ids like ours that are not genuine), or nobody (none that may be seen from here). `would` is
    what applying it would do, None when it can't be applied.
    """

    kind: str
    rule: str
    author: str
    subject: str
    automatic: bool
    trouble: str | None
    outcomes: tuple[OutcomeCard, ...]
    feedback_kind: str | None
    whose: str
    owner: str
    message_id: int | None
    recipient: str
    would: Effect | None


def inspect(scope: Scope, content: bytes) -> Inspection:
    """Say what a mail is and what it would do; changes nothing. Opens its own transactions. Raises: Forbidden, Invalid."""
    _demand(scope, LOOK)
    understood = _read(content)
    claims = _claims(understood)
    place = _visible(scope, claims)
    message = None
    if place is not None and isinstance(claims, TokenClaims):
        message = _message(place, claims.message_id)
    feedback = understood.feedback
    return Inspection(
        kind=understood.kind,
        rule=understood.rule,
        author=understood.sender,
        subject=understood.subject,
        automatic=understood.automatic,
        trouble=understood.trouble,
        outcomes=outcome_cards(understood),
        feedback_kind=feedback.kind if feedback else None,
        whose="ours" if place else "forged" if claims == Why.FORGED else "nobody",
        owner=place.name if place else "",
        message_id=claims.message_id if place and isinstance(claims, TokenClaims) else None,
        recipient=message.recipient if message else "",
        would=foretell(understood, message, clock.now()) if place else None,
    )


def apply(scope: Scope, content: bytes) -> None:
    """Have a mail counted as if it had come in. Opens its own transactions. Raises: Forbidden, Invalid, Missing when it is about no message that may be seen from here."""
    _demand(scope, APPLY)
    claims = _claims(_read(content))
    place = _visible(scope, claims)
    if place is None:
        raise Missing("not_our_mail", "This mail names no message of yours, so it can't change anything.")
    with transaction(scope) as live:
        row = BroughtMail(for_tenant_id=place.tenant_id, raw=content, brought_at=clock.now())
        live.add(row)
        live.flush()
        enqueue(scope, SORT_BROUGHT, key=str(row.id), brought_id=row.id)
        audit.record(scope, verb="mail.brought", subject="brought_mail", subject_id=row.id)


def sort_brought(scope: Scope, *, brought_id: int) -> None:
    """Hand a mail to the mailroom and forget it; may be run twice."""
    with transaction(scope):
        row = session(scope).get(BroughtMail, brought_id)
        if row is None:
            return
        content, tenant_id, at = row.raw, row.for_tenant_id, row.brought_at
    claims = _claims(_read(content))
    if isinstance(claims, TokenClaims) and claims.tenant_id == tenant_id:
        Mailroom(Mint(keyring())).sort(Envelope("", (), "a person", "", "page", at), content)
    with transaction(scope) as live:
        live.execute(sa.delete(BroughtMail).where(BroughtMail.id == brought_id))
    TALLY.flush(now=True)


def _demand(scope: Scope, permissions: dict[Reach, Permission]) -> None:
    require(scope, permissions.get(scope.reach, permissions[Reach.OPERATOR]))


def _read(content: bytes) -> Understood:
    if not content.strip():
        raise Invalid("mail_missing", "Paste the whole source of a mail, with its headers, or choose a file.", field="source")
    if len(content) > MAX_BYTES:
        raise Invalid("mail_too_large", "A mail may have 1 MB here: cut off what it returns or attaches.", field="source")
    return read(content)


def _claims(understood: Understood) -> TokenClaims | Why:
    return choose_claims((), understood.ids.tokens, Mint(keyring()).read)


def _visible(scope: Scope, claims: TokenClaims | Why) -> TenantPlace | None:
    # "Not yours" and "not there" are the same answer, to a tenant's and to a reseller's people.
    if not isinstance(claims, TokenClaims):
        return None
    with transaction(scope):
        place = place_of(scope, claims.tenant_id)
    if place is None or (scope.reach is Reach.TENANT and place.tenant_id != scope.tenant_id):
        return None
    return None if scope.reach is Reach.RESELLER and place.reseller_id != scope.reseller_id else place


def _message(place: TenantPlace, message_id: int) -> MessageCard | None:
    looking = for_tenant(
        reseller_id=place.reseller_id, tenant_id=place.tenant_id, actor=Actor("system", None, "inbound mail"), reason="what is this mail"
    )
    with transaction(looking):
        try:
            return get_message(looking, message_id)
        except Missing:
            return None
