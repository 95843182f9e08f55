"""An erased person's address is in no table that a tenant fills: not in the log of webhooks either."""

from __future__ import annotations

import json

import letters
import psycopg
import pytest
import sqlalchemy as sa
from desk import Desk
from news import pass_on

from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.platform.events import emit
from posthouse.platform.runner import run_due
from posthouse.tenants.contacts import erasure as sealing
from posthouse.tenants.contacts import services as contacts
from posthouse.tenants.events import ContactSubscribed
from posthouse.tenants.lists import services as lists
from posthouse.webui.webhooks import erasure, services

KINDS = ["contact.subscribed", "message.bounced"]


@pytest.fixture
def desk(app, world):
    return Desk(world)


def _subscribed(place, email):
    scope = place.scope
    with transaction(scope):
        contact = contacts.create(scope, email=email, source="page").id
        news = lists.create_list(scope, name=f"News {contact}").id
        lists.subscribe(scope, contact_id=contact, list_id=news, source="page")
    return contact


def _bodies(place):
    with transaction(place.scope) as live:
        return [json.loads(body) for body in live.execute(sa.text("SELECT body FROM webhook_delivery ORDER BY id")).scalars()]


def _open(place):
    with transaction(place.scope):
        services.create_endpoint(place.scope, url="https://hook.example.com/x", kinds=KINDS)


def test_the_log_forgets_the_address(world, settings):
    """Delivered or waiting, once or twice; other people's and other tenants' news stay as they are."""
    for place in (world.a1, world.a2):
        _open(place)
    ann, _bob, _foreign = (
        _subscribed(world.a1, "Ann@example.com"),
        _subscribed(world.a1, "bob@example.com"),
        _subscribed(world.a2, "ann@example.com"),
    )
    pass_on(settings)
    assert [one["data"]["email"] for one in _bodies(world.a1)] == ["Ann@example.com", "bob@example.com"]
    with transaction(world.a1.scope):
        sealed = sealing.seal(world.a1.scope, ann, ["ann@example.com"])
        contacts.erase(world.a1.scope, contact_id=ann)
    pass_on(settings)
    for _ in range(2):
        assert [one["data"]["email"] for one in _bodies(world.a1)] == [None, "bob@example.com"]
        assert [one["data"]["email"] for one in _bodies(world.a2)] == ["ann@example.com"]
        erasure.forget_deliveries(world.a1.scope, contact_id=ann, sealed=sealed)


def test_news_that_was_passed_on_late_is_found_too(world, settings):
    """What was on its way at the erasure and names the person is looked for once more."""
    _open(world.a1)
    ann = _subscribed(world.a1, "ann@example.com")
    pass_on(settings)
    with clock.frozen(clock.now()) as at:
        with transaction(world.a1.scope):
            contacts.erase(world.a1.scope, contact_id=ann)
        pass_on(settings)
        with transaction(world.a1.scope):
            services.tell(world.a1.scope, kind=KINDS[0], facts={1: {"email": "ann@example.com"}})
        at.move(minutes=16)
        run_due()
    assert [one["data"]["email"] for one in _bodies(world.a1)] == [None, None]


def test_no_table_of_the_tenant_names_the_person(desk, world, settings):
    """A canary: subscribed, written to, bounced, refused in a file, told to a program, suppressed, erased; then nowhere to be read."""
    _open(world.a1)
    ann = _subscribed(world.a1, "ann@example.net")
    sent = desk.send(world.a1, contact_id=ann)
    desk.hand_in(letters.dsn(token=sent.token), f"{sent.token}@mail.example")
    _answered(settings, world.a1, """{"data": [{"email": "Ann@example.net", "id": 1}]}""")
    pass_on(settings)
    assert {"contact", "message", "inbound_mail", "suppression", "webhook_delivery", "idempotency_key"} <= set(_naming(world.a1))
    with transaction(world.a1.scope):
        contacts.erase(world.a1.scope, contact_id=ann)
    for _ in range(2):
        pass_on(settings)
    with transaction(world.a1.scope):
        emit(world.a1.scope, ContactSubscribed(contact_id=ann, list_id=1))
    pass_on(settings)
    assert _naming(world.a1) == []


def _answered(settings, place, answer):
    """Keep an answer as the web process does; this one may not."""
    with psycopg.connect(settings.database_url, autocommit=True) as live:
        live.execute(
            "INSERT INTO idempotency_key (tenant_id, key, body_hash, status, answer, at) VALUES (%s, 'k', '', 201, %s, now())",
            (place.id, answer),
        )


def _naming(place):
    """Tables of the tenant, and of the platform's work, in which the address can be read."""
    with transaction(place.scope):
        live = session(place.scope)
        tables = live.execute(
            sa.text(
                "SELECT DISTINCT table_name FROM information_schema.columns c WHERE table_schema = 'public'"
                " AND column_name IN ('tenant_id', 'for_tenant_id') AND has_table_privilege(quote_ident(table_name), 'SELECT')"
            )
        ).scalars()
        return sorted(
            name for name in tables.all()
            if live.execute(
                sa.text(
                    f'SELECT EXISTS (SELECT 1 FROM "{name}" t WHERE t::text ILIKE :who'
                    " OR t::text ILIKE :hex)"
                ),
                {"who": "%ann@example.net%", "hex": f"%{b'ann@example.net'.hex()}%"},
            ).scalar()
        )  # fmt: skip
