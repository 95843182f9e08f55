"""Adds up a campaign's figures in groups, so that no screen counts rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from posthouse.platform.scope import Scope
from posthouse.platform.statements import array, rows

# Kinds of figures. Those of persons and of machines stand apart and are never added together.
RECIPIENTS = "recipients"
SKIPPED = "skipped"
SENT = "sent"
BOUNCED = "bounced"
DEFERRED = "deferred"
FAILED = "failed"
SUPPRESSED = "suppressed"
EXPIRED = "expired"
CANCELLED = "cancelled"
UNKNOWN = "unknown"
COMPLAINED = "complained"
UNSUBSCRIBED = "unsubscribed"
OPENED = "opened"  # persons, once a message
OPENS = "opens"
CLICKED = "clicked"  # persons, once a message
CLICKS = "clicks"
MACHINE_OPENS = "machine_opens"
MACHINE_CLICKS = "machine_clicks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """So many of one kind for a campaign. `domain` is the recipient's, `link` the link's number; None where it plays no part."""

    campaign_id: int
    kind: str
    at: datetime
    domain: str | None = None
    link: int | None = None
    count: int = 1


# Ordered, so that two transactions that add to the same rows lock them in the same order.
_ADD = (
    "INSERT INTO campaign_count AS c (tenant_id, campaign_id, facet, part, kind, count)"
    " SELECT %(tenant)s, u.campaign_id, u.facet, u.part, u.kind, u.count"
    " FROM unnest(CAST(%(campaigns)s AS bigint[]), CAST(%(facets)s AS text[]), CAST(%(parts)s AS text[]), CAST(%(kinds)s AS text[]),"
    " CAST(%(counts)s AS bigint[])) AS u (campaign_id, facet, part, kind, count)"
    " ORDER BY u.campaign_id, u.facet, u.part, u.kind"
    " ON CONFLICT (tenant_id, campaign_id, facet, part, kind) DO UPDATE SET count = c.count + excluded.count"
)


def add(scope: Scope, tallies: Iterable[Tally]) -> None:
    """Add figures in one statement, in the transaction that makes them true."""
    sums: Counter[tuple[int, str, str, str]] = Counter()
    for tally in tallies:
        for facet, part in _parts(tally):
            sums[(tally.campaign_id, facet, part, tally.kind)] += tally.count
    if not sums:
        return
    keys = sorted(sums)
    rows(
        scope,
        _ADD,
        {
            "tenant": scope.tenant,
            "campaigns": array(key[0] for key in keys),
            "facets": array(key[1] for key in keys),
            "parts": array(key[2] for key in keys),
            "kinds": array(key[3] for key in keys),
            "counts": array(sums[key] for key in keys),
        },
    )


@lru_cache(64)
def _minute(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%MZ")


def _parts(tally: Tally) -> Iterable[tuple[str, str]]:
    yield "total", ""
    yield "minute", _minute(tally.at)
    if tally.domain is not None:
        yield "domain", tally.domain
    if tally.link is not None:
        yield "link", str(tally.link)
