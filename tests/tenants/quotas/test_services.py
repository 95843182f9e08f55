"""Never above a limit with any number of takers; settled once; lowered without breaking; nobody sets its own."""

import itertools
import random
import threading
from collections import Counter
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.platform.errors import Forbidden, Invalid
from posthouse.tenants.quotas import queries, services
from posthouse.tenants.quotas.rules import Layer, Period

_ids = itertools.count(1)


def _allow(place, period, allowed):
    with transaction(place.scope):
        services.set_allowance(place.scope, layer="tenant", owner_id=place.id, period=period, allowed=allowed)


def _above(world, layer, owner_id, period, allowed):
    with transaction(world.operator):
        services.set_allowance(world.operator, layer=layer, owner_id=owner_id, period=period, allowed=allowed)


def _reserve(place, wanted, lease_id=None):
    with transaction(place.scope):
        return services.reserve(place.scope, lease_id=lease_id or next(_ids), wanted=wanted)


def _settle(place, lease_id, used):
    with transaction(place.scope):
        return services.settle(place.scope, lease_id=lease_id, used=used)


def _state(place, period="day"):
    with transaction(place.scope):
        return next(card for card in queries.state(place.scope) if card.period == period)


def test_what_remains_is_granted_and_the_limit_is_named(world):
    """A grant smaller than asked names layer, period and when it goes on."""
    _allow(world.a1, "day", 10)
    with clock.frozen(datetime(2026, 3, 31, 23, 30, tzinfo=UTC)):
        assert _reserve(world.a1, 7).binding is None
        second = _reserve(world.a1, 7)
        assert (second.amount, second.binding.layer, second.binding.period) == (3, Layer.TENANT, Period.DAY)
        assert second.binding.resumes_at == datetime(2026, 4, 1, tzinfo=UTC)
        assert _reserve(world.a1, 1).amount == 0
        assert _state(world.a1).full
    with clock.frozen(datetime(2026, 4, 1, tzinfo=UTC)):
        assert _reserve(world.a1, 7).amount == 7, "the next day gives again"


def test_layers_above_bind_their_tenants_together(world):
    """A reseller's limit is shared by its tenants and doesn't touch another's; the installation's is shared by all."""
    _above(world, "reseller", world.a.id, "hour", 5)
    assert _reserve(world.a1, 3).amount == 3
    second = _reserve(world.a2, 3)
    assert (second.amount, second.binding.layer, second.binding.period) == (2, Layer.RESELLER, Period.HOUR)
    assert _reserve(world.b1, 4).amount == 4
    _above(world, "operator", None, "month", 10)
    last = _reserve(world.b1, 4)
    assert (last.amount, last.binding.layer) == (1, Layer.OPERATOR)


def test_settling_uses_and_releases_once(world):
    """Used counts, the rest is free again, and a second settlement changes nothing."""
    _allow(world.a1, "day", 10)
    _reserve(world.a1, 10, lease_id=77)
    assert _settle(world.a1, 77, 4) is True
    assert _settle(world.a1, 77, 9) is False
    card = _state(world.a1)
    assert (card.used, card.reserved, card.remaining) == (4, 0, 6)
    assert _settle(world.a1, 12_345, 1) is False, "never reserved"


def test_a_lease_is_settled_in_the_windows_it_was_taken_from(world):
    """Midnight between reserve and settle moves nothing into the wrong day."""
    _allow(world.a1, "day", 10)
    with clock.frozen(datetime(2026, 3, 31, 23, 59, tzinfo=UTC)) as at:
        _reserve(world.a1, 6, lease_id=5)
        at.move(minutes=2)
        _settle(world.a1, 5, 6)
        assert _state(world.a1).used == 0
        assert _state(world.a1, "month").used == 0
        at.move(minutes=-2)
        assert (_state(world.a1).used, _state(world.a1).reserved) == (6, 0)


def test_a_limit_may_be_lowered_below_what_was_used(world):
    """The state is full, not an error; what is reserved may still be used; raising goes on."""
    _allow(world.a1, "day", 10)
    _reserve(world.a1, 8, lease_id=9)
    _allow(world.a1, "day", 3)
    assert (_state(world.a1).remaining, _state(world.a1).full) == (0, True)
    assert _reserve(world.a1, 1).amount == 0
    assert _settle(world.a1, 9, 8)
    _allow(world.a1, "day", 9)
    assert _reserve(world.a1, 5).amount == 1
    _allow(world.a1, "day", None)
    assert _reserve(world.a1, 500).amount == 500


def test_the_database_refuses_overshoot(world):
    """Even code that forgets the ledger can't pass a limit: the CHECK holds."""
    _allow(world.a1, "day", 3)
    with pytest.raises(sa.exc.IntegrityError), transaction(world.a1.scope):
        session(world.a1.scope).execute(sa.text("UPDATE tenant_quota_window SET used = 4 WHERE period = 'day'"))


def test_nobody_sets_its_own_limit(world):
    """A tenant's roles don't hold it, a tenant doesn't set its reseller's, and no tenant another's."""
    plain = world.a1.may_only("quotas:read", "contacts:write")
    with transaction(plain), pytest.raises(Forbidden):
        services.set_allowance(plain, layer="tenant", owner_id=world.a1.id, period="day", allowed=9)
    for layer, owner in (("tenant", world.a2.id), ("reseller", world.a.id), ("operator", None)):
        with transaction(world.a1.scope), pytest.raises(Forbidden):
            services.set_allowance(world.a1.scope, layer=layer, owner_id=owner, period="day", allowed=9)


@pytest.mark.parametrize(
    "wrong", [{"period": "week"}, {"allowed": -1}, {"allowed": 10**13}, {"layer": "planet"}], ids=lambda wrong: next(iter(wrong))
)
def test_nonsense_is_refused(world, wrong):
    """A period, layer or figure that can't be changes nothing."""
    values = {"layer": "tenant", "owner_id": world.a1.id, "period": "day", "allowed": 5} | wrong
    with transaction(world.a1.scope), pytest.raises(Invalid):
        services.set_allowance(world.a1.scope, **values)


def test_each_sees_its_own_layer(world):
    """A tenant sees its own windows, a reseller its own; never each other's."""
    _reserve(world.a1, 5, lease_id=1)
    _settle(world.a1, 1, 5)
    assert _state(world.a1).used == 5
    assert _state(world.a2).used == 0
    assert (_state(world.a).used, _state(world.a).layer) == (5, "reseller")
    assert _state(world.b).used == 0


def test_many_takers_never_pass_a_limit(app, world):
    """Eight takers of four tenants at once: the limits are reached exactly, and entries sum to windows."""
    _allow(world.a1, "day", 83)
    _above(world, "reseller", world.a.id, "hour", 150)
    _above(world, "operator", None, "month", 260)
    took = dict.fromkeys(["a1", "a2", "b1", "b2"], 0)
    guard = threading.Lock()

    def take(name, seed):
        rng, place = random.Random(seed), getattr(world, name)
        with app.app_context():
            for _ in range(25):
                lease = 1_000 * seed + rng.randrange(10**9) * 10_000
                amount = _reserve(place, rng.randint(1, 20), lease).amount
                if not amount:
                    continue
                used = rng.randint(0, amount)
                _settle(place, lease, used)
                with guard:
                    took[name] += used

    takers = [threading.Thread(target=take, args=(name, number)) for number, name in enumerate([*took, *took], 1)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    assert took["a1"] <= 83
    assert took["a1"] + took["a2"] <= 150
    assert sum(took.values()) <= 260
    assert _reserve(world.a1, 1_000, 1).amount <= 83 - took["a1"]
    assert _settle(world.a1, 1, 0) in {True, False}
    for name, used in took.items():
        with transaction(getattr(world, name).scope) as live:
            window = live.execute(
                sa.text("SELECT coalesce(sum(used), 0), coalesce(sum(reserved), 0) FROM tenant_quota_window WHERE period = 'day'")
            ).one()
            entries = live.execute(
                sa.text("SELECT coalesce(sum(used), 0), coalesce(sum(reserved) - sum(used + released), 0) FROM tenant_quota_entry")
            ).one()
        assert tuple(window) == tuple(entries) == (used, 0)


@pytest.mark.parametrize("seed", range(5))
def test_k25_a_jumping_clock_passes_no_limit(world, seed):
    """An hour back and forth, over midnight, month's end and a leap second, with leases open: no window is ever overdrawn."""
    rng = random.Random(seed)
    limits = {"hour": 20, "day": 60, "month": 150}
    for period, allowed in limits.items():
        _allow(world.a1, period, allowed)
    taken = {period: Counter() for period in limits}
    open_leases = []
    with clock.frozen(datetime(2026, 12, 31, 22, 30, tzinfo=UTC)) as at:
        for _ in range(60):
            at.move(minutes=rng.choice([-60, -1, 0, 1, 7, 60]), seconds=rng.choice([0, -1, 1]))
            lease_id, now = next(_ids), clock.now()
            granted = _reserve(world.a1, rng.randint(1, 9), lease_id).amount
            open_leases.append((lease_id, granted))
            for period, window in (("hour", now.strftime("%m%d%H")), ("day", now.strftime("%m%d")), ("month", now.strftime("%m"))):
                taken[period][window] += granted
            if rng.random() < 0.5:
                _settle(world.a1, *open_leases.pop(rng.randrange(len(open_leases))))
        for lease in open_leases:
            _settle(world.a1, *lease)
    assert all(count <= limits[period] for period, windows in taken.items() for count in windows.values())
    assert sum(taken["month"].values()) > 0
    with transaction(world.a1.scope):
        rows = session(world.a1.scope).execute(
            sa.text("SELECT period, max(used + reserved), sum(reserved) FROM tenant_quota_window GROUP BY 1")
        )
        for period, most, reserved in rows:
            assert most <= limits[period]
            assert reserved == 0
