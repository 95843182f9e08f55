"""DMARC and TLS reports made for tests, whole, packed and broken."""

import base64
import gzip
import io
import json
import zipfile

NAMESPACE = ' xmlns="urn:ietf:params:xml:ns:dmarc-2.0"'


def record(count: int | str = 3, *, ip: str = "192.0.2.7", dkim: str = "pass", spf: str = "fail") -> str:
    """One record of an aggregate report."""
    return (
        f"<record><row><source_ip>{ip}</source_ip><count>{count}</count><policy_evaluated><disposition>none</disposition>"
        f"<dkim>{dkim}</dkim><spf>{spf}</spf></policy_evaluated></row><identifiers><header_from>Shop.example</header_from></identifiers>"
        "<auth_results><dkim><domain>shop.example</domain><selector>s1</selector><result>pass</result></dkim>"
        "<spf><domain>b.example</domain><result>fail</result></spf></auth_results></record>"
    )


def dmarc(records: str | None = None, *, root: str = "", begin: int | str = 1_700_000_000, domain: str = "Shop.example") -> bytes:
    """An aggregate report as XML (RFC 7489 appendix C); `root` may hold the namespace of RFC 9990."""
    return (
        f'<?xml version="1.0"?>\n<feedback{root}><report_metadata><org_name>Reporter &amp; Sons</org_name><email>d@reporter.example</email>'
        f"<report_id>r-1</report_id><date_range><begin>{begin}</begin><end>1700086399</end></date_range></report_metadata>"
        f"<policy_published><domain>{domain}</domain><p>reject</p></policy_published>{record() if records is None else records}</feedback>\n"
    ).encode()


def tls(**changes: object) -> bytes:
    """A TLS report (RFC 8460 4.4)."""
    policy = {
        "policy": {"policy-type": "sts", "policy-domain": "Shop.example"},
        "summary": {"total-successful-session-count": 9, "total-failure-session-count": 2},
        "failure-details": [{"result-type": "certificate-expired", "receiving-mx-hostname": "mx.shop.example", "failed-session-count": 2}],
    }
    report = {
        "organization-name": "Reporter",
        "date-range": {"start-datetime": "2026-01-01T00:00:00Z", "end-datetime": "2026-01-01T23:59:59Z"},
        "contact-info": "tls@reporter.example",
        "report-id": "t-1",
        "policies": [policy],
    }
    return json.dumps(report | changes).encode()


def zipped(*members: tuple[str, bytes]) -> bytes:
    """A zip file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def mail(
    data: bytes, content_type: str = "application/gzip", *, subject: str = "Report domain: shop.example Submitter: r.example"
) -> bytes:
    """A mail that brings a report as attachment."""
    return (
        (
            f"From: d@reporter.example\r\nTo: rua@mail.example\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n"
            'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nThis is a report.\r\n'
            f'--b\r\nContent-Type: {content_type}\r\nContent-Disposition: attachment; filename="r.example!shop.example!1!2.xml.gz"\r\n'
            "Content-Transfer-Encoding: base64\r\n\r\n"
        ).encode()
        + base64.encodebytes(data)
        + b"--b--\r\n"
    )


FORMS = {
    "plain": dmarc(),
    "gzip": gzip.compress(dmarc()),
    "zip": zipped(("r.xml", dmarc())),
    "twice": gzip.compress(gzip.compress(dmarc())),
}
