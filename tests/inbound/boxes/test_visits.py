"""Visits to mailboxes at servers that work, hang, lie, flood, drip and break; row numbers are those of the list of bad inputs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from mailbox_server import Box, MailboxServer

from posthouse.inbound.boxes.cards import BoxTrouble, Place
from posthouse.inbound.boxes.visits import try_place, visiting
from posthouse.platform import clock

BOTH = pytest.mark.parametrize("protocol", ["imap", "pop3"])


def _place(server: MailboxServer, **changes: object) -> Place:
    facts = {"tls": "none", "verify": False, "username": server.box.user, "password": server.box.password}
    return Place(**{"protocol": server.protocol, "host": "127.0.0.1", "port": server.port, **facts, **changes})  # type: ignore[arg-type]


@BOTH
@pytest.mark.parametrize("tls", ["none", "starttls", "tls"])
def test_a_trial_goes_well(serve: Callable[..., MailboxServer], protocol: str, tls: str) -> None:
    """In clear, with STARTTLS and with TLS from the start; a password of any signs."""
    server = serve(Box(), protocol, tls=tls == "starttls", wrapped=tls == "tls")
    server.box.put(b"a", b"b")
    steps = try_place(_place(server, tls=tls), seconds=10)
    assert [step.name for step in steps if not step.well] == []
    assert "2 mails" in steps[-1].words
    assert ("Encryption" in [step.name for step in steps]) == (tls != "none")


@BOTH
def test_a_trial_says_what_is_wrong(serve: Callable[..., MailboxServer], protocol: str) -> None:
    """Name, port, encryption, certificate, password, folder: each with advice."""
    server, secure = serve(Box(), protocol), serve(Box(), protocol, wrapped=True)

    def last(**changes: object) -> tuple[str, bool]:
        step = try_place(_place(changes.pop("at", server), **changes), seconds=5)[-1]  # type: ignore[arg-type]
        return step.name, bool(step.advice)

    assert last(host="nowhere.invalid") == ("Name", True)
    assert last(port=1) == ("Port", True)
    assert last(tls="tls") == ("Encryption", True)
    assert last(at=secure, tls="tls", verify=True) == ("Certificate", True)
    assert last(password="wrong") == ("Sign-in", True)
    assert last(tls="starttls")[0] in {"STARTTLS", "Encryption"}
    if protocol == "imap":
        assert last(folder="Nowhere") == ("Folder", True)
        assert last(afterwards="move", move_to="Nowhere") == ("Move", True)
        assert last(afterwards="move", move_to="Done") == ("Move", False)


@BOTH
@pytest.mark.parametrize("trouble", ["silent", "hang", "garbage", "drop", "flood", "endless-line", "drip"])
def test_a_bad_server_ends_in_words_within_the_deadline(serve: Callable[..., MailboxServer], protocol: str, trouble: str) -> None:
    """It may hang, send rubbish, hang up, flood, send a line without end (row 39 turned round) or one byte at a time (row 42)."""
    server = serve(Box(trouble=trouble), protocol)
    began = clock.monotonic()
    with pytest.raises(BoxTrouble) as caught, visiting(_place(server), seconds=1.5, silence=0.8) as visit:
        visit.open("INBOX")
        visit.waiting(0, 10)
    assert clock.monotonic() - began < 8
    assert caught.value.words
    assert caught.value.advice


def test_a_server_that_announces_four_gigabytes_is_not_believed(serve: Callable[..., MailboxServer]) -> None:
    """Nothing of the kind is ever held in memory."""
    server = serve(Box(trouble="lie"), "imap")
    server.box.put(b"Subject: x\n\nx")
    with visiting(_place(server), seconds=5) as visit:
        visit.open("INBOX")
        (mail,) = visit.waiting(0, 10)
        with pytest.raises(BoxTrouble, match="announced"):
            visit.fetch(mail, 1_000_000)


@BOTH
def test_of_a_mail_of_100_mb_only_the_beginning_is_fetched(serve: Callable[..., MailboxServer], protocol: str) -> None:
    """What a report says stands before what it returns."""
    server = serve(Box(), protocol)
    server.box.put(b"Subject: huge\r\n\r\n" + (b"x" * 998 + b"\r\n") * 100_000)
    with visiting(_place(server), seconds=60) as visit:
        visit.open("INBOX")
        (mail,) = visit.waiting(0, 10)
        got = visit.fetch(mail, 1_000_000)
    assert mail.size_bytes > 99_000_000
    assert got.startswith(b"Subject: huge")
    assert len(got) <= 1_000_000


@BOTH
def test_row_44_a_line_of_5000_letters_and_dots_come_through(serve: Callable[..., MailboxServer], protocol: str) -> None:
    """The standard library's POP3 client refuses such a line; lines that begin with a dot keep it."""
    content = b"Subject: x\r\n\r\n" + b"y" * 5_000 + b"\r\n.\r\n..two\r\nend\r\n"
    server = serve(Box(), protocol)
    server.box.put(content)
    with visiting(_place(server), seconds=5) as visit:
        visit.open("INBOX")
        assert visit.fetch(visit.waiting(0, 10)[0], 1_000_000) == content


def test_a_folder_of_50000_mails_is_listed_in_parts(serve: Callable[..., MailboxServer]) -> None:
    """The oldest first, and from the mark on."""
    server = serve(Box(), "imap")
    server.box.put(*[b"Subject: x\n\nx"] * 3)
    for number, one in enumerate(server.box.letters):
        one.uid = (number + 1) * 20_000
    with visiting(_place(server), seconds=5) as visit:
        visit.open("INBOX")
        assert [mail.name for mail in visit.waiting(0, 2)] == [20_000, 40_000]
        assert [mail.key for mail in visit.waiting(40_000, 2)] == ["7:60000"]
        assert visit.waiting(60_000, 2) == []
