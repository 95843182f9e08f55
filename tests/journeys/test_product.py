"""The whole product as processes: a domain verified by DNS, a campaign larger than the quota, and what comes back."""

from __future__ import annotations

import pytest
from mailrun import open_the_way, start_campaign, verified_domain
from product import fetch, make_product, until
from program import Program, issue_key
from serving import Served
from world import make_world

from posthouse.platform.app import create_core
from posthouse.platform.db import transaction
from posthouse.sending.campaigns import report
from posthouse.tenants.quotas import services as quotas
from posthouse.webui.app import create_app

RECIPIENTS = 150
QUOTA = 100
TOLD = ("sent", "failed", "bounced", "complained", "opened", "clicked", "unsubscribed")


@pytest.fixture
def product(tmp_path):
    made = make_product(tmp_path)
    made.start("up")
    made.start("simulator")
    yield made
    made.end()


@pytest.mark.timeout(240)
def test_exactly_the_quota_is_sent_signed_and_counted_alike_on_both_sides(product):
    """Sent, counted by us, equals taken and verified, counted by the mailboxes; the rest waits and says for what."""
    until(lambda: fetch(product.url + "/sign-in") and product.state())
    core = create_core(product.settings, process="command")
    with core.app_context():
        world = make_world()
        scope = world.a1.scope
        open_the_way(world, product.ports["simulator_smtp_port"])
        with transaction(scope):
            quotas.set_allowance(scope, layer="tenant", owner_id=scope.tenant, period="month", allowed=QUOTA)
        campaign_id = start_campaign(scope, verified_domain(product, scope), RECIPIENTS)

        def full():
            with transaction(scope):
                seen = report.get_report(scope, campaign_id)
            return seen if seen.totals.get("sent", 0) >= QUOTA else None

        # Refused ones give their part of the quota back, so the last of it goes to others a little later.
        seen = until(full, 90)
        assert seen.totals["sent"] == QUOTA
        assert seen.state == "waiting"
        assert "allowance" in seen.state_reason
        assert seen.resumes_at is not None
        assert seen.waiting == RECIPIENTS - QUOTA - seen.totals.get("failed", 0)

        def verified():
            state = product.state()
            return state if state["totals"]["dkim_pass"] + state["totals"]["dkim_fail"] >= QUOTA else None

        totals = until(verified)["totals"]
        assert (totals["accepted"], totals["dkim_pass"], totals["dkim_fail"], totals["duplicates"]) == (QUOTA, QUOTA, 0, 0)
        assert totals["refused"] == seen.totals.get("failed", 0)
        _feed_agrees(product, world.a1, campaign_id)
        for engine in core.extensions["sqlalchemy"].engines.values():
            engine.dispose()


def _feed_agrees(product, place, campaign_id):
    """A program that follows the feed counts what the report counts, each kind once a message, whatever comes back meanwhile."""
    web = create_app(product.settings)
    program = Program(Served(product.settings, product.folder / "web.log", product.processes[0]), issue_key(web, place)[1])
    seen, cursor = set(), None

    def agree():
        nonlocal cursor
        while True:
            page = program.call("GET", "/events?limit=200" + (f"&cursor={cursor}" if cursor else "")).json
            cursor = page["next_cursor"]
            if not page["data"]:
                break
            for one in page["data"]:
                if one["kind"] in TOLD:
                    assert (one["kind"], one["message_id"]) not in seen
                    seen.add((one["kind"], one["message_id"]))
        with transaction(place.scope):
            totals = report.get_report(place.scope, campaign_id).totals
        return {kind: totals.get(kind, 0) for kind in TOLD} == {kind: sum(kind == one for one, _ in seen) for kind in TOLD}

    until(agree, 60)
    assert sum(kind == "sent" for kind, _ in seen) == QUOTA
    with web.app_context():
        for engine in web.extensions["sqlalchemy"].engines.values():
            engine.dispose()
