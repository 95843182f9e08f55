"""Somebody looks at a running campaign: the page says in words what holds it, and changes by itself when that changes."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from axe_playwright_python import base as axe
from browser import sign_in, watched
from shops import make_shop

from posthouse.platform import clock, ids
from posthouse.platform.db import session, transaction
from posthouse.sending.campaigns import services as campaigns
from posthouse.sending.pools import services as pools
from posthouse.sending.rates import services as rates


def _running(world):
    """A campaign on its way by a pool of two routes, and how many wait where; nothing sends it here."""
    with transaction(world.operator):
        pool = pools.create_pool(world.operator, name="shared")
        pools.grant_pool(world.operator, pool_id=pool, reseller_id=world.a.id, stream="marketing", default=True)
        routes = [
            pools.add_route(world.operator, pool_id=pool, name=name, host="127.0.0.1", port=2525, tls="none") for name in ("one", "two")
        ]
    shop = make_shop(world.a1.scope, name="a1")
    card = shop.campaign()
    with transaction(shop.scope):
        campaigns.start(shop.scope, campaign_id=card.id)
        values = {"t": shop.scope.tenant, "c": card.id}
        counted = "(:t, :c, 'domain', 'gmail.com', 'recipients', 1204), (:t, :c, 'total', '', 'recipients', 1204)"
        session(shop.scope).execute(
            sa.text(
                f"INSERT INTO campaign_count (tenant_id, campaign_id, facet, part, kind, count) VALUES {counted}"
                " ON CONFLICT (tenant_id, campaign_id, facet, part, kind) DO UPDATE SET count = excluded.count"
            ),
            values,
        )
    return shop.scope, card.id, routes


@pytest.mark.browser
@pytest.mark.timeout(120)
def test_the_page_says_what_holds_a_campaign_as_it_changes(served, chrome, tmp_path):
    """One provider is throttled, then all servers, then nothing: each appears without a reload; and pausing says what is in flight."""
    scope, campaign_id, routes = _running(served.world)
    context = chrome.new_context(reduced_motion="reduce", color_scheme="light", viewport={"width": 1440, "height": 900})
    page = watched(context.new_page())
    sign_in(page, served.url, served.world.a1.email)
    page.goto(f"{served.url}/campaigns/{ids.encode('cmp', campaign_id)}")

    def hold(group, **values):
        with transaction(scope):
            for route in routes:
                rates.note_hold(scope, **{"route_id": route, "group": group, "until": clock.now() + timedelta(minutes=20), **values})

    hold("google", by="backoff", said="421 too fast")
    page.get_by_text("Google has asked for less mail").wait_for(timeout=15_000)
    page.get_by_text("It concerns 1,204 of those who wait.").wait_for()
    page.evaluate(axe.AXE_SCRIPT)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations'], preload: false})")["violations"]
    assert [one["id"] for one in found if one["impact"] in {"serious", "critical"}] == []
    page.screenshot(path=tmp_path / "light.png", full_page=True)
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("document.documentElement.setAttribute('data-bs-theme', 'dark')")
    assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    page.screenshot(path=tmp_path / "dark.png", full_page=True)
    hold("", by="hour")
    page.get_by_text("The mail servers have sent what they may this hour.").wait_for(timeout=15_000)
    with transaction(scope):
        for route in routes:
            rates.end_hold(scope, route_id=route, group="")
            rates.end_hold(scope, route_id=route, group="google")
    page.get_by_text("The mail servers have sent what they may this hour.").wait_for(state="detached", timeout=15_000)
    with transaction(scope):
        session(scope).execute(
            sa.text("UPDATE message SET state = 'leased', lease_id = 1 WHERE contact_id = (SELECT min(contact_id) FROM message)")
        )
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("1 in flight: these come back within two seconds").wait_for(timeout=15_000)
    context.close()


@pytest.mark.browser
@pytest.mark.timeout(120)
def test_the_list_of_recipients_follows_without_moving_the_reader(served, chrome):
    """What has become of somebody appears by itself; who has scrolled and stands on a link stays there, and nothing is read out."""
    scope, campaign_id, _ = _running(served.world)
    context = chrome.new_context(reduced_motion="reduce", viewport={"width": 900, "height": 320})
    page = watched(context.new_page())
    sign_in(page, served.url, served.world.a1.email)
    page.goto(f"{served.url}/campaigns/{ids.encode('cmp', campaign_id)}/recipients")
    last = page.locator("#live tbody tr").last.locator("a").first
    last.focus()
    page.evaluate("window.scrollTo(0, 120)")
    where = page.evaluate("[window.scrollY, document.activeElement.getAttribute('href')]")
    with transaction(scope):
        session(scope).execute(
            sa.text(
                "UPDATE message SET state = 'failed', reason = 'mailboxfull', settled_at = now()"
                " WHERE contact_id = (SELECT min(contact_id) FROM message)"
            )
        )
    page.locator("#live tbody").get_by_text("Not taken").wait_for(timeout=15_000)
    assert page.evaluate("[window.scrollY, document.activeElement.getAttribute('href')]") == where
    assert page.locator("#live [aria-live], #live [role=status]").count() == 0
    context.close()
