"""Campaigns in the database: written, started once, held, ended; recipients written exactly once; foreign tenants blind."""

from __future__ import annotations

import threading
from dataclasses import replace

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask
from shops import Shop, make_domain, make_shop
from world import World

from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError, Conflict, Forbidden, Invalid, Missing
from posthouse.platform.settings import Settings
from posthouse.sending.campaigns import composers, expansion, jobs, queries, report, services
from posthouse.sending.campaigns.rules import State
from posthouse.sending.content.cards import MessageCard
from posthouse.tenants.accounts import services as accounts
from posthouse.tenants.lists import services as lists
from posthouse.tenants.suppressions import services as suppressions


@pytest.fixture
def shop(world: World) -> Shop:
    composers.forget()
    return make_shop(world.a1.scope, name="tea")


def start(shop: Shop, campaign_id: int) -> queries.CampaignCard:
    with transaction(shop.scope):
        return services.start(shop.scope, campaign_id=campaign_id)


def messages(shop: Shop) -> list[tuple[int, str]]:
    with transaction(shop.scope) as live:
        return [tuple(row) for row in live.execute(sa.text("SELECT contact_id, state FROM message ORDER BY contact_id"))]


def settle(shop: Shop, state: str = "sent") -> None:
    with transaction(shop.scope) as live:
        live.execute(sa.text("UPDATE message SET state = :state, settled_at = now() WHERE state = 'queued'"), {"state": state})


def test_a_start_writes_the_first_messages_at_once(shop: Shop) -> None:
    """The click's own transaction freezes the letter and queues the first range; the end is noticed by the watch."""
    card = shop.campaign()
    started = start(shop, card.id)
    assert started.state is State.SENDING  # a short list is written in one range
    assert messages(shop) == [(contact_id, "queued") for contact_id in shop.contact_ids]
    jobs.watch_campaign(shop.scope, campaign_id=card.id)
    with transaction(shop.scope):
        assert queries.get_campaign(shop.scope, card.id).state is State.SENDING
    settle(shop)
    jobs.watch_campaign(shop.scope, campaign_id=card.id)
    jobs.watch_campaign(shop.scope, campaign_id=card.id)
    with transaction(shop.scope):
        assert queries.get_campaign(shop.scope, card.id).state is State.FINISHED
        assert report.get_report(shop.scope, card.id).totals == {"recipients": 3}


def test_k28_expansion_goes_on_where_it_was_cut_off(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Range by range, run twice, cut off in between: each contact once, figures exact, and none who joined later."""
    monkeypatch.setattr(expansion, "FIRST_RANGE", 1)
    monkeypatch.setattr(expansion, "RANGE", 1)
    card = shop.campaign()
    assert start(shop, card.id).state is State.STARTING
    assert len(messages(shop)) == 1
    with transaction(shop.scope) as live:
        live.execute(sa.text("UPDATE campaign SET expanded_to = 0"))  # as if the range's end had been lost
    jobs.expand_campaign(shop.scope, campaign_id=card.id)
    jobs.expand_campaign(shop.scope, campaign_id=card.id)
    assert [contact_id for contact_id, _ in messages(shop)] == sorted(shop.contact_ids)
    with transaction(shop.scope):
        assert queries.get_campaign(shop.scope, card.id).state is State.SENDING
        assert report.get_report(shop.scope, card.id).totals["recipients"] == 3


def test_a_long_list_lets_others_in_between(shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its stretch an expansion stands in line again, as one open job, and the next one goes on where it ended."""
    monkeypatch.setattr(expansion, "FIRST_RANGE", 1)
    monkeypatch.setattr(expansion, "RANGE", 1)
    monkeypatch.setattr(jobs, "STRETCH_SECONDS", 0.0)
    card = shop.campaign()
    start(shop, card.id)
    parts = []
    for part in range(2):
        jobs.expand_campaign(shop.scope, campaign_id=card.id, part=part)
        written = len(messages(shop))
        with transaction(shop.scope):
            parts.append((written, queries.get_campaign(shop.scope, card.id).state))
    assert parts == [(2, State.STARTING), (3, State.SENDING)]
    with psycopg.connect(settings.database_url) as live:
        asked = live.execute("SELECT args->>'part' FROM job WHERE kind = %s ORDER BY id", (services.EXPAND_JOB,)).fetchall()
    assert asked == [(None,), ("1",)]


def test_who_is_left_out_and_why(shop: Shop) -> None:
    """Unsubscribed and suppressed contacts get no message, and the report says why, contact by contact."""
    first, second, third = shop.contact_ids
    with transaction(shop.scope):
        lists.unsubscribe(shop.scope, contact_id=first, list_id=shop.list_id)
        suppressions.suppress(shop.scope, email="PERSON1@tea.example.net", reason="hard_bounce", source="test")
    card = shop.campaign()
    start(shop, card.id)
    assert messages(shop) == [(third, "queued")]
    with transaction(shop.scope):
        page = report.recipients(shop.scope, card.id)
        totals = report.get_report(shop.scope, card.id)
    assert [(each.contact_id, each.state) for each in page.cards] == [(first, "skipped"), (second, "skipped"), (third, "queued")]
    assert {each.reason for each in page.cards[:2]} <= {"unsubscribed", "suppressed", "bounced"}
    assert totals.totals == {"recipients": 1, "skipped": 2}
    assert totals.waiting == 1


def test_what_was_on_the_wire_is_listed_by_itself(shop: Shop) -> None:
    """So are those that were refused and those that became too old; other outcomes have no list of their own."""
    card = shop.campaign()
    start(shop, card.id)
    states = ("unknown", "failed", "unknown")
    with transaction(shop.scope) as live:
        for contact_id, state in zip(shop.contact_ids, states, strict=True):
            values = {"state": state, "contact": contact_id}
            live.execute(sa.text("UPDATE message SET state = :state, settled_at = now() WHERE contact_id = :contact"), values)
    with transaction(shop.scope):
        listed = {outcome: report.recipients(shop.scope, card.id, outcome=outcome).cards for outcome in report.NOT_DELIVERED}
        first = report.recipients(shop.scope, card.id, outcome="unknown", limit=1)
        second = report.recipients(shop.scope, card.id, outcome="unknown", limit=1, after=first.after or 0)
        with pytest.raises(Invalid):
            report.recipients(shop.scope, card.id, outcome="sent")
    assert {outcome: [one.contact_id for one in cards] for outcome, cards in listed.items()} == {
        "unknown": [shop.contact_ids[0], shop.contact_ids[2]],
        "failed": [shop.contact_ids[1]],
        "expired": [],
    }
    assert [one.contact_id for one in (*first.cards, *second.cards)] == [shop.contact_ids[0], shop.contact_ids[2]]
    assert second.after is None


def test_23_sixty_four_starts_at_once_are_one(shop: Shop, app: Flask) -> None:
    """Double clicks and parallel requests start it once: one revision, one message a contact, no error."""
    card = shop.campaign()
    failures: list[BaseException] = []

    def click() -> None:
        try:
            with app.app_context():
                start(shop, card.id)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=click) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(messages(shop)) == 3
    with transaction(shop.scope) as live:
        assert live.execute(sa.text("SELECT count(*) FROM campaign_revision")).scalar_one() == 1
        assert live.execute(sa.text("SELECT count(*) FROM tenant_audit WHERE verb = 'campaign.started'")).scalar_one() == 1


def test_pause_go_on_and_stop(shop: Shop) -> None:
    """Each step may be asked for twice; what waits of a stopped campaign is cancelled and counted."""
    card = shop.campaign()
    start(shop, card.id)
    with transaction(shop.scope):
        assert services.pause(shop.scope, campaign_id=card.id).state is State.PAUSED
        assert services.pause(shop.scope, campaign_id=card.id).state is State.PAUSED
        services.note_waiting(shop.scope, campaign_ids=[card.id], reason="month", resumes_at=clock.now())
        assert queries.get_campaign(shop.scope, card.id).state is State.PAUSED
        assert services.go_on(shop.scope, campaign_id=card.id).state is State.SENDING
        assert services.go_on(shop.scope, campaign_id=card.id).state is State.SENDING
        assert services.stop(shop.scope, campaign_id=card.id).state is State.STOPPED
        assert services.stop(shop.scope, campaign_id=card.id).state is State.STOPPED
        with pytest.raises(Conflict):
            services.go_on(shop.scope, campaign_id=card.id)
        with pytest.raises(Conflict):
            services.start(shop.scope, campaign_id=card.id)
    jobs.call_off_campaign(shop.scope, campaign_id=card.id)
    jobs.call_off_campaign(shop.scope, campaign_id=card.id)
    assert {state for _, state in messages(shop)} == {"cancelled"}
    with transaction(shop.scope):
        assert report.get_report(shop.scope, card.id).totals == {"recipients": 3, "cancelled": 3}


def test_a_binding_limit_is_shown_with_its_time(shop: Shop) -> None:
    """Waiting says which limit binds and until when, and ends when messages leave again."""
    card = shop.campaign()
    start(shop, card.id)
    until = clock.now()
    with transaction(shop.scope):
        services.note_waiting(shop.scope, campaign_ids=[card.id], reason="the account's 3 a month", resumes_at=until)
        waiting = report.get_report(shop.scope, card.id)
        assert (waiting.state, waiting.state_reason, waiting.resumes_at) == (State.WAITING, "the account's 3 a month", until)
        services.note_sending(shop.scope, campaign_ids=[card.id])
        assert report.get_report(shop.scope, card.id).state is State.SENDING


@pytest.mark.parametrize(("changes", "code"), [
    ({"html": "<p>no footer</p>"}, "content_refused"),
    ({"html": "{{ contact.nobody }}"}, "content_refused"),
    ({"html": "{% for i in (1..5000) %}{% for j in (1..5000) %}x{% endfor %}{% endfor %}"}, "content_refused"),
    ({"subject": ""}, "content_refused"),
    ({"domain_id": None}, "sender_missing"),
    ({"from_local": ""}, "sender_missing"),
    ({"list_id": None}, "list_missing"),
])  # fmt: skip
def test_a_start_that_cant_be_changes_nothing(shop: Shop, changes: dict[str, object], code: str) -> None:
    """Each refusal names its code and leaves a draft without revision or message."""
    card = shop.campaign(**changes)
    with pytest.raises(AppError) as refused:
        start(shop, card.id)
    assert refused.value.code == code
    assert messages(shop) == []
    with transaction(shop.scope) as live:
        assert queries.get_campaign(shop.scope, card.id).state is State.DRAFT
        assert live.execute(sa.text("SELECT count(*) FROM campaign_revision")).scalar_one() == 0


def test_an_empty_list_has_no_recipients(shop: Shop) -> None:
    """A campaign to nobody is refused."""
    with transaction(shop.scope):
        empty = lists.create_list(shop.scope, name="Nobody")
    card = shop.campaign(list_id=empty.id)
    with pytest.raises(Invalid) as refused:
        start(shop, card.id)
    assert refused.value.code == "no_recipients"


def test_d3_a_from_domain_must_be_the_tenants_own_and_verified(shop: Shop, world: World) -> None:
    """Pending, foreign and lost domains are refused at the start and when a message is composed."""
    other = make_domain(world.b1.scope, "other.example.com")
    with pytest.raises(Missing):
        shop.campaign(domain_id=other.id)
    card = shop.campaign()
    with transaction(shop.scope) as live:
        live.execute(sa.text("UPDATE sending_domain SET state = 'pending'"))
    with pytest.raises(Forbidden) as refused:
        start(shop, card.id)
    assert refused.value.code == "from_domain_not_verified"
    with transaction(shop.scope) as live:
        live.execute(sa.text("UPDATE sending_domain SET state = 'verified'"))
    started = start(shop, card.id)
    with transaction(shop.scope) as live:
        live.execute(sa.text("UPDATE sending_domain SET state = 'pending'"))
        with pytest.raises(Forbidden):
            composers.load(shop.scope, started.revision_id or 0)


def test_24_a_suspended_account_cant_start(shop: Shop, world: World) -> None:
    """The account's state forbids it, and says so."""
    with transaction(world.a.scope):
        accounts.set_state(world.a.scope, shop.scope.tenant, "suspended", "unpaid")
    card = shop.campaign()
    with pytest.raises(Conflict) as refused:
        start(shop, card.id)
    assert refused.value.code == "tenant_not_active"


def test_a_started_campaign_is_not_changed_but_copied(shop: Shop) -> None:
    """Drafts may be changed and deleted; started ones are kept as they were sent."""
    card = shop.campaign()
    with transaction(shop.scope):
        services.edit_campaign(shop.scope, campaign_id=card.id, draft=shop.draft(subject="Other"))
    start(shop, card.id)
    with transaction(shop.scope):
        for act in (
            lambda: services.edit_campaign(shop.scope, campaign_id=card.id, draft=shop.draft()),
            lambda: services.delete_campaign(shop.scope, campaign_id=card.id),
        ):
            with pytest.raises(Conflict):
                act()
        copy = services.copy_campaign(shop.scope, campaign_id=card.id)
        assert (copy.state, copy.subject) == (State.DRAFT, "Other")
        services.delete_campaign(shop.scope, campaign_id=copy.id)
        with pytest.raises(Missing):
            queries.get_campaign(shop.scope, copy.id)


@pytest.mark.parametrize("changes", [{"from_local": "a b"}, {"from_local": "x@y.example, z"}, {"reply_to": "a@b.example\r\nBcc: c@d.example"}, {"from_name": "a\x00b"}, {"subject": "\ud800"}, {"name": " "}, {"kind": "docx"}, {"reply_to": "käthe@b.example"}])  # fmt: skip
def test_6_76_78_bad_values_are_refused_when_written(shop: Shop, changes: dict[str, object]) -> None:
    """Control characters, half pairs and what is not one address are refused with the field's name."""
    with pytest.raises(Invalid) as refused:
        shop.campaign(**changes)
    assert refused.value.facts["field"] in changes


def test_a_preview_shows_one_contact(shop: Shop) -> None:
    """The list's first contact, or the given one; findings instead of a letter where it can't be sent."""
    card = shop.campaign()
    with transaction(shop.scope):
        shown = queries.preview_campaign(shop.scope, card.id, contact_id=shop.contact_ids[2])
        assert (shown.subject, "Hi Jo2" in shown.html, "Hi Jo2" in shown.text) == ("Tea for Jo2", True, True)
        assert "/t/o/" not in shown.html
        broken = services.edit_campaign(shop.scope, campaign_id=card.id, draft=shop.draft(html="{{ nope }}"))
        assert [problem.code for problem in queries.preview_campaign(shop.scope, broken.id).problems] == ["unknown_field"]


def test_a_test_goes_to_one_address_and_counts_nowhere(shop: Shop) -> None:
    """The draft goes out once, marked, filled in for a contact; the campaign stays a draft without figures."""
    card = shop.campaign()
    with transaction(shop.scope) as live:
        message_id = services.send_test(shop.scope, campaign_id=card.id, to="me@example.net", contact_id=shop.contact_ids[1])
        again = services.send_test(shop.scope, campaign_id=card.id, to="me@example.net")
        row = live.execute(sa.text("SELECT * FROM message WHERE id = :id"), {"id": message_id}).one()
        assert (row.recipient, row.stream, row.campaign_id, row.fields["first_name"]) == ("me@example.net", "transactional", None, "Jo1")
        assert live.execute(sa.text("SELECT count(*) FROM campaign_revision")).scalar_one() == 1
        made = composers.load(shop.scope, row.revision_id).compose(
            MessageCard(message_id=again, recipient=row.recipient, at=clock.now(), fields=row.fields)
        )
        assert b"Subject: [Test] Tea for Jo1\r\n" in made.data
        with pytest.raises(Invalid):
            services.send_test(shop.scope, campaign_id=card.id, to="nobody")
        assert queries.get_campaign(shop.scope, card.id).state is State.DRAFT
        assert report.get_report(shop.scope, card.id).totals == {}


def test_a_revision_composes_under_the_tenants_names(shop: Shop) -> None:
    """From, return path, list and signature are the tenant's; nothing in the message names the installation."""
    started = start(shop, shop.campaign().id)
    with transaction(shop.scope):
        composer = composers.load(shop.scope, started.revision_id or 0)
        assert composers.load(shop.scope, started.revision_id or 0) is composer
    made = composer.compose(MessageCard(message_id=5, recipient="jo@example.net", at=clock.now(), fields={"first_name": "Jo"}))
    assert made.return_path.endswith("@bounce.tea.example.com")
    assert b"d=tea.example.com;" in made.data
    assert b"From: Tea <news@tea.example.com>" in made.data
    assert b"posthouse" not in made.data.lower()


def test_revisions_can_not_be_changed(shop: Shop) -> None:
    """No database role may alter or delete what is sent."""
    start(shop, shop.campaign().id)
    for statement in ("UPDATE campaign_revision SET number = 9", "DELETE FROM campaign_revision"):
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), transaction(shop.scope) as live:
            live.execute(sa.text(statement))


def test_a_foreign_tenant_finds_nothing_and_changes_nothing(shop: Shop, world: World) -> None:
    """Every service and query from another tenant, of the same and of another reseller, answers as if there were nothing."""
    card = shop.campaign()
    start(shop, card.id)
    for place in (world.a2, world.b1):
        scope = place.scope
        with transaction(scope):
            for act in (services.start, services.pause, services.go_on, services.stop, services.copy_campaign, services.delete_campaign):
                with pytest.raises(Missing):
                    act(scope, campaign_id=card.id)
            with pytest.raises(Missing):
                services.edit_campaign(scope, campaign_id=card.id, draft=services.Draft(name="x"))
            for read in (
                queries.get_campaign,
                queries.preview_campaign,
                report.get_report,
                report.by_domain,
                report.timeline,
                report.links,
                report.recipients,
            ):
                with pytest.raises(Missing):
                    read(scope, card.id)
            with pytest.raises(Missing):
                composers.load(scope, queries_revision(shop, card.id))
            with pytest.raises(Missing):
                services.create_campaign(scope, replace(services.Draft(name="x"), list_id=shop.list_id))
            services.note_waiting(scope, campaign_ids=[card.id], reason="x", resumes_at=None)
        jobs.call_off_campaign(scope, campaign_id=card.id)
        jobs.expand_campaign(scope, campaign_id=card.id)
        jobs.watch_campaign(scope, campaign_id=card.id)
    with transaction(shop.scope):
        assert queries.get_campaign(shop.scope, card.id).state is State.SENDING
    assert len(messages(shop)) == 3


_revisions: dict[int, int] = {}


def queries_revision(shop: Shop, campaign_id: int) -> int:
    """Any revision id does: it is not the asking tenant's."""
    return _revisions.setdefault(campaign_id, campaign_id + 1)


def test_permissions_are_asked_for(shop: Shop, world: World) -> None:
    """An analyst reads, an editor writes, and nobody without the permission sends."""
    card = shop.campaign()
    reader = world.a1.may_only("campaigns:read")
    with transaction(reader):
        assert queries.get_campaign(reader, card.id).id == card.id
        for act in (services.start, services.pause, services.stop, services.delete_campaign):
            with pytest.raises(Forbidden):
                act(reader, campaign_id=card.id)
