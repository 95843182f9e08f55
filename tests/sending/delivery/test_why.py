"""Every waiting or failed message says in words why, what to do, and when it goes on."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from ways import Ways

from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.sending.delivery.claiming import claim
from posthouse.sending.delivery.why import explain, explain_all
from posthouse.sending.messages import queries
from posthouse.sending.pools import health
from posthouse.sending.pools import services as pools
from posthouse.sending.rates import services as rates
from posthouse.sending.standing import services as standings
from posthouse.tenants.quotas import services as quotas
from posthouse.tenants.quotas.rules import Layer
from posthouse.tenants.suppressions.services import suppress

_FINAL = {"sent", "failed", "suppressed", "expired", "cancelled", "unknown"}


@pytest.fixture
def ways(app, world):
    return Ways(app, world)


def _why(place, **values):
    """Give the tenant's only message these values and ask why."""
    with transaction(place.scope):
        live = session(place.scope)
        if values.get("state") in _FINAL:
            values["settled_at"] = clock.now()
        for name, value in values.items():
            if name not in {"state", "settled_at"}:
                live.execute(sa.text(f"UPDATE message SET {name} = :value"), {"value": value})
        if "settled_at" in values:
            live.execute(
                sa.text("UPDATE message SET state = :state, settled_at = :at"), {"state": values["state"], "at": values["settled_at"]}
            )
        message_id = live.execute(sa.text("SELECT id FROM message")).scalar_one()
    with transaction(place.scope):
        return explain(place.scope, queries.get_message(place.scope, message_id))


def test_what_waits_for_a_way_out(ways, world):
    """No pool, paused, resting, and simply in line."""
    ways.queue(world.a1, 1)
    assert _why(world.a1).code == "hold_no_pool"
    _, (route,) = ways.pool(2525)
    assert _why(world.a1).code == "in_line"
    with transaction(world.a1.scope):
        health.note_trouble(world.a1.scope, route_id=route, failures=1, pause_seconds=60, detail="refused")
    found = _why(world.a1)
    assert (found.code, "can't be reached" in found.sentence) == ("routes_resting", True)
    assert found.until > clock.now()
    ways.act(pools.set_route_state, route_id=route, state="paused")
    assert _why(world.a1).code == "routes_paused"


def test_what_was_put_off(ways, world):
    """The server's words, what they mean, and the next try."""
    ways.queue(world.a1, 1)
    later = clock.now() + timedelta(minutes=5)
    found = _why(world.a1, attempts=1, not_before=later, reply_code=452, reply_status="4.2.2", reply_text="mailbox full")
    assert (found.code, found.until) == ("deferred", later)
    assert "“452 mailbox full”" in found.sentence
    assert "growing gaps" in found.advice
    assert _why(world.a1, attempts=0).code == "scheduled"
    assert _why(world.a1, reason="warm-up").code == "warm_up"


def test_what_a_limit_or_the_standing_holds(ways, world):
    """The layer that binds is named; what a person can do too."""
    ways.pool(2525)
    ways.queue(world.a1, 1)
    with transaction(world.a1.scope):
        standings.count(world.a1.scope, stream="marketing", sent_at=clock.now(), sent=1_000, complaints=50)
    assert claim(world.a1.scope, stream="marketing", place=ways.place) is None
    found = _why(world.a1)
    assert (found.code, found.until) == ("hold_suspended", None)
    assert "tell your provider" in found.advice
    ways.queue(world.a2, 1)
    with transaction(world.a2.scope):
        quotas.set_allowance(world.a2.scope, layer=Layer.TENANT, owner_id=world.a2.id, period="day", allowed=0)
    assert claim(world.a2.scope, stream="marketing", place=ways.place) is None
    found = _why(world.a2)
    assert (found.code, "allowance for today" in found.sentence) == ("limit_tenant_day", True)
    assert found.until > clock.now()


def test_what_its_campaign_holds(ways, world):
    """Paused and waiting say so, with the reason."""
    ways.queue(world.a1, 1)
    made = "INSERT INTO campaign (tenant_id, name, state, state_reason, created_at) VALUES (:tenant, 'c', 'paused', '', :at) RETURNING id"
    with transaction(world.a1.scope):
        campaign = session(world.a1.scope).execute(sa.text(made), {"tenant": world.a1.id, "at": clock.now()}).scalar_one()
    assert _why(world.a1, campaign_id=campaign).code == "campaign_paused"
    with transaction(world.a1.scope):
        session(world.a1.scope).execute(sa.text("UPDATE campaign SET state = 'waiting', state_reason = 'The allowance is used up.'"))
    assert _why(world.a1).sentence == "The allowance is used up."


def test_what_has_ended(ways, world):
    """Each outcome has its sentence; a refusal has the server's words and what to do."""
    ways.queue(world.a1, 1)
    found = _why(world.a1, state="failed", reason="userunknown", reply_code=550, reply_status="5.1.1", reply_text="no such user")
    assert found.code == "userunknown"
    assert "does not exist" in found.sentence
    assert "“550 no such user”" in found.sentence
    assert found.advice
    assert _why(world.a1, state="failed", reason="The letter has no text.").code == "cannot_be_made"
    for state, code in (("sent", "accepted"), ("expired", "expired"), ("cancelled", "cancelled"), ("unknown", "unknown")):
        assert _why(world.a1, state=state).code == code
    assert _why(world.a1, state="sent", bounced_at=clock.now(), bounce_reason="mailboxfull").code == "bounced"
    assert _why(world.a1, state="sent", complained_at=clock.now()).code == "complained"


def test_what_must_not_be_written_to(ways, world):
    """The reason of the suppression, not only that there is one."""
    ways.queue(world.a1, 1)
    with transaction(world.a1.scope):
        suppress(world.a1.scope, email="r1@x.test", reason="complaint", source="fbl")
    assert "called a message unwanted" in _why(world.a1, state="suppressed").sentence


def test_what_waits_for_limits_and_for_a_providers_patience(ways, world):
    """A limit of the route, back-off and a limit at one provider, and a route that is tried by one letter: each says so, and until when."""
    ways.queue(world.a1, 1, domain="gmail.com")
    _, (route,) = ways.pool(2525)
    until = clock.now() + timedelta(minutes=7)

    def rest(group, by):
        with transaction(world.a1.scope):
            rates.note_hold(world.a1.scope, route_id=route, group=group, by=by, until=until, said="421 slow down")
        return _why(world.a1)

    found = rest("yahoo", "backoff")
    assert found.code == "in_line"
    found = rest("google", "backoff")
    assert (found.code, found.until, "Google has asked for less" in found.sentence) == ("provider_backoff", until, True)
    found = rest("google", "hour")
    assert (found.code, found.until) == ("provider_throttled", until)
    found = rest("", "day")
    assert found.code in {"throttled", "provider_throttled"}
    with transaction(world.a1.scope):
        for group in ("google", "yahoo"):
            rates.end_hold(world.a1.scope, route_id=route, group=group)
    found = _why(world.a1)
    assert (found.code, found.sentence, found.until) == ("throttled", "The mail servers have sent what they may this day.", until)
    with transaction(world.a1.scope):
        rates.end_hold(world.a1.scope, route_id=route, group="")
        health.note_trouble(world.a1.scope, route_id=route, failures=1, pause_seconds=-1, detail="refused")
    assert _why(world.a1).code == "routes_tried"
    later = clock.now() + timedelta(hours=1)
    found = _why(world.a1, reason="throttled: google", not_before=later)
    assert (found.code, found.until) == ("provider_throttled", later)
    assert "slow down" not in str(found)


def test_what_leaves_by_a_pool_of_its_own(ways, world):
    """The pool of the campaign, or of the provider's recipients, is what counts, however well the tenant's usual one does."""
    ways.pool(2525)
    other, (route,) = ways.pool(2526, default=False)
    ways.act(pools.grant_pool, pool_id=other, reseller_id=world.a.id, stream="marketing")
    ways.act(pools.set_route_state, route_id=route, state="paused")
    ways.queue(world.a1, 1, domain="gmail.com")
    made = "INSERT INTO campaign (tenant_id, name, state, pool_id, created_at) VALUES (:tenant, 'c', 'sending', :pool, :at) RETURNING id"
    with transaction(world.a1.scope):
        values = {"tenant": world.a1.id, "pool": other, "at": clock.now()}
        campaign = session(world.a1.scope).execute(sa.text(made), values).scalar_one()
    assert _why(world.a1).code == "in_line"
    put_off = {"reason": "way rests", "not_before": clock.now() + timedelta(seconds=15)}
    assert _why(world.a1, campaign_id=campaign, **put_off).code == "routes_paused"
    assert _why(world.a1, campaign_id=None).code == "in_line"
    with transaction(world.a.scope):
        pools.set_rule(world.a.scope, stream="marketing", group="google", pool_id=other)
    assert _why(world.a1).code == "routes_paused"


def test_a_pages_worth_is_explained_at_once(ways, world):
    """Each message gets the words that it gets alone."""
    ways.pool(2525)
    ways.queue(world.a1, 3)
    ways.queue(world.a1, 2, domain="gmail.com")
    with transaction(world.a1.scope):
        live = session(world.a1.scope)
        live.execute(
            sa.text("UPDATE message SET state = 'failed', reason = 'mailboxfull', settled_at = :at WHERE email_norm = 'r1@x.test'"),
            {"at": clock.now()},
        )
        found = queries.get_messages(world.a1.scope, list(live.execute(sa.text("SELECT id FROM message")).scalars()))
        together = explain_all(world.a1.scope, found)
        assert together == {one.id: explain(world.a1.scope, one) for one in found}
    assert sorted(why.code for why in together.values()) == ["in_line"] * 4 + ["mailboxfull"]
