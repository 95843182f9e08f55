"""After an erasure the person is nowhere: every column of every table is searched for their address."""

from __future__ import annotations

from dataclasses import replace
from email.message import EmailMessage

import letters
import psycopg
import pytest
import sqlalchemy as sa
from desk import Desk
from news import pass_on
from psycopg import sql
from shops import make_shop
from world import World

from posthouse.inbound.learning.rules import Rule
from posthouse.inbound.learning.services import make_rule
from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.runner import run_due
from posthouse.platform.settings import Settings
from posthouse.sending.transactional.mime import MimeMessage, accept_mime
from posthouse.sending.transactional.services import SingleMessage, accept
from posthouse.tenants.accounts.services import set_replies
from posthouse.tenants.contacts import services as contacts
from posthouse.tenants.lists import services as lists
from posthouse.webui.webhooks import services as webhooks

ANN, BOB = "anneke@example.net", "bob@example.net"
KINDS = ["contact.subscribed", "message.bounced", "message.answered", "message.complained"]
NAMES = {ANN: "Anneke Voorbeeld", BOB: "Bob Example"}
TEAM = "team@desk.example.org"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, webhook_private_addresses=True)


@pytest.fixture
def desk(app, world: World) -> Desk:
    return Desk(world)


@pytest.fixture
def shop(desk: Desk):
    made = make_shop(desk.world.a1.scope, name="tea", people=1)
    with transaction(made.scope):
        webhooks.create_endpoint(made.scope, url="https://hook.example.com/x", kinds=KINDS)
        set_replies(made.scope, where="forward", forward_to=TEAM)
    return made


def _contact(scope, email: str) -> int:
    with transaction(scope):
        contact = contacts.create(scope, email=email, source="page").id
        lists.subscribe(scope, contact_id=contact, list_id=lists.create_list(scope, name=f"News {contact}").id, source="page")
    return contact


def _written_to(shop, email: str) -> list[int]:
    """A single message that says who it is for, and a ready-made one; both have left."""
    letter = SingleMessage(
        to=email, from_address="shop@tea.example.com", from_name="Tea", subject=f"For {email}", html=f"<p>{email}</p>",
        tags=[email.partition("@")[0]], metadata={"who": email}, fields={"address": email},
    )  # fmt: skip
    raw = f"From: Tea <shop@tea.example.com>\r\nTo: {email}\r\nMessage-ID: <1.{email}>\r\nX-Metadata-Who: {email}\r\n\r\nDear {email}\r\n"
    with transaction(shop.scope) as live:
        made = accept(shop.scope, letter, idempotency_key=f"welcome-{email}").message_id
        ready = accept_mime(shop.scope, MimeMessage(raw=raw.encode())).copies[0].message_id
        live.execute(sa.text("UPDATE message SET state = 'sent', settled_at = now(), attempts = 1 WHERE state = 'queued'"))
    return [made, ready]


def _answer(email: str) -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"], made["Message-ID"] = f"{NAMES[email]} <{email}>", "x@mail.example", "Re: Tea", f"<2.{email}>"
    made.set_content(f"Please call me. {email}")
    made.add_attachment(f"I am {email}".encode(), maintype="application", subtype="octet-stream", filename="a.bin", cte="7bit")
    return bytes(made)


def _comes_back(desk: Desk, settings: Settings, shop, email: str) -> None:
    """An answer that is forwarded, a bounce, mail of nobody's, a rule made of such, and a provider's post."""
    single, ready = _written_to(shop, email)
    token = [desk.mint.mint(desk.world.a1.id, one).local for one in (single, ready)]
    desk.hand_in(_answer(email), f"r-{token[0]}@mail.example", sender=email)
    pass_on(settings)
    desk.hand_in(letters.dsn(token=token[1], recipient=email), f"{token[1]}@mail.example")
    words = f"the pigeon has found nobody at {email}"
    for subject in ("Pigeon", "Dove"):
        desk.hand_in(f"From: Loft <loft@birds.example>\nSubject: {subject} {email}\n\n{words}.\n".encode(), "bounces@mail.example")
    with transaction(desk.world.operator) as live:
        strays = live.execute(sa.text("SELECT id FROM unmatched_mail ORDER BY id DESC LIMIT 1")).scalars().all()
        rule = Rule(0, "the pigeon has found nobody", "", "", "bounce", "userunknown", final=True)
        make_rule(desk.world.operator, mail_id=strays[0], name="Pigeons", rule=rule)
    with psycopg.connect(settings.database_url, autocommit=True) as live:
        hook = live.execute(
            "INSERT INTO provider_hook (provider, label, secret, created_at) VALUES ('sendgrid', 'x', '', now()) RETURNING id"
        ).fetchone()
        live.execute(
            "INSERT INTO provider_report (hook_id, fingerprint, url, content_type, event_key, body, received_at, sorted_at)"
            " VALUES (%s, %s, '', 'application/json', '', %s, now(), now())",
            (hook[0], email.encode()[:3], f'[{{"email": "{email.title()}", "event": "bounce"}}]'.encode()),
        )
        live.execute(
            "INSERT INTO idempotency_key (tenant_id, key, body_hash, status, answer, at) VALUES (%s, %s, '', 201, %s, now())",
            (desk.world.a1.id, f"make-{email}", f'{{"email": "{email}"}}'),
        )
    pass_on(settings)


def _naming(settings: Settings, email: str) -> set[str]:
    """Every table and column in which the address can be read, by whoever owns the database."""
    found = set()
    with psycopg.connect(settings.database_url) as live:
        columns = live.execute(
            "SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c JOIN information_schema.tables t"
            " USING (table_schema, table_name) WHERE table_schema = 'public' AND t.table_type = 'BASE TABLE'"
        ).fetchall()
        for table, column, kind in columns:
            if kind == "bytea":
                words = sql.SQL("encode({}, 'escape')").format(sql.Identifier(column))
            else:
                words = sql.SQL("{}::text").format(sql.Identifier(column))
            query = sql.SQL("SELECT EXISTS (SELECT 1 FROM {} WHERE position(%s IN lower({})) > 0)").format(sql.Identifier(table), words)
            row = live.execute(query, (email,)).fetchone()
            if row is not None and row[0]:
                found.add(f"{table}.{column}")
    return found


WRITTEN = {
    "contact.email", "message.recipient", "message.fields", "message_label.metadata", "campaign_revision.source", "campaign_revision.compiled",
    "mime_letter.body", "single_message_key.key", "inbound_mail.raw", "unmatched_mail.raw", "learned_rule.sample", "provider_report.body",
    "webhook_delivery.body", "idempotency_key.key", "suppression.email_norm",
}  # fmt: skip


def test_an_erased_person_is_nowhere_in_the_database(desk: Desk, settings: Settings, shop) -> None:
    """Others are where they were; the forwarded answer and the letter that was written for one are emptied; twice changes nothing."""
    scope = shop.scope
    ann = _contact(scope, ANN)
    _contact(scope, BOB)
    for email in (ANN, BOB):
        _comes_back(desk, settings, shop, email)
    assert WRITTEN - _naming(settings, ANN) - {"suppression.email_norm"} == set()
    bobs = _naming(settings, BOB)
    with clock.frozen(clock.now()) as at:
        with transaction(scope):
            contacts.erase(scope, contact_id=ann)
        for _ in range(3):
            pass_on(settings)
        at.move(minutes=16)
        for _ in range(2):
            pass_on(settings)
            run_due()
    assert _naming(settings, ANN) == _naming(settings, "anneke voorbeeld") == set()
    assert "campaign_revision.from_name" in _naming(settings, "bob example")
    assert _naming(settings, BOB) == bobs
    with transaction(scope) as live:
        team = live.execute(sa.text("SELECT count(*) FILTER (WHERE recipient = ''), count(*) FROM message m JOIN answer_forward f"
                                    " ON f.tenant_id = m.tenant_id AND f.forward_id = m.id")).one()  # fmt: skip
    assert tuple(team) == (1, 2)
