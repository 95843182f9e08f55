"""Every page opens for whoever may see it, and stays shut for everybody else."""

from __future__ import annotations

import re

import psycopg
import pytest

from posthouse.platform import ids
from posthouse.platform.app import create_core
from posthouse.platform.db import transaction
from posthouse.tenants.contacts import fields
from posthouse.tenants.contacts import services as contacts
from posthouse.tenants.contacts.rules import FieldKind
from posthouse.tenants.lists import services as lists
from posthouse.webui.edge.access import access_of

PREFIX = re.compile(r"<pid\('(\w+)'\):(\w+)>")
PUBLIC = ("/t/", "/static/", "/brand/", "/health/", "/sign-in", "/hooks/", "/api/")


@pytest.fixture
def goods(settings, world):
    """One thing of each kind that tenant a1 owns, by the prefix of its public id."""
    core = create_core(settings, process="command")
    scope = world.a1.scope
    with core.app_context():
        with transaction(scope):
            made = {
                "con": contacts.create(scope, email="quetzal@example.com", source="test").id,
                "lst": lists.create_list(scope, name="Quetzal list").id,
                "fld": fields.create_field(scope, key="quetzal", label="Quetzal", kind=FieldKind.TEXT).id,
            }
        for engine in core.extensions["sqlalchemy"].engines.values():
            engine.dispose()
    return {**made, "tnt": world.a1.id, "rsl": world.a.id, "usr": world.a1.user_id}


def _paths(web, method, goods):
    """Fill in a1's ids; a kind that a1 has none of gets an id that nobody has."""
    for rule in web.url_map.iter_rules():
        if method in rule.methods and not rule.rule.startswith(PUBLIC):
            yield PREFIX.sub(lambda found: ids.encode(found[1], goods.get(found[1], 7)), rule.rule)


def _rows(settings):
    """Count the rows of every table but sessions and the audit of refusals."""
    with psycopg.connect(settings.database_url) as live:
        names = [row[0] for row in live.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        return {
            name: live.execute(f'SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM "{name}" t').fetchone()[0]
            for name in names
            if name != "user_session"
        }


def test_every_route_names_its_permission_or_is_on_the_public_list(web):
    for rule in web.url_map.iter_rules():
        assert access_of(web, rule.endpoint) is not None, rule.rule


@pytest.mark.parametrize("who", ["a1", "a", "operator"])
def test_no_page_fails_for_those_who_may_see_it(web, world, browser, goods, who):
    """A page answers with itself, or with a refusal that says why; never with a failure of ours."""
    place = {"a1": "/", "a": "/reseller", "operator": "/operator"}[who]
    browser.sign_in({"a1": world.a1.email, "a": world.a.email, "operator": "operator@example.com"}[who])
    seen = {path: browser.get(path).status_code for path in _paths(web, "GET", goods)}
    assert {path: status for path, status in seen.items() if status >= 500} == {}
    assert [path for path, status in seen.items() if status == 200 and path.startswith(place)]


@pytest.mark.parametrize("who", ["a2", "b1", "b", "nobody"])
def test_nobody_else_sees_or_changes_what_is_a1s(web, world, browser, goods, settings, who):
    """Every address with a1's ids, asked by every other actor: nothing of a1 is shown, and no row changes."""
    if who != "nobody":
        browser.sign_in(getattr(world, who).email)
    before = _rows(settings)
    for path in _paths(web, "GET", goods):
        answer = browser.client.get(path)
        assert answer.status_code < 500, path
        assert "quetzal" not in answer.text.lower(), path
    theirs = [path for path in _paths(web, "POST", goods) if "_0" in path]
    assert theirs
    for path in theirs:
        answer = browser.post(
            path, page="/account" if who != "nobody" else "/sign-in", name="stolen", email="x@example.com", role="owner", state="closed"
        )
        assert answer.status_code in {200, 401, 403, 404, 409, 422}, path
        assert "quetzal" not in answer.text.lower(), path
    assert _rows(settings) == before


def test_no_form_works_without_its_token(web, world, browser, goods, settings):
    browser.sign_in(world.a1.email)
    before = _rows(settings)
    for path in _paths(web, "POST", goods):
        assert browser.client.post(path, data={"name": "forged"}, headers={"Origin": "http://localhost"}).status_code in {400, 403}, path
        assert browser.client.post(path, data={}, headers={"Origin": "https://evil.example"}).status_code in {400, 403}, path
    assert _rows(settings) == before


def test_a_wrong_password_is_refused_with_the_same_words_for_everybody(world, browser):
    wrong = browser.sign_in(world.a1.email, "not the password")
    unknown = browser.sign_in("nobody@example.com", "not the password")
    assert wrong.status_code == unknown.status_code == 422
    sentence = "The address or the password is not right."
    assert sentence in wrong.text
    assert sentence in unknown.text


def test_many_wrong_passwords_are_stopped(world, browser):
    statuses = [browser.sign_in(world.a1.email, f"wrong {count}").status_code for count in range(12)]
    assert statuses[0] == 422
    assert statuses[-1] == 429


def test_a_forged_host_is_turned_away(browser):
    assert browser.client.get("/sign-in", headers={"Host": "evil.example/path"}).status_code in {400, 421}


def test_no_page_of_a_tenant_names_the_product(web, world, browser, goods):
    browser.sign_in(world.a1.email)
    for path in _paths(web, "GET", goods):
        assert "posthouse" not in browser.get(path).text.lower(), path


def test_every_page_answers_htmx_with_its_part(world, browser, goods, web):
    """A live part that asks for itself gets a part, not a failure and not a whole page."""
    browser.sign_in(world.a1.email)
    seen = {}
    for path in _paths(web, "GET", goods):
        answer = browser.client.get(path, headers={"HX-Request": "true"})
        seen[path] = answer.status_code
        if answer.headers.get("X-Fragment"):
            assert "<!doctype" not in answer.text.lower()
        assert "HX-Request" in answer.headers["Vary"]
    assert {path: status for path, status in seen.items() if status >= 500} == {}
