"""The page of a domain's reports: the owner sees figures and advice, a neighbour sees nothing."""

from __future__ import annotations

from datetime import timedelta

import domain_reports
import pytest

from posthouse.inbound.parsing.dmarc import read_dmarc
from posthouse.inbound.parsing.tlsrpt import read_tls
from posthouse.inbound.reports.rules import summarise
from posthouse.inbound.reports.services import keep_report
from posthouse.platform import clock, ids
from posthouse.platform.app import create_core
from posthouse.platform.db import transaction
from posthouse.sending.domains import services as domains


@pytest.fixture
def path(settings, world):
    """A domain of tenant a1 with a DMARC and a TLS report."""
    core, at = create_core(settings, process="command"), clock.now()
    with core.app_context():
        with transaction(world.a1.scope) as scope_session:
            del scope_session
            domain_id = domains.add_domain(world.a1.scope, domain="shop.example.org").id
            begin = int((at - timedelta(days=1)).timestamp())
            records = domain_reports.record(3) + domain_reports.record(5, ip="192.0.2.9<b>", dkim="fail", spf="fail").replace("<b>", "")
            report = read_dmarc(domain_reports.dmarc(records, begin=begin, domain="shop.example.org"))
            tls = read_tls(domain_reports.tls().replace(b"Shop.example", b"shop.example.org"))
            for one in (report, tls):
                keep_report(world.a1.scope, domain="shop.example.org", summary=summarise(one, "shop.example.org", at), received_at=at)
        for engine in core.extensions["sqlalchemy"].engines.values():
            engine.dispose()
    return f"/domains/{ids.encode('dom', domain_id)}/reports"


def test_the_owner_sees_who_sends_and_what_to_do(world, browser, path):
    browser.sign_in(world.a1.email)
    page = browser.get(path)
    assert page.status_code == 200
    for words in ("192.0.2.7", "signed by shop.example", "192.0.2.9", "does not pass", "Reporter &amp; Sons", "Have it renewed"):
        assert words in page.text
    assert "Reports" in browser.get(path.removesuffix("/reports")).text


@pytest.mark.parametrize("who", ["a2", "b1"])
def test_a_neighbour_finds_nothing(world, browser, path, who):
    browser.sign_in(getattr(world, who).email)
    page = browser.get(path)
    assert page.status_code == 404
    assert "192.0.2.7" not in page.text
