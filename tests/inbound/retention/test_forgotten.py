"""Who was erased is known again in what comes in late and belongs to nobody; everybody else's mail is kept."""

from __future__ import annotations

import base64
import gzip
import os
from dataclasses import replace
from datetime import timedelta

import hook_calls
import psycopg
import pytest
import sqlalchemy as sa
from desk import Desk
from news import pass_on

from posthouse.inbound.learning.rules import Rule
from posthouse.inbound.learning.services import make_rule
from posthouse.inbound.providers import folders, services
from posthouse.inbound.providers import jobs as provider_jobs
from posthouse.inbound.retention import jobs
from posthouse.platform import clock
from posthouse.platform.app import settings as current
from posthouse.platform.db import transaction
from posthouse.platform.scope import system
from posthouse.tenants.contacts import services as contacts

WHO, OTHER = "ann@example.net", "joann@example.net"


def _stray(who: str, subject: str = "x") -> bytes:
    body = base64.encodebytes(f"nobody here is {who}".encode())
    return b"From: loft@birds.example\nSubject: %s\nContent-Transfer-Encoding: base64\n\n%s" % (subject.encode(), body)


@pytest.fixture
def erased(desk: Desk, settings):
    """Erases somebody; what is said is done once `pass_on` was called."""

    def act(email: str = WHO) -> None:
        with transaction(desk.world.a1.scope):
            contact = contacts.create(desk.world.a1.scope, email=email, source="page").id
            contacts.erase(desk.world.a1.scope, contact_id=contact)
        for _ in range(3):
            pass_on(settings)

    return act


def test_an_address_beneath_an_encoding_goes_with_its_mail(desk: Desk, erased) -> None:
    """In the operator's queue and in a rule's sample; another's address that ends like it stays with both."""
    for who in (WHO, OTHER):
        desk.hand_in(_stray(who), "bounces@mail.example")
        with transaction(desk.world.operator) as live:
            mail_id = live.execute(sa.text("SELECT max(id) FROM unmatched_mail")).scalar_one()
            make_rule(
                desk.world.operator,
                mail_id=mail_id,
                name=who,
                rule=Rule(0, "nobody here is", "", "", "bounce", "userunknown", final=True),
            )
    erased()
    assert len(desk.unmatched()) == 1
    with transaction(desk.world.operator) as live:
        assert dict(live.execute(sa.text("SELECT name, octet_length(sample) > 0 FROM learned_rule")).all()) == {
            WHO: False,
            OTHER: True,
        }


def test_what_comes_in_after_an_erasure_is_not_kept_where_it_names_the_person(desk: Desk, erased) -> None:
    """Encoded or plain, by the envelope or within; days later, until the longest that such mail is kept. Others' is kept."""
    desk.hand_in(_stray(WHO), "bounces@mail.example")
    erased()
    assert desk.unmatched() == []
    with clock.frozen(clock.now() + timedelta(days=5)):
        desk.hand_in(_stray(WHO, "late"), "bounces@mail.example")
        desk.hand_in(b"From: x@example.net\n\nANN@example.net is gone", "bounces@mail.example")
        desk.hand_in(b"From: x@example.net\n\nhello", "bounces@mail.example", sender=WHO)
        assert desk.unmatched() == []
        desk.hand_in(_stray(OTHER), "bounces@mail.example")
        desk.hand_in(f"From: x@example.net\n\n{WHO}.org".encode(), "bounces@mail.example")
        assert len(desk.unmatched()) == 2
    with clock.frozen(clock.now() + timedelta(days=current().inbound_mail_days + 1)):
        jobs.forget_old_mail(system("test"))
    with transaction(system("test")) as live:
        assert live.execute(sa.text("SELECT count(*) FROM forgotten_address")).scalar_one() == 0


def test_no_address_can_be_read_from_what_is_remembered(erased, settings) -> None:
    erased()
    with psycopg.connect(settings.database_url) as live:
        rows = live.execute("SELECT address_hash FROM forgotten_address").fetchall()
    assert [len(found) for (found,) in rows] == [16]


def test_a_post_that_comes_late_does_its_work_and_is_blanked(desk: Desk, erased) -> None:
    erased()
    with transaction(desk.world.operator):
        hook = services.Hook(
            services.create_hook(desk.world.operator, provider="postmark", secret="user:pass"), services.PROVIDERS["postmark"], ""
        )
    for who in (WHO, OTHER):
        call = hook_calls.postmark().request
        services.keep(hook, replace(call, body=call.body.replace(hook_calls.WHO.encode(), who.encode())))
    with transaction(system("test")) as live:
        reports = live.execute(sa.text("SELECT id FROM provider_report ORDER BY id")).scalars().all()
    for one in reports:
        provider_jobs.sort_report(system("test"), report_id=one)
    with transaction(system("test")) as live:
        found = live.execute(sa.text("SELECT octet_length(body) > 0, events FROM provider_report ORDER BY id")).all()
    assert [tuple(row) for row in found] == [(False, 1), (True, 1)]


def _line(who: str) -> str:
    return f'b,1,o,{who},5.1.1,"smtp;550 5.1.1 <{who.upper()}>: no such user"\n'


@pytest.mark.parametrize("packed", [False, True])
def test_accounting_files_that_were_taken_in_are_blanked(desk: Desk, erased, packed: bool) -> None:
    """Those that lay there, and one that comes late; other lines, the columns and the file's age stay."""
    head = "type,timeLogged,orig,rcpt,dsnStatus,dsnDiag\n"
    write = (lambda path, text: path.write_bytes(gzip.compress(text.encode()))) if packed else (lambda path, text: path.write_text(text))
    read = (lambda path: gzip.decompress(path.read_bytes()).decode()) if packed else (lambda path: path.read_text())
    with transaction(desk.world.operator):
        hook_id = services.create_hook(desk.world.operator, provider="powermta", secret=hook_calls.KEY)
    hook = services.Hook(hook_id, services.PROVIDERS["powermta"], hook_calls.KEY)
    folder = folders.folder_of("phk_x")
    folder.mkdir(parents=True)
    at = clock.now().timestamp() - 3_600
    for name in ("early", "late"):
        path = folder / f"{name}.csv"
        write(path, head + _line(WHO) + _line(OTHER))
        os.utime(path, (at, at))
        taken = folders.empty(hook, folder, clock.monotonic() + 60)
        assert [(one.name, one.why) for one in taken] == [(f"{name}.csv", None)]
        if name == "early":
            erased()
        done = folder / "done" / f"{name}.csv"
        assert read(done) == head + 'b,1,o,,5.1.1,"smtp;550 5.1.1 <>: no such user"\n' + _line(OTHER)
        assert done.stat().st_mtime == pytest.approx(at, abs=1)
    assert sorted(path.name for path in (folder / "done").iterdir()) == ["early.csv", "late.csv"]
