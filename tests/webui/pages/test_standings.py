"""A tenant sees how it stands and what to do; its reseller releases it and sets stricter limits, both in the browser."""

import re

import pytest

from posthouse.platform import clock
from posthouse.platform.app import create_core
from posthouse.platform.db import transaction
from posthouse.sending.standing import queries, services


@pytest.fixture
def core(settings, world):
    made = create_core(settings, process="command")
    with made.app_context():
        yield made
        for engine in made.extensions["sqlalchemy"].engines.values():
            engine.dispose()


def _complain(place):
    with transaction(place.scope):
        services.count(place.scope, stream="marketing", sent_at=clock.now(), sent=1_000, complaints=50)


def test_a_tenant_sees_why_and_what_to_do(core, world, browser):
    """Figures, what it means, what to do, and the limits."""
    browser.sign_in(world.a1.email)
    assert "Well" in browser.get("/sending-health").text
    _complain(world.a1)
    shown = browser.get("/sending-health").text
    assert "50 complaints of 1,000 messages" in shown
    assert "until your provider releases you" in shown
    assert "Posthouse" not in re.sub(r"<head>.*?</head>", "", shown, flags=re.DOTALL)


def test_the_reseller_releases_and_sets_limits(core, world, browser):
    """A release needs a note; a laxer limit is refused."""
    _complain(world.a1)
    browser.sign_in(world.a.email)
    place = "/reseller/sending-health"
    found = re.search(r'name="tenant" value="(\w+)"', browser.get(place).text)[1]
    assert browser.post(f"{place}/release", page=place, tenant=found, note="").status_code == 422
    assert "Released." in browser.post(f"{place}/release", page=place, tenant=found, note="A bought list; deleted.").text
    with transaction(world.a.scope):
        assert queries.list_standings(world.a.scope) == []
    laxer = browser.post(f"{place}/limit", page=place, limit="complaints:held", share="0.9")
    assert (laxer.status_code, "can only be stricter" in laxer.text) == (422, True)
    assert "holds from now on" in browser.post(f"{place}/limit", page=place, limit="complaints:held", share="0.2 %").text
    assert browser.post(f"{place}/limit", page=place, limit="complaints:held", share="much").status_code == 422


def test_the_operator_sees_everybody(core, world, browser):
    """Tenants of all resellers, and limits for all."""
    _complain(world.b1)
    browser.sign_in("operator@example.com")
    assert "50 complaints of 1,000 messages" in browser.get("/operator/sending-health").text
    place = "/operator/sending-health"
    assert "holds from now on" in browser.post(f"{place}/limit", page=place, limit="bounces:warned", share="1.5").text


def test_the_first_pages_tell_of_it_with_the_reason(core, world, browser):
    """The tenant, its reseller and the operator read it where they come in; nobody else does, and no name is told that they don't know."""
    _complain(world.a1)
    for email, words in (
        (world.a1.email, "is suspended"),
        (world.a.email, "Tenant a1</strong> is suspended"),
        ("operator@example.com", "Tenant a1</strong> is suspended"),
    ):
        browser.sign_in(email)
        shown = browser.get("/").text
        assert words in shown
        assert "50 complaints of 1,000 messages" in shown
        assert "sending-health" in shown
    for email in (world.a2.email, world.b.email):
        browser.sign_in(email)
        assert "complaints of" not in browser.get("/").text
