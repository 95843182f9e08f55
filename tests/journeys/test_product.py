"""The whole product as processes: a domain verified by DNS, a campaign larger than the quota, and what comes back."""

from __future__ import annotations

import pytest
from product import fetch, make_product, until
from world import make_world

from posthouse.platform.app import create_core
from posthouse.platform.db import transaction
from posthouse.sending.campaigns import report
from posthouse.sending.campaigns import services as campaigns
from posthouse.sending.domains import queries as domain_queries
from posthouse.sending.domains import services as domains
from posthouse.sending.pools import services as pools
from posthouse.tenants.contacts import services as contacts
from posthouse.tenants.lists import services as lists
from posthouse.tenants.quotas import services as quotas

RECIPIENTS = 150
QUOTA = 100
LETTER = """<html><body><p>Grüße, {{ contact.email }}</p><p><a href="https://shop.example/tea">Tee</a></p>
<p>{{ postal_address }} <a href="{{ unsubscribe_url }}">Abmelden</a></p></body></html>"""


@pytest.fixture
def product(tmp_path):
    made = make_product(tmp_path)
    made.start("up")
    made.start("simulator")
    yield made
    made.end()


def _open_the_way(world, scope, port):
    with transaction(world.operator):
        pool_id = pools.create_pool(world.operator, name="shared")
        pools.add_route(world.operator, pool_id=pool_id, name="simulator", host="127.0.0.1", port=port, tls="none")
        pools.grant_pool(world.operator, pool_id=pool_id, reseller_id=world.a.id, stream="marketing", default=True)
    with transaction(scope):
        quotas.set_allowance(scope, layer="tenant", owner_id=scope.tenant, period="month", allowed=QUOTA)


def _verified_domain(product, scope):
    with transaction(scope):
        card = domains.add_domain(scope, domain="shop.example")
    product.publish([{"name": each.record.name, "type": each.record.type, "value": each.record.value} for each in card.records])
    with transaction(scope):
        domains.ask_for_check(scope, domain_id=card.id)

    def verified():
        with transaction(scope):
            return domain_queries.get_domain(scope, card.id).verified

    until(verified)
    return card.id


def _start(scope, domain_id):
    with transaction(scope):
        list_id = lists.create_list(scope, name="Everybody").id
        for number in range(RECIPIENTS):
            contact = contacts.create(scope, email=f"person{number}@gmail.example", source="test")
            lists.subscribe(scope, contact_id=contact.id, list_id=list_id, source="import")
        draft = campaigns.Draft(
            name="News", list_id=list_id, domain_id=domain_id, from_name="Shop", from_local="news", subject="Neues für Sie", html=LETTER
        )
        campaign = campaigns.create_campaign(scope, draft)
    with transaction(scope):
        campaigns.start(scope, campaign_id=campaign.id)
    return campaign.id


@pytest.mark.timeout(240)
def test_exactly_the_quota_is_sent_signed_and_counted_alike_on_both_sides(product):
    """Sent, counted by us, equals taken and verified, counted by the mailboxes; the rest waits and says for what."""
    until(lambda: fetch(product.url + "/sign-in") and product.state())
    core = create_core(product.settings, process="command")
    with core.app_context():
        world = make_world()
        scope = world.a1.scope
        _open_the_way(world, scope, product.ports["simulator_smtp_port"])
        campaign_id = _start(scope, _verified_domain(product, scope))

        def full():
            with transaction(scope):
                seen = report.get_report(scope, campaign_id)
            return seen if seen.totals.get("sent", 0) >= QUOTA else None

        # Refused ones give their part of the quota back, so the last of it goes to others a little later.
        seen = until(full, 90)
        assert seen.totals["sent"] == QUOTA
        assert seen.state == "waiting"
        assert "allowance" in seen.state_reason
        assert seen.resumes_at is not None
        assert seen.waiting == RECIPIENTS - QUOTA - seen.totals.get("failed", 0)

        def verified():
            state = product.state()
            return state if state["totals"]["dkim_pass"] + state["totals"]["dkim_fail"] >= QUOTA else None

        totals = until(verified)["totals"]
        assert (totals["accepted"], totals["dkim_pass"], totals["dkim_fail"], totals["duplicates"]) == (QUOTA, QUOTA, 0, 0)
        assert totals["refused"] == seen.totals.get("failed", 0)
        for engine in core.extensions["sqlalchemy"].engines.values():
            engine.dispose()
