"""What a provider posts is kept once, and each event has its effect once, at the message whose token it bears."""

from __future__ import annotations

import json

import hook_calls
import pytest
import sqlalchemy as sa
from desk import Desk

from posthouse.inbound.parsing.cards import Understood
from posthouse.inbound.providers import jobs, queries, services
from posthouse.inbound.providers.cards import HookRequest, ProviderEvent
from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.errors import Forbidden, Invalid, Missing
from posthouse.platform.scope import system

SECRET = "hook:secret"


@pytest.fixture
def hook(desk: Desk) -> services.Hook:
    """A hook of Brevo, which signs nothing."""
    with transaction(desk.world.operator):
        hook_id = services.create_hook(desk.world.operator, provider="brevo", secret=SECRET)
        (card,) = queries.list_hooks(desk.world.operator)
    found = services.find_hook("brevo", card.path.rpartition("/")[2])
    assert found is not None
    assert (found.id, found.secret) == (hook_id, SECRET)
    return found


def _posted(token: str, event: str = "hard_bounce", reason: str = "550 5.1.1 no such user", email: str = "ann@example.net") -> HookRequest:
    entry = {"event": event, "email": email, "message-id": f"<{token}@mail.example>", "reason": reason, "ts_epoch": 1_800_000_000_000}
    return hook_calls.request(json.dumps(entry).encode())


def _sort_all() -> None:
    scope = system("test")
    with transaction(scope) as live:
        waiting = live.scalars(sa.text("SELECT id FROM provider_report ORDER BY id")).all()
    for report_id in waiting:
        jobs.sort_report(scope, report_id=report_id)


def test_a_bounce_by_hook_marks_the_message_and_suppresses(desk: Desk, hook: services.Hook) -> None:
    """The same effect as a bounce by mail."""
    sent = desk.send(desk.world.a1)
    assert services.keep(hook, _posted(sent.token)) == services.Received(200, "kept")
    _sort_all()
    assert desk.marks(sent) == (True, "userunknown", True, False)
    assert [row[:2] for row in desk.suppressed(desk.world.a1)] == [("ann@example.net", "hard_bounce")]
    assert desk.mail(desk.world.a1) == [("bounce", "bounced", sent.id)]
    assert desk.mail(desk.world.a2) == []


def test_the_same_post_and_the_same_event_count_once(desk: Desk, hook: services.Hook) -> None:
    """Providers repeat; a job may run twice; the words around one event may differ."""
    sent = desk.send(desk.world.a1)
    assert services.keep(hook, _posted(sent.token)).why == "kept"
    assert services.keep(hook, _posted(sent.token)).why == "known"
    again = _posted(sent.token)
    services.keep(hook, HookRequest(again.url, again.content_type, again.headers, again.body + b" "))
    _sort_all()
    _sort_all()
    assert len(desk.mail(desk.world.a1)) == 1
    assert len(desk.suppressed(desk.world.a1)) == 1


def test_the_same_bounce_by_mail_and_by_hook_has_one_effect(desk: Desk, hook: services.Hook) -> None:
    """Whichever comes second finds the message marked."""
    sent = desk.send(desk.world.a1)
    services.keep(hook, _posted(sent.token))
    _sort_all()
    bounce = (
        f"From: MAILER-DAEMON@x.example\nSubject: failure notice\n\n<ann@example.net>:\n550 5.1.1 no such user\n\n{sent.token}@mail.example"
    )
    desk.hand_in(bounce.encode(), f"{sent.token}@bounce.mail.example")
    assert [row[1] for row in desk.mail(desk.world.a1)] == ["bounced", "repeated"]
    assert len(desk.suppressed(desk.world.a1)) == 1


@pytest.mark.parametrize(("event", "effect"), [("spam", "complained"), ("unsubscribed", "unsubscribed"), ("deferred", "none")])
def test_other_events_have_their_effect(desk: Desk, hook: services.Hook, event: str, effect: str) -> None:
    """Complaints and leavers count; a delay is only written down."""
    sent = desk.send(desk.world.a1)
    services.keep(hook, _posted(sent.token, event))
    _sort_all()
    assert [row[1] for row in desk.mail(desk.world.a1)] == [effect]


def test_an_event_that_always_fails_holds_up_none_of_its_post(desk: Desk, hook: services.Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others have their effect at once; the post stays unsorted, so that it is tried again."""
    sent = desk.send(desk.world.a1)
    entries = [json.loads(_posted(token).body) for token in ("poison", sent.token)]
    services.keep(hook, hook_calls.request(json.dumps(entries).encode()))
    real = jobs.understand

    def understand(name: str, event: ProviderEvent) -> Understood | None:
        if "poison" in event.hints:
            raise ValueError("poison")
        return real(name, event)

    monkeypatch.setattr(jobs, "understand", understand)
    for _ in range(2):
        with pytest.raises(ValueError, match="poison"):
            _sort_all()
    assert desk.marks(sent)[0]
    assert len(desk.mail(desk.world.a1)) == 1
    monkeypatch.undo()
    _sort_all()
    assert desk.unmatched() == [("bounce", "no-token")]


def test_deliveries_and_clicks_leave_no_trace(desk: Desk, hook: services.Hook) -> None:
    """We know deliveries from the dialogue and clicks from our own links."""
    sent = desk.send(desk.world.a1)
    services.keep(hook, _posted(sent.token, "delivered"))
    _sort_all()
    assert desk.mail(desk.world.a1) == desk.unmatched() == []


def test_an_event_with_a_forged_token_or_none_changes_nothing(desk: Desk, hook: services.Hook) -> None:
    """An address alone names nobody."""
    sent = desk.send(desk.world.a1)
    services.keep(hook, _posted("a" * len(sent.token)))
    services.keep(hook, _posted("someone"))
    _sort_all()
    assert sorted(desk.unmatched()) == [("bounce", "forged"), ("bounce", "no-token")]
    assert desk.marks(sent)[0] is False


def test_only_the_operator_sets_hooks_up(desk: Desk) -> None:
    """A reseller's and a tenant's people may not; what is missing is said."""
    for place in (desk.world.a, desk.world.a1):
        with transaction(place.scope), pytest.raises(Forbidden):
            services.create_hook(place.scope, provider="brevo", secret=SECRET)
    with transaction(desk.world.operator), pytest.raises(Invalid, match="Paste what proves"):
        services.create_hook(desk.world.operator, provider="brevo", secret="")
    with transaction(desk.world.operator), pytest.raises(Invalid, match="Choose a provider"):
        services.create_hook(desk.world.operator, provider="nobody", secret=SECRET)


def test_a_deleted_hook_is_gone(desk: Desk, hook: services.Hook) -> None:
    """Its address answers nothing, and its posts go with it."""
    services.keep(hook, _posted("x"))
    with transaction(desk.world.operator):
        services.delete_hook(desk.world.operator, hook_id=hook.id)
        assert queries.list_hooks(desk.world.operator) == ()
    with transaction(desk.world.operator), pytest.raises(Missing):
        services.delete_hook(desk.world.operator, hook_id=hook.id)


def test_a_signature_must_be_fresh(desk: Desk) -> None:
    """The clock of the house decides."""
    call = hook_calls.mailgun()
    with transaction(desk.world.operator):
        services.create_hook(desk.world.operator, provider="mailgun", secret=call.secret)
        (card,) = queries.list_hooks(desk.world.operator)
    hook = services.find_hook("mailgun", card.path.rpartition("/")[2])
    assert hook is not None
    assert not services.is_proven(hook, call.request)
    assert clock.now().timestamp() != hook_calls.NOW
