"""From the click to the mailbox: a started campaign leaves over real SMTP, signed, once each, and its report says so."""

from __future__ import annotations

import asyncio

import dkim
import sqlalchemy as sa
from flask import Flask
from relay import Relay
from shops import Shop, make_shop
from world import World

from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.sending import tokens
from posthouse.sending.campaigns import composers, jobs, queries, report, services
from posthouse.sending.campaigns.rules import State
from posthouse.sending.delivery.lane import LaneWorker
from posthouse.sending.domains.rules import Kind
from posthouse.sending.pools import services as pools
from posthouse.sending.tokens import read_address
from posthouse.sending.transactional.services import SingleMessage, accept
from posthouse.tenants.lists import services as lists
from posthouse.tenants.quotas import services as quotas

SECONDS = 20.0


def make_way(world: World, shop: Shop, port: int) -> None:
    """A shared pool with one route to the relay, for both streams, and allowances for everybody."""
    with transaction(world.operator):
        pool_id = pools.create_pool(world.operator, name="shared")
        pools.add_route(world.operator, pool_id=pool_id, name="relay", host="127.0.0.1", port=port, tls="none", max_connections=2)
        for stream in ("marketing", "transactional"):
            pools.grant_pool(world.operator, pool_id=pool_id, reseller_id=world.a.id, stream=stream, default=True)
    with transaction(shop.scope):
        quotas.set_allowance(shop.scope, layer="tenant", owner_id=shop.scope.tenant, period="month", allowed=1000)


def published(shop: Shop) -> bytes:
    return next(each.record.value for each in shop.domain.records if each.record.kind is Kind.DKIM).encode()


async def deliver(app: Flask, world: World, shop: Shop, stream: str, wanted: int) -> list[tuple[str, bytes]]:
    """Run a worker of the lane until the relay has taken so many messages, at most twenty seconds."""
    async with Relay() as relay:
        make_way(world, shop, relay.port)
        worker = LaneWorker(app, stream, clock.monotonic() + SECONDS)
        running = asyncio.create_task(worker.run())
        while len(relay.accepted) < wanted and not running.done():
            await asyncio.sleep(0.02)
        worker._until = clock.monotonic()
        await running
        # The relay keeps the closing dot line, which is not of the message.
        return [(recipient, data.removesuffix(b".\r\n")) for recipient, data in relay.accepted]


def test_a_campaign_arrives_signed_and_is_accounted_for(app: Flask, world: World) -> None:
    """Each subscribed contact once, dkimpy verifies with the published record, tokens name the message, the report agrees."""
    composers.forget()
    shop = make_shop(world.a1.scope, name="tea", people=7)
    with transaction(shop.scope):
        lists.unsubscribe(shop.scope, contact_id=shop.contact_ids[0], list_id=shop.list_id)
    card = shop.campaign()
    with transaction(shop.scope):
        services.start(shop.scope, campaign_id=card.id)
    taken = asyncio.run(deliver(app, world, shop, "marketing", 6))
    jobs.watch_campaign(shop.scope, campaign_id=card.id)
    assert sorted(recipient for recipient, _ in taken) == [f"person{number}@tea.example.net" for number in range(1, 7)]
    for _, data in taken:
        assert dkim.verify(data, dnsfunc=lambda *_, **__: published(shop))
        local = data.split(b"Message-ID: <")[1].split(b"@")[0].decode()
        found = read_address(tokens.of_house(), local)
        assert found is not None
        assert found.claims.tenant_id == shop.scope.tenant
    with transaction(shop.scope):
        assert queries.get_campaign(shop.scope, card.id).state is State.FINISHED
        figures = report.get_report(shop.scope, card.id)
    assert figures.totals == {"recipients": 6, "skipped": 1, "sent": 6}
    assert figures.waiting == 0


def test_what_waited_for_weeks_is_sent_and_not_expired(app: Flask, world: World) -> None:
    """Waiting for an allowance or in a pause uses up none of the time for delivery, and the signature is fresh."""
    composers.forget()
    shop = make_shop(world.a1.scope, name="tea", people=2)
    card = shop.campaign()
    with transaction(shop.scope) as live:
        services.start(shop.scope, campaign_id=card.id)
        live.execute(sa.text("UPDATE message SET created_at = created_at - interval '40 days'"))
    taken = asyncio.run(deliver(app, world, shop, "marketing", 2))
    assert all(dkim.verify(data, dnsfunc=lambda *_, **__: published(shop)) for _, data in taken)
    with transaction(shop.scope):
        assert report.get_report(shop.scope, card.id).totals == {"recipients": 2, "sent": 2}


def test_a_single_message_arrives(app: Flask, world: World) -> None:
    """Accepted, sent through the transactional lane, signed."""
    composers.forget()
    shop = make_shop(world.a1.scope, name="tea", people=1)
    with transaction(shop.scope):
        accept(shop.scope, SingleMessage(to="jo@example.net", from_address="shop@tea.example.com", subject="Order", html="<p>Thanks</p>"))
    ((recipient, data),) = asyncio.run(deliver(app, world, shop, "transactional", 1))
    assert recipient == "jo@example.net"
    assert dkim.verify(data, dnsfunc=lambda *_, **__: published(shop))
