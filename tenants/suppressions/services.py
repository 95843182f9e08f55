"""Suppress addresses and lift suppressions: the only place that does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from posthouse.platform import audit, clock, statements
from posthouse.platform.app import keyring
from posthouse.platform.db import session
from posthouse.platform.errors import Conflict, Invalid, missing
from posthouse.platform.events import emit
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.platform.statements import array
from posthouse.tenants import permissions
from posthouse.tenants.contacts import addresses
from posthouse.tenants.events import AddressSuppressed
from posthouse.tenants.suppressions import rules
from posthouse.tenants.suppressions.models import PlatformSuppression, ResellerSuppression, Suppression
from posthouse.tenants.suppressions.rules import Reason, SuppressionReach

# Ordered, so that two transactions that suppress the same addresses lock them in the same order.
_SUPPRESS_ALL = (
    "INSERT INTO suppression AS s (tenant_id, address, reason, source, reach, target, message_id, at)"
    " SELECT %(tenant)s, u.address, u.reason, u.source, 'tenant', 'tenant', u.message_id, %(at)s"
    " FROM unnest(CAST(%(addresses)s AS text[]), CAST(%(reasons)s AS text[]), CAST(%(sources)s AS text[]), CAST(%(messages)s AS bigint[]))"
    " AS u (address, reason, source, message_id) ORDER BY u.address"
    " ON CONFLICT (tenant_id, address, target) DO UPDATE"
    " SET reason = excluded.reason, source = excluded.source, message_id = excluded.message_id, at = excluded.at"
    " WHERE s.reason = ANY(CAST(%(weak)s AS text[])) AND NOT excluded.reason = ANY(CAST(%(weak)s AS text[])) RETURNING s.id"
)


def suppress(
    scope: Scope,
    *,
    email: str,
    reason: str,
    source: str,
    reach: str = "tenant",
    message_id: int | None = None,
    list_id: int | None = None,
    stream: str | None = None,
) -> bool:
    """Keep the tenant from writing to an address; may be repeated. Returns whether it was not so before.

    `source` names what brought it about (bounce, feedback, link, api, …). A stronger reason replaces a weaker one that the tenant could lift.
    Raises: Invalid where the address or the reach can't be.
    """
    require(scope, permissions.WRITE_SUPPRESSIONS)
    norm = read_address(email)
    try:
        why, how_far = Reason(reason), SuppressionReach(reach)
        target = rules.target(how_far, stream=stream, list_id=list_id)
    except ValueError as error:
        raise Invalid("suppression_malformed", f"This suppression can't be made: {error}.") from None
    values = {
        "tenant_id": scope.tenant,
        "address": norm,
        "reason": why,
        "source": source,
        "reach": how_far,
        "target": target,
        "stream": stream,
        "list_id": list_id,
        "message_id": message_id,
        "at": clock.now(),
    }
    return _put(scope, values)


@dataclass(frozen=True, slots=True)
class Wish:
    """An address of a message that the tenant must not write to any more, in any way."""

    email: str
    reason: str
    source: str
    message_id: int


def suppress_all(scope: Scope, wishes: Sequence[Wish]) -> None:
    """Keep the tenant from writing to many addresses, as `suppress` does for one; may be repeated. Raises: Invalid, and then for none of them."""
    require(scope, permissions.WRITE_SUPPRESSIONS)
    chosen: dict[str, Wish] = {}
    for wish in wishes:
        norm = read_address(wish.email)
        before = chosen.get(norm)
        if before is None or (Reason(before.reason) in rules.WEAK and Reason(wish.reason) not in rules.WEAK):
            chosen[norm] = wish
    found = statements.rows(
        scope,
        _SUPPRESS_ALL,
        {
            "tenant": scope.tenant,
            "at": clock.now(),
            "weak": array(rules.WEAK),
            "addresses": array(chosen),
            "reasons": array(Reason(wish.reason) for wish in chosen.values()),
            "sources": array(wish.source for wish in chosen.values()),
            "messages": array(wish.message_id for wish in chosen.values()),
        },
    )
    for row in found:
        emit(scope, AddressSuppressed(suppression_id=row.id))


def _put(scope: Scope, values: dict[str, object]) -> bool:
    statement = insert(Suppression).values(values)
    stronger = statement.on_conflict_do_update(
        index_elements=["tenant_id", "address", "target"],
        set_={name: statement.excluded[name] for name in ("reason", "source", "message_id", "at")},
        where=sa.and_(Suppression.reason.in_(rules.WEAK), statement.excluded.reason.not_in(rules.WEAK)),
    )
    row: sa.Row[int, bool] | None = (
        session(scope).execute(stronger.returning(Suppression.id, sa.literal_column("(xmax = 0)", sa.Boolean))).one_or_none()
    )
    if row is None:
        return False
    emit(scope, AddressSuppressed(suppression_id=row[0]))
    return bool(row[1])


def lift(scope: Scope, *, suppression_id: int) -> None:
    """End a suppression that the tenant may end. Raises: Missing, Conflict where the person asked for it."""
    require(scope, permissions.WRITE_SUPPRESSIONS)
    row = session(scope).get(Suppression, (scope.tenant, suppression_id))
    if row is None:
        raise missing("suppression")
    if not rules.may_lift(row.reason):
        raise Conflict("suppression_stays", "The person asked not to be written to; only they can change that, by subscribing again.")
    audit.record(scope, verb="suppression.lifted", subject="suppression", subject_id=row.id, reason_was=row.reason, reach=row.reach)
    session(scope).delete(row)
    session(scope).flush()


def lift_unsubscribe(scope: Scope, *, email_norm: str, list_id: int) -> None:
    """End what an unsubscription from a list, or from all marketing, left behind, because the person subscribed again; may be repeated."""
    targets = [rules.target(SuppressionReach.LIST, list_id=list_id), rules.target(SuppressionReach.STREAM, stream="marketing")]
    session(scope).execute(
        sa.delete(Suppression).where(
            Suppression.tenant_id == scope.tenant,
            Suppression.address == email_norm,
            Suppression.target.in_(targets),
            Suppression.reason == Reason.UNSUBSCRIBE,
        )
    )


def lift_complaint(scope: Scope, *, email_norm: str, message_id: int) -> bool:
    """End what a complaint about one message left behind, because the person took it back; returns whether there was something to end."""
    ended = session(scope).execute(
        sa.delete(Suppression)
        .where(
            Suppression.tenant_id == scope.tenant,
            Suppression.address == email_norm,
            Suppression.reason == Reason.COMPLAINT,
            Suppression.message_id == message_id,
        )
        .returning(Suppression.id)
    )
    lifted = ended.scalars().all()
    for suppression_id in lifted:
        audit.record(scope, verb="suppression.lifted", subject="suppression", subject_id=suppression_id, reason_was="complaint")
    return bool(lifted)


def erase(scope: Scope, *, email_norm: str) -> None:
    """Keep the tenant from ever writing to an address without keeping the address: its rows become one keyed hash. May be repeated."""
    name = rules.erased_names(keyring(), scope.tenant, email_norm)[0]
    session(scope).execute(sa.delete(Suppression).where(Suppression.tenant_id == scope.tenant, Suppression.address == email_norm))
    _put(
        scope,
        {
            "tenant_id": scope.tenant,
            "address": name,
            "reason": Reason.ERASURE,
            "source": "erasure",
            "reach": SuppressionReach.TENANT,
            "target": rules.target(SuppressionReach.TENANT),
            "at": clock.now(),
        },
    )


def forget(scope: Scope, addresses: Iterable[str]) -> None:
    """Drop what came to stand under erased addresses since, by replies that were late; their keyed hash keeps them away. May be repeated."""
    session(scope).execute(sa.delete(Suppression).where(Suppression.tenant_id == scope.tenant, Suppression.address.in_(list(addresses))))


def suppress_for_reseller(scope: Scope, *, email: str, reason: str, source: str) -> None:
    """Keep all tenants of the reseller from writing to an address; may be repeated. Raises: Invalid."""
    require(scope, permissions.MANAGE_RESELLER_SUPPRESSIONS)
    values = {"reseller_id": scope.reseller, "address": read_address(email), "reason": reason, "source": source, "at": clock.now()}
    session(scope).execute(insert(ResellerSuppression).values(values).on_conflict_do_nothing(index_elements=["reseller_id", "address"]))
    audit.record(scope, verb="suppression.made", subject="reseller_suppression", reason_given=reason)


def lift_for_reseller(scope: Scope, *, suppression_id: int) -> None:
    """Let the reseller's tenants write to an address again. Raises: Missing."""
    require(scope, permissions.MANAGE_RESELLER_SUPPRESSIONS)
    row = session(scope).get(ResellerSuppression, (scope.reseller, suppression_id))
    if row is None:
        raise missing("suppression")
    audit.record(scope, verb="suppression.lifted", subject="reseller_suppression", subject_id=row.id)
    session(scope).delete(row)
    session(scope).flush()


def suppress_for_platform(scope: Scope, *, email: str, reason: str, source: str) -> None:
    """Keep everybody on the installation from writing to an address; may be repeated. Raises: Invalid."""
    require(scope, permissions.MANAGE_PLATFORM_SUPPRESSIONS)
    values = {"address": read_address(email), "reason": reason, "source": source, "at": clock.now()}
    session(scope).execute(insert(PlatformSuppression).values(values).on_conflict_do_nothing(index_elements=["address"]))
    audit.record(scope, verb="suppression.made", subject="platform_suppression", reason_given=reason)


def lift_for_platform(scope: Scope, *, email: str) -> None:
    """Let everybody write to an address again; may be repeated. Raises: Invalid."""
    require(scope, permissions.MANAGE_PLATFORM_SUPPRESSIONS)
    session(scope).execute(sa.delete(PlatformSuppression).where(PlatformSuppression.address == read_address(email)))
    audit.record(scope, verb="suppression.lifted", subject="platform_suppression")


def read_address(email: str) -> str:
    """Return an address's normal form. Raises: Invalid with the address's own code.

    Reserved names are taken whatever the setting says: not writing to an address must never be refused.
    """
    found = addresses.parse(email, allow_reserved=True)
    if isinstance(found, addresses.AddressRefused):
        raise Invalid(found.code, found.sentence, field="email")
    return found.norm
