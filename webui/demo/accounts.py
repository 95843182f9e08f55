"""Open the demonstration's accounts: operator, reseller with its brand, tenants with an owner each, and the shared way out."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from posthouse.platform.db import transaction
from posthouse.platform.scope import ALL_PERMISSIONS, Actor, Reach, Scope, new_request_id
from posthouse.platform.settings import Settings
from posthouse.sending.pools import services as pools
from posthouse.tenants.accounts import services as accounts
from posthouse.tenants.brand import services as brand
from posthouse.tenants.people import services as people
from posthouse.tenants.quotas import services as quotas
from posthouse.webui.demo import cast
from posthouse.webui.demo.cast import Part

REASON = "demonstration"


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who can sign in. `who` says where they belong."""

    who: str
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Player:
    """A tenant on stage, and the scope of its owner."""

    part: Part
    id: int
    scope: Scope


@dataclass(frozen=True, slots=True)
class Company:
    """Everybody who plays."""

    reseller: Scope
    players: tuple[Player, ...]
    logins: tuple[Login, ...]


def open_accounts(settings: Settings) -> Company:
    """Make operator, reseller, tenants and the shared pool that leads to the simulator."""
    operator = _scope(Reach.OPERATOR, Actor("command", None, "demonstration"))
    logins: list[Login] = []
    with transaction(operator):
        logins.append(_member(operator, "operator", cast.OPERATOR_EMAIL, cast.OPERATOR_NAME, role="admin")[0])
        reseller_id = accounts.open_reseller(operator, name=cast.RESELLER)
        pool_id = pools.create_pool(operator, name="Shared")
        pools.add_route(
            operator, pool_id=pool_id, name="Mailbox simulator", host=settings.simulator_host, port=settings.simulator_smtp_port, tls="none"
        )
        pools.grant_pool(operator, pool_id=pool_id, reseller_id=reseller_id, stream="marketing", default=True)
        pools.grant_pool(operator, pool_id=pool_id, reseller_id=reseller_id, stream="transactional", default=True)
    reseller = _open_reseller(reseller_id, logins)
    players = tuple(_open_tenant(reseller, part, logins) for part in cast.CAST)
    return Company(reseller, players, tuple(logins))


def _open_reseller(reseller_id: int, logins: list[Login]) -> Scope:
    scope = _scope(Reach.RESELLER, Actor("command", None, "demonstration"), reseller_id=reseller_id)
    with transaction(scope):
        login, user_id = _member(scope, "reseller", cast.RESELLER_EMAIL, cast.RESELLER_NAME)
        brand.edit_brand(
            scope,
            product_name=cast.RESELLER,
            primary_colour=cast.COLOUR,
            support_email="hilfe@nordlicht-post.example",
            support_url="https://nordlicht-post.example/hilfe",
        )
    logins.append(login)
    return _scope(Reach.RESELLER, Actor("user", user_id, login.email), reseller_id=reseller_id)


def _open_tenant(reseller: Scope, part: Part, logins: list[Login]) -> Player:
    with transaction(reseller):
        tenant_id = accounts.open_tenant(reseller, name=part.name)
    scope = _scope(Reach.TENANT, Actor("command", None, "demonstration"), reseller_id=reseller.reseller, tenant_id=tenant_id)
    with transaction(scope):
        accounts.set_up_profile(scope, legal_name=part.legal_name, postal_address=part.postal_address, timezone=part.timezone)
        login, user_id = _member(scope, f"tenant {part.name}", part.owner_email, part.owner)
        if not part.by_plan:
            quotas.set_allowance(scope, layer="tenant", owner_id=tenant_id, period="month", allowed=part.quota)
    logins.append(login)
    owner = Actor("user", user_id, login.email)
    return Player(part, tenant_id, _scope(Reach.TENANT, owner, reseller_id=reseller.reseller, tenant_id=tenant_id))


def _member(scope: Scope, who: str, email: str, name: str, *, role: str = "owner") -> tuple[Login, int]:
    login = Login(who, email, secrets.token_urlsafe(9))
    return login, people.add_member(scope, email=email, name=name, role=role, password=login.password)


def _scope(reach: Reach, actor: Actor, *, reseller_id: int | None = None, tenant_id: int | None = None) -> Scope:
    return Scope(
        actor=actor,
        reach=reach,
        reseller_id=reseller_id,
        tenant_id=tenant_id,
        permissions=ALL_PERMISSIONS,
        reason=REASON,
        request_id=new_request_id(),
    )
