"""Pick due messages of one tenant: single ones first, then those of its running campaigns, in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from posthouse.platform import clock
from posthouse.platform.scope import Scope
from posthouse.platform.statements import rows

# While anything keeps an old view of the database (a backup does for an hour) what was claimed stays in the index of what is due,
# and every claim from the queue's start would pass all of it again. So a process looks from where it picked last, and only so
# often from the start, where messages may stand that somebody held at that moment; at the end of a queue it does at once.
LOOK_BACK_SECONDS = 10.0
_MOST_MARKS = 10_000
_ALL = ("-infinity", "infinity")

# The contact's fields are fetched one by one for the rows that are taken, whatever the planner thinks of the table.
_PICK = (
    "SELECT m.id, m.revision_id, m.campaign_id, m.list_id, m.recipient, m.email_norm, m.domain, m.not_before,"
    " coalesce(m.expires_at <= %(now)s, false) AS late,"
    " CAST(coalesce(m.fields, (SELECT c.fields FROM contact c WHERE c.tenant_id = m.tenant_id AND c.id = m.contact_id), '{{}}') AS text) AS fields"
    " FROM message m WHERE m.tenant_id = %(tenant)s AND m.state = 'queued' AND m.not_before <= %(now)s AND {which}"
    " ORDER BY m.not_before LIMIT %(size)s FOR UPDATE OF m SKIP LOCKED"
)
_PICK_SINGLE = _PICK.format(which="m.stream = %(stream)s AND m.campaign_id IS NULL")
_PICK_CAMPAIGN = _PICK.format(
    which="m.campaign_id = %(campaign)s AND m.not_before >= CAST(%(since)s AS timestamptz) AND m.not_before < CAST(%(until)s AS timestamptz)"
)


@dataclass(frozen=True, slots=True)
class _Mark:
    """How far this process has gone through a campaign's queue, and when (monotonic) it looks from the start again."""

    at: datetime
    back_at: float


_marks: dict[tuple[int, int], _Mark] = {}


def pick(scope: Scope, *, stream: str, now: datetime, campaigns: Sequence[int], most: int) -> tuple[list[Any], bool]:
    """Lock up to `most` due messages; returns them and whether there may be more. The campaigns' turn begins at a place that moves."""
    values = {"tenant": scope.tenant, "stream": stream, "now": now}
    picked = rows(scope, _PICK_SINGLE, {**values, "size": most})
    shift = now.microsecond % len(campaigns) if campaigns else 0
    # Campaigns are marketing; nothing of theirs is ever looked for on another stream.
    for campaign in [*campaigns[shift:], *campaigns[:shift]] if stream == "marketing" else []:
        if len(picked) >= most:
            break
        picked += _of_campaign(scope, {**values, "campaign": campaign}, most - len(picked))
    return picked, len(picked) >= most


def came(scope: Scope, *, stream: str, now: datetime, campaigns: Sequence[int], known: Sequence[Any]) -> bool:
    """Say whether another message than those picked is due by now. For a queue whose end was reached."""
    values = {"tenant": scope.tenant, "stream": stream, "now": now, "size": len(known) + 1}
    found = rows(scope, _PICK_SINGLE, values)
    for campaign in campaigns if stream == "marketing" else []:
        found += _between(scope, {**values, "campaign": campaign}, _ALL, len(known) + 1)
    return not {row.id for row in found} <= {row.id for row in known}


def forget(scope: Scope, campaigns: Sequence[int]) -> None:
    """Look through these campaigns' queues from the start the next time, since not all that was picked was taken."""
    for campaign in campaigns:
        _marks.pop((scope.tenant, campaign), None)


def _of_campaign(scope: Scope, values: dict[str, Any], most: int) -> list[Any]:
    key, at = (scope.tenant, values["campaign"]), clock.monotonic()
    mark = _marks.get(key)
    if mark is None or at >= mark.back_at:
        picked = _between(scope, values, _ALL, most)
        back_at = at + LOOK_BACK_SECONDS
    else:
        picked = _between(scope, values, (mark.at, "infinity"), most)
        # At its end the queue is looked through from the start, for what was passed over.
        picked += _between(scope, values, ("-infinity", mark.at), most - len(picked)) if len(picked) < most else []
        back_at = mark.back_at
    if len(_marks) >= _MOST_MARKS:
        _marks.clear()
    if len(picked) < most:
        _marks.pop(key, None)
    else:
        _marks[key] = _Mark(max(row.not_before for row in picked), back_at)
    return picked


def _between(scope: Scope, values: dict[str, Any], part: tuple[object, object], most: int) -> list[Any]:
    return rows(scope, _PICK_CAMPAIGN, {**values, "since": part[0], "until": part[1], "size": most})
