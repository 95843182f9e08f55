"""The live catalogue holds nothing that would cross tenants, and each question finds the fault it is there for."""

from __future__ import annotations

import psycopg
import pytest
from catalogue import FAULTS, QUERIES

# Tables of the installation itself. A new one is added here knowingly, or gets a scope column.
PLATFORM = {
    "app_user",
    "delivery_host",
    "domain_claim",
    "forgotten_address",
    "job",
    "lane_clock",
    "operator_audit",
    "operator_member",
    "operator_quota_entry",
    "operator_quota_limit",
    "operator_quota_window",
    "outbox_event",
    "periodic_job",
    "platform_suppression",
    "pool",
    "posthouse_revision",
    "provider_hook",
    "provider_report",
    "reseller",
    "route",
    "standing_limit",
    "stripe_account",
    "tracking_hit",
    "unmatched_mail",
    "bounce_box",
    "bounce_box_mail",
    "brought_mail",
    "learned_rule",
    "inbound_tally",
    "pool_pace",
    "user_session",
    "warmup",
    "warmup_day",
    "route_hold",
    "route_limit",
    "route_reply",
    "route_spent",
    "route_tally",
    "route_use",
    "mailbox_domain",
    "mailbox_group",
    "web_host",
}
ALLOWED = {"table without scope column": PLATFORM}


@pytest.mark.parametrize("question", QUERIES)
def test_the_catalogue_holds_no_way_around_the_wall(settings, question):
    with psycopg.connect(settings.database_url) as live:
        found = {row[0] for row in live.execute(QUERIES[question])}
    assert found - ALLOWED.get(question, set()) == set()


@pytest.mark.parametrize("question", QUERIES)
def test_each_question_finds_its_fault(settings, question):
    with psycopg.connect(settings.database_url) as live:
        before = set(live.execute(QUERIES[question]))
        live.execute(FAULTS[question])
        after = set(live.execute(QUERIES[question]))
        live.rollback()
    assert after - before


def test_the_list_of_platform_tables_names_no_table_that_is_gone(settings):
    with psycopg.connect(settings.database_url) as live:
        tables = {row[0] for row in live.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert PLATFORM - tables == set()
