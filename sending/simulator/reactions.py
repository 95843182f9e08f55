"""What comes back after a letter was accepted: reports and answers by mail, fetches by HTTP, each when its time has come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlencode, urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

from posthouse.platform import clock
from posthouse.sending.simulator import agents, autoreplies, complaints, rules
from posthouse.sending.simulator.bounces import shapes
from posthouse.sending.simulator.bounces.case import BounceCase, to_wire
from posthouse.sending.simulator.cards import Letter, Outgoing, Plan, Reading, Reply
from posthouse.sending.simulator.ledger import Ledger
from posthouse.sending.simulator.mx import MailExchanger, MailRefusedError
from posthouse.sending.simulator.scenario import Scenario
from posthouse.sending.simulator.web import Answer, UnreachableError, Web

#: Waits between attempts of one reaction, in seconds; after the last it is recorded as failed.
RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
MAX_SCANNED_LINKS = 4
MAX_CLICKS = 2


class ReactionError(Exception):
    """A reaction that cannot be done or was refused for good."""


@dataclass(frozen=True, slots=True)
class _Occasion:
    """One recipient's copy of a letter, and what it is to do with it."""

    letter: Letter
    reading: Reading
    recipient: str
    plan: Plan

    @property
    def key(self) -> str:
        return f"{self.recipient.lower()} {self.reading.message_id}"


class Reactor:
    """Plays every reaction once; ``pending`` counts those that are still to come."""

    def __init__(self, scenario: Scenario, ledger: Ledger, exchanger: MailExchanger, web: Web, host: str) -> None:
        self._scenario, self._ledger, self._exchanger, self._web, self._host = scenario, ledger, exchanger, web, host
        self._tasks: set[asyncio.Task[None]] = set()
        self._actions: dict[str, Callable[[_Occasion], Awaitable[str]]] = {
            "bounce": self._bounce,
            "complaint": self._complain,
            "autoreply": self._autoreply,
            "unsubscribe": self._unsubscribe,
            "prefetch": self._prefetch,
            "scan": self._scan,
            "open": self._open,
            "click": self._click,
        }

    @property
    def pending(self) -> int:
        """Return how many reactions are still to come or under way."""
        return len(self._tasks)

    def react(self, letter: Letter, reading: Reading) -> None:
        """Set up everything that a letter's recipients will do; returns at once."""
        for recipient in letter.recipients:
            occasion = _Occasion(letter, reading, recipient, rules.decide(self._scenario, recipient))
            for verb, seconds in rules.reactions(self._scenario, occasion.plan, recipient):
                task = asyncio.create_task(self._play(verb, seconds, occasion))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is still to come."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _play(self, verb: str, seconds: float, occasion: _Occasion) -> None:
        await asyncio.sleep(seconds)
        for wait in (*RETRY_SECONDS, None):
            try:
                self._note(verb, occasion, await self._actions[verb](occasion))
            except (MailRefusedError, UnreachableError, ReactionError) as fault:
                if wait is None or not _may_pass_later(fault):
                    self._note("failed", occasion, f"{verb}: {fault}")
                    return
                await asyncio.sleep(wait)
            else:
                return

    def _note(self, verb: str, occasion: _Occasion, detail: str) -> None:
        self._ledger.note(
            verb,
            recipient=occasion.recipient,
            detail=detail,
            number=occasion.letter.number,
            message_id=occasion.reading.message_id,
            sender_domain=occasion.reading.sender_domain,
        )

    # By mail.

    async def _bounce(self, occasion: _Occasion) -> str:
        assert occasion.plan.bounce
        case = self._case(occasion, occasion.letter.return_path, occasion.plan.bounce)
        await self._exchanger.send(Outgoing("", case.return_path, shapes.write(occasion.plan.bounce_shape, case)))
        return f"{occasion.plan.bounce_shape} {occasion.plan.bounce.code} {occasion.plan.bounce.status}"

    async def _complain(self, occasion: _Occasion) -> str:
        address = occasion.reading.complaint_address or occasion.letter.return_path
        case = self._case(occasion, address, Reply(550, "5.7.1", ("complaint",)))
        data = complaints.SHAPES[occasion.plan.complaint](case)
        await self._exchanger.send(Outgoing(f"feedback@{case.domain}", address, data))
        return f"{occasion.plan.complaint} {address}"

    async def _autoreply(self, occasion: _Occasion) -> str:
        case = self._case(occasion, occasion.letter.return_path, Reply(250, "", ("away",)))
        await self._exchanger.send(Outgoing("", case.return_path, autoreplies.write(occasion.plan.autoreply, case)))
        return occasion.plan.autoreply

    def _case(self, occasion: _Occasion, to: str, reply: Reply) -> BounceCase:
        if not to:
            message = "the letter has a null return path: nothing may be sent back (RFC 5321 section 4.5.5)"
            raise ReactionError(message)
        reading = occasion.reading
        return BounceCase(to, occasion.recipient, reply, reading.headers, reading.subject, reading.message_id, clock.now(), self._host)

    # By HTTP.

    async def _prefetch(self, occasion: _Occasion) -> str:
        return await self._fetch_pixels(occasion, agents.prefetcher(occasion.plan.style))

    async def _open(self, occasion: _Occasion) -> str:
        return await self._fetch_pixels(occasion, agents.person(self._number(occasion, "program")))

    async def _fetch_pixels(self, occasion: _Occasion, agent: str) -> str:
        _need(occasion.reading.pixels, "the letter has no pixel")
        for url in occasion.reading.pixels:
            _well(await self._web.get(url, agent=agent), url)
        return occasion.reading.pixels[0]

    async def _scan(self, occasion: _Occasion) -> str:
        """Fetch links and the one-click address with GET, as gateways do: none of it may count as a person's act."""
        reading, agent = occasion.reading, agents.scanner(self._number(occasion, "scanner"))
        urls = [*reading.links[:MAX_SCANNED_LINKS], *filter(None, [reading.unsubscribe_page, reading.one_click])]
        _need(urls, "the letter has no links")
        for url in urls:
            await self._web.get(url, agent=agent, method="HEAD")
            await self._web.get(url, agent=agent)
        return f"{len(urls)} links"

    async def _click(self, occasion: _Occasion) -> str:
        links = occasion.reading.links
        _need(links, "the letter has no links")
        first = self._number(occasion, "link")
        wanted = 1 + first % MAX_CLICKS
        followed: list[str] = []
        for turn in range(len(links)):
            url = links[(first + turn) % len(links)]
            if len(followed) < wanted and await self._follow(occasion, url):
                followed.append(url)
        _need(followed, "none of the links leads anywhere")
        return " ".join(sorted(followed))

    async def _follow(self, occasion: _Occasion, url: str) -> bool:
        """Fetch a link; say whether it led out of the house. A page of the house itself, such as that for preferences, is none to click."""
        answer = await self._web.get(url, agent=agents.person(self._number(occasion, "program")))
        if answer.status in {301, 302, 303, 307, 308} and answer.location:
            return True
        _well(answer, url)
        return False

    # Ways out.

    async def _unsubscribe(self, occasion: _Occasion) -> str:
        way = occasion.plan.unsubscribe
        ways = {"one-click": self._one_click, "page": self._by_page, "mail": self._by_mail}
        return f"{way} {await ways[way](occasion)}"

    async def _one_click(self, occasion: _Occasion) -> str:
        """RFC 8058 section 3.2: one POST, no page, no cookies."""
        url = occasion.reading.one_click
        _need(url, "the letter offers no one-click unsubscribe")
        _well(await self._web.post(url, "List-Unsubscribe=One-Click", agent=agents.ONE_CLICK), url)
        return url

    async def _by_page(self, occasion: _Occasion) -> str:
        url = occasion.reading.unsubscribe_page
        _need(url, "the letter has no link to an unsubscribe page")
        agent = agents.person(self._number(occasion, "program"))
        page = await self._web.get(url, agent=agent)
        _well(page, url)
        action, fields = _form(page.body, url)
        answer = await self._web.post(action, urlencode(fields), agent=agent)
        if answer.status >= 400:
            message = f"the form at {action} answered {answer.status}"
            raise ReactionError(message)
        return url

    async def _by_mail(self, occasion: _Occasion) -> str:
        uri = occasion.reading.unsubscribe_mailto
        _need(uri, "the letter offers no unsubscribe by mail")
        parts = urlsplit(uri)
        asked = parse_qs(parts.query)
        to, subject = unquote(parts.path), asked.get("subject", ["unsubscribe"])[0]
        text = (
            f"From: <{occasion.recipient}>\nTo: <{to}>\nSubject: {' '.join(subject.split())}\nMIME-Version: 1.0\n"
            f"Message-ID: <unsubscribe.{occasion.letter.number}@{self._host}>\n\n{asked.get('body', [''])[0]}\n"
        )
        await self._exchanger.send(Outgoing(occasion.recipient, to, to_wire(text)))
        return to

    def _number(self, occasion: _Occasion, question: str) -> int:
        return int(rules.chance(self._scenario.seed, occasion.key, question) * 1_000_000)


def _may_pass_later(fault: Exception) -> bool:
    if isinstance(fault, MailRefusedError):
        return fault.may_pass_later
    return isinstance(fault, UnreachableError)


def _need(thing: object, sentence: str) -> None:
    if not thing:
        raise ReactionError(sentence)


def _well(answer: Answer, url: str) -> None:
    status = answer.status
    if status >= 500:
        message = f"{url} answered {status}"
        raise UnreachableError(message)
    if not 200 <= status < 300:
        message = f"{url} answered {status}"
        raise ReactionError(message)


def _form(page: str, url: str) -> tuple[str, list[tuple[str, str]]]:
    """Return where the page's first POST form goes and what it sends when its first button is pressed."""
    tree = LexborHTMLParser(page)
    form = next((node for node in tree.css("form") if (node.attributes.get("method") or "").lower() == "post"), None)
    if form is None:
        message = f"{url} has no form to post"
        raise ReactionError(message)
    fields = [(str(node.attributes["name"]), str(node.attributes.get("value") or "")) for node in form.css("input[type=hidden][name]")]
    button = form.css_first("button[name], input[type=submit][name]")
    if button is not None:
        fields.append((str(button.attributes["name"]), str(button.attributes.get("value") or "")))
    return urljoin(url, str(form.attributes.get("action") or "")), fields
