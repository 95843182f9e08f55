"""Reports go to whoever holds the domain, count once, and are seen by nobody else."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime

import domain_reports
import pytest
import sqlalchemy as sa
from desk import Desk

from posthouse.inbound.mailroom.sort import Outcome
from posthouse.inbound.permissions import READ_INBOUND
from posthouse.inbound.reports import queries
from posthouse.inbound.spool.files import Envelope
from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.errors import Forbidden

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
BEGIN = int(datetime(2026, 11, 24, tzinfo=UTC).timestamp())


@pytest.fixture(autouse=True)
def _day():
    with clock.frozen(AT):
        yield


@pytest.fixture
def held(desk: Desk) -> Desk:
    """Tenant a1 holds shop.example."""
    claim = sa.text("SELECT domain_claim_take('shop.example', :tenant, now())")
    with transaction(desk.world.a1.scope) as live:
        assert live.execute(claim, {"tenant": desk.world.a1.id}).scalar_one() is True
    return desk


def _mail(report_id: str = "r-1", **changes: object) -> bytes:
    xml = domain_reports.dmarc(begin=BEGIN, **changes).replace(b"1700086399", str(BEGIN + 86_399).encode())  # type: ignore[arg-type]
    return domain_reports.mail(gzip.compress(xml.replace(b"r-1", report_id.encode()), mtime=0))


def _seen(desk: Desk, who: str = "a1", kind: str = "dmarc") -> queries.DomainReports:
    place = getattr(desk.world, who)
    with transaction(place.scope):
        return queries.reports_of(place.scope, domain="shop.example", kind=kind)


def test_a_report_is_shown_to_the_domains_holder_alone(held: Desk) -> None:
    """Sums, source, day, reporter for a1; nothing for the others."""
    assert held.hand_in(_mail(), "dmarc@mail.example") is Outcome.SORTED
    found = _seen(held)
    assert (found.passed, found.failed, found.policy) == (3, 0, "reject")
    assert [(day.day.isoformat(), day.passed) for day in found.days] == [("2026-11-24", 3)]
    assert [(one.source, one.detail) for one in found.sources] == [("192.0.2.7", "signed by shop.example")]
    assert [(one.org, one.reports) for one in found.reporters] == [("Reporter & Sons", 1)]
    assert [(_seen(held, who).passed, _seen(held, who).sources) for who in ("a2", "b1")] == [(0, ()), (0, ())]
    assert held.mail(held.world.a1) == [("dmarc", "reported", None)]


def test_the_same_report_counts_once_however_it_comes(held: Desk) -> None:
    """The same mail is known by its bytes, the same report by organisation and id."""
    assert held.hand_in(_mail(), "dmarc@mail.example") is Outcome.SORTED
    assert held.hand_in(_mail(), "dmarc@mail.example") is Outcome.REPEATED
    held.hand_in(_mail() + b"\r\n", "dmarc@mail.example")
    held.hand_in(_mail("r-2"), "dmarc@mail.example")
    assert _seen(held).passed == 6
    assert [row[1] for row in held.mail(held.world.a1)] == ["reported", "repeated", "reported"]


def test_row_63_a_report_for_a_foreign_domain_waits_for_the_operator(desk: Desk) -> None:
    """Row 63: nobody holds the domain, so nobody is shown anything."""
    assert desk.hand_in(_mail(), "dmarc@mail.example") is Outcome.UNMATCHED
    assert desk.unmatched() == [("dmarc", "no-domain")]


def test_a_tls_report_finds_its_way_too(held: Desk) -> None:
    """With advice for what fails."""
    held.hand_in(domain_reports.mail(gzip.compress(domain_reports.tls()), "application/tlsrpt+gzip"), "tlsrpt@mail.example")
    found = _seen(held, kind="tlsrpt")
    assert (found.passed, found.failed) == (9, 2)
    assert [bool(one.advice) for one in found.sources] == [False, True]


def test_only_those_who_may_see_mail_see_reports(held: Desk) -> None:
    """The permission is that of inbound mail."""
    scope = held.world.a1.may_only()
    assert READ_INBOUND.name not in scope.permissions
    with transaction(scope), pytest.raises(Forbidden):
        queries.reports_of(scope, domain="shop.example", kind="dmarc")


FAILURE = b"""\
From: reports@receiver.example\r
Subject: FW: Invoice\r
Content-Type: multipart/report; report-type=feedback-report; boundary=x\r
\r
--x\r
Content-Type: text/plain\r
\r
This is an authentication failure report for a mail from 198.51.100.9.\r
--x\r
Content-Type: message/feedback-report\r
\r
Feedback-Type: auth-failure\r
User-Agent: Receiver/1\r
Version: 1\r
Auth-Failure: dmarc\r
Reported-Domain: %s\r
Source-IP: 198.51.100.9\r
\r
--x\r
Content-Type: text/rfc822-headers\r
\r
From: boss@%s\r
Message-ID: <forged@elsewhere.example>\r
--x--\r
"""


def test_a_failure_report_about_a_forgers_mail_is_shown_to_the_domains_holder(held: Desk) -> None:
    """RFC 6591: the mail was none of ours and bears no token, so nothing changes; nobody else sees it."""
    content = FAILURE.replace(b"%s", b"shop.example")
    assert held.hand_in(content, "dmarc@mail.example") is Outcome.SORTED
    assert held.hand_in(content, "dmarc@mail.example") is Outcome.REPEATED
    assert held.mail(held.world.a1) == [("fbl", "reported", None)]
    assert held.suppressed(held.world.a1) == []
    assert held.mail(held.world.a2) == []
    assert held.hand_in(FAILURE.replace(b"%s", b"foreign.example"), "dmarc@mail.example") is Outcome.UNMATCHED
    assert held.mailroom.sort_together([(Envelope("", ("dmarc@mail.example",), "192.0.2.1", "x", "esmtp", AT), content)]) == [None]
