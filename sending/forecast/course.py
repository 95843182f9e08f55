"""Say of a running campaign, in words, what holds it or sets its pace now, and when it goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from posthouse.platform import clock
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending import permissions
from posthouse.sending.campaigns import report
from posthouse.sending.campaigns.queries import CampaignCard
from posthouse.sending.campaigns.rules import RUNNING, State
from posthouse.sending.delivery import why
from posthouse.sending.delivery.circumstances import Circumstances
from posthouse.sending.delivery.why import Why
from posthouse.sending.forecast.ceilings import RouteFacts, pace_cap, walked
from posthouse.sending.forecast.meters import Stages
from posthouse.sending.forecast.routes import STREAM, pace_of, routes_of
from posthouse.sending.mailboxes.queries import groups_of
from posthouse.sending.pools.choices import pool_of_message
from posthouse.sending.warmup.rules import tomorrow

_NEARLY = 1.25  # a pool that carries four fifths of what it may is as good as at its limit
_PEOPLE = "It concerns {count:,} of those who wait."


def course_of(scope: Scope, card: CampaignCard) -> tuple[Why, ...]:
    """Say what holds a campaign back now, what weighs most first; empty where nothing does, or it isn't running.

    The sentences name limits and mailbox providers, and nobody above the tenant.
    """
    require(scope, permissions.READ_CAMPAIGNS)
    if card.state not in RUNNING:
        return ()
    around, left = Circumstances(scope, ()), waiting_by_group(scope, report.by_domain(scope, card.id))
    hold, found = around.holds.get(STREAM), _campaign_waits(card)
    if hold is not None and not (found and hold.by_allowance):
        found.append(why.of_hold(hold))
    pools: dict[int | None, dict[str, int]] = {}
    for group, count in left.items():
        pool_id = pool_of_message(scope, stream=STREAM, campaign_id=card.id, group=group)
        pools.setdefault(pool_id, {})[group] = count
    for pool_id, groups in pools.items():
        found += _by_pool(around, pool_id, groups, everybody=len(pools) == 1)
    return tuple(found)


def _by_pool(around: Circumstances, pool_id: int | None, left: Mapping[str, int], *, everybody: bool) -> Iterator[Why]:
    """Say what holds the mail that leaves by one pool: all of it, or that for some providers' recipients."""
    routes = routes_of(around.scope, pool_id) if pool_id is not None else []
    held: dict[Why, int] = {}
    for group, count in left.items():
        known = around.provider_names.get(group, group)
        if (one := why.by_ways(around, pool_id, group) or _warm_up(routes, group, known)) is not None:
            held[one] = held.get(one, 0) + count
    for one, count in sorted(held.items(), key=lambda item: -item[1]):
        concerns_all = everybody and count == sum(left.values()) and not one.code.startswith(("provider_", "warm_up"))
        yield one if concerns_all else replace(one, advice=f"{_PEOPLE.format(count=count)} {one.advice}".strip())
    if pool_id is not None and sum(held.values()) < sum(left.values()):
        yield from _some_rest(around, pool_id, left)
        yield from _pace(routes, left, pace_of(around.scope, pool_id, busy=True))


def _some_rest(around: Circumstances, pool_id: int, left: Mapping[str, int]) -> Iterator[Why]:
    """Say that some of a pool's routes rest while others carry on."""
    row = around.routes(pool_id)
    if row.well < row.open:
        yield Why("routes_resting_some", "Some of your provider's mail servers can't be reached; the others carry on.", "", row.again)
        return
    rests = around.rests(pool_id, next(iter(left)))
    until = min((one.until for rows in rests.values() for one in rows if not one.domain_group), default=None)
    if until is not None:
        yield Why("throttled_some", "Some of the mail servers have sent what they may for now; the others carry on.", "", until)


def waiting_by_group(scope: Scope, domains: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Add up who waits, by mailbox provider, from a campaign's figures by domain."""
    waiting = {domain: left for domain, figures in domains.items() if (left := report.waiting_of(figures)) > 0}
    named, found = groups_of(scope, waiting, ask=False), dict[str, int]()
    for domain, count in waiting.items():
        found[named[domain]] = found.get(named[domain], 0) + count
    return found


def _campaign_waits(card: CampaignCard) -> list[Why]:
    if card.state is not State.WAITING:
        return []
    return [Why("campaign_waiting", card.state_reason or "A limit is used up.", "It goes on by itself.", card.resumes_at)]


def _warm_up(routes: Sequence[RouteFacts], group: str, name: str) -> Why | None:
    """Say that all routes are being warmed and have sent today's stage towards a group; a warm one beside them carries the rest."""
    now = clock.now()
    stages = [[one for one in way.groups[group] if isinstance(one, Stages)] for way in walked(routes, (group,), now)]
    if not stages or not all(one and one[0].room(0.0, 1.0) < 1 for one in stages):
        return None
    sentence = f"The servers that send it are new, and have sent {name} today what they may. Tomorrow it is more."
    return Why("warm_up", sentence, "It goes on by itself.", tomorrow(now.date()))


def _pace(routes: Sequence[RouteFacts], left: Mapping[str, int], carried: float) -> Iterator[Why]:
    """Say at which pace the routes may send, where that is what they do."""
    everybody = sum(left.values())
    most = pace_cap(routes, {group: count / everybody for group, count in left.items()})
    if most <= carried * _NEARLY:
        pace = f"{most:,.0f} a second" if most >= 1 else f"{most * 60:,.0f} a minute"
        yield Why("paced", f"The mail servers send as fast as they may: {pace}, shared by all who send by them.")
