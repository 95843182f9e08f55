"""The transaction, its scope and the wall."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from world import World

from posthouse.platform.db import NestedTransaction, NoTransaction, ScopeMismatch, session, transaction
from posthouse.tenants.accounts import queries
from posthouse.tenants.accounts.models import Tenant, TenantProfile


def test_a_tenant_sees_its_own_rows_only(world: World) -> None:
    """Row security shows one profile to each tenant, the ORM's filter apart."""
    for place in world.tenants:
        with transaction(place.scope) as live:
            assert live.execute(sa.text("SELECT tenant_id FROM tenant_profile")).scalars().all() == [place.id]


def test_a_reseller_sees_its_own_tenants_only(world: World) -> None:
    with transaction(world.a.scope):
        assert {card.id for card in queries.list_tenants(world.a.scope)} == {world.a1.id, world.a2.id}


def test_writing_for_another_tenant_is_refused_by_the_database(world: World) -> None:
    with pytest.raises(sa.exc.ProgrammingError, match="row-level security"), transaction(world.a1.scope) as live:
        live.execute(sa.insert(TenantProfile).values(tenant_id=world.b1.id + 1, legal_name="stolen"))


def test_a_foreign_primary_key_finds_nothing(world: World) -> None:
    with transaction(world.a1.scope) as live:
        assert live.get(Tenant, (world.b.id, world.b1.id)) is None


def test_services_refuse_another_scope_than_the_open_one(world: World) -> None:
    with transaction(world.a1.scope), pytest.raises(ScopeMismatch):
        session(world.a2.scope)


def test_services_refuse_to_run_without_a_transaction(world: World) -> None:
    with pytest.raises(NoTransaction):
        session(world.a1.scope)


def test_a_transaction_does_not_nest(world: World) -> None:
    with transaction(world.a1.scope), pytest.raises(NestedTransaction), transaction(world.a1.scope):
        pass


def test_an_exception_leaves_nothing_behind(world: World) -> None:
    with pytest.raises(RuntimeError), transaction(world.a1.scope) as live:
        live.execute(sa.update(TenantProfile).values(legal_name="half"))
        raise RuntimeError
    with transaction(world.a1.scope):
        assert queries.get_profile(world.a1.scope).legal_name == "Tenant a1 Ltd"
