"""The SMTP service over real connections: what is taken is on disk, what is not is refused with words, limits hold."""

import asyncio
import resource
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from posthouse.inbound.listener.limits import Limits
from posthouse.inbound.listener.server import Door, Listener
from posthouse.inbound.spool import services
from posthouse.inbound.spool.files import unpack
from posthouse.inbound.spool.queries import waiting

TOKEN = "abcdefgh234567abcdefgh234567abcdefgh234567ab"
GOOD = f"{TOKEN}@mail.example"
LIMITS = Limits(message_bytes=200_000, unread_bytes=300_000, idle_seconds=5, session_seconds=30)


def genuine(local_part: str) -> bool:
    """Stands for the token check: case is folded, the prefix is none of its business."""
    return local_part.lower().removeprefix("fbl-").removeprefix("u-") == TOKEN


class Service:
    """A listener on its own thread and loop."""

    def __init__(self, spool: Path, limits: Limits, is_genuine: Callable[[str], bool], **door: Path) -> None:
        self.spool = spool
        self.loop = uvloop.new_event_loop()
        self.listener: Listener | None = None
        self._door = Door("127.0.0.1", 0, "mx.mail.example", frozenset({"mail.example"}), spool, **door)
        self._limits, self._is_genuine = limits, is_genuine
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._open(), self.loop).result(10)

    async def _open(self) -> int:
        self.listener = Listener(self._door, is_genuine=self._is_genuine, limits=self._limits)
        return await self.listener.start()

    def close(self) -> None:
        assert self.listener is not None
        asyncio.run_coroutine_threadsafe(self.listener.stop(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def mails(self) -> list[tuple[tuple[str, ...], bytes]]:
        read = (unpack(path.read_bytes()) for path in waiting(self.spool, limit=100))
        return [(envelope.recipients, content) for envelope, content in read]


class Peer:
    """A plain client that says exactly what it is told."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.file = self.socket.makefile("rb")

    def reply(self) -> str:
        """The next reply, its lines joined; empty when the service has closed."""
        lines = []
        while True:
            try:
                line = self.file.readline().decode()
            except ConnectionError:
                return ""
            lines.append(line.rstrip("\r\n"))
            if line[3:4] != "-":
                return "\n".join(lines)

    def say(self, *data: bytes) -> str:
        self.socket.sendall(b"".join(data))
        return self.reply()

    def ready(self, recipient: str = GOOD) -> "Peer":
        """Up to the 354."""
        assert self.reply().startswith("220")
        assert self.say(b"EHLO client.example\r\n").startswith("250-mx.mail.example")
        assert self.say(b"MAIL FROM:<>\r\n").startswith("250")
        assert self.say(b"RCPT TO:<", recipient.encode(), b">\r\n").startswith("250")
        assert self.say(b"DATA\r\n").startswith("354")
        return self

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@contextmanager
def serving(spool: Path, limits: Limits = LIMITS, is_genuine: Callable[[str], bool] = genuine, **door: Path) -> Iterator[Service]:
    service = Service(spool, limits, is_genuine, **door)
    try:
        yield service
    finally:
        service.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with serving(tmp_path) as running:
        yield running


@pytest.fixture
def peer(service: Service) -> Iterator[Peer]:
    with closing(Peer(service.port)) as client:
        yield client


def until(holds: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def test_a_mail_is_on_disk_when_250_is_said(service: Service, peer: Peer) -> None:
    """Null sender, dots undone, bytes kept."""
    assert peer.ready().say(b"Subject: x\r\n\r\n..dot\r\n\xff\r\n.\r\n") == "250 2.0.0 Taken"
    assert service.mails() == [((GOOD,), b"Subject: x\r\n\r\n.dot\r\n\xff\r\n")]


def test_banner_and_greeting_name_the_mail_host_only(peer: Peer) -> None:
    """White label: no product's name; offered is what is handled."""
    banner, greeting = peer.reply(), peer.say(b"EHLO x\r\n")
    assert banner == "220 mx.mail.example ESMTP"
    assert greeting.split("\n")[1:] == ["250-SIZE 200000", "250-8BITMIME", "250-SMTPUTF8", "250-PIPELINING", "250 ENHANCEDSTATUSCODES"]
    for said in (b"HELP\r\n", b"NOOP\r\n", b"XYZ\r\n", b"QUIT\r\n"):
        greeting += peer.say(said)
    assert "posthouse" not in (banner + greeting).lower()
    assert "aiosmtpd" not in (banner + greeting).lower()
    assert "python" not in (banner + greeting).lower()


def test_several_mails_in_one_connection_and_pipelined(service: Service, peer: Peer) -> None:
    """RFC 2920: a group of commands in one packet gets its replies in order."""
    peer.reply()
    one = f"MAIL FROM:<>\r\nRCPT TO:<{GOOD}>\r\nRCPT TO:<nobody@mail.example>\r\nDATA\r\n".encode()
    peer.socket.sendall(b"EHLO x\r\n" + one)
    assert [peer.reply()[:3] for _ in range(5)] == ["250", "250", "250", "550", "354"]
    assert peer.say(b"a\r\n.\r\n").startswith("250")
    peer.socket.sendall(one)
    assert [peer.reply()[:3] for _ in range(4)] == ["250", "250", "550", "354"]
    assert peer.say(b"b\r\n.\r\n").startswith("250")
    assert [content for _, content in service.mails()] == [b"a\r\n", b"b\r\n"]


def test_row_38_an_endless_line_in_data_is_cut(service: Service, peer: Peer) -> None:
    """Memory stays flat and the connection ends with a word."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peer.ready()
    with pytest.raises(ConnectionError):
        for _ in range(4_000):
            peer.socket.sendall(b"x" * 65_536)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024
    assert service.mails() == []


def test_row_39_an_endless_line_before_ehlo_is_cut(peer: Peer) -> None:
    """The same before any command."""
    peer.reply()
    with pytest.raises(ConnectionError):
        for _ in range(4_000):
            peer.socket.sendall(b"x" * 65_536)


def test_row_40_recipients_are_limited(service: Service, peer: Peer) -> None:
    """452 4.5.3 beyond the limit; the mail goes through for the rest (RFC 5321 4.5.3.1.10)."""
    peer.reply()
    peer.say(b"EHLO x\r\n")
    peer.say(b"MAIL FROM:<>\r\n")
    answers = [peer.say(f"RCPT TO:<{GOOD}>\r\n".encode()) for _ in range(120)]
    assert [answer[:9] for answer in answers] == ["250 2.0.0"] * 100 + ["452 4.5.3"] * 20
    assert peer.say(b"DATA\r\n").startswith("354")
    assert peer.say(b"x\r\n.\r\n").startswith("250")
    assert len(service.mails()[0][0]) == 100


def test_row_40_guessing_recipients_ends_the_connection(peer: Peer) -> None:
    """421 after too many unknown ones."""
    peer.reply()
    peer.say(b"EHLO x\r\n")
    peer.say(b"MAIL FROM:<>\r\n")
    answers = []
    while not answers or answers[-1]:
        answers.append(peer.say(b"RCPT TO:<guess@mail.example>\r\n") if not answers or answers[-1][:3] == "550" else peer.reply())
    assert "421 4.7.0" in answers[-2]
    assert len(answers) < 30


def test_row_41_commands_are_limited(peer: Peer) -> None:
    """100,000 NOOP end with 421."""
    peer.reply()
    peer.say(b"EHLO x\r\n")
    answer = "250"
    count = 0
    while answer.startswith("250"):
        answer, count = peer.say(b"NOOP\r\n"), count + 1
    assert answer.startswith("421 4.7.0")
    assert count <= 250


def test_row_42_connections_are_limited_and_silence_ends(tmp_path: Path) -> None:
    """Too many get 421 at once; who says nothing gets 421 after the idle time, and makes room."""
    with serving(tmp_path, replace(LIMITS, connections_of_peer=3, idle_seconds=1)) as service:
        peers = [Peer(service.port) for _ in range(4)]
        assert sorted(peer.reply()[:3] for peer in peers) == ["220", "220", "220", "421"]
        assert service.listener is not None
        until(lambda: service.listener.doorkeeper.inside == 0)  # type: ignore[union-attr]
        with closing(Peer(service.port)) as late:
            assert late.reply().startswith("220")
        for peer in peers:
            peer.close()


def test_row_42_a_byte_now_and_then_does_not_hold_a_place(tmp_path: Path) -> None:
    """Only whole commands count as life; the session's time ends in any case."""
    with serving(tmp_path, replace(LIMITS, idle_seconds=60, session_seconds=1)) as service, closing(Peer(service.port)) as peer:
        peer.reply()
        peer.say(b"EHLO x\r\n")
        started = time.monotonic()
        reply = ""
        while not reply and time.monotonic() - started < 10:
            peer.socket.sendall(b"N")
            peer.socket.settimeout(0.2)
            try:
                reply = peer.reply()
            except TimeoutError:
                peer.file = peer.socket.makefile("rb")
        assert reply.startswith("421 4.4.2")


SMUGGLED = b"MAIL FROM:<evil@x>\r\nRCPT TO:<" + GOOD.encode() + b">\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n"


@pytest.mark.parametrize(
    "end",
    [
        b"\n.\n",
        b"\n.\r\n",
        b"\r.\r",
        b"\r\n.\n",
        b"\r.\r\n",
        b"\r\n.\r",
        b"\0\r\n.\n",
        b"\r\r\n.\r\r\n",
        b"\n\n.\r\n",
        b"\r\n\0.\r\n",
        b"\r\n.\0\r\n",
    ],
)
def test_row_43_only_crlf_dot_crlf_ends_a_message(service: Service, peer: Peer, end: bytes) -> None:
    """SMTP smuggling: whatever looks like an end stays inside the one message, which is refused if a CR or LF stands alone."""
    reply = peer.ready().say(b"Subject: outer\r\n\r\nx" + end + SMUGGLED + b".\r\n")
    alone = b"\n" in (end + SMUGGLED).replace(b"\r\n", b"") or b"\r" in (end + SMUGGLED).replace(b"\r\n", b"")
    assert reply.startswith("554 5.6.0" if alone else "250")
    assert len(service.mails()) == (0 if alone else 1)
    assert peer.say(b"NOOP\r\n").startswith("250")  # one reply for one message, nothing more was queued


def test_row_43_a_bare_lf_ends_no_command(peer: Peer) -> None:
    """Commands end with CRLF too."""
    peer.reply()
    assert peer.say(b"EHLO x\nMAIL FROM:<a@b>\r\n").startswith("250-mx")
    assert peer.say(b"RCPT TO:<a@b>\r\n").startswith("503")


def test_row_44_a_line_of_5000_is_taken(service: Service, peer: Peer) -> None:
    """Real bounces have such lines; the library alone answers 500."""
    line = b"x" * 5_000 + b"\r\n"
    assert peer.ready().say(line + b".\r\n").startswith("250")
    assert service.mails()[0][1] == line


def test_row_44_a_line_over_the_limit_is_refused_after_the_end(service: Service, peer: Peer) -> None:
    """The peer hears it at the end of the message, and the dialogue goes on."""
    assert peer.ready().say(b"x" * 100_000 + b"\r\n.\r\nRSET\r\n").startswith("554 5.6.0")
    assert peer.reply().startswith("250")
    assert service.mails() == []


def test_a_message_over_the_size_is_refused(service: Service, peer: Peer) -> None:
    """552 by SIZE at MAIL, and at the end of the data."""
    assert peer.ready().say((b"x" * 998 + b"\r\n") * 250 + b".\r\n").startswith("552 5.3.4")
    assert peer.say(b"MAIL FROM:<> SIZE=200001\r\n").startswith("552 5.3.4")
    assert service.mails() == []


def test_row_45_what_comes_before_the_handshake_is_forgotten(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    """RFC 3207 4.2: commands sent in the clear after STARTTLS are dropped, and EHLO starts over."""
    spool = tmp_path / "spool"
    with serving(spool, certificate=certificate[0], key=certificate[1]) as service, closing(Peer(service.port)) as peer:
        peer.reply()
        assert "250-ENHANCEDSTATUSCODES\n250 STARTTLS" in peer.say(b"EHLO x\r\n")
        assert peer.say(b"STARTTLS\r\nMAIL FROM:<evil@x>\r\n").startswith("220")
        context = ssl.create_default_context(cafile=str(certificate[0]))
        with context.wrap_socket(peer.socket, server_hostname="mx.mail.example") as secure:
            peer.socket, peer.file = secure, secure.makefile("rb")
            assert peer.say(b"MAIL FROM:<a@b>\r\n").startswith("503")
            greeting = peer.say(b"EHLO x\r\n")
            assert "STARTTLS" not in greeting
            assert "AUTH" not in greeting
            assert peer.say(b"STARTTLS\r\n").startswith("503 5.5.1")
            peer.say(b"MAIL FROM:<>\r\n")
            peer.say(b"RCPT TO:<", GOOD.encode(), b">\r\n")
            peer.say(b"DATA\r\n")
            assert peer.say(b"x\r\n.\r\n").startswith("250")
            peer.file.close()
        assert unpack(waiting(spool, limit=1)[0].read_bytes())[0].way == "esmtps"


@pytest.mark.parametrize(
    "command", ["AUTH PLAIN AGEAYg==", "VRFY postmaster", "EXPN list", "BDAT 3 LAST", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2"]
)
def test_row_46_what_is_not_offered_gets_502(peer: Peer, command: str) -> None:
    """One answer for all of them, and the dialogue goes on."""
    peer.reply()
    peer.say(b"EHLO x\r\n")
    assert peer.say(command.encode() + b"\r\n").startswith("502 5.5.1")
    assert peer.say(b"NOOP\r\n").startswith("250")


@pytest.mark.parametrize(
    ("sender", "code"),
    [
        ("<>", "250"),
        ("<ü@example.net> SMTPUTF8", "250"),
        ('<"a b"@example.net>', "250"),
        ("<" + "a" * 280 + "@example.net>", "250"),
        ("<" + "a" * 400 + "@example.net>", "553"),
        ("nonsense nonsense", "5"),
        ("<a@b> SIZE=x", "501"),
        ("<a@b> BODY=BINARYMIME", "501"),
        ("<a@b> XYZ=1", "555"),
    ],
)
def test_row_47_senders_of_all_kinds_are_handled(peer: Peer, sender: str, code: str) -> None:
    """The sender's form is never a reason to fail: it is taken or refused with a code."""
    peer.reply()
    peer.say(b"EHLO x\r\n")
    assert peer.say(f"MAIL FROM:{sender}\r\n".encode()).startswith(code)
    assert peer.say(b"NOOP\r\n").startswith("250")


@pytest.mark.parametrize(
    ("recipient", "code"),
    [
        (GOOD, "250 2.0.0"),
        (GOOD.upper(), "250 2.0.0"),
        (f"fbl-{GOOD}", "250 2.0.0"),
        (f"u-{TOKEN}@tenant.example", "250 2.0.0"),
        ("postmaster@mail.example", "250 2.0.0"),
        ("Abuse@MAIL.example", "250 2.0.0"),
        ("postmaster@other.example", "550 5.7.1"),
        ("someone@other.example", "550 5.7.1"),
        (f"b{TOKEN[1:]}@mail.example", "550 5.1.1"),
        (f"{TOKEN[:-1]}@mail.example", "550 5.1.1"),
        ("someone@mail.example", "550 5.1.1"),
    ],
)
def test_row_48_and_49_only_what_is_ours_is_taken(peer: Peer, recipient: str, code: str) -> None:
    """The token is judged at RCPT; case may be folded on the way."""
    peer.reply()
    peer.say(b"EHLO x\r\n")
    peer.say(b"MAIL FROM:<>\r\n")
    assert peer.say(f"RCPT TO:<{recipient}>\r\n".encode()).startswith(code)


@pytest.mark.parametrize(("problem", "code"), [(services.SpoolFull("x"), "452 4.3.1"), (services.SpoolBroken("x"), "451 4.3.0")])
def test_row_51_what_cannot_be_kept_is_not_acknowledged(
    service: Service, peer: Peer, monkeypatch: pytest.MonkeyPatch, problem: Exception, code: str
) -> None:
    """Never 250 without a file; the sender tries again."""

    def fail(*_args: object) -> None:
        raise problem

    peer.ready()
    monkeypatch.setattr("posthouse.inbound.spool.gathering.store_together", fail)
    assert peer.say(b"x\r\n.\r\n").startswith(code)
    assert service.mails() == []


def test_row_53_a_peer_that_leaves_after_the_dot_loses_nothing(service: Service, peer: Peer) -> None:
    """The mail is kept; if the peer repeats it, the mailroom knows it by its fingerprint."""
    peer.ready()
    peer.socket.sendall(b"x\r\n.\r\n")
    peer.close()
    until(lambda: len(service.mails()) == 1)


def test_a_slow_disk_does_not_hold_up_other_connections(service: Service, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Storing happens on a thread; meanwhile others are greeted."""
    gate, entered, real = threading.Event(), threading.Event(), services.store_together

    def slow(*args: object) -> object:
        entered.set()
        gate.wait(10)
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("posthouse.inbound.spool.gathering.store_together", slow)
    peer.ready()
    peer.socket.sendall(b"x\r\n.\r\n")
    assert entered.wait(10)
    with closing(Peer(service.port)) as other:
        assert other.reply().startswith("220")
    gate.set()
    assert peer.reply().startswith("250")


def test_too_many_waiting_for_the_disk_get_451(tmp_path: Path) -> None:
    """Memory is bounded: whoever comes too much is asked to come again."""
    with serving(tmp_path, replace(LIMITS, storing=0)) as service, closing(Peer(service.port)) as peer:
        assert peer.ready().say(b"x\r\n.\r\n").startswith("451 4.3.2")


def test_a_failure_inside_tells_nothing(tmp_path: Path) -> None:
    """451 without a stack or a name; the next command is served."""

    def broken(_local_part: str) -> bool:
        raise RuntimeError("secret inside")

    with serving(tmp_path, is_genuine=broken) as service, closing(Peer(service.port)) as peer:
        peer.reply()
        peer.say(b"EHLO x\r\n")
        peer.say(b"MAIL FROM:<>\r\n")
        reply = peer.say(b"RCPT TO:<a@mail.example>\r\n")
        assert reply.startswith("451 4.3.0")
        assert "secret" not in reply
        assert peer.say(b"NOOP\r\n").startswith("250")


def test_messages_that_come_in_share_a_bounded_memory(tmp_path: Path) -> None:
    """Many half messages at once: beyond the bound 451, and what ends gives its share back."""
    with (
        serving(tmp_path, replace(LIMITS, held_bytes=100_000)) as service,
        closing(Peer(service.port)) as holds,
        closing(Peer(service.port)) as waits,
    ):
        holds.ready().socket.sendall((b"x" * 998 + b"\r\n") * 90)
        assert service.listener is not None
        until(lambda: service.listener.doorkeeper.held == 90_000)  # type: ignore[union-attr]
        assert waits.ready().say((b"x" * 998 + b"\r\n") * 20 + b".\r\n").startswith("451 4.3.2")
        holds.close()
        until(lambda: service.listener.doorkeeper.held == 0)  # type: ignore[union-attr]
        for said in (b"MAIL FROM:<>\r\n", b"RCPT TO:<" + GOOD.encode() + b">\r\n", b"DATA\r\n"):
            waits.say(said)
        assert waits.say((b"x" * 998 + b"\r\n") * 20 + b".\r\n").startswith("250")
    assert len(service.mails()) == 1
