"""Every provider's report is read into one vocabulary, proves itself by its own method, and harms nobody when it is rubbish."""

import json
from dataclasses import replace

import hook_calls
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.inbound.providers import amazonses
from posthouse.inbound.providers.cards import EventType, HookRequest
from posthouse.inbound.providers.catalogue import PROVIDERS, of_path
from posthouse.inbound.providers.values import Unreadable, seconds

NAMES = list(hook_calls.CALLS)


@pytest.mark.parametrize("name", NAMES)
def test_a_report_says_what_happened_to_whom(name: str) -> None:
    """Type, recipient and reason in the common words."""
    call = hook_calls.CALLS[name]()
    (event,) = PROVIDERS[name].read(call.request)
    assert (event.type, event.recipient, event.reason) == (call.type, hook_calls.WHO, call.reason)


@pytest.mark.parametrize("name", NAMES)
def test_a_genuine_report_proves_itself(name: str) -> None:
    """The provider's own method, with the right secret."""
    call = hook_calls.CALLS[name]()
    assert PROVIDERS[name].proves(call.request, call.secret, hook_calls.NOW)


@pytest.mark.parametrize("name", NAMES)
def test_a_report_with_another_secret_or_none_proves_nothing(name: str) -> None:
    """Wrong secret, empty secret, no header at all."""
    call = hook_calls.CALLS[name]()
    bare = replace(call.request, headers={}, body=call.request.body.replace(b"signature", b"sig").replace(b'"auth"', b'"a"'))
    assert not PROVIDERS[name].proves(call.request, "x" + call.secret[:-4] + "yyyy", hook_calls.NOW)
    assert not PROVIDERS[name].proves(call.request, "", hook_calls.NOW)
    assert not PROVIDERS[name].proves(bare, call.secret, hook_calls.NOW)


@pytest.mark.parametrize("name", ["sendgrid", "mandrill", "resend", "mailersend", "mailtrap", "postal", "unisendergo"])
def test_an_altered_body_proves_nothing(name: str) -> None:
    """Those who sign the body notice one changed letter."""
    call = hook_calls.CALLS[name]()
    assert not PROVIDERS[name].proves(replace(call.request, body=call.request.body.replace(b"ann", b"bob")), call.secret, hook_calls.NOW)


@pytest.mark.parametrize("name", list(hook_calls.STAMPED))
@pytest.mark.parametrize("age", [-1_000, 1_000])
def test_an_old_or_future_report_proves_nothing(name: str, age: int) -> None:
    """A repeated call is signed anew, so an old signature is a replay."""
    call = hook_calls.STAMPED[name](hook_calls.NOW - age)
    assert not PROVIDERS[name].proves(call.request, call.secret, hook_calls.NOW)


def test_mailguns_older_form_is_still_read_and_proved() -> None:
    """Some accounts still post forms."""
    call = hook_calls.mailgun_form()
    (event,) = PROVIDERS["mailgun"].read(call.request)
    assert (event.type, event.reason, event.event_id) == (call.type, call.reason, "f1")
    assert PROVIDERS["mailgun"].proves(call.request, call.secret, hook_calls.NOW)


def _sns(event: object, **changes: object) -> HookRequest:
    envelope = {"Type": "Notification", "MessageId": "n-1", "Message": json.dumps(event), "Timestamp": "2026-01-01T00:00:00Z"}
    return hook_calls.request(json.dumps(envelope | changes).encode(), "text/plain")


def test_amazon_names_each_recipient_with_its_answer() -> None:
    """Two recipients of one bounce; Amazon's memory of an old bounce is no new one."""
    bounced = [{"emailAddress": "a@x.example", "diagnosticCode": "550 5.1.1 no"}, {"emailAddress": "b@x.example"}]
    event = {"eventType": "Bounce", "mail": {"messageId": "m"}, "bounce": {"bounceType": "Permanent", "bouncedRecipients": bounced}}
    found = amazonses.PROVIDER.read(_sns(event))
    assert [(one.recipient, one.text, one.permanent) for one in found] == [("a@x.example", "550 5.1.1 no", True), ("b@x.example", "", True)]
    event["bounce"] = {"bounceType": "Permanent", "bounceSubType": "OnAccountSuppressionList", "bouncedRecipients": bounced}
    assert [one.permanent for one in amazonses.PROVIDER.read(_sns(event))] == [False, False]


def test_amazons_greeting_and_confirmation_are_no_events() -> None:
    """A line of plain text and a subscription carry nothing about a message."""
    assert amazonses.PROVIDER.read(_sns({}, Message="Successfully validated SNS topic for Amazon SES.")) == []
    assert amazonses.PROVIDER.read(_sns({}, Type="SubscriptionConfirmation")) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com",
        "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
        "https://s3.eu-west-1.amazonaws.com/a.pem",
    ],
)
def test_a_certificate_from_another_host_is_not_amazons(url: str) -> None:
    """Only the service's own hosts count."""
    assert not amazonses.is_sns_address(url)
    assert amazonses.is_sns_address("https://sns.eu-west-1.amazonaws.com/a.pem")


def test_a_path_names_its_provider() -> None:
    """With or without separators; an unknown name is none."""
    found = [of_path(path) for path in ("/hooks/amazon_ses/x", "/hooks/Unisender-Go", "/hooks/nobody", "")]
    assert [one.name if one else None for one in found] == ["amazonses", "unisendergo", None, None]


def test_an_unknown_event_stays_unknown() -> None:
    """Providers add events without asking."""
    (event,) = PROVIDERS["sendgrid"].read(hook_calls.request(b'[{"event": "new", "email": "a@b.example"}]'))
    assert (event.type, event.recipient) == (EventType.UNKNOWN, "a@b.example")


@pytest.mark.parametrize(
    ("value", "meant"), [(1e400, 0), (-5, 0), ("2026-01-01T00:00:00", 1_767_225_600), (1_767_225_600_000, 1_767_225_600), (True, 0)]
)
def test_times_are_seconds_or_nothing(value: object, meant: int) -> None:
    """Milliseconds, ISO 8601 and nonsense."""
    assert seconds(value) == meant


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda c: (
        st.lists(c, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["event", "email", "msys", "payload", "data", "Message", "Type", "mail", "bounce", "to", "events", "msg", "event-data"]
            ),
            c,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(
    body=st.binary(max_size=60) | _JSON.map(lambda value: json.dumps(value).encode()),
    content_type=st.sampled_from(["application/json", "multipart/form-data; boundary=b", ""]),
)
def test_rubbish_is_unreadable_or_read_but_never_an_error(body: bytes, content_type: str) -> None:
    """Whatever is posted: a list of events or Unreadable, and never proved."""
    asked = hook_calls.request(body, content_type, signature="x", svix_signature="v1,x", x_postal_signature="x")
    for provider in PROVIDERS.values():
        for ask in (provider.read, lambda r, p=provider: p.proves(r, "secret", hook_calls.NOW)):
            try:
                found = ask(asked)
            except Unreadable:
                continue
            assert found is False or isinstance(found, list)
