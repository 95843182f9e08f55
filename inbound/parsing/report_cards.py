"""What reports about a sending domain say: DMARC aggregate reports and TLS reports."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DmarcRow:
    """One source of mail in a report: who sent how many, what became of it, and what proved it.

    `dkim` and `spf` are the aligned results (`pass` or `fail`), `disposition` is none, quarantine, reject or pass.
    `dkim_domain` and `spf_domain` are the domains that proved themselves, empty when none is named.
    """

    source_ip: str
    count: int
    disposition: str
    dkim: str
    spf: str
    header_from: str
    envelope_from: str
    dkim_domain: str
    dkim_selector: str
    spf_domain: str
    override: str

    @property
    def passes(self) -> bool:
        """DMARC passes when one of the two aligned results does (RFC 7489 6.6.2)."""
        return self.dkim == "pass" or self.spf == "pass"


@dataclass(frozen=True, slots=True)
class DmarcReport:
    """An aggregate report. Times are seconds since 1970, 0 when missing. `trouble` says why it may be incomplete."""

    org: str
    email: str
    report_id: str
    domain: str
    policy: str
    begin: int
    end: int
    rows: tuple[DmarcRow, ...]
    trouble: str | None = None

    @property
    def messages(self) -> int:
        """How many messages the report counts."""
        return sum(row.count for row in self.rows)


@dataclass(frozen=True, slots=True)
class TlsFailure:
    """One kind of failure: the result type of RFC 8460 4.3, the hosts concerned, and how many sessions."""

    kind: str
    sending_ip: str
    receiving_host: str
    sessions: int


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """What became of the sessions under one policy of a domain. `domain` is None when the report names none."""

    domain: str | None
    kind: str
    success: int
    failure: int
    failures: tuple[TlsFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class TlsReport:
    """A TLS report (RFC 8460). Times are seconds since 1970, 0 when missing."""

    org: str
    contact: str
    report_id: str
    begin: int
    end: int
    policies: tuple[TlsPolicy, ...]
    trouble: str | None = None

    @property
    def domain(self) -> str | None:
        """The domain that the report is about: the first that a policy names."""
        return next((policy.domain for policy in self.policies if policy.domain), None)
