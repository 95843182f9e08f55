"""A list's counts are exact at every moment, whoever changes subscriptions and however, folded or not."""

import random
import threading
from collections import Counter

import pytest
import sqlalchemy as sa

from posthouse.platform.db import session, transaction
from posthouse.platform.scope import system
from posthouse.tenants.contacts import services as contacts
from posthouse.tenants.lists import jobs, queries, services

STATES = ["subscribed", "unconfirmed", "unsubscribed", "bounced", "complained"]
MANY = sa.text(
    "INSERT INTO subscription (tenant_id, list_id, contact_id, state, source, created_at, changed_at)"
    " SELECT :tenant, :list, c.id, :state, 'test', now(), now() FROM contact c WHERE c.id = ANY (:ids) ON CONFLICT DO NOTHING"
)


@pytest.fixture
def crowd(world):
    """Two lists and twenty contacts of one tenant."""
    scope = world.a1.scope
    with transaction(scope):
        made = [services.create_list(scope, name=name).id for name in ("A", "B")]
        people = [contacts.upsert(scope, email=f"p{n}@company.com", values={}, source="test").card.id for n in range(20)]
    return scope, made, people


def _read(scope, list_id):
    counted = session(scope).execute(sa.text("SELECT state FROM subscription WHERE list_id = :list"), {"list": list_id}).scalars()
    return dict(Counter(counted)), dict(queries.count_states(scope, list_id))


def test_counts_follow_every_kind_of_change(crowd):
    """Inserts, updates of some rows or of none, and deletes, in a drawn order, with folds in between: always what a count would say."""
    scope, (first, second), people = crowd
    chance = random.Random(7)
    for step in range(60):
        with transaction(scope):
            values = {"tenant": scope.tenant, "list": chance.choice([first, second]), "state": chance.choice(STATES)}
            values["ids"] = chance.sample(people, chance.randint(0, 12))
            where = " WHERE list_id = :list AND contact_id = ANY (:ids)"
            statement = [MANY, sa.text("UPDATE subscription SET state = :state" + where), sa.text("DELETE FROM subscription" + where)]
            session(scope).execute(statement[chance.choice([0, 0, 1, 2])], values)
            for list_id in (first, second):
                exact, counted = _read(scope, list_id)
                assert counted == exact, f"step {step}"
            subscribed = {one: count for one in (first, second) if (count := queries.count_states(scope, one).get("subscribed"))}
            assert queries.count_subscribed(scope) == subscribed
        if step % 10 == 9:
            jobs.fold(system("test"))


def test_what_is_rolled_back_does_not_count(crowd):
    """The count lives and dies with the change itself."""
    scope, (first, _), people = crowd

    class Regret(Exception):
        pass

    with pytest.raises(Regret), transaction(scope):
        session(scope).execute(MANY, {"tenant": scope.tenant, "list": first, "state": "subscribed", "ids": people})
        assert queries.count_states(scope, first) == {"subscribed": 20}
        raise Regret
    with transaction(scope):
        assert queries.count_states(scope, first) == {}


def test_a_deleted_contact_or_list_counts_no_more(crowd):
    """Cascades are seen as well, and nothing is left of a list that is gone."""
    scope, (first, second), people = crowd
    with transaction(scope):
        session(scope).execute(MANY, {"tenant": scope.tenant, "list": first, "state": "subscribed", "ids": people})
        session(scope).execute(MANY, {"tenant": scope.tenant, "list": second, "state": "subscribed", "ids": people[:3]})
    jobs.fold(system("test"))
    with transaction(scope):
        contacts.delete(scope, contact_id=people[0])
        services.delete_list(scope, list_id=first)
        assert queries.count_subscribed(scope) == {second: 2}


def test_many_at_once_lose_nothing(app, crowd, world):
    """Four threads subscribe and unsubscribe their own people while two fold: the sum is exact."""
    scope, (first, _), people = crowd

    def change(mine):
        with app.app_context():
            for state in STATES:
                one_by_one(mine, state)

    def one_by_one(mine, state):
        values = {"tenant": scope.tenant, "list": first, "state": "subscribed", "ids": mine}
        with transaction(scope):
            session(scope).execute(MANY, values)
            where = "UPDATE subscription SET state = :state WHERE list_id = :list AND contact_id = ANY (:ids)"
            session(scope).execute(sa.text(where), {**values, "state": state})

    def fold():
        with app.app_context():
            for _ in range(10):
                jobs.fold(system("test"))

    threads = [threading.Thread(target=change, args=(people[part::4],)) for part in range(4)] + [
        threading.Thread(target=fold) for _ in "ab"
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    with transaction(scope):
        exact, counted = _read(scope, first)
    assert counted == exact == {"complained": 20}
    with transaction(world.a2.scope):
        assert queries.count_subscribed(world.a2.scope) == {}
