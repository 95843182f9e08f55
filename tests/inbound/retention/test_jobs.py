"""What came in long ago is forgotten in steps; what it did, what waits, and what people wrote stays."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import hook_calls
import pytest
import sqlalchemy as sa
from desk import Desk
from letters import DSN

from posthouse.inbound.providers import jobs as provider_jobs
from posthouse.inbound.providers import services
from posthouse.inbound.providers.cards import HookRequest
from posthouse.inbound.retention import jobs
from posthouse.platform import clock
from posthouse.platform.app import settings
from posthouse.platform.db import transaction
from posthouse.platform.scope import system


def _bounce(token: str) -> bytes:
    return DSN.format(to=f"{token}@bounce.mail.example", action="failed", token=token).encode()


def _count(table: str) -> int:
    with transaction(system("test")) as live:
        return live.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()


@pytest.mark.parametrize(("days", "left"), [(89, 1), (92, 0)])
def test_old_mail_goes_and_its_effect_stays(desk: Desk, monkeypatch: pytest.MonkeyPatch, days: int, left: int) -> None:
    """The tenant's and the unmatched ones; more than one step of them; run twice. Another tenant's newer mail stays."""
    monkeypatch.setattr(jobs, "STEP", 2)
    sent = [desk.send(desk.world.a1, f"ann{number}@example.net") for number in range(5)]
    other = desk.send(desk.world.b1)
    for one in sent:
        desk.hand_in(_bounce(one.token), "b@mail.example")
    desk.hand_in(b"From: x@example.net\nSubject: who knows\n\nhello", "b@mail.example")
    with clock.frozen(datetime(2026, 11, 25, tzinfo=UTC) + timedelta(days=days)):
        jobs.forget_old_mail(system("test"))
        jobs.forget_old_mail(system("test"))
    assert (len(desk.mail(desk.world.a1)), len(desk.unmatched())) == (5 * left, left)
    assert all(desk.marks(one)[0] for one in sent)
    assert desk.marks(other)[0] is False


def test_old_posts_go_once_they_are_sorted(desk: Desk) -> None:
    """One that still waits is kept, however old."""
    with transaction(desk.world.operator):
        hook_id = services.create_hook(desk.world.operator, provider="powermta", secret=hook_calls.KEY)
    hook = services.Hook(hook_id, services.PROVIDERS["powermta"], hook_calls.KEY)
    head = b"type,timeLogged,orig,rcpt,dsnStatus,dsnDiag\n"
    for number in range(2):
        services.keep(hook, HookRequest("u", "text/csv", {}, head + b"b,1,o,ann%d@example.net,5.1.1,x\n" % number))
    with transaction(system("test")) as live:
        first = live.execute(sa.text("SELECT min(id) FROM provider_report")).scalar_one()
    provider_jobs.sort_report(system("test"), report_id=first)
    done = settings().data / "accounting" / "phk_x" / "done"
    done.mkdir(parents=True)
    for name, days in (("old.csv", 40), ("new.csv", 1)):
        (done / name).write_text("x")
        at = clock.now().timestamp() - days * 86_400
        os.utime(done / name, (at, at))
    jobs.forget_old_mail(system("test"))
    assert _count("provider_report") == 2
    assert [path.name for path in done.iterdir()] == ["new.csv"]
    with clock.frozen(clock.now() + timedelta(days=31)):
        jobs.forget_old_mail(system("test"))
    assert _count("provider_report") == 1
