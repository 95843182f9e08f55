"""DMARC and TLS reports are read in every form that they come in; bombs, tricks and broken ones cost little and say so."""

import gzip
import io
import time
import tracemalloc
import zipfile

import domain_reports
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.inbound.parsing.attachments import read_report_file
from posthouse.inbound.parsing.cards import Kind
from posthouse.inbound.parsing.dmarc import RECORD_LIMIT, read_dmarc
from posthouse.inbound.parsing.reading import read
from posthouse.inbound.parsing.report_cards import DmarcReport, TlsReport
from posthouse.inbound.parsing.tlsrpt import read_tls
from posthouse.inbound.parsing.unpack import SIZE_LIMIT, unpack


def _dmarc(data: bytes) -> DmarcReport:
    found = read_report_file(data)
    assert isinstance(found, DmarcReport)
    return found


@pytest.mark.parametrize("form", list(domain_reports.FORMS))
def test_an_aggregate_report_is_read_in_every_packing(form: str) -> None:
    """Plain, gzip, zip, and gzip within gzip, as a file or in a mail whose type is wrong."""
    data = domain_reports.FORMS[form]
    for report in (_dmarc(data), read(domain_reports.mail(data, "application/octet-stream")).report):
        assert isinstance(report, DmarcReport)
        assert (report.org, report.report_id, report.domain, report.policy) == ("Reporter & Sons", "r-1", "shop.example", "reject")
        assert (report.begin, report.end, report.messages, len(report.rows), report.trouble) == (1_700_000_000, 1_700_086_399, 3, 1, None)


@pytest.mark.parametrize("form", ["gzip", "zip"])
def test_a_packed_report_is_found_by_its_content(form: str) -> None:
    """A type and a name that say nothing."""
    mail = domain_reports.mail(domain_reports.FORMS[form], "application/x-strange").replace(b"xml.gz", b"bin")
    assert isinstance(read(mail).report, DmarcReport)


def test_a_row_says_who_sent_and_what_proved_it() -> None:
    """Source, aligned results and the domains behind them."""
    (row,) = _dmarc(domain_reports.dmarc()).rows
    assert (row.source_ip, row.dkim, row.spf, row.passes, row.header_from) == ("192.0.2.7", "pass", "fail", True, "shop.example")
    assert (row.dkim_domain, row.dkim_selector, row.spf_domain) == ("shop.example", "s1", "b.example")


@pytest.mark.parametrize("root", [domain_reports.NAMESPACE, ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'])
def test_the_namespace_makes_no_difference(root: str) -> None:
    """RFC 9990 has one, RFC 7489 none, and reporters invent others."""
    assert _dmarc(domain_reports.dmarc(root=root)).messages == 3


@pytest.mark.parametrize(
    ("cut", "rows"),
    [(b"</feedback>", 1), (b"</row>", 1), (b"<policy_published>", 1), (b"</record></feedback>", 0)],
)
def test_broken_xml_keeps_what_can_be_read(cut: bytes, rows: int) -> None:
    """A missing end, a tag never closed: what stands there is read, and the report says that it is broken."""
    report = _dmarc(domain_reports.dmarc().replace(cut, b""))
    assert (report.org, len(report.rows), report.trouble) == ("Reporter & Sons", rows, "broken")


def test_a_loose_ampersand_and_a_footer_do_no_harm() -> None:
    """Reporters write names and add lines without regard to XML."""
    report = _dmarc(domain_reports.dmarc().replace(b"Reporter &amp; Sons", b"A & B") + b"\n-- \nscanned\n")
    assert (report.org, report.messages, report.trouble) == ("A & B", 3, None)


def test_a_tls_report_is_read_in_a_mail_and_alone() -> None:
    """RFC 8460: sessions by policy, failures by kind; a policy without domain is one, too."""
    found = read(domain_reports.mail(gzip.compress(domain_reports.tls()), "application/tlsrpt+gzip"))
    assert found.kind is Kind.TLS_REPORT
    for report in (found.report, read_report_file(domain_reports.tls())):
        assert isinstance(report, TlsReport)
        assert (report.domain, report.policies[0].success, report.policies[0].failure) == ("shop.example", 9, 2)
        assert (report.policies[0].failures[0].kind, report.policies[0].failures[0].sessions) == ("certificate-expired", 2)


def test_other_json_and_xml_are_no_reports() -> None:
    """A file that merely looks alike is none."""
    assert [read_report_file(data) for data in (b'{"a": 1}', b"<?xml version='1.0'?><html/>", b"{" * 50, b"")] == [None] * 4


@pytest.mark.parametrize(
    ("data", "trouble"),
    [
        (gzip.compress(b"\0" * 300_000_000), "size"),
        (domain_reports.zipped(("a.xml", domain_reports.zipped(("b.xml", gzip.compress(b"x"))))), "packed-too-often"),
        (domain_reports.zipped(("a.xml", b"<feedback/>"), ("b.xml", b"<feedback/>")), "members"),
        (b"\x1f\x8b", "truncated"),
        (b"PK\x03\x04garbage", "broken"),
        (gzip.compress(domain_reports.dmarc())[:200], "truncated"),
    ],
    ids=["bomb", "zips-in-zips", "two-members", "nothing", "no-zip", "cut"],
)
def test_row_62_bombs_and_broken_archives_are_bounded(data: bytes, trouble: str) -> None:
    """Row 62: at most 25 MiB and two layers, one member, in less than a second."""
    started = time.process_time()
    found = unpack(data)
    assert (found.trouble, len(found.data) <= SIZE_LIMIT) == (trouble, True)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("damaged", [False, True])
def test_row_62_h4_a_zip_by_a_method_that_cannot_be_bounded_is_not_opened(method: int, damaged: bool) -> None:
    """861 bytes of bzip2 took two gigabytes before the first limit was asked; a damaged LZMA member raised what nobody caught."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive, archive.open("report.xml", "w") as member:
        for _ in range(64):
            member.write(bytes(1 << 20))
    data = bytearray(packed.getvalue())
    if damaged:
        data[60:90] = bytes(one ^ 0xFF for one in data[60:90])
    tracemalloc.start()
    try:
        found = unpack(bytes(data))
        assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert found.trouble == "broken"


def test_row_62_a_mail_with_a_bomb_stays_a_report_that_cannot_be_read() -> None:
    """The sender meant a report; nothing of it is used."""
    found = read(domain_reports.mail(gzip.compress(b"\0" * 100_000_000)))
    assert (found.kind, found.report) == (Kind.DMARC_REPORT, None)


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE feedback [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE feedback SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE feedback [<!ENTITY x SYSTEM "http://127.0.0.1/">]>',
    ],
)
def test_row_63_document_types_and_entities_are_refused(head: str) -> None:
    """Row 63: no entity is resolved, nothing is fetched, nothing of the report is used."""
    report = _dmarc(domain_reports.dmarc().replace(b"<feedback", head.encode() + b"<feedback").replace(b"r-1", b"&b;"))
    assert (report.trouble, report.rows, report.report_id) == ("document-type", (), "")


def test_row_63_a_million_records_are_clipped() -> None:
    """Row 63: what is beyond the limit is not read, and the report says so, in less than a second."""
    started = time.process_time()
    report = read_dmarc(domain_reports.dmarc("<record/>" * 1_000_000))
    assert report is not None
    assert (report.trouble, len(report.rows)) == ("records", RECORD_LIMIT)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(("begin", "meant"), [("4102444800", 0), ("-1", 0), ("86400", 86_400)])
def test_row_63_times_beyond_reason_count_as_missing(begin: str, meant: int) -> None:
    """Row 63: 2100 and before 1970 are no times of a report."""
    assert _dmarc(domain_reports.dmarc(begin=begin)).begin == meant


@pytest.mark.parametrize(("count", "meant"), [("-5", 0), ("1e9", 0), ("9" * 400, 0), ("7", 7), ("", 0), ("٣", 0)])
def test_row_63_absurd_counts_count_as_nothing(count: str, meant: int) -> None:
    """Row 63: negative and absurd numbers do not reach a sum."""
    assert _dmarc(domain_reports.dmarc(domain_reports.record(count))).messages == meant


def test_row_64_json_bombs_are_bounded() -> None:
    """Row 64: depth, size, repeated keys and numbers beyond reason."""
    started = time.process_time()
    deep = b'{"policies":' + b"[" * 100_000
    wide = b'{"policies":[' + b"{}," * 500_000 + b"{}]}"
    assert read_tls(deep) is None
    found = read_tls(wide)
    assert found is not None
    assert found.trouble == "policies"
    huge = read_tls(domain_reports.tls(**{"date-range": {"start-datetime": "9999-12-31T23:59:59-12:00"}}).replace(b": 9,", b": 1e999,"))
    assert huge is not None
    assert (huge.begin, huge.policies[0].success) == (0, 0)
    assert time.process_time() - started < 1


@settings(deadline=None)
@given(data=st.binary(max_size=400))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    """Reading never raises, whatever follows a believable start."""
    for start in (b"", b"\x1f\x8b\x08", b"PK\x03\x04", b"<feedback>", b'{"policies":['):
        read_report_file(start + data)


@settings(deadline=None)
@given(at=st.integers(0, 800), cut=st.integers(0, 800), byte=st.binary(max_size=3))
def test_a_damaged_report_is_read_without_an_error(at: int, cut: int, byte: bytes) -> None:
    """One place of a good report is damaged: still no error, and no count from nowhere."""
    for whole in (domain_reports.dmarc(), domain_reports.tls(), *domain_reports.FORMS.values()):
        found = read_report_file(whole[:at] + byte + whole[at + cut :])
        assert not isinstance(found, DmarcReport) or found.messages >= 0
