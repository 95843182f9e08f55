"""A small world for tests: an operator, resellers a and b, tenants a1, a2, b1, b2, each with an owner who can sign in."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from databases import migrated, settings_of
from services import services

from posthouse.platform.app import create_core
from posthouse.platform.db import transaction
from posthouse.platform.scope import ALL_PERMISSIONS, Actor, Reach, Scope
from posthouse.tenants.accounts import services as accounts
from posthouse.tenants.people import services as people

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Place:
    """One reseller or tenant with the scope of its owner (who may do everything there)."""

    id: int
    scope: Scope
    email: str
    user_id: int

    def may_only(self, *permissions: str) -> Scope:
        """Return the scope with these permissions alone."""
        return replace(self.scope, permissions=frozenset(permissions))


@dataclass(frozen=True)
class World:
    """Everybody there is."""

    operator: Scope
    a: Place
    b: Place
    a1: Place
    a2: Place
    b1: Place
    b2: Place

    @property
    def tenants(self) -> list[Place]:
        return [self.a1, self.a2, self.b1, self.b2]


def operator_scope() -> Scope:
    return Scope(actor=Actor("command", None, "test"), reach=Reach.OPERATOR, permissions=ALL_PERMISSIONS, reason="test", request_id="test")


@functools.cache
def peopled() -> tuple[str, World]:
    """Return the name of a template database in which the world lives, and that world: made once in a test process."""
    made: list[World] = []
    name = services().template("template_peopled", lambda url: made.append(_made_in(url)), of=migrated())
    return name, made[0]


def _made_in(url: str) -> World:
    with tempfile.TemporaryDirectory() as folder:
        core = create_core(settings_of(url, Path(folder)), process="command")
        with core.app_context():
            world = make_world()
            for engine in core.extensions["sqlalchemy"].engines.values():
                engine.dispose()
    return world


def make_world() -> World:
    """Open the accounts in the app's database."""
    operator = operator_scope()
    with transaction(operator):
        people.add_member(operator, email="operator@example.com", name="Olga Operator", role="admin", password=PASSWORD)
        reseller_ids = [accounts.open_reseller(operator, name=name) for name in ("Reseller A", "Reseller B")]
    a, b = (_reseller(reseller_id, letter) for reseller_id, letter in zip(reseller_ids, "ab", strict=True))
    return World(
        operator, a, b, *(_tenant(reseller, f"{letter}{number}") for reseller, letter in ((a, "a"), (b, "b")) for number in (1, 2))
    )


def _reseller(reseller_id: int, letter: str) -> Place:
    scope = Scope(
        actor=Actor("command", None, "test"),
        reach=Reach.RESELLER,
        reseller_id=reseller_id,
        permissions=ALL_PERMISSIONS,
        reason="test",
        request_id="test",
    )
    email = f"owner@reseller-{letter}.example.com"
    with transaction(scope):
        user_id = people.add_member(scope, email=email, name=f"Owner of {letter}", role="owner", password=PASSWORD)
    return Place(reseller_id, replace(scope, actor=Actor("user", user_id, email)), email, user_id)


def _tenant(reseller: Place, name: str) -> Place:
    with transaction(reseller.scope):
        tenant_id = accounts.open_tenant(reseller.scope, name=f"Tenant {name}")
    scope = Scope(
        actor=Actor("command", None, "test"),
        reach=Reach.TENANT,
        reseller_id=reseller.id,
        tenant_id=tenant_id,
        permissions=ALL_PERMISSIONS,
        reason="test",
        request_id="test",
    )
    email = f"owner@{name}.example.com"
    with transaction(scope):
        accounts.set_up_profile(scope, legal_name=f"Tenant {name} Ltd", postal_address=f"1 {name} Street\n12345 Town")
        user_id = people.add_member(scope, email=email, name=f"Owner of {name}", role="owner", password=PASSWORD)
    return Place(tenant_id, replace(scope, actor=Actor("user", user_id, email)), email, user_id)
