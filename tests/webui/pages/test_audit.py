"""The audit names what was changed, and leads there whoever may look at it."""

from __future__ import annotations

import pytest
from street import open_street
from visitor import Visitor

from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.sending.pools import services as pools
from posthouse.tenants.accounts import services as accounts
from posthouse.tenants.contacts import services as contacts
from posthouse.tenants.lists import services as lists


@pytest.fixture
def street(tmp_path):
    with open_street(tmp_path) as made:
        yield made


def test_things_stand_there_by_their_names(street):
    """With a link; what is gone by its id, without one; no raw number anywhere."""
    scope = street.world.a1.scope
    with transaction(scope):
        kept, gone = lists.create_list(scope, name="Tea <friends>").id, lists.create_list(scope, name="Gone").id
        contact = contacts.create(scope, email="ann@example.net", source="page").id
        lists.delete_list(scope, list_id=gone)
    person = Visitor(street.served.url)
    person.sign_in(street.world.a1.email)
    text = person.get("/audit").text
    assert f'<a href="/lists/{ids.encode("lst", kept)}">Tea &lt;friends&gt;</a>' in text
    assert f'<a href="/contacts/{ids.encode("con", contact)}">ann@example.net</a>' in text
    assert ids.encode("lst", gone) in text
    assert f"/lists/{ids.encode('lst', gone)}" not in text
    for number in (kept, gone, contact):
        assert str(number) not in text


def test_a_reseller_sees_its_tenants_by_name(street):
    """Whatever was done to them; the operator likewise its pools and routes."""
    world = street.world
    with transaction(world.a.scope):
        accounts.rename_tenant(world.a.scope, world.a1.id, name="Tea house")
    with transaction(world.operator):
        pool_id = pools.create_pool(world.operator, name="North")
    reseller, operator = Visitor(street.served.url), Visitor(street.served.url)
    reseller.sign_in(world.a.email)
    assert f'/reseller/tenants/{ids.encode("tnt", world.a1.id)}">' in reseller.get("/reseller/audit").text
    operator.sign_in("operator@example.com")
    text = operator.get("/operator/audit").text
    assert '<a href="/operator/pools">North</a>' in text
    assert str(pool_id) not in text
