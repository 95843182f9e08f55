"""What a report says, summed up, and what to do about it: pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from posthouse.inbound.parsing.report_cards import DmarcReport, DmarcRow, TlsReport

SOURCE_LIMIT = 500  # of one report; the others are one line
OTHERS = "others"
PROVES_ONLY = "proves only "
SPAN_LIMIT = timedelta(days=40)  # a report covers a day; one that covers months, or none, is clipped to the day it came
CANDIDATES = 20
SAFE_SHARE = 0.98
SAFE_MESSAGES = 100

_TLS_ADVICE = {
    "starttls-not-supported": "The mail host does not offer encryption. Ask whoever runs it to switch STARTTLS on.",
    "certificate-host-mismatch": "The mail host's certificate names another host. Have it issued for the host in the MX record.",
    "certificate-expired": "The mail host's certificate has expired. Have it renewed.",
    "certificate-not-trusted": "The mail host's certificate is not signed by a known authority. Have one issued that is.",
    "validation-failure": "Senders could not validate the mail host's certificate. Look at its whole chain.",
    "tlsa-invalid": "The TLSA record does not match the certificate. Publish the new one before the certificate changes.",
    "dnssec-invalid": "The domain's DNSSEC signatures do not hold. Ask your DNS provider.",
    "dane-required": "A sender demands DANE, and no usable TLSA record was found.",
    "sts-policy-fetch-error": "The MTA-STS policy could not be fetched. Look whether its web address answers with a valid certificate.",
    "sts-policy-invalid": "The MTA-STS policy has an error. Compare its MX lines with your MX records.",
    "sts-webpki-invalid": "The web address of the MTA-STS policy has no valid certificate.",
}


@dataclass(frozen=True, slots=True)
class SourceLine:
    """What is said of one source. `detail` says how it proved itself, or which failure it was."""

    source: str
    detail: str
    passed: int
    failed: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A report ready to be kept."""

    kind: str
    org: str
    report_id: str
    policy: str
    begins_at: datetime
    ends_at: datetime
    sources: tuple[SourceLine, ...]
    passed: int
    failed: int
    trouble: str | None


def domains_of(report: DmarcReport | TlsReport) -> tuple[str, ...]:
    """The domains that a report may be about, the reported one first, then those that its mail was written from."""
    if isinstance(report, TlsReport):
        named = [policy.domain for policy in report.policies if policy.domain]
    else:
        named = [report.domain, *(row.header_from for row in report.rows)]
    return tuple(dict.fromkeys(name for name in named if 3 <= len(name) <= 255 and "." in name))[:CANDIDATES]


def summarise(report: DmarcReport | TlsReport, domain: str, received_at: datetime) -> Summary:
    """Sum a report up for one domain: of a parent domain's report only what was written from this one counts."""
    lines = _tls_lines(report, domain) if isinstance(report, TlsReport) else _dmarc_lines(report, domain)
    begins, ends = _span(report.begin, report.end, received_at)
    return Summary(
        kind="tlsrpt" if isinstance(report, TlsReport) else "dmarc",
        org=(report.org or "unknown")[:200],
        report_id=report.report_id[:300],
        policy="" if isinstance(report, TlsReport) else report.policy[:20],
        begins_at=begins,
        ends_at=ends,
        sources=_limited(lines),
        passed=sum(line.passed for line in lines),
        failed=sum(line.failed for line in lines),
        trouble=report.trouble,
    )


def _span(begin: int, end: int, received_at: datetime) -> tuple[datetime, datetime]:
    begins, ends = datetime.fromtimestamp(begin, UTC), datetime.fromtimestamp(end, UTC)
    if begins > ends or ends - begins > SPAN_LIMIT or abs(received_at - begins) > SPAN_LIMIT:
        return received_at, received_at
    return begins, ends


def _dmarc_lines(report: DmarcReport, domain: str) -> list[SourceLine]:
    found: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in report.rows:
        if domain in (report.domain, row.header_from) or row.header_from.endswith(f".{domain}"):
            found[row.source_ip, _proof(row)][not row.passes] += row.count
    return [SourceLine(source, detail, passed, failed) for (source, detail), (passed, failed) in found.items()]


def _proof(row: DmarcRow) -> str:
    if row.dkim == "pass":
        return f"signed by {row.dkim_domain or 'the domain'}"
    if row.spf == "pass":
        return f"sent by {row.spf_domain or 'the domain'}"
    other = " and ".join(name for name in dict.fromkeys((row.dkim_domain, row.spf_domain)) if name)
    return f"{PROVES_ONLY}{other}" if other else "proves nothing"


def _tls_lines(report: TlsReport, domain: str) -> list[SourceLine]:
    found: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for policy in report.policies:
        if policy.domain != domain:
            continue
        named = sum(failure.sessions for failure in policy.failures)
        found["encrypted", policy.kind][0] += policy.success
        for failure in policy.failures:
            found[failure.receiving_host or "mail host", failure.kind][1] += failure.sessions
        if policy.failure > named:
            found["mail host", "failed"][1] += policy.failure - named
    return [SourceLine(source, detail, passed, failed) for (source, detail), (passed, failed) in found.items()]


def _limited(lines: Sequence[SourceLine]) -> tuple[SourceLine, ...]:
    ordered = sorted(lines, key=lambda line: (-(line.passed + line.failed), line.source, line.detail))
    rest = ordered[SOURCE_LIMIT:]
    if not rest:
        return tuple(ordered)
    others = SourceLine(OTHERS, f"{len(rest)} more", sum(line.passed for line in rest), sum(line.failed for line in rest))
    return (*ordered[:SOURCE_LIMIT], others)


def advise_dmarc(passed: int, failed: int, policy: str) -> str:
    """What a domain's owner should do next, in a sentence. Policy steps follow RFC 7489 section 6.7: watch, then tighten."""
    total = passed + failed
    if not total:
        return "No report has come yet. Reporters send one a day once the DMARC record names the address below."
    share = passed / total
    if share < SAFE_SHARE:
        return (
            "Some mail in your name does not pass. Look at the sources below: let yours sign with your domain, and leave strangers failing."
        )
    if total < SAFE_MESSAGES:
        return "Everything passes so far. Wait for more reports before you tighten the policy."
    if policy in ("", "none"):
        return "Nearly everything passes. You can tighten the DMARC policy from p=none to p=quarantine."
    if policy == "quarantine":
        return "Nearly everything passes. After some quiet weeks you can tighten the policy from p=quarantine to p=reject."
    return "Nearly everything passes and strangers are rejected. Nothing to do."


def advise_source(detail: str, passed: int, failed: int) -> str:
    """What to do about one source of mail in a domain's name; empty where there is nothing to do."""
    if not failed:
        return ""
    if passed:
        return "Some of it passes: mostly mail that was forwarded or changed on its way. Nothing to do while it is little."
    if detail.startswith(PROVES_ONLY):
        return "If what it proves is a service of yours, let it sign with your domain. If you don't know it, leave it failing."
    return "If this server is yours, let it sign with your domain. If you don't know it, it is a forger: p=quarantine or p=reject stops it."


def advise_tls(kind: str) -> str:
    """What to do about a kind of failed session (RFC 8460 4.3)."""
    return _TLS_ADVICE.get(kind, "Senders could not build an encrypted connection. Ask whoever runs the mail host.")
