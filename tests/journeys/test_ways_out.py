"""The operator watches the ways out in a real browser: figures change by themselves, and what a person has open or types stays."""

from __future__ import annotations

import pytest
from browser import sign_in
from playwright.sync_api import Page, expect

from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.sending.pools import health, services
from posthouse.sending.rates import slots


@pytest.fixture
def route(served):
    operator = served.world.operator
    with transaction(operator):
        pool = services.create_pool(operator, name="Main")
        services.grant_pool(operator, pool_id=pool, reseller_id=served.world.a.id, stream="marketing", default=True)
        return services.add_route(operator, pool_id=pool, name="Relay", host="relay.test", port=587)


def _send(served, route):
    """Note what a worker would: messages sent, put off and refused, open connections, and a provider that asked for less."""
    scope = served.world.a1.scope
    with transaction(scope):
        health.note_answers(scope, route_id=route, sent=1_234, deferred=5, refused=2, lost=1)
        health.note_wording(scope, route_id=route, group="google", code=421, shape="slow down", text="4.7.28 slow down", count=5)
        health.note_well(scope, route_id=route)
        slots.exchange(scope, route_id=route, worker="w", stream="marketing", wishes={"": slots.Wish(10, 7, 7, open=7)})


def _break(served, route):
    with transaction(served.world.a1.scope):
        health.note_trouble(served.world.a1.scope, route_id=route, failures=3, pause_seconds=600, detail="535 wrong password")


def test_routes_are_seen_live(served, page: Page, route):
    """On the list and on the route's page; an open form and what is typed into it survive each look."""
    sign_in(page, served.url, "operator@example.com")
    page.goto(served.url + "/operator/pools")
    page.get_by_text("Rename or pause").click()
    name = page.get_by_role("textbox", name="Name").first
    name.fill("Renamed by hand")
    _send(served, route)
    expect(page.get_by_text("1,234 sent")).to_be_visible()
    expect(page.get_by_text("7 of 10 connections")).to_be_visible()
    expect(page.get_by_text("5 put off, 2 refused, 1 lost on the wire")).to_be_visible()
    _break(served, route)
    expect(page.get_by_text("after 3 failures")).to_be_visible()
    expect(page.get_by_text("535 wrong password")).to_be_visible()
    expect(name).to_have_value("Renamed by hand")
    page.goto(served.url + f"/operator/routes/{ids.encode('rte', route)}")
    host = page.get_by_label("Server", exact=True)
    host.fill("another.test")
    expect(page.get_by_text("4.7.28 slow down")).to_be_visible()
    with transaction(served.world.a1.scope):
        health.note_well(served.world.a1.scope, route_id=route)
    expect(page.get_by_text("after 3 failures")).to_have_count(0)
    expect(page.get_by_text("Well", exact=True)).to_be_visible()
    expect(host).to_have_value("another.test")
    assert page.complaints == []


def test_a_reseller_sees_its_pools_live(served, page: Page, route):
    """Health only: figures of a pool that others share are the operator's."""
    sign_in(page, served.url, served.world.a.email)
    page.goto(served.url + "/reseller/pools")
    expect(page.get_by_text("Not used yet", exact=True)).to_be_visible()
    _send(served, route)
    _break(served, route)
    expect(page.get_by_text("after 3 failures")).to_be_visible()
    assert "1,234" not in page.content()
    assert page.complaints == []
