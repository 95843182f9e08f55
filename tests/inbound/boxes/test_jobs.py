"""Mailboxes are emptied into the mailroom exactly once, whoever repeats, races, breaks or is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest
import sqlalchemy as sa
from desk import Desk
from flask import current_app
from letters import DSN
from mailbox_server import Box, Letter, MailboxServer
from psycopg.errors import ProgramLimitExceeded
from token_service import TokenService

from posthouse.inbound.boxes import jobs, queries, services
from posthouse.inbound.boxes.rules import Draft
from posthouse.inbound.mailroom import sort
from posthouse.inbound.parsing.cards import Understood
from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.errors import Conflict, Forbidden, Invalid, Missing
from posthouse.platform.scope import system
from posthouse.platform.settings import Settings

BOTH = pytest.mark.parametrize("protocol", ["imap", "pop3"])


def _add(desk: Desk, server: MailboxServer, afterwards: str = "delete", **changes: object) -> int:
    facts = {"label": "", "protocol": server.protocol, "host": "127.0.0.1", "port": server.port, "tls": "none", "verify_tls": False}
    draft = Draft(**{**facts, "username": server.box.user, "afterwards": afterwards, **changes})  # type: ignore[arg-type]
    with transaction(desk.world.operator):
        return services.add_box(desk.world.operator, draft, password=server.box.password)


def _poll(box_id: int, times: int = 1) -> None:
    for _ in range(times):
        jobs.poll_box(system("test"), box_id=box_id)


def _card(desk: Desk, box_id: int) -> queries.BoxCard:
    with transaction(desk.world.operator):
        return queries.get_box(desk.world.operator, box_id)


def _bounce(desk: Desk, place: object = None) -> tuple[object, bytes]:
    sent = desk.send(place or desk.world.a1)  # type: ignore[arg-type]
    return sent, DSN.format(to="bounces@relay.example", action="failed", token=sent.token).encode()


@BOTH
def test_a_bounce_without_verp_finds_its_message_by_the_original(desk: Desk, serve: Callable[..., MailboxServer], protocol: str) -> None:
    """The relay's own address came back; the Message-ID in the returned mail bears the token. Run twice, it counts once."""
    server = serve(Box(), protocol)
    sent, mail = _bounce(desk)
    server.box.put(mail)
    _poll(_add(desk, server), 2)
    assert desk.mail(desk.world.a1) == [("bounce", "bounced", sent.id)]  # type: ignore[attr-defined]
    assert desk.marks(sent)[:3] == (True, "userunknown", True)  # type: ignore[arg-type]
    assert len(desk.suppressed(desk.world.a1)) == 1
    assert server.box.letters == []
    assert server.box.fetched == 1


@BOTH
def test_an_address_alone_names_nobody(desk: Desk, serve: Callable[..., MailboxServer], protocol: str) -> None:
    """A forged token and none wait for a person; nothing changes."""
    server = serve(Box(), protocol)
    sent = desk.send(desk.world.a1)
    server.box.put(*(DSN.format(to="b@r.example", action="failed", token=token).encode() for token in ("a" * len(sent.token), "x")))
    _poll(_add(desk, server))
    assert sorted(desk.unmatched()) == [("bounce", "forged"), ("bounce", "no-token")]
    assert desk.marks(sent)[0] is False


@pytest.mark.parametrize(("protocol", "afterwards"), [("imap", "move"), ("imap", "mark"), ("imap", "leave"), ("pop3", "leave")])
def test_what_is_done_with_a_mail_afterwards(desk: Desk, serve: Callable[..., MailboxServer], protocol: str, afterwards: str) -> None:
    """Moved, marked or left: it is fetched once all the same, and new ones are found."""
    server = serve(Box(), protocol)
    _, first = _bounce(desk)
    server.box.put(first)
    box_id = _add(desk, server, afterwards, move_to="Done")
    _poll(box_id, 2)
    assert server.box.moved == ([first] if afterwards == "move" else [])
    if afterwards != "move":
        assert server.box.letters[0].flags == ({"\\Seen"} if afterwards == "mark" else set())
    sent, second = _bounce(desk)
    server.box.letters.append(Letter(9, second))
    _poll(box_id, 2)
    assert server.box.fetched == 2
    assert [row[1] for row in desk.mail(desk.world.a1)] == ["bounced", "bounced"]
    assert desk.marks(sent)[0] is True  # type: ignore[arg-type]


def test_without_move_and_uidplus_it_is_copied_and_deleted(desk: Desk, serve: Callable[..., MailboxServer]) -> None:
    """Old servers know neither RFC 6851 nor RFC 4315."""
    server = serve(Box(capabilities="IMAP4rev1"), "imap")
    _, mail = _bounce(desk)
    server.box.put(mail)
    _poll(_add(desk, server, "move", move_to="Done"))
    assert (server.box.letters, server.box.moved) == ([], [mail])


@BOTH
@pytest.mark.parametrize("step", ["note_taken", "note_settled"])
def test_k29_killed_between_keeping_and_deleting(
    desk: Desk, serve: Callable[..., MailboxServer], protocol: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each step: what is kept is never deleted unkept, and never counted twice; the box is free again when its lease ends."""
    server = serve(Box(), protocol)
    _, mail = _bounce(desk)
    server.box.put(mail)
    box_id = _add(desk, server)
    with clock.frozen(clock.now()) as time:
        with monkeypatch.context() as patch:
            patch.setattr(services, step, lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                _poll(box_id)
        assert len(desk.mail(desk.world.a1)) == 1
        _poll(box_id)
        assert _card(desk, box_id).polled_at is None, "the lease keeps the next one away"
        time.move(seconds=services.LEASE.total_seconds() + 1)
        _poll(box_id)
    assert [row[1] for row in desk.mail(desk.world.a1)] == ["bounced"]
    assert server.box.letters == []


@BOTH
def test_a_connection_that_breaks_keeps_what_was_taken(desk: Desk, serve: Callable[..., MailboxServer], protocol: str) -> None:
    """The second mail breaks off in its middle: half a mail is never sorted, and the next visit takes it whole."""
    server = serve(Box(drop_after=2), protocol)
    for _ in range(3):
        server.box.put(_bounce(desk)[1])
    box_id = _add(desk, server)
    _poll(box_id)
    card = _card(desk, box_id)
    assert (len(desk.mail(desk.world.a1)), card.taken, card.failures) == (1, 1, 1)
    assert "closed the connection" in card.trouble
    server.box.drop_after = 0
    _poll(box_id, 2)
    assert [row[1] for row in desk.mail(desk.world.a1)] == ["bounced"] * 3
    assert (server.box.letters, _card(desk, box_id).trouble) == ([], "")


@BOTH
def test_a_server_that_loses_deletions_is_asked_again(desk: Desk, serve: Callable[..., MailboxServer], protocol: str) -> None:
    """The mail is still listed, but it is known: it is deleted again and not fetched again."""
    server = serve(Box(expunges_lost=True), protocol)
    server.box.put(_bounce(desk)[1])
    box_id = _add(desk, server)
    _poll(box_id)
    server.box.expunges_lost = False
    if protocol == "imap":
        for one in server.box.letters:
            one.uid += 1  # it comes back under a new number
    _poll(box_id)
    assert len(desk.mail(desk.world.a1)) == 1
    assert server.box.letters == []


def test_a_folder_that_counts_anew_is_read_again_without_effect(desk: Desk, serve: Callable[..., MailboxServer]) -> None:
    """UIDVALIDITY changed (RFC 3501 2.3.1.1): all is fetched again, and known by its bytes."""
    server = serve(Box(), "imap")
    server.box.put(_bounce(desk)[1])
    box_id = _add(desk, server, "leave")
    _poll(box_id, 2)
    server.box.validity += 1
    _poll(box_id, 2)
    assert server.box.fetched == 2
    assert len(desk.mail(desk.world.a1)) == 1


def test_a_mail_that_can_never_be_fetched_holds_nobody_up(desk: Desk, serve: Callable[..., MailboxServer]) -> None:
    """After some tries it is left where it is and named; those behind it are taken."""
    server = serve(Box(trouble="lie"), "imap")
    server.box.put(_bounce(desk)[1])
    box_id = _add(desk, server)
    _poll(box_id, 5)
    server.box.trouble = ""
    server.box.put(_bounce(desk)[1])
    _poll(box_id)
    assert (len(desk.mail(desk.world.a1)), len(server.box.letters)) == (1, 1)
    assert "could not be fetched" in _card(desk, box_id).trouble


def test_a_mail_past_a_limit_of_the_database_waits_for_a_person(
    desk: Desk, serve: Callable[..., MailboxServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would never be taken, however often the database is asked: the mailbox goes on behind it."""
    server = serve(Box(), "imap")
    sent, mail = _bounce(desk)
    server.box.put(b"Subject: poison\r\n\r\nx")
    server.box.put(mail)
    real = sort.read

    def read(content: bytes, recipients: tuple[str, ...]) -> Understood:
        if b"poison" in content:
            raise sa.exc.OperationalError("INSERT", {}, ProgramLimitExceeded("index row size exceeds maximum"))
        return real(content, recipients)

    monkeypatch.setattr(sort, "read", read)
    _poll(_add(desk, server), 2)
    assert desk.marks(sent)[0]  # type: ignore[arg-type]
    assert desk.unmatched() == [("other", "failed")]


def test_due_boxes_are_asked_for_once_and_failing_ones_seldom(desk: Desk, serve: Callable[..., MailboxServer]) -> None:
    """A box that fails is tried with growing waits, at most an hour; a paused one not at all."""
    server = serve(Box(), "imap")
    box_id = _add(desk, server, username="other")
    with clock.frozen(clock.now()) as time:
        for wait in (240, 480, 960):
            jobs.ask_for_polls(system("test"))
            jobs.ask_for_polls(system("test"))
            _poll(box_id)
            card = _card(desk, box_id)
            assert "Sign-in" in card.trouble
            assert round((card.next_at - clock.now()).total_seconds()) == wait
            time.move(seconds=wait)
        with transaction(desk.world.operator) as live:
            assert live.execute(sa.text("SELECT count(*) FROM job WHERE kind = 'inbound.poll_box'")).scalar_one() == 1
            services.set_state(desk.world.operator, box_id=box_id, state="paused")
        _poll(box_id)
        assert _card(desk, box_id).failures == 0


def test_only_the_operator_sets_boxes_up(desk: Desk, serve: Callable[..., MailboxServer]) -> None:
    """Routes are the operator's, and so are the boxes that answers to them go to; what is wrong is said."""
    server = serve(Box(), "pop3")
    for place in (desk.world.a, desk.world.a1):
        with transaction(place.scope), pytest.raises(Forbidden):
            queries.list_boxes(place.scope)
        with transaction(place.scope), pytest.raises(Forbidden):
            services.add_box(place.scope, Draft("", "imap", "h.example", 993, "tls", True, "u"), password="p")
    for wrong in (
        {"afterwards": "move"},
        {"host": "a b"},
        {"port": 0},
        {"username": ""},
        {"protocol": "x400"},
        {"folder": "a\nb"},
        {"signs_in": "xoauth2"},
    ):
        with pytest.raises(Invalid):
            _add(desk, server, **wrong)
    box_id = _add(desk, server)
    with transaction(desk.world.operator) as live:
        sealed = live.execute(sa.text("SELECT password_sealed FROM bounce_box")).scalar_one()
        assert server.box.password.encode() not in bytes(sealed)
        services.delete_box(desk.world.operator, box_id=box_id)
        with pytest.raises(Missing):
            queries.get_box(desk.world.operator, box_id)
    _poll(box_id)


def _edit(desk: Desk, server: MailboxServer, box_id: int, password: str = "", **changes: object) -> None:
    facts = {"label": "", "protocol": server.protocol, "host": "127.0.0.1", "port": server.port, "tls": "none", "verify_tls": False}
    draft = Draft(**{**facts, "username": server.box.user, **changes})  # type: ignore[arg-type]
    with transaction(desk.world.operator):
        services.edit_box(desk.world.operator, box_id=box_id, draft=draft, password=password)


def test_an_edited_box_is_emptied_from_where_it_is_now(desk: Desk, serve: Callable[..., MailboxServer]) -> None:
    """Another server with the same numbers is another mailbox, and nothing of it is passed over; what it brings again counts once."""
    old, new = serve(Box(), "imap"), serve(Box(), "imap")
    _, first = _bounce(desk)
    _, second = _bounce(desk, desk.world.a2)
    old.box.put(first)
    new.box.put(second, first)
    box_id = _add(desk, old, afterwards="leave")
    _poll(box_id)
    _edit(desk, new, box_id, password=new.box.password, label="moved", host="localhost")
    _poll(box_id)
    assert [len(desk.mail(place)) for place in (desk.world.a1, desk.world.a2)] == [1, 1]
    assert (new.box.letters, _card(desk, box_id).label) == ([], "moved")


def test_a_folder_with_a_name_of_any_letters(desk: Desk, serve: Callable[..., MailboxServer]) -> None:
    """RFC 3501 5.1.3, for opening and for moving."""
    server = serve(Box(folders={"INBOX", "R&APw-ckl&AOQ-ufer", "R&-D"}), "imap")
    _, mail = _bounce(desk)
    server.box.put(mail)
    _poll(_add(desk, server, afterwards="move", folder="Rückläufer", move_to="R&D"))
    assert server.box.moved == [mail]
    assert len(desk.mail(desk.world.a1)) == 1


def test_the_kept_password_goes_nowhere_else(desk: Desk, serve: Callable[..., MailboxServer]) -> None:
    """Who may edit but doesn't know it can't have it sent to a server of theirs, or in clear."""
    server = serve(Box(), "imap", tls=True)
    box_id = _add(desk, server, tls="starttls")
    for elsewhere in ({"host": "evil.example"}, {"port": 1}, {"username": "x"}, {"tls": "none"}):
        with pytest.raises(Invalid, match="again"):
            _edit(desk, server, box_id, **{"tls": "starttls", **elsewhere})
    _edit(desk, server, box_id, tls="starttls", folder="Done", afterwards="mark")
    _poll(box_id)
    assert (_card(desk, box_id).trouble, _card(desk, box_id).folder) == ("", "Done")


def test_a_box_in_a_visit_is_not_turned_into_another(desk: Desk, serve: Callable[..., MailboxServer]) -> None:
    """The visit's notes would be taken for the other mailbox's."""
    server = serve(Box(), "imap")
    box_id = _add(desk, server)
    with transaction(system("test")):
        claimed = services.claim(system("test"), box_id)
    assert claimed is not None
    with pytest.raises(Conflict):
        _edit(desk, server, box_id, folder="Done")
    _edit(desk, server, box_id, afterwards="leave")
    with transaction(desk.world.a.scope), pytest.raises(Forbidden):
        services.edit_box(desk.world.a.scope, box_id=box_id, draft=Draft("", "imap", "h.example", 993, "tls", True, "u"))


def test_a_new_refresh_token_is_kept_and_used(desk: Desk, serve: Callable[..., MailboxServer], settings: Settings) -> None:
    """Microsoft gives one at each visit, and the first one ends after 90 days."""
    tokens = TokenService()
    server = serve(Box(token="access-1"), "imap", tls=True)
    _, mail = _bounce(desk)
    facts = {"label": "", "protocol": "imap", "host": "127.0.0.1", "port": server.port, "tls": "starttls", "verify_tls": False}
    draft = Draft(**facts, username=server.box.user, signs_in="xoauth2", token_url=tokens.url, client_id="client")  # type: ignore[arg-type]
    with closing(tokens), _carrying(replace(settings, box_token_hosts=tokens.host)):
        with transaction(desk.world.operator):
            box_id = services.add_box(desk.world.operator, draft, password="refresh-1", client_secret="shh")
        tokens.renewed = "refresh-2"
        _poll(box_id)
        tokens.refresh, tokens.renewed = "refresh-2", ""
        server.box.put(mail)
        _poll(box_id)
    assert [one["refresh_token"] for one in tokens.asked] == ["refresh-1", "refresh-2"]
    assert (_card(desk, box_id).trouble, len(desk.mail(desk.world.a1))) == ("", 1)
    with transaction(desk.world.operator) as live:
        sealed = bytes(live.execute(sa.text("SELECT password_sealed FROM bounce_box")).scalar_one())
    assert not any(secret in sealed for secret in (b"refresh-2", b"shh"))


@contextmanager
def _carrying(settings: Settings) -> Iterator[None]:
    app = current_app
    before = app.extensions["posthouse_settings"]
    app.extensions["posthouse_settings"] = settings
    try:
        yield
    finally:
        app.extensions["posthouse_settings"] = before
