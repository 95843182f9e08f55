"""What a pool's routes may do, as a forecast sees it: played against the rules that sending itself keeps."""

import random
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from posthouse.sending.forecast.ceilings import Day, RouteFacts, Spent, pace_cap, walked
from posthouse.sending.forecast.meters import Calendar
from posthouse.sending.forecast.rules import Exit, Limit, Neighbour, forecast
from posthouse.sending.rates import rules as rates
from posthouse.sending.rates.rules import Limits
from posthouse.sending.warmup.rules import Stage, next_stage

NOW = datetime(2026, 3, 10, 9, 20, tzinfo=UTC)
ONE = {"other": 1.0}
FREE = RouteFacts(stages=None, limits={}, days={})


def _route(*, stages=None, spent=(), days=None, groups=None, **limits):
    whole = {"": Limits(**limits)} if limits else {}
    return RouteFacts(stages=stages, limits={**whole, **(groups or {})}, spent=tuple(spent), days=days or {})


def _found(waiting, routes, *, shares=ONE, per_second=10, neighbours=(), limits=()):
    return forecast(now=NOW, exits=[_exit(waiting, routes, shares, per_second, neighbours)], limits=limits)


def _exit(waiting, routes, shares, per_second, neighbours=()):
    ways = walked(routes, tuple(shares), NOW)
    return Exit(waiting=waiting, per_second=per_second, neighbours=neighbours, routes=ways, shares=shares)


def test_a_pace_limit_caps_what_the_pool_carried():
    """Two routes of one and of two a second (120 a minute) carry three; a third without a limit carries the rest."""
    slow = [_route(per_second=1), _route(per_second=9, per_minute=120)]
    assert pace_cap(slow, ONE) == 3
    assert _seconds(_found(600, slow)) == pytest.approx(200, rel=0.01)
    assert _seconds(_found(600, [*slow, FREE])) == pytest.approx(60, rel=0.01)


def _seconds(found):
    return (found.done_at - NOW).total_seconds()


def test_a_limit_towards_one_provider_binds_by_its_share():
    """Half the people are at one provider, which takes one a second: two a second at most."""
    route = RouteFacts(stages=None, limits={"big": Limits(per_second=1)}, days={})
    assert pace_cap([route], {"big": 0.5, "other": 0.5}) == 2
    assert pace_cap([route], ONE) == float("inf")
    assert _seconds(_found(600, [route], shares={"big": 0.5, "other": 0.5})) == pytest.approx(300, rel=0.01)
    assert [route.by_group, FREE.by_group] == [True, False]


def test_what_is_spent_of_a_limit_holds_until_it_counts_no_more():
    """All of the hour's limit went half an hour ago: it is the provider's limit that holds, for the other half, to a minute."""
    found = _found(60, [_route(per_hour=600, spent=[Spent("", "hour", NOW - timedelta(minutes=30), 600)])])
    assert [name for name, *_ in found.waits] == ["provider"]
    assert found.waits[0][2] - NOW == pytest.approx(timedelta(minutes=32), abs=timedelta(minutes=1))


def test_one_route_s_narrow_hour_and_another_s_narrow_day_do_not_add_up():
    """1,000 an hour but 2,000 a day by the one, 100 an hour by the other: 4,400 in a day, and not the 26,400 that sums of limits promise."""
    routes = [_route(per_hour=1_000, per_day=2_000), _route(per_hour=100)]
    assert _found(4_300, routes).done_at - NOW == pytest.approx(timedelta(hours=24), rel=0.05)


def test_what_is_held_for_one_provider_leaves_the_room_to_others():
    """A route's 600 an hour go to others while a provider's ten an hour are used up, and the last of that provider decides."""
    routes = [_route(per_hour=600, groups={"big": Limits(per_hour=10)})]
    found = _found(700, routes, shares={"big": 0.05, "other": 0.95})
    assert found.done_at - NOW == pytest.approx(timedelta(minutes=62 * 3), rel=0.1)


def test_a_warm_up_grows_from_the_stage_that_was_last_sent():
    """Yesterday's 100 were sent, so today has 200 and tomorrow 400; a day that wasn't used up is repeated."""
    yesterday = NOW.date() - timedelta(days=1)
    sent, idle = Day(yesterday, Stage(0, 100), 95), Day(yesterday, Stage(0, 100), 80)
    full = _found(600, [_route(stages=(100, 200, 400), days={"other": sent})])
    assert (full.waits[0][0], full.done_at.date()) == ("warmup", NOW.date() + timedelta(days=1))
    again = _found(600, [_route(stages=(100, 200, 400), days={"other": idle})])
    assert again.done_at.date() == NOW.date() + timedelta(days=2)


def test_today_s_use_counts_and_a_warm_route_beside_carries_all():
    """Of today's 200 are 150 used. A warm route, in the pool or for its overflow, means that nothing waits."""
    used = _route(stages=(200, 400), days={"other": Day(NOW.date(), Stage(0, 200), 150)})
    assert _found(50, [used]).waits == ()
    assert [name for name, *_ in _found(51, [used]).waits] == ["warmup"]
    assert _found(5_000, [used, FREE]).waits == ()


def test_the_last_provider_s_recipients_decide():
    """Each provider has a warm-up of its own: with nine of ten people at one of them, 100 a day there are 111 in all."""
    shares = {"big": 0.9, "other": 0.1}
    assert _found(111, [_route(stages=(100,))], shares=shares).waits == ()
    assert len(_found(112, [_route(stages=(100,))], shares=shares).waits) == 1


def test_a_warm_up_that_is_over_holds_nothing():
    """Past the last stage for a provider: nothing that a walk uses up."""
    warm = _route(stages=(100,), days={"other": Day(NOW.date(), Stage(1, None), 7)})
    [way] = walked([warm], ("other",), NOW)
    assert (list(way.whole), list(way.groups["other"])) == ([], [])


LOT = 20  # messages that leave together in a played run
SLICE = 60.0  # seconds


@dataclass
class _Window:
    """A limit per hour or day as `rates.services` counts it: by stretches."""

    period: str
    most: int
    kept: deque = field(default_factory=deque)

    def room(self, now):
        while self.kept and self.kept[0][0] < rates.counted_from(now, self.period):
            self.kept.popleft()
        return self.most - sum(amount for _, amount in self.kept)

    def take(self, amount, now):
        bucket = rates.bucket_of(now, self.period)
        if self.kept and self.kept[-1][0] == bucket:
            amount += self.kept.pop()[1]
        self.kept.append((bucket, amount))


@dataclass
class _Permits:
    """A limit per second or minute: so many for each slice."""

    per_second: float
    slice_at: datetime | None = None
    left: float = 0.0

    def room(self, now):
        if self.slice_at != now:
            self.slice_at, self.left = now, self.per_second * SLICE + min(0.0, self.left)
        return self.left

    def take(self, amount, now):
        self.left -= amount


@dataclass
class _Warming:
    """A provider's day of a warming route, as `warmup.services` opens and uses it."""

    stages: tuple
    day: object = None
    stage: Stage = None
    used: int = 0

    def room(self, now):
        if self.day != now.date():
            self.stage = next_stage(self.stages, self.stage, self.used)
            self.day, self.used = now.date(), 0
        return 10**9 if self.stage.allowed is None else self.stage.allowed - self.used

    def take(self, amount, now):
        self.used += amount


def _windows(limits):
    found = [_Window(period, limits.rates[period]) for period in rates.LASTING if period in limits.rates]
    quick = [limits.rates[period] / rates.SECONDS[period] for period in rates.QUICK if period in limits.rates]
    return [*found, *([_Permits(min(quick))] if quick else [])]


class _Pool:
    """A pool that is played lot by lot: who has the smallest pass is next, and a lot goes by a way that takes it, drawn at random."""

    def __init__(self, routes, shares, chance):
        self.chance = chance
        self.ways = []
        for route in routes:
            named = {group: _windows(limits) for group, limits in route.limits.items()}
            warming = {group: [_Warming(route.stages)] for group in shares} if route.stages else {}
            whole = named.pop("", [])
            self.ways.append({group: [*whole, *named.get(group, ()), *warming.get(group, ())] for group in shares})

    def leave(self, group, wanted, now):
        """Let up to so many go by the ways that take some; return how many did."""
        gone = 0
        for way in self.chance.sample(self.ways, len(self.ways)):
            amount = min([wanted - gone, *(int(one.room(now) + 1e-9) for one in way[group])])
            if amount > 0:
                for one in way[group]:
                    one.take(amount, now)
                gone += amount
        return gone


def _played(waiting, per_second, neighbours, routes, shares, own, chance):
    """Play a pool: each tenant's queue is a mixture of providers; returns the seconds until ours is empty."""
    pool, now, credit = _Pool(routes, shares, chance), NOW, 0.0
    queues = [{group: round(one.waiting * share) for group, share in shares.items()} for one in [Neighbour(1, waiting), *neighbours]]
    weights, passes = [1, *(one.weight for one in neighbours)], [0.0] * len(queues)
    quota = defaultdict(int)
    while sum(queues[0].values()):
        credit = min(credit, LOT) + per_second * SLICE
        closed = set()
        while credit >= 1 and (able := [n for n, queue in enumerate(queues) if _can(n, queue, closed)]):
            turn = min(able, key=lambda n: passes[n])
            ready = {group: count for group, count in queues[turn].items() if count and (turn, group) not in closed}
            [group] = chance.choices(list(ready), list(ready.values()))
            free = min(LOT, int(credit), ready[group])
            if turn == 0 and own:
                free = min(free, own - quota[now.replace(minute=0, second=0)])
            gone = pool.leave(group, free, now) if free else 0
            if not free:
                closed |= {(0, one) for one in shares}
            elif gone < free:
                closed |= {(n, group) for n in range(len(queues))}
            if turn == 0:
                quota[now.replace(minute=0, second=0)] += gone
            queues[turn][group] -= gone
            passes[turn] += gone / weights[turn]
            credit -= gone
        now += timedelta(seconds=SLICE)
        assert now < NOW + timedelta(days=60), "a played run must end"
    return (now - NOW).total_seconds()


def _can(number, queue, closed):
    return any(count and (number, group) not in closed for group, count in queue.items())


def _limits(chance, low, high):
    """Draw limits of any shape: one by the hour, one by the day, by the minute, or several at once."""
    rate = chance.uniform(low, high)  # messages an hour in the long run
    drawn = {
        "per_second": max(1, round(rate * chance.uniform(1, 4) / 3_600)),
        "per_minute": max(1, round(rate * chance.uniform(1, 4) / 60)),
        "per_hour": round(rate * chance.uniform(1, 3)),
        "per_day": round(rate * chance.uniform(4, 24)),
    }
    chosen = {name: drawn[name] for name in drawn if chance.random() < 0.5} or {"per_hour": drawn["per_hour"]}
    kept, least = {}, 0
    for name, count in chosen.items():
        kept[name] = least = max(count, least)
    return Limits(**kept)


def _mixture(seed):
    """Draw a pool, who sends by it, and how much."""
    chance = random.Random(seed)
    big = chance.choice([0.0, 0.1, 0.4, 0.8])
    shares = {"big": big, "other": 1 - big} if big else ONE
    routes = []
    for _ in range(chance.randint(1, 3)):
        groups = {"big": _limits(chance, 100, 1_500)} if big and chance.random() < 0.5 else {}
        first = chance.randint(200, 3_000)
        stages = tuple(first * 3**step // 2**step for step in range(12)) if chance.random() < 0.3 else None
        whole = {"": _limits(chance, 200, 2_000)} if stages is None or chance.random() < 0.5 else {}
        routes.append(RouteFacts(stages=stages, limits={**whole, **groups}, days={}))
    neighbours = [Neighbour(chance.randint(1, 5), chance.randint(1, 6_000)) for _ in range(chance.randint(0, 3))]
    own = chance.choice([0, 0, chance.randint(300, 2_000)])
    return chance, chance.randint(1_000, 15_000), chance.uniform(0.3, 10), neighbours, routes, shares, own


def _quota(own):
    begins = (NOW.replace(minute=0) + timedelta(hours=1) - NOW).total_seconds()
    return [Limit("hour", Calendar(own, own, begins, lambda begun: begun + 3_600))] if own else []


@pytest.mark.parametrize("seed", range(40))
def test_a_forecast_is_within_15_percent_of_a_played_pool(seed):
    """Any mixture of routes, limits by any period, providers, warm-ups, neighbours and an own quota.

    Where a window is just used up, a few messages more wait a whole window more: so it is a run of three percent fewer or more messages that
    the forecast may not leave by more than 15 percent.
    """
    chance, waiting, per_second, neighbours, routes, shares, own = _mixture(seed)
    found = _found(waiting, routes, shares=shares, per_second=per_second, neighbours=neighbours, limits=_quota(own))
    soonest, latest = (_played(waiting * part, per_second, neighbours, routes, shares, own, chance) for part in (0.97, 1.03))
    assert soonest * 0.85 - 2 * SLICE <= _seconds(found) <= latest * 1.15 + 2 * SLICE


def test_a_few_who_may_miss_a_window_are_told():
    """By the walk 14 of 2,027 miss the day's stage and wait for the next midnight; played, chance has them leave before: both are said."""
    _, waiting, per_second, neighbours, routes, shares, own = _mixture(636)
    found = _found(waiting, routes, shares=shares, per_second=per_second, neighbours=neighbours, limits=_quota(own))
    played = _played(waiting, per_second, neighbours, routes, shares, own, random.Random(636 * 7 + 1))
    assert 0 < found.late < 0.02 * waiting
    assert (found.waits[-1][1] - NOW).total_seconds() == pytest.approx(played, rel=0.15)
    assert _seconds(found) > played * 2
    assert _found(1_000, [FREE]).late == 0


@pytest.mark.parametrize("seed", range(100, 112))
def test_a_forecast_over_several_pools_ends_with_the_last_of_them(seed):
    """Each provider's mail by a pool of its own, with its neighbours and routes: it is the run that is played longest, to 15 percent."""
    exits, played = [], []
    for number in (0, 1):
        chance, waiting, per_second, neighbours, routes, _, _ = _mixture(seed * 2 + number)
        shares = {f"provider{number}": 1.0}
        exits.append(_exit(waiting, routes, shares, per_second, neighbours))
        played.append([_played(waiting * part, per_second, neighbours, routes, shares, 0, chance) for part in (0.97, 1.03)])
    found = _seconds(forecast(now=NOW, exits=exits))
    assert max(one[0] for one in played) * 0.85 - 2 * SLICE <= found <= max(one[1] for one in played) * 1.15 + 2 * SLICE


@pytest.mark.parametrize("blocked", [False, True])
def test_the_tenant_s_own_limit_is_shared_by_its_pools(blocked):
    """600 an hour, whichever way: two pools that carry ten a second end when all 1,000 fit; one that is closed leaves its part to the other."""
    spent = [Spent("", "hour", NOW - timedelta(minutes=30), 600)] if blocked else []
    exits = [_exit(500, [_route(per_hour=600, spent=spent)], ONE, 10), _exit(500, [FREE], ONE, 10)]
    found = forecast(now=NOW, exits=exits, limits=_quota(600))
    assert [name for name, *_ in found.waits][:1] == (["provider"] if blocked else ["hour"])
    assert found.done_at - NOW == pytest.approx(timedelta(minutes=40), abs=timedelta(minutes=2))
