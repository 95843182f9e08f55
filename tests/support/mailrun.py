"""A campaign through the running product to a sink that notes what it takes: what a stop or a kill must not harm."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sink
import sqlalchemy as sa
from product import Product, fetch, until
from shops import make_domain
from world import World, make_world

from posthouse.platform import clock
from posthouse.platform.app import create_core
from posthouse.platform.db import session, transaction
from posthouse.platform.scope import Scope
from posthouse.sending.campaigns import report
from posthouse.sending.campaigns import services as campaigns
from posthouse.sending.domains import queries as domain_queries
from posthouse.sending.domains import services as domains
from posthouse.sending.pools import services as pools
from posthouse.tenants.lists import services as lists

CONNECTIONS = 4
FINAL = ("sent", "unknown", "failed", "suppressed", "expired", "cancelled")
LETTER = """<html><body><p>Grüße, {{ contact.email }}</p><p><a href="https://shop.example/tea">Tee</a></p>
<p>{{ postal_address }} <a href="{{ unsubscribe_url }}">Abmelden</a></p></body></html>"""
_CONTACTS = sa.text(
    "WITH made AS (INSERT INTO contact (tenant_id, email, email_norm, domain, source, created_at, updated_at)"
    " SELECT :tenant, a, a, 'gmail.example', 'test', :at, :at FROM"
    " (SELECT 'person' || n || '@gmail.example' AS a FROM generate_series(1, CAST(:count AS integer)) AS n) AS k RETURNING id)"
    " INSERT INTO subscription (tenant_id, list_id, contact_id, state, source, created_at, changed_at)"
    " SELECT :tenant, :list, id, 'subscribed', 'test', :at, :at FROM made"
)


def open_the_way(world: World, port: int, *, connections: int = CONNECTIONS) -> None:
    """Give reseller a a pool with one route to a port of this machine."""
    with transaction(world.operator):
        pool_id = pools.create_pool(world.operator, name="shared")
        pools.add_route(world.operator, pool_id=pool_id, name="sink", host="127.0.0.1", port=port, tls="none", max_connections=connections)
        pools.grant_pool(world.operator, pool_id=pool_id, reseller_id=world.a.id, stream="marketing", default=True)


def verified_domain(product: Product, scope: Scope) -> int:
    """Add a sending domain, publish its records at the simulator, and wait until it is verified."""
    with transaction(scope):
        card = domains.add_domain(scope, domain="shop.example")
    product.publish([{"name": each.record.name, "type": each.record.type, "value": each.record.value} for each in card.records])
    with transaction(scope):
        domains.ask_for_check(scope, domain_id=card.id)

    def verified() -> bool:
        with transaction(scope):
            return domain_queries.get_domain(scope, card.id).verified

    until(verified)
    return card.id


def start_campaign(scope: Scope, domain_id: int, recipients: int) -> int:
    """Write to so many people."""
    with transaction(scope):
        list_id = lists.create_list(scope, name="Everybody").id
        values = {"tenant": scope.tenant_id, "list": list_id, "count": recipients, "at": clock.now()}
        session(scope).execute(_CONTACTS, values)
        draft = campaigns.Draft(
            name="News", list_id=list_id, domain_id=domain_id, from_name="Shop", from_local="news", subject="Neues für Sie", html=LETTER
        )
        campaign = campaigns.create_campaign(scope, draft)
    with transaction(scope):
        campaigns.start(scope, campaign_id=campaign.id)
    return campaign.id


@dataclass
class MailRun:
    """A campaign at work."""

    product: Product
    scope: Scope
    campaign_id: int
    recipients: int
    note: Path

    def taken(self) -> Counter[str]:
        """How often the sink took each recipient's message."""
        return Counter(self.note.read_text().split()) if self.note.exists() else Counter()

    def until_taken(self, count: int) -> None:
        """Wait until the sink has taken so many, while more are on their way."""
        until(lambda: self.taken().total() >= count, 60)
        assert self.taken().total() < self.recipients, "the run is over already"

    def until_settled(self, seconds: float = 90.0) -> dict[str, int]:
        """Wait until every message has its final outcome; return how many have which."""

        def settled() -> dict[str, int] | None:
            try:
                with transaction(self.scope):
                    seen = report.get_report(self.scope, self.campaign_id)
            except sa.exc.SQLAlchemyError:
                return None
            totals = {state: count for state, count in seen.totals.items() if state in FINAL and count}
            return totals if seen.waiting == 0 and sum(totals.values()) == self.recipients else None

        return until(settled, seconds)


@contextmanager
def mail_run(product: Product, *, recipients: int, slow_seconds: float = 0.04) -> Iterator[MailRun]:
    """Start a campaign on a product that runs; the sink needs up to `slow_seconds` a message."""
    until(lambda: fetch(product.url + "/sign-in"), 120)
    note = product.folder / "taken"
    taker, port = sink.start(note, slow_seconds=slow_seconds)
    core = create_core(product.settings, process="command")
    try:
        with core.app_context():
            world = make_world()
            scope = world.a1.scope
            open_the_way(world, port)
            domain_id = make_domain(scope, "shop.example.com").id
            yield MailRun(product, scope, start_campaign(scope, domain_id, recipients), recipients, note)
    finally:
        with core.app_context():
            for engine in core.extensions["sqlalchemy"].engines.values():
                engine.dispose()
        os.kill(taker, signal.SIGKILL)
        os.waitpid(taker, 0)
