"""XARF reports, new and old, are complaints like any other; other JSON is none."""

from __future__ import annotations

import json

import letters
import pytest

from posthouse.inbound.mailroom.rules import facts_of
from posthouse.inbound.parsing.cards import Kind
from posthouse.inbound.parsing.reading import read

REPORT = {"ReportClass": "Activity", "ReportType": "Spam", "SourceIp": "192.0.2.9", "RecipientEmailAddress": "ann@example.net"}


def _mail(part: str, content_type: str, fields: str = "") -> bytes:
    head = f"From: abuse@isp.example\nTo: fbl@mail.example\n{fields}Subject: abuse report\n"
    body = f"--b\nContent-Type: text/plain\n\nA complaint.\n--b\nContent-Type: {content_type}\n\n{part}\n"
    original = f"--b\nContent-Type: message/rfc822\n\nMessage-ID: <{letters.TOKEN}@mail.example>\nTo: ann@example.net\n\nhi\n--b--\n"
    return f"{head}Content-Type: multipart/mixed; boundary=b\n\n{body}{original}".encode()


@pytest.mark.parametrize(("said", "kind"), [("Spam", "abuse"), ("Phishing", "fraud"), ("Malware", "virus"), ("Strange", "other")])
def test_a_json_report_is_a_complaint(said: str, kind: str) -> None:
    """Type, source, recipient, reporter; the token stands in the original."""
    facts = {"Version": "3", "ReporterInfo": {"ReporterOrg": "ISP"}, "Report": {**REPORT, "ReportType": said}}
    found = read(_mail(json.dumps(facts), 'application/json; name="xarf.json"'))
    assert found.kind is Kind.COMPLAINT
    assert found.feedback is not None
    assert (found.feedback.kind, found.feedback.recipients) == (kind, ("ann@example.net",))
    assert (found.feedback.source_ip, found.feedback.reporter) == ("192.0.2.9", "ISP")
    assert letters.TOKEN in found.ids.tokens


def test_the_older_fields_are_read_too() -> None:
    """X-XARF: PLAIN, with fields in a text part."""
    fields = "Reported-From: abuse@isp.example\nCategory: abuse\nReport-Type: spam\nSource: 192.0.2.9\n"
    found = read(_mail(fields, "text/plain; name=report.txt", "X-XARF: PLAIN\n"))
    assert found.feedback is not None
    assert (found.kind, found.feedback.kind, found.feedback.source_ip) == (Kind.COMPLAINT, "abuse", "192.0.2.9")


@pytest.mark.parametrize("part", ['{"a": 1}', "[1]", "{" * 9, '{"ReporterInfo": 1, "Report": 2}'])
def test_other_json_does_no_harm(part: str) -> None:
    """Not every JSON is a report, and a broken one is read as far as it goes."""
    assert read(_mail(part, "application/json")).kind in (Kind.UNKNOWN, Kind.COMPLAINT)


@pytest.mark.parametrize("source", ["192.0.2.9\x00", "\ud800", "x" * 100_000])
def test_h4_what_a_report_says_of_its_source_is_fit_to_be_kept(source: str) -> None:
    """No NUL, which no database keeps, and no megabyte: the complaint itself counts all the same."""
    facts = {"Version": "3", "ReporterInfo": {"ReporterOrg": "ISP"}, "Report": {**REPORT, "SourceIp": source}}
    for mail in (
        _mail(json.dumps(facts), 'application/json; name="xarf.json"'),
        _mail(
            f"Report-Type: spam\nSource: {source.encode('utf-8', 'replace').decode()}\n", "text/plain; name=report.txt", "X-XARF: PLAIN\n"
        ),
    ):
        kept = json.dumps(facts_of(read(mail)), ensure_ascii=False)
        assert "\\u0000" not in kept
        assert len(kept.encode("utf-8")) < 2_000
