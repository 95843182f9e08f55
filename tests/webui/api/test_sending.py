"""Campaigns, single messages and the feed of events over real HTTP, as a program uses them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from shops import LETTER, make_domain, make_shop

from posthouse.platform import clock, ids
from posthouse.platform.db import transaction
from posthouse.platform.runner import run_due
from posthouse.sending.messages import history, queries
from posthouse.sending.messages.history import Happening

SINGLE = {
    "to": "Ann <ann@example.com>",
    "from_address": "shop@single.example.com",
    "subject": "Your order {{ number }}",
    "html": "<p>Thanks, {{ name }}.</p>",
}


@pytest.fixture(scope="module")
def shop(street):
    with street.core.app_context():
        make_domain(street.world.a1.scope, "single.example.com")
        return make_shop(street.world.a1.scope, name="tea", people=5)


@pytest.fixture(scope="module")
def a1(street, shop):
    return street.program(street.world.a1)


@pytest.fixture(scope="module")
def b1(street):
    return street.program(street.world.b1)


def _draft(shop, **changes):
    return {
        "name": "News", "list_id": ids.encode("lst", shop.list_id), "from_address": "news@tea.example.com", "from_name": "Tea",
        "subject": "Tea for {{ first_name | default: 'you' }}", "html": LETTER,
    } | changes  # fmt: skip


def test_a_campaign_from_draft_to_report(street, a1, b1, shop):
    """Written, started once however often it is asked for, held, gone on with, stopped; each recipient is accounted for."""
    assert a1.call("GET", "/domains").json["data"][0]["state"] == "verified"
    made = a1.call("POST", "/campaigns", _draft(shop))
    assert made.status == 201
    path = f"/campaigns/{made.json['id']}"
    assert made.json["state"] == "draft"
    for _ in range(2):
        started = a1.call("POST", f"{path}/start", Idempotency_Key="start-1")
        assert started.status == 202
    assert a1.call("POST", f"{path}/start").status == 202
    assert a1.call("POST", f"{path}/pause").json["state"] == "paused"
    assert a1.call("POST", f"{path}/resume").json["state"] in {"starting", "sending"}
    report = a1.call("GET", f"{path}/report").json
    assert (report["totals"]["recipients"], report["waiting"]) == (5, 5)
    assert [link["target"] for link in report["links"]] == ["https://shop.example.org/tea", "https://shop.example.org/cups"]

    seen, cursor = [], None
    while cursor is not None or not seen:
        page = a1.call("GET", f"{path}/recipients?limit=2" + (f"&cursor={cursor}" if cursor else "")).json
        seen += [one["email"] for one in page["data"]]
        assert all(one["why"]["code"] and one["why"]["sentence"].endswith(".") for one in page["data"])
        cursor = page["next_cursor"]
    assert sorted(seen) == [f"person{number}@tea.example.net" for number in range(5)]

    for method, tail in (
        ("GET", ""),
        ("GET", "/report"),
        ("GET", "/recipients"),
        ("POST", "/start"),
        ("POST", "/pause"),
        ("POST", "/stop"),
    ):
        assert b1.call(method, path + tail).status == 404
    _, cursor = _follow(a1)
    assert a1.call("POST", f"{path}/stop").json["state"] == "stopped"
    assert a1.call("POST", f"{path}/resume").status == 409
    with street.core.app_context():
        run_due()
    assert _follow(a1, cursor)[0] == ["cancelled"] * 5


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"from_address": "news@elsewhere.example.com"}, "domain_not_yours"),
        ({"from_address": "no address"}, "domain_not_yours"),
        ({"list_id": "lst_1"}, "id_invalid"),
        ({"html": ""}, "request_invalid"),
        ({"kind": "word"}, "request_invalid"),
        ({"state": "sending"}, "request_invalid"),
    ],
)
def test_a_campaign_that_can_t_be_is_refused_and_not_kept(a1, shop, changes, code):
    before = a1.call("GET", "/campaigns").json
    answer = a1.call("POST", "/campaigns", _draft(shop, **changes))
    assert (answer.status, answer.json["code"]) == (422, code)
    assert a1.call("GET", "/campaigns").json == before


def test_a_campaign_with_a_fault_is_not_started(a1, shop):
    """The fault is named with its line, and the draft stays a draft."""
    made = a1.call("POST", "/campaigns", _draft(shop, html="<p>{{ contact.nonsense }}</p>\n<p>{% if %}</p>")).json
    answer = a1.call("POST", f"/campaigns/{made['id']}/start")
    assert answer.status == 422, answer.text
    assert a1.call("GET", f"/campaigns/{made['id']}").json["state"] == "draft"


def test_a_single_message_is_kept_when_202_is_said(street, a1, b1):
    """The row is there when the answer is; the same key gives the same message; nobody else sees it."""
    body = {**SINGLE, "to": "ann@example.com", "fields": {"number": 7, "name": "Ann"}}
    first, again = (a1.call("POST", "/messages", body, Idempotency_Key="order-7") for _ in range(2))
    assert (first.status, first.json["state"]) == (202, "accepted")
    assert again.json == first.json
    found = a1.call("GET", f"/messages/{first.json['id']}").json
    assert (found["to"], found["stream"], found["state"]) == ("ann@example.com", "transactional", "queued")
    assert b1.call("GET", f"/messages/{first.json['id']}").status == 404
    scope = street.world.a1.scope
    with street.core.app_context(), transaction(scope):
        assert len([one for one in queries.list_messages(scope) if one.recipient == "ann@example.com"]) == 1


def test_many_messages_with_one_new_letter_are_all_kept(a1):
    """Nobody loses when several programs bring the same letter for the first time at the same moment."""
    body = {**SINGLE, "subject": "Together {{ number }}", "fields": {"number": 1, "name": "x"}}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: a1.call("POST", "/messages", {**body, "to": f"many{number}@example.com"}), range(24)))
    assert {one.status for one in answers} == {202}
    assert len({one.json["id"] for one in answers}) == 24


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"to": "nobody"}, 422, ""),
        ({"to": "a@example.com\r\nBcc: b@example.com"}, 422, ""),
        ({"to": "a@example.com, b@example.com"}, 422, ""),
        ({"subject": "Hi\r\nBcc: b@example.com"}, 422, ""),
        ({"from_address": "x@example.com"}, 403, "from_domain_not_verified"),
        ({"html": "{% for i in (1..1000000000) %}x{% endfor %}"}, 422, ""),
        ({"html": "<p>{{ unknown }}</p>"}, 422, ""),
        ({"reply_to": "x"}, 422, ""),
    ],
)
def test_a_single_message_that_can_t_be_is_refused_and_not_kept(a1, changes, status, code):
    answer = a1.call("POST", "/messages", {**SINGLE, "to": "bad@example.com", "fields": {"number": 1, "name": "x"}, **changes})
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert not code or answer.json["code"] == code


def _happen(street, kind, message_id=1):
    scope = street.world.a1.scope
    with transaction(scope):
        history.add(scope, [Happening(message_id, kind, clock.now())])


def _follow(program, cursor=None):
    """Read the feed to its end; returns the kinds and the place to go on from."""
    kinds = []
    while True:
        page = program.call("GET", "/events?limit=2" + (f"&cursor={cursor}" if cursor else "")).json
        cursor = page["next_cursor"]
        if not page["data"]:
            return kinds, cursor
        kinds += [one["kind"] for one in page["data"]]


def test_the_feed_gives_each_event_once_to_its_tenant_alone(street, a1, b1):
    _, cursor = _follow(a1)
    with street.core.app_context():
        for kind in ("sent", "opened", "clicked", "bounced", "complained"):
            _happen(street, kind)
    kinds, cursor = _follow(a1, cursor)
    assert kinds == ["sent", "opened", "clicked", "bounced", "complained"]
    assert _follow(a1, cursor)[0] == []
    assert b1.call("GET", "/events").json["data"] == []
    assert b1.call("GET", f"/events?cursor={cursor}").json["data"] == []


def test_an_event_that_is_written_slowly_is_not_passed_over(street, a1):
    """A transaction begun first and committed last comes before what was committed meanwhile, never never."""
    _, cursor = _follow(a1)
    scope = street.world.a1.scope
    written, may_end = threading.Event(), threading.Event()

    def slow():
        with street.core.app_context(), transaction(scope) as live:
            history.add(scope, [Happening(1, "slow", clock.now())])
            live.execute(sa.text("SELECT 1"))
            written.set()
            assert may_end.wait(20)

    writer = threading.Thread(target=slow)
    writer.start()
    assert written.wait(20)
    with street.core.app_context():
        _happen(street, "quick")
    early, cursor = _follow(a1, cursor)
    may_end.set()
    writer.join()
    late, _ = _follow(a1, cursor)
    assert sorted(early + late) == ["quick", "slow"]
