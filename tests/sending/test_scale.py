"""What a campaign costs depends on the batch and not on what was sent before, nor on whether the planner knows the tenant."""

import psycopg
import pytest
import sqlalchemy as sa
from shops import make_shop

from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.sending.campaigns import expansion, report, services
from posthouse.sending.campaigns.models import Campaign
from posthouse.sending.delivery import picking
from posthouse.sending.messages import intake
from posthouse.sending.messages import queries as messages
from posthouse.tenants.contacts import queries as contacts
from posthouse.tenants.lists import queries as list_queries
from posthouse.tenants.lists import services as lists

SENT = 3_000
_CONTACTS = sa.text(
    "INSERT INTO contact (tenant_id, email, email_norm, domain, source, created_at, updated_at)"
    " SELECT :tenant, 'q' || n || '@x.net', 'q' || n || '@x.net', 'x.net', 'scale', :at, :at FROM generate_series(1, :count) AS n"
)
_SUBSCRIBED = sa.text(
    "INSERT INTO subscription (tenant_id, list_id, contact_id, state, source, created_at, changed_at)"
    " SELECT tenant_id, :list, id, 'subscribed', 'test', created_at, created_at FROM contact WHERE tenant_id = :tenant AND source = 'scale'"
)
_ALL_SENT = sa.text("UPDATE message SET state = 'sent', settled_at = :at WHERE tenant_id = :tenant")
_READ = sa.text(
    "SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0) FROM pg_stat_xact_user_tables WHERE relname = ANY (:tables)"
)


OTHERS = 30_000
_OF_OTHERS = (
    """INSERT INTO contact (tenant_id, email, email_norm, domain, source, created_at, updated_at)
    SELECT %(tenant)s, 'o' || n || '@x.net', 'o' || n || '@x.net', 'x.net', 'scale', now(), now() FROM generate_series(1, %(count)s) AS n""",
    "INSERT INTO contact_list (tenant_id, name, created_at) VALUES (%(tenant)s, 'Others', now())",
    """INSERT INTO subscription (tenant_id, list_id, contact_id, state, source, created_at, changed_at)
    SELECT c.tenant_id, l.id, c.id, 'subscribed', 'scale', now(), now() FROM contact c JOIN contact_list l ON l.name = 'Others'""",
    """INSERT INTO message (tenant_id, campaign_id, contact_id, revision_id, recipient, email_norm, domain, stream, state, not_before, created_at,
    settled_at) SELECT tenant_id, 1, id, 1, email, email, domain, 'marketing', 'sent', now(), now(), now() FROM contact""",
)


@pytest.fixture(params=["unknown to the planner", "known to it"])
def shop(request, world, settings):
    """A shop whose campaign is written up to the last 40 of 3,043 recipients; all that was written is sent. Another tenant has more."""
    with psycopg.connect(settings.database_url, autocommit=True) as admin:
        for statement in _OF_OTHERS:
            admin.execute(statement, {"tenant": world.b1.id, "count": OTHERS})
        admin.execute("VACUUM ANALYZE contact, subscription, message")
    shop = make_shop(world.a1.scope, name="tea")
    with transaction(shop.scope) as live:
        live.execute(_CONTACTS, {"tenant": shop.scope.tenant, "count": SENT + 40, "at": clock.now()})
        live.execute(_SUBSCRIBED, {"tenant": shop.scope.tenant, "list": shop.list_id})
    card = shop.campaign()
    with transaction(shop.scope):
        services.start(shop.scope, campaign_id=card.id)
    with transaction(shop.scope) as live:
        expansion.expand(shop.scope, live.get(Campaign, (shop.scope.tenant, card.id)), size=SENT + 3 - expansion.FIRST_RANGE)
    with transaction(shop.scope) as live:
        live.execute(_ALL_SENT, {"tenant": shop.scope.tenant, "at": clock.now()})
    if request.param == "known to it":
        with psycopg.connect(settings.database_url, autocommit=True) as admin:
            admin.execute("VACUUM ANALYZE contact, subscription, message")
    return shop, card.id


def read(scope, act, *tables):
    """Return how many rows of these tables an act reads."""
    with transaction(scope) as live:
        # What the connection read before may not be handed in yet, and counts here too.
        before = live.execute(_READ, {"tables": list(tables)}).scalar_one()
        act(live)
        return live.execute(_READ, {"tables": list(tables)}).scalar_one() - before


def test_the_next_range_reads_its_own_contacts_only(shop):
    """40 of 3,043: each once from the list, and twice from the contacts."""
    shop, campaign_id = shop
    campaign = lambda live: live.get(Campaign, (shop.scope.tenant, campaign_id))  # noqa: E731
    seen = read(shop.scope, lambda live: expansion.expand(shop.scope, campaign(live), size=40), "subscription", "contact", "message")
    assert 40 <= seen <= 40 * 5


def test_a_claim_and_the_watch_read_what_is_open_only(shop):
    """3,003 messages that were sent are not looked at."""
    shop, campaign_id = shop
    with transaction(shop.scope) as live:
        expansion.expand(shop.scope, live.get(Campaign, (shop.scope.tenant, campaign_id)), size=40)
    values = {"stream": "marketing", "now": clock.now(), "campaigns": [campaign_id], "most": 200}
    picked = []
    seen = read(shop.scope, lambda _live: picked.extend(picking.pick(shop.scope, **values)[0]), "message", "contact")
    assert len(picked) == 40
    assert seen <= 40 * 3
    assert read(shop.scope, lambda _live: intake.any_open(shop.scope, campaign_id=campaign_id), "message") <= 2


def test_the_report_reads_a_page(shop):
    """A page of recipients is as dear as a page."""
    shop, campaign_id = shop
    seen = read(shop.scope, lambda _live: report.recipients(shop.scope, campaign_id, limit=20), "message", "campaign_skip")
    assert seen <= 21 * 2
    with transaction(shop.scope) as live:
        one = "(SELECT max(id) FROM message WHERE campaign_id = :campaign)"
        live.execute(sa.text(f"UPDATE message SET state = 'unknown' WHERE id = {one}"), {"campaign": campaign_id})
    unknown = lambda _live: report.recipients(shop.scope, campaign_id, outcome="unknown")  # noqa: E731
    assert read(shop.scope, unknown, "message") <= 3
    assert read(shop.scope, lambda _live: report.get_report(shop.scope, campaign_id), "message", "subscription", "contact") == 0


def test_the_messages_of_one_contact_or_tag_are_found_by_it(shop, settings):
    """Of 3,003 in order of time; by the tag each is looked up."""
    shop, _campaign_id = shop
    with transaction(shop.scope) as live:
        live.execute(sa.text("INSERT INTO message_tag (tenant_id, tag, message_id) SELECT tenant_id, 'n' || id % 500, id FROM message"))
        one, contact = live.execute(sa.text("SELECT id, contact_id FROM message ORDER BY id LIMIT 1")).one()
    found = []
    by_contact = lambda _live: found.extend(messages.list_messages(shop.scope, contact_id=contact))  # noqa: E731
    assert read(shop.scope, by_contact, "message") <= 3
    assert [card.id for card in found] == [one]
    by_tag = lambda _live: found.extend(messages.list_messages(shop.scope, tag=f"n{one % 500}"))  # noqa: E731
    assert read(shop.scope, by_tag, "message") <= 60
    assert one in {card.id for card in found[1:]}


def test_a_list_s_page_reads_its_contacts_one_by_one(shop, settings, monkeypatch):
    """A small list is gone through once; a large one, of a tenant that the planner knows, as far as the page goes."""
    shop, _campaign_id = shop
    act = lambda _live: contacts.list_contacts(shop.scope, list_id=shop.list_id, limit=20)  # noqa: E731
    small = read(shop.scope, act, "contact", "subscription")
    assert small <= (SENT + 43) * 3
    with psycopg.connect(settings.database_url, autocommit=True) as admin:
        admin.execute("ANALYZE contact, subscription")
    monkeypatch.setattr(contacts, "_FEW", 100)
    assert read(shop.scope, act, "contact", "subscription") <= 101 + 21 * 2


def test_a_small_list_and_a_sample_read_no_more_than_themselves(shop):
    """Fifty of 3,043 people, wherever they stand in the order of addresses; a hundred for the mixture; and counts without anybody."""
    shop, _campaign_id = shop
    with transaction(shop.scope) as live:
        small = lists.create_list(shop.scope, name="Few").id
        values = {"tenant": shop.scope.tenant, "list": small}
        live.execute(sa.text(_SUBSCRIBED.text + " ORDER BY email_norm DESC LIMIT 50"), values)
    page = lambda _live: contacts.list_contacts(shop.scope, list_id=small, limit=20)  # noqa: E731
    assert read(shop.scope, page, "contact", "subscription") <= 50 * 3
    sample = lambda _live: list_queries.sample_domains(shop.scope, shop.list_id, most=100)  # noqa: E731
    assert read(shop.scope, sample, "contact", "subscription") <= 100 * 3
    counts = lambda _live: (list_queries.count_subscribed(shop.scope), list_queries.count_states(shop.scope, small))  # noqa: E731
    assert read(shop.scope, counts, "contact", "subscription") == 0
