"""Providers' hooks over HTTP: proven first, answered after keeping, and silent about what is not there."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import hook_calls
import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from posthouse.inbound.providers.amazonses import is_signed, signed_text
from posthouse.platform import clock
from posthouse.webui.hooks import sns

AT = datetime.fromtimestamp(hook_calls.NOW, UTC)
TOPIC = "arn:aws:sns:eu-west-1:1:bounces"


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


def _amazon():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(AT - timedelta(days=1)).not_valid_after(AT + timedelta(days=1)).sign(key, hashes.SHA256())
    return key, made.public_bytes(serialization.Encoding.PEM)


def _envelope(key, **changes):
    facts = {"Type": "Notification", "MessageId": "n", "TopicArn": TOPIC, "Timestamp": AT.isoformat(), "SignatureVersion": "2"}
    facts |= {"Message": json.dumps({"eventType": "Bounce"}), "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/c.pem", **changes}
    signature = key.sign(signed_text(facts), padding.PKCS1v15(), hashes.SHA256())
    return facts | {"Signature": base64.b64encode(signature).decode()}


def test_amazons_signature_covers_the_envelope():
    """One altered field, or another certificate, and it does not hold."""
    key, certificate = _amazon()
    envelope = _envelope(key)
    assert is_signed(envelope, certificate)
    assert not is_signed(envelope | {"Message": "{}"}, certificate)
    assert not is_signed(envelope | {"SignatureVersion": "3"}, certificate)
    assert not is_signed(envelope, _amazon()[1])
    assert not is_signed(envelope, b"no certificate")


@pytest.mark.parametrize(
    "changes",
    [
        {"SigningCertURL": "https://evil.example/c.pem"},
        {"SigningCertURL": "http://sns.eu-west-1.amazonaws.com/c.pem"},
        {"TopicArn": "arn:aws:sns:eu-west-1:2:theirs"},
        {"Timestamp": "2020-01-01T00:00:00Z"},
    ],
)
def test_a_message_of_another_host_topic_or_time_is_refused_before_anything_is_fetched(changes):
    """Nobody is asked for a certificate that would not be believed."""
    key, _ = _amazon()
    with clock.frozen(AT):
        assert not sns.is_proven(hook_calls.request(json.dumps(_envelope(key, **changes)).encode(), "text/plain"), TOPIC)
    assert sns.fetch.cache_info().currsize == 0


def test_only_amazons_own_address_is_asked_to_confirm():
    """A confirmation that points elsewhere is not followed."""
    key, _ = _amazon()
    asked = _envelope(key, Type="SubscriptionConfirmation", SubscribeURL="http://127.0.0.1/latest", Token="t")
    assert not sns.confirm(hook_calls.request(json.dumps(asked).encode()))
