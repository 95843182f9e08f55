"""News goes through the whole running product to a tenant's program, and the operator sees everybody at work."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from product import fetch, make_product, until
from receiver import Receiver
from world import make_world

from posthouse.platform import health
from posthouse.platform.app import create_core
from posthouse.platform.db import transaction
from posthouse.tenants.contacts import services as contacts
from posthouse.tenants.lists import services as lists
from posthouse.webui.pages.overview import QUEUES
from posthouse.webui.webhooks import queries, services


@pytest.fixture
def receiver():
    running = Receiver()
    yield running
    running.close()


@pytest.fixture
def product(tmp_path):
    made = make_product(tmp_path)
    made.more["POSTHOUSE_WEBHOOK_PRIVATE_ADDRESSES"] = "yes"
    made.start("up")
    yield made
    made.end()


@pytest.mark.timeout(240)
def test_what_happens_reaches_the_tenants_program(product, receiver):
    until(lambda: fetch(product.url + "/sign-in"), 90)
    core = create_core(replace(product.settings, webhook_private_addresses=True), process="command")
    with core.app_context():
        world = make_world()
        scope = world.a1.scope
        receiver.answers = [503]
        with transaction(scope):
            endpoint, _ = services.create_endpoint(scope, url=receiver.url, kinds=["contact.subscribed"])
        with transaction(scope):
            contact = contacts.create(scope, email="ann@example.com", source="test").id
            lists.subscribe(scope, contact_id=contact, list_id=lists.create_list(scope, name="News").id, source="test")
        until(lambda: len(receiver.got) == 2)
        told = json.loads(receiver.got[0].body)
        assert (told["type"], told["data"]["email"]) == ("contact.subscribed", "ann@example.com")
        assert receiver.got[0].headers["webhook-id"] == receiver.got[1].headers["webhook-id"]

        def delivered():
            with transaction(scope):
                (card,) = queries.list_deliveries(scope, endpoint)
            return card.state == "delivered"

        until(delivered)

        def at_work():
            with transaction(world.operator):
                seen = health.look(world.operator, QUEUES)
            return seen if seen.scheduler_alive and all(queue.workers for queue in seen.queues) else None

        seen = until(at_work)
        assert {queue.name for queue in seen.queues} == set(QUEUES)
        assert not any(one.late for one in seen.periodic)
        for engine in core.extensions["sqlalchemy"].engines.values():
            engine.dispose()
