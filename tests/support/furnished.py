"""A house in use: tenant a1 with something of every kind that a page can show, so that pages are looked at with life in them.

`say` makes every text that a person or a stranger can choose; the usual one leaves them as they are.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from flask import Flask
from relay import Relay
from shops import AllThere, make_domain
from world import World

from posthouse.billing.money import Money
from posthouse.billing.plans import services as plans
from posthouse.billing.plans.rules import Allowances, NewPlan
from posthouse.inbound.boxes.rules import Draft as BoxDraft
from posthouse.inbound.boxes.services import add_box
from posthouse.inbound.learning.rules import Rule
from posthouse.inbound.learning.services import make_rule
from posthouse.inbound.mailroom.sort import Mailroom
from posthouse.inbound.spool.files import Envelope
from posthouse.platform import clock
from posthouse.platform.app import house, keyring
from posthouse.platform.db import transaction
from posthouse.platform.ids import encode
from posthouse.platform.scope import Scope, public, system
from posthouse.sending.campaigns import composers
from posthouse.sending.campaigns import jobs as campaign_jobs
from posthouse.sending.campaigns import services as campaigns
from posthouse.sending.campaigns.services import Draft
from posthouse.sending.delivery.lane import LaneWorker
from posthouse.sending.domains import services as domains
from posthouse.sending.messages import services as messages
from posthouse.sending.pools import health
from posthouse.sending.pools import services as pools
from posthouse.sending.rates import services as rates
from posthouse.sending.rates.rules import Limits
from posthouse.sending.tokens import Mint
from posthouse.sending.tracking import jobs as tracking_jobs
from posthouse.sending.tracking import services as tracking
from posthouse.sending.tracking.hits import Hit
from posthouse.sending.transactional.services import SingleMessage, accept
from posthouse.tenants.contacts import fields
from posthouse.tenants.contacts import services as contacts
from posthouse.tenants.contacts.rules import FieldKind
from posthouse.tenants.imports import jobs as import_jobs
from posthouse.tenants.imports import services as imports
from posthouse.tenants.keys import services as keys
from posthouse.tenants.lists import services as lists
from posthouse.tenants.people import services as people
from posthouse.tenants.people.models import TenantStay
from posthouse.tenants.quotas import services as quotas
from posthouse.tenants.suppressions import services as suppressions
from posthouse.webui.webhooks import jobs as webhook_jobs
from posthouse.webui.webhooks import services as webhooks
from posthouse.webui.webhooks.receiver import Answer

Say = Callable[[str], str]
NAMES = ("Ada", "Björn", "Chloé", "Dmitri", "Eszter", "Fatima", "Giorgos", "Hanna", "İlker", "Jürgen", "Katarzyna", "Łukasz")
CITIES = ("Köln", "Århus", "Kraków", "Málaga", "Genève")
MAIL_SERVERS = ("gmail.example.net", "outlook.example.net", "gmx.example.net", "yahoo.example.net")
LETTER = """<html><head><style>p { font-family: sans-serif }</style></head><body><h1>Spring</h1>
<p>Hello {{ first_name | default: 'there' }} of {{ city | default: 'somewhere' }},</p>
<p>the first <a href="https://shop.example/tea?pick=spring">teas of spring</a> are here, and the <a href="https://shop.example/cups">cups</a> for them.</p>
<p>{{ postal_address }}<br><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>"""
_MESSAGES = sa.text("SELECT id FROM message WHERE campaign_id = :id AND state = 'sent' ORDER BY id")


def plainly(text: str) -> str:
    """Say a text as it is."""
    return text


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


@dataclass
class Furnished:
    """The public ids of one thing of each kind, by its prefix, and the addresses of pages that show them."""

    ids: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.ids[name]


class _Furnisher:
    def __init__(self, core: Flask, web: Flask, world: World, say: Say) -> None:
        self.core, self.web, self.world, self.say = core, web, world, say
        self.scope: Scope = world.a1.scope
        self.ids: dict[str, str] = {}

    def note(self, name: str, number: int, prefix: str = "") -> int:
        self.ids[name] = encode(prefix or name, number)
        return number

    def people(self) -> None:
        with transaction(self.scope):
            people.add_member(
                self.scope, email="eva@a1.example.com", name=self.say("Eva Editor"), role="editor", password="eva eats eclairs"
            )
            for key, label in (("first_name", "First name"), ("city", "City")):
                self.note("fld", fields.create_field(self.scope, key=key, label=self.say(label), kind=FieldKind.TEXT).id)
            self.list_id = self.note(
                "lst", lists.create_list(self.scope, name=self.say("Monthly news"), description=self.say("What is new in the shop.")).id
            )
            lists.create_list(self.scope, name=self.say("Press"))
            for number, name in enumerate(NAMES):
                email = f"{'refuse' if number == 3 else 'person'}{number}@{MAIL_SERVERS[number % 4]}"
                values = {"first_name": self.say(name), "city": self.say(CITIES[number % 5])}
                made = contacts.create(self.scope, email=email, values=values, source="page")
                lists.subscribe(self.scope, contact_id=made.id, list_id=self.list_id, source="page")
                self.note("con", made.id)
            suppressions.suppress(self.scope, email="stop@gmx.example.net", reason="manual", source="page")
            suppressions.suppress(self.scope, email="gone@gmx.example.net", reason="hard_bounce", source="smtp")

    def keys(self) -> None:
        """Only the web process may write keys."""
        with self.web.app_context(), transaction(self.scope):
            self.note(
                "key",
                keys.issue(self.scope, name=self.say("Shop server"), permissions=["contacts:read"], registry=house().permissions)[0],
            )

    def imports(self) -> None:
        """One that is over, with refused rows, and one that waits for its columns to be checked."""
        head = f"Email,First name,{_cell(self.say('Favourite tea'))}\n".encode()
        good = b"".join(f"new{number}@gmail.example.net,{_cell(self.say('Nora'))},Oolong\n".encode() for number in range(4))
        bad = f"{_cell(self.say('no-address'))},Bo,Assam\ntwo@at@signs.example,Bo,Assam\n".encode()
        with transaction(self.scope):
            done = imports.upload(self.scope, file=io.BytesIO(head + good + bad), file_name=self.say("spring.csv"), list_id=self.list_id)
            targets = ["email", "first_name", "favourite_tea"]
            imports.start(self.scope, import_id=done.id, targets=targets, kinds={"favourite_tea": FieldKind.TEXT})
        import_jobs.import_contacts(self.scope, import_id=done.id)
        with transaction(self.scope):
            waiting = imports.upload(self.scope, file=io.BytesIO(head + good), file_name=self.say("summer.csv"), list_id=self.list_id)
        self.note("imp", done.id)
        self.note("imp_waiting", waiting.id, "imp")

    def domains(self) -> None:
        self.domain = make_domain(self.scope, "tea.example.com")
        with transaction(self.scope):
            pending = domains.add_domain(self.scope, domain="later.example.com")
        self.note("dom", self.domain.id)
        self.note("dom_pending", pending.id, "dom")

    def draft(self, name: str, **changes: object) -> int:
        values: dict[str, object] = {
            "name": self.say(name), "list_id": self.list_id, "domain_id": self.domain.id, "from_name": self.say("The tea house"),
            "from_local": "news", "subject": self.say("The first teas of spring, {{ first_name | default: 'friend' }}"),
            "html": LETTER,
        }  # fmt: skip
        with transaction(self.scope):
            return campaigns.create_campaign(self.scope, Draft(**(values | changes))).id  # type: ignore[arg-type]

    def campaigns(self) -> None:
        composers.forget()
        self.note("cmp_draft", self.draft("Summer"), "cmp")
        self.note("cmp_wrong", self.draft("Half written", html="<p>Hello {{ first_nam }}</p>\n{% if %}", subject=self.say("Hm")), "cmp")
        done = self.note("cmp", self.draft("Spring"))
        with transaction(self.scope):
            campaigns.start(self.scope, campaign_id=done)
            single = accept(
                self.scope,
                SingleMessage(
                    to="jo@gmx.example.net",
                    from_address="shop@tea.example.com",
                    subject=self.say("Order"),
                    html="<p>Thanks</p>",
                    tags=["receipt", '"><svg/onload=top.hit=1>'],
                    metadata={"order": self.say("1001")},
                ),
            )
            self.note("msg_single", single.message_id, "msg")
        with ThreadPoolExecutor(1) as apart:  # beside the browser's own loop
            apart.submit(self._run_delivery).result()
        self._engage(done)
        campaign_jobs.watch_campaign(self.scope, campaign_id=done)
        held = self.note("cmp_paused", self.draft("Held"), "cmp")
        waiting = self.note("cmp_waiting", self.draft("Autumn"), "cmp")
        going = self.note("cmp_going", self.draft("Winter"), "cmp")
        with transaction(self.scope):
            for one in (held, waiting, going):
                campaigns.start(self.scope, campaign_id=one)
            campaigns.pause(self.scope, campaign_id=held)
            campaigns.note_waiting(
                self.scope,
                campaign_ids=[waiting],
                reason="The allowance of this month is used up: 16 of 16 messages.",
                resumes_at=clock.now().replace(day=28),
            )

    def _run_delivery(self) -> None:
        with self.core.app_context():
            asyncio.run(self._deliver())

    async def _deliver(self) -> None:
        """Send what is due to a server that refuses one of the recipients."""

        def refuse(_session: object, verb: str, line: str) -> bytes | None:
            text = self.say("5.1.1 The mailbox does not exist").encode("ascii", "replace")
            return b"550 " + text + b"\r\n" if verb == "RCPT" and "refuse" in line else None

        async with Relay(script=refuse) as relay:
            self._open_the_way(relay.port)
            for stream, wanted in (("marketing", len(NAMES) + 3), ("transactional", len(NAMES) + 4)):
                worker = LaneWorker(self.core, stream, clock.monotonic() + 15)
                running = asyncio.create_task(worker.run())
                while len(relay.accepted) < wanted and not running.done():
                    await asyncio.sleep(0.02)
                worker._end_now()
                await running

    def _open_the_way(self, port: int) -> None:
        operator = self.world.operator
        with transaction(operator):
            pool_id = self.note("pol", pools.create_pool(operator, name=self.say("shared")))
            route_id = self.note(
                "rte", pools.add_route(operator, pool_id=pool_id, name=self.say("relay"), host="127.0.0.1", port=port, tls="none")
            )
            rates.set_limits(operator, route_id=route_id, limits=Limits(per_second=200, per_day=50_000, most_bytes=10_000_000))
            rates.set_limits(operator, route_id=route_id, group="google", limits=Limits(per_hour=9_000, connections=5))
            for stream in ("marketing", "transactional"):
                pools.grant_pool(operator, pool_id=pool_id, reseller_id=self.world.a.id, stream=stream, default=True)
            for kind in ("shared", "dedicated"):
                other = pools.create_pool(operator, name=self.say(f"other {kind}"), kind=kind)
                pools.grant_pool(operator, pool_id=other, reseller_id=self.world.a.id, stream="marketing")
        with transaction(self.scope):
            said = self.say("slow down")
            health.note_wording(self.scope, route_id=route_id, group="google", code=421, shape="slow", text=said, count=3)
            quotas.set_allowance(self.scope, layer="tenant", owner_id=self.scope.tenant, period="month", allowed=1000)

    def _engage(self, campaign_id: int) -> None:
        with transaction(self.scope) as live:
            sent = list(live.execute(_MESSAGES, {"id": campaign_id}).scalars())
            revision = live.execute(sa.text("SELECT revision_id FROM campaign WHERE id = :id"), {"id": campaign_id}).scalar_one()
        self.note("msg", sent[0])
        tenant, now = self.scope.tenant, clock.now()
        hits = [Hit(tenant, message, "open", now, None, None, "") for message in sent[:5]]
        hits += [Hit(tenant, message, "click", now, revision, 0, "") for message in sent[:2]]
        hits += [Hit(tenant, sent[6], "open", now, None, None, "image_proxy")]
        asking = public("furnishing")
        with transaction(asking):
            tracking.record_batch(asking, hits)
        tracking_jobs.sort_hits(system("furnishing"))
        with transaction(self.scope):
            messages.record_complaint(self.scope, sent[7], "arf", text=self.say("This is spam"))
        mint = Mint(keyring())
        self.ids["token"] = mint.mint(tenant, sent[3]).url
        self._mail(mint.mint(tenant, sent[2]).local)

    def _mail(self, token: str) -> None:
        """A person's answer to a letter, and a stranger's mail."""
        room = Mailroom(Mint(keyring()))
        head = f"From: {self.say('Zoë')} <zoe@gmx.example.net>\r\nSubject: {self.say('Thank you')}\r\n\r\n{self.say('Lovely teas!')}\r\n".encode()
        for number, recipient in enumerate((f"r-{token}@post.example", "nobody@post.example")):
            room.sort(Envelope("zoe@gmx.example.net", (recipient,), "192.0.2.7", f"mx{number}", "smtp", clock.now()), head)

    def plans(self) -> None:
        reseller = self.world.a.scope
        allowed = Allowances(messages_month=10_000, contacts=2_000)
        with transaction(reseller):
            plans.create_plan(reseller, NewPlan(name=self.say("Medium"), price=Money(2990, "eur"), allowances=allowed))

    def webhooks(self) -> None:
        """An endpoint that refused a test, with the words that it said."""
        with transaction(self.scope):
            made, _ = webhooks.create_endpoint(
                self.scope, url="https://hooks.example.com/in", kinds=["domain.lost"], label=self.say("Shop")
            )
            delivery = webhooks.send_test(self.scope, made)
            webhook_jobs._record(self.scope, delivery, Answer(500, "refused", self.say("Out of tea"), 120))
        self.note("whk", made)
        self.note("whd", delivery)

    def stays(self) -> None:
        """Somebody from the reseller has looked around; only the web process may write that."""
        now = clock.now()
        with self.web.app_context(), transaction(self.scope) as live:
            who, why = f"{self.world.a.email} (your provider)", self.say("Ticket 4711: import fails")
            live.add(
                TenantStay(
                    who=who,
                    user_id=self.world.a.user_id,
                    mode="read",
                    why=why,
                    entered_at=now,
                    until=now + timedelta(minutes=30),
                    left_at=now,
                )
            )

    def find_mail(self) -> None:
        with transaction(self.scope) as live:
            if found := live.execute(sa.text("SELECT id FROM inbound_mail LIMIT 1")).scalar():
                self.note("eml", found)
            if found := live.execute(sa.text("SELECT id FROM reply_thread LIMIT 1")).scalar():
                self.note("thr", found)
        with transaction(self.world.operator) as live:
            box = BoxDraft(self.say("Relay"), "imap", "imap.relay.example", 993, "tls", verify_tls=True, username=self.say("bounces"))
            self.note("box", add_box(self.world.operator, box, password="empties it"))
            if found := live.execute(sa.text("SELECT id FROM unmatched_mail LIMIT 1")).scalar():
                self.note("eml_unmatched", found, "eml")
                rule = Rule(0, self.say("pigeons that found nobody"), "", "", "bounce", "userunknown", final=True)
                made = make_rule(self.world.operator, mail_id=found, name=self.say("Pigeons"), rule=rule)
                self.note("rul", made)


def furnish(core: Flask, web: Flask, world: World, say: Say = plainly) -> Furnished:
    """Put something of every kind into tenant a1, with its reseller and the operator. Runs within the core's context."""
    furnisher = _Furnisher(core, web, world, say)
    steps = (
        furnisher.people,
        furnisher.keys,
        furnisher.imports,
        furnisher.domains,
        furnisher.campaigns,
        furnisher.plans,
        furnisher.webhooks,
        furnisher.stays,
        furnisher.find_mail,
    )
    for step in steps:
        step()
    ids = furnisher.ids | {"tnt": encode("tnt", world.a1.id), "rsl": encode("rsl", world.a.id), "usr": encode("usr", world.a1.user_id)}
    return Furnished(ids)


__all__ = ["AllThere", "Furnished", "furnish", "plainly"]
