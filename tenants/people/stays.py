"""Enter a place from above, and leave it. The record is written first, at home and in the place, and only then the door opens."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from posthouse.platform import audit, clock, ratelimit
from posthouse.platform.db import session, transaction
from posthouse.platform.errors import Invalid, LimitReached
from posthouse.platform.permissions import require
from posthouse.platform.scope import Actor, Reach, Scope, public
from posthouse.tenants.accounts import queries as accounts
from posthouse.tenants.people import signin
from posthouse.tenants.people.inside import MODES, Stay, label
from posthouse.tenants.people.models import TenantStay
from posthouse.tenants.people.queries import UserCard
from posthouse.tenants.permissions import ACT_IN_TENANTS, ENTER_TENANTS, MANAGE_RESELLERS, READ_AUDIT

LASTS = timedelta(minutes=30)
SHOWN = timedelta(days=90)
# A stolen session of a support person must not read house after house (threat F). Closed when Redis is away.
PER_PERSON = ratelimit.Rate(10, 3600, open_when_away=False)


@dataclass(frozen=True, slots=True)
class StayCard:
    """A stay as the tenant's own people read it. `left_at` None: it ends or ended at `until`."""

    who: str
    mode: str
    why: str
    entered_at: datetime
    until: datetime
    left_at: datetime | None

    @property
    def lasts(self) -> bool:
        """Whether somebody is inside at this moment."""
        return self.left_at is None and self.until > clock.now()


def enter_tenant(scope: Scope, user: UserCard, token: str, tenant_id: int, *, mode: str, why: str, standing: Stay | None) -> str:
    """Enter one of the reseller's tenants for half an hour and return the session's new token. Opens its own transactions.

    `standing` is the stay that the person is on already (the operator's, in the reseller). Raises: Missing, Forbidden, Invalid,
    LimitReached.
    """
    require(scope, ENTER_TENANTS)
    stay = _begin(scope, mode, why, standing)
    if mode == "act":
        require(scope, ACT_IN_TENANTS)
    _check_rate(scope, "tenant", tenant_id)
    with transaction(scope):
        accounts.get_tenant(scope, tenant_id)
        _record(scope.because(stay.why), "tenant.entered", "tenant", tenant_id, stay)
    inside = replace(scope, reach=Reach.TENANT, tenant_id=tenant_id, actor=_actor(user, stay, Reach.TENANT), reason=stay.why)
    with transaction(inside) as live:
        who = inside.actor.label
        live.add(TenantStay(who=who, user_id=user.id, mode=mode, why=stay.why, entered_at=clock.now(), until=stay.until))
        _record(inside, "tenant.entered", "tenant", tenant_id, stay)
    return _move(inside, token, stay)


def enter_reseller(scope: Scope, user: UserCard, token: str, reseller_id: int, *, mode: str, why: str) -> str:
    """Enter a reseller as the operator; as `enter_tenant`."""
    require(scope, MANAGE_RESELLERS)
    stay = _begin(scope, mode, why, None)
    _check_rate(scope, "reseller", reseller_id)
    with transaction(scope):
        accounts.get_reseller(scope, reseller_id)
        _record(scope.because(stay.why), "reseller.entered", "reseller", reseller_id, stay)
    inside = replace(scope, reach=Reach.RESELLER, reseller_id=reseller_id, actor=_actor(user, stay, Reach.RESELLER), reason=stay.why)
    with transaction(inside):
        _record(inside, "reseller.entered", "reseller", reseller_id, stay)
    return _move(inside, token, stay)


def leave(scope: Scope) -> None:
    """Write down that the scope's person leaves the place they entered, in that place's scope. May be repeated."""
    if scope.reach is Reach.TENANT:
        open_ones = sa.update(TenantStay).where(TenantStay.user_id == scope.actor.id, TenantStay.left_at.is_(None))
        session(scope).execute(open_ones.where(TenantStay.until > clock.now()).values(left_at=clock.now()))
        audit.record(scope, verb="tenant.left", subject="tenant", subject_id=scope.tenant)
    else:
        audit.record(scope, verb="reseller.left", subject="reseller", subject_id=scope.reseller)


def list_stays(scope: Scope, *, limit: int = 20) -> list[StayCard]:
    """List who was in the tenant from outside in the last 90 days, newest first."""
    require(scope, READ_AUDIT)
    query = sa.select(TenantStay).where(TenantStay.entered_at > clock.now() - SHOWN).order_by(TenantStay.entered_at.desc()).limit(limit)
    return [StayCard(row.who, row.mode, row.why, row.entered_at, row.until, row.left_at) for row in session(scope).scalars(query)]


def _begin(scope: Scope, mode: str, why: str, standing: Stay | None) -> Stay:
    if mode not in MODES:
        raise Invalid("mode_unknown", "Choose whether you want to look only, or to change things.", field="mode")
    why = " ".join(unicodedata.normalize("NFC", why).split())
    if not 3 <= len(why) <= 200 or not why.isprintable():
        raise Invalid("why_missing", "Say why you go in, in 3 to 200 characters. The account's own people read it.", field="why")
    until = clock.now() + LASTS
    if standing is None:
        return Stay(scope.reach, mode, why, until)
    return Stay(standing.home, mode, why, min(until, standing.until))


def _check_rate(scope: Scope, subject: str, subject_id: int) -> None:
    taken = ratelimit.take(f"enter:{scope.actor.id}", PER_PERSON)
    if taken.allowed:
        return
    with transaction(scope):
        audit.record(scope, verb=f"{subject}.enter_refused", subject=subject, subject_id=subject_id, why="too many in an hour")
    minutes = max(1, round(taken.retry_after_seconds / 60))
    sentence = (
        f"You have entered {PER_PERSON.count} accounts within the hour. Wait {minutes} min; this keeps a stolen session from reading on."
    )
    raise LimitReached("enter_rate", sentence, retry_after_seconds=max(1, round(taken.retry_after_seconds)))


def _actor(user: UserCard, stay: Stay, reach: Reach) -> Actor:
    return Actor("user", user.id, label(user, stay.home, reach))


def _record(scope: Scope, verb: str, subject: str, subject_id: int, stay: Stay) -> None:
    audit.record(scope, verb=verb, subject=subject, subject_id=subject_id, mode=stay.mode, why=stay.why, until=stay.until.isoformat())


def _move(inside: Scope, token: str, stay: Stay) -> str:
    asking = public("enter", inside.request_id)
    with transaction(asking):
        return signin.enter_place(
            asking, token, reach=inside.reach, reseller_id=inside.reseller, tenant_id=inside.tenant_id, stay=stay, origin=inside.origin
        )
