"""What a program writes on its messages comes back wherever they are spoken of: lists by tag, the feed, the web pages."""

from __future__ import annotations

import pytest
from shops import make_domain
from visitor import Visitor

from posthouse.platform import clock, ids
from posthouse.platform.db import transaction
from posthouse.sending.messages import history

RAW = (
    "From: Shop <shop@labels.example.com>\nTo: bo@example.com\nSubject: Hi\nX-Tag: receipt, shop\nX-Metadata-Order: 1002\n"
    "Message-ID: <1002@labels.example.com>\n\nThanks.\n"
)


@pytest.fixture(scope="module")
def a1(street):
    with street.core.app_context():
        make_domain(street.world.a1.scope, "labels.example.com")
    return street.program(street.world.a1)


@pytest.fixture(scope="module")
def sent(a1):
    """Three messages: with labels by JSON, with labels by headers, and without."""
    body = {"from_address": "shop@labels.example.com", "subject": "Hi", "html": "<p>Hi</p>"}
    by_json = a1.call("POST", "/messages", {**body, "to": "ann@example.com", "tags": ["receipt"], "metadata": {"order": "1001"}}).json["id"]
    by_header = a1.call("POST", "/messages/mime", {"raw": RAW}).json["messages"][0]["id"]
    plain = a1.call("POST", "/messages", {**body, "to": "cy@example.com"}).json["id"]
    return by_json, by_header, plain


def test_messages_are_listed_by_their_tag(a1, sent):
    """Page by page, newest first, with all that stands on them; a tag is looked for as it was written."""
    first = a1.call("GET", "/messages?tag=receipt&limit=1").json
    second = a1.call("GET", f"/messages?tag=receipt&limit=1&cursor={first['next_cursor']}").json
    assert [one["id"] for one in first["data"] + second["data"]] == [sent[1], sent[0]]
    assert (first["data"][0]["tags"], first["data"][0]["metadata"]) == (["receipt", "shop"], {"order": "1002"})
    assert second["next_cursor"] is None
    assert [one["id"] for one in a1.call("GET", "/messages?tag=shop").json["data"]] == [sent[1]]
    assert a1.call("GET", "/messages?tag=Receipt").json["data"] == []
    assert [one["id"] for one in a1.call("GET", "/messages").json["data"]][:3] == [*reversed(sent)]


def test_a_list_that_can_t_be_is_refused(a1, sent):
    """A cursor of another list, an id of another kind, a contact who isn't there."""
    cursor = a1.call("GET", "/messages?tag=receipt&limit=1").json["next_cursor"]
    assert a1.call("GET", f"/messages?tag=shop&limit=1&cursor={cursor}").json["code"] == "cursor_invalid"
    assert a1.call("GET", "/messages?campaign_id=con_1").json["code"] == "id_invalid"
    assert a1.call("GET", "/messages?contact_id=con_0000000000001").json["data"] == []


def test_nobody_else_finds_a_message_by_its_tag(street, sent):
    for place in (street.world.a2, street.world.b1):
        assert street.program(place).call("GET", "/messages?tag=receipt").json == {"data": [], "next_cursor": None}
    assert street.program(street.world.a1, ["contacts:read"]).call("GET", "/messages").status == 403


def test_each_event_has_its_messages_labels(street, a1, sent):
    with street.core.app_context(), transaction(street.world.a1.scope):
        history.add(street.world.a1.scope, [history.Happening(ids.decode("msg", one), "sent", clock.now()) for one in sent])
    told = {one["message_id"]: (one["tags"], one["metadata"]) for one in a1.call("GET", "/events?limit=200").json["data"]}
    assert [told[one] for one in sent] == [(["receipt"], {"order": "1001"}), (["receipt", "shop"], {"order": "1002"}), ([], {})]


def test_the_pages_show_labels_and_look_for_a_tag(street, sent):
    person = Visitor(street.served.url)
    person.sign_in(street.world.a1.email)
    shown = person.get(f"/messages/{sent[1]}").text
    assert "/messages?tag=shop" in shown
    assert ">order</dt>" in shown
    assert ">1002</dd>" in shown
    listed = person.get("/messages?tag=shop").text
    assert "bo@example.com" in listed
    assert "ann@example.com" not in listed
    assert "No message bears the tag" in person.get("/messages?tag=%3Cb%3E").text
    stranger = Visitor(street.served.url)
    stranger.sign_in(street.world.a2.email)
    assert "bo@example.com" not in stranger.get("/messages?tag=shop").text
