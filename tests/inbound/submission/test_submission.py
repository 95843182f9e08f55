"""Mail handed in by SMTP over real connections, by real clients and hostile ones, into a real database."""

from __future__ import annotations

import asyncio
import base64
import smtplib
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import aiosmtplib
import pytest
import sqlalchemy as sa
from certificates import after_starttls, make_certificate, shown, shown_at_once
from flask import Flask
from handing_in import HOST, Handing, Talker, handing, trusting
from program import issue_key
from shops import Shop, make_domain, make_shop
from world import World

from posthouse.inbound.submission.server import Submission, limits_of
from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.platform.settings import Settings, WrongSetting
from posthouse.sending.campaigns import composers
from posthouse.sending.messages.labels import get_labels
from posthouse.sending.transactional.mime import MimeMessage, accept_mime
from posthouse.tenants.accounts import services as accounts
from posthouse.tenants.keys import services as keys
from posthouse.tenants.quotas import services as quotas
from posthouse.tenants.suppressions import services as suppressions

RAW = b"From: Tea <shop@tea.example.com>\r\nTo: jo@example.net\r\nSubject: Order 7\r\nMessage-ID: <7@tea.example.com>\r\n\r\nThanks.\r\n.dot\r\n"


@pytest.fixture
def shop(world: World) -> Shop:
    composers.forget()
    return make_shop(world.a1.scope, name="tea", people=1)


@pytest.fixture
def key(office: Flask, world: World) -> str:
    return issue_key(office, world.a1)[1]


@pytest.fixture
def secured(settings: Settings, certificate: tuple[Path, Path]) -> Settings:
    return replace(
        settings, submission_certificate=str(certificate[0]), submission_key=str(certificate[1]), submission_message_bytes=100_000
    )


@pytest.fixture
def trust(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return trusting(certificate[0])


@pytest.fixture
def service(secured: Settings) -> Iterator[Handing]:
    with handing(secured) as running:
        yield running


@contextmanager
def talking(service: Handing, trust: ssl.SSLContext, key: str = "") -> Iterator[Talker]:
    """A client that has begun TLS, and signed in where it has a key."""
    with closing(Talker(service.ports.starttls or 0)) as client:
        client.say("EHLO program.example")
        client.secure(trust)
        if key:
            assert client.sign_in(key) == "235 2.7.0 Signed in"
        yield client


def recipients(scope) -> list[str]:
    with transaction(scope) as live:
        return list(live.execute(sa.text("SELECT recipient FROM message ORDER BY id")).scalars())


def test_smtplib_hands_in_a_letter_for_several_people(service: Handing, shop: Shop, key: str, trust: ssl.SSLContext) -> None:
    """STARTTLS, AUTH, one transaction: a copy for each, kept when 250 is said, and the ids in the reply."""
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "Tea <shop@tea.example.com>", "ann@example.net", "Grüße"
    letter["X-Tag"], letter["X-Metadata-Order"] = "receipt", "17"
    letter.set_content("Danke für alles.\n.\n")
    letter.add_attachment(b"\x00\xff" * 500, maintype="application", subtype="pdf", filename="ü.pdf")
    with smtplib.SMTP("127.0.0.1", service.ports.starttls or 0) as client:
        client._host = HOST  # type: ignore[attr-defined]  # the name that the certificate holds
        client.starttls(context=trust)
        client.login("anything", key)
        client.mail("shop@tea.example.com")
        for to in ("ann@example.net", "bob@example.net"):
            assert client.rcpt(to)[0] == 250
        code, said = client.data(letter.as_bytes(policy=SMTP))
    lines = said.decode().splitlines()
    assert (code, lines[-1]) == (250, "2.0.0 Taken: 2 messages")
    assert recipients(shop.scope) == ["ann@example.net", "bob@example.net"]
    with transaction(shop.scope):
        labels = get_labels(shop.scope, ids.decode("msg", lines[0].split()[1]))
    assert lines[0].endswith(" for ann@example.net")
    assert (labels.tags, labels.metadata) == (("receipt",), {"order": "17"})


def test_aiosmtplib_hands_in_over_tls_from_the_first_byte(service: Handing, shop: Shop, key: str, trust: ssl.SSLContext) -> None:
    """RFC 8314: the other port; a second letter in the same connection."""

    async def send() -> list[str]:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=service.ports.tls, use_tls=True, tls_context=_by_name(trust))
        async with client:
            await client.login("key", key)
            return [(await client.sendmail("shop@tea.example.com", "jo@example.net", raw))[1] for raw in (RAW, RAW.replace(b"7", b"8"))]

    said = asyncio.run(send())
    assert [one.startswith("2.0.0 Taken as msg_") for one in said] == [True, True]
    assert recipients(shop.scope) == ["jo@example.net"] * 2


def test_both_ports_show_a_renewed_certificate(settings: Settings, app: Flask, tmp_path: Path) -> None:
    """Without a restart."""
    del app
    chain, key = make_certificate(tmp_path, serial=1)
    here = replace(settings, submission_certificate=str(chain), submission_key=str(key))
    with handing(here) as service:
        assert service.ports.tls is not None
        found = [shown_at_once(service.ports.tls, None)]
        make_certificate(tmp_path, serial=2)
        service.loop.call_soon_threadsafe(service.service.renew_certificate)
        with closing(after_starttls(service.ports.starttls or 0)) as client:
            found.append(shown(client.sock))
        found.append(shown_at_once(service.ports.tls, HOST))
    assert found == [1, 2, 2]


def _by_name(trust: ssl.SSLContext) -> ssl.SSLContext:
    trust.check_hostname = False  # the client would compare with 127.0.0.1
    return trust


def test_no_key_is_taken_in_the_clear(service: Handing, shop: Shop, key: str, trust: ssl.SSLContext) -> None:
    """AUTH is offered and taken after STARTTLS only, and what was said before it is forgotten."""
    with closing(Talker(service.ports.starttls or 0)) as client:
        assert "AUTH" not in client.say("EHLO x")
        assert client.sign_in(key).startswith("538 5.7.11")
        assert client.say("MAIL FROM:<a@b.example>").startswith("530 5.7.0 Begin with STARTTLS")
        assert "250 AUTH PLAIN LOGIN" in client.secure(trust)
        assert client.say("MAIL FROM:<a@b.example>").startswith("530 5.7.0 Sign in first")
    assert recipients(shop.scope) == []


def test_on_this_machine_a_setting_does_without_tls(settings: Settings, shop: Shop, key: str) -> None:
    """Only when it says so; without it and without a certificate the service does not even start."""
    with handing(replace(settings, submission_plain_loopback=True)) as service, closing(Talker(service.ports.starttls or 0)) as client:
        assert "AUTH PLAIN LOGIN" in client.say("EHLO x")
        assert client.sign_in(key).startswith("235")
        assert client.send(RAW, "jo@example.net").startswith("250 2.0.0 Taken as msg_")
        assert service.ports.tls is None
        with pytest.raises(WrongSetting, match="SUBMISSION_CERTIFICATE"):
            Submission(service.app, settings)
    assert recipients(shop.scope) == ["jo@example.net"]


def test_every_form_of_signing_in(service: Handing, shop: Shop, key: str, trust: ssl.SSLContext) -> None:
    """PLAIN with and without its first answer, LOGIN, and each way of getting it wrong."""
    plain, coded = base64.b64encode(f"\0u\0{key}".encode()).decode(), base64.b64encode(key.encode()).decode()
    for talk, said in (
        (["AUTH PLAIN", plain], "235 2.7.0"),
        (["auth plain " + plain], "235 2.7.0"),
        (["AUTH LOGIN", "dQ==", coded], "235 2.7.0"),
        (["AUTH LOGIN dQ==", coded], "235 2.7.0"),
        (["AUTH LOGIN", "*"], "501 5.7.0"),
        (["AUTH PLAIN", "not base64!"], "501 5.5.2"),
        (["AUTH PLAIN " + coded], "501 5.5.2"),
        (["AUTH PLAIN ="], "501 5.5.2"),
        (["AUTH PLAIN", "A" * 20_000], "500 5.5.6"),
        (["AUTH CRAM-MD5"], "504 5.5.4"),
        (["AUTH"], "504 5.5.4"),
        (["AUTH PLAIN " + base64.b64encode(b"\0u\0\xff\xfe").decode()], "501 5.5.2"),
        (["AUTH PLAIN " + base64.b64encode(b"\0u\0key_wrong").decode()], "535 5.7.8"),
    ):
        with talking(service, trust) as client:
            answers = [client.say(line) for line in talk]
            assert answers[-1].startswith(said), talk
            assert client.say("NOOP").startswith("250")


def test_18_guessing_ends_the_connection(service: Handing, shop: Shop, key: str, trust: ssl.SSLContext) -> None:
    """Three wrong keys; altered, cut and upper-case ones are wrong."""
    with talking(service, trust) as client:
        assert client.sign_in(key[:-1]).startswith("535 5.7.8")
        assert client.sign_in(key.upper()).startswith("535 5.7.8")
        assert client.sign_in("key_" + "0" * 72).startswith("421 4.7.0")
        assert client.reply() == ""


def test_a_key_that_may_not_send_is_told_so(service: Handing, shop: Shop, office: Flask, world: World, trust: ssl.SSLContext) -> None:
    """It is genuine, so it may hear why."""
    with talking(service, trust) as client:
        assert client.sign_in(issue_key(office, world.a1, ["contacts:read"])[1]) == (
            "535 5.7.8 This API key may not send messages; make one that may"
        )


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_a_key_revoked_in_mid_session_stops_at_once(
    service: Handing, shop: Shop, office: Flask, world: World, trust: ssl.SSLContext, step: str
) -> None:
    """Whatever was begun with it is not kept."""
    key_id, key = issue_key(office, world.a1)
    with talking(service, trust, key) as client:
        for now, command in (("MAIL", "MAIL FROM:<a@b.example>"), ("RCPT", "RCPT TO:<jo@example.net>"), ("DATA", "DATA")):
            if now == step:
                with transaction(shop.scope):
                    keys.revoke(shop.scope, key_id)
            answer = client.say(command)
            if now == step:
                break
            assert answer.startswith("250")
        if step == "DATA":
            assert answer.startswith("354")
            answer = client.say(RAW + b".")
        assert answer.startswith("530 5.7.0 The API key is not valid any more")
    assert recipients(shop.scope) == []


def test_a_foreign_tenants_key_and_domain_get_nothing(
    service: Handing, shop: Shop, office: Flask, world: World, trust: ssl.SSLContext
) -> None:
    """5.7.1 with words; the same for a domain that nobody has. Its own domain works beside it."""
    make_domain(world.b1.scope, "other.example.com")
    with talking(service, trust, issue_key(office, world.b1)[1]) as client:
        said = client.send(RAW, "jo@example.net")
        assert said.startswith('550 5.7.1 You can\'t send from "tea.example.com": it is not one of your verified domains.')
        assert said.endswith("(from_domain_not_verified)")
        assert client.send(RAW.replace(b"tea.", b"nobodys."), "jo@example.net").replace("nobodys.", "tea.") == said
        assert client.send(RAW.replace(b"shop@tea.", b"shop@other."), "jo@example.net").startswith("250")
    assert recipients(shop.scope) == []
    assert recipients(world.b1.scope) == ["jo@example.net"]


def test_recipients_are_judged_one_by_one(service: Handing, shop: Shop, key: str, trust: ssl.SSLContext) -> None:
    """Suppressed and malformed ones hear why at RCPT; the letter goes to the rest, to each address once."""
    with transaction(shop.scope):
        suppressions.suppress(shop.scope, email="gone@example.net", reason="hard_bounce", source="test")
    with talking(service, trust, key) as client:
        client.say("MAIL FROM:<>")
        assert client.say("RCPT TO:<GONE@example.net>").startswith("550 5.7.1 This address is suppressed")
        assert client.say("RCPT TO:<nobody>").startswith("553 5.1.3")
        assert client.say("RCPT TO:<a@b@c.example.net>").startswith("553 5.1.3")
        assert client.say("RCPT TO:<ok@example.net> NOTIFY=NEVER").startswith("555")
        for to in ("ok@example.net", "OK@example.net", "more@example.net"):
            assert client.say(f"RCPT TO:<{to}>").startswith("250")
        client.say("DATA")
        assert client.say(RAW + b".").endswith("250 2.0.0 Taken: 2 messages")
    assert sorted(one.lower() for one in recipients(shop.scope)) == ["more@example.net", "ok@example.net"]


def test_who_is_suppressed_between_rcpt_and_data_stops_the_letter(service: Handing, shop: Shop, key: str, trust: ssl.SSLContext) -> None:
    """Nothing is kept; on the next try RCPT says which one it is."""
    with talking(service, trust, key) as client:
        for line in ("MAIL FROM:<>", "RCPT TO:<jo@example.net>", "DATA"):
            client.say(line)
        with transaction(shop.scope):
            suppressions.suppress(shop.scope, email="jo@example.net", reason="complaint", source="test")
        assert client.say(RAW + b".").startswith("451 4.7.1")
        client.say("MAIL FROM:<>")
        assert client.say("RCPT TO:<jo@example.net>").startswith("550 5.7.1")
    assert recipients(shop.scope) == []


def test_40_recipients_are_limited(service: Handing, shop: Shop, key: str, trust: ssl.SSLContext) -> None:
    """452 4.5.3 beyond a hundred; the same letter again for the rest is no repetition (RFC 5321 4.5.3.1.10)."""
    everybody = [f"p{number}@example.net" for number in range(105)]
    with talking(service, trust, key) as client:
        client.say("MAIL FROM:<>")
        answers = [client.say(f"RCPT TO:<{to}>")[:9] for to in everybody]
        assert answers == ["250 2.0.0"] * 100 + ["452 4.5.3"] * 5
        client.say("DATA")
        assert client.say(RAW + b".").endswith("Taken: 100 messages")
        assert client.send(RAW, *everybody[100:]).endswith("Taken: 5 messages")
    assert len(recipients(shop.scope)) == 105


def test_limits_are_said_as_temporary_before_the_data(service: Handing, shop: Shop, key: str, trust: ssl.SSLContext, world: World) -> None:
    """Allowance and pause at MAIL with words and 4.7.1, a suspended account for good."""
    with talking(service, trust, key) as client:
        with transaction(shop.scope):
            quotas.set_allowance(shop.scope, layer="tenant", owner_id=shop.scope.tenant, period="month", allowed=0)
        said = client.say("MAIL FROM:<>")
        assert said.startswith("452 4.7.1 Your allowance of 0 messages for this month is used up. It goes on at ")
        with transaction(shop.scope):
            quotas.set_allowance(shop.scope, layer="tenant", owner_id=shop.scope.tenant, period="month", allowed=None)
        for state, code in (("paused", "450 4.7.1"), ("suspended", "550 5.7.1")):
            with transaction(world.a.scope):
                accounts.set_state(world.a.scope, world.a1.id, state, "A test.")
            assert client.say("MAIL FROM:<>").startswith(f"{code} Sending is {state} for this account. A test.")


def test_a_keys_rate_counts_letters(secured: Settings, shop: Shop, key: str, trust: ssl.SSLContext) -> None:
    """The same bucket as over HTTP; 450 says how long to wait."""
    with handing(replace(secured, api_requests_per_minute=2)) as service, talking(service, trust, key) as client:
        assert [client.send(RAW.replace(b"7", b"%d" % number), "jo@example.net")[:3] for number in range(2)] == ["250", "250"]
        assert client.say("MAIL FROM:<>").startswith("450 4.7.1 At most 2 messages a minute with this key. Wait ")


def test_size_is_limited_at_mail_and_in_the_data(service: Handing, shop: Shop, key: str, trust: ssl.SSLContext) -> None:
    """552 5.3.4; the dialogue goes on."""
    with talking(service, trust, key) as client:
        assert "250-SIZE 100000" in client.say("EHLO x")
        assert client.say("MAIL FROM:<> SIZE=100001").startswith("552 5.3.4")
        assert client.send(RAW + b"x" * 99 + b"\r\n" + (b"y" * 70 + b"\r\n") * 1_400, "jo@example.net").startswith("552 5.3.4")
        assert client.send(RAW, "jo@example.net").startswith("250")


def test_doubled_and_misplaced_commands_change_nothing(service: Handing, shop: Shop, key: str, trust: ssl.SSLContext) -> None:
    """Each has its code, and the letter between them is kept once."""
    with talking(service, trust) as client:
        assert client.say("DATA").startswith("503")
        assert client.sign_in(key).startswith("235")
        assert client.sign_in(key).startswith("503 5.5.1 Signed in already")
        assert client.say("STARTTLS").startswith("503 5.5.1")
        assert client.say("RCPT TO:<jo@example.net>").startswith("503")
        assert client.say("MAIL FROM:<a@b.example> AUTH=<> BODY=8BITMIME SIZE=10").startswith("250")
        assert client.say("MAIL FROM:<a@b.example>").startswith("503")
        assert client.say("DATA").startswith("554 5.5.1")  # RFC 5321 3.3: no recipient yet
        assert client.say("RCPT TO:<jo@example.net>").startswith("250")
        assert client.say("DATA").startswith("354")
        assert client.say(RAW + b".").startswith("250")
        assert client.say("DATA").startswith("503")
        for said in ("VRFY jo", "BDAT 3 LAST"):
            assert client.say(said)[:3] in ("500", "502")
        assert client.say("RSET").startswith("250")
        assert client.say("QUIT").startswith("221")
    assert recipients(shop.scope) == ["jo@example.net"]


def test_43_what_could_smuggle_is_refused(service: Handing, shop: Shop, key: str, trust: ssl.SSLContext) -> None:
    """A CR or LF that stands alone, NUL, and a second message behind a false end."""
    with talking(service, trust, key) as client:
        for bad in (b"x\n.\nMAIL FROM:<>\r\n", b"x\r.\r\r\n", b"x\n.\r\n", b"\0\r\n"):
            assert client.send(RAW + bad, "jo@example.net").startswith("554 5.6.0"), bad
    assert recipients(shop.scope) == []


def test_53_a_program_that_lost_the_answer_may_repeat(service: Handing, shop: Shop, key: str, trust: ssl.SSLContext) -> None:
    """RFC 1047: it vanishes after the dot; with the same Message-ID it hears the ids of what was kept."""
    with talking(service, trust, key) as client:
        for line in ("MAIL FROM:<>", "RCPT TO:<jo@example.net>", "DATA"):
            client.say(line)
        client.socket.sendall(RAW.replace(b"\r\n.", b"\r\n..") + b".\r\n")
    with talking(service, trust, key) as client:
        first, second = client.send(RAW, "jo@example.net"), client.send(RAW, "jo@example.net")
    assert first == second
    assert recipients(shop.scope) == ["jo@example.net"]


def test_the_interface_and_smtp_know_each_others_messages(service: Handing, shop: Shop, key: str, trust: ssl.SSLContext) -> None:
    """One acceptance: the same message by both ways is one."""
    with transaction(shop.scope):
        card = accept_mime(shop.scope, MimeMessage(raw=RAW))
    with talking(service, trust, key) as client:
        assert client.send(RAW, "jo@example.net") == f"250 2.0.0 Taken as {ids.encode('msg', card.copies[0].message_id)}"


def test_pipelined_letters_of_eight_programs_are_all_kept(service: Handing, shop: Shop, key: str, trust: ssl.SSLContext) -> None:
    """Eight connections at once, each with letters in groups of commands (RFC 2920): as many rows as replies, each id once."""

    def send(program: int) -> list[str]:
        with talking(service, trust, key) as client:
            answers = []
            for number in range(5):
                to = f"p{program}-{number}@example.net"
                client.socket.sendall(f"MAIL FROM:<a@b.example>\r\nRCPT TO:<{to}>\r\nDATA\r\n".encode())
                assert [client.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
                answers.append(client.say(RAW.replace(b"<7@", f"<{program}.{number}@".encode()) + b"."))
            return answers

    with ThreadPoolExecutor(8) as pool:
        answers = [one for part in pool.map(send, range(8)) for one in part]
    assert all(one.startswith("250 2.0.0 Taken as msg_") for one in answers)
    assert len(set(answers)) == len(recipients(shop.scope)) == 40


def test_with_the_database_away_nothing_is_taken_and_all_is_answered(
    secured: Settings, shop: Shop, key: str, trust: ssl.SSLContext
) -> None:
    """454 at the sign-in; the port still greets."""
    away = replace(secured, database_url="postgresql://nobody@127.0.0.1:1/none")
    with handing(away) as service, talking(service, trust) as client:
        assert client.sign_in(key).startswith("454 4.7.0")
        assert client.say("NOOP").startswith("250")


def test_a_slow_database_does_not_hold_up_the_loop(service: Handing, shop: Shop, key: str, trust: ssl.SSLContext) -> None:
    """While a letter waits for a lock, others are greeted and answered."""
    with talking(service, trust, key) as client, transaction(shop.scope) as live:
        for line in ("MAIL FROM:<>", "RCPT TO:<jo@example.net>", "DATA"):
            client.say(line)
        live.execute(sa.text("LOCK TABLE message IN ACCESS EXCLUSIVE MODE"))
        client.socket.sendall(RAW + b".\r\n")
        entered = threading.Event()
        with closing(Talker(service.ports.starttls or 0)) as other:
            assert other.say("EHLO x").startswith("250")
            entered.set()
        assert entered.is_set()
        live.rollback()
        assert client.reply().startswith("250")


def test_too_many_asks_get_451(secured: Settings, shop: Shop, key: str, trust: ssl.SSLContext) -> None:
    """Memory is bounded: whoever comes too much is asked to come again."""
    with handing(secured, replace(limits_of(secured), storing=0)) as service, talking(service, trust) as client:
        assert client.sign_in(key).startswith("454 4.7.0")
    with handing(secured, replace(limits_of(secured), held_bytes=50)) as service, talking(service, trust, key) as client:
        assert client.send(RAW, "jo@example.net").startswith("451 4.3.2")
        assert service.service.doorkeeper.held == 0


def test_nothing_names_product_operator_or_library(service: Handing, shop: Shop, key: str, trust: ssl.SSLContext) -> None:
    """White label: banner, greeting, help, errors."""
    with talking(service, trust, key) as client:
        said = [client.banner, client.say("EHLO x"), client.say("HELP"), client.say("XYZ"), client.send(RAW, "nobody"), client.say("QUIT")]
    text = "\n".join(said).lower()
    assert not [word for word in ("posthouse", "aiosmtpd", "python") if word in text]
    assert client.banner == "220 mail.localhost ESMTP"
