"""A reseller says in the browser by which pool mail leaves, by plan and for one tenant, and reads at the tenant's page which it is and why."""

import re

import pytest

from posthouse.platform import ids
from posthouse.platform.app import create_core
from posthouse.platform.db import transaction
from posthouse.sending.pools import services
from posthouse.tenants.quotas import allowances


@pytest.fixture
def core(settings, world):
    made = create_core(settings, process="command")
    with made.app_context():
        yield made
        for engine in made.extensions["sqlalchemy"].engines.values():
            engine.dispose()


def _pool(world, name, *, kind="shared", default=False):
    with transaction(world.operator):
        pool = services.create_pool(world.operator, name=name, kind=kind)
        for stream in ("marketing", "transactional"):
            services.grant_pool(world.operator, pool_id=pool, reseller_id=world.a.id, stream=stream, default=default)
    return pool


def _text(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


_PLAN = {"name": "Pro", "price": "49", "currency": "eur", "every": "month", "grace_days": "7"}


def test_a_plan_has_its_pool_and_its_weight(core, world, browser):
    """Chosen when it is made, changed afterwards, and told at the page of a tenant that has the plan."""
    _pool(world, "Everybody", default=True)
    fast, other = _pool(world, "Fast lane"), _pool(world, "Other lane")
    browser.sign_in(world.a.email)
    place = "/reseller/plans"
    shown = browser.post(place, page=place, **_PLAN, weight="5", pool_marketing=ids.encode("pol", fast), pool_transactional="")
    assert "weight 5 Marketing leaves by Fast lane" in _text(shown)
    plan = re.search(r'action="/reseller/plans/(\w+)/pools"', shown.text)[1]
    with transaction(world.a1.scope):
        allowances.set_plan(world.a1.scope, ids.decode("pln", plan))
    tenant = f"/reseller/tenants/{ids.encode('tnt', world.a1.id)}"
    told = _text(browser.get(tenant))
    assert "Marketing leaves by Fast lane : its plan “Pro” says so." in told
    assert "Transactional leaves by Everybody : it is your default." in told
    browser.post(f"{place}/{plan}/pools", page=place, pool_marketing="", pool_transactional=ids.encode("pol", other))
    told = _text(browser.get(tenant))
    assert "Marketing leaves by Everybody : it is your default." in told
    assert "Transactional leaves by Other lane : its plan “Pro” says so." in told


def test_a_tenants_own_pool_comes_before_its_plans(core, world, browser):
    """The page says that it was chosen; what is another tenant's alone is refused with its reason, and nothing changes."""
    _pool(world, "Everybody", default=True)
    own = _pool(world, "Own", kind="dedicated")
    browser.sign_in(world.a.email)
    first, second = (f"/reseller/tenants/{ids.encode('tnt', place.id)}" for place in (world.a1, world.a2))
    shown = _text(browser.post(f"{first}/pool", page=first, stream="marketing", pool=ids.encode("pol", own)))
    assert "Marketing leaves by Own : you chose it for this tenant." in shown
    refused = browser.post(f"{second}/pool", page=second, stream="marketing", pool=ids.encode("pol", own))
    assert refused.status_code == 409
    assert "“Own” is another tenant’s alone" in _text(refused)
    assert "Marketing leaves by Everybody : it is your default." in _text(browser.get(second))
    assert "dedicated to Tenant" in _text(browser.get("/reseller/pools"))
    browser.sign_in(world.a.email)
    freed = _text(browser.post(f"{first}/pool", page=first, stream="marketing", pool=""))
    assert "Marketing leaves by Everybody : it is your default." in freed


def test_another_resellers_plan_is_not_there(core, world, browser):
    """The answer is that of a plan that never was."""
    _pool(world, "Everybody", default=True)
    browser.sign_in(world.b.email)
    assert browser.post(f"/reseller/plans/{ids.encode('pln', 7)}/pools", page="/reseller/plans", pool_marketing="").status_code == 404
