"""A reseller's people go into a tenant, the operator's into a reseller: on the record, for a while, and never further than they may."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from world import PASSWORD

from posthouse.platform import clock, ids
from posthouse.platform.db import transaction
from posthouse.tenants.contacts import services as contacts
from posthouse.tenants.people import services as people
from posthouse.tenants.people.queries import list_members

WHY = "Ticket 4711: import fails"


@pytest.fixture
def staff(world):
    """Give reseller a three people; returns their addresses by role."""
    found = {"owner": world.a.email}
    with transaction(world.a.scope):
        for role in ("admin", "support", "billing"):
            email = f"{role}@reseller-a.example.com"
            people.add_member(world.a.scope, email=email, name=f"{role} of a", role=role, password=PASSWORD)
            found[role] = email
    return found


def _enter(browser, tenant, *, mode="read", why=WHY):
    return browser.post(f"/reseller/tenants/{ids.encode('tnt', tenant.id)}/enter", page="/account", mode=mode, why=why)


def _rows(settings, query):
    with psycopg.connect(settings.database_url) as live:
        return live.execute(query).fetchall()


def _contacts(settings):
    return _rows(settings, "SELECT tenant_id, email FROM contact ORDER BY email")


def test_support_looks_around_and_changes_nothing(web, world, browser, staff, settings):
    browser.sign_in(staff["support"])
    inside = _enter(browser, world.a1)
    assert inside.status_code == 200
    assert "You are inside Tenant a1" in inside.text
    for path in ("/contacts", "/campaigns", "/audit", "/plan", "/account", "/help", f"/campaigns/{ids.encode('cmp', 7)}"):
        shown = browser.get(path)
        assert WHY in shown.text, path
        assert 'action="/leave"' in shown.text, path
    assert browser.post("/contacts/new", page="/contacts", email="made@example.com").status_code == 403
    assert _contacts(settings) == []
    assert _enter_form_offers_act(browser, world) is False


def _enter_form_offers_act(browser, world):
    browser.post("/leave", page="/account")
    return 'value="act"' in browser.get(f"/reseller/tenants/{ids.encode('tnt', world.a1.id)}").text


def test_support_is_not_let_in_to_act_and_billing_not_at_all(world, browser, staff, settings):
    browser.sign_in(staff["support"])
    assert _enter(browser, world.a1, mode="act").status_code == 403
    browser.post("/sign-out", page="/account")
    browser.sign_in(staff["billing"])
    assert _enter(browser, world.a1).status_code == 403
    assert _rows(settings, "SELECT 1 FROM tenant_stay") == []
    assert _rows(settings, "SELECT 1 FROM tenant_audit WHERE verb = 'tenant.entered'") == []


def test_an_admin_acts_and_the_tenant_reads_who_did_what_and_why(web, world, browser, staff, settings):
    browser.sign_in(staff["admin"])
    _enter(browser, world.a1, mode="act")
    assert browser.post("/contacts/new", page="/contacts/new", email="made@example.com").status_code == 200
    assert _contacts(settings) == [(world.a1.id, "made@example.com")]
    browser.post("/leave", page="/account")
    shown = _rows(settings, f"SELECT verb, actor_label, actor_kind, reason FROM tenant_audit WHERE tenant_id = {world.a1.id} ORDER BY id")
    mine = [row for row in shown if row[0] in {"tenant.entered", "contact.created", "tenant.left"}]
    assert [row[0] for row in mine] == ["tenant.entered", "contact.created", "tenant.left"]
    assert {row[1] for row in mine} == {"admin@reseller-a.example.com (your provider)"}
    assert all(row[2] == "user" and row[3].startswith(WHY) for row in mine)
    assert [row[0] for row in _rows(settings, "SELECT verb FROM reseller_audit WHERE verb = 'tenant.entered'")] == ["tenant.entered"]
    browser.post("/sign-out", page="/account")
    browser.sign_in(world.a1.email)
    assert WHY in browser.get("/").text
    audit = browser.get("/audit").text
    assert "admin@reseller-a.example.com" in audit
    assert WHY in audit


def test_keys_people_and_exports_stay_closed_inside(world, browser):
    browser.sign_in(world.a.email)
    _enter(browser, world.a1, mode="act")
    assert browser.get("/keys").status_code == 403
    assert browser.get("/people").status_code == 403
    assert browser.post("/contacts/export", page="/contacts").status_code == 403


def test_the_own_password_is_not_changed_from_inside(world, browser, settings):
    browser.sign_in(world.a.email)
    _enter(browser, world.a1, mode="act")
    before = _rows(settings, "SELECT id, password_hash FROM app_user ORDER BY id")
    assert browser.post("/account/password", page="/account", present=PASSWORD, new="another long password").status_code == 403
    assert _rows(settings, "SELECT id, password_hash FROM app_user ORDER BY id") == before


def test_another_resellers_tenant_is_not_there_and_nothing_changes(world, browser, settings):
    browser.sign_in(world.b.email)
    for mode in ("read", "act"):
        assert _enter(browser, world.a1, mode=mode).status_code == 404
    assert _enter(browser, replace(world.a1, id=7)).status_code == 404
    assert _rows(settings, "SELECT 1 FROM tenant_stay") == []
    assert _rows(settings, "SELECT 1 FROM tenant_audit WHERE verb = 'tenant.entered'") == []
    assert _rows(settings, "SELECT 1 FROM reseller_audit WHERE verb = 'tenant.entered'") == []
    assert "Your tenants and how they do" in browser.get("/").text


@pytest.mark.parametrize("who", ["a1", "a2"])
def test_a_tenants_people_enter_nobody(world, browser, who):
    browser.sign_in(getattr(world, who).email)
    assert _enter(browser, world.a2).status_code == 403
    assert browser.post("/leave", page="/account").status_code == 404


def test_inside_one_tenant_the_others_are_walled_off(world, browser):
    with transaction(world.a2.scope):
        other = contacts.create(world.a2.scope, email="quetzal@example.com", source="test").id
    browser.sign_in(world.a.email)
    _enter(browser, world.a1, mode="act")
    assert browser.get(f"/contacts/{ids.encode('con', other)}").status_code == 404
    assert "quetzal" not in browser.get("/contacts").text
    assert browser.get("/reseller/tenants").status_code == 403


@pytest.mark.parametrize("why", ["", "x", "y" * 201, "line\u0007bell"])
def test_without_a_reason_nobody_goes_in(world, browser, settings, why):
    browser.sign_in(world.a.email)
    answer = _enter(browser, world.a1, why=why)
    assert answer.status_code == 422
    assert "Say why you go in" in answer.text
    assert _rows(settings, "SELECT 1 FROM tenant_stay") == []


def test_the_time_runs_out_and_the_way_leads_home(world, browser, settings):
    now = clock.now()
    with clock.frozen(now) as at:
        browser.sign_in(world.a.email)
        _enter(browser, world.a1, mode="act")
        token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/contacts/new").text)[1]
        at.move(minutes=30)
        sent = {"csrf_token": token, "email": "late@example.com"}
        late = browser.client.post("/contacts/new", data=sent, headers={"Origin": "http://localhost"})
        assert late.status_code == 403
        assert "stay_over" in late.text
        home = browser.get("/contacts")
    assert "Your stay in the account is over" in home.text
    assert "Your tenants and how they do" in home.text
    assert _contacts(settings) == []


def test_the_token_changes_at_both_doors(web, world, browser):
    def token():
        return browser.client.get_cookie("session").value

    browser.sign_in(world.a.email)
    first = token()
    _enter(browser, world.a1)
    second = token()
    browser.post("/leave", page="/account")
    assert len({first, second, token()}) == 3
    browser.client.set_cookie("session", second)
    assert "Sign in" in browser.get("/contacts").text


def test_who_loses_the_role_at_home_is_out_at_once(world, browser, staff):
    browser.sign_in(staff["admin"])
    _enter(browser, world.a1, mode="act")
    assert browser.get("/contacts").status_code == 200
    with transaction(world.a.scope):
        member = next(one for one in list_members(world.a.scope) if one.email == staff["admin"])
        people.set_role(world.a.scope, member.user_id, "billing")
    assert "You are inside" not in browser.get("/contacts").text


def test_who_reads_account_after_account_is_stopped_and_written_down(world, browser, settings):
    browser.sign_in(world.a.email)
    answers = []
    for _ in range(11):
        answers.append(_enter(browser, world.a1).status_code)
        browser.post("/leave", page="/account")
    assert answers == [200] * 10 + [429]
    assert _rows(settings, "SELECT facts ->> 'why' FROM reseller_audit WHERE verb = 'tenant.enter_refused'") == [("too many in an hour",)]


def test_the_operator_enters_a_reseller_and_from_there_a_tenant_that_never_reads_its_name(web, world, browser, settings):
    browser.sign_in("operator@example.com")
    inside = browser.post(f"/operator/resellers/{ids.encode('rsl', world.a.id)}/enter", page="/account", mode="act", why=WHY)
    assert "You are inside Reseller A" in inside.text
    assert browser.get("/operator/resellers").status_code == 403
    assert browser.get("/reseller/people").status_code == 403
    assert _enter(browser, world.b1).status_code == 404
    assert "You are inside Tenant a1" in _enter(browser, world.a1).text
    browser.post("/leave", page="/account")
    assert browser.get("/operator/resellers").status_code == 200
    told = _rows(
        settings, f"SELECT actor_label, reason, facts::text FROM tenant_audit WHERE tenant_id = {world.a1.id} AND verb LIKE 'tenant.%'"
    )
    assert told
    assert all(label == "technical support" and "operator" not in reason + facts for label, reason, facts in told)
    assert ("operator@example.com (operator)",) in _rows(settings, "SELECT actor_label FROM reseller_audit WHERE verb = 'reseller.entered'")
    assert len(_rows(settings, "SELECT 1 FROM operator_audit WHERE verb = 'reseller.entered'")) == 1


def test_a_read_stay_of_the_operator_leads_to_no_more_than_reading(world, browser):
    browser.sign_in("operator@example.com")
    browser.post(f"/operator/resellers/{ids.encode('rsl', world.a.id)}/enter", page="/account", mode="read", why=WHY)
    assert _enter(browser, world.a1, mode="act").status_code == 403
    assert "may only look" in _enter(browser, world.a1).text


def test_a_stay_within_a_stay_ends_no_later(world, browser, settings):
    with clock.frozen(clock.now()) as at:
        start = clock.now()
        browser.sign_in("operator@example.com")
        browser.post(f"/operator/resellers/{ids.encode('rsl', world.a.id)}/enter", page="/account", mode="read", why=WHY)
        at.move(minutes=20)
        _enter(browser, world.a1)
    assert _rows(settings, "SELECT until FROM tenant_stay") == [(start + timedelta(minutes=30),)]


def test_going_to_another_place_ends_the_stay_on_the_record(world, browser, settings):
    with transaction(world.b1.scope):
        people.add_member(world.b1.scope, email=world.a.email, name="Same person", role="owner", password=PASSWORD)
    browser.sign_in(world.a.email)
    browser.post("/places", page="/places", key=f"reseller:{world.a.id}:")
    _enter(browser, world.a1)
    assert browser.post("/places", page="/account", key=f"tenant:{world.b.id}:{world.b1.id}").status_code == 200
    assert "You are inside" not in browser.get("/").text
    assert _rows(settings, "SELECT left_at IS NOT NULL FROM tenant_stay") == [(True,)]
