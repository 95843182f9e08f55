"""A tenant is opened whole or not at all, whatever happens in between."""

import os
import signal
from dataclasses import replace

import pytest
import sqlalchemy as sa

from posthouse.platform import audit
from posthouse.platform.db import db, dispose_after_fork, session, transaction
from posthouse.platform.errors import Forbidden, Invalid, Missing
from posthouse.platform.scope import Actor, for_tenant
from posthouse.tenants.accounts import queries, services
from posthouse.tenants.people import services as people


def _inside(world, tenant_id):
    return for_tenant(reseller_id=world.a.id, tenant_id=tenant_id, actor=Actor("user", world.a.user_id, "a"), reason="test")


def _new_id(world):
    with transaction(world.a.scope):
        return services.next_tenant_id(world.a.scope)


def _open_whole(inside, *, then=lambda: None):
    with transaction(inside):
        services.open_tenant(inside, name="Tea House")
        services.set_up_profile(inside, legal_name="Tea House Ltd", postal_address="1 Leaf Street")
        then()
        people.add_member(inside, email="owner@tea.example.com", name="Owner", role="owner", password="correct horse battery")


def _names(world):
    with transaction(world.a.scope):
        return [card.name for card in queries.list_tenants(world.a.scope)]


def test_a_tenant_in_the_directory_has_its_profile(world):
    """The row that all others hang on is made with the directory's, so nobody ever sees the one without the other."""
    with transaction(world.a.scope):
        tenant_id = services.open_tenant(world.a.scope, name="Tea House")
    inside = _inside(world, tenant_id)
    with transaction(inside):
        assert queries.get_profile(inside).legal_name == "Tea House"
        services.set_up_profile(inside, legal_name="Tea House Ltd", postal_address="1 Leaf Street")
    with transaction(inside):
        services.set_up_profile(inside, legal_name="Tea House Ltd", postal_address="1 Leaf Street")
        assert queries.get_profile(inside).postal_address == "1 Leaf Street"


def test_directory_profile_and_owner_are_one_transaction(world):
    """All three are there, and the reseller's log says who opened it."""
    tenant_id = _new_id(world)
    _open_whole(_inside(world, tenant_id))
    assert "Tea House" in _names(world)
    with transaction(world.a.scope):
        opened = [entry for entry in audit.list_entries(world.a.scope) if entry.subject_id == tenant_id]
    assert [(entry.verb, entry.actor_label) for entry in opened] == [("tenant.opened", "a")]


def test_a_refusal_in_the_middle_opens_nothing(world):
    """A wrong owner takes the directory's row with it."""

    def fail():
        raise Invalid("test", "refused")

    tenant_id = _new_id(world)
    with pytest.raises(Invalid):
        _open_whole(_inside(world, tenant_id), then=fail)
    assert "Tea House" not in _names(world)


def test_a_kill_in_the_middle_opens_nothing_and_the_next_try_succeeds(app, world):
    """kill -9 between the profile and the owner: no half a tenant stays, and its name is free."""
    tenant_id = _new_id(world)
    for engine in db.engines.values():
        engine.dispose()
    child = os.fork()
    if child == 0:
        try:
            dispose_after_fork(app)
            _open_whole(_inside(world, tenant_id), then=lambda: os.kill(os.getpid(), signal.SIGKILL))
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert "Tea House" not in _names(world)
    _open_whole(_inside(world, _new_id(world)))
    with transaction(world.a.scope):
        slugs = session(world.a.scope).scalars(sa.text("SELECT slug FROM tenant WHERE name = 'Tea House'")).all()
    assert slugs == ["tea-house"]


def test_nobody_opens_a_tenant_for_another_reseller_or_without_leave(world):
    """The id of another reseller's tenant is taken, and a tenant's people open none."""
    taken = for_tenant(reseller_id=world.b.id, tenant_id=world.a1.id, actor=Actor("user", None, "b"), reason="test")
    with pytest.raises(sa.exc.IntegrityError), transaction(taken):
        services.open_tenant(taken, name="Stolen")
    member = replace(world.a1.scope, permissions=frozenset())
    with transaction(member), pytest.raises(Missing):
        services.open_tenant(member, name="Another")
    with transaction(world.a1.scope), pytest.raises(Forbidden):
        services.next_tenant_id(world.a1.scope)
    assert "Stolen" not in _names(world)
