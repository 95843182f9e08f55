"""What a worker reads and writes beside the sending: what makes the letters, a pool's routes, and how they do."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.app import settings
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError
from posthouse.platform.scope import Scope, system
from posthouse.sending.campaigns import composers
from posthouse.sending.delivery import hosts
from posthouse.sending.delivery.claiming import Claimed
from posthouse.sending.delivery.desk import Composes
from posthouse.sending.delivery.outlet import Known
from posthouse.sending.delivery.tally import Taken
from posthouse.sending.delivery.ways import Way
from posthouse.sending.pools import health, paces
from posthouse.sending.pools.queries import open_routes
from posthouse.sending.rates import queries as limits
from posthouse.sending.rates import services as rates
from posthouse.sending.rates import slots
from posthouse.sending.rates.slots import Wish

SEEN_SECONDS = 10.0  # a host that lives says so this often; it is given up for lost after minutes
SAME_SECONDS = 0.5  # an end that moved by less is the one that is written down
LOCK_MILLISECONDS = 3_000
_LOCKS = sa.text("SELECT set_config('lock_timeout', :most, true)")


def known(scope: Scope, pool_id: int) -> Known:
    """Read a pool's routes, their limits and what rests, in a transaction of its own."""
    with transaction(scope):
        logins = open_routes(scope, pool_id=pool_id)
        ids = [login.card.id for login in logins]
        return Known(logins, limits.limits_of(scope, ids), limits.standing_holds(scope, ids))


def may_probe(route_id: int) -> bool:
    """Ask whether this worker may be the one to try a route that failed, in a transaction of its own."""
    scope = system("delivery")
    with transaction(scope):
        return health.claim_probe(scope, route_id=route_id)


def exchange(route_id: int, wishes: Mapping[str, Wish], *, worker: str, stream: str) -> dict[str, int] | None:
    """Say what this worker keeps and wants of a route's connections, in a transaction of its own; None when that can't be said."""
    scope = system("delivery")
    try:
        with transaction(scope):
            return slots.exchange(scope, route_id=route_id, worker=worker, stream=stream, wishes=wishes)
    except sa.exc.SQLAlchemyError:
        return None


def claims(route_ids: Sequence[int]) -> dict[int, slots.ByGroup] | None:
    """Read who holds and wants connections, in a transaction of its own; None when that can't be read."""
    scope = system("delivery")
    try:
        with transaction(scope):
            return slots.claims_of(scope, route_ids)
    except sa.exc.SQLAlchemyError:
        return None


def leave(worker: str) -> None:
    """Hand back all connections of a worker that ends, or that died. Where the database is away, its term does it."""
    scope = system("delivery")
    with contextlib.suppress(sa.exc.SQLAlchemyError), transaction(scope):
        slots.leave(scope, worker=worker)


class Notes:
    """How many messages were tried by which pool since the last note; what could not be written is kept for the next one."""

    def __init__(self) -> None:
        self._tried: Counter[int] = Counter()
        self._unsaid: Counter[int] = Counter()
        self._seen_again = 0.0

    def count(self, pool_id: int, messages: int) -> None:
        """Count messages that were tried."""
        self._tried[pool_id] += messages

    def write(self, host: str, ways: Sequence[Way]) -> None:
        """Write that the host lives, and all that was counted; see `note_ways`."""
        if clock.monotonic() >= self._seen_again:
            with transaction(scope := system("delivery")):
                hosts.note_seen(scope, host)
            self._seen_again = clock.monotonic() + SEEN_SECONDS
        tried, self._tried = self._tried, Counter()
        self._unsaid += tried
        # In one order by all workers, so that no two can wait for each other.
        note_ways(sorted(ways, key=lambda one: one.login.card.id), self._unsaid)
        self._unsaid = Counter()


def note_ways(ways: Sequence[Way], tried: Mapping[int, int]) -> None:
    """Write down, in a transaction of its own, what a worker's ways and pools did since the last note.

    `tried`: messages by pool. It waits for nobody's lock longer than `LOCK_MILLISECONDS`, for a worker that ends waits for it. Raises what the
    database raises; then the ways' part comes with the next note.
    """
    scope = system("delivery")
    taken = [(way, way.tally.take(), way.trouble, way.well, set(way.noted)) for way in ways]
    try:
        with transaction(scope) as live:
            live.execute(_LOCKS, {"most": f"{LOCK_MILLISECONDS}ms"})
            for pool_id, messages in sorted(tried.items()):
                paces.note(scope, pool_id=pool_id, messages=messages)
            for way, answers, *_ in taken:
                note_way(scope, way)
                _note_answers(scope, way, answers)
    except BaseException:
        for way, answers, trouble, well, noted in taken:
            way.tally.give_back(*answers)
            way.trouble, way.well = way.trouble or trouble, way.well or (well and not trouble)
            # Each is written anew, or ended.
            way.noted.update(dict.fromkeys(noted | set(way.noted), 0.0))
        raise


def _note_answers(scope: Scope, way: Way, answers: Taken) -> None:
    route_id, ((sent, deferred, refused, lost), words) = way.login.card.id, answers
    if sent or deferred or refused or lost:
        health.note_answers(scope, route_id=route_id, sent=sent, deferred=deferred, refused=refused, lost=lost)
    for (group, code, shape), said in sorted(words.items()):
        health.note_wording(scope, route_id=route_id, group=group, code=code, shape=shape, text=said.text, count=said.count)


def note_way(scope: Scope, way: Way) -> None:
    """Write down how a route does, what of it rests, and what rests no more."""
    route_id = way.login.card.id
    if way.pace < way.login.card.pace:
        health.note_pace(scope, route_id=route_id, pace=way.pace)
    if way.trouble:
        detail, way.trouble, way.well = way.trouble, "", False
        pause = max(0.0, way.rests_until - clock.monotonic())
        health.note_trouble(scope, route_id=route_id, failures=way.failures, pause_seconds=pause, detail=detail)
    elif way.well:
        way.well = False
        health.note_well(scope, route_id=route_id)
    rests, now, monotonic = way.rests(), clock.now(), clock.monotonic()
    for group, rest in sorted(rests.items()):
        if abs(way.noted.get(group, 0.0) - monotonic - rest.seconds) < SAME_SECONDS:
            continue
        way.noted[group] = monotonic + rest.seconds
        until = now + timedelta(seconds=rest.seconds)
        rates.note_hold(scope, route_id=route_id, group=group, by=rest.by, until=until, failures=rest.failures, said=rest.said)
    for group in sorted(set(way.noted) - set(rests)):
        rates.end_hold(scope, route_id=route_id, group=group)
        del way.noted[group]


def composers_of(claimed: Claimed) -> dict[int, Composes | str]:
    """Load what makes the lease's messages; a revision that can't be sent gives its reason instead."""
    signing, scope = settings().sign_mail, claimed.scope
    wanted = {card.revision_id for card in claimed.cards}
    made: dict[int, Composes | str] = {
        revision_id: kept for revision_id in wanted if (kept := composers.kept(scope, revision_id, signing=signing))
    }
    if len(made) == len(wanted):
        return made
    with transaction(scope):
        for revision_id in wanted - set(made):
            try:
                made[revision_id] = composers.load(scope, revision_id, signing=signing)
            except AppError as refusal:
                made[revision_id] = refusal.sentence
    return made
