"""The interface over real HTTP: what the web process itself does with methods, bodies, keys, hosts and rates."""

from __future__ import annotations

import pytest
from program import Program, issue_key
from serving import Answer

from posthouse.platform import bell, ratelimit
from posthouse.platform.db import transaction
from posthouse.tenants.accounts import services as accounts
from posthouse.tenants.keys import services as keys


@pytest.fixture(scope="module")
def a1(street):
    return street.program(street.world.a1)


@pytest.fixture(scope="module")
def b1(street):
    return street.program(street.world.b1)


def _problem(answer: Answer, status: int, code: str = "") -> dict:
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json
    assert body["status"] == status
    assert body["detail"]
    assert body["request_id"] == answer.headers["x-request-id"]
    assert not code or body["code"] == code
    assert "posthouse" not in answer.text.lower()
    return body


def test_every_answer_carries_its_safety_headers(a1):
    """Also a refusal's: nothing is cached, sniffed or framed."""
    for answer in (a1.call("GET", "/lists"), a1.call("GET", "/nothing"), a1.call("POST", "/lists", {})):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert "set-cookie" not in answer.headers


def test_head_gives_the_headers_of_get_and_no_body(a1):
    got, head = a1.call("GET", "/lists"), a1.call("HEAD", "/lists")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


def test_options_tell_what_an_address_takes(a1):
    answer = a1.call("OPTIONS", "/lists")
    assert answer.status == 200
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST", "OPTIONS"}
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "TRACE", "PROPFIND"])
def test_another_method_is_405_and_told_what_there_is(a1, method):
    answer = a1.call(method, "/lists")
    assert "GET" in answer.headers["allow"]
    assert "GET, HEAD, OPTIONS, POST" in _problem(answer, 405, "method_not_allowed")["detail"]


@pytest.mark.parametrize(
    "path",
    ["", "/", "/nothing", "/lists/", "//lists", "/lists/lst_%00", "/lists/%ff%fe", "/lists/LST_0000000000001"],
)
def test_an_unknown_address_is_a_404_that_says_where_to_look(a1, path):
    assert "/api/v1/docs" in _problem(a1.call("GET", path), 404, "not_found")["detail"]


@pytest.mark.parametrize(
    "type_", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", None]
)
def test_anything_but_json_is_415(a1, type_):
    _problem(a1.send("POST", "/contacts", b'{"email": "type@example.com"}', type_), 415, "unsupported_media_type")


def test_a_compressed_body_is_415(a1):
    answer = a1.served.call(
        "POST", "/api/v1/lists", body=b"\x1f\x8b", headers=a1.headers | {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    )
    assert "compressed" in _problem(answer, 415)["detail"]


@pytest.mark.parametrize("body", [b'{"email":', b"{'email': 1}", b"\xff\xfe{}", b'{"a":1}{"b":2}', b'{"email": "\xc3\x28"}', b"[" * 5000])
def test_a_malformed_body_is_400_and_keeps_nothing(a1, body):
    _problem(a1.send("POST", "/contacts", body), 400, "json_malformed")


def test_a_body_that_is_too_large_is_413_and_the_process_goes_on(a1):
    _problem(a1.send("POST", "/contacts", b'{"email": "' + b"a" * 4_000_000 + b'"}'), 413)
    assert a1.call("GET", "/lists").status == 200


def test_a_body_in_chunks_is_read_whole_and_bounded(a1):
    """Without a length given beforehand (RFC 9112, section 7.1)."""
    headers = a1.headers | {"Content-Type": "application/json"}
    made = a1.served.call("POST", "/api/v1/lists", body=iter([b'{"name": ', b'"Chunks"}']), headers=headers)
    assert (made.status, made.json["name"]) == (201, "Chunks")
    _problem(a1.served.call("POST", "/api/v1/lists", body=(b" " * 100_000 for _ in range(40)), headers=headers), 413)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("made_up", ["con_zzzzzzzzzzzzz", "con_0000000000000", "lst_0000000000001"])
def test_an_id_that_never_was_is_a_404_for_every_method(a1, method, made_up):
    _problem(a1.call(method, f"/contacts/{made_up}", {} if method == "PATCH" else None), 404, "contact_not_found")


def test_no_body_where_one_is_needed_names_what_is_missing(a1):
    assert _problem(a1.call("POST", "/contacts"), 422, "request_invalid")["errors"][0]["pointer"] == "/email"


@pytest.mark.parametrize("query", ["limit=1&limit=2", "email=%00", "colour=red", "cursor=x", "list_id=lst_1"])
def test_a_query_that_makes_no_sense_is_refused(a1, query):
    _problem(a1.call("GET", f"/contacts?{query}"), 400 if query.startswith("cursor") else 422)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /api/v1/lists HTTP/1.1\r\n\r\n", 421),
        (b"GET /api/v1/lists HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
        (b"POST /api/v1/lists HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n", 400),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 414),
        (b"nonsense\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_gets_an_error_and_no_second_answer(a1, raw, status):
    """Among them the beginnings of request smuggling."""
    got = a1.served.raw(raw)
    assert got.startswith(b"HTTP/1.1 %d " % status)
    assert got.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1@evil.example", "a b", "localhost."])
def test_another_host_is_421_and_is_not_repeated(a1, host):
    answer = a1.call("GET", "/lists", Host=host)
    _problem(answer, 421)
    assert host not in answer.text


def test_without_a_key_401_says_how_to_come_in(street, a1):
    """RFC 6750, section 3: the challenge names the scheme."""
    for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": f"Basic {a1.key}"}, {"Authorization": f"Bearer {a1.key}x"}):
        answer = street.served.call("GET", "/api/v1/lists", headers=headers)
        _problem(answer, 401, "key_invalid")
        assert answer.headers["www-authenticate"] == "Bearer"


def test_who_goes_on_guessing_keys_is_slowed(street, a1):
    """By address; a good key from there goes on working."""
    with street.core.app_context():
        assert ratelimit.take("api.wrong:127.0.0.1", ratelimit.Rate(2, 3600, open_when_away=False)).allowed
    refused = street.served.call("GET", "/api/v1/lists", headers={"Authorization": "Bearer key_guess"})
    _problem(refused, 429, "api_rate")
    assert int(refused.headers["retry-after"]) >= 1
    assert a1.call("GET", "/lists").status == 200
    with street.core.app_context():
        bell.client(street.served.settings.redis_url).delete(f"{ratelimit.PREFIX}api.wrong:127.0.0.1")


def test_a_revoked_key_is_dead_at_once(street):
    key_id, key = issue_key(street.web, street.world.a1)
    program = Program(street.served, key)
    assert program.call("GET", "/lists").status == 200
    scope = street.world.a1.scope
    with street.web.app_context(), transaction(scope):
        keys.revoke(scope, key_id)
    _problem(program.call("GET", "/lists"), 401, "key_invalid")


def test_a_key_does_what_it_may_and_says_what_it_may_not(street):
    reader = street.program(street.world.a1, ["contacts:read"])
    assert reader.call("GET", "/contacts").status == 200
    for method, path, body in (("POST", "/contacts", {"email": "no@example.com"}), ("GET", "/lists", None), ("GET", "/events", None)):
        answer = reader.call(method, path, body)
        _problem(answer, 403, "permission_missing")
        assert "ratelimit-remaining" in answer.headers


def test_a_key_opens_nothing_at_another_reseller_s_address(street, a1, b1):
    """There it is as unknown as any other, so that nobody learns who else is served here."""
    operator = street.world.operator
    with street.core.app_context(), transaction(operator):
        accounts.add_web_host(operator, street.world.b.id, "mail.reseller-b.example.com")
    assert b1.call("GET", "/lists", Host="mail.reseller-b.example.com").status == 200
    _problem(a1.call("GET", "/lists", Host="mail.reseller-b.example.com"), 401, "key_invalid")


def test_foreign_ids_are_not_there(a1, b1):
    """Every verb on another tenant's things is the same 404 as on nothing, and changes nothing."""
    list_id = a1.call("POST", "/lists", {"name": "Mine"}).json["id"]
    contact_id = a1.call("POST", "/contacts", {"email": "mine@example.com", "list_ids": [list_id]}).json["id"]
    before = a1.call("GET", f"/contacts/{contact_id}").json, a1.call("GET", f"/lists/{list_id}").json
    unknown = _problem(b1.call("GET", "/contacts/con_0000000000001"), 404)
    for method, path, body in (
        ("GET", f"/contacts/{contact_id}", None),
        ("PATCH", f"/contacts/{contact_id}", {"email": "stolen@example.com"}),
        ("DELETE", f"/contacts/{contact_id}", None),
        ("GET", f"/lists/{list_id}", None),
        ("PUT", f"/lists/{list_id}/contacts/{contact_id}", None),
        ("DELETE", f"/lists/{list_id}/contacts/{contact_id}", None),
        ("POST", "/contacts", {"email": "x@example.com", "list_ids": [list_id]}),
    ):
        found = _problem(b1.call(method, path, body), 404)
        if "contact" in found["code"]:
            assert {**found, "request_id": ""} == {**unknown, "request_id": ""}
    assert (a1.call("GET", f"/contacts/{contact_id}").json, a1.call("GET", f"/lists/{list_id}").json) == before


def test_the_same_idempotency_key_gives_the_same_answer(a1, b1):
    """Kept per tenant: another tenant's same key is its own."""
    key = {"Idempotency_Key": "order-1"}
    first, again = (a1.call("POST", "/contacts", {"email": "once@example.com"}, **key) for _ in range(2))
    assert (first.status, first.json) == (again.status, again.json)
    assert again.headers["idempotency-replayed"] == "true"
    _problem(a1.call("POST", "/contacts", {"email": "twice@example.com"}, **key), 422, "idempotency_key_reused")
    assert b1.call("POST", "/contacts", {"email": "once@example.com"}, **key).json["id"] != first.json["id"]
    _problem(a1.call("POST", "/contacts", {"email": "x@example.com"}, Idempotency_Key="x" * 256), 422, "idempotency_key_malformed")


def test_a_refused_request_does_not_use_up_its_idempotency_key(a1):
    key = {"Idempotency_Key": "order-2"}
    _problem(a1.call("POST", "/contacts", {"email": "not an address"}, **key), 422)
    assert a1.call("POST", "/contacts", {"email": "an.address@example.com"}, **key).status == 201


def test_too_many_requests_are_429_and_say_how_long_to_wait(street):
    """Each key has its own rate."""
    key_id, key = issue_key(street.web, street.world.a2)
    hasty = Program(street.served, key)
    limit = int(hasty.call("GET", "/lists").headers["ratelimit-limit"])
    with street.core.app_context():
        taken = ratelimit.take(f"api:{key_id}", ratelimit.Rate(2, 3600, open_when_away=False))
    assert taken.allowed  # half an hour of it at once
    refused = hasty.call("GET", "/lists")
    _problem(refused, 429, "api_rate")
    assert int(refused.headers["retry-after"]) >= 1
    assert (refused.headers["ratelimit-limit"], refused.headers["ratelimit-remaining"]) == (str(limit), "0")
    assert 1 <= int(refused.headers["ratelimit-reset"]) <= 60
    assert street.program(street.world.a2, ["lists:read"]).call("GET", "/lists").status == 200


def test_the_description_names_the_brand_and_nobody_else(street):
    """Read without a key, so that a programmer can look before an account is there."""
    document = street.served.call("GET", "/api/v1/openapi.json")
    assert document.json["openapi"] == "3.1.0"
    assert "posthouse" not in document.text.lower()
    page = street.served.call("GET", "/api/v1/docs")
    assert page.status == 200
    assert "posthouse" not in page.text.lower()


@pytest.mark.parametrize(
    ("row", "body"),
    [
        ("row_2_deep_nesting", b'{"email":' + b"[" * 10_000 + b"]" * 10_000 + b"}"),
        ("row_3_a_million_keys", b'{"fields":{' + b",".join(b'"k%d":1' % number for number in range(100_000)) + b"}}"),
        ("row_4_duplicate_keys", b'{"email": "a@example.com", "email": "b@example.com"}'),
        ("malformed", b'{"email": '),
        ("not utf-8", b'{"email": "\xff\xfe"}'),
    ],
)
def test_rows_2_to_4_unreadable_bodies_are_400(a1, row, body):
    _problem(a1.send("POST", "/contacts", body), 400)


@pytest.mark.parametrize(
    "body",
    [
        b'{"email": "a@example.com", "fields": {"x": NaN}}',
        b'{"email": "a@example.com", "fields": {"x": 1e999}}',
        b'{"email": "a@example.com", "fields": {"x": ' + b"9" * 400 + b"}}",
        b'{"email": "a@example.com\\ud800"}',
        b'{"email": "a@example.com", "fields": {"x": "\\u0000"}}',
        b'{"email": "a@example.com", "fields": {"x": "\\u0085"}}',
        b'["a@example.com"]',
        b'"text"',
    ],
)
def test_rows_5_and_6_values_that_cant_be_kept_are_422(a1, body):
    _problem(a1.send("POST", "/contacts", body), 422)


@pytest.mark.parametrize("name", ["tenant_id", "id", "source", "created_at", "quota", "role", "verified"])
def test_row_7_fields_that_only_we_set_are_refused(a1, name):
    body = _problem(a1.call("POST", "/contacts", {"email": "a@example.com", name: "1"}), 422, "request_invalid")
    assert body["errors"][0]["pointer"] == f"/{name}"
    _problem(a1.call("POST", "/lists", {"name": "x", name: "1"}), 422)


@pytest.mark.parametrize("limit", ["1000000000", "-1", "0", "1.5", "x", ""])
def test_row_10_an_impossible_limit_is_422(a1, limit):
    _problem(a1.call("GET", f"/contacts?limit={limit}"), 422)
