"""Volumes add up exactly from what is written of messages, for the own reseller alone, folded or not."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.errors import Forbidden
from posthouse.platform.scope import system
from posthouse.sending.messages.models import MessageEvent
from posthouse.sending.volumes import jobs, queries
from posthouse.sending.volumes.queries import Volume

T0 = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def at():
    with clock.frozen(T0) as held:
        yield held


def _write(place, kinds, at=None):
    with transaction(place.scope) as live:
        values = [{"tenant_id": place.id, "message_id": 1, "kind": kind, "at": at or clock.now(), "text": ""} for kind in kinds]
        live.execute(sa.insert(MessageEvent), values)


def _read(world, place, days=7):
    with transaction(place.scope):
        return queries.by_tenant(place.scope, days=days)


@pytest.mark.parametrize("folded", [False, True])
def test_what_is_written_adds_up_by_tenant(world, at, folded):
    _write(world.a1, ["sent"] * 5 + ["failed", "deferred", "opened"])
    _write(world.a1, ["bounced", "complained", "unsubscribed", "sent"])
    _write(world.a2, ["sent"])
    _write(world.b1, ["sent"] * 2)
    if folded:
        jobs.fold(system("test"))
        jobs.fold(system("test"))
    assert _read(world, world.a) == {world.a1.id: Volume(6, 1, 1, 1, 1), world.a2.id: Volume(1)}
    assert _read(world, world.b) == {world.b1.id: Volume(2)}
    with transaction(world.operator):
        found = queries.by_reseller(world.operator, days=7)
    assert found == {world.a.id: Volume(7, 1, 1, 1, 1), world.b.id: Volume(2)}
    assert (found[world.a.id].delivered, found[world.a.id].tried, found[world.a.id].lost) == (6, 8, 2)


def test_days_are_utcs_and_today_is_one_of_them(world, at):
    for days in (0, 6, 7, 29, 30):
        _write(world.a1, ["sent"], T0 - timedelta(days=days))
    assert _read(world, world.a, days=7)[world.a1.id].sent == 2
    jobs.fold(system("test"))
    assert _read(world, world.a, days=30)[world.a1.id].sent == 4


def test_a_rolled_back_writing_counts_nothing(world, at):
    class Broken(Exception):
        pass

    with pytest.raises(Broken), transaction(world.a1.scope) as live:
        live.add(MessageEvent(message_id=1, kind="sent", at=clock.now(), text=""))
        live.flush()
        raise Broken
    assert _read(world, world.a) == {}


def test_folding_by_several_at_once_loses_and_doubles_nothing(app, world, at, monkeypatch):
    monkeypatch.setattr(jobs, "AT_ONCE", 5)
    for _ in range(40):
        _write(world.a1, ["sent", "bounced"])

    def fold():
        with app.app_context():
            jobs.fold(system("test"))

    threads = [threading.Thread(target=fold) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    jobs.fold(system("test"))
    assert _read(world, world.a) == {world.a1.id: Volume(40, 0, 40)}
    with transaction(world.a.scope) as live:
        assert live.execute(sa.text("SELECT count(*) FROM tenant_tally")).scalar_one() == 0


def test_only_those_who_may_see_tenants_see_their_volumes(world):
    nobody = world.a.may_only("brand:manage")
    with transaction(nobody), pytest.raises(Forbidden):
        queries.by_tenant(nobody, days=7)
    with transaction(world.a.scope), pytest.raises(Forbidden):
        queries.by_reseller(world.a.scope, days=7)
