"""A reseller says how much a tenant may send, the operator how much a reseller's tenants may together."""

from __future__ import annotations

import re

import psycopg

from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.tenants.quotas import queries as quotas


def _allowed(scope):
    with transaction(scope):
        return {card.period: card.allowed for card in quotas.state(scope)}


def _tenant(tenant):
    return f"/reseller/tenants/{ids.encode('tnt', tenant.id)}"


def test_a_reseller_sets_and_lifts_a_tenants_limits(world, browser):
    """What is set stands in the form, an empty field is no limit, and the tenant reads what it may."""
    browser.sign_in(world.a.email)
    place = _tenant(world.a1)
    shown = browser.post(f"{place}/allowances", page=place, month="10,000", day="500", hour="")
    assert _allowed(world.a1.scope) == {"month": 10_000, "day": 500, "hour": None}
    assert re.search(r'name="month"[^>]* value="10,000"', shown.text)
    browser.post(f"{place}/allowances", page=place, month="", day="500", hour="")
    assert _allowed(world.a1.scope) == {"month": None, "day": 500, "hour": None}


def test_the_audit_tells_of_what_changed_alone(world, browser, settings):
    """The same again is no change."""
    browser.sign_in(world.a.email)
    place = _tenant(world.a1)
    for _ in range(2):
        browser.post(f"{place}/allowances", page=place, month="10000", day="", hour="")
    with psycopg.connect(settings.database_url) as live:
        told = live.execute("SELECT facts ->> 'period' FROM tenant_audit WHERE tenant_id = %s AND verb = 'quota.set'", (world.a1.id,))
        assert told.fetchall() == [("month",)]


def test_what_is_no_number_is_kept_and_named(world, browser):
    """Nothing is half set: the good field beside the bad one isn't taken either."""
    browser.sign_in(world.a.email)
    place = _tenant(world.a1)
    refused = browser.post(f"{place}/allowances", page=place, month="100", day="many", hour="")
    assert refused.status_code == 422
    assert re.search(r'name="day"[^>]* value="many"[^>]* aria-invalid="true"', refused.text)
    assert _allowed(world.a1.scope)["month"] is None


def test_another_resellers_tenant_is_not_there(world, browser):
    """Neither is it for a tenant's own people."""
    browser.sign_in(world.b.email)
    assert browser.post(f"{_tenant(world.a1)}/allowances", page="/account", month="1", day="", hour="").status_code == 404
    browser.sign_in(world.a1.email)
    assert browser.post(f"{_tenant(world.a1)}/allowances", page="/account", month="1", day="", hour="").status_code == 403
    assert _allowed(world.a1.scope)["month"] is None


def test_the_operator_sets_a_resellers_limits(world, browser):
    """They hold for all its tenants together; another reseller's stay."""
    browser.sign_in("operator@example.com")
    place = f"/operator/resellers/{ids.encode('rsl', world.a.id)}"
    browser.post(f"{place}/allowances", page=place, month="1000000", day="", hour="20000")
    assert _allowed(world.a.scope) == {"month": 1_000_000, "day": None, "hour": 20_000}
    assert _allowed(world.b.scope)["month"] is None
