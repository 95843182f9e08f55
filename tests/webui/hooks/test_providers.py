"""Providers' hooks over HTTP: proven first, answered after keeping, and silent about what is not there."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import hook_calls
import psycopg
import pytest

from posthouse.platform import clock

AT = datetime.fromtimestamp(hook_calls.NOW, UTC)


@pytest.fixture
def address(browser):
    """Sets a hook up in the operator's pages and gives its path."""
    browser.sign_in("operator@example.com")

    def make(provider: str, secret: str) -> str:
        page = browser.post("/operator/providers", provider=provider, secret=secret, label="ours")
        assert page.status_code == 200, page.text
        return re.findall(rf"/hooks/providers/{provider}/phk_\w+", page.text)[0]

    return make


def _post(browser, path, request, **headers):
    sent = {**dict(request.headers), **headers}
    return browser.client.post(path, data=request.body, content_type=request.content_type, headers=sent)


@pytest.mark.parametrize("name", [name for name in hook_calls.CALLS if name != "mandrill"])
def test_a_genuine_report_is_kept_once(browser, address, settings, name):
    call = hook_calls.CALLS[name]()
    path = address(name, call.secret)
    with clock.frozen(AT):
        answers = [_post(browser, path, call.request) for _ in range(2)]
    assert [(answer.status_code, answer.text.strip()) for answer in answers] == [(200, "kept"), (200, "known")]
    with psycopg.connect(settings.database_url) as live:
        assert live.execute("SELECT count(*) FROM provider_report").fetchone()[0] == 1
        assert live.execute("SELECT count(*) FROM job WHERE kind = 'inbound.sort_provider_report'").fetchone()[0] == 1


def test_no_unproven_report_of_any_provider_is_kept(browser, address, settings):
    """Another secret, no signature, and a signature that is an hour old or from tomorrow: 403, before anything is read."""
    found = {}
    paths = {name: address(name, "some other secret") for name in hook_calls.CALLS}
    stamped = {name: address(name, make(hook_calls.NOW).secret) for name, make in hook_calls.STAMPED.items()}
    with clock.frozen(AT):
        for name, make in hook_calls.CALLS.items():
            call = make()
            bare = replace(call.request, headers={}, body=call.request.body.replace(b"signature", b"sig").replace(b'"auth"', b'"a"'))
            found[name] = [_post(browser, paths[name], one).status_code for one in (call.request, bare)]
        for name, path in stamped.items():
            old = (hook_calls.STAMPED[name](hook_calls.NOW + shift).request for shift in (-3_601, 86_400))
            found[name] += [_post(browser, path, one).status_code for one in old]
    assert len(found) >= 12
    assert {code for codes in found.values() for code in codes} == {403}, found
    with psycopg.connect(settings.database_url) as live:
        assert live.execute("SELECT count(*) FROM provider_report").fetchone()[0] == 0


def test_what_cannot_be_kept_is_not_answered_well(browser, address, settings):
    """The provider posts it again, and then it counts."""
    call = hook_calls.postmark()
    path = address("postmark", call.secret)
    with psycopg.connect(settings.database_url, autocommit=True) as live, clock.frozen(AT):
        live.execute("ALTER TABLE provider_report RENAME TO gone")
        assert _post(browser, path, call.request).status_code >= 500
        live.execute("ALTER TABLE gone RENAME TO provider_report")
        assert _post(browser, path, call.request).text.strip() == "kept"


def test_no_such_hook_wrong_provider_too_large_and_unreadable_are_told_apart(browser, address):
    call = hook_calls.brevo()
    path = address("brevo", call.secret)
    rubbish = hook_calls.request(b"{", authorization=call.request.headers["authorization"])
    huge = hook_calls.request(b"x" * 4_000_001, authorization=call.request.headers["authorization"])
    found = [_post(browser, path.replace("brevo", "mailjet"), call.request), _post(browser, path[:-1], call.request)]
    assert [answer.status_code for answer in found] == [404, 404]
    assert _post(browser, path, rubbish).status_code == 400
    assert _post(browser, path, huge).status_code == 413


SIGNED = ("sendgrid", "mailgun", "mandrill", "resend", "mailersend", "mailtrap", "postal")


@pytest.mark.parametrize("name", SIGNED)
def test_a_signature_holds_for_its_own_body_only(browser, address, settings, name):
    """The right secret, and one letter of what was signed is another; Mandrill's covers the address that it was posted to as well."""
    call = hook_calls.CALLS[name]()
    path = address(name, call.secret)
    changed = (
        call.request.body.replace(b'"signature":', b'"signature" :') if name == "mailgun" else call.request.body.replace(b"ann", b"bob")
    )
    if name == "mailgun":  # signs its own time and token
        changed = changed.replace(b"ttt", b"ttu")
    if name in {"postal", "mailersend"}:
        changed = changed + b" "
    assert changed != call.request.body
    with clock.frozen(AT):
        assert _post(browser, path, replace(call.request, body=changed)).status_code == 403


def test_mandrills_signature_covers_the_address_of_the_hook(browser, address):
    """A post that was signed for another hook is refused here; one for this hook is kept once, however often it comes."""
    path = address("mandrill", hook_calls.KEY)
    call = hook_calls.mandrill(f"http://localhost{path}")
    with clock.frozen(AT):
        answers = [_post(browser, path, one) for one in (hook_calls.mandrill().request, call.request, call.request)]
    assert [answer.status_code for answer in answers] == [403, 200, 200]
    assert [answer.text.strip() for answer in answers[1:]] == ["kept", "known"]
