"""Endpoints are the tenant's own: made, changed, tested, replayed and deleted by those who may, and by nobody else."""

import pytest
import sqlalchemy as sa

from posthouse.platform.db import transaction
from posthouse.platform.errors import Conflict, Forbidden, Invalid, LimitReached, Missing
from posthouse.platform.runner import run_due
from posthouse.webui.webhooks import jobs, queries, services

CHANGES = [
    lambda scope, one, delivery: services.edit_endpoint(scope, one, label="Stolen"),
    lambda scope, one, delivery: services.set_enabled(scope, one, enabled=False),
    lambda scope, one, delivery: services.rotate_secret(scope, one),
    lambda scope, one, delivery: services.send_test(scope, one),
    services.replay,
    lambda scope, one, delivery: services.replay_failed(scope, one),
    lambda scope, one, delivery: services.delete_endpoint(scope, one),
]
READS = [
    lambda scope, one, delivery: queries.get_endpoint(scope, one),
    lambda scope, one, delivery: queries.list_deliveries(scope, one),
    queries.get_delivery,
]


def _rows(place):
    with transaction(place.scope) as live:
        return [
            live.execute(sa.text(f"SELECT t::text FROM {name} t ORDER BY 1")).scalars().all()
            for name in ("webhook_endpoint", "webhook_delivery")
        ]


@pytest.fixture
def delivery(world, receiver, endpoint):
    with transaction(world.a1.scope):
        made = services.send_test(world.a1.scope, endpoint[0])
    run_due(jobs.QUEUE)
    return made


@pytest.mark.parametrize("act", [*CHANGES, *READS])
@pytest.mark.parametrize("who", ["a2", "b1"])
def test_another_tenants_endpoint_is_not_there(world, endpoint, delivery, act, who):
    before = _rows(world.a1)
    scope = getattr(world, who).scope
    with transaction(scope), pytest.raises(Missing):
        act(scope, endpoint[0], delivery)
    assert _rows(world.a1) == before


@pytest.mark.parametrize("act", CHANGES)
def test_who_may_only_read_changes_nothing(world, endpoint, delivery, act):
    scope = world.a1.may_only("webhooks:read")
    with transaction(scope), pytest.raises(Forbidden):
        act(scope, endpoint[0], delivery)


@pytest.mark.parametrize("act", READS)
def test_who_may_nothing_sees_nothing(world, endpoint, delivery, act):
    scope = world.a1.may_only("contacts:read")
    with transaction(scope), pytest.raises(Forbidden):
        act(scope, endpoint[0], delivery)


def test_a_delivery_belongs_to_its_endpoint(world, receiver, endpoint, delivery):
    with transaction(world.a1.scope):
        other, _ = services.create_endpoint(world.a1.scope, url=receiver.url, kinds=["domain.lost"])
    with transaction(world.a1.scope), pytest.raises(Missing):
        services.replay(world.a1.scope, other, delivery)


@pytest.mark.parametrize("kinds", [[], ["nothing.known"], ["webhook.test"], ["domain.lost", "x"]])
def test_kinds_come_from_the_list(world, receiver, kinds):
    with transaction(world.a1.scope), pytest.raises(Invalid):
        services.create_endpoint(world.a1.scope, url=receiver.url, kinds=kinds)


def test_there_are_at_most_ten(world, receiver):
    for _ in range(10):
        with transaction(world.a1.scope):
            services.create_endpoint(world.a1.scope, url=receiver.url, kinds=["domain.lost"])
    with transaction(world.a1.scope), pytest.raises(LimitReached):
        services.create_endpoint(world.a1.scope, url=receiver.url, kinds=["domain.lost"])
    with transaction(world.a2.scope):
        services.create_endpoint(world.a2.scope, url=receiver.url, kinds=["domain.lost"])


def test_a_delivery_is_replayed_as_it_was(world, receiver, endpoint, delivery):
    with transaction(world.a1.scope):
        services.replay(world.a1.scope, endpoint[0], delivery)
    with transaction(world.a1.scope), pytest.raises(Conflict):
        services.replay(world.a1.scope, endpoint[0], delivery)
    run_due(jobs.QUEUE)
    first, second = receiver.got
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])


def test_a_stopped_endpoint_is_neither_tested_nor_replayed(world, endpoint, delivery):
    with transaction(world.a1.scope):
        services.set_enabled(world.a1.scope, endpoint[0], enabled=False)
    for act in (CHANGES[3], CHANGES[4], CHANGES[5]):
        with transaction(world.a1.scope), pytest.raises(Conflict):
            act(world.a1.scope, endpoint[0], delivery)


def test_what_is_done_is_written_down_without_the_secret(world, endpoint):
    with transaction(world.a1.scope) as live:
        secret = services.rotate_secret(world.a1.scope, endpoint[0])
        told = live.execute(sa.text("SELECT verb || facts::text FROM tenant_audit WHERE verb LIKE 'webhook.%'")).scalars().all()
    assert len(told) == 2
    assert not any(one in text for text in told for one in (secret, endpoint[1]))
