"""Amazon SES over SNS, from the post to the record: a certificate fetched from Amazon's own host decides, and no other host is asked."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import hook_calls
import psycopg
import pytest
from amazon import CERTIFICATE_URL, HOST, TOPIC, Amazon, amazon

from posthouse.inbound.providers.amazonses import is_signed
from posthouse.platform import clock

AT = datetime.fromtimestamp(hook_calls.NOW, UTC)
PEM = CERTIFICATE_URL.removeprefix(f"https://{HOST}")


@pytest.fixture
def post(browser):
    """Sets a hook up for the topic and posts envelopes to it; gives status and word."""
    browser.sign_in("operator@example.com")
    page = browser.post("/operator/providers", provider="amazonses", secret=TOPIC, label="ours")
    path = re.findall(r"/hooks/providers/amazonses/phk_\w+", page.text)[0]

    def act(envelope):
        answer = browser.client.post(path, data=json.dumps(envelope), content_type="text/plain; charset=UTF-8")
        return answer.status_code, answer.text.strip()

    return act


@pytest.fixture
def double(tmp_path, monkeypatch):
    with amazon(tmp_path, monkeypatch) as running, clock.frozen(AT):
        yield running


def _kept(settings) -> int:
    with psycopg.connect(settings.database_url) as live:
        return live.execute("SELECT count(*) FROM provider_report").fetchone()[0]


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_notification_is_kept_once_and_its_certificate_is_asked_for_once(post, double, settings, version):
    """Both versions of the signature hold; the same post again, as Amazon repeats it or somebody replays it, counts no more."""
    envelope = double.envelope(version=version)
    assert [post(envelope) for _ in range(2)] == [(200, "kept"), (200, "known")]
    assert _kept(settings) == 1
    assert double.asked == [PEM]


def test_a_subscription_is_confirmed_at_amazon(post, double, settings):
    assert post(double.subscription()) == (200, "confirmed")
    assert [path.split("?")[0] for path in double.asked] == [PEM, "/"]
    assert "Action=ConfirmSubscription" in double.asked[1]
    assert _kept(settings) == 0


def test_what_amazon_cannot_be_asked_now_it_shall_post_again(post, double, settings):
    """It does so after 5xx only; a redirect is followed nowhere."""
    for status in (500, 302):
        double.status = status
        assert post(double.envelope())[0] == 503
    double.status = 200
    assert post(double.envelope()) == (200, "kept")
    double.status = 500
    assert post(double.subscription())[0] == 503
    assert _kept(settings) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"SigningCertURL": "https://evil.example/c.pem"},
        {"SigningCertURL": f"https://{HOST}.evil.example/c.pem"},
        {"SigningCertURL": f"https://{HOST}@evil.example/c.pem"},
        {"SigningCertURL": f"https://{HOST}:8443/c.pem"},
        {"SigningCertURL": f"http://{HOST}/c.pem"},
        {"SigningCertURL": "https://s3.amazonaws.com/c.pem"},
        {"SigningCertURL": ""},
        {"TopicArn": "arn:aws:sns:eu-west-1:2:theirs"},
        {"Timestamp": "2020-01-01T00:00:00Z"},
        {"Timestamp": datetime.fromtimestamp(hook_calls.NOW + 3_700, UTC).isoformat()},
        {"Timestamp": datetime.fromtimestamp(hook_calls.NOW - 3_700, UTC).isoformat()},
    ],
    ids=str,
)
def test_another_host_topic_or_time_is_refused_before_anything_is_fetched(post, double, settings, changes):
    """Nobody is asked for a certificate that would not be believed, though the signature is right."""
    assert post(double.envelope(**changes))[0] == 403
    assert (double.asked, _kept(settings)) == ([], 0)


def test_a_wrong_or_missing_signature_is_refused(post, double, settings):
    """One altered field, another's key, another version, none at all."""
    envelope = double.envelope()
    wrong = [
        envelope | {"Message": "{}"},
        envelope | {"MessageId": "another"},
        envelope | {"Type": "SubscriptionConfirmation"},
        envelope | {"Signature": Amazon().envelope()["Signature"]},
        envelope | {"Signature": "!"},
        envelope | {"SignatureVersion": "1"},
        envelope | {"SignatureVersion": "3"},
        {name: value for name, value in envelope.items() if name != "Signature"},
        double.subscription() | {"SubscribeURL": f"https://{HOST}/?Action=ConfirmSubscription&Token=theirs"},
        [],
    ]
    assert {post(one)[0] for one in wrong} == {403}
    assert (double.asked, _kept(settings)) == ([PEM], 0)


def test_a_confirmation_that_leads_elsewhere_is_not_followed(post, double):
    """Though it is signed: whoever could have that signed would have us ask within our own network."""
    assert post(double.subscription(SubscribeURL="http://127.0.0.1/latest"))[0] == 400
    assert double.asked == [PEM]


def test_a_host_that_only_claims_amazons_name_is_not_believed(post, tmp_path, monkeypatch, settings):
    """Its certificate for TLS is nobody's that is trusted, as where a name server lies."""
    with amazon(tmp_path, monkeypatch, trusted=False) as liar, clock.frozen(AT):
        assert post(liar.envelope())[0] == 503
        assert (liar.asked, _kept(settings)) == ([], 0)


def test_amazons_signature_covers_the_envelope():
    with clock.frozen(AT):
        it = Amazon()
        envelope = it.envelope()
        assert is_signed(envelope, it.certificate())
        assert not is_signed(envelope | {"Message": "{}"}, it.certificate())
        assert not is_signed(envelope, Amazon().certificate())
        assert not is_signed(envelope, b"no certificate")
