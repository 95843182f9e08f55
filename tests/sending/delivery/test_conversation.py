"""Every letter has exactly one fate, whatever the server does, and the fate is what the server said."""

import asyncio
import ssl
import time
import tracemalloc
from collections import Counter
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from relay import HANG_UP, SAY_NOTHING, TAKE_TIME, Relay

from posthouse.platform import clock
from posthouse.sending.delivery import channel as channel_module
from posthouse.sending.delivery.channel import Pace
from posthouse.sending.delivery.conversation import Ended, Letter, converse
from posthouse.sending.delivery.smtp import Door, DoorShut, open_channel
from posthouse.sending.delivery.wire import ReplyReader, WireError

BODY = b"Subject: x\r\n\r\nhello\r\n..dot\r\n"


class Bag:
    """A feed that notes what it hears, in order."""

    def __init__(self, count, *, stop_after=None):
        self.waiting = [Letter(n, f"b{n}@bounce.test", f"r{n}@x.test", len(BODY), BODY) for n in range(1, count + 1)]
        self.stop_after = stop_after
        self.heard = []

    def pull(self):
        return self.waiting.pop(0) if self.waiting else None

    def begin(self, letter):
        if self.stop_after is not None and sum(what == "begin" for what, *_ in self.heard) >= self.stop_after:
            return False
        self.heard.append(("begin", letter.message_id))
        return True

    def finish(self, letter, verdict, reply, stage):
        self.heard.append((verdict.value, letter.message_id, reply.code, stage))

    def lose(self, letter, why):
        self.heard.append(("lost", letter.message_id))

    def give_back(self, letter, why, *, tried):
        self.heard.append(("back", letter.message_id))

    def fates(self):
        return [one for one in self.heard if one[0] != "begin"]


def _run(relay, bag, *, pace=Pace.OVERLAPPED, most=1_000):
    async def talk():
        async with relay:
            channel = await open_channel(Door(host="127.0.0.1", port=relay.port, tls="none"), pace=pace)
            end = await converse(channel, bag, most=most)
            await channel.quit()
            return end

    return asyncio.run(asyncio.wait_for(talk(), 20))


@pytest.mark.parametrize("pace", list(Pace))
def test_every_letter_is_taken_once(pace):
    """At each pace all letters arrive, byte for byte, and each body is announced before its reply."""
    relay, bag = Relay(), Bag(20)
    end = _run(relay, bag, pace=pace)
    assert end.why is Ended.DRAINED
    assert [recipient for recipient, _ in relay.accepted] == [f"r{n}@x.test" for n in range(1, 21)]
    assert {body for _, body in relay.accepted} == {BODY + b".\r\n"}
    assert bag.heard == [one for n in range(1, 21) for one in (("begin", n), ("sent", n, 250, "dot"))]
    assert "RSET" not in relay.sessions[0].lines


def test_a_server_without_pipelining_is_spoken_to_line_by_line():
    """What isn't offered isn't used (RFC 2920 section 3.1); this server refuses anything that comes too early."""
    relay, bag = Relay(extensions=(), bears_pipelining=False), Bag(5)
    assert _run(relay, bag).why is Ended.DRAINED
    assert len(relay.accepted) == 5


def test_size_is_announced():
    """RFC 1870: SIZE is said when it was offered."""
    relay, bag = Relay(), Bag(1)
    _run(relay, bag)
    assert f"MAIL FROM:<b1@bounce.test> SIZE={len(BODY)}" in relay.sessions[0].lines


def _refuse(verb, which, answer):
    def script(session, said, line):
        key = {"MAIL": f"<b{which}@", "RCPT": f"<r{which}@", "DOT": f"r{which}@"}.get(verb)
        if said == verb and (key is None or key in line):
            return answer
        return None

    return script


@pytest.mark.parametrize("pace", list(Pace))
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DOT"])
@pytest.mark.parametrize(("answer", "fate"), [(b"452 4.2.2 full\r\n", "deferred"), (b"550 5.1.1 no\r\n", "refused")])
def test_a_refusal_concerns_one_letter(pace, verb, answer, fate):
    """A 4yz or 5yz at MAIL, RCPT or the dot is that letter's fate; its neighbours are sent on the same connection."""
    relay, bag = Relay(script=_refuse(verb, 2, answer)), Bag(4)
    assert _run(relay, bag, pace=pace).why is Ended.DRAINED
    assert bag.fates() == [
        ("sent", 1, 250, "dot"),
        (fate, 2, int(answer[:3]), verb.lower()),
        ("sent", 3, 250, "dot"),
        ("sent", 4, 250, "dot"),
    ]
    assert len(relay.sessions) == 1
    assert ("begin", 2) in bag.heard or verb != "DOT"


def test_data_refused_after_good_recipients():
    """A refusal of DATA is the letter's fate, and the transaction is reset."""
    calls = iter([None, b"451 4.3.0 busy\r\n", None])
    relay, bag = Relay(script=lambda s, verb, line: next(calls) if verb == "DATA" else None), Bag(3)
    assert _run(relay, bag).why is Ended.DRAINED
    assert bag.fates() == [("sent", 1, 250, "dot"), ("deferred", 2, 451, "data"), ("sent", 3, 250, "dot")]
    assert relay.sessions[0].lines.count("RSET") == 1


@pytest.mark.parametrize("pace", list(Pace))
def test_the_next_conversation_knows_of_a_refusal_in_the_last(pace):
    """A lease that ends with a refusal leaves a transaction open; the next lease on the warm channel resets it first."""
    relay, first, second = Relay(script=_refuse("RCPT", 2, b"452 4.2.2 full\r\n")), Bag(2), Bag(1)

    async def talk():
        async with relay:
            channel = await open_channel(Door(host="127.0.0.1", port=relay.port, tls="none"), pace=pace)
            await converse(channel, first, most=1_000)
            await converse(channel, second, most=1_000)
            await channel.quit()

    asyncio.run(asyncio.wait_for(talk(), 20))
    assert first.fates() == [("sent", 1, 250, "dot"), ("deferred", 2, 452, "rcpt")]
    assert second.fates() == [("sent", 1, 250, "dot")]
    assert [line for line in relay.sessions[0].lines if line.startswith(("MAIL", "RSET"))][2] == "RSET"


def test_a_recipient_taken_into_a_foreign_transaction_gets_no_empty_message():
    """MAIL refused, RCPT and DATA taken: a lone dot would deliver an empty message, so the connection is cut instead."""
    answers = {"MAIL": b"550 5.7.1 not you\r\n", "RCPT": b"250 2.1.5 ok\r\n"}
    relay, bag = Relay(script=lambda _session, said, _line: answers.get(said)), Bag(1)
    end = _run(relay, bag)
    assert (end.why, bag.fates(), relay.accepted) == (Ended.GONE, [("back", 1)], [])


@pytest.mark.parametrize("pace", list(Pace))
def test_bad_sequence_at_mail_is_no_ones_refusal(pace):
    """503 to MAIL says that the connection is out of step: letters come back, none fails for it."""
    relay, bag = Relay(script=_refuse("MAIL", 1, b"503 5.5.1 Sender already given\r\n")), Bag(2)
    assert _run(relay, bag, pace=pace).why is Ended.GONE
    assert bag.fates() == [("back", 1), ("back", 2)]


def test_data_taken_without_recipients_is_ended_by_an_empty_message():
    """RFC 2920 section 3.1: 354 after a refused recipient gets the dot alone, and nothing is delivered."""

    def script(session, verb, line):
        if verb == "RCPT" and "r2@" in line:
            return b"550 5.1.1 no\r\n"
        return b"354 go on\r\n" if verb == "DATA" else None

    relay, bag = Relay(script=script), Bag(3)
    assert _run(relay, bag).why is Ended.DRAINED
    assert bag.fates() == [("sent", 1, 250, "dot"), ("refused", 2, 550, "rcpt"), ("sent", 3, 250, "dot")]
    assert [recipient for recipient, _ in relay.accepted] == ["r1@x.test", "r3@x.test"]


@pytest.mark.parametrize("pace", list(Pace))
@pytest.mark.parametrize("answer", [HANG_UP, [b"250 2.", HANG_UP]])
def test_a_reply_that_never_came_whole_is_unknown(pace, answer):
    """The body left and the connection ended before a complete reply: lost; the next letter was certainly not sent."""
    relay, bag = Relay(script=_refuse("DOT", 2, answer)), Bag(4)
    assert _run(relay, bag, pace=pace).why is Ended.GONE
    assert bag.fates() == [("sent", 1, 250, "dot"), ("lost", 2), ("back", 3), ("back", 4)]
    assert not bag.waiting


@pytest.mark.parametrize("pace", list(Pace))
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_a_connection_lost_before_the_body_gives_letters_back(pace, verb):
    """Nothing of the letter's body left, so it can be sent again without risk."""
    seen = Counter()

    def script(session, said, line):
        seen[said] += 1
        return HANG_UP if said == verb and seen[said] == 2 else None

    relay, bag = Relay(script=script), Bag(4)
    assert _run(relay, bag, pace=pace).why is Ended.GONE
    assert bag.fates() == [("sent", 1, 250, "dot"), ("back", 2), ("back", 3)]
    assert ("begin", 2) not in bag.heard


def test_421_at_the_dot_defers_and_ends():
    """The server refuses the message for now and closes; the next one goes back unsent."""
    relay, bag = Relay(script=_refuse("DOT", 2, [b"421 4.3.2 shutting down\r\n", HANG_UP])), Bag(3)
    end = _run(relay, bag)
    assert end.why is Ended.GONE
    assert bag.fates() == [("sent", 1, 250, "dot"), ("deferred", 2, 421, "dot"), ("back", 3)]
    assert not end.slow_down


def test_421_to_mail_blames_the_connection():
    """A server that closes before it saw a recipient says nothing about the letter."""
    relay, bag = Relay(script=_refuse("MAIL", 2, [b"421 4.3.2 too long\r\n", HANG_UP])), Bag(3)
    assert _run(relay, bag).why is Ended.GONE
    assert bag.fates() == [("sent", 1, 250, "dot"), ("back", 2), ("back", 3)]


def test_421_to_rcpt_defers_the_letter():
    """Receivers limit by closing at RCPT; giving it back at once would go round in circles."""
    relay, bag = Relay(script=_refuse("RCPT", 2, [b"421 4.7.0 slow down\r\n", HANG_UP])), Bag(3)
    assert _run(relay, bag).why is Ended.GONE
    assert bag.fates() == [("sent", 1, 250, "dot"), ("deferred", 2, 421, "rcpt"), ("back", 3)]


def test_a_letter_is_stopped_before_its_body():
    """After a stop no further body leaves, even where its envelope is already out; the connection is cut."""
    relay, bag = Relay(), Bag(5, stop_after=2)
    assert _run(relay, bag).why is Ended.STOPPED
    assert bag.fates() == [("sent", 1, 250, "dot"), ("sent", 2, 250, "dot"), ("back", 3), ("back", 4)]
    assert len(relay.accepted) == 2


def test_a_connection_carries_no_more_than_it_may():
    """After `most` messages the conversation ends, with nothing in hand."""
    relay, bag = Relay(), Bag(5)
    assert _run(relay, bag, most=3).why is Ended.SPENT
    assert len(relay.accepted) == 3
    assert [letter.message_id for letter in bag.waiting] == [4, 5]


def test_silence_at_the_dot_is_unknown(monkeypatch):
    """A server that never answers the dot leaves the letter's fate unknown."""
    monkeypatch.setattr("posthouse.sending.delivery.conversation.DOT_SECONDS", 0.2)
    relay, bag = Relay(script=_refuse("DOT", 1, SAY_NOTHING)), Bag(1)
    end = _run(relay, bag)
    assert (end.why, bag.fates()) == (Ended.GONE, [("lost", 1)])


def test_silence_before_the_body_asks_for_a_slower_pace(monkeypatch):
    """A server that throws away what comes early falls silent: nothing was sent, and the pace is to blame."""
    monkeypatch.setattr(channel_module.Channel.reply, "__defaults__", (0.2,))
    relay, bag = Relay(script=_refuse("RCPT", 1, SAY_NOTHING)), Bag(1)
    end = _run(relay, bag)
    assert (end.why, bag.fates(), end.slow_down) == (Ended.GONE, [("back", 1)], True)


@pytest.mark.parametrize("answer", [b"what?\r\n", b"250 ok\r\n250 ok\r\n250 ok\r\n250 and more\r\n", b"354 go\r\n"])
def test_a_reply_out_of_step_is_never_taken_for_another(answer):
    """Garbage, a reply too many, or one that makes no sense ends the connection; the letter wasn't sent."""
    relay, bag = Relay(script=_refuse("MAIL", 1, answer)), Bag(1)
    end = _run(relay, bag)
    assert (end.why, bag.fates(), end.slow_down) == (Ended.GONE, [("back", 1)], True)
    assert relay.accepted == []


def test_a_server_that_lies_about_pipelining():
    """It offers PIPELINING and refuses it: nothing is sent, and a slower pace is asked for."""
    relay, bag = Relay(bears_pipelining=False), Bag(2)
    end = _run(relay, bag)
    assert (end.why, end.slow_down) == (Ended.GONE, True)
    assert bag.fates() == [("back", 1), ("back", 2)]


def test_an_address_that_cannot_be_said_fails_alone():
    """It is refused without asking the server."""
    relay, bag = Relay(), Bag(2)
    bag.waiting.insert(0, Letter(9, "b@bounce.test", "a\r\nDATA@x.test", 1, BODY))
    _run(relay, bag)
    assert bag.fates()[0] == ("refused", 9, 553, "rcpt")
    assert len(relay.accepted) == 2


def test_replies_torn_into_bytes():
    """Replies may arrive one byte at a time."""
    relay, bag = (
        Relay(script=lambda s, verb, line: [bytes([b]) for b in b"250-2.0.0 one\r\n250 two\r\n"] if verb == "DOT" else None),
        Bag(3),
    )
    assert _run(relay, bag).why is Ended.DRAINED
    assert len(bag.fates()) == 3


DRIP = [part for _ in range(400) for part in (b"2", b"5", b"0", b"-", b"x", b"\r\n", TAKE_TIME)]


@pytest.mark.parametrize(("verb", "fate"), [("MAIL", "back"), ("RCPT", "back"), ("DATA", "back"), ("DOT", "lost")])
def test_a_server_that_drips_is_cut_by_the_deadline_of_the_whole_reply(monkeypatch, verb, fate):
    """A byte now and then buys it no time: the reply is due within its time, whatever has come of it."""
    monkeypatch.setattr(channel_module.Channel.reply, "__defaults__", (0.3,))
    monkeypatch.setattr("posthouse.sending.delivery.conversation.DOT_SECONDS", 0.3)
    relay, bag = Relay(script=_refuse(verb, 1, DRIP) if verb != "DATA" else lambda s, said, line: DRIP if said == "DATA" else None), Bag(1)
    began = time.monotonic()
    assert _run(relay, bag).why is Ended.GONE
    assert bag.fates() == [(fate, 1)]
    assert time.monotonic() - began < 5, "all that it would say takes twelve seconds"


LINE = b"250-" + b"x" * 2_000 + b"\r\n"


@pytest.mark.parametrize("flood", [[LINE] * 5_000 + [b"250 ok\r\n"], [b"250 " + b"x" * 10_000_000 + b"\r\n"]], ids=["lines", "one line"])
@pytest.mark.parametrize(("verb", "fate"), [("MAIL", "back"), ("RCPT", "back"), ("DOT", "lost")])
def test_a_reply_of_ten_megabytes_is_not_read(verb, fate, flood):
    """The connection is cut after what a reply may have; the letter's fate is what is certain."""
    relay, bag = Relay(script=_refuse(verb, 1, flood)), Bag(2)
    assert _run(relay, bag).why is Ended.GONE
    assert bag.fates()[0] == (fate, 1)
    assert relay.accepted[1:] == []


def test_an_endless_reply_takes_no_memory():
    """Of whatever a server says no more than one reply's worth is ever held."""
    reader, piece = ReplyReader(), LINE * 32
    tracemalloc.start()
    try:
        with pytest.raises(WireError):
            for _ in range(200):
                reader.feed(piece)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1_000_000


@pytest.fixture(scope="module")
def server_tls(tmp_path_factory):
    """A context with a fresh certificate for localhost, signed by nobody."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = clock.now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def test_pipelining_works_over_starttls(server_tls):
    """The channel takes over an encrypted transport too, with what was offered after TLS."""
    relay, bag = Relay(tls=server_tls), Bag(10)

    async def talk():
        async with relay:
            door = Door(host="127.0.0.1", port=relay.port, tls="starttls", verify=False)
            channel = await open_channel(door, pace=Pace.OVERLAPPED)
            assert channel.pace is Pace.OVERLAPPED
            end = await converse(channel, bag, most=100)
            await channel.quit()
            return end

    assert asyncio.run(asyncio.wait_for(talk(), 20)).why is Ended.DRAINED
    assert len(relay.accepted) == 10
    assert relay.sessions[0].encrypted
    assert sum(line.startswith("EHLO") for line in relay.sessions[0].lines) == 2


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_next_connection_goes_on_with_the_last_ones_session(server_tls, version):
    """The second connection to a server is resumed: no certificates, no key exchange."""
    server_tls.maximum_version = version
    relay = Relay(tls=server_tls)

    async def talk():
        async with relay:
            for _ in range(3):
                door = Door(host="127.0.0.1", port=relay.port, tls="starttls", verify=False)
                channel = await open_channel(door, pace=Pace.OVERLAPPED)
                await converse(channel, Bag(2), most=100)
                await channel.quit()

    try:
        asyncio.run(asyncio.wait_for(talk(), 20))
    finally:
        server_tls.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED
    assert [one.resumed for one in relay.sessions][1:] == [True, True]
    assert len(relay.accepted) == 6


def test_an_unknown_certificate_is_refused(server_tls):
    """By default a route's certificate must be good; only a person can mend that."""

    async def knock():
        async with Relay(tls=server_tls) as relay:
            with pytest.raises(DoorShut) as shut:
                await open_channel(Door(host="127.0.0.1", port=relay.port, tls="starttls"), pace=Pace.PLAIN)
        assert not shut.value.temporary

    asyncio.run(knock())


def test_a_refused_connection_is_told():
    """Nobody listens: the door is shut for now."""

    async def knock():
        with pytest.raises(DoorShut) as shut:
            await open_channel(Door(host="127.0.0.1", port=1, tls="none"), pace=Pace.PLAIN)
        assert shut.value.temporary

    asyncio.run(knock())


@pytest.mark.parametrize(("greeting", "temporary"), [(b"421 4.3.2 busy\r\n", True), (b"554 5.7.1 go away\r\n", True)])
def test_an_unfriendly_greeting_is_told(greeting, temporary):
    """The reply's text reaches the route's page."""

    async def knock():
        async with Relay(script=lambda s, verb, line: greeting if verb == "CONNECT" else None) as relay:
            with pytest.raises(DoorShut) as shut:
                await open_channel(Door(host="127.0.0.1", port=relay.port, tls="none"), pace=Pace.PLAIN)
        assert (shut.value.code, shut.value.temporary) == (int(greeting[:3]), temporary)

    asyncio.run(knock())


def test_starttls_is_required_when_asked_for():
    """A route with STARTTLS never falls back to plain text."""

    async def knock():
        async with Relay() as relay:
            with pytest.raises(DoorShut) as shut:
                await open_channel(Door(host="127.0.0.1", port=relay.port, tls="starttls"), pace=Pace.PLAIN)
        assert "STARTTLS" in shut.value.detail
        assert all(not line.startswith("MAIL") for line in relay.sessions[0].lines)

    asyncio.run(knock())
