"""Carries campaigns on: writes the remaining recipients, notices the end, cancels what a stopped one left."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.platform.events import emit
from posthouse.platform.jobs import enqueue
from posthouse.platform.scope import Scope
from posthouse.sending.campaigns import counting, expansion, rules, services
from posthouse.sending.campaigns.counting import Tally
from posthouse.sending.campaigns.models import Campaign
from posthouse.sending.campaigns.rules import State
from posthouse.sending.events import CampaignFinished
from posthouse.sending.messages import intake

CALL_OFF_SIZE = 5_000
STRETCH_SECONDS = 2.0
#: Between two stretches. A stretch writes some 50,000 messages, more than leave meanwhile; without it the first 100,000 of a million
#: would share the processors with the writing of all the others.
REST = timedelta(seconds=4)
_LOOK = timedelta(seconds=3)
_LOOK_WAITING = timedelta(seconds=30)


def expand_campaign(scope: Scope, *, campaign_id: int, part: int = 0) -> None:
    """Write a campaign's recipients range by range, each in its own transaction; goes on where it was cut off.

    After a few seconds it rests for a few, and queues up behind what others want: a list of a million must hold up neither a list of
    a thousand nor its own first messages.
    """
    until = clock.monotonic() + STRETCH_SECONDS
    done = False
    while not done:
        with transaction(scope):
            row = _running(scope, campaign_id)
            done = row is None or row.expanded_at is not None or expansion.expand(scope, row, size=expansion.RANGE)
            if not done and clock.monotonic() >= until:
                # Two keys in turn, for the running job still holds its own.
                key = f"{scope.tenant}.{campaign_id}.{(part + 1) % 2}"
                enqueue(scope, services.EXPAND_JOB, key=key, run_at=clock.now() + REST, campaign_id=campaign_id, part=part + 1)
                return


def watch_campaign(scope: Scope, *, campaign_id: int, look: int = 0) -> None:
    """Finish a campaign whose messages all have their outcome; else look again. Harmless when run twice."""
    with transaction(scope):
        row = _running(scope, campaign_id)
        if row is None:
            return
        if row.expanded_at is not None and not intake.any_open(scope, campaign_id=campaign_id):
            row.state, row.state_reason, row.resumes_at, row.finished_at = State.FINISHED, "", None, clock.now()
            emit(scope, CampaignFinished(campaign_id=campaign_id))
            return
        wait = _LOOK_WAITING if row.state == State.WAITING else _LOOK
        # Two keys in turn, for the running look still holds its own.
        key = f"{scope.tenant}.{campaign_id}.{(look + 1) % 2}"
        enqueue(scope, services.WATCH_JOB, key=key, run_at=clock.now() + wait, campaign_id=campaign_id, look=look + 1)


def call_off_campaign(scope: Scope, *, campaign_id: int) -> None:
    """Cancel what still waits of a stopped campaign, in groups, each in its own transaction."""
    while True:
        with transaction(scope):
            row = session(scope).get(Campaign, (scope.tenant, campaign_id))
            if row is None or row.state != State.STOPPED:
                return
            domains = intake.call_off(scope, campaign_id=campaign_id, size=CALL_OFF_SIZE)
            now = clock.now()
            counting.add(
                scope,
                [
                    Tally(campaign_id=campaign_id, kind=counting.CANCELLED, at=now, domain=domain, count=count)
                    for domain, count in Counter(domains).items()
                ],
            )
        if not domains:
            return


def _running(scope: Scope, campaign_id: int) -> Campaign | None:
    row = session(scope).get(Campaign, (scope.tenant, campaign_id), with_for_update=True, populate_existing=True)
    return row if row is not None and rules.may_send(row.state) else None
