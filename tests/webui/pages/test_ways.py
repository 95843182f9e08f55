"""The operator adds a route from a preset, changes it, tries it and deletes it, all in the browser."""

import re

import pytest

from posthouse.platform import ids
from posthouse.platform.app import create_core
from posthouse.platform.db import transaction
from posthouse.sending.pools import queries, services
from posthouse.sending.rates import queries as rates

_FORM = {"port": "25", "tls": "none", "max_connections": "10", "messages_per_connection": "100", "weight": "1"}


@pytest.fixture
def core(settings, world):
    made = create_core(settings, process="command")
    with made.app_context():
        yield made
        for engine in made.extensions["sqlalchemy"].engines.values():
            engine.dispose()


def _pool(world):
    with transaction(world.operator):
        return services.create_pool(world.operator, name="Main")


def _routes(world):
    with transaction(world.operator):
        return queries.list_pools(world.operator)[0].routes


def _add_page(browser):
    return re.search(r'href="(/operator/pools/\w+/routes/new)"', browser.get("/operator/pools").text)[1]


def test_a_route_from_a_preset(core, world, browser):
    """The form comes filled in; what is typed besides is kept; the page of the route follows."""
    _pool(world)
    browser.sign_in("operator@example.com")
    path = _add_page(browser)
    filled = browser.get(f"{path}?preset=postmark&host=smtp-broadcasts.postmarkapp.com").text
    assert 'value="smtp-broadcasts.postmarkapp.com"' in filled
    assert "X-PM-Message-Stream:" in filled
    form = _FORM | {"name": "Post", "host": "smtp.postmarkapp.com", "preset": "postmark", "username": "tok", "password": "tok"}
    shown = browser.post(path.removesuffix("/new"), page=path, headers="X-PM-Message-Stream: news", **form)
    assert shown.status_code == 200
    assert "Postmark" in shown.text
    (route,) = _routes(world)
    assert (route.preset, route.preamble) == ("postmark", b"X-PM-Message-Stream: news\r\n")


def test_a_refused_route_keeps_what_was_typed(core, world, browser):
    """The refusal stands at its field, and nothing is stored."""
    _pool(world)
    browser.sign_in("operator@example.com")
    path = _add_page(browser)
    again = browser.post(path.removesuffix("/new"), page=path, **_FORM | {"name": "Post", "host": "a b", "headers": "X-Mine: 1"})
    assert again.status_code == 422
    assert "without spaces" in again.text
    assert "X-Mine: 1" in again.text
    assert _routes(world) == ()


def test_several_addresses_make_several_routes(core, world, browser):
    """A virtual MTA a line, each a route of its own."""
    _pool(world)
    browser.sign_in("operator@example.com")
    path = _add_page(browser)
    form = _FORM | {"name": "PMTA", "host": "127.0.0.1", "virtual_mta_header": "X-Virtual-MTA"}
    browser.post(path.removesuffix("/new"), page=path, ways="mta1\nmta2", ways_are="virtual_mta", **form)
    assert [(one.name, one.virtual_mta) for one in _routes(world)] == [("PMTA mta1", "mta1"), ("PMTA mta2", "mta2")]


def test_a_route_is_changed_tried_and_deleted(core, world, browser):
    """An empty password keeps the present one; a trial tells its steps; a deleted route is gone."""
    pool = _pool(world)
    with transaction(world.operator):
        services.add_route(world.operator, pool_id=pool, name="one", host="127.0.0.1", port=1, tls="none", username="u", password="p")
    browser.sign_in("operator@example.com")
    path = re.search(r'href="(/operator/routes/\w+)"', browser.get("/operator/pools").text)[1]
    changed = browser.post(path, **_FORM | {"name": "two", "host": "127.0.0.1", "port": "2", "username": "u", "password": ""})
    assert "Changed." in changed.text
    (route,) = _routes(world)
    with transaction(world.operator):
        assert queries.login_of(world.operator, route.id).password == "p"
    assert (route.name, route.port) == ("two", 2)
    tried = browser.post(f"{path}/trial", page=path)
    assert "nothing listens on port 2" in tried.text
    browser.post(f"{path}/state", page=path, state="paused")
    assert _routes(world)[0].health == "paused"
    browser.post(f"{path}/delete", page=path)
    assert _routes(world) == ()
    assert browser.get(path).status_code == 404


def test_a_route_is_warmed(core, world, browser):
    """A plan that comes along or one's own; a pool may overflow while that lasts."""
    pool = _pool(world)
    with transaction(world.operator):
        services.add_route(world.operator, pool_id=pool, name="one", host="127.0.0.1", port=1, tls="none")
        other = services.create_pool(world.operator, name="Warm")
    browser.sign_in("operator@example.com")
    path = re.search(r'href="(/operator/routes/\w+)"', browser.get("/operator/pools").text)[1]
    assert "10,000,000" in browser.post(f"{path}/warmup", page=path, plan="sparkpost").text
    assert browser.post(f"{path}/warmup", page=path, plan="", stages="5 3").status_code == 422
    assert "7 → 9" in browser.post(f"{path}/warmup", page=path, plan="", stages="7, 9").text
    set_to = re.search(r'action="(/operator/pools/\w+/overflow)"', browser.get("/operator/pools").text)[1]
    browser.post(set_to, page="/operator/pools", overflow=ids.encode("pol", other))
    with transaction(world.operator):
        assert queries.get_pool(world.operator, pool).overflow_pool_id == other
    browser.post(f"{path}/warmup/end", page=path)
    assert not _routes(world)[0].warming


def test_a_pool_is_renamed_and_taken_back(core, world, browser):
    """Its grants stand on the page, each with a way to take it back."""
    pool = _pool(world)
    with transaction(world.operator):
        services.grant_pool(world.operator, pool_id=pool, reseller_id=world.a.id, stream="marketing", default=True)
    browser.sign_in("operator@example.com")
    path = f"/operator/pools/{ids.encode('pol', pool)}"
    assert "Renamed" in browser.post(path, page="/operator/pools", name="Renamed", state="active").text
    assert "by default" in browser.get("/operator/pools").text
    reseller = ids.encode("rsl", world.a.id)
    assert "Taken back." in browser.post(f"{path}/revoke", page="/operator/pools", reseller=reseller, stream="marketing").text
    with transaction(world.operator):
        assert queries.get_pool(world.operator, pool).grants == ()


def test_nobody_below_the_operator_comes_near(core, world, browser):
    """A reseller and a tenant get the answer of a page that isn't there or theirs."""
    pool = _pool(world)
    with transaction(world.operator):
        services.add_route(world.operator, pool_id=pool, name="one", host="127.0.0.1", port=1, tls="none")
    browser.sign_in(world.a1.email)
    assert browser.get("/operator/pools").status_code in {403, 404}
    (route,) = _routes(world)
    assert route.name == "one"


def test_limits_of_a_route_and_of_one_providers_share(core, world, browser):
    """Both are set and taken away at the route's page; a wrong figure is refused at its field, and nothing is stored."""
    pool = _pool(world)
    with transaction(world.operator):
        route = services.add_route(world.operator, pool_id=pool, name="Main", host="127.0.0.1", port=2525, tls="none")
    browser.sign_in("operator@example.com")
    page = f"/operator/routes/{ids.encode('rte', route)}"
    shown = browser.post(f"{page}/limits", page=page, group="", all_per_second="14", all_per_day="50000", all_most_bytes="10485760")
    assert shown.status_code == 200
    assert "In the last" in shown.text
    browser.post(f"{page}/limits", page=page, group="google", group_per_hour="1000", group_connections="2")
    wrong = browser.post(f"{page}/limits", page=page, group="", all_per_second="14", all_per_hour="3")
    assert wrong.status_code == 422
    assert "The limit per hour is below the one per second." in wrong.text
    found = _limits(world, route)
    assert (found[""].per_second, found[""].per_day, found[""].most_bytes) == (14, 50_000, 10_485_760)
    assert (found["google"].per_hour, found["google"].connections) == (1_000, 2)
    browser.post(f"{page}/limits", page=page, group="google")
    assert list(_limits(world, route)) == [""]
    assert browser.post(f"{page}/limits", page=page, group="nobody", group_per_hour="1").status_code == 422


def _limits(world, route):
    with transaction(world.operator):
        return rates.limits_of(world.operator, [route]).get(route, {})


def test_mailbox_providers_are_changed_in_the_browser(core, world, browser):
    """Opened, changed, refused where a domain is another's, and taken back."""
    browser.sign_in("operator@example.com")
    page = "/operator/mailboxes"
    assert "gmail.com" in browser.get(f"{page}?key=google").text
    saved = browser.post(page, page=page, key="posteo", name="Posteo", domains="posteo.de\r\nposteo.*", mx="posteo.de")
    assert "your own" in saved.text
    wrong = browser.post(page, page=page, key="mine", name="Mine", domains="gmail.com", mx="")
    assert wrong.status_code == 422
    assert "belongs to Google already" in wrong.text
    assert "your own" not in browser.post(f"{page}/reset", page=page, key="posteo").text
