"""Beside each recipient of a campaign that did not simply get it stands why, in words, what to do, and when it goes on."""

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from posthouse.platform import clock, ids
from posthouse.platform.app import create_core
from posthouse.platform.db import session, transaction
from posthouse.sending.pools import services

_CAMPAIGN = sa.text("INSERT INTO campaign (tenant_id, name, state, created_at) VALUES (:tenant, 'News', 'sending', :at) RETURNING id")
_MESSAGE = sa.text(
    "INSERT INTO message (tenant_id, campaign_id, contact_id, revision_id, recipient, email_norm, domain, stream, state, reason, attempts,"
    " not_before, created_at, settled_at, reply_code, reply_status, reply_text) VALUES (:tenant, :campaign, :number, 1, :email, :email,"
    " 'x.test', 'marketing', :state, :reason, 1, :later, :at, :settled, :code, :status, :text) RETURNING id"
)
_SENT = {"state": "sent", "reason": "", "code": 250, "status": "2.0.0", "text": "ok"}
_FULL = {"state": "failed", "reason": "mailboxfull", "code": 552, "status": "5.2.2", "text": "over quota"}
_BUSY = {"state": "queued", "reason": "", "code": 451, "status": "4.7.1", "text": "come back later"}
_PAUSED = {"state": "queued", "reason": "way rests", "code": None, "status": None, "text": None}


@pytest.fixture
def core(settings, world):
    made = create_core(settings, process="command")
    with made.app_context():
        yield made
        for engine in made.extensions["sqlalchemy"].engines.values():
            engine.dispose()


def _mailing(place, *letters):
    """Have a running campaign with a message of each kind; returns its id and theirs."""
    now = clock.now()
    with transaction(place.scope):
        live = session(place.scope)
        campaign = live.execute(_CAMPAIGN, {"tenant": place.id, "at": now}).scalar_one()
        values = {"tenant": place.id, "campaign": campaign, "at": now, "later": now + timedelta(hours=1)}
        made = []
        for number, letter in enumerate(letters, 1):
            settled = None if letter["state"] == "queued" else now
            row = {**values, **letter, "number": number, "email": f"r{number}@x.test", "settled": settled}
            made.append(live.execute(_MESSAGE, row).scalar_one())
        return campaign, made


def _row(page, email):
    """Return what stands in a recipient's row, as text."""
    row = next(row for row in re.findall(r"<tr>.*?</tr>", page, flags=re.DOTALL) if email in row)
    return " ".join(re.sub(r"<[^>]+>", " ", row).split())


def test_each_recipient_says_why(core, world, browser):
    """Sent needs no words; refused, put off, and held by a pool that is paused have theirs, on the page of each message as well."""
    with transaction(world.operator):
        pool = services.create_pool(world.operator, name="Main")
        services.grant_pool(world.operator, pool_id=pool, reseller_id=world.a.id, stream="marketing", default=True)
        route = services.add_route(world.operator, pool_id=pool, name="one", host="relay.test", port=587)
        services.set_route_state(world.operator, route_id=route, state="paused")
    campaign, messages = _mailing(world.a1, _SENT, _FULL, _BUSY, _PAUSED)
    browser.sign_in(world.a1.email)
    page = browser.get(f"/campaigns/{ids.encode('cmp', campaign)}/recipients").text
    assert "–" in _row(page, "r1@x.test")
    full = _row(page, "r2@x.test")
    assert "The server said “552 over quota”." in full
    assert "The person must make room" in full
    busy = _row(page, "r3@x.test")
    assert "It said “451 come back later”." in busy
    assert "Goes on" in busy
    assert "mail servers are paused" in _row(page, "r4@x.test")
    part = browser.get(f"/messages/{ids.encode('msg', messages[3])}", headers={"HX-Request": "true"}).text
    assert "mail servers are paused" in part
    assert "<html" not in part
    assert 'hx-trigger="every 5s"' in part
    assert "every 5s" not in browser.get(f"/messages/{ids.encode('msg', messages[1])}").text


def test_the_list_follows_a_campaign_only_while_it_runs(core, world, browser):
    """It asks for itself again, as it stands (same outcome, same page), as a part; once the campaign is over, not any more."""
    campaign, _ = _mailing(world.a1, _SENT, _BUSY, _FULL)
    browser.sign_in(world.a1.email)
    address = f"/campaigns/{ids.encode('cmp', campaign)}/recipients"
    page = browser.get(f"{address}?outcome=failed").text
    assert f'hx-get="{address}?outcome=failed" hx-trigger="every 5s"' in page
    part = browser.get(f"{address}?outcome=failed", headers={"HX-Request": "true"}).text
    assert part.lstrip().startswith('<section id="live"')
    assert ("r3@x.test" in part, "<html" in part, "aria-live" in part) == (True, False, False)
    with transaction(world.a1.scope):
        live = session(world.a1.scope)
        live.execute(sa.text("UPDATE message SET state = 'sent', settled_at = :at WHERE state = 'queued'"), {"at": clock.now()})
        live.execute(sa.text("UPDATE campaign SET state = 'finished', finished_at = :at"), {"at": clock.now()})
    part = browser.get(address, headers={"HX-Request": "true"}).text
    assert "hx-get" not in part
    assert "r2@x.test" in part
