"""News that handlers take together come to them in few jobs; one that can't be taken holds up no other."""

from __future__ import annotations

import sqlalchemy as sa
from news import pass_on, relay_news

from posthouse.platform.app import house
from posthouse.platform.db import transaction
from posthouse.platform.events import HANDLE, HANDLE_TOGETHER, Handler
from posthouse.tenants.contacts import services as contacts
from posthouse.tenants.events import AddressSuppressed
from posthouse.tenants.lists import services as lists
from posthouse.tenants.suppressions import services as suppressions

NUMBER = 30


def _suppress(place, count=NUMBER):
    """Subscribe people and have their addresses bounce."""
    scope = place.scope
    with transaction(scope):
        news = lists.create_list(scope, name="News").id
        for number in range(count):
            one = contacts.create(scope, email=f"r{number}@example.net", source="page")
            lists.subscribe(scope, contact_id=one.id, list_id=news, source="page")
            suppressions.suppress(scope, email=one.email, reason="hard_bounce", source="bounce")


def _states(place):
    with transaction(place.scope) as live:
        rows = live.execute(sa.text("SELECT state, count(*) FROM subscription GROUP BY state")).all()
    return dict(rows)


def _jobs(world):
    with transaction(world.operator) as live:
        kinds = sa.text("SELECT kind, count(*) FROM job WHERE kind IN (:one, :several) GROUP BY kind")
        return dict(live.execute(kinds, {"one": HANDLE, "several": HANDLE_TOGETHER}).all())


def test_many_news_of_a_tenant_are_one_job(world, settings):
    """Of each tenant its own; a single one is a job as before."""
    _suppress(world.a1)
    _suppress(world.a2, 1)
    relay_news(settings)
    assert _jobs(world) == {HANDLE: 1, HANDLE_TOGETHER: 1}
    pass_on(settings)
    assert (_states(world.a1), _states(world.a2)) == ({"bounced": NUMBER}, {"bounced": 1})


def test_what_cannot_be_taken_together_is_taken_apart(world, settings, monkeypatch):
    """One that always fails leaves the others done."""
    handled = []
    declared = house().handlers["AddressSuppressed"]["lists"]

    def fail_together(_scope, _events):
        raise ValueError("one of them")

    def run(scope, event):
        handled.append(event.suppression_id)
        declared.run(scope, event)

    monkeypatch.setitem(house().handlers["AddressSuppressed"], "lists", Handler(AddressSuppressed, "lists", run, run_all=fail_together))
    _suppress(world.a1)
    pass_on(settings)
    assert (len(handled), len(set(handled))) == (NUMBER, NUMBER)
    assert _states(world.a1) == {"bounced": NUMBER}
