"""Whatever state a message is in, the API says why in words of its own, what to do or when it goes on, and names nobody above the tenant."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from posthouse.platform import clock, ids
from posthouse.platform.db import session, transaction
from posthouse.sending.pools import health, services
from posthouse.sending.rates import services as rates
from posthouse.tenants.suppressions.services import suppress

_MESSAGE = (
    "INSERT INTO message (tenant_id, revision_id, recipient, email_norm, domain, stream, not_before, created_at, settled_at, {columns})"
    " VALUES (:tenant, 1, :to, :to, 'gmail.com', 'marketing', :before, :at, :settled, {values}) RETURNING id"
)
_LANE = sa.text(
    "INSERT INTO lane_tenant (tenant_id, stream, for_reseller_id, held_by, resumes_at) VALUES (:t, 'marketing', :r, :by, :until)"
    " ON CONFLICT (tenant_id, stream) DO UPDATE SET held_by = :by, resumes_at = :until"
)
_NOBODY = ("secret", "10.9.8.7", "posthouse", "operator", "reseller", "pool", "route", "way rests")
_PUT_OFF = {"attempts": 1, "reason": ""}
_GREY = {**_PUT_OFF, "reply_code": 451, "reply_status": "4.7.1", "reply_text": "Greylisted, come back in five minutes"}
_GONE = {"state": "failed", "reply_code": 550, "reply_status": "5.1.1", "reply_text": "no such user", "reason": "userunknown"}
_LARGE = {
    "state": "failed", "reply_code": 552, "reply_status": "5.3.4", "reason": "mesgtoobig",
    "reply_text": "The message has 41,943,040 bytes: no way out takes one so large.",
}  # fmt: skip
_LAST = {"state": "expired", "attempts": 9, "reply_code": 451, "reply_text": "try later", "reason": "the time for delivery is over"}

# What holds the stream: by whom; the code, words of the sentence, and whether it says when it goes on.
HOLDS = [
    *((f"tenant:{period}", f"limit_tenant_{period}", f"your allowance for {spell} is used up", True)
      for period, spell in (("month", "this month"), ("day", "today"), ("hour", "this hour"))),
    *((f"{layer}:{period}", f"limit_{layer}_{period}", f"your provider's sending limit for {spell}", True)
      for layer in ("reseller", "operator") for period, spell in (("month", "this month"), ("day", "today"), ("hour", "this hour"))),
    ("rate:hour", "limit_rate_hour", "have sent what they may this hour", True),
    ("account", "hold_account", "the state of your account", False),
    ("no_pool", "hold_no_pool", "not given you a way out", False),
    ("slowed", "hold_slowed", "leaves slowly", True),
    ("held", "hold_held", "waits for a review", False),
    ("suspended", "hold_suspended", "Sending is suspended", False),
]  # fmt: skip

# What a message's own row says: whether it is due only later, its values; the code, words, and whether it says when it goes on.
ROWS = [
    (True, {"attempts": 0}, "scheduled", "sent later", True),
    (True, _GREY, "deferred", "“451 Greylisted, come back in five minutes”", True),
    (True, _PUT_OFF, "deferred", "ended without an answer", True),
    (True, {"reason": "warm-up"}, "warm_up", "only so many messages a day", True),
    (True, {"reason": "throttled: google"}, "provider_throttled", "Google takes only so much", True),
    (True, {"reason": "back-off: google"}, "provider_backoff", "Google has asked for less mail", True),
    (False, _GONE, "userunknown", "“550 no such user”", False),
    (False, _LARGE, "mesgtoobig", "41,943,040 bytes", False),
    (False, {"state": "failed", "reason": "The subject holds a line break."}, "cannot_be_made", "holds a line break", False),
    (False, _LAST, "expired", "“451 try later”", False),
    (False, {"state": "unknown"}, "unknown", "nobody knows whether it arrived", False),
    (False, {"state": "cancelled", "reason": "campaign stopped"}, "cancelled", "stopped before it left", False),
    (False, {"state": "suppressed"}, "suppressed", "on a suppression list", False),
]
SUPPRESSED = {
    "hard_bounce": "mailbox doesn't exist",
    "complaint": "called a message unwanted",
    "unsubscribe": "has unsubscribed",
    "manual": "by hand",
    "soft_bounce": "came back too often",
}
_FINAL = {"failed", "expired", "unknown", "cancelled", "suppressed"}


@pytest.fixture
def place(street):
    with street.core.app_context():
        yield street.world.a1


@pytest.fixture
def ask(street, place):
    """Return what says why a new message with such values is where it is."""
    program = street.program(place)

    def asked(values=(), *, to="ann@gmail.com", later=False, campaign=None):
        row = {"state": "queued", "reason": "", "campaign_id": campaign, **dict(values)}
        text = _MESSAGE.format(columns=", ".join(row), values=", ".join(f":{name}" for name in row))
        at = clock.now()
        settled = at if row["state"] in _FINAL else None
        with transaction(place.scope):
            values = {**row, "tenant": place.id, "to": to, "at": at, "before": at + timedelta(hours=int(later)), "settled": settled}
            made = session(place.scope).execute(sa.text(text), values).scalar_one()
        answer = program.call("GET", f"/messages/{ids.encode('msg', made)}")
        assert answer.status == 200
        return answer.json["why"]

    return asked


@pytest.fixture
def route(street, place):
    """Return the only route of the pool by which the reseller's tenants send."""
    operator = street.world.operator
    with transaction(operator):
        pool = services.create_pool(operator, name=f"secret {clock.monotonic()}")
        services.grant_pool(operator, pool_id=pool, reseller_id=street.world.a.id, stream="marketing", default=True)
        made = services.add_route(operator, pool_id=pool, name="secret", host="10.9.8.7", port=2525, tls="none")
    yield made
    with transaction(operator):
        services.revoke_pool(operator, pool_id=pool, reseller_id=street.world.a.id, stream="marketing")


def _hold(place, by):
    with transaction(place.scope):
        until = clock.now() + timedelta(minutes=30)
        session(place.scope).execute(_LANE, {"t": place.id, "r": place.scope.reseller, "by": by, "until": until})


def _told(why, code, words, *, goes_on=False, act=True):
    """Hold an explanation against what is expected of each."""
    said = f"{why['sentence']} {why['advice']}"
    assert why["code"] == code, said
    assert words in why["sentence"]
    assert (why["until"] is not None) == goes_on, said
    assert not act or goes_on or why["advice"], f"{code} says neither what to do nor when it goes on"
    assert not [word for word in _NOBODY if word in said.lower()], said


def test_every_hold_and_every_row_says_why(place, ask, route):
    """Each layer's quota by each period, each standing, each put-off, and each end: a sentence of its own."""
    seen = set()
    for by, code, words, goes_on in HOLDS:
        _hold(place, by)
        why = ask()
        _told(why, code, words, goes_on=goes_on)
        seen.add(why["sentence"])
    _hold(place, "")
    # Whose limit above the tenant it is, is not its business: these share their sentences.
    assert len(seen) == len(HOLDS) - 3
    for later, values, code, words, goes_on in ROWS:
        _told(ask(values, later=later), code, words, goes_on=goes_on, act=values.get("state") != "cancelled")
    for reason, words in SUPPRESSED.items():
        address = f"{reason}@gmail.com"
        with transaction(place.scope):
            suppress(place.scope, email=address, reason=reason, source="test")
        _told(ask({"state": "suppressed"}, to=address), "suppressed", words)


def test_every_state_of_a_campaign_says_why(place, ask, route):
    """Paused, waiting for a limit, stopped."""
    made = sa.text(
        "INSERT INTO campaign (tenant_id, name, state, state_reason, resumes_at, created_at) VALUES (:t, 'c', :state, :why, :until, :at)"
        " RETURNING id"
    )
    until = clock.now() + timedelta(hours=1)
    for state, reason, resumes, code, words in (
        ("paused", "", None, "campaign_paused", "is paused"),
        ("waiting", "Your allowance for today is used up.", until, "campaign_waiting", "allowance for today"),
        ("stopped", "", None, "campaign_stopped", "will not be sent"),
    ):
        with transaction(place.scope):
            values = {"t": place.id, "state": state, "why": reason, "until": resumes, "at": clock.now()}
            campaign = session(place.scope).execute(made, values).scalar_one()
        _told(ask(campaign=campaign), code, words, goes_on=resumes is not None, act=state != "stopped")


def test_every_state_of_the_ways_out_says_why(street, place, ask, route):
    """In line, refused and resting, one tried first, limits of all or for one provider, patience, warm-up, paused, none left, none given."""
    operator, scope = street.world.operator, place.scope
    trouble = {"route_id": route, "failures": 3, "detail": "secret refused the connection"}
    until = clock.now() + timedelta(minutes=7)
    _told(ask(), "in_line", "as soon as a connection is free", act=False)
    with transaction(scope):
        health.note_trouble(scope, pause_seconds=60, **trouble)
    _told(ask({"reason": "way rests"}, later=True), "routes_resting", "can't be reached", goes_on=True)
    with transaction(scope):
        health.note_trouble(scope, pause_seconds=-1, **trouble)
    _told(ask(), "routes_tried", "one message is tried first")
    with transaction(scope):
        health.note_well(scope, route_id=route)
    for group, by, code, words in (
        ("google", "backoff", "provider_backoff", "Google has asked for less mail"),
        ("google", "hour", "provider_throttled", "Google takes only so much"),
        ("", "day", "throttled", "have sent what they may this day"),
    ):
        with transaction(scope):
            rates.note_hold(scope, route_id=route, group=group, by=by, until=until, said="421 secret")
        _told(ask(), code, words, goes_on=True)
        with transaction(scope):
            rates.end_hold(scope, route_id=route, group=group)
    with transaction(operator):
        services.set_route_state(operator, route_id=route, state="paused")
    _told(ask(), "routes_paused", "mail servers are paused")
    with transaction(operator):
        services.delete_route(operator, route_id=route)
    _told(ask(), "routes_none", "no mail server")


def test_no_pool_at_all_says_so(place, ask):
    """Nobody gave the tenant a way out, for this provider's recipients neither."""
    _told(ask(), "hold_no_pool", "not given you a way out")
