"""What a tenant is allowed at any time: counted by the database, set by nobody's own hand, and never passed by two at once."""

import threading

import pytest
import sqlalchemy as sa

from posthouse.platform.db import session, transaction
from posthouse.platform.errors import Forbidden, Invalid
from posthouse.tenants.contacts import services as contacts
from posthouse.tenants.quotas import allowances


def _state(place):
    with transaction(place.scope):
        return allowances.contacts(place.scope)


def _set(place, allowed):
    with transaction(place.scope):
        allowances.set_contacts(place.scope, allowed)


def _make(place, email):
    with transaction(place.scope):
        return contacts.create(place.scope, email=email, source="test").id


def test_contacts_are_counted_as_they_come_and_go_for_each_tenant_alone(world):
    first = _make(world.a1, "one@example.com")
    _make(world.a1, "two@example.com")
    with transaction(world.a1.scope):
        contacts.upsert(world.a1.scope, email="two@example.com", source="test")
    _make(world.a2, "one@example.com")
    assert _state(world.a1).stored == 2
    assert _state(world.a2).stored == 1
    assert _state(world.b1).stored == 0
    with transaction(world.a1.scope):
        contacts.delete(world.a1.scope, contact_id=first)
    assert _state(world.a1).stored == 1
    with transaction(world.a1.scope):
        contacts.erase(world.a1.scope, contact_id=_find(world.a1))
    assert _state(world.a1).stored == 0


def _find(place):
    return session(place.scope).execute(sa.text("SELECT id FROM contact LIMIT 1")).scalar_one()


def test_a_limit_below_what_is_kept_deletes_nothing_and_takes_nothing(world):
    _make(world.a1, "one@example.com")
    _make(world.a1, "two@example.com")
    _set(world.a1, 1)
    state = _state(world.a1)
    assert (state.allowed, state.stored, state.remaining, state.full) == (1, 2, 0, True)
    _set(world.a1, None)
    assert (_state(world.a1).remaining, _state(world.a1).full) == (None, False)


def test_setting_is_for_jobs_and_those_who_entered_never_for_the_tenant(world):
    mine = world.a1.may_only("quotas:read", "contacts:write")
    with transaction(mine), pytest.raises(Forbidden):
        allowances.set_contacts(mine, 10)
    with transaction(mine), pytest.raises(Forbidden):
        allowances.set_weight(mine, 10)


@pytest.mark.parametrize("wrong", [-1, 10**13])
def test_a_slip_of_the_finger_is_refused(world, wrong):
    with transaction(world.a1.scope), pytest.raises(Invalid):
        allowances.set_contacts(world.a1.scope, wrong)
    with transaction(world.a1.scope), pytest.raises(Invalid):
        allowances.set_weight(world.a1.scope, 0)


def test_what_is_set_again_is_written_down_once(world):
    for _ in range(2):
        _set(world.a1, 5)
        with transaction(world.a1.scope):
            allowances.set_weight(world.a1.scope, 7)
    with transaction(world.a1.scope) as live:
        verbs = live.execute(sa.text("SELECT verb FROM tenant_audit WHERE verb LIKE '%.set' ORDER BY verb")).scalars().all()
        assert verbs == ["contacts_allowance.set", "weight.set"]
        assert allowances.weight(world.a1.scope) == 7
    with transaction(world.a2.scope):
        assert allowances.weight(world.a2.scope) == 1


def test_two_at_once_do_not_both_take_the_last_place(app, world):
    """The second asks while the first has not committed: it waits, and then sees that nothing is left."""
    _set(world.a1, 1)
    seen, first_has_it, ask_on = [], threading.Event(), threading.Event()

    def second():
        with app.app_context(), transaction(world.a1.scope):
            first_has_it.wait(10)
            ask_on.set()
            seen.append(allowances.lock_room(world.a1.scope))

    thread = threading.Thread(target=second)
    with transaction(world.a1.scope):
        assert allowances.lock_room(world.a1.scope) == 1
        thread.start()
        first_has_it.set()
        assert ask_on.wait(10)
        contacts.create(world.a1.scope, email="one@example.com", source="test")
    thread.join(10)
    assert seen == [0]
