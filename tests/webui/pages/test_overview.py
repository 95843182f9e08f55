"""The homes of reseller and operator show what is, of their own, without a look at any message."""

from __future__ import annotations

import re

import psycopg
import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import db, transaction
from posthouse.sending.messages.models import MessageEvent
from posthouse.tenants.quotas import allowances, queries, services


def _events(place, kinds):
    with transaction(place.scope) as live:
        live.execute(
            sa.insert(MessageEvent),
            [{"tenant_id": place.id, "message_id": 1, "kind": kind, "at": clock.now(), "text": ""} for kind in kinds],
        )


def test_the_reseller_sees_its_own_tenants_figures_and_what_calls_for_action(web, world, browser):
    _events(world.a1, ["sent"] * 300 + ["bounced"] * 60)
    _events(world.b1, ["sent"] * 4321)
    with transaction(world.a1.scope):
        services.set_allowance(world.a1.scope, layer="tenant", owner_id=world.a1.id, period="month", allowed=1_000)
        services.reserve(world.a1.scope, lease_id=1, wanted=950)
        allowances.set_contacts(world.a1.scope, 0)
    browser.sign_in(world.a.email)
    text = browser.get("/").text
    assert "Tenant a1" in text
    assert "Tenant b1" not in text
    assert "4,321" not in text
    assert "20.0% bounces in 7 days" in text
    assert "95% of the month&#39;s allowance is used" in text
    assert "All contacts of the plan are in use" in text
    assert text.index("Tenant a1") < text.index("Tenant a2")


def test_columns_sort_by_a_link(web, world, browser):
    _events(world.a2, ["sent"] * 9)
    browser.sign_in(world.a.email)

    def order(query):
        return re.findall(
            r'class="row-link" href="/reseller/tenants/tnt_\w+">(Tenant a\d)</a>', browser.get(f"/reseller/tenants?{query}").text
        )

    assert order("sort=sent&dir=down") == ["Tenant a2", "Tenant a1"]
    assert order("sort=sent&dir=up") == ["Tenant a1", "Tenant a2"]
    assert order("sort=%00&dir=%27") == ["Tenant a1", "Tenant a2"]
    shown = browser.get("/reseller/tenants?sort=sent&dir=down").text
    assert 'aria-sort="descending"' in shown


def test_a_reseller_without_tenants_is_told_how_to_begin(web, world, browser, settings):
    with psycopg.connect(settings.database_url) as live:
        live.execute("UPDATE reseller_member SET role = 'owner'")
        live.execute("SET session_replication_role = replica")
        live.execute("DELETE FROM tenant WHERE reseller_id = %s", [world.b.id])
    browser.sign_in(world.b.email)
    text = browser.get("/").text
    assert "Open the first tenant" in text
    assert "Make it yours" in text


def test_the_overview_of_use_is_the_own_resellers_and_no_tenants(world):
    with transaction(world.a.scope):
        assert set(queries.overview(world.a.scope)) == {world.a1.id, world.a2.id}
    with transaction(world.a1.scope) as live:
        assert live.execute(sa.text("SELECT count(*) FROM quota_overview(now())")).scalar_one() == 0
        assert live.execute(sa.text("SELECT count(*) FROM subscription_overview()")).scalar_one() == 0


def test_the_operator_sees_health_and_volumes(web, world, browser):
    _events(world.b1, ["sent"] * 4321)
    browser.sign_in("operator@example.com")
    text = browser.get("/").text
    for word in ("Scheduler", "Workers and queues", "transactional", "webhooks", "Disk free", "Periodic work", "4,321", "Reseller B"):
        assert word.lower() in text.lower(), word
    part = browser.client.get("/", headers={"HX-Request": "true"})
    assert part.headers["X-Fragment"]


def test_no_home_asks_the_messages(web, world, browser):
    """Neither home's questions name the tables that hold a row a message."""
    asked = []
    with web.app_context():
        engines = list(db.engines.values())

    def note(_connection, _cursor, statement, *_):
        asked.append(statement)

    for engine in engines:
        sa.event.listen(engine, "before_cursor_execute", note)
    for email in (world.a.email, "operator@example.com"):
        browser.sign_in(email)
        browser.get("/")
        browser.post("/sign-out", page="/account")
    assert [one for one in asked if re.search(r"\b(message|message_event|contact)\b", one)] == []
    assert any("tenant_day" in one for one in asked)
