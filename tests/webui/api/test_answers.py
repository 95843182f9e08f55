"""People's answers over HTTP: listed, read, marked as done, opened again; by those who may, and by nobody else."""

from __future__ import annotations

from base64 import b64decode

import pytest
from desk import Desk

from posthouse.platform import ids


@pytest.fixture(scope="module")
def threads(street):
    """Three messages of a1 that were answered, the first of them twice; the ids of their threads, the latest answer first."""
    with street.core.app_context():
        desk = Desk(street.world)
        sent = [desk.send(street.world.a1, contact_id=7) for _ in range(3)]
        for number, subject in enumerate(("One", "Two", "Three", "One again")):
            mail = f"From: Ann <ann@example.net>\r\nSubject: {subject}\r\n\r\nIs <b>it</b> {number}?\r\n".encode()
            desk.hand_in(mail, f"r-{sent[number % 3].token}@mail.example", sender="ann@example.net")
        found = desk.ask(street.world.a1, "SELECT id FROM reply_thread ORDER BY last_mail_id DESC")
    return [ids.encode("thr", row[0]) for row in found]


@pytest.fixture(scope="module")
def a1(street):
    return street.program(street.world.a1)


def test_threads_are_listed_page_by_page(a1, threads):
    seen, cursor = [], None
    while cursor or not seen:
        page = a1.call("GET", "/answers?limit=2" + (f"&cursor={cursor}" if cursor else "")).json
        seen += page["data"]
        cursor = page["next_cursor"]
    assert [one["id"] for one in seen] == threads
    assert (seen[0]["subject"], seen[0]["answers"], seen[0]["state"], seen[0]["unread"]) == ("One again", 2, "open", True)
    assert [one["id"] for one in a1.call("GET", f"/answers?contact_id={ids.encode('con', 7)}").json["data"]] == threads


def test_a_thread_has_the_words_of_its_answers(a1, threads):
    """Oldest first, as text; reading them by program leaves it unread for people."""
    thread = a1.call("GET", f"/answers/{threads[0]}").json
    assert [one["text"] for one in thread["data"]] == ["Is <b>it</b> 0?", "Is <b>it</b> 3?"]
    assert (thread["data"][0]["author"], thread["data"][0]["address"]) == ("Ann <ann@example.net>", "ann@example.net")
    assert a1.call("GET", f"/answers/{threads[0]}").json["unread"]


def test_an_answer_is_given_as_it_came(a1, threads):
    """With all its parts; by its own thread alone."""
    first = a1.call("GET", f"/answers/{threads[0]}").json["data"][0]
    whole = a1.call("GET", f"/answers/{threads[0]}/{first['id']}").json
    assert b64decode(whole["raw"]).startswith(b"From: Ann <ann@example.net>\r\nSubject: One\r\n")
    assert {name: whole[name] for name in first} == first
    assert a1.call("GET", f"/answers/{threads[1]}/{first['id']}").status == 404


def test_a_thread_is_done_and_opened_again(a1, threads):
    """Each may be asked for twice, with a key or without."""
    path = f"/answers/{threads[1]}"
    for _ in range(2):
        assert a1.call("POST", f"{path}/done", Idempotency_Key="done-1").json == {"id": threads[1], "state": "done"}
        assert a1.call("POST", f"{path}/done").status == 200
    assert threads[1] not in [one["id"] for one in a1.call("GET", "/answers").json["data"]]
    assert [one["id"] for one in a1.call("GET", "/answers?done=true").json["data"]] == [threads[1]]
    for _ in range(2):
        assert a1.call("POST", f"{path}/reopen").json["state"] == "open"
    assert a1.call("GET", "/answers?done=true").json["data"] == []


def test_nobody_else_sees_or_changes_a_thread(street, a1, threads):
    mail = a1.call("GET", f"/answers/{threads[2]}").json["data"][0]["id"]
    for place in (street.world.a2, street.world.b1):
        other = street.program(place)
        assert other.call("GET", "/answers").json["data"] == []
        for method, tail in (("GET", ""), ("GET", f"/{mail}"), ("POST", "/done"), ("POST", "/reopen")):
            assert other.call(method, f"/answers/{threads[2]}{tail}").status == 404
    reader = street.program(street.world.a1, ["inbound:read"])
    assert reader.call("GET", f"/answers/{threads[2]}").json["state"] == "open"
    assert reader.call("POST", f"/answers/{threads[2]}/done").status == 403
    assert street.program(street.world.a1, ["contacts:read"]).call("GET", "/answers").status == 403
