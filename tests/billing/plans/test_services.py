"""Plans are made, put on sale at Stripe once, and withdrawn; each reseller has its own."""

import pytest

from posthouse.billing.money import Money
from posthouse.billing.plans.queries import get_plan, list_offered_plans, list_plans
from posthouse.billing.plans.rules import Allowances, NewPlan, checked
from posthouse.billing.plans.services import create_plan, offer_plan, withdraw_plan
from posthouse.platform.db import transaction
from posthouse.platform.errors import Conflict, Forbidden, Invalid, Missing

MEDIUM = NewPlan(name="Medium", price=Money(2990, "eur"), allowances=Allowances(messages_month=10_000, contacts=500), features=("ab",))


def test_a_plan_is_sold_at_stripe_under_one_price(shop, world):
    """Offered twice, it has one price at Stripe, of the plan's own amount; a tenant then can choose it."""
    with transaction(world.a.scope):
        draft = create_plan(world.a.scope, MEDIUM)
    with transaction(world.a1.scope):
        assert list_offered_plans(world.a1.scope) == []
    first, again = offer_plan(world.a.scope, draft.id), offer_plan(world.a.scope, draft.id)
    assert first == again
    prices = [one for one in shop.books.objects.values() if one["object"] == "price"]
    assert [(one["id"], one["unit_amount"], one["currency"], one["recurring"]["interval"]) for one in prices] == [
        (first.stripe_price, 2990, "eur", "month")
    ]
    with transaction(world.a1.scope):
        assert list_offered_plans(world.a1.scope) == [first]
        assert get_plan(world.a1.scope, first.id).allowances.contacts == 500


def test_withdrawn_is_off_sale(shop, world):
    """Nobody can choose it any more; it can be offered again under the same price."""
    plan = shop.plan()
    with transaction(world.a.scope):
        assert withdraw_plan(world.a.scope, plan.id).state == "withdrawn"
        assert withdraw_plan(world.a.scope, plan.id).state == "withdrawn"
    with transaction(world.a1.scope):
        assert list_offered_plans(world.a1.scope) == []
    assert offer_plan(world.a.scope, plan.id) == plan


def test_nothing_is_sold_without_an_account(world, settings):
    """A draft waits until Stripe is connected."""
    with transaction(world.a.scope):
        draft = create_plan(world.a.scope, MEDIUM)
    with pytest.raises(Conflict) as refused:
        offer_plan(world.a.scope, draft.id)
    assert refused.value.code == "stripe_not_connected"


def test_another_resellers_plan_is_not_there(shop, world):
    """Neither the other reseller nor its tenants see, offer or withdraw it."""
    plan = shop.plan()
    with transaction(world.b.scope):
        assert list_plans(world.b.scope) == []
        for act in (withdraw_plan, get_plan):
            with pytest.raises(Missing):
                act(world.b.scope, plan.id)
    with pytest.raises(Missing):
        offer_plan(world.b.scope, plan.id)
    with transaction(world.b1.scope):
        assert list_offered_plans(world.b1.scope) == []
        with pytest.raises(Missing):
            get_plan(world.b1.scope, plan.id)
    with transaction(world.a.scope):
        assert [one.state for one in list_plans(world.a.scope)] == ["offered"]


def test_it_needs_its_permission(world):
    """Support reads plans and doesn't make them; a tenant neither makes plans nor reads drafts."""
    support = world.a.may_only("plans:read")
    with transaction(support):
        assert list_plans(support) == []
        with pytest.raises(Forbidden):
            create_plan(support, MEDIUM)
    with transaction(world.a1.scope):
        for act in (lambda: create_plan(world.a1.scope, MEDIUM), lambda: list_plans(world.a1.scope)):
            with pytest.raises(Forbidden):
                act()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"every": "week"}, "every"),
        ({"price": Money(-1, "eur")}, "price"),
        ({"allowances": Allowances(messages_month=-1)}, "messages_month"),
        ({"allowances": Allowances(contacts=10**13)}, "contacts"),
        ({"weight": 0}, "weight"),
        ({"grace_days": 61}, "grace_days"),
    ],
)
def test_what_a_plan_may_not_be(values, field):
    """A plan that can't be sold is refused with the field to blame."""
    base = {"name": "Medium", "price": Money(2990, "eur")}
    with pytest.raises(Invalid) as refused:
        checked(NewPlan(**{**base, **values}))
    assert refused.value.facts["field"] == field


def test_a_name_is_tidied():
    """Blanks around and within a name don't make another plan."""
    assert checked(NewPlan(name="  Big   plan ", price=Money(0, "jpy"))).name == "Big plan"
