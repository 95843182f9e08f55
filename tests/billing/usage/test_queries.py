"""Usage is shown from the quota ledger against what the plan allows."""

import pytest

from posthouse.billing.usage.queries import percent, usage
from posthouse.platform.db import transaction
from posthouse.platform.errors import Forbidden
from posthouse.tenants.contacts import services as contacts
from posthouse.tenants.quotas.services import reserve, settle


def test_a_plan_sets_what_usage_is_measured_against(shop, world):
    """Subscribed, the tenant's limits are the plan's; what is sent or reserved counts; a neighbour's figures don't change."""
    shop.subscribe(world.a1, shop.plan(month=10_000))
    with transaction(world.a1.scope):
        reserve(world.a1.scope, lease_id=1, wanted=300)
        reserve(world.a1.scope, lease_id=2, wanted=200)
        settle(world.a1.scope, lease_id=1, used=250)
        found = {line.period: line for line in usage(world.a1.scope)}
    assert (found["month"].used, found["month"].allowed, found["month"].percent) == (450, 10_000, 4)
    assert (found["day"].used, found["day"].allowed, found["day"].percent) == (450, 1_000, 45)
    assert (found["hour"].allowed, found["hour"].percent) == (None, None)
    with transaction(world.a2.scope):
        assert all(line.used == 0 and line.allowed is None for line in usage(world.a2.scope))


def test_contacts_are_a_meter_beside_messages(shop, world):
    """Kept contacts count against the plan's, and never start again."""
    shop.subscribe(world.a1, shop.plan(contacts=4))
    with transaction(world.a1.scope):
        contacts.create(world.a1.scope, email="one@example.com", source="test")
        line = next(line for line in usage(world.a1.scope) if line.meter == "contacts")
    assert (line.used, line.allowed, line.percent, line.resets_at) == (1, 4, 25, None)


def test_it_needs_its_permission(world):
    """Who may not see billing sees no usage here."""
    scope = world.a1.may_only("contacts:read")
    with transaction(scope), pytest.raises(Forbidden):
        usage(scope)


@pytest.mark.parametrize(
    ("used", "allowed", "shown"), [(0, 0, 100), (0, 10, 0), (999, 1000, 99), (1000, 1000, 100), (5, 3, 100), (7, None, None)]
)
def test_a_hundred_is_shown_only_when_nothing_is_left(used, allowed, shown):
    """Rounding never says full too early."""
    assert percent(used, allowed) == shown
