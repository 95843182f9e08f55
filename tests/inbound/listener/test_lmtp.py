"""LMTP from a mail server in front: smtplib's own client and plain ones; a reply for every recipient (RFC 2033)."""

from __future__ import annotations

import asyncio
import smtplib
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import uvloop
from handing_in import Talker

from posthouse.inbound.listener.limits import Limits
from posthouse.inbound.listener.server import Door, Listener
from posthouse.inbound.spool.files import Envelope, unpack
from posthouse.inbound.spool.queries import waiting

TOKEN = "abcdefgh234567abcdefgh234567abcdefgh234567ab"
GOOD, OTHER = f"{TOKEN}@mail.example", f"fbl-{TOKEN}@mail.example"


class Front:
    """A listener with both doors open."""

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        self.loop = uvloop.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.listener = asyncio.run_coroutine_threadsafe(self._open(), self.loop).result(10)

    async def _open(self) -> Listener:
        door = Door("127.0.0.1", 0, "mx.mail.example", frozenset({"mail.example"}), self.spool, lmtp_port=0)
        made = Listener(
            door,
            is_genuine=lambda local: local.lower().removeprefix("fbl-") == TOKEN,
            limits=Limits(message_bytes=100_000, connections_of_peer=2, refused_recipients=3),
        )
        await made.start()
        return made

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.listener.stop(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def mails(self) -> list[tuple[Envelope, bytes]]:
        return [unpack(path.read_bytes()) for path in waiting(self.spool, limit=100)]


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    with closing(Front(tmp_path)) as running:
        yield running


@pytest.fixture
def client(front: Front) -> Iterator[Talker]:
    with closing(Talker(front.listener.lmtp_port)) as talker:
        yield talker


def test_smtplibs_lmtp_client_hands_a_bounce_on(front: Front) -> None:
    """One mail, one file, and the way it came is kept."""
    with smtplib.LMTP("127.0.0.1", front.listener.lmtp_port) as client:
        assert client.sendmail("<>", [GOOD], b"Subject: x\r\n\r\n.x\r\n") == {}
    ((envelope, content),) = front.mails()
    assert (envelope.recipients, envelope.sender, envelope.way, content) == ((GOOD,), "", "lmtp", b"Subject: x\r\n\r\n.x\r\n")


def test_every_taken_recipient_has_a_reply_after_the_data(front: Front, client: Talker) -> None:
    """Refused ones were told at RCPT and get none; the next command is answered in its turn."""
    assert client.say("LHLO front.example").startswith("250-mx.mail.example")
    client.say("MAIL FROM:<>")
    assert [client.say(f"RCPT TO:<{to}>")[:9] for to in (GOOD, "nobody@mail.example", OTHER)] == ["250 2.0.0", "550 5.1.1", "250 2.0.0"]
    assert client.say("DATA").startswith("354")
    client.socket.sendall(b"x\r\n.\r\nNOOP\r\n")
    assert [client.reply() for _ in range(3)] == ["250 2.0.0 Taken", "250 2.0.0 Taken", "250 2.0.0 OK"]
    assert [envelope.recipients for envelope, _ in front.mails()] == [(GOOD, OTHER)]


def test_a_message_that_cannot_be_kept_is_refused_for_each(front: Front, client: Talker) -> None:
    """Too big, or with a line end that stands alone: as many replies as recipients, nothing kept."""
    client.say("LHLO x")
    for bad, code in ((b"x" * 998 + b"\r\n") * 150, "552 5.3.4"), (b"a\nb\r\n", "554 5.6.0"):
        client.say("MAIL FROM:<>")
        for to in (GOOD, OTHER):
            client.say(f"RCPT TO:<{to}>")
        client.say("DATA")
        client.socket.sendall(bad + b".\r\n")
        assert [client.reply()[:9] for _ in range(2)] == [code, code]
    assert client.say("DATA").startswith("503")
    assert front.mails() == []


def test_it_begins_with_lhlo(front: Front, client: Talker) -> None:
    """EHLO and HELO belong to SMTP; LHLO to this port only."""
    for said in ("EHLO x", "HELO x", "MAIL FROM:<>"):
        assert client.say(said)[:3] in ("500", "503")
    assert client.say("LHLO x").startswith("250")


def test_a_server_in_front_speaks_for_many(front: Front) -> None:
    """Neither the connections nor the unknown recipients of one peer are limited as a stranger's are."""
    clients = [Talker(front.listener.lmtp_port) for _ in range(4)]
    assert [one.banner[:3] for one in clients] == ["220"] * 4
    clients[0].say("LHLO x")
    clients[0].say("MAIL FROM:<>")
    assert {clients[0].say("RCPT TO:<nobody@mail.example>")[:9] for _ in range(10)} == {"550 5.1.1"}
    for one in clients:
        one.close()
