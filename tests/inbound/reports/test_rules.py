"""A report is summed up by source, for the domain that it concerns, and gives one sentence of advice."""

from __future__ import annotations

from datetime import UTC, datetime

import domain_reports
import pytest

from posthouse.inbound.parsing.dmarc import read_dmarc
from posthouse.inbound.parsing.report_cards import DmarcReport
from posthouse.inbound.parsing.tlsrpt import read_tls
from posthouse.inbound.reports.rules import OTHERS, SOURCE_LIMIT, advise_dmarc, advise_tls, domains_of, summarise

AT = datetime(2023, 11, 16, tzinfo=UTC)


def _dmarc(records: str | None = None, **changes: object) -> DmarcReport:
    found = read_dmarc(domain_reports.dmarc(records, **changes))  # type: ignore[arg-type]
    assert found is not None
    return found


def test_sources_are_summed_up_by_what_they_prove() -> None:
    """Two records of one source are one line; a stranger's proves nothing of ours."""
    record = domain_reports.record
    report = _dmarc(record(3) + record(4) + record(5, ip="192.0.2.9", dkim="fail", spf="fail"))
    found = summarise(report, "shop.example", AT)
    assert [(line.source, line.detail, line.passed, line.failed) for line in found.sources] == [
        ("192.0.2.7", "signed by shop.example", 7, 0),
        ("192.0.2.9", "proves only shop.example and b.example", 0, 5),
    ]
    assert (found.passed, found.failed, found.policy, found.kind) == (7, 5, "reject", "dmarc")


def test_a_parents_report_counts_only_what_was_written_from_the_domain() -> None:
    """The tenant holds news.shop.example; the rest of the company is not its business."""
    records = domain_reports.record(3) + domain_reports.record(9).replace("Shop.example", "news.shop.example")
    report = _dmarc(records)
    assert domains_of(report) == ("shop.example", "news.shop.example")
    assert summarise(report, "news.shop.example", AT).passed == 9


def test_row_63_a_report_about_another_time_is_put_on_the_day_it_came() -> None:
    """Row 63: 1970, 2099 and a span of years are nobody's day."""
    for begin in (0, 4_000_000_000, 1_500_000_000):
        found = summarise(_dmarc(begin=begin), "shop.example", AT)
        assert (found.begins_at, found.ends_at) == (AT, AT)


def test_row_63_thousands_of_sources_become_one_line_more() -> None:
    """Row 63: what is shown is bounded, and the sum stays right."""
    report = _dmarc("".join(domain_reports.record(1, ip=f"10.0.{n // 250}.{n % 250}") for n in range(SOURCE_LIMIT + 100)))
    found = summarise(report, "shop.example", AT)
    assert (len(found.sources), found.sources[-1].source, found.sources[-1].passed) == (SOURCE_LIMIT + 1, OTHERS, 100)
    assert found.passed == SOURCE_LIMIT + 100


def test_failed_sessions_are_told_apart_and_advised_on() -> None:
    """RFC 8460: success by policy, failures by kind; what no detail explains is not lost."""
    report = read_tls(domain_reports.tls())
    assert report is not None
    found = summarise(report, "shop.example", AT)
    assert [(line.source, line.detail, line.passed, line.failed) for line in found.sources] == [
        ("encrypted", "sts", 9, 0),
        ("mx.shop.example", "certificate-expired", 0, 2),
    ]
    assert "renewed" in advise_tls("certificate-expired")
    assert "encrypted connection" in advise_tls("something-new")


@pytest.mark.parametrize(
    ("passed", "failed", "policy", "words"),
    [
        (0, 0, "", "No report"),
        (50, 50, "none", "does not pass"),
        (50, 0, "none", "Wait"),
        (500, 1, "none", "p=quarantine"),
        (500, 0, "quarantine", "p=reject"),
        (500, 0, "reject", "Nothing to do"),
    ],
)
def test_advice_leads_one_step_further(passed: int, failed: int, policy: str, words: str) -> None:
    """Watch first, tighten later, never while something of one's own fails."""
    assert words in advise_dmarc(passed, failed, policy)
