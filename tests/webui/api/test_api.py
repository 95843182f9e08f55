"""The interface for programs: keys, strict bodies, problems, cursors, idempotency and the walls between tenants."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from openapi_spec_validator import validate

from posthouse.platform.app import house
from posthouse.platform.db import transaction
from posthouse.tenants.keys import services as keys
from posthouse.webui.app import create_app


def _issue(web, place, permissions=None):
    """Make a key as the web service does: no other process may."""
    with web.app_context():
        registry = house().permissions
        wanted = permissions or [name for name, one in registry.items() if one.reach == "tenant" and "owner" in one.roles]
        with transaction(place.scope):
            return keys.issue(place.scope, name="Program", permissions=wanted, registry=registry)[1]


class Program:
    """A program with a key."""

    def __init__(self, web, key):
        self.client = web.test_client()
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def call(self, method, path, body=None, **headers):
        more = {"json": body} if body is not None else {}
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self.client.open(f"/api/v1{path}", method=method, headers=sent, **more)

    def raw(self, method, path, data, content_type="application/json"):
        return self.client.open(f"/api/v1{path}", method=method, data=data, headers=self.headers, content_type=content_type)


@pytest.fixture
def a1(world, web):
    return Program(web, _issue(web, world.a1))


@pytest.fixture
def b1(world, web):
    return Program(web, _issue(web, world.b1))


def _problem(answer, status, code=None):
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    body = answer.get_json()
    assert body["status"] == status
    assert body["detail"]
    if code:
        assert body["code"] == code
    return body


def test_contacts_go_round(a1):
    """Made, read, listed, changed and deleted; the answer holds prefixed ids."""
    made = a1.call("POST", "/contacts", {"email": "Ann@Example.com"})
    assert made.status_code == 201
    contact = made.get_json()
    assert contact["id"].startswith("con_")
    assert a1.call("GET", f"/contacts/{contact['id']}").get_json()["email"] == contact["email"]
    changed = a1.call("PATCH", f"/contacts/{contact['id']}", {"email": "ann2@example.com"})
    assert changed.get_json()["email"] == "ann2@example.com"
    assert a1.call("DELETE", f"/contacts/{contact['id']}").status_code == 204
    _problem(a1.call("GET", f"/contacts/{contact['id']}"), 404)


def test_a_page_goes_on_where_it_ended(a1):
    """Cursors give every contact once, in order."""
    for number in range(5):
        a1.call("POST", "/contacts", {"email": f"p{number}@example.com"})
    seen, cursor = [], None
    while True:
        page = a1.call("GET", "/contacts?limit=2" + (f"&cursor={cursor}" if cursor else "")).get_json()
        seen += [one["email"] for one in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"p{number}@example.com" for number in range(5)]


def test_lists_subscribe_and_unsubscribe(a1):
    """A contact that unsubscribed is not brought back by a program."""
    list_id = a1.call("POST", "/lists", {"name": "News"}).get_json()["id"]
    contact_id = a1.call("POST", "/contacts", {"email": "s@example.com", "list_ids": [list_id]}).get_json()["id"]
    assert a1.call("GET", f"/lists/{list_id}").get_json()["subscriptions"] == {"subscribed": 1}
    assert a1.call("DELETE", f"/lists/{list_id}/contacts/{contact_id}").status_code == 204
    _problem(a1.call("PUT", f"/lists/{list_id}/contacts/{contact_id}"), 409)


def test_foreign_things_are_not_there(a1, b1):
    """Another tenant's ids answer 404 for every verb, and nothing changes (row 8)."""
    list_id = a1.call("POST", "/lists", {"name": "Secret list"}).get_json()["id"]
    contact_id = a1.call("POST", "/contacts", {"email": "secret@example.com"}).get_json()["id"]
    before = a1.call("GET", f"/contacts/{contact_id}").get_json()
    for method, path, body in (
        ("GET", f"/contacts/{contact_id}", None),
        ("PATCH", f"/contacts/{contact_id}", {"email": "stolen@example.com"}),
        ("DELETE", f"/contacts/{contact_id}", None),
        ("GET", f"/lists/{list_id}", None),
        ("PUT", f"/lists/{list_id}/contacts/{contact_id}", None),
        ("DELETE", f"/lists/{list_id}/contacts/{contact_id}", None),
    ):
        _problem(b1.call(method, path, body), 404)
    assert b1.call("GET", f"/contacts?list_id={list_id}").get_json()["data"] == []
    _problem(b1.call("POST", "/contacts", {"email": "mine@example.com", "list_ids": [list_id]}), 404)
    assert b1.call("GET", "/contacts").get_json()["data"] == []
    assert a1.call("GET", f"/contacts/{contact_id}").get_json() == before


def test_row_1_a_body_over_the_limit_is_413(a1):
    _problem(a1.raw("POST", "/contacts", b'{"email": "' + b"a" * 3_100_000 + b'"}'), 413)


def test_row_9_a_foreign_or_altered_cursor_is_400(a1):
    for number in range(3):
        a1.call("POST", "/contacts", {"email": f"c{number}@example.com"})
    cursor = a1.call("GET", "/contacts?limit=1").get_json()["next_cursor"]
    _problem(a1.call("GET", f"/campaigns?cursor={cursor}"), 400, "cursor_invalid")
    for place in range(len(cursor)):
        altered = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        _problem(a1.call("GET", f"/contacts?cursor={altered}"), 400, "cursor_invalid")


def test_row_11_an_unknown_sort_is_422(a1):
    _problem(a1.call("GET", "/contacts?sort=(select+1)"), 422)


def test_row_13_json_as_plain_text_is_415(a1):
    _problem(a1.raw("POST", "/contacts", b'{"email": "a@example.com"}', content_type="text/plain"), 415)


def test_row_14_a_method_override_is_no_method(a1):
    _problem(a1.call("POST", "/contacts/con_0000000000001", {"email": "x@example.com"}, X_HTTP_Method_Override="DELETE"), 405)
    assert a1.call("TRACE", "/contacts").status_code == 405


def test_row_17_one_key_gives_one_message_and_another_body_is_422(a1):
    """The same key again gives the first answer; with another body it is refused; many at once make one."""
    key = str(uuid.uuid4())
    first = a1.call("POST", "/contacts", {"email": "once@example.com"}, Idempotency_Key=key)
    again = a1.call("POST", "/contacts", {"email": "once@example.com"}, Idempotency_Key=key)
    assert first.status_code == again.status_code == 201
    assert first.get_json() == again.get_json()
    assert again.headers["Idempotency-Replayed"] == "true"
    _problem(a1.call("POST", "/contacts", {"email": "other@example.com"}, Idempotency_Key=key), 422, "idempotency_key_reused")


def test_row_17_many_requests_with_one_key_make_one_list(a1, web):
    key = str(uuid.uuid4())

    def ask(_):
        return web.test_client().post("/api/v1/lists", json={"name": "Together"}, headers={**a1.headers, "Idempotency-Key": key})

    with ThreadPoolExecutor(8) as pool:
        statuses = [answer.status_code for answer in pool.map(ask, range(24))]
    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    assert len(a1.call("GET", "/lists").get_json()["data"]) == 1


def test_row_18_a_wrong_key_is_401(web, a1):
    """Truncated, in capitals, of another form, revoked, or in the address: all the same answer."""
    key = a1.headers["Authorization"].split()[1]
    for wrong in (key[:-1], key.upper(), "key_" + "0" * 72, "x" + key, "", key + "0"):
        _problem(Program(web, wrong).call("GET", "/lists"), 401, "key_invalid")
    _problem(Program(web, None).call("GET", f"/lists?key={key}"), 401, "key_invalid")
    assert web.test_client().get("/api/v1/lists", headers={"Authorization": f"Basic {key}"}).status_code == 401


def test_a_key_does_no_more_than_it_may(world, web):
    reader = Program(web, _issue(web, world.a1, ["lists:read"]))
    assert reader.call("GET", "/lists").status_code == 200
    _problem(reader.call("POST", "/lists", {"name": "x"}), 403, "permission_missing")
    _problem(reader.call("GET", "/contacts"), 403, "permission_missing")


def test_a_person_s_session_is_no_key(world, browser):
    """The cookie of a signed-in person opens nothing here, so no other site can use it."""
    browser.sign_in(world.a1.email)
    assert browser.client.get("/api/v1/lists").status_code == 401


def test_too_many_requests_are_429_with_the_time_to_wait(a1, web):
    answers = [a1.call("GET", "/lists") for _ in range(3)]
    assert all(int(one.headers["RateLimit-Remaining"]) < int(one.headers["RateLimit-Limit"]) for one in answers)
    web.extensions["posthouse_settings"] = web.extensions["posthouse_settings"].__class__(
        **{**web.extensions["posthouse_settings"].__dict__, "api_requests_per_minute": 1}
    )
    statuses = [a1.call("GET", "/lists") for _ in range(4)]
    limited = [one for one in statuses if one.status_code == 429]
    assert limited
    assert int(limited[0].headers["Retry-After"]) >= 1
    _problem(limited[0], 429, "api_rate")


def test_the_description_is_valid_openapi_in_the_brand_s_name(a1, browser, world):
    """OpenAPI 3.1 that a validator accepts; every operation of the map is in it; nobody is named but the brand."""
    browser.sign_in(world.a1.email)
    answer = browser.client.get("/api/v1/openapi.json")
    document = answer.get_json()
    validate(document)
    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"] == "Reseller A API"
    assert "posthouse" not in answer.text.lower()

    page = browser.get("/api/v1/docs")
    assert page.status_code == 200
    assert "posthouse" not in page.text.lower()
    assert "Reseller A" in page.text


def test_a_message_from_a_foreign_domain_is_refused(a1):
    """Nothing is kept when the domain is not the tenant's."""
    body = {"to": "x@example.com", "from_address": "me@elsewhere.example", "subject": "Hi", "html": "<p>Hi</p>"}
    answer = a1.call("POST", "/messages", body)
    assert answer.status_code in {403, 422}
    assert a1.call("GET", "/events").get_json()["data"] == []


def test_an_unknown_address_is_a_problem_too(a1):
    _problem(a1.call("GET", "/nothing"), 404)
    assert json.loads(a1.call("GET", "/nothing").text)["code"] == "not_found"


def test_webhooks_go_round_and_the_secret_is_shown_once(a1, b1):
    body = {"url": "https://hooks.example.com/in", "events": ["message.bounced"], "label": "Shop"}
    first = a1.call("POST", "/webhooks", body, Idempotency_Key="w1")
    assert first.status_code == 201
    made = first.get_json()
    assert made["secret"].startswith("whsec_")
    again = a1.call("POST", "/webhooks", body, Idempotency_Key="w1").get_json()
    assert (again["id"], again["secret"]) == (made["id"], None)
    path = f"/webhooks/{made['id']}"
    assert "secret" not in a1.call("GET", path).get_json()
    assert [one["id"] for one in a1.call("GET", "/webhooks").get_json()["data"]] == [made["id"]]
    sent = a1.call("POST", f"{path}/test")
    assert (sent.status_code, sent.get_json()["state"]) == (202, "waiting")
    delivery = f"{path}/deliveries/{sent.get_json()['id']}"
    assert a1.call("GET", delivery).get_json()["payload"]["type"] == "webhook.test"
    assert [one["id"] for one in a1.call("GET", f"{path}/deliveries").get_json()["data"]] == [sent.get_json()["id"]]
    _problem(a1.call("POST", f"{delivery}/replay"), 409, "delivery_waits")
    for method, where in (
        ("GET", path),
        ("PATCH", path),
        ("DELETE", path),
        ("POST", f"{path}/test"),
        ("GET", delivery),
        ("POST", f"{delivery}/replay"),
    ):
        _problem(b1.call(method, where, {} if method == "PATCH" else None), 404)
    changed = a1.call("PATCH", path, {"enabled": False, "events": ["campaign.finished"]}).get_json()
    assert (changed["enabled"], changed["disabled_why"], changed["events"]) == (False, "by hand", ["campaign.finished"])
    assert a1.call("DELETE", path).status_code == 204
    _problem(a1.call("GET", path), 404)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "http://hooks.example.com/", "events": ["message.bounced"]}, "webhook_url_invalid"),
        ({"url": "https://169.254.169.254/", "events": ["message.bounced"]}, "webhook_url_invalid"),
        ({"url": "https://hooks.example.com/", "events": ["nothing"]}, "webhook_kind_unknown"),
        ({"url": "https://hooks.example.com/", "events": []}, "request_invalid"),
        ({"url": "https://hooks.example.com/", "events": ["message.bounced"], "secret": "whsec_mine"}, "request_invalid"),
    ],
)
def test_a_webhook_that_can_not_be_is_refused(a1, body, code):
    _problem(a1.call("POST", "/webhooks", body), 422, code)
    assert a1.call("GET", "/webhooks").get_json()["data"] == []


def test_addresses_are_those_outside_of_a_proxy_that_ends_tls(settings, world):
    """The proxy speaks plain HTTP to us; programs are told the address that they can reach."""
    app = create_app(replace(settings, public_url="https://mail.example.com"))
    found = app.test_client().get("/api/v1/openapi.json", base_url="http://mail.example.com")
    assert found.get_json()["servers"] == [{"url": "https://mail.example.com"}]
    with app.app_context():
        for engine in app.extensions["sqlalchemy"].engines.values():
            engine.dispose()
