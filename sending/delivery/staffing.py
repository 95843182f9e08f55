"""How many connections what waits is worth, by route; pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from posthouse.sending.delivery.ways import Way

MESSAGES_A_CONNECTION = 4  # so many waiting messages are worth another connection
SOON_SECONDS = 0.5  # a way that may send again so soon counts as one that may


def wish(way: Way, ways: Sequence[Way], waiting: Mapping[str, int]) -> int:
    """How many connections a way should have for what waits, those included that it has; as many as it has where it needs no more."""
    weights = sum(one.login.card.weight for one in ways)
    count = sum(count for group, count in waiting.items() if way.free or way.blocked(group) < SOON_SECONDS)
    share = math.ceil(math.ceil(count / MESSAGES_A_CONNECTION) * way.login.card.weight / weights)
    # Where permits are what is short, one connection that waits for them is enough.
    if way.meters and len(way.tasks) > way.busy:
        return len(way.tasks)
    # A connection that speaks with a slow server is no help for what waits; one that is idle or being opened is.
    return max(len(way.tasks), min(share + way.busy, 1 if way.half_open else way.bearing.limit(_most(way, ways))))


def _most(way: Way, ways: Sequence[Way]) -> int:
    """How many connections a way may have beside the others: where weights differ, none so many that its share grows past them."""
    if len({one.login.card.weight for one in ways}) == 1:
        return way.most
    each = min(one.most / one.login.card.weight for one in ways)
    return max(1, round(each * way.login.card.weight))
