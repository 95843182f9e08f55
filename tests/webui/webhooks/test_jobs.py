"""News reaches every endpoint that wants it, signed and at least once; who fails is tried again, rested, and at last stopped."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from news import relay_news

from posthouse.platform import clock
from posthouse.platform.app import running_app
from posthouse.platform.db import session, transaction
from posthouse.platform.events import emit
from posthouse.platform.runner import run_due
from posthouse.sending.events import DomainVerified
from posthouse.tenants.events import ContactsImported
from posthouse.webui.webhooks import jobs, queries, services
from posthouse.webui.webhooks.kinds import KINDS, Many
from posthouse.webui.webhooks.receiver import SENTENCES

T0 = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def at():
    with clock.frozen(T0) as held:
        yield held


def _happen(settings, place, event=None):
    """Let something happen and pass it on, up to the endpoint's door."""
    with transaction(place.scope):
        emit(place.scope, event or DomainVerified(domain_id=7))
    relay_news(settings)
    run_due()


def _deliver():
    return run_due(jobs.QUEUE)


def _card(place, endpoint_id):
    with transaction(place.scope):
        return queries.get_endpoint(place.scope, endpoint_id)


def _log(place, endpoint_id):
    with transaction(place.scope):
        return queries.list_deliveries(place.scope, endpoint_id)


def _verified(got, secret):
    """Check as a library for Standard Webhooks does."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    right = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return right in got.headers["webhook-signature"].split(" ")


def test_news_arrives_signed_and_once(settings, world, receiver, endpoint, at):
    _happen(settings, world.a1)
    _deliver()
    (got,) = receiver.got
    assert _verified(got, endpoint[1])
    assert got.headers["content-type"] == "application/json"
    assert got.headers["webhook-timestamp"] == str(int(T0.timestamp()))
    told = json.loads(got.body)
    assert told["type"] == "domain.verified"
    assert told["timestamp"] == "2026-11-25T12:00:00Z"
    assert told["data"]["domain_id"].startswith("dom_")
    (card,) = _log(world.a1, endpoint[0])
    assert (card.state, card.attempts) == ("delivered", 1)
    at.move(days=4)
    _deliver()
    assert len(receiver.got) == 1


def test_a_webhook_names_nobody_above_the_tenant(settings, world, receiver, endpoint):
    _happen(settings, world.a1)
    _deliver()
    (got,) = receiver.got
    seen = (str(got.headers) + got.body.decode()).lower()
    assert not any(name in seen for name in ("posthouse", "reseller", "operator"))


def test_only_what_was_chosen_is_told_and_only_of_the_own_tenant(settings, world, receiver, endpoint):
    with transaction(world.a2.scope):
        services.create_endpoint(world.a2.scope, url=receiver.url + "/a2", kinds=["domain.verified"])
    _happen(settings, world.a1)
    _happen(settings, world.b1)
    _happen(settings, world.a1, ContactsImported(import_id=7))
    with transaction(world.a1.scope):
        services.edit_endpoint(world.a1.scope, endpoint[0], kinds=["campaign.started"])
    _happen(settings, world.a1)
    _deliver()
    assert [got.path for got in receiver.got] == ["/hook", "/hook"]
    assert [json.loads(got.body)["type"] for got in receiver.got] == ["domain.verified", "import.finished"]


def test_what_nobody_wants_to_hear_is_not_even_written_down(settings, world, receiver, endpoint):
    for place, event in ((world.a2, DomainVerified(domain_id=7)), (world.a1, KINDS["domain.lost"].event(domain_id=7))):
        with transaction(place.scope):
            emit(place.scope, event)
    with transaction(world.a1.scope) as live:
        assert live.execute(sa.text("SELECT count(*) FROM job")).scalar_one() == 0
    relay_news(settings)
    assert run_due() == 0


def test_a_failure_is_tried_again_under_the_same_id_until_it_is_taken(settings, world, receiver, endpoint, at):
    receiver.answers = [500, 503]
    _happen(settings, world.a1)
    _deliver()
    assert _card(world.a1, endpoint[0]).failing_since == T0
    at.move(seconds=6)
    _deliver()
    at.move(seconds=34)
    _deliver()
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert len({got.body for got in receiver.got}) == 1
    assert len({got.headers["webhook-timestamp"] for got in receiver.got}) == 3
    (card,) = _log(world.a1, endpoint[0])
    assert (card.state, card.attempts) == ("delivered", 3)
    with transaction(world.a1.scope):
        tries = queries.list_attempts(world.a1.scope, card.id)
    assert [(one.status, one.problem) for one in tries] == [(500, "refused"), (503, "refused"), (204, "")]
    assert _card(world.a1, endpoint[0]).failing_since is None


def test_an_endpoint_that_asks_for_time_gets_it(settings, world, receiver, endpoint, at):
    receiver.answers = [(429, {"Retry-After": "600"}, b"slow")]
    _happen(settings, world.a1)
    _deliver()
    at.move(seconds=590)
    _deliver()
    assert len(receiver.got) == 1
    at.move(seconds=15)
    _deliver()
    assert len(receiver.got) == 2


def test_a_failing_endpoint_rests_and_one_alone_asks_whether_it_is_back(settings, world, receiver, endpoint, at):
    """A black hole costs one call per rest, however much there is to tell."""
    receiver.answers = [500] * 100
    for _ in range(20):
        _happen(settings, world.a1)
    _deliver()
    asked = len(receiver.got)
    assert asked <= 4
    at.move(seconds=40)
    _deliver()
    assert len(receiver.got) <= asked + 1
    receiver.answers = []
    for _ in range(60):
        at.move(minutes=1)
        _deliver()
    assert {card.state for card in _log(world.a1, endpoint[0])} == {"delivered"}
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 20


def test_down_for_two_days_all_is_delivered_after(settings, world, receiver, endpoint, at):
    receiver.answers = [500] * 10_000
    for _ in range(5):
        _happen(settings, world.a1)
    for _ in range(48):
        at.move(hours=1)
        _deliver()
    receiver.answers = []
    for _ in range(23):
        at.move(hours=1)
        _deliver()
    assert {card.state for card in _log(world.a1, endpoint[0])} == {"delivered"}
    assert _card(world.a1, endpoint[0]).state == "enabled"


def test_after_three_days_of_failing_it_is_stopped_with_a_notice_and_can_go_on(settings, world, receiver, endpoint, at):
    receiver.answers = [500] * 10_000
    _happen(settings, world.a1)
    for _ in range(20):
        at.move(hours=4)
        with transaction(world.a1.scope):
            services.tell(world.a1.scope, kind="domain.verified", facts={int(clock.now().timestamp()): {}})
        _deliver()
    card = _card(world.a1, endpoint[0])
    assert (card.state, card.state_why) == ("disabled", "failing")
    with transaction(world.a1.scope) as live:
        assert [one.id for one in queries.troubled(world.a1.scope)] == [endpoint[0]]
        assert live.execute(sa.text("SELECT count(*) FROM tenant_audit WHERE verb = 'webhook.disabled'")).scalar_one() == 1
    for _ in range(3):
        at.move(days=1)
        _deliver()
    assert {one.state for one in _log(world.a1, endpoint[0])} == {"failed"}
    receiver.answers, receiver.got = [], []
    with transaction(world.a1.scope):
        services.set_enabled(world.a1.scope, endpoint[0], enabled=True)
        again = services.replay_failed(world.a1.scope, endpoint[0])
    _deliver()
    assert again == len(receiver.got) > 1
    assert {one.state for one in _log(world.a1, endpoint[0])} == {"delivered"}


def test_who_says_gone_is_stopped_at_once(settings, world, receiver, endpoint):
    receiver.answers = [410]
    _happen(settings, world.a1)
    _deliver()
    assert (_card(world.a1, endpoint[0]).state, _card(world.a1, endpoint[0]).state_why) == ("disabled", "gone")


def test_a_run_that_is_repeated_tries_once_and_a_worker_that_dies_is_made_up_for(settings, world, receiver, endpoint, at):
    _happen(settings, world.a1)
    (card,) = _log(world.a1, endpoint[0])
    with transaction(world.a1.scope):
        assert jobs._claim(world.a1.scope, card.id) is not None  # and here the worker dies
    jobs.deliver(world.a1.scope, delivery_id=card.id)
    _deliver()
    assert receiver.got == []
    at.move(seconds=61)
    _deliver()
    at.move(days=1)
    _deliver()
    assert len(receiver.got) == 1
    jobs.deliver(world.a1.scope, delivery_id=card.id)
    assert len(receiver.got) == 1


def test_news_passed_on_twice_is_told_once(settings, world, receiver, endpoint):
    with transaction(world.a1.scope):
        for _ in range(2):
            services.tell(world.a1.scope, kind="domain.verified", facts={11: {}})
    _deliver()
    assert len(receiver.got) == 1


def test_a_rotated_secret_signs_beside_the_old_one_for_a_day(settings, world, receiver, endpoint, at):
    with transaction(world.a1.scope):
        fresh = services.rotate_secret(world.a1.scope, endpoint[0])
    _happen(settings, world.a1)
    _deliver()
    at.move(hours=24, seconds=1)
    _happen(settings, world.a1)
    _deliver()
    first, second = receiver.got
    assert _verified(first, endpoint[1])
    assert _verified(first, fresh)
    assert not _verified(second, endpoint[1])
    assert _verified(second, fresh)


def test_the_secret_is_stored_sealed(world, endpoint):
    with transaction(world.a1.scope) as live:
        stored = live.execute(sa.text("SELECT secret FROM webhook_endpoint")).scalar_one()
    assert endpoint[1].encode() not in bytes(stored)
    assert base64.b64decode(endpoint[1][6:]) not in bytes(stored)


def test_a_private_address_is_not_called_where_the_setting_forbids_it(settings, world, receiver, endpoint):
    """Also when the endpoint was made while it was allowed."""
    _happen(settings, world.a1)
    running_app().extensions["posthouse_settings"] = replace(settings, webhook_private_addresses=False)
    _deliver()
    assert receiver.got == []
    (card,) = _log(world.a1, endpoint[0])
    with transaction(world.a1.scope):
        assert [one.problem for one in queries.list_attempts(world.a1.scope, card.id)] == ["private_address"]


def test_the_log_forgets_after_thirty_days(settings, world, receiver, endpoint, at):
    for _ in range(3):
        _happen(settings, world.a1)
    _deliver()
    at.move(days=31)
    _happen(settings, world.a1)
    assert len(_log(world.a1, endpoint[0])) == 1


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_is_told_also_when_what_it_tells_of_is_gone(world, name):
    kind = KINDS[name]
    values = {field: [7] if field == "message_ids" else 7 for field in kind.event.__dataclass_fields__}
    with transaction(world.a1.scope):
        told = kind.tell(world.a1.scope, kind.event(**values))
    told = told[7] if isinstance(told, Many) else told
    assert json.loads(json.dumps(told)) == told
    assert any("_" in str(value) for value in told.values()) or name == "standing.changed"


def test_threads_of_a_shift_deliver(settings, world, receiver, endpoint):
    for _ in range(10):
        _happen(settings, world.a1)
    jobs.work(clock.monotonic() + 2)
    assert len(receiver.got) == 10


def test_sentences_cover_every_problem():
    assert set(SENTENCES) >= {"name_not_found", "private_address", "not_reached", "tls", "too_slow", "malformed", "broken_off"}


def test_waiting_news_of_a_deleted_endpoint_is_dropped(settings, world, receiver, endpoint):
    _happen(settings, world.a1)
    with transaction(world.a1.scope):
        services.delete_endpoint(world.a1.scope, endpoint[0])
    _deliver()
    assert receiver.got == []
    with transaction(world.a1.scope):
        assert session(world.a1.scope).execute(sa.text("SELECT count(*) FROM webhook_delivery")).scalar_one() == 0


def test_a_delivery_never_waits_longer_than_its_life(settings, world, receiver, endpoint, at):
    receiver.answers = [500] * 1_000
    _happen(settings, world.a1)
    for _ in range(100):
        at.move(hours=1)
        _deliver()
    (card,) = _log(world.a1, endpoint[0])
    assert card.state == "failed"
    assert card.settled_at - T0 <= timedelta(hours=90)
