"""Opens, clicks and unsubscribes in the database: counted once, for the right tenant, and with nothing up but Redis."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from shops import Shop, make_shop
from world import World

from posthouse.platform import clock
from posthouse.platform.app import settings
from posthouse.platform.db import transaction
from posthouse.platform.scope import public, system
from posthouse.sending import tokens
from posthouse.sending.campaigns import composers, report
from posthouse.sending.campaigns import services as campaigns
from posthouse.sending.content.compose import base36
from posthouse.sending.tokens import TokenClaims
from posthouse.sending.tracking import jobs, queries, services, targets, urls
from posthouse.sending.tracking.hits import MAX_PER_MESSAGE, Buffer, Hit
from posthouse.sending.tracking.targets import Targets
from posthouse.tenants.accounts import services as accounts
from posthouse.tenants.lists import queries as list_queries
from posthouse.tenants.lists import services as lists


class Sent:
    """A started campaign of a shop with its messages by contact."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        card = shop.campaign()
        with transaction(shop.scope) as live:
            started = campaigns.start(shop.scope, campaign_id=card.id)
            rows = live.execute(sa.text("SELECT id FROM message WHERE campaign_id = :id ORDER BY contact_id"), {"id": card.id})
            self.message_ids = list(rows.scalars())
        self.campaign_id, self.revision_id = card.id, started.revision_id or 0

    def hit(self, number: int = 0, kind: str = "open", *, link: int | None = None, machine: str = "", seconds: float = 0) -> Hit:
        revision = self.revision_id if kind == "click" else None
        return Hit(
            self.shop.scope.tenant, self.message_ids[number], kind, clock.now() + timedelta(seconds=seconds), revision, link, machine
        )

    def totals(self) -> dict[str, int]:
        with transaction(self.shop.scope):
            return dict(report.get_report(self.shop.scope, self.campaign_id).totals)


@pytest.fixture
def sent(world: World) -> Sent:
    composers.forget()
    return Sent(make_shop(world.a1.scope, name="tea"))


def record(*hits: Hit) -> None:
    scope = public("test")
    with transaction(scope):
        services.record_batch(scope, hits)


def sort() -> None:
    jobs.sort_hits(system("test"))
    jobs.sort_hits(system("test"))


def test_people_and_machines_are_counted_apart(sent: Sent) -> None:
    """Opens and clicks of persons, once a message and altogether; machines' beside them; sorting again adds nothing."""
    record(
        sent.hit(0),
        sent.hit(0, seconds=9),
        sent.hit(0, machine="image_proxy"),
        sent.hit(1, machine="image_proxy"),
        sent.hit(0, "click", link=1),
        sent.hit(2, "click", link=0, machine="scanner"),
    )
    sort()
    assert sent.totals() == {"recipients": 3, "opened": 1, "opens": 2, "machine_opens": 2, "clicked": 1, "clicks": 1, "machine_clicks": 1}
    record(sent.hit(0))
    sort()
    assert (sent.totals()["opened"], sent.totals()["opens"]) == (1, 3)
    with transaction(sent.shop.scope):
        first, second = report.links(sent.shop.scope, sent.campaign_id)
        assert ((first.clicks, first.machine_clicks), (second.clicks, second.machine_clicks)) == ((0, 1), (1, 0))
        cards = report.recipients(sent.shop.scope, sent.campaign_id).cards
        assert [(card.opened, card.clicked) for card in cards] == [(True, True), (False, False), (False, False)]


def test_a_scanner_that_looks_like_a_browser(sent: Sent) -> None:
    """All links of a message at once are a machine's, whatever it calls itself."""
    record(*(sent.hit(0, "click", link=number) for number in range(5)))
    sort()
    assert sent.totals()["machine_clicks"] == 5
    assert "clicks" not in sent.totals()


def test_91_foreign_and_unknown_hits_count_for_nothing(sent: Sent, world: World) -> None:
    """Another tenant's message, an unknown one, another revision, a tenant that does not exist: nothing counted, nothing left."""
    good = sent.hit(0, "click", link=0)
    record(
        Hit(world.b1.id, good.message_id, "open", good.at),
        Hit(good.tenant_id, 1, "open", good.at),
        Hit(good.tenant_id, good.message_id, "click", good.at, good.revision_id and good.revision_id + 1, 0),
        Hit(1, 1, "open", good.at),
    )
    sort()
    assert sent.totals() == {"recipients": 3}
    with transaction(system("test")) as live:
        assert live.execute(sa.text("SELECT count(*) FROM tracking_hit")).scalar_one() == 0


def test_a7_92_a_flood_is_cut(sent: Sent) -> None:
    """Ten thousand repeats of one pixel are written as a hundred."""
    buffer = Buffer(lambda hits: record(*hits))
    for _ in range(2_000):
        buffer.add(sent.hit(0))
    assert buffer.flush() == 2_000
    sort()
    assert sent.totals()["opened"] == 1
    assert sent.totals()["opens"] <= MAX_PER_MESSAGE


def test_what_cant_be_written_is_kept() -> None:
    """A database that is down loses no hit: the group goes back, in order, and is written later."""
    written: list[Hit] = []
    down = True

    def write(hits: list[Hit]) -> None:
        if down:
            raise ConnectionError
        written.extend(hits)

    buffer = Buffer(write)  # type: ignore[arg-type]
    hits = [Hit(1, number, "open", clock.now()) for number in range(10)]
    for hit in hits:
        buffer.add(hit)
    with pytest.raises(ConnectionError):
        buffer.flush()
    assert len(buffer) == 10
    down = False
    assert buffer.flush() == 10
    assert written == hits


def state_of(shop: Shop, number: int = 0) -> str:
    with transaction(shop.scope):
        (only,) = list_queries.subscriptions_of(shop.scope, shop.contact_ids[number])
        return only.state


def test_unsubscribing_counts_once(sent: Sent) -> None:
    """The person leaves the message's list; asking again, or from a stranger's scope, changes nothing more."""
    scope = sent.shop.scope
    for _ in range(2):
        with transaction(scope):
            assert services.unsubscribe(scope, message_id=sent.message_ids[0], source="one_click")
    assert state_of(sent.shop) == "unsubscribed"
    assert state_of(sent.shop, 1) == "subscribed"
    assert sent.totals()["unsubscribed"] == 1


def test_b1_a_foreign_token_unsubscribes_nobody(sent: Sent, world: World) -> None:
    """A message's id in another tenant's scope is nobody's."""
    for place in (world.a2, world.b1):
        with transaction(place.scope):
            assert not services.unsubscribe(place.scope, message_id=sent.message_ids[0])
            assert not services.set_preferences(place.scope, message_id=sent.message_ids[0], keep_list_ids=())
            assert queries.get_preferences(place.scope, sent.message_ids[0]) is None
            assert queries.facts_of(place.scope, sent.message_ids) == {}
    assert state_of(sent.shop) == "subscribed"


def test_preferences(sent: Sent) -> None:
    """The recipient sees the lists that they are on, and keeps those that they choose."""
    scope, contact = sent.shop.scope, sent.shop.contact_ids[0]
    with transaction(scope):
        other = lists.create_list(scope, name="Offers")
        lists.subscribe(scope, contact_id=contact, list_id=other.id, source="import")
        shown = queries.get_preferences(scope, sent.message_ids[0])
        assert shown is not None
        assert {(choice.name, choice.of_this_message) for choice in shown.choices} == {("Everybody", True), ("Offers", False)}
        assert services.set_preferences(scope, message_id=sent.message_ids[0], keep_list_ids=[other.id])
        after = queries.get_preferences(scope, sent.message_ids[0])
        assert after is not None
        assert [choice.name for choice in after.choices] == ["Offers"]
    assert sent.totals()["unsubscribed"] == 1


def test_the_recipients_scope_is_the_tenants_of_the_token(sent: Sent) -> None:
    """It acts in that tenant alone, as a recipient; a closed or unknown tenant has none."""
    edge = public("test")
    with transaction(edge):
        found = services.recipients_scope(edge, TokenClaims(sent.shop.scope.tenant, sent.message_ids[0]))
        assert services.recipients_scope(edge, TokenClaims(1, 1)) is None
    assert found is not None
    assert (found.tenant_id, found.reseller_id, found.actor.kind) == (sent.shop.scope.tenant_id, sent.shop.scope.reseller_id, "recipient")


def visit(sent: Sent, link: int = 0, revision_id: int | None = None) -> urls.Visit:
    token = tokens.of_house().mint(sent.shop.scope.tenant, sent.message_ids[0]).url
    found = urls.read(tokens.of_house(), f"/t/c/{token}/{base36(revision_id or sent.revision_id)}-{link}")
    assert found is not None
    return found


def test_a_click_leads_on_with_the_database_down(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    """From memory, and in a fresh process from Redis; what was never seen leads nowhere."""
    here = Targets(settings().redis_url)
    assert here.find(visit(sent)) == "https://shop.example.org/tea"
    assert here.find(visit(sent, 1)) == "https://shop.example.org/cups"
    assert here.find(visit(sent, 2)) is None

    def gone(*_: object) -> None:
        raise sa.exc.OperationalError("down", {}, Exception())

    monkeypatch.setattr(targets, "transaction", gone)
    monkeypatch.setattr(targets.clock, "monotonic", lambda: 1e12)
    assert here.find(visit(sent)) == "https://shop.example.org/tea"
    assert Targets(settings().redis_url).find(visit(sent)) == "https://shop.example.org/tea"
    assert Targets(settings().redis_url).find(visit(sent, revision_id=12345)) is None


def test_d11_91_links_of_a_suspended_tenant_stop(sent: Sent, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """After at most a minute; another tenant's token with this revision leads nowhere at any time."""
    here = Targets(settings().redis_url)
    assert here.find(visit(sent)) is not None
    with transaction(world.a.scope):
        accounts.set_state(world.a.scope, sent.shop.scope.tenant, "suspended", "spam")
    before = clock.monotonic()
    monkeypatch.setattr(targets.clock, "monotonic", lambda: before + targets.STATE_SECONDS + 1)
    assert here.find(visit(sent)) is None
    foreign = tokens.of_house().mint(world.b1.id, sent.message_ids[0]).url
    crossed = urls.read(tokens.of_house(), f"/t/c/{foreign}/{base36(sent.revision_id)}-0")
    assert crossed is not None
    assert here.find(crossed) is None
