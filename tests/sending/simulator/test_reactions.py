"""What comes back after a letter was taken: each kind by its own way, once, and given up with its reason where it can't be."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from email import message_from_bytes

import pytest
from relay import Relay

from posthouse.sending.simulator import agents, reactions
from posthouse.sending.simulator.bounces import shapes
from posthouse.sending.simulator.cards import Letter, Place, Reading
from posthouse.sending.simulator.ledger import Ledger, read
from posthouse.sending.simulator.mx import MailExchanger
from posthouse.sending.simulator.reactions import Reactor
from posthouse.sending.simulator.scenario import load
from posthouse.sending.simulator.web import Web

SCENARIO = replace(load(), pace=dict.fromkeys(load().pace, (0.0, 0.0)))
RETURN_PATH = "b-token@bounce.test"
FORM = (
    '<form method="get" action="/search"></form><form method="post" action="/t/u/x/really">'
    '<input type="hidden" name="token" value="a&amp;b"><button name="all" value="1">Go</button></form>'
)
LETTER = Letter(7, RETURN_PATH, (), Place(0, 0, 0))
READING = Reading(
    message_id="<7@shop.example>", sender_domain="shop.example", sender="news@shop.example", subject="Tea for you", dkim="pass", dkim_reason="",
    pixels=("http://t.example/t/o/x",), links=("http://t.example/t/c/x/0", "http://t.example/t/c/x/1"),
    unsubscribe_page="http://t.example/t/u/x", one_click="http://t.example/t/u/x", unsubscribe_mailto="mailto:u-token@bounce.test?subject=leave%20me",
    complaint_address="fbl-token@bounce.test", headers=b"From: news@shop.example\r\nMessage-ID: <7@shop.example>\r\n",
)  # fmt: skip


@dataclass
class Site:
    """The sender's web server: answers by path, and notes what it is asked."""

    answers: dict[str, list[tuple[int, str, str]]]
    asked: list[tuple[str, str, str, str]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, path, _version = head.split("\r\n")[0].split(" ")
        fields = {line.split(": ")[0].lower(): line.split(": ", 1)[1] for line in head.split("\r\n")[1:] if line}
        body = (await reader.readexactly(int(fields.get("content-length", 0)))).decode()
        self.asked.append((method, path, fields["user-agent"], body))
        waiting = self.answers.get(path, [(404, "", "")])
        status, location, page = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        extra = f"Location: {location}\r\n" if location else ""
        content = "" if method == "HEAD" else page
        writer.write(f"HTTP/1.1 {status} x\r\n{extra}Content-Length: {len(content)}\r\nConnection: close\r\n\r\n{content}".encode())
        await writer.drain()
        writer.close()


def _usual():
    return {
        "/t/o/x": [(200, "", "gif")],
        "/t/c/x/0": [(302, "https://shop.example/tea", "")],
        "/t/c/x/1": [(302, "https://shop.example/cups", "")],
        "/t/u/x": [(200, "", FORM)],
        "/t/u/x/really": [(200, "", "bye")],
    }


@dataclass
class Seen:
    """What came of it: requests, mails as (recipient, message), and the ledger's entries."""

    asked: list[tuple[str, str, str, str]]
    mails: list[tuple[str, bytes]]
    entries: list


@pytest.fixture
def play(tmp_path, monkeypatch):
    """Let one recipient's mailbox react, to the end."""
    monkeypatch.setattr(reactions, "RETRY_SECONDS", (0.0, 0.0))

    def run(recipient, *, reading=READING, letter=LETTER, answers=None, script=None):
        async def go():
            site = Site(_usual() | (answers or {}))
            server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
            async with server, Relay(extensions=("SMTPUTF8",), **({"script": script} if script else {})) as relay:
                ledger = Ledger(tmp_path / "ledger")
                web = Web(("127.0.0.1", server.sockets[0].getsockname()[1]))
                reactor = Reactor(SCENARIO, ledger, MailExchanger("127.0.0.1", relay.port, helo="mx.sim.example"), web, "mx.sim.example")
                reactor.react(replace(letter, recipients=(recipient,)), reading)
                async with asyncio.timeout(20):
                    while reactor.pending:
                        await asyncio.sleep(0.01)
                await reactor.close()
                ledger.close()
                return Seen(site.asked, relay.accepted, list(read(tmp_path / "ledger")))

        return asyncio.run(go())

    return run


def _verbs(seen):
    return [(entry.verb, entry.recipient) for entry in seen.entries]


@pytest.mark.parametrize("shape", sorted(shapes.SHAPES))
def test_a_bounce_comes_to_the_return_path_in_each_shape(play, shape):
    """From nobody, about this recipient, with the words of its provider."""
    who = f"bounce+{shape}@firma.example"
    seen = play(who)
    ((to, data),) = seen.mails
    assert to == RETURN_PATH
    assert _verbs(seen) == [("bounce", who)]
    assert who.encode() in data
    assert message_from_bytes(data)["From"]


def test_an_accepting_mailbox_does_nothing(play):
    """No mail, no request, no entry."""
    assert play("accept@firma.example") == Seen([], [], [])


@pytest.mark.parametrize(
    ("who", "kind"), [("complain@x.example", b"message/feedback-report"), ("complain-jmrp@x.example", b"X-HmXmrOriginalRecipient")]
)
def test_a_complaint_goes_where_the_letter_asks(play, who, kind):
    """To the address in CFBL-Address, or to the return path where there is none."""
    seen = play(who)
    ((to, data),) = seen.mails
    assert (to, kind in data) == ("fbl-token@bounce.test", True)
    assert _verbs(seen) == [("complaint", who)]
    assert play(who, reading=replace(READING, complaint_address="")).mails[0][0] == RETURN_PATH


def test_an_autoreply_answers_the_return_path(play):
    """With the subject of the letter and a reference to it."""
    ((to, data),) = play("autoreply@x.example").mails
    answer = message_from_bytes(data)
    assert to == RETURN_PATH
    assert answer["In-Reply-To"] == "<7@shop.example>"


@pytest.mark.parametrize("who", ["bounce@x.example", "autoreply@x.example"])
def test_nothing_is_sent_back_to_nobody(play, who):
    """RFC 5321 section 4.5.5: a null return path gets no report and no answer."""
    seen = play(who, letter=replace(LETTER, return_path=""))
    assert seen.mails == []
    assert [entry.verb for entry in seen.entries] == ["failed"]
    assert "null return path" in seen.entries[0].detail


def test_an_opening_fetches_the_pixel_as_a_person_and_a_prefetch_as_a_proxy(play):
    """The same address, by what calls itself a person's program or a provider's proxy."""
    ((method, path, agent, _),) = play("open@gmail.example").asked
    assert (method, path, agent in agents.PEOPLE) == ("GET", "/t/o/x", True)
    ((_, path, agent, _),) = play("prefetch@gmail.example").asked
    assert (path, agent) == ("/t/o/x", agents.PREFETCHERS["google"])


def test_a_click_follows_links_that_lead_out(play):
    """One or two of them, as a person; a page of the house is passed over, and none at all is told."""
    seen = play("click@x.example")
    clicked = [path for _, path, agent, _ in seen.asked if path.startswith("/t/c/") and agent in agents.PEOPLE]
    assert 1 <= len(clicked) <= 2
    assert sorted(verb for verb, _ in _verbs(seen)) == ["click", "open"]
    nowhere = {path: [(200, "", "page")] for path in ("/t/c/x/0", "/t/c/x/1")}
    failed = [entry for entry in play("click@x.example", answers=nowhere).entries if entry.verb == "failed"]
    assert "none of the links leads anywhere" in failed[0].detail


def test_a_scanner_looks_at_everything_and_posts_nothing(play):
    """HEAD and GET of links and of the one-click address: none of it may count as a person's act."""
    seen = play("scan@x.example")
    assert {method for method, *_ in seen.asked} == {"HEAD", "GET"}
    assert {"/t/c/x/0", "/t/c/x/1", "/t/u/x"} <= {path for _, path, *_ in seen.asked}
    assert all(agent in agents.SCANNERS for _, _, agent, _ in seen.asked)


def test_one_click_is_one_post(play):
    """RFC 8058 section 3.2: exactly this body, and nothing before it."""
    assert play("unsubscribe@x.example").asked == [("POST", "/t/u/x", agents.ONE_CLICK, "List-Unsubscribe=One-Click")]


def test_unsubscribing_by_page_sends_its_form(play):
    """The first form that posts, with its hidden fields and the button that was pressed."""
    (_, (method, path, _, body)) = play("unsubscribe-page@x.example").asked
    assert (method, path, body) == ("POST", "/t/u/x/really", "token=a%26b&all=1")
    seen = play("unsubscribe-page@x.example", answers={"/t/u/x": [(200, "", "<p>no form</p>")]})
    assert "has no form to post" in seen.entries[-1].detail


def test_unsubscribing_by_mail_says_what_the_address_asks(play):
    """From the recipient, with the subject that the mailto names."""
    ((to, data),) = play("unsubscribe-mail@x.example").mails
    assert (to, message_from_bytes(data)["Subject"], message_from_bytes(data)["From"]) == (
        "u-token@bounce.test", "leave me", "<unsubscribe-mail@x.example>"
    )  # fmt: skip


@pytest.mark.parametrize("who", ["open", "click", "scan", "unsubscribe", "unsubscribe-page", "unsubscribe-mail"])
def test_a_letter_that_offers_nothing_is_told(play, who):
    """Each reaction that needs something of the letter says what it missed."""
    bare = replace(READING, pixels=(), links=(), unsubscribe_page="", one_click="", unsubscribe_mailto="")
    seen = play(f"{who}@x.example", reading=bare)
    assert seen.asked == []
    assert all(entry.verb == "failed" and "the letter " in entry.detail for entry in seen.entries)
    assert seen.entries


def test_what_may_pass_later_is_tried_again_and_then_done_once(play):
    """A 503 and a 4xx are waited out; the entry is written once, when it worked."""
    seen = play("open@x.example", answers={"/t/o/x": [(503, "", ""), (200, "", "gif")]})
    assert len(seen.asked) == 2
    assert [entry.verb for entry in seen.entries] == ["open"]
    tries = []

    def later(_session, verb, _line):
        tries.append(verb)
        return b"451 4.3.0 later\r\n" if verb == "MAIL" and tries.count("MAIL") == 1 else None

    seen = play("complain@x.example", script=later)
    assert len(seen.mails) == 1
    assert tries.count("MAIL") == 2


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (503, 3)])
def test_what_does_not_pass_is_given_up_with_its_reason(play, status, requests):
    """A 404 at once, a 503 after all tries."""
    seen = play("open@x.example", answers={"/t/o/x": [(status, "", "")]})
    assert len(seen.asked) == requests
    assert [entry.verb for entry in seen.entries][-1] == "failed"
    assert str(status) in seen.entries[-1].detail


def test_a_refusal_for_good_is_not_repeated(play):
    """A 5xx of our own mail service: once, and told."""
    seen = play("complain@x.example", script=lambda _s, verb, _l: b"550 5.7.1 no\r\n" if verb == "RCPT" else None)
    assert seen.mails == []
    assert [entry.verb for entry in seen.entries] == ["failed"]
    assert "550" in seen.entries[0].detail
