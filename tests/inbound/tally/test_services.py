"""Forged, foreign, replayed and expired tokens change nothing and are counted, where the operator sees it (H1 to H3, rows 49 and 50)."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from desk import Desk
from flask import Flask
from letters import DSN
from world import World

from posthouse.inbound.listener.hooks import Hooks
from posthouse.inbound.listener.limits import Limits
from posthouse.inbound.tally import services
from posthouse.inbound.tally.queries import counted
from posthouse.inbound.tally.services import TALLY
from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.errors import Forbidden


@pytest.fixture
def desk(app: Flask, world: World, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A mailroom with nothing in it and nothing counted."""
    del app
    monkeypatch.setattr(TALLY, "_counts", Counter())
    return Desk(world)


def _bounce(token: str, extra: str = "") -> bytes:
    return (DSN.format(to="b@r.example", action="failed", token=token) + extra).encode()


def _counted(desk: Desk, days: int = 7) -> dict[str, int]:
    TALLY.flush(now=True)
    with transaction(desk.world.operator):
        return counted(desk.world.operator, days=days)


def test_h2_a_replayed_token_is_counted_and_changes_nothing_more(desk: Desk) -> None:
    """The same mail again, and another mail with the same token."""
    sent = desk.send(desk.world.a1)
    for extra in ("", "", "again"):
        desk.hand_in(_bounce(sent.token, extra), "b@mail.example")
    assert _counted(desk) == {"repeated": 2}
    assert len(desk.suppressed(desk.world.a1)) == 1


def test_row_49_forged_foreign_and_expired_tokens_are_counted_and_change_nothing(desk: Desk) -> None:
    """A made-up token, one of an account that never was, one of a message long ago, one of a message that never left."""
    sent, late = desk.send(desk.world.a1), desk.send(desk.world.a1, "bob@example.net", ago=timedelta(days=30))
    unsent = desk.send(desk.world.a1, "cy@example.net", state="queued")
    foreign = desk.mint.mint(4711, sent.id).local
    for token in ("a" * len(sent.token), foreign, late.token, unsent.token):
        desk.hand_in(_bounce(token), "b@mail.example")
    assert _counted(desk) == {"forged": 1, "unknown-tenant": 1, "late": 1, "no-such-message": 1}
    assert [desk.marks(one)[0] for one in (sent, late, unsent)] == [False] * 3
    assert desk.suppressed(desk.world.a1) == []


def test_h1_a_forged_return_path_is_refused_at_the_door_and_counted(desk: Desk, tmp_path: Path) -> None:
    """Only what has the form of a token of ours: a typing mistake or an open-relay probe is no forgery."""
    hooks = Hooks(spool=tmp_path, is_genuine=lambda local: False, our_domains=frozenset({"mail.example"}), limits=Limits())
    forged = "a" * len(desk.send(desk.world.a1).token)
    for address in (f"{forged}@mail.example", f"fbl-{forged}@mail.example", "someone@mail.example", f"{forged}@elsewhere.example"):
        answer = asyncio.run(hooks.handle_RCPT(None, None, SimpleNamespace(rcpt_tos=[]), address, []))
        assert answer.startswith("550")
    assert _counted(desk) == {"refused-token": 2}


def test_counts_are_summed_by_day_and_kept_when_the_database_is_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several flushes add up; a failed one loses nothing."""
    TALLY.count("forged", 2)
    with monkeypatch.context() as patch:
        patch.setattr(services, "_write", lambda counts: (_ for _ in ()).throw(ConnectionError))
        with pytest.raises(ConnectionError):
            TALLY.flush(now=True)
    TALLY.count("forged")
    assert _counted(desk) == {"forged": 3}
    TALLY.count("forged")
    assert _counted(desk) == {"forged": 4}
    with clock.frozen(clock.now() + timedelta(days=7)):
        assert _counted(desk) == {}
        assert _counted(desk, days=8) == {"forged": 4}


def test_only_the_operator_sees_the_counts(desk: Desk) -> None:
    """They are about the whole installation."""
    for place in (desk.world.a, desk.world.a1):
        with transaction(place.scope), pytest.raises(Forbidden):
            counted(place.scope)
