"""What recipients' links do over real HTTP, and what they never do: for forgers, scanners, other tenants and the impatient."""

from __future__ import annotations

import pytest

from posthouse.platform.db import transaction
from posthouse.sending.content.compose import base36
from posthouse.sending.tracking.urls import PIXEL
from posthouse.tenants.accounts import services as accounts
from posthouse.tenants.contacts import services as contacts
from posthouse.tenants.lists import services as lists
from posthouse.tenants.suppressions.queries import is_suppressed

NAMES = ("posthouse", "reseller a", "reseller b")


def _mark(answer):
    """Check what every answer to a recipient has to have."""
    assert answer.headers["cache-control"].startswith("no-store")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answer.headers
    assert not any(name in answer.body.lower() for name in (one.encode() for one in NAMES))
    return answer


def test_an_open_shows_a_pixel_and_counts_a_person_once(mailing):
    number, before = mailing.next(), mailing.totals()
    for _ in range(2):
        answer = _mark(mailing.get(mailing.path("o", number)))
        assert (answer.status, answer.headers["content-type"], answer.body) == (200, "image/gif", PIXEL)
        assert "cross-origin-resource-policy" not in answer.headers  # web mail programs show it in their own pages
    found = mailing.counted(opens=before.get("opens", 0) + 2)
    assert found["opened"] == before.get("opened", 0) + 1


def test_a_click_leads_to_the_link_of_the_letter_alone(mailing):
    number, before = mailing.next(), mailing.totals()
    answer = _mark(mailing.get(mailing.path("c", number, link=1) + "?u=https://evil.example&url=//evil.example"))
    assert (answer.status, answer.headers["location"], answer.body) == (302, "https://shop.example.org/cups", b"")
    assert mailing.counted(clicks=before.get("clicks", 0) + 1)["clicked"] == before.get("clicked", 0) + 1


@pytest.mark.parametrize(
    "headers",
    [
        {"agent": "Mozilla/5.0 (compatible; GoogleImageProxy)"},
        {"agent": "Barracuda Sentinel"},
        {"agent": ""},
        {"method": "HEAD"},
        {"Sec_Purpose": "prefetch"},
    ],
)
def test_machines_are_served_and_kept_apart_from_people(mailing, headers):
    number, before = mailing.next(), mailing.totals()
    assert mailing.get(mailing.path("c", number), **headers).status == 302
    found = mailing.counted(machine_clicks=before.get("machine_clicks", 0) + 1)
    assert found.get("clicked", 0) == before.get("clicked", 0)
    assert found.get("clicks", 0) == before.get("clicks", 0)


@pytest.mark.parametrize("kind", ["o", "c", "u", "p"])
def test_an_altered_token_is_nothing_and_leads_nowhere(mailing, kind):
    """Every character counts; the answer to a forger names nobody and keeps nothing."""
    path = mailing.path(kind, 0)
    token = mailing.token(0)
    for place in range(0, len(token), 5):
        altered = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        answer = mailing.get(path.replace(token, altered))
        assert answer.status == 404
        assert "location" not in answer.headers
    assert _mark(mailing.get(path.replace(token, token[:-1]))).status == 404
    for method in ("PUT", "DELETE", "PATCH"):
        assert mailing.get(path, method=method).status == 405


@pytest.mark.parametrize(
    "tail", ["", "/0-0", "/zzzzzzzzzzzzz-0", "/{revision}-99", "/{revision}-00", "/{revision}-0/x", "/{revision}--1", "/{foreign}-0"]
)
def test_a_click_on_no_link_of_the_tenant_is_404(mailing, foreign, tail):
    """Among them a genuine token with another tenant's letter: it never leads to that tenant's links."""
    path = f"/t/c/{mailing.token(0)}" + tail.format(revision=base36(mailing.revision_id), foreign=base36(foreign.revision_id))
    answer = mailing.get(path)
    assert (answer.status, answer.headers.get("location")) == (404, None)


def test_looking_at_the_unsubscribe_page_changes_nothing(mailing, foreign):
    """Scanners follow links; also by HEAD, OPTIONS and many times (RFC 8058, section 1)."""
    number = mailing.next()
    for method in ("GET", "HEAD", "OPTIONS") * 3:
        assert mailing.get(mailing.path("u", number), method=method).status == 200
        assert mailing.get(mailing.path("p", number), method=method).status == 200
    page = _mark(mailing.get(mailing.path("u", number)))
    assert "Tenant a1 Ltd" in page.text
    assert "Acme Mail" in page.text
    assert "7c2d12" in page.text
    assert "Everybody" in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "noindex" in page.text
    assert mailing.states(number) == {"Everybody": "subscribed"}
    theirs = foreign.get(foreign.path("u", 0)).text
    assert "Berta Post" in theirs
    assert "Acme Mail" not in theirs


def test_one_click_needs_no_page_no_cookie_and_no_second_try(mailing):
    """RFC 8058, section 3.1: the mail program posts this and nothing else; doing it again is no error."""
    number, before = mailing.next(), mailing.totals()
    for _ in range(2):
        answer = mailing.post(mailing.path("u", number), "List-Unsubscribe=One-Click")
        assert (answer.status, answer.text) == (200, "You are unsubscribed.\n")
        assert "set-cookie" not in answer.headers
    assert mailing.states(number) == {"Everybody": "unsubscribed"}
    assert mailing.totals()["unsubscribed"] == before.get("unsubscribed", 0) + 1
    events = mailing.street.program(mailing.street.world.a1).call("GET", "/events").json["data"]
    assert [one["kind"] for one in events].count("unsubscribed") >= 1


def test_one_click_may_come_as_multipart(mailing):
    """RFC 8058, section 3.1, allows both forms."""
    number = mailing.next()
    body = '--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
    answer = mailing.served.call("POST", mailing.path("u", number), body=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert (answer.status, answer.text) == (200, "You are unsubscribed.\n")
    assert mailing.states(number) == {"Everybody": "unsubscribed"}


def test_the_button_unsubscribes_and_says_so(mailing, foreign):
    number = mailing.next()
    answer = _mark(mailing.post(mailing.path("u", number)))
    assert answer.status == 200
    assert "You are unsubscribed" in answer.text
    assert mailing.states(number) == {"Everybody": "unsubscribed"}
    assert "not subscribed" in mailing.get(mailing.path("u", number)).text
    assert set(foreign.states(0).values()) == {"subscribed"}


def test_preferences_end_what_is_not_ticked_and_begin_nothing(mailing):
    """Ids of other lists, of other tenants' or of none at all count for nothing."""
    number, scope = mailing.next(), mailing.shop.scope
    with transaction(scope):
        for name in ("Offers", "Kept"):
            made = lists.create_list(scope, name=name)
            lists.subscribe(scope, contact_id=mailing.shop.contact_ids[number], list_id=made.id, source="test")
        lists.create_list(scope, name="Never asked for")
    page = _mark(mailing.get(mailing.path("p", number)))
    kept = page.text.split("Kept")[0].rsplit('value="', 1)[1].split('"')[0]
    assert "Never asked for" not in page.text
    answer = _mark(mailing.post(mailing.path("p", number), f"keep={kept}&keep=lst_0000000000001&keep=nonsense&keep=%00"))
    assert answer.status == 200
    assert "Saved" in answer.text
    assert mailing.states(number) == {"Everybody": "unsubscribed", "Offers": "unsubscribed", "Kept": "subscribed"}


def test_a_person_whose_contact_was_deleted_still_unsubscribes(mailing):
    """The wish holds for the address: brought in again, it is not written to."""
    number, scope = mailing.next(), mailing.shop.scope
    email = f"person{number}@tea.example.net"
    with transaction(scope):
        contacts.delete(scope, contact_id=mailing.shop.contact_ids[number])
    assert mailing.get(mailing.path("u", number)).status == 200
    assert mailing.post(mailing.path("u", number), "List-Unsubscribe=One-Click").status == 200
    with transaction(scope):
        assert is_suppressed(scope, email, stream="marketing", list_id=mailing.shop.list_id)


def test_a_huge_body_is_refused(mailing):
    answer = mailing.post(mailing.path("u", 0), "List-Unsubscribe=One-Click&x=" + "y" * 3_500_000)
    assert answer.status == 413


def test_an_account_that_is_closed_has_no_links_and_a_suspended_one_lets_people_go(street, ended):
    """A suspended sender's links stop, but who wants to leave can (within a minute: the state is asked for that often)."""
    number, scope = ended.next(), street.world.b.scope
    with transaction(scope):
        accounts.set_state(scope, street.world.b2.id, "suspended", "abuse")
    assert ended.post(ended.path("u", number), "List-Unsubscribe=One-Click").status == 200
    assert ended.states(number) == {"Everybody": "unsubscribed"}
    with transaction(scope):
        accounts.set_state(scope, street.world.b2.id, "closed", "ended")
    assert _mark(ended.get(ended.path("u", number))).status == 404
    assert ended.post(ended.path("u", number), "List-Unsubscribe=One-Click").status == 404
