"""The same bounce by several ways at the same moment has one effect."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import hook_calls
import pytest
import sqlalchemy as sa
from desk import Desk
from flask import Flask
from letters import DSN
from mailbox_server import Box, MailboxServer
from news import pass_on
from world import World

from posthouse.inbound.boxes import jobs as box_jobs
from posthouse.inbound.boxes import services as boxes
from posthouse.inbound.boxes.rules import Draft
from posthouse.inbound.inspection import services as inspection
from posthouse.inbound.mailroom.sort import Mailroom
from posthouse.inbound.providers import jobs as provider_jobs
from posthouse.inbound.providers import services as providers
from posthouse.inbound.providers.cards import HookRequest
from posthouse.inbound.spool.files import Envelope
from posthouse.platform.db import transaction
from posthouse.platform.scope import system
from posthouse.platform.settings import Settings
from posthouse.webui.webhooks import services as webhooks


@pytest.fixture
def desk(app: Flask, world: World) -> Desk:
    """A mailroom with nothing in it."""
    del app
    return Desk(world)


def _ids(sql: str) -> list[int]:
    with transaction(system("test")) as live:
        return list(live.scalars(sa.text(sql)))


def test_the_same_bounce_by_smtp_mailbox_file_and_hand_at_once_counts_once(app: Flask, desk: Desk, settings: Settings) -> None:
    """Row 50 by four ways: each goes through its own door in its own thread; one bounce, one suppression, one event, one webhook."""
    with transaction(desk.world.a1.scope):
        webhooks.create_endpoint(desk.world.a1.scope, url="https://hook.example.com/x", kinds=["message.bounced"])
    sent = desk.send(desk.world.a1)
    mail = DSN.format(to=f"{sent.token}@bounce.mail.example", action="failed", token=sent.token).encode()
    server = MailboxServer(Box(), "imap")
    server.box.put(mail)
    draft = Draft("", "imap", "127.0.0.1", server.port, "none", verify_tls=False, username=server.box.user)
    with transaction(desk.world.operator):
        box_id = boxes.add_box(desk.world.operator, draft, password=server.box.password)
        hook_id = providers.create_hook(desk.world.operator, provider="powermta", secret=hook_calls.KEY)
    hook = providers.Hook(hook_id, providers.PROVIDERS["powermta"], hook_calls.KEY)
    line = f"type,timeLogged,orig,rcpt,dsnStatus,dsnDiag\nb,1,{sent.token}@b.example,ann@example.net,5.1.1,smtp;550 5.1.1 no such user\n"
    providers.keep(hook, HookRequest("u", "text/csv", {}, line.encode()))
    inspection.apply(desk.world.a1.scope, mail)
    (report_id,), (brought_id,) = _ids("SELECT id FROM provider_report"), _ids("SELECT id FROM brought_mail")
    envelope = Envelope("", (f"{sent.token}@bounce.mail.example",), "192.0.2.1", "mx", "esmtp", datetime(2026, 11, 25, tzinfo=UTC))
    ways: list[Callable[[], object]] = [
        lambda: Mailroom(desk.mint).sort(envelope, mail),
        lambda: box_jobs.poll_box(system("test"), box_id=box_id),
        lambda: provider_jobs.sort_report(system("test"), report_id=report_id),
        lambda: inspection.sort_brought(system("test"), brought_id=brought_id),
    ]
    troubles: list[BaseException] = []
    start = threading.Barrier(len(ways))

    def go(way: Callable[[], object]) -> None:
        with app.app_context():
            start.wait()
            try:
                way()
            except BaseException as problem:
                troubles.append(problem)

    threads = [threading.Thread(target=go, args=(way,)) for way in ways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    server.close()
    assert troubles == []
    effects = sorted(str(row[1]) for row in desk.mail(desk.world.a1))
    assert effects.count("bounced") == 1
    assert set(effects) == {"bounced", "repeated"}
    assert len(effects) >= 3
    assert len(desk.suppressed(desk.world.a1)) == 1
    events = desk.ask(desk.world.a1, "SELECT count(*) FROM message_event WHERE message_id = :id AND kind = 'bounced'", id=sent.id)
    assert events == [(1,)]
    assert desk.ask(desk.world.a1, "SELECT sum(bounces) FROM standing_count") == [(1,)]
    for _ in range(2):
        pass_on(settings)
    assert desk.ask(desk.world.a1, "SELECT kind FROM webhook_delivery") == [("message.bounced",)]
    assert server.box.letters == []
