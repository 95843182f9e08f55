"""Adds up a campaign's figures in groups, so that no screen counts rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from posthouse.platform.db import session
from posthouse.platform.scope import Scope

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
_ADD = sa.text(
    "INSERT INTO campaign_count AS c (tenant_id, campaign_id, facet, part, kind, count)"
    " SELECT :tenant, u.campaign_id, u.facet, u.part, u.kind, u.count"
    " FROM unnest(CAST(:campaigns AS bigint[]), CAST(:facets AS text[]), CAST(:parts AS text[]), CAST(:kinds AS text[]),"
    " CAST(:counts AS bigint[])) AS u (campaign_id, facet, part, kind, count)"
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
    session(scope).execute(
        _ADD,
        {
            "tenant": scope.tenant,
            "campaigns": [key[0] for key in keys],
            "facets": [key[1] for key in keys],
            "parts": [key[2] for key in keys],
            "kinds": [key[3] for key in keys],
            "counts": [sums[key] for key in keys],
        },
    )


def _parts(tally: Tally) -> Iterable[tuple[str, str]]:
    yield "total", ""
    yield "minute", tally.at.strftime("%Y-%m-%dT%H:%MZ")
    if tally.domain is not None:
        yield "domain", tally.domain
    if tally.link is not None:
        yield "link", str(tally.link)
